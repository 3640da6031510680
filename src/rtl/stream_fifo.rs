//! FIFO of a valid/ready stream, in a RAM.

use super::ram_1r1w::Ram1r1w;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `stream_fifo`: a RAM as a ring, and a short shift register that hides the latency of its reads.
pub struct StreamFifo;

impl Module for StreamFifo {
    fn name(&self) -> &'static str {
        "stream_fifo"
    }

    fn summary(&self) -> &'static str {
        "FIFO of a valid/ready stream, in a RAM"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["ram_1r1w"]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let data = || vec![Field::new("data", width as u32)];
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "payload bits"),
                Parameter::new(
                    "DEPTH",
                    override_or(overrides, "DEPTH", 16),
                    "items that the RAM holds",
                ),
            ],
            streams: vec![Stream::input("push", data()), Stream::output("pop", data())],
            ports: vec![],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: config.ram_latency + 2,
        }]
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        Ram1r1w.cost(config, overrides)
    }
}
