//! The value buffer: in which beats the survivors of a row leave.
//!
//! Position `p` lies in slot `p mod S` of word `p / S`, where `S` slots make a beat. The picks come in beats of `S`. A beat
//! that leaves takes from the [`WINDOW`] beats of picks from the oldest that has any left:
//! - a slot gives its first pick there to its own lane;
//! - where slot `s + stride` (modulo `S`) has no pick there, and slot `s` has some in even words and some in odd ones, slot `s`
//!   gives the first of each instead: that of even words to its own lane, that of odd words to lane `s + stride`.
//!
//! The row ends with the beat that takes the last pick while the row's last beat of picks is in the window, or else with an
//! empty beat.

/// Beats of picks that a beat takes from.
pub const WINDOW: usize = 3;

/// The picks of each beat that leaves, by lane, as indices into `positions`. `beats` are the numbers of picks in the beats
/// that come, the last of which may be 0.
pub fn beats(positions: &[usize], beats: &[usize], slots: usize, stride: usize) -> Vec<Vec<Option<usize>>> {
    let mut next = 0;
    let mut come: Vec<Vec<usize>> = beats
        .iter()
        .map(|&count| {
            next += count;
            (next - count..next).collect()
        })
        .collect();
    let mut leave = Vec::new();
    loop {
        // The oldest beat that has picks left, or the row's last, which must still be told.
        let start = come
            .iter()
            .position(|beat| !beat.is_empty())
            .unwrap_or(come.len() - 1);
        let end = (start + WINDOW).min(come.len());
        let seen: Vec<usize> = come[start..end].concat();
        let first = |slot: usize, word: Option<usize>| {
            let mut picks = seen.iter().copied();
            picks.find(|&pick| {
                positions[pick] % slots == slot && word.is_none_or(|odd| positions[pick] / slots % 2 == odd)
            })
        };
        let mut beat = vec![None; slots];
        for slot in 0..slots {
            let other = (slot + stride) % slots;
            match (first(slot, Some(0)), first(slot, Some(1))) {
                (Some(even), Some(odd)) if first(other, None).is_none() => {
                    beat[slot] = Some(even);
                    beat[other] = Some(odd);
                }
                (None, None) => (),
                _ => beat[slot] = first(slot, None),
            }
        }
        for picks in &mut come {
            picks.retain(|pick| !beat.contains(&Some(*pick)));
        }
        leave.push(beat);
        if end == come.len() && come.iter().all(Vec::is_empty) {
            return leave;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full_beats(picks: usize, slots: usize, open: bool) -> Vec<usize> {
        let mut beats = vec![slots; picks / slots];
        if picks % slots != 0 || picks == 0 || open {
            beats.push(picks % slots);
        }
        beats
    }

    #[test]
    fn a_row_of_none_is_one_empty_beat() {
        assert_eq!(beats(&[], &[0], 4, 1), [vec![None; 4]]);
    }

    #[test]
    fn a_slot_with_picks_in_both_its_rams_helps_the_next() {
        // Slot 0: words 0, 1 and 2; slot 2: word 0.
        assert_eq!(
            beats(&[0, 2, 4, 8], &[4], 4, 1),
            [
                vec![Some(0), Some(2), Some(1), None],
                vec![Some(3), None, None, None]
            ]
        );
    }

    proptest! {
        #[test]
        fn each_pick_leaves_once_and_a_row_takes_no_longer_than_its_keys(
            keep in prop::collection::vec(any::<bool>(), 1..400),
            slots in 1usize..9,
            stride in 1usize..5,
            open in any::<bool>(),
        ) {
            let positions: Vec<usize> = (0..keep.len()).filter(|&position| keep[position]).collect();
            let leave = beats(&positions, &full_beats(positions.len(), slots, open), slots, stride);
            let mut picks: Vec<usize> = leave.iter().flatten().filter_map(|pick| *pick).collect();
            picks.sort_unstable();
            prop_assert_eq!(picks, (0..positions.len()).collect::<Vec<_>>());
            let values = leave.iter().filter(|beat| beat.iter().any(Option::is_some)).count();
            prop_assert!(values <= keep.len().div_ceil(slots));
            let (last, others) = leave.split_last().unwrap();
            prop_assert!(others.iter().all(|beat| beat.iter().any(Option::is_some)));
            prop_assert!(open || positions.is_empty() || last.iter().any(Option::is_some));
        }
    }
}
