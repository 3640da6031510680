//! Top-k engine: quick-select and an order-preserving filter (paper, section IV-B).

use super::ram_1r1w::Ram1r1w;
use super::topk_filter::{TopkFilter, elements, payload_bits};
use super::topk_select::TopkSelect;
use super::{Cost, Direction, Field, Interface, Module, Parameter, count_bits, override_or};
use crate::config::Config;

/// `topk_engine`: selection units that take the rows in turn, a row buffer and a filter.
pub struct TopkEngine;

/// Verilog parameters, resolved.
struct Shape {
    key_w: u64,
    payload_w: u64,
    max_row: u64,
    units: u64,
    buffer_rows: u64,
}

impl Shape {
    fn new(config: &Config, overrides: &[(&str, u64)]) -> Self {
        let value = |name, default: u32| override_or(overrides, name, u64::from(default));
        Shape {
            key_w: value("KEY_W", config.prob_width),
            payload_w: value("PAYLOAD_W", payload_bits(config)),
            max_row: value("MAX_ROW", config.max_tokens),
            units: value("UNITS", TopkEngine::UNITS),
            buffer_rows: value("BUFFER_ROWS", 2),
        }
    }
}

impl TopkEngine {
    /// Selection units by default.
    pub(super) const UNITS: u32 = 2;
}

impl Module for TopkEngine {
    fn name(&self) -> &'static str {
        "topk_engine"
    }

    fn summary(&self) -> &'static str {
        "the k largest elements of each row, in order"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_fifo", "stream_reg", "topk_select", "topk_filter"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.parallelism;
        let shape = Shape::new(config, overrides);
        let mut push = elements("push", Direction::In, lanes, shape.key_w, shape.payload_w);
        push.fields.push(Field::new("k", 16));
        Interface {
            parameters: vec![
                Parameter::new("KEY_W", shape.key_w, "bits of a key"),
                Parameter::new("PAYLOAD_W", shape.payload_w, "bits that travel with a key"),
                Parameter::new("MAX_ROW", shape.max_row, "longest row"),
                Parameter::new("UNITS", shape.units, "selection units"),
                Parameter::new("BUFFER_ROWS", shape.buffer_rows, "longest rows in the row buffer"),
            ],
            streams: vec![
                push,
                elements("pop", Direction::Out, lanes, shape.key_w, shape.payload_w),
            ],
            ports: vec![(Direction::Out, Field::new("pass_start", shape.units as u32))],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("lanes", &config.parallelism);
        context.insert("count_w", &count_bits(config.parallelism));
        context.insert("key_w", &config.prob_width);
        context.insert("payload_w", &payload_bits(config));
        context.insert("max_row", &config.max_tokens);
        Ok(context)
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let lanes = u64::from(config.parallelism);
        let shape = Shape::new(config, overrides);
        let beat = lanes * (shape.key_w + shape.payload_w) + u64::from(count_bits(config.parallelism)) + 1;
        let rows = (shape.buffer_rows * shape.max_row.div_ceil(lanes)).max(2);
        TopkSelect.cost(config, overrides) * shape.units
            + TopkFilter.cost(config, overrides)
            + Ram1r1w.cost(config, &[("WIDTH", beat), ("DEPTH", rows)])
    }
}
