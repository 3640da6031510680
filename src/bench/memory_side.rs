//! Bench of the memory side: lists and rows through the memories of all channels, and its ends by errors and by stop.

use super::axi_memory::{self, mix};
use super::axi_reader::{LATENCY, preset};
use super::measure::{Measurement, Selection, run};
use super::plane_fetcher::{Extra, Totals, id_beats, push_ids, push_job, push_vectors, some_list};
use super::rows::pick;
use super::{Bench, Mutant, Point, Random, stand};
use crate::config::{Config, Params, Reset};
use crate::golden::axi_reader::SECTOR_WORDS;
use crate::golden::memory_side::{OutputRow, byte, writes};
use crate::golden::plane_fetcher::{List, Planes};
use crate::golden::planes::{SECTOR, address_mask, plane_bytes};
use crate::rtl::memory_side::master;
use crate::rtl::plane_fetcher::Shape;
use crate::rtl::{Direction, Field, Interface, Stream, write_tracker};
use crate::sim::{Builder, Case, Design, Library, Pace};
use rand::{Rng, RngExt, SeedableRng};
use std::fmt::Write as _;
use std::sync::Arc;

/// `memory_side` against [`byte`] and [`writes`]; a row is a phase: lists and rows until all is done, or an end by stop.
pub struct MemorySide;

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/bench/memory_side_fed.sv"
));

/// Sectors that the memory of a channel holds.
const MEMORY_SECTORS: usize = 16;

/// Sectors to be owed by a memory 100 cycles away that four channels or more keep busy.
const LEAST: u32 = 200;

impl Bench for MemorySide {
    fn block(&self) -> &'static str {
        "memory_side"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let point = |name: &str, change: fn(&mut Params)| Point::new(name).config(change);
        Ok(vec![
            point("hundreds", |p| {
                (p.multipliers, p.channels, p.fetch_ports, p.sector_window) = (128, 4, 8, 1024);
            })?,
            preset("spatten")?,
            preset("tiny")?,
            preset("edge")?,
            preset("spatten-1-8")?,
            point("channels-1-data-64-addr-32", |p| {
                (p.multipliers, p.head_dim, p.max_tokens, p.width) = (64, 32, 64, 9);
                (p.channels, p.fetch_ports, p.sector_window) = (1, 2, 16);
                (p.axi_data_width, p.addr_width, p.reset) = (64, 32, Reset::AsyncLow);
            })?,
            point("data-512-addr-64", |p| {
                (p.multipliers, p.channels, p.fetch_ports, p.sector_window) = (64, 2, 4, 64);
                (p.axi_data_width, p.addr_width, p.id_width) = (512, 64, 3);
                (p.ram_latency, p.reset) = (2, Reset::SyncLow);
            })?
            .parameter("WRITES", 2),
            point("d128-data-128-channels-8", |p| {
                (p.multipliers, p.head_dim, p.max_tokens) = (128, 128, 100);
                (p.channels, p.fetch_ports, p.sector_window) = (8, 3, 32);
                (p.axi_data_width, p.reset) = (128, Reset::AsyncHigh);
            })?
            .parameter("CTX_W", 5)
            .parameter("TAG_W", 1)
            .parameter("WRITES", 11),
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        let config = &point.config;
        let block = design.interface.clone();
        let shape = Shape::new(config);
        let (sector_w, tag_w) = (config.addr_width - 5, block.parameter("TAG_W") as u32);
        let mut context = shape.context(config);
        let (mut wires, mut pins, mut memory) = (String::new(), Vec::new(), Vec::new());
        for (_, Field { name, width, .. }) in master(config) {
            let _ = writeln!(wires, "wire [{}:0] m_axi_{name};", config.channels * width - 1);
            pins.push(format!(".m_axi_{name}(m_axi_{name})"));
            memory.push(format!(".{name}(m_axi_{name}[channel*{width}+:{width}])"));
        }
        context.insert("wires", wires.trim_end());
        context.insert("dut_axi", &pins.join(",\n      "));
        context.insert("memory_axi", &memory.join(",\n          "));
        for (name, value) in [
            ("addr_w", config.addr_width),
            ("data_w", config.axi_data_width),
            ("id_w", config.id_width),
            ("sector_w", sector_w),
            ("width", config.width),
            ("ids_w", shape.beat_vectors() * config.token_width()),
            ("count_w", shape.count_w()),
            ("vector_w", shape.wide * config.multipliers * config.width),
            ("row_w", config.output_lanes() * 16),
            ("beat_words", config.output_lanes() / 2),
            ("dims", shape.dim_list.len() as u32),
            ("memory_sectors", MEMORY_SECTORS as u32),
        ] {
            context.insert(name, &value);
        }
        stand(design, config, "memory_side_fed", TEMPLATE, context)?;
        design.sources.extend(axi_memory::sources());
        let mut streams = vec![Stream::input(
            "phase",
            vec![
                Field::new("kind", 2),
                Field::new("cycles", 16),
                Field::new("lists", 16),
                Field::new("rows", 16),
                Field::new("least", 16),
                Field::new("first", sector_w),
                Field::new("last", sector_w),
            ],
        )];
        streams.extend(block.streams.clone());
        streams.extend([
            Stream::output("told", vec![Field::new("ctx", tag_w)]),
            Stream::output(
                "contents",
                vec![
                    Field::new("channel", 8),
                    Field::new("sector", sector_w),
                    Field::new("have", 8),
                    Field::lanes("data", 8, 32),
                ],
            ),
            Stream::output(
                "report",
                vec![
                    Field::new("msb", 32),
                    Field::new("lsb", 32),
                    Field::new("reads", 32),
                    Field::new("sum", 64),
                    Field::new("read_error", 1),
                    Field::new("write_error", 1),
                ],
            ),
        ]);
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let ports = vec![
            input("draw", 32),
            input("latency", 32),
            input("base_draw", 32),
            input("foreign_base", config.addr_width),
            input("foreign_stride", config.addr_width),
            (Direction::Out, Field::new("stopping", 1)),
        ];
        design.interface = Interface {
            streams,
            ports,
            ..block
        };
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
        let rough = random.random_range(0..3) > 0;
        let latency = *pick(&[2, 5, 20, LATENCY, LATENCY], random);
        let set = Setting {
            draw: if rough { random.next_u32() } else { 0 },
            latency,
            base_draw: random.next_u32(),
            // Reads below, writes above the middle of the address space.
            region: random.next_u64() & address_mask(config.addr_width - 2) & !3,
            stride: u64::from(random.next_u32()) % 1024 * 4,
        };
        let bases = set.ports(&mut case, config);
        for row in 0..rows {
            let kind = match row {
                0..8 => [0, 1, 0, 2, 0, 3, 1, 0][row],
                _ => *pick(&[0, 0, 0, 1, 2, 3], random),
            };
            let mut phase = Phase {
                kind,
                ..Phase::default()
            };
            if kind == 0 {
                phase.draw(config, interface, set.region, random);
            } else {
                phase.cycles = *pick(&[0, 1, 2, 5, 20, 60, 200, 600], random);
                if row == 1 {
                    phase.cycles = 800;
                }
                // With a calm memory as far away as that, hundreds are in flight by then.
                let hundreds = config.sector_window >= 1024 && config.axi_data_width == 256;
                let busy = latency == LATENCY && phase.cycles >= 600 && set.stride >= 256;
                let even = set.stride % 64 != 0;
                if kind == 1 && !rough && busy && even && hundreds {
                    phase.least = LEAST;
                }
            }
            push_phase(&mut case, config, &set, &bases, &phase);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
        let side = |name, find, replace| mutant(name, "memory_side", find, replace);
        let tracker = |name, find, replace| mutant(name, "write_tracker", find, replace);
        vec![
            mutant(
                "vector offered as stop rises",
                "plane_fetcher",
                "vector_valid = assembled && !stop",
                "vector_valid = assembled",
            ),
            mutant(
                "sector fetched twice",
                "vector_addresses",
                "sector == carried && !s5_first_q",
                "1'b0",
            ),
            side(
                "base of another channel for reads",
                ".response_error(response_error[channel]), .base(channel_base[channel*ADDR_W+:ADDR_W])",
                ".response_error(response_error[channel]), .base(channel_base[0+:ADDR_W])",
            ),
            side(
                "base of another channel for writes",
                ".write_strobe(write_strobe), .base(channel_base[channel*ADDR_W+:ADDR_W])",
                ".write_strobe(write_strobe), .base(channel_base[0+:ADDR_W])",
            ),
            side(
                "read error ignored",
                "read_error_q  <= (response_valid & response_error) != {CHANNELS{1'b0}};",
                "read_error_q  <= 1'b0;",
            ),
            side(
                "read error without a response",
                "(response_valid & response_error)",
                "response_error",
            ),
            side(
                "write error ignored",
                "write_error_q <= writer_error != {CHANNELS{1'b0}};",
                "write_error_q <= 1'b0;",
            ),
            side(
                "stop leaves the readers alone",
                ".stop(stop), .idle(reader_idle[channel])",
                ".stop(1'b0), .idle(reader_idle[channel])",
            ),
            side(
                "stop leaves the writers alone",
                ".stop(stop), .idle(writer_idle[channel])",
                ".stop(1'b0), .idle(writer_idle[channel])",
            ),
            side(
                "what a stopped reader dropped stays owed",
                "(response_valid | made_up)",
                "(response_valid)",
            ),
            side(
                "stop made up while memory still owes",
                "made_up = reader_idle & {CHANNELS{stop}}",
                "made_up = {CHANNELS{stop}}",
            ),
            side(
                "ids taken in spite of stop",
                "assign id_ready = fetcher_id_ready && !stop;",
                "assign id_ready = fetcher_id_ready;",
            ),
            side(
                "idle before the fetcher",
                "assign idle = fetcher_idle && rows_idle",
                "assign idle = rows_idle",
            ),
            side(
                "idle before the writers",
                "&& writer_idle == {CHANNELS{1'b1}}",
                "",
            ),
            side("idle before the tracker", "&& tracker_idle", ""),
            side(
                "flush again and again",
                ".flush          (stop && !stop_q)",
                ".flush          (stop)",
            ),
            side(
                "writer not waited for",
                "write_ready = tracker_ready && chosen_ready",
                "write_ready = tracker_ready",
            ),
            side(
                "tracker not waited for",
                "write_ready = tracker_ready && chosen_ready",
                "write_ready = chosen_ready",
            ),
            side(
                "row told when its addresses are sent",
                "(m_axi_bvalid & m_axi_bready)",
                "(m_axi_awvalid & m_axi_awready)",
            ),
            tracker(
                "written pulse lost",
                "written_q <= pop && head_last && !clear;",
                "written_q <= pop && head_last && !clear && answered == {CHANNELS{1'b0}};",
            ),
            tracker(
                "ctx of another row",
                "written_ctx_q <= head_ctx;",
                "written_ctx_q <= end_ctx;",
            ),
            tracker(
                "answer of any channel",
                "has_answer[head_channel]",
                "has_answer != {CHANNELS{1'b0}}",
            ),
            tracker(
                "answers kept over a stop",
                "end else if (clear) begin\n          answered_q <= 1'b0;\n          answers_q  <= {COUNT_W{1'b0}};",
                "end else if (clear) begin\n          answered_q <= 1'b0;\n          answers_q  <= answers_q;",
            ),
            tracker(
                "answers of sectors that were dropped",
                ".push_valid(sector_valid && !clear),",
                ".push_valid(sector_valid),",
            ),
            tracker(
                "row thought shorter than it is",
                "place_word + words_q + (BEAT - 7'd1)",
                "place_word + words_q",
            ),
            tracker(
                "words of a row that a stop cut off",
                "else if (clear || place_valid) words_q",
                "else if (place_valid) words_q",
            ),
            tracker(
                "row end kept over a stop",
                ".clear     (clear),",
                ".clear     (1'b0),",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        selection: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        if selection.parallelism.is_some() {
            return Ok(Vec::new());
        }
        let point = &self.points()?[0];
        let design = self.design(point, None)?;
        let interface = design.interface.clone();
        let library = builder.build(design)?;
        let mut measured = Vec::new();
        for (traffic, kept, rows, latency) in [
            ("dense reads", 100, 0, LATENCY),
            ("half of the tokens", 50, 0, LATENCY),
            ("rows", 0, ROWS, LATENCY),
            ("rows", 0, ROWS, write_tracker::WRITES - 20),
            ("dense reads and rows", 100, ROWS, LATENCY),
        ] {
            progress(traffic);
            let load = Load {
                traffic,
                kept,
                rows,
                latency,
            };
            measured.push(measure(&library, &interface, &point.config, &load)?);
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        12
    }
}

/// Rows and sectors of a measured run.
const ROWS: u64 = 500;
const SECTORS: u64 = 10_000;

/// What is measured.
struct Load {
    traffic: &'static str,
    /// Tokens of a list, in percent.
    kept: u32,
    rows: u64,
    /// Of the memory.
    latency: u64,
}

/// Lists with `kept` % of the tokens, and rows at a word that makes each touch a sector more, at full speed.
fn measure(
    library: &Arc<Library>,
    interface: &Interface,
    config: &Config,
    load: &Load,
) -> anyhow::Result<Measurement> {
    let &Load {
        traffic,
        kept,
        rows,
        latency,
    } = load;
    let mut random = Random::seed_from_u64(1);
    let set = Setting {
        latency,
        stride: 260,
        ..Setting::default()
    };
    let mut case = Case::new(interface);
    let bases = set.ports(&mut case, config);
    let (bits, dim) = (8, config.head_dim);
    let stride = plane_bytes(bits, dim);
    let mut phase = Phase::default();
    let (mut totals, mut vectors) = (Totals::default(), 0);
    while kept > 0 && totals.sectors() < SECTORS {
        let list = List {
            msb: Planes {
                base: phase.lists.len() as u64 * stride * u64::from(config.max_tokens),
                stride,
                count: bits,
            },
            lsb: Planes::default(),
            m: bits,
            dim,
            ids: (0..config.max_tokens)
                .filter(|_| random.random_range(0..100) < kept)
                .collect(),
        };
        totals.add(&list, config);
        vectors += list.ids.len() as u64;
        phase.lists.push((list, Extra::default()));
    }
    for row in 0..rows {
        let word = (1 << (config.addr_width - 3)) + 3 + row * u64::from(dim / 2);
        let elements = vec![row as i16; dim as usize];
        phase.rows.push((OutputRow { word, elements }, row % 16));
    }
    push_phase(&mut case, config, &set, &bases, &phase);
    // An end by stop, with reads and writes in flight.
    let stop = Phase {
        kind: 1,
        cycles: 1000,
        least: LEAST,
        ..Phase::default()
    };
    push_phase(&mut case, config, &set, &bases, &stop);
    let outcome = run(library, &case, Pace::Always)?;
    let mut figures = Vec::new();
    let mut bounds = Vec::new();
    if kept > 0 {
        let beats = &outcome.output("vector").cycles;
        let cycles = (beats[beats.len() - 1] - beats[0] + 1) as f64;
        let sectors = totals.sectors() as f64 / f64::from(config.channels);
        let groups = (vectors * u64::from(dim)) as f64 / f64::from(config.multipliers);
        figures.push((ROOF, Some(100.0 * cycles / sectors.max(groups))));
        bounds.push((ROOF, 100.0 / 0.9));
    } else {
        figures.push((ROOF, None));
    }
    if rows > 0 {
        let beats = dim / config.output_lanes();
        let accepted = outcome.accepted("row");
        let (first, last) = (beats as usize, accepted.len() - beats as usize);
        let cycles = (accepted[last] - accepted[first]) as f64 / (rows - 2) as f64;
        let told = outcome.output("told").cycles[0] - accepted[beats as usize - 1];
        figures.extend([("cycles/row", Some(cycles)), ("row to told", Some(told as f64))]);
        // A sector a cycle; to the row's last sector, through the writer, the memory, the tracker, and the bench's FIFO.
        let to_told = 3 + (u64::from(config.ram_latency) + 3) + latency + 3 + 1;
        bounds.extend([
            ("cycles/row", f64::from(dim / 16 + 1)),
            ("row to told", to_told as f64),
        ]);
    } else {
        figures.extend([("cycles/row", None), ("row to told", None)]);
    }
    let share = 2 * config.sector_window / config.channels;
    figures.push(("stop to idle", Some(outcome.ones("stopping") as f64)));
    // What a channel may owe, memory's latency, and the ways in and out.
    bounds.push(("stop to idle", f64::from(share) + latency as f64 + 20.0));
    Ok(Measurement {
        setting: vec![("traffic", traffic.to_owned()), ("latency", latency.to_string())],
        figures,
        bounds,
    })
}

/// Cycles from the first beat of vectors to the last, in percent of those that one sector a channel or one beat a cycle
/// would take.
const ROOF: &str = "% of roof";

/// What holds for a whole case.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    draw: u32,
    latency: u64,
    base_draw: u32,
    /// Where lists lie.
    region: u64,
    /// From id to id of the foreign lists.
    stride: u64,
}

impl Setting {
    /// Sets the ports; returns the channels' bases, which the bench draws likewise.
    fn ports(&self, case: &mut Case, config: &Config) -> Vec<u64> {
        case.port("draw", self.draw.into());
        case.port("latency", self.latency);
        case.port("base_draw", self.base_draw.into());
        case.port("foreign_base", self.region);
        case.port("foreign_stride", self.stride);
        let drawn = |number: u32| u64::from(mix(self.base_draw.wrapping_add(number)));
        let base = |channel: u32| {
            let number = drawn(2 * channel) << 32 | drawn(2 * channel + 1);
            number >> (64 - (config.addr_width - 5)) << 5
        };
        (0..config.channels).map(base).collect()
    }

    /// Most that a foreign list reads: first and last sector.
    fn foreign(&self, config: &Config) -> (u64, u64) {
        let vector = plane_bytes(config.width, config.head_dim);
        let ids = (1u64 << config.token_width()) - 1;
        (
            self.region / SECTOR,
            (self.region + ids * self.stride + vector - 1) / SECTOR,
        )
    }
}

/// One phase.
#[derive(Clone, Debug, Default)]
struct Phase {
    /// 0: lists and rows until all is done; 1: stopped; 2, 3: stopped for a read error, for a write error.
    kind: u32,
    cycles: u32,
    least: u32,
    lists: Vec<(List, Extra)>,
    /// With what travels along.
    rows: Vec<(OutputRow, u64)>,
}

impl Phase {
    /// Lists and rows, or one of both, at random.
    fn draw(&mut self, config: &Config, interface: &Interface, region: u64, random: &mut Random) {
        let ctx =
            |name: &str, random: &mut Random| random.next_u64() & ((1 << interface.parameter(name)) - 1);
        for _ in 0..*pick(&[0, 1, 2, 3, 4], random) {
            let mut list = some_list(config, random.random_range(0..100), random);
            for planes in [&mut list.msb, &mut list.lsb] {
                planes.base = region + planes.base % 4096;
                planes.stride %= 4096;
            }
            let extra = Extra {
                ctx: ctx("CTX_W", random),
                empty_end: random.random_range(0..4) == 0,
                l: random.random_range(0..=config.width - list.m),
                ..Extra::default()
            };
            self.lists.push((list, extra));
        }
        let upper = 1u64 << (config.addr_width - 3);
        let mut next = upper;
        for _ in 0..*pick(&[0, 1, 2, 5, 12, 30], random) {
            let mut dim = config.head_dim;
            while dim > Config::MIN_HEAD_DIM && random.random_range(0..3) == 0 {
                dim /= 2;
            }
            let word = match random.random_range(0..4) {
                0 => upper + random.next_u64() % (upper / 2),
                1 => upper + random.random_range(0..512),
                _ => next,
            };
            next = word + u64::from(dim / 2);
            let elements = (0..dim).map(|_| random.next_u32() as i16).collect();
            self.rows
                .push((OutputRow { word, elements }, ctx("TAG_W", random)));
        }
    }
}

/// Appends a phase and what must come of it.
fn push_phase(case: &mut Case, config: &Config, set: &Setting, bases: &[u64], phase: &Phase) {
    let sectors = |(list, _): &(List, Extra)| {
        [list.msb, list.lsb].map(|planes| planes.sectors(list.dim, &list.ids, config.addr_width))
    };
    let all = || phase.lists.iter().flat_map(sectors).flatten();
    let (first, last) = match phase.kind {
        0 => (all().min().unwrap_or(1), all().max().unwrap_or(0)),
        _ => set.foreign(config),
    };
    case.beat("phase")
        .set("kind", phase.kind)
        .set("cycles", phase.cycles)
        .set("lists", phase.lists.len() as i64)
        .set("rows", phase.rows.len() as i64)
        .set("least", phase.least)
        .set("first", first as i64)
        .set("last", last as i64);
    let mut totals = Totals::default();
    let read = |address| byte(address, bases, config.addr_width, |_, at| axi_memory::word(at));
    for (list, extra) in &phase.lists {
        push_job(case, list, extra);
        let beats = id_beats(config, list, extra.empty_end);
        push_ids(case, &beats);
        push_vectors(case, config, list, extra.ctx, &beats, &read);
        totals.add(list, config);
    }
    // As the memory of each channel stores it: a sector takes the place of another one with the same low bits.
    let empty = (0, [None; SECTOR_WORDS]);
    let mut memory = vec![[empty; MEMORY_SECTORS]; bases.len()];
    let lanes = config.output_lanes() as usize;
    for (row, tag) in &phase.rows {
        let beats = row.elements.len() / lanes;
        for (beat, data) in row.elements.chunks(lanes).enumerate() {
            case.beat("row")
                .lanes("data", data.iter().copied())
                .set("last", beat + 1 == beats);
        }
        case.beat("place")
            .set("word", row.word as i64)
            .set("ctx", *tag as i64);
        case.beat("told").set("ctx", *tag as i64);
        for (channel, write) in writes(row, bases, config.addr_width) {
            let sector = write.address / SECTOR;
            let line = &mut memory[channel][sector as usize % MEMORY_SECTORS];
            if line.0 != sector {
                *line = (sector, [None; SECTOR_WORDS]);
            }
            for (offset, word) in write.words() {
                line.1[offset as usize / 4] = Some(word);
            }
        }
    }
    for (channel, lines) in memory.iter().enumerate() {
        for (sector, words) in lines {
            let have = (0..8).fold(0, |have, bit| have | i64::from(words[bit].is_some()) << bit);
            if have == 0 {
                continue;
            }
            let mut beat = case
                .beat("contents")
                .set("channel", channel as i64)
                .set("sector", *sector as i64)
                .set("have", have)
                .lanes("data", words.map(|word| word.unwrap_or(0)));
            for lane in (0..8).filter(|&lane| words[lane].is_none()) {
                beat = beat.ignore_lane("data", lane);
            }
        }
    }
    let report = case
        .beat("report")
        .set("msb", totals.msb as i64)
        .set("lsb", totals.lsb as i64)
        .set("reads", totals.sectors() as i64)
        .set("sum", totals.sum as i64)
        .set("read_error", i64::from(phase.kind == 2))
        .set("write_error", i64::from(phase.kind == 3));
    match phase.kind {
        2 => drop(report.ignore("write_error")),
        3 => drop(report.ignore("read_error")),
        _ => {}
    }
    case.end_row();
}
