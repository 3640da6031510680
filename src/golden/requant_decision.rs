//! The decision to fetch a row's LSB planes and to redo it (progressive quantisation, § III-D of the paper).

use super::softmax::Softmax;

/// Who decides about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The row is redone when its largest probability is below a threshold of P bits.
    Threshold(u16),
    /// The command has decided: key mode `mask`, or a mode that never redoes.
    Fixed(bool),
}

/// Whether a row is redone whose exponentials add up to `sum` (E fraction bits); 0 stands for an empty row, which is
/// never redone, whatever was decided.
pub fn redo(softmax: &Softmax, sum: u64, decision: Decision) -> bool {
    sum != 0
        && match decision {
            Decision::Threshold(threshold) => softmax.max_prob_of_sum(sum) < threshold,
            Decision::Fixed(redo) => redo,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ExpMethod;
    use crate::golden::softmax::Scale;
    use proptest::prelude::*;

    proptest! {
        /// Against the probabilities of a whole row, and against the inequality that needs no division.
        #[test]
        fn follows_from_the_sum_alone(prob_width in 8u32..=16, scores in prop::collection::vec(-3000i64..3000, 1..50),
                                      shift in 0u8..12, threshold in any::<u16>()) {
            let softmax = Softmax::new(prob_width, ExpMethod::Poly5);
            let threshold = threshold >> (16 - prob_width);
            let scale = Scale::new(3, shift).unwrap();
            let largest = softmax.row(&scores, scale).into_iter().max().unwrap();
            let sum = softmax.sum(&softmax.exponentials(&scores, scale));
            let redone = redo(&softmax, sum, Decision::Threshold(threshold));
            prop_assert_eq!(redone, largest < threshold);
            prop_assert_eq!(redone, softmax.below_threshold(sum, threshold));
        }
    }

    #[test]
    fn an_empty_row_is_not_redone() {
        let softmax = Softmax::new(12, ExpMethod::Poly5);
        assert!(!redo(&softmax, 0, Decision::Threshold(4095)));
        assert!(!redo(&softmax, 0, Decision::Fixed(true)));
        assert!(redo(&softmax, 1 << 28, Decision::Fixed(true)));
        assert!(!redo(&softmax, 1 << 28, Decision::Fixed(false)));
        assert!(!redo(&softmax, 1 << 28, Decision::Threshold(4095)));
        assert!(redo(&softmax, 2 << 28, Decision::Threshold(2049)));
        assert!(!redo(&softmax, 2 << 28, Decision::Threshold(2048)));
    }
}
