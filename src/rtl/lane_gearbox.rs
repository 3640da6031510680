//! Lane gearbox: a row's beats of one size in, beats of another size out.

use super::{Field, Interface, Latency, Module, Parameter, Stream, count_bits, override_or};
use crate::config::Config;

/// `lane_gearbox`: a word that fills up, what overflows it, and a register slice.
pub struct LaneGearbox;

impl Module for LaneGearbox {
    fn name(&self) -> &'static str {
        "lane_gearbox"
    }

    fn summary(&self) -> &'static str {
        "passes rows from beats of one size to beats of another"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["stream_reg"]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let value = |name, default| override_or(overrides, name, default);
        let (into, out) = (value("IN_LANES", 16), value("OUT_LANES", 16));
        let (data_w, user_w) = (value("DATA_W", 8), value("USER_W", 1));
        let data = |lanes| Field::lanes("data", lanes as u32, data_w as u32);
        let number = |name, most| Field::new(name, count_bits(most as u32));
        let user = || Field::new("user", user_w as u32);
        let last = || Field::new("last", 1);
        Interface {
            parameters: vec![
                Parameter::new("IN_LANES", into, "elements of a beat that comes in, at most"),
                Parameter::new("OUT_LANES", out, "elements of a beat that goes out, at most"),
                Parameter::new("DATA_W", data_w, "bits of an element"),
                Parameter::new("USER_W", user_w, "bits that travel with the row"),
            ],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        data(into),
                        number("count", into),
                        last(),
                        number("width", out),
                        user(),
                    ],
                ),
                Stream::output("pop", vec![data(out), number("count", out), last(), user()]),
            ],
            ports: vec![],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 1,
        }]
    }
}
