//! RAM whose words are edited in place, one a cycle.

use super::ram_1r1w::Ram1r1w;
use super::{Cost, Direction, Field, Interface, Module, Parameter, count_bits, override_or};
use crate::config::Config;

/// `rmw_ram`: read, edit, write back, with the results of operations under way forwarded.
pub struct RmwRam;

impl Module for RmwRam {
    fn name(&self) -> &'static str {
        "rmw_ram"
    }

    fn summary(&self) -> &'static str {
        "RAM whose words are edited in place, one a cycle"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["ram_1r1w"]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 32);
        let depth = override_or(overrides, "DEPTH", 16);
        let addr_w = override_or(
            overrides,
            "ADDR_W",
            u64::from(count_bits(depth as u32 - 1).max(1)),
        );
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "bits of a word"),
                Parameter::new("DEPTH", depth, "words"),
                Parameter::new("ADDR_W", addr_w, "address bits"),
            ],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("op_valid", 1)),
                (Direction::In, Field::new("op_addr", addr_w as u32)),
                (Direction::Out, Field::new("edit_old", width as u32)),
                (Direction::In, Field::new("edit_new", width as u32)),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let value = |name, default| override_or(overrides, name, default);
        Ram1r1w.cost(
            config,
            &[("WIDTH", value("WIDTH", 32)), ("DEPTH", value("DEPTH", 16))],
        )
    }
}
