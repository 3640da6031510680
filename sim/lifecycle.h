// What every built model has in common: what it prints is kept, it is made, traced and freed. Needs `Sim`, made from a
// seed, with `open_trace` where VM_TRACE is set. Called by src/sim/lifecycle.rs.
#pragma once

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
    sim->open_trace(path);
    return true;
#else
    (void)sim;
    (void)path;
    return false;
#endif
}
}
#pragma GCC visibility pop
