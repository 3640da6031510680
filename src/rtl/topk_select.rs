//! Selection unit of the top-k engine: quick-select of one row (paper, section IV-B).

use super::logic::{Block, Lanes, signal, sum_tree};
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Direction, Field, Interface, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;
use serde::Serialize;

/// `topk_select`: two comparator arrays, two packers, two list memories, and the picker of pivots.
pub struct TopkSelect;

/// Keys sampled of each side of a pass. Eight make the number of passes nearly that of sixteen at a quarter of the
/// comparators of the picker.
pub(crate) const SAMPLES: u32 = 8;

/// Pairs of samples that the picker compares.
const PAIRS: u32 = SAMPLES * (SAMPLES - 1) / 2;

/// Groups of lanes of which a beat offers at most one sample each.
fn groups(lanes: u32) -> u32 {
    lanes.min(4)
}

/// What the template needs of one level of an adder tree.
#[derive(Serialize)]
struct Level {
    bits: u32,
}

/// Words of a list memory.
fn list_words(lanes: u32, max_row: u64) -> u64 {
    max_row.div_ceil(u64::from(lanes))
}

impl Module for TopkSelect {
    fn name(&self) -> &'static str {
        "topk_select"
    }

    fn summary(&self) -> &'static str {
        "quick-select of the k-th largest key of a row"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["lane_packer", "ram_1r1w"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.parallelism;
        let key_w = override_or(overrides, "KEY_W", u64::from(config.prob_width));
        let max_row = override_or(overrides, "MAX_ROW", u64::from(config.max_tokens));
        Interface {
            parameters: vec![
                Parameter::new("KEY_W", key_w, "bits of a key"),
                Parameter::new("MAX_ROW", max_row, "longest row"),
            ],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::lanes("keys", lanes, key_w as u32),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                        Field::new("k", 16),
                    ],
                ),
                Stream::output(
                    "result",
                    vec![
                        Field::new("threshold", key_w as u32),
                        Field::new("ties", count_bits(max_row as u32)),
                    ],
                ),
            ],
            ports: vec![(Direction::Out, Field::new("pass_start", 1))],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let lanes = config.parallelism;
        let (count_logic, tree) = counts(lanes);
        let mut context = tera::Context::new();
        context.insert("lanes", &lanes);
        context.insert("count_w", &count_bits(lanes));
        context.insert("key_w", &config.prob_width);
        context.insert("max_row", &config.max_tokens);
        context.insert("samples", &SAMPLES);
        context.insert("groups", &groups(lanes));
        context.insert("banks", &(SAMPLES / groups(lanes)));
        context.insert("group", &(lanes / groups(lanes)));
        context.insert("pairs", &PAIRS);
        context.insert("compare_logic", &compare(lanes).always());
        context.insert("count_logic", &count_logic.always());
        for side in SIDES {
            let count = match tree.len() {
                0 => format!("s2_{side}_q"),
                levels => format!("{side}_{}", levels - 1),
            };
            context.insert(format!("{side}_count"), &count);
        }
        let levels: Vec<Level> = tree.iter().map(|level| Level { bits: level.bits() }).collect();
        context.insert("tree", &levels);
        context.insert("pair_logic", &pairs().always());
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let lanes = u64::from(config.parallelism);
        let key_w = override_or(overrides, "KEY_W", u64::from(config.prob_width));
        let max_row = override_or(overrides, "MAX_ROW", u64::from(config.max_tokens));
        let words = list_words(config.parallelism, max_row);
        let list = Ram1r1w.cost(config, &[("WIDTH", lanes * key_w), ("DEPTH", words)]);
        Cost {
            comparators: 2 * lanes + u64::from(PAIRS),
            ..list * 2
        }
    }
}

/// The two comparator arrays.
fn compare(lanes: u32) -> Block {
    let mut block = Block::new();
    for lane in 0..lanes {
        let used = || signal("s1_used_q").index(lane);
        let key = || signal("s1_keys").part(lane, "KEY_W");
        let pivot = || signal("pivot_q");
        block.assign(signal("s1_above").index(lane), used().and(key().greater(pivot())));
        block.assign(signal("s1_below").index(lane), used().and(key().less(pivot())));
    }
    block
}

/// What is counted of a word against the pivot: keys above it, below it, and not below it.
const SIDES: [&str; 3] = ["above", "below", "upper"];

/// Population counts of the sides, and the levels of each of their trees.
fn counts(lanes: u32) -> (Block, Vec<Lanes>) {
    let mut block = Block::new();
    let mut count = |side: &str| sum_tree(&mut block, &Lanes::new(format!("s2_{side}_q"), lanes, 1), side);
    let [_, _, tree] = SIDES.map(&mut count);
    (block, tree)
}

/// Number of the pair of samples `i < j`, counted row by row.
fn pair(i: u32, j: u32) -> u32 {
    i * (2 * SAMPLES - i - 1) / 2 + (j - i - 1)
}

/// Every pair of samples compared.
fn pairs() -> Block {
    let mut block = Block::new();
    let key = |sample| signal("pick_keys").part(sample, "KEY_W");
    for i in 0..SAMPLES {
        for j in i + 1..SAMPLES {
            block.assign(signal("not_below").index(pair(i, j)), key(i).at_least(key(j)));
            block.assign(signal("equal").index(pair(i, j)), key(i).equals(key(j)));
        }
    }
    block
}
