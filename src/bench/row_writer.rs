//! Bench of the row writer: rows at every alignment against the sectors that they become.

use super::axi_reader::preset;
use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, rows, stand};
use crate::config::{Params, Reset};
use crate::golden::planes::address_mask;
use crate::golden::row_writer::sectors;
use crate::rtl::{Direction, Field, Interface, lane_bits};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt};

/// `row_writer` against [`sectors`]; a row is a row.
pub struct RowWriter;

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/bench/row_writer_fed.sv"
));

impl Bench for RowWriter {
    fn block(&self) -> &'static str {
        "row_writer"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let point = |name: &str, change: fn(&mut Params)| Point::new(name).config(change);
        Ok(vec![
            point("dim64", |_| ())?,
            preset("spatten-1-8")?,
            preset("edge")?,
            preset("tiny")?,
            point("dim128", |p| p.head_dim = 128)?,
            point("dim128-channels-1-async-low", |p| {
                (p.head_dim, p.channels, p.addr_width, p.reset) = (128, 1, 33, Reset::AsyncLow);
            })?,
            point("dim64-channels-64-addr-64", |p| {
                (p.channels, p.addr_width, p.reset) = (64, 64, Reset::SyncLow);
            })?,
            point("dim32-channels-8-async-high", |p| {
                (p.head_dim, p.channels, p.addr_width, p.reset) = (32, 8, 47, Reset::AsyncHigh);
            })?,
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        let config = &point.config;
        let mut context = tera::Context::new();
        context.insert("lanes", &config.output_lanes());
        context.insert("word_w", &(config.addr_width - 2));
        context.insert("addr_w", &config.addr_width);
        context.insert("channel_w", &lane_bits(config.channels));
        stand(design, config, "row_writer_fed", TEMPLATE, context)?;
        design.interface.ports = vec![
            (Direction::In, Field::new("draw", 32)),
            (Direction::In, Field::new("warm_up", 16)),
            (Direction::Out, Field::new("idle", 1)),
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
        let mut case = Case::new(interface);
        let lanes = point.config.output_lanes() as usize;
        let words = address_mask(point.config.addr_width) >> 2;
        case.port("draw", random.next_u64() & 0xffff_ffff);
        case.port(
            "warm_up",
            *rows::pick(&[0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 100], random),
        );
        let mut next = 0u64;
        for row in 0..rows as u64 {
            let beats = *rows::pick(&[1, 2, 3, 4, 4, 4, 4, 8], random);
            let word = match row {
                // Every alignment, first of all.
                0..8 => row,
                _ => match random.random_range(0..6) {
                    0 => random.next_u64(),
                    1 => words - random.random_range(0..100),
                    2 => random.next_u64() / 8 * 8,
                    _ => next,
                },
            } & words;
            let elements: Vec<i16> = (0..beats * lanes).map(|_| random.next_u32() as i16).collect();
            next = word.wrapping_add(elements.len() as u64 / 2);
            push_row(&mut case, point, word, &elements);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("row_writer");
        vec![
            mutant(
                "strobe of a partial sector wrong",
                "write_strobe_q <= words;",
                "write_strobe_q <= {WORDS{1'b1}};",
            ),
            mutant(
                "words that ran over lost",
                "held_q <= complete ? s1_over_q : words;",
                "held_q <= complete ? {WORDS{1'b0}} : words;",
            ),
            mutant("last sector lost", "s1_last_q && over;", "1'b0;"),
            mutant(
                "strobes of a row go on in the next one",
                "if (flush_q) held_q <= {WORDS{1'b0}};",
                "if (flush_q) held_q <= held_q;",
            ),
            mutant(
                "sector not counted",
                "sector + 1'b1 : sector;",
                "sector : sector;",
            ),
            mutant(
                "halves of a beat exchanged",
                "upper_q ? row_data[511:256] : row_data[255:0]",
                "upper_q ? row_data[255:0] : row_data[511:256]",
            ),
            mutant(
                "alignment of the row's second beat",
                "place_word[2] ^ odd_q",
                "place_word[2]",
            ),
            mutant(
                "alignment carried into the next row",
                "odd_q   <= !odd_q && !piece_last;",
                "odd_q   <= !odd_q;",
            ),
            mutant(
                "row taken without its address",
                "row_ready   = stop || (place_valid && ",
                "row_ready   = stop || (",
            ),
            mutant(
                "address taken with every beat",
                "(row_valid && piece_ready && piece_last)",
                "(row_valid && piece_ready)",
            ),
            mutant(
                "channel and sector confused",
                "write_channel = write_at_q[CHANNEL_W-1:0]",
                "write_channel = write_at_q[SECTOR_W-1:SECTOR_W-CHANNEL_W]",
            ),
            mutant(
                "stalled sector overwritten",
                "write_free = !write_valid_q || write_ready",
                "write_free = 1'b1",
            ),
            mutant(
                "piece enters while the last sector leaves",
                "s1_leaves = write_free && !flush_q",
                "s1_leaves = write_free",
            ),
            mutant(
                "idle with a sector on offer",
                "!flush_q && !write_valid_q",
                "!flush_q",
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
        for dim in [32, 64, 128] {
            let point = Point::new(dim.to_string()).config(|p| p.head_dim = dim)?;
            let design = self.design(&point, None)?;
            let interface = design.interface.clone();
            let library = builder.build(design)?;
            for offset in [0, 3] {
                progress(&format!("head dimension {dim}, offset {offset}"));
                let mut case = Case::new(&interface);
                for row in 0..ROWS {
                    let elements: Vec<i16> = (0..dim as i16).collect();
                    push_row(&mut case, &point, offset + row * u64::from(dim), &elements);
                }
                let outcome = run(&library, &case, Pace::Always)?;
                let accepted = outcome.accepted("row");
                let written = &outcome.output("write").cycles;
                let beats = u64::from(dim / point.config.output_lanes());
                // From the first beat of the second row to that of the last, so that the pipeline is full.
                let (first, last) = (beats as usize, accepted.len() - beats as usize);
                let cycles = (accepted[last] - accepted[first]) as f64 / (ROWS - 2) as f64;
                let pieces = f64::from(point.config.output_lanes().div_ceil(16));
                let over = f64::from(u8::from(offset != 0));
                measured.push(Measurement {
                    setting: vec![("dim", dim.to_string()), ("word", offset.to_string())],
                    figures: vec![
                        ("cycles/row", Some(cycles)),
                        // To the row's last sector.
                        (
                            "latency",
                            Some(
                                (written[sectors_of(dim, offset) - 1] - accepted[beats as usize - 1]) as f64,
                            ),
                        ),
                    ],
                    bounds: vec![
                        ("cycles/row", beats as f64 * pieces + over),
                        ("latency", 2.0 + over),
                    ],
                });
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        100
    }
}

/// Rows sent back to back in a measurement.
const ROWS: u64 = 500;

/// Sectors that a row of `dim` elements at a word touches.
fn sectors_of(dim: u32, word: u64) -> usize {
    (word % 8 + u64::from(dim) / 2).div_ceil(8) as usize
}

fn push_row(case: &mut Case, point: &Point, word: u64, elements: &[i16]) {
    let config = &point.config;
    let lanes = config.output_lanes() as usize;
    let beats = elements.len() / lanes;
    for (beat, data) in elements.chunks(lanes).enumerate() {
        case.beat("row")
            .lanes("data", data.iter().copied())
            .set("last", beat + 1 == beats);
    }
    case.beat("place").set("word", word as i64);
    for (channel, write) in sectors(word, elements, config.channels, config.addr_width) {
        let mut beat = case
            .beat("write")
            .set("channel", channel)
            .set("address", write.address as i64)
            .lanes("data", write.data)
            .lanes("strobe", (0..8).map(|bit| i64::from(write.strobe >> bit & 1)));
        for lane in (0..8).filter(|lane| write.strobe >> lane & 1 == 0) {
            beat = beat.ignore_lane("data", lane);
        }
    }
    case.end_row();
}
