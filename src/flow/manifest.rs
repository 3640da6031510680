//! `manifest.json`: what was generated, for machines.

use super::{MANIFEST, Tree};
use crate::config::{Config, Params};
use crate::rtl::{self, Cost, Interface, Latency};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Value of the manifest's `generator` key.
const GENERATOR: &str = "spatten-gen";

/// The file.
#[derive(Serialize)]
struct Manifest<'a> {
    generator: &'static str,
    version: &'static str,
    command: String,
    config: &'a Params,
    cost: Cost,
    modules: Vec<ModuleEntry>,
    files: BTreeMap<&'a str, FileEntry>,
}

#[derive(Serialize)]
struct ModuleEntry {
    name: &'static str,
    summary: &'static str,
    file: String,
    instantiates: &'static [&'static str],
    /// Ports besides the interface.
    clock: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<&'static str>,
    interface: Interface,
    latencies: Vec<Latency>,
    cost: Cost,
}

#[derive(Serialize)]
struct FileEntry {
    bytes: usize,
    sha256: String,
}

/// The manifest of all files in `tree`.
pub(super) fn text(config: &Config, tree: &Tree) -> anyhow::Result<String> {
    let modules = rtl::in_order(config)?.into_iter().map(|module| ModuleEntry {
        name: module.name(),
        summary: module.summary(),
        file: format!("rtl/{}.v", module.name()),
        instantiates: module.instantiates(config),
        clock: module.has_clock().then_some("clk"),
        reset: module.has_reset().then(|| config.reset.port()),
        interface: module.interface(config, &[]),
        latencies: module.latencies(config),
        cost: module.cost(config, &[]),
    });
    let manifest = Manifest {
        generator: GENERATOR,
        version: env!("CARGO_PKG_VERSION"),
        command: config.command(),
        config,
        cost: super::total_cost(config),
        modules: modules.collect(),
        files: tree
            .iter()
            .map(|(path, bytes)| {
                (
                    path.as_str(),
                    FileEntry {
                        bytes: bytes.len(),
                        sha256: sha256(bytes),
                    },
                )
            })
            .collect(),
    };
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

/// SHA-256 of `bytes` in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Paths of the files that the manifest in `directory` lists, itself included; none when there is no manifest of ours.
pub(super) fn listed_files(directory: &Path) -> Vec<String> {
    #[derive(Deserialize)]
    struct Listing {
        generator: String,
        files: BTreeMap<String, serde_json::Value>,
    }
    let Ok(text) = std::fs::read(directory.join(MANIFEST)) else {
        return Vec::new();
    };
    match serde_json::from_slice::<Listing>(&text) {
        Ok(listing) if listing.generator == GENERATOR => {
            listing.files.into_keys().chain([MANIFEST.to_owned()]).collect()
        }
        _ => Vec::new(),
    }
}
