//! Crossbar between request ports and memory channels.

use super::plane_fetcher::{Shape, channels};
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Direction, Field, Interface, Module};
use crate::config::Config;

/// `sector_crossbar`: requests of the ports to the channels, sectors back to the ports; two classes of ports.
pub struct SectorCrossbar;

impl Module for SectorCrossbar {
    fn name(&self) -> &'static str {
        "sector_crossbar"
    }

    fn summary(&self) -> &'static str {
        "crossbar between request ports and memory channels"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["round_robin", "reg_fifo", "stream_fifo"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let each = |name: &str, width| Field::lanes(name, shape.ports, width);
        let mut ports = vec![
            (Direction::In, Field::new("clear", 1)),
            (Direction::In, Field::new("drop", 1)),
            (Direction::Out, Field::new("idle", 1)),
            (Direction::In, each("port_valid", 1)),
            (Direction::Out, each("port_ready", 1)),
            (Direction::In, each("port_sector", shape.sector_w)),
            (Direction::In, each("port_slot", shape.slot_w())),
            (Direction::Out, each("write_valid", 1)),
            (Direction::Out, each("write_slot", shape.slot_w())),
            (Direction::Out, each("write_data", 256)),
        ];
        ports.extend(channels(config));
        Interface {
            parameters: vec![],
            streams: vec![],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let shape = Shape::new(config);
        let tags = [("WIDTH", shape.tag_w().into()), ("DEPTH", shape.tags.into())];
        Ram1r1w.cost(config, &tags) * u64::from(config.channels)
    }
}
