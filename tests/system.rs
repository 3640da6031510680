//! The emitted core against the golden model: random sequences of commands on small models, under every disturbance.
//! `SPATTEN_THOROUGH=1` runs many more.

use spatten_gen::bench::system::{Flow, Rig};
use spatten_gen::config::{Config, PRESETS};
use spatten_gen::golden::random::{Scope, case_for};
use spatten_gen::sim::system::MemoryModel;
use spatten_gen::sim::{Builder, Checks, Verilator};
use std::path::PathBuf;

fn thorough() -> bool {
    std::env::var_os("SPATTEN_THOROUGH").is_some_and(|v| v == "1")
}

fn builder() -> Builder {
    let cache = std::env::var_os("SPATTEN_CACHE").map_or_else(
        || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim-cache"),
        PathBuf::from,
    );
    Builder::with(Verilator::find().unwrap(), cache)
}

fn preset(name: &str) -> Config {
    PRESETS.iter().find(|p| p.name == name).unwrap().config()
}

/// Seeds of a preset: each undisturbed and disturbed, one command at a time and queued.
fn seeds(name: &str, scope: Scope, seeds: std::ops::Range<u64>) {
    let config = preset(name);
    let rig = Rig::new(&builder(), &config, Checks::All, None).unwrap();
    let mut failures = Vec::new();
    for seed in seeds {
        let case = case_for(&config, seed, scope).unwrap();
        for (flow, stalls) in [
            (Flow::Single, None),
            (Flow::Queued, None),
            (Flow::Single, Some(seed)),
            (Flow::Queued, Some(seed)),
        ] {
            let memory = stalls.map_or_else(MemoryModel::default, MemoryModel::from_seed);
            if let Err(wrong) = rig.run(&case, &memory, flow, true, &|_| {}).unwrap() {
                let mut replay = format!("spatten-gen sim --preset {name} --random {seed}");
                if flow == Flow::Single {
                    replay += " --single";
                }
                if let Some(seed) = stalls {
                    replay += &format!(" --stalls {seed}");
                }
                failures.push(format!("seed {seed}, {flow:?}, stalls {stalls:?}: {wrong}\n  replay: {replay}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn random_commands_on_tiny() {
    let scope = Scope { tokens: 64, heads: 4, commands: 13 };
    seeds("tiny", scope, 0..if thorough() { 300 } else { 10 });
}
