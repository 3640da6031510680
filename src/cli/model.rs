//! `spatten-gen model`: the golden model on a real model's layers, and cases for other implementations.

mod report;

use self::report::Reporter;
use crate::config::Config;
use crate::golden::case::Case;
use crate::golden::command::{KeyMode, ValueMode};
use crate::golden::model::{Bits, Kind, Model, Run, Schedule, Visit};
use crate::golden::random;
use crate::golden::rows::{ProbRow, ProbRows};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::BufWriter;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Key modes that a schedule can choose.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeyModeFlag {
    Never,
    Always,
    Auto,
}

/// Value modes that a schedule can choose.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ValueModeFlag {
    Never,
    Always,
    WithRow,
}

/// The word of a flag's value.
fn flag_word(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Which part of a model runs, under which schedule.
#[derive(Debug, Default, clap::Args)]
pub(super) struct PlanArgs {
    /// Prune nothing and fetch all bits; other schedule flags change that
    #[arg(long, help_heading = "Schedule")]
    dense: bool,
    /// Fraction of the tokens that the last layer works on
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    keep_tokens: Option<f64>,
    /// Fraction of the heads that the last layer works on
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    keep_heads: Option<f64>,
    /// Fraction of each row's values that take part
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    keep_values: Option<f64>,
    /// Fraction of the layers, the first ones, that work on all tokens; a linear ramp follows [default: 0.15]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    token_start: Option<f64>,
    /// Fraction of the layers, the first ones, that work on all heads; a linear ramp follows [default: 0.3]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    head_start: Option<f64>,
    /// Never prune so many tokens at the start of the text
    #[arg(long, value_name = "TOKENS", default_value_t = 0, help_heading = "Schedule")]
    keep_first: u16,
    /// Never prune so many of the latest tokens
    #[arg(long, value_name = "TOKENS", default_value_t = 0, help_heading = "Schedule")]
    keep_last: u16,
    /// What a step pruned stays pruned in later steps, instead of every step starting with all tokens and heads
    #[arg(long, help_heading = "Schedule")]
    carry: bool,
    /// Bits of K as MSB+LSB, for example 6+4, or 8
    #[arg(long, value_name = "BITS", value_parser = bits, help_heading = "Schedule")]
    key_bits: Option<Bits>,
    /// When the LSBs of K are fetched
    #[arg(long, value_name = "WHEN", help_heading = "Schedule")]
    key_mode: Option<KeyModeFlag>,
    /// In mode auto, rows whose largest probability is below this are redone with LSBs [default: 0.1]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, help_heading = "Schedule")]
    threshold: Option<f64>,
    /// Bits of V as MSB+LSB
    #[arg(long, value_name = "BITS", value_parser = bits, help_heading = "Schedule")]
    value_bits: Option<Bits>,
    /// When the LSBs of V are fetched
    #[arg(long, value_name = "WHEN", help_heading = "Schedule")]
    value_mode: Option<ValueModeFlag>,

    /// Only the first so many layers
    #[arg(long, value_name = "N", help_heading = "Part of the model")]
    only_layers: Option<usize>,
    /// Only the first so many query heads, rounded up to whole groups that share a KV head
    #[arg(long, value_name = "N", help_heading = "Part of the model")]
    only_heads: Option<usize>,
    /// Only the first so many generation steps
    #[arg(long, value_name = "N", help_heading = "Part of the model")]
    only_steps: Option<usize>,
}

/// Arguments of `spatten-gen model`.
///
/// Without schedule flags the schedule is the paper's: tokens to 1/4 and heads to 10/11 at the last layer, a third of each
/// row's values, 6 + 4 bits, LSBs below 0.1 (decoders) or always (encoders).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen model minilm.safetensors
  spatten-gen model smollm2.safetensors --keep-tokens 1/2 --keep-last 16 --json
  spatten-gen model smollm2.safetensors --dense
  spatten-gen model --random 7 --dump case.json
  spatten-gen model --check case.json")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,

    /// Tensors of a model: a safetensors file with `layer.N.{q,k,v}`
    #[arg(required_unless_present_any = ["random", "check"], conflicts_with_all = ["random", "check"])]
    file: Option<PathBuf>,
    /// Make a random case from this seed instead, odd layouts and refused commands included
    #[arg(long, value_name = "SEED", requires = "dump", conflicts_with = "check")]
    random: Option<u64>,
    /// Run a case again and compare every answer
    #[arg(long, value_name = "CASE")]
    check: Option<PathBuf>,
    /// Write the run as a case: tensors, commands and answers in JSON
    #[arg(long, value_name = "CASE", conflicts_with = "check")]
    dump: Option<PathBuf>,
    /// Leave the probability rows out of the dumped case
    #[arg(long, requires = "dump")]
    no_probs: bool,

    #[command(flatten)]
    plan: PlanArgs,

    /// Write this part of the model as a safetensors file
    #[arg(long, value_name = "FILE", help_heading = "Samples")]
    save_tensors: Option<PathBuf>,
    /// Write probability rows of the run as a safetensors file
    #[arg(long, value_name = "FILE", help_heading = "Samples")]
    save_rows: Option<PathBuf>,
    /// Save at most so many rows, evenly spread over the run
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        requires = "save_rows",
        help_heading = "Samples"
    )]
    row_count: usize,
    /// Save only rows with so many keys, for example 200..208
    #[arg(long, value_name = "MIN..MAX", value_parser = range, requires = "save_rows", help_heading = "Samples")]
    row_keys: Option<RangeInclusive<u32>>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// A fraction from 0 to 1: `1/4`, `0.25` or `25%`.
fn fraction(text: &str) -> Result<f64, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .map_err(|_| format!("`{text}` is not a number"))
    };
    let value = match (text.split_once('/'), text.strip_suffix('%')) {
        (Some((part, whole)), _) => number(part)? / number(whole)?,
        (None, Some(percent)) => number(percent)? / 100.0,
        (None, None) => number(text)?,
    };
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err("a fraction is from 0 to 1, written 1/4, 0.25 or 25%".to_owned()),
    }
}

/// `m+l` or `m`.
pub(super) fn bits(text: &str) -> Result<Bits, String> {
    let (msb, lsb) = text.split_once('+').unwrap_or((text, "0"));
    let number = |text: &str| {
        text.trim()
            .parse()
            .map_err(|_| "bits are written MSB+LSB, for example 6+4, or 8".to_owned())
    };
    Ok(Bits {
        msb: number(msb)?,
        lsb: number(lsb)?,
    })
}

/// `min..max`, both included, or one number.
fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| {
        text.trim_start_matches('=')
            .parse()
            .map_err(|_| "a range is written 200..208, both included".to_owned())
    };
    Ok(number(min)?..=number(max)?)
}

impl PlanArgs {
    /// All of a model under the paper's schedule, or with nothing pruned.
    pub(super) fn whole(dense: bool) -> Self {
        PlanArgs {
            dense,
            ..PlanArgs::default()
        }
    }

    /// The model of a file, cut to the part that runs.
    pub(super) fn load(&self, path: &Path) -> anyhow::Result<Model> {
        Ok(self.cut(Model::load(path)?))
    }

    /// The part of a model that runs.
    pub(super) fn cut(&self, model: Model) -> Model {
        let part = |limit: Option<usize>| limit.unwrap_or(usize::MAX);
        model.cut(
            part(self.only_layers),
            part(self.only_heads),
            part(self.only_steps),
        )
    }

    /// The flags that were given, to be given again.
    pub(super) fn flags(&self) -> String {
        let mut flags = String::new();
        if self.dense {
            flags += " --dense";
        }
        if self.carry {
            flags += " --carry";
        }
        let mut say = |flag: &str, value: Option<String>| {
            flags.extend(value.map(|value| format!(" --{flag} {value}")));
        };
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let bits = |bits: Option<Bits>| bits.map(|bits| format!("{}+{}", bits.msb, bits.lsb));
        let some = |value: u16| Some(value).filter(|&v| v != 0).map(|v| v.to_string());
        let part = |value: Option<usize>| value.map(|value| value.to_string());
        say("keep-tokens", number(self.keep_tokens));
        say("keep-heads", number(self.keep_heads));
        say("keep-values", number(self.keep_values));
        say("token-start", number(self.token_start));
        say("head-start", number(self.head_start));
        say("keep-first", some(self.keep_first));
        say("keep-last", some(self.keep_last));
        say("key-bits", bits(self.key_bits));
        say("key-mode", self.key_mode.as_ref().map(flag_word));
        say("threshold", number(self.threshold));
        say("value-bits", bits(self.value_bits));
        say("value-mode", self.value_mode.as_ref().map(flag_word));
        say("only-layers", part(self.only_layers));
        say("only-heads", part(self.only_heads));
        say("only-steps", part(self.only_steps));
        flags
    }

    /// The schedule for a kind of model on hardware with this configuration.
    pub(super) fn schedule(&self, kind: Kind, config: &Config) -> Schedule {
        let base = if self.dense {
            Schedule::dense(config.width)
        } else {
            Schedule::paper(kind)
        };
        let key_mode = self.key_mode.map(|mode| match mode {
            KeyModeFlag::Never => KeyMode::Never,
            KeyModeFlag::Always => KeyMode::Always,
            KeyModeFlag::Auto => KeyMode::Auto,
        });
        let value_mode = self.value_mode.map(|mode| match mode {
            ValueModeFlag::Never => ValueMode::Never,
            ValueModeFlag::Always => ValueMode::Always,
            ValueModeFlag::WithRow => ValueMode::WithRow,
        });
        Schedule {
            tokens: self.keep_tokens.unwrap_or(base.tokens),
            heads: self.keep_heads.unwrap_or(base.heads),
            values: self.keep_values.unwrap_or(base.values),
            token_start: self.token_start.unwrap_or(base.token_start),
            head_start: self.head_start.unwrap_or(base.head_start),
            keep_first: self.keep_first,
            keep_last: self.keep_last,
            carry: self.carry,
            key_bits: self.key_bits.unwrap_or(base.key_bits),
            key_mode: key_mode.unwrap_or(base.key_mode),
            threshold: self.threshold.unwrap_or(base.threshold),
            value_bits: self.value_bits.unwrap_or(base.value_bits),
            value_mode: value_mode.unwrap_or(base.value_mode),
            causal: false,
        }
    }
}

/// Runs `spatten-gen model`.
///
/// # Errors
/// A file that cannot be read, written or used; a schedule that the hardware does not do; a case whose answers differ.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    execute(args, &args.config.load()?)?;
    Ok(ExitCode::SUCCESS)
}

fn execute(args: &Args, config: &Config) -> anyhow::Result<()> {
    if let Some(path) = &args.check {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let case: Case = serde_json::from_reader(std::io::BufReader::new(file))
            .with_context(|| format!("{} is not a case", path.display()))?;
        case.check()
            .with_context(|| format!("{} differs from the golden model", path.display()))?;
        return say(
            args,
            &serde_json::json!({ "case": path, "events": case.events.len(), "agrees": true }),
            || {
                format!(
                    "{}: {} events, every answer agrees",
                    path.display(),
                    case.events.len()
                )
            },
        );
    }
    if let (Some(seed), Some(path)) = (args.random, &args.dump) {
        let mut case = random::case(seed)?;
        if args.no_probs {
            case.drop_probs();
        }
        write_case(&case, path)?;
        let commands = case.events.iter().filter(|event| event.command.is_some()).count();
        return say(
            args,
            &serde_json::json!({ "case": path, "seed": seed, "commands": commands }),
            || format!("{}: {commands} commands from seed {seed}", path.display()),
        );
    }
    let path = args.file.as_ref().context("a model file is needed")?;
    run_model(args, config, path)
}

/// Prints for people or machines.
fn say(args: &Args, json: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let text = if args.json {
        serde_json::to_string_pretty(json)?
    } else {
        text()
    };
    match std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{}\n", text.trim_end()).as_bytes(),
    ) {
        // A reader that has seen enough is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot print the report"),
    }
}

/// Writes a case whole or not at all.
fn write_case(case: &Case, path: &Path) -> anyhow::Result<()> {
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let context = || format!("cannot write {}", path.display());
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; what stays has the usual mode.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(directory).with_context(context)?;
    serde_json::to_writer(BufWriter::new(&file), case).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

fn run_model(args: &Args, config: &Config, path: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let model = args.plan.load(path)?;
    if let Some(path) = &args.save_tensors {
        model.save(path)?;
    }
    let schedule = args.plan.schedule(model.kind, config);
    let run = Run::new(&model, config, &schedule)?;
    let progress = Progress::new(run.commands() as u64);
    let mut reporter = Reporter::new(&model, &run, config);
    let mut rows = Vec::new();
    let row_keys = args.row_keys.clone().unwrap_or(0..=u32::MAX);
    let visit = |visit: Visit| {
        reporter.add(&visit);
        if args.save_rows.is_some() {
            let wanted = visit
                .result
                .rows
                .iter()
                .filter(|row| row_keys.contains(&row.keys));
            rows.extend(wanted.map(|row| ProbRow::of(visit.layer as u32, row)));
        }
        progress.step();
    };
    match &args.dump {
        Some(path) => write_case(&run.record(!args.no_probs, visit)?, path)?,
        None => run.execute(visit)?,
    }
    progress.finish();
    if let Some(path) = &args.save_rows {
        ensure!(
            !rows.is_empty(),
            "no row of this run has a number of keys in {row_keys:?}: nothing to save"
        );
        let of = |key: &str| model.origin.get(key).map_or("unknown", String::as_str);
        let source = format!("{}, {}", of("model"), of("text"));
        let rows = ProbRows {
            prob_width: config.prob_width,
            source,
            rows,
        };
        rows.spread(args.row_count).save(path)?;
    }
    let report = reporter.finish(path, &schedule, start.elapsed().as_secs_f64());
    say(args, &report, || report.table().unwrap_or_default())
}

/// A progress bar on a terminal, once the work has taken more than a second.
pub(super) struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    pub(super) fn new(length: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} layers, {eta} left");
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        Progress {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            start: Instant::now(),
        }
    }

    pub(super) fn step(&self) {
        if self.bar.is_hidden() && self.start.elapsed() > Duration::from_secs(1) {
            // Draws on terminals only.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_bits_are_read_as_people_write_them() {
        assert_eq!(fraction("1/4"), Ok(0.25));
        assert_eq!(fraction("25%"), Ok(0.25));
        assert_eq!(fraction("1"), Ok(1.0));
        for bad in ["1.5", "-0.1", "x", "1/0", "0/0", "3/2", "nan"] {
            assert!(fraction(bad).is_err(), "{bad}");
        }
        assert_eq!(bits("6+4"), Ok(Bits { msb: 6, lsb: 4 }));
        assert_eq!(bits("8"), Ok(Bits { msb: 8, lsb: 0 }));
        assert!(bits("6+").is_err() && bits("-1+4").is_err());
        assert_eq!(range("5..7"), Ok(5..=7));
        assert_eq!(range("5"), Ok(5..=5));
        assert!(range("5..").is_err());
    }
}
