//! Bench of token importance: rows of every length, sweeps that fold and read under every guard, state operations in
//! between.

use super::measure::{Measurement, Selection, at, gap};
use super::rows::{self, Kind};
use super::{Bench, Mutant, Point, Random, Rig, check};
use crate::config::{PRESETS, Ram, Reset};
use crate::golden::cascade::Prune;
use crate::golden::token_importance::{Accumulator, effective_k, guarded};
use crate::rtl::Interface;
use crate::sim::{BeatMut, Builder, Case, Pacing};
use anyhow::anyhow;
use rand::{Rng, RngExt, SeedableRng};
use std::ops::Range;

/// `token_importance` against [`Accumulator`]; a row is one or a few operations of a kind.
pub struct TokenImportance;

const ROW: i64 = 0;
const SWEEP: i64 = 1;
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
        let shape = |banks: u32, lanes: u32, tokens: u32, prob_width: u32| {
            Point::new(format!("banks{banks}-lanes{lanes}-tokens{tokens}")).config(|c| {
                (c.parallelism, c.softmax_lanes) = (banks, lanes);
                (c.max_tokens, c.prob_width) = (tokens, prob_width);
                // As many as the tokens allow.
                c.multipliers = c.multipliers.min(32 * tokens);
            })
        };
        // With words of sums, of ids, or of both, of which there is only one; and with two.
        points.extend([
            shape(2, 4, 64, 9)?.config(|c| (c.ram_latency, c.reset) = (2, Reset::AsyncHigh))?,
            shape(1, 1, 17, 8)?,
            shape(1, 4, 50, 16)?.parameter("SUM_W", 18),
            shape(2, 2, 33, 12)?.config(|c| c.reset = Reset::SyncLow)?,
            shape(1, 16, 16, 10)?.parameter("SUM_W", 12),
            shape(16, 1, 16, 11)?.config(|c| c.ram_latency = 2)?,
            shape(64, 8, 300, 12)?.config(|c| (c.ram_latency, c.reset) = (2, Reset::AsyncHigh))?,
            shape(64, 64, 130, 15)?.config(|c| c.ram = Ram::Macro)?,
            shape(16, 16, 16, 10)?.parameter("SUM_W", 12),
            shape(16, 64, 200, 13)?.config(|c| c.reset = Reset::AsyncLow)?,
            shape(16, 16, 17, 12)?.config(|c| (c.ram_latency, c.reset) = (2, Reset::SyncHigh))?,
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
        stand.read(&[tokens - 1]);
        stand.case.end_row();
        for row in 1..rows {
            if row <= DIRECTED {
                stand.directed(row, tokens, random);
            } else {
                stand.operations(tokens, random);
            }
            stand.case.end_row();
        }
        Ok(stand.case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
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
                "scaled = (old >> shift)",
                "scaled = ((old >> shift) + {31'd0, shift != 5'd0 && (old & ~(32'hffff_ffff << shift)) != 32'd0})",
            ),
            mutant(
                "older importance read",
                "importance_store",
                "values_q[bank*IMPORTANCE_W+:IMPORTANCE_W] <= edited",
                "values_q[bank*IMPORTANCE_W+:IMPORTANCE_W] <= old",
            ),
            mutant(
                "other banks touched",
                "token_importance",
                "op_valid_q[STAGES-1] && hit;",
                "op_valid_q[STAGES-1];",
            ),
            mutant(
                "ids that meet in a bank go together",
                "token_importance",
                "push_blocked[lane] = same != {lane{1'b0}}",
                "push_blocked[lane] = 1'b0",
            ),
            mutant(
                "ids of later cycles meet in a bank",
                "token_importance",
                "(same_q & left_q[lane-1:0]) != {lane{1'b0}}",
                "1'b0",
            ),
            mutant(
                "ids that wait for a bank lost",
                "token_importance",
                "push_late = {BANKS{is_sweep}} & word_lanes & push_blocked",
                "push_late = {BANKS{1'b0}}",
            ),
            mutant(
                "word taken before the one ahead is over",
                "token_importance",
                "assign push_ready = !more_q && ",
                "assign push_ready = ",
            ),
            mutant(
                "importance read of a lane overwritten",
                "token_importance",
                "if (back_lanes[lane]) begin",
                "if (1'b1) begin",
            ),
            mutant(
                "importance offered before the word is whole",
                "token_importance",
                "sweep && read_q && !more_q,",
                "sweep && read_q,",
            ),
            mutant(
                "label for each cycle of a word",
                "token_importance",
                "sweep && read_q && !more_q;",
                "sweep && read_q;",
            ),
            mutant(
                "ids and importance out of step",
                "token_importance",
                "op_q[8+:BANKS*ID_W]",
                "op_q[OP_W+8+:BANKS*ID_W]",
            ),
            mutant(
                "position moves on with each cycle of a word",
                "token_importance",
                "if (sweep && !more_q) sweep_word_q",
                "if (sweep) sweep_word_q",
            ),
            mutant(
                "guard of the first ignored",
                "token_importance",
                "s1_first_q  <= push_guard_first;",
                "s1_first_q  <= 16'd0;",
            ),
            mutant(
                "guard of the first ignored within a word",
                "token_importance",
                "({BANKS{position_word == first_word}} & before_first)",
                "{BANKS{1'b0}}",
            ),
            mutant(
                "guard of the last ignored",
                "token_importance",
                "others[15:0] & ~{16{others[GUARD_W-1]}}",
                "length[15:0]",
            ),
            mutant(
                "guard of the last one position short",
                "token_importance",
                "length - {1'b0, push_guard_last};",
                "length - {1'b0, push_guard_last} + 17'd1;",
            ),
            mutant(
                "guard of the last beyond the list wraps",
                "token_importance",
                "others[15:0] & ~{16{others[GUARD_W-1]}}",
                "others[15:0]",
            ),
            mutant(
                "guard of the last takes whole words",
                "token_importance",
                "({BANKS{position_word == begin_word}} & ~before_begin)",
                "{BANKS{position_word == begin_word}}",
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
                "{{(CUT_W - ADDR_W){1'b0}}, sweep_word_q}",
                "{{(CUT_W - ADDR_W){1'b0}}, sweep_word_q} - {{(CUT_W - 1){1'b0}}, 1'b1}",
            ),
            mutant(
                "position of a list not reset",
                "token_importance",
                "sweep_word_q <= last_q ? {ADDR_W{1'b0}} :",
                "sweep_word_q <=",
            ),
            mutant(
                "clear misses the last id",
                "token_importance",
                "walk_word_q != BEFORE_LAST_WORD",
                "walk_word_q + 1'b1 < BEFORE_LAST_WORD",
            ),
            mutant(
                "clear leaves the sums",
                "token_importance",
                "takes = fold || clear",
                "takes = fold",
            ),
            mutant(
                "position off by one between beats",
                "token_importance",
                "last_q ? {BEAT_W{1'b0}} : row_beat_q + 1'b1",
                "last_q ? {BEAT_W{1'b0}} : row_beat_q + 2'd2",
            ),
            mutant(
                "rows run together",
                "token_importance",
                "last_q ? {BEAT_W{1'b0}} : row_beat_q + 1'b1",
                "row_beat_q + 1'b1",
            ),
            mutant(
                "ragged last beat counted whole",
                "token_importance",
                "~({LANES{1'b1}} << count_q)",
                "{LANES{1'b1}}",
            ),
            mutant(
                "sum not emptied by a fold",
                "token_importance",
                "old_sums[lane*SUM_W+:SUM_W] & ~{SUM_W{edit_taking[lane]}}",
                "old_sums[lane*SUM_W+:SUM_W]",
            ),
            mutant(
                "fold takes the whole word",
                "token_importance",
                "~{SUM_W{edit_taking[lane]}}",
                "~{SUM_W{edit_taking != {SUM_LANES{1'b0}}}}",
            ),
            mutant(
                "fold of the next position",
                "token_importance",
                "swept_sums[lane*SUM_W+:SUM_W]",
                "swept_sums[((lane+1)%BANKS)*SUM_W+:SUM_W]",
            ),
            mutant(
                "fold without being asked",
                "token_importance",
                "fold = sweep && fold_q",
                "fold = sweep",
            ),
            mutant(
                "fold writes",
                "token_importance",
                "write || clear,",
                "write || clear || fold,",
            ),
            mutant(
                "write without forgetting",
                "token_importance",
                "write || clear,",
                "clear,",
            ),
            mutant(
                "more reads than there is room for",
                "token_importance",
                "(!is_read || room_q)",
                "1'b1",
            ),
            mutant(
                "places not given back",
                "token_importance",
                "if (given && !read) begin",
                "if (1'b0) begin",
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
        let points = self.points()?.into_iter();
        let points = points.filter(|point| ["spatten", "edge"].contains(&point.name.as_str()));
        at(points, &TokenImportance, builder, progress, measure)
    }

    fn rows_per_run(&self) -> usize {
        80
    }
}

/// Rows of one beat, sweeps over all ids, four of five and one of five, a scale, a clear and a read.
fn measure(rig: &Rig, point: &Point) -> anyhow::Result<Measurement> {
    const ROWS: usize = 1000;
    let (tokens, banks) = (point.config.max_tokens, point.config.parallelism);
    let lanes = point.config.softmax_lanes;
    let mut stand = Stand::new(point, rig.interface());
    for row in 0..ROWS {
        stand.row(&vec![row as u16; lanes as usize], false);
    }
    let mut random = Random::seed_from_u64(1);
    let mut first = ROWS;
    let sweeps = [5, 4, 1].map(|fifths| {
        let list = some(fifths * tokens / 5, tokens, &mut random);
        stand.prune(&list, Prune::default());
        let words = list.chunks(banks as usize);
        let begin = first;
        first += words.len();
        let cycles: u64 = words.map(|word| busiest(word, banks)).sum();
        (begin..first, cycles)
    });
    stand.scale(3);
    stand.clear();
    stand.read(&[0]);
    stand.case.end_row();

    let outcome = rig.run(&stand.case, &Pacing::full_speed())?;
    check(&stand.case, &outcome).map_err(|finding| anyhow!("{}", finding.details.join("; ")))?;
    let (taken, keys) = (outcome.accepted("push"), &outcome.output("key").cycles);
    let cycles = |sweep: &Range<usize>| (taken[sweep.end] - taken[sweep.start]) as f64;
    let latency = taken[sweeps[0].0.clone()]
        .iter()
        .zip(keys)
        .map(|(t, k)| k - t)
        .max()
        .unwrap_or(0);
    let walk = (taken[first + 2] - taken[first]) / 2;
    let names = ["all swept", "80 % swept", "20 % swept"];
    let mut figures = vec![("cycles/beat", Some(gap(&taken[..ROWS])))];
    let mut bounds = vec![("cycles/beat", 1.0)];
    for (name, (sweep, promised)) in names.into_iter().zip(&sweeps) {
        figures.push((name, Some(cycles(sweep))));
        bounds.push((name, *promised as f64));
    }
    figures.extend([
        ("latency", Some(latency as f64)),
        ("clear, scale", Some(walk as f64)),
    ]);
    bounds.extend([
        ("latency", f64::from(3 * (point.config.ram_latency + 2) + 2)),
        ("clear, scale", f64::from(tokens.div_ceil(banks))),
    ]);
    Ok(Measurement {
        setting: vec![("point", point.name.clone()), ("ids", tokens.to_string())],
        figures,
        bounds,
    })
}

/// Ids of a word that the busiest bank has, at least 1: the cycles that the word takes.
fn busiest(word: &[u32], banks: u32) -> u64 {
    let in_bank = |bank| word.iter().filter(|&&id| id % banks == bank).count();
    (0..banks).map(in_bank).max().unwrap_or(0).max(1) as u64
}

/// What an operation of each kind does not name.
const FIELDS: [&str; 13] = [
    "probs",
    "count",
    "last",
    "ids",
    "ids_count",
    "fold",
    "read",
    "value",
    "shift",
    "k",
    "guard_first",
    "guard_last",
    "length",
];

/// Rows of a case that are the same whatever the seed, behind the first one.
const DIRECTED: usize = 10;

/// A case with the importance as it is after the operations so far.
struct Stand {
    case: Case,
    model: Accumulator,
    lanes: usize,
    banks: usize,
    prob_width: u32,
}

impl Stand {
    fn new(point: &Point, interface: &Interface) -> Self {
        Stand {
            case: Case::new(interface),
            model: Accumulator::new(point.config.max_tokens, interface.parameter("SUM_W") as u32),
            lanes: point.config.softmax_lanes as usize,
            banks: point.config.parallelism as usize,
            prob_width: point.config.prob_width,
        }
    }

    /// A beat of which only the code and the fields named matter.
    fn beat(&mut self, code: i64, named: &[&str]) -> BeatMut<'_> {
        let beat = self.case.beat("push").set("code", code);
        let others = FIELDS.iter().filter(|field| !named.contains(field));
        others.fold(beat, |beat, field| beat.ignore(field))
    }

    /// A row, with an empty beat behind full ones if there is room for it.
    fn row(&mut self, probs: &[u16], empty_end: bool) {
        for (here, last) in words(probs, self.lanes, empty_end) {
            self.beat(ROW, &["probs", "count", "last"])
                .lanes("probs", here.iter().map(|&prob| i64::from(prob)))
                .set("count", here.len() as i64)
                .set("last", i64::from(last));
        }
        self.model.row(probs);
    }

    /// A sweep; `prune` with the length that it is told makes it a read.
    fn sweep(&mut self, list: &[u32], fold: bool, prune: Option<(Prune, usize)>, empty_end: bool) {
        const WORD: [&str; 5] = ["last", "ids", "ids_count", "fold", "read"];
        const READ: [&str; 4] = ["k", "guard_first", "guard_last", "length"];
        let importance = self.model.sweep(list, fold);
        let mut position = 0;
        for (ids, last) in words(list, self.banks, empty_end) {
            let named: Vec<&str> = match prune {
                Some(_) => WORD.into_iter().chain(READ).collect(),
                None => WORD.to_vec(),
            };
            let beat = self.beat(SWEEP, &named);
            let beat = beat
                .lanes("ids", ids.iter().copied())
                .set("ids_count", ids.len() as i64)
                .set("last", i64::from(last))
                .set("fold", i64::from(fold))
                .set("read", i64::from(prune.is_some()));
            if let Some((prune, length)) = prune {
                beat.set("k", prune.k)
                    .set("guard_first", prune.first)
                    .set("guard_last", prune.last)
                    .set("length", length as i64);
                let here = position..position + ids.len();
                self.case
                    .beat("key")
                    .lanes(
                        "guarded",
                        here.clone().map(|i| i64::from(guarded(i, length, prune))),
                    )
                    .lanes("importances", importance[here].iter().copied())
                    .lanes("ids", ids.iter().copied())
                    .set("count", ids.len() as i64)
                    .set("last", i64::from(last))
                    .set("k", effective_k(length, prune) as i64);
            }
            position += ids.len();
        }
    }

    fn fold(&mut self, list: &[u32]) {
        self.sweep(list, true, None, false);
    }

    /// A read as the host makes it.
    fn read(&mut self, list: &[u32]) {
        self.sweep(list, false, Some((Prune::default(), 1)), false);
    }

    fn prune(&mut self, list: &[u32], prune: Prune) {
        self.sweep(list, true, Some((prune, list.len())), false);
    }

    fn write(&mut self, id: u32, value: u32) {
        self.beat(WRITE, &["ids", "value"])
            .lanes("ids", [id])
            .set("value", value);
        self.model.importance_mut().set(id, value);
    }

    fn clear(&mut self) {
        self.beat(CLEAR, &[]);
        self.model.clear();
    }

    fn scale(&mut self, shift: u32) {
        self.beat(SCALE, &["shift"]).set("shift", shift);
        self.model.importance_mut().scale_down(shift);
    }

    /// The `number`-th directed row, from 1; each begins and ends with no sums.
    fn directed(&mut self, number: usize, tokens: u32, random: &mut Random) {
        let all: Vec<u32> = (0..tokens).collect();
        let (n, banks) = (all.len(), self.banks as u32);
        let width = self.prob_width;
        let mut probs = |n: usize| -> Vec<u16> {
            let row = Kind::Uniform.row(n.max(1), width, random);
            row.into_iter().take(n).map(|prob| prob as u16).collect()
        };
        let prune = |k: usize, first: usize, last: usize| Prune {
            k: k.min(0xffff) as u16,
            first: first.min(0xffff) as u16,
            last: last.min(0xffff) as u16,
        };
        match number {
            // Dense words, behind rows that follow one another on equal positions.
            1 => {
                for length in [3 * self.lanes.max(self.banks), self.lanes, self.lanes, self.lanes] {
                    let row = probs(length.min(n));
                    self.row(&row, false);
                }
                self.prune(&all, prune(n / 2, 1, 1));
            }
            // All ids of one bank.
            2 => {
                let list: Vec<u32> = (0..tokens).step_by(self.banks).collect();
                let row = probs(list.len());
                self.row(&row, false);
                self.prune(&list, prune(1, 0, 2));
                let list: Vec<u32> = (banks - 1..tokens).step_by(self.banks).collect();
                self.prune(&list, prune(1, 3, 0));
            }
            // Two banks, the second id of each behind the first ones.
            3 => {
                let list: Vec<u32> = (0..tokens).filter(|id| id % banks < 2).collect();
                self.prune(&list, prune(1, 3, 0));
            }
            // Lists of one token and of none.
            4 => {
                for id in [0, tokens - 1] {
                    let row = probs(1);
                    self.row(&row, true);
                    self.prune(&[id], prune(0, 0, 1));
                    self.prune(&[], prune(3, 1, 1));
                    self.sweep(&[], false, None, false);
                }
            }
            // Saturation, by a fold and on the way to it.
            5 => {
                let few = &all[..n.min(self.banks + 1)];
                let row = vec![u16::MAX >> (16 - self.prob_width); few.len()];
                for &id in few {
                    self.write(id, u32::MAX - u32::from(row[0]) + id % 3);
                }
                for _ in 0..2 {
                    self.row(&row, false);
                    self.prune(few, prune(n, 0, 0));
                }
                self.clear();
            }
            // Guards that meet, overlap, and exceed the list.
            6 => {
                let few = &all[..n.min(3 * self.banks + 1)];
                let n = few.len();
                let cuts = [
                    (1, 0),
                    (0, 1),
                    (n / 2, n - n / 2),
                    (n / 2 + 1, n / 2 + 1),
                    (n, 0),
                    (0, n),
                    (n + 1, 0),
                    (0, n + 1),
                    (0xffff, 0xffff),
                ];
                for (first, last) in cuts {
                    self.prune(few, prune(2, first, last));
                    self.prune(few, prune(n + 5, first, last));
                }
            }
            // A row right behind a fold of its positions, a fold right behind a fold, and a sweep without.
            7 => {
                let few = self.banks.min(n);
                for _ in 0..4 {
                    let row = probs(self.lanes.min(few));
                    self.row(&row, false);
                    self.fold(&all[..few]);
                    self.row(&row, false);
                    self.row(&row, false);
                    self.sweep(&all[..few], false, None, false);
                    self.fold(&all[n - few..]);
                    self.fold(&all[n - few..]);
                    self.prune(&all[..few], prune(1, 1, 1));
                }
            }
            // A list that ends with an empty word.
            8 => {
                let full = n / self.banks * self.banks;
                let row = probs(n);
                self.row(&row, true);
                self.fold(&all);
                self.sweep(&all[..full], true, Some((prune(1, 0, 1), full)), true);
                self.read(&all[n - 1..]);
            }
            // One id in every lane of some words.
            9 => {
                let list = vec![tokens / 2; n.min(3 * self.banks)];
                let row = probs(list.len());
                self.row(&row, false);
                self.prune(&list, prune(1, 1, 1));
            }
            // State operations right behind a sweep.
            _ => {
                self.prune(&all, prune(1, 0, 0));
                self.scale(1);
                self.read(&all);
                self.clear();
                self.read(&[tokens - 1]);
            }
        }
    }

    /// A length up to `most`, seldom a long one, so that much happens in a run.
    fn length(&self, most: usize, random: &mut Random) -> usize {
        let wide = self.lanes.max(self.banks);
        let most = match random.random_range(0..8) {
            0 => most,
            _ => most.min(4 * wide.max(12)),
        };
        let beat = *rows::pick(&[self.lanes, self.banks], random);
        rows::length(most, beat, random)
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
                self.beat(*rows::pick(&[2, 6, 7], random), &[]);
            }
            // Positions pass and keep their sums.
            8 => {
                let list = list(self.length(most, random), tokens, random);
                self.sweep(&list, false, None, false);
            }
            // The others are on importance that is all in its place.
            other => {
                if self.model.unfolded() > 0 {
                    self.fold_all(tokens, random);
                }
                match other {
                    9 => {
                        let shift = *rows::pick(&[0, 1, 2, 15, 16, 30, 31], random);
                        self.scale(shift);
                    }
                    10 => {
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
                                self.read(&[id]);
                            }
                        }
                    }
                    11 => {
                        // The last ids, or all: what went through the whole store.
                        let first = tokens - self.length(most, random) as u32;
                        self.read(&(first..tokens).collect::<Vec<u32>>());
                    }
                    _ => {
                        let list = list(self.length(most, random), tokens, random);
                        self.sweep_random(&list, false, random);
                    }
                }
            }
        }
    }

    /// Folds all sums there are, and often more positions; reads them as well, as often as not.
    fn fold_all(&mut self, tokens: u32, random: &mut Random) {
        let least = self.model.unfolded();
        let most = tokens as usize;
        let n = match random.random_range(0..3) {
            0 => least,
            1 => (least + random.random_range(0..=self.banks)).min(most),
            _ => self.length(most, random).max(least),
        };
        let list = list(n, tokens, random);
        self.sweep_random(&list, true, random);
    }

    /// A sweep over a list, with guards and `k` of every kind if it reads.
    fn sweep_random(&mut self, list: &[u32], fold: bool, random: &mut Random) {
        let n = list.len() as u32;
        let mut guard = || -> u16 {
            let value = match random.random_range(0..5) {
                0 => 0,
                1 => random.random_range(0..=n),
                2 => (n + random.random_range(0..3)).saturating_sub(1),
                3 => random.random_range(0..=n.div_ceil(2)),
                _ => random.next_u32() & 0xffff,
            };
            value.min(0xffff) as u16
        };
        let (first, last) = (guard(), guard());
        let k = rows::kept(list.len().max(1), random);
        let reads = random.random_range(0..8) < if fold { 4 } else { 7 };
        let prune = reads.then_some((Prune { k, first, last }, list.len()));
        self.sweep(list, fold, prune, random.random_range(0..4) == 0);
    }
}

/// A row or a list in words of `width`, each with whether it is the last: one at least, and an empty one behind full ones
/// if it is to end so.
fn words<T>(all: &[T], width: usize, empty_end: bool) -> impl Iterator<Item = (&[T], bool)> {
    let count = match all.len().div_ceil(width) {
        full if empty_end && all.len() % width == 0 => full + 1,
        count => count.max(1),
    };
    (0..count).map(move |word| {
        let end = ((word + 1) * width).min(all.len());
        (&all[(word * width).min(end)..end], word + 1 == count)
    })
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
        _ => some(n, tokens, random),
    }
}

/// `n` of so many ids, ascending, each choice as likely as the other.
fn some(n: u32, tokens: u32, random: &mut Random) -> Vec<u32> {
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
