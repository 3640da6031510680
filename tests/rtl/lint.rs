//! No linter has a word to say about any module, in any reset style, at any preset; `sim/test output` lints the default.
//! `SPATTEN_THOROUGH=1` lints the largest legal sizes too.

use crate::{config, generate, run};
use rayon::prelude::*;
use spatten_gen::bench::thorough;
use spatten_gen::config::{Config, Ram, Reset};
use std::fs;
use std::path::Path;

/// What a linter says of the output of a configuration, by the makefile of the output, as its users call it.
fn lint((config, output, tool): (&Config, &Path, &str)) -> Result<(), String> {
    let answer = run(output, "make", &["--no-print-directory", &format!("lint-{tool}")]);
    match answer {
        Ok(text) if text == format!("lint: {tool}\n") => Ok(()),
        Ok(text) | Err(text) => Err(format!("{}, {tool}:\n{text}", config.command())),
    }
}

#[test]
fn every_preset_reset_style_and_end_of_a_range_is_clean() {
    let mut configs = vec![
        config("spatten-1-8", |params| params.reset = Reset::AsyncHigh),
        config("edge", |params| {
            (params.reset, params.ram_latency) = (Reset::SyncLow, 2)
        }),
        config("tiny", |params| {
            (params.reset, params.ram) = (Reset::AsyncLow, Ram::Macro)
        }),
        config("tiny", |params| {
            (
                params.parallelism,
                params.softmax_lanes,
                params.max_tokens,
                params.max_heads,
            ) = (1, 1, 16, 1);
            (params.width, params.prob_width, params.out_width) = (8, 8, 8);
        }),
    ];
    if thorough() {
        configs.push(config("spatten", |params| {
            (
                params.parallelism,
                params.softmax_lanes,
                params.max_tokens,
                params.max_heads,
            ) = (64, 64, 32768, 128);
            (params.width, params.prob_width, params.out_width) = (16, 16, 16);
        }));
    }
    let outputs: Vec<_> = configs.iter().map(generate).collect();
    // What takes longest comes first.
    let runs: Vec<_> = ["yosys", "verilator", "iverilog"]
        .into_iter()
        .flat_map(|tool| {
            let pairs = configs.iter().zip(&outputs);
            pairs.map(move |(config, output)| (config, output.path(), tool))
        })
        .collect();
    let faults: Vec<String> = runs
        .into_par_iter()
        .with_max_len(1)
        .filter_map(|run| lint(run).err())
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
