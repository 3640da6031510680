//! Importance of the heads (paper, section III-B).

use super::importance_store::{IMPORTANCE_BITS, ImportanceStore};
use super::stream_fifo::StreamFifo;
use super::{Cost, Field, Interface, Latency, Module, Stream};
use crate::config::Config;

/// `head_importance`: an [`ImportanceStore`] of one bank, behind one ordered stream of operations.
pub struct HeadImportance;

/// Reads of importance that may be under way or waiting.
pub(crate) const KEY_PLACES: u64 = 16;

impl Module for HeadImportance {
    fn name(&self) -> &'static str {
        "head_importance"
    }

    fn summary(&self) -> &'static str {
        "accumulates the importance of the heads"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["importance_store", "stream_fifo"]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let id = || Field::new("id", config.head_width());
        Interface {
            parameters: vec![],
            streams: vec![
                Stream::input(
                    "push",
                    vec![
                        Field::new("code", 3),
                        id(),
                        Field::new("value", IMPORTANCE_BITS),
                        Field::new("shift", 5),
                        Field::new("last", 1),
                    ],
                ),
                Stream::output(
                    "key",
                    vec![
                        Field::new("importance", IMPORTANCE_BITS),
                        id(),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("heads", &config.max_heads);
        context.insert("head_w", &config.head_width());
        context.insert("latency", &latency(config));
        Ok(context)
    }

    fn latencies(&self, config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "key",
            cycles: latency(config),
        }]
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let key = u64::from(IMPORTANCE_BITS + config.head_width() + 1);
        ImportanceStore.cost(config, &[("DEPTH", u64::from(config.max_heads.max(2)))])
            + StreamFifo.cost(config, &[("WIDTH", key), ("DEPTH", KEY_PLACES)])
    }
}

/// From a read to its key: the store, then the FIFO of keys.
fn latency(config: &Config) -> u32 {
    2 * (config.ram_latency + 2) + 1
}
