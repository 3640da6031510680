//! Delay line: a word, some cycles later.

use super::{Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `delay_line`: registers in a row.
pub struct DelayLine;

impl Module for DelayLine {
    fn name(&self) -> &'static str {
        "delay_line"
    }

    fn summary(&self) -> &'static str {
        "hands a word on some cycles later"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let depth = override_or(overrides, "DEPTH", 1);
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "bits of a word"),
                Parameter::new("DEPTH", depth, "cycles, at least 1"),
            ],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("data_in", width as u32)),
                (Direction::Out, Field::new("data_out", width as u32)),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn has_reset(&self) -> bool {
        false
    }
}
