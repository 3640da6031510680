//! The one table of parameters.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(u32),
    /// One of a list of words.
    Word(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => word.fmt(f),
        }
    }
}

/// Which values a parameter may have, other parameters aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legal {
    /// Every whole number from the first to the second, both included.
    Range(u32, u32),
    /// Every power of two from the first to the second, both included.
    PowerOfTwo(u32, u32),
    /// These numbers, ascending.
    Numbers(&'static [u32]),
    /// These words.
    Words(&'static [&'static str]),
}

impl Legal {
    /// The rule in words, as in "must be ...".
    pub fn rule(&self) -> String {
        fn list(items: impl ExactSizeIterator<Item = String>) -> String {
            let last = items.len() - 1;
            let parts = items.enumerate().map(|(i, item)| match i {
                0 => item,
                i if i == last => format!(" or {item}"),
                _ => format!(", {item}"),
            });
            parts.collect()
        }
        match self {
            Legal::Range(low, high) => format!("a whole number from {low} to {high}"),
            Legal::PowerOfTwo(low, high) => format!("a power of two from {low} to {high}"),
            Legal::Numbers(numbers) => list(numbers.iter().map(u32::to_string)),
            Legal::Words(words) => list(words.iter().map(|word| format!("`{word}`"))),
        }
    }

    /// Every legal number, ascending; none for words.
    pub fn numbers(&self) -> Box<dyn Iterator<Item = u32>> {
        match *self {
            Legal::Range(low, high) => Box::new(low..=high),
            Legal::PowerOfTwo(low, high) => Box::new((low..=high).filter(|number| number.is_power_of_two())),
            Legal::Numbers(numbers) => Box::new(numbers.iter().copied()),
            Legal::Words(_) => Box::new(std::iter::empty()),
        }
    }

    /// The legal number nearest to `number`, the smaller of two as near; none for words.
    pub fn nearest_number(&self, number: i128) -> Option<u32> {
        self.numbers()
            .min_by_key(|&legal| i128::from(legal).abs_diff(number))
    }
}

/// A Rust type that a parameter is held in.
trait Scalar: Copy {
    fn value(self) -> Value;
    /// `None` when the value is of another kind; [`Parameter::set`] is given legal values only.
    fn from_value(value: Value) -> Option<Self>;
}

impl Scalar for u32 {
    fn value(self) -> Value {
        Value::Number(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number),
            Value::Word(_) => None,
        }
    }
}

/// Declares an enumeration of words: the type, its names in flags and files, and their list.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The names in flags and files.
            pub const WORDS: &[&str] = &[$($word),*];
        }

        impl Scalar for $name {
            fn value(self) -> Value {
                Value::Word(match self { $($name::$variant => $word),* })
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $(Value::Word($word) => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// How the base-2 exponential of the softmax is computed.
    ExpMethod {
        /// A 5th-order polynomial, the paper's degree, with coefficients fitted per probability width.
        Poly5 = "poly5",
        /// A table with interpolation.
        Table = "table",
    }
}

words! {
    /// How the top-k engine selects.
    TopkMethod {
        /// Quick-select over two FIFOs, as in the paper.
        Quickselect = "quickselect",
    }
}

words! {
    /// Reset style of every generated module.
    Reset {
        /// Synchronous, active high.
        SyncHigh = "sync-high",
        /// Synchronous, active low.
        SyncLow = "sync-low",
        /// Asynchronous, active high.
        AsyncHigh = "async-high",
        /// Asynchronous, active low.
        AsyncLow = "async-low",
    }
}

impl Reset {
    /// Whether the core is in reset while the port is high.
    pub fn active_high(self) -> bool {
        matches!(self, Reset::SyncHigh | Reset::AsyncHigh)
    }

    /// Whether registers are reset without a clock edge.
    pub fn asynchronous(self) -> bool {
        matches!(self, Reset::AsyncHigh | Reset::AsyncLow)
    }

    /// Name of the reset port.
    pub fn port(self) -> &'static str {
        if self.active_high() { "rst" } else { "rst_n" }
    }

    /// Verilog expression that is true in reset.
    pub fn active(self) -> &'static str {
        if self.active_high() { "rst" } else { "!rst_n" }
    }
}

words! {
    /// How RAMs are emitted.
    Ram {
        /// Behavioural RAM that tools infer.
        Inferred = "inferred",
        /// A named macro, one black box per shape.
        Macro = "macro",
    }
}

/// One row of [`PARAMETERS`].
pub struct Parameter {
    /// Flag (after `--`) and TOML key.
    pub key: &'static str,
    /// Group in help and documentation.
    pub group: &'static str,
    /// One-line meaning.
    pub doc: &'static str,
    /// Legal values, other parameters aside.
    pub legal: Legal,
    get: fn(&Params) -> Value,
    set: fn(&mut Params, Value),
}

impl Parameter {
    /// The value in `params`.
    pub fn get(&self, params: &Params) -> Value {
        (self.get)(params)
    }

    /// Puts a value of the parameter's own kind into `params`; one of another kind changes nothing.
    pub(super) fn set(&self, params: &mut Params, value: Value) {
        (self.set)(params, value);
    }
}

/// The row of [`PARAMETERS`] with this key.
pub fn parameter(key: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.key == key)
}

/// A named set of values, one for every parameter.
pub struct Preset {
    /// Name after `--preset`.
    pub name: &'static str,
    /// One line on what it is for.
    pub doc: &'static str,
    column: usize,
}

/// Turns the table into [`Params`], [`PARAMETERS`] and the presets' values.
macro_rules! parameters {
    ($($group:literal { $(
        $(#[doc = $doc:literal])+
        $key:literal $field:ident: $type:ty = $legal:expr, $presets:expr;
    )* })*) => {
        /// Every generator parameter, not yet validated.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Params {
            $($($(#[doc = $doc])+ pub $field: $type,)*)*
        }

        /// Every parameter, in the order of help and documentation.
        pub static PARAMETERS: &[Parameter] = &[$($(Parameter {
            key: $key,
            group: $group,
            doc: concat!($($doc),+).trim_ascii(),
            legal: $legal,
            get: |params| params.$field.value(),
            set: |params, value| {
                if let Some(value) = <$type>::from_value(value) {
                    params.$field = value;
                }
            },
        },)*)*];

        impl Preset {
            /// The preset's value of every parameter.
            pub fn params(&self) -> Params {
                Params { $($($field: $presets[self.column],)*)* }
            }
        }
    };
}

/// The presets; the first is the default. A preset's values are its column in the table of parameters.
pub static PRESETS: [Preset; 4] = [
    Preset {
        name: "spatten",
        doc: "the paper's full size: 2 x 512 multipliers, 16 memory channels",
        column: 0,
    },
    Preset {
        name: "spatten-1-8",
        doc: "the paper's 1/8 scale: 2 x 64 multipliers, 2 channels",
        column: 1,
    },
    Preset {
        name: "edge",
        doc: "for a mid-size FPGA: 2 x 64 multipliers, one 128-bit memory port",
        column: 2,
    },
    Preset {
        name: "tiny",
        doc: "every feature at a small size, to simulate in seconds",
        column: 3,
    },
];

parameters! {
    "Compute" {
        /// Comparators in each top-k comparator array
        "parallelism" parallelism: u32 = Legal::PowerOfTwo(1, 64), [16, 16, 8, 4];
        /// Multipliers in each of the two arrays (QxK and prob x V)
        "multipliers" multipliers: u32 = Legal::Range(32, 8192), [512, 64, 64, 64];
        /// Scores a cycle through the softmax
        "softmax-lanes" softmax_lanes: u32 = Legal::PowerOfTwo(1, 64), [8, 2, 1, 2];
        /// Method of the base-2 exponential
        "exp" exp: ExpMethod = Legal::Words(ExpMethod::WORDS), [ExpMethod::Poly5; 4];
        /// Method of the top-k selection
        "topk" topk: TopkMethod = Legal::Words(TopkMethod::WORDS), [TopkMethod::Quickselect; 4];
    }
    "Model size" {
        /// Largest head dimension D; 32 and 64 up to it can be chosen at run time
        "head-dim" head_dim: u32 = Legal::Numbers(&[32, 64, 128]), [64, 64, 64, 32];
        /// Largest number of tokens in a sequence
        "max-tokens" max_tokens: u32 = Legal::Range(16, 32768), [1024, 1024, 512, 64];
        /// Largest number of query heads
        "max-heads" max_heads: u32 = Legal::Range(1, 128), [32, 32, 16, 4];
    }
    "Number formats" {
        /// Bits of an on-chip operand (Q, K, V), signed
        "width" width: u32 = Legal::Range(8, 16), [12, 12, 12, 12];
        /// Bits of a probability, unsigned
        "prob-width" prob_width: u32 = Legal::Range(8, 16), [12, 12, 12, 12];
        /// Bits of an output element, signed
        "out-width" out_width: u32 = Legal::Range(8, 16), [16, 16, 16, 16];
    }
    "Memory" {
        /// Memory channels, one AXI4 master each
        "channels" channels: u32 = Legal::PowerOfTwo(1, 64), [16, 2, 1, 2];
        /// Request ports into the sector crossbar
        "fetch-ports" fetch_ports: u32 = Legal::Range(1, 128), [32, 4, 4, 4];
        /// 32-byte sectors that may be in flight
        "sector-window" sector_window: u32 = Legal::PowerOfTwo(1, 16384), [2048, 256, 128, 256];
        /// Bits of AXI4 data
        "axi-data-width" axi_data_width: u32 = Legal::PowerOfTwo(64, 512), [256, 256, 128, 64];
        /// Bits of an AXI4 address
        "addr-width" addr_width: u32 = Legal::Range(32, 64), [40, 40, 32, 32];
        /// Bits of an AXI4 ID
        "id-width" id_width: u32 = Legal::Range(1, 32), [1, 1, 1, 1];
    }
    "Implementation" {
        /// Reset style of every module
        "reset" reset: Reset = Legal::Words(Reset::WORDS), [Reset::SyncHigh; 4];
        /// Behavioural RAMs that tools infer, or named macros
        "ram" ram: Ram = Legal::Words(Ram::WORDS), [Ram::Inferred; 4];
        /// Cycles from a RAM's read address to its data
        "ram-latency" ram_latency: u32 = Legal::Numbers(&[1, 2]), [1, 1, 1, 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_fields_in_kebab_case() {
        let serde_json::Value::Object(params) = serde_json::to_value(PRESETS[0].params()).unwrap() else {
            panic!("parameters serialise as a table");
        };
        assert_eq!(params.len(), PARAMETERS.len());
        for parameter in PARAMETERS {
            let value = serde_json::to_value(parameter.get(&PRESETS[0].params())).unwrap();
            assert_eq!(params[parameter.key], value, "{}", parameter.key);
        }
    }

    #[test]
    fn setting_and_getting_agree_for_every_value_of_every_preset() {
        for (from, to) in PRESETS.iter().zip(PRESETS.iter().rev()) {
            let mut params = from.params();
            for parameter in PARAMETERS {
                parameter.set(&mut params, parameter.get(&to.params()));
            }
            assert_eq!(params, to.params());
        }
    }

    #[test]
    fn rules_read_as_sentences_and_name_the_nearest() {
        let power = Legal::PowerOfTwo(1, 64);
        assert_eq!(power.rule(), "a power of two from 1 to 64");
        let nearest = |number| power.nearest_number(number).unwrap();
        assert_eq!(
            (
                nearest(-3),
                nearest(0),
                nearest(17),
                nearest(24),
                nearest(i128::MAX)
            ),
            (1, 1, 16, 16, 64)
        );
        assert_eq!(Legal::Numbers(&[32, 64, 128]).rule(), "32, 64 or 128");
        assert_eq!(Legal::Words(&["a", "b"]).rule(), "`a` or `b`");
        assert_eq!(Legal::Words(&["a"]).rule(), "`a`");
    }
}
