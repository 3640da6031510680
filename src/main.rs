//! `spatten-gen`: see the library for everything.
fn main() {}
