"""Shows that the checker can see: hand-worked answers, and every kind of recorded answer corrupted in turn."""

import copy
import random
from fractions import Fraction

from . import case, exact, generate, model, planes, pruning
from .softmax import METHODS, Softmax


def corruptions():
    """(name, what a difference must mention, how to spoil a command's result; it returns False when it cannot)."""

    def row_field(name, spoil):
        def apply(result):
            for row in result.get("rows", ()):
                if row["keys"] and spoil(row):
                    return True
            return False

        return f"row's {name}", f".{name}", apply

    def add_one(name, *path):
        def apply(result):
            for step in path:
                if step not in result:
                    return False
                result = result[step]
            if name not in result:
                return False
            if isinstance(result[name], list):
                if not result[name]:
                    return False
                result[name][-1] += 1
            else:
                result[name] += 1
            return True

        return ".".join((*path, name)), f".{name}", apply

    def drop(name):
        def apply(result):
            return bool(result.get(name)) and result[name].pop() is not None

        return f"{name}, one missing", f".{name}", apply

    def swap(name):
        def apply(result):
            if len(result.get(name, ())) < 2:
                return False
            result[name][0], result[name][1] = result[name][1], result[name][0]
            return True

        return f"{name}, two exchanged", f".{name}", apply

    def bump(name):
        def spoil(row):
            if isinstance(row[name], list):
                if not row[name]:
                    return False
                row[name][len(row[name]) // 2] ^= 1
            else:
                row[name] += 1
            return True

        return row_field(name, spoil)

    def shorten(row):
        return bool(row["kept"]) and row["kept"].pop() is not None

    def turn(decision):
        def spoil(row):
            if row["redone"] == decision:
                return False
            row["redone"] = decision
            return True

        return spoil

    def lose_row(result):
        return bool(result.get("rows")) and bool(result["rows"].pop())

    def other_rule(result):
        if "refused" not in result:
            return False
        result["refused"] = "query" if result["refused"] != "query" else "append"
        return True

    def refuse(result):
        if "refused" in result:
            return False
        result.clear()
        result["refused"] = "ratio"
        return True

    def accept(result):
        if "refused" not in result:
            return False
        result.clear()
        result["rows"] = []
        return True

    def lose_field(result):
        return result.pop("token-importance", None) is not None

    yield from (bump(name) for name in ("head", "query", "keys", "max-prob", "kept", "output", "probs"))
    yield row_field("kept", shorten)
    yield row_field("redone", turn(True))
    yield row_field("redone", turn(False))
    yield "rows, one missing", ".rows", lose_row
    for name in ("length", "token-list", "head-list", "token-importance", "head-importance"):
        yield add_one(name)
    for name in ("token-list", "head-list"):
        yield drop(name)
        yield swap(name)
    for name in ("q", "k-msb", "k-lsb", "v-msb", "v-lsb"):
        yield add_one(name, "sectors")
    for name in ("rows", "keys", "scores", "kept-values", "redone-rows"):
        yield add_one(name, "work")
    yield "refused, another rule", ".refused", other_rule
    yield "refused, though it ran", "recorded ratio", refuse
    yield "ran, though refused", "recorded not refused", accept
    yield "token-importance not recorded", ".token-importance: not recorded", lose_field


def final_corruptions():
    def stretch(name):
        def apply(final):
            final["stretches"][0][name] += 1

        return f"final.stretches.{name}", f".{name}", apply

    def lose_stretch(final):
        final["stretches"].pop()

    def roof(final):
        final["roof"][0] += 1

    def digest(final):
        final["memory-sha256"] = final["memory-sha256"][::-1]

    yield from (stretch(name) for name in ("sectors", "key-products", "scores", "value-products"))
    yield "final.stretches, one missing", "final.stretches", lose_stretch
    yield "final.roof", "final.roof", roof
    yield "final.memory-sha256", "final.memory-sha256", digest


def spoil_every_kind(documents):
    """Spoils each kind of answer in the first document that has one; returns (name, difference line or None)."""
    verdicts = []
    for name, mention, apply in corruptions():
        verdicts.append((name, spoil_one(documents, mention, apply)))
    for name, mention, apply in final_corruptions():
        document = copy.deepcopy(documents[0])
        apply(document["final"])
        verdicts.append((name, mentioned(document, mention)))
    return verdicts


def spoil_one(documents, mention, apply):
    for original in documents:
        for index, event in enumerate(original["events"]):
            if "command" in event and apply(copy.deepcopy(event["result"])):
                document = copy.deepcopy(original)
                apply(document["events"][index]["result"])
                return mentioned(document, mention)
    return None


def mentioned(document, mention):
    """The first difference found that names the spoilt answer, or None."""
    lines = case.check(document, bounded_rows=0).differences
    return next((line for line in lines if mention in line), None)


def require(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: found {found}, worked out by hand {expected}")


def known_answers():
    """Small examples worked out by hand from the specification's sentences."""
    require("top-k, ties to the earlier position", pruning.top_k([5, 9, 5, 5, 1], 3), [0, 1, 2])
    require("top-k of none", pruning.top_k([1, 2], 0), [])
    require("top-k of all", pruning.top_k([1, 2], 7), [0, 1])
    importance = [0, 10, 20, 30, 40, 50, 60, 70]
    ids = [0, 2, 3, 5, 7]
    require("prune", pruning.prune(ids, importance, 2), [5, 7])
    require("guards count towards k", pruning.prune(ids, importance, 3, 1, 1), [0, 5, 7])
    require("guards alone", pruning.prune(ids, importance, 1, 2, 1), [0, 2, 7])
    require("guards that overlap", pruning.prune(ids, importance, 0, 4, 4), ids)
    halves = [model.rounded_shift(x, 1) for x in (-5, -3, -1, 1, 3, 5)]
    require("half to even", halves, [-2, -2, 0, 0, 2, 2])
    quarters = [model.rounded_shift(x, 2) for x in (-7, -6, -5, 5, 6, 7)]
    require("nearest", quarters, [-2, -2, -1, 1, 2, 2])
    require("saturation", [model.saturate(x, 8) for x in (-129, -128, 127, 128)], [-128, -128, 127, 127])
    require("runs of heads", model.runs([0, 1, 3, 6, 4], 3), [0, 1, 2, 1])

    # Vectors of 24 bytes side by side: sectors 0, 0-1, 1, 2; the repeated ones are not fetched again.
    require("adjacent sectors", planes.list_sectors([0, 24, 48, 72], 24, 32), 3)
    require("one sector twice, another between", planes.list_sectors([0, 32, 0], 24, 32), 3)
    require("two-sector vectors at stride 0", planes.list_sectors([16, 16], 32, 32), 4)
    require("a vector round the top of memory", planes.list_sectors([(1 << 32) - 8, 0], 16, 32), 2)
    require("no planes", planes.list_sectors([0, 64], 0, 32), 0)

    # Elements 1, -2, 0, ... in 2 bits: patterns 01, 10, 00; plane 0 holds the sign bits.
    vector = [1, -2] + [0] * 6
    require("bit planes", planes.encode(vector, 2), bytes([0b10, 0b01]))
    require("bit planes, back", planes.decode(bytes([0b10, 0b01]), 8, 2, True), vector)

    build = model.Build(32, 8, 64, 12, 12, 16, 4, 128, 2, 32)
    require("roof", model.Work(7, 640, 12, 64).roof(build), Fraction(6))

    # Scores 1 and 0 at scale 1: 2/3 and 1/3 of 4096.
    require("softmax bounds hold", exact.violations([1, 0], 1, 0, [2731, 1365], 12), [])
    for spoilt in ([2732, 1365], [2731, 1367], [4096, 1365]):
        if not exact.violations([1, 0], 1, 0, spoilt, 12):
            raise AssertionError(f"softmax bounds accept {spoilt}")
    if not exact.violations([5, 5], 1, 0, [2048, 2047], 12):
        raise AssertionError("equal scores with unequal probabilities pass")
    if not exact.violations([500, 501, 900], 1, 20, [1366, 1365, 1366], 12):
        raise AssertionError("a larger score with a smaller probability passes")


def reduced_domain():
    """The exponential over all of its reduced domain, at every probability width, by both methods.

    It never rises, across the octave seam too, and the spread b / a of its relative errors moves a probability by at
    most tanh(ln(b / a) / 4) <= (b / a - 1) / 4, which must stay within the 0.135 LSB that docs/softmax.md grants.
    """
    for prob_width in range(8, 17):
        exact_values = exact.exp2_negative_fractions(prob_width + 2)
        for method in METHODS:
            softmax = Softmax(prob_width, method)
            values = [softmax.fraction(f) for f in range(1 << softmax.f)]
            what = f"fraction of {method} at P = {prob_width}"
            require(f"{what} at 0", values[0], 1 << softmax.g)
            seam = values + [1 << (softmax.g - 1)]
            require(f"rises of {what}", [f for f in range(len(values)) if seam[f] < seam[f + 1]], [])
            errors = [(g << (exact.FRACTION_BITS + 64)) // v for g, v in zip(values, exact_values)]
            spread = (Fraction(max(errors) + 1, min(errors)) - 1) / 4 * (1 << prob_width)
            if spread > Fraction(135, 1000):
                raise AssertionError(f"{what}: relative errors move a probability by {float(spread):.4f} LSB")


def extreme_rows():
    """Rows where the bounds are tight, and the comparison that decides about LSBs without a division."""
    rng = random.Random(1)
    for _ in range(300):
        softmax = Softmax(rng.randint(8, 16), rng.choice(METHODS))
        n = rng.choice((1, 2, 3, 5, 17, 100))
        spread = 1 << rng.randint(0, 38)
        scores = [rng.randrange(-spread, spread) for _ in range(n)]
        for j in range(n):
            if rng.random() < 0.4:
                scores[j] = scores[rng.randrange(n)] + rng.choice((-1, 0, 0, 1))
        scale, shift = rng.choice((0, 1, 65535, rng.randrange(65536))), rng.choice((0, 47, rng.randint(0, 47)))
        if rng.random() < 0.7:
            # Exponents of a few octaves: most of the interesting rounding.
            scale = rng.randrange(1, 65536)
            shift = min(47, max(0, (scale * spread).bit_length() - rng.randint(0, 6)))
        row = softmax.probabilities(scores, scale, shift)
        require("bounds", exact.violations(scores, scale, shift, row, softmax.p), [])
        total = softmax.total(scores, scale, shift)
        require("largest probability from the sum", softmax.largest(total), max(row))
        for threshold in {0, 1, (1 << softmax.p) - 1, *(max(0, max(row) + x) for x in (-1, 0, 1, 2))}:
            if threshold < 1 << softmax.p:
                require("decision without division", softmax.below(total, threshold), max(row) < threshold)


def main(documents=()):
    """Spoils the answers of these cases, or of random ones; prints one line for each; returns the exit code."""
    known_answers()
    print("hand-worked examples agree")
    reduced_domain()
    extreme_rows()
    print("the softmax keeps its bounds")
    documents = list(documents) or [case.record(generate.generate(seed)) for seed in range(8)]
    for number, document in enumerate(documents):
        clean = case.check(document).differences
        if clean:
            print(f"case {number} is wrong before anything is spoilt: {clean[0]}")
            return 1
    silent = 0
    for name, line in spoil_every_kind(documents):
        print(f"red    {name:34} {line}" if line else f"SILENT {name}")
        silent += line is None
    print(f"{silent} kinds of corruption went unseen")
    return 1 if silent else 0
