//! Real models on the core: every output, list, importance and counter is as the golden model has it, undisturbed and with
//! random stalls on every channel.

use super::cache;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `sim` on a model with the assertions of the Verilog.
#[track_caller]
fn agrees(preset: &str, model: &Path, schedule: &str) {
    for stalls in ["", " --stalls 5"] {
        let arguments = format!("sim --preset {preset} --checks {schedule}{stalls} --model");
        let output = Command::new(env!("CARGO_BIN_EXE_spatten-gen"))
            .args(arguments.split(' '))
            .arg(model)
            .env("SPATTEN_CACHE", cache())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            output.status.success() && text.contains("every answer agrees"),
            "{text}\nreplay: spatten-gen {arguments} {}",
            model.display()
        );
    }
}

/// Where the whole models are, if they are: `$SPATTEN_MODELS`, else `../shared/data`.
fn whole_models() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let directory = std::env::var_os("SPATTEN_MODELS").map_or(beside, PathBuf::from);
    let found = directory.is_dir();
    if !found {
        eprintln!(
            "skipped: no models in {}; set SPATTEN_MODELS",
            directory.display()
        );
    }
    found.then_some(directory)
}

/// The part of MiniLM that comes with the project, under the encoder's schedule.
#[test]
fn minilm() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/minilm.safetensors");
    let schedule = "--keep-tokens 1/4 --keep-heads 1/2 --keep-values 2/5";
    agrees("spatten-1-8", &model, schedule);
    agrees("edge", &model, schedule);
}

/// Layers of SmolLM2 after a context of 480 and of 992 tokens.
#[test]
fn smollm2() {
    let Some(directory) = whole_models() else { return };
    for name in ["smollm2_wt2_480_32", "smollm2_wt2_992_32"] {
        let model = directory.join(name).with_extension("safetensors");
        let schedule = "--only-layers 4 --only-steps 1 --keep-tokens 1/4 --keep-values 1/5 --key-bits 6+4 --threshold 0.1";
        agrees("spatten-1-8", &model, schedule);
    }
}
