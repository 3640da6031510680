//! Cascade pruning of the kept tokens and heads (§ III of the paper; the guards are an addition that LLMs need).

use super::token_importance::Importance;
use super::topk_engine::topk;
use serde::{Deserialize, Serialize};

/// A commanded pruning of tokens. Heads have no guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// How many stay.
    pub k: u16,
    /// Guard `a`: so many at the front of the list always stay.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first: u16,
    /// Guard `b`: so many at the end of the list always stay.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub last: u16,
}

fn is_zero(x: &u16) -> bool {
    *x == 0
}

/// The ids of `list` that stay, in order: the guarded ones, and of the others the most important, `k` together; only the
/// guarded ones where they are `k` or more. Ties go to the earlier position.
pub fn prune(list: &[u32], importance: &Importance, prune: Prune) -> Vec<u32> {
    let n = list.len();
    let head = n.min(usize::from(prune.first));
    let tail = (n - head).min(usize::from(prune.last));
    let free = &list[head..n - tail];
    let keys: Vec<u32> = free.iter().map(|&id| importance.get(id)).collect();
    let room = usize::from(prune.k).saturating_sub(head + tail);
    let chosen = topk(&keys, room).into_iter().map(|position| free[position]);
    list[..head]
        .iter()
        .copied()
        .chain(chosen)
        .chain(list[n - tail..].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by sorting whole entries: guarded before unguarded, then importance, then position.
    fn by_sorting(list: &[u32], importance: &Importance, p: Prune) -> Vec<u32> {
        let n = list.len();
        let guarded = |i: usize| i < usize::from(p.first) || i + usize::from(p.last) >= n;
        let guards = (0..n).filter(|&i| guarded(i)).count();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| (!guarded(i), std::cmp::Reverse(importance.get(list[i])), i));
        order.truncate(guards.max(usize::from(p.k)));
        order.sort_unstable();
        order.into_iter().map(|i| list[i]).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_sorting(importance in prop::collection::vec(0u32..12, 0..40), keep in prop::collection::vec(any::<bool>(), 40),
                               k in 0u16..45, first in 0u16..45, last in 0u16..45) {
            let mut store = Importance::new(importance.len() as u32);
            for (id, &x) in importance.iter().enumerate() {
                store.set(id as u32, x);
            }
            let list: Vec<u32> = (0..importance.len() as u32).filter(|&id| keep[id as usize]).collect();
            let p = Prune { k, first, last };
            prop_assert_eq!(prune(&list, &store, p), by_sorting(&list, &store, p));
        }
    }

    #[test]
    fn guards_count_towards_k_and_may_exceed_it() {
        let mut importance = Importance::new(6);
        importance.set(2, 9);
        importance.set(3, 9);
        let list = [0, 1, 2, 3, 4, 5];
        let kept = |k, first, last| prune(&list, &importance, Prune { k, first, last });
        assert_eq!(kept(3, 1, 1), [0, 2, 5]);
        assert_eq!(kept(1, 2, 2), [0, 1, 4, 5]);
        assert!(kept(0, 0, 0).is_empty());
        assert_eq!(kept(0, 65535, 65535), list);
        assert_eq!(kept(65535, 0, 0), list);
        assert_eq!(kept(2, 0, 0), [2, 3]);
    }
}
