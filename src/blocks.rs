//! The list of hardware blocks: the one place to touch, besides the block's own files, when a block is added.

/// Hands the list of blocks to the macro `$with`, one line a block: kind, name and the `Module` type in
/// `src/rtl/<name>.rs`, whose template is `templates/rtl/<name>.v`.
///
/// A `block` also has a golden model `src/golden/<name>.rs` and a bench `src/bench/<name>.rs`. A `part` has a bench only: it
/// computes nothing, but keeps, orders or places what it is given. A `primitive` has neither, since its users' benches
/// exercise it. The RTL and the benches declare their files by this list. The order is free.
macro_rules! blocks {
    ($with:ident) => {
        $with! {
            part stream_reg::StreamReg;
            primitive delay_line::DelayLine;
            primitive spatten_ram_macro::SpattenRamMacro;
            primitive ram_1r1w::Ram1r1w;
            part stream_fifo::StreamFifo;
            primitive reg_fifo::RegFifo;
            primitive ram_reader::RamReader;
            primitive rmw_ram::RmwRam;
            primitive round_robin::RoundRobin;
            primitive lane_packer::LanePacker;
            part lane_gearbox::LaneGearbox;
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
            part vector_addresses::VectorAddresses;
            primitive port_turn::PortTurn;
            primitive fetch_port::FetchPort;
            part sector_crossbar::SectorCrossbar;
            primitive sector_lane::SectorLane;
            primitive plane_assembler::PlaneAssembler;
            block plane_fetcher::PlaneFetcher;
            part beat_splitter::BeatSplitter;
            block key_buffer::KeyBuffer;
            part pick_queue::PickQueue;
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
