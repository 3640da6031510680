//! Stand-in for a flow's own RAM macro.

use super::{Cost, Direction, Field, Interface, Module, Parameter, count_bits, override_or};
use crate::config::{Config, Ram};

/// `spatten_ram_macro`: the ports and the timing that [`Ram1r1w`](super::ram_1r1w::Ram1r1w) expects of a macro.
pub struct SpattenRamMacro;

impl Module for SpattenRamMacro {
    fn name(&self) -> &'static str {
        "spatten_ram_macro"
    }

    fn summary(&self) -> &'static str {
        "stand-in for a RAM macro, to be replaced"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let depth = override_or(overrides, "DEPTH", 16);
        let addr_w = override_or(
            overrides,
            "ADDR_W",
            u64::from(count_bits(depth as u32 - 1).max(1)),
        );
        let input = |name: &str, width| (Direction::In, Field::new(name, width as u32));
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "bits of a word"),
                Parameter::new("DEPTH", depth, "words"),
                Parameter::new("ADDR_W", addr_w, "address bits"),
            ],
            streams: vec![],
            ports: vec![
                input("wr_en", 1),
                input("wr_addr", addr_w),
                input("wr_data", width),
                input("rd_en", 1),
                input("rd_addr", addr_w),
                (Direction::Out, Field::new("rd_data", width as u32)),
            ],
        }
    }

    fn exists(&self, config: &Config) -> bool {
        config.ram == Ram::Macro
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, _config: &Config, overrides: &[(&str, u64)]) -> Cost {
        Cost {
            memory_bits: override_or(overrides, "WIDTH", 8) * override_or(overrides, "DEPTH", 16),
            ..Cost::default()
        }
    }
}
