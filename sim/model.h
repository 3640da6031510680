// What drivers of Verilated models have in common: the model with its context, what it printed, and random numbers.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

// How a run ended, mirrored by src/sim/ffi.rs and src/sim/system/ffi.rs.
extern "C" {
enum SpStatus : uint32_t { kDone, kHung, kProtocol, kStopped };
}

namespace spatten {

// What the model printed ($display, $error, assertions), for the error message.
inline std::string& printed() {
    static thread_local std::string text;
    return text;
}

class Rng {  // xorshift64*
  public:
    explicit Rng(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL) {
        if (!state_) state_ = 1;
        for (int i = 0; i < 4; ++i) next();
    }
    uint32_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<uint32_t>((state_ * 0x2545f4914f6cdd1dULL) >> 32);
    }
    uint32_t upto(uint32_t n) { return n ? 1 + next() % n : 0; }

  private:
    uint64_t state_;
};

class Violation : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A Verilated model with its context.
template <class V>
struct Wrapper {
    using Model = V;
    std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    std::unique_ptr<V> top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
    void open_trace(const char* path) {
        trace.reset(new VerilatedVcdC);
        top->trace(trace.get(), 99);
        trace->open(path);
    }
    void dump() {
        if (!trace) return;
        trace->dump(context->time());
        context->timeInc(5);
    }
    void close() {
        if (trace) trace->close();
    }
#else
    void dump() {}
    void close() {}
#endif
    // Registers and RAMs without a reset start with values drawn from `seed`.
    explicit Wrapper(uint64_t seed) {
        context->randReset(2);
        context->randSeed(static_cast<int>(seed % 0x7fffffff) + 1);
        context->fatalOnError(false);
#if VM_TRACE
        context->traceEverOn(true);
#endif
        top.reset(new V(context.get()));
    }
    ~Wrapper() {
        close();
        top->final();
    }
};

}  // namespace spatten
