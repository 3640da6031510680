//! Zero eliminator: packs the kept lanes of a beat, in order (paper, section IV-B).

use super::logic::{Block, Lanes, prefix_sum_modulo, signal};
use super::{Field, Interface, Latency, Module, Parameter, Stream, count_bits, lane_bits, override_or};
use crate::config::Config;
use serde::Serialize;

/// `zero_eliminator`: `parallelism` lanes; prefix counts of the kept lanes steer `log2` layers of exchanges.
pub struct ZeroEliminator;

/// What the template needs of one exchange layer.
#[derive(Serialize)]
struct Layer {
    number: u32,
    /// Lanes between partners.
    distance: u32,
    /// Bits of a destination that this layer and those after it decide; the layer itself decides the lowest.
    lane_w: u32,
    logic: String,
}

impl Module for ZeroEliminator {
    fn name(&self) -> &'static str {
        "zero_eliminator"
    }

    fn summary(&self) -> &'static str {
        "packs the kept lanes of a beat, in order"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let lanes = config.parallelism;
        let data_w = override_or(overrides, "DATA_W", u64::from(config.prob_width));
        let chain = override_or(overrides, "CHAIN", 0);
        let data = || Field::lanes("data", lanes, data_w as u32);
        Interface {
            parameters: vec![
                Parameter::new("DATA_W", data_w, "bits of an element"),
                Parameter::new("CHAIN", chain, "1: beats of a row are laid end to end"),
            ],
            streams: vec![
                Stream::input(
                    "push",
                    vec![data(), Field::lanes("keep", lanes, 1), Field::new("last", 1)],
                ),
                Stream::output(
                    "pop",
                    vec![
                        data(),
                        Field::lanes("keep", lanes, 1),
                        Field::new("start", lane_bits(lanes)),
                        Field::new("count", count_bits(lanes)),
                        Field::new("last", 1),
                    ],
                ),
            ],
            ports: vec![],
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        let lanes = config.parallelism;
        let layers = lanes.ilog2();

        let mut counts_logic = Block::new();
        let counts = prefix_sum_modulo(
            &mut counts_logic,
            &Lanes::new("push_keep", lanes, 1),
            "counts",
            lane_bits(lanes),
        );

        let layer_list: Vec<Layer> = (0..layers)
            .map(|number| Layer {
                number,
                distance: 1 << number,
                lane_w: layers - number,
                logic: exchange(lanes, number, layers - number).always(),
            })
            .collect();

        let mut context = tera::Context::new();
        context.insert("lanes", &lanes);
        context.insert("layers", &layers);
        context.insert("lane_w", &lane_bits(lanes));
        context.insert("count_w", &count_bits(lanes));
        context.insert("data_w", &config.prob_width);
        context.insert("counts_bits", &counts.bits());
        context.insert("counts_logic", &counts_logic.always());
        context.insert("layer_list", &layer_list);
        Ok(context)
    }

    fn latencies(&self, _config: &Config) -> Vec<Latency> {
        vec![Latency {
            from: "push",
            to: "pop",
            cycles: 2,
        }]
    }
}

/// Decisions of exchange layer `layer`: an element belongs in the lane of its pair whose bit `layer` equals that bit of
/// the element's destination, of which the layers before have dropped the lower bits.
fn exchange(lanes: u32, layer: u32, lane_w: u32) -> Block {
    let keep = signal(format!("keep_{layer}"));
    let destination = signal(format!("lane_{layer}"));
    let cross = signal(format!("cross_{layer}"));
    let stay = signal(format!("stay_{layer}"));
    let mut block = Block::new();
    for lane in 0..lanes {
        let belongs = |from: u32| {
            let bit = destination.clone().index(from * lane_w);
            let here = if lane >> layer & 1 == 1 { bit } else { !bit };
            keep.clone().index(from) & here
        };
        block.assign(cross.clone().index(lane), belongs(lane ^ (1 << layer)));
        block.assign(stay.clone().index(lane), belongs(lane));
    }
    block
}
