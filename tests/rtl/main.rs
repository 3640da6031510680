//! The emitted Verilog as EDA tools see it. These tests need Verilator, Icarus and Yosys.

mod interface;
mod lint;
mod style;

use spatten_gen::config::{Config, PRESETS, Params};
use spatten_gen::flow::{self, Tree};
use std::path::Path;
use std::process::Command;

/// A preset with changes.
fn config(preset: &str, change: impl FnOnce(&mut Params)) -> Config {
    let preset = PRESETS
        .iter()
        .find(|known| known.name == preset)
        .expect("a preset");
    let mut params = preset.params();
    change(&mut params);
    Config::try_from(params).expect("a legal configuration")
}

/// The output for a configuration, in a directory that lasts as long as the answer.
fn generate(config: &Config) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tree = flow::tree(config, Tree::new()).expect("every module renders");
    flow::install(&tree, directory.path(), false).expect("writable");
    directory
}

/// Runs a tool and returns what it printed; `Err` when it fails.
fn run(directory: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .current_dir(directory)
        .args(arguments)
        .output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}
