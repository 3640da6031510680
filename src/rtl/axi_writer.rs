//! Write side of a memory channel: sectors over AXI4.

use super::axi::{self, SECTOR_BITS};
use super::stream_fifo::StreamFifo;
use super::{Cost, Direction, Field, Interface, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `axi_writer`: sectors with word strobes in, AXI4 bursts out, responses counted.
pub struct AxiWriter;

/// 4-byte words of a sector, each with a strobe.
pub(super) const SECTOR_WORDS: u32 = 8;
/// Sectors that may wait by default: a row of 128 elements wherever it lies.
const QUEUE: u64 = 9;
/// Sectors that may be inside by default: one a cycle for a memory that answers after some 200 cycles.
const IN_FLIGHT: u64 = 256;

impl AxiWriter {
    fn queue_width(config: &Config) -> u64 {
        u64::from(config.addr_width + SECTOR_BITS + SECTOR_WORDS)
    }
}

/// Payload of a stream of sectors to write.
pub(super) fn sector_fields(config: &Config) -> Vec<Field> {
    vec![
        Field::new("address", config.addr_width),
        Field::lanes("data", SECTOR_WORDS, SECTOR_BITS / SECTOR_WORDS),
        Field::lanes("strobe", SECTOR_WORDS, 1),
    ]
}

impl Module for AxiWriter {
    fn name(&self) -> &'static str {
        "axi_writer"
    }

    fn summary(&self) -> &'static str {
        "writes the sectors of a memory channel over AXI4"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_reg", "stream_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str| (Direction::Out, Field::new(name, 1));
        let mut ports = vec![
            input("base", config.addr_width),
            input("cache", 4),
            input("prot", 3),
            input("qos", 4),
            input("stop", 1),
            output("idle"),
            output("error"),
        ];
        let data = config.axi_data_width;
        ports.extend(axi::address_ports("aw", config));
        ports.extend(axi::ports(
            "w",
            Direction::Out,
            &[("data", data), ("strb", data / 8), ("last", 1)],
        ));
        ports.extend(axi::ports(
            "b",
            Direction::In,
            &[("id", config.id_width), ("resp", 2)],
        ));
        Interface {
            parameters: vec![
                Parameter::new(
                    "QUEUE",
                    override_or(overrides, "QUEUE", QUEUE),
                    "sectors that may wait",
                ),
                Parameter::new(
                    "IN_FLIGHT",
                    override_or(overrides, "IN_FLIGHT", IN_FLIGHT),
                    "sectors that may be inside",
                ),
            ],
            streams: vec![Stream::input("write", sector_fields(config))],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = axi::context(config);
        context.insert("queue", &QUEUE);
        context.insert("in_flight", &IN_FLIGHT);
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let depth = override_or(overrides, "QUEUE", QUEUE);
        StreamFifo.cost(config, &[("WIDTH", Self::queue_width(config)), ("DEPTH", depth)])
    }
}
