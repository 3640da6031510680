// What drivers of Verilated models have in common: the model with its context and ports, what it printed, and random
// numbers.
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

// A port of a model. Verilator keeps up to 8, 16, 32 and 64 bits in an integer, more in words of 32, least significant
// first. An integer's bytes are those of its words on every machine that this runs on.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ports are copied as bytes");

class Port {
  public:
    Port(void* at, uint32_t bits)
        : at_(static_cast<uint8_t*>(at)),
          words_((bits + 31) / 32),
          bytes_(bits <= 8 ? 1 : bits <= 16 ? 2 : words_ * 4),
          last_(bits % 32 ? (1u << bits % 32) - 1 : ~0u) {}
    uint32_t words() const { return words_; }
    void store(const uint32_t* w) const {
        const uint32_t last = w[words_ - 1] & last_;
        const uint32_t before = (words_ - 1) * 4;
        std::memcpy(at_, w, before);
        std::memcpy(at_ + before, &last, bytes_ - before);
    }
    void load(uint32_t* w) const {
        w[words_ - 1] = 0;
        std::memcpy(w, at_, bytes_);
    }
    uint32_t ones() const {
        uint32_t ones = 0;
        for (uint32_t byte = 0; byte < bytes_; ++byte) ones += static_cast<uint32_t>(__builtin_popcount(at_[byte]));
        return ones;
    }

  private:
    uint8_t* at_;
    uint32_t words_, bytes_, last_;  // last_: bits of the last word, a mask
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
