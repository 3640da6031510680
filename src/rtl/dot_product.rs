//! Dot product: one leaf of the adder tree of Q×K.

use super::{Cost, Direction, Field, Interface, Module};
use crate::config::Config;

/// `dot_product`: 32 multipliers and the tree that sums their products.
pub struct DotProduct;

/// Products that one leaf sums: the smallest head dimension.
pub(super) const LEAF: u32 = Config::MIN_HEAD_DIM;

/// Register stages: products, sums of 4, of 16 and of [`LEAF`].
pub(super) const STAGES: u32 = 4;

/// Bits of a leaf's sum, signed, exact.
pub(super) fn sum_width(config: &Config) -> u32 {
    2 * config.width + LEAF.ilog2()
}

impl Module for DotProduct {
    fn name(&self) -> &'static str {
        "dot_product"
    }

    fn summary(&self) -> &'static str {
        "sum of 32 products, pipelined"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, _overrides: &[(&str, u64)]) -> Interface {
        let elements = |name| (Direction::In, Field::lanes(name, LEAF, config.width));
        Interface {
            parameters: vec![],
            streams: vec![],
            ports: vec![
                (Direction::In, Field::new("step", STAGES)),
                elements("query"),
                elements("key"),
                (Direction::Out, Field::new("sum", sum_width(config))),
            ],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let mut context = tera::Context::new();
        context.insert("leaf", &LEAF);
        context.insert("sum_w", &sum_width(config));
        Ok(context)
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn cost(&self, _config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: LEAF.into(),
            ..Cost::default()
        }
    }
}
