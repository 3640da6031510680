//! Exit codes, and the printing of errors.

use crate::config::ConfigError;
use crate::flow::InstallError;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why the program ends, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// A file could not be written, a check failed.
    Failure = 1,
    /// The command line or the configuration is not legal.
    Illegal = 2,
    /// `--verify` found differences.
    Stale = 3,
    /// The output directory holds foreign files.
    Foreign = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Prints an error, on stderr and with `json` also as an object on stdout, and says how the program ends.
pub(super) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    if error.chain().any(is_broken_pipe) {
        // Who reads our output has had enough of it, like `head`: not an error.
        return ExitCode::SUCCESS;
    }
    let config = error.downcast_ref::<ConfigError>();
    let (exit, code) = match (config, error.downcast_ref::<InstallError>()) {
        (Some(_), _) => (Exit::Illegal, "illegal-configuration"),
        (_, Some(InstallError::Foreign { .. })) => (Exit::Foreign, "foreign-files"),
        _ => (Exit::Failure, "failure"),
    };
    let message = format!("{error:#}");
    if json {
        let problems = config.map(|config| &config.problems);
        print_json_error(code, &message, json!(problems));
    }
    // If stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "error: {message}");
    exit.into()
}

/// Prints a usage error or the help that was asked for, as clap made it.
pub(super) fn report_usage(error: &clap::Error, json: bool) -> ExitCode {
    let failed = error.use_stderr();
    if failed && json {
        print_json_error("usage", error.to_string().trim_end(), json!(null));
    }
    let _ = error.print();
    if failed {
        Exit::Illegal.into()
    } else {
        ExitCode::SUCCESS
    }
}

fn print_json_error(code: &str, message: &str, problems: serde_json::Value) {
    let mut error = json!({ "error": { "code": code, "message": message } });
    if !problems.is_null() {
        error["error"]["problems"] = problems;
    }
    let _ = writeln!(io::stdout(), "{error:#}");
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
