//! The zero eliminator: packs the valid lanes of a vector together, order kept, in log2(lanes) shift layers (Fig. 10 of
//! the paper).
//!
//! Each lane carries the number of empty lanes before it. Layer `s` moves a lane by `2^s` towards lane 0 where bit `s`
//! of its count is set; two lanes never collide, because counts grow by the gap between valid lanes.

/// One lane between layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane<T> {
    /// Payload.
    pub value: T,
    /// Empty lanes before this one at the input.
    pub count: usize,
}

/// Attaches to each valid lane the count of empty lanes before it.
pub fn counted<T: Clone>(lanes: &[Option<T>]) -> Vec<Option<Lane<T>>> {
    let mut empty = 0;
    let count = |lane: &Option<T>| {
        empty += usize::from(lane.is_none());
        lane.clone().map(|value| Lane { value, count: empty })
    };
    lanes.iter().map(count).collect()
}

/// Shift layer `stage`: lanes with bit `stage` of their count set move `2^stage` places towards lane 0.
pub fn shift_layer<T: Clone>(lanes: &[Option<Lane<T>>], stage: u32) -> Vec<Option<Lane<T>>> {
    let moves = |lane: &Lane<T>| lane.count >> stage & 1 == 1;
    (0..lanes.len())
        .map(|i| {
            let stay = lanes[i].as_ref().filter(|lane| !moves(lane));
            let arrive = lanes
                .get(i + (1 << stage))
                .and_then(Option::as_ref)
                .filter(|lane| moves(lane));
            debug_assert!(stay.is_none() || arrive.is_none(), "two lanes in one place");
            stay.or(arrive).cloned()
        })
        .collect()
}

/// The valid lanes at the low end, in order, then empty lanes.
pub fn compact<T: Clone>(lanes: &[Option<T>]) -> Vec<Option<T>> {
    let layers = usize::BITS - lanes.len().saturating_sub(1).leading_zeros();
    let packed = (0..layers).fold(counted(lanes), |lanes, stage| shift_layer(&lanes, stage));
    packed
        .into_iter()
        .map(|lane| lane.map(|lane| lane.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packs_like_a_filter(lanes in prop::collection::vec(any::<Option<u16>>(), 0..70)) {
            let mut expected: Vec<Option<u16>> = lanes.iter().copied().filter(Option::is_some).collect();
            expected.resize(lanes.len(), None);
            prop_assert_eq!(compact(&lanes), expected);
        }
    }

    #[test]
    fn packs_every_mask_of_eight_lanes() {
        for mask in 0u32..256 {
            let lanes: Vec<Option<u32>> = (0..8).map(|i| (mask >> i & 1 == 1).then_some(i)).collect();
            let packed: Vec<u32> = compact(&lanes).into_iter().flatten().collect();
            assert_eq!(packed, lanes.iter().flatten().copied().collect::<Vec<_>>());
            assert!(compact(&lanes)[..packed.len()].iter().all(Option::is_some));
        }
    }
}
