//! Bench of the read side of a memory channel: its requests against the contents of a memory behind AXI4.

use super::axi_memory::{self, Window, fails};
use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random};
use crate::config::{PRESETS, Params, Ram, Reset};
use crate::golden::axi_reader::{absolute, read};
use crate::rtl::{Direction, Field, Interface};
use crate::sim::{Builder, Case, Design, Pace};
use anyhow::Context as _;
use rand::{Rng, RngExt, SeedableRng};

/// `axi_reader` against [`read`]; a row is a sector.
pub struct AxiReader;

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/bench/axi_reader_fed.sv"
));

/// Cycles from an AR handshake to the first R beat when nothing is drawn: the speed contract's memory.
pub(super) const LATENCY: u64 = 100;

/// The point of a preset.
pub(super) fn preset(name: &'static str) -> anyhow::Result<Point> {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    let preset = preset.with_context(|| format!("no preset `{name}`"))?;
    Point::new(name).config(|params| *params = preset.params())
}

impl Bench for AxiReader {
    fn block(&self) -> &'static str {
        "axi_reader"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let point = |name: &str, change: fn(&mut Params)| Point::new(name).config(change);
        Ok(vec![
            point("256", |_| ())?,
            preset("spatten-1-8")?.parameter("IN_FLIGHT", 3),
            preset("edge")?,
            preset("tiny")?,
            point("512", |p| p.axi_data_width = 512)?,
            point("512-ram-latency-2-async-low", |p| {
                (p.axi_data_width, p.ram_latency, p.reset) = (512, 2, Reset::AsyncLow);
            })?
            .parameter("IN_FLIGHT", 3)
            .parameter("MAX_BURST", 16),
            point("512-single-ram-macro", |p| {
                (p.axi_data_width, p.ram) = (512, Ram::Macro);
            })?
            .parameter("MAX_BURST", 1),
            point("256-single-id-5-addr-64", |p| {
                (p.id_width, p.addr_width, p.reset) = (5, 64, Reset::SyncLow);
            })?
            .parameter("MAX_BURST", 1),
            point("256-page", |p| (p.addr_width, p.reset) = (33, Reset::AsyncHigh))?
                .parameter("MAX_BURST", 128)
                .parameter("IN_FLIGHT", 2),
            point("128-odd", |p| (p.axi_data_width, p.addr_width) = (128, 47))?
                .parameter("MAX_BURST", 7)
                .parameter("IN_FLIGHT", 5),
            point("64-longest", |p| (p.axi_data_width, p.addr_width) = (64, 32))?.parameter("MAX_BURST", 64),
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        let block = design.interface.clone();
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let output = |name: &str| (Direction::Out, Field::new(name, 1));
        let interface = Interface {
            ports: vec![
                input("base", point.config.addr_width),
                input("draw", 32),
                input("latency", 32),
                input("error_mask", 32),
                input("warm_up", 16),
                output("burst"),
                output("beat"),
            ],
            ..block.clone()
        };
        let width = point.config.axi_data_width;
        axi_memory::surround(point, design, TEMPLATE, interface, |context| {
            context.insert("max_burst", &block.parameter("MAX_BURST"));
            context.insert("in_flight", &block.parameter("IN_FLIGHT"));
            let most_beats = match width {
                512 => "MAX_BURST / 2 + 1".to_owned(),
                _ => format!("{} * MAX_BURST", 256 / width),
            };
            context.insert("most_beats", &most_beats);
        })
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let mut case = Case::new(interface);
        let Window {
            base,
            sectors,
            error_mask,
        } = Window::random(&mut case, &point.config, &[1, 2, 5, 20, LATENCY], 0xf, random);
        let requests = Requests::new(base, sectors, random);
        for sector in requests.take(rows) {
            push_sector(&mut case, point, base, sector, error_mask);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("axi_reader");
        vec![
            mutant("4 KB boundary crossed", "&& next_in_page_q != {PAGE_W{1'b0}}", ""),
            mutant(
                "4 KB boundary taken from the address without base",
                "next_in_page_q <= asked_absolute[11:5] + 1'b1",
                "next_in_page_q <= asked_address[11:5] + 1'b1",
            ),
            mutant(
                "burst length off by one",
                "burst_more_q   <= {PAGE_W{1'b0}};",
                "burst_more_q   <= {{(PAGE_W - 1){1'b0}}, 1'b1};",
            ),
            mutant("burst longer than allowed", "burst_more_q != LAST_MORE", "1'b1"),
            mutant("any request joins", "asked_address == next_address_q", "1'b1"),
            mutant("base left out", "base + asked_address", "asked_address"),
            mutant(
                "burst goes while it still grows",
                ".push_valid(launch),\n      .push_ready(ar_ready),",
                ".push_valid(burst_valid_q),\n      .push_ready(ar_ready),",
            ),
            mutant(
                "error response lost",
                "m_axi_rlast, r_error, m_axi_rdata",
                "m_axi_rlast, 1'b0, m_axi_rdata",
            ),
            mutant(
                "error of an earlier beat lost",
                "response_error = beat_error || held_error_q",
                "response_error = beat_error",
            ),
            mutant(
                "error of a sector told with the next one too",
                "(held_error_q && beat_q != {BEAT_W{1'b0}})",
                "held_error_q",
            ),
            mutant(
                "beats of a sector in the wrong order",
                "{beat_data, held_data_q}",
                "{held_data_q, beat_data}",
            ),
            mutant(
                "half of a beat wrong",
                "upper ? beat_data[511:256] : beat_data[255:0]",
                "upper_q ? beat_data[511:256] : beat_data[255:0]",
            ),
            mutant(
                "burst that starts in the middle of a beat",
                "(starts_high && !inner_q)",
                "starts_high",
            ),
            mutant(
                "burst that ends in the middle of a beat",
                "(beat_last && ends_low)",
                "beat_last",
            ),
            mutant(
                "half beat at the start not counted in the length",
                "{1'b0, burst_more_q} + {{PAGE_W{1'b0}}, burst_first_q[5]}",
                "{1'b0, burst_more_q}",
            ),
            mutant(
                "idle before the last response",
                "wire                land = beat_valid && beat_ready && beat_last;",
                "wire                land = m_axi_rvalid && m_axi_rready && m_axi_rlast;",
            ),
            mutant(
                "idle with a burst in hand",
                "!asked_valid && !burst_valid_q",
                "!asked_valid",
            ),
            mutant(
                "request of the last cycle of stop kept",
                "request_valid && !stop",
                "request_valid",
            ),
            mutant(
                "stop goes on asking",
                "ar_ready && room && !stop",
                "ar_ready && room",
            ),
            mutant(
                "stop leaves a request behind",
                "burst_valid_q <= !stop && (",
                "burst_valid_q <= (",
            ),
            mutant(
                "stop waits for the receiver",
                "take_response = response_ready || stop",
                "take_response = response_ready",
            ),
            mutant(
                "more in flight than is counted",
                "room = flying_q != ALL_FLYING",
                "room = 1'b1",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        _selection: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        let mut measured = Vec::new();
        for width in [64, 128, 256, 512] {
            let point = Point::new(width.to_string()).config(|p| p.axi_data_width = width)?;
            let design = self.design(&point, None)?;
            let interface = design.interface.clone();
            let library = builder.build(design)?;
            for (pattern, step) in [("adjacent", 1), ("scattered", 37)] {
                progress(&format!("{width} bits, {pattern}"));
                let case = |sectors: u64| {
                    let mut case = Case::new(&interface);
                    case.port("latency", LATENCY);
                    for index in 0..sectors {
                        push_sector(&mut case, &point, 0, step * index, 0);
                    }
                    case
                };
                let alone = run(&library, &case(1), Pace::Always)?;
                let latency = alone.output("response").cycles[0] - alone.accepted("request")[0];
                let stream = run(&library, &case(SUSTAINED), Pace::Always)?;
                let cycles = &stream.output("response").cycles;
                let span = cycles[cycles.len() - 1] - cycles[0];
                let beats = f64::from(256 / width.min(256));
                measured.push(Measurement {
                    setting: vec![("bits", width.to_string()), ("sectors", pattern.into())],
                    figures: vec![
                        ("cycles/sector", Some(span as f64 / (SUSTAINED - 1) as f64)),
                        (
                            "sectors/burst",
                            Some(SUSTAINED as f64 / stream.ones("burst") as f64),
                        ),
                        (
                            "beats/sector",
                            Some(stream.ones("beat") as f64 / SUSTAINED as f64),
                        ),
                        ("latency", Some(latency as f64)),
                    ],
                    bounds: vec![
                        ("cycles/sector", beats),
                        // To AR, the memory, the sector's further beats, to the response.
                        ("latency", 3.0 + LATENCY as f64 + (beats - 1.0) + 1.0),
                    ],
                });
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        150
    }
}

/// Sectors sent back to back in a measurement.
const SUSTAINED: u64 = 4000;

/// Sectors in an order that makes bursts of all kinds: runs of neighbours, repetitions, steps of two, jumps, and runs over
/// 4 KB boundaries and the end of the address space.
struct Requests {
    base: u64,
    sectors: u64,
    random: Random,
    next: u64,
    step: u64,
    left: u32,
}

impl Requests {
    fn new(base: u64, sectors: u64, random: &mut Random) -> Self {
        Requests {
            base,
            sectors,
            random: Random::seed_from_u64(random.next_u64()),
            next: 0,
            step: 1,
            left: 0,
        }
    }
}

impl Iterator for Requests {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 {
            let random = &mut self.random;
            self.left = *super::rows::pick(&[1, 1, 1, 2, 3, 5, 8, 20, 40, 130], random);
            self.step = *super::rows::pick(&[1, 1, 1, 1, 1, 2, 0, self.sectors - 1], random);
            match random.random_range(0..4) {
                0 => {}
                // A little before a boundary of 4 KB; before the end of memory where the base is.
                1 => {
                    let boundary = self.next / 128 * 128 + 128;
                    self.next = boundary.wrapping_sub(self.base + random.random_range(0..6));
                }
                2 => self.next = random.random_range(0..256),
                _ => self.next = random.next_u64(),
            }
            self.next %= self.sectors;
        }
        self.left -= 1;
        let sector = self.next;
        self.next = (sector + self.step) % self.sectors;
        Some(sector)
    }
}

fn push_sector(case: &mut Case, point: &Point, base: u64, sector: u64, error_mask: u32) {
    let at = absolute(32 * base, 32 * sector, point.config.addr_width);
    let error = fails(at, point, error_mask);
    case.beat("request")
        .set("address", 32i64.wrapping_mul(sector as i64));
    let answer = case
        .beat("response")
        .words("data", &read(axi_memory::word, at))
        .set("error", error);
    if error {
        answer.ignore("data");
    }
    case.end_row();
}
