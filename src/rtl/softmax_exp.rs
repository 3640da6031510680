//! Exponentials of a beat of scores.

use super::multiplier::Multiplier;
use super::softmax::{MANT_W, SHIFT_W, Sizes};
use super::softmax_fraction::SoftmaxFraction;
use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `softmax_exp`: difference from the maximum, scaling and exponential, lane by lane.
pub struct SoftmaxExp;

impl Module for SoftmaxExp {
    fn name(&self) -> &'static str {
        "softmax_exp"
    }

    fn summary(&self) -> &'static str {
        "exponentials of a beat of scores"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["delay_line", "multiplier", "softmax_fraction"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        let tag_w = override_or(overrides, "TAG_W", 8);
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("TAG_W", tag_w, "bits that travel with a beat")],
            streams: vec![],
            ports: vec![
                input("push_valid", 1),
                (
                    Direction::In,
                    Field::lanes("push_scores", sizes.lanes, config.score_width()),
                ),
                input("push_maximum", config.score_width()),
                input("push_mant", MANT_W),
                input("push_shift", SHIFT_W),
                input("push_tag", tag_w as u32),
                output("pop_valid", 1),
                (Direction::Out, Field::lanes("pop_exps", sizes.lanes, sizes.e + 1)),
                output("pop_tag", tag_w as u32),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &sizes.lanes);
        context.insert("score_w", &config.score_width());
        context.insert("exp_w", &(sizes.e + 1));
        context.insert("fraction_latency", &sizes.fraction_latency);
        context.insert("latency", &sizes.exp_latency);
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let lane = Multiplier.cost(config, &[]) + SoftmaxFraction.cost(config, &[]);
        lane * u64::from(config.softmax_lanes)
    }
}
