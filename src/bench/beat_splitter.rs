//! Bench of `beat_splitter`, which keeps what it is given: the golden model is an order.

use super::fetchers::fetchers;
use super::key_buffer::preset;
use super::measure::{Measurement, Selection, at, gap, run};
use super::{Bench, Mutant, Point, Random};
use crate::config::Config;
use crate::rtl::Interface;
use crate::rtl::plane_fetcher::Shape;
use crate::sim::{Builder, Case, Pace};
use rand::{RngExt, SeedableRng};

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
        let fault = Mutant::of("beat_splitter");
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
        at(self.points()?, &BeatSplitter, builder, progress, |rig, point| {
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
            Ok(Measurement {
                setting: vec![("point", point.name.clone()), ("DEPTH", depth.to_string())],
                figures: vec![
                    (PIECE, Some(gap(cycles))),
                    (LATENCY, Some((cycles[0] - outcome.accepted("push")[0]) as f64)),
                ],
                bounds,
            })
        })
    }
}
