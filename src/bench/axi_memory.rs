//! The memory behind the AXI4 masters in their benches: `templates/tb/tb_axi_memory.sv`, what it holds, and how a bench's
//! top module is made around it.

use super::rows::pick;
use super::{Point, Random, stand};
use crate::config::Config;
use crate::rtl::{self, Direction, Interface};
use crate::sim::{Case, Design};
use rand::{Rng, RngExt};
use std::fmt::Write as _;

/// The memory's source.
pub(super) const SOURCE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/tb/tb_axi_memory.sv"
));

/// The check that nothing else is read than what was asked for.
const READ_CHECK: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/tb/tb_read_check.sv"
));

/// What a bench with the memory adds to its design.
pub(super) fn sources() -> [(String, String); 2] {
    [("tb_axi_memory.sv", SOURCE), ("tb_read_check.sv", READ_CHECK)]
        .map(|(name, text)| (name.into(), text.into()))
}

/// The AXI4 ports of the memory that a master drives.
const DRIVEN: &[&str] = &[
    "arvalid", "arid", "araddr", "arlen", "arsize", "arburst", "arlock", "arcache", "arprot", "arqos",
    "rready", "awvalid", "awid", "awaddr", "awlen", "awsize", "awburst", "awlock", "awcache", "awprot",
    "awqos", "wvalid", "wdata", "wstrb", "wlast", "bready",
];
/// Those that it drives itself.
const ANSWERED: &[&str] = &[
    "arready", "rvalid", "rid", "rdata", "rresp", "rlast", "awready", "wready", "bvalid", "bid", "bresp",
];

/// Bits of an AXI4 port.
fn port_width(name: &str, config: &Config) -> u32 {
    match name.trim_start_matches("aw").trim_start_matches("ar") {
        "id" => config.id_width,
        "addr" => config.addr_width,
        "len" => 8,
        "size" | "prot" => 3,
        "burst" => 2,
        "cache" | "qos" => 4,
        "wdata" => config.axi_data_width,
        "wstrb" => config.axi_data_width / 8,
        _ => 1,
    }
}

/// Where in memory a master works, and where the memory answers with errors.
pub(super) struct Window {
    /// What the master adds to its addresses, in sectors.
    pub base: u64,
    /// Sectors of the address space.
    pub sectors: u64,
    /// As [`beat_fails`] takes it.
    pub error_mask: u32,
}

impl Window {
    /// Sets the memory's ports at random. One run in four has no pauses and no errors; of the others every second has errors,
    /// by this mask.
    pub fn random(
        case: &mut Case,
        config: &Config,
        latencies: &[u64],
        error_mask: u32,
        random: &mut Random,
    ) -> Self {
        let sectors = 1u64 << (config.addr_width - 5);
        let rough = random.random_range(0..4) > 0;
        let base = match random.random_range(0..3) {
            0 => 0,
            1 => sectors - random.random_range(1..200),
            _ => random.next_u64() % sectors,
        };
        let fails = rough && random.random_range(0..2) == 0;
        let error_mask = if fails { error_mask } else { 0 };
        case.port("base", 32 * base);
        case.port("draw", if rough { random.next_u32().into() } else { 0 });
        case.port("latency", *pick(latencies, random));
        case.port("error_mask", error_mask.into());
        case.port("warm_up", *pick(&[0, 0, 1, 3, 40, 200], random));
        Window {
            base,
            sectors,
            error_mask,
        }
    }
}

/// Mixes the bits of a word, as the memory's Verilog does.
pub(super) fn mix(x: u32) -> u32 {
    let x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    let x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

fn noise(address: u64) -> u32 {
    mix(address as u32 ^ mix(((address >> 32) as u32).wrapping_add(1)))
}

/// What the memory holds at a word (4 bytes) that was never written.
pub(super) fn word(address: u64) -> u32 {
    noise(address & !3)
}

/// Whether the beat that a byte address lies in is answered with an error.
pub(super) fn beat_fails(address: u64, point: &Point, error_mask: u32) -> bool {
    let bytes = u64::from(point.config.axi_data_width / 8);
    error_mask != 0 && noise(!(address / bytes * bytes)) & error_mask == 0
}

/// Whether any of the beats that hold the sector at a byte address is.
pub(super) fn fails(address: u64, point: &Point, error_mask: u32) -> bool {
    (0..32)
        .step_by(8)
        .any(|offset| beat_fails(address + offset, point, error_mask))
}

/// Makes `template` the top of a design around its block, with the memory, ports and streams as in `interface`. The template
/// sees the AXI4 connections (`wires`, `dut_axi`, `memory_axi`), the reset (`rst_port`, and `reset`, true in reset), the
/// sizes `addr_w`, `data_w`, `id_w`, `sector_w`, and what `more` inserts.
pub(super) fn surround(
    point: &Point,
    design: &mut Design,
    template: &str,
    interface: Interface,
    more: impl FnOnce(&mut tera::Context),
) -> anyhow::Result<()> {
    let config = &point.config;
    let mut wires = String::new();
    let (mut block, mut memory) = (Vec::new(), Vec::new());
    let axi = |port: &(Direction, rtl::Field)| port.1.name.starts_with("m_axi_");
    for (_, field) in design.interface.ports.iter().filter(|port| axi(port)) {
        let _ = writeln!(wires, "wire [{}:0] {};", field.width - 1, field.name);
        block.push(format!(".{0}({0})", field.name));
    }
    for name in DRIVEN.iter().chain(ANSWERED) {
        let full = format!("m_axi_{name}");
        let connected = design.interface.ports.iter().any(|(_, field)| field.name == full);
        let signal = match (connected, DRIVEN.contains(name)) {
            (true, _) => full,
            (false, true) => format!("{}'d0", port_width(name, config)),
            (false, false) => String::new(),
        };
        memory.push(format!(".{name}({signal})"));
    }
    let mut context = tera::Context::new();
    context.insert("wires", wires.trim_end());
    context.insert("dut_axi", &block.join(",\n      "));
    context.insert("memory_axi", &memory.join(",\n      "));
    context.insert("addr_w", &config.addr_width);
    context.insert("data_w", &config.axi_data_width);
    context.insert("id_w", &config.id_width);
    context.insert("sector_w", &(config.addr_width - 5));
    more(&mut context);
    let top = format!("{}_fed", design.top);
    stand(design, config, &top, template, context)?;
    design.sources.extend(sources());
    design.interface = interface;
    Ok(())
}
