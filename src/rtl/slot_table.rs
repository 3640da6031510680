//! Slot table: what is known of a command or row in work.

use super::{Direction, Field, Interface, Module, Parameter, lane_bits, override_or};
use crate::config::Config;

/// `slot_table`: a handful of words, read within the cycle.
pub struct SlotTable;

impl Module for SlotTable {
    fn name(&self) -> &'static str {
        "slot_table"
    }

    fn summary(&self) -> &'static str {
        "words by slot number, read within the cycle"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let width = override_or(overrides, "WIDTH", 8);
        let slots = override_or(overrides, "SLOTS", 8);
        let slot_w = lane_bits(slots as u32);
        let port = |direction, name: &str, width| (direction, Field::new(name, width));
        Interface {
            parameters: vec![
                Parameter::new("WIDTH", width, "bits of a word"),
                Parameter::new("SLOTS", slots, "words, a power of two, at least 2"),
            ],
            streams: vec![],
            ports: vec![
                port(Direction::In, "wr_en", 1),
                port(Direction::In, "wr_slot", slot_w),
                port(Direction::In, "wr_data", width as u32),
                port(Direction::In, "rd_slot", slot_w),
                port(Direction::Out, "rd_data", width as u32),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn has_reset(&self) -> bool {
        false
    }
}
