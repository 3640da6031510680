//! Running generated RTL: finding Verilator, building shared libraries, driving them.
