//! The list of hardware blocks: the one place to touch, besides the block's own files, when a block is added.

/// Hands the list of blocks to the macro `$with`, one line a block: kind, name and the `Module` type in
/// `src/rtl/<name>.rs`, whose template is `templates/rtl/<name>.v`.
///
/// A `block` also has a golden model `src/golden/<name>.rs` and a bench `src/bench/<name>.rs`; a `primitive` (a RAM, a
/// FIFO, a register slice) has neither, since its users' benches exercise it. Those two modules declare their files
/// with `blocks!(declare_models);`, the RTL with `blocks!(declare_modules);`. The order is free.
macro_rules! blocks {
    ($with:ident) => {
        $with! {
            primitive stream_reg::StreamReg;
            primitive spatten_ram_macro::SpattenRamMacro;
            primitive ram_1r1w::Ram1r1w;
            primitive stream_fifo::StreamFifo;
            primitive lane_packer::LanePacker;
            primitive topk_select::TopkSelect;
            primitive topk_filter::TopkFilter;
            primitive reg_fifo::RegFifo;
            primitive round_robin::RoundRobin;
            primitive vector_addresses::VectorAddresses;
            primitive port_turn::PortTurn;
            primitive fetch_port::FetchPort;
            primitive sector_crossbar::SectorCrossbar;
            primitive sector_lane::SectorLane;
            primitive plane_assembler::PlaneAssembler;
            block zero_eliminator::ZeroEliminator;
            block topk_engine::TopkEngine;
            block plane_fetcher::PlaneFetcher;
        }
    };
}

/// Declares `pub mod <name>;` for every `block`; primitives have no model.
#[allow(unused_macros)]
macro_rules! declare_models {
    () => {};
    (block $name:ident :: $module:ident; $($rest:tt)*) => {
        #[doc = concat!("Model of `", stringify!($name), "`.")]
        pub mod $name;
        declare_models! { $($rest)* }
    };
    (primitive $name:ident :: $module:ident; $($rest:tt)*) => {
        declare_models! { $($rest)* }
    };
}
