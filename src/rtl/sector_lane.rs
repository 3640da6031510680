//! The vectors of one lane, cut out of its sectors.

use super::plane_fetcher::Shape;
use super::{Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `sector_lane`: collects sectors, picks those of each vector, shifts the vector's first word down.
pub struct SectorLane;

impl Module for SectorLane {
    fn name(&self) -> &'static str {
        "sector_lane"
    }

    fn summary(&self) -> &'static str {
        "cuts the vectors of one lane out of its sectors"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let ports = override_or(overrides, "PORTS", shape.rot_max.into());
        let kmax = shape.kmax;
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("PORTS", ports, "of the lane")],
            streams: vec![],
            ports: vec![
                input("collect", 1),
                input("collect_step", shape.step_w()),
                input("collect_start", shape.rot_w()),
                input("collect_total", shape.t_w),
                (Direction::In, Field::lanes("collect_first", kmax, shape.t_w)),
                (Direction::In, Field::lanes("collect_word", kmax, 3)),
                (Direction::In, Field::lanes("collect_data", ports as u32, 256)),
                output("own", 1),
                output("own_last", 256),
                input("inherited", 256),
                input("pick", 1),
                input("shift", 1),
                (Direction::Out, Field::lanes("words", shape.lane_words(), 32)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }
}
