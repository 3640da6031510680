//! Cascade state: lists of kept tokens and heads, their importance, and what prunes them.

use super::core::{Core, magnitude, operation, probabilities};
use super::head_importance::HeadImportance;
use super::kept_list::KeptList;
use super::token_importance::TokenImportance;
use super::topk_engine::TopkEngine;
use super::{Cost, Direction, Field, Interface, Module, Stream};
use crate::config::Config;

/// `cascade_state`: lists, importance, and the top-k engine for both.
pub struct CascadeState;

impl Module for CascadeState {
    fn name(&self) -> &'static str {
        "cascade_state"
    }

    fn summary(&self) -> &'static str {
        "kept lists, importance, and their pruning"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "kept_list",
            "token_importance",
            "head_importance",
            "lane_gearbox",
            "topk_engine",
        ]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let core = Core::new(config);
        let mut streams = vec![
            Stream::input("op", operation()),
            Stream::input("row", probabilities(config)),
            Stream::input("magnitude", magnitude(config)),
        ];
        for name in ["job", "id", "query", "head"] {
            streams.push(Stream::input(
                format!("{name}_list"),
                vec![Field::new("n", core.length_w)],
            ));
            streams.push(core.word(config, &format!("{name}_word"), Direction::Out, true));
        }
        let out = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![],
            streams,
            ports: vec![
                out("op_answer", 32),
                out("op_bad", 1),
                out("tokens", 16),
                out("heads", 16),
                out("unfolded", 1),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Core::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        let core = Core::new(config);
        let most = config.max_tokens.max(config.max_heads).into();
        let topk = [
            ("KEY_W", 33),
            ("PAYLOAD_W", core.id_w.into()),
            ("MAX_ROW", most),
            ("UNITS", 1),
            ("BUFFER_ROWS", 1),
        ];
        KeptList.cost(config, &[]) * 4
            + TokenImportance.cost(config, &[])
            + HeadImportance.cost(config, &[])
            + TopkEngine.cost(config, &topk)
    }
}
