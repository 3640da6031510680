//! Largest score of each row.

use super::softmax::Sizes;
use super::{Direction, Field, Interface, Module, Parameter, override_or};
use crate::config::Config;

/// `softmax_max`: a pipelined tree over the lanes and the maximum so far.
pub struct SoftmaxMax;

impl Module for SoftmaxMax {
    fn name(&self) -> &'static str {
        "softmax_max"
    }

    fn summary(&self) -> &'static str {
        "largest score of each row"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &["delay_line"]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        let tag_w = override_or(overrides, "TAG_W", 8);
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![Parameter::new("TAG_W", tag_w, "bits that travel with a row")],
            streams: vec![],
            ports: vec![
                input("push_valid", 1),
                (
                    Direction::In,
                    Field::lanes("push_scores", sizes.lanes, config.score_width()),
                ),
                input("push_count", sizes.count_w),
                input("push_last", 1),
                input("push_tag", tag_w as u32),
                output("pop_valid", 1),
                output("pop_maximum", config.score_width()),
                output("pop_tag", tag_w as u32),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &sizes.lanes);
        context.insert("count_w", &sizes.count_w);
        context.insert("score_w", &config.score_width());
        context.insert("latency", &sizes.max_latency);
        Ok(context)
    }
}
