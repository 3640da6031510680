//! prob × V array: weighted sums of the kept values, scaled to output rows.

use super::av_column::AvColumn;
use super::av_rescale::{self, AvRescale};
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;
use serde::Serialize;

/// `av_array`: columns of multipliers with an accumulator each, and lanes that scale what leaves.
///
/// What enters never stalls; a row's end is admitted only when both output FIFOs have room for the row.
pub struct AvArray;

/// Output beats of a row at the largest head dimension: [`Config::output_lanes`] is a quarter of it.
const MOST_BEATS: u32 = 4;

/// Sizes of a configuration that the template, the latencies and the cost share.
pub(super) struct Shape {
    /// Columns: the largest head dimension.
    columns: u32,
    /// Elements of a beat in a column.
    pub(super) groups: u32,
    /// Steps by which head dimensions below the largest add their columns.
    folds: u32,
    /// Output beats of a row at the smallest head dimension.
    least_beats: u32,
    /// Levels of the sum of a beat.
    pub(super) levels: Vec<Level>,
    /// Levels of the sum of an output beat's absolute values.
    magnitude_levels: Vec<Level>,
}

/// One registered level of a sum: up to four lanes of the level before make one.
#[derive(Serialize)]
pub(super) struct Level {
    /// From 0.
    number: u32,
    /// Register stage that the level reads, the first one's given with its terms.
    stage: u32,
    /// Register without `_q`.
    name: String,
    pub(super) lanes: u32,
    width: u32,
    /// Localparam of the width.
    width_name: String,
    from_name: String,
    from_lanes: u32,
    from_width_name: String,
    /// Lanes read, `from_lanes` and zeros where it is not a multiple of four.
    padded: u32,
    /// Lanes of zeros.
    spare: u32,
    /// Numbers of the first level that one lane adds up, at most.
    terms_below: u32,
    /// The sum that makes a lane: of the lanes of `terms`, or where there is but one, of the level before.
    sum: String,
}

/// A vector of lanes that levels of sums begin with.
struct Terms<'a> {
    name: &'a str,
    width_name: &'a str,
    lanes: u32,
    width: u32,
    signed: bool,
    /// Their register stage.
    stage: u32,
}

/// Levels that add up all lanes of `terms`, called `<name>_0` and so on.
fn levels(terms: &Terms, name: &str) -> Vec<Level> {
    let mut levels = Vec::new();
    let (mut from_name, mut from_width_name) = (terms.name.to_owned(), terms.width_name.to_owned());
    let (mut from_lanes, mut below) = (terms.lanes, 1);
    while from_lanes > 1 {
        let number = levels.len() as u32;
        let lanes = from_lanes.div_ceil(4);
        let padded = if lanes > 1 { 4 * lanes } else { from_lanes };
        let terms_below = (4 * below).min(terms.lanes);
        let name = format!("{name}_{number}");
        let width_name = format!("{}_W", name.to_uppercase());
        let spare = padded - from_lanes;
        let vector = match lanes {
            1 => format!("{from_name}_q"),
            _ => "terms".to_owned(),
        };
        let w = &from_width_name;
        let offset = |lane: u32| match lane {
            0 => "0".to_owned(),
            1 => w.clone(),
            _ => format!("{lane}*{w}"),
        };
        let term = |lane: u32| {
            let fill = match terms.signed {
                true => format!("{vector}[{}-1]", offset(lane + 1)),
                false => "1'b0".to_owned(),
            };
            format!(
                "{{{{({width_name}-{w}){{{fill}}}}}, {vector}[{}+:{w}]}}",
                offset(lane)
            )
        };
        let sum: Vec<String> = (0..padded / lanes).map(term).collect();
        levels.push(Level {
            number,
            stage: terms.stage + number,
            lanes,
            width: terms.width + terms_below.next_power_of_two().ilog2(),
            from_name: std::mem::replace(&mut from_name, name.clone()),
            from_lanes,
            from_width_name: std::mem::replace(&mut from_width_name, width_name.clone()),
            padded,
            spare,
            terms_below,
            sum: sum.join("\n+ "),
            name,
            width_name,
        });
        (from_lanes, below) = (lanes, terms_below);
    }
    levels
}

/// Bits of an element's sum over a row of up to `max_row` values, and at least those of the sum of a beat.
pub(crate) fn sum_bits(config: &Config, max_row: u32) -> u32 {
    let values = max_row.max(config.multipliers / config.head_dim);
    config.prob_width + config.width + values.next_power_of_two().ilog2()
}

/// Bits of a row's magnitude.
pub(super) fn magnitude_bits(config: &Config) -> u32 {
    config.out_width + config.head_dim.ilog2()
}

impl Shape {
    pub(super) fn new(config: &Config) -> Self {
        let products = Terms {
            name: "products",
            width_name: "PROD_W",
            lanes: config.multipliers / config.head_dim,
            width: config.prob_width + config.width,
            signed: true,
            stage: 1,
        };
        let sizes = Terms {
            name: "sizes",
            width_name: "OUT_W",
            lanes: config.output_lanes(),
            width: config.out_width,
            signed: false,
            stage: 0,
        };
        Shape {
            columns: config.head_dim,
            groups: products.lanes,
            folds: (config.head_dim / Config::MIN_HEAD_DIM).ilog2(),
            least_beats: Config::MIN_HEAD_DIM / config.output_lanes(),
            levels: levels(&products, "beat"),
            magnitude_levels: levels(&sizes, "size"),
        }
    }

    /// Register stages of a column: products, levels of sums, accumulator.
    pub(super) fn column_stages(&self) -> u32 {
        self.levels.len() as u32 + 2
    }

    /// Register that holds the sum of a beat in a column, and its width.
    pub(super) fn beat(&self, config: &Config) -> (String, u32) {
        match self.levels.last() {
            Some(level) => (format!("{}_q", level.name), level.width),
            None => ("products_q".to_owned(), config.prob_width + config.width),
        }
    }

    /// Registers from admission to the accumulators: the operands, and those of a column.
    fn stages(&self) -> u32 {
        1 + self.column_stages()
    }

    /// Registers from the accumulators to a finished output beat.
    fn out_stages(&self) -> u32 {
        1 + self.folds + av_rescale::STAGES
    }

    /// Registers from an output beat to its row's magnitude.
    fn magnitude_stages(&self) -> u32 {
        self.magnitude_levels.len() as u32 + 2
    }

    /// Cycles from a row's last beat to its first output beat.
    fn latency(&self, config: &Config) -> u32 {
        self.stages() + self.out_stages() + config.ram_latency + 2
    }
}

impl AvArray {
    /// Cycles from a row's last beat, accepted on `prob`, to its magnitude, when nothing stalls.
    pub fn magnitude_latency(&self, config: &Config, dim: u32) -> u32 {
        let shape = Shape::new(config);
        shape.latency(config) + shape.magnitude_stages() + dim / config.output_lanes() - 1
    }
}

impl Module for AvArray {
    fn name(&self) -> &'static str {
        "av_array"
    }

    fn summary(&self) -> &'static str {
        "sums of values weighted with probabilities, scaled to output rows"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["av_column", "av_rescale", "stream_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.vector_lanes();
        let ctx_w = override_or(overrides, "CTX_W", 16);
        let max_row = override_or(overrides, "MAX_ROW", config.max_tokens.into());
        let ctx = || Field::new("ctx", ctx_w as u32);
        Interface {
            parameters: vec![
                Parameter::new("CTX_W", ctx_w, "bits that travel with a row"),
                Parameter::new("MAX_ROW", max_row, "most values of a row"),
            ],
            streams: vec![
                Stream::input(
                    "prob",
                    vec![
                        Field::lanes("probs", lanes, config.prob_width),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                        Field::new("dim", 2),
                        Field::new("mant", 16),
                        Field::new("shift", 6),
                        ctx(),
                    ],
                ),
                Stream::input(
                    "value",
                    vec![Field::lanes("data", config.multipliers, config.width)],
                ),
                Stream::output(
                    "pop",
                    vec![
                        Field::lanes("data", config.output_lanes(), config.out_width),
                        Field::new("last", 1),
                        ctx(),
                    ],
                ),
                Stream::output(
                    "magnitude",
                    vec![Field::new("sum", magnitude_bits(config)), ctx()],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let shape = Shape::new(config);
        let (_, beat_w) = shape.beat(config);
        let beat_size = shape.magnitude_levels.last().expect("eight output lanes or more");
        let mut context = tera::Context::new();
        context.insert("multipliers", &config.multipliers);
        context.insert("lanes", &config.vector_lanes());
        context.insert("count_w", &count_bits(config.vector_lanes()));
        context.insert("prob_w", &config.prob_width);
        context.insert("value_w", &config.width);
        context.insert("out_w", &config.out_width);
        context.insert("columns", &shape.columns);
        context.insert("groups", &shape.groups);
        context.insert("output_lanes", &config.output_lanes());
        context.insert("max_row", &config.max_tokens);
        context.insert("magnitude_w", &magnitude_bits(config));
        context.insert("folds", &shape.folds);
        context.insert("least_beats", &shape.least_beats);
        context.insert("most_beats", &MOST_BEATS);
        context.insert("levels_count", &shape.levels.len());
        context.insert("beat_w", &beat_w);
        context.insert("magnitude_levels", &shape.magnitude_levels);
        let wide = |level: &Level| level.lanes > 1;
        context.insert("wide_sizes", &shape.magnitude_levels.iter().any(wide));
        context.insert("magnitude_stages", &shape.magnitude_stages());
        context.insert("beat_size", &format!("{}_q", beat_size.name));
        context.insert("beat_size_width", &beat_size.width_name);
        context.insert("rescale_stages", &av_rescale::STAGES);
        context.insert("latency", &shape.latency(config));
        context.insert(
            "magnitude_latency",
            &(shape.latency(config) + shape.magnitude_stages()),
        );
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        let cycles = Shape::new(config).latency(config);
        ["prob", "value"]
            .map(|from| Latency {
                from,
                to: "pop",
                cycles,
            })
            .to_vec()
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let shape = Shape::new(config);
        let ctx_w = self.interface(config, overrides).parameter("CTX_W");
        let latency = shape.latency(config);
        let pop_w = ctx_w + 1 + u64::from(config.output_lanes() * config.out_width);
        let pop_depth = latency + MOST_BEATS;
        let magnitude_w = ctx_w + u64::from(magnitude_bits(config));
        let magnitude_depth =
            (latency + shape.magnitude_stages() + 2 * shape.least_beats - 1) / shape.least_beats;
        let ram = |width, depth: u32| Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", depth.into())]);
        let column = AvColumn.cost(config, &[]);
        let array = Cost {
            multipliers: column.multipliers * u64::from(shape.columns),
            ..Cost::default()
        };
        array + AvRescale.cost(config, &[]) + ram(pop_w, pop_depth) + ram(magnitude_w, magnitude_depth)
    }
}
