//! Bench of the zero eliminator: kept lanes packed in order, alone and end to end.

use super::{Bench, Mutant, Point, Random};
use crate::golden::zero_eliminator::compact;
use crate::rtl::Interface;
use crate::sim::Case;
use rand::{Rng, RngExt};

/// `zero_eliminator` against [`compact`]; a row is a run of beats up to `last`.
pub struct ZeroEliminator;

impl Bench for ZeroEliminator {
    fn block(&self) -> &'static str {
        "zero_eliminator"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = Vec::new();
        for parallelism in [16, 1, 2, 4, 8, 32, 64] {
            for chain in [0, 1] {
                points.push(
                    Point::new(format!("p{parallelism}-chain{chain}"))
                        .config(|c| c.parallelism = parallelism)?
                        .parameter("CHAIN", chain),
                );
            }
        }
        points.push(Point::new("w22").parameter("DATA_W", 22).parameter("CHAIN", 1));
        Ok(points)
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let lanes = point.config.parallelism as usize;
        let mask = (1u64 << interface.parameter("DATA_W")) - 1;
        let chained = interface.parameter("CHAIN") == 1;
        let mut case = Case::new(interface);
        for _ in 0..rows {
            let beats = random.random_range(1..=6);
            let density = random.random_range(0..=4); // quarters of the lanes that are kept
            let mut start = 0;
            for beat in 0..beats {
                let last = beat == beats - 1;
                let input: Vec<Option<i64>> = (0..lanes)
                    .map(|_| {
                        let value = (random.next_u64() & mask) as i64;
                        (random.random_range(0..4) < density).then_some(value)
                    })
                    .collect();
                case.beat("push")
                    .lanes("data", input.iter().map(|lane| lane.unwrap_or(0)))
                    .lanes("keep", input.iter().map(|lane| i64::from(lane.is_some())))
                    .set("last", i64::from(last));

                let mut output = compact(&input);
                output.rotate_right(start);
                let count = output.iter().flatten().count();
                let mut expected = case
                    .beat("pop")
                    .lanes("data", output.iter().map(|lane| lane.unwrap_or(0)))
                    .lanes("keep", output.iter().map(|lane| i64::from(lane.is_some())))
                    .set("start", start as i64)
                    .set("count", count as i64)
                    .set("last", i64::from(last));
                for (lane, _) in output.iter().enumerate().filter(|(_, value)| value.is_none()) {
                    expected = expected.ignore_lane("data", lane);
                }
                if chained {
                    start = if last { 0 } else { (start + count) % lanes };
                }
            }
            case.end_row();
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("zero_eliminator");
        vec![
            mutant(
                "rows run together",
                "push_last ? {LANE_W{1'b0}} : start_q + kept",
                "start_q + kept",
            ),
            mutant("full beat counted as empty", "{&push_keep, kept}", "{1'b0, kept}"),
            mutant(
                "element not exchanged",
                "cross_0[lane] ? data_0[PARTNER",
                "stay_0[lane] ? data_0[PARTNER",
            ),
            mutant(
                "destination off by one",
                "start + counts[(lane-1)*LANE_W+:LANE_W]",
                "start + counts[lane*LANE_W+:LANE_W]",
            ),
            mutant("layer left out", "s2_keep_q  <= keep_4", "s2_keep_q  <= keep_3"),
        ]
    }

    fn rows_per_run(&self) -> usize {
        200
    }
}
