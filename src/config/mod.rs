//! The validated configuration that every other part of the generator takes.

use serde::{Deserialize, Serialize};

/// How the base-2 exponential of the softmax is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpMethod {
    /// A 5th-order polynomial, the paper's degree, with coefficients fitted per probability width.
    Poly5,
    /// A table with interpolation.
    Table,
}

/// How the top-k engine selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopkMethod {
    /// Quick-select over two FIFOs, as in the paper.
    Quickselect,
}

/// Reset style of every generated module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// Synchronous, active high.
    SyncHigh,
    /// Synchronous, active low.
    SyncLow,
    /// Asynchronous, active high.
    AsyncHigh,
    /// Asynchronous, active low.
    AsyncLow,
}

/// How RAMs are emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ram {
    /// Behavioural RAM that tools infer.
    Inferred,
    /// A named macro, one black box per shape.
    Macro,
}

/// Every generator parameter, unvalidated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Params {
    /// Comparators in each top-k comparator array.
    pub parallelism: u32,
    /// Multipliers in each of the two arrays (Q×K and prob×V).
    pub multipliers: u32,
    /// Largest head dimension D.
    pub head_dim: u32,
    /// Largest number of tokens of a sequence.
    pub max_tokens: u32,
    /// Largest number of query heads.
    pub max_heads: u32,
    /// AXI4 masters, memory channels.
    pub channels: u32,
    /// Request ports into the sector crossbar.
    pub fetch_ports: u32,
    /// Sectors that may be in flight.
    pub sector_window: u32,
    /// AXI4 data width in bits.
    pub axi_data_width: u32,
    /// Address width in bits.
    pub addr_width: u32,
    /// AXI4 ID width in bits.
    pub id_width: u32,
    /// On-chip operand width W in bits.
    pub width: u32,
    /// Probability width P in bits.
    pub prob_width: u32,
    /// Output width in bits.
    pub out_width: u32,
    /// Scores a cycle through the softmax.
    pub softmax_lanes: u32,
    /// Exponential method.
    pub exp: ExpMethod,
    /// Top-k method.
    pub topk: TopkMethod,
    /// Reset style.
    pub reset: Reset,
    /// RAM style.
    pub ram: Ram,
    /// Registered-read latency of RAMs in cycles.
    pub ram_latency: u32,
}

/// A configuration in which every rule holds. Read its parameters through `Deref`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Config(Params);

impl std::ops::Deref for Config {
    type Target = Params;
    fn deref(&self) -> &Params {
        &self.0
    }
}

impl TryFrom<Params> for Config {
    type Error = anyhow::Error;
    fn try_from(params: Params) -> anyhow::Result<Self> {
        Ok(Config(params))
    }
}

impl Default for Config {
    /// The `spatten` preset.
    fn default() -> Self {
        Config(Params {
            parallelism: 16,
            multipliers: 512,
            head_dim: 64,
            max_tokens: 1024,
            max_heads: 32,
            channels: 16,
            fetch_ports: 32,
            sector_window: 2048,
            axi_data_width: 256,
            addr_width: 40,
            id_width: 1,
            width: 12,
            prob_width: 12,
            out_width: 16,
            softmax_lanes: 8,
            exp: ExpMethod::Poly5,
            topk: TopkMethod::Quickselect,
            reset: Reset::SyncHigh,
            ram: Ram::Inferred,
            ram_latency: 1,
        })
    }
}
