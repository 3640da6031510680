//! Bench of `stream_fifo`: what goes in comes out.

use super::stream_reg::identity;
use super::{Bench, Mutant, Point, Random};
use crate::rtl::Interface;
use crate::sim::Case;

/// `stream_fifo`: order and content kept.
pub struct StreamFifo;

impl Bench for StreamFifo {
    fn block(&self) -> &'static str {
        "stream_fifo"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        Ok(vec![
            Point::new("default"),
            Point::new("depth2").parameter("DEPTH", 2),
            Point::new("depth3-w1")
                .parameter("DEPTH", 3)
                .parameter("WIDTH", 1),
            Point::new("depth64-w97")
                .parameter("DEPTH", 64)
                .parameter("WIDTH", 97),
            Point::new("latency2").config(|p| p.ram_latency = 2)?,
            Point::new("latency2-depth5")
                .config(|p| p.ram_latency = 2)?
                .parameter("DEPTH", 5),
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
        let mutant = Mutant::of("stream_fifo");
        vec![
            mutant(
                "overflow",
                "assign push_ready = stored_q != FULL;",
                "assign push_ready = 1'b1;",
            ),
            mutant("heads overrun", "&& heads_q != ALL_HEADS", ""),
            mutant(
                "heads miscounted",
                "if (pop && !rd_en) heads_q",
                "if (pop) heads_q",
            ),
            mutant(
                "read of an address being written",
                "wire rd_en = stored_q != {COUNT_W{1'b0}}",
                "wire rd_en = (push || stored_q != {COUNT_W{1'b0}})",
            ),
        ]
    }

    fn rows_per_run(&self) -> usize {
        1000
    }
}
