//! `cargo fmt` does not see the files that the list of blocks declares; this test does.

use std::path::{Path, PathBuf};
use std::process::Command;

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_file_is_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["src", "tests"] {
        rust_files(&root.join(directory), &mut files);
    }
    let output = Command::new("rustfmt")
        .current_dir(root)
        .args(["--check", "--edition", "2024", "--color", "never"])
        .args(&files)
        .output()
        .expect("this test needs rustfmt");
    let differences = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "run: rustfmt --edition 2024 src/*/*.rs\n{differences}"
    );
}
