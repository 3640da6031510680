//! Key buffer: the keys of one run of heads, for all its query rows.

use super::ram_1r1w::Ram1r1w;
use super::{Cost, Field, Interface, Module, Stream, count_bits, lane_bits};
use crate::config::Config;

/// `key_buffer`: two banks in one RAM, a word a beat.
pub struct KeyBuffer;

/// Beats of the longest list at the largest head dimension: the words of a bank.
pub(super) fn bank_words(config: &Config) -> u32 {
    config.max_tokens.div_ceil(config.multipliers / config.head_dim)
}

/// The stream on which a buffer is given its lists.
pub(super) fn load(config: &Config) -> Stream {
    Stream::input(
        "load",
        vec![
            Field::lanes("data", config.multipliers, config.width),
            Field::new("count", count_bits(config.vector_lanes())),
            Field::new("last", 1),
            Field::new("through", 1),
        ],
    )
}

impl Module for KeyBuffer {
    fn name(&self) -> &'static str {
        "key_buffer"
    }

    fn summary(&self) -> &'static str {
        "double-buffered keys of a run of heads, streamed to every query row"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["ram_1r1w", "ram_reader"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        Interface {
            parameters: vec![],
            streams: vec![
                load(config),
                Stream::input(
                    "row",
                    vec![
                        Field::new("n", config.length_width()),
                        Field::new("dim", 2),
                        Field::new("release", 1),
                        Field::new("through", 1),
                    ],
                ),
                Stream::output(
                    "key",
                    vec![
                        Field::lanes("data", config.multipliers, config.width),
                        Field::new("count", count_bits(config.vector_lanes())),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let bank_words = bank_words(config);
        let mut context = tera::Context::new();
        context.insert("multipliers", &config.multipliers);
        context.insert("width", &config.width);
        context.insert("lanes", &config.vector_lanes());
        context.insert("count_w", &count_bits(config.vector_lanes()));
        context.insert("length_w", &config.length_width());
        context.insert("bank_words", &bank_words);
        context.insert("word_w", &lane_bits(bank_words));
        context.insert("latency", &config.ram_latency);
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let width = u64::from(config.multipliers * config.width);
        let depth = 2 * u64::from(bank_words(config));
        Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", depth)])
    }
}
