"""The accelerator's behaviour, from the specification: state, layer commands, refusals, counters.

Everything is exact: Python integers, and fractions for the roof. Nothing here knows the interchange format
(`case.py`) nor the integer softmax (`softmax.py`, passed in).
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from operator import mul
from typing import NamedTuple

from . import planes, pruning

MAX_IMPORTANCE = (1 << 32) - 1
FULL_RATIO = 1 << 16
STREAMS = ("q", "k_msb", "k_lsb", "v_msb", "v_lsb")


@dataclass(frozen=True)
class Build:
    """Parameters fixed when the hardware is generated."""

    max_tokens: int
    max_heads: int
    head_dim: int
    width: int
    prob_width: int
    out_width: int
    channels: int
    multipliers: int
    softmax_lanes: int
    addr_width: int


@dataclass
class State:
    """What one sequence keeps on chip."""

    length: int
    head_count: int
    tokens: list
    heads: list
    token_importance: list
    head_importance: list

    def copy(self):
        return State(
            self.length,
            self.head_count,
            list(self.tokens),
            list(self.heads),
            list(self.token_importance),
            list(self.head_importance),
        )


@dataclass(frozen=True)
class TokenPrune:
    k: int
    first: int = 0
    last: int = 0


class Region(NamedTuple):
    """Where the vectors of one stream lie: byte addresses and strides."""

    base: int = 0
    head_stride: int = 0
    token_stride: int = 0


@dataclass(frozen=True)
class Command:
    """One layer command. `query` is None in summarisation, the query's token id in generation."""

    dim: int
    group: int = 1
    query: int | None = None
    causal: bool = False
    key_mode: str = "never"
    value_mode: str = "never"
    lsb_mask: int = 0
    threshold: int = 0
    k_msb: int = 8
    k_lsb: int = 0
    v_msb: int = 8
    v_lsb: int = 0
    scale: int = 0
    shift: int = 0
    out_mant: int = 0
    out_shift: int = 0
    head_shift: int = 0
    ratio: int = FULL_RATIO
    accumulate_tokens: bool = False
    accumulate_heads: bool = False
    clear_tokens: bool = False
    clear_heads: bool = False
    decay_tokens: int = 0
    decay_heads: int = 0
    append: bool = False
    reset_tokens: bool = False
    reset_heads: bool = False
    prune_tokens_before: TokenPrune | None = None
    prune_heads_before: int | None = None
    prune_tokens_after: TokenPrune | None = None
    prune_heads_after: int | None = None
    regions: dict = field(default_factory=dict)


@dataclass
class Row:
    """One query row of one head, as the hardware leaves it."""

    head: int
    query: int
    keys: list
    redone: bool = False
    largest: int = 0
    scores: list = field(default_factory=list)
    probabilities: list = field(default_factory=list)
    kept_values: list = field(default_factory=list)
    output: list = field(default_factory=list)


@dataclass
class Work:
    """Totals the roof is made of; redone rows count twice in keys and scores."""

    sectors: int = 0
    key_products: int = 0
    scores: int = 0
    value_products: int = 0

    def add(self, other):
        self.sectors += other.sectors
        self.key_products += other.key_products
        self.scores += other.scores
        self.value_products += other.value_products

    def roof(self, build):
        """Cycles of a stretch with these totals, exact."""
        return max(
            Fraction(self.sectors, build.channels),
            Fraction(self.key_products, build.multipliers),
            Fraction(self.scores, build.softmax_lanes),
            Fraction(self.value_products, build.multipliers),
        )


@dataclass
class Outcome:
    """What one command did. When it was refused, `refusals` has every rule it breaks and nothing else is set."""

    refusals: list
    rows: list = field(default_factory=list)
    sectors: dict = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    rows_redone: int = 0
    work: Work = field(default_factory=Work)


def rounded_shift(value, shift):
    """value / 2^shift to the nearest integer, half to even."""
    if shift == 0:
        return value
    quotient = value >> shift
    rest = value & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    if rest > half or (rest == half and quotient & 1):
        quotient += 1
    return quotient


def saturate(value, bits):
    limit = 1 << (bits - 1)
    return max(-limit, min(limit - 1, value))


def static_refusals(build, command):
    """Rules a command breaks whatever the state, in the order in which they are reported."""
    generation = command.query is not None
    key_modes = ("never", "always", "auto", "mask") if generation else ("never", "always")
    value_modes = ("never", "always", "with-row") if generation else ("never", "always")
    rules = (
        ("head-dim", command.dim in (32, 64, 128) and command.dim <= build.head_dim),
        ("group", 1 <= command.group <= build.max_heads),
        ("key-bits", legal_bits(build, command.k_msb, command.k_lsb)),
        ("value-bits", legal_bits(build, command.v_msb, command.v_lsb)),
        ("key-mode", command.key_mode in key_modes),
        ("value-mode", command.value_mode in value_modes),
        ("threshold", command.threshold < 1 << build.prob_width),
        ("ratio", command.ratio <= FULL_RATIO),
        ("scale-shift", command.shift <= 47),
        ("output-shift", command.out_shift <= 47),
        ("head-shift", command.head_shift <= 31),
        ("importance-scale", command.decay_tokens <= 31 and command.decay_heads <= 31),
        ("alignment", all(part % 4 == 0 for region in command.regions.values() for part in region)),
    )
    return [name for name, holds in rules if not holds]


def legal_bits(build, msb, lsb):
    return msb >= 1 and lsb >= 0 and msb + lsb <= build.width


def ascending_below(ids, bound):
    return all(a < b for a, b in zip(ids, ids[1:])) and (not ids or (ids[0] >= 0 and ids[-1] < bound))


def prepare(build, state, command):
    """State after the operations that come before the layer, and the rules broken on the way."""
    state = state.copy()
    broken = []
    if state.length > build.max_tokens or state.head_count > build.max_heads:
        broken.append("length")
    # A list that the command resets is not looked at: a prompt starts by writing L and H, which may leave an old
    # list with ids that no longer exist, and resets both lists in its first command.
    if not command.reset_tokens and not ascending_below(state.tokens, state.length):
        broken.append("token-list")
    if not command.reset_heads and not ascending_below(state.heads, state.head_count):
        broken.append("head-list")
    if broken:
        return state, broken

    if command.clear_tokens:
        state.token_importance = [0] * len(state.token_importance)
    if command.clear_heads:
        state.head_importance = [0] * len(state.head_importance)
    state.token_importance = [x >> command.decay_tokens for x in state.token_importance]
    state.head_importance = [x >> command.decay_heads for x in state.head_importance]
    if command.append:
        if state.length == build.max_tokens:
            return state, ["append"]
        state.token_importance[state.length] = 0
        state.tokens.append(state.length)
        state.length += 1
    if command.reset_tokens:
        state.tokens = list(range(state.length))
    if command.reset_heads:
        state.heads = list(range(state.head_count))
    prune_lists(state, command.prune_tokens_before, command.prune_heads_before)
    if not state.tokens:
        broken.append("empty-tokens")
    if not state.heads:
        broken.append("empty-heads")
    if command.query is not None and not 0 <= command.query < state.length:
        broken.append("query")
    return state, broken


def prune_lists(state, token_prune, head_k):
    if token_prune is not None:
        state.tokens = pruning.prune(
            state.tokens, state.token_importance, token_prune.k, token_prune.first, token_prune.last
        )
    if head_k is not None:
        state.heads = pruning.prune(state.heads, state.head_importance, head_k)


def runs(heads, group):
    """Runs of kept heads adjacent in the list with the same KV head: the KV head of each run."""
    kv_heads = [head // group for head in heads]
    return [kv for i, kv in enumerate(kv_heads) if i == 0 or kv_heads[i - 1] != kv]


class Accelerator:
    """The state of one sequence and the counters of one run of commands.

    `probabilities(scores, scale, shift)` is the integer softmax of a row. The operands of a command are an object
    with `query(h, t)`, `key(kv, t, whole)` and `value(kv, t, whole)`: lists of `dim` integers; K and V before
    alignment, of `msb + lsb` bits, the LSBs zero unless `whole`.
    """

    def __init__(self, build, probabilities, state):
        self.build = build
        self.probabilities = probabilities
        self.state = state
        self.stretches = [Work()]

    def roof(self):
        return sum((work.roof(self.build) for work in self.stretches), Fraction(0))

    def filled_stretches(self):
        return [work for work in self.stretches if work != Work()]

    def end_stretch(self):
        self.stretches.append(Work())

    def run(self, command, operands):
        broken = static_refusals(self.build, command)
        if broken:
            return Outcome(broken)
        state, broken = prepare(self.build, self.state, command)
        if broken:
            return Outcome(broken)

        if command.prune_tokens_before is not None:
            self.end_stretch()
        outcome = Outcome([])
        self.attend(state, command, operands, outcome)
        self.stretches[-1].add(outcome.work)
        prune_lists(state, command.prune_tokens_after, command.prune_heads_after)
        if command.prune_tokens_after is not None:
            self.end_stretch()
        self.state = state
        return outcome

    def attend(self, state, command, operands, outcome):
        generation = command.query is not None
        queries = [command.query] if generation else state.tokens
        if not generation:
            self.count_summarisation(state, command, outcome)
        tensors = {}
        for head in state.heads:
            kv = head // command.group
            if kv not in tensors:
                tensors = {kv: Tensors(self.build, command, operands, kv, state.tokens)}
            tensor = tensors[kv]
            added = 0
            for query in queries:
                row = self.row(state.tokens, command, tensor, head, query, operands.query(head, query))
                outcome.rows.append(row)
                outcome.rows_redone += row.redone
                passes = 2 if row.redone else 1
                outcome.work.key_products += passes * len(row.keys) * command.dim
                outcome.work.scores += passes * len(row.keys)
                outcome.work.value_products += len(row.kept_values) * command.dim
                if generation:
                    self.count_row(command, kv, row, outcome)
                if command.accumulate_tokens:
                    importance = state.token_importance
                    for token, probability in zip(row.keys, row.probabilities):
                        importance[token] += probability
                if command.accumulate_heads:
                    added += sum(map(abs, row.output)) >> command.head_shift
            state.head_importance[head] = min(state.head_importance[head] + added, MAX_IMPORTANCE)
        # Only non-negative amounts are added, so saturating once at the end equals saturating at every addition.
        state.token_importance = [min(x, MAX_IMPORTANCE) for x in state.token_importance]
        outcome.work.sectors = sum(outcome.sectors.values())

    def row(self, tokens, command, tensor, head, query, q):
        if command.causal:
            # The list ascends, so the keys of a causal row are its first n tokens.
            keys = [token for token in tokens if token <= query]
        else:
            keys = tokens
        n = len(keys)
        row = Row(head, query, keys)
        if n == 0:
            row.output = [0] * command.dim
            return row

        self.one_pass(row, q, tensor.keys(command.key_mode == "always", n), command)
        if command.key_mode == "auto":
            row.redone = row.largest < command.threshold
        elif command.key_mode == "mask":
            row.redone = bool(command.lsb_mask >> head & 1)
        if row.redone:
            self.one_pass(row, q, tensor.keys(True, n), command)

        keep = -(-command.ratio * n // FULL_RATIO)
        row.kept_values = pruning.top_k(row.probabilities, keep)
        whole = whole_values(command, row)
        # Zero weights instead of gathered columns: the same exact sum. `map` stops at the row's n keys.
        weights = [0] * n
        for position in row.kept_values:
            weights[position] = row.probabilities[position]
        mant, shift, bits = command.out_mant, command.out_shift, self.build.out_width
        row.output = [
            saturate(rounded_shift(sum(map(mul, weights, column)) * mant, shift), bits)
            for column in tensor.value_columns(whole)
        ]
        return row

    def one_pass(self, row, q, keys, command):
        row.scores = [sum(map(mul, q, key)) for key in keys]
        row.probabilities = self.probabilities(row.scores, command.scale, command.shift)
        row.largest = max(row.probabilities)

    def count_row(self, command, kv, row, outcome):
        """Sectors of a row in generation: Q whatever n, the row's keys, the kept values."""
        tokens = row.keys
        values = [row.keys[position] for position in row.kept_values]
        self.count(command, outcome, "q", row.head, [row.query], self.build.width)
        self.count(command, outcome, "k_msb", kv, tokens, command.k_msb)
        if row.redone or command.key_mode == "always":
            self.count(command, outcome, "k_lsb", kv, tokens, command.k_lsb)
        self.count(command, outcome, "v_msb", kv, values, command.v_msb)
        if whole_values(command, row):
            self.count(command, outcome, "v_lsb", kv, values, command.v_lsb)

    def count_summarisation(self, state, command, outcome):
        """Sectors of a summarisation layer: K and V of all kept tokens per run of heads, Q per kept head."""
        for head in state.heads:
            self.count(command, outcome, "q", head, state.tokens, self.build.width)
        for kv in runs(state.heads, command.group):
            self.count(command, outcome, "k_msb", kv, state.tokens, command.k_msb)
            if command.key_mode == "always":
                self.count(command, outcome, "k_lsb", kv, state.tokens, command.k_lsb)
            self.count(command, outcome, "v_msb", kv, state.tokens, command.v_msb)
            if command.value_mode == "always":
                self.count(command, outcome, "v_lsb", kv, state.tokens, command.v_lsb)

    def count(self, command, outcome, stream, head, tokens, bits):
        addr_width = self.build.addr_width
        region = command.regions[stream]
        addresses = (planes.vector_address(region, head, token, addr_width) for token in tokens)
        outcome.sectors[stream] += planes.list_sectors(addresses, bits * command.dim // 8, addr_width)


def whole_values(command, row):
    """Whether a row's values come with their LSB planes."""
    if command.value_mode == "with-row":
        return row.redone or command.key_mode == "always"
    return command.value_mode == "always"


class Tensors:
    """K and V of one KV head's kept tokens as on-chip operands, made when first asked for."""

    def __init__(self, build, command, operands, kv, tokens):
        self.build = build
        self.command = command
        self.operands = operands
        self.kv = kv
        self.tokens = tokens
        self.cache = {}

    def rows(self, read, bits, whole):
        """On-chip operands: `bits` stored bits at the top of W; absent LSBs read as zero."""
        up = self.build.width - bits
        return [[x << up for x in read(self.kv, token, whole)] for token in self.tokens]

    def keys(self, whole, n):
        entry = ("k", whole)
        if entry not in self.cache:
            self.cache[entry] = self.rows(self.operands.key, self.command.k_msb + self.command.k_lsb, whole)
        return self.cache[entry][:n]

    def value_columns(self, whole):
        entry = ("v", whole)
        if entry not in self.cache:
            rows = self.rows(self.operands.value, self.command.v_msb + self.command.v_lsb, whole)
            self.cache[entry] = [list(column) for column in zip(*rows)]
        return self.cache[entry]
