//! No linter has a word to say about any module, in any reset style, at any preset; `sim/test output` lints the default.
//! `SPATTEN_THOROUGH=1` lints the largest legal sizes too.

use crate::{config, generate, run};
use spatten_gen::bench::thorough;
use spatten_gen::config::{Config, Ram, Reset};
use std::fs;

/// Lints with the makefile of the output, as its users do.
fn lint(config: &Config) {
    let output = generate(config);
    for tool in ["verilator", "iverilog", "yosys"] {
        let answer = run(
            output.path(),
            "make",
            &["--no-print-directory", &format!("lint-{tool}")],
        );
        assert_eq!(answer, Ok(format!("lint: {tool}\n")), "{}", config.command());
    }
}

#[test]
fn every_preset_and_reset_style_is_clean() {
    lint(&config("spatten-1-8", |params| params.reset = Reset::AsyncHigh));
    lint(&config("edge", |params| {
        (params.reset, params.ram_latency) = (Reset::SyncLow, 2)
    }));
    lint(&config("tiny", |params| params.reset = Reset::AsyncLow));
}

#[test]
fn the_ends_of_every_range_are_clean() {
    lint(&config("tiny", |params| {
        (
            params.parallelism,
            params.softmax_lanes,
            params.max_tokens,
            params.max_heads,
        ) = (1, 1, 16, 1);
        (params.width, params.prob_width, params.out_width) = (8, 8, 8);
    }));
    if !thorough() {
        return;
    }
    lint(&config("spatten", |params| {
        (
            params.parallelism,
            params.softmax_lanes,
            params.max_tokens,
            params.max_heads,
        ) = (64, 64, 32768, 128);
        (params.width, params.prob_width, params.out_width) = (16, 16, 16);
    }));
}

#[test]
fn ram_macros_are_clean() {
    lint(&config("tiny", |params| params.ram = Ram::Macro));
}

/// The lint itself: it must go red for what each tool alone finds.
#[test]
fn lint_notices_faults() {
    let output = generate(&config("tiny", |_| ()));
    let file = output.path().join("rtl/stream_reg.v");
    let good = fs::read_to_string(&file).unwrap();
    let faults = [
        ("verilator", "head_valid_q <= 1'b0;", "head_valid_q <= 2'b00;"),
        (
            "iverilog",
            "assign pop_data   = head_data_q;",
            "assign pop_data   = missing_q;",
        ),
        (
            "yosys",
            "assign pop_data   = head_data_q;",
            "assign pop_data   = head_data_q; assign pop_data = skid_data_q;",
        ),
    ];
    for (tool, from, to) in faults {
        assert!(
            good.contains(from),
            "the fault for {tool} does not fit the template any more"
        );
        fs::write(&file, good.replace(from, to)).unwrap();
        let answer = run(output.path(), "make", &[&format!("lint-{tool}")]);
        assert!(answer.is_err(), "{tool} does not notice {to:?}");
    }
}
