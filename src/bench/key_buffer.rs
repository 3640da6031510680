//! Bench of the key buffer: runs of rows over stored lists, and rows that are passed through.

use super::lists::{List, dims, per_beat};
use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, design};
use crate::config::{Config, PRESETS, Reset};
use crate::golden::key_buffer::stream;
use crate::rtl::Interface;
use crate::sim::{Builder, Case, Pace};
use rand::{RngExt, SeedableRng};

/// `key_buffer` against [`stream`]; a row is a row.
pub struct KeyBuffer;

/// Lists are at most as long, so that wide beats do not take too much time to make.
const LONGEST: u32 = 96;

/// A preset's configuration as a point.
pub(super) fn preset(name: &str) -> anyhow::Result<Point> {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    Point::new(name).config(|params| *params = preset.map_or(params.clone(), |preset| preset.params()))
}

/// Points of both buffers: the presets, odd numbers of vectors a beat, banks that are not a power of two, the smallest and
/// the largest sizes, and every reset style.
pub(super) fn buffer_points() -> anyhow::Result<Vec<Point>> {
    let small = |name: &str, multipliers, head_dim, max_tokens| {
        Point::new(name).config(|p| {
            p.multipliers = multipliers;
            p.head_dim = head_dim;
            p.max_tokens = max_tokens;
            p.softmax_lanes = 4;
        })
    };
    Ok(vec![
        preset("spatten")?,
        preset("spatten-1-8")?.config(|p| p.reset = Reset::AsyncLow)?,
        preset("edge")?.config(|p| p.ram_latency = 2)?,
        preset("tiny")?,
        small("three-vectors", 192, 64, 100)?.config(|p| p.reset = Reset::AsyncHigh)?,
        small("five-long-vectors", 640, 128, 77)?.config(|p| {
            p.reset = Reset::SyncLow;
            p.ram_latency = 2;
            p.width = 9;
        })?,
        small("one-vector", 32, 32, 33)?.config(|p| p.width = 16)?,
        small("one-long-vector", 128, 128, 40)?.config(|p| p.ram_latency = 2)?,
        small("one-word", 512, 32, 16)?.config(|p| p.width = 8)?,
        small("seven-vectors", 224, 32, 60)?.config(|p| p.ram_latency = 2)?,
    ])
}

/// Puts one row of a list, with the beats that it gives.
fn put_row(case: &mut Case, config: &Config, list: &List, n: usize, release: bool) {
    case.beat("row")
        .set("n", n as i64)
        .set("dim", i64::from(list.dim))
        .set("release", release)
        .set("through", list.through);
    let beats = match list.through {
        true => list.beats(config),
        false => stream(&list.vectors, n, per_beat(config, list.dim)),
    };
    for (index, beat) in beats.iter().enumerate() {
        case.beat("key")
            .lanes("data", beat.iter().flatten().copied())
            .set("count", beat.len() as i64)
            .set("last", index + 1 == beats.len());
    }
    case.end_row();
}

/// Puts a run: its list and `rows` of its rows, the last of `lengths` releasing the list.
fn put_run(case: &mut Case, config: &Config, list: &List, lengths: &[usize], rows: usize) {
    list.load(config, case);
    for (index, &n) in lengths.iter().enumerate().take(rows) {
        put_row(case, config, list, n, index + 1 == lengths.len());
    }
}

impl Bench for KeyBuffer {
    fn block(&self) -> &'static str {
        "key_buffer"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        buffer_points()
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
        let most = config.max_tokens.min(LONGEST) as usize;
        let (shortest, longest) = (0, *dims(config).last().unwrap_or(&0));
        // Corners first: the shortest lists, a bank that is filled to its end, one list read only in part, none of it.
        let full = most.min(4 * per_beat(config, longest));
        let corners: [(u32, usize, bool, &[usize]); 8] = [
            (shortest, 1, false, &[1]),
            (longest, 0, false, &[0]),
            (shortest, 1, false, &[0, 1, 1]),
            (longest, full, true, &[full]),
            (longest, most, false, &[most, most - 1, 1, most]),
            (shortest, most, false, &[most, 0, most]),
            (longest, 0, true, &[0]),
            (shortest, most, false, &[1]),
        ];
        for (dim, n, through, lengths) in corners {
            let left = rows - case.rows();
            if left > 0 {
                let list = List::random(config, dim, n, through, random);
                put_run(&mut case, config, &list, lengths, left);
            }
        }
        while case.rows() < rows {
            let (dim, n) = List::shape(config, most, random);
            let list = List::random(config, dim, n, random.random_range(0..4) == 0, random);
            let lengths: Vec<usize> = match (list.through, random.random_range(0..3)) {
                (true, _) => vec![n],
                (_, 0) => (n.saturating_sub(5)..=n).collect(), // as with causal attention
                (_, 1) => vec![n; random.random_range(1..=4)],
                _ => (0..random.random_range(1..=6))
                    .map(|_| random.random_range(0..=n))
                    .collect(),
            };
            let left = rows - case.rows();
            put_run(&mut case, config, &list, &lengths, left);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("key_buffer");
        let reader = Mutant::of("ram_reader");
        vec![
            mutant(
                "fill bank not switched",
                "fill_bank_q <= !fill_bank_q",
                "fill_bank_q <= fill_bank_q",
            ),
            mutant(
                "read bank not switched",
                "read_bank_q <= !read_bank_q",
                "read_bank_q <= read_bank_q",
            ),
            mutant(
                "release ignored",
                "free = row_end && row_release;",
                "free = 1'b0;",
            ),
            mutant(
                "every row releases",
                "free = row_end && row_release;",
                "free = row_end;",
            ),
            mutant("bank not freed", " & ~({1'b0, free} << read_bank_q)", ""),
            mutant(
                "release before the list's end",
                "(whole || !(short && row_release))",
                "1'b1",
            ),
            mutant(
                "read before it is written",
                "read_word_q < fill_word_q",
                "read_word_q <= fill_word_q",
            ),
            mutant("list of the run before", "(stored || empty)", "1'b1"),
            mutant(
                "full bank overwritten",
                "key_ready : !whole_q[fill_bank_q]",
                "key_ready : 1'b1",
            ),
            mutant(
                "empty beat stored",
                "store && load_count != ",
                "store || load_count == ",
            ),
            mutant(
                "prefix too long by one",
                "row_n - done_q",
                "row_n - done_q + 1'b1",
            ),
            mutant("last beat runs on", "left <= full", "left < full"),
            mutant(
                "last beat's count",
                "short ? left[COUNT_W-1:0]",
                "short ? full[COUNT_W-1:0]",
            ),
            mutant("head dimension ignored", "MOST_LANES >> row_dim", "MOST_LANES"),
            mutant(
                "row does not begin at the list's begin",
                "row_end ? {WORD_W{1'b0}} : read_word_q",
                "read_word_q",
            ),
            mutant(
                "list does not begin at the bank's begin",
                "load_last ? {WORD_W{1'b0}} : fill_word_q",
                "fill_word_q",
            ),
            mutant(
                "bank of the other run read",
                "{read_word_q, read_bank_q}",
                "{read_word_q, !read_bank_q}",
            ),
            mutant(
                "forwarded ahead of rows that are read",
                "row_through && reader_idle",
                "row_through",
            ),
            mutant(
                "forwarded list stored",
                "load_ready && !load_through",
                "load_ready",
            ),
            mutant(
                "row ends with its first forwarded beat",
                "load_through && load_last &&",
                "load_through &&",
            ),
            reader("word overrun in the skid register", "!full || take", "1'b1"),
            reader(
                "displaced word lost",
                "displaced || (skid_valid_q",
                "1'b0 && (skid_valid_q",
            ),
            reader("word read over", "!held_valid_q || out_ready", "1'b1"),
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
        for latency in [1, 2] {
            let point = preset("spatten")?.config(|p| p.ram_latency = latency)?;
            let config = &point.config;
            let design = design("key_buffer", &point, None)?;
            let interface = design.interface.clone();
            let library = builder.build(design)?;
            for dim in dims(config) {
                for n in [1, 100, 1024] {
                    let d = Config::MIN_HEAD_DIM << dim;
                    progress(&format!("RAM latency {latency}, D = {d}, {n} keys"));
                    let mut random = Random::seed_from_u64(n as u64);
                    // Two runs, so that a list is loaded and the banks change while rows are read.
                    let rows = 20;
                    let mut case = Case::new(&interface);
                    for _ in 0..2 {
                        let list = List::random(config, dim, n, false, &mut random);
                        let list = List { open: false, ..list };
                        put_run(&mut case, config, &list, &vec![n; rows], rows);
                    }
                    let outcome = run(&library, &case, Pace::Always)?;
                    let beats = &outcome.output("key").cycles;
                    let cycles = (beats[beats.len() - 1] - beats[0]) as f64 / (beats.len() - 1) as f64;
                    let read = beats[0] - outcome.accepted("load")[0];
                    measured.push(Measurement {
                        setting: vec![
                            ("ram-latency", latency.to_string()),
                            ("D", d.to_string()),
                            ("keys", n.to_string()),
                        ],
                        figures: vec![(CYCLES, Some(cycles)), (LOADED, Some(read as f64))],
                        bounds: vec![(CYCLES, 1.0), (LOADED, f64::from(latency + 1))],
                    });
                }
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        48
    }
}

const CYCLES: &str = "cycles/beat";
const LOADED: &str = "load to key";
