//! Top module: the whole accelerator.

use super::cascade_state::CascadeState;
use super::core::Core;
use super::fetch_scheduler::FetchScheduler;
use super::format::fill;
use super::memory_side::{MemorySide, master};
use super::register_file::RegisterFile;
use super::register_map::ADDRESS_WIDTH;
use super::row_pipeline::RowPipeline;
use super::row_sequencer::RowSequencer;
use super::{Cost, Direction, Field, Interface, Module};
use crate::config::Config;
use serde::Serialize;

/// `spatten_top`: registers, controller, cascade state, fetches, rows and memory, joined.
pub struct SpattenTop;

/// A port of the AXI4-Lite slave as the template prints it.
#[derive(Serialize)]
struct Port {
    name: String,
    width: u32,
    output: bool,
}

/// Ports of the AXI4-Lite slave, without `s_axi_`: name, width, whether it is an output.
pub(crate) const SLAVE: [(&str, u32, bool); 19] = [
    ("awvalid", 1, false),
    ("awready", 1, true),
    ("awaddr", ADDRESS_WIDTH, false),
    ("awprot", 3, false),
    ("wvalid", 1, false),
    ("wready", 1, true),
    ("wdata", 32, false),
    ("wstrb", 4, false),
    ("bvalid", 1, true),
    ("bready", 1, false),
    ("bresp", 2, true),
    ("arvalid", 1, false),
    ("arready", 1, true),
    ("araddr", ADDRESS_WIDTH, false),
    ("arprot", 3, false),
    ("rvalid", 1, true),
    ("rready", 1, false),
    ("rdata", 32, true),
    ("rresp", 2, true),
];

/// The ports of the AXI4 masters, channel by channel: `m_axi_0_arvalid` and so on.
fn masters(config: &Config) -> Vec<(Direction, Field)> {
    let master = master(config);
    let port = |channel: u32, (direction, field): &(Direction, Field)| {
        let name = format!("m_axi_{channel}_{}", field.name);
        (*direction, Field::new(name, field.width))
    };
    (0..config.channels)
        .flat_map(|channel| master.iter().map(move |of_one| port(channel, of_one)))
        .collect()
}

/// Columns that a line of ports may take.
const PORT_COLUMNS: usize = 95;

/// The declarations of the masters' ports, each of AXI's five channels from a line of its own on.
fn master_ports(config: &Config) -> Vec<String> {
    let channel_of = |field: &Field| {
        let name = field.name.rsplit('_').next().unwrap_or_default();
        let length = if name.starts_with('a') { 2 } else { 1 };
        name[..length].to_owned()
    };
    let declare = |(direction, field): &(Direction, Field)| {
        let direction = match direction {
            Direction::Out => "output",
            Direction::In => "input",
        };
        let range = match field.width {
            1 => String::new(),
            width => format!("[{}:0] ", width - 1),
        };
        format!("{direction} wire {range}{}", field.name)
    };
    let mut lines = Vec::new();
    for channel in masters(config).chunk_by(|(_, a), (_, b)| channel_of(a) == channel_of(b)) {
        let ports: Vec<String> = channel.iter().map(declare).collect();
        lines.extend(fill(ports.iter().map(String::as_str), ", ", PORT_COLUMNS));
    }
    lines
}

/// The connections of `memory_side`, where all channels stand side by side: `.m_axi_arvalid({m_axi_1_arvalid, ...})`.
fn master_pins(config: &Config) -> Vec<String> {
    let pin = |(_, field): (Direction, Field)| {
        let of_channels: Vec<String> = (0..config.channels)
            .rev()
            .map(|channel| format!("m_axi_{channel}_{}", field.name))
            .collect();
        let lines: Vec<String> = of_channels.chunks(4).map(|some| some.join(", ")).collect();
        match lines.as_slice() {
            [one] => format!(".m_axi_{}({{{one}}})", field.name),
            _ => format!(
                ".m_axi_{}({{\n          {}}})",
                field.name,
                lines.join(",\n          ")
            ),
        }
    };
    master(config).into_iter().map(pin).collect()
}

impl Module for SpattenTop {
    fn name(&self) -> &'static str {
        "spatten_top"
    }

    fn summary(&self) -> &'static str {
        "the accelerator"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "register_file",
            "command_check",
            "controller",
            "cascade_state",
            "row_sequencer",
            "stream_fifo",
            "fetch_scheduler",
            "row_pipeline",
            "memory_side",
        ]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let direction = |output| if output { Direction::Out } else { Direction::In };
        let mut ports = vec![(Direction::Out, Field::new("irq", 1))];
        ports
            .extend(SLAVE.map(|(name, width, output)| {
                (direction(output), Field::new(format!("s_axi_{name}"), width))
            }));
        ports.extend(masters(config));
        Interface {
            parameters: vec![],
            streams: vec![],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let slave: Vec<Port> = SLAVE
            .map(|(name, width, output)| Port {
                name: format!("s_axi_{name}"),
                width,
                output,
            })
            .into_iter()
            .collect();
        let mut context = Core::new(config).context(config);
        context.insert("slave", &slave);
        context.insert("master_ports", &master_ports(config));
        context.insert("master_pins", &master_pins(config));
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        RegisterFile.cost(config, &[])
            + CascadeState.cost(config, &[])
            + RowSequencer.cost(config, &[])
            + FetchScheduler.cost(config, &[])
            + RowPipeline.cost(config, &[])
            + MemorySide.cost(config, &[])
    }
}
