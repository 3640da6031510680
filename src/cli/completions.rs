//! `spatten-gen completions`: completion scripts for shells.

use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

/// Arguments of `completions`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Shell to complete for
    shell: Shell,
    /// Print as JSON: an object with the shell and the script
    #[arg(long)]
    json: bool,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "spatten-gen", &mut script);
    let out = &mut std::io::stdout().lock();
    if args.json {
        let script = String::from_utf8(script)?;
        writeln!(
            out,
            "{:#}",
            serde_json::json!({ "shell": args.shell.to_string(), "script": script })
        )?;
    } else {
        out.write_all(&script)?;
    }
    Ok(ExitCode::SUCCESS)
}
