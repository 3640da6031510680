//! Register slice: cuts the timing path of a stream in both directions.

use super::{Field, Interface, Latency, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `stream_reg`: two registers, so that neither `valid`, `ready` nor the payload has a combinational path through.
pub struct StreamReg;

impl Module for StreamReg {
    fn name(&self) -> &'static str {
        "stream_reg"
    }

    fn summary(&self) -> &'static str {
        "register slice of a valid/ready stream"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let data = || vec![Field::new("data", width as u32)];
        Interface {
            parameters: vec![Parameter::new("WIDTH", width, "payload bits")],
            streams: vec![Stream::input("push", data()), Stream::output("pop", data())],
            ports: vec![],
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
