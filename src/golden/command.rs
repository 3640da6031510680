//! The layer command: every field of §1 of the specification, and the rules that refuse one.

use super::cascade::Prune;
use super::planes::Region;
use super::quant::Factor;
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// Which rows ask questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every kept token is a query.
    Summarisation,
    /// One query, its token id given.
    Generation,
}

/// When key LSBs are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyMode {
    /// MSB planes only.
    Never,
    /// All planes at once, one pass.
    Always,
    /// MSB planes first; whole keys in a second pass when the largest probability is below the threshold.
    Auto,
    /// A second pass for the heads in the mask.
    Mask,
}

/// When value LSBs are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueMode {
    /// MSB planes only.
    Never,
    /// All planes.
    Always,
    /// For rows that were redone, and for every row of key mode `always`.
    WithRow,
}

/// State operations on tokens, in this order, and the prunes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TokenOps {
    /// Zero all token importance.
    pub clear: bool,
    /// Shift all token importance right, 0 to 31.
    pub scale: u8,
    /// Append token `L`.
    pub append: bool,
    /// Token list becomes `0 .. L-1`.
    pub reset: bool,
    /// Prune before the layer.
    pub prune_before: Option<Prune>,
    /// Prune after the layer.
    pub prune_after: Option<Prune>,
}

/// State operations on heads, in this order, and the prunes (without guards).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HeadOps {
    /// Zero all head importance.
    pub clear: bool,
    /// Shift all head importance right, 0 to 31.
    pub scale: u8,
    /// Head list becomes `0 .. H-1`.
    pub reset: bool,
    /// Prune before the layer.
    pub prune_before: Option<HeadPrune>,
    /// Prune after the layer.
    pub prune_after: Option<HeadPrune>,
}

/// A commanded pruning of heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadPrune {
    /// How many stay.
    pub k: u16,
}

impl From<HeadPrune> for Prune {
    fn from(prune: HeadPrune) -> Self {
        Prune {
            k: prune.k,
            first: 0,
            last: 0,
        }
    }
}

/// Precision of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// `m`, bits in the MSB planes, at least 1.
    pub msb: u32,
    /// `l`, bits in the LSB planes; `m + l` at most W.
    pub lsb: u32,
    /// When LSBs are fetched.
    pub mode: KeyMode,
    /// A row whose largest probability is below this is redone in mode `auto`; P bits.
    pub threshold: u16,
    /// Original head ids whose rows are redone in mode `mask`.
    pub mask: Vec<u32>,
}

/// Precision and local pruning of the values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// `m`, bits in the MSB planes, at least 1.
    pub msb: u32,
    /// `l`, bits in the LSB planes; `m + l` at most W.
    pub lsb: u32,
    /// When LSBs are fetched.
    pub mode: ValueMode,
    /// `ceil(ratio * n / 65536)` values of a row stay; 0 to 65536.
    pub ratio: u32,
}

/// What the layer adds to importance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Accumulate {
    /// Token importance.
    pub tokens: bool,
    /// Head importance.
    pub heads: bool,
    /// Right shift of each row's sum of absolute outputs, 0 to 31.
    pub head_shift: u8,
}

/// Where everything lies in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Regions {
    /// Q, `W` planes.
    pub q: Region,
    /// MSB planes of K.
    pub k_msb: Region,
    /// LSB planes of K.
    pub k_lsb: Region,
    /// MSB planes of V.
    pub v_msb: Region,
    /// LSB planes of V.
    pub v_lsb: Region,
    /// Output, 16 bits an element.
    pub out: Region,
}

impl Regions {
    /// The six regions with their names.
    pub fn named(&self) -> [(&'static str, &Region); 6] {
        [
            ("q", &self.q),
            ("k-msb", &self.k_msb),
            ("k-lsb", &self.k_lsb),
            ("v-msb", &self.v_msb),
            ("v-lsb", &self.v_lsb),
            ("out", &self.out),
        ]
    }
}

/// One attention layer of one sequence, with the state operations around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LayerCommand {
    /// State operations and prunes of tokens.
    pub tokens: TokenOps,
    /// State operations and prunes of heads.
    pub heads: HeadOps,
    /// Summarisation or generation.
    pub mode: Mode,
    /// Only keys whose id is at most the query's.
    pub causal: bool,
    /// Token id of the query in generation; ignored otherwise.
    pub query: u32,
    /// D: 32, 64 or 128.
    pub head_dim: u32,
    /// Query heads per KV head.
    pub group: u32,
    /// Precision of the keys.
    pub keys: Keys,
    /// Precision and pruning of the values.
    pub values: Values,
    /// What the layer adds to importance.
    pub accumulate: Accumulate,
    /// Score × `scale` is the exponent of 2 in the softmax: quantisation scales, `1/sqrt(D)` and `log2(e)` together.
    pub scale: Factor,
    /// Sum of probability × value products × `output`, rounded, is the output.
    pub output: Factor,
    /// Bases and strides.
    pub regions: Regions,
}

/// Why a command is refused. The first rule that is broken, in the order of this list, is the one reported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages say what each field is.
pub enum Refusal {
    #[error("head-dim: D is {value}; it must be 32, 64 or 128 and at most the built {built}")]
    HeadDim { value: u32, built: u32 },
    #[error("group: {value} query heads a KV head; legal are 1 to max-heads = {max}")]
    Group { value: u32, max: u32 },
    #[error("key-bits: K has {msb} + {lsb} bits; m must be at least 1 and m + l at most width = {width}")]
    KeyBits { msb: u32, lsb: u32, width: u32 },
    #[error("value-bits: V has {msb} + {lsb} bits; m must be at least 1 and m + l at most width = {width}")]
    ValueBits { msb: u32, lsb: u32, width: u32 },
    #[error("key-mode: `auto` and `mask` need generation; summarisation takes `never` or `always`")]
    KeyMode,
    #[error("value-mode: `with-row` needs generation; summarisation takes `never` or `always`")]
    ValueMode,
    #[error("threshold: {value} does not fit prob-width = {width} bits; at most {max} is legal", max = (1u32 << width) - 1)]
    Threshold { value: u16, width: u32 },
    #[error("ratio: {value} is more than 65536, which keeps every value")]
    Ratio { value: u32 },
    #[error("scale-shift: {value} is more than 47")]
    ScaleShift { value: u8 },
    #[error("output-shift: {value} is more than 47")]
    OutputShift { value: u8 },
    #[error("head-shift: {value} is more than 31")]
    HeadShift { value: u8 },
    #[error("importance-scale: a shift of {value} is more than 31")]
    ImportanceScale { value: u8 },
    #[error("alignment: {field} of region `{region}` is {value:#x}, not a multiple of 4 bytes")]
    Alignment {
        region: &'static str,
        field: &'static str,
        value: u64,
    },
    #[error(
        "length: L = {length} and H = {heads}; at most max-tokens = {max_tokens} and max-heads = {max_heads} are built"
    )]
    Length {
        length: u32,
        heads: u32,
        max_tokens: u32,
        max_heads: u32,
    },
    #[error("token-list: entry {position} is id {id}; ids must ascend strictly and be below L = {length}")]
    TokenList { position: usize, id: u32, length: u32 },
    #[error("head-list: entry {position} is id {id}; ids must ascend strictly and be below H = {heads}")]
    HeadList { position: usize, id: u32, heads: u32 },
    #[error("append: L is already max-tokens = {max}")]
    Append { max: u32 },
    #[error("empty-tokens: no token is left after the state operations")]
    EmptyTokens,
    #[error("empty-heads: no head is left after the state operations")]
    EmptyHeads,
    #[error("query: token {query} does not exist; L = {length}")]
    Query { query: u32, length: u32 },
}

impl Refusal {
    /// The rule's name, as cases spell it.
    pub fn rule(&self) -> &'static str {
        match self {
            Refusal::HeadDim { .. } => "head-dim",
            Refusal::Group { .. } => "group",
            Refusal::KeyBits { .. } => "key-bits",
            Refusal::ValueBits { .. } => "value-bits",
            Refusal::KeyMode => "key-mode",
            Refusal::ValueMode => "value-mode",
            Refusal::Threshold { .. } => "threshold",
            Refusal::Ratio { .. } => "ratio",
            Refusal::ScaleShift { .. } => "scale-shift",
            Refusal::OutputShift { .. } => "output-shift",
            Refusal::HeadShift { .. } => "head-shift",
            Refusal::ImportanceScale { .. } => "importance-scale",
            Refusal::Alignment { .. } => "alignment",
            Refusal::Length { .. } => "length",
            Refusal::TokenList { .. } => "token-list",
            Refusal::HeadList { .. } => "head-list",
            Refusal::Append { .. } => "append",
            Refusal::EmptyTokens => "empty-tokens",
            Refusal::EmptyHeads => "empty-heads",
            Refusal::Query { .. } => "query",
        }
    }
}

/// Refuses unless the rule holds.
pub(super) fn require(rule: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
    if rule { Ok(()) } else { Err(refusal()) }
}

impl LayerCommand {
    /// Checks the rules that need no state.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, config: &Config) -> Result<(), Refusal> {
        let (dim, width) = (self.head_dim, config.width);
        let legal_dim = [32, 64, 128].contains(&dim) && dim <= config.head_dim;
        require(legal_dim, || Refusal::HeadDim {
            value: dim,
            built: config.head_dim,
        })?;
        let groups = 1..=config.max_heads;
        require(groups.contains(&self.group), || Refusal::Group {
            value: self.group,
            max: config.max_heads,
        })?;
        let fits = |m: u32, l: u32| m >= 1 && u64::from(m) + u64::from(l) <= u64::from(width);
        let (m, l) = (self.keys.msb, self.keys.lsb);
        require(fits(m, l), || Refusal::KeyBits {
            msb: m,
            lsb: l,
            width,
        })?;
        let (m, l) = (self.values.msb, self.values.lsb);
        require(fits(m, l), || Refusal::ValueBits {
            msb: m,
            lsb: l,
            width,
        })?;
        let generation = self.mode == Mode::Generation;
        require(
            generation || matches!(self.keys.mode, KeyMode::Never | KeyMode::Always),
            || Refusal::KeyMode,
        )?;
        require(generation || self.values.mode != ValueMode::WithRow, || {
            Refusal::ValueMode
        })?;
        let threshold = Refusal::Threshold {
            value: self.keys.threshold,
            width: config.prob_width,
        };
        require(u32::from(self.keys.threshold) >> config.prob_width == 0, || {
            threshold
        })?;
        require(self.values.ratio <= 65536, || Refusal::Ratio {
            value: self.values.ratio,
        })?;
        let value = self.scale.shift;
        require(value <= Factor::MAX_SHIFT, || Refusal::ScaleShift { value })?;
        let value = self.output.shift;
        require(value <= Factor::MAX_SHIFT, || Refusal::OutputShift { value })?;
        let value = self.accumulate.head_shift;
        require(value <= 31, || Refusal::HeadShift { value })?;
        let value = self.tokens.scale.max(self.heads.scale);
        require(value <= 31, || Refusal::ImportanceScale { value })?;
        for (region, r) in self.regions.named() {
            let fields = [
                ("base", r.base),
                ("head-stride", r.head_stride),
                ("token-stride", r.token_stride),
            ];
            for (field, value) in fields {
                require(value % 4 == 0, || Refusal::Alignment { region, field, value })?;
            }
        }
        Ok(())
    }

    /// KV head of a query head.
    pub fn kv_head(&self, head: u32) -> u32 {
        head / self.group
    }
}
