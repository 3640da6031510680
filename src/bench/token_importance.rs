//! Bench of token importance: rows of every length, folds, reads under every guard, state operations in between.

use super::measure::{Measurement, Selection};
use super::{Bench, Mutant, Point, Random, Rig, check, rows};
use crate::config::{PRESETS, Ram, Reset};
use crate::golden::cascade::Prune;
use crate::golden::token_importance::{Accumulator, effective_k, guarded};
use crate::rtl::Interface;
use crate::sim::{BeatMut, Builder, Case, Pacing};
use anyhow::anyhow;
use rand::{Rng, RngExt};

/// `token_importance` against [`Accumulator`]; a row is one or a few operations of a kind.
pub struct TokenImportance;

const ROW: i64 = 0;
const FOLD: i64 = 1;
pub(super) const READ: i64 = 2;
const WRITE: i64 = 3;
const CLEAR: i64 = 4;
const SCALE: i64 = 5;

/// The presets as points, with changes so that all reset styles and latencies occur.
pub(super) fn presets() -> anyhow::Result<Vec<Point>> {
    let preset = |index: usize, ram_latency: u32, reset: Reset| {
        Point::new(PRESETS[index].name).config(|c| {
            *c = PRESETS[index].params();
            (c.ram_latency, c.reset) = (ram_latency, reset);
        })
    };
    Ok(vec![
        preset(0, 1, Reset::SyncHigh)?,
        preset(1, 1, Reset::AsyncHigh)?,
        preset(2, 2, Reset::SyncLow)?,
        preset(3, 2, Reset::AsyncLow)?,
    ])
}

/// Cycles from one event to the next, on average.
pub(super) fn gap(cycles: &[u64]) -> f64 {
    (cycles[cycles.len() - 1] - cycles[0]) as f64 / (cycles.len() - 1) as f64
}

/// A number of up to 32 bits, as often small as large.
pub(super) fn spread(random: &mut Random) -> u32 {
    random.next_u32() >> random.random_range(0..32)
}

impl Bench for TokenImportance {
    fn block(&self) -> &'static str {
        "token_importance"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = presets()?;
        let shape = |lanes: u32, tokens: u32, prob_width: u32| {
            Point::new(format!("lanes{lanes}-tokens{tokens}-prob{prob_width}")).config(|c| {
                (c.softmax_lanes, c.max_tokens, c.prob_width, c.parallelism) = (lanes, tokens, prob_width, 1)
            })
        };
        points.extend([
            shape(1, 17, 8)?,
            shape(4, 50, 16)?.parameter("SUM_W", 18),
            shape(4, 64, 9)?.config(|c| (c.ram_latency, c.reset) = (2, Reset::AsyncHigh))?,
            // One word, and two.
            shape(16, 16, 10)?.parameter("SUM_W", 12),
            shape(16, 17, 12)?.config(|c| (c.ram_latency, c.reset) = (2, Reset::SyncHigh))?,
            shape(64, 130, 15)?.config(|c| c.ram = Ram::Macro)?,
        ]);
        Ok(points)
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let tokens = point.config.max_tokens;
        let mut stand = Stand::new(point, interface);
        // After reset all importance is 0.
        stand.read(&[tokens - 1], Prune::default(), 1);
        stand.case.end_row();
        for _ in 1..rows {
            stand.operations(tokens, random);
            stand.case.end_row();
        }
        Ok(stand.case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = |name, module, find, replace| Mutant {
            name,
            module,
            find,
            replace,
        };
        vec![
            mutant(
                "update lost on back-to-back equal words",
                "rmw_ram",
                "follows_q ? results_q[WIDTH-1:0] : fetched_q",
                "fetched_q",
            ),
            mutant(
                "update lost on a word being written",
                "rmw_ram",
                "({WIDTH{source[i+2]}} & results_q[i*WIDTH+:WIDTH])",
                "({WIDTH{source[i+2] && i != RAM_LATENCY}} & results_q[i*WIDTH+:WIDTH])",
            ),
            mutant(
                "saturation of importance missing",
                "importance_store",
                "sum[IMPORTANCE_W-1:0] | {IMPORTANCE_W{sum[IMPORTANCE_W]}}",
                "sum[IMPORTANCE_W-1:0]",
            ),
            mutant(
                "saturation of sums missing",
                "token_importance",
                "sum[SUM_W-1:0] | {SUM_W{sum[SUM_W]}}",
                "sum[SUM_W-1:0]",
            ),
            mutant(
                "shift rounds up",
                "importance_store",
                "? old >> shift",
                "? (old >> shift) + {31'd0, shift != 5'd0 && (old & ~(32'hffff_ffff << shift)) != 32'd0}",
            ),
            mutant(
                "other lanes of the word touched",
                "importance_store",
                "amount & {IMPORTANCE_W{lanes[lane]}}",
                "amount",
            ),
            mutant(
                "guard of the first ignored",
                "token_importance",
                "s1_in_first_q || s1_reach_q >= s1_length_q",
                "s1_reach_q >= s1_length_q",
            ),
            mutant(
                "guard of the last ignored",
                "token_importance",
                "s1_in_first_q || s1_reach_q >= s1_length_q",
                "s1_in_first_q",
            ),
            mutant(
                "guard of the last one position short",
                "token_importance",
                "s1_reach_q >= s1_length_q",
                "s1_reach_q > s1_length_q",
            ),
            mutant(
                "guard overlap counted twice",
                "token_importance",
                "(s1_guards_q < s1_length_q) ? s1_guards_q : s1_length_q",
                "s1_guards_q",
            ),
            mutant(
                "guards beyond k dropped",
                "token_importance",
                "(s2_guards_q > {1'b0, s2_k_q}) ? s2_guards_q[15:0] : s2_k_q",
                "s2_k_q",
            ),
            mutant(
                "guard and importance out of step",
                "token_importance",
                "rule_q[(RULE_STAGES-1)*17+:17], label_q",
                "rule_q[(RULE_STAGES-2)*17+:17], label_q",
            ),
            mutant(
                "position of a list not reset",
                "token_importance",
                "read_position_q <= push_last ? {ID_W{1'b0}} :",
                "read_position_q <= ",
            ),
            mutant(
                "clear misses the last id",
                "token_importance",
                "sweep_word_q != LAST_WORD",
                "sweep_word_q + 1'b1 < LAST_WORD",
            ),
            mutant(
                "clear leaves the sums",
                "token_importance",
                ".op_valid(clearing || ",
                ".op_valid(",
            ),
            mutant(
                "position off by one between beats",
                "token_importance",
                "push_last ? {ADDR_W{1'b0}} : row_word_q + 1'b1",
                "push_last ? {ADDR_W{1'b0}} : row_word_q + 2'd2",
            ),
            mutant(
                "rows run together",
                "token_importance",
                "push_last ? {ADDR_W{1'b0}} : row_word_q + 1'b1",
                "row_word_q + 1'b1",
            ),
            mutant(
                "ragged last beat counted whole",
                "token_importance",
                "~({LANES{1'b1}} << push_count) & {LANES{row}}",
                "{LANES{row}}",
            ),
            mutant(
                "sum not emptied by a fold",
                "token_importance",
                "| ({LANES{fold}} & fold_lane)}",
                "}",
            ),
            mutant(
                "fold takes the whole word",
                "token_importance",
                "({LANES{fold}} & fold_lane)",
                "{LANES{fold}}",
            ),
            mutant(
                "fold of the next position",
                "token_importance",
                "fold_position_q <= push_last ? {ID_W{1'b0}} :",
                "fold_position_q <= push_last ? {{(ID_W - 1){1'b0}}, 1'b1} :",
            ),
            mutant(
                "fold writes",
                "token_importance",
                "(op_write || op_clear)",
                "(op_write || op_clear || op_fold)",
            ),
            mutant(
                "more reads than there is room for",
                "token_importance",
                "(push_code != READ || room_q)",
                "1'b1",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        _selection: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        let points = self.points()?;
        let measured = points
            .iter()
            .filter(|point| ["spatten", "edge"].contains(&point.name.as_str()));
        measured
            .map(|point| {
                progress(&point.name);
                let rig = Rig::new(builder, &TokenImportance, point, None)?;
                measure(&rig, point)
            })
            .collect()
    }

    fn rows_per_run(&self) -> usize {
        80
    }
}

/// Rows of one beat, a fold and reads of all ids, a scale, a clear and a read.
fn measure(rig: &Rig, point: &Point) -> anyhow::Result<Measurement> {
    const ROWS: usize = 1000;
    let tokens = point.config.max_tokens;
    let lanes = point.config.softmax_lanes;
    let mut stand = Stand::new(point, rig.interface());
    for row in 0..ROWS {
        stand.row(&vec![row as u16; lanes as usize], false);
    }
    let ids: Vec<u32> = (0..tokens).collect();
    stand.fold(&ids);
    stand.read(&ids, Prune::default(), tokens as usize);
    stand.scale(3);
    stand.clear();
    stand.read(&[0], Prune::default(), 1);
    stand.case.end_row();

    let outcome = rig.run(&stand.case, &Pacing::full_speed())?;
    check(&stand.case, &outcome).map_err(|finding| anyhow!("{}", finding.details.join("; ")))?;
    let (taken, keys) = (outcome.accepted("push"), &outcome.output("key").cycles);
    let (folds, reads) = (ROWS + tokens as usize, ROWS + 2 * tokens as usize);
    let latency = taken[folds..reads]
        .iter()
        .zip(keys)
        .map(|(t, k)| k - t)
        .max()
        .unwrap_or(0);
    let sweep = (taken[reads + 2] - taken[reads]) / 2 - 1;
    Ok(Measurement {
        setting: vec![("point", point.name.clone())],
        figures: vec![
            ("cycles/beat", Some(gap(&taken[..ROWS]))),
            ("cycles/fold", Some(gap(&taken[ROWS..folds]))),
            ("cycles/read", Some(gap(&keys[..tokens as usize]))),
            ("latency", Some(latency as f64)),
            ("clear, scale", Some(sweep as f64)),
        ],
        bounds: vec![
            ("cycles/beat", 1.0),
            ("cycles/fold", 1.0),
            ("cycles/read", 1.0),
            ("latency", f64::from(3 * (point.config.ram_latency + 2))),
            ("clear, scale", f64::from(tokens.div_ceil(lanes))),
        ],
    })
}

/// A case with the importance as it is after the operations so far.
struct Stand {
    case: Case,
    model: Accumulator,
    lanes: usize,
    prob_width: u32,
}

impl Stand {
    fn new(point: &Point, interface: &Interface) -> Self {
        Stand {
            case: Case::new(interface),
            model: Accumulator::new(point.config.max_tokens, interface.parameter("SUM_W") as u32),
            lanes: point.config.softmax_lanes as usize,
            prob_width: point.config.prob_width,
        }
    }

    /// A beat of which only the code matters.
    fn beat(&mut self, code: i64) -> BeatMut<'_> {
        let beat = self.case.beat("push").set("code", code);
        [
            "probs",
            "count",
            "last",
            "id",
            "value",
            "shift",
            "k",
            "guard_first",
            "guard_last",
            "length",
        ]
        .iter()
        .fold(beat, |beat, field| beat.ignore(field))
    }

    /// A row, with an empty beat behind full ones if there is room for it.
    fn row(&mut self, probs: &[u16], empty_end: bool) {
        let beats = match probs.len().div_ceil(self.lanes) {
            full if empty_end && probs.len() % self.lanes == 0 => full + 1,
            beats => beats.max(1),
        };
        for beat in 0..beats {
            let end = ((beat + 1) * self.lanes).min(probs.len());
            let here = &probs[(beat * self.lanes).min(end)..end];
            let fields = self.case.beat("push").set("code", ROW);
            let fields = fields
                .lanes("probs", here.iter().map(|&prob| i64::from(prob)))
                .set("count", here.len() as i64)
                .set("last", i64::from(beat + 1 == beats));
            ["id", "value", "shift", "k", "guard_first", "guard_last", "length"]
                .iter()
                .fold(fields, |fields, field| fields.ignore(field));
        }
        self.model.row(probs);
    }

    fn fold(&mut self, list: &[u32]) {
        for (i, &id) in list.iter().enumerate() {
            let fields = self.case.beat("push").set("code", FOLD).set("id", id);
            let fields = fields.set("last", i64::from(i + 1 == list.len()));
            [
                "probs",
                "count",
                "value",
                "shift",
                "k",
                "guard_first",
                "guard_last",
                "length",
            ]
            .iter()
            .fold(fields, |fields, field| fields.ignore(field));
        }
        self.model.fold(list);
    }

    fn read(&mut self, list: &[u32], prune: Prune, length: usize) {
        for (i, &id) in list.iter().enumerate() {
            let last = i64::from(i + 1 == list.len());
            let fields = self
                .case
                .beat("push")
                .set("code", READ)
                .set("id", id)
                .set("last", last);
            fields
                .set("k", prune.k)
                .set("guard_first", prune.first)
                .set("guard_last", prune.last)
                .set("length", length as i64)
                .ignore("probs")
                .ignore("count")
                .ignore("value")
                .ignore("shift");
            self.case
                .beat("key")
                .set("guarded", i64::from(guarded(i, length, prune)))
                .set("importance", self.model.importance().get(id))
                .set("id", id)
                .set("last", last)
                .set("k", effective_k(length, prune) as i64);
        }
    }

    fn write(&mut self, id: u32, value: u32) {
        let fields = self
            .case
            .beat("push")
            .set("code", WRITE)
            .set("id", id)
            .set("value", value);
        [
            "probs",
            "count",
            "last",
            "shift",
            "k",
            "guard_first",
            "guard_last",
            "length",
        ]
        .iter()
        .fold(fields, |fields, field| fields.ignore(field));
        self.model.importance_mut().set(id, value);
    }

    fn clear(&mut self) {
        self.beat(CLEAR);
        self.model.clear();
    }

    fn scale(&mut self, shift: u32) {
        let fields = self.case.beat("push").set("code", SCALE).set("shift", shift);
        [
            "probs",
            "count",
            "last",
            "id",
            "value",
            "k",
            "guard_first",
            "guard_last",
            "length",
        ]
        .iter()
        .fold(fields, |fields, field| fields.ignore(field));
        self.model.importance_mut().scale_down(shift);
    }

    /// A length up to `most`, seldom a long one, so that much happens in a run.
    fn length(&self, most: usize, random: &mut Random) -> usize {
        let most = match random.random_range(0..8) {
            0 => most,
            _ => most.min(4 * self.lanes.max(12)),
        };
        rows::length(most, self.lanes, random)
    }

    fn operations(&mut self, tokens: u32, random: &mut Random) {
        let most = tokens as usize;
        match random.random_range(0..16) {
            // Rows, often of one beat each.
            0..5 => {
                let mut n = self.length(most, random);
                for _ in 0..random.random_range(1..=6) {
                    match random.random_range(0..5) {
                        0 => n = random.random_range(0..=self.lanes.min(most)),
                        1 => n = self.lanes.min(most),
                        2 => n = self.length(most, random),
                        _ => {}
                    }
                    let probs = rows::pick(&rows::KINDS, random).row(n.max(1), self.prob_width, random);
                    let probs: Vec<u16> = probs.into_iter().map(|prob| prob as u16).collect();
                    self.row(&probs[..n], random.random_range(0..2) == 0);
                }
            }
            5 | 6 => self.fold_all(tokens, random),
            7 if random.random_range(0..2) == 0 => self.clear(),
            7 => {
                self.beat(random.random_range(6..=7));
            }
            // The others are on importance that is all in its place.
            other => {
                if self.model.unfolded() > 0 {
                    self.fold_all(tokens, random);
                }
                match other {
                    8 => {
                        let shift = *rows::pick(&[0, 1, 2, 15, 16, 30, 31], random);
                        self.scale(shift);
                    }
                    9 | 10 => {
                        let first = random.random_range(0..tokens);
                        for _ in 0..random.random_range(1..=10) {
                            let value = match random.random_range(0..2) {
                                0 => u32::MAX - (random.next_u32() & 0xff),
                                _ => spread(random),
                            };
                            let id = match random.random_range(0..3) {
                                0 => random.random_range(0..tokens),
                                _ => (first + random.random_range(0..3)).min(tokens - 1),
                            };
                            self.write(id, value);
                            if random.random_range(0..3) == 0 {
                                self.read(&[id], Prune::default(), 1);
                            }
                        }
                    }
                    11 => {
                        // The last ids, or all: what went through the whole store.
                        let first = tokens - self.length(most, random) as u32;
                        self.read(&(first..tokens).collect::<Vec<u32>>(), Prune::default(), most);
                    }
                    _ => {
                        let list = list(self.length(most, random), tokens, random);
                        let n = list.len() as u32;
                        let mut guard = || -> u16 {
                            let value = match random.random_range(0..5) {
                                0 => 0,
                                1 => random.random_range(0..=n),
                                2 => n + random.random_range(0..3) - 1,
                                3 => random.random_range(0..=n.div_ceil(2)),
                                _ => random.next_u32() & 0xffff,
                            };
                            value.min(0xffff) as u16
                        };
                        let (first, last) = (guard(), guard());
                        let k = rows::kept(list.len(), random);
                        self.read(&list, Prune { k, first, last }, list.len());
                    }
                }
            }
        }
    }

    /// Folds all sums there are, and often more positions.
    fn fold_all(&mut self, tokens: u32, random: &mut Random) {
        let least = self.model.unfolded().max(1);
        let most = tokens as usize;
        let n = match random.random_range(0..3) {
            0 => least,
            1 => (least + random.random_range(0..=self.lanes)).min(most),
            _ => self.length(most, random).max(least),
        };
        let list = list(n, tokens, random);
        self.fold(&list);
    }
}

/// `n` of so many ids: mostly ascending as in a list of kept tokens, at times in any order and more than once.
fn list(n: usize, tokens: u32, random: &mut Random) -> Vec<u32> {
    let n = n as u32;
    match random.random_range(0..4) {
        0 => {
            let some: Vec<u32> = (0..3).map(|_| random.random_range(0..tokens)).collect();
            (0..n).map(|_| *rows::pick(&some, random)).collect()
        }
        1 => (tokens - n..tokens).collect(),
        _ => {
            // Each id that still has to be decided on is taken with the odds that leave n in all.
            let mut left = n;
            (0..tokens)
                .filter(|id| {
                    let take = random.random_range(0..tokens - id) < left;
                    left -= u32::from(take);
                    take
                })
                .collect()
        }
    }
}
