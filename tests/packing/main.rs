//! `spatten-gen pack`, and the packing helpers in C and Python that go with the output: the same bytes from all three.

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

fn pack(directory: &Path, arguments: &[&str]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_spatten-gen"))
        .current_dir(directory)
        .arg("pack")
        .args(arguments))
}

/// A safetensors file of float64 tensors.
fn save(path: &Path, tensors: &[(&str, [usize; 3], &[f64])]) {
    let mut header = BTreeMap::new();
    let mut data = Vec::new();
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        let entry =
            serde_json::json!({ "dtype": "F64", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(*name, entry);
    }
    let mut text = serde_json::to_string(&header).unwrap();
    text.extend(std::iter::repeat_n(
        ' ',
        text.len().next_multiple_of(8) - text.len(),
    ));
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

/// The C program, compiled strictly.
fn compiled(directory: &Path) -> PathBuf {
    let program = directory.join("pack_check");
    let output = run(Command::new("gcc")
        .args("-std=c99 -Wall -Wextra -Wconversion -Werror -pedantic -O1 -fsanitize=undefined".split(' '))
        .arg("-I")
        .arg(Path::new(ROOT).join("templates/sw"))
        .arg(Path::new(ROOT).join("tests/packing/pack_check.c"))
        .arg("-o")
        .arg(&program)
        .arg("-lm"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// One tensor and how it is to be packed.
#[derive(Clone, Debug)]
struct Subject {
    shape: [usize; 3],
    values: Vec<f64>,
    msb: u32,
    lsb: u32,
    channels: u32,
    align: u64,
}

fn subject() -> impl Strategy<Value = Subject> {
    let number = prop_oneof![
        8 => -4.0f64..4.0,
        1 => Just(0.0),
        // Halves of the unit of some scales: ties that round to even.
        2 => (-16i32..=16).prop_map(|x| f64::from(x) / 2.0),
        1 => prop::num::f64::NORMAL,
        1 => prop::num::f64::SUBNORMAL,
    ];
    (
        1usize..=2,
        1usize..=5,
        prop::sample::select(vec![32usize, 64, 128]),
        1u32..=12,
        0u32..=4,
        0u32..=4,
        1u64..=40,
    )
        .prop_filter("at least 2 bits, at most 12", |(_, _, _, m, l, ..)| {
            (2..=12).contains(&(m + l))
        })
        .prop_flat_map(move |(heads, rows, dim, msb, lsb, log, align)| {
            prop::collection::vec(number.clone(), heads * rows * dim).prop_map(move |values| Subject {
                shape: [heads, rows, dim],
                values,
                msb,
                lsb,
                channels: 1 << log,
                align: 4 * align,
            })
        })
}

#[test]
fn rust_c_and_python_pack_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let program = compiled(directory);
    let mut runner = TestRunner::new(Runs {
        cases: 24,
        failure_persistence: None,
        ..Runs::default()
    });
    let outcome = runner.run(&subject(), |s| {
        compare(directory, &program, &s);
        Ok(())
    });
    outcome.unwrap();
}

fn compare(directory: &Path, program: &Path, s: &Subject) {
    let image = directory.join("image");
    let _ = std::fs::remove_dir_all(&image);
    save(&directory.join("t.safetensors"), &[("a.k", s.shape, &s.values)]);
    let (channels, align) = (s.channels.to_string(), s.align.to_string());
    let bits = format!("k={}+{}", s.msb, s.lsb);
    let packed = pack(
        directory,
        &[
            "t.safetensors",
            "-o",
            "image",
            "--bits",
            &bits,
            "--align",
            &align,
            "--channels",
            &channels,
            "--fetch-ports",
            "1",
            "--sector-window",
            "64",
        ],
    );
    assert!(
        packed.status.success(),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let layout: Value = serde_json::from_slice(&std::fs::read(image.join("layout.json")).unwrap()).unwrap();
    let tensor = &layout["tensors"][0];
    let scale = tensor["scale"].as_f64().unwrap();

    let channel_bytes = layout["end"].as_u64().unwrap() / u64::from(s.channels);
    let mut expected = Vec::new();
    for channel in 0..s.channels {
        let mut bytes = std::fs::read(image.join(format!("channel_{channel}.bin"))).unwrap();
        bytes.resize(channel_bytes as usize, 0);
        expected.extend(bytes);
    }

    let raw: Vec<u8> = s.values.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(directory.join("values"), raw).unwrap();
    let mut arguments = vec!["values".to_owned()];
    arguments.extend(s.shape.map(|n| n.to_string()));
    arguments.extend([s.msb.to_string(), s.lsb.to_string()]);
    for region in ["msb", "lsb"] {
        arguments
            .extend(["base", "head-stride", "token-stride"].map(|part| tensor[region][part].to_string()));
    }
    arguments.extend([channels, "40".into(), channel_bytes.to_string()]);
    let mut python = Command::new("python3");
    python
        .env("PYTHONPATH", Path::new(ROOT).join("templates/sw"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(Path::new(ROOT).join("tests/packing/pack_check.py"));
    for (name, mut command) in [("C", Command::new(program)), ("Python", python)] {
        let output = run(command.current_dir(directory).args(&arguments).arg("memory"));
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let words = String::from_utf8(output.stdout).unwrap();
        let mut words = words.split_whitespace();
        assert_eq!(
            words.next(),
            Some(&*format!("{:016x}", scale.to_bits())),
            "{name}: scale"
        );
        let visited: u64 = words.next().unwrap().parse().unwrap();
        let sectors = s.shape[1] as u64 * (u64::from(s.msb) * s.shape[2] as u64 / 8).div_ceil(32);
        let warned = String::from_utf8_lossy(&packed.stderr).contains("the MSB vectors");
        assert_eq!(
            warned,
            visited < u64::from(s.channels).min(sectors),
            "{name}: warning"
        );
        assert!(
            std::fs::read(directory.join("memory")).unwrap() == expected,
            "{name}: bytes differ"
        );
    }
}

#[test]
fn what_is_not_finite_is_refused_by_all() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut values = vec![1.0; 32];
    values[7] = f64::NAN;
    save(&directory.join("t.safetensors"), &[("v", [1, 1, 32], &values)]);
    let output = pack(directory, &["t.safetensors", "-o", "image"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("tensor `v`") && message.contains("element 7 is NaN"),
        "{message}"
    );
    assert!(!directory.join("image").exists(), "nothing is written");

    let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(directory.join("values"), raw).unwrap();
    let arguments = "values 1 1 32 6 4 0 0 24 0 0 16 1 40 64 memory".split(' ');
    let mut python = Command::new("python3");
    python
        .env("PYTHONPATH", Path::new(ROOT).join("templates/sw"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(Path::new(ROOT).join("tests/packing/pack_check.py"));
    for mut command in [Command::new(compiled(directory)), python] {
        let output = run(command.current_dir(directory).args(arguments.clone()));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "refused");
    }
}

#[test]
fn a_tensor_without_a_precision_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    save(
        &directory.join("t.safetensors"),
        &[("layer.0.weight", [1, 1, 32], &[0.5; 32])],
    );
    let output = pack(directory, &["t.safetensors", "-o", "image"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("no precision is given for tensor `layer.0.weight`"),
        "{message}"
    );
}
