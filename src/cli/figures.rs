//! `spatten-gen figures`: whole workloads on the RTL of the whole core, in one table.

use super::model::PlanArgs;
use super::replay::replay;
use super::sim::{attention, model};
use super::system::{Job, RunArgs};
use crate::config::Layers;
use crate::golden::shape::Shape;
use crate::report::{RunReport, figures_page, figures_table};
use anyhow::ensure;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Shapes of attention that are measured without being asked for.
const SHAPES: &str = "n=128,layers=6 n=128,layers=6,causal n=384 n=384,causal";

/// Arguments of `spatten-gen figures`.
///
/// Runs published traces, models and random attention on the RTL of each preset, compares every answer with the golden
/// model, and prints cycles, roof and the share of it that is reached. Traces and models are not part of spatten-gen:
/// name those that you have.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen figures
  spatten-gen figures --markdown --workload gpt2-small-wikitext2-dense.csv \\
      --workload gpt2-small-wikitext2-pruned.csv --model minilm.safetensors > docs/figures.md
  spatten-gen figures --preset edge --attention n=200,causal,layers=4 --attention n=17")]
pub struct Args {
    /// Measure this preset [default: spatten, spatten-1-8]
    #[arg(long, value_name = "NAME")]
    preset: Vec<String>,
    /// Replay this trace: CSV, as `replay` takes it
    #[arg(long, value_name = "CSV")]
    workload: Vec<PathBuf>,
    /// Run this model, pruned and dense: safetensors, as `sim` takes it
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// Run random attention of this shape, pruned and dense, as `sim` takes it [default: n=128 over 6 layers and n=384, causal and not]
    #[arg(long, value_name = "SHAPE")]
    attention: Vec<Shape>,
    /// Of each trace only the first so many rows, rounded up to whole layers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Print a page of documentation
    #[arg(long, help_heading = "Output", conflicts_with = "json")]
    markdown: bool,
    /// Print the reports of all runs as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs `figures`: exit code 0 when every answer of every run agrees, 1 when not.
///
/// # Errors
/// When a preset, trace or model cannot be used, there is no Verilator, or a run cannot be made.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let presets = match &args.preset[..] {
        [] => ["spatten", "spatten-1-8"].map(String::from).to_vec(),
        named => named.to_vec(),
    };
    let mut configs = Vec::new();
    for preset in &presets {
        configs.push(
            Layers {
                preset: Some(preset.clone()),
                ..Layers::default()
            }
            .resolve()?,
        );
    }
    for path in args.workload.iter().chain(&args.model) {
        ensure!(path.is_file(), "cannot read {}", path.display());
    }
    let mut shapes = args.attention.clone();
    if shapes.is_empty() {
        for shape in SHAPES.split(' ') {
            shapes.push(shape.parse()?);
        }
    }
    let run = RunArgs::published();
    let plans = [(false, "pruned"), (true, "dense")].map(|(dense, word)| (PlanArgs::whole(dense), word));
    let mut reports: Vec<RunReport> = Vec::new();
    for config in &configs {
        let rig = run.rig(config)?;
        let mut one = |job: anyhow::Result<Job>, path: Option<&Path>| -> anyhow::Result<()> {
            let mut report = run.simulate(&rig, job?)?;
            // A command names a file, not where it lies on this machine.
            if let Some(name) = path.and_then(|path| Some((path, path.file_name()?))) {
                let (path, name) = (name.0.display().to_string(), name.1.to_string_lossy());
                report.replay = report.replay.replace(&path, &name);
            }
            reports.push(report);
            Ok(())
        };
        for path in &args.workload {
            one(replay(config, path, args.rows, None, 1), Some(path))?;
        }
        for (plan, word) in &plans {
            let titled = |mut job: Job| {
                job.title += &format!(", {word}");
                job
            };
            for path in &args.model {
                one(model(config, path, plan).map(titled), Some(path))?;
            }
            for shape in &shapes {
                one(attention(config, shape, plan).map(titled), None)?;
            }
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else if args.markdown {
        print!("{}", figures_page(&reports));
    } else {
        print!("{}", figures_table(&reports));
    }
    let failed = reports.iter().any(|report| report.failure.is_some());
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
