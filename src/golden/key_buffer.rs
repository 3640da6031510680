//! The key buffer: a row sees the first `n` vectors of the list that its run has loaded.

/// Beats in which a row's vectors leave, `per_beat` vectors in each but the last: what the row sees of `list` is its first
/// `n` vectors. A row of none is one empty beat.
///
/// # Panics
/// When the list has fewer than `n` vectors, or a beat holds none.
pub fn stream<T>(list: &[T], n: usize, per_beat: usize) -> Vec<&[T]> {
    let seen = &list[..n];
    match n {
        0 => vec![seen],
        _ => seen.chunks(per_beat).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_of_none_is_one_empty_beat() {
        assert_eq!(stream(&[1, 2, 3], 0, 2), [&[] as &[i32]]);
    }

    proptest! {
        #[test]
        fn beats_are_full_but_the_last_and_make_up_the_prefix(
            list in prop::collection::vec(any::<u16>(), 1..100),
            n in 1usize..100,
            per_beat in 1usize..9,
        ) {
            let n = n.min(list.len());
            let beats = stream(&list, n, per_beat);
            let (last, full) = beats.split_last().unwrap();
            prop_assert!(full.iter().all(|beat| beat.len() == per_beat));
            prop_assert!(!last.is_empty() && last.len() <= per_beat);
            prop_assert_eq!(beats.concat(), list[..n].to_vec());
        }
    }
}
