"""The AXI4 masters against a memory model that shares nothing with the project: AxiRam of cocotbext-axi.

Writes go through axi_writer and are compared byte by byte with what the model then holds; reads go through axi_reader.
"""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer
from cocotbext.axi import AxiBus, AxiRam

SIZE = 1 << 16  # bytes of the model
SECTOR = 32


def pauses(rng, per_cent):
    """Says for each cycle whether a channel of the model pauses."""
    while True:
        yield rng.randrange(100) < per_cent


async def feed(dut, stream, items, rng, gaps):
    """Offers items, dictionaries of fields, one after the other; valid stays until ready has taken it."""
    valid, ready = getattr(dut, f"{stream}_valid"), getattr(dut, f"{stream}_ready")
    for item in items:
        while gaps and rng.randrange(3) == 0:
            await RisingEdge(dut.clk)
        for name, value in item.items():
            getattr(dut, f"{stream}_{name}").value = value
        valid.value = 1
        while True:
            await ReadOnly()
            taken = int(ready.value)
            await RisingEdge(dut.clk)
            if taken:
                break
        valid.value = 0


async def collect(dut, count, rng, gaps):
    """The data of so many responses."""
    data = []
    while len(data) < count:
        dut.response_ready.value = int(not gaps or rng.randrange(3) > 0)
        await ReadOnly()
        if int(dut.response_valid.value) and int(dut.response_ready.value):
            assert int(dut.response_error.value) == 0
            data.append(int(dut.response_data.value).to_bytes(SECTOR, "little"))
        await RisingEdge(dut.clk)
    dut.response_ready.value = 0
    return data


async def settled(dut, idle):
    """Waits until a master is idle, at most some thousand cycles."""
    for _ in range(20000):
        await RisingEdge(dut.clk)
        await ReadOnly()
        if int(idle.value):
            await RisingEdge(dut.clk)
            return
    raise AssertionError("not idle")


async def within_pages(dut):
    """Holds every burst to its 4 KB, which the model does not."""
    while True:
        await RisingEdge(dut.clk)
        await ReadOnly()
        for channel in ["ar", "aw"]:
            valid, addr, length, size = (
                getattr(dut, f"m_axi_{channel}{name}").value for name in ["valid", "addr", "len", "size"]
            )
            if valid.is_resolvable and int(valid):
                end = int(addr) + (int(length) + 1 << int(size)) - 1
                assert int(addr) // 4096 == end // 4096, f"a burst from {int(addr):#x} to {end:#x}"


def addresses(rng, count, base):
    """Runs of neighbours, many of them over a 4 KB boundary, steps and jumps, in a channel at this base."""
    found = []
    at = 0
    while len(found) < count:
        at = rng.choice([at, rng.randrange(SIZE // SECTOR), (4096 * rng.randrange(1, 16) - base) // SECTOR - 3])
        step = rng.choice([1, 1, 1, 0, 2, -1])
        for _ in range(rng.choice([1, 2, 3, 9, 20])):
            found.append(at % (SIZE // SECTOR) * SECTOR)
            at += step
    return found[:count]


@cocotb.test()
async def reads_and_writes(dut):
    """Three rounds: at full speed, with a model that pauses, and with everybody pausing."""
    count = int(os.environ["COUNT"])
    rng = random.Random(int(os.environ["SEED"]))
    cocotb.start_soon(Clock(dut.clk, 10, units="step").start())
    for name in ["stop", "request_valid", "request_address", "response_ready", "write_valid", "write_address",
                 "write_data", "write_strobe", "base"]:
        getattr(dut, name).value = 0
    dut.rst.value = 1
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    start = rng.randbytes(SIZE)
    ram.write(0, start)
    memory = bytearray(start)
    cocotb.start_soon(within_pages(dut))
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)

    for model_pauses, gaps in [(0, False), (40, False), (60, True)]:
        channels = [ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel,
                    ram.read_if.ar_channel, ram.read_if.r_channel]
        for channel in channels:
            channel.set_pause_generator(pauses(random.Random(rng.random()), model_pauses))
        base = rng.randrange(SIZE // SECTOR) * SECTOR
        dut.base.value = base

        writes = []
        for address in addresses(rng, count, base):
            data, strobe = rng.randbytes(SECTOR), rng.choice([0xFF, 0xFF, 0x01, 0x80, 0x3C, rng.randrange(256)])
            writes.append({"address": address, "data": int.from_bytes(data, "little"), "strobe": strobe})
            at = (base + address) % SIZE
            for word in range(8):
                if strobe >> word & 1:
                    memory[at + 4 * word : at + 4 * word + 4] = data[4 * word : 4 * word + 4]
        await feed(dut, "write", writes, rng, gaps)
        await settled(dut, dut.writer_idle)
        assert ram.read(0, SIZE) == bytes(memory), "the model holds other bytes than were written"

        asked = addresses(rng, count, base)
        answers = cocotb.start_soon(collect(dut, count, rng, gaps))
        await feed(dut, "request", [{"address": address} for address in asked], rng, gaps)
        for address, data in zip(asked, await answers):
            at = (base + address) % SIZE
            assert data == bytes(memory[at : at + SECTOR]), f"sector {address:#x} read wrongly"
        await settled(dut, dut.reader_idle)

    # A stop in mid-stream: nothing hangs, and what comes after it is answered as if it had not been.
    foreign = cocotb.start_soon(feed(dut, "request", [{"address": a} for a in addresses(rng, 60, base)], rng, False))
    await Timer(200, units="step")
    await RisingEdge(dut.clk)
    dut.stop.value = 1
    await foreign
    await settled(dut, dut.reader_idle)
    dut.stop.value = 0
    asked = addresses(rng, 20, base)
    answers = cocotb.start_soon(collect(dut, len(asked), rng, False))
    await feed(dut, "request", [{"address": address} for address in asked], rng, False)
    for address, data in zip(asked, await answers):
        at = (base + address) % SIZE
        assert data == bytes(memory[at : at + SECTOR]), f"sector {address:#x} read wrongly after a stop"
