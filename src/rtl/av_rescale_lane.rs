//! One lane of the output scaling of the prob × V array.

use super::av_array::sum_bits;
use super::av_rescale::STAGES;
use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `av_rescale_lane`: `sat(rne(sum * mant / 2^shift))`, pipelined.
pub struct AvRescaleLane;

/// Chunks that a sum is cut into, each with a multiplier.
const CHUNKS: u64 = 4;

impl Module for AvRescaleLane {
    fn name(&self) -> &'static str {
        "av_rescale_lane"
    }

    fn summary(&self) -> &'static str {
        "scales a sum, rounds once and saturates once"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let sum_w = override_or(overrides, "SUM_W", sum_bits(config, config.max_tokens).into());
        let input = |name, width| (Direction::In, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("SUM_W", sum_w, "bits of a sum, signed")],
            streams: vec![],
            ports: vec![
                input("step", STAGES),
                input("sum", sum_w as u32),
                input("mant", 16),
                input("far_shift", 2),
                input("near_shift", 4),
                (Direction::Out, Field::new("out", config.out_width)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("sum_w", &sum_bits(config, config.max_tokens));
        context.insert("out_w", &config.out_width);
        context.insert("stages", &STAGES);
        Ok(context)
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: CHUNKS,
            ..Cost::default()
        }
    }
}
