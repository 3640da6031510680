//! Importance by id, in banks.

use super::rmw_ram::RmwRam;
use super::{Cost, Direction, Field, Interface, Module, Parameter, count_bits, override_or};
use crate::config::Config;

/// `importance_store`: the edits of importance (add, write, zero, shift) on a [`RmwRam`] a bank.
pub struct ImportanceStore;

/// Bits of importance, of tokens and of heads.
pub(crate) const IMPORTANCE_BITS: u32 = 32;

impl Module for ImportanceStore {
    fn name(&self) -> &'static str {
        "importance_store"
    }

    fn summary(&self) -> &'static str {
        "saturating importance by id, in banks"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["rmw_ram"]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let banks = override_or(overrides, "BANKS", 1);
        let depth = override_or(overrides, "DEPTH", 16);
        let addr_w = override_or(
            overrides,
            "ADDR_W",
            u64::from(count_bits(depth as u32 - 1).max(1)),
        );
        let input = |name: &str, width: u32| (Direction::In, Field::new(name, width));
        let lanes = |name: &str, width: u32| Field::lanes(name, banks as u32, width);
        Interface {
            parameters: vec![
                Parameter::new("BANKS", banks, "banks"),
                Parameter::new("DEPTH", depth, "words of a bank"),
                Parameter::new("ADDR_W", addr_w, "address bits"),
            ],
            streams: vec![],
            ports: vec![
                (Direction::In, lanes("op_valid", 1)),
                (Direction::In, lanes("op_addr", addr_w as u32)),
                input("op_zero", 1),
                input("op_scale", 1),
                input("op_shift", 5),
                (Direction::In, lanes("op_amount", IMPORTANCE_BITS)),
                (Direction::Out, lanes("values", IMPORTANCE_BITS)),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let banks = override_or(overrides, "BANKS", 1);
        let depth = override_or(overrides, "DEPTH", 16);
        let bank = [("WIDTH", u64::from(IMPORTANCE_BITS)), ("DEPTH", depth)];
        RmwRam.cost(config, &bank) * banks
    }
}
