//! Fetch scheduler: which list is fetched next.

use super::core::{Core, context_field, job, task};
use super::plane_fetcher::Shape;
use super::stream_fifo::StreamFifo;
use super::{Cost, Direction, Field, Interface, Module, Stream, count_bits};
use crate::config::Config;

/// `fetch_scheduler`: values first, then rows that are redone, then new rows.
pub struct FetchScheduler;

impl Module for FetchScheduler {
    fn name(&self) -> &'static str {
        "fetch_scheduler"
    }

    fn summary(&self) -> &'static str {
        "decides what is fetched next"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "slot_table",
            "stream_reg",
            "stream_fifo",
            "reg_fifo",
            "lane_gearbox",
        ]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let (slot_w, row_slot_w) = (core.command_slot_w(), core.row_slot_w());
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        let mut ports = vec![
            input("table_set", 1),
            input("table_slot", slot_w),
            input("table_n", core.length_w),
            input("table_dim", 2),
            input("table_query", config.token_width()),
            input("table_key_mode", 2),
            input("table_value_mode", 2),
        ];
        for name in ["key_m", "key_l", "value_m", "value_l"] {
            ports.push(input(&format!("table_{name}"), core.plane_w));
        }
        for name in ["q", "k_msb", "k_lsb", "v_msb", "v_lsb"] {
            ports.push(input(&format!("table_{name}_stride"), config.addr_width));
        }
        ports.extend([
            output("row_set", 1),
            output("row_slot", row_slot_w),
            output("row_place", core.word_w),
            output("row_dim", 2),
            input("row_done", 1),
            input("row_done_slot", row_slot_w),
            input("kept_freed", 1),
            input("kept_freed_k", core.length_w),
            input("store_freed", 1),
        ]);
        let mut order = context_field(config);
        order.push(Field::new("n", core.length_w));
        let lanes = Shape::new(config).beat_vectors();
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input("task", task(config, true)),
                Stream::input("values", context_field(config)),
                core.word(config, "kept_word", Direction::In, true),
                Stream::input("redo", context_field(config)),
                Stream::output("list", vec![Field::new("n", core.length_w)]),
                core.word(config, "word", Direction::In, true),
                Stream::output("order", order),
                Stream::output("job", job(config)),
                Stream::output(
                    "id",
                    vec![
                        Field::lanes("ids", lanes, config.token_width()),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let width = u64::from(count_bits(Core::new(config).store_beats));
        StreamFifo.cost(config, &[("WIDTH", width), ("DEPTH", 32)])
    }
}
