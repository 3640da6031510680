//! Bench of `pick_queue`: a queue of four places, cycle by cycle.

use super::{Bench, Mutant, Point, Random, stand};
use crate::config::Reset;
use crate::rtl::{Field, Interface, Stream};
use crate::sim::{Case, Design};
use rand::{Rng, RngExt};
use std::collections::VecDeque;

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
        let fault = Mutant::of("pick_queue");
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
