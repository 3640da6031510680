//! The part of the C++ shim that knows the ports of one top; the rest is `sim/system_driver.h` and
//! `sim/system_shim.cpp`.

use super::Error;
use crate::config::Reset;
use crate::rtl::Interface;
use crate::rtl::spatten_top::SLAVE;
use std::fmt::Write;

/// What the driver must know of a top's AXI ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// AXI4 masters.
    pub channels: u32,
    /// Bits of their data.
    pub data: u32,
    /// Bits of their addresses.
    pub address: u32,
    /// Bits of their IDs.
    pub id: u32,
    /// Whether there is a port `fault`, the number of the fault to show.
    pub fault: bool,
    /// Fields of 16 bits of the port `probe`; 0 without that port.
    pub probes: u32,
}

impl Ports {
    /// Finds the ports of a top by their names.
    ///
    /// # Errors
    /// When one is missing or of another width.
    pub fn of(interface: &Interface) -> Result<Self, Error> {
        let width = |name: &str| {
            let port = interface.ports.iter().find(|(_, field)| field.name == name);
            port.map(|(_, field)| field.width)
        };
        let want = |name: String, bits: u32| match width(&name) {
            Some(found) if found == bits => Ok(()),
            found => Err(Error::Unsupported(format!(
                "the top's port `{name}` must have {bits} bits, not {}",
                found.unwrap_or(0)
            ))),
        };
        want("irq".into(), 1)?;
        for (name, bits, _) in SLAVE {
            want(format!("s_axi_{name}"), bits)?;
        }
        let channels = (0..)
            .take_while(|c| width(&format!("m_axi_{c}_arvalid")).is_some())
            .count();
        let of = |name: &str| width(&format!("m_axi_0_{name}")).unwrap_or(0);
        let ports = Ports {
            channels: channels as u32,
            data: of("rdata"),
            address: of("araddr"),
            id: of("arid"),
            fault: width("fault").is_some(),
            probes: width("probe").unwrap_or(0) / 16,
        };
        let legal = channels > 0
            && ports.data >= 64
            && ports.data <= 1024
            && ports.data.is_power_of_two()
            && (12..=64).contains(&ports.address)
            && (1..=64).contains(&ports.id);
        if !legal {
            return Err(Error::Unsupported(format!(
                "the top's memory channels are no AXI4 masters that can be driven: {ports:?}"
            )));
        }
        let Ports {
            data, address, id, ..
        } = ports;
        for c in 0..channels {
            for group in ["ar", "aw"] {
                let payload = [
                    ("valid", 1),
                    ("ready", 1),
                    ("id", id),
                    ("addr", address),
                    ("len", 8),
                    ("size", 3),
                    ("burst", 2),
                    ("lock", 1),
                    ("cache", 4),
                    ("prot", 3),
                    ("qos", 4),
                ];
                for (name, bits) in payload {
                    want(format!("m_axi_{c}_{group}{name}"), bits)?;
                }
            }
            let rest = [
                ("wvalid", 1),
                ("wready", 1),
                ("wdata", data),
                ("wstrb", data / 8),
                ("wlast", 1),
                ("bvalid", 1),
                ("bready", 1),
                ("bid", id),
                ("bresp", 2),
                ("rvalid", 1),
                ("rready", 1),
                ("rid", id),
                ("rdata", data),
                ("rresp", 2),
                ("rlast", 1),
            ];
            for (name, bits) in rest {
                want(format!("m_axi_{c}_{name}"), bits)?;
            }
        }
        Ok(ports)
    }
}

/// The contents of `dut.h`.
pub(super) fn header(ports: &Ports, reset: Reset) -> String {
    let asynchronous = reset.asynchronous();
    let active = if reset.active_high() { "on" } else { "!on" };
    let reset = reset.port();
    let Ports {
        channels,
        data,
        address,
        id,
        fault,
        probes,
    } = ports;
    let set_fault = if *fault {
        "t.fault = n;"
    } else {
        "(void)t, (void)n;"
    };
    let probe = match probes {
        0 => String::new(),
        _ => format!(
            "    static void probe(Vdut& t, uint32_t* w) {{ spatten::Port(&t.probe, {}).load(w); }}\n",
            16 * probes
        ),
    };
    let bytes = data / 8;
    let mut text = format!(
        r#"#pragma once
#include "Vdut.h"

struct Dut : spatten::Wrapper<Vdut> {{
    using Wrapper::Wrapper;
    static constexpr uint32_t kDataBytes = {bytes};
    static constexpr uint32_t kAddressBits = {address};
    static constexpr uint32_t kProbes = {probes};
{probe}    static constexpr bool kAsyncReset = {asynchronous};
    static CData& clock(Vdut& t) {{ return t.clk; }}
    static void assert_reset(Vdut& t, bool on) {{ t.{reset} = {active}; }}
    static bool irq(Vdut& t) {{ return t.irq; }}
    static void fault(Vdut& t, uint32_t n) {{ {set_fault} }}
"#
    );
    for c in 0..*channels {
        let _ = write!(text, "    struct C{c} {{\n        using T = Vdut;\n");
        let p = format!("m_axi_{c}_");
        for name in [
            "arready", "awready", "wready", "rvalid", "bvalid", "rlast", "rresp", "bresp",
        ] {
            let _ = writeln!(
                text,
                "        static CData& {name}(T& t) {{ return t.{p}{name}; }}"
            );
        }
        for name in ["arvalid", "awvalid", "wvalid", "rready", "bready", "wlast"] {
            let _ = writeln!(text, "        static bool {name}(T& t) {{ return t.{p}{name}; }}");
        }
        for a in ["ar", "aw"] {
            let _ = writeln!(
                text,
                "        static std::array<uint64_t, 7> {a}(T& t) {{\n            \
                 return {{t.{p}{a}addr, t.{p}{a}len, t.{p}{a}size, t.{p}{a}burst, t.{p}{a}id, t.{p}{a}lock,\n                    \
                 t.{p}{a}cache | uint64_t(t.{p}{a}prot) << 4 | uint64_t(t.{p}{a}qos) << 8}};\n        }}"
            );
        }
        let _ = writeln!(
            text,
            "        static uint64_t wstrb(T& t) {{ return t.{p}wstrb; }}\n        \
             static void get_wdata(T& t, uint32_t* w) {{ spatten::Port(&t.{p}wdata, {data}).load(w); }}\n        \
             static void put_rdata(T& t, const uint32_t* w) {{ spatten::Port(&t.{p}rdata, {data}).store(w); }}"
        );
        for name in ["rid", "bid"] {
            let mask = if *id >= 64 {
                "~0ull".to_owned()
            } else {
                format!("{}ull", (1u64 << id) - 1)
            };
            let _ = writeln!(
                text,
                "        static void put_{name}(T& t, uint64_t id) {{ t.{p}{name} = id & {mask}; }}"
            );
        }
        text += "    };\n";
    }
    let names: Vec<String> = (0..*channels).map(|c| format!("C{c}")).collect();
    let _ = writeln!(
        text,
        "    using Channels = std::tuple<{}>;\n}};",
        names.join(", ")
    );
    text
}
