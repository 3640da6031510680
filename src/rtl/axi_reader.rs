//! Read side of a memory channel: sectors over AXI4.

use super::axi::{self, SECTOR_BITS};
use super::stream_fifo::StreamFifo;
use super::{Cost, Direction, Field, Interface, Module, Parameter, Stream, override_or};
use crate::config::Config;

/// `axi_reader`: requests for sectors in, AXI4 bursts out, sectors back in order.
pub struct AxiReader;

impl AxiReader {
    /// Bursts that may be in flight by default: twice a channel's share of the sector window, so that the window is what
    /// limits.
    fn in_flight(config: &Config) -> u64 {
        u64::from(2 * config.sector_window / config.channels).max(2)
    }
}

impl Module for AxiReader {
    fn name(&self) -> &'static str {
        "axi_reader"
    }

    fn summary(&self) -> &'static str {
        "reads the sectors of a memory channel over AXI4"
    }

    fn instantiates(&self, config: &Config) -> &'static [&'static str] {
        if config.axi_data_width > SECTOR_BITS {
            &["stream_reg", "stream_fifo"]
        } else {
            &["stream_reg"]
        }
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let mut ports = vec![
            input("base", config.addr_width),
            input("cache", 4),
            input("prot", 3),
            input("qos", 4),
            input("stop", 1),
            (Direction::Out, Field::new("idle", 1)),
        ];
        ports.extend(axi::address_ports("ar", config));
        ports.extend(axi::ports(
            "r",
            Direction::In,
            &[
                ("id", config.id_width),
                ("data", config.axi_data_width),
                ("resp", 2),
                ("last", 1),
            ],
        ));
        Interface {
            parameters: vec![
                Parameter::new(
                    "MAX_BURST",
                    override_or(overrides, "MAX_BURST", axi::MAX_BURST),
                    "sectors of the longest burst",
                ),
                Parameter::new(
                    "IN_FLIGHT",
                    override_or(overrides, "IN_FLIGHT", Self::in_flight(config)),
                    "bursts that may be in flight",
                ),
            ],
            streams: vec![
                Stream::input("request", vec![Field::new("address", config.addr_width)]),
                Stream::output(
                    "response",
                    vec![Field::new("data", SECTOR_BITS), Field::new("error", 1)],
                ),
            ],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = axi::context(config);
        context.insert("max_burst", &axi::MAX_BURST);
        context.insert("burst_limit", &axi::burst_limit(config));
        context.insert("in_flight", &Self::in_flight(config));
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        if config.axi_data_width <= SECTOR_BITS {
            return Cost::default();
        }
        let depth = override_or(overrides, "IN_FLIGHT", Self::in_flight(config));
        StreamFifo.cost(config, &[("WIDTH", 2), ("DEPTH", depth)])
    }
}
