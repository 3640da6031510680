//! `spatten-gen bench`: what a block's RTL does in steady state.

use crate::bench::measure::{Selection, table};
use crate::bench::{self, BENCHES, CHAINS};
use crate::sim::Builder;
use anyhow::bail;
use std::process::ExitCode;

/// Arguments of `bench`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:
  spatten-gen bench topk_engine
  spatten-gen bench topk_engine --promised
  spatten-gen bench topk_engine --parallelism 16 --json")]
pub struct Args {
    /// Block to measure
    block: String,
    /// Measure only at this many lanes
    #[arg(long, value_name = "P")]
    parallelism: Option<u32>,
    /// Measure only what a bound is promised for
    #[arg(long)]
    promised: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `bench`: exit code 0 when every promised bound holds, else 1.
///
/// # Errors
/// When the block does not exist or has no figures, there is no Verilator, or the RTL answers wrongly.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bench = bench::bench(&args.block)?;
    let selection = Selection {
        parallelism: args.parallelism,
        promised: args.promised,
    };
    let bar = super::progress::spinner("");
    let measured = bench.measure(&Builder::new()?, &selection, &|what| {
        bar.set_message(what.to_owned())
    });
    bar.finish_and_clear();
    let measured = measured?;
    if measured.is_empty() {
        let measurable: Vec<_> = BENCHES
            .iter()
            .chain(CHAINS)
            .filter(|b| b.has_figures())
            .map(|b| b.block())
            .collect();
        bail!(
            "nothing to measure for `{}` with these flags; blocks with figures: {}",
            args.block,
            measurable.join(", ")
        );
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        print!("{}", table(&measured));
    }
    let broken = measured.iter().any(|m| m.broken().next().is_some());
    Ok(if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
