// Drives a Verilated top with one AXI4-Lite slave and several AXI4 masters: the memory behind the masters, the host at the
// slave, and the loop over cycles.
//
// The generated shim defines `Dut` (see src/sim/system/shim.rs): the Verilated class, clock and reset, the ports of the
// slave, and one type a memory channel, all with static accessors. The memory holds the masters to the rules of AXI4.
//
// One simulated cycle: with the clock low, inputs change and the combinational logic settles; handshakes are sampled and
// checked; then the rising edge. Cycle numbers count rising edges since the last reset was released.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model.h"

// The C interface, mirrored by src/sim/system/ffi.rs.
extern "C" {

// The memory and how willing everybody is. Chances are in 65536.
struct SpMemory {
    uint64_t seed;           // of everything random here
    uint32_t read_latency;   // cycles from the address to the first beat
    uint32_t write_latency;  // cycles from the last beat to the response
    uint32_t jitter;         // each latency gets 0 to so many cycles more
    uint32_t sector_cycles;  // cycles that the data bus takes for a sector
    uint32_t stall;          // chance that the memory is not willing, on each of the five channels, in a cycle
    uint32_t burst;          // pauses last up to so many cycles; 0: a cycle
    uint32_t host_stall;     // the same on the host's side
    uint32_t host_burst;
    uint32_t noise;          // nonzero: payloads that are not valid hold noise
    uint32_t attributes;     // what CACHE, PROT << 4 and QOS << 8 must be; all ones: anything
    uint64_t patience;       // cycles without a handshake of a memory channel after which a wait is hung
};

enum SpHostKind : uint32_t { kHostWrite, kHostRead };

struct SpHostOp {
    uint32_t kind;
    uint32_t address;
    uint32_t data;  // to write; what was read
    uint32_t resp;  // filled in
};

struct SpSystemStatus {
    uint32_t status;  // SpStatus
    const char* message;
    uint64_t cycle;      // cycles since the last reset
    uint64_t total;      // cycles simulated in all
    uint64_t irq_rise;   // cycle at which the interrupt line rose last
    uint64_t irq_high;   // last cycle in which it was high
    uint32_t irq;        // the line now
};

struct SpTraffic {
    uint64_t reads, read_beats, writes, write_beats;  // bursts and beats
    uint64_t words_written;                           // strobes of 4 bytes
    uint64_t read_wait, write_wait;  // cycles in which a beat was held up by the master
    uint64_t most_outstanding;       // beats of reads under way
};

// What the probe of a top saw, cycle by cycle since the last reset: kCounts counts a field of the probe.
struct SpActivity {
    const uint64_t* now;      // all cycles so far
    const uint64_t* at_irq;   // those before the last one in which the interrupt line was high
    const uint64_t* samples;  // as they stood after every `period` cycles
    const uint64_t* done;     // cycles in which field 0 carried a beat
    uint64_t fields, sample_count, period, done_count;
};
}

namespace spatten {

constexpr uint32_t kSector = 32;
enum : uint32_t { kOkay = 0, kSlvErr = 2, kDecErr = 3 };

// Sparse byte-addressed memory: zero where never written. The master's writes leave a mark on each byte.
class Store {
  public:
    static constexpr uint64_t kPage = 4096;
    struct Page {
        std::array<uint8_t, kPage> bytes{};
        std::array<uint8_t, kPage / 8> marks{};
        bool marked = false;
    };

    void put(uint64_t address, const uint8_t* bytes, uint64_t count) {
        while (count) {
            const uint64_t offset = address % kPage, piece = std::min(count, kPage - offset);
            std::memcpy(&page(address / kPage).bytes[offset], bytes, piece);
            address += piece, bytes += piece, count -= piece;
        }
    }
    void get(uint64_t address, uint8_t* bytes, uint64_t count) {
        while (count) {
            const uint64_t offset = address % kPage, piece = std::min(count, kPage - offset);
            if (const Page* p = find(address / kPage)) std::memcpy(bytes, &p->bytes[offset], piece);
            else std::memset(bytes, 0, piece);
            address += piece, bytes += piece, count -= piece;
        }
    }
    // A beat of the master, within a page.
    void write(uint64_t address, const uint8_t* bytes, uint64_t strobes, uint32_t count) {
        Page& p = page(address / kPage);
        p.marked = true;
        const uint64_t offset = address % kPage;
        for (uint32_t i = 0; i < count; ++i) {
            if (!(strobes >> i & 1)) continue;
            p.bytes[offset + i] = bytes[i];
            p.marks[(offset + i) / 8] |= static_cast<uint8_t>(1u << (offset + i) % 8);
        }
    }
    // Every sector in which the master wrote a byte: address, marks, bytes; the marks are taken away.
    template <class F>
    void drain(F&& f) {
        std::vector<uint64_t> numbers;
        for (auto& [number, p] : pages_)
            if (p->marked) numbers.push_back(number);
        std::sort(numbers.begin(), numbers.end());
        for (uint64_t number : numbers) {
            Page& p = *pages_[number];
            for (uint64_t offset = 0; offset < kPage; offset += kSector) {
                uint32_t marks;
                std::memcpy(&marks, &p.marks[offset / 8], 4);
                if (marks) f(number * kPage + offset, marks, &p.bytes[offset]);
            }
            p.marks.fill(0);
            p.marked = false;
        }
    }
    void clear() {
        pages_.clear();
        last_ = nullptr;
    }

  private:
    Page* find(uint64_t number) {
        if (last_ && number == last_number_) return last_;
        auto found = pages_.find(number);
        if (found == pages_.end()) return nullptr;
        last_number_ = number;
        return last_ = found->second.get();
    }
    Page& page(uint64_t number) {
        if (Page* p = find(number)) return *p;
        auto& slot = pages_[number];
        slot.reset(new Page);
        last_number_ = number;
        return *(last_ = slot.get());
    }
    std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
    uint64_t last_number_ = 0;
    Page* last_ = nullptr;
};

// One side of a handshake: willing, or in a pause.
class Mood {
  public:
    void set(uint32_t chance, uint32_t longest, uint64_t seed) {
        chance_ = chance;
        longest_ = longest;
        pause_ = 0;
        rng_ = Rng(seed);
    }
    bool willing() {
        if (!chance_) return true;
        if (pause_) return --pause_, false;
        if ((rng_.next() & 0xffff) >= chance_) return true;
        pause_ = rng_.upto(longest_);
        if (pause_) --pause_;
        return false;
    }
    uint32_t random() { return rng_.next(); }
    uint32_t below(uint32_t n) { return n ? rng_.next() % n : 0; }

  private:
    uint32_t chance_ = 0, longest_ = 0, pause_ = 0;
    Rng rng_{0};
};

// What a valid that waits for its ready must keep.
template <size_t N>
class Held {
  public:
    void check(const char* name, bool valid, bool ready, const std::array<uint64_t, N>& now) {
        if (waiting_ && !valid) throw Violation(std::string(name) + "valid fell before " + name + "ready");
        if (waiting_ && now != then_) throw Violation(std::string(name) + " changed while it waited for its ready");
        waiting_ = valid && !ready;
        if (waiting_) then_ = now;
    }
    void clear() { waiting_ = false; }

  private:
    bool waiting_ = false;
    std::array<uint64_t, N> then_{};
};

// The memory behind one AXI4 master, and the rules that it holds the master to.
template <class Dut, class P>
class Channel {
    using Model = typename Dut::Model;
    static constexpr uint32_t kBytes = Dut::kDataBytes;
    static constexpr uint32_t kWords = kBytes / 4;
    static constexpr uint64_t kMask = Dut::kAddressBits >= 64 ? ~0ull : (1ull << (Dut::kAddressBits % 64)) - 1;

  public:
    Store store;
    SpTraffic traffic{};

    void configure(const SpMemory& memory, uint64_t seed) {
        memory_ = memory;
        const uint32_t c = memory.stall, b = memory.burst;
        ar_.set(c, b, seed + 1), r_.set(c, b, seed + 2), aw_.set(c, b, seed + 3), w_.set(c, b, seed + 4);
        b_.set(c, b, seed + 5);
    }
    void inject(bool read, uint64_t nth, uint32_t resp) {
        (read ? read_fault_ : write_fault_) = nth;
        (read ? read_resp_ : write_resp_) = resp;
        (read ? read_count_ : write_count_) = 0;
    }
    void reset(Model& top) {
        reads_.clear(), addresses_.clear(), responses_.clear(), beats_.clear();
        read_free_ = write_free_ = 0;
        outstanding_ = 0;
        rvalid_ = bvalid_ = false;
        last_read_ = last_write_ = 0;
        ar_held_.clear(), aw_held_.clear(), w_held_.clear();
        P::arready(top) = P::awready(top) = P::wready(top) = P::rvalid(top) = P::bvalid(top) = 0;
    }
    void check_silent(Model& top) const {
        if (P::arvalid(top) || P::awvalid(top) || P::wvalid(top))
            throw Violation("a valid is high during reset");
    }

    void drive(Model& top, uint64_t cycle) {
        P::arready(top) = arready_ = ar_.willing();
        P::awready(top) = awready_ = aw_.willing();
        P::wready(top) = wready_ = w_.willing();
        if (!rvalid_) {
            if (!reads_.empty() && reads_.front().due <= cycle && read_free_ <= cycle && r_.willing()) {
                Burst& burst = reads_.front();
                uint32_t words[kWords];
                store.get(burst.address, reinterpret_cast<uint8_t*>(words), kBytes);
                uint32_t resp = kOkay;
                if (read_fault_ && ++read_count_ == read_fault_) resp = read_resp_;
                // What comes with an error means nothing.
                if (resp != kOkay)
                    for (auto& w : words) w = r_.random();
                P::put_rdata(top, words);
                P::rresp(top) = resp;
                P::rlast(top) = burst.left == 0;
                P::put_rid(top, burst.id);
                P::rvalid(top) = rvalid_ = true;
                silent_ = false;
            } else if (!silent_) {
                P::rvalid(top) = 0;
                if (memory_.noise) {
                    uint32_t words[kWords];
                    for (auto& w : words) w = r_.random();
                    P::put_rdata(top, words);
                    P::rlast(top) = r_.random() & 1;
                    P::rresp(top) = r_.random() & 3;
                }
                silent_ = true;
            }
        }
        if (!bvalid_) {
            bvalid_ = !responses_.empty() && responses_.front().due <= cycle && b_.willing();
            P::bvalid(top) = bvalid_;
            if (bvalid_) {
                P::bresp(top) = responses_.front().resp;
                P::put_bid(top, responses_.front().id);
            } else if (memory_.noise) {
                P::bresp(top) = b_.random() & 3;
            }
        }
    }

    // Whether anything moved.
    bool sample(Model& top, uint64_t cycle) {
        bool moved = false;
        const bool arvalid = P::arvalid(top), awvalid = P::awvalid(top), wvalid = P::wvalid(top);
        if (arvalid || awvalid) moved |= sample_addresses(top, cycle, arvalid, awvalid);
        else ar_held_.check("ar", false, false, {}), aw_held_.check("aw", false, false, {});
        if (wvalid) moved |= sample_data(top, cycle);
        else w_held_.check("w", false, false, {});
        while (!beats_.empty() && !addresses_.empty()) apply(cycle);
        if (rvalid_) {
            if (P::rready(top)) {
                Burst& burst = reads_.front();
                burst.address += kBytes;
                --outstanding_;
                ++traffic.read_beats;
                read_free_ = cycle + std::max(1u, memory_.sector_cycles * kBytes / kSector);
                if (burst.left-- == 0) reads_.pop_front();
                rvalid_ = false;
                moved = true;
            } else {
                ++traffic.read_wait;
            }
        }
        if (bvalid_) {
            if (P::bready(top)) responses_.pop_front(), bvalid_ = false, moved = true;
            else ++traffic.write_wait;
        }
        return moved;
    }
    // Nothing was asked for that is not answered.
    bool quiet() const { return reads_.empty() && addresses_.empty() && beats_.empty() && responses_.empty(); }

    std::string progress() const {
        return std::to_string(reads_.size()) + " reads and " + std::to_string(addresses_.size() + responses_.size()) +
               " writes open, " + std::to_string(traffic.read_beats) + " beats read, " +
               std::to_string(traffic.write_beats) + " written";
    }

  private:
    struct Burst {
        uint64_t address, id, due;
        uint32_t left;  // beats after the next one
    };
    struct Beat {
        std::array<uint32_t, kWords> words;
        uint64_t strobes;
        bool last;
    };
    struct Response {
        uint64_t id, due;
        uint32_t resp;
    };

    Burst burst(const std::array<uint64_t, 7>& a, const char* name, uint64_t due) {
        const auto rule = [&](bool holds, const char* what) {
            if (!holds) throw Violation(std::string(name) + ": " + what + " (address " + hex(a[0]) + ", length " +
                                        std::to_string(a[1]) + ")");
        };
        rule(a[3] == 1, "the burst is not INCR");
        rule(1ull << a[2] == kBytes, "beats are not of full width");
        rule(a[4] == 0, "the ID is not 0");
        rule(a[0] % kSector == 0 && a[0] % std::min(kBytes, kSector) == 0, "the address is not that of a sector");
        rule((a[0] & kMask) == a[0], "the address is too wide");
        const uint64_t first = a[0] & ~static_cast<uint64_t>(kBytes - 1), last = first + a[1] * kBytes + kBytes - 1;
        rule(first / 4096 == last / 4096, "the burst crosses 4 KB");
        rule(a[5] == 0, "the access is exclusive");
        rule(memory_.attributes == ~0u || a[6] == memory_.attributes, "CACHE, PROT, QOS are not those of the register");
        return {first, a[4], due, static_cast<uint32_t>(a[1])};
    }
    static std::string hex(uint64_t value) {
        char text[24];
        std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
        return text;
    }
    // A response is due no sooner than the one before it.
    uint64_t due(uint64_t cycle, uint32_t latency, Mood& mood, uint64_t& last) {
        uint64_t when = cycle + latency + (memory_.jitter ? mood.below(memory_.jitter + 1) : 0);
        return last = std::max(last, when);
    }

    bool sample_addresses(Model& top, uint64_t cycle, bool arvalid, bool awvalid) {
        bool moved = false;
        const auto ar = P::ar(top);
        ar_held_.check("ar", arvalid, arready_, ar);
        if (arvalid && arready_) {
            reads_.push_back(burst(ar, "ar", due(cycle, memory_.read_latency, ar_, last_read_)));
            ++traffic.reads;
            outstanding_ += ar[1] + 1;
            traffic.most_outstanding = std::max(traffic.most_outstanding, outstanding_);
            moved = true;
        }
        const auto aw = P::aw(top);
        aw_held_.check("aw", awvalid, awready_, aw);
        if (awvalid && awready_) {
            addresses_.push_back(burst(aw, "aw", 0));
            ++traffic.writes;
            moved = true;
        }
        return moved;
    }
    bool sample_data(Model& top, uint64_t cycle) {
        Beat beat;
        P::get_wdata(top, beat.words.data());
        beat.strobes = P::wstrb(top);
        beat.last = P::wlast(top);
        std::array<uint64_t, kWords / 2 + 2> now{beat.strobes, beat.last};
        std::memcpy(&now[2], beat.words.data(), kBytes);
        w_held_.check("w", true, wready_, now);
        if (!wready_) return false;
        if (beats_.size() > 4096) throw Violation("w: beats without an address");
        beats_.push_back(beat);
        ++traffic.write_beats;
        write_free_ = cycle;
        return true;
    }
    // The oldest beat goes where the oldest burst says.
    void apply(uint64_t cycle) {
        Burst& burst = addresses_.front();
        const Beat& beat = beats_.front();
        const bool last = burst.left == 0;
        if (beat.last != last) throw Violation(last ? "w: no last at the end of the burst" : "w: last before the end of the burst");
        for (uint32_t word = 0; word < kWords; ++word) {
            const uint32_t strobes = beat.strobes >> 4 * word & 15;
            if (strobes && strobes != 15) throw Violation("w: strobes split a word of 4 bytes");
            traffic.words_written += strobes == 15;
        }
        uint32_t resp = kOkay;
        if (last && write_fault_ && ++write_count_ == write_fault_) resp = write_resp_;
        store.write(burst.address, reinterpret_cast<const uint8_t*>(beat.words.data()), beat.strobes, kBytes);
        burst.address += kBytes;
        if (last) {
            responses_.push_back({burst.id, due(cycle, memory_.write_latency, b_, last_write_), resp});
            addresses_.pop_front();
        } else {
            --burst.left;
        }
        beats_.pop_front();
    }

    SpMemory memory_{};
    Mood ar_, r_, aw_, w_, b_;
    std::deque<Burst> reads_, addresses_;
    std::deque<Beat> beats_;
    std::deque<Response> responses_;
    uint64_t read_free_ = 0, write_free_ = 0, outstanding_ = 0, last_read_ = 0, last_write_ = 0;
    uint64_t read_fault_ = 0, read_count_ = 0, write_fault_ = 0, write_count_ = 0;
    uint32_t read_resp_ = 0, write_resp_ = 0;
    bool arready_ = false, awready_ = false, wready_ = false, rvalid_ = false, bvalid_ = false, silent_ = false;
    Held<7> ar_held_, aw_held_;
    Held<kWords / 2 + 2> w_held_;
};

// The host at the AXI4-Lite slave. Writes are pipelined; a read waits for the writes before it.
template <class Dut>
class Host {
    using Model = typename Dut::Model;

  public:
    void configure(const SpMemory& memory, uint64_t seed) {
        noise_ = memory.noise;
        for (int i = 0; i < 5; ++i) moods_[i].set(memory.host_stall, memory.host_burst, seed + i);
    }
    void reset(Model& top) {
        ops_ = nullptr;
        count_ = aw_ = w_ = b_ = ar_ = r_ = 0;
        awvalid_ = wvalid_ = arvalid_ = false;
        b_held_.clear(), r_held_.clear();
        top.s_axi_awvalid = top.s_axi_wvalid = top.s_axi_arvalid = top.s_axi_bready = top.s_axi_rready = 0;
        top.s_axi_awprot = top.s_axi_arprot = 0;
    }
    void check_silent(Model& top) const {
        if (top.s_axi_bvalid || top.s_axi_rvalid) throw Violation("s_axi: a valid is high during reset");
    }
    void start(SpHostOp* ops, size_t count) {
        ops_ = ops, count_ = count;
        aw_ = w_ = b_ = ar_ = r_ = 0;
    }
    bool done() const { return b_ == count_ && r_ == count_; }

    void drive(Model& top) {
        if (!awvalid_) awvalid_ = offer(top, aw_, kHostWrite, moods_[0]);
        if (!wvalid_) wvalid_ = offer(top, w_, kHostWrite, moods_[1]);
        if (!arvalid_) arvalid_ = offer(top, ar_, kHostRead, moods_[2]);
        top.s_axi_awvalid = awvalid_;
        top.s_axi_wvalid = wvalid_;
        top.s_axi_arvalid = arvalid_;
        if (awvalid_) top.s_axi_awaddr = ops_[aw_].address;
        else if (noise_) top.s_axi_awaddr = moods_[0].random() & 0xfffff;
        if (wvalid_) top.s_axi_wdata = ops_[w_].data, top.s_axi_wstrb = 15;
        else if (noise_) top.s_axi_wdata = moods_[1].random(), top.s_axi_wstrb = moods_[1].random() & 15;
        if (arvalid_) top.s_axi_araddr = ops_[ar_].address;
        else if (noise_) top.s_axi_araddr = moods_[2].random() & 0xfffff;
        top.s_axi_bready = bready_ = moods_[3].willing();
        top.s_axi_rready = rready_ = moods_[4].willing();
    }
    void sample(Model& top) {
        const bool bvalid = top.s_axi_bvalid, rvalid = top.s_axi_rvalid;
        b_held_.check("s_axi: b", bvalid, bready_, {bvalid ? top.s_axi_bresp : 0u});
        r_held_.check("s_axi: r", rvalid, rready_,
                      {rvalid ? top.s_axi_rdata | static_cast<uint64_t>(top.s_axi_rresp) << 32 : 0u});
        // A response is for an access that is over by then.
        if (bvalid && (skip(b_, kHostWrite) >= skip(aw_, kHostWrite) || skip(b_, kHostWrite) >= skip(w_, kHostWrite)))
            throw Violation("s_axi: bvalid without a write");
        if (rvalid && skip(r_, kHostRead) >= skip(ar_, kHostRead)) throw Violation("s_axi: rvalid without a read");
        if (awvalid_ && top.s_axi_awready) awvalid_ = false, ++aw_;
        if (wvalid_ && top.s_axi_wready) wvalid_ = false, ++w_;
        if (arvalid_ && top.s_axi_arready) arvalid_ = false, ++ar_;
        if (bvalid && bready_) ops_[b_ = skip(b_, kHostWrite)].resp = top.s_axi_bresp, ++b_;
        if (rvalid && rready_) {
            r_ = skip(r_, kHostRead);
            ops_[r_].resp = top.s_axi_rresp, ops_[r_].data = top.s_axi_rdata, ++r_;
        }
        for (size_t* next : {&aw_, &w_, &b_}) *next = skip(*next, kHostWrite);
        for (size_t* next : {&ar_, &r_}) *next = skip(*next, kHostRead);
    }

  private:
    size_t skip(size_t i, uint32_t kind) const {
        while (i < count_ && ops_[i].kind != kind) ++i;
        return i;
    }
    // Whether the access of this kind whose turn it is may start: all of the other kind before it are over.
    bool offer(Model&, size_t& next, uint32_t kind, Mood& mood) {
        next = skip(next, kind);
        if (next == count_) return false;
        const size_t other = kind == kHostRead ? skip(b_, kHostWrite) : skip(r_, kHostRead);
        return other > next && mood.willing();
    }

    SpHostOp* ops_ = nullptr;
    size_t count_ = 0, aw_ = 0, w_ = 0, b_ = 0, ar_ = 0, r_ = 0;
    bool awvalid_ = false, wvalid_ = false, arvalid_ = false, bready_ = false, rready_ = false, noise_ = false;
    Mood moods_[5];
    Held<1> b_held_, r_held_;
};

// Counts what the probe of a top shows: fields of 16 bits, from bit 0 valid and ready of a stage's input, valid and ready of
// its output, and an amount. Of each field, cycles by its four handshake bits, and the sum of its amounts.
template <class Dut>
class Activity {
    using Model = typename Dut::Model;
    static constexpr size_t kFields = Dut::kProbes;
    static constexpr size_t kSamples = 512;  // at most; then every other one goes

  public:
    static constexpr size_t kCounts = 17;

    void clear() {
        now_.fill(0), at_irq_.fill(0);
        samples_.clear(), done_.clear();
        period_ = 64;
    }
    void sample(Model& top, uint64_t cycle, bool irq) {
        if constexpr (kFields > 0) {
            if (irq) at_irq_ = now_;
            std::array<uint32_t, (kFields + 1) / 2> words;
            Dut::probe(top, words.data());
            for (size_t i = 0; i < kFields; ++i) {
                const uint32_t field = words[i / 2] >> 16 * (i % 2) & 0xffff;
                ++now_[kCounts * i + (field & 15)];
                now_[kCounts * i + 16] += field >> 4;
            }
            if ((words[0] & 3) == 3) done_.push_back(cycle);
            if ((cycle + 1) % period_ == 0) keep();
        }
    }
    void tell(SpActivity* a) const {
        *a = {now_.data(), at_irq_.data(), samples_.data(), done_.data(),
              kFields, samples_.size() / std::max<size_t>(1, now_.size()), period_, done_.size()};
    }

  private:
    void keep() {
        const size_t size = now_.size();
        if (samples_.size() == kSamples * size) {
            for (size_t i = 0; i < kSamples / 2; ++i)
                std::copy_n(&samples_[(2 * i + 1) * size], size, &samples_[i * size]);
            samples_.resize(kSamples / 2 * size);
            period_ *= 2;
            return;  // this one falls between two of the new ones
        }
        samples_.insert(samples_.end(), now_.begin(), now_.end());
    }
    std::array<uint64_t, kCounts * kFields> now_{}, at_irq_{};
    std::vector<uint64_t> samples_, done_;
    uint64_t period_ = 64;
};

// A top with its memory and host.
template <class Dut, class Channels>
class System;

template <class Dut, class... P>
class System<Dut, std::tuple<P...>> {
    using Model = typename Dut::Model;

  public:
#if VM_TRACE
    void open_trace(const char* path) { dut.open_trace(path); }
#endif
    explicit System(uint64_t seed) : dut(seed), top_(*dut.top) {
        memory_.sector_cycles = 1;
        memory_.patience = 100000;
        memory_.attributes = ~0u;
        configure(memory_);
        Dut::assert_reset(top_, false);
        Dut::clock(top_) = 0;
        top_.eval();
    }
    ~System() { printed().clear(); }

    // Of a core with faults to choose from: shows this one from now on, or none.
    void fault(uint32_t number) { Dut::fault(top_, number); }
    void configure(const SpMemory& memory) {
        memory_ = memory;
        uint64_t seed = memory.seed * 1024;
        host_.configure(memory, seed);
        each([&](auto& c) { c.configure(memory, seed += 16); });
    }
    void status(SpSystemStatus* s) {
        s->status = status_;
        s->message = message_.c_str();
        s->cycle = cycle_, s->total = total_;
        s->irq_rise = irq_rise_, s->irq_high = irq_high_, s->irq = irq_;
    }
    void reset(uint32_t cycles) {
        guard([&] {
            host_.reset(top_);
            each([&](auto& c) { c.reset(top_); });
            Dut::assert_reset(top_, true);
            resetting_ = true;
            for (uint32_t i = 0; i < cycles; ++i) {
                settle();
                if (i || Dut::kAsyncReset) {
                    host_.check_silent(top_);
                    each([&](auto& c) { c.check_silent(top_); });
                }
                edge();
            }
            Dut::assert_reset(top_, false);
            resetting_ = false;
            printed().clear();
            cycle_ = quiet_ = irq_rise_ = irq_high_ = 0;
            activity.clear();
            irq_ = false;
        });
    }
    void host(SpHostOp* ops, size_t count) {
        guard([&] {
            host_.start(ops, count);
            const uint64_t limit = cycle_ + memory_.patience + 1000 * count;
            while (!host_.done()) {
                step();
                if (cycle_ > limit) return hung("an access of AXI4-Lite is not answered");
            }
            host_.start(nullptr, 0);
        });
    }
    // Until the interrupt line is high, or `limit` cycles have passed, which is no error.
    bool wait(uint64_t limit) {
        guard([&] {
            quiet_ = 0;
            const uint64_t end = limit > ~0ull - cycle_ ? ~0ull : cycle_ + limit;
            while (!Dut::irq(top_) && cycle_ < end) {
                step();
                if (quiet_ > memory_.patience) return hung("no interrupt");
            }
        });
        return Dut::irq(top_);
    }
    void run(uint64_t cycles) {
        guard([&] {
            for (uint64_t i = 0; i < cycles; ++i) step();
        });
    }
    template <class F>
    void channel(size_t index, F&& f) {
        size_t i = 0;
        each([&](auto& c) {
            if (i++ == index) f(c);
        });
    }
    bool quiet() {
        bool all = true;
        each([&](auto& c) { all &= c.quiet(); });
        return all;
    }

  private:
    template <class F>
    void each(F&& f) {
        std::apply([&](auto&... c) { (f(c), ...); }, channels_);
    }
    template <class F>
    void guard(F&& f) {
        if (status_ != kDone) return;  // the model is not to be trusted any more
        try {
            f();
        } catch (const Violation& v) {
            fail(kProtocol, v.what());
        } catch (const std::exception& e) {
            fail(kStopped, e.what());
        }
    }
    void fail(SpStatus status, const std::string& what) {
        status_ = status;
        message_ = what + ", cycle " + std::to_string(cycle_);
    }
    void hung(const std::string& what) {
        std::string text = what;
        size_t i = 0;
        each([&](auto& c) { text += "; channel " + std::to_string(i++) + ": " + c.progress(); });
        fail(kHung, text);
    }
    void settle() {
        Dut::clock(top_) = 0;
        top_.eval();
    }
    void edge() {
        dut.dump();
        Dut::clock(top_) = 1;
        top_.eval();
        dut.dump();
        ++total_;
        if (dut.context->gotFinish())
            throw std::runtime_error("the model stopped: " + (printed().empty() ? "$finish" : printed()));
        if (!printed().empty() && !resetting_) throw std::runtime_error("the model says: " + printed());
    }
    void step() {
        host_.drive(top_);
        each([&](auto& c) { c.drive(top_, cycle_); });
        settle();
        host_.sample(top_);
        bool moved = false;
        size_t index = 0;
        try {
            each([&](auto& c) { moved |= c.sample(top_, cycle_), ++index; });
        } catch (const Violation& v) {
            throw Violation("channel " + std::to_string(index) + ": " + v.what());
        }
        quiet_ = moved ? 0 : quiet_ + 1;
        const bool irq = Dut::irq(top_);
        if (irq) {
            if (!irq_) irq_rise_ = cycle_;
            irq_high_ = cycle_;
        }
        activity.sample(top_, cycle_, irq);
        irq_ = irq;
        edge();
        ++cycle_;
    }

  public:
    Dut dut;
    Activity<Dut> activity;

  private:
    Model& top_;
    SpMemory memory_{};
    Host<Dut> host_;
    std::tuple<Channel<Dut, P>...> channels_;
    SpStatus status_ = kDone;
    std::string message_;
    uint64_t cycle_ = 0, total_ = 0, quiet_ = 0, irq_rise_ = 0, irq_high_ = 0;
    bool irq_ = false, resetting_ = false;

  public:
    std::vector<uint8_t> drained;  // of `drain`: lives until the next call
};

}  // namespace spatten
