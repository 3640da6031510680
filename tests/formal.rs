//! Proofs of the stream primitives at small sizes, for all inputs and all time (`sim/formal/*.sv`), and that each proof
//! fails on Verilog with a fault.

use spatten_gen::bench::{Mutant, Point, design};
use spatten_gen::config::Params;
use spatten_gen::sim::candidates;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A proof of a block at a point.
struct Proof {
    block: &'static str,
    point: Point,
    /// Parameters of the module `proof` in `sim/formal/<block>.sv`.
    parameters: Vec<(&'static str, u64)>,
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
            std::fs::write(work.join(name), text).unwrap();
            files.push(name.into());
        }
        let mut set = String::new();
        for (name, value) in &self.parameters {
            let _ = write!(set, " -chparam {name} {value}");
        }
        let names: Vec<_> = files
            .iter()
            .map(|f| f.file_name().unwrap().to_str().unwrap())
            .collect();
        let paths: Vec<_> = files.iter().map(|f| f.to_str().unwrap()).collect();
        let job = format!(
            "[tasks]\nprove\ncover\n\n\
             [options]\nprove: mode prove\ncover: mode cover\ndepth 24\n\n\
             [engines]\nprove: abc pdr\ncover: smtbmc yices\n\n\
             [script]\nread -formal -DSPATTEN_CHECKS {}\nhierarchy -check -top proof{set}\nprep -top proof\n\n\
             [files]\n{}\n",
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
        assert!(text.contains("engine_0 (abc pdr) returned PASS"), "{text}");
    }

    /// The proof finds a counterexample in the Verilog with a fault.
    #[track_caller]
    fn fails_with(&self, module: &'static str, find: &'static str, replace: &'static str) {
        let (pass, text) = self.run(
            Some(&Mutant {
                name: "fault",
                module,
                find,
                replace,
            }),
            &["prove"],
        );
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
    proof.fails_with(
        "stream_reg",
        "assign push_ready = !skid_valid_q;",
        "assign push_ready = 1'b1;",
    );
    proof.fails_with(
        "stream_reg",
        "skid_valid_q ? skid_data_q : push_data",
        "push_data",
    );
    proof.fails_with("stream_reg", "if (advance) head_data_q", "head_data_q");
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
    let fails_with = |find, replace| proof.fails_with("stream_fifo", find, replace);
    fails_with(
        "assign push_ready = stored_q != FULL;",
        "assign push_ready = 1'b1;",
    );
    fails_with("&& heads_q != ALL_HEADS", "");
    fails_with("(wr_addr_q == LAST_ADDR) ? {ADDR_W{1'b0}} :", "");
    fails_with("if (pop && !rd_en) heads_q", "if (pop) heads_q");
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
    let fails_with = |find, replace| proof.fails_with("zero_eliminator", find, replace);
    fails_with("push_last ? {LANE_W{1'b0}} : start_q", "start_q");
    fails_with(
        "wire s2_ready = !s2_valid_q || pop_ready;",
        "wire s2_ready = 1'b1;",
    );
    fails_with("localparam PARTNER = lane ^ 2;", "localparam PARTNER = lane ^ 1;");
    fails_with("s2_start_q <= s1_start_q;", "s2_start_q <= start;");
}

/// The rules of AXI4 on the read master; with bursts of one sector also that nothing is answered that was not asked.
#[test]
fn axi_reader() {
    for most in [1, 2] {
        let parameters = [("ADDR_W", 32), ("MAX_BURST", most)];
        let change = |p: &mut Params| (p.axi_data_width, p.addr_width) = (256, 32);
        Proof::new("axi_reader", &format!("burst{most}"), change, &parameters).holds();
    }
}

#[test]
fn axi_reader_faults() {
    let change = |p: &mut Params| (p.axi_data_width, p.addr_width) = (256, 32);
    let proof = |most| {
        let parameters = [("ADDR_W", 32), ("MAX_BURST", most)];
        Proof::new("axi_reader", &format!("faults{most}"), change, &parameters)
    };
    proof(2).fails_with("axi_reader", "&& next_in_page_q != {PAGE_W{1'b0}}", "");
    proof(2).fails_with("stream_reg", "if (advance) head_data_q", "head_data_q");
    proof(1).fails_with(
        "axi_reader",
        "land = beat_valid && beat_ready && beat_last",
        "land = m_axi_rvalid && m_axi_rready && m_axi_rlast",
    );
    proof(1).fails_with(
        "axi_reader",
        "beat_ready     = take_response",
        "beat_ready     = 1'b1",
    );
}

/// The rules of AXI4 on the write master, and that it is idle only when all is answered.
#[test]
fn axi_writer() {
    let change = |p: &mut Params| (p.axi_data_width, p.addr_width) = (128, 32);
    let proof = Proof::new("axi_writer", "w128", change, &[("ADDR_W", 32)]);
    proof.holds();
    let fails_with = |find, replace| proof.fails_with("axi_writer", find, replace);
    fails_with("next_valid && !stop && aw_ready", "next_valid && aw_ready");
    fails_with(
        "if (m_axi_wvalid && m_axi_wready) beat_q",
        "if (m_axi_wvalid) beat_q",
    );
    fails_with(
        "answered_q <= m_axi_bvalid;",
        "answered_q <= m_axi_wvalid && m_axi_wready && m_axi_wlast;",
    );
}
