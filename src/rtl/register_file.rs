//! Register file: the AXI4-Lite side of the core (map in [`crate::rtl::register_map`]).

use super::format::fill;
use super::register_map::{ADDRESS_WIDTH, Access, COUNTERS, Register, RegisterMap, Role, register_map};
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;
use serde::Serialize;

/// `register_file`: identification, descriptor and its queue, status, interrupt, counters, access to the state.
pub struct RegisterFile;

/// Commands that wait in the queue's RAM.
const QUEUE_DEPTH: u32 = 4;

/// Address of the descriptor's first word.
const DESCRIPTOR: u32 = 0x400;
/// The word of the descriptor with which its addresses begin; between the fields and it there is nothing.
const PLACES: u32 = 0x20;

/// A payload field of the `command` stream and where it stands in the queue's word.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CommandField {
    pub name: String,
    pub width: u32,
    /// Lowest bit in the queue's word.
    lsb: u32,
}

/// Words of the descriptor: those with fields, and those with addresses.
struct Words {
    fields: u32,
    places: u32,
}

impl Words {
    fn new(map: &RegisterMap) -> Self {
        let numbers = || descriptor(map).map(word_of);
        let fields = numbers().filter(|&word| word < PLACES).count() as u32;
        Words {
            fields,
            places: numbers().count() as u32 - fields,
        }
    }

    /// Number in the queue's word, which leaves out what lies between fields and addresses.
    fn queued(&self, register: &Register) -> u32 {
        match word_of(register) {
            word if word < PLACES => word,
            word => word - PLACES + self.fields,
        }
    }
}

fn descriptor(map: &RegisterMap) -> impl Iterator<Item = &Register> {
    map.registers.iter().filter(|r| r.role == Role::Descriptor)
}

/// Number of a register of the descriptor.
fn word_of(register: &Register) -> u32 {
    (register.offset - DESCRIPTOR) / 4
}

/// The fields of a command, in port order.
pub(super) fn command_fields(config: &Config, map: &RegisterMap) -> Vec<CommandField> {
    let words = Words::new(map);
    let mut fields = Vec::new();
    for register in descriptor(map) {
        let lsb = 32 * words.queued(register);
        // An address and the mask of heads go on in the registers that follow.
        let whole = |name: &str, width| CommandField {
            name: name.to_owned(),
            width,
            lsb,
        };
        if let Some(name) = register.name.strip_suffix("_low") {
            fields.push(whole(name, config.addr_width));
        } else if let Some(name) = register.name.strip_suffix("_0") {
            fields.push(whole(name, config.max_heads));
        } else if !register.name.starts_with("key_mask") && !register.name.ends_with("_high") {
            fields.extend(register.fields.iter().map(|f| CommandField {
                name: format!("{}_{}", register.name, f.name),
                width: f.width,
                lsb: lsb + f.lsb,
            }));
        }
    }
    fields
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

fn view(register: &Register) -> View {
    let stored = register.role == Role::Setting || register.name == "interrupt_enable";
    let width = if stored { register.width() } else { 0 };
    let read = match &register.role {
        Role::Constant(value) => format!("32'h{value:08x}"),
        _ if stored => format!("{{{}'d0, {}_q}}", 32 - width, register.name),
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
        let words = Words::new(&map);
        let fields = command_fields(config, &map);
        // Those that stand by themselves, not in a row of like ones.
        let alone = |r: &&Register| {
            matches!(r.role, Role::Constant(_) | Role::Control | Role::Setting)
                && !r.name.starts_with("channel_base")
        };
        let views: Vec<View> = map.registers.iter().filter(alone).map(view).collect();
        let field_bits: Vec<String> = descriptor(&map)
            .filter(|r| word_of(r) < PLACES)
            .map(|r| format!("32'h{:08x}", r.mask()))
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
        let mut context = tera::Context::new();
        context.insert("address_w", &ADDRESS_WIDTH);
        context.insert("queue_depth", &QUEUE_DEPTH);
        context.insert("fields", &fields);
        context.insert("field_words", &words.fields);
        context.insert("place_words", &words.places);
        context.insert("first_place", &PLACES);
        let field_bits = field_bits.iter().rev().map(String::as_str);
        context.insert("field_bits", &fill(field_bits, ", ", 90));
        context.insert(
            "high_bits",
            &format!("{:08x}", (1u64 << (config.addr_width - 32)) - 1),
        );
        context.insert("registers", &views);
        context.insert("windows", &windows);
        context.insert("scalar_offset", &offset("length"));
        context.insert("scalars", &scalars.len());
        context.insert("counters", &COUNTERS.len());
        context.insert(
            "tallies",
            &COUNTERS[2..].iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        );
        context.insert("tally_w", &tally_width(config));
        for name in ["control", "interrupt", "doorbell"] {
            context.insert(format!("{name}_offset"), &offset(name));
        }
        Ok(context)
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let words = Words::new(&register_map(config));
        let width = 32 * (words.fields + words.places);
        Cost {
            memory_bits: u64::from(width * QUEUE_DEPTH),
            ..Cost::default()
        }
    }
}
