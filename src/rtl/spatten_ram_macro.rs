//! Stand-in for a flow's own RAM macro.

use super::ram_1r1w::Ram1r1w;
use super::{Cost, Interface, Module};
use crate::config::{Config, Ram};

/// `spatten_ram_macro`: the ports and the timing that [`Ram1r1w`] expects of a macro.
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

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        Ram1r1w.interface(config, overrides)
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

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        Ram1r1w.cost(config, overrides)
    }
}
