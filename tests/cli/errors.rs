//! Every refusal: exit code, message, and nothing written.

use crate::{run_and_leave_nothing, run_in};
use spatten_gen::config::{Legal, PARAMETERS};
use std::fs;

/// Refused command lines and what is said to each.
fn refusals(command_lines: &[&[&str]]) -> String {
    let mut transcript = String::new();
    for arguments in command_lines {
        let run = run_and_leave_nothing(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
        transcript += &format!("$ spatten-gen {}\n{}\n", arguments.join(" "), run.stderr);
    }
    transcript
}

/// Refused configuration files and what is said to each.
fn file_refusals(files: &[&str]) -> String {
    let mut transcript = String::new();
    for text in files {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("core.toml"), text).unwrap();
        let run = run_in(temp.path(), &["--config", "core.toml"]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert_eq!(
            fs::read_dir(temp.path()).unwrap().count(),
            1,
            "something was written"
        );
        transcript += &format!("$ spatten-gen --config core.toml\n{}\n", run.stderr);
    }
    transcript
}

#[test]
fn illegal_values() {
    let values = [
        "0",
        "17",
        "-3",
        "abc",
        "16.5",
        "1e99",
        "",
        "340282366920938463463374607431768211456",
    ];
    let command_lines = values.map(|value| ["--parallelism", value]);
    insta::assert_snapshot!(
        "parallelism",
        refusals(&command_lines.each_ref().map(|line| &line[..]))
    );
    insta::assert_snapshot!(
        "words",
        refusals(&[
            &["--exp", "taylor"],
            &["--reset", "async_low"],
            &["--preset", "spaten"]
        ])
    );
}

/// Just outside every range, for every parameter: refused, naming the parameter and its rule.
#[test]
fn every_parameter_refuses_what_is_beside_its_legal_values() {
    for parameter in PARAMETERS {
        let illegal: Vec<String> = match parameter.legal {
            Legal::Words(_) => vec!["none".into(), String::new()],
            legal => {
                let numbers: Vec<i64> = legal.numbers().map(i64::from).collect();
                let beside = numbers.iter().flat_map(|number| [number - 1, number + 1]);
                beside
                    .filter(|number| !numbers.contains(number))
                    .map(|number| number.to_string())
                    .collect()
            }
        };
        assert!(illegal.len() >= 2);
        for value in illegal {
            let run = run_and_leave_nothing(&[&format!("--{}", parameter.key), &value]);
            assert_eq!(run.code, 2, "--{} {value}", parameter.key);
            let expected = format!("{} must be {}", parameter.key, parameter.legal.rule());
            assert!(run.stderr.contains(&expected), "{}", run.stderr);
            assert!(run.stderr.contains("\n  nearest legal value: "), "{}", run.stderr);
        }
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    insta::assert_snapshot!(
        "several",
        refusals(&[&["--width", "7", "--prob-width", "17", "--ram-latency", "3"]])
    );
}

#[test]
fn illegal_combinations() {
    insta::assert_snapshot!(
        "combinations",
        refusals(&[
            &["--multipliers", "500"],
            &["--preset", "spatten-1-8", "--head-dim", "128"],
            &[
                "--max-tokens",
                "16",
                "--parallelism",
                "64",
                "--multipliers",
                "1024"
            ],
            &["--channels", "64", "--sector-window", "16"],
        ]) + &file_refusals(&["preset = \"tiny\"\nmax-tokens = 32\nsoftmax-lanes = 64\n"])
    );
}

#[test]
fn command_line_mistakes() {
    insta::assert_snapshot!(
        "command_line",
        refusals(&[
            &["--paralelism", "8"],
            &["--parallelism"],
            &["--verify", "--force"],
            &["generate"],
            &["--config", "missing.toml"],
        ])
    );
}

#[test]
fn configuration_file_mistakes() {
    insta::assert_snapshot!(
        "configuration_file",
        file_refusals(&[
            "# A core.\nparalellism = 8\nhead_dim = 64\nzzz = 1\n\n[array]\nmultipliers = 64\n",
            "preset = \"edge\"\nmax-tokens = \"64\"\nwidth = 12.5\nexp = 5\n\tchannels = [1,\n 2]\n",
            "preset = 1\n",
            "max-tokens = 32\npreset = \"Edge\"\n",
            "parallelism = = 8\n",
            "parallelism = 8\nparallelism = 16\n",
        ])
    );
}

#[test]
fn a_damaged_configuration_file_is_an_error_not_a_panic() {
    let temp = tempfile::tempdir().unwrap();
    for bytes in [
        &b"\xff\xfe"[..],
        b"\xef\xbb\xbfparallelism = 3",
        b"a = \"",
        "π = \"ü".as_bytes(),
        b"\0",
        b"[[",
        b"a.b = 1",
    ] {
        fs::write(temp.path().join("core.toml"), bytes).unwrap();
        let run = run_in(temp.path(), &["--config", "core.toml"]);
        assert_eq!(run.code, 2, "{bytes:?}: {}", run.stderr);
    }
}

#[test]
fn errors_are_json_with_json() {
    for arguments in [
        &["--json", "--multipliers", "500"][..],
        &["--json", "--nonsense"],
        &["--json", "--config", "missing.toml"],
        &["--json", "-o", "/proc/spatten"],
    ] {
        let run = run_and_leave_nothing(arguments);
        assert_ne!(run.code, 0);
        let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
    let run = run_and_leave_nothing(&["--json", "--multipliers", "500"]);
    insta::assert_snapshot!("json", run.stdout);
}

#[test]
fn a_case_that_contradicts_itself_is_an_error_not_a_panic() {
    let temp = tempfile::tempdir().unwrap();
    let dumped = run_in(
        temp.path(),
        &[
            "model",
            "--preset",
            "tiny",
            "--random",
            "3",
            "--dump",
            "case.json",
        ],
    );
    assert_eq!(dumped.code, 0, "{}", dumped.stderr);
    let text = fs::read(temp.path().join("case.json")).unwrap();
    let case: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for (place, value, says) in [
        ("/tensors/k0/shape/2", 33, "elements"),
        ("/tensors/k0/bits", 17, "bits"),
        ("/events/0/load/msb-bits", 0, "is loaded as"),
        ("/config/channels", 3, "channels"),
    ] {
        let mut spoilt = case.clone();
        *spoilt.pointer_mut(place).unwrap() = value.into();
        fs::write(temp.path().join("case.json"), spoilt.to_string()).unwrap();
        for command in [
            &["sim", "--case", "case.json"][..],
            &["model", "--check", "case.json"],
        ] {
            let run = run_in(temp.path(), command);
            assert!([1, 2].contains(&run.code), "{place}, {command:?}: {}", run.code);
            assert!(run.stderr.contains(says), "{place}, {command:?}: {}", run.stderr);
        }
    }
}
