//! One column of the prob × V array: products, their sum over a beat, and over a row.

use super::av_array::{Shape, sum_bits};
use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `av_column`: the multipliers of one column, the tree that sums their products, and an accumulator.
pub struct AvColumn;

impl Module for AvColumn {
    fn name(&self) -> &'static str {
        "av_column"
    }

    fn summary(&self) -> &'static str {
        "sum of a column's products over a row, pipelined"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let sum_w = override_or(overrides, "SUM_W", sum_bits(config, config.max_tokens).into());
        let lanes = |name, width| (Direction::In, Field::lanes(name, shape.groups, width));
        Interface {
            parameters: vec![Parameter::new(
                "SUM_W",
                sum_w,
                "bits of the sum of a row, at least those of a beat's",
            )],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("step", shape.column_stages())),
                (Direction::In, Field::new("first", 1)),
                lanes("probs", config.prob_width),
                lanes("values", config.width),
                (Direction::Out, Field::new("row_sum", sum_w as u32)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let shape = Shape::new(config);
        let (beat_sum, beat_w) = shape.beat(config);
        let mut context = tera::Context::new();
        context.insert("prob_w", &config.prob_width);
        context.insert("value_w", &config.width);
        context.insert("groups", &shape.groups);
        context.insert("sum_w", &sum_bits(config, config.max_tokens));
        context.insert("beat_sum", &beat_sum);
        context.insert("beat_w", &beat_w);
        context.insert("steps", &shape.column_stages());
        context.insert("levels", &shape.levels);
        context.insert("levels_count", &shape.levels.len());
        context.insert("wide_levels", &shape.levels.iter().any(|level| level.lanes > 1));
        Ok(context)
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: Shape::new(config).groups.into(),
            ..Cost::default()
        }
    }
}
