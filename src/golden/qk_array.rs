//! Scores: dot products of a query with the keys of its row, in one pass or in two (§1.1 of the specification, items 2 and
//! 4).

/// `sum_d query[d] * (key[j][d] & mask)` for every key `j` of `keys`, exact; `query` has D elements and `keys` D for each
/// key, all of at most `width` bits, signed. A `mask` of -1 takes whole keys, [`msb_mask`] what a first pass sees of them, and
/// its complement what the second pass adds.
pub fn scores(query: &[i16], keys: &[i16], mask: i16, width: u32) -> Vec<i64> {
    // A sum of D products of two W-bit numbers stays below 2^(2W - 2 + log2 D): in 32 bits for the usual widths,
    // which the compiler vectorises well.
    let narrow = 2 * width - 2 + query.len().ilog2() < 31;
    let products = |key: &[i16]| -> i64 {
        let pairs = query
            .iter()
            .zip(key)
            .map(|(&q, &k)| (i32::from(q), i32::from(k & mask)));
        if narrow {
            i64::from(pairs.map(|(q, k)| q * k).sum::<i32>())
        } else {
            pairs.map(|(q, k)| i64::from(q * k)).sum()
        }
    };
    keys.chunks_exact(query.len()).map(products).collect()
}

/// Bits of an on-chip operand of `width` bits that come from its `msb` MSB planes: absent LSBs read as zero.
pub fn msb_mask(width: u32, msb: u32) -> i16 {
    -1 << (width - msb)
}

/// What a second pass makes of the scores of the first: their sums with those of its own, as signed numbers of
/// `score_width` bits. They are exact where both passes see parts of one key, and wrap around elsewhere.
pub fn second_pass(first: &[i64], second: &[i64], score_width: u32) -> Vec<i64> {
    let spare = i64::BITS - score_width;
    let sums = first.iter().zip(second).map(|(a, b)| a.wrapping_add(*b));
    sums.map(|sum| sum << spare >> spare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;

    /// A width, a query and two keys of it.
    fn row() -> impl Strategy<Value = (u32, Vec<i16>, Vec<i16>)> {
        (8u32..=16, 5u32..=7).prop_flat_map(|(width, log)| {
            let low = -1i16 << (width - 1);
            // Extremes in a good part of the elements, so that sums come near their bounds.
            let element = prop_oneof![low..=!low, Just(low), Just(!low)];
            let vector = |length| prop::collection::vec(element.clone(), length);
            (Just(width), vector(1 << log), vector(2 << log))
        })
    }

    proptest! {
        #[test]
        fn scores_are_the_sums((width, query, keys) in row()) {
            let expected: Vec<i128> = keys
                .chunks(query.len())
                .map(|key| key.iter().zip(&query).map(|(&k, &q)| i128::from(k) * i128::from(q)).sum())
                .collect();
            let got: Vec<i128> = scores(&query, &keys, -1, width).into_iter().map(i128::from).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn two_passes_give_the_scores_of_whole_keys(
            (width, query, keys) in row(), split in any::<(prop::sample::Index, prop::sample::Index)>()
        ) {
            // Integers x of m + l bits in memory, of which planes bring x >> l and the low l bits.
            let m = 1 + split.0.index(width as usize) as u32;
            let l = split.1.index((width - m) as usize + 1) as u32;
            let integers: Vec<i16> = keys.iter().map(|key| key >> (width - m - l)).collect();
            let part = |part: fn(i16, u32) -> i16| -> Vec<i16> {
                integers.iter().map(|&x| part(x, l) << (width - m - l)).collect()
            };
            let (whole, low) = (part(|x, _| x), part(|x, l| x & !(-1i16).checked_shl(l).unwrap_or(0)));
            let high = part(|x, l| x >> l << l);

            let expected = scores(&query, &whole, -1, width);
            let first = scores(&query, &whole, msb_mask(width, m), width);
            prop_assert_eq!(&first, &scores(&query, &high, -1, width));
            let second = scores(&query, &low, -1, width);
            prop_assert_eq!(&second, &scores(&query, &whole, !msb_mask(width, m), width));
            let score_width = 2 * width + query.len().ilog2();
            prop_assert_eq!(second_pass(&first, &second, score_width), expected);
        }
    }

    #[test]
    fn the_largest_score_fits_and_one_more_wraps() {
        let config = Config::default();
        let low = -1i16 << (config.width - 1);
        let vector = vec![low; config.head_dim as usize];
        let largest = scores(&vector, &vector, -1, config.width)[0];
        let width = config.score_width();
        assert_eq!(largest, 1 << (width - 2));
        assert_eq!(second_pass(&[largest], &[0], width), [largest]);
        assert_eq!(second_pass(&[largest], &[largest - 1], width), [2 * largest - 1]);
        assert_eq!(second_pass(&[largest], &[largest], width), [-2 * largest]);
    }
}
