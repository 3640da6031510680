//! `spatten-gen`: see the library for everything.

use clap::{Parser, Subcommand};
use spatten_gen::{cli::model, config::Config};

/// Stand-in until the whole command line is hooked in.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the golden model on a real model's layers
    Model(model::ModelArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Model(args) => model::run(&args, &Config::default()),
    }
}
