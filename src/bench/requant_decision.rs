//! Bench of the decision to redo a row: sums at the corners and at the very edge of the decision.

use super::measure::{Measurement, Selection};
use super::{Bench, Mutant, Point, Random, Rig, check, rows};
use crate::config::{ExpMethod, PRESETS, Params, Reset};
use crate::golden::requant_decision::{Decision, redo};
use crate::golden::softmax::Softmax;
use crate::rtl::Interface;
use crate::sim::{Builder, Case, Pacing};
use anyhow::anyhow;
use rand::{Rng, RngExt};

/// `requant_decision` against [`redo`]; a row is a row.
pub struct RequantDecision;

impl Bench for RequantDecision {
    fn block(&self) -> &'static str {
        "requant_decision"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let preset = |index: usize, change: fn(&mut Params)| {
            Point::new(PRESETS[index].name).config(|c| {
                *c = PRESETS[index].params();
                change(c);
            })
        };
        let prob = |prob_width: u32, max_tokens: u32, reset: Reset| {
            Point::new(format!("prob{prob_width}-tokens{max_tokens}")).config(|c| {
                (c.prob_width, c.max_tokens, c.reset) = (prob_width, max_tokens, reset);
            })
        };
        Ok(vec![
            preset(0, |_| ())?,
            preset(1, |c| c.prob_width = 11)?,
            preset(2, |c| c.ram_latency = 2)?,
            preset(3, |c| c.reset = Reset::SyncLow)?,
            prob(8, 16, Reset::SyncHigh)?,
            prob(9, 1000, Reset::AsyncHigh)?,
            prob(10, 32768, Reset::AsyncLow)?,
            prob(13, 17, Reset::SyncLow)?,
            prob(14, 8192, Reset::SyncHigh)?,
            prob(15, 4097, Reset::AsyncLow)?,
            prob(16, 32768, Reset::AsyncHigh)?.parameter("CTX_W", 1),
            prob(8, 32768, Reset::SyncHigh)?.parameter("CTX_W", 70),
        ])
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let softmax = Softmax::new(point.config.prob_width, ExpMethod::Poly5);
        let most = u64::from(point.config.max_tokens);
        let mut case = Case::new(interface);
        for _ in 0..rows {
            let (sum, threshold) = row(&softmax, most, random);
            push_row(&mut case, &softmax, sum, threshold, random);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("requant_decision");
        vec![
            mutant(
                "not above for below: threshold one too large",
                "{push_threshold, 4'd0} - {{(FACTOR_W - 4){1'b0}}, 4'd9}",
                "{push_threshold, 4'd0} + {{(FACTOR_W - 3){1'b0}}, 3'd7}",
            ),
            mutant("rounding half a step off", "4'd9};", "4'd8};"),
            mutant("rounding half a step off the other way", "4'd9};", "4'd10};"),
            mutant(
                "octave off by one",
                "(s5_bits_q >> (OCTAVES - 1 - i))",
                "(s5_bits_q >> (OCTAVES - i))",
            ),
            mutant(
                "octaves after the first as the first",
                "(OCTAVES - 1 - i)) != {OCTAVES{1'b0}}",
                "(OCTAVES - 1)) != {OCTAVES{1'b0}}",
            ),
            mutant(
                "lower bit taken for the leading one",
                "whole[OCTAVES-1:octave+1] == {(OCTAVES - 1 - octave){1'b0}}",
                "1'b1",
            ),
            mutant(
                "largest octave missed",
                "for (octave = 0; octave < OCTAVES;",
                "for (octave = 0; octave < OCTAVES - 1;",
            ),
            mutant(
                "partial product left out",
                "s_low * t_high",
                "{(T_HIGH_W + HALF_W) {1'b0}}",
            ),
            mutant(
                "partial product doubled",
                "s_high * t_low;",
                "(s_high * t_low) << 1;",
            ),
            mutant(
                "carry of the low half lost",
                "{s3_high_product_q, s3_low_product_q[2*HALF_W-1:HALF_W]}",
                "{s3_high_product_q, {HALF_W{1'b0}}}",
            ),
            mutant("auto ignored", "(auto_q[5] && exceeds)", "exceeds"),
            mutant("auto always", "!push_auto && push_force", "push_force"),
            mutant("force ignored", "force_q[5] || ", ""),
            mutant(
                "threshold 0 redoes",
                "push_auto && push_threshold != {PROB_W{1'b0}}",
                "push_auto",
            ),
            mutant("empty row redone", "wire redo = occupied &&", "wire redo ="),
            mutant(
                "context out of step",
                "ctx_q[4*CTX_W+:CTX_W], redo",
                "ctx_q[3*CTX_W+:CTX_W], redo",
            ),
            mutant(
                "stall ignored",
                "wire       advance = !valid_q[5] || out_ready;",
                "wire       advance = 1'b1;",
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
        const ROWS: usize = 1000;
        let point = &self.points()?[0];
        progress(&point.name);
        let rig = Rig::new(builder, &RequantDecision, point, None)?;
        let case = rig.case(0, ROWS)?;
        let outcome = rig.run(&case, &Pacing::full_speed())?;
        check(&case, &outcome).map_err(|finding| anyhow!("{}", finding.details.join("; ")))?;
        let (taken, given) = (outcome.accepted("push"), &outcome.output("pop").cycles);
        let latency = taken.iter().zip(given).map(|(t, g)| g - t).max().unwrap_or(0);
        Ok(vec![Measurement {
            setting: vec![("point", point.name.clone())],
            figures: vec![
                (
                    CYCLES,
                    Some((given[ROWS - 1] - given[0]) as f64 / (ROWS - 1) as f64),
                ),
                (LATENCY, Some(latency as f64)),
            ],
            bounds: vec![(CYCLES, 1.0), (LATENCY, 6.0)],
        }])
    }

    fn rows_per_run(&self) -> usize {
        1000
    }
}

const CYCLES: &str = "cycles/row";
const LATENCY: &str = "latency";

/// A sum of at most `most` exponentials, and a threshold.
fn row(softmax: &Softmax, most: u64, random: &mut Random) -> (u64, u16) {
    let one = 1u64 << softmax.sum_bits();
    let top = (1u64 << softmax.prob_width()) - 1;
    let any = (random.next_u64() & top) as u16;
    let sum = match random.random_range(0..9) {
        0 => 0,
        1 => one,
        2 => most * one,
        3 => random.random_range(1..=most) * one,
        4 => {
            // Either side of an octave.
            let octave = one << random.random_range(0..=most.ilog2());
            octave - 1 + random.random_range(0..3)
        }
        5 | 6 => {
            // The edge of the decision for a threshold: the sum where the largest probability falls below it.
            let threshold = any.max(1);
            let (mut low, mut high) = (one, most * one);
            while low < high {
                let middle = (low + high) / 2;
                if softmax.max_prob_of_sum(middle) < threshold {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            let sum = low - 1 + random.random_range(0..2);
            return (sum.clamp(one, most * one), threshold);
        }
        _ => {
            let low = one << random.random_range(0..=most.ilog2());
            random.random_range(low..=(2 * low).min(most * one))
        }
    };
    let sum = if sum == 0 { 0 } else { sum.clamp(one, most * one) };
    let largest = if sum == 0 { 0 } else { softmax.max_prob_of_sum(sum) };
    let near = [
        0,
        1,
        top as u16,
        largest,
        largest.saturating_sub(1),
        largest.saturating_add(1),
        any,
    ];
    (sum, (*rows::pick(&near, random)).min(top as u16))
}

/// Appends a row and its verdict.
fn push_row(case: &mut Case, softmax: &Softmax, sum: u64, threshold: u16, random: &mut Random) {
    let words = case.stream("push").layout().lane_width("ctx").div_ceil(32);
    let ctx: Vec<u32> = (0..words).map(|_| random.next_u32()).collect();
    let (auto, force) = (random.random_range(0..4) != 0, random.random_range(0..2) == 1);
    let decision = match auto {
        true => Decision::Threshold(threshold),
        false => Decision::Fixed(force),
    };
    case.beat("push")
        .set("sum", sum as i64)
        .set("threshold", i64::from(threshold))
        .set("auto", i64::from(auto))
        .set("force", i64::from(force))
        .words("ctx", &ctx);
    case.beat("pop")
        .set("redo", i64::from(redo(softmax, sum, decision)))
        .words("ctx", &ctx);
    case.end_row();
}
