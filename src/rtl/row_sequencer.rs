//! Row sequencer: the rows of a layer, head by head.

use super::core::{Core, task};
use super::multiplier::Multiplier;
use super::register_map::REGIONS;
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;

/// `row_sequencer`: heads, queries, lengths, addresses.
pub struct RowSequencer;

impl Module for RowSequencer {
    fn name(&self) -> &'static str {
        "row_sequencer"
    }

    fn summary(&self) -> &'static str {
        "turns a layer into the tasks of its rows"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["multiplier", "stream_reg"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let input = |name: String, width| (Direction::In, Field::new(name, width));
        let mut ports: Vec<_> = [
            ("generation", 1),
            ("causal", 1),
            ("query", 16),
            ("group", 16),
            ("ratio", 17),
            ("key_mode", 2),
            ("key_mask", config.max_heads),
            ("out_token_stride", config.addr_width),
        ]
        .into_iter()
        .map(|(name, width)| input(format!("command_{name}"), width))
        .collect();
        for region in REGIONS {
            ports.push(input(format!("command_{region}_base"), config.addr_width));
            ports.push(input(format!("command_{region}_head_stride"), config.addr_width));
        }
        ports.push(input("heads".into(), core.length_w));
        let list = |name: &str| Stream::output(name, vec![Field::new("n", core.length_w)]);
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input("layer", vec![Field::new("n", core.length_w)]),
                list("head_list"),
                core.word(config, "head_word", Direction::In, true),
                list("query_list"),
                core.word(config, "query_word", Direction::In, true),
                Stream::output("task", task(config, false)),
            ],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let core = Core::new(config);
        Multiplier.cost(config, &[("A_W", 18), ("B_W", core.length_w.into()), ("DROP", 1)])
    }
}
