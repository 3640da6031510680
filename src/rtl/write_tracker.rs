//! Which rows are written.

use super::row_writer::RowWriter;
use super::stream_fifo::StreamFifo;
use super::{Cost, Direction, Field, Interface, Module, Parameter, Stream, lane_bits, override_or};
use crate::config::Config;

/// `write_tracker`: sectors on their way to memory and their answers in, written rows out.
pub struct WriteTracker;

/// Bits of a row's ctx by default.
pub(super) const TAG_W: u64 = 4;
/// Sectors that may wait for their answers by default: one a cycle for a memory that answers after some 200 cycles.
pub(crate) const WRITES: u64 = 256;

/// The module's parameters, which are also those of whoever instantiates it.
pub(super) fn parameters(overrides: &[(&str, u64)]) -> Vec<Parameter> {
    vec![
        Parameter::new(
            "TAG_W",
            override_or(overrides, "TAG_W", TAG_W),
            "bits of a row's ctx",
        ),
        Parameter::new(
            "WRITES",
            override_or(overrides, "WRITES", WRITES),
            "sectors that may wait for their answers",
        ),
    ]
}

impl Module for WriteTracker {
    fn name(&self) -> &'static str {
        "write_tracker"
    }

    fn summary(&self) -> &'static str {
        "tells when all sectors of a row are written"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["reg_fifo", "stream_fifo"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let parameters = parameters(overrides);
        let tag_w = override_or(overrides, "TAG_W", TAG_W) as u32;
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        Interface {
            parameters,
            streams: vec![Stream::input(
                "sector",
                vec![
                    Field::new("channel", lane_bits(config.channels)),
                    Field::new("number", 4),
                ],
            )],
            ports: vec![
                input("clear", 1),
                (Direction::Out, Field::new("idle", 1)),
                input("beat_valid", 1),
                input("place_valid", 1),
                input("place_word", 7),
                input("place_ctx", tag_w),
                (Direction::In, Field::lanes("answered", config.channels, 1)),
                (Direction::Out, Field::new("written", 1)),
                (Direction::Out, Field::new("written_ctx", tag_w)),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("tag_w", &TAG_W);
        context.insert("writes", &WRITES);
        context.insert("lanes", &config.output_lanes());
        context.insert("beat_words", &RowWriter::beat_words(config));
        context.insert("channels", &config.channels);
        context.insert("channel_w", &lane_bits(config.channels));
        context.insert("heads", &(config.ram_latency + 2));
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let tag_w = override_or(overrides, "TAG_W", TAG_W);
        let width = tag_w + u64::from(lane_bits(config.channels)) + 1;
        let depth = override_or(overrides, "WRITES", WRITES);
        StreamFifo.cost(config, &[("WIDTH", width), ("DEPTH", depth)])
    }
}
