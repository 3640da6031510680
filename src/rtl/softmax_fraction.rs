//! The reduced exponential `2^-f`, `0 <= f < 1`.

use super::multiplier::Multiplier;
use super::softmax::Sizes;
use super::{Cost, Direction, Field, Interface, Module};
use crate::config::{Config, ExpMethod, exponential};
use serde::Serialize;

/// `softmax_fraction`: a polynomial by Horner's rule, or a table with linear interpolation.
pub struct SoftmaxFraction;

/// A step of Horner's rule: `h = c - ((f >> dropped) * inner >> (F - dropped))`.
#[derive(Serialize)]
struct Step {
    /// Number of the coefficient.
    number: u32,
    /// Its value.
    coefficient: u32,
    /// Low bits of `f` that the step goes without.
    dropped: u32,
    /// Bits that the coefficient, and the result, have less than `G`.
    headroom: u32,
    /// The same of the inner factor.
    inner_headroom: u32,
    /// Cycles after the first step.
    delay: u32,
}

/// A word of the table: a sample, and what the next one is less.
#[derive(Serialize)]
struct Sample {
    index: usize,
    value: u32,
    fall: u32,
}

/// The steps from `c4` to `c1`; `c5` is the first inner factor.
fn steps(prob_width: u32) -> Vec<Step> {
    let coefficients = exponential::poly5(prob_width);
    [(4, 6, 6, 9), (3, 4, 4, 6), (2, 2, 2, 4), (1, 0, 0, 2)]
        .into_iter()
        .zip(0..)
        .map(|((number, dropped, headroom, inner_headroom), step)| Step {
            number,
            coefficient: coefficients[number as usize - 1],
            dropped,
            headroom,
            inner_headroom,
            delay: 2 * step,
        })
        .collect()
}

impl Module for SoftmaxFraction {
    fn name(&self) -> &'static str {
        "softmax_fraction"
    }

    fn summary(&self) -> &'static str {
        "the reduced exponential 2^-f, 0 <= f < 1"
    }

    fn instantiates(&self, config: &Config) -> &'static [&'static str] {
        match config.exp {
            ExpMethod::Poly5 => &["delay_line", "multiplier"],
            ExpMethod::Table => &["multiplier"],
        }
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        Interface {
            parameters: vec![],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("f", sizes.f)),
                (Direction::Out, Field::new("g", sizes.g + 1)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let mut context = tera::Context::new();
        context.insert("f_w", &sizes.f);
        context.insert("g_w", &sizes.g);
        context.insert("latency", &sizes.fraction_latency);
        match config.exp {
            ExpMethod::Poly5 => {
                context.insert("steps", &steps(sizes.p));
                context.insert("c5", &exponential::poly5(sizes.p)[4]);
            }
            ExpMethod::Table => {
                let samples = exponential::table(sizes.p);
                let words: Vec<Sample> = samples
                    .windows(2)
                    .enumerate()
                    .map(|(index, pair)| Sample {
                        index,
                        value: pair[0],
                        fall: pair[0] - pair[1],
                    })
                    .collect();
                context.insert("index_w", &exponential::table_bits(sizes.p));
                context.insert("samples", &words);
            }
        }
        Ok(context)
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let multipliers = match config.exp {
            ExpMethod::Poly5 => 5,
            ExpMethod::Table => 1,
        };
        Multiplier.cost(config, &[]) * multipliers
    }
}
