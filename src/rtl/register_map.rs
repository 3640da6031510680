//! The register map, described once: the RTL of `register_file`, the C header and the page of registers are made from it.
//!
//! Addresses are byte addresses of a 20-bit AXI4-Lite space, the same in every configuration; what a configuration does
//! not have reads as zero.

use crate::config::{Config, Legal, PARAMETERS, Value};
use serde::Serialize;

/// Bits of an address on the AXI4-Lite port.
pub const ADDRESS_WIDTH: u32 = 20;
/// What `ID` reads as: "SPAT".
pub const IDENTIFICATION: u32 = 0x5350_4154;
/// Version of the map: major in the upper half, minor in the lower.
pub const MAP_VERSION: u32 = 0x0001_0000;

/// What the host may do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read only; a write is answered with SLVERR and changes nothing.
    ReadOnly,
    /// Read and written; keeps its value.
    ReadWrite,
    /// Every 1 written clears its bit.
    WriteOneToClear,
    /// A write makes something happen; reads as zero.
    Trigger,
}

/// A field of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BitField {
    /// Name, in snake case.
    pub name: String,
    /// Lowest bit.
    pub lsb: u32,
    /// Bits.
    pub width: u32,
    /// One-line meaning.
    pub doc: String,
}

/// What a register is for: which part of the RTL holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A constant of the build.
    Constant(u32),
    /// Part of the descriptor that the doorbell queues.
    Descriptor,
    /// A setting that stands outside commands.
    Setting,
    /// Status and control, each with logic of its own.
    Control,
    /// Half of a 64-bit counter; low halves latch the high one when read.
    Counter {
        /// Number of the counter.
        index: u32,
        /// Whether it is the high half.
        high: bool,
    },
    /// A number of the sequence's state, read and written while idle.
    State(u32),
}

/// A 32-bit register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Register {
    /// Name, in snake case.
    pub name: String,
    /// Byte address.
    pub offset: u32,
    /// What the host may do.
    pub access: Access,
    /// What it is for.
    pub role: Role,
    /// Value after reset.
    pub reset: u32,
    /// Fields; the rest reads as zero.
    pub fields: Vec<BitField>,
    /// One-line meaning.
    pub doc: String,
}

impl Register {
    /// Bits up to the highest field.
    pub fn width(&self) -> u32 {
        self.fields.iter().map(|f| f.lsb + f.width).max().unwrap_or(0)
    }

    /// Bits that exist.
    pub fn mask(&self) -> u32 {
        self.fields
            .iter()
            .fold(0, |mask, f| mask | (((1u64 << f.width) - 1) << f.lsb) as u32)
    }
}

/// A table of the sequence's state: one 32-bit word an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Name, in snake case.
    pub name: &'static str,
    /// Byte address of entry 0.
    pub offset: u32,
    /// Bytes set aside for it; a power of two.
    pub bytes: u32,
    /// Entries that exist.
    pub entries: u32,
    /// Number by which the state side knows it.
    pub number: u32,
    /// One-line meaning.
    pub doc: &'static str,
}

/// Registers and windows, by address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisterMap {
    /// Registers, ascending.
    pub registers: Vec<Register>,
    /// Windows, ascending.
    pub windows: Vec<Window>,
}

/// The counters with their meaning; the register file counts what its `tally` stream says.
pub const COUNTERS: [(&str, &str); 14] = [
    ("cycles", "clock cycles since reset or `clear_counters`"),
    ("busy", "cycles in which a command was queued or in work"),
    ("sectors_q", "sectors of Q read"),
    ("sectors_k_msb", "sectors of K MSB planes read"),
    ("sectors_k_lsb", "sectors of K LSB planes read"),
    ("sectors_v_msb", "sectors of V MSB planes read"),
    ("sectors_v_lsb", "sectors of V LSB planes read"),
    ("rows", "query rows finished"),
    ("rows_redone", "rows that ran a second time with whole keys"),
    ("stall_keys", "cycles in which the Q×K array waited for keys"),
    ("stall_scores", "cycles in which scores waited for the softmax"),
    (
        "stall_select",
        "cycles in which probabilities waited for the top-k engine",
    ),
    (
        "stall_values",
        "cycles in which kept probabilities waited for values",
    ),
    (
        "stall_output",
        "cycles in which an output row waited to be written",
    ),
];

/// The six regions of a descriptor, in address order.
pub const REGIONS: [&str; 6] = ["q", "k_msb", "k_lsb", "v_msb", "v_lsb", "out"];

/// Error codes of a refused or failed command: the number in `ERROR`, name and meaning.
pub const ERRORS: [(u32, &str, &str); 23] = [
    (0, "none", "no error since the last `clear`"),
    (
        1,
        "head_dim",
        "D must be 32, 64 or 128 and at most the built maximum",
    ),
    (2, "group", "query heads a KV head: 1 to max-heads"),
    (3, "key_bits", "K: m at least 1, m + l at most width"),
    (4, "value_bits", "V: m at least 1, m + l at most width"),
    (5, "key_mode", "`auto` and `mask` need generation"),
    (6, "value_mode", "`with-row` needs generation; 3 is no mode"),
    (7, "threshold", "the threshold does not fit prob-width bits"),
    (8, "ratio", "the ratio is more than 65536"),
    (9, "scale_shift", "the softmax's shift is more than 47"),
    (10, "output_shift", "the output's shift is more than 47"),
    (11, "head_shift", "the shift of head importance is more than 31"),
    (
        12,
        "importance_scale",
        "a shift that scales importance is more than 31",
    ),
    (13, "alignment", "a base or stride is no multiple of 4"),
    (14, "length", "L is above max-tokens or H above max-heads"),
    (
        15,
        "token_list",
        "a written token list does not ascend strictly below L",
    ),
    (
        16,
        "head_list",
        "a written head list does not ascend strictly below H",
    ),
    (17, "append", "L is max-tokens already"),
    (18, "empty_tokens", "no token is left to work on"),
    (19, "empty_heads", "no head is left to work on"),
    (20, "query", "the query token is not below L"),
    (32, "read", "the interconnect answered a read with an error"),
    (33, "write", "the interconnect answered a write with an error"),
];

/// Collects registers at ascending addresses.
struct Builder {
    registers: Vec<Register>,
    next: u32,
}

impl Builder {
    fn at(&mut self, offset: u32) {
        self.next = offset;
    }

    fn add(
        &mut self,
        name: impl Into<String>,
        access: Access,
        role: Role,
        fields: Vec<BitField>,
        doc: impl Into<String>,
    ) {
        self.registers.push(Register {
            name: name.into(),
            offset: self.next,
            access,
            role,
            reset: 0,
            fields,
            doc: doc.into(),
        });
        self.next += 4;
    }

    fn constant(&mut self, name: impl Into<String>, value: u32, doc: impl Into<String>) {
        let fields = vec![field("value", 0, 32, "")];
        self.add(name, Access::ReadOnly, Role::Constant(value), fields, doc);
    }

    fn descriptor(&mut self, name: impl Into<String>, fields: Vec<BitField>, doc: impl Into<String>) {
        self.add(name, Access::ReadWrite, Role::Descriptor, fields, doc);
    }
}

fn field(name: &str, lsb: u32, width: u32, doc: &str) -> BitField {
    BitField {
        name: name.into(),
        lsb,
        width,
        doc: doc.into(),
    }
}

/// The register map of a configuration.
pub fn register_map(config: &Config) -> RegisterMap {
    let mut map = Builder {
        registers: Vec::new(),
        next: 0,
    };
    identification(&mut map, config);
    control(&mut map, config);
    descriptor(&mut map, config);
    counters(&mut map);
    for register in &mut map.registers {
        if register.name == "axi_attributes" {
            register.reset = 0x3; // normal, non-cacheable, bufferable
        }
    }
    let window = |name, offset, bytes, entries, number, doc| Window {
        name,
        offset,
        bytes,
        entries,
        number,
        doc,
    };
    let (tokens, heads) = (config.max_tokens, config.max_heads);
    RegisterMap {
        registers: map.registers,
        windows: vec![
            window(
                "head_list",
                0x0_2000,
                0x400,
                heads,
                2,
                "kept heads: ids, ascending",
            ),
            window(
                "head_importance",
                0x0_2400,
                0x400,
                heads,
                4,
                "importance by head id",
            ),
            window(
                "token_list",
                0x4_0000,
                0x2_0000,
                tokens,
                1,
                "kept tokens: ids, ascending",
            ),
            window(
                "token_importance",
                0x8_0000,
                0x2_0000,
                tokens,
                3,
                "importance by token id",
            ),
        ],
    }
}

fn identification(map: &mut Builder, config: &Config) {
    map.constant("id", IDENTIFICATION, "\"SPAT\"");
    map.constant("map_version", MAP_VERSION, "version of this map, major and minor");
    map.at(0x40);
    for parameter in PARAMETERS {
        let value = match parameter.get(config) {
            Value::Number(number) => number,
            // A choice reads as its place among the legal words.
            Value::Word(word) => match parameter.legal {
                Legal::Words(words) => words.iter().position(|legal| *legal == word).unwrap_or(0) as u32,
                _ => 0,
            },
        };
        map.constant(
            format!("build_{}", parameter.key.replace('-', "_")),
            value,
            format!("parameter `{}`", parameter.key),
        );
    }
}

fn control(map: &mut Builder, config: &Config) {
    use Access::{ReadOnly, ReadWrite, Trigger, WriteOneToClear};
    map.at(0x100);
    let flags = |names: &[(&str, &str)]| -> Vec<BitField> {
        (0..)
            .zip(names)
            .map(|(bit, (name, doc))| field(name, bit, 1, doc))
            .collect()
    };
    map.add(
        "control",
        Trigger,
        Role::Control,
        flags(&[
            (
                "clear",
                "after an error: drop the queue, forget the error, take commands again",
            ),
            (
                "abort",
                "stop issuing, drain all responses, flush the queue, report idle",
            ),
            ("clear_counters", "all counters to zero"),
        ]),
        "what a write of 1 starts",
    );
    let mut status = flags(&[
        ("busy", "a command is queued or in work"),
        ("error", "an error stands; the queue is held until `clear`"),
        (
            "undefined",
            "state and output of the failed command are undefined",
        ),
        ("queue_full", "a doorbell would be refused"),
    ]);
    status.push(field("queued", 8, 8, "commands queued or in work"));
    map.add(
        "status",
        ReadOnly,
        Role::Control,
        status,
        "what the core is doing",
    );
    map.add(
        "error",
        ReadOnly,
        Role::Control,
        vec![field("code", 0, 8, "see the table of error codes")],
        "why the last command was refused or failed",
    );
    let causes = flags(&[
        (
            "done",
            "a command is done: all its writes are answered, the state can be read",
        ),
        ("error", "a command was refused or failed"),
    ]);
    map.add(
        "interrupt",
        WriteOneToClear,
        Role::Control,
        causes.clone(),
        "pending causes",
    );
    map.add(
        "interrupt_enable",
        ReadWrite,
        Role::Control,
        causes,
        "causes that raise the interrupt line",
    );
    map.add(
        "doorbell",
        Trigger,
        Role::Control,
        vec![field("tag", 0, 8, "ignored; any write queues the descriptor")],
        "queues the descriptor as a command; SLVERR when the queue is full",
    );
    map.at(0x120);
    map.add(
        "axi_attributes",
        ReadWrite,
        Role::Setting,
        vec![
            field("cache", 0, 4, "ARCACHE and AWCACHE"),
            field("prot", 4, 3, "ARPROT and AWPROT"),
            field("qos", 8, 4, "ARQOS and AWQOS"),
        ],
        "attributes of every AXI4 transaction",
    );
    map.at(0x140);
    let scalars = [
        ("length", "L: tokens so far"),
        ("heads", "H: heads"),
        ("kept_tokens", "length of the token list"),
        ("kept_heads", "length of the head list"),
    ];
    for (index, (name, doc)) in (0..).zip(scalars) {
        let fields = vec![field("value", 0, 16, "")];
        map.add(
            name,
            ReadWrite,
            Role::State(index),
            fields,
            format!("{doc}; while idle"),
        );
    }
    map.at(0x200);
    for channel in 0..config.channels {
        let (low, high) = address_halves(config, "multiple of 32");
        map.add(
            format!("channel_base_{channel}_low"),
            ReadWrite,
            Role::Setting,
            low.into_iter()
                .map(|f| BitField {
                    lsb: 5,
                    width: f.width - 5,
                    ..f
                })
                .collect(),
            format!("base address of memory channel {channel}, bits 31 to 0"),
        );
        map.add(
            format!("channel_base_{channel}_high"),
            ReadWrite,
            Role::Setting,
            high,
            format!("base address of memory channel {channel}, bits 63 to 32"),
        );
    }
}

/// Fields of the two registers of an address.
fn address_halves(config: &Config, doc: &str) -> (Vec<BitField>, Vec<BitField>) {
    let low = vec![field("address", 0, config.addr_width.min(32), doc)];
    let high = match config.addr_width {
        0..=32 => Vec::new(),
        width => vec![field("address", 0, width - 32, "")],
    };
    (low, high)
}

fn descriptor(map: &mut Builder, config: &Config) {
    map.at(0x400);
    map.descriptor(
        "mode",
        vec![
            field("generation", 0, 1, "1: one query; 0: summarisation"),
            field("causal", 1, 1, "only keys whose id is at most the query's"),
            field("key_mode", 4, 2, "key LSBs: 0 never, 1 always, 2 auto, 3 mask"),
            field("value_mode", 8, 2, "value LSBs: 0 never, 1 always, 2 with-row"),
            field("accumulate_tokens", 12, 1, "add to token importance"),
            field("accumulate_heads", 13, 1, "add to head importance"),
            field(
                "head_shift",
                16,
                8,
                "right shift of a row's sum of absolute outputs, 0 to 31",
            ),
        ],
        "what kind of layer",
    );
    map.descriptor(
        "query",
        vec![field("token", 0, 16, "token id of the query in generation")],
        "the query",
    );
    map.descriptor(
        "shape",
        vec![
            field("head_dim", 0, 16, "D: 32, 64 or 128"),
            field("group", 16, 16, "query heads a KV head"),
        ],
        "shape of the layer",
    );
    map.descriptor(
        "key_bits",
        vec![
            field("msb", 0, 8, "m, bits in the MSB planes"),
            field("lsb", 8, 8, "l, bits in the LSB planes"),
            field(
                "threshold",
                16,
                16,
                "rows whose largest probability is below are redone in mode auto",
            ),
        ],
        "precision of the keys",
    );
    map.descriptor(
        "value_bits",
        vec![
            field("msb", 0, 8, "m, bits in the MSB planes"),
            field("lsb", 8, 8, "l, bits in the LSB planes"),
        ],
        "precision of the values",
    );
    map.descriptor(
        "value_ratio",
        vec![field(
            "ratio",
            0,
            32,
            "ceil(ratio * n / 65536) values stay; 0 to 65536",
        )],
        "local value pruning",
    );
    for (name, doc) in [
        ("scale", "score × scale is the exponent of 2 in the softmax"),
        (
            "output_scale",
            "sum of probability × value × output scale is the output",
        ),
    ] {
        map.descriptor(
            name,
            vec![
                field("mantissa", 0, 16, "unsigned"),
                field("shift", 16, 8, "right shift, 0 to 47"),
            ],
            doc,
        );
    }
    let operations = |append: bool| {
        let mut fields = vec![
            field("clear", 0, 1, "zero all importance"),
            field("reset", 2, 1, "list becomes 0, 1, 2, ..."),
            field("prune_before", 3, 1, "prune before the layer"),
            field("prune_after", 4, 1, "prune after the layer"),
            field("scale", 8, 8, "right shift of all importance, 0 to 31"),
        ];
        if append {
            fields.insert(1, field("append", 1, 1, "append token L"));
        }
        fields
    };
    map.descriptor("token_operations", operations(true), "state operations on tokens");
    map.descriptor("head_operations", operations(false), "state operations on heads");
    for time in ["before", "after"] {
        map.descriptor(
            format!("token_prune_{time}"),
            vec![field("k", 0, 16, "tokens that stay")],
            format!("prune of tokens {time} the layer"),
        );
        map.descriptor(
            format!("token_guards_{time}"),
            vec![
                field("first", 0, 16, "so many at the front always stay"),
                field("last", 16, 16, "so many at the end always stay"),
            ],
            format!("guards of the prune {time} the layer"),
        );
    }
    map.descriptor(
        "head_prune",
        vec![
            field("before", 0, 16, "heads that stay, prune before the layer"),
            field("after", 16, 16, "heads that stay, prune after the layer"),
        ],
        "prunes of heads",
    );
    for word in 0..config.max_heads.div_ceil(32) {
        let bits = (config.max_heads - 32 * word).min(32);
        map.descriptor(
            format!("key_mask_{word}"),
            vec![field("heads", 0, bits, "by original head id")],
            format!("mode mask: heads {} and up whose rows are redone", 32 * word),
        );
    }
    map.at(0x480);
    for region in REGIONS {
        for (part, doc) in [
            ("base", "address of head 0, token 0"),
            ("head_stride", "bytes from head to head"),
            ("token_stride", "bytes from token to token"),
        ] {
            let (low, high) = address_halves(config, "multiple of 4");
            map.descriptor(
                format!("{region}_{part}_low"),
                low,
                format!("{doc}, bits 31 to 0"),
            );
            map.descriptor(
                format!("{region}_{part}_high"),
                high,
                format!("{doc}, bits 63 to 32"),
            );
        }
    }
}

fn counters(map: &mut Builder) {
    map.at(0x800);
    for (index, (name, doc)) in (0..).zip(COUNTERS) {
        for (half, high) in [("low", false), ("high", true)] {
            let note = if high {
                ", as of the read of the low half"
            } else {
                ""
            };
            map.add(
                format!("count_{name}_{half}"),
                Access::ReadOnly,
                Role::Counter { index, high },
                vec![field("value", 0, 32, "")],
                format!("{doc}{note}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ascend_and_names_and_fields_do_not_collide() {
        for preset in &crate::config::PRESETS {
            let map = register_map(&preset.config());
            let mut end = 0;
            let mut names = std::collections::BTreeSet::new();
            for register in &map.registers {
                assert!(
                    register.offset >= end && register.offset % 4 == 0,
                    "{}",
                    register.name
                );
                end = register.offset + 4;
                assert!(names.insert(register.name.clone()), "{}", register.name);
                let bits: u32 = register.fields.iter().map(|f| f.width).sum();
                assert_eq!(register.mask().count_ones(), bits, "{}", register.name);
            }
            for window in &map.windows {
                assert!(
                    window.offset >= end && window.offset % window.bytes == 0,
                    "{}",
                    window.name
                );
                assert!(window.entries * 4 <= window.bytes, "{}", window.name);
                end = window.offset + window.bytes;
            }
            assert!(end <= 1 << ADDRESS_WIDTH);
        }
    }
}
