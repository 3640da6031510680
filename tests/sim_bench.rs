//! Every block's bench: it passes, its checks fire, and it notices every fault listed for it.

use rayon::prelude::*;
use spatten_gen::bench::av_array;
use spatten_gen::bench::measure::Selection;
use spatten_gen::bench::plane_fetcher::one_vector;
use spatten_gen::bench::soak::{Goal, Plan, soak};
use spatten_gen::bench::softmax::{Showing, Stand};
use spatten_gen::bench::topk_engine::push_row;
use spatten_gen::bench::value_buffer::one_row;
use spatten_gen::bench::{self, BENCHES, Bench, Mutant, Point, Rig, thorough};
use spatten_gen::config::PRESETS;
use spatten_gen::rtl;
use spatten_gen::rtl::plane_fetcher::{request_latency, vector_latency};
use spatten_gen::rtl::value_buffer;
use spatten_gen::sim::{Builder, Case, End, Pace, Pacing};

/// Points of a block, and faults, that an ordinary run takes: building them is most of its time.
const POINTS: usize = 3;
const FAULTS: usize = 1;

/// The benches that the run takes: those of the blocks that `SPATTEN_BLOCKS` names, with commas between them, or all.
fn benches() -> Vec<&'static dyn Bench> {
    let named = std::env::var("SPATTEN_BLOCKS").unwrap_or_default();
    let blocks: Vec<&str> = named.split(',').filter(|name| !name.is_empty()).collect();
    let taken = |bench: &&'static dyn Bench| blocks.is_empty() || blocks.contains(&bench.block());
    BENCHES.iter().copied().filter(taken).collect()
}

/// So many of `all`, the first and the last among them, evenly spread.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    let picked: Vec<usize> = (0..most).map(|i| i * (all.len() - 1) / (most - 1)).collect();
    let numbered = all.into_iter().enumerate();
    numbered
        .filter_map(|(i, item)| picked.contains(&i).then_some(item))
        .collect()
}

/// The points of a bench that this run takes: an ordinary one leaves the default preset, which is the largest, to the
/// generated testbenches.
fn points_of(bench: &dyn Bench) -> Vec<Point> {
    let mut points = bench.points().unwrap();
    if !thorough() {
        points.retain(|point| point.name != PRESETS[0].name);
        points = spread(points, POINTS);
    }
    points
}

/// Faults by these words are in every run.
const ALWAYS: [&str; 9] = [
    "LSB products",
    "ragged",
    "half up",
    "saturation",
    "maximum not subtracted",
    "back-to-back equal",
    "prefix too long",
    "fetched twice",
    "4 KB",
];

/// The faults of a bench that this run takes: those of [`ALWAYS`], or else the first of its list.
fn faults_of(bench: &dyn Bench) -> Vec<Mutant> {
    let named = |mutant: &Mutant| ALWAYS.iter().any(|words| mutant.name.contains(words));
    let (mut faults, others): (Vec<_>, Vec<_>) = bench.mutants().into_iter().partition(named);
    let room = if thorough() {
        usize::MAX
    } else {
        FAULTS.saturating_sub(faults.len())
    };
    faults.extend(others.into_iter().take(room));
    faults
}

#[test]
fn what_is_spread_has_both_ends() {
    assert_eq!(spread((0..10).collect(), 4), [0, 3, 6, 9]);
    assert_eq!(spread((0..3).collect(), 4), [0, 1, 2]);
}

/// A soak by elements: each block has at least as many compared as asked for, about equally many at each point.
#[test]
fn a_soak_compares_as_many_elements_as_asked_for() {
    const ELEMENTS: u64 = 30_000;
    let blocks = ["stream_reg", "head_importance"].map(|block| bench::bench(block).unwrap());
    let targets = |bench: &&'static dyn Bench| {
        let (bench, points) = (*bench, bench.points().unwrap());
        points.into_iter().take(3).map(move |point| (bench, point))
    };
    let plan = Plan {
        targets: blocks.iter().flat_map(targets).collect(),
        seed: 5,
        goal: Some(Goal::Elements(ELEMENTS)),
        seconds: None,
        threads: 2,
    };
    let report = soak(&Builder::new().unwrap(), &plan, &|_| ()).unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let compared = report.blocks();
    assert_eq!(compared.len(), blocks.len());
    assert!(compared.iter().all(|(_, tally)| tally.elements >= ELEMENTS));
    for target in &report.targets {
        let points = report
            .targets
            .iter()
            .filter(|other| other.block == target.block)
            .count() as u64;
        let elements = target.tally.elements;
        let most = ELEMENTS / points + 3 * (elements / target.tally.runs);
        assert!((ELEMENTS / points..=most).contains(&elements), "{target:?}");
    }
}

/// Every bench with each of its points that this run takes.
fn points() -> Vec<(&'static dyn Bench, Point)> {
    let points = |bench: &'static dyn Bench| points_of(bench).into_iter().map(move |point| (bench, point));
    benches().into_iter().flat_map(points).collect()
}

#[test]
fn every_block_matches_its_model() {
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
    benches().into_par_iter().with_max_len(1).for_each(|bench| {
        let point = &points_of(bench)[0];
        let rig = Rig::new(&builder, bench, point, None).unwrap();
        rig.show_that_checks_fire(1, bench.rows_per_run(), 200).unwrap();
    });
}

/// Also of those faults that only a thorough run tries.
#[test]
fn every_fault_has_its_place() {
    let mut faults = Vec::new();
    for bench in benches() {
        let block = rtl::module(bench.block()).unwrap();
        let points = bench.points().unwrap();
        let sources: Vec<_> = points
            .iter()
            .map(|point| rtl::sources_of(block, &point.config).unwrap())
            .collect();
        for mutant in bench.mutants() {
            let of_module = |source: &&rtl::Source| source.module == mutant.module;
            let texts = sources.iter().filter_map(|all| all.iter().find(of_module));
            let times: Vec<usize> = texts
                .map(|source| bench::places(&source.text, mutant.find).len())
                .collect();
            if times.iter().any(|&times| times > 1) || !times.contains(&1) {
                faults.push(format!(
                    "{}: {mutant} occurs {times:?} times at its points",
                    bench.block()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn faults_are_noticed() {
    let builder = Builder::new().unwrap();
    let faults: Vec<(&'static dyn Bench, Mutant)> = benches()
        .into_iter()
        .flat_map(|b| faults_of(b).into_iter().map(move |mutant| (b, mutant)))
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
    for bench in benches() {
        let module = rtl::module(bench.block()).unwrap();
        for point in points_of(bench) {
            let stated = module.latencies(&point.config);
            if stated.is_empty() {
                continue;
            }
            let rig = Rig::new(&builder, bench, &point, None).unwrap();
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

/// What the header of `qk_array` states: no pause at any head dimension nor where it changes, and how many beats it holds.
#[test]
fn the_qk_array_never_pauses_and_holds_as_many_beats_as_stated() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("qk_array").unwrap();
    let measured = bench.measure(&builder, &Selection::default(), &|_| ()).unwrap();
    assert_eq!(measured.len(), 15);
    for figures in measured {
        assert_eq!(figures.broken().count(), 0, "{figures:?}");
    }
    for point in bench
        .points()
        .unwrap()
        .iter()
        .filter(|point| !point.name.contains("spatten"))
    {
        let rig = Rig::new(&builder, bench, point, None).unwrap();
        let pacing = Pacing {
            outputs: vec![Pace::Hold { cycles: 200 }],
            ..Pacing::full_speed()
        };
        let outcome = rig.run(&rig.case(0, 50).unwrap(), &pacing).unwrap();
        let early = outcome.accepted("key").iter().filter(|cycle| **cycle < 200);
        assert_eq!(early.count(), 16 + 1, "{}", point.name);
    }
}

/// A key beat that breaks the rules of a row is reported: one too full, one short before the row's end, a head dimension
/// above the largest.
#[test]
fn the_qk_array_reports_key_beats_that_break_the_rules() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("qk_array").unwrap();
    let point = &bench::points(bench, Some("w16")).unwrap()[0];
    let rig = Rig::new(&builder, bench, point, None).unwrap();
    let end = |dim: i64, counts: &[i64]| {
        let mut case = Case::new(rig.interface());
        case.beat("query").ignore("data").set("dim", dim);
        for (index, &count) in counts.iter().enumerate() {
            let last = i64::from(index == counts.len() - 1);
            case.beat("key")
                .ignore("data")
                .set("count", count)
                .set("last", last);
            case.beat("pop")
                .ignore("scores")
                .set("count", count)
                .set("last", last);
        }
        rig.run(&case, &Pacing::full_speed()).unwrap().end
    };
    for (dim, counts) in [(1, &[1, 1, 0][..]), (1, &[1, 0]), (0, &[2, 2, 1]), (0, &[0])] {
        assert_eq!(end(dim, counts), End::Done, "{dim} {counts:?}");
    }
    for (dim, counts, what) in [
        (1, &[1, 2][..], "holds 2 keys, a full one 1"),
        (0, &[2, 1, 1], "holds 1 keys, a full one 2"),
        (2, &[0], "head dimension 128 is above 64"),
    ] {
        let end = end(dim, counts);
        assert!(matches!(&end, End::Stopped(why) if why.contains(what)), "{end:?}");
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

/// What the header of `softmax` states: latency by the beats of a row, the time that a verdict may take, and no bubble
/// whatever the lengths of the rows.
#[test]
fn the_softmax_takes_the_cycles_that_its_header_states() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("softmax").unwrap();
    // The rows of the last three are as long in beats as the buffers are made for.
    let names = [
        "spatten",
        "edge",
        "tiny",
        "p16-table",
        "p11",
        "p14-table",
        "lanes16",
    ];
    for point in bench.points().unwrap() {
        if !names.contains(&point.name.as_str()) {
            continue;
        }
        let (name, most) = (point.name.clone(), point.config.max_tokens as usize);
        let point = point
            .config(|c| c.reset = spatten_gen::config::Reset::SyncHigh)
            .unwrap();
        let stand = Stand::new(&builder, point).unwrap();
        let sizes = *stand.sizes();
        let (lanes, slack) = (sizes.lanes as usize, sizes.verdict_slack());
        for n in [0, 1, lanes, lanes + 1, most - 1, most] {
            for late in [0, 1, 7] {
                let beats = n.div_ceil(lanes).max(1) as u64;
                let shown = stand.show(&[n], false, slack + late).unwrap();
                let stated = Showing {
                    to_sum: u64::from(sizes.first_to_sum()) - 2 + 2 * beats,
                    to_pop: u64::from(sizes.first_to_pop() + late) - 2 + 2 * beats,
                    bubbles: 0,
                    gaps: 0,
                };
                assert_eq!(shown, stated, "{name}, n = {n}, verdict {late} cycles late");
            }
        }
        let mixtures: [Vec<usize>; 6] = [
            vec![1; 200],
            vec![0; 200],
            vec![most; 8],
            (1..=most.min(120)).collect(),
            (1..=most.min(120)).rev().collect(),
            [
                vec![most],
                vec![1; most / lanes + 60],
                vec![most],
                vec![0; most / lanes + 60],
            ]
            .concat(),
        ];
        for lengths in mixtures {
            for wait in [1, slack] {
                let shown = stand.show(&lengths, wait == 1, wait).unwrap();
                assert_eq!(
                    shown.bubbles, 0,
                    "{name}, rows of {lengths:?}, verdicts after {wait}"
                );
            }
        }
        // Verdicts that come much later cost cycles, and nothing else.
        let shown = stand.show(&vec![1; 300], false, 64).unwrap();
        assert_eq!(shown.to_sum, u64::from(sizes.first_to_sum()), "{name}");
    }
}

/// What the header of `av_array` states: cycles of a row and latencies, at each head dimension, exactly.
#[test]
fn the_prob_value_array_takes_the_cycles_that_its_header_states() {
    let builder = Builder::new().unwrap();
    for (multipliers, head_dim) in [(64, 32), (64, 64), (128, 128)] {
        let stand = av_array::Stand::new(&builder, multipliers, head_dim).unwrap();
        for dim in [32, 64, 128].into_iter().filter(|&dim| dim <= head_dim as usize) {
            for beats in [1, 2, 3, 5, 32] {
                let measured = stand.measure(dim, beats).unwrap();
                for (name, stated) in &measured.bounds {
                    let context = format!("{name}: {multipliers} multipliers, D = {dim}, {beats} beats");
                    assert_eq!(measured.figure(name), Some(*stated), "{context}");
                }
            }
        }
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

/// What the header of `value_buffer` states: from a row's only beat to its values, when its list is there.
#[test]
fn the_value_buffer_takes_the_cycles_that_its_header_states() {
    let builder = Builder::new().unwrap();
    let bench = bench::bench("value_buffer").unwrap();
    for name in ["tiny", "one-vector", "one-long-vector", "three-vectors"] {
        let point = &bench::points(bench, Some(name)).unwrap()[0];
        let rig = Rig::new(&builder, bench, point, None).unwrap();
        for through in [false, true] {
            let case = one_row(rig.interface(), &point.config, through);
            // The list first.
            let pacing = Pacing {
                inputs: vec![Pace::Always, Pace::Hold { cycles: 50 }],
                ..Pacing::full_speed()
            };
            let outcome = rig.run(&case, &pacing).unwrap();
            bench::check(&case, &outcome).unwrap();
            let stated = if through {
                1
            } else {
                value_buffer::latency(&point.config)
            };
            assert_eq!(
                outcome.ones("waiting"),
                u64::from(stated),
                "{name}, through: {through}"
            );
        }
    }
}

/// What the headers of `vector_addresses`, `sector_crossbar` and `beat_splitter` state, at every point of their benches.
#[test]
fn the_parts_of_the_memory_side_keep_what_their_headers_state() {
    let builder = Builder::new().unwrap();
    for block in ["vector_addresses", "sector_crossbar", "beat_splitter"] {
        let bench = bench::bench(block).unwrap();
        let measured = bench.measure(&builder, &Selection::default(), &|_| ()).unwrap();
        assert!(!measured.is_empty());
        for figures in measured {
            assert_eq!(figures.broken().count(), 0, "{block}: {figures:?}");
        }
    }
}
