//! Memory side: all reads and writes of the accelerator, up to the AXI4 masters.

use super::axi_reader::AxiReader;
use super::axi_writer::AxiWriter;
use super::plane_fetcher::{self, PlaneFetcher, Shape};
use super::row_writer::RowWriter;
use super::write_tracker::{self, WriteTracker};
use super::{Cost, Direction, Field, Interface, Module, lane_bits, override_or};
use crate::config::Config;
use serde::Serialize;

/// `memory_side`: plane fetcher, row writer, and an AXI4 master for each channel.
pub struct MemorySide;

/// A port of the AXI4 masters, all channels side by side.
#[derive(Serialize)]
struct AxiPort {
    /// Without `m_axi_`.
    name: String,
    /// Bits of all channels.
    bits: u32,
    input: bool,
    /// Of the reader, not of the writer.
    read: bool,
    /// The connection of a channel's reader or writer.
    pin: String,
}

/// The ports of an AXI4 master, without their prefix: AR, R, AW, W, B.
pub(crate) fn master(config: &Config) -> Vec<(Direction, Field)> {
    let axi = |(_, field): &(Direction, Field)| field.name.starts_with("m_axi_");
    [&AxiReader as &dyn Module, &AxiWriter]
        .iter()
        .flat_map(|module| module.interface(config, &[]).ports)
        .filter(axi)
        .map(|(direction, field)| {
            let name = field.name.trim_start_matches("m_axi_").to_owned();
            (direction, Field { name, ..field })
        })
        .collect()
}

/// The ports of the AXI4 masters, all channels side by side.
fn axi_ports(config: &Config) -> Vec<AxiPort> {
    master(config)
        .into_iter()
        .map(|(direction, Field { name, width, .. })| {
            let size = match name.as_str() {
                "araddr" | "awaddr" => "ADDR_W".to_owned(),
                "rdata" | "wdata" => "DATA_W".to_owned(),
                "wstrb" => "STRB_W".to_owned(),
                "arid" | "rid" | "awid" | "bid" => "ID_W".to_owned(),
                _ => width.to_string(),
            };
            let part = match size.as_str() {
                "1" => "channel".to_owned(),
                _ => format!("channel*{size}+:{size}"),
            };
            let read = name.starts_with("ar") || name.starts_with('r');
            // In line with the longest of the other connections.
            let columns = if read { 9 } else { 7 };
            AxiPort {
                read,
                pin: format!(".m_axi_{name:<columns$}(m_axi_{name}[{part}])"),
                input: direction == Direction::In,
                bits: config.channels * width,
                name,
            }
        })
        .collect()
}

/// The number of a sector that the row writer gives, modulo 16.
fn sector_number(config: &Config) -> String {
    match config.channels.ilog2() {
        0 => "write_address[8:5]".into(),
        bits @ 1..=3 => format!("{{write_address[{}:5], write_channel}}", 8 - bits),
        4 => "write_channel".into(),
        _ => "write_channel[3:0]".into(),
    }
}

impl Module for MemorySide {
    fn name(&self) -> &'static str {
        "memory_side"
    }

    fn summary(&self) -> &'static str {
        "reads vectors and writes rows over the AXI4 masters of all channels"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "plane_fetcher",
            "row_writer",
            "write_tracker",
            "axi_reader",
            "axi_writer",
        ]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let fetcher = PlaneFetcher.interface(config, overrides);
        let ctx_w = fetcher.parameter("CTX_W") as u32;
        let tag_w = override_or(overrides, "TAG_W", write_tracker::TAG_W) as u32;
        let mut parameters = fetcher.parameters;
        parameters.extend(write_tracker::parameters(overrides));
        let mut streams = fetcher.streams;
        for mut stream in RowWriter.interface(config, &[]).streams {
            if stream.name == "place" {
                stream.fields.push(Field::new("ctx", tag_w));
            }
            if stream.direction == Direction::In {
                streams.push(stream);
            }
        }
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        let mut ports = vec![
            input("stop", 1),
            output("idle", 1),
            output("written", 1),
            output("written_ctx", tag_w),
            output("fetched", Shape::new(config).fetched_w()),
            output("fetched_lsb", 1),
            output("fetched_ctx", ctx_w),
            output("read_error", 1),
            output("write_error", 1),
        ];
        let of_all = |(direction, field): (Direction, Field)| {
            let name = format!("m_axi_{}", field.name);
            (direction, Field::lanes(name, config.channels, field.width))
        };
        ports.extend(master(config).into_iter().map(of_all));
        ports.extend([
            (
                Direction::In,
                Field::lanes("channel_base", config.channels, config.addr_width),
            ),
            input("axi_cache", 4),
            input("axi_prot", 3),
            input("axi_qos", 4),
        ]);
        Interface {
            parameters,
            streams,
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = Shape::new(config).context(config);
        let ports = axi_ports(config);
        for (name, read) in [("read_pins", true), ("write_pins", false)] {
            let pins: Vec<&str> = ports
                .iter()
                .filter(|port| port.read == read)
                .map(|port| port.pin.as_str())
                .collect();
            context.insert(name, &pins.join(",\n          "));
        }
        context.insert("axi_ports", &ports);
        context.insert("ctx_w", &plane_fetcher::CTX_W);
        context.insert("tag_w", &write_tracker::TAG_W);
        context.insert("writes", &write_tracker::WRITES);
        context.insert("row_lanes", &config.output_lanes());
        context.insert("channel_w", &lane_bits(config.channels));
        context.insert("sector_number", &sector_number(config));
        context.insert("error_lead", &(plane_fetcher::vector_latency(config) - 1));
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        PlaneFetcher.cost(config, overrides)
            + WriteTracker.cost(config, overrides)
            + (AxiReader.cost(config, &[]) + AxiWriter.cost(config, &[])) * u64::from(config.channels)
    }
}
