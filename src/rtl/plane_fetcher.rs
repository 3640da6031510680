//! Plane fetcher: from token ids to operands, through bit planes in interleaved memory.

use super::fetch_port::FetchPort;
use super::ram_1r1w::Ram1r1w;
use super::sector_crossbar::SectorCrossbar;
use super::vector_addresses::VectorAddresses;
use super::{
    Cost, Direction, Field, Interface, Module, Parameter, Stream, count_bits, lane_bits, override_or,
};
use crate::config::Config;
use serde::Serialize;

/// `plane_fetcher`: address front end, request ports, crossbar, lanes that cut vectors out of sectors, and the assembler.
pub struct PlaneFetcher;

/// Bits of `ctx` by default.
pub(crate) const CTX_W: u64 = 16;
/// Groups between the address front end and the requests: enough to cover the front end's latency.
const AHEAD: u32 = 16;
/// Sector numbers that wait in a port for the crossbar.
const PORT_QUEUE: u32 = 4;
/// Requests of one class that wait for a channel.
const CHANNEL_QUEUE: u32 = 16;
/// Parts of the ports that short lists begin with in turn, a power of two: with 4, lists of 20 vectors use 16 lanes evenly.
const TURNS: u32 = 4;
/// Sectors of one class that wait beside a channel for their ports.
const RETURN_QUEUE: u32 = 4;

/// One vector of a lane, in the order of the lane.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Slot {
    /// Number within the lane.
    pub number: u32,
    /// Most sectors that the vector touches.
    pub sectors: u32,
    /// Most 4-byte words of the vector.
    pub words: u32,
    /// First word among those of the lane's vectors.
    pub at: u32,
    /// Most that `first` can be.
    pub last_first: u32,
}

/// One head dimension and the vectors that a lane then has, last one first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Dim {
    /// log2 of the head dimension, less 5.
    pub code: u32,
    /// The head dimension.
    pub size: u32,
    slots: Vec<Slot>,
}

/// Sizes that the modules of the fetcher share.
///
/// A *lane* makes the operands of `head-dim` multipliers: one vector of the largest dimension, more of a smaller one.
/// A beat holds the vectors that an array uses in two cycles, since keys and values come one after the other; where the
/// request ports are too few for so many lanes, those of one cycle. There are as many lanes as the request ports can
/// serve, so that each has at least one port, and the lanes divide the beat, which takes `passes` slices, one in all but
/// small configurations.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub lanes: u32,
    pub passes: u32,
    /// Cycles that an array works on a beat.
    pub wide: u32,
    /// Most vectors of a lane.
    pub kmax: u32,
    pub ports: u32,
    /// Most ports of a lane.
    pub rot_max: u32,
    /// Sectors that a port may have in flight.
    pub slots: u32,
    /// Most sectors of a lane in one group.
    pub sectors: u32,
    /// Steps that a group takes when its lane with the fewest ports has that many.
    pub steps: u32,
    /// Most words of a vector.
    pub words_max: u32,
    pub slot_list: Vec<Slot>,
    pub dim_list: Vec<Dim>,
    /// Requests that a channel may owe.
    pub tags: u32,
    /// Groups whose sectors are not yet used.
    pub groups: u32,
    pub classes: u32,
    pub members: u32,
    pub sector_w: u32,
    pub local_w: u32,
    /// Bits of a number of sectors of a lane.
    pub t_w: u32,
    pub extra_w: u32,
}

/// Most sectors that a vector of `words` 4-byte words touches.
fn sectors_of(words: u32) -> u32 {
    (words + 7 - 1) / 8 + 1
}

impl Shape {
    pub(crate) fn new(config: &Config) -> Self {
        let ports = config.fetch_ports;
        let array = config.multipliers / config.head_dim;
        let wide = if 2 * array <= ports { 2 } else { 1 };
        let all = wide * array;
        let lanes = (1..=all.min(ports)).rev().find(|n| all % n == 0).unwrap_or(1);
        let kmax = config.head_dim / Config::MIN_HEAD_DIM;
        let words = |size: u32| size / Config::MIN_HEAD_DIM * config.width;
        let sizes: Vec<u32> = (0..=kmax.ilog2())
            .map(|code| Config::MIN_HEAD_DIM << code)
            .collect();
        let mut slot_list = Vec::new();
        let mut at = 0;
        for number in 0..kmax {
            // Dimensions at which the lane has this vector; the largest of them.
            let having = || {
                sizes
                    .iter()
                    .copied()
                    .filter(|size| config.head_dim / size > number)
            };
            let most = having().max().unwrap_or(Config::MIN_HEAD_DIM);
            let first = |size| number * sectors_of(words(size)) + 1;
            slot_list.push(Slot {
                number,
                sectors: sectors_of(words(most)),
                words: words(most),
                at,
                last_first: having().map(first).max().unwrap_or(1),
            });
            at += words(most);
        }
        let dim_list = sizes
            .iter()
            .enumerate()
            .map(|(code, &size)| Dim {
                code: code as u32,
                size,
                slots: slot_list[..(config.head_dim / size) as usize]
                    .iter()
                    .rev()
                    .cloned()
                    .collect(),
            })
            .collect();
        let sectors = sizes
            .iter()
            .map(|&size| config.head_dim / size * sectors_of(words(size)))
            .max()
            .unwrap_or(1);
        let words_max = words(config.head_dim);
        let extra_w = count_bits(sectors_of(words_max) - 1);
        let classes = ports.min(2);
        let sector_w = config.addr_width - 5;
        let share = 2 * config.sector_window / config.channels;
        Shape {
            lanes,
            passes: all / lanes,
            wide,
            kmax,
            ports,
            rot_max: ports.div_ceil(lanes),
            slots: config.sector_window / ports,
            sectors,
            steps: sectors.div_ceil(ports / lanes),
            words_max,
            slot_list,
            dim_list,
            tags: share.min(config.sector_window).max(16),
            groups: share.min(config.sector_window).max(16),
            classes,
            members: ports.div_ceil(classes),
            sector_w,
            local_w: sector_w - config.channels.ilog2(),
            t_w: count_bits(sectors).max(extra_w + 1),
            extra_w,
        }
    }

    /// Vectors of a slice at the smallest head dimension.
    pub(crate) fn gens(&self) -> u32 {
        self.lanes * self.kmax
    }

    /// Most vectors of a beat, which is also the number of ids of a beat.
    pub(crate) fn beat_vectors(&self) -> u32 {
        self.gens() * self.passes
    }

    /// Bits of a number of vectors of a beat.
    pub(crate) fn count_w(&self) -> u32 {
        count_bits(self.beat_vectors())
    }

    pub(crate) fn slot_w(&self) -> u32 {
        lane_bits(self.slots)
    }

    /// Parts into which lanes and ports are divided alike: each list has the ports of another part for its first lanes.
    pub(crate) fn turns(&self) -> u32 {
        let divides = |turns: &u32| self.lanes % turns == 0 && self.ports % turns == 0;
        [TURNS, TURNS / 2].into_iter().find(divides).unwrap_or(1)
    }

    /// Bits of the number of a part.
    pub(crate) fn origin_w(&self) -> u32 {
        lane_bits(self.turns())
    }

    pub(crate) fn rot_w(&self) -> u32 {
        lane_bits(self.rot_max)
    }

    pub(crate) fn step_w(&self) -> u32 {
        lane_bits(self.steps)
    }

    pub(crate) fn pass_w(&self) -> u32 {
        lane_bits(self.passes)
    }

    pub(crate) fn member_w(&self) -> u32 {
        lane_bits(self.members)
    }

    /// Bits of a sum of the lanes' sectors.
    pub(crate) fn fetched_w(&self) -> u32 {
        count_bits(self.lanes * self.sectors).max(self.t_w + 1)
    }

    /// Words of the vectors of a lane, all dimensions together.
    pub(crate) fn lane_words(&self) -> u32 {
        self.slot_list.iter().map(|slot| slot.words).sum()
    }

    /// Bits of what waits beside a channel of each request.
    pub(crate) fn tag_w(&self) -> u32 {
        self.member_w() + self.slot_w() + self.classes - 1
    }

    /// Everything, for the templates.
    pub(crate) fn context(&self, config: &Config) -> tera::Context {
        let mut context = tera::Context::new();
        let token_w = config.token_width();
        // The stride is multiplied in chunks at least as wide as an id, an even number of them.
        let chunk = token_w.max(12);
        let word_w = config.addr_width - 2;
        let chunks = word_w.div_ceil(chunk).next_multiple_of(2);
        let piece = "s2_product_q[piece*PIECE_W+:PIECE_W]";
        let padded = |zeros: &str, none: bool, value: &str| match none {
            true => value.to_owned(),
            false => format!("{{{{({zeros}){{1'b0}}}}, {value}}}"),
        };
        context.insert(
            "padded_piece",
            &padded("CHUNK - TOKEN_W", chunk == token_w, piece),
        );
        context.insert(
            "padded_stride",
            &padded("WIDE_W - WORD_W", chunk * chunks == word_w, "s1_stride_q"),
        );
        let odd: String = (0..self.members)
            .rev()
            .map(|i| if i.count_ones() % 2 == 1 { '1' } else { '0' })
            .collect();
        context.insert("odd", &odd);
        context.insert("slot_list", &self.slot_list);
        context.insert("dim_list", &self.dim_list);
        context.insert("plane_list", &(0..config.width).collect::<Vec<_>>());
        context.insert("even_ports", &(self.ports % self.lanes == 0));
        for (name, value) in [
            ("channels", config.channels),
            ("channel_w", config.channels.ilog2()),
            ("lanes", self.lanes),
            ("passes", self.passes),
            ("kmax", self.kmax),
            ("gens", self.gens()),
            ("ids", self.beat_vectors()),
            ("beat_elements", self.wide * config.multipliers),
            ("ports", self.ports),
            ("rot_max", self.rot_max),
            ("slots", self.slots),
            ("sectors", self.sectors),
            ("steps", self.steps),
            ("words_max", self.words_max),
            ("lane_words", self.lane_words()),
            ("tags", self.tags),
            ("groups", self.groups),
            ("ahead", AHEAD),
            ("port_queue", PORT_QUEUE),
            ("channel_queue", CHANNEL_QUEUE),
            ("return_queue", RETURN_QUEUE),
            ("classes", self.classes),
            ("members", self.members),
            ("token_w", token_w),
            ("chunk", chunk),
            ("chunks", chunks),
            ("sector_w", self.sector_w),
            ("local_w", self.local_w),
            ("slot_w", self.slot_w()),
            ("rot_w", self.rot_w()),
            ("turns", self.turns()),
            ("origin_w", self.origin_w()),
            ("step_w", self.step_w()),
            ("pass_w", self.pass_w()),
            ("member_w", self.member_w()),
            ("tag_w", self.tag_w()),
            ("count_w", self.count_w()),
            ("plane_w", count_bits(config.width)),
            ("words_w", count_bits(self.words_max)),
            ("extra_w", self.extra_w),
            ("t_w", self.t_w),
            ("fetched_w", self.fetched_w()),
            ("request_latency", request_latency(config)),
            ("vector_latency", vector_latency(config)),
        ] {
            context.insert(name, &value);
        }
        context
    }
}

/// Cycles from an id beat to its first request.
pub fn request_latency(config: &Config) -> u32 {
    // Into the front end, through it and its FIFO, out of the port, through the crossbar.
    1 + 8 + (config.ram_latency + 2) + 2 + 2
}

/// Cycles from the sector that completes a beat to the beat.
pub fn vector_latency(config: &Config) -> u32 {
    // Through the crossbar, the port, the lanes and the assembler.
    2 + (config.ram_latency + 2) + 4
}

/// The streams of lists and of their token ids.
pub(crate) fn lists(config: &Config, ctx_w: u64) -> Vec<Stream> {
    let address = |name: &str| Field::new(name, config.addr_width);
    let planes = count_bits(config.width);
    let ids = Shape::new(config).beat_vectors();
    vec![
        Stream::input(
            "job",
            vec![
                address("msb_base"),
                address("msb_stride"),
                address("lsb_base"),
                address("lsb_stride"),
                Field::new("use_msb", 1),
                Field::new("use_lsb", 1),
                Field::new("m", planes),
                Field::new("l", planes),
                Field::new("dim", 2),
                Field::new("ctx", ctx_w as u32),
            ],
        ),
        Stream::input(
            "id",
            vec![
                Field::lanes("ids", ids, config.token_width()),
                Field::new("count", count_bits(ids)),
                Field::new("last", 1),
            ],
        ),
    ]
}

/// The stream of vectors, on its way out of a module.
pub(crate) fn vectors(name: &str, config: &Config, ctx_w: u64) -> Stream {
    let shape = Shape::new(config);
    Stream::output(
        name,
        vec![
            Field::lanes("data", shape.wide * config.multipliers, config.width),
            Field::new("count", shape.count_w()),
            Field::new("last", 1),
            Field::new("ctx", ctx_w as u32),
        ],
    )
}

/// The streams of the channels, side by side.
pub(crate) fn channels(config: &Config) -> Vec<(Direction, Field)> {
    let channels = config.channels;
    let field = |name: &str, width| Field::lanes(name, channels, width);
    vec![
        (Direction::Out, field("request_valid", 1)),
        (Direction::In, field("request_ready", 1)),
        (Direction::Out, field("request_address", config.addr_width)),
        (Direction::In, field("response_valid", 1)),
        (Direction::Out, field("response_ready", 1)),
        (Direction::In, field("response_data", 256)),
    ]
}

/// The parameter that says how wide `ctx` is.
pub(crate) fn ctx_parameter(ctx_w: u64, what: &str) -> Parameter {
    Parameter::new("CTX_W", ctx_w, format!("bits that travel with a {what}"))
}

impl Module for PlaneFetcher {
    fn name(&self) -> &'static str {
        "plane_fetcher"
    }

    fn summary(&self) -> &'static str {
        "fetches the vectors of lists of tokens from bit planes in memory"
    }

    fn instantiates(&self, _config: &Config) -> &'static [&'static str] {
        &[
            "vector_addresses",
            "stream_fifo",
            "port_turn",
            "fetch_port",
            "sector_crossbar",
            "sector_lane",
            "plane_assembler",
        ]
    }

    fn interface(&self, config: &Config, overrides: &[(&str, u64)]) -> Interface {
        let ctx_w = override_or(overrides, "CTX_W", CTX_W);
        let mut streams = lists(config, ctx_w);
        streams.push(vectors("vector", config, ctx_w));
        let mut ports = vec![
            (Direction::In, Field::new("flush", 1)),
            (Direction::Out, Field::new("idle", 1)),
        ];
        ports.extend(channels(config));
        ports.extend([
            (
                Direction::Out,
                Field::new("fetched", Shape::new(config).fetched_w()),
            ),
            (Direction::Out, Field::new("fetched_lsb", 1)),
            (Direction::Out, Field::new("fetched_ctx", ctx_w as u32)),
        ]);
        Interface {
            parameters: vec![ctx_parameter(ctx_w, "list")],
            streams,
            ports,
        }
    }

    fn context(&self, config: &Config) -> anyhow::Result<tera::Context> {
        Ok(Shape::new(config).context(config))
    }

    fn cost(&self, config: &Config, overrides: &[(&str, u64)]) -> Cost {
        let shape = Shape::new(config);
        let ctx_w = override_or(overrides, "CTX_W", CTX_W);
        let [lanes, gens] = [shape.lanes, shape.gens()].map(u64::from);
        let [t_w, rot_w, sector_w] = [shape.t_w, shape.rot_w(), shape.sector_w].map(u64::from);
        let fifo =
            |width: u64, depth: u32| Ram1r1w.cost(config, &[("WIDTH", width), ("DEPTH", depth.into())]);
        let common = lanes * (t_w + rot_w);
        let origin_w = u64::from(shape.origin_w());
        let ask = ctx_w + 1 + u64::from(shape.fetched_w()) + common + gens * (t_w + sector_w);
        let side = 6 + shape.count_w() + shape.pass_w() + 2 * count_bits(config.width);
        VectorAddresses.cost(config, &[])
            + SectorCrossbar.cost(config, &[])
            + FetchPort.cost(config, &[]) * u64::from(shape.ports)
            + fifo(ask, AHEAD)
            + fifo(
                origin_w + ctx_w + u64::from(side) + common + gens * (t_w + 3),
                shape.groups,
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PRESETS, Params};

    #[test]
    fn shape_of_the_presets() {
        let shape = Shape::new(&Config::default());
        assert_eq!(
            (shape.lanes, shape.passes, shape.kmax, shape.rot_max),
            (16, 1, 2, 2)
        );
        // 12 planes of 64 elements touch 4 sectors, two vectors of 32 elements 3 each.
        assert_eq!((shape.sectors, shape.steps, shape.slots), (6, 3, 64));
        assert_eq!((shape.tags, shape.groups, shape.lane_words()), (256, 256, 36));
        let eighth = Shape::new(&PRESETS[1].config());
        assert_eq!((eighth.lanes, eighth.passes, eighth.rot_max), (2, 1, 2));
    }

    #[test]
    fn lanes_divide_the_multipliers_and_have_ports() {
        for ports in 1..=128 {
            for all in [1, 2, 3, 7, 8, 12] {
                let params = Params {
                    multipliers: all * 64,
                    fetch_ports: ports,
                    ..PRESETS[0].params()
                };
                let shape = Shape::new(&Config::try_from(params).unwrap());
                assert_eq!(shape.lanes * shape.passes, shape.wide * all);
                assert_eq!(shape.wide == 2, 2 * all <= ports);
                assert!(shape.lanes <= ports && shape.slots >= 1 && shape.slots * ports <= 2048);
            }
        }
    }

    #[test]
    fn a_vector_touches_most_sectors_when_it_begins_in_a_sector_s_last_word() {
        assert_eq!([1, 2, 8, 9, 10, 24, 64].map(sectors_of), [1, 2, 2, 2, 3, 4, 9]);
    }
}
