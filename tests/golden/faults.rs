//! Faults of the kind that slip into a model of top-k and cascade pruning, each put in on purpose: the check that
//! accepts the golden model must refuse the model with the fault. The faults of the RTL are in `sim_bench`.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spatten_gen::golden::cascade::{self, Prune};
use spatten_gen::golden::token_importance::Importance;
use spatten_gen::golden::topk_engine::{topk, value_count};

/// Random rows with many equal keys, and a k of every class for each.
fn rows() -> impl Iterator<Item = (Vec<u32>, usize)> {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    (0..400).flat_map(move |_| {
        let n = (random.next_u32() % 40) as usize;
        let row: Vec<u32> = (0..n).map(|_| random.next_u32() % 9).collect();
        [0, 1, n / 3, n / 2, n.saturating_sub(1), n, n + 1].map(|k| (row.clone(), k))
    })
}

/// Holds a top-k against its definition: sort by key, the earlier position first among equals, take k, restore order.
fn check_topk(model: impl Fn(&[u32], usize) -> Vec<usize>) -> Result<(), String> {
    for (row, k) in rows() {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(row[i]), i));
        order.truncate(k);
        order.sort_unstable();
        let got = model(&row, k);
        if got != order {
            return Err(format!("top {k} of {row:?}: expected {order:?}, got {got:?}"));
        }
    }
    Ok(())
}

/// Holds the number of kept values against `ceil(ratio * n / 65536)`: the least `c` with `c * 65536 >= ratio * n`.
fn check_value_count(model: impl Fn(u32, usize) -> usize) -> Result<(), String> {
    for ratio in [0, 1, 655, 13107, 21845, 21846, 32768, 65535, 65536] {
        for n in 0..=300 {
            let got = model(ratio, n);
            let (need, have) = (u64::from(ratio) * n as u64, got as u64 * 65536);
            if have < need || (got > 0 && have - 65536 >= need) {
                return Err(format!("{ratio} / 65536 of {n} keys: got {got}"));
            }
        }
    }
    Ok(())
}

/// Holds cascade pruning against its definition: guarded entries first, then by importance, then by position.
fn check_prune(model: impl Fn(&[u32], &Importance, Prune) -> Vec<u32>) -> Result<(), String> {
    let mut random = Pcg64Mcg::seed_from_u64(6);
    for (row, k) in rows() {
        let list: Vec<u32> = (0..row.len() as u32).map(|i| 2 * i).collect();
        let mut importance = Importance::new(2 * row.len() as u32 + 1);
        for (&id, &key) in list.iter().zip(&row) {
            importance.set(id, key);
        }
        let prune = Prune {
            k: k as u16,
            first: (random.next_u32() % 4) as u16,
            last: (random.next_u32() % 4) as u16,
        };
        let guarded = |i: usize| i < usize::from(prune.first) || i + usize::from(prune.last) >= list.len();
        let guards = (0..list.len()).filter(|&i| guarded(i)).count();
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|&i| (!guarded(i), std::cmp::Reverse(row[i]), i));
        order.truncate(guards.max(k));
        order.sort_unstable();
        let expected: Vec<u32> = order.into_iter().map(|i| list[i]).collect();
        let got = model(&list, &importance, prune);
        if got != expected {
            return Err(format!(
                "{prune:?} of {row:?}: expected {expected:?}, got {got:?}"
            ));
        }
    }
    Ok(())
}

#[test]
fn the_golden_model_passes() {
    check_topk(topk).unwrap();
    check_value_count(value_count).unwrap();
    check_prune(cascade::prune).unwrap();
}

#[test]
fn tie_order_is_noticed() {
    // The later of equal keys: the row reversed, and back.
    let faulty = |row: &[u32], k| {
        let reversed: Vec<u32> = row.iter().rev().copied().collect();
        let mut kept: Vec<usize> = topk(&reversed, k).iter().map(|i| row.len() - 1 - i).collect();
        kept.sort_unstable();
        kept
    };
    println!("{}", check_topk(faulty).unwrap_err());
}

#[test]
fn less_for_less_or_equal_is_noticed() {
    // Of the keys equal to the threshold, `rank < ties` with ranks from 1 loses the last one that should stay.
    let faulty = |row: &[u32], k: usize| topk(row, if k < row.len() { k.saturating_sub(1) } else { k });
    println!("{}", check_topk(faulty).unwrap_err());
}

#[test]
fn floor_for_ceil_is_noticed() {
    let faulty = |ratio: u32, n: usize| (u64::from(ratio) * n as u64 / 65536) as usize;
    println!("{}", check_value_count(faulty).unwrap_err());
}

#[test]
fn an_ignored_guard_is_noticed() {
    for (first, last) in [(false, true), (true, false)] {
        let faulty = |list: &[u32], importance: &Importance, prune: Prune| {
            let prune = Prune {
                first: if first { prune.first } else { 0 },
                last: if last { prune.last } else { 0 },
                ..prune
            };
            cascade::prune(list, importance, prune)
        };
        println!("{}", check_prune(faulty).unwrap_err());
    }
}

#[test]
fn k_equal_to_n_mishandled_is_noticed() {
    let faulty = |row: &[u32], k: usize| if k == row.len() { Vec::new() } else { topk(row, k) };
    println!("{}", check_topk(faulty).unwrap_err());
}

#[test]
fn a_lost_last_element_is_noticed() {
    let faulty = |row: &[u32], k: usize| topk(&row[..row.len().saturating_sub(1)], k);
    println!("{}", check_topk(faulty).unwrap_err());
}
