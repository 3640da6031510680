//! Bench of the prob × V array: rows of every length and head dimension, sums and factors that round and saturate in
//! every way.

use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, design};
use crate::config::{Config, Ram, Reset};
use crate::golden::av_array::{magnitude, output};
use crate::golden::quant::Factor;
use crate::rtl::av_array::AvArray as AV_ARRAY;
use crate::rtl::{Interface, Module};
use crate::sim::{Builder, Case, Library, Pace};
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

/// `av_array` against [`output`] and [`magnitude`]; a row is a row.
pub struct AvArray;

/// A row for the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Head dimension.
    pub dim: usize,
    /// Probabilities.
    pub probs: Vec<u16>,
    /// A vector of `dim` elements for each probability.
    pub values: Vec<i16>,
    /// Output factor.
    pub factor: Factor,
    /// What travels with the row.
    pub ctx: u64,
    /// Ends with an empty beat of its own, as a row does whose last elements filled a beat before its end was known.
    pub open: bool,
}

/// What the operands of a row look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Independent, over the whole range.
    Uniform,
    /// The ends of the ranges, which give the largest sums of either sign.
    Extremes,
    /// The largest probability and the most negative value everywhere: the largest sum there is.
    Least,
    /// A few small probabilities and values: sums that end in ties.
    Small,
    /// Powers of two: ties far above the sum's low bits.
    Powers,
    /// Powers of two, and at the end what misses the tie by the least there is.
    NearTie,
    /// All but one probability is zero.
    OneHot,
}

const KINDS: [Kind; 7] = [
    Kind::Uniform,
    Kind::Extremes,
    Kind::Least,
    Kind::Small,
    Kind::Powers,
    Kind::NearTie,
    Kind::OneHot,
];

/// Rows at the start of a case whose kind, length and head dimension are set; the others are drawn.
const DIRECTED: usize = 5 * KINDS.len();

/// The row of a case that is as long as a row can be, with the largest sum there is.
const LONGEST: usize = 63;

impl Kind {
    fn operands(self, n: usize, dim: usize, config: &Config, random: &mut Random) -> (Vec<u16>, Vec<i16>) {
        let (prob_w, value_w) = (config.prob_width, config.width);
        let most = ((1u32 << prob_w) - 1) as u16;
        let limit = 1i32 << (value_w - 1);
        let hot = random.random_range(0..n.max(1));
        let mut prob = |j: usize| match self {
            Kind::Uniform => random.random_range(0..=most),
            Kind::Extremes => [0, most, most, most - 1][random.random_range(0..4)],
            Kind::Least => most,
            Kind::Small => random.random_range(0..=3),
            Kind::NearTie if j == n - 1 => 1,
            Kind::Powers | Kind::NearTie => [0, 1 << (prob_w - 1)][random.random_range(0..2)],
            Kind::OneHot if j == hot => most,
            Kind::OneHot => 0,
        };
        let probs = (0..n).map(&mut prob).collect();
        let sign = random.random_range(0..3); // values of both signs, or of one
        let mut value = || {
            let value = match self {
                Kind::Uniform | Kind::OneHot => random.random_range(-limit..limit),
                Kind::Extremes => [-limit, limit - 1, -limit, -1][random.random_range(0..4)],
                Kind::Least => -limit,
                Kind::Small => random.random_range(-3..=3),
                Kind::Powers | Kind::NearTie => [0, limit / 2, -limit / 2][random.random_range(0..3)],
            };
            let value = match (self, sign) {
                (Kind::Least, _) | (_, 0) => value,
                (_, 1) => value.abs().min(limit - 1),
                _ => -value.abs(),
            };
            value as i16
        };
        let mut values: Vec<i16> = (0..n * dim).map(|_| value()).collect();
        if self == Kind::NearTie && n > 0 {
            values[(n - 1) * dim..].fill_with(|| random.random_range(-1..=1));
        }
        (probs, values)
    }

    /// A factor under which sums of this kind round and saturate in interesting ways.
    fn factor(self, n: usize, config: &Config, random: &mut Random) -> Factor {
        let powers = config.prob_width + config.width - 3;
        let sum_bits = match self {
            Kind::Small => 3,
            Kind::Powers | Kind::NearTie => powers,
            _ => config.prob_width + config.width - 1,
        } + (n as u32).next_power_of_two().ilog2() / 2;
        match (random.random_range(0..4), self) {
            (0, _) => Factor {
                mantissa: random.random(),
                shift: random.random_range(0..=Factor::MAX_SHIFT),
            },
            // A mantissa of one bit and a shift just above it: ties.
            (1 | 2, Kind::Small | Kind::Powers | Kind::NearTie) => {
                let bit = random.random_range(0..16);
                let lowest = if self == Kind::Small { 0 } else { powers };
                let shift = bit + lowest + random.random_range(1..=3);
                Factor {
                    mantissa: 1 << bit,
                    shift: shift.min(Factor::MAX_SHIFT.into()) as u8,
                }
            }
            // An output about as wide as its format, now and then too wide.
            _ => {
                let mantissa: u16 = random.random_range(1..=u16::MAX);
                let width = sum_bits + u32::from(mantissa).ilog2() + 1 + random.random_range(0..4);
                let shift = width.saturating_sub(config.out_width);
                Factor {
                    mantissa,
                    shift: shift.min(Factor::MAX_SHIFT.into()) as u8,
                }
            }
        }
    }
}

/// A length: often one to a few beats of `lanes`, full or ragged, sometimes none, rarely many.
fn length(lanes: usize, most: usize, random: &mut Random) -> usize {
    let n = match random.random_range(0..16) {
        0 => 0,
        1 => 1,
        2..=4 => lanes * random.random_range(1..=4),
        5 => random.random_range(0..=40 * lanes),
        _ => random.random_range(1..=6 * lanes),
    };
    n.min(most)
}

/// Appends a row and what must come of it.
pub fn push_row(case: &mut Case, config: &Config, row: &Row) {
    let (dim, n) = (row.dim, row.probs.len());
    let lanes = config.multipliers as usize / dim;
    let beats = n.div_ceil(lanes).max(1) + usize::from(row.open && n > 0 && n % lanes == 0);
    for beat in 0..beats {
        let here = (beat * lanes).min(n)..((beat + 1) * lanes).min(n);
        case.beat("prob")
            .lanes("probs", row.probs[here.clone()].iter().copied())
            .set("count", here.len() as i64)
            .set("last", beat == beats - 1)
            .set("dim", i64::from(dim.ilog2()) - 5)
            .set("mant", row.factor.mantissa)
            .set("shift", row.factor.shift)
            .set("ctx", row.ctx as i64);
        if !here.is_empty() {
            case.beat("value").lanes(
                "data",
                row.values[here.start * dim..here.end * dim].iter().copied(),
            );
        }
    }
    let out = output(&row.probs, &row.values, dim, row.factor, config.out_width);
    let lanes = config.output_lanes() as usize;
    for (beat, elements) in out.chunks(lanes).enumerate() {
        case.beat("pop")
            .lanes("data", elements.iter().copied())
            .set("last", (beat + 1) * lanes == dim)
            .set("ctx", row.ctx as i64);
    }
    case.beat("magnitude")
        .set("sum", magnitude(&out))
        .set("ctx", row.ctx as i64);
    case.end_row();
}

/// Head dimensions that can be chosen at run time.
fn dims(config: &Config) -> Vec<usize> {
    [32, 64, 128]
        .into_iter()
        .filter(|&dim| dim <= config.head_dim as usize)
        .collect()
}

impl Bench for AvArray {
    fn block(&self) -> &'static str {
        "av_array"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        Ok(vec![
            Point::new("spatten-1-8").config(|c| c.multipliers = 64)?,
            Point::new("spatten"),
            Point::new("edge-async-low").config(|c| {
                c.multipliers = 64;
                c.max_tokens = 512;
                c.reset = Reset::AsyncLow;
            })?,
            Point::new("tiny").config(|c| {
                c.multipliers = 64;
                c.head_dim = 32;
                c.max_tokens = 64;
            })?,
            Point::new("head128-sync-low").config(|c| {
                c.multipliers = 128;
                c.head_dim = 128;
                c.reset = Reset::SyncLow;
            })?,
            Point::new("head128-m384-ram-latency-2").config(|c| {
                c.multipliers = 384;
                c.head_dim = 128;
                c.ram_latency = 2;
            })?,
            // The narrowest formats, one multiplier a column, rows that one beat can exceed.
            Point::new("narrow-m32-ram-macro").config(|c| {
                c.multipliers = 32;
                c.head_dim = 32;
                c.max_tokens = 16;
                (c.parallelism, c.width, c.prob_width, c.out_width) = (4, 8, 8, 8);
                c.ram = Ram::Macro;
            })?,
            // The widest formats: sums of four chunks.
            Point::new("wide-m32-async-high").config(|c| {
                c.multipliers = 32;
                c.head_dim = 32;
                c.max_tokens = 32768;
                (c.width, c.prob_width, c.out_width) = (16, 16, 16);
                c.reset = Reset::AsyncHigh;
            })?,
            // Levels of sums that are not full.
            Point::new("odd-m576-ctx3")
                .config(|c| {
                    c.multipliers = 576;
                    c.head_dim = 32;
                    c.max_tokens = 40;
                    (c.width, c.prob_width, c.out_width) = (11, 9, 13);
                })?
                .parameter("CTX_W", 3),
            Point::new("row37-ctx1-ram-latency-2")
                .config(|c| {
                    c.multipliers = 64;
                    c.ram_latency = 2;
                })?
                .parameter("CTX_W", 1)
                .parameter("MAX_ROW", 37),
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
        let most = interface.parameter("MAX_ROW") as usize;
        let ctx_mask = (1u64 << interface.parameter("CTX_W")) - 1;
        let dims = dims(config);
        let mut case = Case::new(interface);
        // Stretches of one head dimension and of one length, and changes in every row.
        let (mut dim, mut n) = (dims[0], 1);
        for number in 0..rows {
            let (kind, open);
            if number == LONGEST {
                // Now and then only where that takes long.
                let least = most.min(4096);
                let n_here = if random.random_range(0..8) == 0 {
                    most
                } else {
                    least
                };
                (kind, n, open) = (Kind::Least, n_here, false);
            } else if number < DIRECTED {
                // Each kind in turn at each length; the first row is one full beat at the largest dimension.
                kind = KINDS[number % KINDS.len()];
                dim = dims[dims.len() - 1 - number % dims.len()];
                let lanes = config.multipliers as usize / dim;
                n = [lanes, 0, lanes + 1, 1, 3 * lanes][number / KINDS.len()].min(most);
                open = number / KINDS.len() == 4;
            } else {
                kind = KINDS[random.random_range(0..KINDS.len())];
                if random.random_range(0..3) > 0 {
                    dim = dims[random.random_range(0..dims.len())];
                }
                if random.random_range(0..3) > 0 {
                    n = length(config.multipliers as usize / dim, most, random);
                }
                open = random.random_range(0..8) == 0;
            }
            let (probs, values) = kind.operands(n, dim, config, random);
            let row = Row {
                dim,
                probs,
                values,
                factor: kind.factor(n, config, random),
                ctx: random.random::<u64>() & ctx_mask,
                open,
            };
            push_row(&mut case, config, &row);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
        let array = |name, find, replace| mutant(name, "av_array", find, replace);
        let column = |name, find, replace| mutant(name, "av_column", find, replace);
        let rescale = |name, find, replace| mutant(name, "av_rescale_lane", find, replace);
        vec![
            // Operands and sums.
            array(
                "ragged beat counted whole",
                "~({LANES{1'b1}} << head_count)",
                "{LANES{1'b1}}",
            ),
            array(
                "probability of another lane",
                "prob_q[ELEMENT/32*PROB_W+:PROB_W]",
                "prob_q[(LANES-1-ELEMENT/32)*PROB_W+:PROB_W]",
            ),
            array(
                "probabilities spread as at the other dimension",
                "(head_dim == 2'd0) ? head_probs",
                "(head_dim != 2'd0) ? head_probs",
            ),
            array(
                "lanes used as at the other dimension",
                "(head_dim == 2'd0) ? used",
                "(head_dim != 2'd0) ? used",
            ),
            column(
                "sign of a value lost",
                "{{PROB_W{value[VALUE_W-1]}}, value}",
                "{{PROB_W{1'b0}}, value}",
            ),
            column(
                "probability taken as signed",
                "{{VALUE_W{1'b0}}, prob}",
                "{{VALUE_W{prob[PROB_W-1]}}, prob}",
            ),
            column(
                "sign of a product lost in the tree",
                "{{(BEAT_0_W-PROD_W){products_q[PROD_W-1]}}",
                "{{(BEAT_0_W-PROD_W){1'b0}}",
            ),
            column(
                "sign of a beat's sum lost",
                "{{(SUM_W - BEAT_W + 1){beat_sum[BEAT_W-1]}}",
                "{{(SUM_W - BEAT_W + 1){1'b0}}",
            ),
            column(
                "accumulators not cleared between rows",
                "first ? {SUM_W{1'b0}} : row_sum_q",
                "1'b0 ? {SUM_W{1'b0}} : row_sum_q",
            ),
            column(
                "accumulators cleared at every beat",
                "first ? {SUM_W{1'b0}} : row_sum_q",
                "1'b1 ? {SUM_W{1'b0}} : row_sum_q",
            ),
            array(
                "a row does not know that it is the first",
                "valid_q <= {STAGES{1'b0}};\n      first_q <= 1'b1;",
                "valid_q <= {STAGES{1'b0}};\n      first_q <= 1'b0;",
            ),
            column(
                "an empty row repeats the row before it",
                "if (step[STEPS-1]) begin",
                "if (step[STEPS-1] && !(first && beat_sum == {BEAT_W{1'b0}})) begin",
            ),
            // Parts of one element.
            array(
                "columns of another dimension added",
                "third_counts ? hold_q[(2*OUT_LANES+lane)",
                "third_counts ? hold_q[(OUT_LANES+lane)",
            ),
            array(
                "columns added at the largest dimension",
                "hold_info_q[1:0] != 2'd",
                "2'd3 != 2'd",
            ),
            array(
                "columns not added at the smallest dimension",
                "all_count = hold_info_q[1:0] == 2'd0",
                "all_count = hold_info_q[1:0] == 2'd3",
            ),
            array("quarters out of order", "hold_q >> (OUT_LANES * SUM_W)", "hold_q"),
            // Admission.
            array(
                "value taken for an empty beat",
                "head_count != {COUNT_W{1'b0}}",
                "1'b1",
            ),
            array("value not waited for", "(value_valid || !takes_value)", "1'b1"),
            array(
                "value taken twice",
                "may_enter && head_valid && takes_value",
                "head_valid && takes_value",
            ),
            array("rows end too close together", "gap_q == 2'd0 &&", ""),
            array("output overrun", "pop_free_q >= POP_ROW &&", ""),
            array("magnitudes overrun", "&& magnitude_fits", ""),
            array(
                "a magnitude's place lost",
                "if (magnitude_taken && !row_end)",
                "if (magnitude_taken && !row_end && !enter)",
            ),
            // What travels along.
            array(
                "context out of step",
                "info_q[(STAGES-1)*INFO_W+:INFO_W]",
                "info_q[(STAGES-2)*INFO_W+:INFO_W]",
            ),
            array(
                "magnitude's context out of step",
                "size_ctx_q[(MAGNITUDE_STAGES-1)*CTX_W+:CTX_W]",
                "size_ctx_q[(MAGNITUDE_STAGES-2)*CTX_W+:CTX_W]",
            ),
            array(
                "a row's end lost",
                "out_ctx, out_last, out_data",
                "out_ctx, 1'b0, out_data",
            ),
            // Magnitude.
            array(
                "size of -2^(w-1) wrong",
                "out[OUT_W-1] ? -out : out",
                "out[OUT_W-1] ? (-out & ~{1'b1, {(OUT_W - 1){1'b0}}}) : out",
            ),
            array(
                "sizes are ones' complements",
                "out[OUT_W-1] ? -out",
                "out[OUT_W-1] ? ~out",
            ),
            array(
                "magnitude of a row's last beat only",
                "size_first_q ? {MAGNITUDE_W{1'b0}} : magnitude_q",
                "1'b1 ? {MAGNITUDE_W{1'b0}} : magnitude_q",
            ),
            array(
                "magnitudes not cleared between rows",
                "size_first_q ? {MAGNITUDE_W{1'b0}} : magnitude_q",
                "1'b0 ? {MAGNITUDE_W{1'b0}} : magnitude_q",
            ),
            // Scaling.
            rescale(
                "sign of the sum lost",
                "{{MANT_W{top[TOP_W-1]}}, top}",
                "{{MANT_W{1'b0}}, top}",
            ),
            rescale(
                "carry between chunks lost",
                "+ {{CHUNK_W{1'b0}}, products_q[CHUNK_W+:MANT_W]}",
                "",
            ),
            rescale(
                "carry into the upper chunks lost",
                "+ {{(HIGH_W - MANT_W){1'b0}}, low_q[LOW_W-1-:MANT_W]}",
                "",
            ),
            rescale(
                "carry between the upper chunks lost",
                "+ {{TOP_W{1'b0}}, products_q[2*PART_W+CHUNK_W+:MANT_W]}",
                "",
            ),
            rescale("sticky bits of a shift by 16 dropped", "|wide[14:0]", "1'b0"),
            rescale("sticky bits of a shift by 32 dropped", "|wide[30:0]", "1'b0"),
            rescale(
                "half of the sticky bits of a shift by 32 dropped",
                "|wide[30:0]",
                "|wide[30:15]",
            ),
            rescale(
                "sticky bits of the second shift dropped",
                "|| dropped != 15'd0",
                "",
            ),
            rescale(
                "sticky bits of the first shift forgotten",
                "near_sticky_q || ",
                "",
            ),
            rescale(
                "guard of a shift by 16 lost",
                "far_guard  = wide[15]",
                "far_guard  = 1'b0",
            ),
            rescale(
                "guard of a shift by 32 lost",
                "far_guard  = wide[31]",
                "far_guard  = 1'b0",
            ),
            rescale("logical shift", "near >>> near_shift", "near >> near_shift"),
            rescale("half up for half to even", "(sticky_q || floor_q[0])", "1'b1"),
            rescale("half down", "(sticky_q || floor_q[0])", "sticky_q"),
            rescale("half to odd", "sticky_q || floor_q[0]", "sticky_q || !floor_q[0]"),
            rescale("no rounding", "up && floor != most", "1'b0"),
            rescale("no saturation", "if (over) out_q", "if (1'b0) out_q"),
            rescale(
                "saturation of far larger sums only",
                "|| floor_q[NEAR_W-1:OUT_W-1] !=",
                "|| 1'b0 && floor_q[NEAR_W-1:OUT_W-1] !=",
            ),
            rescale(
                "saturation forgets what the first shift saw",
                "over = over_q",
                "over = 1'b0",
            ),
            rescale(
                "saturation to the other end",
                "negative_q ? least : most",
                "negative_q ? most : least",
            ),
            rescale("rounding past the largest output", "up && floor != most", "up"),
            mutant(
                "tag out of step",
                "av_rescale",
                "tag_q[(STAGES-1)*TAG_W+:TAG_W]",
                "tag_q[(STAGES-2)*TAG_W+:TAG_W]",
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
        for multipliers in [64, 512] {
            if selection.parallelism.is_some_and(|only| only != multipliers) {
                continue;
            }
            let stand = Stand::new(builder, multipliers, Config::default().head_dim)?;
            for (dim, beats) in SETTINGS {
                progress(&format!(
                    "{multipliers} multipliers, D = {dim}, rows of {beats} beats"
                ));
                measured.push(stand.measure(dim, beats)?);
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        80
    }
}

/// Measured head dimensions and beats of a row.
const SETTINGS: [(usize, usize); 8] = [
    (32, 1),
    (32, 2),
    (32, 3),
    (32, 64),
    (64, 1),
    (64, 3),
    (64, 4),
    (64, 64),
];

/// Name of the figure: cycles from row to row.
const CYCLES: &str = "cycles/row";
/// Name of the figure: kept values in a cycle.
const VALUES: &str = "values/cycle";
/// Name of the figure: from a row's last beat to its first output beat.
const LATENCY: &str = "latency";
/// Name of the figure: from a row's last beat to its magnitude.
const MAGNITUDE: &str = "magnitude";

/// The array with so many multipliers and this largest head dimension, ready for figures.
pub struct Stand {
    config: Config,
    interface: Interface,
    library: Arc<Library>,
}

impl Stand {
    /// Builds the array.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn new(builder: &Builder, multipliers: u32, head_dim: u32) -> anyhow::Result<Self> {
        let point = Point::new(format!("m{multipliers}")).config(|c| {
            (c.multipliers, c.head_dim) = (multipliers, head_dim);
        })?;
        let design = design("av_array", &point, None)?;
        Ok(Stand {
            config: point.config,
            interface: design.interface.clone(),
            library: builder.build(design)?,
        })
    }

    /// Full rows of so many beats, back to back, and one alone.
    ///
    /// # Errors
    /// When the RTL answers wrongly.
    pub fn measure(&self, dim: usize, beats: usize) -> anyhow::Result<Measurement> {
        let config = &self.config;
        let lanes = config.multipliers as usize / dim;
        let mut random = Random::seed_from_u64((dim * beats) as u64);
        let mut case = |rows: usize| {
            let mut case = Case::new(&self.interface);
            for number in 0..rows {
                let (probs, values) = Kind::Uniform.operands(lanes * beats, dim, config, &mut random);
                let row = Row {
                    dim,
                    probs,
                    values,
                    factor: Kind::Uniform.factor(lanes * beats, config, &mut random),
                    ctx: number as u64,
                    open: false,
                };
                push_row(&mut case, config, &row);
            }
            case
        };
        let rows = (1024 / beats).max(16);
        let sustained = run(&self.library, &case(rows), Pace::Always)?;
        // From the end of one row to the end of another, in the middle of the run.
        let out_beats = dim / config.output_lanes() as usize;
        let row_end = |row: usize| sustained.output("pop").cycles[(row + 1) * out_beats - 1];
        let (from, to) = (rows / 4, rows - 1);
        let cycles = (row_end(to) - row_end(from)) as f64 / (to - from) as f64;
        let alone = run(&self.library, &case(1), Pace::Always)?;
        let since_last =
            |stream: &str| (alone.output(stream).cycles[0] - alone.accepted("prob")[beats - 1]) as f64;
        let stated = AV_ARRAY.latencies(config)[0].cycles;
        let stated_magnitude = AV_ARRAY.magnitude_latency(config, dim as u32);
        Ok(Measurement {
            setting: vec![
                ("multipliers", config.multipliers.to_string()),
                ("D", dim.to_string()),
                ("beats/row", beats.to_string()),
            ],
            figures: vec![
                (CYCLES, Some(cycles)),
                (VALUES, Some((lanes * beats) as f64 / cycles)),
                (LATENCY, Some(since_last("pop"))),
                (MAGNITUDE, Some(since_last("magnitude"))),
            ],
            bounds: vec![
                (CYCLES, beats.max(out_beats) as f64),
                (LATENCY, f64::from(stated)),
                (MAGNITUDE, f64::from(stated_magnitude)),
            ],
        })
    }
}
