//! The bit-exact golden model of the algorithm: integers only, no Verilog.

pub mod softmax;
