//! The command line: raw flags in, one validated configuration out, one function a subcommand.

pub mod model;
