//! `spatten-gen` generates a complete, synthesizable SpAtten sparse-attention accelerator in Verilog, with the
//! testbenches that prove it against a bit-exact golden model.
//!
//! The crate has one direction of dependency: [`cli`] → ([`mod@bench`], [`flow`], [`sim`], [`report`]) → [`rtl`] →
//! [`config`]. The [`golden`] model knows [`config`] and its own arithmetic only, never Verilog, and the RTL side never
//! calls it: only the benches see both.
#![warn(missing_docs)]

#[macro_use]
mod blocks;

pub mod bench;
pub mod cli;
pub mod config;
pub mod flow;
pub mod golden;
pub mod report;
pub mod rtl;
pub mod sim;
