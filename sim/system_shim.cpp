// The C entry points of a top with its memory and host: what src/sim/system/ffi.rs calls.
#include "system_driver.h"

#include "dut.h"

using Sim = spatten::System<Dut, Dut::Channels>;

// What the model prints is kept for the error message instead of going to the terminal.
int spatten_printf(const char* format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    const int n = std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (spatten::printed().size() < 16384) spatten::printed() += text;
    return n;
}

void vl_fatal(const char* file, int line, const char*, const char* what) {
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

#pragma GCC visibility push(default)
extern "C" {

Sim* spatten_system_new(uint64_t seed) {
    try {
        return new Sim(seed);
    } catch (const std::exception&) {
        return nullptr;
    }
}

void spatten_system_free(Sim* sim) { delete sim; }

// Writes a VCD from now on; false when this build cannot.
bool spatten_system_trace(Sim* sim, const char* path) {
#if VM_TRACE
    sim->dut().open_trace(path);
    return true;
#else
    (void)sim;
    (void)path;
    return false;
#endif
}

void spatten_system_configure(Sim* sim, const SpMemory* memory) { sim->configure(*memory); }
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
}
#pragma GCC visibility pop
