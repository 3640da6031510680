//! Command check: the rules that refuse a command.

use super::core::{Core, command_ports, fields};
use super::{Direction, Field, Interface, Module};
use crate::config::Config;

/// `command_check`: the first rule that a command breaks.
pub struct CommandCheck;

impl Module for CommandCheck {
    fn name(&self) -> &'static str {
        "command_check"
    }

    fn summary(&self) -> &'static str {
        "says which rule a command breaks"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let mut ports = command_ports(fields(config));
        for name in ["length", "all_heads", "tokens", "heads"] {
            ports.push((Direction::In, Field::new(name, 16)));
        }
        ports.push((Direction::Out, Field::new("early", 5)));
        ports.push((Direction::Out, Field::new("late", 5)));
        Interface {
            parameters: vec![],
            streams: vec![],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = Core::new(config).context(config);
        // Fields of which every value is legal, or that only the controller looks at.
        let unchecked: Vec<String> = fields(config)
            .into_iter()
            .map(|field| field.name)
            .filter(|name| {
                name.starts_with("mode_accumulate")
                    || name.ends_with("_clear")
                    || name.ends_with("prune_after")
                    || name.starts_with("token_prune_after")
                    || name.starts_with("token_guards_after")
                    || name == "head_prune_after"
                    || name.ends_with("_mantissa")
                    || ["mode_causal", "mode_key_mode", "key_mask", "key_bits_threshold"]
                        .contains(&name.as_str())
                    || name.ends_with("_base")
                    || name.ends_with("_stride")
            })
            .collect();
        context.insert("unchecked", &unchecked);
        Ok(context)
    }

    fn has_reset(&self) -> bool {
        false
    }
}
