"""From float tensors to a memory image: quantisation, bit planes, addresses, memory channels.

Only the standard library. The same numbers and bytes as `spatten-gen pack` and spatten_pack.h.
"""

import math
from dataclasses import dataclass

SECTOR = 32
"""Bytes of a sector, the unit of memory traffic."""


@dataclass(frozen=True)
class Region:
    """Where the vectors of one stream lie, in bytes."""

    base: int
    head_stride: int
    token_stride: int

    def address(self, head, token, addr_width):
        """Address of the vector of a head and token (original ids), modulo 2^addr_width."""
        return (self.base + head * self.head_stride + token * self.token_stride) % (1 << addr_width)


def quantise(values, bits):
    """Integers of `bits` signed bits, and the scale that turns them back.

    scale = max|v| / (2^(bits-1) - 1), 1 where that would be 0; each v / scale is rounded half to even and clamped to
    +-(2^(bits-1) - 1). Raises ValueError for fewer than 2 or more than 16 bits, and for values that are not finite.
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"cannot quantise to {bits} bits: 2 to 16 bits are possible")
    values = [float(v) for v in values]
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise ValueError(f"element {index} is {value}, and only finite values have a quantised form")
    limit = (1 << (bits - 1)) - 1
    scale = max((abs(v) for v in values), default=0.0) / limit or 1.0
    return [max(-limit, min(limit, round(v / scale))) for v in values], scale


def pack_vector(integers, msb, lsb):
    """The MSB and the LSB plane words of a vector, as two byte strings.

    Bit i of plane word p is bit msb + lsb - 1 - p of element i; words are little-endian bytes, most significant plane
    first. The number of integers is a multiple of 8.
    """
    planes = []
    for place in reversed(range(msb + lsb)):
        word = sum((x >> place & 1) << i for i, x in enumerate(integers))
        planes.append(word.to_bytes(len(integers) // 8, "little"))
    return b"".join(planes[:msb]), b"".join(planes[msb:])


def channel(address, channels):
    """Memory channel of the byte at `address`."""
    return address // SECTOR % channels


def local(address, channels):
    """Address of that byte inside its channel, before the channel's base is added."""
    return address // SECTOR // channels * SECTOR + address % SECTOR


def channels_visited(region, rows, size, channels):
    """How many of the channels hold a part of the vectors of one head: `rows` vectors of `size` bytes.

    Fewer than there are leave memory bandwidth idle while the head is read.
    """
    seen = set()
    for row in range(rows):
        start = region.base + row * region.token_stride
        seen.update(s % channels for s in range(start // SECTOR, (start + size - 1) // SECTOR + 1))
    return len(seen)
