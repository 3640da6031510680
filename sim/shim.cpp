// The C entry points of one co-simulated module: what src/sim/ffi.rs calls.
#include "stream_driver.h"

#include "dut.h"

using Sim = spatten::Instance<Dut>;

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

Sim* spatten_new(uint64_t seed) {
    try {
        return new Sim(seed);
    } catch (const std::exception&) {
        return nullptr;
    }
}

void spatten_free(Sim* sim) { delete sim; }

// Writes a VCD from now on; false when this build cannot.
bool spatten_trace(Sim* sim, const char* path) {
#if VM_TRACE
    sim->dut.open_trace(path);
    return true;
#else
    (void)sim;
    (void)path;
    return false;
#endif
}

// Resets and runs once. What `result` points to lives until the next call on the same instance.
void spatten_run(Sim* sim, const SpRun* run, SpResult* result) {
    spatten::printed().clear();
    sim->message.clear();
    sim->ins.clear();
    sim->outs.clear();
    sim->dut.context->gotFinish(false);
    sim->dut.context->gotError(false);
    sim->dut.context->errorCount(0);
    sim->run.reset(new typename decltype(sim->run)::element_type(sim->dut, *run));
    result->status = sim->run->go(sim->message, result->cycles, result->total);
    sim->run->results(sim->ins, sim->outs);
    Dut::get_ports(*sim->dut.top, sim->ports.data());
    result->message = sim->message.c_str();
    result->inputs = sim->ins.data();
    result->outputs = sim->outs.data();
    result->ports = sim->ports.data();
    result->tallies = sim->run->tallies();
}
}
#pragma GCC visibility pop
