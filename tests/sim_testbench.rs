//! The generated testbenches as a user without Rust runs them: they pass, and a fault anywhere turns them red.

use rayon::prelude::*;
use spatten_gen::config::{Config, PRESETS, Params, Reset};
use spatten_gen::sim::{Verilator, candidates};
use spatten_gen::{bench, flow};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A generated tree in a directory of its own.
struct Output(PathBuf);

impl Output {
    fn new(name: &str, change: impl FnOnce(&mut Params)) -> Self {
        let mut params = Params::clone(&Config::default());
        change(&mut params);
        let config = Config::try_from(params).unwrap();
        let tree = flow::tree(&config, bench::testbenches(&config).unwrap()).unwrap();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("testbench")
            .join(name);
        let _ = std::fs::remove_dir_all(&directory);
        for (path, bytes) in tree {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Output(directory)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }

    fn write(&self, file: &str, text: String) {
        std::fs::write(self.0.join(file), text).unwrap();
    }

    /// Puts `replace` where `find` stands, once; what the file was before.
    fn replace(&self, file: &str, find: &str, replace: &str) -> String {
        let text = self.read(file);
        assert_eq!(text.matches(find).count(), 1, "{find}");
        self.write(file, text.replace(find, replace));
        text
    }

    /// Whether `make` succeeds, and what it printed.
    fn make(&self, arguments: &[&str]) -> (bool, String) {
        // What a calling make says of its jobs is not for this one.
        let objects = Path::new(env!("CARGO_TARGET_TMPDIR")).join("testbench/objects");
        let output = Command::new("make")
            .env_remove("MAKEFLAGS")
            .arg("-C")
            .arg(&self.0)
            .arg(format!("OBJECTS={}", objects.display()))
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }
}

/// Makefile variables for Icarus, or a word on standard error where there is none.
fn icarus() -> Option<[String; 2]> {
    let tool = |name| {
        candidates(name)
            .into_iter()
            .next()
            .map(|path| path.display().to_string())
    };
    let found = tool("iverilog").zip(tool("vvp"));
    if found.is_none() {
        eprintln!("skipped: no Icarus Verilog");
    }
    found.map(|(iverilog, vvp)| [format!("IVERILOG={iverilog}"), format!("VVP={vvp}")])
}

#[test]
fn every_block_passes_in_four_states_with_every_reset() {
    let Some([iverilog, vvp]) = icarus() else { return };
    // With one style all, and the whole core, which takes as long as the blocks; with the others, of which an ordinary run
    // takes the one that differs in both ways, a run that is reset in the middle.
    let mut resets = vec![Reset::AsyncLow, Reset::SyncHigh];
    if bench::thorough() {
        resets.extend([Reset::SyncLow, Reset::AsyncHigh]);
    }
    resets.into_par_iter().with_max_len(1).for_each(|reset| {
        let output = Output::new(&format!("{reset:?}"), |params| {
            *params = Params {
                reset,
                ..PRESETS[3].params()
            };
        });
        let blocks = bench::BENCHES.iter();
        let (targets, seeds, runs) = match reset {
            Reset::AsyncLow => (vec!["sim-icarus".to_owned()], "SEEDS=0 3 5", 3 * blocks.len() + 1),
            _ => {
                let runs = blocks.len();
                let targets = blocks.map(|bench| format!("sim-icarus-{}", bench.block()));
                (targets.collect(), "SEEDS=3", runs)
            }
        };
        let mut arguments: Vec<&str> = targets.iter().map(String::as_str).collect();
        arguments.extend(["-j2", seeds, &iverilog, &vvp]);
        let (pass, text) = output.make(&arguments);
        assert!(pass, "{reset:?}:\n{text}");
        assert_eq!(text.matches("PASS ").count(), runs, "{text}");
    });
}

#[test]
fn faults_turn_a_testbench_red() {
    let verilator = Verilator::find().unwrap();
    let verilator = format!("VERILATOR={}", verilator.program.display());
    let mut simulators = vec![vec!["sim-stream_reg".to_owned(), verilator]];
    if let Some(variables) = icarus() {
        simulators.push([&["sim-icarus-stream_reg".to_owned()][..], &variables].concat());
    }
    let rtl = "rtl/stream_reg.v";
    let faults = [
        (
            rtl,
            "skid_valid_q ? skid_data_q : push_data",
            "push_data",
            "pop, beat ",
        ),
        (
            rtl,
            "assign push_ready = !skid_valid_q;",
            "assign push_ready = 1'b0;",
            "push: 0 of 1000 beats",
        ),
        (rtl, "if (advance) head_data_q", "head_data_q", "pop"),
        (
            rtl,
            "assign pop_valid  = head_valid_q;",
            "assign pop_valid  = head_valid_q && pop_ready;",
            "",
        ),
        (
            rtl,
            "head_valid_q <= push || skid_valid_q;",
            "head_valid_q <= 1'b1;",
            "pop",
        ),
        (
            rtl,
            "\nendmodule",
            "\n always @(posedge clk) if (skid_valid_q) $display(\"CHECK x\");\nendmodule",
            "CHECK x",
        ),
    ];
    simulators.par_iter().for_each(|simulator| {
        let output = Output::new(&format!("faults-{}", simulator[0]), |_| ());
        for (file, find, replace, says) in faults {
            let right = output.replace(file, find, replace);
            let arguments: Vec<&str> = simulator
                .iter()
                .map(String::as_str)
                .chain(["SEEDS=2 5"])
                .collect();
            let (pass, text) = output.make(&arguments);
            assert!(!pass, "{replace}: passes\n{text}");
            assert!(
                text.contains(says) && text.contains("fails; log: "),
                "{replace}:\n{text}"
            );
            output.write(file, right);
        }
        // One bit of one expected value.
        let file = "tb/vectors/stream_reg_pop.hex";
        let mut text = output.read(file).into_bytes();
        let digit = text.iter().rposition(|c| *c != b'\n').unwrap();
        text[digit] = if text[digit] == b'0' { b'1' } else { b'0' };
        output.write(file, String::from_utf8(text).unwrap());
        let arguments: Vec<&str> = simulator.iter().map(String::as_str).chain(["SEED=0"]).collect();
        let (pass, text) = output.make(&arguments);
        assert!(!pass && text.contains("pop, beat 999"), "{text}");
        assert!(
            text.contains("replay: make sim-stream_reg SEED=0 WAVES=1"),
            "{text}"
        );
    });
}

/// The core's memory as it is to be at the end.
const EXPECTED: &str = "tb/vectors/spatten_top_expected.hex";

/// The whole core, by register accesses from a file and by the C driver; a wrong expectation of either is noticed.
#[test]
fn the_core_runs_by_itself_and_by_its_driver() {
    let verilator = Verilator::find().unwrap();
    let verilator = format!("VERILATOR={}", verilator.program.display());
    let output = Output::new("core", |params| *params = PRESETS[3].params());
    let (pass, text) = output.make(&["sim-spatten_top", "sim-spatten_top_driver", &verilator]);
    assert!(pass && text.matches("PASS ").count() == 3, "{text}");

    // One digit of a vector, counted from its end: an output, a counter, a word that must not be written.
    let spoilt = |file: &str, line: &dyn Fn(&[&str]) -> usize, digit: usize| -> String {
        let right = output.read(file);
        let lines: Vec<&str> = right.lines().collect();
        let at = line(&lines);
        let mut wrong: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let place = wrong[at].len() - 1 - digit;
        let other = if &wrong[at][place..=place] == "0" {
            "1"
        } else {
            "0"
        };
        wrong[at].replace_range(place..=place, other);
        output.write(file, wrong.join("\n") + "\n");
        right
    };
    let memory = output.read("tb/vectors/spatten_top_memory.hex");
    let before: Vec<&str> = memory.lines().collect();
    for (what, target, file, written) in [
        ("an output", "sim-spatten_top", EXPECTED, true),
        ("a stray write", "sim-spatten_top", EXPECTED, false),
        ("an output", "sim-spatten_top_driver", EXPECTED, true),
    ] {
        let line = |lines: &[&str]| {
            (0..lines.len())
                .rfind(|&i| (lines[i] != before[i]) == written)
                .unwrap()
        };
        let right = spoilt(file, &line, 0);
        let (pass, text) = output.make(&[target, "SEED=0", &verilator]);
        assert!(!pass && text.contains("memory, sector"), "{what}: {text}");
        assert!(
            text.contains(&format!("replay: make {target} SEED=0 WAVES=1")),
            "{text}"
        );
        output.write(file, right);
    }
    // The last access reads a counter; its expectation stands before the mask of 8 digits.
    let last = |lines: &[&str]| lines.len() - 1;
    let right = spoilt("tb/vectors/spatten_top_accesses.hex", &last, 8);
    let (pass, text) = output.make(&["sim-spatten_top", "SEED=0", &verilator]);
    assert!(!pass && text.contains("count_"), "{text}");
    output.write("tb/vectors/spatten_top_accesses.hex", right);
    if bench::thorough() {
        output.replace(
            "tb/spatten_top_case.h",
            "#define CASE_TOKENS 10u",
            "#define CASE_TOKENS 9u",
        );
        let (pass, text) = output.make(&["sim-spatten_top_driver", "SEED=0", &verilator]);
        assert!(!pass && text.contains("step 0: "), "{text}");
    }
}
