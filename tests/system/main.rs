//! The emitted core against the golden model: random sequences of commands on small models, under every disturbance.
//! `SPATTEN_THOROUGH=1` runs many more.

mod faults;
mod models;
mod registers;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spatten_gen::bench::system::{Flow, Host, OKAY, QUEUE, Ran, Rig, SLVERR, error_code, image};
use spatten_gen::bench::thorough;
use spatten_gen::config::{Config, PRESETS};
use spatten_gen::golden::case::{Case, Executed, Outcome, Recorder, StateWrite};
use spatten_gen::golden::command::*;
use spatten_gen::golden::planes::{Region, Tensor};
use spatten_gen::golden::quant::Factor;
use spatten_gen::golden::random::{Scope, case_for};
use spatten_gen::sim::system::{Access, Fault, MemoryModel, Side};
use spatten_gen::sim::{Builder, Checks, Verilator};
use std::path::PathBuf;

/// Where built models are kept.
fn cache() -> PathBuf {
    std::env::var_os("SPATTEN_CACHE").map_or_else(
        || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim-cache"),
        PathBuf::from,
    )
}

fn builder() -> Builder {
    Builder::with(Verilator::find().unwrap(), cache())
}

fn preset(name: &str) -> Config {
    PRESETS.iter().find(|p| p.name == name).unwrap().config()
}

/// What the executed commands of a case do: keys through the Q×K array, probabilities into the top-k engine, sectors,
/// commands.
fn totals(case: &Case) -> [u64; 4] {
    let mut totals = [0; 4];
    for event in &case.events {
        if let Some(Outcome::Executed(executed)) = &event.result {
            let kept: u64 = executed.rows.iter().map(|row| u64::from(row.keys)).sum();
            let all = [executed.work.keys, kept, executed.sectors.total(), 1];
            totals.iter_mut().zip(all).for_each(|(sum, more)| *sum += more);
        }
    }
    totals
}

/// Every cycle of every stage is of one kind, and what moved through the stages is what the golden model counts.
fn stages_agree(config: &Config, ran: &Ran, totals: &[u64; 4]) -> Result<(), String> {
    for stage in &ran.stages {
        let cycles = ran.cycles * stage.lanes as u64;
        if stage.cycles() != cycles || stage.stalled != stage.held_up + stage.waiting {
            return Err(format!("{stage:?}: not {cycles} cycles"));
        }
    }
    let amount = |name: &str| {
        let stage = ran.stages.iter().find(|stage| stage.name == name);
        stage.map_or(u64::MAX, |stage| stage.amount)
    };
    let channels = ran
        .stages
        .iter()
        .filter(|stage| stage.lanes == config.channels as usize);
    if channels.count() < 3 {
        return Err("the channels are not there".into());
    }
    let moved = [
        amount("qk_array"),
        amount("topk_engine"),
        amount("sector requests"),
        ran.command_cycles.len() as u64,
    ];
    if moved != *totals || ran.command_cycles.iter().sum::<u64>() > ran.cycles {
        return Err(format!(
            "keys, probabilities, sectors, commands: {moved:?}, not {totals:?}"
        ));
    }
    Ok(())
}

/// What the stages do is told on every kind of run, and a wrong count is noticed.
#[test]
fn stages_are_counted() {
    let config = preset("tiny");
    let rig = Rig::new(&builder(), &config, Checks::All, None).unwrap();
    for mode in [Mode::Summarisation, Mode::Generation] {
        let case = layer(&config, 5, mode);
        let (ran, result) = rig
            .run(&case, &MemoryModel::default(), Flow::Whole, true, &|_| {})
            .unwrap();
        result.unwrap();
        let right = totals(&case);
        stages_agree(&config, &ran, &right).unwrap();
        for wrong in 0..right.len() {
            let mut other = right;
            other[wrong] += 1;
            assert!(stages_agree(&config, &ran, &other).is_err(), "{other:?}");
        }
        let mut other = ran.clone();
        other.stages[4].starved += 1;
        assert!(stages_agree(&config, &other, &right).is_err());

        let timeline = ran.timeline.unwrap();
        let parts = timeline.stages[0].1.len() as u64;
        assert!(timeline.period * parts >= ran.cycles && timeline.period * (parts - 2) <= ran.cycles);
        for (stage, (name, shares)) in ran.stages.iter().zip(&timeline.stages) {
            assert_eq!(stage.name, *name);
            // The parts hold all its busy cycles, and those of the registers' set-up, in which only state moves.
            let busy = shares.iter().sum::<f64>() * (timeline.period * stage.lanes as u64) as f64;
            assert!(
                stage.name == "cascade_state" || (busy - stage.busy as f64).abs() < 0.5,
                "{name}: {busy} cycles, not {}",
                stage.busy
            );
        }
    }
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
            let (ran, result) = rig.run(&case, &memory, flow, true, &|_| {}).unwrap();
            let wrong = match result {
                Err(wrong) => Some(wrong.to_string()),
                Ok(()) => stages_agree(&config, &ran, &totals(&case)).err(),
            };
            if let Some(wrong) = wrong {
                let mut replay = format!("spatten-gen sim --preset {name} --random {seed}");
                if flow == Flow::Single {
                    replay += " --single";
                }
                if let Some(seed) = stalls {
                    replay += &format!(" --stalls {seed}");
                }
                failures.push(format!(
                    "seed {seed}, {flow:?}, stalls {stalls:?}: {wrong}\n  replay: {replay}"
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn random_commands_on_tiny() {
    let scope = Scope {
        tokens: 64,
        heads: 4,
        commands: 13,
    };
    seeds("tiny", scope, 0..if thorough() { 300 } else { 40 });
}

#[test]
fn random_commands_on_edge() {
    let scope = Scope {
        tokens: 40,
        heads: 4,
        commands: 9,
    };
    seeds("edge", scope, 100..if thorough() { 200 } else { 105 });
}

#[test]
fn random_commands_on_an_eighth() {
    let scope = Scope {
        tokens: 60,
        heads: 3,
        commands: 9,
    };
    seeds("spatten-1-8", scope, 200..if thorough() { 300 } else { 205 });
}

/// A case of a single executed command, for tests that disturb it: a summarisation of 48 tokens, or a generation whose
/// rows are all redone.
fn layer(config: &Config, seed: u64, mode: Mode) -> Case {
    layers(config, seed, &[(mode, false)])
}

/// The same of several commands, causal or not; only the first operates on the state, so that no other waits for it.
fn layers(config: &Config, seed: u64, commands: &[(Mode, bool)]) -> Case {
    let mut run = Recorder::new(config, vec![0; config.channels as usize], true);
    let (heads, tokens, dim) = (4usize, 48usize, 32usize);
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut base = 0;
    let mut region = |vector: u64| {
        let region = Region {
            base,
            head_stride: vector * tokens as u64,
            token_stride: vector,
        };
        base += 0x10000;
        region
    };
    let bytes = |bits: u32| u64::from(bits) * dim as u64 / 8;
    let regions = Regions {
        q: region(bytes(12)),
        k_msb: region(bytes(6)),
        k_lsb: region(bytes(4)),
        v_msb: region(bytes(6)),
        v_lsb: region(bytes(4)),
        out: region(2 * dim as u64),
    };
    let mut tensor = |bits: u32| Tensor {
        heads,
        rows: tokens,
        dim,
        first: 0,
        bits,
        data: (0..heads * tokens * dim)
            .map(|_| (random.next_u32() as i32 >> (32 - bits)) as i16)
            .collect(),
    };
    run.load("q", &tensor(12), 12, regions.q, Region::default());
    run.load("k", &tensor(10), 6, regions.k_msb, regions.k_lsb);
    run.load("v", &tensor(10), 6, regions.v_msb, regions.v_lsb);
    run.write_state(StateWrite {
        length: Some(tokens as u32),
        heads: Some(heads as u32),
        ..StateWrite::default()
    })
    .unwrap();
    let command = |first: bool, mode: Mode, causal: bool| {
        let generation = mode == Mode::Generation;
        LayerCommand {
            tokens: TokenOps {
                clear: first,
                reset: first,
                ..TokenOps::default()
            },
            heads: HeadOps {
                clear: first,
                reset: first,
                ..HeadOps::default()
            },
            mode,
            causal,
            query: 0,
            head_dim: dim as u32,
            group: 1,
            keys: Keys {
                msb: 6,
                lsb: 4,
                mode: if generation {
                    KeyMode::Auto
                } else {
                    KeyMode::Always
                },
                threshold: if generation {
                    u16::MAX >> (16 - config.prob_width)
                } else {
                    0
                },
                mask: vec![],
            },
            values: Values {
                msb: 6,
                lsb: 4,
                mode: ValueMode::Always,
                ratio: 30000,
            },
            accumulate: Accumulate {
                tokens: true,
                heads: true,
                head_shift: 3,
            },
            scale: Factor::nearest(1e-6),
            output: Factor::nearest(1.0 / 256.0),
            regions: regions.clone(),
        }
    };
    for (number, &(mode, causal)) in commands.iter().enumerate() {
        run.execute(&command(number == 0, mode, causal)).unwrap();
    }
    run.finish()
}

/// Commands of either mode behind each other in the queue, rows of the generations redone: buffers change hands between
/// rows of one length and of many.
#[test]
fn modes_alternate_in_the_queue() {
    let rig = tiny();
    let (generation, causal) = ((Mode::Generation, false), (Mode::Summarisation, true));
    let case = layers(
        &rig.config,
        7,
        &[generation, causal, causal, generation, generation],
    );
    for stalls in [None, Some(3), Some(4)] {
        let memory = stalls.map_or_else(MemoryModel::default, MemoryModel::from_seed);
        let (ran, result) = rig.run(&case, &memory, Flow::Queued, true, &|_| {}).unwrap();
        if let Err(wrong) = result {
            panic!("stalls {stalls:?}: {wrong}");
        }
        assert_eq!(ran.counts.get("rows_redone"), 3 * 4);
    }
}

/// The command of [`layer`], and its rows.
fn only_command(case: &Case) -> &LayerCommand {
    case.events
        .iter()
        .find_map(|event| event.command.as_ref())
        .unwrap()
}

/// Runs [`layer`] on a host that has been disturbed: everything must be right again.
fn is_well(rig: &Rig, host: &mut Host, seed: u64, after: &str) {
    let case = layer(&rig.config, seed, Mode::Summarisation);
    // What the disturbed command wrote is not looked at.
    host.written().unwrap();
    let (_, result) = rig.run_on(host, &case, Flow::Single, true, &|_| {}).unwrap();
    if let Err(wrong) = result {
        panic!("after {after}: {wrong}");
    }
}

/// A core with the memory and state of a layer, and its command programmed.
fn ready(rig: &Rig, case: &Case, memory: &MemoryModel) -> Host {
    let mut host = rig.host(memory, &case.channel_bases, 1).unwrap();
    host.load(&image(&rig.config, case).unwrap());
    for write in case.events.iter().filter_map(|event| event.state.as_ref()) {
        host.write_state(write).unwrap();
    }
    host.program(only_command(case)).unwrap();
    host
}

fn tiny() -> Rig {
    Rig::new(&builder(), &preset("tiny"), Checks::All, None).unwrap()
}

#[test]
fn an_error_on_the_bus_stops_the_command_and_nothing_else() {
    an_error_on_the_bus(&tiny(), &[1, 40, 200]);
}

/// An error of each channel: of these beats of reads, and of the first two writes.
fn an_error_on_the_bus(rig: &Rig, reads: &[u64]) {
    let channels = rig.config.channels as usize;
    let modes = [Mode::Summarisation, Mode::Generation];
    for (mode, stalls) in modes
        .iter()
        .flat_map(|&mode| [None, Some(3u64), Some(5)].map(|stalls| (mode, stalls)))
    {
        let case = layer(&rig.config, 1, mode);
        let memory = stalls.map_or_else(MemoryModel::default, MemoryModel::from_seed);
        for channel in 0..channels {
            let reads = reads.iter().map(|&nth| (Side::Read, "read", nth));
            for (side, name, nth) in reads.chain([1, 2].map(|nth| (Side::Write, "write", nth))) {
                for fault in [Fault::Slave, Fault::Decode] {
                    let what =
                        format!("{mode:?}, {name} error {nth} on channel {channel}, stalls {stalls:?}");
                    let mut host = ready(rig, &case, &memory);
                    host.system.inject(channel, side, nth, fault);
                    // Two more wait behind it; they are dropped.
                    for _ in 0..3 {
                        // A core that has met its error by then takes no more.
                        let resp = host.ring().unwrap();
                        let full = resp != OKAY && host.status().unwrap().full;
                        assert!(resp == OKAY || full, "{what}: response {resp}");
                    }
                    let codes = host.drain().unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(codes.len(), 1, "{what}: {codes:?}");
                    assert_eq!(error_code(codes[0]).0, name, "{what}");
                    let status = host.status().unwrap();
                    assert!(status.error && status.undefined, "{what}: {status:?}");
                    host.system.run(2000).unwrap();
                    assert!(host.system.quiet(), "{what}: transactions are open");
                    assert_eq!(host.read("error").unwrap(), codes[0], "{what}");
                    host.system.inject(channel, side, 0, fault);
                    host.poke("control", &[("clear", 1)]).unwrap();
                    host.system.run(100).unwrap();
                    let status = host.status().unwrap();
                    assert!(!status.error && !status.busy, "{what}: {status:?}");
                    is_well(rig, &mut host, 2, &what);
                }
            }
        }
    }
}

#[test]
fn an_abort_at_any_time_leaves_an_idle_core() {
    an_abort(&tiny());
}

fn an_abort(rig: &Rig) {
    for (index, cycles) in [0u64, 1, 3, 10, 30, 77, 120, 200, 333, 500, 900, 1500, 3000, 6000]
        .into_iter()
        .enumerate()
    {
        let modes = [Mode::Summarisation, Mode::Generation];
        let ways = modes
            .iter()
            .flat_map(|&mode| [None, Some(index as u64)].map(|stalls| (mode, stalls)));
        for (mode, stalls) in ways {
            let case = layer(&rig.config, 1, mode);
            let memory = stalls.map_or_else(MemoryModel::default, MemoryModel::from_seed);
            let what = format!("{mode:?}, an abort after {cycles} cycles, stalls {stalls:?}");
            let mut host = ready(rig, &case, &memory);
            for _ in 0..2 {
                assert_eq!(host.ring().unwrap(), OKAY, "{what}");
            }
            host.system.run(cycles).unwrap();
            host.poke("control", &[("abort", 1)]).unwrap();
            let codes = host.drain().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(codes.is_empty(), "{what}: {codes:?}");
            assert!(host.system.quiet(), "{what}: transactions are open");
            let status = host.status().unwrap();
            assert!(
                !status.busy && status.queued == 0 && !status.error,
                "{what}: {status:?}"
            );
            is_well(rig, &mut host, 2, &what);
        }
    }
}

#[test]
fn a_reset_at_any_time_forgets_everything() {
    a_reset(&tiny());
}

fn a_reset(rig: &Rig) {
    let case = layer(&rig.config, 1, Mode::Summarisation);
    for cycles in [0u64, 5, 50, 150, 400, 1000, 4000] {
        let what = format!("a reset after {cycles} cycles");
        let mut host = ready(rig, &case, &MemoryModel::from_seed(cycles));
        host.ring().unwrap();
        host.system.run(cycles).unwrap();
        host.reset().unwrap();
        let status = host.status().unwrap();
        assert_eq!((status.word, host.system.quiet()), (0, true), "{what}");
        is_well(rig, &mut host, 2, &what);
    }
}

#[test]
fn a_full_queue_and_a_busy_state_answer_slverr_and_change_nothing() {
    a_full_queue(&tiny());
}

fn a_full_queue(rig: &Rig) {
    let case = layer(&rig.config, 1, Mode::Summarisation);
    let mut host = ready(rig, &case, &MemoryModel::default());
    let mut rung = 0;
    while host.ring().unwrap() == OKAY {
        rung += 1;
        assert!(rung < 200, "the queue never fills");
    }
    assert!(rung >= QUEUE, "{rung} commands queued");
    let status = host.status().unwrap();
    assert!(status.full);
    assert_eq!(status.queued, rung, "none of the commands is over so soon");
    // State access while busy: every window and scalar, read and write.
    let write = StateWrite {
        length: Some(1),
        heads: Some(1),
        token_list: Some(vec![0]),
        head_list: Some(vec![0]),
        token_importance: Some(vec![1]),
        head_importance: Some(vec![1]),
    };
    let mut accesses = host.state_accesses(&write);
    let reads: Vec<Access> = accesses
        .iter()
        .map(|access| match access {
            Access::Write(address, _) | Access::Read(address) => Access::Read(*address),
        })
        .collect();
    accesses.extend(reads);
    let answers = host.system.access(&accesses).unwrap();
    assert!(answers.iter().all(|answer| answer.resp == SLVERR), "{answers:?}");
    assert!(host.status().unwrap().busy);
    assert!(host.drain().unwrap().is_empty());
    let state = host.state().unwrap();
    assert_eq!((state.length, state.heads), (48, 4));
    assert_eq!(state.token_list, (0..48).collect::<Vec<_>>());
    let counts = host.counters().unwrap();
    assert_eq!(
        counts.get("rows"),
        u64::from(rung) * 48 * 4,
        "each queued command ran once"
    );
    // Registers that are read only, and addresses without a register.
    for name in ["id", "status", "error"] {
        let address = host.register(name).offset;
        let answer = host.system.access(&[Access::Write(address, 1)]).unwrap()[0];
        assert_eq!(answer.resp, SLVERR, "{name}");
    }
    let answer = host
        .system
        .access(&[Access::Read(0x3f000), Access::Write(0x3f000, 1)])
        .unwrap();
    assert!(answer.iter().all(|answer| answer.resp == SLVERR));
    is_well(rig, &mut host, 2, "a full queue");
}

/// The bench is no use if it does not notice: every kind of expectation, changed by one, is found, and where.
#[test]
fn a_wrong_expectation_is_noticed_wherever_it_is() {
    let rig = tiny();
    let right = layer(&rig.config, 1, Mode::Summarisation);
    type Change = fn(&mut Executed);
    let changes: [(&str, Change); 10] = [
        ("output, head 2, query 7, elements 4 and 5", |e| {
            let row = e.rows.iter_mut().find(|r| r.head == 2 && r.query == 7).unwrap();
            row.output[5] ^= 1;
        }),
        ("memory", |e| {
            e.rows.pop();
        }),
        ("L:", |e| e.length += 1),
        ("kept tokens", |e| e.token_list[3] += 1),
        ("kept heads", |e| {
            e.head_list.pop();
        }),
        ("token importance, token 9", |e| e.token_importance[9] += 1),
        ("head importance, head 1", |e| e.head_importance[1] -= 1),
        ("counter `sectors_k_lsb`", |e| e.sectors.k_lsb += 1),
        ("counter `rows`", |e| e.work.rows += 1),
        ("counter `rows_redone`", |e| e.work.redone_rows += 1),
    ];
    for (words, change) in changes {
        for flow in [Flow::Single, Flow::Queued, Flow::Whole] {
            let mut case = right.clone();
            for event in &mut case.events {
                if let Some(Outcome::Executed(executed)) = &mut event.result {
                    change(executed);
                }
            }
            let (_, result) = rig
                .run(&case, &MemoryModel::default(), flow, true, &|_| {})
                .unwrap();
            let message = result.expect_err(words).to_string();
            assert!(
                message.starts_with("command 0: ") && message.contains(words),
                "{words}: {message}"
            );
        }
    }
    let mut refused = right.clone();
    for event in &mut refused.events {
        if event.result.is_some() {
            event.result = Some(Outcome::Refused {
                refused: "group".into(),
            });
        }
    }
    let (_, result) = rig
        .run(&refused, &MemoryModel::default(), Flow::Single, true, &|_| {})
        .unwrap();
    let message = result.unwrap_err().to_string();
    assert!(message.contains("expected 2 (group), got none"), "{message}");
}

/// Rows of values that nothing leaves out: no stage takes more cycles for a beat than it has to.
#[test]
fn summarisation_stays_near_its_roof() {
    let arguments = "sim --preset spatten-1-8 --attention n=128,heads=2,dim=64 --dense --checks --json";
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_spatten-gen"))
        .args(arguments.split(' '))
        .env("SPATTEN_CACHE", cache())
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success(), "{report}");
    let share = report["share"].as_f64().unwrap();
    assert!(
        share > 0.9,
        "{share} of the roof; replay: spatten-gen {arguments}"
    );
}
