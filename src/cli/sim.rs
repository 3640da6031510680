//! `spatten-gen sim`: the RTL of the whole core on a real model, a random case or a case from a file.

use super::model::{PlanArgs, Progress};
use super::system::{Job, RunArgs, visit, visits};
use crate::bench::system::Flow;
use crate::config::Config;
use crate::golden::case::Case;
use crate::golden::model::{Kind, Run};
use crate::golden::random::{self, Scope};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `spatten-gen sim`.
///
/// Builds a simulation model of the emitted core with Verilator, puts the quantised model into memory, runs every layer
/// as a driver would - descriptors, doorbells, interrupts - and compares every output, kept list, importance and counter
/// with the golden model.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen sim --model minilm.safetensors
  spatten-gen sim --model smollm2.safetensors --only-layers 4 --only-steps 2 --report run.html
  spatten-gen sim --preset tiny --random 7 --stalls 3
  spatten-gen sim --case case.json")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,

    /// Tensors of a model: a safetensors file with `layer.N.{q,k,v}`
    #[arg(long, value_name = "FILE", required_unless_present_any = ["random", "case"], conflicts_with_all = ["random", "case"])]
    model: Option<PathBuf>,
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
    if let Some(path) = &args.model {
        let job = model(args, &config, path)?;
        return args.run.run(&config, job);
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
            let scope = Scope {
                tokens: args.tokens,
                heads: args.heads,
                commands: args.commands,
            };
            let case = random::case_for(&config, seed, scope)?;
            let mut arguments = format!("sim --random {seed}{single}");
            for (flag, value, default) in [
                ("tokens", args.tokens, 64),
                ("heads", args.heads, 4),
                ("commands", args.commands, 13),
            ] {
                if value != default {
                    arguments += &format!(" --{flag} {value}");
                }
            }
            (
                "Random commands".to_owned(),
                format!("seed {seed}"),
                arguments,
                case,
            )
        }
    };
    let config = Config::try_from(case.config.clone())?;
    let job = Job {
        title,
        source,
        arguments,
        visits: visits(&case),
        case,
        flow: if args.single { Flow::Single } else { Flow::Queued },
    };
    args.run.run(&config, job)
}

fn model(args: &Args, config: &Config, path: &Path) -> anyhow::Result<Job> {
    let model = args.plan.load(path)?;
    let schedule = args.plan.schedule(model.kind, config);
    let run = Run::new(&model, config, &schedule)?;
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
        arguments: format!("sim --model {}{}", path.display(), args.plan.flags()),
        case: case?,
        visits: seen,
        flow: if args.single { Flow::Single } else { Flow::Whole },
    })
}
