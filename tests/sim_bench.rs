//! Every block's bench: it passes, its checks fire, and it notices every fault listed for it.

use rayon::prelude::*;
use spatten_gen::bench::{self, BENCHES, Rig};
use spatten_gen::rtl;
use spatten_gen::sim::{Builder, Pacing};

#[test]
fn every_block_matches_its_model_at_every_point() {
    let builder = Builder::new().unwrap();
    let targets: Vec<_> = BENCHES
        .iter()
        .flat_map(|bench| {
            bench
                .points()
                .unwrap()
                .into_iter()
                .map(move |point| (*bench, point))
        })
        .collect();
    targets.par_iter().for_each(|(bench, point)| {
        let rig = Rig::new(&builder, *bench, point, None).unwrap();
        for seed in 0..28 {
            if let Err(failure) = rig.soak(seed, bench.rows_per_run()).unwrap() {
                panic!("{failure}");
            }
        }
    });
}

#[test]
fn every_comparison_fires() {
    let builder = Builder::new().unwrap();
    for bench in BENCHES {
        let point = &bench.points().unwrap()[0];
        let rig = Rig::new(&builder, *bench, point, None).unwrap();
        rig.show_that_checks_fire(1, bench.rows_per_run(), 200).unwrap();
    }
}

#[test]
fn every_fault_is_noticed() {
    let builder = Builder::new().unwrap();
    let faults: Vec<_> = BENCHES
        .iter()
        .flat_map(|bench| bench.mutants().into_iter().map(move |mutant| (*bench, mutant)))
        .collect();
    let survivors: Vec<String> = faults
        .par_iter()
        .filter_map(
            |(bench, mutant)| match bench::kill(&builder, *bench, mutant, 28).unwrap() {
                Some(failure) => {
                    println!("{mutant}:\n  {failure}");
                    None
                }
                None => Some(mutant.to_string()),
            },
        )
        .collect();
    assert!(survivors.is_empty(), "not noticed: {survivors:#?}");
}

/// A row alone, nothing stalling: the first beat comes out after the stated number of cycles.
#[test]
fn latencies_are_as_stated() {
    let builder = Builder::new().unwrap();
    for bench in BENCHES {
        let module = rtl::module(bench.block()).unwrap();
        for point in bench.points().unwrap() {
            let stated = module.latencies(&point.config);
            if stated.is_empty() {
                continue;
            }
            let rig = Rig::new(&builder, *bench, &point, None).unwrap();
            let outcome = rig.run(&rig.case(0, 1).unwrap(), &Pacing::full_speed()).unwrap();
            for latency in stated {
                let cycles = outcome.output(latency.to).cycles[0] - outcome.accepted(latency.from)[0];
                assert_eq!(
                    cycles,
                    u64::from(latency.cycles),
                    "{} at {}, {} to {}",
                    bench.block(),
                    point.name,
                    latency.from,
                    latency.to
                );
            }
        }
    }
}
