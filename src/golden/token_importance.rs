//! Importance stores: unsigned 32 bits an id, cumulative, saturating (§ III-A of the paper).

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
