//! Bench of the softmax: rows of every length and scale, dropped and kept.

use super::measure::{Measurement, Selection, run};
use super::rows;
use super::{Bench, Mutant, Point, Random, design};
use crate::config::{Config, ExpMethod, PRESETS, Preset, Ram, Reset};
use crate::golden::softmax::{MAX_ROW, Scale, Softmax as Golden};
use crate::rtl::softmax::Sizes;
use crate::rtl::{self, Direction, Field, Interface};

use crate::sim::{Builder, Case, Library, Pace};
use anyhow::Context as _;
use rand::{Rng, RngExt, SeedableRng};
use std::sync::Arc;

/// `softmax` against [`Golden`]; a row is a row.
pub struct Softmax;

/// A point with the values of a preset.
fn preset(name: &'static str) -> anyhow::Result<Point> {
    let found: Option<&Preset> = PRESETS.iter().find(|preset| preset.name == name);
    let params = found.with_context(|| format!("no preset `{name}`"))?.params();
    Point::new(name).config(|p| *p = params)
}

impl Bench for Softmax {
    fn block(&self) -> &'static str {
        "softmax"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let small = |name: &str, lanes, prob_width, exp| {
            Point::new(name).config(|c| {
                (c.softmax_lanes, c.prob_width, c.exp) = (lanes, prob_width, exp);
                (c.head_dim, c.multipliers, c.max_tokens) = (32, 64, 64);
            })
        };
        use ExpMethod::{Poly5, Table};
        Ok(vec![
            preset("spatten")?,
            preset("spatten-1-8")?,
            preset("edge")?,
            preset("tiny")?,
            Point::new("spatten-table").config(|c| c.exp = Table)?,
            // The ends of every width.
            small("p8", 4, 8, Poly5)?.config(|c| {
                c.width = 8;
                c.reset = Reset::SyncLow;
            })?,
            small("p8-table", 1, 8, Table)?.config(|c| c.reset = Reset::AsyncHigh)?,
            small("p16", 2, 16, Poly5)?.config(|c| {
                (c.width, c.head_dim, c.multipliers) = (16, 128, 128);
                c.reset = Reset::AsyncLow;
            })?,
            small("p16-table", 4, 16, Table)?.config(|c| {
                (c.width, c.head_dim, c.multipliers) = (16, 128, 128);
                c.ram_latency = 2;
            })?,
            small("p9", 1, 9, Poly5)?.config(|c| c.max_tokens = 16)?,
            small("p10-table", 2, 10, Table)?.config(|c| c.max_tokens = 100)?,
            small("p11", 2, 11, Poly5)?.config(|c| {
                c.ram_latency = 2;
                c.ram = Ram::Macro;
                c.max_tokens = 63;
            })?,
            small("p13", 4, 13, Poly5)?.parameter("CTX_W", 1),
            small("p14-table", 2, 14, Table)?.config(|c| c.max_tokens = 77)?,
            small("p15", 1, 15, Poly5)?.parameter("CTX_W", 37),
            small("lanes16", 16, 12, Table)?.config(|c| c.max_tokens = 200)?,
        ])
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let config = &point.config;
        let lanes = config.softmax_lanes as usize;
        let most = (config.max_tokens as usize).min(MAX_ROW);
        let width = config.score_width();
        let mut case = Case::new(interface);
        let feed = Feed::new(config);
        // Row 0 is one score, which shows the latency; then the corners, in an order of their own in each case.
        let mut corners = corners(most, lanes);
        for index in (1..corners.len()).rev() {
            corners.swap(index, random.random_range(0..=index));
        }
        let mut kind = KINDS[0];
        let mut drop = 0;
        for row in 0..rows {
            if random.random_range(0..4) > 0 {
                kind = *rows::pick(&KINDS, random);
            }
            let n = match row {
                0 => 1,
                _ if row <= corners.len() => corners[row - 1].n,
                _ if random.random_range(0..12) == 0 => 0,
                _ => rows::length(most, lanes, random),
            };
            if row > 0 && row <= corners.len() {
                kind = corners[row - 1].kind;
            }
            if random.random_range(0..4) == 0 {
                drop = random.random_range(0..4); // quarters of the rows to come that are dropped
            }
            let (scores, scale) = kind.row(n, width, random);
            let row = Fed {
                scores: &scores,
                scale,
                ctx: (random.next_u64() >> 1) as i64,
                drop: row > 0 && random.random_range(0..4) < drop,
                open: row > 0 && n > 0 && n % lanes == 0 && random.random_range(0..4) == 0,
            };
            feed.row(&mut case, &row);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
        vec![
            mutant(
                "maximum not subtracted",
                "softmax",
                ".push_maximum(row_maximum)",
                ".push_maximum({SCORE_W{1'b0}})",
            ),
            mutant(
                "maximum of the rows before kept",
                "softmax_max",
                "first_q || beat_key > maximum_q",
                "beat_key > maximum_q",
            ),
            mutant(
                "maximum of a row's last beat only",
                "softmax_max",
                "first_q || beat_key > maximum_q",
                "1'b1",
            ),
            mutant(
                "scores compared without sign",
                "softmax_max",
                "key = {!score[SCORE_W-1], score[SCORE_W-2:0]}",
                "key = {score[SCORE_W-1], score[SCORE_W-2:0]}",
            ),
            mutant(
                "maximum of lanes beyond the count",
                "softmax_max",
                "used[LANE] ? key",
                "1'b1 ? key",
            ),
            mutant(
                "maximum taken off with each beat",
                "softmax",
                ".pop_ready (issue && beat_last)",
                ".pop_ready (issue)",
            ),
            mutant(
                "mantissa not normalised",
                "softmax_exp",
                "s1_mant_q  <= mant",
                "s1_mant_q  <= push_mant",
            ),
            mutant(
                "mantissa 0 like any other",
                "softmax_exp",
                "flat ? MOST_SHIFT[SHIFT_W-1:0] : push_shift",
                "push_shift",
            ),
            mutant(
                "alignment off by one",
                "softmax_exp",
                "window = {1'b0, s1_shift_q}",
                "window = {1'b0, s1_shift_q ^ 6'd1}",
            ),
            mutant(
                "ZERO an octave early",
                "softmax_exp",
                "REACH = position + ALIGN - WINDOW_W",
                "REACH = position + ALIGN - WINDOW_W + 1",
            ),
            mutant(
                "ZERO an octave late: bits lost",
                "softmax_exp",
                "REACH = position + ALIGN - WINDOW_W",
                "REACH = position + ALIGN - WINDOW_W - 1",
            ),
            mutant(
                "ZERO threshold of the scaled difference ignored",
                "softmax_exp",
                "s3_lost_q[lane] || y[OCTAVE_W+F]",
                "s3_lost_q[lane]",
            ),
            mutant(
                "scaled difference rounded to nearest",
                "softmax_exp",
                ".ROUND(0)",
                ".ROUND(1)",
            ),
            mutant(
                "octave off by one",
                "softmax_exp",
                ">> octave;",
                ">> (octave ^ 5'd1);",
            ),
            mutant(
                "coefficient wrong",
                "softmax_fraction",
                "<= C3 -",
                "<= C3 - 1'b1 -",
            ),
            mutant(
                "argument of another element",
                "softmax_fraction",
                ".data_in (f1)",
                ".data_in (f2)",
            ),
            mutant(
                "exponential not rounded",
                "softmax_fraction",
                ".ROUND(1)",
                ".ROUND(0)",
            ),
            mutant(
                "sample missing from the table",
                "softmax_fraction",
                "'d3: {sample_q",
                "'d2: {sample_q",
            ),
            mutant(
                "sample of another element",
                "softmax_fraction",
                "<= start_q -",
                "<= sample_q -",
            ),
            mutant(
                "sum of a lane beyond the count",
                "softmax_sum",
                "used[LANE] ? push_exps",
                "(used[LANE] || LANE == LANES - 1) ? push_exps",
            ),
            mutant(
                "ragged last beat counted whole",
                "softmax",
                ".push_count(exp_count)",
                ".push_count(LANES[COUNT_W-1:0])",
            ),
            mutant(
                "sum of the row before kept",
                "softmax_sum",
                "first_q ? {SUM_W{1'b0}} : sum_q",
                "sum_q",
            ),
            mutant(
                "sums offered without room",
                "softmax",
                "(sum_room || !beat_last)",
                "1'b1",
            ),
            mutant(
                "factors made without room",
                "softmax",
                "row_valid && factor_room",
                "row_valid",
            ),
            mutant(
                "reciprocal shifted by too much",
                "softmax_reciprocal",
                ">> last_octave",
                ">> (last_octave + 1'b1)",
            ),
            mutant(
                "octave of another row's sum",
                "softmax_reciprocal",
                ".DEPTH(STEPS)",
                ".DEPTH(STEPS - 1)",
            ),
            mutant(
                "reciprocal rounded down",
                "softmax_reciprocal",
                "shifted[STEPS-1:1] + {{B{1'b0}}, shifted[0]}",
                "shifted[STEPS-1:1]",
            ),
            mutant(
                "remainder not restored",
                "softmax_reciprocal",
                "fits ? trial[DIVISOR_W-1:0] : dividend[DIVISOR_W-1:0]",
                "trial[DIVISOR_W-1:0]",
            ),
            mutant(
                "carry into the upper half of a product lost",
                "multiplier",
                "{high_product_q, {LOW_W{1'b0}}} + {{HIGH_W{1'b0}}, low_product_q}",
                "{high_product_q, {LOW_W{1'b0}}} ^ {{HIGH_W{1'b0}}, low_product_q}",
            ),
            mutant("half-up rounding dropped", "softmax", ".ROUND(1)", ".ROUND(0)"),
            mutant(
                "saturation at 2^P - 1 missing",
                "softmax",
                "prob[P+1:P] != 2'b00",
                "prob[P+1]",
            ),
            mutant(
                "drop ignored",
                "softmax",
                "product_valid_q <= judged && !ready_drop",
                "product_valid_q <= judged",
            ),
            mutant(
                "ctx of another row",
                "softmax",
                "product_ctx_q   <= ready_ctx",
                "product_ctx_q   <= row_ctx",
            ),
            mutant(
                "product not stalled",
                "softmax",
                "judged && (ready_drop || product_ready)",
                "judged",
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
        let points = [
            preset("spatten")?,
            preset("spatten")?.config(|c| c.exp = ExpMethod::Table)?,
            preset("spatten-1-8")?,
            preset("edge")?,
        ];
        for point in points {
            let lanes = point.config.softmax_lanes;
            if selection.parallelism.is_some_and(|only| only != lanes) {
                continue;
            }
            let stand = Stand::new(builder, point)?;
            for pattern in PATTERNS {
                progress(&format!("{lanes} lanes, {}", pattern.name));
                measured.push(stand.measure(&pattern)?);
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        60
    }
}

/// What the scores and the scale of a row look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Uniform over the whole range, from nearly flat to nearly one-hot.
    Wide,
    /// Close together somewhere in the range, from nearly flat to nearly one-hot.
    Near,
    /// One value.
    Flat,
    /// One score at the top of the range, all others at the bottom, at the largest scale.
    OneHot,
    /// Two scores take all.
    TwoMaxima,
    /// Falling by equal steps, over more octaves than count.
    Ladder,
    /// About 32 octaves below the maximum, where an exponential becomes 0.
    Threshold,
    /// About a whole number of octaves below the maximum.
    Seam,
    /// The mantissa 0: a flat row.
    Weightless,
    /// The smallest scale that is not 0.
    Faint,
    /// Any scores at any scale.
    Any,
}

/// Every kind.
const KINDS: [Kind; 11] = [
    Kind::Near,
    Kind::Wide,
    Kind::Flat,
    Kind::OneHot,
    Kind::TwoMaxima,
    Kind::Ladder,
    Kind::Threshold,
    Kind::Seam,
    Kind::Weightless,
    Kind::Faint,
    Kind::Any,
];

impl Kind {
    /// A row of `n` scores of `width` bits, and its scale.
    fn row(self, n: usize, width: u32, random: &mut Random) -> (Vec<i64>, Scale) {
        let (low, high) = (-(1i64 << (width - 1)), (1i64 << (width - 1)) - 1);
        let uniform = |random: &mut Random| random.random_range(low..=high);
        // `bits` of difference come to 2^-3 to 2^6 octaves.
        let fitting = |bits: u32, random: &mut Random| {
            let mant_bits: i32 = random.random_range(1..=16);
            let mant = random.random_range(1u32 << (mant_bits - 1)..1 << mant_bits) as u16;
            let shift = bits as i32 + mant_bits - random.random_range(-3..=6);
            scale(mant, shift.clamp(0, 47) as u8)
        };
        match self {
            Kind::Wide => {
                let scores = (0..n).map(|_| uniform(random)).collect();
                (scores, fitting(width, random))
            }
            Kind::Near => {
                let bits = random.random_range(0..width);
                let base = random.random_range(low..=high - ((1 << bits) - 1));
                let scores = (0..n)
                    .map(|_| base + random.random_range(0..1i64 << bits))
                    .collect();
                (scores, fitting(bits, random))
            }
            Kind::Flat => (vec![uniform(random); n], fitting(1, random)),
            Kind::OneHot => {
                let mut scores = vec![low; n];
                if n > 0 {
                    scores[random.random_range(0..n)] = high;
                }
                (scores, scale(u16::MAX, 0))
            }
            Kind::TwoMaxima => {
                let mut scores = vec![low; n];
                for _ in 0..2.min(n) {
                    scores[random.random_range(0..n)] = high;
                }
                (scores, scale(random.random_range(1..=u16::MAX), 3))
            }
            Kind::Ladder => {
                let step = ((high - low) / n.max(1) as i64).max(1);
                let step = random.random_range(1..=step);
                let from = random.random_range(low + step * (n as i64 - 1).max(0)..=high);
                let mut scores: Vec<i64> = (0..n as i64).map(|j| from - j * step).collect();
                if random.random_range(0..2) == 0 {
                    scores.reverse();
                }
                let bits = (step * n as i64).max(1).ilog2();
                (scores, fitting(bits, random))
            }
            Kind::Threshold | Kind::Seam => {
                let octaves = match self {
                    Kind::Threshold => 32,
                    _ => random.random_range(0..32),
                };
                // An octave is 2^shift / mant: as large as 40 of them fit the range.
                let mant =
                    [1 << 15, 1, u16::MAX, random.random_range(1..=u16::MAX)][random.random_range(0..4)];
                let most = (width - 6 + mant.ilog2()).min(47) as u8;
                let shift = random.random_range(0..=most);
                let distance = ((octaves << shift) / i64::from(mant)).min(high - low);
                let maximum = random.random_range(low + distance..=high);
                let scores = (0..n).map(|j| {
                    let off = random.random_range(-3..=3);
                    match j % 4 {
                        0 if j == n / 5 * 4 => maximum,
                        _ => (maximum - distance + off).clamp(low, maximum),
                    }
                });
                (scores.collect(), scale(mant, shift))
            }
            Kind::Weightless => {
                let scores = (0..n).map(|_| uniform(random)).collect();
                (scores, scale(0, random.random_range(0..=47)))
            }
            Kind::Faint => {
                let scores = (0..n).map(|_| uniform(random)).collect();
                (scores, scale(1, 47))
            }
            Kind::Any => {
                let scores = (0..n).map(|_| uniform(random)).collect();
                (
                    scores,
                    scale(random.next_u32() as u16, random.random_range(0..=47)),
                )
            }
        }
    }
}

fn scale(mantissa: u16, shift: u8) -> Scale {
    Scale::new(mantissa, shift.min(Scale::MAX_SHIFT)).unwrap_or_else(|_| unreachable!("clamped"))
}

/// A row that every case begins with.
struct Corner {
    kind: Kind,
    n: usize,
}

/// The corners, and every length at a boundary: of nothing, of a beat, of a longest row.
fn corners(most: usize, lanes: usize) -> Vec<Corner> {
    let corner = |kind, n: usize| Corner { kind, n: n.min(most) };
    let short = KINDS.iter().map(|&kind| corner(kind, 1));
    let beat = KINDS.iter().map(|&kind| corner(kind, 3 * lanes - 1));
    short
        .chain(beat)
        .chain([
            corner(Kind::Any, 0),
            corner(Kind::OneHot, 0),
            corner(Kind::Near, lanes),
            corner(Kind::Near, lanes + 1),
            corner(Kind::OneHot, most),
            corner(Kind::Near, most),
            corner(Kind::Wide, most - 1),
        ])
        .collect()
}

/// A row on its way through the block.
struct Fed<'a> {
    scores: &'a [i64],
    scale: Scale,
    /// Cut to the width of the port.
    ctx: i64,
    drop: bool,
    /// An empty beat ends the row after full ones.
    open: bool,
}

/// Appends rows, and what must come of them, to a case.
struct Feed {
    golden: Golden,
    lanes: usize,
}

impl Feed {
    fn new(config: &Config) -> Self {
        Feed {
            golden: Golden::new(config.prob_width, config.exp),
            lanes: config.softmax_lanes as usize,
        }
    }

    fn row(&self, case: &mut Case, row: &Fed) {
        let Fed { scores, scale, .. } = *row;
        let ctx_w = case.stream("push").layout().lane_width("ctx");
        let ctx = row.ctx & ((1 << ctx_w) - 1);
        let exponentials = self.golden.exponentials(scores, scale);
        let probs = self.golden.row(scores, scale);
        let beats = scores.len().div_ceil(self.lanes).max(1) + usize::from(row.open);
        for beat in 0..beats {
            let here = (beat * self.lanes).min(scores.len())..((beat + 1) * self.lanes).min(scores.len());
            let last = i64::from(beat == beats - 1);
            case.beat("push")
                .lanes("scores", scores[here.clone()].iter().copied())
                .set("count", here.len() as i64)
                .set("last", last)
                .set("mant", i64::from(scale.mantissa()))
                .set("shift", i64::from(scale.shift()))
                .set("ctx", ctx);
            if !row.drop {
                case.beat("pop")
                    .lanes("probs", probs[here.clone()].iter().copied())
                    .set("count", here.len() as i64)
                    .set("last", last)
                    .set("ctx", ctx);
            }
        }
        case.beat("sum")
            .set("sum", self.golden.sum(&exponentials) as i64)
            .set("ctx", ctx);
        case.beat("verdict").set("drop", i64::from(row.drop));
        case.end_row();
    }
}

/// Lengths of the rows that follow one another in a measurement.
struct Pattern {
    name: &'static str,
    /// The lengths, in order, of rows of at most so many scores.
    lengths: fn(usize) -> Vec<usize>,
    /// Every second row is dropped.
    drop: bool,
}

const PATTERNS: [Pattern; 10] = [
    Pattern::equal("0", |_| vec![0; 1000]),
    Pattern::equal("1", |_| vec![1; 1000]),
    Pattern::equal("8", |_| vec![8; 1000]),
    Pattern::equal("102", |_| vec![102; 400]),
    Pattern::equal("max-tokens", |most| vec![most; 30]),
    Pattern::equal("1, 2 .. 300", |_| (1..=300).collect()),
    Pattern::equal("300, 299 .. 1", |_| (1..=300).rev().collect()),
    Pattern::equal("max-tokens, 400 of 1", |most| {
        (0..1203)
            .map(|row| if row % 401 == 0 { most } else { 1 })
            .collect()
    }),
    Pattern::equal("1, max-tokens", |most| {
        (0..60).map(|row| if row % 2 == 0 { 1 } else { most }).collect()
    }),
    Pattern {
        drop: true,
        ..Pattern::equal("102, half dropped", |_| vec![102; 400])
    },
];

impl Pattern {
    const fn equal(name: &'static str, lengths: fn(usize) -> Vec<usize>) -> Self {
        Pattern {
            name,
            lengths,
            drop: false,
        }
    }
}

/// Cycles from a row's first beat to its sum.
pub const TO_SUM: &str = "to sum";
/// Cycles from a row's first beat to its first probabilities.
pub const TO_POP: &str = "to probs";
/// Cycles in which a beat was not taken.
pub const BUBBLES: &str = "bubbles";

/// The block in a frame that holds each verdict back until so many cycles after its sum.
pub struct Stand {
    point: Point,
    sizes: Sizes,
    interface: Interface,
    library: Arc<Library>,
}

/// What a run on a [`Stand`] showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Showing {
    /// Cycles from the first beat taken to the first sum.
    pub to_sum: u64,
    /// Cycles from the first beat taken to the first probabilities; 0 when there were none.
    pub to_pop: u64,
    /// Cycles from the first beat taken to the last one, less the beats that could be taken.
    pub bubbles: u64,
    /// Cycles from the first beat of probabilities to the last one, less the beats.
    pub gaps: u64,
}

impl Stand {
    /// Builds the block at a point.
    ///
    /// # Errors
    /// When the RTL cannot be built.
    pub fn new(builder: &Builder, point: Point) -> anyhow::Result<Self> {
        const TEMPLATE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/bench/softmax_judged.v"
        ));
        let sizes = Sizes::new(&point.config);
        let mut judged = design("softmax", &point, None)?;
        let mut context = tera::Context::new();
        context.insert("lanes", &sizes.lanes);
        context.insert("count_w", &sizes.count_w);
        context.insert("score_w", &point.config.score_width());
        context.insert("sum_w", &point.config.sum_width());
        context.insert("prob_w", &sizes.p);
        context.insert("rst", "rst");
        judged.sources.push((
            "softmax_judged.v".into(),
            rtl::render_template(TEMPLATE, &context)?,
        ));
        judged.top = "softmax_judged".into();
        judged
            .interface
            .ports
            .push((Direction::In, Field::new("wait_", 7)));
        Ok(Stand {
            interface: judged.interface.clone(),
            library: builder.build(judged)?,
            sizes,
            point,
        })
    }

    /// The sizes of the block.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Sends rows of these lengths at full rate, each verdict `wait` cycles after its sum.
    ///
    /// # Errors
    /// When the run cannot be made or an answer is wrong.
    pub fn show(&self, lengths: &[usize], drop: bool, wait: u32) -> anyhow::Result<Showing> {
        let mut random = Random::seed_from_u64(lengths.len() as u64);
        let feed = Feed::new(&self.point.config);
        let width = self.point.config.score_width();
        let mut case = Case::new(&self.interface);
        case.port("wait_", u64::from(wait));
        for (row, &n) in lengths.iter().enumerate() {
            let (scores, scale) = Kind::Near.row(n, width, &mut random);
            feed.row(
                &mut case,
                &Fed {
                    scores: &scores,
                    scale,
                    ctx: row as i64,
                    drop: drop && row % 2 == 1,
                    open: false,
                },
            );
        }
        let outcome = run(&self.library, &case, Pace::Always)?;
        let taken = outcome.accepted("push");
        let span = |cycles: &[u64]| match cycles {
            [first, .., last] => last - first + 1 - cycles.len() as u64,
            _ => 0,
        };
        let since = |stream| {
            let first = outcome.output(stream).cycles.first();
            first.map_or(0, |first| first - taken[0])
        };
        Ok(Showing {
            to_sum: since("sum"),
            to_pop: since("pop"),
            bubbles: span(taken),
            gaps: span(&outcome.output("pop").cycles),
        })
    }

    fn measure(&self, pattern: &Pattern) -> anyhow::Result<Measurement> {
        let config = &self.point.config;
        let lengths = (pattern.lengths)(config.max_tokens as usize);
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let slack = self.sizes.verdict_slack();
        let together = self.show(&lengths, pattern.drop, slack)?;
        let alone = self.show(&[longest], false, slack)?;
        let beats = |n: usize| n.div_ceil(self.sizes.lanes as usize).max(1) as u64;
        let all: u64 = lengths.iter().map(|&n| beats(n)).sum();
        let scores: usize = lengths.iter().sum();
        let later = 2 * (beats(longest) - 1);
        Ok(Measurement {
            setting: vec![
                ("lanes", self.sizes.lanes.to_string()),
                (
                    "exp",
                    crate::config::parameter("exp").map_or(String::new(), |p| p.get(config).to_string()),
                ),
                ("rows of", pattern.name.into()),
            ],
            figures: vec![
                (
                    "scores/cycle",
                    Some(scores as f64 / (all + together.bubbles) as f64),
                ),
                (BUBBLES, Some(together.bubbles as f64)),
                (TO_SUM, Some(alone.to_sum as f64)),
                (TO_POP, Some(alone.to_pop as f64)),
            ],
            bounds: vec![
                (BUBBLES, 0.0),
                (TO_SUM, (u64::from(self.sizes.first_to_sum()) + later) as f64),
                (TO_POP, (u64::from(self.sizes.first_to_pop()) + later) as f64),
            ],
        })
    }
}
