//! The hardware blocks: one file a module, each with a template of the same name.
//!
//! A block describes itself once, as a [`Module`]: its name, what it instantiates, its [`Interface`], and the values
//! and parameter-shaped logic that its template prints. Emission, filelist, manifest, lint, testbench and
//! co-simulation all come from that description.

use crate::config::Config;
use serde::Serialize;

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

/// A hardware block as the generator sees it.
pub trait Module: Sync {
    /// Module, file and template name.
    fn name(&self) -> &'static str;
    /// One line for tables and banners.
    fn summary(&self) -> &'static str;
    /// Modules instantiated directly.
    fn instantiates(&self) -> &'static [&'static str];
    /// Ports, for the given Verilog parameter overrides (`(name, value)`; unnamed ones keep their defaults).
    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface;
    /// Values and parameter-shaped logic for the template `<name>.v`.
    fn context(&self, config: &Config) -> anyhow::Result<tera::Context>;
}
