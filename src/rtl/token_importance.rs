//! Importance of the tokens (paper, section III-A), accumulated by list position and folded into the store by id.

use super::head_importance::KEY_PLACES;
use super::importance_store::{IMPORTANCE_BITS, ImportanceStore};
use super::rmw_ram::RmwRam;
use super::stream_fifo::StreamFifo;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `token_importance`: sums of a row's positions in an [`RmwRam`], as wide as a beat of probabilities or a word of ids, then
/// an [`ImportanceStore`] of `parallelism` banks, behind one ordered stream of operations.
pub struct TokenImportance;

/// Sizes that follow from the configuration.
struct Sizes {
    /// Probabilities of a beat.
    lanes: u32,
    /// Ids of a word, and banks that they are spread over.
    banks: u32,
    /// Positions of a word of sums.
    sum_lanes: u32,
    /// Words of ids.
    words: u32,
    /// Words of sums.
    sum_words: u32,
}

impl Sizes {
    fn new(config: &Config) -> Self {
        let (lanes, banks) = (config.softmax_lanes, config.parallelism);
        let sum_lanes = lanes.max(banks);
        Sizes {
            lanes,
            banks,
            sum_lanes,
            words: config.max_tokens.div_ceil(banks),
            sum_words: config.max_tokens.div_ceil(sum_lanes),
        }
    }
}

/// Bits of the number of one of `count` words or beats.
fn number_bits(count: u32) -> u32 {
    count_bits(count - 1).max(1)
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
        let Sizes { lanes, banks, .. } = Sizes::new(config);
        let ids = || Field::lanes("ids", banks, config.token_width());
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
                        ids(),
                        Field::new("ids_count", count_bits(banks)),
                        Field::new("fold", 1),
                        Field::new("read", 1),
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
                        Field::lanes("guarded", banks, 1),
                        Field::lanes("importances", banks, IMPORTANCE_BITS),
                        ids(),
                        Field::new("count", count_bits(banks)),
                        Field::new("last", 1),
                        Field::new("k", 16),
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
        context.insert("banks", &sizes.banks);
        context.insert("bank_w", &sizes.banks.ilog2());
        context.insert("sum_lanes", &sizes.sum_lanes);
        context.insert("parts", &(sizes.sum_lanes / sizes.lanes.min(sizes.banks)));
        context.insert("part_w", &sizes.lanes.ilog2().abs_diff(sizes.banks.ilog2()));
        context.insert("prob_w", &config.prob_width);
        context.insert("count_w", &count_bits(sizes.lanes));
        context.insert("ids_count_w", &count_bits(sizes.banks));
        context.insert("id_w", &config.token_width());
        context.insert("length_w", &config.length_width());
        context.insert("words", &sizes.words);
        context.insert("addr_w", &number_bits(sizes.words));
        context.insert("sum_words", &sizes.sum_words);
        context.insert("sum_addr_w", &number_bits(sizes.sum_words));
        context.insert("beat_w", &number_bits(config.max_tokens.div_ceil(sizes.lanes)));
        context.insert("key_places", &KEY_PLACES);
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
        let sizes = Sizes::new(config);
        let (banks, sum_lanes) = (u64::from(sizes.banks), u64::from(sizes.sum_lanes));
        let (depth, sum_depth) = (u64::from(sizes.words.max(2)), u64::from(sizes.sum_words.max(2)));
        let label = u64::from(16 + 1 + count_bits(sizes.banks)) + banks * u64::from(1 + config.token_width());
        let importances = banks * u64::from(IMPORTANCE_BITS);
        RmwRam.cost(config, &[("WIDTH", sum_lanes * sum_w), ("DEPTH", sum_depth)])
            + ImportanceStore.cost(config, &[("BANKS", banks), ("DEPTH", depth)])
            + StreamFifo.cost(config, &[("WIDTH", label), ("DEPTH", KEY_PLACES)])
            + StreamFifo.cost(config, &[("WIDTH", importances), ("DEPTH", KEY_PLACES)])
    }
}

/// From a read to its key: acceptance, the sums, the store, the way back to the lanes, then the FIFO of keys.
fn latency(config: &Config) -> u32 {
    3 * (config.ram_latency + 2) + 2
}
