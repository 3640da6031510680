"""Holds the integer tensors of a case against the model's own numbers (host quantisation, specification, section 2)."""

import json
import math
import struct
from fractions import Fraction

from .case import CaseError

FORMATS = {"F16": ("e", 2), "F32": ("f", 4), "F64": ("d", 8)}


def read_safetensors(path):
    """Every floating-point tensor of a safetensors file: name to (shape, flat tuple of Python floats)."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        body = file.read()
    found = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in FORMATS:
            continue
        letter, size = FORMATS[entry["dtype"]]
        start, end = entry["data_offsets"]
        found[name] = (entry["shape"], struct.unpack(f"<{(end - start) // size}{letter}", body[start:end]))
    return found


def quantise(values, bits):
    """Integers and their scale: float64 arithmetic, half to even."""
    limit = (1 << (bits - 1)) - 1
    step = max(map(abs, values), default=0.0) / limit or 1.0
    return [max(-limit, min(limit, round(value / step))) for value in values], step


def check_source(document, path, report):
    """Adds to `report` what differs between the tensors `qN`, `kN`, `vN` of a case and layer N of the model file.

    A case may hold only the first heads and rows of a layer: that part then is the tensor, with a scale of its own.
    """
    source = read_safetensors(path)
    numbers, steps = 0, {}
    for name, tensor in document["tensors"].items():
        original = f"layer.{name[1:]}.{name[:1]}"
        if original not in source:
            raise CaseError(f"tensor {name} is not from {path}, which has no {original}")
        (_, rows, dim), values = source[original]
        heads, kept_rows, _ = tensor["shape"]
        part = [
            value
            for head in range(heads)
            for value in values[head * rows * dim : (head * rows + kept_rows) * dim]
        ]
        expected, steps[name] = quantise(part, tensor["bits"])
        numbers += len(expected)
        report.compare_lists(f"tensors.{name}.data", tensor["data"], expected, ())
    report.source = f", {numbers} numbers and {check_scales(document, steps, report)} scales held against the source"


def check_scales(document, steps, report):
    """The commands' score scale: q step x k step, its on-chip alignment, 1 / sqrt(D) and log2(e), to 16 bits."""
    loaded, scales = {}, 0
    for index, event in enumerate(document["events"]):
        if "load" in event:
            loaded[event["load"]["msb"]["base"]] = event["load"]["tensor"]
        if "command" not in event:
            continue
        command = event["command"]
        query, key = (loaded.get(command["regions"][name]["base"]) for name in ("q", "k-msb"))
        if query is None or key is None:
            raise CaseError(f"event {index}: no tensor was loaded where Q or K are read")
        up = document["config"]["width"] - command["keys"]["msb"] - command["keys"]["lsb"]
        real = steps[query] * steps[key] / 2**up / math.sqrt(command["head-dim"]) * math.log2(math.e)
        mantissa, shift = command["scale"]["mantissa"], command["scale"]["shift"]
        scales += 1
        # Half a unit of a full mantissa, and a little for the float64 products above.
        error = abs(Fraction(real) * (1 << shift) - mantissa)
        if error > Fraction(500001, 1000000) or (mantissa < 1 << 15 and shift < 47):
            report.differences.append(f"event {index}: scale {mantissa} / 2^{shift} is not the 16-bit form of {real}")
    return scales
