"""Reads a case (docs/case-format.md), repeats it, and compares every recorded answer.

The reader is strict: a missing field, an unknown one or one of the wrong type is a `CaseError`.
"""

import copy
from dataclasses import dataclass, field

from . import exact
from .model import Accelerator, Build, Command, Region, State, TokenPrune
from .planes import Memory, decode, encode, vector_address
from .softmax import METHODS, Softmax

STREAMS = {"q": "q", "k-msb": "k_msb", "k-lsb": "k_lsb", "v-msb": "v_msb", "v-lsb": "v_lsb"}
# The build parameters that answers depend on, and what this checker takes.
BUILD_RANGES = {
    "max-tokens": (1, 8192),
    "max-heads": (1, 1024),
    "head-dim": (32, 128),
    "width": (8, 16),
    "prob-width": (8, 16),
    "out-width": (8, 16),
    "channels": (1, 1024),
    "multipliers": (1, 1 << 16),
    "softmax-lanes": (1, 1 << 16),
    "addr-width": (32, 64),
}


class CaseError(Exception):
    """The document is not a case."""


class Fields:
    """The fields of one JSON object, each to be taken once."""

    def __init__(self, value, where):
        if not isinstance(value, dict):
            raise CaseError(f"{where} is not an object")
        self.left = dict(value)
        self.where = where

    def take(self, name, kind=int, default=..., of=int):
        where = f"{self.where}.{name}"
        if name not in self.left:
            if default is ...:
                raise CaseError(f"{where} is missing")
            return default
        value = self.left.pop(name)
        if kind is int and (isinstance(value, bool) or not isinstance(value, int)):
            raise CaseError(f"{where} is not an integer: {value!r}")
        if kind is list and not (isinstance(value, list) and all(type(x) is of for x in value)):
            raise CaseError(f"{where} is not a list of {of.__name__}")
        if kind not in (int, list, object) and not isinstance(value, kind):
            raise CaseError(f"{where} is not of type {kind.__name__}: {value!r}")
        return value

    def unsigned(self, name, bits, default=...):
        value = self.take(name, int, default)
        if not 0 <= value < 1 << bits:
            raise CaseError(f"{self.where}.{name} is {value}, not an unsigned number of {bits} bits")
        return value

    def within(self, name, least, most):
        value = self.take(name)
        if not least <= value <= most:
            raise CaseError(f"{self.where}.{name} is {value}, not {least} to {most}")
        return value

    def one_of(self, name, *words):
        value = self.take(name, str)
        if value not in words:
            raise CaseError(f"{self.where}.{name} is {value!r}, not one of {', '.join(words)}")
        return value

    def object(self, name):
        return Fields(self.take(name, dict), f"{self.where}.{name}")

    def end(self):
        if self.left:
            raise CaseError(f"{self.where} has unknown fields: {', '.join(self.left)}")


@dataclass
class Tensor:
    bits: int
    heads: int
    rows: int
    dim: int
    data: list

    def vector(self, head, row):
        start = (head * self.rows + row) * self.dim
        return self.data[start : start + self.dim]


def read_tensor(fields):
    bits, shape, data = fields.take("bits"), fields.take("shape", list), fields.take("data", list)
    fields.end()
    if len(shape) != 3 or shape[0] * shape[1] * shape[2] != len(data):
        raise CaseError(f"{fields.where}: shape {shape} does not fit {len(data)} numbers")
    if min(shape) < 1 or shape[2] % 8:
        raise CaseError(f"{fields.where}: shape {shape} has a dimension of 0, or D is not a multiple of 8")
    if not 1 <= bits <= 16:
        raise CaseError(f"{fields.where}: {bits} bits, not 1 to 16")
    limit = 1 << (bits - 1)
    if data and not (-limit <= min(data) and max(data) < limit):
        raise CaseError(f"{fields.where}: not all numbers have {bits} bits")
    return Tensor(bits, *shape, data)


def read_region(fields):
    # Unsigned; the model takes sums modulo 2^addr-width.
    region = Region(
        fields.unsigned("base", 64), fields.unsigned("head-stride", 64), fields.unsigned("token-stride", 64)
    )
    fields.end()
    return region


def read_prune(side, name, guards):
    value = side.take(name, object)
    if value is None:
        return None
    fields = Fields(value, f"{side.where}.{name}")
    k = fields.unsigned("k", 16)
    prune = TokenPrune(k, fields.unsigned("first", 16, 0), fields.unsigned("last", 16, 0)) if guards else k
    fields.end()
    return prune


def read_command(fields):
    tokens, heads = fields.object("tokens"), fields.object("heads")
    keys, values = fields.object("keys"), fields.object("values")
    accumulate, scale, output = fields.object("accumulate"), fields.object("scale"), fields.object("output")
    regions = fields.object("regions")
    mode = fields.one_of("mode", "generation", "summarisation")
    query = fields.unsigned("query", 32)
    mask = keys.take("mask", list)
    if not all(0 <= head < 1 << 16 for head in mask):
        raise CaseError(f"{keys.where}.mask has numbers that are not of 16 bits")
    command = Command(
        dim=fields.unsigned("head-dim", 16),
        group=fields.unsigned("group", 16),
        query=query if mode == "generation" else None,
        causal=fields.take("causal", bool),
        key_mode=keys.one_of("mode", "never", "always", "auto", "mask"),
        value_mode=values.one_of("mode", "never", "always", "with-row"),
        lsb_mask=sum(1 << head for head in set(mask)),
        threshold=keys.unsigned("threshold", 16),
        k_msb=keys.unsigned("msb", 8),
        k_lsb=keys.unsigned("lsb", 8),
        v_msb=values.unsigned("msb", 8),
        v_lsb=values.unsigned("lsb", 8),
        scale=scale.unsigned("mantissa", 16),
        shift=scale.unsigned("shift", 8),
        out_mant=output.unsigned("mantissa", 16),
        out_shift=output.unsigned("shift", 8),
        head_shift=accumulate.unsigned("head-shift", 8),
        ratio=values.unsigned("ratio", 17),
        accumulate_tokens=accumulate.take("tokens", bool),
        accumulate_heads=accumulate.take("heads", bool),
        clear_tokens=tokens.take("clear", bool),
        clear_heads=heads.take("clear", bool),
        decay_tokens=tokens.unsigned("scale", 8),
        decay_heads=heads.unsigned("scale", 8),
        append=tokens.take("append", bool),
        reset_tokens=tokens.take("reset", bool),
        reset_heads=heads.take("reset", bool),
        prune_tokens_before=read_prune(tokens, "prune-before", True),
        prune_heads_before=read_prune(heads, "prune-before", False),
        prune_tokens_after=read_prune(tokens, "prune-after", True),
        prune_heads_after=read_prune(heads, "prune-after", False),
        regions={inner: read_region(regions.object(name)) for name, inner in (STREAMS | {"out": "out"}).items()},
    )
    for part in (tokens, heads, keys, values, accumulate, scale, output, regions, fields):
        part.end()
    return command


class StoredOperands:
    """Q, K and V of one command as memory holds them."""

    def __init__(self, memory, build, command):
        self.memory = memory
        self.build = build
        self.command = command

    def planes(self, stream, head, token, bits):
        address = vector_address(self.command.regions[stream], head, token, self.build.addr_width)
        return self.memory.read(address, bits * self.command.dim // 8)

    def query(self, head, token):
        return decode(self.planes("q", head, token, self.build.width), self.command.dim, self.build.width, True)

    def element(self, streams, head, token, msb, lsb, whole):
        high = decode(self.planes(streams[0], head, token, msb), self.command.dim, msb, True)
        if not whole or lsb == 0:
            return [x << lsb for x in high]
        low = decode(self.planes(streams[1], head, token, lsb), self.command.dim, lsb, False)
        return [x << lsb | y for x, y in zip(high, low)]

    def key(self, kv, token, whole):
        return self.element(("k_msb", "k_lsb"), kv, token, self.command.k_msb, self.command.k_lsb, whole)

    def value(self, kv, token, whole):
        return self.element(("v_msb", "v_lsb"), kv, token, self.command.v_msb, self.command.v_lsb, whole)


class Replay:
    """The events of a case repeated one by one; answers come out as the documents the format prescribes."""

    def __init__(self, document):
        case = Fields(document, "case")
        if case.take("format", str) != "spatten-case" or case.take("version") != 1:
            raise CaseError("not a spatten-case of version 1")
        config = case.object("config")
        self.build = Build(
            **{key.replace("-", "_"): config.within(key, *limits) for key, limits in BUILD_RANGES.items()}
        )
        softmax = Softmax(self.build.prob_width, config.one_of("exp", *METHODS))
        bases = case.take("channel-bases", list)
        if len(bases) != self.build.channels or any(base % 32 for base in bases):
            raise CaseError(f"case.channel-bases: not {self.build.channels} multiples of 32: {bases}")
        self.tensors = {
            name: read_tensor(Fields(value, f"tensors.{name}")) for name, value in case.take("tensors", dict).items()
        }
        self.events = case.take("events", list, of=dict)
        self.final = case.take("final", dict, {})
        case.end()
        state = State(0, 0, [], [], [0] * self.build.max_tokens, [0] * self.build.max_heads)
        self.accelerator = Accelerator(self.build, softmax.probabilities, state)
        self.memory = Memory(self.build.addr_width)

    def outcomes(self):
        """For each command: index of the event, the command, its outcome, the event's recorded result."""
        for index, event in enumerate(self.events):
            event = Fields(event, f"events[{index}]")
            if "load" in event.left:
                self.load(event.object("load"))
            elif "state" in event.left:
                self.write_state(event.object("state"))
            else:
                command = read_command(event.object("command"))
                yield index, command, self.run(command), event.take("result", dict, {})
            event.end()

    def load(self, fields):
        name = fields.take("tensor", str)
        msb_bits, lsb_bits = fields.unsigned("msb-bits", 8), fields.unsigned("lsb-bits", 8)
        first = fields.unsigned("first-token", 32)
        msb = read_region(fields.object("msb"))
        lsb = read_region(fields.object("lsb")) if "lsb" in fields.left else Region()
        fields.end()
        if name not in self.tensors:
            raise CaseError(f"{fields.where}: no tensor {name!r}")
        tensor = self.tensors[name]
        if msb_bits + lsb_bits != tensor.bits:
            raise CaseError(f"{fields.where}: {msb_bits} + {lsb_bits} bits, but the tensor has {tensor.bits}")
        cut = msb_bits * tensor.dim // 8
        for head in range(tensor.heads):
            for row in range(tensor.rows):
                planes = encode(tensor.vector(head, row), tensor.bits)
                self.store(msb, head, first + row, planes[:cut])
                if lsb_bits:
                    self.store(lsb, head, first + row, planes[cut:])

    def store(self, region, head, token, data):
        self.memory.write(vector_address(region, head, token, self.build.addr_width), data)

    def write_state(self, fields):
        state = self.accelerator.state
        state.length = fields.unsigned("length", 32, state.length)
        state.head_count = fields.unsigned("heads", 32, state.head_count)
        state.tokens = fields.take("token-list", list, state.tokens)
        state.heads = fields.take("head-list", list, state.heads)
        for name, store in (("token-importance", state.token_importance), ("head-importance", state.head_importance)):
            written = fields.take(name, list, [])
            if len(written) > len(store) or not all(0 <= x < 1 << 32 for x in written):
                raise CaseError(f"{fields.where}.{name} does not fit {len(store)} unsigned numbers of 32 bits")
            store[: len(written)] = written
        fields.end()

    def run(self, command):
        outcome = self.accelerator.run(command, StoredOperands(self.memory, self.build, command))
        for row in outcome.rows:
            data = b"".join((x & 0xFFFF).to_bytes(2, "little") for x in row.output)
            self.store(command.regions["out"], row.head, row.query, data)
        return outcome

    def answer(self, command, outcome):
        """The `result` of a command that has just run."""
        if outcome.refusals:
            return {"refused": outcome.refusals[0]}
        state, work = self.accelerator.state, outcome.work
        return {
            "rows": [
                {
                    "head": row.head,
                    "query": row.query,
                    "keys": len(row.keys),
                    "redone": row.redone,
                    "max-prob": row.largest,
                    "kept": [row.keys[position] for position in row.kept_values],
                    "output": row.output,
                    "probs": row.probabilities,
                }
                for row in outcome.rows
            ],
            "length": state.length,
            "token-list": state.tokens,
            "head-list": state.heads,
            "token-importance": state.token_importance[: state.length],
            "head-importance": state.head_importance[: state.head_count],
            "sectors": {name: outcome.sectors[inner] for name, inner in STREAMS.items()},
            "work": {
                "rows": len(outcome.rows),
                "keys": work.key_products // command.dim,
                "scores": work.scores,
                "kept-values": work.value_products // command.dim,
                "redone-rows": outcome.rows_redone,
            },
        }

    def final_answer(self):
        roof = self.accelerator.roof()
        return {
            "stretches": [
                {
                    "sectors": work.sectors,
                    "key-products": work.key_products,
                    "scores": work.scores,
                    "value-products": work.value_products,
                }
                for work in self.accelerator.filled_stretches()
            ],
            "roof": [roof.numerator, roof.denominator],
            "memory-sha256": self.memory.sha256(),
        }


@dataclass
class Report:
    """Differences found, and what was compared."""

    differences: list = field(default_factory=list)
    commands: int = 0
    refused: int = 0
    rows: int = 0
    numbers: int = 0
    bounded_rows: int = 0
    source: str = ""

    def compare(self, where, recorded, computed, optional=()):
        """Compares two documents, down to the numbers; one line for each field or list that differs."""
        if isinstance(recorded, dict) and isinstance(computed, dict):
            for name in sorted(recorded.keys() | computed.keys()):
                if name not in computed:
                    self.differences.append(f"{where}.{name}: recorded, but no such answer is due")
                elif name in recorded:
                    self.compare(f"{where}.{name}", recorded[name], computed[name], optional)
                elif name not in optional:
                    self.differences.append(f"{where}.{name}: not recorded")
        elif isinstance(recorded, list) and isinstance(computed, list):
            self.compare_lists(where, recorded, computed, optional)
        else:
            self.numbers += 1
            if type(recorded) is not type(computed) or recorded != computed:
                self.differences.append(f"{where}: recorded {recorded}, recomputed {computed}")

    def compare_lists(self, where, recorded, computed, optional):
        if len(recorded) != len(computed):
            self.differences.append(f"{where}: recorded {len(recorded)} entries, recomputed {len(computed)}")
        if any(isinstance(entry, dict) for entry in recorded + computed):
            for position, pair in enumerate(zip(recorded, computed)):
                self.compare(f"{where}[{position}]{row_name(pair[1])}", *pair, optional)
            return
        self.numbers += len(computed)
        wrong = [
            i for i, (a, b) in enumerate(zip(recorded, computed)) if type(a) is not type(b) or a != b
        ]
        if wrong:
            at = wrong[0]
            more = f" (and {len(wrong) - 1} more entries)" if len(wrong) > 1 else ""
            self.differences.append(f"{where}[{at}]: recorded {recorded[at]}, recomputed {computed[at]}{more}")

    def check_bounds(self, where, rows, command, prob_width, limit):
        """The three promises of the softmax, on at most `limit` evenly spread rows of a command."""
        rows = [row for row in rows if row.keys]
        step = max(1, -(-len(rows) // limit)) if limit else len(rows) + 1
        for row in rows[:: step] if limit else ():
            self.bounded_rows += 1
            for line in exact.violations(row.scores, command.scale, command.shift, row.probabilities, prob_width):
                self.differences.append(f"{where}, head {row.head}, query {row.query}: softmax, {line}")


def row_name(answer):
    if isinstance(answer, dict) and "query" in answer:
        return f" (head {answer['head']}, query {answer['query']})"
    return ""


def check(document, bounded_rows=16):
    """Repeats the run of a case and compares every answer.

    At most `bounded_rows` rows of each command also have their probabilities held against the exact softmax.
    """
    replay = Replay(document)
    report = Report()
    for index, command, outcome, recorded in replay.outcomes():
        where = f"event {index} (command {report.commands})"
        report.commands += 1
        report.refused += bool(outcome.refusals)
        report.rows += len(outcome.rows)
        computed = replay.answer(command, outcome)
        if ("refused" in recorded) != ("refused" in computed):
            verdict = [result.get("refused", "not refused") for result in (recorded, computed)]
            report.differences.append(f"{where}: recorded {verdict[0]}, recomputed {verdict[1]}")
        else:
            report.compare(where, recorded, computed, optional=("probs",))
        report.check_bounds(where, outcome.rows, command, replay.build.prob_width, bounded_rows)
    report.compare("final", replay.final, replay.final_answer())
    return report


def record(document):
    """Fills in the answers of a case that has none."""
    replay = Replay(document)
    for index, command, outcome, _ in replay.outcomes():
        document["events"][index]["result"] = copy.deepcopy(replay.answer(command, outcome))
    document["final"] = replay.final_answer()
    return document
