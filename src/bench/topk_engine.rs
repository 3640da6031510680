//! Bench of the top-k engine: rows of every kind and length, every class of k, real attention rows.

use super::rows::{self, KINDS, Sample};
use super::{Bench, Mutant, Point, Random};
use crate::golden::topk_engine::topk;
use crate::rtl::Interface;
use crate::sim::Case;
use rand::RngExt;

/// `topk_engine` against [`topk`]; a row is a row.
pub struct TopkEngine;

impl Bench for TopkEngine {
    fn block(&self) -> &'static str {
        "topk_engine"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let lanes = |p: u32| Point::new(format!("p{p}")).config(|c| c.parallelism = p);
        Ok(vec![
            lanes(16)?,
            lanes(1)?,
            lanes(2)?,
            lanes(4)?,
            lanes(8)?,
            lanes(32)?,
            lanes(64)?,
            // The engine that tokens and heads share: importance is 32 bits wide.
            Point::new("key32").parameter("KEY_W", 32),
            Point::new("key32-p4").config(|c| c.parallelism = 4)?.parameter("KEY_W", 32),
            Point::new("key8-prob8").config(|c| c.prob_width = 8)?,
            Point::new("key16-async-low").config(|c| {
                c.prob_width = 16;
                c.reset = crate::config::Reset::AsyncLow;
            })?,
            Point::new("ram-latency-2").config(|c| c.ram_latency = 2)?,
            Point::new("ram-latency-2-p2").config(|c| {
                c.ram_latency = 2;
                c.parallelism = 2;
            })?,
            Point::new("one-unit").parameter("UNITS", 1),
            Point::new("three-units").parameter("UNITS", 3).parameter("BUFFER_ROWS", 3),
            Point::new("row100").parameter("MAX_ROW", 100),
            Point::new("row32-buffer1").parameter("MAX_ROW", 32).parameter("BUFFER_ROWS", 1),
            Point::new("tiny").config(|c| {
                c.parallelism = 2;
                c.max_tokens = 64;
            })?,
        ])
    }

    fn case(&self, point: &Point, interface: &Interface, rows: usize, random: &mut Random) -> anyhow::Result<Case> {
        let lanes = point.config.parallelism as usize;
        let parameter = |name: &str| interface.parameters.iter().find(|p| p.name == name).map_or(0, |p| p.value);
        let width = parameter("KEY_W") as u32;
        let most = parameter("MAX_ROW") as usize;
        let mut case = Case::new(interface);
        let real = real_rows(width, most)?;
        // Stretches of one kind or of one length, too: the pivot of a row comes from the row before it.
        let mut kind = KINDS[0];
        let mut n = 1;
        for _ in 0..rows {
            if random.random_range(0..3) > 0 {
                kind = *rows::pick(&KINDS, random);
            }
            if random.random_range(0..3) > 0 {
                n = rows::length(most, lanes, random);
            }
            let row = match random.random_range(0..8) {
                0 if !real.is_empty() => rows::pick(&real, random).clone(),
                _ => kind.row(n, width, random),
            };
            let k = rows::kept(row.len(), random);
            push_row(&mut case, lanes, &row, k, random.random_range(0..=most as u32));
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = |module, find, replace| Mutant { module, find, replace };
        vec![
            // Tie order, `<` for `<=`, floor for ceil, k = n, the last element, payload and key out of step.
            mutant("topk_filter", "<= left_here", "> left_here"),
            mutant("topk_filter", "<= left_here", "< left_here"),
            mutant("topk_filter", "left - tied", "left"),
            mutant("topk_filter", "first_q <= s2_last_q", "first_q <= 1'b1"),
            mutant("topk_filter", "push_payloads[lane*PAYLOAD_W+:PAYLOAD_W], push_keys", "push_payloads[(LANES-1-lane)*PAYLOAD_W+:PAYLOAD_W], push_keys"),
            mutant("topk_select", "total_q <= target_q", "total_q < target_q"),
            mutant("topk_select", "target_q == {NUM_W{1'b0}}", "1'b0"),
            mutant("topk_select", "left_q[NUM_W] || left_q == {(NUM_W + 1){1'b0}}", "left_q[NUM_W]"),
            mutant("topk_select", "lower_q[NUM_W] || lower_q == {(NUM_W + 1){1'b0}}", "lower_q[NUM_W]"),
            mutant("topk_select", "(push_k > MAX_K) ? MAX : push_k[NUM_W-1:0]", "push_k[NUM_W-1:0]"),
            mutant("topk_select", "choice_twins} + 1'b1", "choice_twins}"),
            mutant("topk_select", "size_q <= FULL_NUM", "size_q < FULL_NUM"),
            mutant("topk_select", "whole ? size_q - FULL_NUM", "whole ? size_q - FULL_NUM + 1'b1"),
            mutant("topk_select", "s1_used_q      <= ~({LANES{1'b1}} << s0_count)", "s1_used_q      <= ~({LANES{1'b1}} << s0_count) >> 1"),
            mutant("topk_select", "exact_q      <= list ==", "exact_q      <= list >="),
            mutant("lane_packer", "beat_last && overflow", "1'b0"),
            mutant("lane_packer", "beat_taken && beat_keep[lane]", "beat_keep[lane]"),
        ]
    }

    fn rows_per_run(&self) -> usize {
        100
    }
}

/// Real rows that fit keys of `width` bits and rows of `most`.
fn real_rows(width: u32, most: usize) -> anyhow::Result<Vec<Vec<u32>>> {
    let mut real = Vec::new();
    if width >= rows::SAMPLE_WIDTH {
        for sample in [Sample::Keys102, Sample::Keys204, Sample::Keys1024] {
            let fitting = rows::sample(sample)?.into_iter().filter(|row| row.probs.len() <= most);
            real.extend(fitting.map(|row| row.probs.into_iter().map(u32::from).collect::<Vec<_>>()));
        }
    }
    Ok(real)
}

/// Appends a row and what must come of it. The payload is the position, counted from `first`.
pub fn push_row(case: &mut Case, lanes: usize, row: &[u32], k: u16, first: u32) {
    let width = case.stream("push").layout().lane_width("payloads");
    let payload = |position: usize| i64::from((first + position as u32) & (u32::MAX >> (32 - width)));
    let beats = row.len().div_ceil(lanes).max(1);
    for beat in 0..beats {
        let here = beat * lanes..((beat + 1) * lanes).min(row.len());
        case.beat("push")
            .lanes("keys", row[here.clone()].iter().copied())
            .lanes("payloads", here.clone().map(payload))
            .set("count", here.len() as i64)
            .set("last", i64::from(beat == beats - 1))
            .set("k", i64::from(k));
    }
    let kept = topk(row, usize::from(k));
    // Full words leave as soon as they are complete, so a row whose last beat adds nothing to them ends with an empty one.
    let open = kept.last().is_none_or(|&position| position / lanes < beats - 1) && kept.len() % lanes == 0;
    let words = kept.len().div_ceil(lanes) + usize::from(open);
    for word in 0..words {
        let here = &kept[(word * lanes).min(kept.len())..((word + 1) * lanes).min(kept.len())];
        case.beat("pop")
            .lanes("keys", here.iter().map(|&position| row[position]))
            .lanes("payloads", here.iter().map(|&position| payload(position)))
            .set("count", here.len() as i64)
            .set("last", i64::from(word == words - 1));
    }
    case.end_row();
}
