//! Beat splitter: from the beats of the plane fetcher to those of an array.

use super::plane_fetcher::Shape;
use super::{Direction, Field, Interface, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `beat_splitter`: a few beats of the fetcher in registers, given out in pieces that an array takes in a cycle.
pub struct BeatSplitter;

impl Module for BeatSplitter {
    fn name(&self) -> &'static str {
        "beat_splitter"
    }

    fn summary(&self) -> &'static str {
        "beats of the plane fetcher, in pieces that an array takes in a cycle"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["reg_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let depth = override_or(overrides, "DEPTH", 2);
        let fields = |wide: u32, count_w: u32| {
            vec![
                Field::lanes("data", wide * config.multipliers, config.width),
                Field::new("count", count_w),
                Field::new("last", 1),
                Field::new("through", 1),
            ]
        };
        let mut push = fields(shape.wide, shape.count_w());
        push.push(Field::new("dim", 2));
        Interface {
            parameters: vec![Parameter::new("DEPTH", depth, "beats that wait, at least 1")],
            streams: vec![
                Stream {
                    name: "push".into(),
                    direction: Direction::In,
                    fields: push,
                },
                Stream::output("pop", fields(1, count_bits(config.vector_lanes()))),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let shape = Shape::new(config);
        let mut context = tera::Context::new();
        for (name, value) in [
            ("wide", shape.wide),
            ("beat_count_w", shape.count_w()),
            ("beat_elements", shape.wide * config.multipliers),
            ("vector_lanes", config.vector_lanes()),
            ("vector_count_w", count_bits(config.vector_lanes())),
        ] {
            context.insert(name, &value);
        }
        Ok(context)
    }
}
