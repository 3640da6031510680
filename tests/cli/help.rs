//! Help, the table of presets, completions.

use crate::run_and_leave_nothing;
use std::io::Read;
use std::process::{Command, Stdio};

fn answer(arguments: &[&str]) -> String {
    let run = run_and_leave_nothing(arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
    run.stdout
}

#[test]
fn help() {
    insta::assert_snapshot!("short_help", answer(&["-h"]));
    insta::assert_snapshot!("long_help", answer(&["--help"]));
    insta::assert_snapshot!("presets_help", answer(&["presets", "--help"]));
}

#[test]
fn version_is_the_crates() {
    assert_eq!(
        answer(&["--version"]),
        format!("spatten-gen {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn presets() {
    insta::assert_snapshot!("presets", answer(&["presets"]));
    let table: serde_json::Value = serde_json::from_str(&answer(&["presets", "--json"])).unwrap();
    assert_eq!(table["presets"][1]["name"], "spatten-1-8");
    assert_eq!(table["presets"][1]["values"]["multipliers"], 64);
    assert_eq!(
        table["parameters"][0]["legal"]["power-of-two"],
        serde_json::json!([1, 64])
    );
    assert_eq!(table["rules"][0]["others"], serde_json::json!(["head-dim"]));
}

#[test]
fn every_shell_completes_flags_and_those_that_can_also_words() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = answer(&["completions", shell]);
        let words: &[&str] = match shell {
            "elvish" | "powershell" => &["parallelism", "presets"],
            _ => &["parallelism", "presets", "async-low", "spatten-1-8"],
        };
        for word in words {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
}

/// A reader that stops early, like `head`, is no error.
#[test]
fn a_broken_pipe_is_no_error() {
    for arguments in [
        &["presets"][..],
        &["presets", "--json"],
        &["completions", "zsh"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spatten-gen"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}
