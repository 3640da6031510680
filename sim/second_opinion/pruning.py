"""Top-k and cascade pruning (specification, section 1)."""


def top_k(values, k):
    """Positions of the k largest values in their original order; ties go to the earlier position."""
    if k >= len(values):
        return list(range(len(values)))
    # Python's sort is stable, with reverse too: equal values stay in order of position.
    ranked = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    return sorted(ranked[:k])


def prune(ids, importance, k, first=0, last=0):
    """The ids that stay of a kept list: the guarded ends, and the most important of the rest up to k in all.

    The first `first` and the last `last` of the list always stay and count towards k.
    """
    count = len(ids)
    guarded = set(range(min(first, count))) | set(range(max(count - last, 0), count))
    free = [position for position in range(count) if position not in guarded]
    room = max(k - len(guarded), 0)
    chosen = top_k([importance[ids[position]] for position in free], room)
    stay = guarded | {free[position] for position in chosen}
    return [ids[position] for position in sorted(stay)]
