//! Importance stores: unsigned 32 bits an id, cumulative, saturating (§ III-A of the paper).

use super::cascade::Prune;

/// Importance per id, of tokens or of heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Importance(Vec<u32>);

impl Importance {
    /// All zero, for ids `0 .. size`.
    pub fn new(size: u32) -> Self {
        Importance(vec![0; size as usize])
    }

    /// Importance of `id`.
    pub fn get(&self, id: u32) -> u32 {
        self.0[id as usize]
    }

    /// Overwrites the importance of `id`.
    pub fn set(&mut self, id: u32, value: u32) {
        self.0[id as usize] = value;
    }

    /// Importance of all ids, by id.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Zeroes all ids.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Shifts all ids right by `shift` (0 to 31), rounding down.
    pub fn scale_down(&mut self, shift: u32) {
        self.0.iter_mut().for_each(|x| *x >>= shift);
    }

    /// Adds to one id, saturating. What is added is never negative, so a sum added at once saturates as its terms would
    /// one after the other.
    pub fn add(&mut self, id: u32, amount: u64) {
        let sum = u64::from(self.0[id as usize]).saturating_add(amount);
        self.0[id as usize] = sum.min(u64::from(u32::MAX)) as u32;
    }
}

/// Sums the probabilities of a head's rows by list position, as the hardware accumulates them: position `j` of every row
/// is kept token `j`, rows may be shorter than the list.
pub fn by_position<'a>(tokens: usize, rows: impl IntoIterator<Item = &'a [u16]>) -> Vec<u64> {
    let mut sums = vec![0u64; tokens];
    for row in rows {
        for (sum, &prob) in sums.iter_mut().zip(row) {
            *sum += u64::from(prob);
        }
    }
    sums
}

/// Importance with the sums that wait by list position until they are folded into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulator {
    importance: Importance,
    sums: Vec<u64>,
    /// Largest value that a sum can take.
    most: u64,
    /// Positions from 0 on that may hold sums.
    unfolded: usize,
}

impl Accumulator {
    /// All zero, for ids and positions `0 .. size`; sums saturate at `sum_width` bits, at most 32.
    pub fn new(size: u32, sum_width: u32) -> Self {
        Accumulator {
            importance: Importance::new(size),
            sums: vec![0; size as usize],
            most: (1 << sum_width) - 1,
            unfolded: 0,
        }
    }

    /// Importance by id, without what is not yet folded.
    pub fn importance(&self) -> &Importance {
        &self.importance
    }

    /// Importance by id, to be written or scaled; positions should hold no sums then.
    pub fn importance_mut(&mut self) -> &mut Importance {
        &mut self.importance
    }

    /// Positions from 0 on that may hold sums not yet folded; 0 when all importance is in its place.
    pub fn unfolded(&self) -> usize {
        self.unfolded
    }

    /// Adds a row's probabilities to the sums of its positions.
    pub fn row(&mut self, probs: &[u16]) {
        for (sum, &prob) in self.sums.iter_mut().zip(probs) {
            *sum = (*sum + u64::from(prob)).min(self.most);
        }
        self.unfolded = self.unfolded.max(probs.len());
    }

    /// Goes over `list`, position by position. With `fold`, the sum of a position is added to the importance of its id and
    /// emptied. Returns the importance of each id when its turn is over.
    pub fn sweep(&mut self, list: &[u32], fold: bool) -> Vec<u32> {
        if fold && list.len() >= self.unfolded {
            self.unfolded = 0;
        }
        let turns = self.sums.iter_mut().zip(list);
        turns
            .map(|(sum, &id)| {
                if fold {
                    self.importance.add(id, std::mem::take(sum));
                }
                self.importance.get(id)
            })
            .collect()
    }

    /// Zeroes all ids and all sums.
    pub fn clear(&mut self) {
        self.importance.clear();
        self.sums.fill(0);
        self.unfolded = 0;
    }
}

/// Whether the guards of a prune cover a position of a list of `length` tokens.
pub fn guarded(position: usize, length: usize, prune: Prune) -> bool {
    position < usize::from(prune.first) || position + usize::from(prune.last) >= length
}

/// How many tokens of a list of `length` a prune keeps when guarded positions rank above all others: `k`, or the number
/// of guarded positions, each counted once, where that is more. (All of them where it exceeds the list.)
pub fn effective_k(length: usize, prune: Prune) -> usize {
    let guards = (usize::from(prune.first) + usize::from(prune.last)).min(length);
    guards.max(usize::from(prune.k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::cascade;
    use proptest::prelude::*;

    proptest! {
        /// The largest of guard and importance together, so many as are effective, are what a prune keeps.
        #[test]
        fn guarded_keys_prune_as_the_cascade_does(importance in prop::collection::vec(0u32..6, 0..30), k in 0u16..34,
                                                  first in 0u16..34, last in 0u16..34) {
            let n = importance.len();
            let prune = Prune { k, first, last };
            let list: Vec<u32> = (0..n as u32).collect();
            let mut store = Importance::new(n as u32);
            importance.iter().zip(&list).for_each(|(&x, &id)| store.set(id, x));
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by_key(|&i| (std::cmp::Reverse((guarded(i, n, prune), importance[i])), i));
            order.truncate(effective_k(n, prune));
            order.sort_unstable();
            let kept: Vec<u32> = order.into_iter().map(|i| list[i]).collect();
            prop_assert_eq!(kept, cascade::prune(&list, &store, prune));
            let guards = (0..n).filter(|&i| guarded(i, n, prune)).count();
            prop_assert_eq!(effective_k(n, prune), guards.max(usize::from(k)));
        }

        #[test]
        fn folding_adds_what_rows_would_add_by_id(rows in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..9), 0..6),
                                                  start in any::<u32>()) {
            let list = [4u32, 0, 7, 5, 1, 2, 3, 8];
            let mut accumulator = Accumulator::new(9, 32);
            accumulator.importance_mut().set(7, start);
            let mut by_id = accumulator.importance().clone();
            for row in &rows {
                accumulator.row(row);
                row.iter().zip(&list).for_each(|(&prob, &id)| by_id.add(id, prob.into()));
            }
            let keys: Vec<u32> = list.iter().map(|&id| by_id.get(id)).collect();
            prop_assert_eq!(accumulator.sweep(&list, true), keys.clone());
            prop_assert_eq!(accumulator.importance(), &by_id);
            prop_assert_eq!(accumulator.unfolded(), 0);
            prop_assert_eq!(accumulator.sweep(&list, false), keys.clone());
            prop_assert_eq!(accumulator.sweep(&list, true), keys);
            prop_assert_eq!(accumulator.importance(), &by_id);
        }
    }

    #[test]
    fn sums_saturate_and_guards_take_any_sixteen_bits() {
        let mut accumulator = Accumulator::new(2, 8);
        accumulator.row(&[200, 3]);
        accumulator.row(&[200]);
        assert_eq!(accumulator.unfolded(), 2);
        assert_eq!(accumulator.sweep(&[1, 0], false), [0, 0]);
        assert_eq!(accumulator.sweep(&[1, 0], true), [255, 3]);
        assert_eq!(accumulator.importance().as_slice(), [3, 255]);
        let prune = |k, first, last| Prune { k, first, last };
        assert_eq!(effective_k(1024, prune(5, 65535, 65535)), 1024);
        assert_eq!(effective_k(1024, prune(65535, 0, 3)), 65535);
        assert!(guarded(0, 1024, prune(0, 0, 65535)) && !guarded(0, 1024, prune(0, 0, 1023)));
    }

    proptest! {
        #[test]
        fn adding_at_once_saturates_as_one_by_one(start in any::<u32>(), terms in prop::collection::vec(any::<u32>(), 0..6)) {
            let (mut once, mut each) = (Importance::new(1), start);
            once.set(0, start);
            once.add(0, terms.iter().map(|&t| u64::from(t)).sum());
            for &t in &terms {
                each = each.saturating_add(t);
            }
            prop_assert_eq!(once.get(0), each);
        }
    }

    #[test]
    fn scales_down_with_floor() {
        let mut x = Importance::new(2);
        x.set(0, 7);
        x.set(1, u32::MAX);
        x.scale_down(1);
        assert_eq!(x.as_slice(), [3, u32::MAX >> 1]);
        x.scale_down(31);
        assert_eq!(x.as_slice(), [0, 0]);
    }

    #[test]
    fn sums_by_position() {
        let rows: [&[u16]; 2] = [&[1, 2, 3], &[10]];
        assert_eq!(by_position(4, rows), [11, 2, 3, 0]);
    }
}
