//! What is written, where, and what is left alone.

use crate::{contents, run_and_leave_nothing, run_in};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Generates into `directory/out` and returns its files.
fn generate(directory: &Path, arguments: &[&str]) -> Vec<(String, Vec<u8>)> {
    let run = run_in(directory, &[&["-o", "out"], arguments].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    contents(&directory.join("out"))
}

fn config_of(files: &[(String, Vec<u8>)]) -> toml::Table {
    let (_, text) = files
        .iter()
        .find(|(path, _)| path == "config.toml")
        .expect("config.toml is written");
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

#[test]
fn the_same_inputs_give_the_same_bytes_wherever_and_whenever() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deep = there.path().join("a b/ü");
    fs::create_dir_all(&deep).unwrap();
    let first = generate(here.path(), &["--preset", "tiny", "--parallelism", "8"]);
    std::thread::sleep(Duration::from_millis(1100));
    let second = generate(&deep, &["--parallelism", "8", "--preset", "tiny"]);
    assert!(
        first == second,
        "the output depends on something else than the configuration"
    );
    // However a value is given, the output only shows the value.
    fs::write(
        deep.join("core.toml"),
        "preset = \"spatten-1-8\"\nparallelism = 8\n",
    )
    .unwrap();
    let third = generate(&deep, &["--config", "core.toml", "--preset", "tiny"]);
    assert!(
        first == third,
        "the output depends on how the configuration was given"
    );
}

#[test]
fn flags_override_the_file_and_the_file_overrides_the_preset() {
    let temp = tempfile::tempdir().unwrap();
    let file =
        "preset = \"spatten-1-8\"\nprob-width = 9\nparallelism = 4\nexp = 'table'\nmax-tokens = 0x2_00\n";
    fs::write(temp.path().join("core.toml"), file).unwrap();
    let config = config_of(&generate(
        temp.path(),
        &["--config", "core.toml", "--parallelism=2"],
    ));
    let number = |key: &str| config[key].as_integer().unwrap();
    assert_eq!(
        (number("parallelism"), number("prob-width"), number("multipliers")),
        (2, 9, 64)
    );
    assert_eq!(
        (config["exp"].as_str(), number("max-tokens")),
        (Some("table"), 512)
    );
    // A preset flag takes the place of the file's preset, below the file's values.
    let config = config_of(&generate(
        temp.path(),
        &["--config", "core.toml", "--preset", "spatten"],
    ));
    assert_eq!(
        (
            config["multipliers"].as_integer(),
            config["parallelism"].as_integer()
        ),
        (Some(512), Some(4))
    );
}

#[test]
fn config_toml_generates_the_same_again() {
    let temp = tempfile::tempdir().unwrap();
    let first = generate(
        temp.path(),
        &["--preset", "edge", "--reset", "async-low", "--out-width", "12"],
    );
    let again = tempfile::tempdir().unwrap();
    fs::copy(temp.path().join("out/config.toml"), again.path().join("c.toml")).unwrap();
    assert!(first == generate(again.path(), &["--config", "c.toml"]));
}

#[test]
fn the_manifest_hashes_every_other_file() {
    use sha2::{Digest, Sha256};
    let temp = tempfile::tempdir().unwrap();
    let files = generate(temp.path(), &[]);
    let (_, text) = files.iter().find(|(path, _)| path == "manifest.json").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(text).unwrap();
    let listed = manifest["files"].as_object().unwrap();
    assert_eq!(listed.len(), files.len() - 1);
    for (path, bytes) in files.iter().filter(|(path, _)| path != "manifest.json") {
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(listed[path]["sha256"], hash.as_str(), "{path}");
        assert_eq!(listed[path]["bytes"], bytes.len(), "{path}");
    }
    for module in manifest["modules"].as_array().unwrap() {
        assert!(listed.contains_key(module["file"].as_str().unwrap()));
    }
}

#[test]
fn no_file_names_a_path_or_a_date() {
    let temp = tempfile::tempdir().unwrap();
    let here = temp.path().display().to_string();
    for (path, bytes) in generate(temp.path(), &[]) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !text.contains(&here) && !text.contains("/home/"),
            "{path} names a path"
        );
        assert!(
            !text.contains(" 202") && !text.contains("-202"),
            "{path} seems to have a date"
        );
    }
}

#[test]
fn json_tells_machines_what_was_built() {
    let temp = tempfile::tempdir().unwrap();
    let run = run_in(temp.path(), &["--json", "-o", "out"]);
    let summary: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(summary["config"]["parallelism"], 16);
    assert_eq!(
        summary["files"].as_array().unwrap().len(),
        contents(&temp.path().join("out")).len()
    );
    assert_eq!(summary["written"], summary["files"].as_array().unwrap().len());
    assert!(
        summary["memory_bits"].is_u64() && summary["comparators"].is_u64() && summary["multipliers"].is_u64()
    );
    assert_eq!(summary["next"][0], "make -C out lint");
}

#[test]
fn questionable_but_legal_choices_get_a_note() {
    let temp = tempfile::tempdir().unwrap();
    let run = run_in(temp.path(), &["--fetch-ports", "8", "--softmax-lanes", "4"]);
    assert_eq!(run.code, 0);
    assert!(
        run.stdout.contains("note: fetch-ports 8 is below channels 16"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("note: softmax-lanes 4 is below multipliers / head-dim = 8"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_second_run_touches_nothing_and_another_configuration_only_what_differs() {
    let temp = tempfile::tempdir().unwrap();
    generate(temp.path(), &[]);
    let verilog = temp.path().join("out/rtl/stream_reg.v");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::options()
        .write(true)
        .open(&verilog)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let run = run_in(temp.path(), &["-o", "out"]);
    assert!(run.stdout.contains("already current"), "{}", run.stdout);
    assert_eq!(fs::metadata(&verilog).unwrap().modified().unwrap(), long_ago);
    generate(temp.path(), &["--reset", "async-low"]);
    assert_ne!(fs::metadata(&verilog).unwrap().modified().unwrap(), long_ago);
}

#[test]
fn verify_says_whether_the_output_is_current() {
    let temp = tempfile::tempdir().unwrap();
    let verify = |arguments: &[&str]| run_in(temp.path(), &[&["-o", "out", "--verify"], arguments].concat());
    let nothing = verify(&[]);
    assert_eq!(nothing.code, 3);
    assert!(!temp.path().join("out").exists());
    generate(temp.path(), &["--preset", "tiny"]);
    assert_eq!(verify(&["--preset", "tiny"]).code, 0);
    assert_eq!(verify(&["--preset", "edge"]).code, 3);

    let verilog = temp.path().join("out/rtl/stream_reg.v");
    let text = fs::read_to_string(&verilog).unwrap();
    fs::write(&verilog, text.replace("posedge", "negedge")).unwrap();
    fs::remove_file(temp.path().join("out/spatten.f")).unwrap();
    let stale = verify(&["--preset", "tiny", "--json"]);
    assert_eq!(stale.code, 3);
    let answer: serde_json::Value = serde_json::from_str(&stale.stdout).unwrap();
    assert_eq!(answer["current"], false);
    let expected = serde_json::json!([{ "changed": "rtl/stream_reg.v" }, { "missing": "spatten.f" }]);
    assert_eq!(answer["differences"], expected);
    generate(temp.path(), &["--preset", "tiny"]);
    assert_eq!(verify(&["--preset", "tiny"]).code, 0);
}

#[test]
fn a_directory_with_foreign_files_is_refused_and_force_keeps_them() {
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "years of work").unwrap();
    fs::write(out.join("Makefile"), "mine").unwrap();
    let run = run_in(temp.path(), &["-o", "out"]);
    assert_eq!(run.code, 4);
    insta::assert_snapshot!("foreign_files", run.stderr);
    assert_eq!(contents(&out).len(), 2);

    let run = run_in(temp.path(), &["-o", "out", "--force"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        fs::read_to_string(out.join("thesis.tex")).unwrap(),
        "years of work"
    );
    assert_eq!(fs::read_to_string(out.join("Makefile.orig")).unwrap(), "mine");
    assert!(
        run.stdout.contains("Makefile, not ours, to Makefile.orig"),
        "{}",
        run.stdout
    );
    // The next run meets the foreign file again.
    assert_eq!(run_in(temp.path(), &["-o", "out"]).code, 4);
}

#[test]
fn what_make_built_is_not_foreign() {
    let temp = tempfile::tempdir().unwrap();
    generate(temp.path(), &[]);
    fs::create_dir_all(temp.path().join("out/build/sim")).unwrap();
    fs::write(temp.path().join("out/build/sim/log"), "log").unwrap();
    let run = run_in(temp.path(), &["-o", "out", "--parallelism", "8"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(temp.path().join("out/build/sim/log").exists());
}

#[test]
fn somebody_elses_manifest_does_not_make_a_directory_ours() {
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("out");
    fs::create_dir(&out).unwrap();
    for text in [
        "{}",
        "{\"files\": {\"manifest.json\": 1}}",
        "not JSON",
        "{\"generator\": \"other\", \"files\": {}}",
    ] {
        fs::write(out.join("manifest.json"), text).unwrap();
        assert_eq!(run_in(temp.path(), &["-o", "out"]).code, 4, "{text}");
        assert_eq!(fs::read_to_string(out.join("manifest.json")).unwrap(), text);
    }
}

/// Tests may run as root, whom permissions do not stop: these places stop root too.
#[test]
fn a_place_that_cannot_be_written_is_a_clear_error() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let run = run_in(temp.path(), &["-o", "file"]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.stderr,
        "error: cannot write to `file`: it exists and is not a directory\n"
    );
    let run = run_in(temp.path(), &["-o", "file/below/it"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.starts_with("error: cannot write to `file/below/it`: "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.ends_with("; nothing was changed\n"), "{}", run.stderr);
    assert_eq!(contents(temp.path()).len(), 1);
    if cfg!(target_os = "linux") {
        let run = run_and_leave_nothing(&["-o", "/proc/spatten/out"]);
        assert_eq!(run.code, 1);
        assert!(
            run.stderr.contains("cannot write to `/proc/spatten/out`"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn the_current_directory_and_links_are_written_in_place() {
    let temp = tempfile::tempdir().unwrap();
    let run = run_in(temp.path(), &["-o", ".", "--preset", "tiny"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(temp.path().join("rtl/stream_reg.v").exists());
    #[cfg(unix)]
    {
        let other = tempfile::tempdir().unwrap();
        let link = other.path().join("link");
        std::os::unix::fs::symlink(temp.path(), &link).unwrap();
        let run = run_in(other.path(), &["-o", "link", "--preset", "edge"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }
}

#[test]
fn the_committed_output_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = run_in(root, &["-o", "rtl_out", "--verify"]);
    assert!(
        run.code == 0,
        "{}rtl_out is stale; run: cargo run --release -- -o rtl_out",
        run.stdout
    );
}
