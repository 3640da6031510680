//! Generating: the main job, without a subcommand.

use super::ConfigArgs;
use super::exit::Exit;
use crate::bench;
use crate::config::Config;
use crate::flow::{self, Difference, Installed, Tree};
use crate::report::grouped;
use crate::rtl::{self, Cost};
use anyhow::Context as _;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of generating.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Directory to write; it is created, or brought up to date
    #[arg(short, long, value_name = "DIR", default_value = "rtl_out", value_hint = clap::ValueHint::DirPath)]
    output: PathBuf,
    /// Write into a directory that holds foreign files; they stay
    #[arg(long)]
    force: bool,
    /// Write nothing; say whether the output is current (exit code 3 when it is not)
    #[arg(long, conflicts_with = "force")]
    verify: bool,
    /// Print what was built, or what is wrong, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was built.
#[derive(Serialize)]
struct Summary<'a> {
    version: &'static str,
    output: &'a Path,
    command: String,
    config: &'a Config,
    modules: Vec<&'static str>,
    files: Vec<&'a str>,
    written: usize,
    removed: Vec<String>,
    moved_aside: Vec<(String, String)>,
    #[serde(flatten)]
    cost: Cost,
    notes: Vec<String>,
    next: Vec<String>,
}

/// Generates, or with `--verify` compares.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let tree = flow::tree(&config, bench::testbenches(&config)?)?;
    if args.verify {
        return verify(args, &tree);
    }
    let installed = flow::install(&tree, &args.output, args.force)?;
    let summary = summarise(args, &config, &tree, installed)?;
    let out = &mut io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        print(out, &summary)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &Args, tree: &Tree) -> anyhow::Result<ExitCode> {
    let directory = args.output.display();
    let differences =
        flow::compare(tree, &args.output).with_context(|| format!("cannot read `{directory}`"))?;
    let current = differences.is_empty();
    let out = &mut io::stdout().lock();
    if args.json {
        let answer =
            serde_json::json!({ "output": args.output, "current": current, "differences": differences });
        writeln!(out, "{answer:#}")?;
    } else if current {
        writeln!(
            out,
            "{directory} is current: all {} files are what spatten-gen writes",
            tree.len()
        )?;
    } else {
        writeln!(out, "{directory} is not current:")?;
        for difference in &differences {
            writeln!(out, "  {difference}")?;
        }
        let missing = differences
            .iter()
            .filter(|difference| matches!(difference, Difference::Missing(_)));
        if missing.count() == tree.len() {
            writeln!(out, "  nothing of it is there; is this the right directory?")?;
        }
    }
    Ok(if current {
        ExitCode::SUCCESS
    } else {
        Exit::Stale.into()
    })
}

fn summarise<'a>(
    args: &'a Args,
    config: &'a Config,
    tree: &'a Tree,
    installed: Installed,
) -> anyhow::Result<Summary<'a>> {
    let directory = args.output.display().to_string();
    let directory = if directory.contains(char::is_whitespace) {
        format!("'{directory}'")
    } else {
        directory
    };
    let mut next = vec![format!("make -C {directory} lint")];
    if tree.keys().any(|path| path.starts_with("tb/")) {
        next.push(format!("make -C {directory} sim"));
    }
    Ok(Summary {
        version: env!("CARGO_PKG_VERSION"),
        output: &args.output,
        command: config.command(),
        config,
        modules: rtl::in_order(config)?
            .into_iter()
            .map(rtl::Module::name)
            .collect(),
        files: tree.keys().map(String::as_str).collect(),
        written: installed.written,
        removed: installed.removed,
        moved_aside: installed.moved_aside,
        cost: flow::total_cost(config),
        notes: config.notes(),
        next,
    })
}

fn print(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary {
        version,
        output,
        command,
        modules,
        files,
        written,
        removed,
        moved_aside,
        cost,
        ..
    } = summary;
    writeln!(out, "spatten-gen {version} -> {}", output.display())?;
    let state = match written {
        0 => "already current".to_owned(),
        written if *written == files.len() => "all written".to_owned(),
        written => format!("{written} written, the others were current"),
    };
    let rows = [
        ("configuration", command.clone()),
        ("files", format!("{} ({state})", files.len())),
        ("modules", format!("{} ({})", modules.len(), modules.join(", "))),
        ("multipliers", grouped(cost.multipliers)),
        ("comparators", grouped(cost.comparators)),
        ("memory", format!("{} bits", grouped(cost.memory_bits))),
    ];
    for (name, value) in rows {
        writeln!(out, "  {name:14} {value}")?;
    }
    for path in removed {
        writeln!(out, "  removed        {path}, of an earlier output")?;
    }
    for (from, to) in moved_aside {
        writeln!(out, "  moved aside    {from}, not ours, to {to}")?;
    }
    for note in &summary.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "next:")?;
    summary
        .next
        .iter()
        .try_for_each(|command| writeln!(out, "  {command}"))
}
