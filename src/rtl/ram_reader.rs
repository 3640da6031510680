//! RAM reader: the reads of a RAM as a stream that may stall.

use super::{Direction, Field, Interface, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `ram_reader`: valid bits beside the RAM's own registers, and at a RAM latency of 2 a skid register.
pub struct RamReader;

impl Module for RamReader {
    fn name(&self) -> &'static str {
        "ram_reader"
    }

    fn summary(&self) -> &'static str {
        "the reads of a RAM as a valid/ready stream"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8) as u32;
        let tag_w = override_or(overrides, "TAG_W", 1) as u32;
        let port = |direction, name: &str, width| (direction, Field::new(name, width));
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width.into(), "bits of a word"),
                Parameter::new("TAG_W", tag_w.into(), "bits of a tag"),
            ],
            streams: vec![Stream::output(
                "out",
                vec![Field::new("data", width), Field::new("tag", tag_w)],
            )],
            ports: vec![
                port(Direction::Out, "read_free", 1),
                port(Direction::In, "read_go", 1),
                port(Direction::In, "read_tag", tag_w),
                port(Direction::In, "rd_data", width),
                port(Direction::Out, "rd_tag", tag_w),
                port(Direction::Out, "idle", 1),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }
}
