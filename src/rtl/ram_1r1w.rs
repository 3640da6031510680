//! RAM wrapper: the one place where a RAM is made.

use super::{Cost, Direction, Field, Interface, Module, Parameter, count_bits, override_or};
use crate::config::{Config, Ram};

/// `ram_1r1w`: one write port, one registered read port.
pub struct Ram1r1w;

impl Module for Ram1r1w {
    fn name(&self) -> &'static str {
        "ram_1r1w"
    }

    fn summary(&self) -> &'static str {
        "RAM with one write and one registered read port"
    }

    fn instantiates(&self, config: &Config) -> &'static [&'static str] {
        match config.ram {
            Ram::Inferred => &[],
            Ram::Macro => &["spatten_ram_macro"],
        }
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
