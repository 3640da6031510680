//! Replay of published pruning traces: which tokens, layers and heads fetched how many keys and values at what precision,
//! made into commands on random data (§8 of the specification).

use super::cascade::Prune;
use super::case::{Case, Recorder, StateWrite};
use super::command::*;
use super::model::{Bits, fits};
use super::planes::{Region, SECTOR, Tensor, Tensors, plane_bytes};
use super::quant::Factor;
use super::sequence::LayerResult;
use crate::config::Config;
use anyhow::{Context as _, anyhow, ensure};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// Mean of the largest probability of a row that a replay's scale is chosen for.
pub const ROW_MAXIMUM: f64 = 0.2;

/// One layer of one generated token.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// Generated token, from 0.
    pub token: u32,
    /// Layer.
    pub layer: u32,
    /// Tokens so far, this one included.
    pub length: u32,
    /// D.
    pub head_dim: u32,
    /// Keys that each head fetches.
    pub keys: u32,
    /// Values that each head fetches.
    pub values: u32,
    /// Bits of the keys' MSB planes; none where the trace is not quantised.
    pub key_bits: Option<u32>,
    /// Bits that a second pass adds.
    pub more_bits: Option<u32>,
    /// Bits of the values; none where the trace is not quantised.
    pub value_bits: Option<u32>,
    /// Whether the layer adds to token importance.
    pub accumulate: bool,
    /// For each head, whether its row runs a second time.
    pub redo: Vec<bool>,
    /// Tokens that stay after the layer, where it prunes.
    pub topk: Option<u32>,
}

/// A trace: layers in the order in which they ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The layers.
    pub steps: Vec<Step>,
}

impl Trace {
    /// Reads the CSV of a trace: one line a head, columns by the names in its first line.
    ///
    /// # Errors
    /// A column is missing, or a line is not as it should be; says which.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header = reader.headers().context("the trace is no CSV")?.clone();
        let column = |name: &str| {
            let found = header.iter().position(|column| column == name);
            found.with_context(|| format!("the trace has no column `{name}`"))
        };
        let names = [
            "iteration_id",
            "layer_id",
            "head_id",
            "embedding_length_D",
            "sentence_length_L",
            "key_fetch_num",
            "quant_key_bit",
            "if_requant",
            "auto_requant_incre",
            "value_fetch_num",
            "quant_value_bit",
            "if_accumulate_importance",
            "topk",
        ];
        let columns = names
            .iter()
            .map(|name| column(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut steps: Vec<Step> = Vec::new();
        for record in reader.records() {
            let fields = record.context("the trace is no CSV")?;
            let line = fields.position().map_or(0, csv::Position::line);
            // The last line names the run that the trace comes from.
            if fields.iter().skip(1).all(|field| field.is_empty()) {
                continue;
            }
            let read = || -> anyhow::Result<(u32, Step)> {
                let text = |i: usize| {
                    let text = fields.get(columns[i]);
                    text.with_context(|| format!("`{}` is missing", names[i]))
                };
                let number = |i: usize| -> anyhow::Result<f64> {
                    let value = text(i)?;
                    value
                        .parse()
                        .map_err(|_| anyhow!("`{}` is `{value}`, not a number", names[i]))
                };
                let whole = |i: usize| -> anyhow::Result<u32> {
                    let value = number(i)?;
                    ensure!(
                        (0.0..65536.0).contains(&value) && value.fract() == 0.0,
                        "`{}` is {value}, not a whole number from 0 to 65535",
                        names[i]
                    );
                    Ok(value as u32)
                };
                let some = |i: usize| -> anyhow::Result<Option<u32>> {
                    if number(i)? < 0.0 {
                        return Ok(None);
                    }
                    whole(i).map(Some)
                };
                let flag = |i: usize| match text(i)? {
                    "True" => Ok(true),
                    "False" => Ok(false),
                    other => Err(anyhow!("`{}` is `{other}`, not True or False", names[i])),
                };
                let step = Step {
                    token: whole(0)?,
                    layer: whole(1)?,
                    head_dim: whole(3)?,
                    length: whole(4)?,
                    keys: whole(5)?,
                    key_bits: some(6)?,
                    redo: vec![flag(7)?],
                    more_bits: some(8)?,
                    values: whole(9)?,
                    value_bits: some(10)?,
                    accumulate: flag(11)?,
                    topk: some(12)?,
                };
                Ok((whole(2)?, step))
            };
            let (head, step) = read().with_context(|| format!("line {line} of the trace"))?;
            match steps.last_mut() {
                Some(last) if (last.token, last.layer) == (step.token, step.layer) => {
                    ensure!(
                        head as usize == last.redo.len(),
                        "line {line} of the trace: head {head} is out of order"
                    );
                    last.redo.extend(&step.redo);
                    last.topk = last.topk.or(step.topk);
                    let same = Step {
                        redo: last.redo.clone(),
                        topk: last.topk,
                        ..step
                    };
                    ensure!(
                        *last == same,
                        "line {line} of the trace: the heads of a layer differ"
                    );
                }
                _ => {
                    ensure!(head == 0, "line {line} of the trace: head {head} is out of order");
                    steps.push(step);
                }
            }
        }
        ensure!(!steps.is_empty(), "the trace is empty");
        Ok(Trace { steps })
    }

    /// The first `tokens` generated tokens, and of these the first layers that have `rows` rows together.
    pub fn cut(mut self, tokens: u32, rows: u64) -> Self {
        let first = self.steps[0].token;
        let mut seen = 0;
        self.steps.retain(|step| {
            let wanted = step.token - first < tokens && seen < rows;
            seen += step.redo.len() as u64;
            wanted
        });
        self
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.redo.len() as u64).sum()
    }
}

/// A layer in memory.
struct Loaded {
    tensors: Tensors,
    regions: Regions,
    keys: Bits,
    values: Bits,
}

/// Precision of the keys of a layer. Without a second pass all planes lie together: as many as the trace says, or, where it
/// is not quantised, as the operands have.
fn key_bits(step: &Step, width: u32) -> (Bits, KeyMode) {
    let msb = step.key_bits.unwrap_or(width).clamp(1, width);
    match step.more_bits {
        Some(lsb) if msb < width => {
            let lsb = lsb.min(width - msb);
            (Bits { msb, lsb }, KeyMode::Mask)
        }
        _ => (Bits { msb, lsb: 0 }, KeyMode::Never),
    }
}

/// Precision of the values: 8 bits where the trace is not quantised.
fn value_bits(step: &Step, width: u32) -> Bits {
    Bits {
        msb: step.value_bits.unwrap_or(8).clamp(1, width),
        lsb: 0,
    }
}

fn uniform(rng: &mut impl Rng, bits: u32) -> i16 {
    ((rng.next_u32() as i32) >> (32 - bits)) as i16
}

/// The factor at which the mean of the largest probability of so many sampled rows is [`ROW_MAXIMUM`].
fn scale(rng: &mut impl Rng, trace: &Trace, width: u32) -> Factor {
    const SAMPLES: usize = 96;
    let stride = trace.steps.len().div_ceil(SAMPLES);
    let rows: Vec<Vec<f64>> = trace
        .steps
        .iter()
        .step_by(stride)
        .map(|step| {
            let dim = step.head_dim as usize;
            let query: Vec<f64> = (0..dim).map(|_| f64::from(uniform(rng, width))).collect();
            (0..step.keys)
                .map(|_| query.iter().map(|q| q * f64::from(uniform(rng, width))).sum())
                .collect()
        })
        .collect();
    let mean = |factor: f64| {
        let largest = |scores: &Vec<f64>| {
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            1.0 / scores.iter().map(|s| ((s - top) * factor).exp2()).sum::<f64>()
        };
        rows.iter().map(largest).sum::<f64>() / rows.len() as f64
    };
    let (mut low, mut high) = (1e-12f64, 1.0);
    for _ in 0..80 {
        let middle = (low * high).sqrt();
        if mean(middle) < ROW_MAXIMUM {
            low = middle;
        } else {
            high = middle;
        }
    }
    Factor::nearest(low)
}

/// What all layers of a trace have in common.
struct Extent {
    tokens: u32,
    heads: u32,
    dim: u32,
    layers: u32,
}

impl Extent {
    /// # Errors
    /// The layers differ in heads or in D, or do not fit the hardware.
    fn new(config: &Config, trace: &Trace) -> anyhow::Result<Self> {
        let most = |f: fn(&Step) -> u32| trace.steps.iter().map(f).max().unwrap_or(0);
        let extent = Extent {
            tokens: most(|step| step.length),
            heads: trace.steps[0].redo.len() as u32,
            dim: trace.steps[0].head_dim,
            layers: most(|step| step.layer) + 1,
        };
        let size = [extent.tokens, extent.heads, extent.dim];
        fits(config, "the trace", size.map(|n| n as usize))?;
        let same = |step: &Step| step.redo.len() as u32 == extent.heads && step.head_dim == extent.dim;
        ensure!(
            trace.steps.iter().all(same),
            "the layers of the trace differ in heads or in D"
        );
        Ok(extent)
    }
}

/// Puts random operands of every layer that the trace has into memory.
fn load_layers(
    run: &mut Recorder,
    rng: &mut impl Rng,
    config: &Config,
    trace: &Trace,
    extent: &Extent,
) -> Vec<Option<Loaded>> {
    let &Extent {
        tokens, heads, dim, ..
    } = extent;
    let align = SECTOR * u64::from(config.channels);
    let first_query = trace.steps[0].length.saturating_sub(1);
    let mut base = 0;
    let mut load = |index: u32, step: &Step| {
        let (keys, _) = key_bits(step, config.width);
        let values = value_bits(step, config.width);
        let mut region = |vector: u64| {
            let region = Region {
                base,
                head_stride: vector * u64::from(tokens),
                token_stride: vector,
            };
            base = (base + vector * u64::from(tokens) * u64::from(heads)).next_multiple_of(align);
            region
        };
        let planes = |bits: u32| plane_bytes(bits, dim);
        let regions = Regions {
            q: region(planes(config.width)),
            k_msb: region(planes(keys.msb)),
            k_lsb: region(planes(keys.lsb)),
            v_msb: region(planes(values.msb)),
            v_lsb: Region::default(),
            out: region(2 * u64::from(dim)),
        };
        let mut tensor = |bits: u32, first: u32| {
            let rows = (tokens - first) as usize;
            let size = heads as usize * rows * dim as usize;
            Tensor {
                heads: heads as usize,
                rows,
                dim: dim as usize,
                first,
                bits,
                data: (0..size).map(|_| uniform(rng, bits)).collect(),
            }
        };
        let tensors = Tensors {
            q: tensor(config.width, first_query),
            k: tensor(keys.msb + keys.lsb, 0),
            v: tensor(values.msb, 0),
        };
        let none = Region::default();
        for (name, tensor, msb_bits, msb, lsb) in [
            ("q", &tensors.q, config.width, regions.q, none),
            ("k", &tensors.k, keys.msb, regions.k_msb, regions.k_lsb),
            ("v", &tensors.v, values.msb, regions.v_msb, none),
        ] {
            run.load(&format!("{name}{index}"), tensor, msb_bits, msb, lsb);
        }
        Loaded {
            tensors,
            regions,
            keys,
            values,
        }
    };
    (0..extent.layers)
        .map(|index| {
            let step = trace.steps.iter().find(|step| step.layer == index)?;
            Some(load(index, step))
        })
        .collect()
}

/// What a step does before its rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// The first one: everything is new.
    Sequence,
    /// The first layer of a further token, which is appended.
    Token,
    /// Another layer of the same token.
    Layer,
}

/// The command of a step; behind it only `after` tokens stay, if that is given.
fn command(
    step: &Step,
    begins: Begins,
    after: Option<u32>,
    key_mode: KeyMode,
    loaded: &Loaded,
    factors: [Factor; 2],
) -> LayerCommand {
    // The last token of the list is the query: it stays.
    let prune = |k: u32| Prune {
        k: k as u16,
        first: 0,
        last: 1,
    };
    let fresh = begins == Begins::Sequence;
    let new_token = begins != Begins::Layer;
    let [scale, output] = factors;
    LayerCommand {
        tokens: TokenOps {
            clear: fresh,
            append: begins == Begins::Token,
            reset: new_token,
            prune_before: (new_token && step.keys < step.length).then(|| prune(step.keys)),
            prune_after: after.map(prune),
            ..TokenOps::default()
        },
        heads: HeadOps {
            clear: fresh,
            reset: fresh,
            ..HeadOps::default()
        },
        mode: Mode::Generation,
        causal: false,
        query: step.length - 1,
        head_dim: step.head_dim,
        group: 1,
        keys: Keys {
            msb: loaded.keys.msb,
            lsb: loaded.keys.lsb,
            mode: key_mode,
            threshold: 0,
            mask: (0..)
                .zip(&step.redo)
                .filter_map(|(head, &redo)| redo.then_some(head))
                .collect(),
        },
        values: Values {
            msb: loaded.values.msb,
            lsb: 0,
            mode: ValueMode::Never,
            ratio: (u64::from(step.values) * 65536 / u64::from(step.keys.max(1))).min(65536) as u32,
        },
        accumulate: Accumulate {
            tokens: step.accumulate,
            heads: true,
            head_shift: 8,
        },
        scale,
        output,
        regions: loaded.regions.clone(),
    }
}

/// Runs a trace on the golden model, on uniform random integers from `seed`, and writes it down as a case; `each` sees
/// every layer as it is done.
///
/// # Errors
/// The trace does not fit the hardware.
pub fn record(
    config: &Config,
    trace: &Trace,
    seed: u64,
    mut each: impl FnMut(&Step, &LayerCommand, &LayerResult),
) -> anyhow::Result<Case> {
    let extent = Extent::new(config, trace)?;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut run = Recorder::new(config, vec![0; config.channels as usize], false);
    let layers = load_layers(&mut run, &mut rng, config, trace, &extent);
    let output = 2f64.powi(config.out_width as i32 - config.prob_width as i32 - config.width as i32);
    let factors = [scale(&mut rng, trace, config.width), Factor::nearest(output)];

    run.write_state(StateWrite {
        length: Some(trace.steps[0].length),
        heads: Some(extent.heads),
        ..StateWrite::default()
    })?;
    let mut before: Option<&Step> = None;
    for step in &trace.steps {
        let place = || format!("token {}, layer {}", step.token, step.layer);
        let (keys, key_mode) = key_bits(step, config.width);
        let loaded = layers[step.layer as usize]
            .as_ref()
            .with_context(|| format!("layer {} has no data", step.layer))?;
        ensure!(
            keys == loaded.keys && value_bits(step, config.width) == loaded.values,
            "{}: the precision changes within the trace",
            place()
        );
        let begins = match before {
            None => Begins::Sequence,
            Some(before) if before.token != step.token => Begins::Token,
            Some(_) => Begins::Layer,
        };
        let all = run.state().length + u32::from(begins == Begins::Token);
        ensure!(
            all == step.length,
            "token {}: the trace has {} tokens, not {all}",
            step.token,
            step.length
        );
        let after = step
            .topk
            .filter(|_| step.layer + 1 < extent.layers)
            .or_else(|| next(trace, step).filter(|n| n.keys < step.keys).map(|n| n.keys));
        let command = command(step, begins, after, key_mode, loaded, factors);
        let result = run.execute_on(&command, &loaded.tensors).with_context(place)?;
        let wrong = result
            .rows
            .iter()
            .find(|row| row.keys != step.keys || row.kept.len() as u32 != step.values.min(step.keys));
        ensure!(
            wrong.is_none(),
            "{}: a row has {:?} keys and values, the trace {} and {}",
            place(),
            wrong.map(|row| (row.keys, row.kept.len())),
            step.keys,
            step.values
        );
        each(step, &command, &result);
        before = Some(step);
    }
    Ok(run.finish())
}

/// The layer after this one, of the same token.
fn next<'a>(trace: &'a Trace, step: &Step) -> Option<&'a Step> {
    let index = trace
        .steps
        .iter()
        .position(|s| (s.token, s.layer) == (step.token, step.layer))?;
    trace.steps.get(index + 1).filter(|next| next.token == step.token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PRESETS, Params};

    const HEADER: &str = "iteration_id,layer_id,head_id,embedding_length_D,sentence_length_L,key_fetch_num,\
        quant_key_bit,quant_query_bit,auto_requant_thres,if_requant,auto_requant_incre,value_fetch_num,\
        quant_value_bit,if_accumulate_importance,if_rescale_previous_importance,if_topk,topk\n";

    /// A line: token, layer, head; length, keys, values; what `if_requant` and `topk` say.
    fn line(place: [u32; 3], counts: [u32; 3], redo: &str, topk: i32) -> String {
        let prunes = if topk < 0 { "False" } else { "True" };
        let ([token, layer, head], [length, keys, values]) = (place, counts);
        format!(
            "{token},{layer},{head},32.0,{length},{keys},6,16,0.05,{redo},4,{values},6,True,False,{prunes},{topk}\n"
        )
    }

    fn trace() -> String {
        let mut text = HEADER.to_owned();
        for (token, layer, length, keys, values, topk) in [
            (0, 0, 20, 20, 7, -1),
            (0, 1, 20, 20, 7, 15),
            (1, 0, 21, 15, 4, 9),
            (1, 1, 21, 9, 2, 15),
            (2, 0, 22, 15, 4, 9),
            (2, 1, 22, 9, 2, -1),
        ] {
            for head in 0..2 {
                let redo = if head == 1 && layer == 0 { "True" } else { "False" };
                let topk = if head == 1 { topk } else { -1 };
                text += &line([token, layer, head], [length, keys, values], redo, topk);
            }
        }
        text + "the/name/of/the/run.yml,,,,,,,,,,,,,,,,\n"
    }

    #[test]
    fn a_trace_is_read_by_layers_and_replayed_with_its_numbers() {
        let trace = Trace::parse(&trace()).unwrap();
        assert_eq!((trace.steps.len(), trace.rows()), (6, 12));
        assert_eq!(trace.steps[2].redo, [false, true]);
        let config = PRESETS.iter().find(|p| p.name == "tiny").unwrap().params();
        let config = Config::try_from(Params { ..config }).unwrap();
        let mut seen = Vec::new();
        let case = record(&config, &trace, 1, |step, command, result| {
            seen.push((
                step.keys,
                result.tokens.len() as u32,
                command.tokens.prune_after.map(|p| p.k),
            ));
            assert_eq!(result.work.redone_rows, u64::from(step.layer == 0));
            assert!(result.tokens.contains(&(step.length - 1)), "the query stays");
        })
        .unwrap();
        case.check().unwrap();
        let after: Vec<_> = seen.iter().map(|s| s.2).collect();
        assert_eq!(after, [None, None, Some(9), None, Some(9), None]);
        assert!(seen.iter().all(|s| s.0 == s.1));
        // Two tokens prune before their first layer, each also after it.
        assert_eq!(case.summary.stretches.len(), 5);
    }

    #[test]
    fn a_part_is_whole_layers() {
        let trace = Trace::parse(&trace()).unwrap();
        assert_eq!(trace.clone().cut(2, u64::MAX).steps.len(), 4);
        assert_eq!(trace.clone().cut(u32::MAX, 3).steps.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, words) in [
            (String::new(), "iteration_id"),
            (HEADER.to_owned(), "empty"),
            (
                HEADER.to_owned() + &line([0, 0, 1], [20, 20, 7], "True", -1),
                "line 2",
            ),
            (
                HEADER.to_owned() + &line([0; 3], [20, 20, 7], "Maybe", -1),
                "True or False",
            ),
        ] {
            let error = format!("{:#}", Trace::parse(&text).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }
}
