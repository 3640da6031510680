//! Bench of the softmax: rows of every length and scale, dropped and kept.


use super::rows;
use super::{Bench, Mutant, Point, Random};
use crate::config::{Config, ExpMethod, PRESETS, Preset, Ram, Reset};
use crate::golden::softmax::{MAX_ROW, Scale, Softmax as Golden};
use crate::rtl::Interface;

use crate::sim::Case;
use anyhow::Context as _;
use rand::{Rng, RngExt};

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
                open: n > 0 && n % lanes == 0 && random.random_range(0..4) == 0,
            };
            feed.row(&mut case, &row);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        Vec::new()
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
                let mant = [1 << 15, 1, u16::MAX, random.random_range(1..=u16::MAX)]
                    [random.random_range(0..4)];
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
                (scores, scale(random.next_u32() as u16, random.random_range(0..=47)))
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
