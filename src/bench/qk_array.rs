//! Bench of the Q×K array: rows of every head dimension and length, in one pass and in two.

use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, design};
use crate::config::{Config, PRESETS, Params, Reset};
use crate::golden::qk_array::{msb_mask, scores, second_pass};
use crate::rtl::{self, Interface};
use crate::sim::{Builder, Case, Library, Pace};
use anyhow::{Context as _, ensure};
use rand::{Rng, RngExt, SeedableRng};
use std::sync::Arc;

/// `qk_array` against [`scores`] and [`second_pass`]; a row is a row.
pub struct QkArray;

impl Bench for QkArray {
    fn block(&self) -> &'static str {
        "qk_array"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let preset = |index: usize, change: fn(&mut Params)| {
            Point::new(PRESETS[index].name).config(|c| {
                *c = PRESETS[index].params();
                change(c);
            })
        };
        let sized = |name, multipliers, head_dim, width, change: fn(&mut Params)| {
            Point::new(name).config(|c| {
                c.multipliers = multipliers;
                c.head_dim = head_dim;
                c.width = width;
                change(c);
            })
        };
        Ok(vec![
            preset(0, |_| ())?,
            preset(1, |_| ())?,
            preset(2, |c| c.reset = Reset::AsyncHigh)?,
            preset(3, |c| c.reset = Reset::SyncLow)?,
            sized("one-key", 32, 32, 8, |c| c.reset = Reset::AsyncLow)?,
            sized("three-keys-w9", 96, 32, 9, |c| c.ram_latency = 2)?.parameter("CTX_W", 1),
            sized("m192", 192, 64, 11, |_| ())?.parameter("CTX_W", 37),
            sized("dim128", 128, 128, 12, |c| c.ram_latency = 2)?,
            sized("dim128-m384-w16", 384, 128, 16, |c| {
                c.ram = crate::config::Ram::Macro;
                c.reset = Reset::SyncLow;
            })?,
            sized("w16", 64, 64, 16, |c| {
                c.ram_latency = 2;
                c.reset = Reset::AsyncLow;
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
        let config = &point.config;
        let mut case = Case::new(interface);
        let corners = corners(config);
        // Stretches of one head dimension and length, too.
        let mut shape = corners[0];
        for index in 0..rows {
            match corners.get(index) {
                Some(corner) => shape = *corner,
                None if random.random_range(0..3) > 0 => shape = Shape::random(config, random),
                None => (),
            }
            Row::random(config, &shape, random).push(&mut case, config);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let array = Mutant::of("qk_array");
        let leaf = Mutant::of("dot_product");
        vec![
            array(
                "the first pass dropped",
                "sum_q <= score + base",
                "sum_q <= score",
            ),
            array(
                "the LSB products dropped",
                "sum_q <= score + base",
                "sum_q <= fifo_add ? base : score",
            ),
            array(
                "base added to every row",
                "fifo_add ? base_scores",
                "1'b1 ? base_scores",
            ),
            array(
                "base of another lane",
                "base_scores[lane*SCORE_W+:SCORE_W]",
                "base_scores[(LEAVES-1-lane)*SCORE_W+:SCORE_W]",
            ),
            array(
                "base taken for an empty beat",
                "add_q && count_q != {COUNT_W{1'b0}}",
                "add_q",
            ),
            array("base not waited for", "free && (base_valid || !fifo_add)", "free"),
            array(
                "base taken twice under back-pressure",
                "base_ready = free && fifo_valid",
                "base_ready = fifo_valid",
            ),
            array(
                "the ragged last beat counted whole",
                "count_q <= key_count",
                "count_q <= (key_count == {COUNT_W{1'b0}}) ? key_count : LEAVES[COUNT_W-1:0]",
            ),
            array("last lost", "last_q, count_q}", "1'b0, count_q}"),
            array("context out of step", "{ctx_q, add_q", "{next_ctx, add_q"),
            array(
                "query of the next row",
                "if (!row_open_q) begin",
                "if (next_valid) begin",
            ),
            array("row begun without its query", "&& (row_open_q || next_valid)", ""),
            array(
                "query lost",
                "next_ready = key_taken && !row_open_q",
                "next_ready = key_taken",
            ),
            array(
                "query not repeated",
                "{2{next_query[0+:LEAF*WIDTH]}}",
                "next_query[0+:2*LEAF*WIDTH]",
            ),
            array(
                "query repeated for a larger D",
                "(next_dim == DIM_32) ?",
                "1'b1 ?",
            ),
            array(
                "query repeated at D = 128",
                "(next_dim == DIM_128) ? next_query : {2{spread_64}}",
                "{2{spread_64}}",
            ),
            array(
                "parts of the query exchanged",
                "lane % (HEAD_DIM / LEAF)",
                "(lane + 1) % (HEAD_DIM / LEAF)",
            ),
            array("adder tree of D = 32", "if (dim != DIM_32)", "if (1'b0)"),
            array(
                "adder tree of D = 64 at D = 32",
                "if (dim != DIM_32)",
                "if (1'b1)",
            ),
            array(
                "adder tree of D = 64 at D = 128",
                "if (dim == DIM_128)",
                "if (1'b0)",
            ),
            array("D out of step", "dims_q[3*2+:2]", "dims_q[2*2+:2]"),
            array(
                "lanes not moved together",
                "scores_64[lane*SCORE_W+:SCORE_W]",
                "scores_64[(LEAVES/2-1-lane)*SCORE_W+:SCORE_W]",
            ),
            array(
                "pairs of other lanes",
                "scores_32[(2*lane+1)*SCORE_W+:SCORE_W]",
                "scores_32[(lane+LEAVES/2)*SCORE_W+:SCORE_W]",
            ),
            array(
                "quadruples of other lanes",
                "scores_32[(4*lane+3)*SCORE_W+:SCORE_W]",
                "scores_32[(lane+3*LEAVES/4)*SCORE_W+:SCORE_W]",
            ),
            array(
                "sign of a leaf lost",
                "{(SCORE_W - SUM_W){sum[SUM_W-1]}}",
                "{(SCORE_W - SUM_W){1'b0}}",
            ),
            array(
                "more beats than the FIFO holds",
                "credits_q != {CREDIT_W{1'b0}} &&",
                "",
            ),
            array(
                "credits given back twice",
                "if (fifo_pop && !key_taken) credits_q",
                "if (fifo_pop) credits_q",
            ),
            array("output not held", "if (free) sum_q", "sum_q"),
            leaf(
                "sign of the query lost",
                "wire signed [WIDTH-1:0] q",
                "wire [WIDTH-1:0] q",
            ),
            leaf(
                "sign of the key lost",
                "wire signed [WIDTH-1:0] k",
                "wire [WIDTH-1:0] k",
            ),
            leaf("sign of a product lost", "{2{product_q[PRODUCT_W-1]}}", "2'b00"),
            leaf("sign of a sum of four lost", "{2{four_q[FOUR_W-1]}}", "2'b00"),
            leaf(
                "a product left out",
                "(terms[2*FOUR_W+:FOUR_W] + terms[3*FOUR_W+:FOUR_W])",
                "terms[2*FOUR_W+:FOUR_W]",
            ),
            leaf("a stage out of step", "if (step[2])", "if (step[3])"),
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
        if selection.parallelism.is_some() {
            return Ok(measured); // of the top-k engine
        }
        let full = Point::new("spatten");
        let large = Point::new("dim128").config(|c| c.head_dim = 128)?;
        let dims: [(&Point, &[&[u32]]); 2] = [
            (&full, &[&[32], &[64], &[32, 64]]),
            (&large, &[&[128], &[32, 64, 128]]),
        ];
        for (point, dims) in dims {
            let library = builder.build(design("qk_array", point, None)?)?;
            for &dims in dims {
                for length in LENGTHS {
                    progress(&format!("D = {}, rows of {}", in_turn(dims), length.name()));
                    measured.push(measure(&library, point, dims, length)?);
                }
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        100
    }
}

/// What the elements of a row are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    /// Uniform over all integers of `width` bits.
    Uniform,
    /// The most negative one only, which gives the largest score.
    Lowest,
    /// Queries of the most positive one, keys of the most negative one: the smallest score.
    Opposite,
    /// The two extremes at random.
    Extremes,
    /// One element of the query that is not zero, so that each score is one element of a key.
    OneHot,
    /// Small ones.
    Small,
}

const VALUES: [Values; 6] = [
    Values::Uniform,
    Values::Lowest,
    Values::Opposite,
    Values::Extremes,
    Values::OneHot,
    Values::Small,
];

/// Where the base scores of a row come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// There are none.
    Only,
    /// A first pass with the MSBs, of which this is the second.
    Second,
    /// Anywhere, so that sums may wrap around.
    Any,
}

/// Of which kind a row is.
#[derive(Clone, Copy, Debug)]
struct Shape {
    dim: u32,
    keys: usize,
    /// Ends with a beat of no keys although the beats before are full.
    open_end: bool,
    values: Values,
    pass: Pass,
}

/// Head dimensions that can be chosen.
fn dims(config: &Config) -> Vec<u32> {
    [32, 64, 128]
        .into_iter()
        .filter(|&dim| dim <= config.head_dim)
        .collect()
}

/// Rows to begin with: at each head dimension lengths around one beat and two, the extremes, a row that looks at every element;
/// each in one pass and in two. The first is a full beat.
fn corners(config: &Config) -> Vec<Shape> {
    let mut corners = Vec::new();
    for dim in dims(config) {
        let lanes = (config.multipliers / dim) as usize;
        let mut shape = |keys, values| {
            for pass in [Pass::Only, Pass::Second] {
                corners.push(Shape {
                    dim,
                    keys,
                    open_end: keys == lanes,
                    values,
                    pass,
                });
            }
        };
        for keys in [1, lanes - 1, lanes, lanes + 1, 2 * lanes, 0] {
            shape(keys, Values::Uniform);
        }
        for values in [Values::Lowest, Values::Opposite, Values::Extremes] {
            shape(lanes, values);
        }
    }
    corners
}

impl Shape {
    fn random(config: &Config, random: &mut Random) -> Self {
        let dims = dims(config);
        let dim = dims[random.random_range(0..dims.len())];
        let lanes = (config.multipliers / dim) as usize;
        let beats = 1 << random.random_range(0..4);
        Shape {
            dim,
            keys: match random.random_range(0..8) {
                0 => 0,
                1 => 1,
                2..5 => lanes * random.random_range(1..=beats),
                _ => random.random_range(1..=lanes * beats),
            },
            open_end: random.random_range(0..4) == 0,
            values: VALUES[random.random_range(0..VALUES.len())],
            pass: [Pass::Only, Pass::Second, Pass::Any][random.random_range(0..3)],
        }
    }
}

/// A row with what must come of it.
struct Row {
    dim: u32,
    ctx: u64,
    open_end: bool,
    query: Vec<i16>,
    /// Key after key.
    keys: Vec<i16>,
    /// Scores of the first pass.
    base: Option<Vec<i64>>,
}

impl Row {
    fn random(config: &Config, shape: &Shape, random: &mut Random) -> Self {
        let width = config.width;
        let low = -1i16 << (width - 1);
        let mut vector = |length: usize, extreme: i16| -> Vec<i16> {
            let element = |random: &mut Random| match shape.values {
                Values::Uniform | Values::OneHot => random.random_range(low..=!low),
                Values::Lowest | Values::Opposite => extreme,
                Values::Extremes => [low, !low][random.random_range(0..2)],
                Values::Small => random.random_range(-4..=4),
            };
            (0..length).map(|_| element(random)).collect()
        };
        let dim = shape.dim as usize;
        let mut query = vector(dim, if shape.values == Values::Lowest { low } else { !low });
        let mut keys = vector(shape.keys * dim, low);
        if shape.values == Values::OneHot {
            let only = random.random_range(0..dim);
            query.iter_mut().enumerate().for_each(|(d, q)| {
                if d != only {
                    *q = 0;
                }
            });
        }
        let base = match shape.pass {
            Pass::Only => None,
            Pass::Second => {
                let mask = msb_mask(width, random.random_range(1..=width));
                let base = scores(&query, &keys, mask, width);
                keys.iter_mut().for_each(|key| *key &= !mask);
                Some(base)
            }
            Pass::Any => {
                let bound = 1i64 << (config.score_width() - 1);
                Some(
                    (0..shape.keys)
                        .map(|_| random.random_range(-bound..bound))
                        .collect(),
                )
            }
        };
        Row {
            dim: shape.dim,
            ctx: random.next_u64(),
            open_end: shape.open_end,
            query,
            keys,
            base,
        }
    }

    /// Appends the row to the input streams and its scores to the output stream.
    fn push(&self, case: &mut Case, config: &Config) {
        let dim = self.dim as usize;
        let lanes = config.multipliers as usize / dim;
        let ctx_width = case.stream("query").layout().lane_width("ctx");
        let ctx = (self.ctx & (u64::MAX >> (64 - ctx_width))) as i64;
        case.beat("query")
            .lanes("data", self.query.iter().copied())
            .set("dim", i64::from(self.dim.ilog2() - 5))
            .set("add", i64::from(self.base.is_some()))
            .set("ctx", ctx);

        let mut expected = scores(&self.query, &self.keys, -1, config.width);
        if let Some(base) = &self.base {
            expected = second_pass(base, &expected, config.score_width());
        }
        let n = expected.len();
        let beats = n.div_ceil(lanes) + usize::from(n == 0 || self.open_end && n % lanes == 0);
        for beat in 0..beats {
            let here = (beat * lanes).min(n)..((beat + 1) * lanes).min(n);
            let (count, last) = (here.len() as i64, i64::from(beat == beats - 1));
            case.beat("key")
                .lanes(
                    "data",
                    self.keys[here.start * dim..here.end * dim].iter().copied(),
                )
                .set("count", count)
                .set("last", last);
            if let Some(base) = &self.base
                && count > 0
            {
                case.beat("base")
                    .lanes("scores", base[here.clone()].iter().copied());
            }
            case.beat("pop")
                .lanes("scores", expected[here].iter().copied())
                .set("count", count)
                .set("last", last)
                .set("ctx", ctx);
        }
        case.end_row();
    }
}

/// Row lengths that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// One full beat.
    Beat,
    /// 1 to 4 beats, at random.
    Ragged,
    /// 1024 keys.
    Long,
}

const LENGTHS: [Length; 3] = [Length::Beat, Length::Ragged, Length::Long];

impl Length {
    fn name(self) -> &'static str {
        match self {
            Length::Beat => "one beat",
            Length::Ragged => "1 to 4 beats",
            Length::Long => "1024 keys",
        }
    }

    /// Rows back to back; of the long ones fewer, which have as many beats.
    fn rows(self) -> usize {
        match self {
            Length::Beat | Length::Ragged => 1000,
            Length::Long => 50,
        }
    }
}

const LATENCY: &str = "latency";
const FROM_QUERY: &str = "from query";
const FROM_BASE: &str = "from base";
const PAUSES: &str = "pauses";

/// Head dimensions that take turns, in words.
fn in_turn(dims: &[u32]) -> String {
    dims.iter().map(u32::to_string).collect::<Vec<_>>().join("/")
}

/// Rows back to back, their head dimensions taking turns, half of them second passes; then one row alone.
fn measure(
    library: &Arc<Library>,
    point: &Point,
    dims: &[u32],
    length: Length,
) -> anyhow::Result<Measurement> {
    let config = &point.config;
    let module = rtl::module("qk_array").context("qk_array is a module")?;
    let interface = &module.interface(config, &point.parameters);
    let mut random = Random::seed_from_u64(dims[0].into());
    let row = |random: &mut Random, dim, keys, pass| {
        let shape = Shape {
            dim,
            keys,
            open_end: false,
            values: Values::Uniform,
            pass,
        };
        Row::random(config, &shape, random)
    };
    let lanes = |dim: u32| (config.multipliers / dim) as usize;
    let mut case = Case::new(interface);
    let mut keys = 0;
    for index in 0..length.rows() {
        let dim = dims[index % dims.len()];
        let n = match length {
            Length::Beat => lanes(dim),
            Length::Ragged => random.random_range(1..=4 * lanes(dim)),
            Length::Long => 1024,
        };
        keys += n;
        let pass = [Pass::Only, Pass::Second][index / dims.len() % 2];
        row(&mut random, dim, n, pass).push(&mut case, config);
    }
    let outcome = run(library, &case, Pace::Always)?;
    let (accepted, offered) = (outcome.accepted("key"), &outcome.output("pop").cycles);
    let cycles = |of: &[u64]| of[of.len() - 1] - of[0] + 1;
    let beats = accepted.len() as u64;
    ensure!(beats == offered.len() as u64, "a beat gives a beat");

    let mut alone = Case::new(interface);
    row(&mut random, dims[0], lanes(dims[0]), Pass::Second).push(&mut alone, config);
    let alone = run(library, &alone, Pace::Always)?;
    let since = |stream| (alone.output("pop").cycles[0] - alone.accepted(stream)[0]) as f64;

    let stated = module.latencies(config);
    let stated = f64::from(stated.first().context("qk_array states its latency")?.cycles);
    Ok(Measurement {
        setting: vec![
            ("multipliers", config.multipliers.to_string()),
            ("head-dim", config.head_dim.to_string()),
            ("D", in_turn(dims)),
            ("rows", length.rows().to_string()),
            ("length", length.name().into()),
        ],
        figures: vec![
            ("keys/cycle", Some(keys as f64 / cycles(offered) as f64)),
            ("keys/beat", Some(keys as f64 / beats as f64)),
            (
                PAUSES,
                Some((cycles(accepted).max(cycles(offered)) - beats) as f64),
            ),
            (LATENCY, Some(since("key"))),
            (FROM_QUERY, Some(since("query"))),
            (FROM_BASE, Some(since("base"))),
        ],
        bounds: vec![
            (PAUSES, 0.0),
            (LATENCY, stated),
            (FROM_QUERY, stated + 1.0),
            (FROM_BASE, 1.0),
        ],
    })
}
