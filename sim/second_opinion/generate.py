"""Random small cases of our own, without answers: `case.record` fills them in.

They serve the self-test, and the other way round too: `spatten-gen model --check` reads them, so the golden model is
held against answers and situations that it did not choose.
"""

import random

MAX_TOKENS = 32
MAX_HEADS = 8

# Parameters that no answer depends on; a case has them all.
OTHER_PARAMETERS = {
    "parallelism": 16,
    "fetch-ports": 8,
    "sector-window": 256,
    "axi-data-width": 256,
    "id-width": 1,
    "topk": "quickselect",
    "reset": "sync-high",
    "ram": "inferred",
    "ram-latency": 1,
}


def generate(seed):
    rng = random.Random(seed)
    dim = rng.choice((32, 32, 64))
    width, prob_width = rng.randint(8, 16), rng.randint(8, 16)
    group = rng.choice((1, 2, 3, MAX_HEADS))
    heads, length = rng.randint(1, 6), rng.randint(1, 24)
    channels, addr_width = rng.choice((1, 2, 4, 8)), rng.choice((32, 40, 64))
    config = {
        "max-tokens": MAX_TOKENS,
        "max-heads": MAX_HEADS,
        "head-dim": 64,
        "width": width,
        "prob-width": prob_width,
        "out-width": rng.randint(8, 16),
        "channels": channels,
        "multipliers": rng.choice((64, 128, 512)),
        "softmax-lanes": rng.choice((1, 2, 8)),
        "addr-width": addr_width,
        "exp": rng.choice(("poly5", "table")),
    } | OTHER_PARAMETERS
    bits = {"q": (width, 0), "k": split_bits(rng, width), "v": split_bits(rng, width)}
    tensors, loads, regions = {}, [], {}
    # A quarter of the cases lie across the top of memory.
    base = 4 * rng.randrange(8) if rng.random() < 0.75 else (1 << addr_width) - 4 * rng.randrange(2000)
    for name, (msb, lsb) in bits.items():
        count = heads if name == "q" else -(-heads // group)
        first = rng.choice((0, 0, 3))
        tensors[name] = tensor(rng, msb + lsb, count, MAX_TOKENS - first, dim)
        parts = {}
        for part, planes in (("msb", msb), ("lsb", lsb)):
            parts[part], size = layout(rng, base, count, planes * dim // 8)
            base += size + 4 * rng.randrange(8)
            regions[f"{name}-{part}"] = parts[part]
        loads.append({"load": {"tensor": name, "msb-bits": msb, "lsb-bits": lsb, "first-token": first} | parts})
    regions["q"] = regions.pop("q-msb")
    del regions["q-lsb"]
    regions["out"] = layout(rng, base, heads, 2 * dim)[0]

    events = loads + [{"state": {"length": length, "heads": heads}}]
    reset = True
    for _ in range(rng.randint(6, 12)):
        made = command(rng, reset, dim, group, bits, regions, length, config)
        reset = False
        if rng.random() < 0.3:
            # Whatever was written, and whether or not it is refused, the sequence goes on from good lists after it.
            events += [{"state": state(rng, length, heads)}, {"command": made}]
            made = command(rng, True, dim, group, bits, regions, length, config)
            events.append({"state": {"length": length, "heads": heads}})
        events.append({"command": made})
    return {
        "format": "spatten-case",
        "version": 1,
        "config": config,
        "channel-bases": [32 * rng.randrange(100) for _ in range(channels)],
        "tensors": tensors,
        "events": events,
    }


def layout(rng, base, heads, vector_bytes):
    """A region for vectors of so many bytes, dense or with gaps, head-major or token-major; and its size."""
    gap = vector_bytes + 4 * rng.choice((0, 0, 0, 1, 5))
    size = gap * heads * MAX_TOKENS
    if rng.random() < 0.5:
        head_stride, token_stride = gap * MAX_TOKENS, gap
    else:
        head_stride, token_stride = gap, gap * heads
    if rng.random() < 0.1:
        head_stride = 0
    elif rng.random() < 0.1:
        token_stride = 0
    # Addresses count modulo 2^addr-width: the top bits of a base may be anything.
    return {"base": base % (1 << 64), "head-stride": head_stride, "token-stride": token_stride}, size


def state(rng, length, heads):
    """What a host may write: a shorter or longer sequence, lists good and bad, importance near its limit."""
    found = {}
    if rng.random() < 0.4:
        found["length"] = rng.choice((length, rng.randint(0, MAX_TOKENS), MAX_TOKENS, MAX_TOKENS + 1))
    if rng.random() < 0.2:
        found["heads"] = rng.choice((heads, rng.randint(0, heads), MAX_HEADS + 1))
    if rng.random() < 0.5:
        found["token-list"] = sorted(rng.sample(range(length), rng.randint(0, length)))
    if rng.random() < 0.3:
        found["head-list"] = sorted(rng.sample(range(heads), rng.randint(0, heads)))
    if rng.random() < 0.1:
        found["token-list"] = [rng.randrange(MAX_TOKENS + 2) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.1:
        found["head-list"] = [rng.randrange(MAX_HEADS) for _ in range(2)]
    for name, most in (("token-importance", MAX_TOKENS), ("head-importance", MAX_HEADS)):
        if rng.random() < 0.4:
            high = rng.choice((4, 1 << 12, (1 << 32) - 1))
            found[name] = [rng.randint(max(0, high - 5000), high) for _ in range(rng.randint(0, most))]
    return found


def command(rng, reset, dim, group, bits, regions, length, config):
    width, prob_width = config["width"], config["prob-width"]
    generation = rng.random() < 0.6

    def chance(p):
        return rng.random() < p

    def prune(p, guards, top):
        if not chance(p):
            return None
        found = {"k": rng.choice((0, rng.randint(1, top), rng.randint(1, top), 65535))}
        if guards:
            found |= {"first": rng.choice((0, 0, 1, 2, 65535)), "last": rng.choice((0, 1, 2, 40))}
        return found

    # A score is about 2^(2 width - 2) sqrt(dim) / 3: most shifts make exponents of a few units.
    shift = rng.choice((0, 47, *(min(47, 2 * width + 11 + x) for x in range(5))))
    made = {
        "tokens": {
            "clear": chance(0.1),
            "scale": rng.choice((0, 0, 0, 1, 5, 31)),
            "append": chance(0.3),
            "reset": reset or chance(0.2),
            "prune-before": prune(0.2, True, length),
            "prune-after": prune(0.2, True, length),
        },
        "heads": {
            "clear": chance(0.1),
            "scale": rng.choice((0, 0, 0, 1, 5, 31)),
            "reset": reset or chance(0.2),
            "prune-before": prune(0.1, False, 6),
            "prune-after": prune(0.1, False, 6),
        },
        "mode": "generation" if generation else "summarisation",
        "causal": chance(0.5),
        "query": rng.choice((rng.randrange(length), length)) if generation else 0,
        "head-dim": dim,
        "group": group,
        "keys": {
            "msb": bits["k"][0],
            "lsb": bits["k"][1],
            "mode": rng.choice(("never", "always", "auto", "auto", "mask") if generation else ("never", "always")),
            "threshold": rng.randrange(1 << rng.randint(1, prob_width)),
            "mask": [head for head in range(MAX_HEADS) if chance(0.5)],
        },
        "values": {
            "msb": bits["v"][0],
            "lsb": bits["v"][1],
            "mode": rng.choice(("never", "always", "with-row") if generation else ("never", "always")),
            "ratio": rng.choice((0, 1, 65536, 65535, rng.randrange(65536), rng.randrange(65536), rng.randrange(65536))),
        },
        "accumulate": {"tokens": chance(0.9), "heads": chance(0.9), "head-shift": rng.choice((0, 0, 3, 6, 31))},
        "scale": {"mantissa": rng.choice((0, 1, 65535, *(rng.randint(1, 65535) for _ in range(5)))), "shift": shift},
        "output": {
            "mantissa": rng.choice((0, 65535, *(rng.randint(1, 65535) for _ in range(5)))),
            "shift": rng.choice((0, 47, *(prob_width + width + x for x in range(8)))),
        },
        "regions": regions,
    }
    if chance(0.3):
        # Few bits are cut from the sum: halves are common.
        shift = max(1, prob_width + width - config["out-width"] + 2)
        made["output"] = {"mantissa": rng.choice((1, 3, 4)), "shift": shift}
    if chance(0.2):
        # A flat row of as many keys as the list may have: its probability, and the threshold that just meets it.
        made["scale"]["mantissa"] = 0
        made["keys"]["threshold"] = min((2 ** (prob_width + 1) + length) // (2 * length), 2**prob_width - 1)
    # One rule broken, or several: the first of them has to be named.
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))):
        spoil(rng, made, width, prob_width)
    return made


def spoil(rng, made, width, prob_width):
    part, name, value = rng.choice(
        (
            (None, "head-dim", rng.choice((0, 16, 33, 48, 96, 128))),
            (None, "group", rng.choice((0, MAX_HEADS + 1, 65535))),
            (None, "query", rng.choice((MAX_TOKENS, 65535))),
            (None, "mode", "summarisation"),
            ("keys", "msb", 0),
            ("keys", "lsb", width),
            ("keys", "mode", "auto"),
            ("keys", "mode", "mask"),
            ("keys", "threshold", min(1 << prob_width, 65535)),
            ("values", "msb", 0),
            ("values", "lsb", width + 1),
            ("values", "mode", "with-row"),
            ("values", "ratio", rng.choice((65537, (1 << 17) - 1))),
            ("scale", "shift", 48),
            ("output", "shift", 48),
            ("accumulate", "head-shift", 32),
            ("tokens", "scale", 32),
            ("heads", "scale", 32),
            ("tokens", "append", True),
            ("tokens", "reset", False),
            ("regions", "q", {"base": 4, "head-stride": 4, "token-stride": 2}),
            ("regions", "out", {"base": 1, "head-stride": 4, "token-stride": 4}),
        )
    )
    if part is None:
        made[name] = value
    else:
        made[part] = made[part] | {name: value}


def split_bits(rng, width):
    total = rng.randint(2, width)
    lsb = rng.randint(0, total - 1)
    return total - lsb, lsb


def tensor(rng, bits, heads, rows, dim):
    limit = 1 << (bits - 1)
    data = [rng.randrange(-limit, limit) for _ in range(heads * rows * dim)]
    return {"bits": bits, "shape": [heads, rows, dim], "data": data}
