//! Bench of the value buffer: runs of rows that pick from stored lists, and rows that are passed through.

use super::key_buffer::{buffer_points, preset};
use super::lists::{List, dims, per_beat};
use super::measure::{Measurement, Selection, run};
use super::{Bench, Mutant, Point, Random, stand};
use crate::config::Config;
use crate::golden::value_buffer::weighted_sum;
use crate::rtl::{Direction, Field, Interface, Stream, count_bits};
use crate::sim::{Builder, Case, Design, Pace};
use rand::{Rng, RngExt, SeedableRng};

/// `value_buffer` against [`weighted_sum`], which its values and probabilities are to make; a row is a row.
pub struct ValueBuffer;

/// Lists are at most as long, so that wide beats do not take too much time to make.
const LONGEST: u32 = 160;

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/templates/bench/value_buffer_summed.sv"
));

/// The picks of a row.
#[derive(Clone, Debug)]
struct Picks {
    positions: Vec<usize>,
    probs: Vec<i64>,
    /// Whether the row ends with an empty beat after full ones.
    open: bool,
    ctx: i64,
}

impl Picks {
    /// Picks at `positions`, with random probabilities.
    fn at(positions: Vec<usize>, config: &Config, ctx_w: u64, random: &mut Random) -> Self {
        let most = 1i64 << config.prob_width;
        Picks {
            probs: positions.iter().map(|_| random.random_range(0..most)).collect(),
            positions,
            open: random.random_range(0..4) == 0,
            ctx: i64::from(random.next_u32()) & ((1 << ctx_w) - 1),
        }
    }

    /// `k` of the first `n` positions.
    fn random(n: usize, k: usize, config: &Config, ctx_w: u64, random: &mut Random) -> Self {
        Self::at(subset(n, k, random), config, ctx_w, random)
    }

    /// Numbers of picks in the beats that carry the row.
    fn beats(&self, slots: usize) -> Vec<usize> {
        let picks = self.positions.len();
        let mut beats = vec![slots; picks / slots];
        if picks % slots != 0 || picks == 0 || self.open {
            beats.push(picks % slots);
        }
        beats
    }
}

/// `k` of the numbers below `n`, ascending.
fn subset(n: usize, k: usize, random: &mut Random) -> Vec<usize> {
    let mut left = k;
    let chosen = |&number: &usize| {
        let take = random.random_range(0..n - number) < left;
        left -= usize::from(take);
        take
    };
    (0..n).filter(chosen).collect()
}

/// Puts one row of a list, with the beats that it gives.
fn put_row(case: &mut Case, config: &Config, list: &List, picks: &Picks, release: bool) {
    let slots = per_beat(config, list.dim);
    let counts = picks.beats(slots);
    let mut first = 0;
    for (index, &count) in counts.iter().enumerate() {
        let last = index + 1 == counts.len();
        let here = first..first + count;
        first += count;
        case.beat("pick")
            .lanes(
                "positions",
                picks.positions[here.clone()].iter().map(|&p| p as i64),
            )
            .lanes("probs", picks.probs[here.clone()].iter().copied())
            .set("count", count as i64)
            .set("last", last)
            .set("dim", i64::from(list.dim))
            .set("release", release)
            .set("through", list.through)
            .set("ctx", picks.ctx);
    }
    // What a list that passes is weighted with comes in its order.
    let survivors: Vec<(usize, i64)> = match list.through {
        true => picks.probs.iter().copied().enumerate().collect(),
        false => picks
            .positions
            .iter()
            .copied()
            .zip(picks.probs.iter().copied())
            .collect(),
    };
    let dim = (Config::MIN_HEAD_DIM << list.dim) as usize;
    let sums = weighted_sum(&survivors, &list.vectors, dim);
    let low = |sum: Option<&i64>| i64::from(sum.map_or(0, |&sum| sum as i32));
    case.beat("row")
        .lanes(
            "sums",
            (0..config.head_dim as usize).map(|element| low(sums.get(element))),
        )
        .set("dim", i64::from(list.dim))
        .set("ctx", picks.ctx);
    case.end_row();
}

/// Puts a run: its list and at most `rows` of its rows, the last of which releases the list.
fn put_run(case: &mut Case, config: &Config, list: &List, picks: &[Picks], rows: usize) {
    list.load(config, case);
    for (index, row) in picks.iter().enumerate().take(rows) {
        put_row(case, config, list, row, index + 1 == picks.len());
    }
}

impl Bench for ValueBuffer {
    fn block(&self) -> &'static str {
        "value_buffer"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let mut points = buffer_points()?;
        points[2].parameters.push(("CTX_W", 1));
        points[3].parameters.push(("CTX_W", 33));
        Ok(points)
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        let config = &point.config;
        let lanes = config.vector_lanes();
        let mut context = tera::Context::new();
        for (name, value) in [
            ("multipliers", config.multipliers),
            ("width", config.width),
            ("lanes", lanes),
            ("count_w", count_bits(lanes)),
            ("token_w", config.token_width()),
            ("prob_w", config.prob_width),
            ("head_dim", config.head_dim),
        ] {
            context.insert(name, &value);
        }
        stand(design, config, "value_buffer_summed", TEMPLATE, context)?;
        let ctx_w = design.interface.parameter("CTX_W") as u32;
        let streams = &mut design.interface.streams;
        streams.retain(|stream| stream.direction == Direction::In);
        streams.push(Stream::output(
            "row",
            vec![
                Field::lanes("sums", config.head_dim, 32),
                Field::new("dim", 2),
                Field::new("ctx", ctx_w),
            ],
        ));
        design.interface.ports.extend([
            (Direction::In, Field::new("draw", 32)),
            (Direction::Out, Field::new("waiting", 1)),
        ]);
        Ok(())
    }

    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case> {
        let config = &point.config;
        let ctx_w = interface.parameter("CTX_W").min(32);
        let mut case = Case::new(interface);
        let draw = if random.random_range(0..2) == 0 {
            0
        } else {
            random.next_u32()
        };
        case.port("draw", draw.into());
        let most = config.max_tokens.min(LONGEST) as usize;
        let longest = *dims(config).last().unwrap_or(&0);
        // Corners first: one pick, none, all, the last position only, all of one slot, all of one of its RAMs.
        let slots = per_beat(config, longest);
        let corners: [(u32, usize, Vec<Vec<usize>>); 5] = [
            (longest, 1, vec![vec![0]]),
            (longest, 0, vec![vec![]]),
            (
                0,
                most,
                vec![
                    (0..most).collect(),
                    vec![],
                    vec![most - 1],
                    (0..most - 1).collect(),
                ],
            ),
            (
                longest,
                most,
                vec![(0..most).step_by(slots).collect(), (0..most).collect()],
            ),
            (longest, most, vec![(0..most).step_by(2 * slots).collect()]),
        ];
        for (dim, n, positions) in corners {
            let left = rows - case.rows();
            if left > 0 {
                let list = List::random(config, dim, n, false, random);
                let picks: Vec<Picks> = positions
                    .into_iter()
                    .map(|positions| Picks::at(positions, config, ctx_w, random))
                    .collect();
                put_run(&mut case, config, &list, &picks, left);
            }
        }
        while case.rows() < rows {
            let (dim, n) = List::shape(config, most, random);
            let through = random.random_range(0..4) == 0;
            let list = List::random(config, dim, n, through, random);
            let picks: Vec<Picks> = if through {
                let range = config.max_tokens as usize;
                vec![Picks::random(range, n, config, ctx_w, random)]
            } else {
                let density = random.random_range(0..=8);
                let mut row = |seen: usize| {
                    let k = match density {
                        8 => random.random_range(0..=seen),
                        eighths => seen * (eighths + 1) / 8,
                    };
                    Picks::random(seen, k, config, ctx_w, random)
                };
                (0..1 + density % 6)
                    .map(|index| row(n.saturating_sub(index % 3)))
                    .collect()
            };
            let left = rows - case.rows();
            put_run(&mut case, config, &list, &picks, left);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::of("value_buffer");
        let reader = Mutant::of("ram_reader");
        let queue = Mutant::of("pick_queue");
        vec![
            mutant(
                "fill bank not switched",
                "fill_bank_q <= !fill_bank_q",
                "fill_bank_q <= fill_bank_q",
            ),
            mutant(
                "read bank not switched",
                "step_bank_q <= !step_bank_q",
                "step_bank_q <= step_bank_q",
            ),
            mutant(
                "release ignored",
                "assign freed     = read_go && s3_release_q",
                "assign freed     = 1'b0",
            ),
            mutant(
                "released before its last read",
                "assign freed     = read_go && s3_release_q",
                "assign freed     = step_release",
            ),
            mutant(
                "every beat of the last row releases",
                "assign step_release = step_last && row_release",
                "assign step_release = step && row_release",
            ),
            mutant("row ahead of its list", "&& whole_q[step_bank_q] &&", "&&"),
            mutant(
                "full bank overwritten",
                "(value_ready || !some) : !whole_q[fill_bank_q]",
                "(value_ready || !some) : 1'b1",
            ),
            mutant(
                "empty beat stored",
                "load_count != NONE && !fill_word_q[0]",
                "!fill_word_q[0]",
            ),
            mutant(
                "bank of the other run read",
                ".rd_addr({even_row, s3_bank_q})",
                ".rd_addr({even_row, !s3_bank_q})",
            ),
            mutant(
                "even and odd words confused",
                "s1_odds_q[lane]                 <= word[0]",
                "s1_odds_q[lane]                 <= !word[0]",
            ),
            mutant(
                "word and slot confused",
                "wire [     TOKEN_W-1:0] high = position >> low_bits",
                "wire [     TOKEN_W-1:0] high = position << low_bits",
            ),
            mutant(
                "slots the other way round",
                "{1'b0, position << pick_dim}",
                "{1'b0, ~position << pick_dim}",
            ),
            mutant(
                "turn of a slot",
                "assign slot = {turn, low};",
                "assign slot = {turn == 2'd2 ? 2'd0 : turn, low};",
            ),
            mutant(
                "picks beyond the count",
                "~({LANES{1'b1}} << pick_count)",
                "{LANES{1'b1}}",
            ),
            mutant(
                "a pick left out",
                "~({LANES{1'b1}} << pick_count)",
                "~({LANES{1'b1}} << pick_count) >> 1",
            ),
            mutant("rows mixed", "now[w]       = first_row;", "now[w]       = 1'b1;"),
            mutant(
                "picks of the row after the next sorted",
                "valid_q[w] && (first_row || second_row)",
                "valid_q[w]",
            ),
            mutant(
                "row's end before all is sorted",
                "through      = through && sorted[w];",
                "through      = through && 1'b1;",
            ),
            mutant(
                "row's end told early",
                "~|even_two && ~|odd_two && ~|single_offer",
                "~|odd_two && ~|single_offer",
            ),
            mutant(
                "second pick lost at the row's end",
                "~|even_two && ~|odd_two && ~|single_offer",
                "~|even_two && ~|odd_two",
            ),
            mutant(
                "row's end told twice",
                "next_last = last_q & ~told",
                "next_last = last_q",
            ),
            mutant(
                "pick put twice",
                "next_left = left_q & ~taken",
                "next_left = left_q",
            ),
            mutant(
                "place dropped with picks",
                "drop = valid_q[0] && sorted[0] &&",
                "drop = valid_q[0] &&",
            ),
            mutant(
                "more rows than can be told apart",
                "&& !(last_q[0] && done_q[1])",
                "",
            ),
            mutant(
                "pick put into a full queue",
                "&& entry_open[entry] && room[QUEUE]",
                "&& entry_open[entry]",
            ),
            mutant(
                "two picks in one lane",
                "free         = free & ~take;",
                "free         = free & ~{LANES{1'b0}};",
            ),
            mutant(
                "pick given to two lanes",
                "offer        = offer & ~turn_down(take, OFFSETS[r*32+:32]);",
                "offer        = offer & ~turn_down(take & firm, OFFSETS[r*32+:32]);",
            ),
            mutant(
                "displaced pick lost",
                "own_even = even_any & ~displaced",
                "own_even = even_any",
            ),
            mutant(
                "guest between slots",
                "firm         = ~slot_lanes |",
                "firm         =",
            ),
            mutant(
                "guest's probability",
                "{PROB_W{s3_guests_q[g*LANES+lane]}}",
                "{PROB_W{s3_guests_q[lane]}}",
            ),
            mutant("guest's value", "{PART_W{rd_from[g+1]}}", "{PART_W{rd_from[1]}}"),
            mutant(
                "probability of a lane without a pick",
                "& {PROB_W{s3_even_q[lane]}}",
                "& {PROB_W{1'b1}}",
            ),
            queue(
                "pick lost as another leaves",
                "move_enter = valid_q & ~(valid_q >> 1)",
                "move_enter = stay_enter",
            ),
            queue(
                "pick of the next row taken for one of this",
                "stay_now = now_q | (stay_enter & {PLACES{push && push_now}})",
                "stay_now = now_q | (stay_enter & {PLACES{push}})",
            ),
            queue(
                "next row never at hand",
                "(turn ? move_valid : move_now)",
                "move_now",
            ),
            mutant(
                "prob and value out of step",
                "prob_sent_q  <= (reader_valid || pass_picks) && prob_done",
                "prob_sent_q  <= 1'b0 && prob_done",
            ),
            mutant(
                "value sent twice",
                "value_sent_q <= (reader_valid || passing) && value_done",
                "value_sent_q <= 1'b0 && value_done",
            ),
            mutant(
                "last beat's count",
                "reader_some ? MOST_LANES >> reader_dim",
                "reader_some ? MOST_LANES",
            ),
            mutant(
                "value for an empty beat",
                "reader_valid ? reader_some : passing",
                "reader_valid ? 1'b1 : passing",
            ),
            mutant(
                "passes rows before it",
                "s1_through_q && !row_valid && !s3_valid_q",
                "s1_through_q && !s3_valid_q",
            ),
            mutant(
                "passes a row that is being read",
                "&& !s3_valid_q && reader_idle",
                "",
            ),
            mutant(
                "passing row ends without its values",
                "(value_done || !s1_last_q)",
                "1'b1",
            ),
            mutant(
                "values of a passing row fall silent",
                "pass_picks || pass_open_q",
                "pass_picks",
            ),
            reader("word overrun in the skid register", "!full || take", "1'b1"),
            reader(
                "tag of another word",
                "skid_valid_q ? skid_tag_q : held_tag_q",
                "held_tag_q",
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
        let point = preset("spatten")?;
        let config = &point.config;
        let design = self.design(&point, None)?;
        let interface = design.interface.clone();
        let library = builder.build(design)?;
        let mut measured = Vec::new();
        let mut measure = |dim: u32, label: &str, rows: &[(usize, usize)], most: Option<f64>| {
            let d = Config::MIN_HEAD_DIM << dim;
            progress(&format!("D = {d}, {label}"));
            let mut random = Random::seed_from_u64(u64::from(d));
            let list = List::random(config, dim, config.max_tokens as usize, false, &mut random);
            let list = List { open: false, ..list };
            let picks: Vec<Picks> = rows
                .iter()
                .map(|&(n, k)| Picks {
                    open: false,
                    ..Picks::random(n, k, config, 16, &mut random)
                })
                .collect();
            let mut case = Case::new(&interface);
            case.port("draw", 0);
            put_run(&mut case, config, &list, &picks, picks.len());
            let outcome = run(&library, &case, Pace::Always)?;
            // From the end of the first row to that of the last.
            let taken = &outcome.output("row").cycles;
            let cycles = (taken[taken.len() - 1] - taken[0]) as f64;
            let slots = per_beat(config, dim);
            let values: usize = rows.iter().skip(1).map(|&(_, k)| k).sum();
            let keys: usize = rows.iter().skip(1).map(|&(n, _)| n.div_ceil(slots)).sum();
            measured.push(Measurement {
                setting: vec![("D", d.to_string()), ("rows", label.to_owned())],
                figures: vec![
                    ("values/cycle", Some(values as f64 / cycles)),
                    ("% of full", Some(100.0 * values as f64 / cycles / slots as f64)),
                    (COST, Some(100.0 * cycles * slots as f64 / values as f64)),
                    (OF_KEYS, Some(100.0 * cycles / keys as f64)),
                ],
                bounds: [(COST, most), (OF_KEYS, Some(101.0))]
                    .into_iter()
                    .filter_map(|(name, most)| most.map(|most| (name, most)))
                    .collect(),
            });
            anyhow::Ok(())
        };
        for dim in dims(config).into_iter().rev() {
            let mut random = Random::seed_from_u64(1);
            let mixed: Vec<(usize, usize)> = (0..100)
                .map(|_| {
                    let n = random.random_range(128..=1024);
                    (n, n * random.random_range(100..=1000) / 1000)
                })
                .collect();
            measure(dim, "128-1024, 10-100 %", &mixed, Some(100.0 / 0.95))?;
            for n in [128usize, 1024] {
                for percent in [10, 20, 40, 70, 100] {
                    let label = format!("{n}, {percent} %");
                    measure(dim, &label, &[(n, (n * percent).div_ceil(100)); 50], None)?;
                }
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        40
    }
}

/// A case of one row of one beat, whose list is stored or passed through.
pub fn one_row(interface: &Interface, config: &Config, through: bool) -> Case {
    let mut random = Random::seed_from_u64(1);
    let mut case = Case::new(interface);
    case.port("draw", 0);
    let list = List {
        open: false,
        ..List::random(config, 0, 1, through, &mut random)
    };
    let picks = Picks {
        open: false,
        ..Picks::random(1, 1, config, 1, &mut random)
    };
    put_run(&mut case, config, &list, &[picks], 1);
    case
}

const COST: &str = "cycles % of ideal";
const OF_KEYS: &str = "cycles % of keys'";
