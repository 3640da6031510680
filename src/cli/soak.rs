//! `spatten-gen soak`: long random co-simulation of the emitted Verilog against the golden model.

use super::progress;
use crate::bench::soak::{Goal, Plan, Progress, Report, soak};
use crate::bench::{self, BENCHES, Bench, CHAINS, Point, Rig, Tally};
use crate::sim::Builder;
use anyhow::{bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `soak`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  spatten-gen soak softmax
  spatten-gen soak --elements 10000000 qk_array av_array
  spatten-gen soak --seconds 600")]
pub struct SoakArgs {
    /// Blocks to run, or the chain `datapath`; all without it
    blocks: Vec<String>,
    /// Rows for each parameter point [default: 10000 where neither --elements nor --seconds is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Elements to compare for each block, in equal parts at its parameter points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "rows")]
    elements: Option<u64>,
    /// Stop after so many seconds of simulation
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Parameter point to run, of the one block that is named; all without it
    #[arg(long, value_name = "NAME", requires = "blocks")]
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
    let mut benches: Vec<&'static dyn Bench> = Vec::new();
    for block in &args.blocks {
        let bench = bench::bench(block)?;
        ensure!(
            !benches.iter().any(|known| known.block() == bench.block()),
            "block `{block}` is named twice"
        );
        benches.push(bench);
    }
    if benches.is_empty() {
        benches = BENCHES.iter().chain(CHAINS).copied().collect();
    }
    ensure!(
        args.point.is_none() || benches.len() == 1,
        "--point takes one block"
    );
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
    let goal = match (args.rows, args.elements) {
        (Some(rows), _) => Some(Goal::Rows(rows)),
        (None, Some(elements)) => Some(Goal::Elements(elements)),
        (None, None) => args.seconds.is_none().then_some(Goal::Rows(10_000)),
    };
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
        let per_run = bench.rows_per_run();
        let rows = args
            .rows
            .map_or(per_run, |rows| rows.min(per_run as u64) as usize);
        rig.run_traced(args.seed, rows, file)?;
        eprintln!("waveform: {}", file.display());
    }
    let plan = Plan {
        targets,
        seed: args.seed,
        goal,
        seconds: args.seconds,
        threads,
    };
    let bar = progress_bar(&plan);
    let report = soak(&builder, &plan, &|progress| match progress {
        Progress::Built(built, all) => bar.set_message(format!("built {built} of {all}")),
        Progress::Passed(target, tally) => {
            bar.set_message(format!("{} {}", target.block, target.point));
            match plan.goal {
                Some(Goal::Rows(_)) => bar.inc(tally.rows),
                Some(Goal::Elements(_)) => bar.inc(tally.elements),
                None => {}
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

/// Rows or elements where their number is known, else the time.
fn progress_bar(plan: &Plan) -> ProgressBar {
    match plan.goal {
        Some(Goal::Rows(rows)) => progress::bar(rows.saturating_mul(plan.targets.len() as u64), "rows"),
        Some(Goal::Elements(elements)) => {
            let mut blocks: Vec<_> = plan.targets.iter().map(|(bench, _)| bench.block()).collect();
            blocks.dedup();
            progress::bar(elements.saturating_mul(blocks.len() as u64), "elements")
        }
        None => progress::spinner(""),
    }
}

fn print(report: &Report) {
    let mut lines: Vec<(String, Tally)> = Vec::new();
    for (block, all) in report.blocks() {
        let targets = report.targets.iter().filter(|target| target.block == block);
        let before = lines.len();
        lines.extend(targets.map(|target| (format!("{block} {}", target.point), target.tally)));
        let points = lines.len() - before;
        if points > 1 {
            lines.push((format!("{block}, {points} points"), all));
        }
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, tally) in &lines {
        println!(
            "{name:width$}  {:>10} rows  {:>12} elements  {:>12} cycles  {:>7} runs",
            tally.rows, tally.elements, tally.cycles, tally.runs
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
