//! The blocks of a row connected, from queries and keys to output rows, against the golden model.

use rand::SeedableRng;
use rayon::prelude::*;
use spatten_gen::bench::datapath::{Datapath, Row, case, model_rows};
use spatten_gen::bench::{Bench, Mutant, Point, Random, Rig, check};
use spatten_gen::golden::model::Model;
use spatten_gen::sim::Builder;
use std::path::Path;

fn point(name: &str) -> Point {
    let points = Datapath.points().unwrap();
    points.into_iter().find(|point| point.name == name).unwrap()
}

fn rig(point: &Point, mutant: Option<&Mutant>) -> Rig {
    Rig::new(&Builder::new().unwrap(), &Datapath, point, mutant).unwrap()
}

/// Runs rows in cases of 64, paced in every way; how many of them were redone.
fn run(rig: &Rig, point: &Point, rows: &[Row]) -> usize {
    let chunks: Vec<(usize, &[Row])> = rows.chunks(64).enumerate().collect();
    let redone = chunks.par_iter().map(|&(seed, rows)| {
        let mut random = Random::seed_from_u64(seed as u64);
        let case = case(&point.config, rig.interface(), rows.to_vec(), &mut random).unwrap();
        let outcome = rig.run(&case, &rig.pacing(seed as u64)).unwrap();
        if let Err(finding) = check(&case, &outcome) {
            panic!("rows from {} on: {finding:?}", 64 * seed);
        }
        case.stream("query").len() - rows.len()
    });
    redone.sum()
}

#[test]
fn random_rows() {
    for name in ["tiny", "spatten-1-8"] {
        let rig = rig(&point(name), None);
        for seed in 0..28 {
            rig.soak(seed, 24)
                .unwrap()
                .unwrap_or_else(|failure| panic!("{failure}"));
        }
        rig.show_that_checks_fire(1, 24, 200).unwrap();
    }
}

#[test]
fn real_rows() {
    let point = point("spatten-1-8");
    let rig = rig(&point, None);
    let model = Model::load(Path::new("tests/data/minilm.safetensors")).unwrap();
    let mut redone = 0;
    for layer in 0..model.layers.len() {
        redone += run(&rig, &point, &model_rows(&model, layer, &point.config).unwrap());
    }
    assert!(redone > 0, "no row of the sample runs twice");
}

/// Blocks connected wrongly, or one of them wrong, show at the end of the chain.
#[test]
fn faults_are_noticed() {
    let faults = [
        ("lane_gearbox", "push_last && !all_leave", "1'b0"),
        ("topk_filter", "<= left_here", "> left_here"),
    ];
    for (module, find, replace) in faults {
        let fault = Mutant::new("fault", module, find, replace);
        let rig = rig(&point("tiny"), Some(&fault));
        let noticed = (0..28).any(|seed| rig.soak(seed, 24).unwrap().is_err());
        assert!(noticed, "{fault}");
    }
}

/// Every row of MiniLM and 2,000 of SmolLM2, from the files in the directory `SPATTEN_MODELS`.
#[test]
#[ignore = "minutes, and needs the models' files in the directory $SPATTEN_MODELS"]
fn all_rows_of_the_models() {
    let directory = std::env::var_os("SPATTEN_MODELS").expect("SPATTEN_MODELS");
    let load = |name: &str| Model::load(&Path::new(&directory).join(name)).unwrap();
    let point = point("spatten-1-8");
    let rig = rig(&point, None);
    let (mut count, mut redone) = (0, 0);
    let minilm = load("minilm_wt2_128.safetensors");
    for layer in 0..minilm.layers.len() {
        let rows = model_rows(&minilm, layer, &point.config).unwrap();
        count += rows.len();
        redone += run(&rig, &point, &rows);
    }
    println!("{count} rows of MiniLM, {redone} of them twice");
    let smollm = load("smollm2_wt2_480_32.safetensors");
    let (mut count, mut redone) = (0, 0);
    for layer in 0..smollm.layers.len() {
        let mut rows = model_rows(&smollm, layer, &point.config).unwrap();
        rows.truncate(2000 - count);
        count += rows.len();
        redone += run(&rig, &point, &rows);
    }
    println!("{count} rows of SmolLM2, {redone} of them twice");
    assert_eq!(count, 2000);
}
