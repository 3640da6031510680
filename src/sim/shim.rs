//! The part of the C++ shim that knows one module's ports; the rest is `sim/stream_driver.cpp`.

use super::beats::field_words;
use crate::config::Reset;
use crate::rtl::{Direction, Field, Interface};
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

/// The source that tells the driver where the ports of the Verilated class `Vdut` are.
pub(super) fn source(interface: &Interface, reset: Reset) -> String {
    let mut calls = String::new();
    let mut call = |function: &str, arguments: String| {
        let _ = writeln!(calls, "    dut->{function}({arguments});");
    };
    let (port, high, asynchronous) = (reset.port(), reset.active_high(), reset.asynchronous());
    call(
        "clock_and_reset",
        format!("&t.clk, &t.{port}, {high}, {asynchronous}"),
    );
    let port = |name: &str, field: &Field| format!("&t.{name}, {}", field.width);
    for stream in &interface.streams {
        let name = &stream.name;
        let function = match stream.direction {
            Direction::In => "input",
            Direction::Out => "output",
        };
        call(function, format!("\"{name}\", &t.{name}_valid, &t.{name}_ready"));
        for field in &stream.fields {
            call("field", port(&format!("{name}_{}", field.name), field));
        }
    }
    for (direction, field) in &interface.ports {
        let function = match direction {
            Direction::In => "port_in",
            Direction::Out => "port_out",
        };
        call(function, port(&field.name, field));
    }
    format!(
        r#"#include "Vdut.h"
#include "stream_driver.h"

spatten::Dut* spatten::make_dut(uint64_t seed) {{
    auto* dut = new DutOf<Vdut>(seed);
    Vdut& t = dut->top();
{calls}    return dut;
}}
"#
    )
}
