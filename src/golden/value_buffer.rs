//! The value buffer: what the values of a row are for.
//!
//! In which beats and lanes a row's survivors leave hangs on when they come; their sum, weighted by their probabilities,
//! does not.

/// The sum of the values at the survivors' positions times their probabilities, by element. `survivors` are positions
/// and probabilities, `values` all vectors of the list, of equal length `dim`.
///
/// # Panics
/// When a position is not in the list.
pub fn weighted_sum(survivors: &[(usize, i64)], values: &[Vec<i64>], dim: usize) -> Vec<i64> {
    let mut sum = vec![0; dim];
    for &(position, prob) in survivors {
        for (total, value) in sum.iter_mut().zip(&values[position]) {
            *total += prob * value;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_survivors_count() {
        let values = vec![vec![1, -2], vec![10, 20], vec![-100, 7]];
        assert_eq!(weighted_sum(&[], &values, 2), [0, 0]);
        assert_eq!(weighted_sum(&[(0, 3), (2, 2)], &values, 2), [-197, 8]);
    }
}
