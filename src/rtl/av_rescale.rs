//! Output scaling of the prob × V array: exact product, one rounding, one saturation.

use super::av_array::sum_bits;
use super::av_rescale_lane::AvRescaleLane;
use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `av_rescale`: `sat(rne(sum * mant / 2^shift))` in each lane, a pipeline that never stalls.
pub struct AvRescale;

/// Cycles from a beat in to the beat out.
pub(crate) const STAGES: u32 = 6;

/// Verilog parameters, resolved: lanes, bits of a sum, bits of a tag.
fn shape(config: &Config, overrides: &[(&str, u64)]) -> (u64, u64, u64) {
    let default = u64::from(sum_bits(config, config.max_tokens));
    (
        override_or(overrides, "LANES", config.output_lanes().into()),
        override_or(overrides, "SUM_W", default),
        override_or(overrides, "TAG_W", 1),
    )
}

impl Module for AvRescale {
    fn name(&self) -> &'static str {
        "av_rescale"
    }

    fn summary(&self) -> &'static str {
        "scales sums, rounds once and saturates once"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["av_rescale_lane"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let (lanes, sum_w, tag_w) = shape(config, overrides);
        let out = Field::lanes("out_data", lanes as u32, config.out_width);
        Interface {
            parameters: vec![
                Parameter::new("LANES", lanes, "elements of a beat"),
                Parameter::new("SUM_W", sum_w, "bits of a sum"),
                Parameter::new("TAG_W", tag_w, "bits that travel with a beat"),
            ],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("in_valid", 1)),
                (Direction::In, Field::lanes("in_sums", lanes as u32, sum_w as u32)),
                (Direction::In, Field::new("in_mant", 16)),
                (Direction::In, Field::new("in_shift", 6)),
                (Direction::In, Field::new("in_tag", tag_w as u32)),
                (Direction::Out, Field::new("out_valid", 1)),
                (Direction::Out, out),
                (Direction::Out, Field::new("out_tag", tag_w as u32)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("output_lanes", &config.output_lanes());
        context.insert("sum_w", &sum_bits(config, config.max_tokens));
        context.insert("out_w", &config.out_width);
        context.insert("stages", &STAGES);
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let (lanes, ..) = shape(config, overrides);
        Cost {
            multipliers: lanes * AvRescaleLane.cost(config, &[]).multipliers,
            ..Cost::default()
        }
    }
}
