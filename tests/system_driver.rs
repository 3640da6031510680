//! The driver of whole tops: memory, host and AXI4 rules, on a module whose every AXI4 signal is set by a register.

use spatten_gen::config::Reset;
use spatten_gen::rtl::{Direction, Field, Interface};
use spatten_gen::sim::system::{
    Access, Answer, Broken, Fault, MemoryModel, Side, System, SystemLibrary, Written,
};
use spatten_gen::sim::{Builder, Checks, Design, Verilator};
use std::path::PathBuf;
use std::sync::Arc;

/// Registers by address: 0 starts things (bit 0 AR, 1 AW, 2 W, 3 interrupt, 4 drops every valid, 5 clears the
/// interrupt, 6 prints), 4 and 8 address and shape of AR, 12 and 16 of AW, 20 data, 24 strobes and last. Reads: 0 beats
/// and responses so far, 4 the last beat, 8 the last two response codes, the number of last beats.
const POKE: &str = r#"
module poke (
    input wire clk, input wire rst_n, output reg irq,
    input wire s_axi_awvalid, output wire s_axi_awready, input wire [19:0] s_axi_awaddr, input wire [2:0] s_axi_awprot,
    input wire s_axi_wvalid, output wire s_axi_wready, input wire [31:0] s_axi_wdata, input wire [3:0] s_axi_wstrb,
    output reg s_axi_bvalid, input wire s_axi_bready, output reg [1:0] s_axi_bresp,
    input wire s_axi_arvalid, output wire s_axi_arready, input wire [19:0] s_axi_araddr, input wire [2:0] s_axi_arprot,
    output reg s_axi_rvalid, input wire s_axi_rready, output reg [31:0] s_axi_rdata, output reg [1:0] s_axi_rresp,
    @PORTS@);
  wire take_w = s_axi_awvalid && s_axi_wvalid && !s_axi_bvalid;
  wire take_r = s_axi_arvalid && !s_axi_rvalid;
  assign s_axi_awready = take_w;
  assign s_axi_wready = take_w;
  assign s_axi_arready = take_r;
  reg [15:0] beats, resps, lasts;
  reg [31:0] last_data;
  reg [1:0] rresp, bresp;
  assign m_axi_0_arid = 0; assign m_axi_0_awid = 0;
  assign m_axi_0_arlock = 0; assign m_axi_0_awlock = 0;
  assign m_axi_0_arcache = 3; assign m_axi_0_awcache = 3;
  assign m_axi_0_arprot = 0; assign m_axi_0_awprot = 0;
  assign m_axi_0_arqos = 0; assign m_axi_0_awqos = 0;
  assign m_axi_0_rready = 1; assign m_axi_0_bready = 1;
  assign m_axi_1_arvalid = 0; assign m_axi_1_awvalid = 0; assign m_axi_1_wvalid = 0;
  assign m_axi_1_rready = 1; assign m_axi_1_bready = 1;
  always @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      irq <= 0; s_axi_bvalid <= 0; s_axi_rvalid <= 0; beats <= 0; resps <= 0; lasts <= 0;
      m_axi_0_arvalid <= 0; m_axi_0_awvalid <= 0; m_axi_0_wvalid <= 0;
    end else begin
      if (m_axi_0_arready) m_axi_0_arvalid <= 0;
      if (m_axi_0_awready) m_axi_0_awvalid <= 0;
      if (m_axi_0_wready) m_axi_0_wvalid <= 0;
      if (m_axi_0_rvalid) begin
        beats <= beats + 1; last_data <= m_axi_0_rdata[31:0]; rresp <= m_axi_0_rresp;
        if (m_axi_0_rlast) lasts <= lasts + 1;
      end
      if (m_axi_0_bvalid) begin resps <= resps + 1; bresp <= m_axi_0_bresp; end
      if (s_axi_bready) s_axi_bvalid <= 0;
      if (s_axi_rready) s_axi_rvalid <= 0;
      if (take_w) begin
        s_axi_bvalid <= s_axi_awaddr != 20'h40;
        s_axi_bresp <= s_axi_awaddr > 20'h18 ? 2'b10 : 2'b00;
        case (s_axi_awaddr)
          0: begin
            if (s_axi_wdata[0]) m_axi_0_arvalid <= 1;
            if (s_axi_wdata[1]) m_axi_0_awvalid <= 1;
            if (s_axi_wdata[2]) m_axi_0_wvalid <= 1;
            if (s_axi_wdata[3]) irq <= 1;
            if (s_axi_wdata[4]) begin m_axi_0_arvalid <= 0; m_axi_0_awvalid <= 0; m_axi_0_wvalid <= 0; end
            if (s_axi_wdata[5]) irq <= 0;
            if (s_axi_wdata[6]) $display("a check failed");
          end
          4: m_axi_0_araddr <= s_axi_wdata;
          8: {m_axi_0_arburst, m_axi_0_arsize, m_axi_0_arlen} <= s_axi_wdata[12:0];
          12: m_axi_0_awaddr <= s_axi_wdata;
          16: {m_axi_0_awburst, m_axi_0_awsize, m_axi_0_awlen} <= s_axi_wdata[12:0];
          20: m_axi_0_wdata <= {@WORDS@{s_axi_wdata}};
          24: begin m_axi_0_wlast <= s_axi_wdata[31]; m_axi_0_wstrb <= s_axi_wdata[30:0]; end
          default: ;
        endcase
      end
      if (take_r) begin
        s_axi_rvalid <= 1;
        s_axi_rresp <= s_axi_araddr > 8 ? 2'b10 : 2'b00;
        case (s_axi_araddr)
          0: s_axi_rdata <= {resps, beats};
          4: s_axi_rdata <= last_data;
          default: s_axi_rdata <= {lasts, 12'd0, bresp, rresp};
        endcase
      end
    end
  end
endmodule
"#;

const CHANNELS: u32 = 2;

fn ports(data: u32) -> Vec<(Direction, Field)> {
    let mut ports = vec![(Direction::Out, Field::new("irq", 1))];
    let mut add = |direction, prefix: &str, fields: &[(&str, u32)]| {
        for &(name, width) in fields {
            ports.push((direction, Field::new(format!("{prefix}{name}"), width)));
        }
    };
    use Direction::{In, Out};
    add(
        In,
        "s_axi_",
        &[
            ("awvalid", 1),
            ("awaddr", 20),
            ("awprot", 3),
            ("wvalid", 1),
            ("wdata", 32),
            ("wstrb", 4),
            ("bready", 1),
            ("arvalid", 1),
            ("araddr", 20),
            ("arprot", 3),
            ("rready", 1),
        ],
    );
    add(
        Out,
        "s_axi_",
        &[
            ("awready", 1),
            ("wready", 1),
            ("bvalid", 1),
            ("bresp", 2),
            ("arready", 1),
            ("rvalid", 1),
            ("rdata", 32),
            ("rresp", 2),
        ],
    );
    for c in 0..CHANNELS {
        for a in ["ar", "aw"] {
            let p = format!("m_axi_{c}_{a}");
            add(In, &p, &[("ready", 1)]);
            add(
                Out,
                &p,
                &[
                    ("valid", 1),
                    ("id", 1),
                    ("addr", 32),
                    ("len", 8),
                    ("size", 3),
                    ("burst", 2),
                    ("lock", 1),
                    ("cache", 4),
                    ("prot", 3),
                    ("qos", 4),
                ],
            );
        }
        let p = format!("m_axi_{c}_");
        add(
            In,
            &p,
            &[
                ("wready", 1),
                ("bvalid", 1),
                ("bid", 1),
                ("bresp", 2),
                ("rvalid", 1),
                ("rid", 1),
                ("rdata", data),
                ("rresp", 2),
                ("rlast", 1),
            ],
        );
        add(
            Out,
            &p,
            &[
                ("wvalid", 1),
                ("wdata", data),
                ("wstrb", data / 8),
                ("wlast", 1),
                ("bready", 1),
                ("rready", 1),
            ],
        );
    }
    ports
}

fn design(data: u32) -> Design {
    let ports = ports(data);
    let text: Vec<String> = ports
        .iter()
        .filter(|(_, field)| field.name.starts_with("m_axi_"))
        .map(|(direction, field)| {
            let set = field.name.starts_with("m_axi_0_")
                && ["valid", "addr", "len", "size", "burst", "wdata", "strb", "wlast"]
                    .iter()
                    .any(|end| field.name.ends_with(end));
            let kind = match (direction, set) {
                (Direction::In, _) => "input wire",
                (Direction::Out, true) => "output reg",
                (Direction::Out, false) => "output wire",
            };
            format!("{kind} [{}:0] {}", field.width - 1, field.name)
        })
        .collect();
    let source = POKE
        .replace("@PORTS@", &text.join(",\n    "))
        .replace("@WORDS@", &(data / 32).to_string());
    Design {
        top: "poke".into(),
        sources: vec![("poke.v".into(), source)],
        interface: Interface {
            parameters: vec![],
            streams: vec![],
            ports,
        },
        reset: Reset::AsyncLow,
        parameters: vec![],
        trace: false,
    }
}

fn builder() -> Builder {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim-cache");
    Builder::with(Verilator::find().unwrap(), cache)
}

fn library(data: u32) -> Arc<SystemLibrary> {
    builder().build_system(&design(data), Checks::All).unwrap()
}

fn system(library: &Arc<SystemLibrary>, memory: &MemoryModel) -> System {
    let mut system = System::new(library, memory, 1).unwrap();
    system.reset(3).unwrap();
    system
}

/// INCR and the size that fits.
fn shape(data: u32, beats: u32) -> u32 {
    1 << 11 | (data / 8).ilog2() << 8 | (beats - 1)
}

fn write(system: &mut System, accesses: &[(u32, u32)]) -> Result<Vec<Answer>, Broken> {
    let accesses: Vec<Access> = accesses.iter().map(|&(a, d)| Access::Write(a, d)).collect();
    system.access(&accesses)
}

fn read(system: &mut System, address: u32) -> u32 {
    system.access(&[Access::Read(address)]).unwrap()[0].data
}

#[test]
fn reads_and_writes_go_where_they_should_under_every_disturbance() {
    for data in [64, 256, 512] {
        let library = library(data);
        for seed in 0..24 {
            let memory = match seed {
                0 => MemoryModel::default(),
                _ => MemoryModel::from_seed(seed),
            };
            let mut system = system(&library, &memory);
            let bytes: [u8; 32] = std::array::from_fn(|i| i as u8 + 1);
            system.put(0, [(0x1000, &bytes), (0x1fe0, &[9; 32])]);
            system.put(1, [(0x1000, &[77; 32])]);
            // A read of one sector; for 512 bits, the lower half of a beat.
            let beats = (256 / data).max(1);
            let one = shape(data, beats);
            write(&mut system, &[(4, 0x1000), (8, one), (0, 1)]).unwrap();
            system.run(3000).unwrap();
            assert_eq!(read(&mut system, 0), beats, "seed {seed}");
            let word = if data == 64 { 0x1c1b_1a19 } else { 0x0403_0201 };
            assert_eq!(read(&mut system, 4), word);
            assert_eq!(read(&mut system, 8) >> 16, 1, "one last beat");
            // A burst of two beats with other strobes each; nothing but those words is written.
            let two = shape(data, 2);
            let address = 0x2000;
            write(&mut system, &[(12, address), (16, two), (0, 2)]).unwrap();
            let strobes = [0x0000_00f0u32, 0x0000_000f];
            for (beat, strobe) in strobes.into_iter().enumerate() {
                let last = u32::from(beat == 1) << 31;
                write(
                    &mut system,
                    &[(20, 0xa0a0_a0a0 + beat as u32), (24, strobe | last), (0, 4)],
                )
                .unwrap();
                system.run(1000).unwrap();
            }
            assert_eq!(read(&mut system, 0) >> 16, 1, "one response");
            let written = system.written(0);
            let total: u32 = written.iter().map(|w| w.marks.count_ones()).sum();
            assert_eq!(total, 8);
            let first = written[0];
            assert_eq!((first.address, first.marks & 0xf0), (0x2000, 0xf0));
            assert_eq!(first.bytes[4..8], [0xa0, 0xa0, 0xa0, 0xa0]);
            let second = u64::from(data / 8);
            let Written { marks, bytes, .. } = *written
                .iter()
                .find(|w| w.address == (0x2000 + second) / 32 * 32)
                .unwrap();
            let at = (second % 32) as usize;
            assert_eq!(marks >> at & 15, 15);
            assert_eq!(bytes[at], 0xa1);
            assert!(system.written(0).is_empty() && system.written(1).is_empty());
            assert!(system.quiet());
        }
    }
}

#[test]
fn the_memory_has_the_latency_and_the_rate_that_it_should() {
    let library = library(256);
    let mut system = system(&library, &MemoryModel::default());
    // The address is offered in the cycle after the write of register 0; 32 beats.
    write(&mut system, &[(4, 0x1000), (8, shape(256, 32)), (0, 1)]).unwrap();
    let mut ends = Vec::new();
    let mut before = 0;
    let start = system.clock().cycle;
    for _ in 0..400 {
        system.run(1).unwrap();
        let beats = system.traffic(0).read_beats;
        if beats != before {
            ends.push(system.clock().cycle);
            before = beats;
        }
    }
    assert_eq!(ends.len(), 32);
    assert_eq!(ends[31] - ends[0], 31, "a sector a cycle");
    // The address was taken when the host saw the response of its write, in the cycle before this loop.
    assert_eq!(ends[0] - start, 100);
    assert_eq!(system.traffic(0).most_outstanding, 32);
}

#[test]
fn the_host_sees_answers_in_order_and_the_interrupt() {
    let library = library(256);
    for seed in 0..12 {
        let mut system = system(&library, &MemoryModel::from_seed(seed));
        let answers = system
            .access(&[
                Access::Write(0, 0),
                Access::Read(0),
                Access::Write(0x30, 5),
                Access::Write(4, 5),
                Access::Read(0x30),
                Access::Read(0),
            ])
            .unwrap();
        let codes: Vec<u32> = answers.iter().map(|a| a.resp).collect();
        assert_eq!(codes, [0, 0, 2, 0, 2, 0], "seed {seed}");
        assert!(!system.wait_irq(50).unwrap());
        write(&mut system, &[(0, 8)]).unwrap();
        assert!(system.wait_irq(50).unwrap());
        let clock = system.clock();
        assert!(clock.irq_rise > 50 && clock.irq_rise <= clock.cycle);
        write(&mut system, &[(0, 32)]).unwrap();
        assert!(!system.wait_irq(50).unwrap());
        assert!(system.clock().irq_high < system.clock().cycle);
    }
}

#[test]
fn the_nth_response_is_an_error_and_no_other() {
    let library = library(256);
    let mut system = system(&library, &MemoryModel::default());
    system.inject(0, Side::Read, 2, Fault::Decode);
    system.inject(0, Side::Write, 1, Fault::Slave);
    for expected in [0, 3, 0] {
        write(&mut system, &[(4, 0x1000), (8, shape(256, 1)), (0, 1)]).unwrap();
        system.run(300).unwrap();
        assert_eq!(read(&mut system, 8) & 3, expected);
    }
    for expected in [2, 0] {
        write(
            &mut system,
            &[(12, 0x40), (16, shape(256, 1)), (24, 1 << 31 | 15), (0, 6)],
        )
        .unwrap();
        system.run(300).unwrap();
        assert_eq!(read(&mut system, 8) >> 2 & 3, expected);
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    let library = library(256);
    let good = shape(256, 1);
    let read = |address: u32, shape: u32| vec![(4, address), (8, shape), (0, 1)];
    let stalled = MemoryModel {
        stall: 0xf000,
        pause: 100_000,
        ..MemoryModel::default()
    };
    type Pokes = Vec<(u32, u32)>;
    let cases: Vec<(&str, Pokes)> = vec![
        ("ar: the burst is not INCR", read(0x1000, good & !(3 << 11))),
        (
            "ar: beats are not of full width",
            read(0x1000, good & !(7 << 8) | 3 << 8),
        ),
        ("ar: the burst crosses 4 KB", read(0x1fe0, shape(256, 2))),
        ("ar: the address is not that of a sector", read(0x1004, good)),
        (
            "w: no last at the end",
            vec![(12, 0x40), (16, good), (24, 15), (0, 6)],
        ),
        (
            "w: last before the end",
            vec![(12, 0x40), (16, shape(256, 2)), (24, 1 << 31 | 15), (0, 6)],
        ),
        (
            "w: strobes split a word",
            vec![(12, 0x40), (16, good), (24, 1 << 31 | 7), (0, 6)],
        ),
        ("the model says: a check failed", vec![(0, 64)]),
    ];
    for (rule, pokes) in cases {
        let mut system = system(&library, &MemoryModel::default());
        let result = write(&mut system, &pokes).and_then(|_| system.run(300));
        let message = result.unwrap_err().to_string();
        assert!(message.contains(rule), "{rule}: {message}");
        // A broken system stays broken.
        assert!(system.run(1).is_err());
    }
    // What waits must stay as it is.
    for (rule, poke) in [
        ("arvalid fell before arready", (0, 16)),
        ("ar changed while it waited", (4, 0x2000)),
        ("w changed while it waited", (20, 5)),
    ] {
        let mut system = system(&library, &stalled);
        write(&mut system, &[(4, 0x1000), (8, good), (20, 4), (24, 15), (0, 5)]).unwrap();
        let result = write(&mut system, &[poke]).and_then(|_| system.run(10));
        let message = result.unwrap_err().to_string();
        assert!(message.contains(rule), "{rule}: {message}");
    }
    // An access without an answer, and a wait without an interrupt, end.
    let impatient = MemoryModel {
        patience: 500,
        ..MemoryModel::default()
    };
    let mut silent = system(&library, &impatient);
    let message = write(&mut silent, &[(0x40, 1)]).unwrap_err().to_string();
    assert!(message.contains("not answered"), "{message}");
    let mut waiting = system(&library, &impatient);
    let message = waiting.wait_irq(u64::MAX).unwrap_err().to_string();
    assert!(message.contains("no interrupt"), "{message}");
}

#[test]
fn attributes_are_held_to_the_register() {
    let library = library(256);
    for (attributes, right) in [(3, true), (0x13, false)] {
        let memory = MemoryModel {
            attributes: Some(attributes),
            ..MemoryModel::default()
        };
        let mut system = system(&library, &memory);
        let result =
            write(&mut system, &[(4, 0x1000), (8, shape(256, 1)), (0, 1)]).and_then(|_| system.run(200));
        assert_eq!(result.is_ok(), right);
    }
}

#[test]
fn a_top_without_its_ports_is_refused_by_name() {
    let mut design = design(256);
    design
        .interface
        .ports
        .retain(|(_, field)| field.name != "m_axi_1_wstrb");
    let error = builder().build_system(&design, Checks::None).err().unwrap();
    assert!(error.to_string().contains("m_axi_1_wstrb"), "{error}");
}
