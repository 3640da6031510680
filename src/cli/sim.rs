//! `spatten-gen sim`: the RTL of the whole core on a real model, a random case or a case from a file.

use super::model::{PlanArgs, Progress};
use super::progress;
use super::system::{Job, RunArgs, visit, visits};
use crate::bench::system::{Flow, Rig};
use crate::config::Config;
use crate::golden::case::Case;
use crate::golden::model::{Kind, Model, Run, Schedule};
use crate::golden::random::{self, Scope};
use crate::golden::shape::Shape;
use crate::sim::system::MemoryModel;
use crate::sim::{Builder, Checks};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `spatten-gen sim`.
///
/// Builds a simulation model of the emitted core with Verilator, puts the quantised model into memory, runs every layer
/// as a driver would - descriptors, doorbells, interrupts - and compares every output, kept list, importance and counter
/// with the golden model.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen sim --model minilm.safetensors
  spatten-gen sim --model smollm2.safetensors --only-layers 4 --only-steps 2 --report run.html
  spatten-gen sim --attention n=384,heads=12,dim=64,causal --dense
  spatten-gen sim --preset tiny --random 7 --stalls 3
  spatten-gen sim --preset tiny --random 0 --count 1000
  spatten-gen sim --case case.json")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,

    /// Tensors of a model: a safetensors file with `layer.N.{q,k,v}`
    #[arg(long, value_name = "FILE", required_unless_present_any = ["attention", "random", "case"],
        conflicts_with_all = ["attention", "random", "case"])]
    model: Option<PathBuf>,
    /// Attention of this shape on random numbers, under the schedule of an encoder: tokens n=, then as wanted heads=,
    /// kv-heads=, dim=, layers=, seed=, causal
    #[arg(long, value_name = "SHAPE", conflicts_with_all = ["random", "case"])]
    attention: Option<Shape>,
    /// A random case from this seed: odd layouts, every mode, refused commands
    #[arg(long, value_name = "SEED", conflicts_with = "case")]
    random: Option<u64>,
    /// A case that `spatten-gen model --dump` wrote, on the configuration that it names
    #[arg(long, value_name = "FILE")]
    case: Option<PathBuf>,
    /// Most tokens of a random case
    #[arg(long, value_name = "N", default_value_t = 64, requires = "random")]
    tokens: u32,
    /// Most heads of a random case
    #[arg(long, value_name = "N", default_value_t = 4, requires = "random")]
    heads: u32,
    /// Most commands of a random case
    #[arg(long, value_name = "N", default_value_t = 13, requires = "random")]
    commands: u32,
    /// Run so many seeds, each queued and one command at a time, undisturbed and with random stalls, until one fails;
    /// with the assertions of the Verilog
    #[arg(long, value_name = "N", requires = "random", conflicts_with_all = ["single", "report", "waves", "stalls"],
        value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// One command at a time, everything compared after each
    #[arg(long, help_heading = "Run")]
    single: bool,

    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs `sim`: exit code 0 when every answer agrees, 1 when not.
///
/// # Errors
/// When the model or case cannot be used, there is no Verilator, or the run cannot be made.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    if args.model.is_some() || args.attention.is_some() {
        let mut job = match (&args.model, &args.attention) {
            (Some(path), _) => model(&config, path, &args.plan)?,
            (None, shape) => attention(&config, shape.as_ref().context("a shape is needed")?, &args.plan)?,
        };
        if args.single {
            job.flow = Flow::Single;
            job.arguments += " --single";
        }
        return args.run.run(&config, job);
    }
    if let (Some(count), Some(first)) = (args.count, args.random) {
        return soak(args, &config, first, count);
    }
    let single = if args.single { " --single" } else { "" };
    let (title, source, arguments, case) = match (&args.case, args.random) {
        (Some(path), _) => {
            let file =
                std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            let case: Case = serde_json::from_reader(std::io::BufReader::new(file))
                .with_context(|| format!("{} is not a case", path.display()))?;
            let name = path.display().to_string();
            (
                "A case".to_owned(),
                name.clone(),
                format!("sim --case {name}{single}"),
                case,
            )
        }
        (None, seed) => {
            let seed = seed.context("a model, a seed or a case is needed")?;
            let case = random::case_for(&config, seed, args.scope())?;
            let arguments = args.arguments(seed, args.single);
            (
                "Random commands".to_owned(),
                format!("seed {seed}"),
                arguments,
                case,
            )
        }
    };
    let config = case.configuration()?;
    let job = Job {
        title,
        source,
        arguments,
        visits: visits(&config, &case),
        case,
        flow: if args.single { Flow::Single } else { Flow::Queued },
    };
    args.run.run(&config, job)
}

/// What a soak did.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Soak {
    runs: u64,
    executed: u64,
    refused: u64,
    rows: u64,
    words_compared: u64,
    cycles: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
}

fn soak(args: &Args, config: &Config, first: u64, count: u64) -> anyhow::Result<ExitCode> {
    let bar = progress::spinner("building the model of the core");
    let rig = Rig::new(&Builder::new()?, config, Checks::All, None);
    bar.finish_and_clear();
    let rig = rig?;
    let bar = progress::bar(count, "seeds");
    let start = Instant::now();
    let mut soak = Soak {
        runs: 0,
        executed: 0,
        refused: 0,
        rows: 0,
        words_compared: 0,
        cycles: 0,
        seconds: 0.0,
        failure: None,
        replay: None,
    };
    'seeds: for seed in first..first.saturating_add(count) {
        let case = random::case_for(config, seed, args.scope())?;
        for (flow, stalls) in [
            (Flow::Queued, None),
            (Flow::Single, None),
            (Flow::Queued, Some(seed)),
            (Flow::Single, Some(seed)),
        ] {
            let memory = stalls.map_or_else(MemoryModel::default, MemoryModel::from_seed);
            let (ran, result) = rig.run(&case, &memory, flow, true, &|_| {})?;
            soak.runs += 1;
            soak.executed += ran.executed;
            soak.refused += ran.refused;
            soak.rows += ran.rows;
            soak.words_compared += ran.words;
            soak.cycles += ran.total_cycles;
            if let Err(wrong) = result {
                let mut replay = format!(
                    "spatten-gen {} --checks {}",
                    args.arguments(seed, flow == Flow::Single),
                    config.flags()
                );
                replay.extend(stalls.map(|seed| format!(" --stalls {seed}")));
                soak.failure = Some(format!("seed {seed}: {wrong}"));
                soak.replay = Some(replay);
                break 'seeds;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    soak.seconds = start.elapsed().as_secs_f64();
    if args.run.json() {
        println!("{}", serde_json::to_string_pretty(&soak)?);
    } else {
        println!(
            "{} runs, {} commands executed, {} refused, {} rows, {} words compared, {} cycles in {:.1} s",
            soak.runs, soak.executed, soak.refused, soak.rows, soak.words_compared, soak.cycles, soak.seconds
        );
        match (&soak.failure, &soak.replay) {
            (Some(failure), Some(replay)) => println!("FAILED: {failure}\n  replay: {replay}"),
            _ => println!("every answer agrees with the golden model"),
        }
    }
    Ok(if soak.failure.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Args {
    fn scope(&self) -> Scope {
        Scope {
            tokens: self.tokens,
            heads: self.heads,
            commands: self.commands,
        }
    }

    /// The arguments that make the random case of a seed.
    fn arguments(&self, seed: u64, single: bool) -> String {
        let mut arguments = format!("sim --random {seed}{}", if single { " --single" } else { "" });
        for (flag, value, default) in [
            ("tokens", self.tokens, 64),
            ("heads", self.heads, 4),
            ("commands", self.commands, 13),
        ] {
            if value != default {
                arguments += &format!(" --{flag} {value}");
            }
        }
        arguments
    }
}

/// The run of a model's file.
///
/// # Errors
/// The file cannot be used, or the hardware does not do what the plan asks for.
pub(super) fn model(config: &Config, path: &Path, plan: &PlanArgs) -> anyhow::Result<Job> {
    let arguments = format!("sim --model {}{}", path.display(), plan.flags());
    planned(config, &plan.load(path)?, plan, false, arguments)
}

/// The run of random attention.
///
/// # Errors
/// The shape does not fit the hardware, or this does not do what the plan asks for.
pub(super) fn attention(config: &Config, shape: &Shape, plan: &PlanArgs) -> anyhow::Result<Job> {
    let arguments = format!("sim --attention {shape}{}", plan.flags());
    planned(
        config,
        &plan.cut(shape.model(config)?),
        plan,
        shape.causal,
        arguments,
    )
}

fn planned(
    config: &Config,
    model: &Model,
    plan: &PlanArgs,
    causal: bool,
    arguments: String,
) -> anyhow::Result<Job> {
    let schedule = Schedule {
        causal,
        ..plan.schedule(model.kind, config)
    };
    let run = Run::new(model, config, &schedule)?;
    ensure!(run.commands() > 0, "nothing of the model is to be run");
    let progress = Progress::new(run.commands() as u64);
    let mut seen = Vec::new();
    let case = run.record(false, |v| {
        seen.push(visit(config, v.step, v.layer, v.command, v.result));
        progress.step();
    });
    progress.finish();
    let kind = match model.kind {
        Kind::Encoder => format!("encoder, {} tokens", model.tokens),
        Kind::Decoder => format!(
            "decoder, {} tokens of context, {} steps",
            model.context,
            model.steps()
        ),
    };
    let name = model
        .origin
        .get("model")
        .cloned()
        .unwrap_or_else(|| "A model".into());
    let source = format!(
        "{kind}, {} layers, {} query and {} KV heads, D = {}; tokens to {:.2}, heads to {:.2}, values {:.2} of each row; K {}, V {}",
        model.layers.len(),
        model.heads,
        model.kv_heads,
        model.head_dim,
        schedule.tokens,
        schedule.heads,
        schedule.values,
        schedule.key_bits,
        schedule.value_bits
    );
    Ok(Job {
        title: name,
        source,
        arguments,
        case: case?,
        visits: seen,
        flow: Flow::Whole,
    })
}
