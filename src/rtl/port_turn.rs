//! Which sector each request port of a lane has in one step.

use super::plane_fetcher::Shape;
use super::{Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `port_turn`: a lane's sectors go to its ports in turn; on the way out and on the way back.
pub struct PortTurn;

impl Module for PortTurn {
    fn name(&self) -> &'static str {
        "port_turn"
    }

    fn summary(&self) -> &'static str {
        "deals the sectors of a lane to its request ports"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let shape = Shape::new(config);
        let ports = override_or(overrides, "PORTS", shape.rot_max.into());
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("PORTS", ports, "of the lane")],
            streams: vec![],
            ports: vec![
                input("total", shape.t_w),
                input("start", shape.rot_w()),
                input("step", shape.step_w()),
                (Direction::Out, Field::new("needed", ports as u32)),
                (Direction::Out, Field::lanes("number", ports as u32, shape.t_w)),
                (Direction::Out, Field::new("done", 1)),
            ],
        }
    }

    fn has_clock(&self) -> bool {
        false
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }
}
