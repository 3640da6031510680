//! Bench of head importance: every operation in every order, equal ids at every distance.

use super::measure::{Measurement, Selection, at, gap};
use super::token_importance::{presets, spread};
use super::{Bench, Mutant, Point, Random, Rig, check, rows};
use crate::config::Reset;
use crate::golden::token_importance::Importance;
use crate::rtl::Interface;
use crate::sim::{BeatMut, Builder, Case, Pacing};
use anyhow::anyhow;
use rand::{Rng, RngExt};

/// `head_importance` against [`Importance`]; a row is a few operations.
pub struct HeadImportance;

const ADD: i64 = 0;
const READ: i64 = 2;
const WRITE: i64 = 3;
const CLEAR: i64 = 4;
const SCALE: i64 = 5;

impl Bench for HeadImportance {
    fn block(&self) -> &'static str {
        "head_importance"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = presets()?;
        let heads = |max_heads: u32, ram_latency: u32, reset: Reset| {
            Point::new(format!("heads{max_heads}-latency{ram_latency}"))
                .config(|c| (c.max_heads, c.ram_latency, c.reset) = (max_heads, ram_latency, reset))
        };
        points.extend([
            heads(1, 1, Reset::AsyncHigh)?,
            heads(2, 2, Reset::SyncHigh)?,
            heads(3, 2, Reset::AsyncLow)?,
            heads(12, 1, Reset::SyncLow)?,
            heads(128, 2, Reset::AsyncHigh)?,
        ]);
        Ok(points)
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let heads = point.config.max_heads;
        let mut stand = Stand {
            case: Case::new(interface),
            importance: Importance::new(heads),
        };
        // After reset all importance is 0.
        stand.read(&[heads - 1]);
        stand.case.end_row();
        for _ in 1..rows {
            stand.operations(heads, random);
            stand.case.end_row();
        }
        Ok(stand.case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
        vec![
            mutant(
                "update lost on back-to-back equal ids",
                "rmw_ram",
                "follows_q ? results_q[WIDTH-1:0] : fetched_q",
                "fetched_q",
            ),
            mutant(
                "update lost on equal ids two to the write apart",
                "rmw_ram",
                "({WIDTH{source[i+2]}} & results_q[i*WIDTH+:WIDTH])",
                "({WIDTH{source[i+2] && i != 0}} & results_q[i*WIDTH+:WIDTH])",
            ),
            mutant(
                "update lost on an id being written",
                "rmw_ram",
                "({WIDTH{source[i+2]}} & results_q[i*WIDTH+:WIDTH])",
                "({WIDTH{source[i+2] && i != RAM_LATENCY}} & results_q[i*WIDTH+:WIDTH])",
            ),
            mutant(
                "oldest of several results taken",
                "rmw_ram",
                "same & (~same + {{(STAGES - 1){1'b0}}, 1'b1})",
                "same & ~(same >> 1)",
            ),
            mutant(
                "address read while it is written",
                "rmw_ram",
                "op_valid && same == {STAGES{1'b0}}",
                "op_valid",
            ),
            mutant(
                "saturation missing",
                "importance_store",
                "sum[IMPORTANCE_W-1:0] | {IMPORTANCE_W{sum[IMPORTANCE_W]}}",
                "sum[IMPORTANCE_W-1:0]",
            ),
            mutant(
                "shift rounds up",
                "importance_store",
                "scaled = (old >> shift)",
                "scaled = ((old >> shift) + {31'd0, shift != 5'd0 && (old & ~(32'hffff_ffff << shift)) != 32'd0})",
            ),
            mutant(
                "shift of one too few bits",
                "importance_store",
                "old >> shift",
                "old >> shift[3:0]",
            ),
            mutant(
                "write adds",
                "head_importance",
                "!sweep_scale_q : push_code == WRITE",
                "!sweep_scale_q : 1'b0",
            ),
            mutant(
                "clear misses the last id",
                "head_importance",
                "sweep_head_q != LAST_HEAD",
                "sweep_head_q + 1'b1 < LAST_HEAD",
            ),
            mutant(
                "clear scales",
                "head_importance",
                "sweep_scale_q <= push_code == SCALE",
                "sweep_scale_q <= 1'b1",
            ),
            mutant(
                "nothing after reset",
                "head_importance",
                "sweeping_q    <= 1'b1;\n      sweep_scale_q <= 1'b0;",
                "sweeping_q    <= 1'b0;\n      sweep_scale_q <= 1'b0;",
            ),
            mutant(
                "operations taken in a sweep",
                "head_importance",
                "assign push_ready = !sweeping_q && ",
                "assign push_ready = ",
            ),
            mutant(
                "more reads than there is room for",
                "head_importance",
                "(!is_read || room_q)",
                "1'b1",
            ),
            mutant(
                "places not given back",
                "head_importance",
                "if (given && !read) begin",
                "if (1'b0) begin",
            ),
            mutant(
                "id and importance out of step",
                "head_importance",
                "label_q[(STORE_STAGES-1)*(HEAD_W+1)+:HEAD_W+1]",
                "label_q[(STORE_STAGES-2)*(HEAD_W+1)+:HEAD_W+1]",
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
        let points = self.points()?.into_iter();
        let points = points.filter(|point| ["spatten", "edge"].contains(&point.name.as_str()));
        at(points, &HeadImportance, builder, progress, measure)
    }

    fn rows_per_run(&self) -> usize {
        200
    }
}

/// One head for 1000 adds, then reads of all heads, a scale, a clear and a read.
fn measure(rig: &Rig, point: &Point) -> anyhow::Result<Measurement> {
    const ADDS: usize = 1000;
    let heads = point.config.max_heads;
    let mut stand = Stand {
        case: Case::new(rig.interface()),
        importance: Importance::new(heads),
    };
    for _ in 0..ADDS {
        stand.add(heads - 1, 12345);
    }
    let ids: Vec<u32> = (0..heads).collect();
    for _ in 0..32 {
        stand.read(&ids);
    }
    stand.scale(3);
    stand.clear();
    stand.read(&[heads - 1]);
    stand.case.end_row();

    let outcome = rig.run(&stand.case, &Pacing::full_speed())?;
    check(&stand.case, &outcome).map_err(|finding| anyhow!("{}", finding.details.join("; ")))?;
    let (taken, keys) = (outcome.accepted("push"), &outcome.output("key").cycles);
    let reads = ADDS + 32 * heads as usize;
    let latency = taken[ADDS..reads]
        .iter()
        .zip(keys)
        .map(|(t, k)| k - t)
        .max()
        .unwrap_or(0);
    let sweep = (taken[reads + 2] - taken[reads]) / 2 - 1;
    Ok(Measurement {
        setting: vec![("point", point.name.clone())],
        figures: vec![
            ("cycles/add", Some(gap(&taken[..ADDS]))),
            ("cycles/read", Some(gap(&keys[..32 * heads as usize]))),
            ("latency", Some(latency as f64)),
            ("clear, scale", Some(sweep as f64)),
        ],
        bounds: vec![
            ("cycles/add", 1.0),
            ("cycles/read", 1.0),
            ("latency", f64::from(2 * (point.config.ram_latency + 2) + 1)),
            ("clear, scale", f64::from(heads)),
        ],
    })
}

/// A case with the importance as it is after the operations so far.
struct Stand {
    case: Case,
    importance: Importance,
}

impl Stand {
    /// A beat of which only the code matters.
    fn beat(&mut self, code: i64) -> BeatMut<'_> {
        let beat = self.case.beat("push").set("code", code);
        beat.ignore("id").ignore("value").ignore("shift").ignore("last")
    }

    fn add(&mut self, id: u32, amount: u32) {
        self.named(ADD, id, amount);
        self.importance.add(id, amount.into());
    }

    fn write(&mut self, id: u32, value: u32) {
        self.named(WRITE, id, value);
        self.importance.set(id, value);
    }

    fn named(&mut self, code: i64, id: u32, value: u32) {
        let beat = self.case.beat("push").set("code", code);
        beat.set("id", id)
            .set("value", value)
            .ignore("shift")
            .ignore("last");
    }

    fn clear(&mut self) {
        self.beat(CLEAR);
        self.importance.clear();
    }

    fn scale(&mut self, shift: u32) {
        let beat = self.case.beat("push").set("code", SCALE).set("shift", shift);
        beat.ignore("id").ignore("value").ignore("last");
        self.importance.scale_down(shift);
    }

    fn read(&mut self, ids: &[u32]) {
        for (i, &id) in ids.iter().enumerate() {
            let last = i64::from(i + 1 == ids.len());
            let beat = self
                .case
                .beat("push")
                .set("code", READ)
                .set("id", id)
                .set("last", last);
            beat.ignore("value").ignore("shift");
            self.case
                .beat("key")
                .set("importance", self.importance.get(id))
                .set("id", id)
                .set("last", last);
        }
    }

    fn operations(&mut self, heads: u32, random: &mut Random) {
        match random.random_range(0..12) {
            0 => self.clear(),
            1 => {
                let shift = *rows::pick(&[0, 1, 2, 15, 16, 30, 31], random);
                self.scale(shift);
            }
            2 => {
                self.beat(*rows::pick(&[1, 6, 7], random));
            }
            3 => {
                let ids: Vec<u32> = (0..heads).filter(|_| random.random_range(0..3) > 0).collect();
                self.read(&ids);
            }
            4 => self.read(&(0..heads).collect::<Vec<u32>>()),
            _ => {
                // A few ids, so that they meet at every distance.
                let some: Vec<u32> = (0..random.random_range(1..=4))
                    .map(|_| random.random_range(0..heads))
                    .collect();
                for _ in 0..random.random_range(1..=16) {
                    let id = *rows::pick(&some, random);
                    let value = spread(random);
                    match random.random_range(0..8) {
                        0 => self.write(id, value),
                        1 => self.write(id, u32::MAX - (random.next_u32() & 0xff)),
                        2 | 3 => self.read(&[id]),
                        _ => self.add(id, value),
                    }
                }
            }
        }
    }
}
