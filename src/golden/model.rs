//! Real models on the golden model: tensors from safetensors files, quantised, laid out in memory, and run under a
//! pruning schedule like the paper's.

use super::cascade::Prune;
use super::case::{Recorder, StateWrite};
use super::command::*;
use super::planes::{Region, SECTOR, Tensor, Tensors, plane_bytes};
use super::quant::{Factor, quantise};
use super::rows::ProbRow;
use super::sectors;
use super::sequence::{LayerResult, Sequence};
use super::state::State;
use crate::config::Config;
use anyhow::{Context, bail, ensure};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// How a model attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every token attends to every token: one summarisation per layer.
    Encoder,
    /// Tokens are generated after a context: one generation step per token and layer.
    Decoder,
}

/// Q, K and V of one layer, `[heads][rows][D]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Queries: of all tokens (encoder), or one a step (decoder).
    pub q: Vec<f32>,
    /// Keys of all tokens.
    pub k: Vec<f32>,
    /// Values of all tokens.
    pub v: Vec<f32>,
}

/// The attention inputs of a model on some text. Positional embedding is applied, `1/sqrt(D)` is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Encoder or decoder.
    pub kind: Kind,
    /// Query heads.
    pub heads: usize,
    /// KV heads; a divisor of `heads`.
    pub kv_heads: usize,
    /// D.
    pub head_dim: usize,
    /// Tokens, generated ones included.
    pub tokens: usize,
    /// Tokens before the first generation step; 0 for an encoder.
    pub context: usize,
    /// The layers.
    pub layers: Vec<Layer>,
    /// What else the file says about its origin: model, licence, text.
    pub origin: BTreeMap<String, String>,
}

/// Header entry of a safetensors file as a number.
pub(super) fn header_value(metadata: &HashMap<String, String>, key: &str) -> anyhow::Result<u32> {
    let value = metadata
        .get(key)
        .with_context(|| format!("the header has no `{key}`"))?;
    value
        .parse()
        .with_context(|| format!("the header's `{key}` is `{value}`, not a number"))
}

/// Header entries and tensors of a safetensors file.
pub(super) fn read_tensors(bytes: &[u8]) -> anyhow::Result<(HashMap<String, String>, SafeTensors<'_>)> {
    let (_, header) = SafeTensors::read_metadata(bytes).context("not a safetensors file")?;
    let tensors = SafeTensors::deserialize(bytes).context("not a safetensors file")?;
    Ok((header.metadata().clone().unwrap_or_default(), tensors))
}

/// A tensor to be written: name, type, shape and little-endian bytes.
pub(super) type RawTensor<'a> = (&'a str, Dtype, Vec<usize>, Vec<u8>);

/// Writes a safetensors file whose bytes depend on its content only (the `safetensors` crate writes header entries in
/// the order of a hash map). Tensors are stored in the order given.
pub(super) fn write_tensors(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: &[RawTensor],
) -> anyhow::Result<()> {
    let mut header = BTreeMap::from([("__metadata__".to_owned(), serde_json::to_value(metadata)?)]);
    let mut data = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets });
        header.insert((*name).to_owned(), entry);
        data.extend_from_slice(bytes);
    }
    let mut text = serde_json::to_string(&header)?;
    text.extend(std::iter::repeat_n(
        ' ',
        text.len().next_multiple_of(8) - text.len(),
    ));
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&data);
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

impl Model {
    /// Loads a file of tensors `layer.N.{q,k,v}`, float16 or float32, `[heads, rows, head_dim]`, whose header says `kind`,
    /// `layers`, `heads`, `kv_heads`, `head_dim`, `tokens`, and for a decoder `context` and `steps`.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is missing or of another type or shape.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Loads the bytes of such a file.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let (mut metadata, tensors) = read_tensors(bytes)?;
        let kind = match metadata.get("kind").map(String::as_str) {
            Some("encoder") => Kind::Encoder,
            Some("decoder") => Kind::Decoder,
            other => bail!("the header's `kind` is {other:?}; `encoder` and `decoder` are known"),
        };
        let number = |key| header_value(&metadata, key).map(|x| x as usize);
        let (heads, kv_heads, head_dim) = (number("heads")?, number("kv_heads")?, number("head_dim")?);
        let (tokens, count) = (number("tokens")?, number("layers")?);
        let (context, queries) = match kind {
            Kind::Encoder => (0, tokens),
            Kind::Decoder => (number("context")?, number("steps")?),
        };
        ensure!(
            kv_heads > 0 && heads % kv_heads == 0,
            "{heads} query heads do not share {kv_heads} KV heads evenly"
        );
        ensure!(
            count > 0 && heads > 0 && tokens > 0 && head_dim > 0,
            "a model needs layers, heads, tokens and dimensions"
        );
        ensure!(
            context.checked_add(queries) == Some(tokens),
            "{context} tokens of context and {queries} steps are not {tokens} tokens"
        );
        let tensor = |index: usize, which: char, heads: usize, rows: usize| {
            let name = format!("layer.{index}.{which}");
            floats(&tensors, &name, &[heads, rows, head_dim])
        };
        let layer = |index| -> anyhow::Result<Layer> {
            let q = tensor(index, 'q', heads, queries)?;
            Ok(Layer {
                q,
                k: tensor(index, 'k', kv_heads, tokens)?,
                v: tensor(index, 'v', kv_heads, tokens)?,
            })
        };
        let layers = (0..count).map(layer).collect::<anyhow::Result<_>>()?;
        let structure = [
            "kind", "layers", "heads", "kv_heads", "head_dim", "tokens", "context", "steps",
        ];
        metadata.retain(|key, _| !structure.contains(&key.as_str()));
        let origin = metadata.into_iter().collect();
        Ok(Model {
            kind,
            heads,
            kv_heads,
            head_dim,
            tokens,
            context,
            layers,
            origin,
        })
    }

    /// Generation steps, or 1 for an encoder.
    pub fn steps(&self) -> usize {
        match self.kind {
            Kind::Encoder => 1,
            Kind::Decoder => self.tokens - self.context,
        }
    }

    /// Query rows of a layer: all tokens (encoder), or one a step (decoder).
    pub fn queries(&self) -> usize {
        self.tokens - self.context
    }

    /// The first `layers` layers, `heads` query heads (rounded up to whole groups that share a KV head) and `steps`
    /// generation steps of this model, or what there is of them.
    pub fn cut(self, layers: usize, heads: usize, steps: usize) -> Self {
        let group = self.heads / self.kv_heads;
        let kv_heads = heads.div_ceil(group).clamp(1, self.kv_heads);
        let heads = kv_heads * group;
        let queries = match self.kind {
            Kind::Encoder => self.tokens,
            Kind::Decoder => steps.clamp(1, self.queries()),
        };
        let tokens = self.context + queries;
        let (all_queries, all_tokens, dim) = (self.queries(), self.tokens, self.head_dim);
        let part = |data: &[f32], heads: usize, all_rows: usize, rows: usize| -> Vec<f32> {
            data.chunks_exact(all_rows * dim)
                .take(heads)
                .flat_map(|head| &head[..rows * dim])
                .copied()
                .collect()
        };
        let cut_layer = |layer: &Layer| Layer {
            q: part(&layer.q, heads, all_queries, queries),
            k: part(&layer.k, kv_heads, all_tokens, tokens),
            v: part(&layer.v, kv_heads, all_tokens, tokens),
        };
        let layers = self.layers.iter().take(layers.max(1)).map(cut_layer).collect();
        Model {
            heads,
            kv_heads,
            tokens,
            layers,
            ..self
        }
    }

    /// Writes a file that [`Model::load`] reads, in float16. The same model gives the same bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let bytes = |data: &[f32]| -> Vec<u8> {
            data.iter()
                .flat_map(|&x| f16::from_f32(x).to_le_bytes())
                .collect()
        };
        let names: Vec<String> = (0..self.layers.len())
            .flat_map(|i| ['k', 'q', 'v'].map(|t| format!("layer.{i}.{t}")))
            .collect();
        let shape = |heads, rows| vec![heads, rows, self.head_dim];
        let contents = self.layers.iter().flat_map(|layer| {
            [
                (shape(self.kv_heads, self.tokens), bytes(&layer.k)),
                (shape(self.heads, self.queries()), bytes(&layer.q)),
                (shape(self.kv_heads, self.tokens), bytes(&layer.v)),
            ]
        });
        let tensors: Vec<RawTensor> = names
            .iter()
            .zip(contents)
            .map(|(name, (shape, data))| (name.as_str(), Dtype::F16, shape, data))
            .collect();
        let mut metadata = self.origin.clone();
        let mut say = |key: &str, value: String| metadata.insert(key.to_owned(), value);
        say(
            "kind",
            if self.kind == Kind::Encoder {
                "encoder"
            } else {
                "decoder"
            }
            .to_owned(),
        );
        for (key, value) in [
            ("layers", self.layers.len()),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("tokens", self.tokens),
        ] {
            say(key, value.to_string());
        }
        if self.kind == Kind::Decoder {
            say("context", self.context.to_string());
            say("steps", self.steps().to_string());
        }
        write_tensors(path, &metadata, &tensors)
    }

    /// The outputs that plain float64 attention gives for a query head, over all keys: the vector of query row `row`.
    pub fn reference(&self, layer: usize, head: usize, row: usize) -> Vec<f64> {
        let (layer, dim) = (&self.layers[layer], self.head_dim);
        let keys = match self.kind {
            Kind::Encoder => self.tokens,
            Kind::Decoder => self.context + row + 1,
        };
        let kv = head / (self.heads / self.kv_heads) * self.tokens * dim;
        let query = &layer.q[(head * self.queries() + row) * dim..][..dim];
        let vectors = |data: &'_ [f32]| data[kv..kv + keys * dim].to_vec();
        let (k, v) = (vectors(&layer.k), vectors(&layer.v));
        let scale = 1.0 / (dim as f64).sqrt();
        super::float::attention_row(query, k.chunks_exact(dim), v.chunks_exact(dim), scale)
    }
}

/// A tensor of the given shape as float32.
fn floats(tensors: &SafeTensors, name: &str, shape: &[usize]) -> anyhow::Result<Vec<f32>> {
    let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}`"))?;
    ensure!(
        tensor.shape() == shape,
        "tensor `{name}` has shape {:?}, not {shape:?}",
        tensor.shape()
    );
    ensure!(
        matches!(tensor.dtype(), Dtype::F16 | Dtype::F32),
        "tensor `{name}` is {:?}; F16 and F32 are known",
        tensor.dtype()
    );
    let elements = elements(name, &tensor)?;
    Ok(elements.into_iter().map(|x| x as f32).collect())
}

/// The elements of a tensor of any floating-point type, exact.
pub(super) fn elements(name: &str, tensor: &TensorView) -> anyhow::Result<Vec<f64>> {
    fn each<const N: usize>(data: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let chunks = data.chunks_exact(N);
        chunks
            .map(|bytes| decode(bytes.try_into().unwrap_or([0; N])))
            .collect()
    }
    let data = tensor.data();
    Ok(match tensor.dtype() {
        Dtype::F16 => each(data, |b| f16::from_le_bytes(b).to_f64()),
        Dtype::BF16 => each(data, |b| bf16::from_le_bytes(b).to_f64()),
        Dtype::F32 => each(data, |b| f32::from_le_bytes(b).into()),
        Dtype::F64 => each(data, f64::from_le_bytes),
        other => bail!("tensor `{name}` is {other:?}; F16, BF16, F32 and F64 are known"),
    })
}

/// Bits of a K or V element in DRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bits {
    /// `m`.
    pub msb: u32,
    /// `l`.
    pub lsb: u32,
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}+{} bits", self.msb, self.lsb)
    }
}

/// What is pruned, and how finely K and V are read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Schedule {
    /// Fraction of the tokens that the last layer works on; 1 prunes none.
    pub tokens: f64,
    /// Fraction of the heads that the last layer works on; 1 prunes none.
    pub heads: f64,
    /// Fraction of a row's values that stay.
    pub values: f64,
    /// Fraction of the layers, the first ones, that work on all tokens.
    pub token_start: f64,
    /// Fraction of the layers, the first ones, that work on all heads.
    pub head_start: f64,
    /// Tokens at the front of the list that are never pruned.
    pub keep_first: u16,
    /// Tokens at the end of the list that are never pruned.
    pub keep_last: u16,
    /// Whether pruned tokens and heads stay pruned in later generation steps. Otherwise each step starts with all of them,
    /// and with the importance of the steps before.
    pub carry: bool,
    /// Bits of K.
    pub key_bits: Bits,
    /// When K's LSBs are fetched.
    pub key_mode: KeyMode,
    /// Largest probability, as a fraction of 1, below which a row is redone.
    pub threshold: f64,
    /// Bits of V.
    pub value_bits: Bits,
    /// When V's LSBs are fetched.
    pub value_mode: ValueMode,
    /// Whether an encoder's tokens attend only to themselves and to those before them.
    pub causal: bool,
}

impl Schedule {
    /// The paper's techniques at its figures: tokens to 1/4 and heads to 1/1.1 at the last layer, a third of each row's values,
    /// 6 + 4 bits. Decoders fetch LSBs where the largest probability is below 0.1, encoders always (quantised statically).
    pub fn paper(kind: Kind) -> Self {
        let (key_mode, value_mode) = match kind {
            Kind::Encoder => (KeyMode::Always, ValueMode::Always),
            Kind::Decoder => (KeyMode::Auto, ValueMode::WithRow),
        };
        Schedule {
            tokens: 0.25,
            heads: 1.0 / 1.1,
            values: 1.0 / 3.0,
            token_start: 0.15,
            head_start: 0.3,
            keep_first: 0,
            keep_last: 0,
            carry: false,
            key_bits: Bits { msb: 6, lsb: 4 },
            key_mode,
            threshold: 0.1,
            value_bits: Bits { msb: 6, lsb: 4 },
            value_mode,
            causal: false,
        }
    }

    /// Nothing pruned, all bits always.
    pub fn dense(width: u32) -> Self {
        let lsb = width / 3;
        let bits = Bits {
            msb: width - lsb,
            lsb,
        };
        Schedule {
            tokens: 1.0,
            heads: 1.0,
            values: 1.0,
            key_bits: bits,
            key_mode: KeyMode::Always,
            value_bits: bits,
            value_mode: ValueMode::Always,
            ..Self::paper(Kind::Encoder)
        }
    }
}

/// How many of `total` layer `layer` of `layers` works on: all in the first `ceil(start * layers)`, then a linear ramp that
/// reaches the fraction `last` in the last layer; at least 1.
pub fn kept_at(layer: usize, layers: usize, start: f64, last: f64, total: usize) -> usize {
    let first = (start * layers as f64).ceil() as usize;
    if layer < first || first >= layers {
        return total;
    }
    let progress = (layer + 1 - first) as f64 / (layers - first) as f64;
    let kept = (total as f64 * (1.0 - (1.0 - last) * progress)).round() as usize;
    kept.clamp(1.min(total), total)
}

/// A layer ready to run.
#[derive(Clone, Debug)]
struct Prepared {
    tensors: Tensors,
    regions: Regions,
    scale: Factor,
    output: Factor,
}

/// What executes commands: the golden model on plain tensors, or on a memory image.
trait Core {
    fn state(&self) -> &State;
    fn write_state(&mut self, write: StateWrite) -> anyhow::Result<()>;
    fn execute(&mut self, layer: &Prepared, command: &LayerCommand) -> Result<LayerResult, Refusal>;
}

impl Core for Sequence {
    fn state(&self) -> &State {
        &self.state
    }
    fn write_state(&mut self, write: StateWrite) -> anyhow::Result<()> {
        write.apply(&mut self.state)
    }
    fn execute(&mut self, layer: &Prepared, command: &LayerCommand) -> Result<LayerResult, Refusal> {
        Sequence::execute(self, command, &layer.tensors)
    }
}

impl Core for Recorder {
    fn state(&self) -> &State {
        Recorder::state(self)
    }
    fn write_state(&mut self, write: StateWrite) -> anyhow::Result<()> {
        Recorder::write_state(self, write)
    }
    fn execute(&mut self, layer: &Prepared, command: &LayerCommand) -> Result<LayerResult, Refusal> {
        Recorder::execute_on(self, command, &layer.tensors)
    }
}

/// One executed layer of a run.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Generation step, 0 for an encoder.
    pub step: usize,
    /// Layer.
    pub layer: usize,
    /// The command.
    pub command: &'a LayerCommand,
    /// What it produced.
    pub result: &'a LayerResult,
}

/// Whether so many tokens, query heads and elements a head fit the hardware.
///
/// # Errors
/// One of them does not; says which of `subject`'s.
pub(super) fn fits(config: &Config, subject: &str, [tokens, heads, dim]: [usize; 3]) -> anyhow::Result<()> {
    for (what, needed, parameter, built) in [
        ("tokens", tokens, "max-tokens", config.max_tokens),
        ("query heads", heads, "max-heads", config.max_heads),
        ("elements a head", dim, "head-dim", config.head_dim),
    ] {
        ensure!(
            needed <= built as usize,
            "{subject} has {needed} {what}, more than {parameter} = {built}"
        );
    }
    ensure!(
        [32, 64, 128].contains(&dim),
        "{subject} has {dim} elements a head; 32, 64 and 128 are possible"
    );
    Ok(())
}

/// A model quantised and laid out for a schedule, ready to run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    model: &'a Model,
    config: &'a Config,
    schedule: &'a Schedule,
    layers: Vec<Prepared>,
    out_scale: f64,
    head_shift: u8,
}

impl<'a> Run<'a> {
    /// Quantises every tensor with one scale a layer and chooses one output scale for all layers, so that head importance adds up
    /// across layers: the largest |V| of the model is full scale.
    ///
    /// # Errors
    /// The model does not fit the hardware; a tensor has values that are not finite.
    pub fn new(model: &'a Model, config: &'a Config, schedule: &'a Schedule) -> anyhow::Result<Self> {
        fits(config, "the model", [model.tokens, model.heads, model.head_dim])?;
        for (bits, which) in [(schedule.key_bits, "K"), (schedule.value_bits, "V")] {
            let total = bits.msb.saturating_add(bits.lsb);
            ensure!(
                bits.msb >= 1 && (2..=config.width).contains(&total),
                "{which} has {} + {} bits; at least 1 MSB and 2 to width = {} in all are possible",
                bits.msb,
                bits.lsb,
                config.width
            );
        }
        let largest = model
            .layers
            .iter()
            .flat_map(|layer| &layer.v)
            .fold(0.0f32, |m, v| m.max(v.abs()));
        let out_limit = f64::from((1i32 << (config.out_width - 1)) - 1);
        let out_scale = if largest > 0.0 {
            f64::from(largest) / out_limit
        } else {
            1.0
        };
        let prepare = |index: usize| {
            prepare(model, config, schedule, out_scale, index).with_context(|| format!("layer {index}"))
        };
        let layers = (0..model.layers.len())
            .into_par_iter()
            .map(prepare)
            .collect::<anyhow::Result<_>>()?;
        // The smallest shift with which no head can saturate over the whole run.
        let rows = model.queries() * model.layers.len();
        let bound = (rows * model.head_dim) as f64 * out_limit;
        let head_shift = (bound.log2().ceil() - 32.0).clamp(0.0, 31.0) as u8;
        Ok(Run {
            model,
            config,
            schedule,
            layers,
            out_scale,
            head_shift,
        })
    }

    /// Real value of one unit of output.
    pub fn out_scale(&self) -> f64 {
        self.out_scale
    }

    /// Commands in the whole run.
    pub fn commands(&self) -> usize {
        self.model.steps() * self.model.layers.len()
    }

    /// The command of a layer, given the state before it.
    ///
    /// Layer `i` prunes, after its attention, to what layer `i + 1` works on. A step that starts with fewer than all tokens
    /// prunes before its first layer. Prunes that would remove nothing are not commanded.
    fn command(&self, step: usize, layer: usize, state: &State) -> LayerCommand {
        let (model, schedule, prepared) = (self.model, self.schedule, &self.layers[layer]);
        let count = model.layers.len();
        let decoder = model.kind == Kind::Decoder;
        let first = layer == 0;
        let length = state.length as usize + usize::from(decoder && first);
        let reset = first && (step == 0 || !schedule.carry);
        let token_target = |layer| kept_at(layer, count, schedule.token_start, schedule.tokens, length);
        let head_target = |layer| kept_at(layer, count, schedule.head_start, schedule.heads, model.heads);
        let list = |reset: bool, kept: &[u32], all: usize, appended: usize| {
            if reset { all } else { kept.len() + appended }
        };
        let tokens = list(reset, &state.token_list, length, usize::from(decoder && first));
        let heads = list(reset, &state.head_list, model.heads, 0);
        let (tokens_now, heads_now) = (tokens.min(token_target(layer)), heads.min(head_target(layer)));
        let token_prune = |from: usize, to: usize| {
            let prune = Prune {
                k: to as u16,
                first: schedule.keep_first,
                last: schedule.keep_last,
            };
            (to < from).then_some(prune)
        };
        let head_prune = |from: usize, to: usize| (to < from).then_some(HeadPrune { k: to as u16 });
        let next =
            |target: &dyn Fn(usize) -> usize, now| if layer + 1 < count { target(layer + 1) } else { now };
        let threshold = (schedule.threshold * f64::from(1u32 << self.config.prob_width)).round();
        LayerCommand {
            tokens: TokenOps {
                append: decoder && first,
                reset,
                // Only a step's first layer: every other list was cut after the layer before.
                prune_before: token_prune(tokens, tokens_now).filter(|_| first),
                prune_after: token_prune(tokens_now, next(&token_target, tokens_now)),
                ..TokenOps::default()
            },
            heads: HeadOps {
                reset,
                prune_before: head_prune(heads, heads_now).filter(|_| first),
                prune_after: head_prune(heads_now, next(&head_target, heads_now)),
                ..HeadOps::default()
            },
            mode: if decoder {
                Mode::Generation
            } else {
                Mode::Summarisation
            },
            causal: schedule.causal && !decoder,
            query: if decoder { length as u32 - 1 } else { 0 },
            head_dim: model.head_dim as u32,
            group: (model.heads / model.kv_heads) as u32,
            keys: Keys {
                msb: schedule.key_bits.msb,
                lsb: schedule.key_bits.lsb,
                mode: schedule.key_mode,
                threshold: threshold.min(f64::from((1u32 << self.config.prob_width) - 1)) as u16,
                mask: Vec::new(),
            },
            values: Values {
                msb: schedule.value_bits.msb,
                lsb: schedule.value_bits.lsb,
                mode: schedule.value_mode,
                ratio: (schedule.values * 65536.0).floor() as u32,
            },
            accumulate: Accumulate {
                tokens: true,
                heads: true,
                head_shift: self.head_shift,
            },
            scale: prepared.scale,
            output: prepared.output,
            regions: prepared.regions.clone(),
        }
    }

    fn drive(&self, core: &mut dyn Core, mut each: impl FnMut(Visit)) -> anyhow::Result<()> {
        // Decoder steps append their own token.
        let length = if self.model.kind == Kind::Decoder {
            self.model.context
        } else {
            self.model.tokens
        };
        let (length, heads) = (Some(length as u32), Some(self.model.heads as u32));
        core.write_state(StateWrite {
            length,
            heads,
            ..StateWrite::default()
        })?;
        for step in 0..self.model.steps() {
            for (layer, prepared) in self.layers.iter().enumerate() {
                let command = self.command(step, layer, core.state());
                let result = core
                    .execute(prepared, &command)
                    .with_context(|| format!("step {step}, layer {layer}"))?;
                each(Visit {
                    step,
                    layer,
                    command: &command,
                    result: &result,
                });
            }
        }
        Ok(())
    }

    /// Runs all steps and layers in order and shows each as it is done.
    ///
    /// # Errors
    /// A command was refused: the schedule asks for what the hardware does not do.
    pub fn execute(&self, each: impl FnMut(Visit)) -> anyhow::Result<()> {
        self.drive(&mut Sequence::new(self.config), each)
    }

    /// Runs everything and collects the probability row of every query row, with the number of values it keeps.
    ///
    /// # Errors
    /// As [`Run::execute`].
    pub fn prob_rows(&self) -> anyhow::Result<Vec<ProbRow>> {
        let mut rows = Vec::new();
        self.execute(|visit| {
            rows.extend(
                visit
                    .result
                    .rows
                    .iter()
                    .map(|row| ProbRow::of(visit.layer as u32, row)),
            )
        })?;
        Ok(rows)
    }

    /// The run of [`Run::execute`] on packed memory, written down as a case. `probs` says whether rows keep their probabilities.
    ///
    /// # Errors
    /// As [`Run::execute`].
    pub fn record(&self, probs: bool, each: impl FnMut(Visit)) -> anyhow::Result<super::case::Case> {
        let mut recorder = Recorder::new(self.config, vec![0; self.config.channels as usize], probs);
        for (index, layer) in self.layers.iter().enumerate() {
            let (r, none) = (&layer.regions, Region::default());
            let (keys, values) = (self.schedule.key_bits.msb, self.schedule.value_bits.msb);
            recorder.load(
                &format!("q{index}"),
                &layer.tensors.q,
                self.config.width,
                r.q,
                none,
            );
            recorder.load(&format!("k{index}"), &layer.tensors.k, keys, r.k_msb, r.k_lsb);
            recorder.load(&format!("v{index}"), &layer.tensors.v, values, r.v_msb, r.v_lsb);
        }
        self.drive(&mut recorder, each)?;
        Ok(recorder.finish())
    }

    /// Multiplications of Q×K and prob×V that one layer of one step takes without pruning.
    pub fn dense_products(&self, step: usize) -> u64 {
        let model = self.model;
        let scores = match model.kind {
            Kind::Encoder => model.tokens * model.tokens,
            Kind::Decoder => model.context + step + 1,
        };
        2 * (model.heads * scores * model.head_dim) as u64
    }

    /// Sectors that one layer of one step would read without pruning, every element of Q, K and V with `bits` bits, in dense
    /// head-major layout.
    pub fn dense_sectors(&self, step: usize, bits: u32) -> u64 {
        let model = self.model;
        let vector = plane_bytes(bits, model.head_dim as u32);
        let list = |heads: usize, rows: usize, tokens: std::ops::Range<u32>| -> u64 {
            let region = Region {
                base: 0,
                head_stride: vector * rows as u64,
                token_stride: vector,
            };
            let tokens: Vec<u32> = tokens.collect();
            (0..heads as u32)
                .map(|head| sectors::list(&region, 64, head, &tokens, vector))
                .sum()
        };
        match model.kind {
            Kind::Encoder => {
                let all = 0..model.tokens as u32;
                list(model.heads, model.tokens, all.clone()) + 2 * list(model.kv_heads, model.tokens, all)
            }
            Kind::Decoder => {
                let group = (model.heads / model.kv_heads) as u64;
                let keys = (model.context + step + 1) as u32;
                let q = list(model.heads, model.steps(), step as u32..step as u32 + 1);
                q + 2 * group * list(model.kv_heads, model.tokens, 0..keys)
            }
        }
    }
}

/// Quantises a layer and lays it out: dense, head-major, regions one after the other, layers one after the other.
fn prepare(
    model: &Model,
    config: &Config,
    schedule: &Schedule,
    out_scale: f64,
    index: usize,
) -> anyhow::Result<Prepared> {
    let (layer, dim, width) = (&model.layers[index], model.head_dim, config.width);
    let tensor =
        |which: &str, data: &[f32], heads: usize, rows: usize, bits: u32| -> anyhow::Result<(Tensor, f64)> {
            let real: Vec<f64> = data.iter().map(|&x| f64::from(x)).collect();
            let quantised = quantise(&real, bits).with_context(|| which.to_owned())?;
            let data = quantised.values.iter().map(|&x| x as i16).collect();
            let first = (model.tokens - rows) as u32;
            // On chip an element is x << (W - bits).
            let scale = quantised.scale / (1u64 << (width - bits)) as f64;
            Ok((
                Tensor {
                    heads,
                    rows,
                    dim,
                    first,
                    bits,
                    data,
                },
                scale,
            ))
        };
    let (kb, vb) = (schedule.key_bits, schedule.value_bits);
    let (q, q_scale) = tensor("Q", &layer.q, model.heads, model.queries(), width)?;
    let (k, k_scale) = tensor("K", &layer.k, model.kv_heads, model.tokens, kb.msb + kb.lsb)?;
    let (v, v_scale) = tensor("V", &layer.v, model.kv_heads, model.tokens, vb.msb + vb.lsb)?;

    let plane = |planes: u32| plane_bytes(planes, dim as u32);
    let sizes = [
        (model.heads, plane(width)),
        (model.kv_heads, plane(kb.msb)),
        (model.kv_heads, plane(kb.lsb)),
        (model.kv_heads, plane(vb.msb)),
        (model.kv_heads, plane(vb.lsb)),
        (model.heads, 2 * dim as u64),
    ];
    let align = SECTOR * u64::from(config.channels);
    let bytes =
        |(heads, vector): (usize, u64)| (heads as u64 * model.tokens as u64 * vector).next_multiple_of(align);
    let mut base = index as u64 * sizes.iter().map(|&s| bytes(s)).sum::<u64>();
    let [q_region, k_msb, k_lsb, v_msb, v_lsb, out] = sizes.map(|size| {
        let region = Region {
            base,
            head_stride: model.tokens as u64 * size.1,
            token_stride: size.1,
        };
        base += bytes(size);
        region
    });
    let exponent = q_scale * k_scale / (dim as f64).sqrt() * std::f64::consts::LOG2_E;
    Ok(Prepared {
        tensors: Tensors { q, k, v },
        regions: Regions {
            q: q_region,
            k_msb,
            k_lsb,
            v_msb,
            v_lsb,
            out,
        },
        scale: Factor::nearest(exponent),
        output: Factor::nearest(v_scale / (1u64 << config.prob_width) as f64 / out_scale),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_is_linear_and_ends_at_the_last_layer() {
        let kept: Vec<usize> = (0..12).map(|layer| kept_at(layer, 12, 0.15, 0.5, 1000)).collect();
        assert_eq!(
            kept,
            [1000, 1000, 950, 900, 850, 800, 750, 700, 650, 600, 550, 500]
        );
        assert_eq!(kept_at(0, 1, 0.0, 0.25, 8), 2);
        assert_eq!(kept_at(5, 6, 1.0, 0.25, 8), 8);
        assert_eq!(kept_at(5, 6, 0.0, 0.0, 8), 1);
    }
}
