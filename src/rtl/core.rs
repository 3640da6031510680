//! Sizes and ports that the modules of the whole core share: lists, rows in flight, commands in work.

use super::plane_fetcher::Shape;
use super::register_file::{CommandField, command_fields};
use super::register_map::{REGIONS, register_map};
use super::{Direction, Field, Stream, count_bits, lane_bits};
use crate::config::Config;

/// Commands that may have rows in work at once. A layer of short rows is issued in some 150 cycles, and done some 500
/// cycles later.
const COMMAND_SLOTS: u32 = 8;
/// Rows in flight: at the default size a row of 102 keys takes 13 to 20 cycles, some 400 pass from its request to its
/// survivors, and its values then wait for a time in which no keys can be fetched.
const ROW_SLOTS: u32 = 64;
/// Longest rows whose survivors may wait for their values.
const KEPT_ROWS: u32 = 6;
/// Longest rows whose scores may wait for the decision about their LSBs.
const STORED_ROWS: u32 = 6;
/// Beats of values that wait for their array.
const VALUE_BEATS: u32 = 2;
/// Bits of what travels with a list: what it is, whether a generation's, and its head dimension.
pub(super) const JOB_CTX_W: u32 = 5;
/// Tasks that wait between sequencer and scheduler.
const TASKS: u32 = 16;

/// Rows that may be between the sequencer and their output.
fn rows_in_flight() -> u32 {
    // The RAM of the tasks' FIFO and the words read from it stand before the row slots.
    ROW_SLOTS + TASKS + 4
}

/// Sizes of the core.
#[derive(Clone, Copy, Debug)]
pub(super) struct Core {
    /// Bits of a number of list entries, of tokens or heads.
    pub length_w: u32,
    /// Bits of an id, of tokens or heads.
    pub id_w: u32,
    /// Words of a list.
    pub list_words: u32,
    /// Bits of a word's count.
    pub count_w: u32,
    /// Bits of a row's context.
    pub ctx_w: u32,
    /// Lowest bit of the head in a context; below stands k.
    ctx_head: u32,
    ctx_row: u32,
    ctx_command: u32,
    ctx_pass: u32,
    /// Words of survivors that may wait.
    pub kept_words: u32,
    /// Beats of scores that may wait.
    pub store_beats: u32,
    /// Beats of keys that wait for their array while values come past: a quarter of the longest row.
    pub key_beats: u32,
    /// Bits of a 4-byte word's address.
    pub word_w: u32,
    /// Bits of a number of planes.
    pub plane_w: u32,
}

impl Core {
    pub(super) fn new(config: &Config) -> Self {
        let most = config.max_tokens.max(config.max_heads);
        let length_w = count_bits(most);
        let ctx_head = length_w;
        let ctx_row = ctx_head + config.head_width();
        let ctx_command = ctx_row + ROW_SLOTS.ilog2();
        let ctx_pass = ctx_command + COMMAND_SLOTS.ilog2();
        let fetcher = Shape::new(config);
        let row_words = config.max_tokens / config.parallelism + 1;
        let row_beats = config.max_tokens / (config.multipliers / config.head_dim) + 1;
        Core {
            length_w,
            id_w: config.token_width().max(config.head_width()),
            list_words: most.div_ceil(config.parallelism).max(2),
            count_w: count_bits(config.parallelism),
            ctx_w: ctx_pass + 5,
            ctx_head,
            ctx_row,
            ctx_command,
            ctx_pass,
            kept_words: KEPT_ROWS * row_words,
            // A row's reservation is rounded up: at most twice its beats where they hold no power of two of keys.
            store_beats: STORED_ROWS * row_beats.next_power_of_two(),
            key_beats: (config.max_tokens / 4)
                .div_ceil(fetcher.wide * config.multipliers / config.head_dim)
                .max(2),
            word_w: config.addr_width - 2,
            plane_w: count_bits(config.width),
        }
    }

    /// Bits of a command slot's number.
    pub(super) fn command_slot_w(self) -> u32 {
        COMMAND_SLOTS.ilog2()
    }

    /// Bits of a row slot's number.
    pub(super) fn row_slot_w(self) -> u32 {
        ROW_SLOTS.ilog2()
    }

    /// What the templates of the core may use.
    pub(super) fn context(self, config: &Config) -> tera::Context {
        let mut context = tera::Context::new();
        let beat_shift = config.vector_lanes().ilog2();
        let fetcher = Shape::new(config);
        for (name, value) in [
            ("lanes", config.parallelism),
            ("lane_w", lane_bits(config.parallelism)),
            ("lane_shift", config.parallelism.ilog2()),
            ("count_w", self.count_w),
            ("token_w", config.token_width()),
            ("tokens_w", config.length_width()),
            ("head_w", config.head_width()),
            ("id_w", self.id_w),
            ("entry_w", self.id_w + 1),
            ("length_w", self.length_w),
            ("list_words", self.list_words),
            ("list_most", config.max_tokens.max(config.max_heads)),
            ("softmax_lanes", config.softmax_lanes),
            ("softmax_count_w", count_bits(config.softmax_lanes)),
            ("prob_w", config.prob_width),
            ("score_w", config.score_width()),
            ("sum_w", config.sum_width()),
            ("out_w", config.out_width),
            ("output_lanes", config.output_lanes()),
            ("magnitude_w", super::av_array::magnitude_bits(config)),
            ("vector_lanes", config.vector_lanes()),
            ("beat_vectors", fetcher.beat_vectors()),
            ("beat_count_w", fetcher.count_w()),
            ("beat_elements", fetcher.wide * config.multipliers),
            ("vector_count_w", count_bits(config.vector_lanes())),
            ("multipliers", config.multipliers),
            ("width", config.width),
            ("head_dim", config.head_dim),
            ("topk_units", super::topk_engine::TopkEngine::UNITS),
            ("word_w", self.word_w),
            ("plane_w", self.plane_w),
            ("command_slots", COMMAND_SLOTS),
            ("command_slot_w", self.command_slot_w()),
            ("row_slots", ROW_SLOTS),
            ("row_slot_w", self.row_slot_w()),
            ("in_flight_w", count_bits(rows_in_flight())),
            ("rows_w", count_bits(config.max_tokens * config.max_heads)),
            ("ctx_w", self.ctx_w),
            ("ctx_head", self.ctx_head),
            ("ctx_row", self.ctx_row),
            ("ctx_command", self.ctx_command),
            ("ctx_pass", self.ctx_pass),
            ("kept_words", self.kept_words),
            ("kept_free_w", count_bits(self.kept_words).max(self.length_w)),
            ("store_beats", self.store_beats),
            ("store_free_w", count_bits(self.store_beats).max(self.length_w)),
            ("beat_shift", beat_shift),
            ("beat_shift_w", count_bits(beat_shift).max(2)),
            ("task_depth", TASKS),
            ("key_beats", self.key_beats),
            ("value_beats", VALUE_BEATS),
            ("fetched_w", fetcher.fetched_w()),
            ("tally_w", super::register_file::tally_width(config)),
            ("register_address_w", super::register_map::ADDRESS_WIDTH),
        ] {
            context.insert(name, &value);
        }
        context.insert("ctx_pass_bit", &(1u64 << self.ctx_pass));
        context.insert("regions", &REGIONS);
        context.insert("fields", &fields(config));
        context.insert("controlled", &controlled(config));
        context
    }

    /// `valid`, `ready` and the words of a list that is streamed, as port fields.
    pub(super) fn word(self, config: &Config, name: &str, direction: Direction, whole: bool) -> Stream {
        let mut fields = vec![Field::lanes("ids", config.parallelism, self.id_w)];
        if whole {
            fields.push(Field::new("count", self.count_w));
            fields.push(Field::new("last", 1));
        }
        Stream {
            name: name.into(),
            direction,
            fields,
        }
    }
}

/// The fields of a command.
pub(super) fn fields(config: &Config) -> Vec<CommandField> {
    command_fields(config, &register_map(config))
}

/// The fields that the controller acts on.
pub(super) fn controlled(config: &Config) -> Vec<CommandField> {
    let acts = |name: &str| {
        name.starts_with("token_operations")
            || name.starts_with("head_operations")
            || name.starts_with("token_prune")
            || name.starts_with("token_guards")
            || name.starts_with("head_prune")
            || ["mode_generation", "mode_causal", "query_token"].contains(&name)
    };
    fields(config)
        .into_iter()
        .filter(|field| acts(&field.name))
        .collect()
}

/// A stream of command fields, without valid and ready where they are plain inputs.
pub(super) fn command_ports(fields: Vec<CommandField>) -> Vec<(Direction, Field)> {
    fields
        .into_iter()
        .map(|field| {
            (
                Direction::In,
                Field::new(format!("command_{}", field.name), field.width),
            )
        })
        .collect()
}

/// A beat of probabilities on the way to the importance of tokens.
pub(super) fn probabilities(config: &Config) -> Vec<Field> {
    vec![
        Field::lanes("probs", config.softmax_lanes, config.prob_width),
        Field::new("count", count_bits(config.softmax_lanes)),
        Field::new("last", 1),
    ]
}

/// A row's contribution to the importance of its head.
pub(super) fn magnitude(config: &Config) -> Vec<Field> {
    vec![Field::new("head", config.head_width()), Field::new("value", 32)]
}

/// What a row, run or head asks for; `slot`: with its command's slot.
pub(super) fn task(config: &Config, slot: bool) -> Vec<Field> {
    let core = Core::new(config);
    let mut fields = vec![Field::new("kind", 2)];
    if slot {
        fields.push(Field::new("slot", core.command_slot_w()));
    }
    fields.extend([
        Field::new("head", config.head_width()),
        Field::new("n", core.length_w),
        Field::new("k", core.length_w),
        Field::new("release", 1),
        Field::new("force", 1),
    ]);
    let bases = ["q", "k_msb", "k_lsb", "v_msb", "v_lsb"];
    fields.extend(bases.map(|name| Field::new(format!("{name}_base"), config.addr_width)));
    fields.push(Field::new("place_word", core.word_w));
    fields
}

/// A context as the only field of a stream.
pub(super) fn context_field(config: &Config) -> Vec<Field> {
    vec![Field::new("ctx", Core::new(config).ctx_w)]
}

/// A job of the plane fetcher as the core uses it.
pub(super) fn job(config: &Config) -> Vec<Field> {
    let core = Core::new(config);
    let addresses = ["msb_base", "msb_stride", "lsb_base", "lsb_stride"];
    let mut fields: Vec<_> = addresses
        .map(|name| Field::new(name, config.addr_width))
        .into_iter()
        .collect();
    fields.extend([
        Field::new("use_msb", 1),
        Field::new("use_lsb", 1),
        Field::new("m", core.plane_w),
        Field::new("l", core.plane_w),
        Field::new("dim", 2),
        Field::new("ctx", JOB_CTX_W),
    ]);
    fields
}

/// An operation of the cascading state.
pub(super) fn operation() -> Vec<Field> {
    vec![
        Field::new("code", 4),
        Field::new("list", 1),
        Field::new("index", 16),
        Field::new("value", 32),
        Field::new("k", 16),
        Field::new("first", 16),
        Field::new("last", 16),
    ]
}
