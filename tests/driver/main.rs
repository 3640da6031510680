//! The C driver of the output: freestanding, without a warning, needs no library; what it says of a core that is not there,
//! is another one, or is busy. `make sim-spatten_top_driver` runs it against the RTL.

use spatten_gen::bench;
use spatten_gen::config::{Config, PRESETS, Params};
use spatten_gen::flow;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const STRICT: &str = "-Wall -Wextra -Wconversion -Wshadow -Werror -pedantic";

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}:\n{text}");
    text
}

/// Software and testbenches of a configuration.
fn written(config: &Config) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let tree = flow::tree(config, bench::testbenches(config).unwrap()).unwrap();
    for (path, bytes) in tree {
        if path.starts_with("sw/") || path.ends_with(".c") || path.ends_with(".h") {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    directory
}

fn configurations() -> Vec<Config> {
    let mut all: Vec<Config> = PRESETS.iter().map(|preset| preset.config()).collect();
    // Several words of the mask, addresses of 64 bits.
    let mut params = Params::clone(&all[0]);
    (params.max_heads, params.addr_width, params.channels) = (128, 64, 32);
    all.push(Config::try_from(params).unwrap());
    all
}

#[test]
fn it_is_freestanding_and_clean_in_every_configuration() {
    for config in configurations() {
        let directory = written(&config);
        let object = directory.path().join("driver.o");
        for level in ["-O0", "-O2", "-Os"] {
            run(Command::new("gcc")
                .args("-std=c99 -ffreestanding -nostdlib -c".split(' '))
                .args(STRICT.split(' '))
                .arg(level)
                .arg(directory.path().join("sw/spatten_driver.c"))
                .arg("-o")
                .arg(&object));
            let undefined = run(Command::new("nm").arg("-u").arg(&object));
            assert_eq!(undefined.trim(), "", "{level}: needs a library");
        }
        // The program of the testbench, and the header in C++.
        for (compiler, standard, source) in [
            ("gcc", "-std=c99", "tb/spatten_top_driver.c"),
            ("g++", "-std=c++11", "sw/spatten_driver.h"),
        ] {
            run(Command::new(compiler)
                .args([
                    standard,
                    "-fsyntax-only",
                    "-x",
                    if compiler == "gcc" { "c" } else { "c++" },
                ])
                .args("-Wall -Wextra -Werror".split(' '))
                .arg("-I")
                .arg(directory.path().join("sw"))
                .arg(directory.path().join(source)));
        }
    }
}

#[test]
fn it_says_what_is_wrong() {
    for config in configurations() {
        let directory = written(&config);
        let program = directory.path().join("check");
        run(Command::new("gcc")
            .args("-std=c99 -O1 -fsanitize=undefined".split(' '))
            .args(STRICT.split(' '))
            .arg("-I")
            .arg(directory.path().join("sw"))
            .arg(Path::new(ROOT).join("tests/driver/driver_check.c"))
            .arg(directory.path().join("sw/spatten_driver.c"))
            .arg("-o")
            .arg(&program));
        assert_eq!(run(&mut Command::new(&program)), "");
    }
}
