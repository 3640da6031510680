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
            primitive delay_line::DelayLine;
            primitive spatten_ram_macro::SpattenRamMacro;
            primitive ram_1r1w::Ram1r1w;
            primitive stream_fifo::StreamFifo;
            primitive reg_fifo::RegFifo;
            primitive ram_reader::RamReader;
            primitive rmw_ram::RmwRam;
            primitive round_robin::RoundRobin;
            primitive lane_packer::LanePacker;
            primitive lane_gearbox::LaneGearbox;
            primitive multiplier::Multiplier;
            block zero_eliminator::ZeroEliminator;
            primitive topk_select::TopkSelect;
            primitive topk_filter::TopkFilter;
            block topk_engine::TopkEngine;
            primitive dot_product::DotProduct;
            block qk_array::QkArray;
            primitive softmax_max::SoftmaxMax;
            primitive softmax_fraction::SoftmaxFraction;
            primitive softmax_exp::SoftmaxExp;
            primitive softmax_sum::SoftmaxSum;
            primitive softmax_reciprocal::SoftmaxReciprocal;
            block softmax::Softmax;
            block requant_decision::RequantDecision;
            primitive av_column::AvColumn;
            primitive av_rescale_lane::AvRescaleLane;
            primitive av_rescale::AvRescale;
            block av_array::AvArray;
            primitive importance_store::ImportanceStore;
            block token_importance::TokenImportance;
            block head_importance::HeadImportance;
            primitive vector_addresses::VectorAddresses;
            primitive port_turn::PortTurn;
            primitive fetch_port::FetchPort;
            primitive sector_crossbar::SectorCrossbar;
            primitive sector_lane::SectorLane;
            primitive plane_assembler::PlaneAssembler;
            block plane_fetcher::PlaneFetcher;
            primitive beat_splitter::BeatSplitter;
            block key_buffer::KeyBuffer;
            primitive pick_queue::PickQueue;
            block value_buffer::ValueBuffer;
            block axi_reader::AxiReader;
            block row_writer::RowWriter;
            block axi_writer::AxiWriter;
            primitive write_tracker::WriteTracker;
            block memory_side::MemorySide;
            primitive register_file::RegisterFile;
            primitive slot_table::SlotTable;
            primitive kept_list::KeptList;
            primitive cascade_state::CascadeState;
            primitive command_check::CommandCheck;
            primitive controller::Controller;
            primitive row_sequencer::RowSequencer;
            primitive fetch_scheduler::FetchScheduler;
            primitive row_pipeline::RowPipeline;
            primitive spatten_top::SpattenTop;
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
