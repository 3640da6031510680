//! The AXI4 masters against a memory model that others wrote: AxiRam of cocotbext-axi (`sim/axi_model`).

use rayon::prelude::*;
use spatten_gen::bench::{Point, design};
use spatten_gen::config::Params;
use spatten_gen::sim::candidates;
use std::path::{Path, PathBuf};
use std::process::Command;

fn tool(name: &str) -> Option<PathBuf> {
    candidates(name).into_iter().next()
}

/// The first Python that has the model; the one on the PATH need not.
fn python() -> Option<PathBuf> {
    candidates("python").into_iter().find(|python| {
        let imports = Command::new(python)
            .args(["-c", "import cocotb, cocotbext.axi"])
            .output();
        imports.is_ok_and(|output| output.status.success())
    })
}

/// Runs the masters at a width, with a fault in their Verilog if one is given; whether they agree with the model, and what
/// was printed.
fn run(name: &str, width: u32, most: u32, fault: Option<(&str, &str, &str)>) -> Option<(bool, String)> {
    let Some((iverilog, vvp)) = tool("iverilog").zip(tool("vvp")) else {
        eprintln!("skipped: no Icarus Verilog");
        return None;
    };
    let python = python().expect("no python with cocotb; run sim/setup");
    let work = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("axi_model")
        .join(name);
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).unwrap();
    let point = Point::new(name)
        .config(|p: &mut Params| p.axi_data_width = width)
        .unwrap();
    let mut files = std::collections::BTreeMap::new();
    for block in ["axi_reader", "axi_writer"] {
        files.extend(design(block, &point, None).unwrap().sources);
    }
    if let Some((file, find, replace)) = fault {
        let text = files.get_mut(file).unwrap();
        assert_eq!(text.matches(find).count(), 1, "{find}");
        *text = text.replace(find, replace);
    }
    let mut command = Command::new(python);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/axi_model"))
        .arg("--work")
        .arg(&work)
        .arg("--iverilog")
        .arg(iverilog)
        .arg("--vvp")
        .arg(vvp)
        .args([
            "--data-width",
            &width.to_string(),
            "--max-burst",
            &most.to_string(),
        ])
        .args(["--seed", &(width + most).to_string()]);
    for (name, text) in &files {
        std::fs::write(work.join(name), text).unwrap();
        command.arg(work.join(name));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some((output.status.success(), text))
}

#[test]
fn agrees_at_every_width() {
    [(64, 64), (128, 4), (256, 4), (512, 4), (256, 128), (512, 1)]
        .par_iter()
        .with_max_len(1)
        .for_each(|&(width, most)| {
            if let Some((pass, text)) = run(&format!("{width}-{most}"), width, most, None) {
                assert!(pass && text.contains("agrees"), "{width} bits:\n{text}");
            }
        });
}

#[test]
fn disagrees_with_faults() {
    let faults = [
        ("axi_reader.v", "base + asked_address", "asked_address"),
        ("axi_reader.v", "&& next_in_page_q != {PAGE_W{1'b0}}", ""),
        ("axi_writer.v", "{4{beat_strobe[word]}}", "4'hf"),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        if let Some((pass, text)) = run(&format!("fault-{number}"), 256, 4, Some(fault)) {
            assert!(!pass && text.contains("disagree"), "{fault:?}:\n{text}");
        }
    }
}
