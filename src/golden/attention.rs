//! Attention of one layer over the kept heads and tokens: scores, softmax, progressive quantisation, local value
//! pruning, outputs (§1.1 of the specification; §III and §IV of the paper).

use super::command::{KeyMode, LayerCommand, Mode, Refusal, ValueMode};
use super::planes::{Memory, Operand};
use super::qk_array::{msb_mask, scores};
use super::quant::{Factor, rescale};
use super::softmax::{Scale, Softmax};
use super::topk_engine::{topk, value_count};
use crate::config::Config;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Everything one query row produces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Row {
    /// Original query head id.
    pub head: u32,
    /// Token id of the query.
    pub query: u32,
    /// n: how many keys the row sees.
    pub keys: u32,
    /// Whether the row ran a second time with whole keys.
    pub redone: bool,
    /// Largest probability of the final pass, P bits; 0 when n = 0.
    pub max_prob: u16,
    /// Ids of the tokens whose values took part, in list order.
    pub kept: Vec<u32>,
    /// D outputs of `out-width` bits.
    pub output: Vec<i16>,
    /// Probabilities of the final pass in key order, P bits each; empty where they were dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probs: Vec<u16>,
}

/// Keys and values of one KV head for the kept tokens, on-chip form, token after token.
struct KvHead {
    keys: Vec<i16>,
    values: Vec<i16>,
}

/// What all rows of a layer share.
struct Layer<'a> {
    config: &'a Config,
    softmax: &'a Softmax,
    scale: Scale,
    command: &'a LayerCommand,
    tokens: &'a [u32],
}

/// Runs the rows of a layer in order: kept heads, and in each head its queries. Heads run in parallel; every number is an
/// exact integer, so their order of execution cannot show.
pub(super) fn rows(
    config: &Config,
    softmax: &Softmax,
    command: &LayerCommand,
    tokens: &[u32],
    heads: &[u32],
    memory: &dyn Memory,
) -> Result<Vec<Row>, Refusal> {
    let Factor { mantissa, shift } = command.scale;
    let scale = Scale::new(mantissa, shift).map_err(|_| Refusal::ScaleShift { value: shift })?;
    let layer = Layer {
        scale,
        config,
        softmax,
        command,
        tokens,
    };
    let mut kv_ids: Vec<u32> = heads.iter().map(|&head| command.kv_head(head)).collect();
    kv_ids.dedup(); // heads ascend, so equal KV heads are neighbours
    let kv_heads: Vec<KvHead> = kv_ids.par_iter().map(|&kv| layer.gather(memory, kv)).collect();
    let head_rows = |&head: &u32| {
        let kv = kv_ids
            .binary_search(&command.kv_head(head))
            .expect("every KV head in use was gathered");
        let queries = match command.mode {
            Mode::Summarisation => tokens,
            Mode::Generation => std::slice::from_ref(&command.query),
        };
        queries
            .iter()
            .map(|&query| layer.row(memory, head, query, &kv_heads[kv]))
            .collect::<Vec<_>>()
    };
    let per_head: Vec<Vec<Row>> = heads.par_iter().map(head_rows).collect();
    Ok(per_head.into_iter().flatten().collect())
}

impl Layer<'_> {
    /// Fetches the kept tokens of a KV head and aligns them to the on-chip width: `x << (W - m - l)`.
    fn gather(&self, memory: &dyn Memory, kv_head: u32) -> KvHead {
        let dim = self.command.head_dim as usize;
        let fetch = |operand, bits: u32| {
            let mut elements = vec![0i16; self.tokens.len() * dim];
            for (vector, &token) in elements.chunks_exact_mut(dim).zip(self.tokens) {
                memory.vector(self.command, operand, kv_head, token, vector);
                vector.iter_mut().for_each(|x| *x <<= self.config.width - bits);
            }
            elements
        };
        let (keys, values) = (&self.command.keys, &self.command.values);
        KvHead {
            keys: fetch(Operand::K, keys.msb + keys.lsb),
            values: fetch(Operand::V, values.msb + values.lsb),
        }
    }

    fn row(&self, memory: &dyn Memory, head: u32, query: u32, kv: &KvHead) -> Row {
        let (command, dim) = (self.command, self.command.head_dim as usize);
        // Ids ascend in the list, so causal rows see a prefix of it.
        let n = match command.causal {
            true => self.tokens.partition_point(|&token| token <= query),
            false => self.tokens.len(),
        };
        if n == 0 {
            let output = vec![0; dim];
            return Row {
                head,
                query,
                keys: 0,
                redone: false,
                max_prob: 0,
                kept: vec![],
                output,
                probs: vec![],
            };
        }
        let mut q = vec![0i16; dim];
        memory.vector(command, Operand::Q, head, query, &mut q);
        let keys = &kv.keys[..n * dim];
        let width = self.config.width;
        let whole = || scores(&q, keys, -1, width);
        let coarse = || scores(&q, keys, msb_mask(width, command.keys.msb), width);
        let (redone, scores) = match command.keys.mode {
            KeyMode::Never => (false, coarse()),
            KeyMode::Always => (false, whole()),
            KeyMode::Mask if command.keys.mask.contains(&head) => (true, whole()),
            KeyMode::Mask => (false, coarse()),
            KeyMode::Auto => {
                let scores = coarse();
                match self.softmax.max_prob(&scores, self.scale) < command.keys.threshold {
                    true => (true, whole()),
                    false => (false, scores),
                }
            }
        };
        let probs = self.softmax.row(&scores, self.scale);
        let max_prob = probs.iter().copied().max().unwrap_or(0);

        let sort_keys: Vec<u32> = probs.iter().map(|&p| u32::from(p)).collect();
        let kept = topk(&sort_keys, value_count(command.values.ratio, n));
        let value_lsbs = match command.values.mode {
            ValueMode::Never => false,
            ValueMode::Always => true,
            ValueMode::WithRow => redone || command.keys.mode == KeyMode::Always,
        };
        let mask = if value_lsbs {
            -1
        } else {
            msb_mask(width, command.values.msb)
        };
        let output = self.output(&probs, &kept, &kv.values, mask);
        let kept = kept.into_iter().map(|position| self.tokens[position]).collect();
        Row {
            head,
            query,
            keys: n as u32,
            redone,
            max_prob,
            kept,
            output,
            probs,
        }
    }

    /// The weighted sum of the kept values, rounded once and saturated once.
    fn output(&self, probs: &[u16], kept: &[usize], values: &[i16], mask: i16) -> Vec<i16> {
        let dim = self.command.head_dim as usize;
        let mut sums = vec![0i64; dim];
        for &position in kept {
            let prob = i64::from(probs[position]);
            for (sum, &value) in sums.iter_mut().zip(&values[position * dim..][..dim]) {
                *sum += prob * i64::from(value & mask);
            }
        }
        sums.iter()
            .map(|&sum| rescale(sum, self.command.output, self.config.out_width))
            .collect()
    }
}
