//! Softmax: probabilities of rows of scores, bit for bit those of `docs/softmax.md`.

use super::ram_1r1w::Ram1r1w;
use super::softmax_exp::SoftmaxExp;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::{Config, ExpMethod};

/// `softmax`: the pipelines of the row, and between them FIFOs that hold elements of several rows.
pub struct Softmax;

/// Bits of the scale's mantissa.
pub(crate) const MANT_W: u32 = 16;
/// Bits of the scale's right shift.
pub(crate) const SHIFT_W: u32 = 6;

/// Cycles from the pop of a full `stream_fifo` until a place in its RAM is free.
const FIFO_REFILL: u32 = 1;

/// Widths under the names of `docs/softmax.md`, latencies of the pipelines, sizes of the FIFOs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Scores a cycle.
    pub lanes: u32,
    /// Levels of a tree over the lanes.
    pub levels: u32,
    /// Bits of a number of lanes.
    pub count_w: u32,
    /// `P`: bits of a probability.
    pub p: u32,
    /// `F`: fraction bits of the scaled difference.
    pub f: u32,
    /// `G`: fraction bits of the reduced exponential.
    pub g: u32,
    /// `B`: fraction bits of the factors of the last product.
    pub b: u32,
    /// `M`: fraction bits of the divisor.
    pub m: u32,
    /// `E`: fraction bits of an exponential.
    pub e: u32,
    /// Most beats of a row, an empty one behind full ones included.
    pub row_beats: u32,
    /// Cycles of `softmax_max`, from a row's last beat.
    pub max_latency: u32,
    /// Cycles of `softmax_fraction`.
    pub fraction_latency: u32,
    /// Cycles of `softmax_exp`.
    pub exp_latency: u32,
    /// Cycles of `softmax_sum`, from a row's last beat.
    pub sum_latency: u32,
    /// Cycles of `softmax_reciprocal`.
    pub reciprocal_latency: u32,
    /// Cycles of a `stream_fifo` that is empty.
    pub fifo_latency: u32,
    /// Items that a `stream_fifo` holds besides those in its RAM.
    pub fifo_heads: u32,
}

impl Sizes {
    /// The sizes of a configuration.
    pub fn new(config: &Config) -> Self {
        let (lanes, p) = (config.softmax_lanes, config.prob_width);
        let (levels, b) = (lanes.ilog2(), p + 3);
        let fraction_latency = match config.exp {
            ExpMethod::Poly5 => 10,
            ExpMethod::Table => 3,
        };
        Sizes {
            lanes,
            levels,
            count_w: count_bits(lanes),
            p,
            f: p + 2,
            g: p + 4,
            b,
            m: p + 5,
            e: p + 16,
            row_beats: config.max_tokens / lanes + 1,
            max_latency: levels + 2,
            fraction_latency,
            exp_latency: fraction_latency + 5,
            sum_latency: levels + 1,
            reciprocal_latency: b + 5,
            fifo_latency: config.ram_latency + 2,
            fifo_heads: config.ram_latency + 2,
        }
    }

    /// Cycles from a row's last score to its first exponential's start.
    pub fn issue_latency(&self) -> u32 {
        self.max_latency + self.fifo_latency
    }

    /// Cycles from the start of a row's last exponentials to the offer of its sum.
    pub fn offer_latency(&self) -> u32 {
        self.exp_latency + self.sum_latency + self.fifo_latency
    }

    /// Cycles from a row's first beat to its sum, for a row of one beat; two more for each further beat.
    pub fn first_to_sum(&self) -> u32 {
        self.issue_latency() + self.offer_latency()
    }

    /// Cycles from a row's first beat to its first probabilities, for a row of one beat; two more for each further beat.
    pub fn first_to_pop(&self) -> u32 {
        self.first_to_sum() + self.reciprocal_latency + 2
    }

    /// Cycles that a verdict may come after its sum at no cost: the reciprocal takes as long.
    pub fn verdict_slack(&self) -> u32 {
        self.reciprocal_latency - self.fifo_latency
    }

    /// Beats of scores in RAM: of a longest row, and what arrives until its maximum is known.
    pub fn score_depth(&self) -> u32 {
        self.row_beats + self.max_latency + FIFO_REFILL
    }

    /// Maxima in RAM: of as many rows as there can be beats of scores.
    pub fn max_depth(&self) -> u32 {
        self.score_depth() + self.fifo_heads
    }

    /// Beats between the start of their exponentials and the last product: those of a longest row, and what follows until its
    /// reciprocal is known.
    pub fn factor_depth(&self) -> u32 {
        self.row_beats + self.offer_latency() + self.reciprocal_latency
    }

    /// Rows between the start of their last exponentials and the taking of their sum.
    pub fn sum_depth(&self) -> u32 {
        self.offer_latency() + 1
    }
}

/// Verilog parameters, resolved.
fn ctx_w(overrides: &[(&str, u64)]) -> u64 {
    override_or(overrides, "CTX_W", 16)
}

impl Module for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn summary(&self) -> &'static str {
        "probabilities of rows of scores"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "stream_fifo",
            "stream_reg",
            "multiplier",
            "softmax_max",
            "softmax_exp",
            "softmax_sum",
            "softmax_reciprocal",
        ]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        let ctx_w = ctx_w(overrides);
        let ctx = || Field::new("ctx", ctx_w as u32);
        Interface {
            parameters: vec![Parameter::new("CTX_W", ctx_w, "bits that travel with a row")],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::lanes("scores", sizes.lanes, config.score_width()),
                        Field::new("count", sizes.count_w),
                        Field::new("last", 1),
                        Field::new("mant", MANT_W),
                        Field::new("shift", SHIFT_W),
                        ctx(),
                    ],
                ),
                Stream::output("sum", vec![Field::new("sum", config.sum_width()), ctx()]),
                Stream::input("verdict", vec![Field::new("drop", 1)]),
                Stream::output(
                    "pop",
                    vec![
                        Field::lanes("probs", sizes.lanes, sizes.p),
                        Field::new("count", sizes.count_w),
                        Field::new("last", 1),
                        ctx(),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &sizes.lanes);
        context.insert("count_w", &sizes.count_w);
        context.insert("score_w", &config.score_width());
        context.insert("sum_w", &config.sum_width());
        context.insert("issue_latency", &sizes.issue_latency());
        context.insert("offer_latency", &sizes.offer_latency());
        context.insert("first_to_sum", &sizes.first_to_sum());
        context.insert("first_to_pop", &sizes.first_to_pop());
        context.insert("verdict_slack", &sizes.verdict_slack());
        context.insert("row_beats", &sizes.row_beats);
        context.insert("max_latency", &sizes.max_latency);
        context.insert("exp_latency", &sizes.exp_latency);
        context.insert("sum_latency", &sizes.sum_latency);
        context.insert("reciprocal_latency", &sizes.reciprocal_latency);
        context.insert("fifo_latency", &sizes.fifo_latency);
        context.insert("fifo_refill", &FIFO_REFILL);
        context.insert("fifo_heads", &sizes.fifo_heads);
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        let sizes = Sizes::new(config);
        vec![
            Latency {
                from: "push",
                to: "sum",
                cycles: sizes.first_to_sum(),
            },
            Latency {
                from: "push",
                to: "pop",
                cycles: sizes.first_to_pop(),
            },
        ]
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let s = Sizes::new(config);
        let ctx_w = ctx_w(overrides);
        let ram =
            |width: u64, depth: u32| Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", u64::from(depth))]);
        let mark = u64::from(s.count_w) + 1;
        let lanes = u64::from(s.lanes);
        let score_w = u64::from(config.score_width());
        let last_products = Cost {
            multipliers: lanes,
            ..Cost::default()
        };
        SoftmaxExp.cost(config, &[])
            + last_products
            + ram(lanes * score_w + mark, s.score_depth())
            + ram(score_w + u64::from(MANT_W + SHIFT_W) + ctx_w, s.max_depth())
            + ram(lanes * u64::from(s.b + 1) + mark, s.factor_depth())
            + ram(ctx_w, s.factor_depth())
            + ram(u64::from(s.b + 1), s.factor_depth())
            + ram(1, s.factor_depth())
            + ram(u64::from(config.sum_width()), s.sum_depth())
            + ram(ctx_w, s.sum_depth())
    }
}
