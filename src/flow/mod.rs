//! What EDA flows need beside the RTL: makefile, filelist, manifest, packaging, and the writing of the output tree.
//!
//! Generating has two phases. [`tree`] turns a configuration into every file of the output, in memory: the same
//! configuration gives the same bytes. [`install`] brings a directory to that state, or [`compare`] says how far it is
//! from it.

pub mod depth;
mod install;
mod manifest;
mod registers;

pub use install::{Difference, InstallError, Installed, compare, install};
pub use registers::{c_header, register_page};

use crate::config::Config;
use crate::rtl::{self, Cost};
use anyhow::ensure;
use std::collections::BTreeMap;

/// Every file of an output: path inside the directory, with `/`, and contents.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Name of the file that lists all others; a directory that has it is ours.
pub const MANIFEST: &str = "manifest.json";
/// Where the makefile keeps what it builds: neither part of the output nor foreign to it.
pub const BUILD_DIRECTORY: &str = "build";

/// Every file of the output for `config`: the RTL, `testbenches` as given (paths under `tb/`), and what flows need.
///
/// # Errors
/// When a module's description or template is wrong, or a testbench path is not under `tb/`.
pub fn tree(config: &Config, testbenches: Tree) -> anyhow::Result<Tree> {
    let sources = rtl::sources(config)?;
    let files: Vec<String> = sources
        .iter()
        .map(|source| format!("rtl/{}.v", source.module))
        .collect();
    let mut tree = Tree::new();
    for (path, contents) in testbenches {
        ensure!(path.starts_with("tb/"), "testbench file {path} is not under tb/");
        let contents = match String::from_utf8(contents) {
            Ok(text) if path.ends_with(".sv") => rtl::format::format(&text).into_bytes(),
            Ok(text) => text.into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        tree.insert(path, contents);
    }
    tree.insert("spatten.f".into(), lines(&files).into());
    tree.insert("spatten.core".into(), fusesoc_core(&files).into());
    tree.insert("Bender.yml".into(), bender_manifest(&files).into());
    tree.insert(
        "Makefile".into(),
        include_bytes!("../../templates/Makefile").to_vec(),
    );
    for (path, text) in [
        (
            "sw/spatten_pack.h",
            include_str!("../../templates/sw/spatten_pack.h"),
        ),
        (
            "sw/spatten_pack.py",
            include_str!("../../templates/sw/spatten_pack.py"),
        ),
        (
            "sw/spatten_driver.h",
            include_str!("../../templates/sw/spatten_driver.h"),
        ),
        (
            "sw/spatten_driver.c",
            include_str!("../../templates/sw/spatten_driver.c"),
        ),
    ] {
        tree.insert(path.into(), text.into());
    }
    tree.insert("sw/spatten_registers.h".into(), c_header(config).into());
    tree.insert("doc/registers.md".into(), register_page(config).into());
    tree.insert("config.toml".into(), config.to_toml().into());
    tree.extend(
        files
            .into_iter()
            .zip(sources.into_iter().map(|source| source.text.into_bytes())),
    );
    let manifest = manifest::text(config, &tree)?;
    tree.insert(MANIFEST.into(), manifest.into());
    Ok(tree)
}

/// What the whole output is made of: the modules that no other module instantiates, with all they instantiate.
pub fn total_cost(config: &Config) -> Cost {
    let modules = || {
        rtl::MODULES
            .iter()
            .map(|entry| entry.module)
            .filter(|module| module.exists(config))
    };
    modules()
        .filter(|root| !modules().any(|parent| parent.instantiates(config).contains(&root.name())))
        .map(|root| root.cost(config, &[]))
        .sum()
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

/// FuseSoC's description of the RTL.
fn fusesoc_core(files: &[String]) -> String {
    format!(
        "CAPI=2:\n\n\
         name: ::spatten:{version}\n\
         description: SpAtten sparse-attention accelerator\n\n\
         filesets:\n  rtl:\n    files:\n{files}    file_type: verilogSource\n\n\
         targets:\n  default:\n    filesets: [rtl]\n",
        version = env!("CARGO_PKG_VERSION"),
        files = files
            .iter()
            .map(|file| format!("      - {file}\n"))
            .collect::<String>(),
    )
}

/// Bender's description of the RTL.
fn bender_manifest(files: &[String]) -> String {
    format!(
        "package:\n  name: spatten\n\nsources:\n{}",
        files
            .iter()
            .map(|file| format!("  - {file}\n"))
            .collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filelist_names_every_rtl_file_once() {
        let tree = tree(&Config::default(), Tree::new()).unwrap();
        let mut listed: Vec<&str> = std::str::from_utf8(&tree["spatten.f"]).unwrap().lines().collect();
        listed.sort_unstable();
        let rtl: Vec<&str> = tree
            .keys()
            .map(String::as_str)
            .filter(|path| path.starts_with("rtl/"))
            .collect();
        assert_eq!(listed, rtl);
    }

    #[test]
    fn a_testbench_outside_its_directory_is_refused() {
        let stray = Tree::from([("rtl/stray.v".into(), Vec::new())]);
        assert!(tree(&Config::default(), stray).is_err());
    }
}
