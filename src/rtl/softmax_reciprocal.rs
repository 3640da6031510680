//! Reciprocal of a row's sum.

use super::softmax::Sizes;
use super::{Direction, Field, Interface, Module, count_bits};
use crate::config::Config;

/// `softmax_reciprocal`: a restoring divider with one stage a quotient bit.
pub struct SoftmaxReciprocal;

impl Module for SoftmaxReciprocal {
    fn name(&self) -> &'static str {
        "softmax_reciprocal"
    }

    fn summary(&self) -> &'static str {
        "reciprocal of a row's sum"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["delay_line"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        Interface {
            parameters: vec![],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("push_valid", 1)),
                (
                    Direction::In,
                    Field::new("push_sum", config.sum_width() - (sizes.e - sizes.m)),
                ),
                (Direction::Out, Field::new("pop_valid", 1)),
                (Direction::Out, Field::new("pop_reciprocal", sizes.b + 1)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let octaves = config.sum_width() - sizes.e - 1;
        let mut context = tera::Context::new();
        context.insert("divisor_w", &(sizes.m + 1));
        context.insert("reciprocal_w", &(sizes.b + 1));
        context.insert("sum_w", &(config.sum_width() - (sizes.e - sizes.m)));
        context.insert("octaves", &octaves);
        context.insert("octave_w", &count_bits(octaves));
        context.insert("latency", &sizes.reciprocal_latency);
        Ok(context)
    }
}
