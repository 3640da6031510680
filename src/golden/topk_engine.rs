//! Top-k selection as the `topk_engine` block does it: the k-th largest value as a threshold, the number of its equals
//! that stay, then a filter that keeps the original order (§ IV-B of the paper).

/// What the selection phase hands to the filter phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The k-th largest key.
    pub value: u32,
    /// How many keys equal to `value`, the earliest ones, stay; at least 1.
    pub ties: usize,
}

/// Finds the threshold of the `k` largest of `keys`, or `None` when everything stays (`k >= n`) or nothing does
/// (`k = 0`): those rows pass without a selection.
pub fn threshold(keys: &[u32], k: usize) -> Option<Threshold> {
    if k == 0 || k >= keys.len() {
        return None;
    }
    let mut work = keys.to_vec();
    let (_, &mut value, _) = work.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
    let greater = keys.iter().filter(|&&x| x > value).count();
    Some(Threshold {
        value,
        ties: k - greater,
    })
}

/// Positions, ascending, of the `k` largest of `keys`; ties go to the earlier position. `k = 0` gives nothing, `k >= n`
/// everything.
pub fn topk(keys: &[u32], k: usize) -> Vec<usize> {
    let Some(Threshold { value, mut ties }) = threshold(keys, k) else {
        return (0..k.min(keys.len())).collect();
    };
    let stays = |&(_, &key): &(usize, &u32)| {
        key > value
            || key == value && {
                let first = ties > 0;
                ties = ties.saturating_sub(1);
                first
            }
    };
    keys.iter()
        .enumerate()
        .filter(stays)
        .map(|(position, _)| position)
        .collect()
}

/// How many probabilities of a row of `n` local value pruning keeps: `ceil(ratio * n / 65536)`.
pub fn value_count(ratio: u32, n: usize) -> usize {
    (u64::from(ratio) * n as u64).div_ceil(65536) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by sorting.
    fn by_sorting(keys: &[u32], k: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(keys[i]), i));
        order.truncate(k);
        order.sort_unstable();
        order
    }

    proptest! {
        #[test]
        fn agrees_with_sorting(keys in prop::collection::vec(0u32..40, 0..120), k in 0usize..130) {
            prop_assert_eq!(topk(&keys, k), by_sorting(&keys, k));
        }

        #[test]
        fn agrees_with_sorting_on_the_full_range(keys in prop::collection::vec(any::<u32>(), 0..80), k in 0usize..90) {
            prop_assert_eq!(topk(&keys, k), by_sorting(&keys, k));
        }

        #[test]
        fn threshold_describes_the_selection(keys in prop::collection::vec(0u32..9, 2..60), pick in any::<prop::sample::Index>()) {
            let k = 1 + pick.index(keys.len() - 1);
            let t = threshold(&keys, k).unwrap();
            let greater = keys.iter().filter(|&&x| x > t.value).count();
            let equal = keys.iter().filter(|&&x| x == t.value).count();
            prop_assert_eq!(greater + t.ties, k);
            prop_assert!(1 <= t.ties && t.ties <= equal);
        }
    }

    #[test]
    fn edges() {
        assert!(topk(&[], 0).is_empty());
        assert!(topk(&[], 3).is_empty());
        assert!(topk(&[5, 5, 5], 0).is_empty());
        assert_eq!(topk(&[5, 5, 5], 2), [0, 1]);
        assert_eq!(topk(&[5, 9, 5], usize::MAX), [0, 1, 2]);
        assert_eq!(threshold(&[1, 2], 2), None);
    }

    #[test]
    fn value_counts_round_up() {
        assert_eq!(value_count(0, 1024), 0);
        assert_eq!(value_count(65536, 1024), 1024);
        assert_eq!(value_count(1, 1024), 1);
        assert_eq!(value_count(21845, 3), 1);
        assert_eq!(value_count(21846, 3), 2);
        assert_eq!(value_count(65536, 0), 0);
    }
}
