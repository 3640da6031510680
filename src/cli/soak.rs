//! `spatten-gen soak`: long random co-simulation of the emitted Verilog against the golden model.

use super::progress;
use crate::bench::soak::{Plan, Progress, Report, soak};
use crate::bench::{self, BENCHES, Bench, CHAINS, Point, Rig};
use crate::sim::Builder;
use anyhow::{bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `soak`.
#[derive(Args, Clone, Debug)]
pub struct SoakArgs {
    /// Block to run, or the chain `datapath`; all without it
    block: Option<String>,
    /// Rows for each parameter point [default: 10000 where --seconds is not given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Stop after so many seconds of simulation
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Parameter point to run; all of the block without it
    #[arg(long, value_name = "NAME", requires = "block")]
    point: Option<String>,
    /// Write a waveform (VCD) of the run with the first seed
    #[arg(long, value_name = "FILE", requires = "point")]
    waves: Option<PathBuf>,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `soak`: exit code 0 when every row matched, 1 after a failure.
///
/// # Errors
/// When the block or point does not exist, there is no Verilator, or a build fails.
pub fn run(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    let benches: Vec<&'static dyn Bench> = match &args.block {
        Some(block) => vec![bench::bench(block)?],
        None => BENCHES.iter().chain(CHAINS).copied().collect(),
    };
    let mut targets: Vec<(&'static dyn Bench, Point)> = Vec::new();
    for bench in benches {
        targets.extend(
            bench::points(bench, args.point.as_deref())?
                .into_iter()
                .map(|point| (bench, point)),
        );
    }
    if let Some(seconds) = args.seconds {
        ensure!(
            seconds > 0.0 && seconds.is_finite(),
            "--seconds: {seconds} is not a time; give a number above 0"
        );
    }
    let rows = args.rows.or(args.seconds.is_none().then_some(10_000));
    let threads = match args.threads {
        Some(threads) => threads.into(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let builder = Builder::new()?;
    if let Some(file) = &args.waves {
        let [(bench, point)] = targets.as_slice() else {
            bail!("--waves takes one point")
        };
        let rig = Rig::traced(&builder, *bench, point)?;
        let rows = rows.map_or(bench.rows_per_run(), |rows| {
            rows.min(bench.rows_per_run() as u64) as usize
        });
        rig.run_traced(args.seed, rows, file)?;
        eprintln!("waveform: {}", file.display());
    }
    let plan = Plan {
        targets,
        seed: args.seed,
        rows,
        seconds: args.seconds,
        threads,
    };
    let bar = progress_bar(&plan);
    let report = soak(&builder, &plan, &|progress| match progress {
        Progress::Built(built, all) => bar.set_message(format!("built {built} of {all}")),
        Progress::Passed(target, tally) => {
            bar.set_message(format!("{} {}", target.block, target.point));
            if plan.rows.is_some() {
                bar.inc(tally.rows);
            }
        }
    });
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Rows where their number is known, else the time.
fn progress_bar(plan: &Plan) -> ProgressBar {
    match plan.rows {
        Some(rows) => progress::bar(rows * plan.targets.len() as u64, "rows"),
        None => progress::spinner(""),
    }
}

fn print(report: &Report) {
    let width = report
        .targets
        .iter()
        .map(|t| t.block.len() + t.point.len() + 1)
        .max()
        .unwrap_or(0);
    for target in &report.targets {
        let name = format!("{} {}", target.block, target.point);
        let tally = target.tally;
        println!(
            "{name:width$}  {:>10} rows  {:>12} cycles  {:>7} runs",
            tally.rows, tally.cycles, tally.runs
        );
    }
    for failure in &report.failures {
        println!("FAIL {failure}");
    }
    let verdict = if report.failures.is_empty() {
        "every row matches"
    } else {
        "FAILED"
    };
    println!(
        "{verdict}: {:.1} s, {:.2} million cycles a second",
        report.seconds,
        report.cycles_per_second / 1e6
    );
}
