//! `spatten-gen replay`: a published pruning trace on the RTL of the whole core.

use super::progress::spinner;
use super::system::{Job, RunArgs, visit};
use crate::bench::system::Flow;
use crate::config::Config;
use crate::golden::replay::{Trace, record};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `spatten-gen replay`.
///
/// Every layer of every generated token is a command with the trace's numbers of keys and values, bits and second
/// passes, on random integers; which tokens stay, the core's own importance decides. Cycles run from the first doorbell
/// to the last done interrupt.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen replay --workload gpt2-small-wikitext2-pruned.csv
  spatten-gen replay --workload gpt2-small-wikitext2-dense.csv --preset spatten-1-8 --rows 200
  spatten-gen replay --workload gpt2-small-wikitext2-pruned.csv --report replay.html")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,

    /// The trace: CSV, one line for each head of each layer of each generated token
    #[arg(long, value_name = "CSV")]
    workload: PathBuf,
    /// Only the first so many rows, rounded up to whole layers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Only the first so many generated tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    iterations: Option<u32>,
    /// Seed of keys, values and queries
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    run: RunArgs,
}

/// Runs `replay`: exit code 0 when every answer agrees, 1 when not.
///
/// # Errors
/// When the trace cannot be used, there is no Verilator, or the run cannot be made.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let job = replay(&config, &args.workload, args.rows, args.iterations, args.seed)?;
    args.run.run(&config, job)
}

/// The run of a trace, or of its first rows and generated tokens.
///
/// # Errors
/// When the trace cannot be used.
pub(super) fn replay(
    config: &Config,
    path: &Path,
    rows: Option<u64>,
    iterations: Option<u32>,
    seed: u64,
) -> anyhow::Result<Job> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let trace = Trace::parse(&text).with_context(|| format!("cannot use {name}"))?;
    let whole = trace.rows();
    let trace = trace.cut(iterations.unwrap_or(u32::MAX), rows.unwrap_or(u64::MAX));
    let bar = spinner(format!("golden model, {} layers", trace.steps.len()));
    let first = trace.steps[0].token;
    let mut visits = Vec::new();
    let case = record(config, &trace, seed, |step, command, result| {
        let token = (step.token - first) as usize;
        visits.push(visit(config, token, step.layer as usize, command, result));
    });
    bar.finish_and_clear();
    let mut arguments = format!("replay --workload {name}");
    for (flag, value) in [
        ("rows", rows),
        ("iterations", iterations.map(u64::from)),
        ("seed", Some(seed).filter(|&seed| seed != 1)),
    ] {
        arguments.extend(value.map(|value| format!(" --{flag} {value}")));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Job {
        title: format!("Replay of {stem}"),
        source: format!("{} of {whole} rows, random data from seed {seed}", trace.rows()),
        arguments,
        case: case?,
        visits,
        flow: Flow::Whole,
    })
}
