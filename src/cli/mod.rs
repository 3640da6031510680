//! The command line: raw flags in, one validated configuration out, one function a subcommand.
//!
//! A subcommand is a file here with its arguments and a function `run(&Args) -> anyhow::Result<ExitCode>`, a variant of
//! `Command` and an arm of its `run`.

pub mod bench;
mod completions;
mod config_args;
mod depth;
mod exit;
mod figures;
mod generate;
pub mod model;
mod pack;
mod presets;
mod progress;
pub mod replay;
pub mod sim;
pub mod soak;
mod system;

pub use config_args::ConfigArgs;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Generate a complete, synthesizable SpAtten sparse-attention accelerator in Verilog.
///
/// Without a subcommand, spatten-gen writes the RTL, what EDA flows need, and a manifest into a directory. A
/// configuration is a preset (--preset), over it a TOML file (--config), over it single flags. The same configuration
/// gives the same bytes on every machine.
#[derive(Parser)]
#[command(
    name = "spatten-gen",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 110,
    after_help = "More with --help: examples, exit codes.",
    after_long_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    generate: generate::Args,
}

const AFTER_HELP: &str = "\
Examples:
  spatten-gen -o rtl_out                       the paper's full-size accelerator
  spatten-gen --parallelism 32 -o rtl_out      with 32 comparators in each top-k array
  spatten-gen --preset edge --head-dim 128 --multipliers 128 -o edge
                                               a preset and what differs from it
  spatten-gen --config rtl_out/config.toml --reset async-low -o asic
                                               an earlier output's configuration and what differs from it
  spatten-gen --preset tiny -o tiny --verify   is `tiny` what this version would write?
  spatten-gen presets                          every parameter: meaning, legal values, presets

Configuration file: TOML, one `key = value` for each parameter it sets, keys as the flags:
  preset = \"spatten-1-8\"
  max-tokens = 512
  exp = \"table\"

Exit codes:
  0  success
  1  failure: a file could not be written, a check failed
  2  the command line or the configuration is not legal; nothing was written
  3  --verify: the output is not current
  4  the output directory holds foreign files; nothing was written";

/// What spatten-gen can do besides generating. One variant a subcommand.
#[derive(Subcommand)]
enum Command {
    /// Show every parameter: meaning, legal values, and its value in each preset
    Presets(presets::Args),
    /// Run a real model's layers on the golden model: what is kept, what is read, what it costs in accuracy
    Model(model::Args),
    /// Quantise float tensors and lay them out as bit planes: a memory image for each channel
    Pack(pack::Args),
    /// Run the emitted Verilog of a block against the golden model, on random rows, for as long as you like
    Soak(soak::SoakArgs),
    /// Run a real model on the RTL of the whole core: cycles, every answer compared
    Sim(sim::Args),
    /// Run a published pruning trace on the RTL of the whole core: cycles, against the roof
    Replay(replay::Args),
    /// Run whole workloads on the RTL of several presets: one table of cycles, roof and share
    Figures(figures::Args),
    /// Measure a block's RTL: cycles sustained, latency, stalls, against what is promised
    Bench(bench::Args),
    /// Count logic levels and cells of each block with Yosys, against what is allowed
    Depth(depth::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Command {
    fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Presets(args) => presets::run(args),
            Command::Model(args) => model::run(args),
            Command::Pack(args) => pack::run(args),
            Command::Soak(args) => soak::run(args),
            Command::Sim(args) => sim::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Figures(args) => figures::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Depth(args) => depth::run(args),
            Command::Completions(args) => completions::run(args),
        }
    }
}

/// The command as clap sees it.
fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line, does what it says and returns the exit code, errors printed.
pub fn main() -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    let result = match Cli::try_parse() {
        Ok(Cli {
            command: Some(command),
            ..
        }) => command.run(),
        Ok(Cli { generate, .. }) => generate::run(&generate),
        Err(error) => return exit::report_usage(&error, json),
    };
    result.unwrap_or_else(|error| exit::report(&error, json))
}
