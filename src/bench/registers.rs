//! The registers as software sees them, by name: words for a command's descriptor and for state.

use crate::config::Config;
use crate::golden::case::StateWrite;
use crate::golden::command::{HeadPrune, KeyMode, LayerCommand, Mode, ValueMode};
use crate::rtl::register_map::{REGIONS, Register, RegisterMap, Window, register_map};
use std::collections::HashMap;

/// The register map of a configuration, by name.
#[derive(Clone, Debug)]
pub struct Registers {
    /// The map.
    pub map: RegisterMap,
    by_name: HashMap<String, usize>,
    max_heads: u32,
}

impl Registers {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        let map = register_map(config);
        let names = map.registers.iter().map(|register| register.name.clone());
        Registers {
            by_name: names.zip(0..).collect(),
            map,
            max_heads: config.max_heads,
        }
    }

    /// The register called `name`.
    ///
    /// # Panics
    /// When the map has none.
    pub fn register(&self, name: &str) -> &Register {
        let index = self.by_name.get(name);
        &self.map.registers[*index.unwrap_or_else(|| panic!("no register `{name}`"))]
    }

    /// Address of a register and the word that its fields make; what does not fit a field is cut off.
    ///
    /// # Panics
    /// When the map has no such register or field.
    pub fn pack(&self, name: &str, values: &[(&str, u32)]) -> (u32, u32) {
        let register = self.register(name);
        let mut word = 0;
        for (field, value) in values {
            let found = register.fields.iter().find(|f| f.name == *field);
            let found = found.unwrap_or_else(|| panic!("no field `{field}` in `{name}`"));
            let mask = ((1u64 << found.width) - 1) as u32;
            word |= (value & mask) << found.lsb;
        }
        (register.offset, word)
    }

    /// The two registers of an address, `NAME_low` and `NAME_high`.
    ///
    /// # Panics
    /// When the map has no such register.
    pub fn halves(&self, name: &str, value: u64) -> [(u32, u32); 2] {
        [("low", value as u32), ("high", (value >> 32) as u32)].map(|(half, word)| {
            let register = self.register(&format!("{name}_{half}"));
            (register.offset, word & register.mask())
        })
    }

    /// A table of the state.
    ///
    /// # Panics
    /// When the map has none of that name.
    pub fn window(&self, name: &str) -> &Window {
        let found = self.map.windows.iter().find(|window| window.name == name);
        found.unwrap_or_else(|| panic!("no table `{name}`"))
    }

    /// Every register of the descriptor of a command: address and value.
    pub fn descriptor(&self, command: &LayerCommand) -> Vec<(u32, u32)> {
        let LayerCommand {
            tokens,
            heads,
            keys,
            values,
            accumulate,
            ..
        } = command;
        let flag = u32::from;
        let key_mode = match keys.mode {
            KeyMode::Never => 0,
            KeyMode::Always => 1,
            KeyMode::Auto => 2,
            KeyMode::Mask => 3,
        };
        let value_mode = match values.mode {
            ValueMode::Never => 0,
            ValueMode::Always => 1,
            ValueMode::WithRow => 2,
        };
        let mut writes = vec![
            self.pack(
                "mode",
                &[
                    ("generation", flag(command.mode == Mode::Generation)),
                    ("causal", flag(command.causal)),
                    ("key_mode", key_mode),
                    ("value_mode", value_mode),
                    ("accumulate_tokens", flag(accumulate.tokens)),
                    ("accumulate_heads", flag(accumulate.heads)),
                    ("head_shift", accumulate.head_shift.into()),
                ],
            ),
            self.pack("query", &[("token", command.query)]),
            self.pack(
                "shape",
                &[("head_dim", command.head_dim), ("group", command.group)],
            ),
            self.pack(
                "key_bits",
                &[
                    ("msb", keys.msb),
                    ("lsb", keys.lsb),
                    ("threshold", keys.threshold.into()),
                ],
            ),
            self.pack("value_bits", &[("msb", values.msb), ("lsb", values.lsb)]),
            self.pack("value_ratio", &[("ratio", values.ratio)]),
        ];
        for (name, factor) in [("scale", command.scale), ("output_scale", command.output)] {
            let fields = [
                ("mantissa", factor.mantissa.into()),
                ("shift", factor.shift.into()),
            ];
            writes.push(self.pack(name, &fields));
        }
        writes.push(self.pack(
            "token_operations",
            &[
                ("clear", flag(tokens.clear)),
                ("append", flag(tokens.append)),
                ("reset", flag(tokens.reset)),
                ("prune_before", flag(tokens.prune_before.is_some())),
                ("prune_after", flag(tokens.prune_after.is_some())),
                ("scale", tokens.scale.into()),
            ],
        ));
        writes.push(self.pack(
            "head_operations",
            &[
                ("clear", flag(heads.clear)),
                ("reset", flag(heads.reset)),
                ("prune_before", flag(heads.prune_before.is_some())),
                ("prune_after", flag(heads.prune_after.is_some())),
                ("scale", heads.scale.into()),
            ],
        ));
        // What a command does not use stays as it was.
        for (time, prune) in [("before", tokens.prune_before), ("after", tokens.prune_after)] {
            if let Some(prune) = prune {
                writes.push(self.pack(&format!("token_prune_{time}"), &[("k", prune.k.into())]));
                let guards = [("first", prune.first.into()), ("last", prune.last.into())];
                writes.push(self.pack(&format!("token_guards_{time}"), &guards));
            }
        }
        if heads.prune_before.is_some() || heads.prune_after.is_some() {
            let k = |prune: Option<HeadPrune>| prune.map_or(0, |p| p.k.into());
            let fields = [("before", k(heads.prune_before)), ("after", k(heads.prune_after))];
            writes.push(self.pack("head_prune", &fields));
        }
        if keys.mode == KeyMode::Mask {
            for word in 0..self.max_heads.div_ceil(32) {
                let bits = keys.mask.iter().filter(|&&head| head / 32 == word);
                let bits = bits.fold(0u32, |bits, head| bits | 1 << (head % 32));
                writes.push(self.pack(&format!("key_mask_{word}"), &[("heads", bits)]));
            }
        }
        for (name, (_, region)) in REGIONS.iter().zip(command.regions.named()) {
            for (part, value) in [
                ("base", region.base),
                ("head_stride", region.head_stride),
                ("token_stride", region.token_stride),
            ] {
                writes.extend(self.halves(&format!("{name}_{part}"), value));
            }
        }
        writes
    }

    /// Writes that bring the state to what `write` says: address and value.
    pub fn state(&self, write: &StateWrite) -> Vec<(u32, u32)> {
        let mut writes = Vec::new();
        let scalar = |name: &str, value: u32| (self.register(name).offset, value);
        for (name, values) in [
            ("token_list", &write.token_list),
            ("head_list", &write.head_list),
            ("token_importance", &write.token_importance),
            ("head_importance", &write.head_importance),
        ] {
            let offset = self.window(name).offset;
            let values = values.iter().flatten();
            writes.extend((0..).zip(values).map(|(i, &v)| (offset + 4 * i, v)));
        }
        writes.extend(write.length.map(|length| scalar("length", length)));
        writes.extend(write.heads.map(|heads| scalar("heads", heads)));
        for (name, list) in [
            ("kept_tokens", &write.token_list),
            ("kept_heads", &write.head_list),
        ] {
            writes.extend(list.as_ref().map(|list| scalar(name, list.len() as u32)));
        }
        writes
    }
}
