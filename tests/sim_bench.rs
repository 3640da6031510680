//! Every block's bench: it passes, its checks fire, and it notices every fault listed for it.

use rayon::prelude::*;
use spatten_gen::bench::plane_fetcher::one_vector;
use spatten_gen::bench::topk_engine::push_row;
use spatten_gen::bench::{self, BENCHES, Bench, Mutant, Point, Rig};
use spatten_gen::rtl;
use spatten_gen::rtl::plane_fetcher::{request_latency, vector_latency};
use spatten_gen::sim::{Builder, Case, Pacing};

/// Every bench with each of its points.
fn points() -> Vec<(&'static dyn Bench, Point)> {
    let points = |bench: &&'static dyn Bench| {
        let bench = *bench;
        bench
            .points()
            .unwrap()
            .into_iter()
            .map(move |point| (bench, point))
    };
    BENCHES.iter().flat_map(points).collect()
}

#[test]
fn every_block_matches_its_model_at_every_point() {
    let builder = Builder::new().unwrap();
    let failures: Vec<String> = points()
        .par_iter()
        .with_max_len(1)
        .flat_map_iter(|(bench, point)| {
            let rig = Rig::new(&builder, *bench, point, None).unwrap();
            let rows = bench.rows_per_run();
            (0..28)
                .find_map(move |seed| rig.soak(seed, rows).unwrap().err())
                .map(|failure| failure.to_string())
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_comparison_fires() {
    let builder = Builder::new().unwrap();
    BENCHES.par_iter().with_max_len(1).for_each(|bench| {
        let point = &bench.points().unwrap()[0];
        let rig = Rig::new(&builder, *bench, point, None).unwrap();
        rig.show_that_checks_fire(1, bench.rows_per_run(), 200).unwrap();
    });
}

#[test]
fn every_fault_is_noticed() {
    let builder = Builder::new().unwrap();
    let faults: Vec<(&'static dyn Bench, Mutant)> = BENCHES
        .iter()
        .flat_map(|b| b.mutants().into_iter().map(|mutant| (*b, mutant)))
        .collect();
    let survivors: Vec<String> = faults
        .par_iter()
        .with_max_len(1)
        .filter(|(bench, mutant)| bench::kill(&builder, *bench, mutant, 28).unwrap().is_none())
        .map(|(bench, mutant)| format!("{}: {mutant}", bench.block()))
        .collect();
    assert!(survivors.is_empty(), "not noticed:\n{}", survivors.join("\n"));
}

/// A row whose answer needs no more than its first beat shows the latency; the others do not contradict it.
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
            let case: Case = rig.case(0, 1).unwrap();
            let outcome = rig.run(&case, &Pacing::full_speed()).unwrap();
            for latency in stated {
                let accepted = outcome.accepted(latency.from)[0];
                let offered = outcome.output(latency.to).cycles[0];
                let context = format!(
                    "{} at {}, {} to {}",
                    bench.block(),
                    point.name,
                    latency.from,
                    latency.to
                );
                assert_eq!(offered - accepted, u64::from(latency.cycles), "{context}");
            }
        }
    }
}

/// What the header of `topk_engine` states, measured where nothing depends on the data: rows of which nothing or all is
/// kept need no pass but the one over the arriving row.
#[test]
fn the_top_k_engine_takes_the_cycles_that_its_header_states() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("topk_engine").unwrap();
    let cycles = |units: u64, rows: usize, beats: usize| {
        let point = Point::new("p16").parameter("UNITS", units);
        let rig = Rig::new(&builder, bench, &point, None).unwrap();
        let mut case = Case::new(rig.interface());
        let row: Vec<u32> = (0..16 * beats as u32).collect();
        for _ in 0..rows {
            push_row(&mut case, 16, &row, u16::MAX, 0);
        }
        let outcome = rig.run(&case, &Pacing::full_speed()).unwrap();
        bench::check(&case, &outcome).unwrap();
        let row_ends = outcome.output("pop").cycles.iter().copied();
        (
            row_ends.skip(beats - 1).step_by(beats).collect::<Vec<u64>>(),
            outcome.accepted("push").to_vec(),
        )
    };
    let (ends, accepted) = cycles(1, 1, 1);
    assert_eq!(ends[0] - accepted[0], 13, "latency");
    for beats in [1, 4, 10] {
        let (ends, _) = cycles(1, 20, beats);
        assert_eq!(ends[19] - ends[18], beats as u64 + 5, "one unit, {beats} beats");
        let (ends, _) = cycles(2, 20, beats);
        let two_rows = (2 * beats as u64).max(beats as u64 + 5);
        assert_eq!(ends[19] - ends[17], two_rows, "two units, {beats} beats");
    }
}

/// What the header of `plane_fetcher` states, together: from ids to a request, the memory, from a sector to a vector.
#[test]
fn the_plane_fetcher_takes_the_cycles_that_its_header_states() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("plane_fetcher").unwrap();
    for name in ["tiny", "one-port", "passes3"] {
        let point = &bench::points(bench, Some(name)).unwrap()[0];
        let rig = Rig::new(&builder, bench, point, None).unwrap();
        for latency in [2, 100] {
            let case = one_vector(rig.interface(), &point.config, latency);
            let outcome = rig.run(&case, &Pacing::full_speed()).unwrap();
            bench::check(&case, &outcome).unwrap();
            let stated = u64::from(request_latency(&point.config) + vector_latency(&point.config));
            // The tag of a request waits in a FIFO of its own, which a fast memory outruns.
            let tag = u64::from(point.config.ram_latency) + 1;
            let cycles = outcome.output("vector").cycles[0] - outcome.accepted("id")[0];
            assert_eq!(
                cycles,
                stated + latency.max(tag),
                "{name}, memory latency {latency}"
            );
        }
    }
}
