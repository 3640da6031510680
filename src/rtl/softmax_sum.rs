//! Sum of the exponentials of each row.

use super::softmax::Sizes;
use super::{Direction, Field, Interface, Module};
use crate::config::Config;

/// `softmax_sum`: a pipelined tree over the lanes and the sum so far.
pub struct SoftmaxSum;

impl Module for SoftmaxSum {
    fn name(&self) -> &'static str {
        "softmax_sum"
    }

    fn summary(&self) -> &'static str {
        "sum of the exponentials of each row"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let sizes = Sizes::new(config);
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str, width| (Direction::Out, Field::new(name, width));
        Interface {
            parameters: vec![],
            streams: vec![],
            ports: vec![
                input("push_valid", 1),
                (Direction::In, Field::lanes("push_exps", sizes.lanes, sizes.e + 1)),
                input("push_count", sizes.count_w),
                input("push_last", 1),
                output("pop_valid", 1),
                output("pop_sum", config.sum_width()),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let sizes = Sizes::new(config);
        let mut context = tera::Context::new();
        context.insert("lanes", &sizes.lanes);
        context.insert("levels", &sizes.levels);
        context.insert("count_w", &sizes.count_w);
        context.insert("exp_w", &(sizes.e + 1));
        context.insert("sum_w", &config.sum_width());
        context.insert("latency", &sizes.sum_latency);
        Ok(context)
    }
}
