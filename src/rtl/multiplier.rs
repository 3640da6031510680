//! Multiplier: an unsigned product over one register, without its low bits.

use super::{Cost, Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `multiplier`: partial products in registers, added behind them.
pub struct Multiplier;

impl Module for Multiplier {
    fn name(&self) -> &'static str {
        "multiplier"
    }

    fn summary(&self) -> &'static str {
        "unsigned product over one register, rounded"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let a_w = override_or(overrides, "A_W", 16);
        let b_w = override_or(overrides, "B_W", 16);
        let drop = override_or(overrides, "DROP", 16);
        let round = override_or(overrides, "ROUND", 0);
        let input = |name: &str, width| (Direction::In, Field::new(name, width as u32));
        Interface {
            parameters: vec![
                Parameter::new("A_W", a_w, "bits of a, at least those of b"),
                Parameter::new("B_W", b_w, "bits of b, 1 to 24"),
                Parameter::new(
                    "DROP",
                    drop,
                    "low bits of the product that are dropped, at least 1",
                ),
                Parameter::new("ROUND", round, "0: the product is rounded down, 1: half up"),
            ],
            streams: vec![],
            ports: vec![
                input("en", 1),
                input("a", a_w),
                input("b", b_w),
                (Direction::Out, Field::new("product", (a_w + b_w - drop) as u32)),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: 1,
            ..Cost::default()
        }
    }
}
