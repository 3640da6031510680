//! Bench of `stream_reg`: what goes in comes out.

use super::{Bench, Mutant, Point, Random};
use crate::rtl::Interface;
use crate::sim::Case;
use rand::Rng;

/// Random payloads through `push` to `pop`, unchanged; a row is one beat.
pub(super) fn identity(interface: &Interface, rows: usize, random: &mut Random) -> Case {
    let mut case = Case::new(interface);
    let words = case.stream("push").layout().words();
    for _ in 0..rows {
        let data: Vec<u32> = (0..words).map(|_| random.next_u32()).collect();
        case.beat("push").words("data", &data);
        case.beat("pop").words("data", &data);
        case.end_row();
    }
    case
}

/// `stream_reg`: order and content kept.
pub struct StreamReg;

impl Bench for StreamReg {
    fn block(&self) -> &'static str {
        "stream_reg"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        Ok(vec![
            Point::new("default"),
            Point::new("w1").parameter("WIDTH", 1),
            Point::new("w64").parameter("WIDTH", 64),
            Point::new("w97").parameter("WIDTH", 97),
        ])
    }

    fn case(
        &self,
        _: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        Ok(identity(interface, rows, random))
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("stream_reg");
        vec![
            mutant(
                "overflow",
                "assign push_ready = !skid_valid_q;",
                "assign push_ready = 1'b1;",
            ),
            mutant(
                "skid register bypassed",
                "skid_valid_q ? skid_data_q : push_data",
                "push_data",
            ),
            mutant("skid item lost", "push || skid_valid_q;", "push;"),
            mutant("payload not held", "if (advance) head_data_q", "head_data_q"),
        ]
    }

    fn rows_per_run(&self) -> usize {
        1000
    }
}
