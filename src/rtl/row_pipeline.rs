//! Row pipeline: everything that happens to a row between its operands and its output.

use super::av_array::AvArray;
use super::beat_splitter::BeatSplitter;
use super::core::{Core, JOB_CTX_W, context_field, magnitude, probabilities};
use super::key_buffer::KeyBuffer;
use super::plane_fetcher::vectors;
use super::qk_array::QkArray;
use super::requant_decision::RequantDecision;
use super::softmax::Softmax;
use super::stream_fifo::StreamFifo;
use super::topk_engine::TopkEngine;
use super::value_buffer::ValueBuffer;
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;

/// `row_pipeline`: the datapath of rows in flight.
pub struct RowPipeline;

impl Module for RowPipeline {
    fn name(&self) -> &'static str {
        "row_pipeline"
    }

    fn summary(&self) -> &'static str {
        "rows from their operands to their outputs"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "slot_table",
            "stream_reg",
            "stream_fifo",
            "reg_fifo",
            "ram_1r1w",
            "ram_reader",
            "beat_splitter",
            "key_buffer",
            "qk_array",
            "lane_gearbox",
            "softmax",
            "requant_decision",
            "topk_engine",
            "value_buffer",
            "av_array",
        ]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let (slot_w, row_slot_w) = (core.command_slot_w(), core.row_slot_w());
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        let mut order = context_field(config);
        order.push(Field::new("n", core.length_w));
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input("order", order),
                Stream {
                    direction: Direction::In,
                    ..vectors("vector", config, JOB_CTX_W.into())
                },
                Stream::output("id_list", vec![Field::new("n", core.length_w)]),
                core.word(config, "id_word", Direction::In, false),
                Stream::output("redo", context_field(config)),
                Stream::output("values", context_field(config)),
                core.word(config, "kept_word", Direction::Out, true),
                Stream::output("importance", probabilities(config)),
                Stream::output("magnitude", magnitude(config)),
                Stream::output(
                    "row",
                    vec![
                        Field::lanes("data", config.output_lanes(), 16),
                        Field::new("last", 1),
                    ],
                ),
                Stream::output(
                    "place",
                    vec![Field::new("word", core.word_w), Field::new("ctx", slot_w)],
                ),
            ],
            ports: vec![
                input("table_set", 1),
                input("table_slot", slot_w),
                input("table_n", core.length_w),
                input("table_dim", 2),
                input("table_auto", 1),
                input("table_threshold", config.prob_width),
                input("table_mant", 16),
                input("table_shift", 6),
                input("table_out_mant", 16),
                input("table_out_shift", 6),
                input("table_head_shift", 5),
                input("table_accumulate_tokens", 1),
                input("table_accumulate_heads", 1),
                input("row_set", 1),
                input("row_slot", row_slot_w),
                input("row_place", core.word_w),
                input("row_dim", 2),
                output("settled", 1),
                output("counted", 1),
                output("row_done", 1),
                output("row_done_slot", row_slot_w),
                output("kept_freed", 1),
                output("kept_freed_k", core.length_w),
                output("store_freed", 1),
                output("redone", 1),
                output("stalls", 5),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let core = Core::new(config);
        let fifo = |width: u32, depth: u32| {
            StreamFifo.cost(config, &[("WIDTH", width.into()), ("DEPTH", depth.into())])
        };
        let names = config.parallelism * config.token_width() + core.count_w + 1;
        let ctx = [("CTX_W", u64::from(core.ctx_w))];
        let fifos = fifo(config.vector_lanes() * config.score_width() + 2, core.store_beats)
            + fifo(names, core.kept_words)
            + fifo(
                names + config.parallelism * config.prob_width + core.ctx_w,
                core.kept_words,
            );
        let beats = [("DEPTH", u64::from(core.key_beats))];
        fifos
            + BeatSplitter.cost(config, &beats)
            + KeyBuffer.cost(config, &[])
            + QkArray.cost(config, &ctx)
            + Softmax.cost(config, &ctx)
            + RequantDecision.cost(config, &ctx)
            + TopkEngine.cost(config, &[])
            + ValueBuffer.cost(config, &ctx)
            + AvArray.cost(config, &ctx)
    }
}
