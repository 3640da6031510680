//! The part of the C++ shim that knows one module's ports; the rest is `sim/stream_driver.h` and `sim/shim.cpp`.

use super::beats::{Layout, field_words};
use crate::config::Reset;
use crate::rtl::{Direction, Field, Interface, Stream};
use std::fmt::Write;

/// Words of the packed plain ports of one direction.
pub(super) fn port_words(interface: &Interface, direction: Direction) -> usize {
    interface
        .ports
        .iter()
        .filter(|p| p.0 == direction)
        .map(|p| field_words(&p.1))
        .sum()
}

/// The part of `dut.h` that every top has.
pub(super) fn clock_and_reset(reset: Reset) -> String {
    let port = reset.port();
    let (active, asynchronous) = match reset {
        Reset::SyncHigh => ("on", false),
        Reset::SyncLow => ("!on", false),
        Reset::AsyncHigh => ("on", true),
        Reset::AsyncLow => ("!on", true),
    };
    format!(
        "    static constexpr bool kAsyncReset = {asynchronous};
    static CData& clock(Vdut& t) {{ return t.clk; }}
    static void assert_reset(Vdut& t, bool on) {{ t.{port} = {active}; }}
"
    )
}

/// The contents of `dut.h`: accessors from packed words to the ports of the Verilated class `Vdut`.
pub(super) fn header(interface: &Interface, reset: Reset) -> String {
    let clock_and_reset = clock_and_reset(reset);
    let mut streams = String::new();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for stream in &interface.streams {
        streams += &stream_type(stream);
        match stream.direction {
            Direction::In => inputs.push(format!("S_{}", stream.name)),
            Direction::Out => outputs.push(format!("S_{}", stream.name)),
        }
    }
    let out_words = port_words(interface, Direction::Out);
    let outs = || interface.ports.iter().filter(|p| p.0 == Direction::Out);
    let ports_out = outs().count();
    let tallies: String = outs()
        .enumerate()
        .map(|(index, (_, field))| format!("        spatten::tally(t.{}, ones[{index}]);\n", field.name))
        .collect();
    format!(
        r#"#pragma once
#include "Vdut.h"

struct Dut : spatten::Wrapper<Vdut> {{
    using Wrapper::Wrapper;
    static constexpr unsigned kPortWordsOut = {out_words};
    static constexpr unsigned kPortsOut = {ports_out};
{clock_and_reset}{streams}    using Inputs = std::tuple<{}>;
    using Outputs = std::tuple<{}>;
    static void set_ports([[maybe_unused]] Vdut& t, [[maybe_unused]] const uint32_t* w) {{
{}    }}
    static void get_ports([[maybe_unused]] Vdut& t, [[maybe_unused]] uint32_t* w) {{
{}    }}
    static void tally_ports([[maybe_unused]] Vdut& t, [[maybe_unused]] uint64_t* ones) {{
{tallies}    }}
}};
"#,
        inputs.join(", "),
        outputs.join(", "),
        plain_ports(interface, Direction::In),
        plain_ports(interface, Direction::Out),
    )
}

fn stream_type(stream: &Stream) -> String {
    let layout = Layout::new(stream);
    let name = &stream.name;
    let (mut body, verb) = match stream.direction {
        Direction::In => (
            "static void put(Vdut& t, const uint32_t* w) {\n".to_owned(),
            "store",
        ),
        Direction::Out => ("static void get(Vdut& t, uint32_t* w) {\n".to_owned(), "load"),
    };
    for (index, field) in stream.fields.iter().enumerate() {
        let port = format!("{name}_{}", field.name);
        let _ = write!(body, "            ");
        body += &access(verb, &port, field, layout.offset(index));
    }
    format!(
        r#"    struct S_{name} {{
        static constexpr const char* kName = "{name}";
        static constexpr unsigned kWords = {};
        static CData& valid(Vdut& t) {{ return t.{name}_valid; }}
        static CData& ready(Vdut& t) {{ return t.{name}_ready; }}
        {body}        }}
    }};
"#,
        layout.words()
    )
}

fn plain_ports(interface: &Interface, direction: Direction) -> String {
    let verb = if direction == Direction::In {
        "store"
    } else {
        "load"
    };
    let mut text = String::new();
    let mut offset = 0;
    for (_, field) in interface.ports.iter().filter(|p| p.0 == direction) {
        text += "        ";
        text += &access(verb, &field.name, field, offset);
        offset += field_words(field);
    }
    text
}

fn access(verb: &str, port: &str, field: &Field, offset: usize) -> String {
    format!("spatten::{verb}<{}>(t.{port}, w + {offset});\n", field.width)
}
