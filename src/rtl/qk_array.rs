//! Q×K array: scores of `multipliers / D` keys a cycle (paper, section IV-C).

use super::dot_product::{self, DotProduct, LEAF};
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `qk_array`: a [`DotProduct`] for each 32 multipliers, a stage that makes scores of larger head dimensions of their
/// sums, and a FIFO behind them.
pub struct QkArray;

/// Beats that may be under way in the pipeline and in the FIFO.
const CREDITS: u32 = 16;

/// Registers from the key stream to the FIFO: the operands, the leaves, and the stage for larger head dimensions.
fn stages(config: &Config) -> u32 {
    1 + dot_product::STAGES + u32::from(config.head_dim > LEAF)
}

/// Cycles from a key beat to its scores: the FIFO adds a write, a read and a move to its head, the base scores one.
fn latency(config: &Config) -> u32 {
    stages(config) + config.ram_latency + 2 + 1
}

/// Bits of a row's context.
fn context_bits(overrides: &[(&str, u64)]) -> u64 {
    override_or(overrides, "CTX_W", 16)
}

impl Module for QkArray {
    fn name(&self) -> &'static str {
        "qk_array"
    }

    fn summary(&self) -> &'static str {
        "scores of keys, by a reconfigurable adder tree"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_reg", "stream_fifo", "dot_product"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let ctx_w = context_bits(overrides);
        let lanes = config.vector_lanes();
        let elements = |lanes| Field::lanes("data", lanes, config.width);
        let scores = || Field::lanes("scores", lanes, config.score_width());
        let count = || Field::new("count", count_bits(lanes));
        let ctx = || Field::new("ctx", ctx_w as u32);
        let bit = |name| Field::new(name, 1);
        Interface {
            parameters: vec![Parameter::new("CTX_W", ctx_w, "bits that travel with a row")],
            streams: vec![
                Stream::input(
                    "query",
                    vec![elements(config.head_dim), Field::new("dim", 2), bit("add"), ctx()],
                ),
                Stream::input("key", vec![elements(config.multipliers), count(), bit("last")]),
                Stream::input("base", vec![scores()]),
                Stream::output("pop", vec![scores(), count(), bit("last"), ctx()]),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let leaves = config.vector_lanes();
        let mut context = tera::Context::new();
        context.insert("leaf", &LEAF);
        context.insert("leaves", &leaves);
        context.insert("sum_w", &dot_product::sum_width(config));
        context.insert("score_w", &config.score_width());
        context.insert("count_w", &count_bits(leaves));
        context.insert("query_bits", &(config.head_dim * config.width));
        context.insert("key_bits", &(config.multipliers * config.width));
        context.insert("score_bits", &(leaves * config.score_width()));
        context.insert("stages", &stages(config));
        context.insert("credits", &CREDITS);
        context.insert("latency", &latency(config));
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "key",
            to: "pop",
            cycles: latency(config),
        }]
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let lanes = config.vector_lanes();
        let side = context_bits(overrides) + 2 + u64::from(count_bits(lanes));
        let beat = u64::from(lanes * config.score_width()) + side;
        DotProduct.cost(config, &[]) * u64::from(lanes)
            + Ram1r1w.cost(config, &[("WIDTH", beat), ("DEPTH", CREDITS.into())])
    }
}
