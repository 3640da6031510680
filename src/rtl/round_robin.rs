//! Round-robin arbiter.

use super::{Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `round_robin`: the next request after the last one that was granted, by prefix sums of the requests.
pub struct RoundRobin;

impl Module for RoundRobin {
    fn name(&self) -> &'static str {
        "round_robin"
    }

    fn summary(&self) -> &'static str {
        "grants requests in turn"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, _config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let n = override_or(overrides, "N", 4);
        let requests = |name: &str| Field::new(name, n as u32);
        Interface {
            parameters: vec![Parameter::new("N", n, "requests")],
            streams: vec![],
            ports: vec![
                (Direction::In, requests("request")),
                (Direction::In, Field::new("taken", 1)),
                (Direction::Out, requests("grant")),
            ],
        }
    }

    fn context(&self, _config: &Config) -> anyhow::Result<tera::Context> {
        Ok(tera::Context::new())
    }
}
