"""Bit planes, sectors and addresses (specification, section 3)."""

from hashlib import sha256
from struct import Struct

SECTOR_BYTES = 32
SECTOR_SHIFT = 5

# SPREAD[b] has bit i of the byte b at bit 16 i.
SPREAD = [sum((b >> i & 1) << (16 * i) for i in range(8)) for b in range(256)]
EIGHT_FIELDS = Struct("<8H")
LOWEST = SPREAD[255]

# Bit 16 i times 2^(15 (7 - i)) lands at 105 + i; no two of the products meet, so the sum has no carries.
GATHER = sum(1 << 15 * (7 - i) for i in range(8))


def encode(values, bits):
    """A vector of `bits`-bit elements as plane words, most significant plane first, little-endian bytes.

    Bit i of plane word p is bit `bits - 1 - p` of element i. Elements may be signed: their two's complement
    pattern is taken. Their number is a multiple of 8, and `bits <= 16`.
    """
    columns = []
    for start in range(0, len(values), 8):
        fields = int.from_bytes(EIGHT_FIELDS.pack(*(x & 0xFFFF for x in values[start : start + 8])), "little")
        columns.append([(fields >> p & LOWEST) * GATHER >> 105 & 0xFF for p in range(bits - 1, -1, -1)])
    return bytes(byte for plane in zip(*columns) for byte in plane)


def decode(data, length, bits, signed):
    """The inverse of `encode`: `length` elements (a multiple of 8) out of `bits * length / 8` bytes, `bits <= 16`."""
    width = length // 8
    if len(data) != width * bits:
        raise ValueError(f"{len(data)} bytes are not {bits} planes of {length} bits")
    values = []
    for column in range(width):
        # Eight elements at a time, one in each 16-bit field; every plane moves all of them up by one bit.
        fields = 0
        for byte in data[column::width]:
            fields = fields << 1 | SPREAD[byte]
        values += EIGHT_FIELDS.unpack(fields.to_bytes(16, "little"))
    if signed:
        sign = 1 << (bits - 1)
        values = [(x ^ sign) - sign for x in values]
    return values


def vector_address(region, head, token, addr_width):
    """Logical byte address of one vector of a region with `base`, `head_stride` and `token_stride`."""
    return (region.base + head * region.head_stride + token * region.token_stride) % (1 << addr_width)


def list_sectors(addresses, vector_bytes, addr_width):
    """Sectors fetched for one list of vectors.

    A vector asks for every sector it touches, in ascending order; a sector equal to the last one fetched for the
    list is not fetched again.
    """
    if vector_bytes == 0:
        return 0
    sectors = 1 << (addr_width - SECTOR_SHIFT)
    last = None
    count = 0
    for address in addresses:
        first = address >> SECTOR_SHIFT
        final = (address + vector_bytes - 1) >> SECTOR_SHIFT
        for sector in range(first, final + 1):
            sector %= sectors
            if sector != last:
                count += 1
                last = sector
    return count


class Memory:
    """Byte-addressed memory of `2^addr_width` bytes, all zero, kept by sector."""

    def __init__(self, addr_width):
        self.mask = (1 << addr_width) - 1
        self.sectors = {}

    def pieces(self, address, length):
        """Sector number, offset in it and length of each piece of a run of bytes."""
        address &= self.mask
        while length > 0:
            sector, offset = address >> SECTOR_SHIFT, address % SECTOR_BYTES
            take = min(SECTOR_BYTES - offset, length)
            yield sector, offset, take
            address = (address + take) & self.mask
            length -= take

    def read(self, address, length):
        found = bytearray()
        for sector, offset, take in self.pieces(address, length):
            content = self.sectors.get(sector)
            found += bytes(take) if content is None else content[offset : offset + take]
        return bytes(found)

    def write(self, address, data):
        done = 0
        for sector, offset, take in self.pieces(address, len(data)):
            content = self.sectors.setdefault(sector, bytearray(SECTOR_BYTES))
            content[offset : offset + take] = data[done : done + take]
            done += take

    def sha256(self):
        """Digest over all sectors ever written, ascending: 8 bytes of address, 32 bytes of content."""
        digest = sha256()
        for sector in sorted(self.sectors):
            digest.update((sector << SECTOR_SHIFT).to_bytes(8, "little"))
            digest.update(self.sectors[sector])
        return digest.hexdigest()
