//! The validated configuration that every other part of the generator takes.
//!
//! A configuration comes about in three layers, each over the one before: a preset, a TOML file, command-line flags
//! ([`Layers`]). It is a [`Config`] only when every rule holds, of single values ([`Legal`]) and of combinations
//! ([`RULES`]); else a [`ConfigError`] lists everything that is wrong. Flags, help, file format, messages and the page of
//! parameters all come from one table, [`PARAMETERS`].

mod derived;
mod error;
pub mod exponential;
mod file;
mod layers;
mod rules;
mod table;

pub use error::{ConfigError, Location, Problem};
pub use layers::{Layers, Origin};
pub use rules::{RULES, Rule};
pub use table::{
    ExpMethod, Legal, PARAMETERS, PRESETS, Parameter, Params, Preset, Ram, Reset, TopkMethod, Value,
    parameter,
};

use serde::Serialize;

/// A configuration in which every rule holds. Read its parameters through `Deref`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Config(Params);

impl std::ops::Deref for Config {
    type Target = Params;
    fn deref(&self) -> &Params {
        &self.0
    }
}

impl TryFrom<Params> for Config {
    type Error = ConfigError;
    fn try_from(params: Params) -> Result<Self, ConfigError> {
        layers::validate(params, |_| Origin::Given)
    }
}

impl Default for Config {
    /// The `spatten` preset.
    fn default() -> Self {
        PRESETS[0].config()
    }
}

impl Preset {
    /// The preset's configuration.
    pub fn config(&self) -> Config {
        // Presets obey every rule: a test holds them to it.
        Config(self.params())
    }
}

impl Config {
    /// The command that generates this configuration.
    pub fn command(&self) -> String {
        format!("spatten-gen {}", self.flags())
    }

    /// The flags of this configuration: the preset with the fewest differences, then those differences. They depend on the
    /// parameter values only, not on how they were given.
    pub fn flags(&self) -> String {
        format!("--preset {}", self.title())
    }

    /// What to call this configuration: the preset with the fewest differences, then those differences as flags.
    pub fn title(&self) -> String {
        let differences = |preset: &Preset| {
            let params = preset.params();
            PARAMETERS
                .iter()
                .filter(move |parameter| parameter.get(self) != parameter.get(&params))
        };
        let base = PRESETS
            .iter()
            .min_by_key(|preset| differences(preset).count())
            .unwrap_or(&PRESETS[0]);
        let mut title = base.name.to_owned();
        for parameter in differences(base) {
            title += &format!(" --{} {}", parameter.key, parameter.get(self));
        }
        title
    }

    /// What is legal but hardly meant: parameters that keep others from being used fully.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Params {
            fetch_ports,
            channels,
            sector_window,
            softmax_lanes,
            multipliers,
            head_dim,
            max_tokens,
            ..
        } = **self;
        if fetch_ports < channels {
            notes.push(format!(
                "fetch-ports {fetch_ports} is below channels {channels}: a port asks for one sector a cycle, so \
                 some channels stay idle"
            ));
        }
        let window = channels * 128;
        if sector_window < window {
            notes.push(format!(
                "sector-window {sector_window} is below 128 x channels = {window}: a memory latency of 100 cycles \
                 is not hidden"
            ));
        }
        if max_tokens > Self::PROVED_ROW {
            notes.push(format!(
                "max-tokens {max_tokens} is above {}: rows longer than that may have probabilities that are off by \
                 more than 1",
                Self::PROVED_ROW
            ));
        }
        let keys = multipliers / head_dim;
        if softmax_lanes < keys {
            notes.push(format!(
                "softmax-lanes {softmax_lanes} is below multipliers / head-dim = {keys}: the softmax bounds the rate \
                 of keys"
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_obey_every_rule() {
        for preset in &PRESETS {
            Config::try_from(preset.params()).unwrap();
            assert_eq!(preset.config().notes(), Vec::<String>::new(), "{}", preset.name);
        }
    }

    #[test]
    fn the_command_names_the_nearest_preset_and_the_differences() {
        assert_eq!(Config::default().command(), "spatten-gen --preset spatten");
        let small = Params {
            prob_width: 9,
            reset: Reset::AsyncLow,
            ..PRESETS[1].params()
        };
        assert_eq!(
            Config::try_from(small).unwrap().command(),
            "spatten-gen --preset spatten-1-8 --prob-width 9 --reset async-low"
        );
    }

    #[test]
    fn config_toml_reads_back_to_the_same_configuration() {
        for preset in &PRESETS {
            let config = preset.config();
            let text = config.to_toml();
            let layers = Layers {
                file: Some(("config.toml".into(), text)),
                ..Layers::default()
            };
            assert_eq!(layers.resolve().unwrap(), config);
        }
    }
}
