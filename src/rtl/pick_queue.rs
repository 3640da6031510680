//! Queue of picks for one RAM of a value buffer.

use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `pick_queue`: picks that wait for the read of one RAM.
pub struct PickQueue;

/// Picks that wait for a RAM.
const PLACES: u32 = 4;
/// Bits of a pick.
const WIDTH: u64 = 18;

impl Module for PickQueue {
    fn name(&self) -> &'static str {
        "pick_queue"
    }

    fn summary(&self) -> &'static str {
        "picks that wait for one RAM of the value buffer"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", WIDTH);
        let data = width as u32;
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("WIDTH", width, "bits of a pick")],
            streams: vec![],
            ports: vec![
                input("push", 1),
                input("push_now", 1),
                input("push_data", data),
                output("room", 1),
                input("turn", 1),
                output("any", 1),
                output("two", 1),
                input("pop", 1),
                output("pop_data", data),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("queue", &PLACES);
        context.insert("width", &WIDTH);
        Ok(context)
    }

    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost::default()
    }
}
