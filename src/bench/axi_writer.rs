//! Bench of the write side of a memory channel: what it leaves in a memory behind AXI4.

use super::axi_memory::{self, Window, beat_fails, fails};
use super::axi_reader::{LATENCY, preset};
use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, rows};
use crate::config::{Params, Ram, Reset};
use crate::golden::axi_reader::{SECTOR_WORDS, absolute};
use crate::golden::axi_writer::SectorWrite;
use crate::rtl::{Direction, Field, Interface, Stream};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt};

/// `axi_writer`: the memory afterwards and the number of errors; a row is a sector.
pub struct AxiWriter;

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/bench/axi_writer_fed.sv"
));

/// Sectors that the memory holds.
const MEMORY_SECTORS: usize = 64;

impl Bench for AxiWriter {
    fn block(&self) -> &'static str {
        "axi_writer"
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
            .parameter("QUEUE", 3),
            point("256-id-5-addr-64", |p| {
                (p.id_width, p.addr_width, p.reset, p.ram) = (5, 64, Reset::SyncLow, Ram::Macro);
            })?
            .parameter("IN_FLIGHT", 3),
            point("128-odd", |p| {
                (p.axi_data_width, p.addr_width, p.reset) = (128, 47, Reset::AsyncHigh);
            })?
            .parameter("QUEUE", 2)
            .parameter("IN_FLIGHT", 5),
            point("64", |p| (p.axi_data_width, p.ram_latency) = (64, 2))?.parameter("IN_FLIGHT", 40),
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        let block = design.interface.clone();
        let input = |name: &str, width| (Direction::In, Field::new(name, width));
        let addr_w = point.config.addr_width;
        let mut streams = block.streams.clone();
        streams.push(Stream::output(
            "contents",
            vec![
                Field::new("sector", addr_w - 5),
                Field::new("have", 8),
                Field::lanes("data", 8, 32),
            ],
        ));
        streams.push(Stream::output("report", vec![Field::new("errors", 16)]));
        let interface = Interface {
            streams,
            ports: vec![
                input("base", addr_w),
                input("draw", 32),
                input("latency", 32),
                input("error_mask", 32),
                input("warm_up", 16),
                input("writes", 16),
                (Direction::Out, Field::new("busy", 1)),
            ],
            ..block.clone()
        };
        axi_memory::surround(point, design, TEMPLATE, interface, |context| {
            context.insert("queue", &block.parameter("QUEUE"));
            context.insert("in_flight", &block.parameter("IN_FLIGHT"));
            context.insert("memory_sectors", &MEMORY_SECTORS);
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
        } = Window::random(&mut case, &point.config, &[2, 5, 20, LATENCY], 0x7, random);
        let mut next = 0u64;
        let writes: Vec<SectorWrite> = (0..rows)
            .map(|_| {
                next = match random.random_range(0..6) {
                    0 => random.next_u64(),
                    1 => next,
                    2 => random.random_range(0..200),
                    _ => next.wrapping_add(1),
                } % sectors;
                SectorWrite {
                    address: 32 * next,
                    data: std::array::from_fn(|_| random.next_u32()),
                    strobe: *rows::pick(
                        &[0xff, 0xff, 0x01, 0x80, 0xf0, 0x07, random.next_u32() as u8],
                        random,
                    ),
                }
            })
            .collect();
        push_writes(&mut case, point, 32 * base, &writes, error_mask);
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("axi_writer");
        vec![
            mutant(
                "strobe of a partial sector wrong",
                "{4{beat_strobe[word]}}",
                "4'hf",
            ),
            mutant(
                "half of a beat wrong",
                "upper ? {sector_strobe",
                "!upper ? {sector_strobe",
            ),
            mutant(
                "strobes of another beat",
                "sector_strobe[beat_q*BEAT_WORDS+:BEAT_WORDS]",
                "sector_strobe[BEAT_WORDS-1:0]",
            ),
            mutant(
                "WLAST with every beat",
                "m_axi_wlast  = beat_q == {BEAT_W{1'b1}}",
                "m_axi_wlast  = 1'b1",
            ),
            mutant(
                "burst changes beat while it waits",
                "if (m_axi_wvalid && m_axi_wready) beat_q",
                "if (m_axi_wvalid) beat_q",
            ),
            mutant("base left out", "base + next_address", "next_address"),
            mutant(
                "error response lost",
                "error_q    <= m_axi_bvalid && (m_axi_bresp != RESP_OKAY || m_axi_bid != {ID_W{1'b0}})",
                "error_q    <= 1'b0",
            ),
            mutant(
                "error without a response",
                "error_q    <= m_axi_bvalid && (",
                "error_q    <= (",
            ),
            mutant(
                "idle before the response",
                "assign idle         = inside_q == {INSIDE_W{1'b0}};",
                "assign idle         = !next_valid && !m_axi_awvalid && !m_axi_wvalid && queue_ready;",
            ),
            mutant(
                "idle a cycle early",
                "{{(INSIDE_W - 1){1'b0}}, answered_q}",
                "{{(INSIDE_W - 1){1'b0}}, m_axi_bvalid}",
            ),
            mutant(
                "what was dropped counts as in flight",
                "{{(INSIDE_W - 1){1'b0}}, drop}",
                "{{(INSIDE_W - 1){1'b0}}, 1'b0}",
            ),
            mutant(
                "stop goes on writing",
                "next_valid && !stop && aw_ready",
                "next_valid && aw_ready",
            ),
            mutant(
                "sector of the last cycle of stop kept",
                "write_valid && room && queue_ready && !stop;",
                "write_valid && room && queue_ready;",
            ),
            mutant("W without AW", "!stop && aw_ready && w_ready", "!stop && w_ready"),
            mutant(
                "more inside than is counted",
                "wire                room = inside_q != ALL_INSIDE;",
                "wire                room = 1'b1;",
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
            progress(&format!("{width} bits"));
            let busy = |sectors: u64| {
                let mut case = Case::new(&interface);
                case.port("latency", LATENCY);
                let writes: Vec<SectorWrite> = (0..sectors)
                    .map(|sector| SectorWrite {
                        address: 32 * sector,
                        data: [sector as u32; SECTOR_WORDS],
                        strobe: 0xff,
                    })
                    .collect();
                push_writes(&mut case, &point, 0, &writes, 0);
                anyhow::Ok(run(&library, &case, Pace::Always)?.ones("busy"))
            };
            let (alone, all) = (busy(1)?, busy(SUSTAINED + 1)?);
            let beats = f64::from(256 / width.min(256));
            measured.push(Measurement {
                setting: vec![("bits", width.to_string())],
                figures: vec![
                    ("cycles/sector", Some((all - alone) as f64 / SUSTAINED as f64)),
                    ("busy", Some(alone as f64)),
                ],
                bounds: vec![
                    ("cycles/sector", beats),
                    // To W, its beats, the memory, and two until idle: what the header states.
                    ("busy", 4.0 + (beats - 1.0) + LATENCY as f64 + 1.0),
                ],
            });
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        150
    }
}

/// Sectors sent back to back in a measurement.
const SUSTAINED: u64 = 4000;

/// Appends writes, and after them what the memory then holds and the number of errors.
fn push_writes(case: &mut Case, point: &Point, base: u64, writes: &[SectorWrite], error_mask: u32) {
    // As the memory stores it: a sector takes the place of another one with the same low bits.
    let mut memory: Vec<(u64, [Option<u32>; SECTOR_WORDS])> = vec![(0, [None; SECTOR_WORDS]); MEMORY_SECTORS];
    let mut errors = 0;
    case.port("writes", writes.len() as u64);
    for (index, write) in writes.iter().enumerate() {
        let at = absolute(base, write.address, point.config.addr_width);
        errors += i64::from(fails(at, point, error_mask));
        let (owner, words) = &mut memory[(at / 32) as usize % MEMORY_SECTORS];
        for (offset, word) in write.words() {
            if beat_fails(at + offset, point, error_mask) {
                continue;
            }
            if *owner != at / 32 {
                (*owner, *words) = (at / 32, [None; SECTOR_WORDS]);
            }
            words[offset as usize / 4] = Some(word);
        }
        case.beat("write")
            .set("address", write.address as i64)
            .lanes("data", write.data)
            .lanes("strobe", (0..8).map(|bit| i64::from(write.strobe >> bit & 1)));
        if index + 1 < writes.len() {
            case.end_row();
        }
    }
    for (owner, words) in memory {
        let have = (0..8).fold(0, |have, bit| have | i64::from(words[bit].is_some()) << bit);
        if have == 0 {
            continue;
        }
        let mut beat = case
            .beat("contents")
            .set("sector", owner as i64)
            .set("have", have)
            .lanes("data", words.map(|word| word.unwrap_or(0)));
        for lane in (0..8).filter(|&lane| words[lane].is_none()) {
            beat = beat.ignore_lane("data", lane);
        }
    }
    case.beat("report").set("errors", errors);
    case.end_row();
}
