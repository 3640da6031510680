// The valid/ready streams of one Verilated module: what the generated `make_dut` (see src/sim/shim.rs) tells the driver,
// stream_driver.cpp, which knows no port by name and is therefore compiled once for all modules.
#pragma once

#include <vector>

#include "model.h"

namespace spatten {

struct Stream {
    const char* name;
    CData *valid, *ready;
    std::vector<Port> fields;
    uint32_t words = 0;  // of a beat

    void put(const uint32_t* w) const;
    void get(uint32_t* w) const;
};

// A model with its ports.
class Dut {
  public:
    std::vector<Stream> inputs, outputs;
    std::vector<Port> ports_in, ports_out;  // plain ones

    virtual ~Dut() = default;
    virtual VerilatedContext& context() = 0;
    virtual void eval() = 0;
    virtual void dump() = 0;
#if VM_TRACE
    virtual void open_trace(const char* path) = 0;
#endif

    void clock(bool level) { *clock_ = level; }
    void reset(bool on) { *reset_ = on == reset_high_; }
    bool async_reset() const { return async_reset_; }

    // What make_dut calls: `field` adds to the stream before it.
    void clock_and_reset(CData* clock, CData* reset, bool high, bool async);
    void input(const char* name, CData* valid, CData* ready);
    void output(const char* name, CData* valid, CData* ready);
    void field(void* at, uint32_t bits);
    void port_in(void* at, uint32_t bits);
    void port_out(void* at, uint32_t bits);

  private:
    CData *clock_ = nullptr, *reset_ = nullptr;
    bool reset_high_ = true, async_reset_ = false;
    std::vector<Stream>* latest_ = nullptr;
};

template <class V>
class DutOf : public Dut {
  public:
    explicit DutOf(uint64_t seed) : model_(seed) {}
    V& top() { return *model_.top; }
    VerilatedContext& context() override { return *model_.context; }
    void eval() override { model_.top->eval(); }
    void dump() override { model_.dump(); }
#if VM_TRACE
    void open_trace(const char* path) override { model_.open_trace(path); }
#endif

  private:
    Wrapper<V> model_;
};

// Generated: the module, its registers and RAMs without a reset drawn from `seed`.
Dut* make_dut(uint64_t seed);

}  // namespace spatten
