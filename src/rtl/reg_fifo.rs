//! FIFO of a handful of items, in registers.

use super::{Direction, Field, Interface, Latency, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `reg_fifo`: a ring of registers, read without a clock edge between; it can be emptied.
pub struct RegFifo;

impl Module for RegFifo {
    fn name(&self) -> &'static str {
        "reg_fifo"
    }

    fn summary(&self) -> &'static str {
        "FIFO of a handful of items, in registers"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let data = || vec![Field::new("data", width as u32)];
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "payload bits"),
                Parameter::new("DEPTH", override_or(overrides, "DEPTH", 4), "items"),
            ],
            streams: vec![Stream::input("push", data()), Stream::output("pop", data())],
            ports: vec![(Direction::In, Field::new("clear", 1))],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 1,
        }]
    }
}
