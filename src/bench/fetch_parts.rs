//! Benches of what the memory side is made of: the address front end and the crossbar of the plane fetcher, the beat
//! splitters behind it, and a value buffer's queues of picks.

use super::axi_memory::mix;
use super::key_buffer::preset;
use super::measure::{Measurement, Selection, gap, run};
use super::plane_fetcher::{Extra, id_beats, push_ids, push_job, some_list};
use super::rows::pick;
use super::{Bench, Mutant, Point, Random, Rig, stand};
use crate::config::{Config, Params, Reset};
use crate::golden::plane_fetcher::{List, Planes};
use crate::golden::planes::{SECTOR, plane_bytes};
use crate::rtl::format;
use crate::rtl::plane_fetcher::Shape;
use crate::rtl::{Direction, Field, Interface, Stream};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// A fault of a module.
fn mutant(module: &'static str, name: &'static str, find: &'static str, replace: &'static str) -> Mutant {
    Mutant {
        name,
        module,
        find,
        replace,
    }
}

/// The seed of a stand's pauses: none in a third of the cases.
fn draw(random: &mut Random) -> u64 {
    if random.random_range(0..3) == 0 {
        0
    } else {
        random.next_u32().into()
    }
}

/// Small fetchers: wide and narrow beats, lanes with one port, with several, with different numbers of them, beats in
/// several slices, every head dimension and reset style.
fn fetchers() -> anyhow::Result<Vec<Point>> {
    let point = |name: &str, change: fn(&mut Params)| Point::new(name).config(change);
    Ok(vec![
        preset("tiny")?,
        preset("spatten-1-8")?,
        point("ports7", |c| {
            (c.multipliers, c.head_dim, c.width, c.max_tokens) = (128, 64, 9, 32768);
            (c.channels, c.fetch_ports, c.sector_window) = (2, 7, 64);
            c.reset = Reset::AsyncHigh;
        })?,
        point("passes3", |c| {
            (c.multipliers, c.head_dim, c.width) = (192, 64, 8);
            (c.channels, c.fetch_ports, c.sector_window) = (1, 2, 2);
            c.reset = Reset::SyncLow;
        })?,
        point("d128-w16-a64", |c| {
            (c.multipliers, c.head_dim, c.width, c.addr_width) = (256, 128, 16, 64);
            (c.channels, c.fetch_ports, c.sector_window) = (4, 16, 256);
            (c.ram_latency, c.reset) = (2, Reset::AsyncLow);
        })?,
        point("one-port", |c| {
            (c.multipliers, c.head_dim, c.max_tokens) = (64, 32, 16);
            (c.channels, c.fetch_ports, c.sector_window) = (1, 1, 1);
        })?,
    ])
}

// ---- beat_splitter ---------------------------------------------------------------------------------------------------

/// `beat_splitter`: the vectors of a list, in order, in pieces of what an array takes; a row is a list.
pub struct BeatSplitter;

/// Appends a list of so many vectors, with random elements.
fn push_split(
    case: &mut Case,
    config: &Config,
    code: u32,
    vectors: usize,
    empty_end: bool,
    random: &mut Random,
) {
    let dim = (Config::MIN_HEAD_DIM << code) as usize;
    let beat = (Shape::new(config).beat_vectors() >> code) as usize;
    let piece = (config.vector_lanes() >> code) as usize;
    let through = random.random_range(0..2);
    let most = 1i64 << (config.width - 1);
    let elements: Vec<i64> = (0..vectors * dim)
        .map(|_| random.random_range(-most..most))
        .collect();
    let mut beats: Vec<&[i64]> = elements.chunks(beat * dim).collect();
    if vectors % beat == 0 && (empty_end || vectors == 0) {
        beats.push(&[]);
    }
    for (number, data) in beats.iter().enumerate() {
        let last = number == beats.len() - 1;
        case.beat("push")
            .lanes("data", data.iter().copied())
            .set("count", (data.len() / dim) as i64)
            .set("last", i64::from(last))
            .set("through", through)
            .set("dim", i64::from(code));
        let mut pieces: Vec<&[i64]> = data.chunks(piece * dim).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        for (number, data) in pieces.iter().enumerate() {
            case.beat("pop")
                .lanes("data", data.iter().copied())
                .set("count", (data.len() / dim) as i64)
                .set("last", i64::from(last && number == pieces.len() - 1))
                .set("through", through);
        }
    }
    case.end_row();
}

/// log2 of the head dimensions of a configuration, less 5.
fn codes(config: &Config) -> u32 {
    (config.head_dim / Config::MIN_HEAD_DIM).ilog2() + 1
}

impl Bench for BeatSplitter {
    fn block(&self) -> &'static str {
        "beat_splitter"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = fetchers()?;
        // Beats in registers, in a RAM, a single one.
        for (point, depth) in points.iter_mut().zip([2, 5, 2, 3, 5, 1]) {
            point.parameters.push(("DEPTH", depth));
        }
        points.push(
            preset("tiny")?
                .config(|c| c.ram_latency = 2)?
                .parameter("DEPTH", 8),
        );
        points[6].name = "tiny-ram-latency-2".into();
        points.push(preset("tiny")?.parameter("DEPTH", 1));
        points[7].name = "tiny-depth-1".into();
        Ok(points)
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
        let beat = Shape::new(config).beat_vectors() as usize;
        for row in 0..rows {
            let code = random.random_range(0..codes(config));
            // None; one; a piece, and one more; a beat, and one more.
            let full = beat >> code;
            let piece = (config.vector_lanes() >> code) as usize;
            let corners = [0, 1, piece, piece + 1, full, full + 1, 2 * full, 0];
            let vectors = match corners.get(row) {
                Some(&vectors) => vectors,
                None => random.random_range(0..=4 * full),
            };
            push_split(
                &mut case,
                config,
                code,
                vectors,
                random.random_range(0..3) == 0,
                random,
            );
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let fault = |name, find, replace| mutant("beat_splitter", name, find, replace);
        vec![
            fault("second piece left out", "!second_q && beat_count > piece", "1'b0"),
            fault(
                "empty second piece",
                "!second_q && beat_count > piece",
                "!second_q && beat_count >= piece",
            ),
            fault("head dimension ignored", "piece = ALL >> beat_dim", "piece = ALL"),
            fault(
                "beat gone with its first piece",
                "pop_ready && !more",
                "pop_ready",
            ),
            fault(
                "first piece twice",
                "second_q ? beat_data[DATA_W-1:PIECE_W]",
                "1'b0 ? beat_data[DATA_W-1:PIECE_W]",
            ),
            fault(
                "list ends with the first piece",
                "beat_last && !more",
                "beat_last",
            ),
            fault("count of the beat", "more ? piece : beat_count", "beat_count"),
            fault(
                "second piece of a stalled one",
                "if (pop_valid && pop_ready) second_q",
                "if (pop_valid) second_q",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        _: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        const PIECE: &str = "cycles/piece";
        const LATENCY: &str = "latency";
        let mut measured = Vec::new();
        for point in self.points()? {
            progress(&point.name);
            let rig = Rig::new(builder, &BeatSplitter, &point, None)?;
            let config = &point.config;
            let depth = rig.interface().parameter("DEPTH");
            let mut random = Random::seed_from_u64(3);
            let mut case = Case::new(rig.interface());
            for _ in 0..200 {
                let full = Shape::new(config).beat_vectors() as usize;
                push_split(&mut case, config, 0, full, false, &mut random);
            }
            let outcome = run(&rig.library, &case, Pace::Always)?;
            let cycles = &outcome.output("pop").cycles;
            let latency = if depth > 4 { config.ram_latency + 2 } else { 1 };
            let mut bounds = vec![(LATENCY, f64::from(latency))];
            if depth > 1 {
                bounds.push((PIECE, 1.0));
            }
            measured.push(Measurement {
                setting: vec![("point", point.name.clone()), ("DEPTH", depth.to_string())],
                figures: vec![
                    (PIECE, Some(gap(cycles))),
                    (LATENCY, Some((cycles[0] - outcome.accepted("push")[0]) as f64)),
                ],
                bounds,
            });
        }
        Ok(measured)
    }
}

// ---- pick_queue ------------------------------------------------------------------------------------------------------

/// `pick_queue`: cycle by cycle what it tells, against a list of picks; a row is a cycle.
pub struct PickQueue;

impl Bench for PickQueue {
    fn block(&self) -> &'static str {
        "pick_queue"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        Ok(vec![
            Point::new("default"),
            Point::new("w1")
                .config(|c| c.reset = Reset::AsyncLow)?
                .parameter("WIDTH", 1),
            Point::new("w31")
                .config(|c| c.reset = Reset::AsyncHigh)?
                .parameter("WIDTH", 31),
            Point::new("w7")
                .config(|c| c.reset = Reset::SyncLow)?
                .parameter("WIDTH", 7),
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        const TEMPLATE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/bench/pick_queue_stand.sv"
        ));
        let width = design.interface.parameter("WIDTH") as u32;
        let mut context = tera::Context::new();
        context.insert("width", &width);
        stand(design, &point.config, "pick_queue_stand", TEMPLATE, context)?;
        let flags = |names: &[&str]| names.iter().map(|name| Field::new(*name, 1)).collect::<Vec<_>>();
        let mut step = flags(&["push", "now", "turn", "pop"]);
        step.push(Field::new("data", width));
        let mut seen = flags(&["room", "any", "two"]);
        seen.push(Field::new("data", width));
        design.interface.streams = vec![Stream::input("step", step), Stream::output("seen", seen)];
        design.interface.ports = vec![];
        Ok(())
    }

    fn case(
        &self,
        _: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        const PLACES: usize = 4;
        let width = interface.parameter("WIDTH") as u32;
        let mut case = Case::new(interface);
        let mut queue: VecDeque<(u32, bool)> = VecDeque::new();
        let mut eager = 4;
        for row in 0..rows {
            if row % 50 == 0 {
                eager = random.random_range(1..8);
            }
            let seen = case
                .beat("seen")
                .set("room", i64::from(queue.len() < PLACES))
                .set("any", i64::from(queue.front().is_some_and(|pick| pick.1)))
                .set("two", i64::from(queue.get(1).is_some_and(|pick| pick.1)));
            match queue.front() {
                Some(pick) => drop(seen.set("data", pick.0)),
                None => drop(seen.set("data", 0)),
            }
            let room = queue.len() < PLACES;
            let pop = queue.front().is_some_and(|pick| pick.1) && random.random_range(0..8) >= eager;
            if pop {
                queue.pop_front();
            }
            // A row is ended when none of its picks is left.
            let rest = queue.iter().any(|pick| pick.1);
            let turn = !rest && random.random_range(0..4) == 0;
            let push = room && random.random_range(0..8) < eager;
            let now = !turn && queue.iter().all(|pick| pick.1) && random.random_range(0..4) > 0;
            let data = random.next_u32() >> (32 - width);
            if push {
                queue.push_back((data, now));
            }
            if turn {
                queue.iter_mut().for_each(|pick| pick.1 = true);
            }
            case.beat("step")
                .set("push", i64::from(push))
                .set("now", i64::from(now))
                .set("turn", i64::from(turn))
                .set("pop", i64::from(pop))
                .set("data", data);
            case.end_row();
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let fault = |name, find, replace| mutant("pick_queue", name, find, replace);
        vec![
            fault(
                "pick lost as another leaves",
                "move_enter = valid_q & ~(valid_q >> 1)",
                "move_enter = stay_enter",
            ),
            fault(
                "pick of the next row taken for one of this",
                "stay_now = now_q | (stay_enter & {PLACES{push && push_now}})",
                "stay_now = now_q | (stay_enter & {PLACES{push}})",
            ),
            fault(
                "next row never at hand",
                "(turn ? move_valid : move_now)",
                "move_now",
            ),
            fault(
                "next row without what comes as it begins",
                "turn ? stay_valid : stay_now",
                "turn ? valid_q : stay_now",
            ),
            fault(
                "pick of the next row offered",
                "any      = now_q[0]",
                "any      = valid_q[0]",
            ),
            fault(
                "two of which one is of the next row",
                "two      = now_q[1]",
                "two      = valid_q[1]",
            ),
            fault(
                "room for none",
                "room     = !valid_q[PLACES-1]",
                "room     = 1'b1",
            ),
            fault(
                "picks do not move up",
                "move_enter[place] ? push_data : behind",
                "move_enter[place] ? push_data : here",
            ),
        ]
    }

    fn rows_per_run(&self) -> usize {
        1000
    }
}

// ---- vector_addresses ------------------------------------------------------------------------------------------------

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
        let fault = |name, find, replace| mutant("vector_addresses", name, find, replace);
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
        let mut measured = Vec::new();
        for point in self.points()? {
            progress(&point.name);
            let rig = Rig::new(builder, &VectorAddresses, &point, None)?;
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
            measured.push(Measurement {
                setting: vec![("point", point.name.clone())],
                figures: vec![
                    (GROUP, Some(gap(cycles))),
                    (LATENCY, Some((cycles[0] - outcome.accepted("id")[0]) as f64)),
                ],
                // Into the front end, through it, and through the FIFO of the stand.
                bounds: vec![(GROUP, 1.0), (LATENCY, 1.0 + 8.0 + 1.0)],
            });
        }
        Ok(measured)
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

// ---- sector_crossbar -------------------------------------------------------------------------------------------------

/// `sector_crossbar`: every port is given each sector that it asks for, once, in the slot that asks; a row is a batch of
/// requests.
pub struct SectorCrossbar;

/// What the memory of the stand holds in a sector, folded.
fn folded(sector: u64) -> u32 {
    let low = sector as u32 ^ mix((sector >> 32) as u32);
    (0..8u32).fold(0u32, |sum, word| {
        sum.wrapping_add(mix(low.wrapping_mul(8).wrapping_add(word)).wrapping_mul(2 * word + 1))
    })
}

/// Appends a batch: per beat, what each port asks for, if anything. A batch that is cleared is asked for and forgotten.
fn push_batch(case: &mut Case, shape: &Shape, beats: &[Vec<Option<u64>>], clear: Option<u32>) {
    let ports = shape.ports as usize;
    let mut counts = vec![0i64; ports];
    let mut sums = vec![0u32; ports];
    for (number, asked) in beats.iter().enumerate() {
        let valid = asked.iter().map(|sector| i64::from(sector.is_some()));
        case.beat("ask")
            .lanes("valids", valid)
            .lanes("sectors", asked.iter().map(|sector| sector.unwrap_or(0) as i64))
            .set("last", i64::from(number == beats.len() - 1))
            .set("clear", clear.unwrap_or(0));
        for (port, sector) in asked.iter().enumerate() {
            if let Some(sector) = sector {
                let place = mix(counts[port] as u32 + 1);
                sums[port] = sums[port].wrapping_add(place.wrapping_mul(folded(*sector) | 1));
                counts[port] += 1;
            }
        }
    }
    if clear.is_some() {
        case.beat("report")
            .lanes("counts", counts.iter().map(|_| 0))
            .lanes("sums", sums.iter().map(|_| 0));
    } else {
        case.beat("report")
            .lanes("counts", counts)
            .lanes("sums", sums.into_iter().map(i64::from));
    }
    case.end_row();
}

impl Bench for SectorCrossbar {
    fn block(&self) -> &'static str {
        "sector_crossbar"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = fetchers()?;
        points.push(Point::new("channels8-ports3").config(|c| {
            (c.multipliers, c.head_dim, c.width, c.addr_width) = (96, 32, 11, 50);
            (c.channels, c.fetch_ports, c.sector_window) = (8, 3, 32);
        })?);
        Ok(points)
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        const TEMPLATE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/bench/sector_crossbar_stand.sv"
        ));
        let shape = Shape::new(&point.config);
        stand(
            design,
            &point.config,
            "sector_crossbar_stand",
            TEMPLATE,
            shape.context(&point.config),
        )?;
        let each = |name, width| Field::lanes(name, shape.ports, width);
        design.interface.streams = vec![
            Stream::input(
                "ask",
                vec![
                    each("valids", 1),
                    each("sectors", shape.sector_w),
                    Field::new("last", 1),
                    Field::new("clear", 8),
                ],
            ),
            Stream::output("report", vec![each("counts", 16), each("sums", 32)]),
        ];
        design.interface.ports = vec![
            (Direction::In, Field::new("draw", 32)),
            (Direction::In, Field::new("latency", 16)),
            (Direction::Out, Field::new("requests", 1)),
            (Direction::Out, Field::new("busy", 1)),
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
        let shape = Shape::new(&point.config);
        let mut case = Case::new(interface);
        case.port("draw", draw(random));
        case.port("latency", *pick(&[2, 3, 10, 50], random));
        let mask = (1u64 << shape.sector_w) - 1;
        for row in 0..rows {
            // One port only; one sector of every port; all of one channel; anything.
            let kind = if row < 4 { row } else { random.random_range(0..4) };
            let beats = match kind {
                1 => 1,
                _ => random.random_range(1..40usize),
            };
            let only = random.random_range(0..shape.ports);
            let base = random.next_u64() & mask;
            let asked: Vec<Vec<Option<u64>>> = (0..beats as u64)
                .map(|beat| {
                    (0..shape.ports)
                        .map(|port| {
                            let any = random.next_u64() & mask;
                            let step = u64::from(point.config.channels);
                            match kind {
                                0 => (port == only).then_some(any),
                                1 => Some(any),
                                2 => Some(base.wrapping_add(step * (beat + 100 * u64::from(port))) & mask),
                                _ => (random.random_range(0..3) > 0).then_some(any),
                            }
                        })
                        .collect()
                })
                .collect();
            let clear = (row > 3 && random.random_range(0..3) == 0).then(|| random.random_range(1..120));
            push_batch(&mut case, &shape, &asked, clear);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let fault = |name, find, replace| mutant("sector_crossbar", name, find, replace);
        vec![
            fault(
                "sector of another class",
                "tag_class == (kind != 0)",
                "tag_class != (kind != 0)",
            ),
            fault(
                "tag of the other class",
                ".push_data ({turn, next",
                ".push_data ({!turn, next",
            ),
            fault(
                "request taken back by clear",
                "else if (free) offer_valid_q <= load;",
                "else if (free || clear) offer_valid_q <= load;",
            ),
            fault(
                "offer replaced before it is taken",
                "free = !offer_valid_q || request_ready[channel];",
                "free = 1'b1;",
            ),
            fault(
                "sectors kept in spite of drop",
                "dropped = drop || clear;",
                "dropped = clear;",
            ),
            fault(
                "idle with sectors owed",
                "assign idle = none_owed == {CHANNELS{1'b1}};",
                "assign idle = 1'b1;",
            ),
            fault(
                "sector of another channel",
                "class_data[c*DATA_W+:DATA_W]",
                "class_data[0+:DATA_W]",
            ),
            fault(
                "granted while the queue is full",
                "grant & {MEMBERS{queue_ready}};",
                "grant;",
            ),
            fault(
                "sector taken without a place",
                "tag_valid && (dropped || back_room[tag_class])",
                "tag_valid",
            ),
            fault(
                "answer counted for none",
                "else if (response && !load) owed_q",
                "else if (response) owed_q",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    /// Sectors of every channel in turn, each port having them of all channels.
    fn measure(
        &self,
        builder: &Builder,
        _: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        const RATE: &str = "cycles/sector/channel";
        let mut measured = Vec::new();
        for point in self.points()? {
            if point.config.sector_window < 32 * point.config.channels {
                continue; // too few slots for so many channels
            }
            progress(&point.name);
            let rig = Rig::new(builder, &SectorCrossbar, &point, None)?;
            let shape = Shape::new(&point.config);
            let mut case = Case::new(rig.interface());
            case.port("latency", 10);
            let ports = u64::from(shape.ports);
            let beats: Vec<Vec<Option<u64>>> = (0..2000)
                .map(|beat| {
                    (0..ports)
                        .map(|port| Some(beat * ports + (port + beat) % ports))
                        .collect()
                })
                .collect();
            push_batch(&mut case, &shape, &beats, None);
            let outcome = run(&rig.library, &case, Pace::Always)?;
            let sectors = 2000.0 * ports as f64 / f64::from(point.config.channels);
            measured.push(Measurement {
                setting: vec![("point", point.name.clone())],
                figures: vec![(RATE, Some(outcome.ones("busy") as f64 / sectors))],
                bounds: vec![(RATE, 1.02)],
            });
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        24
    }
}
