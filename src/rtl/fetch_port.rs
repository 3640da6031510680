//! One request port of the plane fetcher.

use super::plane_fetcher::Shape;
use super::ram_1r1w::Ram1r1w;
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;

/// `fetch_port`: sector numbers in, their sectors out in the same order, fetched in any.
pub struct FetchPort;

impl Module for FetchPort {
    fn name(&self) -> &'static str {
        "fetch_port"
    }

    fn summary(&self) -> &'static str {
        "request port: sectors fetched in any order, given in the order asked for"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["reg_fifo", "ram_1r1w"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let slot_w = shape.slot_w();
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::output(
                    "request",
                    vec![Field::new("sector", shape.sector_w), Field::new("slot", slot_w)],
                ),
                Stream::output("pop", vec![Field::new("data", 256)]),
            ],
            ports: vec![
                input("clear", 1),
                (Direction::Out, Field::new("room", 1)),
                input("reserve", 1),
                input("push_valid", 1),
                input("push_sector", shape.sector_w),
                input("write_valid", 1),
                input("write_slot", slot_w),
                input("write_data", 256),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let slots = u64::from(Shape::new(config).slots);
        Ram1r1w.cost(config, &[("WIDTH", 256), ("DEPTH", slots)])
    }
}
