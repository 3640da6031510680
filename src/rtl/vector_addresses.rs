//! Address front end of the plane fetcher.

use super::plane_fetcher::{CTX_W, Shape, ctx_parameter, lists};
use super::{Cost, Direction, Field, Interface, Module, count_bits, override_or};
use crate::config::Config;

/// `vector_addresses`: from lists of ids to the sectors that their vectors lie in, without those shared with the vector before.
pub struct VectorAddresses;

impl Module for VectorAddresses {
    fn name(&self) -> &'static str {
        "vector_addresses"
    }

    fn summary(&self) -> &'static str {
        "where the vectors of a list lie, and which sectors to fetch"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let ctx_w = override_or(overrides, "CTX_W", CTX_W);
        let shape = Shape::new(config);
        let (gens, lanes, planes) = (shape.gens(), shape.lanes, count_bits(config.width));
        let input = |name: &str| (Direction::In, Field::new(name, 1));
        let mut ports = vec![
            input("clear"),
            input("stop"),
            input("hold"),
            (Direction::Out, Field::new("idle", 1)),
            (Direction::Out, Field::new("leave", 1)),
        ];
        ports.extend(
            [
                Field::new("group_valid", 1),
                Field::lanes("group_base", gens, shape.sector_w),
                Field::lanes("group_bound", gens, shape.t_w),
                Field::lanes("group_first", gens, shape.t_w),
                Field::lanes("group_word", gens, 3),
                Field::lanes("group_total", lanes, shape.t_w),
                Field::lanes("group_start", lanes, shape.rot_w()),
                Field::new("group_origin", shape.origin_w()),
                Field::new("group_fetched", shape.fetched_w()),
                Field::new("group_lsb", 1),
                Field::new("group_dim", 2),
                Field::new("group_planes", planes),
                Field::new("group_shift", planes),
                Field::new("group_merge", 1),
                Field::new("group_close", 1),
                Field::new("group_pass", shape.pass_w()),
                Field::new("group_count", shape.count_w()),
                Field::new("group_last", 1),
                Field::new("group_ctx", ctx_w as u32),
            ]
            .map(|field| (Direction::Out, field)),
        );
        Interface {
            parameters: vec![ctx_parameter(ctx_w, "list")],
            streams: lists(config, ctx_w),
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }

    fn cost(&self, config: &Config, _overrides: &[(&str, u64)]) -> Cost {
        Cost {
            multipliers: Shape::new(config).gens().into(),
            ..Cost::default()
        }
    }
}
