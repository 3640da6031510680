//! Lane packer: ragged beats of a row in, full ones out.

use super::{Field, Interface, Latency, Module, Parameter, Stream, count_bits, lane_bits, override_or};
use crate::config::Config;

/// `lane_packer`: a chained [`ZeroEliminator`](super::zero_eliminator::ZeroEliminator) and the word it fills.
pub struct LanePacker;

impl Module for LanePacker {
    fn name(&self) -> &'static str {
        "lane_packer"
    }

    fn summary(&self) -> &'static str {
        "lays the kept lanes of a row's beats end to end, in full words"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["zero_eliminator"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.parallelism;
        let data_w = override_or(overrides, "DATA_W", u64::from(config.prob_width));
        let data = || Field::lanes("data", lanes, data_w as u32);
        Interface {
            parameters: vec![Parameter::new("DATA_W", data_w, "bits of an element")],
            streams: vec![
                Stream::input(
                    "push",
                    vec![data(), Field::lanes("keep", lanes, 1), Field::new("last", 1)],
                ),
                Stream::output(
                    "pop",
                    vec![
                        data(),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let lanes = config.parallelism;
        let mut context = tera::Context::new();
        context.insert("lanes", &lanes);
        context.insert("lane_w", &lane_bits(lanes));
        context.insert("count_w", &count_bits(lanes));
        context.insert("data_w", &config.prob_width);
        Ok(context)
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 2,
        }]
    }
}
