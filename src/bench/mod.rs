//! The benches: one file a hardware block, each pairing the block's RTL with its golden model.
