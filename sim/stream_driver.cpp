// Drives the valid/ready streams of one Verilated module at full speed, and the C entry points that src/sim/ffi.rs calls.
//
// One simulated cycle: with the clock low, inputs and readies change and the combinational logic settles; handshakes
// are sampled and checked; then the rising edge. Cycle numbers count rising edges since the last reset was released.
#include "stream_driver.h"

#include <algorithm>

// The C interface, mirrored by src/sim/ffi.rs.
extern "C" {

enum SpPaceKind : uint32_t { kAlways, kRandom, kBursts, kAfterValid, kHold, kEvery };

// When a side of a stream is willing: always; in a cycle with probability a / 65536; in bursts of 1 to a willing
// cycles and pauses of 1 to b; only once it has seen valid; never in the first a cycles, then always; once in a cycles.
struct SpPace {
    uint32_t kind, a, b;
};

struct SpInput {
    const uint32_t* words;  // beats, each of Stream::words
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

void Stream::put(const uint32_t* w) const {
    for (const Port& field : fields) field.store(w), w += field.words();
}

void Stream::get(uint32_t* w) const {
    for (const Port& field : fields) field.load(w), w += field.words();
}

void Dut::clock_and_reset(CData* clock, CData* reset, bool high, bool async) {
    clock_ = clock, reset_ = reset, reset_high_ = high, async_reset_ = async;
}

void Dut::input(const char* name, CData* valid, CData* ready) {
    inputs.push_back({name, valid, ready, {}});
    latest_ = &inputs;
}

void Dut::output(const char* name, CData* valid, CData* ready) {
    outputs.push_back({name, valid, ready, {}});
    latest_ = &outputs;
}

void Dut::field(void* at, uint32_t bits) {
    Stream& stream = latest_->back();
    stream.fields.emplace_back(at, bits);
    stream.words += stream.fields.back().words();
}

void Dut::port_in(void* at, uint32_t bits) { ports_in.emplace_back(at, bits); }

void Dut::port_out(void* at, uint32_t bits) { ports_out.emplace_back(at, bits); }

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

static std::string describe(const char* stream, const char* rule, uint64_t cycle) {
    return std::string("stream `") + stream + "`, cycle " + std::to_string(cycle) + ": " + rule;
}

class Source {
  public:
    Source(const Stream& stream, const SpInput& in, uint64_t seed)
        : stream_(stream), in_(in), pacer_(in.pace, seed), noise_(stream.words) {
        cycles_.reserve(in.beats);
    }
    void drive(uint64_t cycle) {
        if (valid_) return;
        if (next_ < in_.beats && pacer_.willing(cycle, false)) {
            stream_.put(in_.words + next_ * stream_.words);
            *stream_.valid = valid_ = true;
        } else {
            idle();
        }
    }
    // While valid is low the payload means nothing: noise shows whoever reads it all the same.
    void idle() {
        if (idle_) return;
        for (auto& w : noise_) w = pacer_.rng().next();
        stream_.put(noise_.data());
        *stream_.valid = valid_ = false;
        idle_ = true;
    }
    bool sample(uint64_t cycle) {
        if (!valid_ || !*stream_.ready) return false;
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
        return std::string("`") + stream_.name + "` took " + std::to_string(next_) + " of " +
               std::to_string(in_.beats);
    }
    SpAccepted result() const { return {cycles_.data(), cycles_.size()}; }

  private:
    const Stream& stream_;
    SpInput in_;
    Pacer pacer_;
    std::vector<uint32_t> noise_;
    uint64_t next_ = 0;
    bool valid_ = false, idle_ = false;
    std::vector<uint64_t> cycles_;
};

class Sink {
  public:
    Sink(const Stream& stream, const SpOutput& out, uint64_t seed)
        : stream_(stream), out_(out), pacer_(out.pace, seed), now_(stream.words), held_(stream.words), probed_(stream.words) {
        words_.reserve(out.beats * stream_.words);
        cycles_.reserve(out.beats);
    }
    void drive(uint64_t cycle) { *stream_.ready = ready_ = pacer_.willing(cycle, seen_); }
    bool sample(uint64_t cycle) {
        const bool valid = *stream_.valid;
        if (stalled_ && !valid)
            throw Violation(describe(stream_.name, "valid fell before ready had taken the beat", cycle));
        seen_ = valid && !ready_;
        if (!valid) return stalled_ = false;
        stream_.get(now_.data());
        if (stalled_ && now_ != held_)
            throw Violation(describe(stream_.name, "payload changed while the beat was stalled", cycle));
        stalled_ = !ready_;
        if (stalled_) {
            held_ = now_;
            return false;
        }
        words_.insert(words_.end(), now_.begin(), now_.end());
        cycles_.push_back(cycle);
        return true;
    }
    // Flips ready, without a clock edge, and wants the same valid and payload.
    void probe_before() {
        held_valid_ = *stream_.valid;
        if (held_valid_) stream_.get(probed_.data());
        *stream_.ready = !ready_;
    }
    void probe_after(uint64_t cycle) {
        if (held_valid_ != static_cast<bool>(*stream_.valid))
            throw Violation(describe(stream_.name, "valid follows ready within the cycle", cycle));
        if (held_valid_) {
            stream_.get(now_.data());
            if (now_ != probed_)
                throw Violation(describe(stream_.name, "payload follows ready within the cycle", cycle));
        }
        *stream_.ready = ready_;
    }
    void check_silent() const {
        if (*stream_.valid) throw Violation(describe(stream_.name, "valid is high during reset", 0));
    }
    void restart() {
        seen_ = stalled_ = false;
        words_.clear();
        cycles_.clear();
    }
    bool done() const { return cycles_.size() >= out_.beats; }
    bool overrun() const { return cycles_.size() > out_.beats + 16; }
    std::string progress() const {
        return std::string("`") + stream_.name + "` gave " + std::to_string(cycles_.size()) + " of " +
               std::to_string(out_.beats);
    }
    SpReceived result() const { return {words_.data(), cycles_.data(), cycles_.size()}; }

  private:
    const Stream& stream_;
    SpOutput out_;
    Pacer pacer_;
    bool ready_ = false, seen_ = false, stalled_ = false, held_valid_ = false;
    std::vector<uint32_t> now_, held_, probed_;  // beats
    std::vector<uint32_t> words_;
    std::vector<uint64_t> cycles_;
};

class Run {
  public:
    Run(Dut& dut, const SpRun& run) : dut_(dut), run_(run), tallies_(dut.ports_out.size()) {
        for (size_t i = 0; i < dut.inputs.size(); ++i)
            sources_.emplace_back(dut.inputs[i], run.inputs[i], run.seed * 64 + i);
        for (size_t i = 0; i < dut.outputs.size(); ++i)
            sinks_.emplace_back(dut.outputs[i], run.outputs[i], run.seed * 64 + 32 + i);
    }

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
        for (const auto& s : sources_) ins.push_back(s.result());
        for (const auto& s : sinks_) outs.push_back(s.result());
    }

  private:
    void settle() {
        dut_.clock(false);
        dut_.eval();
    }
    void edge() {
        dut_.dump();
        dut_.clock(true);
        dut_.eval();
        dut_.dump();
        ++edges_;
        if (dut_.context().gotFinish())
            throw std::runtime_error("the model stopped: " + (printed().empty() ? "$finish" : printed()));
        // The Verilog prints only when a check of its own fails. What it does before its reset is no failure.
        if (!printed().empty() && !resetting_) throw std::runtime_error("the model says: " + printed());
    }

    void reset() {
        for (auto& s : sources_) s.restart(), s.idle();
        for (auto& s : sinks_) s.restart();
        std::fill(tallies_.begin(), tallies_.end(), 0);
        dut_.reset(true);
        resetting_ = true;
        for (uint32_t i = 0; i < run_.reset_cycles; ++i) {
            for (auto& s : sinks_) s.drive(0);
            settle();
            // A synchronous reset needs its first edge, an asynchronous one needs none.
            if (i || dut_.async_reset())
                for (auto& s : sinks_) s.check_silent();
            edge();
        }
        dut_.reset(false);
        resetting_ = false;
        printed().clear();
    }

    SpStatus loop(std::string& message, uint64_t& cycles) {
        const uint32_t* ports = run_.ports;
        for (const Port& port : dut_.ports_in) port.store(ports), ports += port.words();
        reset();
        uint64_t cycle = 0, quiet = 0, drained = 0;
        bool again = run_.reset_at != 0;
        for (;;) {
            if (again && cycle == run_.reset_at) {
                again = false;
                reset();
                cycle = quiet = drained = 0;
            }
            for (auto& s : sources_) s.drive(cycle);
            for (auto& s : sinks_) s.drive(cycle);
            settle();
            if (run_.probe) {
                for (auto& s : sinks_) s.probe_before();
                dut_.eval();
                for (auto& s : sinks_) s.probe_after(cycle);
                dut_.eval();
            }
            for (size_t i = 0; i < tallies_.size(); ++i) tallies_[i] += dut_.ports_out[i].ones();
            bool moved = false, overrun = false, done = true;
            for (auto& s : sources_) moved |= s.sample(cycle), done &= s.done();
            for (auto& s : sinks_) moved |= s.sample(cycle), done &= s.done(), overrun |= s.overrun();
            edge();
            ++cycle;
            if (moved) quiet = 0, cycles = drained ? cycles : cycle;
            else ++quiet;
            if (done && !again && (overrun || ++drained > run_.drain)) return kDone;
            if (done && again) run_.reset_at = cycle;  // ended before its reset: reset now
            if (!done && quiet > run_.patience) {
                message = "no handshake on any stream for " + std::to_string(quiet) + " cycles, at cycle " +
                          std::to_string(cycle) + ":";
                for (auto& s : sources_) message += " " + s.progress() + ",";
                for (auto& s : sinks_) message += " " + s.progress() + ",";
                message.back() = ' ';
                message += "beats";
                return kHung;
            }
        }
    }

    Dut& dut_;
    SpRun run_;
    std::vector<Source> sources_;
    std::vector<Sink> sinks_;
    uint64_t edges_ = 0;
    bool resetting_ = false;
    std::vector<uint64_t> tallies_;
};

// A model and its last run.
struct Instance {
    std::unique_ptr<Dut> dut;
    std::unique_ptr<Run> run;
    std::vector<SpAccepted> ins;
    std::vector<SpReceived> outs;
    std::vector<uint32_t> ports;
    std::string message;
    explicit Instance(uint64_t seed) : dut(make_dut(seed)) {
        size_t words = 0;
        for (const Port& port : dut->ports_out) words += port.words();
        ports.resize(words);
        dut->reset(false);
        dut->clock(false);
        dut->eval();
    }
#if VM_TRACE
    void open_trace(const char* path) { dut->open_trace(path); }
#endif
};

}  // namespace spatten

using Sim = spatten::Instance;

#include "lifecycle.h"

#pragma GCC visibility push(default)
extern "C" {

// Resets and runs once. What `result` points to lives until the next call on the same instance.
void spatten_run(Sim* sim, const SpRun* run, SpResult* result) {
    spatten::printed().clear();
    sim->message.clear();
    sim->ins.clear();
    sim->outs.clear();
    VerilatedContext& context = sim->dut->context();
    context.gotFinish(false);
    context.gotError(false);
    context.errorCount(0);
    sim->run.reset(new spatten::Run(*sim->dut, *run));
    result->status = sim->run->go(sim->message, result->cycles, result->total);
    sim->run->results(sim->ins, sim->outs);
    uint32_t* words = sim->ports.data();
    for (const spatten::Port& port : sim->dut->ports_out) port.load(words), words += port.words();
    result->message = sim->message.c_str();
    result->inputs = sim->ins.data();
    result->outputs = sim->outs.data();
    result->ports = sim->ports.data();
    result->tallies = sim->run->tallies();
}
}
#pragma GCC visibility pop
