//! Bench of `vector_addresses`: sectors, ports and places of the vectors of a list.

use super::fetchers::{draw, fetchers};
use super::measure::{Measurement, Selection, at, gap, run};
use super::plane_fetcher::{Extra, id_beats, push_ids, push_job, some_list};
use super::{Bench, Mutant, Point, Random, stand};
use crate::config::Config;
use crate::golden::plane_fetcher::{List, Planes};
use crate::golden::planes::{SECTOR, plane_bytes};
use crate::rtl::format;
use crate::rtl::plane_fetcher::Shape;
use crate::rtl::{Direction, Field, Interface, Stream};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt};
use std::fmt::Write as _;

/// `vector_addresses` against the sectors of [`Planes`]; a row is a list.
pub struct VectorAddresses;

/// What is known of a lane's or port set's sectors in one group.
#[derive(Clone, Debug, Default)]
struct LaneSectors {
    /// By slot: number of the first sector to fetch; what is to be added to a number; where the vector begins; its word
    /// in that sector. None where there is no vector.
    vectors: Vec<Option<[u64; 4]>>,
    bounds: Vec<u64>,
    total: u64,
}

/// Follows the lists: which ports serve a lane, and which of them is next.
struct Follower<'a> {
    config: &'a Config,
    shape: Shape,
    lists: u32,
    /// By port set: sectors so far.
    sectors: Vec<u64>,
}

impl<'a> Follower<'a> {
    fn new(config: &'a Config) -> Self {
        let shape = Shape::new(config);
        Follower {
            sectors: vec![0; shape.lanes as usize],
            config,
            shape,
            lists: 0,
        }
    }

    /// The lanes of a group of vectors, and the last sector of the list so far.
    fn lanes(&self, planes: &Planes, dim: u32, ids: &[u32], last: &mut Option<u64>) -> Vec<LaneSectors> {
        let addr_width = self.config.addr_width;
        let bytes = plane_bytes(planes.count, dim);
        let slots = self.shape.kmax as usize;
        let here = (self.config.head_dim / dim) as usize;
        let mut ids = ids.iter();
        (0..self.shape.lanes)
            .map(|_| {
                let mut lane = LaneSectors::default();
                for slot in 0..slots {
                    lane.bounds.push(lane.total);
                    let id = if slot < here { ids.next() } else { None };
                    let Some(&id) = id.filter(|_| bytes > 0) else {
                        lane.vectors.push(None);
                        continue;
                    };
                    let touched = planes.sectors(dim, &[id], addr_width);
                    let shares = *last == Some(touched[0]);
                    *last = touched.last().copied();
                    let mask = (1 << self.shape.sector_w) - 1;
                    let address = planes
                        .base
                        .wrapping_add(planes.stride.wrapping_mul(u64::from(id)));
                    lane.vectors.push(Some([
                        lane.total,
                        touched[0]
                            .wrapping_add(u64::from(shares))
                            .wrapping_sub(lane.total)
                            & mask,
                        lane.total + u64::from(!shares),
                        address % SECTOR / 4,
                    ]));
                    lane.total += touched.len() as u64 - u64::from(shares);
                }
                lane
            })
            .collect()
    }

    /// Appends the groups of a list.
    fn push(&mut self, case: &mut Case, list: &List, extra: &Extra, beats: &[&[u32]]) {
        let Shape {
            lanes, passes, ports, ..
        } = self.shape;
        let turns = self.shape.turns();
        let origin = self.lists % turns;
        self.lists += 1;
        let slice = (lanes * self.config.head_dim / list.dim) as usize;
        let (mut last_msb, mut last_lsb) = (None, None);
        for (number, &ids) in beats.iter().enumerate() {
            let mut slices: Vec<&[u32]> = ids.chunks(slice).collect();
            if slices.is_empty() {
                slices.push(&[]);
            }
            let mut gathered = 0;
            for (index, &ids) in slices.iter().enumerate() {
                // A beat of vectors takes so many slices; at larger dimensions ids make several of them.
                let pass = index % passes as usize;
                gathered = if pass == 0 { 0 } else { gathered } + ids.len();
                let list_end = number == beats.len() - 1 && index == slices.len() - 1;
                let beat_end = list_end || pass + 1 == passes as usize;
                let msbs = list.msb.count > 0;
                let lsbs = list.lsb.count > 0;
                let mut kinds = Vec::new();
                if msbs {
                    kinds.push((false, &list.msb, &mut last_msb));
                }
                if lsbs || !msbs {
                    kinds.push((true, &list.lsb, &mut last_lsb));
                }
                let groups = kinds.len();
                for (place, (lsb, planes, last)) in kinds.into_iter().enumerate() {
                    let slice_end = place + 1 == groups;
                    let of_lanes = self.lanes(planes, list.dim, ids, last);
                    // By port set.
                    let lane_of = |set: u32| ((set + lanes - origin * lanes / turns) % lanes) as usize;
                    let by_set: Vec<&LaneSectors> = (0..lanes).map(|set| &of_lanes[lane_of(set)]).collect();
                    let own = |set: u32| u64::from((set + 1) * ports / lanes - set * ports / lanes);
                    let starts: Vec<i64> = (0..lanes)
                        .map(|set| (self.sectors[set as usize] % own(set)) as i64)
                        .collect();
                    for (sum, set) in self.sectors.iter_mut().zip(&by_set) {
                        *sum += set.total;
                    }
                    let value = |vectors: &mut dyn Iterator<Item = &Option<[u64; 4]>>, index: usize| {
                        vectors
                            .map(|vector| vector.map_or(0, |vector| vector[index] as i64))
                            .collect::<Vec<i64>>()
                    };
                    let port_vectors = || by_set.iter().flat_map(|set| &set.vectors);
                    let lane_vectors = || of_lanes.iter().flat_map(|lane| &lane.vectors);
                    let fetched: u64 = of_lanes.iter().map(|lane| lane.total).sum();
                    let mut beat = case
                        .beat("group")
                        .lanes("base", value(&mut port_vectors(), 1))
                        .lanes(
                            "bound",
                            by_set
                                .iter()
                                .flat_map(|set| set.bounds.iter().map(|&bound| bound as i64)),
                        )
                        .lanes("first", value(&mut lane_vectors(), 2))
                        .lanes("word", value(&mut lane_vectors(), 3))
                        .lanes("total", by_set.iter().map(|set| set.total as i64))
                        .lanes("start", starts)
                        .set("origin", origin)
                        .set("fetched", fetched as i64)
                        .set("lsb", i64::from(lsb))
                        .set("dim", i64::from(list.dim.ilog2() - 5))
                        .set("planes", planes.count)
                        .set("shift", if lsb { list.m } else { 0 })
                        .set("merge", i64::from(place > 0))
                        .set("close", i64::from(beat_end && slice_end))
                        .set("pass", pass as i64)
                        .set("count", gathered as i64)
                        .set("last", i64::from(list_end && slice_end))
                        .set("ctx", extra.ctx as i64);
                    for (at, vector) in port_vectors().enumerate() {
                        if vector.is_none() {
                            beat = beat.ignore_lane("base", at);
                        }
                    }
                    for (at, vector) in lane_vectors().enumerate() {
                        if vector.is_none() {
                            beat = beat.ignore_lane("first", at).ignore_lane("word", at);
                        }
                    }
                }
            }
        }
    }
}

impl Bench for VectorAddresses {
    fn block(&self) -> &'static str {
        "vector_addresses"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = fetchers()?;
        points[1].parameters.push(("CTX_W", 5));
        Ok(points)
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        const TEMPLATE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/bench/vector_addresses_stand.sv"
        ));
        let shape = Shape::new(&point.config);
        let (mut outputs, mut pins, mut fields) = (String::new(), String::new(), Vec::new());
        for (_, field) in &design.interface.ports {
            let Some(name) = field.name.strip_prefix("group_").filter(|name| *name != "valid") else {
                continue;
            };
            let _ = writeln!(outputs, "output wire [{}:0] group_{name},", field.width - 1);
            let _ = writeln!(
                pins,
                ".group_{name}(given[{}+:{}]),",
                width_of(&fields),
                field.width
            );
            let lanes = field.lanes;
            fields.push(Field::lanes(name, lanes, field.width / lanes));
        }
        // Behind the streams of the block, as it takes and gives them.
        let mut context = shape.context(&point.config);
        let names: Vec<String> = fields
            .iter()
            .rev()
            .map(|field| format!("group_{}", field.name))
            .collect();
        context.insert("outputs", &outputs);
        context.insert("pins", &pins);
        context.insert("group_w", &width_of(&fields));
        context.insert(
            "group_lines",
            &format::fill(names.iter().map(String::as_str), ", ", 90),
        );
        stand(design, &point.config, "vector_addresses_stand", TEMPLATE, context)?;
        design.interface.streams.push(Stream::output("group", fields));
        design.interface.ports = vec![
            (Direction::In, Field::new("draw", 32)),
            (Direction::Out, Field::new("leaves", 1)),
        ];
        Ok(())
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let config = &point.config;
        let mut case = Case::new(interface);
        case.port("draw", draw(random));
        let mut follower = Follower::new(config);
        let mut list = List::default();
        for row in 0..rows {
            // Now and then the same list again: nothing is shared between lists.
            if row == 0 || random.random_range(0..5) > 0 {
                list = some_list(config, row, random);
            }
            let mut extra = Extra {
                ctx: random.next_u64() & ((1 << interface.parameter("CTX_W")) - 1),
                empty_end: random.random_range(0..4) == 0,
                l: random.random_range(0..=config.width - list.m),
                ..Extra::default()
            };
            // MSBs with LSBs of which there are none; neither; LSBs alone of which there are none.
            if (4..7).contains(&row) {
                list.ids = vec![0, 1, 2];
                list.lsb.count = 0;
                list.msb.count = if row == 4 { list.m } else { 0 };
                (extra.l, extra.ctx) = (0, if row == 5 { 0 } else { extra.ctx | 1 });
            }
            push_list(&mut case, config, &list, &extra, &mut follower);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let fault = Mutant::of("vector_addresses");
        vec![
            fault(
                "sector fetched twice",
                "sector == s5_last[(AT-1)*SECTOR_W+:SECTOR_W]",
                "1'b0",
            ),
            fault(
                "sector of the lane before fetched twice",
                "sector == lane_last[(lane-1)*SECTOR_W+:SECTOR_W]",
                "1'b0",
            ),
            fault(
                "sector shared between lists",
                "sector == carried && !s5_first_q",
                "sector == carried",
            ),
            fault(
                "LSBs at the stride of the MSBs",
                "lsb ? job_lsb_stride[ADDR_W-1:2]",
                "1'b0 ? job_lsb_stride[ADDR_W-1:2]",
            ),
            fault("LSBs share with MSBs", "s5_lsb ? lsb_last_q", "1'b0 ? lsb_last_q"),
            fault(
                "sectors of vectors without planes",
                "s5_used & {VECTORS{s5_words_q != {WORDS_W{1'b0}}}}",
                "s5_used",
            ),
            fault(
                "head dimension ignored",
                "slice = SLICE >> job_dim",
                "slice = SLICE",
            ),
            fault(
                "ids counted down one by one",
                "left_q <= left_q - taken",
                "left_q <= left_q - 1'b1",
            ),
            fault(
                "beat of slices not closed",
                "beat_end = pass_q == LAST_PASS || list_end",
                "beat_end = list_end",
            ),
            fault(
                "a group goes in spite of hold",
                "job_valid && ids_valid_q && !hold",
                "job_valid && ids_valid_q",
            ),
            fault(
                "ports of one list for the next",
                "origin_q <= origin_q + 1'b1",
                "origin_q <= origin_q",
            ),
            fault(
                "ports do not take turns",
                "if (valid_q[6]) start_q",
                "if (1'b0) start_q",
            ),
            fault(
                "sum of another stage",
                "s8_fetched_q <= fetched;",
                "s8_fetched_q <= s8_fetched_q;",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    /// Cycles from an id beat to its group and from group to group, lists of one beat back to back.
    fn measure(
        &self,
        builder: &Builder,
        _: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        const GROUP: &str = "cycles/group";
        const LATENCY: &str = "latency";
        at(
            self.points()?,
            &VectorAddresses,
            builder,
            progress,
            |rig, point| {
                let config = &point.config;
                let mut case = Case::new(rig.interface());
                let mut follower = Follower::new(config);
                let slice = Shape::new(config).lanes * (config.head_dim / Config::MIN_HEAD_DIM);
                for number in 0..200 {
                    let list = List {
                        msb: Planes {
                            base: 4 * number,
                            stride: 4,
                            count: 1,
                        },
                        m: 1,
                        dim: Config::MIN_HEAD_DIM,
                        ids: (0..slice.min(config.max_tokens)).collect(),
                        ..List::default()
                    };
                    push_list(&mut case, config, &list, &Extra::default(), &mut follower);
                }
                let outcome = run(&rig.library, &case, Pace::Always)?;
                let cycles = &outcome.output("group").cycles;
                Ok(Measurement {
                    setting: vec![("point", point.name.clone())],
                    figures: vec![
                        (GROUP, Some(gap(cycles))),
                        (LATENCY, Some((cycles[0] - outcome.accepted("id")[0]) as f64)),
                    ],
                    // Into the front end, through it, and through the FIFO of the stand.
                    bounds: vec![(GROUP, 1.0), (LATENCY, 1.0 + 8.0 + 1.0)],
                })
            },
        )
    }

    fn rows_per_run(&self) -> usize {
        40
    }
}

/// Bits of fields side by side.
fn width_of(fields: &[Field]) -> u32 {
    fields.iter().map(|field| field.width).sum()
}

/// Appends a list and the groups that come of it.
fn push_list(case: &mut Case, config: &Config, list: &List, extra: &Extra, follower: &mut Follower) {
    push_job(case, list, extra);
    let beats = id_beats(config, list, extra.empty_end);
    push_ids(case, &beats);
    follower.push(case, list, extra, &beats);
    case.end_row();
}
