//! Bench of the whole datapath of a row, from queries and keys to output rows: the blocks as the accelerator connects
//! them, in a module that only this bench has.

use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, Rig, design};
use crate::config::Config;
use crate::golden::av_array::{magnitude, output};
use crate::golden::model::{Kind, Model};
use crate::golden::qk_array::{msb_mask, scores};
use crate::golden::quant::{Factor, quantise};
use crate::golden::requant_decision::{Decision, redo};
use crate::golden::softmax::{Scale, Softmax};
use crate::golden::topk_engine::{topk, value_count};
use crate::rtl::{self, Field, Interface, Module, Stream, count_bits};
use crate::sim::{Builder, Case, Design, Pace};
use anyhow::{Context as _, anyhow, ensure};
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;

/// Every stage against its golden model, end to end; a row is a row, its second pass included where it has one.
pub struct Datapath;

/// A row as the controller would start it. Operands are as on chip: MSBs first, `width` bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// D.
    pub dim: usize,
    /// D elements.
    pub query: Vec<i16>,
    /// D elements a key.
    pub keys: Vec<i16>,
    /// D elements a value, as many as keys.
    pub values: Vec<i16>,
    /// Planes of a key that the first pass sees.
    pub msb: u32,
    /// Of scores.
    pub scale: Factor,
    /// Who decides about a second pass.
    pub decision: Decision,
    /// Values that take part.
    pub k: u16,
    /// Of outputs.
    pub out: Factor,
}

/// A row in one of its passes.
struct Pass {
    row: Row,
    tag: u16,
    second: bool,
}

impl Pass {
    /// Appends the beats; the row's second pass, when it is redone.
    fn push_to(self, case: &mut Case, config: &Config, softmax: &Softmax) -> anyhow::Result<Option<Pass>> {
        let Pass { row, tag, second } = &self;
        let (dim, n) = (row.dim, row.keys.len() / row.dim);
        let lanes = config.multipliers as usize / dim;
        let mask = msb_mask(config.width, row.msb);
        let first_scores = scores(&row.query, &row.keys, mask, config.width);
        let decision = if *second {
            Decision::Fixed(false)
        } else {
            row.decision
        };
        let (auto, force, threshold) = match decision {
            Decision::Threshold(threshold) => (true, false, threshold),
            Decision::Fixed(redo) => (false, redo, 0),
        };
        case.beat("query")
            .lanes("data", row.query.iter().copied())
            .set("dim", i64::from(dim.ilog2()) - 5)
            .set("add", *second)
            .set("mant", row.scale.mantissa)
            .set("shift", row.scale.shift)
            .set("threshold", threshold)
            .set("auto", auto)
            .set("force", force)
            .set("k", row.k)
            .set("out_mant", row.out.mantissa)
            .set("out_shift", row.out.shift)
            .set("tag", *tag);
        let beats = n.div_ceil(lanes).max(1);
        let key_mask = if *second { !mask } else { mask };
        for beat in 0..beats {
            let here = (beat * lanes).min(n)..((beat + 1) * lanes).min(n);
            let elements = &row.keys[here.start * dim..here.end * dim];
            case.beat("key")
                .lanes("data", elements.iter().map(|x| x & key_mask))
                .set("count", here.len() as i64)
                .set("last", beat == beats - 1);
            if *second && !here.is_empty() {
                case.beat("base")
                    .lanes("scores", first_scores[here].iter().copied());
            }
        }

        let whole = || scores(&row.query, &row.keys, -1, config.width);
        let row_scores = if *second { whole() } else { first_scores };
        let scale = Scale::new(row.scale.mantissa, row.scale.shift)?;
        let sum = match n {
            0 => 0,
            _ => softmax.sum(&softmax.exponentials(&row_scores, scale)),
        };
        let redone = redo(softmax, sum, decision);
        case.beat("decision").set("redo", redone).set("tag", *tag);
        if redone {
            return Ok(Some(Pass { second: true, ..self }));
        }

        let probs = match n {
            0 => Vec::new(),
            _ => softmax.row(&row_scores, scale),
        };
        let sort_keys: Vec<u32> = probs.iter().map(|&p| p.into()).collect();
        let kept = topk(&sort_keys, row.k.into());
        let word = config.parallelism as usize;
        let beats = n.div_ceil(word).max(1);
        // A row whose last beat adds nothing to full words ends with an empty one.
        let open = kept.last().is_none_or(|&position| position / word < beats - 1) && kept.len() % word == 0;
        let words = kept.len().div_ceil(word) + usize::from(open);
        for beat in 0..words {
            let here = &kept[(beat * word).min(kept.len())..((beat + 1) * word).min(kept.len())];
            case.beat("kept")
                .lanes("ids", here.iter().map(|&position| position as i64))
                .set("count", here.len() as i64)
                .set("last", beat == words - 1)
                .set("tag", *tag);
        }
        let kept_probs: Vec<u16> = kept.iter().map(|&position| probs[position]).collect();
        let values: Vec<i16> = kept
            .iter()
            .flat_map(|&position| row.values[position * dim..][..dim].iter().copied())
            .collect();
        for beat in values.chunks(lanes * dim) {
            case.beat("value").lanes("data", beat.iter().copied());
        }
        let out = output(&kept_probs, &values, dim, row.out, config.out_width);
        let out_lanes = config.output_lanes() as usize;
        for (beat, elements) in out.chunks(out_lanes).enumerate() {
            case.beat("pop")
                .lanes("data", elements.iter().copied())
                .set("last", (beat + 1) * out_lanes == dim)
                .set("tag", *tag);
        }
        case.beat("magnitude")
            .set("sum", magnitude(&out))
            .set("tag", *tag);
        Ok(None)
    }
}

/// A case of rows in order. Second passes come up to three rows behind their first, as `random` says.
///
/// # Errors
/// When a row's scale is not legal.
pub fn case(
    config: &Config,
    interface: &Interface,
    rows: impl IntoIterator<Item = Row>,
    random: &mut Random,
) -> anyhow::Result<Case> {
    let softmax = Softmax::new(config.prob_width, config.exp);
    let mut case = Case::new(interface);
    // Second passes that wait, with the number of rows they still let pass.
    let mut waiting: VecDeque<(u32, Pass)> = VecDeque::new();
    for (number, row) in rows.into_iter().enumerate() {
        let first = Pass {
            row,
            tag: number as u16,
            second: false,
        };
        if let Some(second) = first.push_to(&mut case, config, &softmax)? {
            waiting.push_back((random.random_range(0..4), second));
        }
        // A row that waits lets the case end here only if nothing of it is left over: it is taken in, in order.
        while waiting.front().is_some_and(|(rows, _)| *rows == 0) {
            let Some((_, second)) = waiting.pop_front() else {
                break;
            };
            second.push_to(&mut case, config, &softmax)?;
        }
        if let Some((rows, _)) = waiting.front_mut() {
            *rows -= 1;
        }
        case.end_row();
    }
    for (_, second) in waiting {
        second.push_to(&mut case, config, &softmax)?;
        case.end_row();
    }
    Ok(case)
}

/// Rows of a model's layer, in the order of heads and queries: quantised to keys of 8 + 4 bits and values of 8, a row being
/// redone below a tenth, a fifth of the values kept.
///
/// # Errors
/// When the model does not fit the configuration.
pub fn model_rows(model: &Model, layer: usize, config: &Config) -> anyhow::Result<Vec<Row>> {
    let (dim, width) = (model.head_dim, config.width);
    ensure!(
        dim <= config.head_dim as usize && model.tokens <= config.max_tokens as usize && width >= 12,
        "the configuration is too small for the model"
    );
    let quantised = |data: &[f32], bits: u32| -> anyhow::Result<(Vec<i16>, f64)> {
        let values: Vec<f64> = data.iter().map(|&x| x.into()).collect();
        let q = quantise(&values, bits)?;
        let on_chip = q.values.iter().map(|&x| (x as i16) << (width - bits)).collect();
        Ok((on_chip, q.scale / f64::from(1u32 << (width - bits))))
    };
    let layer = model.layers.get(layer).context("no such layer")?;
    let (q, q_scale) = quantised(&layer.q, width)?;
    let (k, k_scale) = quantised(&layer.k, 12)?;
    let (v, v_scale) = quantised(&layer.v, 8)?;
    let scale = q_scale * k_scale / (dim as f64).sqrt() * std::f64::consts::LOG2_E;
    // Outputs are weighted means of values: they fill what the largest value would.
    let most = layer
        .v
        .iter()
        .fold(1e-9, |most: f64, &x| most.max(f64::from(x).abs()));
    let unit = most / f64::from((1i32 << (config.out_width - 1)) - 1);
    let out = v_scale / f64::from(1u32 << config.prob_width) / unit;
    let mut rows = Vec::new();
    for head in 0..model.heads {
        let kv = head / (model.heads / model.kv_heads) * model.tokens * dim;
        for query in 0..model.queries() {
            let n = match model.kind {
                Kind::Encoder => model.tokens,
                Kind::Decoder => model.context + query + 1,
            };
            rows.push(Row {
                dim,
                query: q[(head * model.queries() + query) * dim..][..dim].to_vec(),
                keys: k[kv..][..n * dim].to_vec(),
                values: v[kv..][..n * dim].to_vec(),
                msb: 8,
                scale: Factor::nearest(scale),
                decision: Decision::Threshold((1 << config.prob_width) / 10),
                k: value_count(65536 / 5, n) as u16,
                out: Factor::nearest(out),
            });
        }
    }
    Ok(rows)
}

/// A row of random operands and a length of every kind.
fn random_row(config: &Config, random: &mut Random) -> Row {
    let dims = [32, 64, 128];
    let dims = &dims[..=(config.head_dim.ilog2() - 5) as usize];
    let dim = *super::rows::pick(dims, random);
    let n = match random.random_range(0..12) {
        0 => 0,
        1 => config.max_tokens as usize,
        2..=4 => random.random_range(0..=config.max_tokens as usize),
        _ => random.random_range(1..=80.min(config.max_tokens as usize)),
    };
    let mut elements = |count: usize, bits: u32| -> Vec<i16> {
        let shift = 32 - bits;
        let spare = config.width - bits;
        (0..count)
            .map(|_| ((random.next_u32() as i32 >> shift) as i16) << spare)
            .collect()
    };
    let query = elements(dim, config.width);
    let keys = elements(n * dim, config.width);
    let values = elements(n * dim, config.width);
    // Scores of random operands spread by about 2^(2W - 2) * sqrt(D) / 3: from nearly equal to one that stands out.
    let spread = f64::from(config.width * 2 - 2).exp2() * (dim as f64).sqrt() / 3.0;
    let scale = Factor::nearest(f64::from(random.random_range(0..64)) / 8.0 / spread);
    let decision = match random.random_range(0..4) {
        0 => Decision::Fixed(random.random()),
        _ => Decision::Threshold(random.random_range(0..1 << config.prob_width) / 2),
    };
    Row {
        dim,
        query,
        keys,
        values,
        msb: random.random_range(1..=config.width),
        scale,
        decision,
        k: super::rows::kept(n.max(1), random),
        out: Factor::nearest(f64::from(random.random_range(1..64)) / f64::from(1u32 << config.prob_width)),
    }
}

impl Bench for Datapath {
    fn block(&self) -> &'static str {
        "datapath"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let preset = |name: &str| -> anyhow::Result<Point> {
            let preset = crate::config::PRESETS.iter().find(|preset| preset.name == name);
            let config = preset.with_context(|| format!("no preset `{name}`"))?.config();
            Ok(Point {
                config,
                ..Point::new(name)
            })
        };
        Ok(vec![preset("spatten")?, preset("spatten-1-8")?, preset("tiny")?])
    }

    fn design(&self, point: &Point, mutant: Option<&Mutant>) -> anyhow::Result<Design> {
        const TEMPLATE: &str =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/bench/datapath.v"));
        let config = &point.config;
        ensure!(
            point.parameters.is_empty(),
            "the datapath has no Verilog parameters"
        );
        let mut sources: Vec<(String, String)> = Vec::new();
        for block in [
            "qk_array",
            "lane_gearbox",
            "softmax",
            "requant_decision",
            "topk_engine",
            "av_array",
        ] {
            let mutant = mutant.filter(|mutant| {
                rtl::module(block).is_some_and(|module| {
                    rtl::closure(module, config).is_ok_and(|names| names.contains(&mutant.module))
                })
            });
            let plain = Point {
                parameters: Vec::new(),
                ..point.clone()
            };
            for (name, text) in design(block, &plain, mutant)?.sources {
                if sources.iter().all(|(known, _)| *known != name) {
                    sources.push((name, text));
                }
            }
        }
        let mut context = tera::Context::new();
        for (name, value) in [
            ("head_dim", config.head_dim),
            ("width", config.width),
            ("prob_w", config.prob_width),
            ("out_w", config.out_width),
            ("multipliers", config.multipliers),
            ("vector_lanes", config.vector_lanes()),
            ("vector_count_w", count_bits(config.vector_lanes())),
            ("softmax_lanes", config.softmax_lanes),
            ("softmax_count_w", count_bits(config.softmax_lanes)),
            ("lanes", config.parallelism),
            ("count_w", count_bits(config.parallelism)),
            ("score_w", config.score_width()),
            ("sum_w", config.sum_width()),
            ("token_w", config.token_width()),
            ("output_lanes", config.output_lanes()),
            ("magnitude_w", magnitude_width(config)?),
        ] {
            context.insert(name, &value);
        }
        context.insert("rst", config.reset.port());
        sources.push(("datapath.v".into(), rtl::render_template(TEMPLATE, &context)?));
        Ok(Design {
            top: "datapath".into(),
            sources,
            interface: interface(config)?,
            reset: config.reset,
            parameters: Vec::new(),
            trace: false,
        })
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let rows: Vec<Row> = (0..rows).map(|_| random_row(&point.config, random)).collect();
        case(&point.config, interface, rows, random)
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        _: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        let model = Model::from_bytes(include_bytes!("../../tests/data/minilm.safetensors"))?;
        let mut measured = Vec::new();
        for point in &self.points()?[..2] {
            progress(&point.name);
            let rig = Rig::new(builder, &Datapath, point, None)?;
            for layer in 0..model.layers.len() {
                let rows = model_rows(&model, layer, &point.config)?;
                let (count, keys) = (rows.len(), rows[0].keys.len() / rows[0].dim);
                let case = case(
                    &point.config,
                    rig.interface(),
                    rows,
                    &mut Random::seed_from_u64(0),
                )?;
                let passes = case.stream("query").len();
                let outcome = run(&rig.library, &case, Pace::Always)?;
                let ends = &outcome.output("decision").cycles;
                let between = ends.last().context("no row")? - ends[0];
                measured.push(Measurement {
                    setting: vec![
                        ("preset", point.name.clone()),
                        ("layer", layer.to_string()),
                        ("keys", keys.to_string()),
                    ],
                    figures: vec![
                        ("rows", Some(count as f64)),
                        ("passes", Some(passes as f64)),
                        ("cycles/pass", Some(between as f64 / (passes - 1) as f64)),
                    ],
                    bounds: vec![],
                });
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        24
    }
}

/// Bits of a row's magnitude, as the last array has them.
fn magnitude_width(config: &Config) -> anyhow::Result<u32> {
    let interface = rtl::av_array::AvArray.interface(config, &[]);
    let stream = interface.streams.iter().find(|stream| stream.name == "magnitude");
    let field = stream.and_then(|stream| stream.fields.first());
    Ok(field.ok_or_else(|| anyhow!("av_array has no magnitude"))?.width)
}

/// The streams of `datapath`.
fn interface(config: &Config) -> anyhow::Result<Interface> {
    let bit = |name| Field::new(name, 1);
    let tag = || Field::new("tag", 16);
    let vectors = || Field::lanes("data", config.multipliers, config.width);
    Ok(Interface {
        parameters: vec![],
        streams: vec![
            Stream::input(
                "query",
                vec![
                    Field::lanes("data", config.head_dim, config.width),
                    Field::new("dim", 2),
                    bit("add"),
                    Field::new("mant", 16),
                    Field::new("shift", 6),
                    Field::new("threshold", config.prob_width),
                    bit("auto"),
                    bit("force"),
                    Field::new("k", 16),
                    Field::new("out_mant", 16),
                    Field::new("out_shift", 6),
                    tag(),
                ],
            ),
            Stream::input(
                "key",
                vec![
                    vectors(),
                    Field::new("count", count_bits(config.vector_lanes())),
                    bit("last"),
                ],
            ),
            Stream::input(
                "base",
                vec![Field::lanes(
                    "scores",
                    config.vector_lanes(),
                    config.score_width(),
                )],
            ),
            Stream::input("value", vec![vectors()]),
            Stream::output("decision", vec![bit("redo"), tag()]),
            Stream::output(
                "kept",
                vec![
                    Field::lanes("ids", config.parallelism, config.token_width()),
                    Field::new("count", count_bits(config.parallelism)),
                    bit("last"),
                    tag(),
                ],
            ),
            Stream::output(
                "pop",
                vec![
                    Field::lanes("data", config.output_lanes(), config.out_width),
                    bit("last"),
                    tag(),
                ],
            ),
            Stream::output(
                "magnitude",
                vec![Field::new("sum", magnitude_width(config)?), tag()],
            ),
        ],
        ports: vec![],
    })
}
