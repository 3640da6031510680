//! The hardware blocks: one file a module, each with a template of the same name.
//!
//! A block describes itself once, as a [`Module`]: its name, what it instantiates, its [`Interface`], and the values
//! and parameter-shaped logic that its template prints. Emission, filelist, manifest, lint, testbench and
//! co-simulation all come from that description.

mod axi;
mod core;
mod emit;
pub mod format;
pub mod logic;
pub mod register_map;

pub use emit::{Source, closure, in_order, sources, sources_of};
pub(crate) use emit::{insert_config, render_template};

use crate::config::Config;
use serde::Serialize;

/// Declares every RTL module of the list and collects [`MODULES`].
macro_rules! declare_modules {
    ($($kind:ident $name:ident :: $module:ident;)*) => {
        $(#[doc = concat!("The module `", stringify!($name), "`.")] pub mod $name;)*

        /// Every hardware module, with its template.
        pub static MODULES: &[Entry] = &[$(Entry {
            module: &$name::$module,
            template: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/templates/rtl/", stringify!($name), ".v"
            )),
        }),*];
    };
}

blocks!(declare_modules);

/// A registered module and the text of its template.
pub struct Entry {
    /// What the module says of itself.
    pub module: &'static dyn Module,
    /// Contents of `templates/rtl/<name>.v`.
    pub template: &'static str,
}

/// The registered module called `name`.
pub fn module(name: &str) -> Option<&'static dyn Module> {
    MODULES
        .iter()
        .map(|entry| entry.module)
        .find(|module| module.name() == name)
}

/// Value of the Verilog parameter `name`: the override when there is one, else `default`.
pub fn override_or(overrides: &[(&str, u64)], name: &str, default: u64) -> u64 {
    overrides
        .iter()
        .find(|(key, _)| *key == name)
        .map_or(default, |&(_, value)| value)
}

/// Bits of a lane number, at least 1.
pub(crate) fn lane_bits(lanes: u32) -> u32 {
    lanes.next_power_of_two().ilog2().max(1)
}

/// Bits that count `0 ..= most`.
pub(crate) fn count_bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// Direction of a port or stream, seen from the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the module.
    In,
    /// Out of the module.
    Out,
}

/// One payload field of a stream, or a plain port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Field name; the port is `<stream>_<name>`, or `<name>` outside streams.
    pub name: String,
    /// Width in bits.
    pub width: u32,
    /// How many equal lanes the width holds, lane 0 in the low bits; 1 for a scalar.
    pub lanes: u32,
}

impl Field {
    /// A scalar field.
    pub fn new(name: impl Into<String>, width: u32) -> Self {
        Field {
            name: name.into(),
            width,
            lanes: 1,
        }
    }

    /// A field of `lanes` lanes of `lane_width` bits each.
    pub fn lanes(name: impl Into<String>, lanes: u32, lane_width: u32) -> Self {
        Field {
            name: name.into(),
            width: lanes * lane_width,
            lanes,
        }
    }
}

/// A valid/ready stream: ports `<name>_valid`, `<name>_ready` and `<name>_<field>` for each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// Stream name, e.g. `push` or `pop`.
    pub name: String,
    /// `In` when the module accepts the stream.
    pub direction: Direction,
    /// Payload fields in port order.
    pub fields: Vec<Field>,
}

impl Stream {
    /// A stream that the module accepts.
    pub fn input(name: impl Into<String>, fields: Vec<Field>) -> Self {
        Stream {
            name: name.into(),
            direction: Direction::In,
            fields,
        }
    }

    /// A stream that the module offers.
    pub fn output(name: impl Into<String>, fields: Vec<Field>) -> Self {
        Stream {
            name: name.into(),
            direction: Direction::Out,
            fields,
        }
    }
}

/// A Verilog parameter of a module and its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Verilog parameter name.
    pub name: String,
    /// Value.
    pub value: u64,
    /// One-line meaning.
    pub doc: String,
}

impl Parameter {
    /// A parameter with its value and one-line meaning.
    pub fn new(name: impl Into<String>, value: u64, doc: impl Into<String>) -> Self {
        Parameter {
            name: name.into(),
            value,
            doc: doc.into(),
        }
    }
}

/// Everything that connects to a module besides clock and reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Verilog parameters, in order; the widths below hold for these values.
    pub parameters: Vec<Parameter>,
    /// Valid/ready streams, in port order.
    pub streams: Vec<Stream>,
    /// Plain ports, in order.
    pub ports: Vec<(Direction, Field)>,
}

impl Interface {
    /// The value of the Verilog parameter `name`; 0 when there is none.
    pub fn parameter(&self, name: &str) -> u64 {
        let found = self.parameters.iter().find(|parameter| parameter.name == name);
        found.map_or(0, |parameter| parameter.value)
    }
}

/// Fixed latency between two streams of a module, when nothing stalls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Stream whose accepted item starts the count.
    pub from: &'static str,
    /// Stream whose offered item ends it.
    pub to: &'static str,
    /// Cycles from the one to the other.
    pub cycles: u32,
}

/// Hardware that a module is made of, what it instantiates included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Magnitude comparators of top-k arrays.
    pub comparators: u64,
    /// Integer multipliers.
    pub multipliers: u64,
    /// RAM bits; registers do not count.
    pub memory_bits: u64,
}

impl std::ops::Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost {
            comparators: self.comparators + other.comparators,
            multipliers: self.multipliers + other.multipliers,
            memory_bits: self.memory_bits + other.memory_bits,
        }
    }
}

impl std::ops::Mul<u64> for Cost {
    type Output = Cost;
    fn mul(self, instances: u64) -> Cost {
        Cost {
            comparators: self.comparators * instances,
            multipliers: self.multipliers * instances,
            memory_bits: self.memory_bits * instances,
        }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| sum + cost)
    }
}

/// A hardware block as the generator sees it.
pub trait Module: Sync {
    /// Module, file and template name.
    fn name(&self) -> &'static str;
    /// One line for tables and banners.
    fn summary(&self) -> &'static str;
    /// Modules instantiated directly.
    fn instantiates(&self, config: &Config) -> &'static [&'static str];
    /// Ports, for the given Verilog parameter overrides (`(name, value)`; unnamed ones keep their defaults).
    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface;
    /// Values and parameter-shaped logic for the template `<name>.v`.
    fn context(&self, config: &Config) -> anyhow::Result<tera::Context>;
    /// Whether the module has `clk`; all but those without a register do.
    fn has_clock(&self) -> bool {
        true
    }
    /// Whether the module has the reset port; where no register is reset it has not.
    fn has_reset(&self) -> bool {
        true
    }
    /// Whether the module is part of a configuration.
    fn exists(&self, _config: &Config) -> bool {
        true
    }
    /// Exact latencies, as the header states them; none where they depend on the data.
    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        Vec::new()
    }
    /// What the module is made of, for the given Verilog parameter overrides, its instances included.
    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost::default()
    }
}
