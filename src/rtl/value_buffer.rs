//! Value buffer: the values of one run of heads, picked from by all its query rows.

use super::key_buffer::{bank_words, load};
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Field, Interface, Module, Parameter, Stream, count_bits, lane_bits, override_or};
use crate::config::Config;
use serde::Serialize;

/// `value_buffer`: two RAMs a slot, a queue of picks for each, and lanes that take other slots' second picks.
pub struct ValueBuffer;

/// Beats of picks that are sorted into the queues at a time.
const PLACES: u32 = 4;

/// A head dimension of which a vector has more than one lane.
#[derive(Serialize)]
struct Dim {
    code: u32,
    /// Lanes of a vector.
    parts: u32,
}

/// From a row's only beat to its values: decoded, sorted, chosen, read.
pub fn latency(config: &Config) -> u32 {
    config.ram_latency + 4
}

/// Words of one of a slot's two RAMs that a bank takes.
fn half_words(config: &Config) -> u32 {
    bank_words(config).div_ceil(2)
}

/// Bits of a word's number in a bank, of which the lowest chooses one of two RAMs.
fn word_bits(config: &Config) -> u32 {
    lane_bits(bank_words(config)).max(2)
}

/// From a slot's first lane to the lanes that may take a second pick of it, in the order in which they are asked. Those
/// that are no multiple of a vector's lanes are of use at smaller head dimensions only. A single lane has but itself.
fn offsets(config: &Config) -> Vec<u32> {
    let lanes = config.vector_lanes();
    let parts = config.head_dim / Config::MIN_HEAD_DIM;
    let wanted = match parts {
        1 => vec![1, 3, 7, 12],
        2 => vec![2, 7, 6, 14],
        _ => vec![4, 7, 12, 6],
    };
    let mut offsets: Vec<u32> = Vec::new();
    for offset in wanted.into_iter().map(|offset| offset % lanes) {
        if offset != 0 && !offsets.contains(&offset) {
            offsets.push(offset);
        }
    }
    if offsets.is_empty() {
        offsets.push(0);
    }
    offsets
}

/// `multiplier` and `shift` such that `(number * multiplier) >> shift` is `number / divisor` for every number of `bits`
/// bits.
fn reciprocal(divisor: u32, bits: u32) -> (u64, u32) {
    let shift = bits + count_bits(divisor);
    ((1u64 << shift) / u64::from(divisor) + 1, shift)
}

impl Module for ValueBuffer {
    fn name(&self) -> &'static str {
        "value_buffer"
    }

    fn summary(&self) -> &'static str {
        "double-buffered values of a run of heads, picked by every query row"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["pick_queue", "ram_1r1w", "ram_reader", "reg_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.vector_lanes();
        let ctx_w = override_or(overrides, "CTX_W", 16);
        let probs = || Field::lanes("probs", lanes, config.prob_width);
        let count = || Field::new("count", count_bits(lanes));
        let ctx = || Field::new("ctx", ctx_w as u32);
        Interface {
            parameters: vec![Parameter::new("CTX_W", ctx_w, "bits that travel with a row")],
            streams: vec![
                load(config),
                Stream::input(
                    "pick",
                    vec![
                        Field::lanes("positions", lanes, config.token_width()),
                        probs(),
                        count(),
                        Field::new("last", 1),
                        Field::new("dim", 2),
                        Field::new("release", 1),
                        Field::new("through", 1),
                        ctx(),
                    ],
                ),
                Stream::output(
                    "prob",
                    vec![
                        probs(),
                        count(),
                        Field::new("last", 1),
                        Field::new("dim", 2),
                        ctx(),
                    ],
                ),
                Stream::output(
                    "value",
                    vec![Field::lanes("data", config.multipliers, config.width)],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let lanes = config.vector_lanes();
        let token_w = config.token_width();
        let twos = lanes.trailing_zeros();
        let odd = lanes >> twos;
        let (multiplier, fraction_w) = reciprocal(odd, token_w);
        let longest = (config.head_dim / Config::MIN_HEAD_DIM).ilog2();
        let dims: Vec<Dim> = (1..=longest)
            .map(|code| Dim {
                code,
                parts: 1 << code,
            })
            .collect();
        let mut context = tera::Context::new();
        context.insert("multipliers", &config.multipliers);
        context.insert("width", &config.width);
        context.insert("lanes", &lanes);
        context.insert("lane_w", &lane_bits(lanes));
        context.insert("count_w", &count_bits(lanes));
        context.insert("token_w", &token_w);
        context.insert("prob_w", &config.prob_width);
        context.insert("ctx_w", &16);
        let offsets = offsets(config);
        context.insert("rounds", &offsets.len());
        context.insert("reversed", &offsets.iter().rev().collect::<Vec<_>>());
        context.insert("offsets", &offsets);
        context.insert("dims", &dims);
        context.insert("places", &PLACES);
        context.insert("word_w", &word_bits(config));
        context.insert("half_words", &half_words(config));
        context.insert("twos", &twos);
        context.insert("shift_w", &count_bits(twos).max(2));
        context.insert("odd", &odd);
        context.insert("odd_w", &count_bits(odd));
        context.insert("turn_w", &lane_bits(odd));
        context.insert("fraction_w", &fraction_w);
        context.insert("reciprocal", &multiplier);
        context.insert("product_w", &(token_w + fraction_w + 1));
        context.insert("latency", &latency(config));
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let width = u64::from(Config::MIN_HEAD_DIM * config.width);
        let depth = 2 * u64::from(half_words(config));
        let rams = 2 * u64::from(config.vector_lanes());
        Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", depth)]) * rams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocals_divide_every_position() {
        for divisor in (3..=255).step_by(2) {
            for bits in [4, 7, 10, 15] {
                let (multiplier, shift) = reciprocal(divisor, bits);
                for number in 0..1u64 << bits {
                    assert_eq!((number * multiplier) >> shift, number / u64::from(divisor));
                }
            }
        }
    }
}
