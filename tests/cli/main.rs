//! The program as its users meet it: what it writes, what it refuses, what it says.

mod errors;
mod help;
mod output;

use std::path::Path;
use std::process::{Command, Output};

/// What a run of the program ended with.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `spatten-gen` in `directory`.
fn run_in(directory: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spatten-gen"));
    // Help is wrapped to the terminal; here there is none.
    command
        .current_dir(directory)
        .args(arguments)
        .env_remove("COLUMNS")
        .env_remove("RUST_BACKTRACE");
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    Run {
        code: status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(stdout).expect("UTF-8"),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
    }
}

/// Runs `spatten-gen` in a directory of its own, which nothing may be left in.
fn run_and_leave_nothing(arguments: &[&str]) -> Run {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let run = run_in(temp.path(), arguments);
    let left: Vec<_> = std::fs::read_dir(temp.path()).expect("readable").collect();
    assert!(left.is_empty(), "{arguments:?} left {left:?}");
    run
}

/// Every file below `directory`, with its contents, in order.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, directory: &Path, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(directory).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                files.push((name, std::fs::read(&path).expect("readable")));
            }
        }
    }
    let mut files = Vec::new();
    walk(directory, directory, &mut files);
    files.sort();
    files
}
