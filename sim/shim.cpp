// The C entry points of one co-simulated module: what src/sim/ffi.rs calls.
#include "stream_driver.h"

#include "dut.h"

using Sim = spatten::Instance<Dut>;

#include "lifecycle.h"

#pragma GCC visibility push(default)
extern "C" {

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
