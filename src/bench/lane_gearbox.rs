//! Bench of `lane_gearbox`: what goes in comes out, in beats of another width.

use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, Rig};
use crate::config::Reset;
use crate::rtl::Interface;
use crate::sim::{Builder, Case, Pace};
use rand::{Rng, RngExt, SeedableRng};

/// `lane_gearbox`: order and content kept, beats as wide as asked for. A row is a row.
pub struct LaneGearbox;

/// A row on its way through the gearbox: counts of the beats that come in, and how wide they are to leave.
struct Regrouping {
    counts: Vec<usize>,
    width: usize,
}

impl Regrouping {
    /// A full beat ever again, but for a rest.
    fn dense(elements: usize, lanes: usize, width: usize) -> Self {
        let mut counts = vec![lanes; elements / lanes];
        if elements % lanes != 0 || elements == 0 {
            counts.push(elements % lanes);
        }
        Regrouping { counts, width }
    }

    /// Counts of the beats that leave: full ones, and behind them the rest, or nothing where the last beat that came in
    /// added nothing to full ones.
    fn answer(&self) -> Vec<usize> {
        let elements: usize = self.counts.iter().sum();
        let mut counts = vec![self.width; elements / self.width];
        if elements % self.width != 0 || self.counts.last() == Some(&0) {
            counts.push(elements % self.width);
        }
        counts
    }

    /// Appends the row with random elements.
    fn push_to(&self, case: &mut Case, random: &mut Random) {
        let width_of = |field| case.stream("push").layout().lane_width(field);
        let (data_w, user_w) = (width_of("data"), width_of("user"));
        let draw = |random: &mut Random, width: u32| i64::from(random.next_u32() >> (32 - width.min(31)));
        let user = draw(random, user_w);
        let elements: Vec<i64> = (0..self.counts.iter().sum())
            .map(|_| draw(random, data_w))
            .collect();
        let mut rest = elements.as_slice();
        for (beat, &count) in self.counts.iter().enumerate() {
            let (here, after) = rest.split_at(count);
            rest = after;
            case.beat("push")
                .lanes("data", here.iter().copied())
                .set("count", count as i64)
                .set("last", i64::from(beat == self.counts.len() - 1))
                .set("width", self.width as i64)
                .set("user", user);
        }
        let answer = self.answer();
        let mut rest = elements.as_slice();
        for (beat, &count) in answer.iter().enumerate() {
            let (here, after) = rest.split_at(count);
            rest = after;
            case.beat("pop")
                .lanes("data", here.iter().copied())
                .set("count", count as i64)
                .set("last", i64::from(beat == answer.len() - 1))
                .set("user", user);
        }
        case.end_row();
    }
}

impl LaneGearbox {
    fn random_row(into: usize, out: usize, random: &mut Random) -> Regrouping {
        let width = match random.random_range(0..4) {
            0 => out,
            1 => 1,
            _ => random.random_range(1..=out),
        };
        let beats = random.random_range(1..=6);
        match random.random_range(0..6) {
            0 => Regrouping::dense(random.random_range(0..=4 * into.max(out)), into, width),
            // Whole beats, so that a row's last element completes one.
            1 => Regrouping::dense(random.random_range(0..5) * width, into, width),
            // Beats that are no larger than what leaves.
            2 => Regrouping {
                counts: (0..beats)
                    .map(|_| random.random_range(0..=into.min(width)))
                    .collect(),
                width,
            },
            3 => Regrouping {
                counts: vec![random.random_range(0..=into)],
                width,
            },
            4 => Regrouping {
                counts: (0..beats)
                    .map(|_| match random.random_range(0..2) {
                        0 => 0,
                        _ => random.random_range(0..=into),
                    })
                    .collect(),
                width,
            },
            _ => Regrouping {
                counts: (0..beats).map(|_| random.random_range(0..=into)).collect(),
                width,
            },
        }
    }
}

impl Bench for LaneGearbox {
    fn block(&self) -> &'static str {
        "lane_gearbox"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let point = |into: u64, out: u64, data_w: u64, user_w: u64| {
            Point::new(format!("{into}to{out}"))
                .parameter("IN_LANES", into)
                .parameter("OUT_LANES", out)
                .parameter("DATA_W", data_w)
                .parameter("USER_W", user_w)
        };
        let reset = |point: Point, reset: Reset| point.config(|p| p.reset = reset);
        Ok(vec![
            point(16, 8, 30, 17),
            point(2, 2, 12, 5),
            reset(point(6, 8, 30, 1), Reset::SyncLow)?,
            reset(point(8, 16, 12, 40), Reset::AsyncHigh)?,
            point(16, 16, 22, 3),
            point(4, 16, 12, 12),
            reset(point(16, 1, 30, 33), Reset::AsyncLow)?,
            point(1, 16, 12, 1),
            point(1, 1, 1, 1),
            point(7, 3, 5, 9),
            point(3, 13, 40, 2),
            point(64, 64, 12, 16),
        ])
    }

    fn case(
        &self,
        _: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let (into, out) = lanes_of(interface);
        let mut case = Case::new(interface);
        // First the shortest rows, then rows that end with a full beat, with one element more, and one less.
        let directed = [1, 0, 0, out, 2 * out, out + 1, 2 * out - 1, 3 * into, 0]
            .map(|elements| Regrouping::dense(elements, into, out));
        for row in 0..rows {
            match directed.get(row) {
                Some(row) => row.push_to(&mut case, random),
                None => Self::random_row(into, out, random).push_to(&mut case, random),
            }
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("lane_gearbox");
        vec![
            mutant(
                "overflow",
                "push_ready = clear && word_ready",
                "push_ready = word_ready",
            ),
            mutant(
                "output not waited for",
                "push_ready = clear && word_ready",
                "push_ready = clear",
            ),
            mutant(
                "last lost where a full beat ends the row",
                "&& sum <= word;",
                "&& sum < word;",
            ),
            mutant(
                "row that leaves something not ended",
                "push_last && !all_leave",
                "1'b0",
            ),
            mutant(
                "ended row open",
                "assign push_ready = clear",
                "assign push_ready = (clear || ended_q)",
            ),
            mutant(
                "two beats that stay taken for one",
                "word_stays) && !over",
                "word_stays)",
            ),
            mutant("full beat kept back", "&& sum >= word;", "&& sum > word;"),
            mutant(
                "full beat that stays kept back",
                "due_q   <= ends || word_stays",
                "due_q   <= ends",
            ),
            mutant(
                "next full beat kept back",
                "due_q  <= ended_q || held >= two_held_words",
                "due_q  <= ended_q",
            ),
            mutant("last of an open row", "rest_q && ended_q", "rest_q"),
            mutant(
                "rest counted to the next row",
                "rest_q ? {HELD_W{1'b0}} : held_q",
                "held_q",
            ),
            mutant(
                "next row's width too early",
                ": drain ? width_q : cut",
                ": drain ? push_width : cut",
            ),
            mutant(
                "next row's user too early",
                "due_q ? user_q : push_user",
                "push_user",
            ),
            mutant("next row lowered", "taken = rest_q ?", "taken = 1'b0 ?"),
            mutant(
                "lowered by a whole beat",
                "push_width - held_q[OUT_COUNT_W-1:0]",
                "push_width",
            ),
            mutant("lifted too far", "DATA_W << level", "DATA_W << (level + 1)"),
            mutant("held not stalled", "if (move) held_data_q", "held_data_q"),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    /// Cycles from a beat to the next, of the larger of the beats that come in and that leave: never more than one.
    fn measure(
        &self,
        builder: &Builder,
        _: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        const ROWS: usize = 500;
        const CYCLES: &str = "cycles/beat";
        let mut measured = Vec::new();
        for point in self.points()? {
            let rig = Rig::new(builder, &LaneGearbox, &point, None)?;
            let (into, out) = lanes_of(rig.interface());
            let mut random = Random::seed_from_u64(7);
            let mut measure = |kind: &str, width: usize, row: &mut dyn FnMut(&mut Random) -> Regrouping| {
                progress(&format!("{}, width {width}, {kind}", point.name));
                let mut case = Case::new(rig.interface());
                for _ in 0..ROWS {
                    row(&mut random).push_to(&mut case, &mut random);
                }
                let outcome = run(&rig.library, &case, Pace::Always)?;
                let (accepted, offered) = (outcome.accepted("push"), outcome.output("pop").cycles.as_slice());
                let busier = if accepted.len() > offered.len() {
                    accepted
                } else {
                    offered
                };
                let (first, last) = (busier[0], busier[busier.len() - 1]);
                measured.push(Measurement {
                    setting: vec![
                        ("lanes", format!("{into} to {out}")),
                        ("width", width.to_string()),
                        ("rows", kind.into()),
                    ],
                    figures: vec![
                        ("in", Some(accepted.len() as f64)),
                        ("out", Some(offered.len() as f64)),
                        (CYCLES, Some((last - first) as f64 / (busier.len() - 1) as f64)),
                    ],
                    bounds: vec![(CYCLES, 1.0)],
                });
                anyhow::Ok(())
            };
            let mut widths = vec![out, out.div_ceil(2), 1];
            widths.dedup();
            for width in widths {
                measure("narrow", width, &mut |random| Regrouping {
                    counts: (0..random.random_range(1..=6))
                        .map(|_| random.random_range(0..=into.min(width)))
                        .collect(),
                    width,
                })?;
                measure("dense", width, &mut |random| {
                    Regrouping::dense(random.random_range(1..=4 * into.max(width)), into, width)
                })?;
                if into >= width {
                    measure("wide", width, &mut |random| Regrouping {
                        counts: (0..random.random_range(1..=6))
                            .map(|_| random.random_range(width..=into))
                            .collect(),
                        width,
                    })?;
                }
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        200
    }
}

/// Lanes of the beats that come in and that leave.
fn lanes_of(interface: &Interface) -> (usize, usize) {
    let lanes = |name| interface.parameter(name) as usize;
    (lanes("IN_LANES"), lanes("OUT_LANES"))
}
