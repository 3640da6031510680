//! Importance of the tokens (paper, section III-A), accumulated by list position and folded into the store by id.

use super::head_importance::KEY_PLACES;
use super::importance_store::{IMPORTANCE_BITS, ImportanceStore};
use super::rmw_ram::RmwRam;
use super::stream_fifo::StreamFifo;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `token_importance`: sums of a row's positions in an [`RmwRam`], then an [`ImportanceStore`], both with
/// `softmax-lanes` lanes, behind one ordered stream of operations.
pub struct TokenImportance;

/// Words of `softmax-lanes` ids or positions.
fn words(config: &Config) -> u32 {
    config.max_tokens.div_ceil(config.softmax_lanes)
}

impl Module for TokenImportance {
    fn name(&self) -> &'static str {
        "token_importance"
    }

    fn summary(&self) -> &'static str {
        "accumulates the importance of the tokens"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["rmw_ram", "importance_store", "stream_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let sum_w = override_or(overrides, "SUM_W", u64::from(IMPORTANCE_BITS));
        let lanes = config.softmax_lanes;
        let id = || Field::new("id", config.token_width());
        Interface {
            parameters: vec![Parameter::new("SUM_W", sum_w, "bits of a position's sum")],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::new("code", 3),
                        Field::lanes("probs", lanes, config.prob_width),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                        id(),
                        Field::new("value", IMPORTANCE_BITS),
                        Field::new("shift", 5),
                        Field::new("k", 16),
                        Field::new("guard_first", 16),
                        Field::new("guard_last", 16),
                        Field::new("length", config.length_width()),
                    ],
                ),
                Stream::output(
                    "key",
                    vec![
                        Field::new("guarded", 1),
                        Field::new("importance", IMPORTANCE_BITS),
                        id(),
                        Field::new("last", 1),
                        Field::new("k", 16),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let words = words(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &config.softmax_lanes);
        context.insert("lane_w", &config.softmax_lanes.ilog2());
        context.insert("prob_w", &config.prob_width);
        context.insert("count_w", &count_bits(config.softmax_lanes));
        context.insert("id_w", &config.token_width());
        context.insert("length_w", &config.length_width());
        context.insert("words", &words);
        context.insert("addr_w", &count_bits(words - 1).max(1));
        context.insert("latency", &latency(config));
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "key",
            cycles: latency(config),
        }]
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let sum_w = override_or(overrides, "SUM_W", u64::from(IMPORTANCE_BITS));
        let lanes = u64::from(config.softmax_lanes);
        let depth = u64::from(words(config).max(2));
        let key = u64::from(1 + IMPORTANCE_BITS + config.token_width() + 1 + 16);
        RmwRam.cost(config, &[("WIDTH", lanes * sum_w), ("DEPTH", depth)])
            + ImportanceStore.cost(config, &[("LANES", lanes), ("DEPTH", depth)])
            + StreamFifo.cost(config, &[("WIDTH", key), ("DEPTH", KEY_PLACES)])
    }
}

/// From a read to its key: the sums, the store, then the FIFO of keys.
fn latency(config: &Config) -> u32 {
    3 * (config.ram_latency + 2)
}
