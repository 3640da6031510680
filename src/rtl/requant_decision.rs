//! The decision whether a row is redone with its LSB planes (paper, section III-D).

use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `requant_decision`: compares a row's largest probability with a threshold by one product, without a division.
pub struct RequantDecision;

/// Fraction bits of the sum: `E` of `docs/softmax.md`.
fn sum_fraction(config: &Config) -> u32 {
    config.prob_width + 16
}

/// Bits of a row's sum of exponentials: at most `2^E` for each of `max-tokens` scores.
pub(crate) fn sum_bits(config: &Config) -> u32 {
    sum_fraction(config) + 1 + config.token_width()
}

impl Module for RequantDecision {
    fn name(&self) -> &'static str {
        "requant_decision"
    }

    fn summary(&self) -> &'static str {
        "decides whether a row is redone with its LSB planes"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_reg"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let ctx_w = override_or(overrides, "CTX_W", 16);
        let ctx = || Field::new("ctx", ctx_w as u32);
        Interface {
            parameters: vec![Parameter::new("CTX_W", ctx_w, "bits that travel with a row")],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::new("sum", sum_bits(config)),
                        Field::new("threshold", config.prob_width),
                        Field::new("auto", 1),
                        Field::new("force", 1),
                        ctx(),
                    ],
                ),
                Stream::output("pop", vec![Field::new("redo", 1), ctx()]),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let divisor_w = config.prob_width + 6;
        let mut context = tera::Context::new();
        context.insert("sum_w", &sum_bits(config));
        context.insert("sum_f", &sum_fraction(config));
        context.insert("octaves", &(config.token_width() + 1));
        context.insert("divisor_w", &divisor_w);
        context.insert("factor_w", &(config.prob_width + 4));
        context.insert("half_w", &divisor_w.div_ceil(2));
        Ok(context)
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 6,
        }]
    }

    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: 1,
            ..Cost::default()
        }
    }
}
