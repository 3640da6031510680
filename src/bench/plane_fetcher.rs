//! Bench of the plane fetcher: lists at every alignment and stride, on a memory of its own.

use super::measure::{Measurement, Selection, run};
use super::rows::pick;
use super::{Bench, Mutant, Point, Random, Rig};
use crate::config::{Config, Ram, Reset};
use crate::golden::plane_fetcher::{List, Planes, operands};
use crate::golden::planes::{SECTOR, address_mask};
use crate::rtl::plane_fetcher::Shape;
use crate::rtl::{self, Direction, Field, Interface, Module, Stream};
use crate::sim::{BeatMut, Builder, Case, Design, Pace};
use anyhow::{Context as _, ensure};
use rand::{Rng, RngExt, SeedableRng};
use std::fmt;

/// `plane_fetcher` against [`operands`]; a row is a list.
pub struct PlaneFetcher;

/// Mixes the bits of a number, as the Verilog of the memory does.
pub(super) fn mix(value: u64) -> u64 {
    let x = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// The byte that the memory of the bench holds at an address.
fn byte(address: u64) -> u8 {
    let word = mix(address / SECTOR * 8 + address % SECTOR / 4) >> 32;
    (word >> (8 * (address % 4))) as u8
}

impl Bench for PlaneFetcher {
    fn block(&self) -> &'static str {
        "plane_fetcher"
    }

    fn points(&self) -> anyhow::Result<Vec<Point>> {
        let preset = |name: &'static str| {
            Point::new(name).config(|c| {
                if let Some(preset) = crate::config::PRESETS.iter().find(|preset| preset.name == name) {
                    *c = preset.params();
                }
            })
        };
        Ok(vec![
            preset("spatten")?,
            preset("spatten-1-8")?,
            preset("edge")?,
            preset("tiny")?,
            // Vectors of 128 elements and 16 bits, 9 sectors each; four vectors of 32 to a lane; an address of 64 bits.
            Point::new("d128-w16-a64").config(|c| {
                (c.multipliers, c.head_dim, c.width, c.addr_width) = (256, 128, 16, 64);
                (c.channels, c.fetch_ports, c.sector_window) = (4, 16, 256);
                (c.ram_latency, c.reset) = (2, Reset::AsyncLow);
            })?,
            // Lanes of 3 and of 4 ports, an odd number of ports, ids of 15 bits.
            Point::new("ports7").config(|c| {
                (c.multipliers, c.head_dim, c.width, c.max_tokens) = (128, 64, 9, 32768);
                (c.channels, c.fetch_ports, c.sector_window) = (2, 7, 64);
                c.reset = Reset::AsyncHigh;
            })?,
            // Fewer ports than lanes: a beat takes 3 slices, of one slot a port.
            Point::new("passes3").config(|c| {
                (c.multipliers, c.head_dim, c.width) = (192, 64, 8);
                (c.channels, c.fetch_ports, c.sector_window) = (1, 2, 2);
                (c.ram_latency, c.ram) = (2, Ram::Macro);
            })?,
            Point::new("one-port").config(|c| {
                (c.multipliers, c.head_dim, c.max_tokens) = (64, 32, 16);
                (c.channels, c.fetch_ports, c.sector_window) = (1, 1, 1);
                c.reset = Reset::SyncLow;
            })?,
            // More channels than ports.
            Point::new("channels8-ports3")
                .config(|c| {
                    (c.multipliers, c.head_dim, c.width, c.addr_width) = (96, 32, 11, 50);
                    (c.channels, c.fetch_ports, c.sector_window) = (8, 3, 32);
                })?
                .parameter("CTX_W", 5),
        ])
    }

    fn surround(&self, point: &Point, design: &mut Design) -> anyhow::Result<()> {
        const TEMPLATE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/bench/plane_fetcher_stand.v"
        ));
        let config = &point.config;
        let shape = Shape::new(config);
        let mut context = shape.context(config);
        let depth = (2 * shape.tags).next_power_of_two();
        context.insert("memory_depth", &depth);
        context.insert(
            "wide_fetched",
            &format!("{{{}'d0, fetched}}", 32 - shape.fetched_w()),
        );
        context.insert("memory_depth_w", &depth.ilog2());
        rtl::insert_config(&mut context, config)?;
        let address = "request_address[channel*ADDR_W+:ADDR_W]";
        let padded = match config.addr_width {
            64 => address.to_owned(),
            width => format!("{{{}'d0, {address}}}", 64 - width),
        };
        context.insert("padded_address", &padded);
        let mut interface = rtl::plane_fetcher::PlaneFetcher.interface(config, &point.parameters);
        interface.ports = vec![
            (Direction::In, Field::new("memory_latency", 16)),
            (Direction::In, Field::new("memory_seed", 32)),
        ];
        interface.streams[0]
            .fields
            .extend([Field::new("settle", 1), Field::new("abort", 10)]);
        interface.streams.push(Stream::output(
            "report",
            vec![
                Field::new("msb", 32),
                Field::new("lsb", 32),
                Field::new("requests", 32),
                Field::new("sum", 64),
            ],
        ));
        let text = rtl::format::format(&rtl::render_template(TEMPLATE, &context)?);
        design.sources.push(("plane_fetcher_stand.v".into(), text));
        design.top = "plane_fetcher_stand".into();
        design.interface = interface;
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
        let mut case = Case::new(interface);
        let latency = *pick(&[2, 3, 7, 30, 100], random);
        case.port("memory_latency", latency);
        case.port(
            "memory_seed",
            if random.random_range(0..3) == 0 {
                0
            } else {
                u64::from(random.next_u32())
            },
        );
        let mut totals = Totals::default();
        let mut list = List::default();
        for row in 0..rows {
            // Now and then the same list again: nothing is shared between lists.
            if row == 0 || random.random_range(0..5) > 0 {
                list = some_list(config, row, random);
            }
            let settle = random.random_range(0..4) == 0;
            let decoy = settle && random.random_range(0..2) == 0;
            let mut extra = Extra {
                ctx: random.next_u64() & ((1 << interface.parameter("CTX_W")) - 1),
                settle,
                abort: if decoy { random.random_range(1..300) } else { 0 },
                empty_end: random.random_range(0..4) == 0,
                l: random.random_range(0..=config.width - list.m),
            };
            // Nothing to fetch: neither planes asked for; LSBs alone of which there are none. Then those with MSBs.
            if (3..6).contains(&row) {
                list.msb.count = if row == 5 { list.m } else { 0 };
                (list.lsb.count, extra.abort) = (0, 0);
                if list.ids.is_empty() {
                    list.ids = (0..config.max_tokens.min(20)).collect();
                }
            }
            if row == 4 || row == 5 {
                (extra.l, extra.ctx) = (0, extra.ctx | 1);
            }
            push_list(&mut case, config, &list, &extra, &mut totals);
        }
        Ok(case)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let mutant = Mutant::new;
        vec![
            mutant(
                "shared sector fetched twice",
                "vector_addresses",
                "sector == s5_last[(AT-1)*SECTOR_W+:SECTOR_W]",
                "1'b0",
            ),
            mutant(
                "sector of the group before fetched twice",
                "vector_addresses",
                "sector == carried && !s5_first_q",
                "1'b0",
            ),
            mutant(
                "sector shared between lists",
                "vector_addresses",
                "sector == carried && !s5_first_q",
                "sector == carried",
            ),
            mutant(
                "LSBs at the stride of the MSBs",
                "vector_addresses",
                "lsb ? job_lsb_stride[ADDR_W-1:2]",
                "1'b0 ? job_lsb_stride[ADDR_W-1:2]",
            ),
            mutant(
                "LSBs share with MSBs",
                "vector_addresses",
                "s5_lsb ? lsb_last_q",
                "1'b0 ? lsb_last_q",
            ),
            mutant(
                "LSBs placed as MSBs",
                "vector_addresses",
                "(lsb ? job_m : none),",
                "none,",
            ),
            mutant(
                "planes fetched that were not asked for",
                "vector_addresses",
                "lsbs ? job_l : none",
                "job_l",
            ),
            mutant(
                "sectors of vectors without planes",
                "vector_addresses",
                "s5_used & {VECTORS{s5_words_q != {WORDS_W{1'b0}}}}",
                "s5_used",
            ),
            mutant(
                "ports of one list for the next",
                "plane_fetcher",
                "if (use_origin[by]) begin",
                "if (1'b0) begin",
            ),
            mutant(
                "number of ids forgotten",
                "vector_addresses",
                "wire [COUNT_W-1:0] taken = rest ? left_q : slice;",
                "wire [COUNT_W-1:0] taken = slice;",
            ),
            mutant(
                "high bits of the product lost",
                "vector_addresses",
                "product = even_products[WORD_W-1:0]",
                "product = even_products[WORD_W-3:0]",
            ),
            mutant(
                "head dimension of the next list",
                "vector_addresses",
                "job_dim == 2'd1 ? ids_q",
                "1'b0 ? ids_q",
            ),
            mutant(
                "sectors not turned back",
                "sector_lane",
                "sum = {1'b0, collect_start} +",
                "sum = {START_W + 1{1'b0}} +",
            ),
            mutant(
                "shared sector lost",
                "plane_fetcher",
                "if (pick && !s1_lsb) msb_last_q <= group_end;",
                "if (pick && !s1_lsb) msb_last_q <= last[(LANES-1)*DATA_W+:DATA_W];",
            ),
            mutant(
                "sector inherited from another group",
                "plane_fetcher",
                "known[lane-1] ? last",
                "1'b1 ? last",
            ),
            mutant(
                "sector not waited for",
                "plane_fetcher",
                "(use_needed & ~arrived) == {PORTS{1'b0}}",
                "(use_needed[0] && !arrived[0]) == 1'b0",
            ),
            mutant(
                "planes of the list before kept",
                "plane_assembler",
                "push_merge ? planes_q | placed : placed",
                "planes_q | placed",
            ),
            mutant(
                "MSBs lost",
                "plane_assembler",
                "push_merge ? planes_q | placed : placed",
                "placed",
            ),
            mutant(
                "planes that were not fetched",
                "plane_assembler",
                "PLANE < push_planes",
                "PLANE <= push_planes",
            ),
            mutant(
                "sector of another class",
                "sector_crossbar",
                "tag_class == (kind != 0)",
                "tag_class != (kind != 0)",
            ),
            mutant(
                "tag of the other class",
                "sector_crossbar",
                ".push_data ({turn, next",
                ".push_data ({!turn, next",
            ),
            mutant(
                "slot not moved on",
                "fetch_port",
                "if (read && !request) busy_q <= busy_q - 1'b1;",
                "if (read) busy_q <= busy_q - 1'b1;",
            ),
            mutant(
                "flush forgets the sectors that are owed",
                "plane_fetcher",
                ".drop           (flushing_q)",
                ".drop           (1'b0)",
            ),
            mutant(
                "flush does not wait for the memory",
                "plane_fetcher",
                "groups_q == {GROUPS_W{1'b0}} && crossbar_idle;",
                "groups_q == {GROUPS_W{1'b0}};",
            ),
            mutant(
                "request taken back by a flush",
                "sector_crossbar",
                "else if (free) offer_valid_q <= load;",
                "else if (free || clear) offer_valid_q <= load;",
            ),
            mutant(
                "list goes on after a flush",
                "vector_addresses",
                "end else if (clear) begin\n      ids_valid_q <= 1'b0;",
                "end else if (clear) begin\n      ids_valid_q <= ids_valid_q;",
            ),
        ]
    }

    fn has_figures(&self) -> bool {
        true
    }

    fn measure(
        &self,
        builder: &Builder,
        selection: &Selection,
        progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<Measurement>> {
        let mut measured = Vec::new();
        if selection.parallelism.is_some() {
            return Ok(measured);
        }
        let point = &self.points()?[0];
        let rig = Rig::new(builder, &PlaneFetcher, point, None)?;
        for dim in [64, 32] {
            for bits in [4, 6, 8, 12] {
                for percent in [10, 20, 50, 90, 100] {
                    measured.push(measure(
                        &rig,
                        &point.config,
                        dim,
                        bits,
                        Lists::Share(percent),
                        progress,
                    )?);
                }
                for sizes in SHORT {
                    measured.push(measure(
                        &rig,
                        &point.config,
                        dim,
                        bits,
                        Lists::Sizes(sizes),
                        progress,
                    )?);
                }
            }
        }
        Ok(measured)
    }

    fn rows_per_run(&self) -> usize {
        24
    }
}

/// Runs of random lists; figures are their means, but for the worst share of the roof.
const SEEDS: u64 = 10;
/// Sectors of one measured run.
const SECTORS: u64 = 100_000;
/// Memory latency that the figures are for.
const LATENCY: u64 = 100;
/// Cycles from the first beat of vectors to the last, in percent of those that one sector a channel or one beat a cycle
/// would take.
const ROOF: &str = "% of roof";

/// Short lists, in turn: what a head's row keeps of its values, and of its keys.
const SHORT: [&[usize]; 2] = [&[20], &[102]];

/// Lists of tokens of one head after the other, in a dense layout.
#[derive(Clone, Copy, Debug)]
enum Lists {
    /// Each token is kept with a probability, in percent.
    Share(u32),
    /// So many tokens are kept of each head in turn.
    Sizes(&'static [usize]),
}

impl Lists {
    /// The ids of the list with this number.
    fn ids(self, number: usize, tokens: u32, random: &mut Random) -> Vec<u32> {
        match self {
            Lists::Share(percent) => (0..tokens)
                .filter(|_| random.random_range(0..100) < percent)
                .collect(),
            Lists::Sizes(sizes) => {
                let mut left = sizes[number % sizes.len()];
                let mut kept = |id: &u32| {
                    let take = (random.random_range(0..tokens - id) as usize) < left;
                    left -= usize::from(take);
                    take
                };
                (0..tokens).filter(|id| kept(id)).collect()
            }
        }
    }
}

impl fmt::Display for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lists::Share(percent) => write!(f, "{percent} %"),
            Lists::Sizes(sizes) => {
                let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
                write!(f, "{}", sizes.join(", "))
            }
        }
    }
}

/// Lists back to back, a hundred thousand sectors of each seed.
fn measure(
    rig: &Rig,
    config: &Config,
    dim: u32,
    bits: u32,
    lists: Lists,
    progress: &dyn Fn(&str),
) -> anyhow::Result<Measurement> {
    progress(&format!(
        "{bits} bits, D = {dim}, {lists} of {} tokens kept",
        config.max_tokens
    ));
    let mut worst = 0.0f64;
    let (mut rate, mut vector_rate, mut wanted) = (0.0, 0.0, 0.0);
    let seeds = if matches!(lists, Lists::Share(100)) {
        1
    } else {
        SEEDS
    };
    for seed in 1..=seeds {
        let mut random = Random::seed_from_u64(seed);
        let mut case = Case::new(rig.interface());
        case.port("memory_latency", LATENCY);
        let mut totals = Totals::default();
        let stride = u64::from(bits * dim / 8);
        let (mut vectors, mut head) = (0, 0);
        while totals.sectors() < SECTORS {
            let ids = lists.ids(head, config.max_tokens, &mut random);
            vectors += ids.len() as u64;
            let base = head as u64 * stride * u64::from(config.max_tokens);
            head += 1;
            push_msbs(&mut case, config, (bits, dim), base, ids, &mut totals);
        }
        // An empty list behind them, before which the fetcher tells what it asked for.
        let list = List {
            m: bits,
            dim,
            ..List::default()
        };
        let extra = Extra {
            settle: true,
            ..Extra::default()
        };
        let asked = totals.sectors();
        push_list(&mut case, config, &list, &extra, &mut totals);
        let outcome = run(&rig.library, &case, Pace::Always)?;
        let (_, beats) = outcome.output("vector").cycles.split_last().context("no beats")?;
        ensure!(beats.len() > 1, "no beats");
        let cycles = (beats[beats.len() - 1] - beats[0] + 1) as f64;
        let sectors = asked as f64 / f64::from(config.channels);
        let groups = (vectors * u64::from(dim)) as f64 / f64::from(config.multipliers);
        worst = worst.max(100.0 * cycles / sectors.max(groups));
        let share = 1.0 / seeds as f64;
        rate += share * 100.0 * sectors / cycles;
        vector_rate += share * vectors as f64 / cycles;
        wanted += share * 100.0 * (vectors * stride) as f64 / (asked * SECTOR) as f64;
    }
    // Vectors of 24 bytes lie in one sector or in two: groups of them are the most uneven.
    let bound = match (lists, dim, bits) {
        (Lists::Share(_), 32, 6) => Some(100.0 / 0.87),
        (Lists::Share(_), ..) => Some(100.0 / 0.9),
        (Lists::Sizes(&[102]), 64, _) => Some(100.0 / 0.9),
        (Lists::Sizes(&[20]), 64, _) => Some(100.0 / 0.84),
        (Lists::Sizes(_), ..) => None,
    }
    .map(|most| (ROOF, most));
    Ok(Measurement {
        setting: vec![
            ("D", dim.to_string()),
            ("bits", bits.to_string()),
            ("kept of 1024", lists.to_string()),
        ],
        figures: vec![
            ("sectors/channel/100 cycles", Some(rate)),
            ("vectors/cycle", Some(vector_rate)),
            ("wanted %", Some(wanted)),
            (ROOF, Some(worst)),
        ],
        bounds: bound.into_iter().collect(),
    })
}

/// Appends a list of MSB planes only, so many of so many elements, its vectors end to end from `base` on.
fn push_msbs(
    case: &mut Case,
    config: &Config,
    (bits, dim): (u32, u32),
    base: u64,
    ids: Vec<u32>,
    totals: &mut Totals,
) {
    let list = List {
        msb: Planes {
            base,
            stride: u64::from(bits * dim / 8),
            count: bits,
        },
        lsb: Planes::default(),
        m: bits,
        dim,
        ids,
    };
    push_list(case, config, &list, &Extra::default(), totals);
}

/// A case of one vector, on a memory that answers after `latency` cycles.
pub fn one_vector(interface: &Interface, config: &Config, latency: u64) -> Case {
    let mut case = Case::new(interface);
    case.port("memory_latency", latency);
    push_msbs(
        &mut case,
        config,
        (1, config.head_dim),
        0,
        vec![0],
        &mut Totals::default(),
    );
    case
}

/// What has been asked of the memory since the last report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Sectors of MSB planes.
    pub msb: u64,
    /// Sectors of LSB planes.
    pub lsb: u64,
    /// Sum of the mixed numbers of the sectors.
    pub sum: u64,
}

impl Totals {
    /// All sectors.
    pub fn sectors(&self) -> u64 {
        self.msb + self.lsb
    }

    /// Counts what a list asks for.
    pub fn add(&mut self, list: &List, config: &Config) {
        for (planes, count) in [(&list.msb, &mut self.msb), (&list.lsb, &mut self.lsb)] {
            let sectors = planes.sectors(list.dim, &list.ids, config.addr_width);
            *count += sectors.len() as u64;
            for sector in sectors {
                self.sum = self.sum.wrapping_add(mix(sector + 1));
            }
        }
    }
}

/// What a list is sent with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extra {
    /// Travels with the list.
    pub ctx: u64,
    /// Report before the list.
    pub settle: bool,
    /// Flushed so many cycles after its start; 0: never.
    pub abort: u32,
    /// Full beats are followed by an empty one.
    pub empty_end: bool,
    /// LSB planes named when none are fetched.
    pub l: u32,
}

/// A list that is worth trying; the first ones are corners.
pub(super) fn some_list(config: &Config, row: usize, random: &mut Random) -> List {
    let mask = address_mask(config.addr_width);
    let sizes: Vec<u32> = [32, 64, 128]
        .into_iter()
        .filter(|&size| size <= config.head_dim)
        .collect();
    let dim = sizes[match row {
        0..3 => row % sizes.len(),
        _ => random.random_range(0..sizes.len()),
    }];
    let width = config.width;
    let m = match random.random_range(0..4) {
        0 => width,
        1 => 1,
        _ => random.random_range(1..=width),
    };
    let most = width - m;
    let l = if random.random_range(0..2) == 0 {
        most
    } else {
        random.random_range(0..=most)
    };
    let (use_msb, use_lsb) = *pick(
        &[
            (true, false),
            (true, false),
            (true, false),
            (true, true),
            (true, true),
            (false, true),
            (false, false),
        ],
        random,
    );
    let planes = |count: u32, random: &mut Random| {
        let bytes = u64::from(count * dim / 8);
        let base = match random.random_range(0..4) {
            0 => u64::from(random.next_u32() % 4096),
            1 => 0u64.wrapping_sub(u64::from(random.next_u32() % 8192)),
            _ => random.next_u64(),
        };
        let stride = match random.random_range(0..10) {
            0 => 0,
            1 => u64::from(random.next_u32() % 8) * 4,
            2 => random.next_u64(),
            3 => 0u64.wrapping_sub(bytes),
            4 => bytes + 4,
            5 => 32 * u64::from(random.random_range(1..5u32)),
            _ => bytes,
        };
        Planes {
            base: base & mask & !3,
            stride: stride & mask & !3,
            count,
        }
    };
    let beat = Shape::new(config).beat_vectors() as usize;
    let most = config.max_tokens as usize;
    let count = match random.random_range(0..8) {
        0 => 0,
        1 => 1,
        2 => beat * random.random_range(1..4usize),
        3 => random.random_range(1..=beat),
        _ => random.random_range(1..=6 * beat + 20),
    };
    let count = count.min(most);
    let ids: Vec<u32> = match random.random_range(0..4) {
        // Anywhere, in any order.
        0 => (0..count)
            .map(|_| random.random_range(0..config.max_tokens))
            .collect(),
        // The last ones.
        1 => (config.max_tokens - count as u32..config.max_tokens).collect(),
        // Ascending, some left out.
        _ => {
            let mut left = count;
            (0..most)
                .filter(|&id| {
                    let take = random.random_range(0..most - id) < left * 4 && left > 0;
                    left -= usize::from(take);
                    take
                })
                .map(|id| id as u32)
                .collect()
        }
    };
    List {
        msb: planes(if use_msb { m } else { 0 }, random),
        lsb: planes(if use_lsb { l } else { 0 }, random),
        m,
        dim,
        ids,
    }
}

/// Appends a list and what must come of it.
fn push_list(case: &mut Case, config: &Config, list: &List, extra: &Extra, totals: &mut Totals) {
    push_job(case, list, extra)
        .set("settle", i64::from(extra.settle))
        .set("abort", extra.abort);
    let beats = id_beats(config, list, extra.empty_end);
    push_ids(case, &beats);
    if extra.settle {
        case.beat("report")
            .set("msb", totals.msb as i64)
            .set("lsb", totals.lsb as i64)
            .set("requests", totals.sectors() as i64)
            .set("sum", totals.sum as i64);
        *totals = Totals::default();
    }
    if extra.abort == 0 {
        totals.add(list, config);
        push_vectors(case, config, list, extra.ctx, &beats, &byte);
    }
    case.end_row();
}

/// Appends the job of a list, and gives its beat for what else it has.
pub(super) fn push_job<'a>(case: &'a mut Case, list: &List, extra: &Extra) -> BeatMut<'a> {
    let flag = |planes: &Planes| i64::from(planes.count > 0);
    let l = if list.lsb.count > 0 {
        list.lsb.count
    } else {
        extra.l
    };
    // LSBs of which there are none may be asked for.
    let use_lsb = if l == 0 && extra.ctx & 1 == 1 {
        1
    } else {
        flag(&list.lsb)
    };
    case.beat("job")
        .set("msb_base", list.msb.base as i64)
        .set("msb_stride", list.msb.stride as i64)
        .set("lsb_base", list.lsb.base as i64)
        .set("lsb_stride", list.lsb.stride as i64)
        .set("use_msb", flag(&list.msb))
        .set("use_lsb", use_lsb)
        .set("m", list.m)
        .set("l", l)
        .set("dim", i64::from(list.dim.ilog2() - 5))
        .set("ctx", extra.ctx as i64)
}

/// The ids of a list by beat; with `empty_end`, full beats are followed by an empty one.
pub(super) fn id_beats<'a>(config: &Config, list: &'a List, empty_end: bool) -> Vec<&'a [u32]> {
    let lanes = Shape::new(config).beat_vectors() as usize;
    let mut beats: Vec<&[u32]> = list.ids.chunks(lanes).collect();
    if list.ids.len() % lanes == 0 && (empty_end || beats.is_empty()) {
        beats.push(&[]);
    }
    beats
}

/// Appends the ids of a list.
pub(super) fn push_ids(case: &mut Case, beats: &[&[u32]]) {
    for (beat, ids) in beats.iter().enumerate() {
        case.beat("id")
            .lanes("ids", ids.iter().copied())
            .set("count", ids.len() as i64)
            .set("last", i64::from(beat == beats.len() - 1));
    }
}

/// Appends the vectors that must come of a list, from a memory with the given bytes.
pub(super) fn push_vectors(
    case: &mut Case,
    config: &Config,
    list: &List,
    ctx: u64,
    beats: &[&[u32]],
    byte: &dyn Fn(u64) -> u8,
) {
    let vectors = operands(list, config.width, config.addr_width, byte);
    let group = (Shape::new(config).wide * config.multipliers / list.dim) as usize;
    let mut rest = vectors.as_slice();
    for (beat, ids) in beats.iter().enumerate() {
        let (here, after) = rest.split_at(ids.len());
        rest = after;
        let mut groups: Vec<&[Vec<i16>]> = here.chunks(group).collect();
        if groups.is_empty() {
            groups.push(&[]);
        }
        for (number, vectors) in groups.iter().enumerate() {
            let last = beat == beats.len() - 1 && number == groups.len() - 1;
            case.beat("vector")
                .lanes("data", vectors.iter().flatten().copied())
                .set("count", vectors.len() as i64)
                .set("last", i64::from(last))
                .set("ctx", ctx as i64);
        }
    }
}
