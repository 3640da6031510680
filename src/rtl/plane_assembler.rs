//! From bit planes to operands.

use super::plane_fetcher::{CTX_W, Shape, ctx_parameter, vectors};
use super::{Direction, Field, Interface, Latency, Module, Stream, count_bits, override_or};
use crate::config::Config;

/// `plane_assembler`: wires each plane to its bit of the operands; LSB planes join the MSB planes before them.
pub struct PlaneAssembler;

impl Module for PlaneAssembler {
    fn name(&self) -> &'static str {
        "plane_assembler"
    }

    fn summary(&self) -> &'static str {
        "makes operands of the bit planes of vectors"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let ctx_w = override_or(overrides, "CTX_W", CTX_W);
        let shape = Shape::new(config);
        let planes = count_bits(config.width);
        Interface {
            parameters: vec![ctx_parameter(ctx_w, "beat")],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::lanes("words", shape.lanes * shape.lane_words(), 32),
                        Field::new("dim", 2),
                        Field::new("planes", planes),
                        Field::new("shift", planes),
                        Field::new("merge", 1),
                        Field::new("close", 1),
                        Field::new("pass", shape.pass_w()),
                        Field::new("count", shape.count_w()),
                        Field::new("last", 1),
                        Field::new("ctx", ctx_w as u32),
                    ],
                ),
                vectors("pop", config, ctx_w),
            ],
            ports: vec![(Direction::In, Field::new("clear", 1))],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 1,
        }]
    }
}
