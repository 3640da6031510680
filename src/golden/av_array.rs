//! The prob × V array: weighted sums of the kept values, scaled, rounded once and saturated once, and the magnitude that
//! head importance adds up (§1.1.7 and §1.1.8 of the specification).

use super::quant::{Factor, rescale};

/// `out[d] = sat(rne(sum_j prob[j] * value[j][d] * mant / 2^shift))` to `width` signed bits, for each of `dim` elements;
/// `values` holds one vector of `dim` elements for each probability, one after the other. Zeros where there is none.
///
/// The sum is exact: at most 2^15 products of less than 2^31 each.
///
/// # Panics
/// When there are not `dim` elements for each probability.
pub fn output(probs: &[u16], values: &[i16], dim: usize, factor: Factor, width: u32) -> Vec<i16> {
    assert_eq!(values.len(), probs.len() * dim, "a vector for each probability");
    let mut sums = vec![0i64; dim];
    for (&prob, value) in probs.iter().zip(values.chunks_exact(dim)) {
        for (sum, &element) in sums.iter_mut().zip(value) {
            *sum += i64::from(prob) * i64::from(element);
        }
    }
    sums.into_iter().map(|sum| rescale(sum, factor, width)).collect()
}

/// `sum_d |out[d]|`; the most negative number counts with its true size.
pub fn magnitude(output: &[i16]) -> u32 {
    output.iter().map(|&x| u32::from(x.unsigned_abs())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: Factor = Factor {
        mantissa: 1,
        shift: 0,
    };

    #[test]
    fn a_row_without_values_gives_zeros() {
        assert_eq!(output(&[], &[], 3, ONE, 16), [0, 0, 0]);
        assert_eq!(magnitude(&[0, 0, 0]), 0);
    }

    #[test]
    fn each_probability_weighs_its_own_vector() {
        let values = [1, -2, 30, -40];
        assert_eq!(output(&[5, 7], &values, 2, ONE, 16), [215, -290]);
        assert_eq!(magnitude(&[215, -290, i16::MIN]), 215 + 290 + 32768);
    }

    #[test]
    fn the_largest_sums_stay_exact() {
        let n = 1 << 15;
        let factor = Factor {
            mantissa: u16::MAX,
            shift: 47,
        };
        // 2^15 * (2^16 - 1) * -2^15 * (2^16 - 1) / 2^47 = -(2^32 - 2^17 + 1) / 2^17, just above -2^15 + 1.
        assert_eq!(
            output(&vec![u16::MAX; n], &vec![i16::MIN; n], 1, factor, 16),
            [-32767]
        );
    }

    proptest! {
        /// Against a search for the nearest integer in plain wide arithmetic.
        #[test]
        fn nearest_integer_of_the_exact_quotient(
            row in prop::collection::vec((any::<u16>(), any::<[i16; 3]>()), 0..40),
            mantissa: u16,
            shift in 0u8..=47,
            width in 8u32..=16,
        ) {
            let probs: Vec<u16> = row.iter().map(|(prob, _)| *prob).collect();
            let values: Vec<i16> = row.iter().flat_map(|(_, value)| *value).collect();
            let got = output(&probs, &values, 3, Factor { mantissa, shift }, width);
            for d in 0..3 {
                let sum: i128 = row.iter().map(|(prob, value)| i128::from(*prob) * i128::from(value[d])).sum();
                let (product, unit) = (sum * i128::from(mantissa), 1i128 << shift);
                let (most, least) = ((1i128 << (width - 1)) - 1, -(1i128 << (width - 1)));
                let out = i128::from(got[d]);
                let error = (product - out * unit) * 2; // in halves of a unit
                prop_assert!((least..=most).contains(&out));
                if out == most && error > unit {
                    continue; // above the range
                }
                if out == least && error < -unit {
                    continue; // below it
                }
                prop_assert!(error.abs() < unit || error.abs() == unit && (out % 2 == 0 || out == most && error > 0));
            }
            let sizes: i64 = got.iter().map(|&x| i64::from(x).abs()).sum();
            prop_assert_eq!(i64::from(magnitude(&got)), sizes);
        }
    }
}
