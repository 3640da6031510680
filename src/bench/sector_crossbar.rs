//! Bench of `sector_crossbar`, around which a stand plays the ports and the memory.

use super::axi_memory::mix;
use super::fetchers::{draw, fetchers};
use super::measure::{Measurement, Selection, at, run};
use super::rows::pick;
use super::{Bench, Mutant, Point, Random, stand};
use crate::rtl::plane_fetcher::Shape;
use crate::rtl::{Direction, Field, Interface, Stream};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt};

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
        let fault = Mutant::of("sector_crossbar");
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
        // The others have too few slots for so many channels.
        let points = self.points()?.into_iter();
        let points = points.filter(|point| point.config.sector_window >= 32 * point.config.channels);
        at(points, &SectorCrossbar, builder, progress, |rig, point| {
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
            Ok(Measurement {
                setting: vec![("point", point.name.clone())],
                figures: vec![(RATE, Some(outcome.ones("busy") as f64 / sectors))],
                bounds: vec![(RATE, 1.02)],
            })
        })
    }

    fn rows_per_run(&self) -> usize {
        24
    }
}
