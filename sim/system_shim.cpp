// The C entry points of a top with its memory and host: what src/sim/system/ffi.rs calls.
#include "system_driver.h"

#include "dut.h"

using Sim = spatten::System<Dut, Dut::Channels>;

#include "lifecycle.h"

#pragma GCC visibility push(default)
extern "C" {

void spatten_system_configure(Sim* sim, const SpMemory* memory) { sim->configure(*memory); }
void spatten_system_fault(Sim* sim, uint32_t number) { sim->fault(number); }
void spatten_system_status(Sim* sim, SpSystemStatus* status) { sim->status(status); }
void spatten_system_reset(Sim* sim, uint32_t cycles) { sim->reset(cycles); }
void spatten_system_host(Sim* sim, SpHostOp* ops, uint64_t count) { sim->host(ops, count); }
bool spatten_system_wait(Sim* sim, uint64_t limit) { return sim->wait(limit); }
void spatten_system_run(Sim* sim, uint64_t cycles) { sim->run(cycles); }
bool spatten_system_quiet(Sim* sim) { return sim->quiet(); }

// The nth read beat, or write response, of a channel from now on is an error; 0: none.
void spatten_system_inject(Sim* sim, uint32_t channel, bool read, uint64_t nth, uint32_t resp) {
    sim->channel(channel, [&](auto& c) { c.inject(read, nth, resp); });
}

// Sectors, each an address of 8 bytes and 32 bytes.
void spatten_system_put(Sim* sim, uint32_t channel, const uint8_t* sectors, uint64_t count) {
    sim->channel(channel, [&](auto& c) {
        for (uint64_t i = 0; i < count; ++i, sectors += 40) {
            uint64_t address;
            std::memcpy(&address, sectors, 8);
            c.store.put(address, sectors + 8, 32);
        }
    });
}

void spatten_system_clear(Sim* sim, uint32_t channel) {
    sim->channel(channel, [&](auto& c) { c.store.clear(); });
}

// Every sector that the master wrote since the last call: address of 8 bytes, a mark a byte in 4, and 32 bytes. The
// array lives until the next call.
uint64_t spatten_system_drain(Sim* sim, uint32_t channel, const uint8_t** sectors) {
    sim->drained.clear();
    sim->channel(channel, [&](auto& c) {
        c.store.drain([&](uint64_t address, uint32_t marks, const uint8_t* bytes) {
            const size_t at = sim->drained.size();
            sim->drained.resize(at + 44);
            std::memcpy(&sim->drained[at], &address, 8);
            std::memcpy(&sim->drained[at + 8], &marks, 4);
            std::memcpy(&sim->drained[at + 12], bytes, 32);
        });
    });
    *sectors = sim->drained.data();
    return sim->drained.size() / 44;
}

void spatten_system_traffic(Sim* sim, uint32_t channel, SpTraffic* traffic) {
    sim->channel(channel, [&](auto& c) { *traffic = c.traffic; });
}

// The arrays live until the next cycle.
void spatten_system_activity(Sim* sim, SpActivity* activity) { sim->activity.tell(activity); }
}
#pragma GCC visibility pop
