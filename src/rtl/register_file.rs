//! Register file: the AXI4-Lite side of the core (map in [`crate::rtl::register_map`]).

use super::format::fill;
use super::register_map::{ADDRESS_WIDTH, Access, COUNTERS, REGIONS, RegisterMap, Role, register_map};
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;
use serde::Serialize;

/// `register_file`: identification, descriptor and its queue, status, interrupt, counters, access to the state.
pub struct RegisterFile;

/// Commands that wait in the queue's RAM.
const QUEUE_DEPTH: u32 = 4;

/// A payload field of the `command` stream and the registers that it comes from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CommandField {
    pub name: String,
    pub width: u32,
    /// Lowest bit in the queue's word.
    lsb: u32,
    /// The Verilog expression over descriptor registers.
    value: String,
}

/// The fields of a command, in port order.
pub(super) fn command_fields(config: &Config, map: &RegisterMap) -> Vec<CommandField> {
    let mut fields: Vec<(String, u32, String)> = Vec::new();
    let descriptor = || map.registers.iter().filter(|r| r.role == Role::Descriptor);
    for register in descriptor().filter(|r| !r.name.ends_with("_low") && !r.name.ends_with("_high")) {
        if register.name.starts_with("key_mask") {
            continue;
        }
        for f in &register.fields {
            let bits = if f.width == 1 {
                format!("[{}]", f.lsb)
            } else {
                format!("[{}:{}]", f.lsb + f.width - 1, f.lsb)
            };
            let whole = f.lsb == 0 && f.width == register.width();
            fields.push((
                format!("{}_{}", register.name, f.name),
                f.width,
                format!("{}_q{}", register.name, if whole { String::new() } else { bits }),
            ));
        }
    }
    let mask: Vec<String> = (0..config.max_heads.div_ceil(32))
        .rev()
        .map(|word| format!("key_mask_{word}_q"))
        .collect();
    fields.push(("key_mask".into(), config.max_heads, joined(&mask)));
    for region in REGIONS {
        for part in ["base", "head_stride", "token_stride"] {
            let low = format!("{region}_{part}_low_q");
            let halves = match config.addr_width {
                0..=32 => vec![low],
                _ => vec![format!("{region}_{part}_high_q"), low],
            };
            fields.push((format!("{region}_{part}"), config.addr_width, joined(&halves)));
        }
    }
    let mut lsb = 0;
    fields
        .into_iter()
        .map(|(name, width, value)| {
            lsb += width;
            CommandField {
                name,
                width,
                lsb: lsb - width,
                value,
            }
        })
        .collect()
}

fn joined(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => format!("{{{}}}", several.join(", ")),
    }
}

/// Width of a counter's increment: sectors of a stream in one cycle.
pub(super) fn tally_width(config: &Config) -> u32 {
    super::plane_fetcher::Shape::new(config).fetched_w()
}

/// What the template needs of a register.
#[derive(Serialize)]
struct View {
    name: String,
    /// Address, in hexadecimal digits.
    offset: String,
    /// Storage bits; 0 where the register keeps nothing of its own.
    width: u32,
    /// Bits that exist, as a Verilog constant; empty where every bit below `width` does.
    mask: String,
    /// The part-select of the bits kept; empty for all 32.
    bits: String,
    /// Reset value, as a Verilog constant.
    reset: String,
    /// The Verilog expression that a read returns, 32 bits.
    read: String,
    writable: bool,
}

/// What the template needs of a window.
#[derive(Serialize)]
struct WindowView {
    name: &'static str,
    /// Address bits above those of the window, in hexadecimal digits.
    tag: String,
    /// Bits of an entry's number within the window.
    index_w: u32,
    entries: u32,
    number: u32,
}

fn view(register: &super::register_map::Register) -> View {
    let stored =
        matches!(register.role, Role::Descriptor | Role::Setting) || register.name == "interrupt_enable";
    let width = if stored { register.width() } else { 0 };
    let padded = |name: &str, width: u32| match width {
        32 => name.to_owned(),
        width => format!("{{{}'d0, {name}}}", 32 - width),
    };
    let read = match &register.role {
        Role::Constant(value) => format!("32'h{value:08x}"),
        Role::Counter { index, high: false } => format!("count_q[{}+:32]", 32 * index),
        Role::Counter { high: true, .. } => "high_latch_q".into(),
        _ if width > 0 => padded(&format!("{}_q", register.name), width),
        _ => match register.name.as_str() {
            "status" => "status_word".into(),
            "error" => "{24'd0, error_code_q}".into(),
            "interrupt" => "{30'd0, pending_q}".into(),
            _ => "32'd0".into(),
        },
    };
    View {
        name: register.name.clone(),
        offset: format!("{:05x}", register.offset),
        width,
        mask: match u64::from(register.mask()) + 1 == 1u64 << width {
            true => String::new(),
            false => format!("{width}'h{:x}", register.mask()),
        },
        bits: match width {
            0 | 32 => String::new(),
            1 => "[0]".into(),
            width => format!("[{}:0]", width - 1),
        },
        reset: format!("{width}'h{:x}", register.reset),
        read,
        writable: register.access != Access::ReadOnly,
    }
}

/// An access of the host to the state.
pub(super) fn state_access() -> Vec<Field> {
    vec![
        Field::new("write", 1),
        Field::new("table", 3),
        Field::new("index", 16),
        Field::new("data", 32),
    ]
}

/// What an access to the state is answered with.
pub(super) fn answer() -> Vec<Field> {
    vec![Field::new("data", 32)]
}

/// What a write of the control register starts.
pub(super) fn control() -> Vec<Field> {
    vec![Field::new("clear", 1), Field::new("abort", 1)]
}

/// The end of a command.
pub(super) fn event() -> Vec<Field> {
    vec![
        Field::new("done", 1),
        Field::new("error", 1),
        Field::new("undefined", 1),
        Field::new("code", 8),
    ]
}

impl Module for RegisterFile {
    fn name(&self) -> &'static str {
        "register_file"
    }

    fn summary(&self) -> &'static str {
        "the AXI4-Lite side: descriptor, command queue, status, interrupt, counters, access to the state"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_fifo"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let map = register_map(config);
        let command = command_fields(config, &map)
            .into_iter()
            .map(|f| Field::new(f.name, f.width))
            .collect();
        let tallies = COUNTERS[2..]
            .iter()
            .map(|(name, _)| Field::new(*name, tally_width(config)))
            .collect();
        let out = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input("aw", vec![Field::new("addr", ADDRESS_WIDTH)]),
                Stream::input("w", vec![Field::new("data", 32), Field::new("strb", 4)]),
                Stream::output("b", vec![Field::new("resp", 2)]),
                Stream::input("ar", vec![Field::new("addr", ADDRESS_WIDTH)]),
                Stream::output("r", vec![Field::new("data", 32), Field::new("resp", 2)]),
                Stream::output("command", command),
                Stream::output("state", state_access()),
                Stream::input("answer", answer()),
                Stream::output("control", control()),
                Stream::input("event", event()),
                Stream::input("tally", tallies),
            ],
            ports: vec![
                (Direction::In, Field::new("busy", 1)),
                (Direction::In, Field::new("closed", 1)),
                (Direction::In, Field::new("dropped", 1)),
                out("irq", 1),
                out("queue_empty", 1),
                out("channel_base", config.channels * config.addr_width),
                out("axi_cache", 4),
                out("axi_prot", 3),
                out("axi_qos", 4),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let map = register_map(config);
        let fields = command_fields(config, &map);
        let views: Vec<View> = map
            .registers
            .iter()
            .filter(|r| !matches!(r.role, Role::State(_)))
            .map(view)
            .collect();
        let scalars: Vec<_> = map
            .registers
            .iter()
            .filter(|r| matches!(r.role, Role::State(_)))
            .collect();
        let offset = |name: &str| {
            let register = map.registers.iter().find(|r| r.name == name);
            format!("{:05x}", register.map_or(0, |r| r.offset))
        };
        let windows: Vec<WindowView> = map
            .windows
            .iter()
            .map(|w| WindowView {
                name: w.name,
                tag: format!("{:x}", w.offset / w.bytes),
                index_w: w.bytes.ilog2() - 2,
                entries: w.entries,
                number: w.number,
            })
            .collect();
        let bases: Vec<String> = (0..config.channels)
            .rev()
            .map(|channel| {
                let low = format!("channel_base_{channel}_low_q");
                match config.addr_width {
                    0..=32 => low,
                    _ => format!("channel_base_{channel}_high_q, {low}"),
                }
            })
            .collect();
        let mut context = tera::Context::new();
        context.insert("address_w", &ADDRESS_WIDTH);
        context.insert("queue_depth", &QUEUE_DEPTH);
        context.insert("fields", &fields);
        context.insert("command_w", &fields.iter().map(|f| f.width).sum::<u32>());
        context.insert("registers", &views);
        context.insert("windows", &windows);
        context.insert("scalar_offset", &offset("length"));
        context.insert("scalars", &scalars.len());
        context.insert("counters", &COUNTERS.len());
        context.insert(
            "low_counters",
            &map.registers
                .iter()
                .filter_map(|r| match r.role {
                    Role::Counter { index, high: false } => Some((format!("{:05x}", r.offset), index)),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        );
        context.insert(
            "tallies",
            &COUNTERS[2..].iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        );
        context.insert("tally_w", &tally_width(config));
        context.insert("base_lines", &fill(bases.iter().map(String::as_str), ", ", 90));
        let values = fields.iter().rev().map(|f| f.value.as_str());
        context.insert("value_lines", &fill(values, ", ", 90));
        for name in ["control", "interrupt", "doorbell"] {
            context.insert(format!("{name}_offset"), &offset(name));
        }
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let width: u32 = command_fields(config, &register_map(config))
            .iter()
            .map(|f| f.width)
            .sum();
        Cost {
            memory_bits: u64::from(width * QUEUE_DEPTH),
            ..Cost::default()
        }
    }
}
