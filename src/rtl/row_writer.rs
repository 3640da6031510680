//! From output rows to the sectors of the memory channels.

use super::axi_writer::{SECTOR_WORDS, sector_fields};
use super::{Direction, Field, Interface, Latency, Module, Stream, lane_bits};
use crate::config::Config;

/// `row_writer`: rows and their addresses in, sectors with strobes and channel out.
pub struct RowWriter;

/// Bits of an output element in memory.
const ELEMENT_BITS: u32 = 16;

impl RowWriter {
    /// 4-byte words of a beat.
    pub(super) fn beat_words(config: &Config) -> u32 {
        config.output_lanes() * ELEMENT_BITS / 32
    }
}

impl Module for RowWriter {
    fn name(&self) -> &'static str {
        "row_writer"
    }

    fn summary(&self) -> &'static str {
        "cuts output rows into the sectors of the memory channels"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let mut write = vec![Field::new("channel", lane_bits(config.channels))];
        write.extend(sector_fields(config));
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input(
                    "row",
                    vec![
                        Field::lanes("data", config.output_lanes(), ELEMENT_BITS),
                        Field::new("last", 1),
                    ],
                ),
                Stream::input("place", vec![Field::new("word", config.addr_width - 2)]),
                Stream::output("write", write),
            ],
            ports: vec![
                (Direction::In, Field::new("stop", 1)),
                (Direction::Out, Field::new("idle", 1)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let words = Self::beat_words(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &config.output_lanes());
        context.insert("addr_w", &config.addr_width);
        context.insert("word_w", &(config.addr_width - 2));
        context.insert("sector_w", &(config.addr_width - 5));
        context.insert("channels", &config.channels);
        context.insert("channel_w", &lane_bits(config.channels));
        context.insert("piece_words", &words.min(SECTOR_WORDS));
        context.insert("pieces", &words.div_ceil(SECTOR_WORDS));
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        if Self::beat_words(config) != SECTOR_WORDS {
            return Vec::new();
        }
        vec![Latency {
            from: "row",
            to: "write",
            cycles: 2,
        }]
    }
}
