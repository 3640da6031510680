//! The golden model against a second implementation of the specification, in Python (`sim/second_opinion`).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Random cases held against each other; `SPATTEN_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("SPATTEN_SEEDS").map_or(24, |text| text.parse().expect("SPATTEN_SEEDS is a number"))
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn second_opinion(arguments: &[&str], cases: &[PathBuf]) -> Output {
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", Path::new(ROOT).join("sim"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(command.args(["-m", "second_opinion"]).args(arguments).args(cases))
}

/// `spatten-gen model` with these arguments, its case in the file `name` of `directory`.
fn dump(directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let case = directory.join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_spatten-gen"));
    let output = run(command
        .current_dir(ROOT)
        .arg("model")
        .args(arguments)
        .arg("--dump")
        .arg(&case));
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    case
}

fn random_cases(directory: &Path, seeds: std::ops::RangeInclusive<u64>) -> Vec<PathBuf> {
    seeds
        .map(|seed| {
            dump(
                directory,
                &format!("{seed}.json"),
                &["--random", &seed.to_string()],
            )
        })
        .collect()
}

/// Every case is named in a summary of no differences.
fn assert_agreement(output: &Output, cases: &[PathBuf]) {
    let text = text(output);
    assert!(output.status.success(), "{text}");
    let agreed = text
        .lines()
        .filter(|line| line.contains(": 0 differences;"))
        .count();
    assert_eq!(agreed, cases.len(), "{text}");
}

#[test]
fn agrees_on_random_sequences() {
    let directory = tempfile::tempdir().unwrap();
    let cases = random_cases(directory.path(), 1..=seeds());
    assert_agreement(&second_opinion(&["--jobs", "2"], &cases), &cases);
}

#[test]
fn agrees_on_a_real_model() {
    let directory = tempfile::tempdir().unwrap();
    let model = "tests/data/minilm.safetensors";
    let schedules: [&[&str]; 3] = [
        &[model],
        &[model, "--dense"],
        &[
            model,
            "--key-bits",
            "5+2",
            "--key-mode",
            "never",
            "--value-bits",
            "8",
            "--keep-first",
            "1",
        ],
    ];
    let cases: Vec<_> = schedules
        .iter()
        .enumerate()
        .map(|(number, arguments)| dump(directory.path(), &format!("{number}.json"), arguments))
        .collect();
    let source = Path::new(ROOT).join(model);
    let output = second_opinion(&["--source", source.to_str().unwrap()], &cases);
    assert_agreement(&output, &cases);
}

/// The other direction: sequences and answers of the second implementation, checked by the golden model.
#[test]
fn golden_model_agrees_on_foreign_sequences() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 1..=seeds() {
        let case = directory.path().join("case.json");
        let output = second_opinion(&["--random", &seed.to_string()], std::slice::from_ref(&case));
        assert!(output.status.success(), "seed {seed}: {}", text(&output));
        let mut command = Command::new(env!("CARGO_BIN_EXE_spatten-gen"));
        let output = run(command.args(["model", "--check"]).arg(&case));
        assert!(output.status.success(), "seed {seed}: {}", text(&output));
    }
}

/// `spatten-gen sim` with these arguments: the case with the answers of the RTL, in the file `name` of `directory`.
fn answers_of_the_rtl(directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let case = directory.join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_spatten-gen"));
    let output = run(command
        .current_dir(ROOT)
        .env("SPATTEN_CACHE", cache())
        .arg("sim")
        .args(arguments)
        .arg("--outputs")
        .arg(&case));
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    case
}

/// Where the other tests keep their simulation models.
fn cache() -> PathBuf {
    std::env::var_os("SPATTEN_CACHE").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("sim-cache"),
        PathBuf::from,
    )
}

/// Answers of the emitted core, which the golden model has not looked at.
#[test]
fn agrees_with_the_rtl_on_random_sequences() {
    let directory = tempfile::tempdir().unwrap();
    let cases: Vec<_> = (1..=seeds().clamp(20, 100))
        .map(|seed| {
            let text = seed.to_string();
            let mut arguments = vec!["--preset", "tiny", "--checks", "--random", &text];
            if seed % 2 == 0 {
                arguments.extend(["--stalls", &text]);
            }
            answers_of_the_rtl(directory.path(), &format!("{seed}.json"), &arguments)
        })
        .collect();
    assert_agreement(&second_opinion(&["--jobs", "2"], &cases), &cases);

    // One bit of one answer.
    let mut spoilt: Value = serde_json::from_slice(&std::fs::read(&cases[0]).unwrap()).unwrap();
    let events = spoilt["events"].as_array_mut().unwrap();
    let output = events
        .iter_mut()
        .find_map(|event| event.pointer_mut("/result/rows/0/output/1"))
        .unwrap();
    *output = (output.as_i64().unwrap() ^ 1).into();
    std::fs::write(&cases[0], spoilt.to_string()).unwrap();
    let answer = second_opinion(&[], &cases[..1]);
    assert_eq!(answer.status.code(), Some(1), "{}", text(&answer));
    assert!(text(&answer).contains(".output[1]"), "{}", text(&answer));
}

/// Three layers of MiniLM on the emitted core.
#[test]
fn agrees_with_the_rtl_on_a_real_sample() {
    agrees_with_the_rtl_on("tests/data/minilm.safetensors");
}

/// All of it: `SPATTEN_MINILM=FILE cargo test --release --test second_opinion -- --ignored`.
#[test]
#[ignore = "needs the tensors of MiniLM, named by SPATTEN_MINILM"]
fn agrees_with_the_rtl_on_a_real_model() {
    match std::env::var("SPATTEN_MINILM") {
        Ok(model) => agrees_with_the_rtl_on(&model),
        Err(_) => eprintln!("SKIPPED: SPATTEN_MINILM names no file (safetensors, layer.N.{{q,k,v}})"),
    }
}

fn agrees_with_the_rtl_on(model: &str) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--preset", "spatten-1-8", "--checks", "--model", model];
    let case = answers_of_the_rtl(directory.path(), "answers.json", &arguments);
    let source = Path::new(ROOT).join(model);
    let cases = [case];
    let output = second_opinion(&["--source", source.to_str().unwrap()], &cases);
    assert_agreement(&output, &cases);
}

#[test]
fn every_comparison_can_fail() {
    let directory = tempfile::tempdir().unwrap();
    for cases in [Vec::new(), random_cases(directory.path(), 1..=8)] {
        let output = second_opinion(&["--self-test"], &cases);
        let text = text(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("0 kinds of corruption went unseen"), "{text}");
    }
}

#[test]
fn a_wrong_answer_or_a_wrong_file_is_red() {
    let directory = tempfile::tempdir().unwrap();
    let case = dump(
        directory.path(),
        "case.json",
        &["tests/data/minilm.safetensors", "--only-layers", "1"],
    );
    let original: Value = serde_json::from_slice(&std::fs::read(&case).unwrap()).unwrap();
    let command = original["events"]
        .as_array()
        .unwrap()
        .iter()
        .position(|event| event.get("command").is_some());
    let command = command.unwrap();

    let mut spoilt = original.clone();
    let output = &mut spoilt["events"][command]["result"]["rows"][5]["output"][3];
    *output = (output.as_i64().unwrap() + 1).into();
    std::fs::write(&case, spoilt.to_string()).unwrap();
    let answer = second_opinion(&[], std::slice::from_ref(&case));
    assert_eq!(answer.status.code(), Some(1), "{}", text(&answer));
    assert!(
        text(&answer).contains(".output[3]: recorded"),
        "{}",
        text(&answer)
    );
    assert!(text(&answer).contains(": 1 differences;"), "{}", text(&answer));

    // A changed input changes answers that follow.
    let mut spoilt = original.clone();
    let number = &mut spoilt["tensors"]["k0"]["data"][0];
    *number = (-number.as_i64().unwrap() - 1).into();
    std::fs::write(&case, spoilt.to_string()).unwrap();
    assert_eq!(
        second_opinion(&[], std::slice::from_ref(&case)).status.code(),
        Some(1)
    );

    let mut unknown = original;
    unknown["events"][command]["command"]["keys"]["extra"] = 1.into();
    std::fs::write(&case, unknown.to_string()).unwrap();
    let answer = second_opinion(&[], std::slice::from_ref(&case));
    assert_eq!(answer.status.code(), Some(2), "{}", text(&answer));
    assert!(
        text(&answer).contains("unknown fields: extra"),
        "{}",
        text(&answer)
    );
}
