"""Packs one tensor with spatten_pack.py: the same arguments and output as pack_check.c."""

import struct
import sys

import spatten_pack as pack


def main(values_file, *arguments):
    *numbers, output = arguments
    heads, rows, dim, msb, lsb, *rest = (int(n) for n in numbers)
    high, low = pack.Region(*rest[:3]), pack.Region(*rest[3:6])
    channels, addr_width, channel_bytes = rest[6:]
    with open(values_file, "rb") as file:
        values = struct.unpack(f"<{heads * rows * dim}d", file.read())
    try:
        integers, scale = pack.quantise(values, msb + lsb)
    except ValueError:
        print("refused")
        return
    memory = [bytearray(channel_bytes) for _ in range(channels)]
    for head in range(heads):
        for row in range(rows):
            start = (head * rows + row) * dim
            parts = pack.pack_vector(integers[start : start + dim], msb, lsb)
            for region, part in zip((high, low), parts):
                for offset, byte in enumerate(part):
                    address = region.address(head, row, addr_width) + offset
                    memory[pack.channel(address, channels)][pack.local(address, channels)] = byte
    with open(output, "wb") as file:
        file.writelines(memory)
    print(struct.pack(">d", scale).hex(), pack.channels_visited(high, rows, msb * dim // 8, channels))


main(*sys.argv[1:])
