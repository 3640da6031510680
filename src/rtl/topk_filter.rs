//! Order-preserving filter of the top-k engine (paper, section IV-B).

use super::logic::{Block, Lanes, prefix_sum, signal};
use super::{Cost, Direction, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `topk_filter`: keeps what lies above a row's threshold and its first ties, and packs it.
pub struct TopkFilter;

/// Bits of the index that travels with a key by default.
pub(crate) fn payload_bits(config: &Config) -> u32 {
    config.token_width()
}

/// The stream of a row's elements, on either side of the filter or the engine.
pub(crate) fn elements(name: &str, direction: Direction, lanes: u32, key_w: u64, payload_w: u64) -> Stream {
    Stream {
        name: name.into(),
        direction,
        fields: vec![
            Field::lanes("keys", lanes, key_w as u32),
            Field::lanes("payloads", lanes, payload_w as u32),
            Field::new("count", count_bits(lanes)),
            Field::new("last", 1),
        ],
    }
}

impl Module for TopkFilter {
    fn name(&self) -> &'static str {
        "topk_filter"
    }

    fn summary(&self) -> &'static str {
        "keeps what lies above a row's threshold, order preserved, ties counted"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["lane_packer", "stream_reg"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.parallelism;
        let key_w = override_or(overrides, "KEY_W", u64::from(config.prob_width));
        let payload_w = override_or(overrides, "PAYLOAD_W", u64::from(payload_bits(config)));
        let max_row = override_or(overrides, "MAX_ROW", u64::from(config.max_tokens));
        Interface {
            parameters: vec![
                Parameter::new("KEY_W", key_w, "bits of a key"),
                Parameter::new("PAYLOAD_W", payload_w, "bits that travel with a key"),
                Parameter::new("MAX_ROW", max_row, "longest row"),
            ],
            streams: vec![
                Stream::input(
                    "rule",
                    vec![
                        Field::new("threshold", key_w as u32),
                        Field::new("ties", count_bits(max_row as u32)),
                    ],
                ),
                elements("push", Direction::In, lanes, key_w, payload_w),
                elements("pop", Direction::Out, lanes, key_w, payload_w),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let lanes = config.parallelism;
        let mut counts_logic = Block::new();
        let counts = prefix_sum(
            &mut counts_logic,
            &Lanes::new("s1_equal_q", lanes, 1),
            "tie_counts",
        );
        let mut context = tera::Context::new();
        context.insert("lanes", &lanes);
        context.insert("count_w", &count_bits(lanes));
        context.insert("key_w", &config.prob_width);
        context.insert("payload_w", &payload_bits(config));
        context.insert("max_row", &config.max_tokens);
        context.insert("compare_logic", &compare(lanes).always());
        context.insert("counts_bits", &counts.bits());
        context.insert("counts_logic", &counts_logic.always());
        Ok(context)
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 6,
        }]
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            comparators: u64::from(config.parallelism),
            ..Cost::default()
        }
    }
}

/// The comparator array.
fn compare(lanes: u32) -> Block {
    let mut block = Block::new();
    for lane in 0..lanes {
        let key = || signal("push_keys").part(lane, "KEY_W");
        block.assign(signal("above").index(lane), key().greater(signal("threshold_q")));
        block.assign(signal("equal").index(lane), key().equals(signal("threshold_q")));
    }
    block
}
