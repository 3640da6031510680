//! Faults of the emitted core, one at a time: each must be noticed by random commands, or by the tests of registers,
//! errors and aborts.

use super::{builder, preset, registers, thorough};
use rayon::prelude::*;
use spatten_gen::bench::core_faults::{FAULTS, Fault};
use spatten_gen::bench::system::{Flow, Rig};
use spatten_gen::golden::case::Case;
use spatten_gen::golden::random::{Scope, case_for};
use spatten_gen::sim::system::MemoryModel;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Hangs are noticed soon.
fn memory(seed: Option<u64>) -> MemoryModel {
    MemoryModel {
        patience: 20_000,
        ..seed.map_or_else(MemoryModel::default, MemoryModel::from_seed)
    }
}

/// What is wrong on random commands, if anything is.
fn random(rig: &Rig, cases: &[Case]) -> Option<String> {
    for (seed, case) in (0..).zip(cases) {
        let ways = [
            (Flow::Single, None),
            (Flow::Queued, None),
            (Flow::Queued, Some(seed)),
        ];
        for (flow, stalls) in ways {
            let ran = rig.run(case, &memory(stalls), flow, true, &|_| {});
            if let Err(wrong) = ran
                .map_err(|e| e.to_string())
                .and_then(|r| r.1.map_err(|e| e.to_string()))
            {
                return Some(format!("seed {seed}, {flow:?}, stalls {stalls:?}: {wrong}"));
            }
        }
    }
    None
}

/// What is wrong with registers, errors and aborts, if anything is.
fn directed(rig: &Rig) -> Option<String> {
    type Test = fn(&Rig);
    let tests: [(&str, Test); 8] = [
        ("malformed fields", registers::each_malformed_field),
        ("sizes", registers::sizes_that_do_not_fit),
        ("interrupts", registers::interrupts_and_attributes),
        ("counters", registers::counters_of_time),
        ("full queue", super::a_full_queue),
        ("abort", super::an_abort),
        ("AXI errors", |rig| super::an_error_on_the_bus(rig, &[40])),
        ("reset", super::a_reset),
    ];
    tests.into_iter().find_map(|(name, test)| {
        let result = catch_unwind(AssertUnwindSafe(|| test(rig)));
        result.err().map(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            format!("{name}: {}", text.unwrap_or_default())
        })
    })
}

/// All faults are in one model, so trying one costs no build. By default a fifth of them are tried; `SPATTEN_FAULT` picks
/// those with a text in their names.
#[test]
fn every_fault_is_noticed() {
    let config = preset("tiny");
    let rig = Rig::faulty(&builder(), &config, FAULTS).unwrap();
    let scope = Scope {
        tokens: 64,
        heads: 4,
        commands: 13,
    };
    let cases: Vec<Case> = (0..if thorough() { 60 } else { 25 })
        .map(|seed| case_for(&config, seed, scope).unwrap())
        .collect();
    // Without a fault the model is the core.
    assert_eq!(random(&rig, &cases[..3]), None);
    // What the tests say of a fault is told below, once.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let only = std::env::var("SPATTEN_FAULT").ok();
    let wanted = |(number, fault): &(u32, &Fault)| match &only {
        Some(text) => fault.name.contains(text.as_str()),
        None => thorough() || number % 5 == 1,
    };
    let faults: Vec<(u32, &Fault)> = (1..).zip(FAULTS).filter(wanted).collect();
    let survive = faults.par_iter().with_max_len(1).filter_map(|&(number, fault)| {
        let faulty = rig.with_fault(number);
        let start = std::time::Instant::now();
        let (few, more) = cases.split_at(6);
        match random(&faulty, few)
            .or_else(|| directed(&faulty))
            .or_else(|| random(&faulty, more))
        {
            Some(wrong) => {
                let first = wrong.lines().next().unwrap_or("");
                eprintln!("{number}: {}: {first} ({:.1?})", fault.name, start.elapsed());
                None
            }
            None => {
                eprintln!("{number}: {}: SURVIVES ({:.1?})", fault.name, start.elapsed());
                Some(fault.to_string())
            }
        }
    });
    let survive: Vec<String> = survive.collect();
    std::panic::set_hook(hook);
    assert!(survive.is_empty(), "not noticed:\n{}", survive.join("\n"));
}
