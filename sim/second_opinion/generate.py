"""Random small cases of our own, without answers: `case.record` fills them in.

They serve the self-test; the cases that matter are the ones the golden model writes.
"""

import random


def generate(seed):
    rng = random.Random(seed)
    dim = rng.choice((32, 32, 64))
    width, prob_width = rng.choice((8, 12, 12, 16)), rng.choice((8, 12, 12, 16))
    group = rng.choice((1, 2, 3))
    heads, length, max_tokens = rng.randint(2, 6), rng.randint(4, 24), 32
    channels = rng.choice((1, 2, 4))
    config = {
        "max-tokens": max_tokens,
        "max-heads": 8,
        "head-dim": 64,
        "width": width,
        "prob-width": prob_width,
        "out-width": rng.choice((8, 12, 16)),
        "channels": channels,
        "multipliers": 128,
        "softmax-lanes": 2,
        "addr-width": 32,
        "exp": rng.choice(("poly5", "table")),
    }
    bits = {name: split_bits(rng, width) for name in ("k", "v")}
    kv_heads = -(-heads // group)
    tensors = {"q": tensor(rng, width, heads, max_tokens, dim)}
    regions, loads = {}, []
    base = 4 * rng.randrange(8)
    for name in ("q", "k", "v"):
        count = heads if name == "q" else kv_heads
        msb, lsb = bits.get(name, (width, 0))
        if name != "q":
            tensors[name] = tensor(rng, msb + lsb, count, max_tokens, dim)
        parts = {}
        for part, planes in (("msb", msb), ("lsb", lsb)):
            stride = planes * dim // 8 + 4 * rng.choice((0, 0, 1))
            parts[part] = {"base": base, "head-stride": stride * max_tokens, "token-stride": stride}
            base += stride * max_tokens * count + 4 * rng.randrange(8)
            regions[name if name == "q" else f"{name}-{part}"] = parts[part]
        loads.append({"load": {"tensor": name, "msb-bits": msb, "lsb-bits": lsb, "first-token": 0} | parts})
    regions.pop("q-lsb", None)
    regions["q"] = loads[0]["load"]["msb"]
    regions["out"] = {"base": base, "head-stride": 2 * dim * max_tokens, "token-stride": 2 * dim}

    events = loads + [{"state": {"length": length, "heads": heads}}]
    for number in range(rng.randint(4, 8)):
        events.append({"command": command(rng, number == 0, dim, group, bits, regions, length, prob_width, width)})
    return {
        "format": "spatten-case",
        "version": 1,
        "config": config,
        "channel-bases": [32 * rng.randrange(100) for _ in range(channels)],
        "tensors": tensors,
        "events": events,
    }


def split_bits(rng, width):
    total = rng.randint(2, width)
    lsb = rng.randint(0, total - 1)
    return total - lsb, lsb


def tensor(rng, bits, heads, rows, dim):
    limit = 1 << (bits - 1)
    data = [rng.randrange(-limit, limit) for _ in range(heads * rows * dim)]
    return {"bits": bits, "shape": [heads, rows, dim], "data": data}


def command(rng, first, dim, group, bits, regions, length, prob_width, width):
    generation = rng.random() < 0.6
    chance = lambda p: rng.random() < p  # noqa: E731

    def prune(p, guards, top):
        if not chance(p):
            return None
        found = {"k": rng.randint(1, top)}
        return found | {"first": rng.randint(0, 2), "last": rng.randint(0, 2)} if guards else found

    # A score is about 2^(2 width - 2) sqrt(dim) / 3: the shift makes exponents of a few units.
    scale = {"mantissa": rng.randint(1, 65535), "shift": min(47, 2 * width + 11 + rng.randint(0, 4))}
    return {
        "tokens": {
            "clear": chance(0.1),
            "scale": rng.choice((0, 0, 0, 1, 5)),
            "append": chance(0.3),
            "reset": first or chance(0.2),
            "prune-before": prune(0.2, True, length),
            "prune-after": prune(0.2, True, length),
        },
        "heads": {
            "clear": chance(0.1),
            "scale": rng.choice((0, 0, 0, 1, 5)),
            "reset": first or chance(0.2),
            "prune-before": prune(0.1, False, 6),
            "prune-after": prune(0.1, False, 6),
        },
        "mode": "generation" if generation else "summarisation",
        "causal": chance(0.5),
        "query": rng.randrange(length) if generation else 0,
        "head-dim": dim,
        "group": group,
        "keys": {
            "msb": bits["k"][0],
            "lsb": bits["k"][1],
            "mode": rng.choice(("never", "always", "auto", "auto", "mask") if generation else ("never", "always")),
            "threshold": rng.randrange(1 << prob_width),
            "mask": [head for head in range(8) if chance(0.5)],
        },
        "values": {
            "msb": bits["v"][0],
            "lsb": bits["v"][1],
            "mode": rng.choice(("never", "always", "with-row") if generation else ("never", "always")),
            "ratio": rng.choice((0, 65536, 65537, 30000, 30000, 30000, 10000, 50000)),
        },
        "accumulate": {"tokens": chance(0.9), "heads": chance(0.9), "head-shift": rng.randint(0, 6)},
        "scale": scale,
        "output": {"mantissa": rng.randint(1, 65535), "shift": prob_width + width + rng.randint(0, 8)},
        "regions": regions,
    }
