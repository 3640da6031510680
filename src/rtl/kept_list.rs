//! Kept list: a list of ids in a RAM.

use super::core::Core;
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Direction, Field, Interface, Module, Parameter, Stream, lane_bits, override_or};
use crate::config::Config;

/// `kept_list`: written by words, streamed by words.
pub struct KeptList;

impl Module for KeptList {
    fn name(&self) -> &'static str {
        "kept_list"
    }

    fn summary(&self) -> &'static str {
        "a list of ids, streamed by words"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["ram_1r1w", "ram_reader"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let value = |name, default: u32| override_or(overrides, name, default.into());
        let entry_w = value("ENTRY_W", core.id_w + 1);
        let words = value("WORDS", core.list_words);
        let n_w = value("N_W", core.length_w);
        let word_w = lane_bits(words as u32);
        let entries = || Field::lanes("entries", config.parallelism, entry_w as u32);
        Interface {
            parameters: vec![
                Parameter::new("ENTRY_W", entry_w, "bits of an entry"),
                Parameter::new("WORDS", words, "words, at least 2"),
                Parameter::new("N_W", n_w, "bits of a number of entries"),
            ],
            streams: vec![
                Stream::input(
                    "list",
                    vec![Field::new("skip", word_w), Field::new("n", n_w as u32)],
                ),
                Stream::output(
                    "word",
                    vec![
                        entries(),
                        Field::new("count", core.count_w),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports: vec![
                (Direction::In, Field::new("wr_en", 1)),
                (Direction::In, Field::new("wr_word", word_w)),
                (
                    Direction::In,
                    Field::lanes("wr_entries", config.parallelism, entry_w as u32),
                ),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let core = Core::new(config);
        let entry_w = override_or(overrides, "ENTRY_W", (core.id_w + 1).into());
        let words = override_or(overrides, "WORDS", core.list_words.into());
        let width = entry_w * u64::from(config.parallelism);
        Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", words)])
    }
}
