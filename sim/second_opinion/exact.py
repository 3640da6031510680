"""Softmax of integer scores in base 2, in interval arithmetic of 320 fraction bits.

2^-x for a dyadic x is a product of the numbers 2^-(1/2), 2^-(1/4), ..., each the integer square root of the one
before: no series, no coefficients, nothing in common with any implementation under test.
"""

from math import isqrt

FRACTION_BITS = 320
ONE = 1 << FRACTION_BITS
MAX_SHIFT = 47


def square_roots():
    roots = []
    root = ONE >> 1
    for _ in range(MAX_SHIFT):
        root = isqrt(root << FRACTION_BITS)
        roots.append(root)
    return roots


# ROOTS[i] = floor-rounded 2^-(2^-(i+1)); each is less than 2 units below the true value, since a square root at
# least halves the relative error it is given and adds less than one unit.
ROOTS = square_roots()

# A product of at most 47 such roots, each multiplication adding less than 1 + 2 units.
ERROR = 256


def exp2_negative(numerator, shift):
    """Lower and upper bound of 2^-(numerator / 2^shift) in units of 2^-320, `numerator >= 0`."""
    whole, part = numerator >> shift, numerator & ((1 << shift) - 1)
    if whole >= FRACTION_BITS:
        return 0, 1
    if part == 0:
        return ONE >> whole, ONE >> whole
    value = ONE
    for i in range(shift):
        if part >> (shift - 1 - i) & 1:
            value = value * ROOTS[i] >> FRACTION_BITS
    lower = value >> whole
    return lower, lower + ERROR


def exp2_negative_fractions(bits):
    """2^-(f / 2^bits) for every f of `bits` bits, in units of 2^-320, low by less than `ERROR`."""
    values = [ONE]
    for bit in range(bits):
        root = ROOTS[bits - 1 - bit]
        values += [value * root >> FRACTION_BITS for value in values]
    return values


def softmax(scores, scale, shift):
    """For each score a pair of bounds of its probability times the sum, and bounds of the sum."""
    largest = max(scores)
    bounds = [exp2_negative((largest - score) * scale, shift) for score in scores]
    return bounds, (sum(low for low, _ in bounds), sum(high for _, high in bounds))


def violations(scores, scale, shift, probabilities, prob_width):
    """What is wrong with a row of integer probabilities, as sentences; empty when all three bounds hold."""
    found = []
    bounds, (sum_low, sum_high) = softmax(scores, scale, shift)
    top = (1 << prob_width) - 1
    for j, (probability, (low, high)) in enumerate(zip(probabilities, bounds)):
        if not 0 <= probability <= top:
            found.append(f"element {j}: {probability} is not in 0..{top}")
        # |probability - 2^P e / sum| <= 1 for every e and sum within the bounds.
        if (probability - 1) * sum_high > low << prob_width:
            found.append(f"element {j}: {probability} is more than 1 above the real softmax")
        if (probability + 1) * sum_low < high << prob_width:
            found.append(f"element {j}: {probability} is more than 1 below the real softmax")
    ranked = sorted(range(len(scores)), key=scores.__getitem__)
    for a, b in zip(ranked, ranked[1:]):
        if scores[a] == scores[b] and probabilities[a] != probabilities[b]:
            found.append(f"elements {a} and {b}: equal scores, probabilities {probabilities[a]}, {probabilities[b]}")
        if scores[a] < scores[b] and probabilities[a] > probabilities[b]:
            found.append(f"element {b} has the larger score and the smaller probability than element {a}")
    return found
