//! Proofs of the stream primitives at small sizes, for all inputs and all time (`sim/formal/*.sv`), and that each proof
//! fails on Verilog with a fault: the first in its list in an ordinary run, each with `SPATTEN_THOROUGH=1`.

use spatten_gen::bench::{Mutant, Point, design, thorough};
use spatten_gen::config::Params;
use spatten_gen::sim::candidates;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The faults that this run takes.
fn taken<T>(faults: &[T]) -> &[T] {
    if thorough() { faults } else { &faults[..1] }
}

/// A proof of a block at a point.
struct Proof {
    block: &'static str,
    point: Point,
    /// Parameters of the module `proof` in `sim/formal/<block>.sv`.
    parameters: Vec<(&'static str, u64)>,
    method: Method,
    /// Sizes that are made smaller than the generator makes them: texts of the block and what stands there instead.
    smaller: &'static [(&'static str, &'static str)],
}

/// How a proof is found.
#[derive(Clone, Copy)]
enum Method {
    /// By property-directed reachability, which needs no help.
    Reachability,
    /// By induction over what the block's registers hold: wires of `proof`, each with the register that it is joined to.
    Induction(&'static [(&'static str, &'static str)]),
}

impl Proof {
    fn new(
        block: &'static str,
        name: &str,
        change: impl FnOnce(&mut Params),
        parameters: &[(&'static str, u64)],
    ) -> Self {
        let point = Point::new(name).config(change).unwrap();
        Proof {
            block,
            point,
            parameters: parameters.to_vec(),
            method: Method::Reachability,
            smaller: &[],
        }
    }

    fn by_induction(self, registers: &'static [(&'static str, &'static str)]) -> Self {
        Proof {
            method: Method::Induction(registers),
            ..self
        }
    }

    fn engine(&self) -> &'static str {
        match self.method {
            Method::Reachability => "abc pdr",
            Method::Induction(_) => "smtbmc yices",
        }
    }

    /// Runs sby in a directory of its own; whether the tasks pass, and what sby printed.
    fn run(&self, mutant: Option<&Mutant>, tasks: &[&str]) -> (bool, String) {
        let sby = candidates("sby")
            .into_iter()
            .next()
            .expect("no sby; run sim/setup");
        let number = mutant.map_or(String::new(), |m| format!("-{:x}", checksum(&m.to_string())));
        let work = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("formal")
            .join(format!("{}-{}{number}", self.block, self.point.name));
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work).unwrap();
        let sources = design(self.block, &self.point, mutant).unwrap().sources;
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/formal");
        let mut files: Vec<PathBuf> = vec![
            rules.join("fifo_rules.sv"),
            rules.join(format!("{}.sv", self.block)),
        ];
        for (name, text) in &sources {
            let mut text = text.clone();
            if *name == format!("{}.v", self.block) {
                for (size, small) in self.smaller {
                    assert_eq!(text.matches(size).count(), 1, "`{size}`");
                    text = text.replace(size, small);
                }
            }
            std::fs::write(work.join(name), text).unwrap();
            files.push(name.into());
        }
        let mut set = String::new();
        for (name, value) in &self.parameters {
            let _ = write!(set, " -chparam {name} {value}");
        }
        let (mut join, mut depth) = (String::new(), 24);
        if let Method::Induction(registers) = self.method {
            join.push_str("\nproc\nflatten");
            for (wire, register) in registers {
                let _ = write!(join, "\nconnect -set {wire} dut.{register}");
            }
            depth = 4;
        }
        let names: Vec<_> = files
            .iter()
            .map(|f| f.file_name().unwrap().to_str().unwrap())
            .collect();
        let paths: Vec<_> = files.iter().map(|f| f.to_str().unwrap()).collect();
        let job = format!(
            "[tasks]\nprove\ncover\n\n\
             [options]\nprove: mode prove\nprove: depth {depth}\ncover: mode cover\ncover: depth 24\n\n\
             [engines]\nprove: {}\ncover: smtbmc yices\n\n\
             [script]\nread -formal -DSPATTEN_CHECKS {}\nhierarchy -check -top proof{set}{join}\nprep -top proof\n\n\
             [files]\n{}\n",
            self.engine(),
            names.join(" "),
            paths.join("\n"),
        );
        std::fs::write(work.join("job.sby"), job).unwrap();
        let output = Command::new(sby)
            .current_dir(&work)
            .args(["-f", "job.sby"])
            .args(tasks)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), text)
    }

    #[track_caller]
    fn holds(&self) {
        let (pass, text) = self.run(None, &["prove", "cover"]);
        assert!(pass, "{} {}:\n{text}", self.block, self.point.name);
        // Induction is reported in two parts.
        let verdict = match self.method {
            Method::Reachability => "returned PASS",
            Method::Induction(_) => "returned pass for induction",
        };
        let verdict = format!("engine_0 ({}) {verdict}", self.engine());
        assert!(text.contains(&verdict), "{text}");
    }

    /// The proof finds a counterexample in the Verilog with a fault.
    #[track_caller]
    fn fails_with(&self, module: &'static str, find: &'static str, replace: &'static str) {
        let fault = Mutant::new("fault", module, find, replace);
        let (pass, text) = self.run(Some(&fault), &["prove"]);
        assert!(
            !pass && text.contains("returned FAIL"),
            "`{replace}` for `{find}` is not noticed:\n{text}"
        );
    }
}

fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn stream_reg() {
    let proof = Proof::new("stream_reg", "w2", |_| (), &[("WIDTH", 2)]);
    proof.holds();
    let faults = [
        ("assign push_ready = !skid_valid_q;", "assign push_ready = 1'b1;"),
        ("skid_valid_q ? skid_data_q : push_data", "push_data"),
        ("if (advance) head_data_q", "head_data_q"),
    ];
    for (find, replace) in taken(&faults) {
        proof.fails_with("stream_reg", find, replace);
    }
}

#[test]
fn stream_fifo() {
    for latency in [1, 2] {
        for depth in [2, 3] {
            let name = format!("depth{depth}-latency{latency}");
            let parameters = [("WIDTH", 1), ("DEPTH", depth), ("RAM_LATENCY", latency)];
            let proof = Proof::new(
                "stream_fifo",
                &name,
                |p| p.ram_latency = latency as u32,
                &parameters,
            );
            proof.holds();
        }
    }
}

#[test]
fn stream_fifo_faults() {
    let parameters = [("WIDTH", 1), ("DEPTH", 3), ("RAM_LATENCY", 1)];
    let proof = Proof::new("stream_fifo", "faults", |_| (), &parameters);
    let faults = [
        (
            "assign push_ready = stored_q != FULL;",
            "assign push_ready = 1'b1;",
        ),
        ("&& heads_q != ALL_HEADS", ""),
        ("(wr_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} :", ""),
        ("if (pop && !rd_en) heads_q", "if (pop) heads_q"),
    ];
    for (find, replace) in taken(&faults) {
        proof.fails_with("stream_fifo", find, replace);
    }
}

#[test]
fn zero_eliminator() {
    for (lanes, chain) in [(2, 0), (2, 1), (4, 0), (4, 1)] {
        let name = format!("lanes{lanes}-chain{chain}");
        let parameters = [("LANES", lanes), ("DATA_W", 1), ("CHAIN", chain)];
        let proof = Proof::new(
            "zero_eliminator",
            &name,
            |p| p.parallelism = lanes as u32,
            &parameters,
        );
        proof.holds();
    }
}

#[test]
fn zero_eliminator_faults() {
    let parameters = [("LANES", 4), ("DATA_W", 1), ("CHAIN", 1)];
    let proof = Proof::new("zero_eliminator", "faults", |p| p.parallelism = 4, &parameters);
    let faults = [
        ("push_last ? {LANE_W{1'b0}} : start_q", "start_q"),
        (
            "wire s2_ready = !s2_valid_q || pop_ready;",
            "wire s2_ready = 1'b1;",
        ),
        ("localparam PARTNER = lane ^ 2;", "localparam PARTNER = lane ^ 1;"),
        ("s2_start_q <= s1_start_q;", "s2_start_q <= start;"),
    ];
    for (find, replace) in taken(&faults) {
        proof.fails_with("zero_eliminator", find, replace);
    }
}

/// Where `sim/formal/axi_reader.sv` looks into the reader.
const READER: &[(&str, &str)] = &[
    ("in_request_head", "u_request.head_valid_q"),
    ("in_request_skid", "u_request.skid_valid_q"),
    ("in_burst_valid", "burst_valid_q"),
    ("in_burst_first", "burst_first_q[11:5]"),
    ("in_burst_more", "burst_more_q"),
    ("in_next_in_page", "next_in_page_q"),
    ("in_ar_head", "u_ar.head_valid_q"),
    ("in_ar_skid", "u_ar.skid_valid_q"),
    ("in_ar_head_first", "u_ar.head_data_q[11:5]"),
    ("in_ar_skid_first", "u_ar.skid_data_q[11:5]"),
    ("in_ar_head_len", "u_ar.head_data_q[39:32]"),
    ("in_ar_skid_len", "u_ar.skid_data_q[39:32]"),
    ("in_beat_head", "u_beat.head_valid_q"),
    ("in_beat_skid", "u_beat.skid_valid_q"),
    ("in_beat_head_last", "u_beat.head_data_q[257]"),
    ("in_beat_skid_last", "u_beat.skid_data_q[257]"),
    ("in_flying", "flying_q"),
];

/// A proof of the reader at 256 bits with bursts of at most `most` sectors.
fn reader(name: &str, most: u64) -> Proof {
    let parameters = [("ADDR_W", 32), ("MAX_BURST", most)];
    let change = |p: &mut Params| (p.axi_data_width, p.addr_width) = (256, 32);
    Proof::new("axi_reader", &format!("{name}{most}"), change, &parameters).by_induction(READER)
}

/// The rules of AXI4 on the read master, and that nothing is asked of memory or answered that was not asked for.
#[test]
fn axi_reader() {
    for most in [1, 2, 4] {
        reader("burst", most).holds();
    }
}

#[test]
fn axi_reader_faults() {
    let faults = [
        ("axi_reader", "&& next_in_page_q != {PAGE_W{1'b0}}", ""),
        ("axi_reader", "&& burst_more_q != LAST_MORE", ""),
        (
            "axi_reader",
            "burst_more_q   <= {PAGE_W{1'b0}};",
            "burst_more_q   <= {{(PAGE_W - 1){1'b0}}, 1'b1};",
        ),
        (
            "axi_reader",
            "land = beat_valid && beat_ready && beat_last",
            "land = m_axi_rvalid && m_axi_rready && m_axi_rlast",
        ),
        (
            "axi_reader",
            "beat_ready     = take_response",
            "beat_ready     = 1'b1",
        ),
        ("axi_reader", "room = flying_q != ALL_FLYING", "room = 1'b1"),
        ("stream_reg", "if (advance) head_data_q", "head_data_q"),
    ];
    for (module, find, replace) in taken(&faults) {
        reader("faults", 4).fails_with(module, find, replace);
    }
}

/// A proof of the crossbar with queues of one place.
fn crossbar(name: &str, ports: u32, channels: u32, slots: u32) -> Proof {
    let parameters = [
        ("PORTS", ports.into()),
        ("CHANNELS", channels.into()),
        ("SLOTS", slots.into()),
    ];
    let change = |p: &mut Params| {
        (p.multipliers, p.head_dim, p.addr_width) = (32, 32, 32);
        (p.channels, p.fetch_ports) = (channels, ports);
        p.sector_window = (ports * slots).next_power_of_two();
    };
    let name = format!("{name}-{ports}-{channels}-{slots}");
    Proof {
        smaller: &[
            ("localparam QUEUE     = 16;", "localparam QUEUE     = 1;"),
            ("localparam RETURNS   = 4;", "localparam RETURNS   = 1;"),
            ("localparam TAGS      = 16;", "localparam TAGS      = 2;"),
        ],
        ..Proof::new("sector_crossbar", &name, change, &parameters)
    }
}

/// No sector is lost, comes twice or goes astray: among ports at one channel, among channels too.
#[test]
fn sector_crossbar_ports() {
    crossbar("all", 2, 1, 1).holds();
    if thorough() {
        crossbar("all", 3, 1, 1).holds();
    }
}

/// Takes a minute and more on one core.
#[test]
fn sector_crossbar_channels() {
    if !thorough() {
        eprintln!("skipped: the crossbar with two channels; SPATTEN_THOROUGH=1 takes it");
        return;
    }
    crossbar("all", 2, 2, 1).holds();
    crossbar("all", 1, 2, 2).holds();
}

#[test]
fn sector_crossbar_faults() {
    let faults = [
        (
            2,
            "response_valid[channel] && response_ready[channel];",
            "response_valid[channel];",
        ),
        (2, ".push_data ({turn, next", ".push_data ({!turn, next"),
        (3, "tag_valid && (dropped || back_room[tag_class])", "tag_valid"),
        (
            2,
            "else if (free) offer_valid_q <= load;",
            "else if (free || clear) offer_valid_q <= load;",
        ),
        (2, "dropped = drop || clear;", "dropped = clear;"),
        (
            2,
            "wire free = !offer_valid_q || request_ready[channel];",
            "wire free = 1'b1;",
        ),
    ];
    for (ports, find, replace) in taken(&faults) {
        crossbar("faults", *ports, 1, 1).fails_with("sector_crossbar", find, replace);
    }
}

/// The rules of AXI4 on the write master, and that it is idle only when all is answered.
#[test]
fn axi_writer() {
    let change = |p: &mut Params| (p.axi_data_width, p.addr_width) = (128, 32);
    let proof = Proof::new("axi_writer", "w128", change, &[("ADDR_W", 32)]);
    proof.holds();
    let faults = [
        ("next_valid && !stop && aw_ready", "next_valid && aw_ready"),
        (
            "if (m_axi_wvalid && m_axi_wready) beat_q",
            "if (m_axi_wvalid) beat_q",
        ),
        (
            "answered_q <= m_axi_bvalid;",
            "answered_q <= m_axi_wvalid && m_axi_wready && m_axi_wlast;",
        ),
    ];
    for (find, replace) in taken(&faults) {
        proof.fails_with("axi_writer", find, replace);
    }
}
