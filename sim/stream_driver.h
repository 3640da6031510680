// Drives the valid/ready streams of one Verilated module at full speed.
//
// The generated shim defines `Dut` (see src/sim/shim.rs): the Verilated class, its clock and reset, its plain ports,
// and one type per stream with static accessors. Everything here is a template over those types, so that the
// compiler sees one flat loop without a call per port.
//
// One simulated cycle: with the clock low, inputs and readies change and the combinational logic settles; handshakes
// are sampled and checked; then the rising edge. Cycle numbers count rising edges since the last reset was released.
#pragma once

#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

// The C interface, mirrored by src/sim/ffi.rs.
extern "C" {

enum SpPaceKind : uint32_t { kAlways, kRandom, kBursts, kAfterValid, kHold, kEvery };

// When a side of a stream is willing: always; in a cycle with probability a / 65536; in bursts of 1 to a willing
// cycles and pauses of 1 to b; only once it has seen valid; never in the first a cycles, then always; once in a cycles.
struct SpPace {
    uint32_t kind, a, b;
};

struct SpInput {
    const uint32_t* words;  // beats * Stream::kWords
    uint64_t beats;
    SpPace pace;
};

struct SpOutput {
    uint64_t beats;  // expected; the run ends when every stream has delivered its number
    SpPace pace;
};

struct SpRun {
    uint64_t seed;  // of pacing and of the noise on payloads that are not valid
    const SpInput* inputs;
    const SpOutput* outputs;
    const uint32_t* ports;   // plain input ports, packed in order
    uint64_t patience;       // cycles without any handshake after which the run counts as hung
    uint64_t drain;          // cycles to go on after the last expected beat, to catch beats too many
    uint64_t reset_at;       // cycle at which to reset once more and start over; 0: never
    uint32_t reset_cycles;   // length of each reset, at least 1
    uint32_t probe;          // nonzero: also check that valid and payload do not follow ready within a cycle
};

struct SpReceived {
    const uint32_t* words;
    const uint64_t* cycles;
    uint64_t beats;
};

struct SpAccepted {
    const uint64_t* cycles;
    uint64_t beats;
};

enum SpStatus : uint32_t { kDone, kHung, kProtocol, kStopped };

struct SpResult {
    uint32_t status;
    uint64_t cycles;  // until the last expected handshake
    uint64_t total;   // simulated in all, with resets and drain
    const char* message;
    const SpReceived* outputs;
    const SpAccepted* inputs;
    const uint32_t* ports;  // plain output ports, packed in order, as they are at the end
    const uint64_t* tallies;  // for each of them, its ones summed over the cycles since the last reset
};
}

namespace spatten {

// What the model printed ($display, $error, assertions), for the error message.
inline std::string& printed() {
    static thread_local std::string text;
    return text;
}

// Adds the number of ones in a port.
template <class T>
inline void tally(const T& port, uint64_t& ones) {
    if constexpr (std::is_integral_v<T>) ones += static_cast<unsigned>(__builtin_popcountll(port));
    else
        for (size_t i = 0; i < sizeof(T) / sizeof(uint32_t); ++i) ones += static_cast<unsigned>(__builtin_popcount(port[i]));
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

class Pacer {
  public:
    Pacer(SpPace pace, uint64_t seed) : pace_(pace), rng_(seed) {}
    // Whether this side is willing in this cycle; `seen` says that the other side's valid stood last cycle.
    bool willing(uint64_t cycle, bool seen) {
        switch (pace_.kind) {
            case kRandom: return (rng_.next() & 0xffff) < pace_.a;
            case kBursts:
                if (on_) return --on_, true;
                if (off_) return --off_, false;
                on_ = rng_.upto(pace_.a) - 1;
                off_ = rng_.upto(pace_.b);
                return true;
            case kAfterValid: return seen;
            case kHold: return cycle >= pace_.a;
            case kEvery:
                if (cycle < due_) return false;
                due_ = cycle + pace_.a;
                return true;
            default: return true;
        }
    }
    Rng& rng() { return rng_; }

  private:
    SpPace pace_;
    Rng rng_;
    uint32_t on_ = 0, off_ = 0;
    uint64_t due_ = 0;
};

// Ports of up to 8, 16, 32 and 64 bits and wide ones, least significant word first.
template <unsigned Bits, class T>
inline void store(T& port, const uint32_t* w) {
    if constexpr (Bits > 64) {
        for (unsigned i = 0; i < (Bits + 31) / 32; ++i) port[i] = w[i];
        if constexpr (Bits % 32) port[Bits / 32] &= (1u << Bits % 32) - 1;
    } else {
        uint64_t v = w[0];
        if constexpr (Bits > 32) v |= static_cast<uint64_t>(w[1]) << 32;
        if constexpr (Bits < 64) v &= (1ull << Bits) - 1;
        port = static_cast<T>(v);
    }
}
template <unsigned Bits, class T>
inline void load(const T& port, uint32_t* w) {
    if constexpr (Bits > 64) {
        for (unsigned i = 0; i < (Bits + 31) / 32; ++i) w[i] = port[i];
    } else {
        w[0] = static_cast<uint32_t>(port);
        if constexpr (Bits > 32) w[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
    }
}

class Violation : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline std::string describe(const char* stream, const char* rule, uint64_t cycle) {
    return std::string("stream `") + stream + "`, cycle " + std::to_string(cycle) + ": " + rule;
}

template <class Model, class S>
class Source {
  public:
    Source(const SpInput& in, uint64_t seed) : in_(in), pacer_(in.pace, seed) { cycles_.reserve(in.beats); }
    void drive(Model& top, uint64_t cycle) {
        if (valid_) return;
        if (next_ < in_.beats && pacer_.willing(cycle, false)) {
            S::put(top, in_.words + next_ * S::kWords);
            S::valid(top) = valid_ = true;
        } else {
            idle(top);
        }
    }
    // While valid is low the payload means nothing: noise shows whoever reads it all the same.
    void idle(Model& top) {
        if (idle_) return;
        uint32_t noise[S::kWords + 1];
        for (auto& w : noise) w = pacer_.rng().next();
        S::put(top, noise);
        S::valid(top) = valid_ = false;
        idle_ = true;
    }
    bool sample(Model& top, uint64_t cycle) {
        if (!valid_ || !S::ready(top)) return false;
        cycles_.push_back(cycle);
        ++next_;
        valid_ = idle_ = false;
        return true;
    }
    void restart() {
        next_ = 0;
        valid_ = idle_ = false;
        cycles_.clear();
    }
    bool done() const { return next_ == in_.beats; }
    std::string progress() const {
        return std::string("`") + S::kName + "` took " + std::to_string(next_) + " of " +
               std::to_string(in_.beats);
    }
    SpAccepted result() const { return {cycles_.data(), cycles_.size()}; }

  private:
    SpInput in_;
    Pacer pacer_;
    uint64_t next_ = 0;
    bool valid_ = false, idle_ = false;
    std::vector<uint64_t> cycles_;
};

template <class Model, class S>
class Sink {
  public:
    Sink(const SpOutput& out, uint64_t seed) : out_(out), pacer_(out.pace, seed) {
        words_.reserve(out.beats * S::kWords);
        cycles_.reserve(out.beats);
    }
    void drive(Model& top, uint64_t cycle) { S::ready(top) = ready_ = pacer_.willing(cycle, seen_); }
    bool sample(Model& top, uint64_t cycle) {
        const bool valid = S::valid(top);
        if (stalled_ && !valid)
            throw Violation(describe(S::kName, "valid fell before ready had taken the beat", cycle));
        seen_ = valid && !ready_;
        if (!valid) return stalled_ = false;
        uint32_t now[S::kWords + 1];
        S::get(top, now);
        if (stalled_ && std::memcmp(now, held_, S::kWords * 4))
            throw Violation(describe(S::kName, "payload changed while the beat was stalled", cycle));
        stalled_ = !ready_;
        if (stalled_) {
            std::memcpy(held_, now, S::kWords * 4);
            return false;
        }
        words_.insert(words_.end(), now, now + S::kWords);
        cycles_.push_back(cycle);
        return true;
    }
    // Flips ready, without a clock edge, and wants the same valid and payload.
    void probe_before(Model& top) {
        held_valid_ = S::valid(top);
        if (held_valid_) S::get(top, probed_);
        S::ready(top) = !ready_;
    }
    void probe_after(Model& top, uint64_t cycle) {
        if (held_valid_ != static_cast<bool>(S::valid(top)))
            throw Violation(describe(S::kName, "valid follows ready within the cycle", cycle));
        uint32_t now[S::kWords + 1];
        if (held_valid_) {
            S::get(top, now);
            if (std::memcmp(now, probed_, S::kWords * 4))
                throw Violation(describe(S::kName, "payload follows ready within the cycle", cycle));
        }
        S::ready(top) = ready_;
    }
    void check_silent(Model& top) {
        if (S::valid(top)) throw Violation(describe(S::kName, "valid is high during reset", 0));
    }
    void restart() {
        seen_ = stalled_ = false;
        words_.clear();
        cycles_.clear();
    }
    bool done() const { return cycles_.size() >= out_.beats; }
    bool overrun() const { return cycles_.size() > out_.beats + 16; }
    std::string progress() const {
        return std::string("`") + S::kName + "` gave " + std::to_string(cycles_.size()) + " of " +
               std::to_string(out_.beats);
    }
    SpReceived result() const { return {words_.data(), cycles_.data(), cycles_.size()}; }

  private:
    SpOutput out_;
    Pacer pacer_;
    bool ready_ = false, seen_ = false, stalled_ = false, held_valid_ = false;
    uint32_t held_[S::kWords + 1], probed_[S::kWords + 1];
    std::vector<uint32_t> words_;
    std::vector<uint64_t> cycles_;
};

template <class Dut, class Ins, class Outs>
class Run;

template <class Dut, class... In, class... Out>
class Run<Dut, std::tuple<In...>, std::tuple<Out...>> {
    using Model = typename Dut::Model;

  public:
    Run(Dut& dut, const SpRun& run)
        : Run(dut, run, std::index_sequence_for<In...>{}, std::index_sequence_for<Out...>{}) {}

    SpStatus go(std::string& message, uint64_t& cycles, uint64_t& total) {
        SpStatus status = kDone;
        cycles = 0;
        try {
            status = loop(message, cycles);
        } catch (const Violation& v) {
            status = kProtocol;
            message = v.what();
        } catch (const std::exception& e) {
            status = kStopped;
            message = e.what();
        }
        total = edges_;
        return status;
    }

    const uint64_t* tallies() const { return tallies_.data(); }

    void results(std::vector<SpAccepted>& ins, std::vector<SpReceived>& outs) const {
        std::apply([&](auto&... s) { (ins.push_back(s.result()), ...); }, sources_);
        std::apply([&](auto&... s) { (outs.push_back(s.result()), ...); }, sinks_);
    }

  private:
    template <size_t... I, size_t... O>
    Run(Dut& dut, const SpRun& run, std::index_sequence<I...>, std::index_sequence<O...>)
        : dut_(dut), top_(*dut.top), run_(run),
          sources_(Source<Model, In>(run.inputs[I], run.seed * 64 + I)...),
          sinks_(Sink<Model, Out>(run.outputs[O], run.seed * 64 + 32 + O)...) {}

    template <class F>
    void sources(F&& f) { std::apply([&](auto&... s) { (f(s), ...); }, sources_); }
    template <class F>
    void sinks(F&& f) { std::apply([&](auto&... s) { (f(s), ...); }, sinks_); }

    void settle() {
        Dut::clock(top_) = 0;
        top_.eval();
    }
    void edge() {
        dut_.dump();
        Dut::clock(top_) = 1;
        top_.eval();
        dut_.dump();
        ++edges_;
        if (dut_.context->gotFinish())
            throw std::runtime_error("the model stopped: " + (printed().empty() ? "$finish" : printed()));
        // The Verilog prints only when a check of its own fails. What it does before its reset is no failure.
        if (!printed().empty() && !resetting_) throw std::runtime_error("the model says: " + printed());
    }

    void reset() {
        sources([&](auto& s) { s.restart(); s.idle(top_); });
        sinks([&](auto& s) { s.restart(); });
        tallies_.fill(0);
        Dut::assert_reset(top_, true);
        resetting_ = true;
        for (uint32_t i = 0; i < run_.reset_cycles; ++i) {
            sinks([&](auto& s) { s.drive(top_, 0); });
            settle();
            // A synchronous reset needs its first edge, an asynchronous one needs none.
            if (i || Dut::kAsyncReset) sinks([&](auto& s) { s.check_silent(top_); });
            edge();
        }
        Dut::assert_reset(top_, false);
        resetting_ = false;
        printed().clear();
    }

    SpStatus loop(std::string& message, uint64_t& cycles) {
        Dut::set_ports(top_, run_.ports);
        reset();
        uint64_t cycle = 0, quiet = 0, drained = 0;
        bool again = run_.reset_at != 0;
        for (;;) {
            if (again && cycle == run_.reset_at) {
                again = false;
                reset();
                cycle = quiet = drained = 0;
            }
            sources([&](auto& s) { s.drive(top_, cycle); });
            sinks([&](auto& s) { s.drive(top_, cycle); });
            settle();
            if (run_.probe) {
                sinks([&](auto& s) { s.probe_before(top_); });
                top_.eval();
                sinks([&](auto& s) { s.probe_after(top_, cycle); });
                top_.eval();
            }
            Dut::tally_ports(top_, tallies_.data());
            bool moved = false, overrun = false, done = true;
            sources([&](auto& s) { moved |= s.sample(top_, cycle); done &= s.done(); });
            sinks([&](auto& s) { moved |= s.sample(top_, cycle); done &= s.done(); overrun |= s.overrun(); });
            edge();
            ++cycle;
            if (moved) quiet = 0, cycles = drained ? cycles : cycle;
            else ++quiet;
            if (done && !again && (overrun || ++drained > run_.drain)) return kDone;
            if (done && again) run_.reset_at = cycle;  // ended before its reset: reset now
            if (!done && quiet > run_.patience) {
                message = "no handshake on any stream for " + std::to_string(quiet) + " cycles, at cycle " +
                          std::to_string(cycle) + ":";
                auto add = [&](auto& s) { message += " " + s.progress() + ","; };
                sources(add);
                sinks(add);
                message.back() = ' ';
                message += "beats";
                return kHung;
            }
        }
    }

    Dut& dut_;
    Model& top_;
    SpRun run_;
    std::tuple<Source<Model, In>...> sources_;
    std::tuple<Sink<Model, Out>...> sinks_;
    uint64_t edges_ = 0;
    bool resetting_ = false;
    std::array<uint64_t, Dut::kPortsOut + 1> tallies_{};
};

// A Verilated model with its context; the generated `Dut` adds the ports.
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

template <class Dut>
struct Instance {
    Dut dut;
    std::unique_ptr<Run<Dut, typename Dut::Inputs, typename Dut::Outputs>> run;
    std::vector<SpAccepted> ins;
    std::vector<SpReceived> outs;
    std::vector<uint32_t> ports;
    std::string message;
    explicit Instance(uint64_t seed) : dut(seed), ports(Dut::kPortWordsOut + 1) {
        Dut::assert_reset(*dut.top, false);
        Dut::clock(*dut.top) = 0;
        dut.top->eval();
    }
};

}  // namespace spatten
