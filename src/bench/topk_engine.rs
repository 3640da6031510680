//! Bench of the top-k engine: rows of every kind and length, every class of k, real attention rows.

use super::measure::{Measurement, Selection, run};
use super::rows::{self, KINDS, Kind, Sample};
use super::{Bench, Mutant, Point, Random, design};
use crate::golden::topk_engine::topk;
use crate::rtl::{self, Direction, Field, Interface};
use crate::sim::{Builder, Case, Design, Library, Pace};
use anyhow::ensure;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

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
            Point::new("key32-p4")
                .config(|c| c.parallelism = 4)?
                .parameter("KEY_W", 32),
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
            Point::new("ram-macro-p4").config(|c| {
                c.ram = crate::config::Ram::Macro;
                c.parallelism = 4;
            })?,
            Point::new("one-unit").parameter("UNITS", 1),
            Point::new("three-units")
                .parameter("UNITS", 3)
                .parameter("BUFFER_ROWS", 3),
            Point::new("row100").parameter("MAX_ROW", 100),
            Point::new("row32-buffer1")
                .parameter("MAX_ROW", 32)
                .parameter("BUFFER_ROWS", 1),
            Point::new("tiny").config(|c| {
                c.parallelism = 2;
                c.max_tokens = 64;
            })?,
        ])
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let lanes = point.config.parallelism as usize;
        let width = interface.parameter("KEY_W") as u32;
        let most = interface.parameter("MAX_ROW") as usize;
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
        let mutant = Mutant::new;
        vec![
            mutant("tie order", "topk_filter", "<= left_here", "> left_here"),
            mutant("< for <=: ties", "topk_filter", "<= left_here", "< left_here"),
            mutant("ties not used up", "topk_filter", "left - tied", "left"),
            mutant(
                "ties renewed in mid-row",
                "topk_filter",
                "first_q <= s2_last_q",
                "first_q <= 1'b1",
            ),
            mutant(
                "payload and key out of step",
                "topk_filter",
                "push_payloads[lane*PAYLOAD_W+:PAYLOAD_W], push_keys",
                "push_payloads[(LANES-1-lane)*PAYLOAD_W+:PAYLOAD_W], push_keys",
            ),
            mutant(
                "k = n mishandled",
                "topk_select",
                "all_q       <= keep_all",
                "all_q       <= keep_all && total_q != target_q",
            ),
            mutant(
                "k = 0 mishandled",
                "topk_select",
                "target_q == {NUM_W{1'b0}}",
                "1'b0",
            ),
            mutant(
                "side of the pivot confused",
                "topk_select",
                "in_above = left_q[NUM_W]",
                "in_above = lower_q[NUM_W]",
            ),
            mutant(
                "< for <=: keys equal to the pivot",
                "topk_select",
                "lower_q[NUM_W] || lower_q == {(NUM_W + 1){1'b0}}",
                "lower_q[NUM_W]",
            ),
            mutant(
                "k above the row's limit",
                "topk_select",
                "(push_k > MAX_K) ? MAX : push_k[NUM_W-1:0]",
                "push_k[NUM_W-1:0]",
            ),
            mutant(
                "tie among samples not counted",
                "topk_select",
                "ties  = 4'd1",
                "ties  = 4'd0",
            ),
            mutant(
                "lost last element: word of a list",
                "topk_select",
                "size_q <= FULL_NUM",
                "size_q < FULL_NUM + FULL_NUM",
            ),
            mutant(
                "list counted wrongly",
                "topk_select",
                "whole ? size_q - FULL_NUM",
                "whole ? size_q - FULL_NUM + 1'b1",
            ),
            mutant(
                "lost last element: lane of a beat",
                "topk_select",
                "s1_used_q      <= ~({LANES{1'b1}} << s0_count)",
                "s1_used_q      <= ~({LANES{1'b1}} << s0_count) >> 1",
            ),
            mutant(
                "samples taken for the whole list",
                "topk_select",
                "exact_q      <= list ==",
                "exact_q      <= list >=",
            ),
            mutant(
                "lost last element: rest of a row",
                "lane_packer",
                "beat_last && overflow",
                "1'b0",
            ),
            mutant(
                "packer not stalled",
                "lane_packer",
                "beat_taken && beat_keep[lane]",
                "beat_keep[lane]",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        selection: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        let mut measured = Vec::new();
        for parallelism in [1, 2, 4, 8, 16, 32] {
            let settings: Vec<Setting> = settings()
                .into_iter()
                .filter(|setting| !selection.promised || !setting.bounds(parallelism).is_empty())
                .collect();
            if settings.is_empty() || selection.parallelism.is_some_and(|only| only != parallelism) {
                continue;
            }
            let stand = Stand::new(builder, parallelism)?;
            for setting in settings {
                progress(&format!(
                    "P = {parallelism}, n = {}, {}",
                    setting.n,
                    setting.pattern.name()
                ));
                measured.push(stand.measure(&setting)?);
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        100
    }
}

/// Rows that follow one another in a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// Uniform over 12 bits.
    Uniform,
    /// In turn uniform over 12 bits and over 8, so that the threshold of the row before misleads.
    Alternating,
    /// At random uniform over 12 bits or over 8.
    Mixed,
    /// Attention rows of SmolLM2, and with 128 keys of MiniLM.
    Real,
}

impl Pattern {
    fn name(self) -> &'static str {
        match self {
            Pattern::Uniform => "uniform",
            Pattern::Alternating => "alternating",
            Pattern::Mixed => "mixed",
            Pattern::Real => "real",
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Setting {
    pattern: Pattern,
    n: usize,
    k: usize,
}

/// Rows sent back to back.
const ROWS: usize = 1000;
/// Elements a cycle that the softmax sends.
const FEED: u32 = 8;

/// Every setting, at each number of lanes.
fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for pattern in [Pattern::Uniform, Pattern::Alternating, Pattern::Mixed] {
        for n in [64, 128, 256, 512, 1024] {
            settings.extend([10, 20, 50].map(|percent| Setting {
                pattern,
                n,
                k: (n * percent).div_ceil(100),
            }));
        }
    }
    let real = |n, k| Setting {
        pattern: Pattern::Real,
        n,
        k,
    };
    settings.extend([real(102, 20), real(128, 26), real(204, 40)]);
    settings.extend([102, 204, 512].map(|k| real(1016, k)));
    settings
}

impl Setting {
    /// Bounds that are promised at the paper's parallelism of 16.
    fn bounds(&self, parallelism: u32) -> Vec<(&'static str, f64)> {
        if parallelism != 16 {
            return Vec::new();
        }
        match (self.pattern, self.n) {
            (Pattern::Uniform, 1024) | (Pattern::Real, 1016) => vec![(CYCLES, 128.0), (STALLS, 2.0)],
            (Pattern::Alternating | Pattern::Mixed, 1024) => vec![(CYCLES, 176.0)],
            (Pattern::Real, 102) => vec![(CYCLES, 20.0)],
            (Pattern::Real, 204) => vec![(CYCLES, 28.0)],
            _ => Vec::new(),
        }
    }

    /// Rows in order. Real rows are taken in the order in which they were computed, from the start again when they run
    /// out, and cut to `n` keys so that rows of one length follow one another.
    fn rows(&self) -> anyhow::Result<Vec<Vec<u32>>> {
        let mut random = Random::seed_from_u64(self.n as u64);
        let wide = |random: &mut Random| Kind::Uniform.row(self.n, 12, random);
        let narrow = |random: &mut Random| Kind::Uniform.row(self.n, 8, random);
        Ok(match self.pattern {
            Pattern::Uniform => (0..ROWS).map(|_| wide(&mut random)).collect(),
            Pattern::Alternating => (0..ROWS)
                .map(|row| match row % 2 {
                    0 => wide(&mut random),
                    _ => narrow(&mut random),
                })
                .collect(),
            Pattern::Mixed => (0..ROWS)
                .map(|_| match random.random_range(0..2) {
                    0 => wide(&mut random),
                    _ => narrow(&mut random),
                })
                .collect(),
            Pattern::Real => {
                let sample = match self.n {
                    102 => Sample::Keys102,
                    128 => Sample::MiniLm,
                    204 => Sample::Keys204,
                    _ => Sample::Keys1024,
                };
                let rows: Vec<Vec<u32>> = rows::sample(sample)?
                    .into_iter()
                    .filter(|row| row.probs.len() >= self.n)
                    .map(|row| row.probs[..self.n].iter().map(|&p| p.into()).collect())
                    .collect();
                ensure!(!rows.is_empty(), "no real row has {} keys", self.n);
                rows.iter().cycle().take(ROWS).cloned().collect()
            }
        })
    }
}

const CYCLES: &str = "cycles/row";
const STALLS: &str = "stalls %";

/// The engine at one parallelism, alone and behind a buffer.
struct Stand {
    point: Point,
    engine: (Interface, Arc<Library>),
    /// Behind a buffer; none where a beat holds less than the source sends in a cycle.
    fed: Option<(Interface, Arc<Library>)>,
}

impl Stand {
    fn new(builder: &Builder, parallelism: u32) -> anyhow::Result<Self> {
        let point = Point::new(format!("p{parallelism}")).config(|c| c.parallelism = parallelism)?;
        let build = |design: Design| anyhow::Ok((design.interface.clone(), builder.build(design)?));
        let fed = if parallelism < FEED {
            None
        } else {
            Some(build(fed(&point)?)?)
        };
        Ok(Stand {
            engine: build(design("topk_engine", &point, None)?)?,
            fed,
            point,
        })
    }

    fn measure(&self, setting: &Setting) -> anyhow::Result<Measurement> {
        let lanes = self.point.config.parallelism;
        let rows = setting.rows()?;
        let case = |interface: &Interface, rows: &[Vec<u32>]| {
            let mut case = Case::new(interface);
            for row in rows {
                push_row(&mut case, lanes as usize, row, setting.k as u16, 0);
            }
            case
        };
        let (interface, engine) = &self.engine;
        let sustained = run(engine, &case(interface, &rows), Pace::Always)?;

        // A row alone, after reset, that is with a first pivot that knows nothing of it.
        let alone: Vec<f64> = rows
            .iter()
            .take(32)
            .map(|row| {
                let outcome = run(engine, &case(interface, std::slice::from_ref(row)), Pace::Always)?;
                let last = |cycles: &[u64]| cycles.last().copied().unwrap_or(0) as f64;
                Ok(last(&outcome.output("pop").cycles) - last(outcome.accepted("push")))
            })
            .collect::<anyhow::Result<_>>()?;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;

        // Behind a buffer of two rows, one beat in `every` cycles; a stall is a cycle by which the source falls behind.
        let stalls = match &self.fed {
            None => None,
            Some((interface, fed)) => {
                let every = lanes / FEED;
                let mut case = case(interface, &rows);
                case.port("words", 2 * setting.n.div_ceil(lanes as usize) as u64);
                let outcome = run(fed, &case, Pace::Every { cycles: every })?;
                let taken = outcome.accepted("push");
                let ideal = f64::from(every) * (taken.len() - 1) as f64;
                Some(100.0 * ((taken[taken.len() - 1] - taken[0]) as f64 / ideal - 1.0))
            }
        };
        Ok(Measurement {
            setting: vec![
                ("P", lanes.to_string()),
                ("rows", setting.pattern.name().into()),
                ("n", setting.n.to_string()),
                ("k", setting.k.to_string()),
            ],
            figures: vec![
                (CYCLES, Some(sustained.cycles as f64 / rows.len() as f64)),
                (
                    "passes",
                    Some(1.0 + sustained.ones("pass_start") as f64 / rows.len() as f64),
                ),
                ("latency", Some(mean(&alone))),
                ("worst", Some(alone.iter().copied().fold(0.0, f64::max))),
                (STALLS, stalls),
            ],
            bounds: setting.bounds(lanes),
        })
    }
}

/// The engine behind a buffer whose size a port sets.
fn fed(point: &Point) -> anyhow::Result<Design> {
    const TEMPLATE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/bench/topk_fed.v"));
    let mut fed = design("topk_engine", point, None)?;
    let config = &point.config;
    let mut context = tera::Context::new();
    context.insert("lanes", &config.parallelism);
    context.insert("key_w", &fed.interface.parameter("KEY_W"));
    context.insert("payload_w", &fed.interface.parameter("PAYLOAD_W"));
    context.insert("count_w", &(u32::BITS - config.parallelism.leading_zeros()));
    context.insert("max_row", &config.max_tokens);
    context.insert("rst", "rst");
    fed.sources
        .push(("topk_fed.v".into(), rtl::render_template(TEMPLATE, &context)?));
    fed.top = "topk_fed".into();
    fed.interface.ports.push((Direction::In, Field::new("words", 16)));
    Ok(fed)
}

/// Real rows that fit keys of `width` bits and rows of `most`.
fn real_rows(width: u32, most: usize) -> anyhow::Result<Vec<Vec<u32>>> {
    let mut real = Vec::new();
    if width >= rows::SAMPLE_WIDTH {
        for sample in [Sample::MiniLm, Sample::Keys102, Sample::Keys204, Sample::Keys1024] {
            let fitting = rows::sample(sample)?
                .into_iter()
                .filter(|row| row.probs.len() <= most);
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
