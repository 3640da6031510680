//! The testbench of the whole core that stands alone: an example run as memory images, register accesses with what they
//! must read, and the same run as C for the driver.

use super::Random;
use super::registers::Registers;
use super::system::{Counts, code_of, image};
use super::testbench::{reset_signal, stamped};
use crate::config::Config;
use crate::golden::case::{Case, Executed, Outcome, Recorder, StateWrite};
use crate::golden::command::*;
use crate::golden::planes::{Image, Region, SECTOR, Tensor, plane_bytes};
use crate::golden::quant::Factor;
use crate::golden::sectors::Sectors;
use crate::golden::sequence::Work;
use crate::rtl::{self, Direction, render_template};
use anyhow::{Context as _, ensure};
use rand::{Rng, SeedableRng};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Bytes from the base of a memory channel to that of the next; more than a channel holds.
const CHANNEL_BYTES: u64 = 1 << 24;
/// Tokens of the prompt; two more are appended.
const PROMPT: u32 = 10;
const TOKENS: u32 = PROMPT + 2;
const DIM: u32 = 32;

/// A short run that uses most of what a command can do: a prompt, generated tokens whose rows are redone by the
/// threshold and by the mask, pruning of tokens and heads before and after layers, a command that is refused, a causal
/// layer with shared KV heads.
///
/// # Errors
/// When a command that must run is refused.
pub fn example(config: &Config) -> anyhow::Result<Case> {
    let bases = (0..u64::from(config.channels))
        .map(|c| c * CHANNEL_BYTES)
        .collect();
    let mut run = Recorder::new(config, bases, true);
    let mut random = Random::seed_from_u64(5);
    let heads = config.max_heads.min(2);
    let mut next = 0;
    let mut region = |vector: u64| {
        // A vector of each list lies across sectors, and a word lies between heads.
        let head_stride = vector * u64::from(TOKENS) + 4;
        let region = Region {
            base: next + 12,
            head_stride,
            token_stride: vector,
        };
        next = (region.base + u64::from(heads) * head_stride).next_multiple_of(SECTOR);
        region
    };
    let (keys, values) = ((5, 3), (4, 4));
    let mut regions = Regions {
        q: region(plane_bytes(config.width, DIM)),
        k_msb: region(plane_bytes(keys.0, DIM)),
        k_lsb: region(plane_bytes(keys.1, DIM)),
        v_msb: region(plane_bytes(values.0, DIM)),
        v_lsb: region(plane_bytes(values.1, DIM)),
        out: Region::default(),
    };
    let output = 2 * u64::from(DIM);
    let mut outputs: Vec<Region> = (0..4).map(|_| region(output)).collect();
    let mut tensor = |bits: u32| Tensor {
        heads: heads as usize,
        rows: TOKENS as usize,
        dim: DIM as usize,
        first: 0,
        bits,
        data: (0..heads * TOKENS * DIM)
            .map(|_| (random.next_u32() as i32 >> (32 - bits)) as i16)
            .collect(),
    };
    run.load(
        "q",
        &tensor(config.width),
        config.width,
        regions.q,
        Region::default(),
    );
    run.load("k", &tensor(8), keys.0, regions.k_msb, regions.k_lsb);
    run.load("v", &tensor(8), values.0, regions.v_msb, regions.v_lsb);
    run.write_state(StateWrite {
        length: Some(PROMPT),
        heads: Some(heads),
        token_list: Some(Vec::new()),
        head_list: Some(Vec::new()),
        ..StateWrite::default()
    })?;

    regions.out = outputs.remove(0);
    let deviation = (1u64 << (2 * config.width - 2)) as f64 / 3.0 * f64::from(DIM).sqrt();
    let full_scale = 2f64.powi(config.out_width as i32 - config.prob_width as i32 - config.width as i32);
    let prompt = LayerCommand {
        tokens: TokenOps {
            clear: true,
            reset: true,
            prune_after: Some(crate::golden::cascade::Prune {
                k: 8,
                first: 1,
                last: 2,
            }),
            ..TokenOps::default()
        },
        heads: HeadOps {
            clear: true,
            reset: true,
            ..HeadOps::default()
        },
        mode: Mode::Summarisation,
        causal: false,
        query: 0,
        head_dim: DIM,
        group: 1,
        keys: Keys {
            msb: keys.0,
            lsb: keys.1,
            mode: KeyMode::Always,
            threshold: 0,
            mask: Vec::new(),
        },
        values: Values {
            msb: values.0,
            lsb: values.1,
            mode: ValueMode::Always,
            ratio: 40000,
        },
        accumulate: Accumulate {
            tokens: true,
            heads: true,
            head_shift: 2,
        },
        scale: Factor::nearest(1.5 / deviation),
        output: Factor::nearest(full_scale),
        regions,
    };
    let mut layer = |command: &LayerCommand| -> anyhow::Result<()> {
        run.execute(command).context("the example")?;
        Ok(())
    };
    layer(&prompt)?;

    // A token: of its rows those below the largest probability are redone.
    let mut token = prompt.clone();
    token.tokens = TokenOps {
        append: true,
        scale: 1,
        ..TokenOps::default()
    };
    token.heads = HeadOps {
        prune_after: Some(HeadPrune { k: 1 }),
        ..HeadOps::default()
    };
    token.mode = Mode::Generation;
    token.query = PROMPT;
    token.keys.mode = KeyMode::Never;
    token.values.mode = ValueMode::WithRow;
    token.regions.out = outputs.remove(0);
    let largest = run.clone().execute(&token).context("the example")?;
    let largest = largest.rows.iter().map(|row| row.max_prob).max();
    token.keys.mode = KeyMode::Auto;
    token.keys.threshold = match heads {
        1 => u16::MAX >> (16 - config.prob_width),
        _ => largest.unwrap_or(0),
    };
    run.execute(&token).context("the example")?;

    // Refused: nothing changes.
    let mut refused = token.clone();
    refused.tokens.append = true;
    refused.values.ratio = 65537;
    ensure!(run.execute(&refused).is_err(), "the example is not refused");

    // Another token, whose last head is redone because the mask says so.
    let mut masked = token.clone();
    masked.tokens = TokenOps {
        append: true,
        prune_before: Some(crate::golden::cascade::Prune {
            k: 6,
            first: 0,
            last: 1,
        }),
        ..TokenOps::default()
    };
    masked.heads = HeadOps {
        reset: true,
        ..HeadOps::default()
    };
    masked.query = PROMPT + 1;
    masked.keys.mode = KeyMode::Mask;
    masked.keys.mask = vec![heads - 1];
    masked.regions.out = outputs.remove(0);
    run.execute(&masked).context("the example")?;

    let mut causal = prompt;
    causal.tokens = TokenOps {
        reset: true,
        prune_before: Some(crate::golden::cascade::Prune {
            k: 7,
            first: 2,
            last: 2,
        }),
        ..TokenOps::default()
    };
    causal.heads = HeadOps::default();
    causal.causal = true;
    causal.group = heads;
    causal.keys.mode = KeyMode::Never;
    causal.values.mode = ValueMode::Never;
    causal.regions.out = outputs.remove(0);
    run.execute(&causal).context("the example")?;
    Ok(run.finish())
}

/// What the testbench does with an access; the numbers are the testbench's.
#[derive(Clone, Copy)]
enum Kind {
    Write = 0,
    RefusedWrite = 1,
    Read = 2,
    Wait = 3,
    Poll = 4,
}

/// Accesses, and the names that they are reported by.
struct Script<'a> {
    registers: &'a Registers,
    text: String,
    length: usize,
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    shadow: HashMap<u32, u32>,
    command: usize,
}

impl Script<'_> {
    fn line(&mut self, kind: Kind, name: &str, index: usize, address: u32, data: u32, mask: u32) {
        let next = self.names.len();
        let number = *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            next
        });
        let _ = writeln!(
            self.text,
            "{:01x}{:02x}{number:02x}{index:04x}{address:05x}{data:08x}{mask:08x}",
            kind as u32, self.command
        );
        self.length += 1;
    }

    /// Writes what changes.
    fn write(&mut self, writes: impl IntoIterator<Item = (u32, u32)>) {
        for (address, data) in writes {
            if self.shadow.insert(address, data) != Some(data) {
                self.line(Kind::Write, "a write", 0, address, data, 0);
            }
        }
    }

    fn poke(&mut self, name: &str, fields: &[(&str, u32)]) {
        let (address, data) = self.registers.pack(name, fields);
        self.line(Kind::Write, name, 0, address, data, 0);
    }

    fn read(&mut self, name: &str, data: u32) {
        let address = self.registers.register(name).offset;
        self.line(Kind::Read, name, 0, address, data, u32::MAX);
    }

    fn table(&mut self, name: &str, values: &[u32]) {
        let offset = self.registers.window(name).offset;
        for (index, &value) in values.iter().enumerate() {
            self.line(
                Kind::Read,
                name,
                index,
                offset + 4 * index as u32,
                value,
                u32::MAX,
            );
        }
    }

    fn ring(&mut self) {
        self.poke("doorbell", &[]);
    }

    /// Until no command is queued or in work.
    fn idle(&mut self) {
        let (address, busy) = self.registers.pack("status", &[("busy", 1)]);
        self.line(Kind::Poll, "status", 0, address, 0, busy);
    }

    fn state(&mut self, executed: &Executed) {
        self.read("length", executed.length);
        self.read("heads", executed.head_importance.len() as u32);
        self.read("kept_tokens", executed.token_list.len() as u32);
        self.read("kept_heads", executed.head_list.len() as u32);
        self.table("token_list", &executed.token_list);
        self.table("head_list", &executed.head_list);
        self.table("token_importance", &executed.token_importance);
        self.table("head_importance", &executed.head_importance);
    }

    fn counters(&mut self, counts: &Counts) {
        for (name, &value) in &counts.0 {
            self.read(&format!("count_{name}_low"), value as u32);
            self.read(&format!("count_{name}_high"), (value >> 32) as u32);
        }
    }
}

/// Counters that the golden model knows, over several commands.
fn counts<'a>(executed: impl Iterator<Item = &'a Executed>) -> Counts {
    let (mut sectors, mut work) = (Sectors::default(), Work::default());
    for executed in executed {
        sectors += executed.sectors;
        work += executed.work;
    }
    Counts(BTreeMap::from([
        ("sectors_q", sectors.q),
        ("sectors_k_msb", sectors.k_msb),
        ("sectors_k_lsb", sectors.k_lsb),
        ("sectors_v_msb", sectors.v_msb),
        ("sectors_v_lsb", sectors.v_lsb),
        ("rows", work.rows),
        ("rows_redone", work.redone_rows),
    ]))
}

fn commands(case: &Case) -> impl Iterator<Item = (&LayerCommand, &Outcome)> {
    let events = case.events.iter();
    events.filter_map(|event| event.command.as_ref().zip(event.result.as_ref()))
}

fn executed(case: &Case) -> impl Iterator<Item = (&LayerCommand, &Executed)> {
    commands(case).filter_map(|(command, outcome)| match outcome {
        Outcome::Executed(executed) => Some((command, &**executed)),
        Outcome::Refused { .. } => None,
    })
}

/// The accesses of the example: one command at a time with everything read after it, then all again, queued.
fn script<'a>(registers: &'a Registers, case: &Case) -> Script<'a> {
    let mut script = Script {
        registers,
        text: String::new(),
        length: 0,
        names: Vec::new(),
        by_name: HashMap::new(),
        shadow: registers
            .map
            .registers
            .iter()
            .map(|r| (r.offset, r.reset))
            .collect(),
        command: 0,
    };
    let id = crate::rtl::register_map::IDENTIFICATION;
    script.read("id", id);
    let read_only = registers.register("id").offset;
    script.line(Kind::RefusedWrite, "id", 0, read_only, 1, 0);
    for (channel, &base) in case.channel_bases.iter().enumerate() {
        script.write(registers.halves(&format!("channel_base_{channel}"), base));
    }
    script.write([registers.pack("interrupt_enable", &[("done", 1), ("error", 1)])]);
    let begin: Vec<(u32, u32)> = case
        .events
        .iter()
        .filter_map(|event| event.state.as_ref())
        .flat_map(|write| registers.state(write))
        .collect();
    let restart = |script: &mut Script| {
        for &(address, data) in &begin {
            script.line(Kind::Write, "state", 0, address, data, 0);
        }
        script.poke("control", &[("clear_counters", 1)]);
    };
    restart(&mut script);
    let mut done: Vec<&Executed> = Vec::new();
    for (number, (command, outcome)) in commands(case).enumerate() {
        script.command = number;
        script.write(registers.descriptor(command));
        script.ring();
        script.line(Kind::Wait, "the interrupt", 0, 0, 0, 0);
        script.idle();
        match outcome {
            Outcome::Executed(executed) => {
                script.read("interrupt", registers.pack("interrupt", &[("done", 1)]).1);
                script.read("error", 0);
                done.push(executed);
            }
            Outcome::Refused { refused } => {
                script.read("interrupt", registers.pack("interrupt", &[("error", 1)]).1);
                script.read("error", code_of(refused));
                script.poke("control", &[("clear", 1)]);
            }
        }
        script.poke("interrupt", &[("done", 1), ("error", 1)]);
        script.read("status", 0);
        if let Some(executed) = done.last() {
            script.state(executed);
        }
        script.counters(&counts(done.iter().copied()));
    }
    restart(&mut script);
    for (command, _) in executed(case) {
        script.write(registers.descriptor(command));
        script.ring();
    }
    script.idle();
    if let Some(executed) = done.last() {
        script.state(executed);
    }
    script.counters(&counts(done.iter().copied()));
    script
}

/// Memory before and after the run, every byte of it, in words of 32 bits.
fn memory(config: &Config, case: &Case) -> anyhow::Result<[Vec<u32>; 2]> {
    let mut top = 0;
    for (address, _) in image(config, case)?.sectors() {
        top = top.max(address + SECTOR);
    }
    for (command, executed) in executed(case) {
        for row in &executed.rows {
            let address = command
                .regions
                .out
                .address(row.head, row.query, config.addr_width);
            top = top.max(address + 2 * u64::from(DIM));
        }
    }
    let bytes = top
        .next_power_of_two()
        .max(u64::from(config.channels) * 4 * SECTOR) as usize;
    // What nothing is loaded to is noise.
    let mut random = Random::seed_from_u64(6);
    let mut whole = Image::new(config);
    let noise: Vec<u8> = (0..bytes).map(|_| random.next_u32() as u8).collect();
    whole.write(0, &noise);
    for event in &case.events {
        let Some(load) = &event.load else { continue };
        whole.load(&case.tensor(load)?, load.msb_bits, &load.msb, &load.lsb);
    }
    let words = |image: &Image| -> Vec<u32> {
        let mut contents = vec![0; bytes];
        image.read(0, &mut contents);
        contents
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect()
    };
    let before = words(&whole);
    for (command, executed) in executed(case) {
        whole.store(command, &executed.rows);
    }
    Ok([before, words(&whole)])
}

fn hexadecimal(words: &[u32]) -> String {
    words.iter().map(|word| format!("{word:08x}\n")).collect()
}

#[derive(Serialize)]
struct PortView {
    name: String,
    signal: String,
}

/// The testbench, the driver's program and their vectors, and the Verilog that they need: paths under `tb/`.
///
/// # Errors
/// When the example cannot be made for this configuration.
pub fn files(config: &Config) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let case = example(config)?;
    let registers = Registers::new(config);
    let script = script(&registers, &case);
    let [before, after] = memory(config, &case)?;
    let module = rtl::module("spatten_top").context("no module `spatten_top`")?;
    // Ports of the channels lie side by side in one vector a name.
    let mut ports = Vec::new();
    let mut vectors: Vec<(String, u32)> = Vec::new();
    for (_, field) in &module.interface(config, &[]).ports {
        let signal = match field.name.strip_prefix("m_axi_").and_then(|n| n.split_once('_')) {
            Some((channel, name)) => {
                let channel: u32 = channel.parse()?;
                if channel == 0 {
                    vectors.push((name.to_owned(), field.width));
                }
                format!(
                    "m_{name}[{}:{}]",
                    (channel + 1) * field.width - 1,
                    channel * field.width
                )
            }
            None => field.name.clone(),
        };
        ports.push(PortView {
            name: field.name.clone(),
            signal,
        });
    }
    ports.insert(
        0,
        PortView {
            name: config.reset.port().into(),
            signal: reset_signal(config.reset).into(),
        },
    );
    let driven = |name: &str| {
        module
            .interface(config, &[])
            .ports
            .iter()
            .any(|(direction, field)| field.name == name && *direction == Direction::Out)
    };
    ensure!(driven("irq"), "`spatten_top` has no `irq`");
    let width = |name: &str| vectors.iter().find(|v| v.0 == name).map_or(0, |v| v.1);
    let mut context = tera::Context::new();
    context.insert("ports", &ports);
    context.insert("vectors", &vectors);
    context.insert("channels", &config.channels);
    context.insert("data_w", &width("rdata"));
    context.insert("addr_w", &width("araddr"));
    context.insert("id_w", &width("arid"));
    context.insert("sectors", &(before.len() / 8 / config.channels as usize));
    context.insert("channel_bits", &CHANNEL_BYTES.ilog2());
    context.insert("accesses", &script.length);
    context.insert("names", &script.names);
    context.insert("commands", &commands(&case).count());
    context.insert(
        "doorbell",
        &format!("{:05x}", registers.register("doorbell").offset),
    );
    let text = render_template(include_str!("../../templates/tb/spatten_top_tb.sv"), &context)?;
    let mut files = BTreeMap::from([
        ("tb/spatten_top_tb.sv".to_owned(), stamped("//", &text)),
        (
            "tb/spatten_top_driver.c".to_owned(),
            include_str!("../../templates/tb/spatten_top_driver.c").to_owned(),
        ),
        ("tb/spatten_top_case.h".to_owned(), c_case(&case)),
    ]);
    for (name, text) in [
        ("accesses", script.text),
        ("memory", hexadecimal(&before)),
        ("expected", hexadecimal(&after)),
    ] {
        files.insert(format!("tb/vectors/spatten_top_{name}.hex"), text);
    }
    Ok(files
        .into_iter()
        .map(|(path, text)| (path, text.into_bytes()))
        .collect())
}

fn c_words(name: &str, words: &[u32]) -> String {
    let values: Vec<String> = words.iter().map(|word| format!("{word}u")).collect();
    // An array has an entry at least.
    let values = if values.is_empty() {
        vec!["0u".into()]
    } else {
        values
    };
    format!("static const uint32_t {name}[] = {{{}}};\n", values.join(", "))
}

fn c_flag(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

fn c_region(region: &Region) -> String {
    format!(
        "{{{}u, {}u, {}u}}",
        region.base, region.head_stride, region.token_stride
    )
}

fn c_prune(prune: Option<(u16, u16, u16)>) -> String {
    match prune {
        Some((k, first, last)) => format!("{{true, {k}, {first}, {last}}}"),
        None => "{false, 0, 0, 0}".into(),
    }
}

fn c_layer(command: &LayerCommand) -> String {
    let key_mode = match command.keys.mode {
        KeyMode::Never => "NEVER",
        KeyMode::Always => "ALWAYS",
        KeyMode::Auto => "AUTO",
        KeyMode::Mask => "MASK",
    };
    let value_mode = match command.values.mode {
        ValueMode::Never => "NEVER",
        ValueMode::Always => "ALWAYS",
        ValueMode::WithRow => "WITH_ROW",
    };
    let mode = match command.mode {
        Mode::Summarisation => "SUMMARISATION",
        Mode::Generation => "GENERATION",
    };
    let mask = command.keys.mask.iter().fold(0u32, |bits, head| bits | 1 << head);
    let tokens =
        |prune: Option<crate::golden::cascade::Prune>| c_prune(prune.map(|p| (p.k, p.first, p.last)));
    let heads = |prune: Option<HeadPrune>| c_prune(prune.map(|p| (p.k, 0, 0)));
    let (t, h) = (&command.tokens, &command.heads);
    let r = &command.regions;
    format!(
        "SPATTEN_{mode}, {}, {}, {}, {},\n     {{{}, {}, SPATTEN_KEYS_{key_mode}, {}, {{{mask}u}}}}, {{{}, {}, SPATTEN_VALUES_{value_mode}, {}u}},\n     \
         {}, {}, {}, {{{}, {}}}, {{{}, {}}},\n     {{{}, {}, {}, {}, {}, {}}},\n     {{{}, {}, false, {}, {}, {}}},\n     {},\n     {},\n     {},\n     {},\n     {},\n     {}",
        c_flag(command.causal),
        command.query,
        command.head_dim,
        command.group,
        command.keys.msb,
        command.keys.lsb,
        command.keys.threshold,
        command.values.msb,
        command.values.lsb,
        command.values.ratio,
        c_flag(command.accumulate.tokens),
        c_flag(command.accumulate.heads),
        command.accumulate.head_shift,
        command.scale.mantissa,
        command.scale.shift,
        command.output.mantissa,
        command.output.shift,
        c_flag(t.clear),
        t.scale,
        c_flag(t.append),
        c_flag(t.reset),
        tokens(t.prune_before),
        tokens(t.prune_after),
        c_flag(h.clear),
        h.scale,
        c_flag(h.reset),
        heads(h.prune_before),
        heads(h.prune_after),
        c_region(&r.q),
        c_region(&r.k_msb),
        c_region(&r.k_lsb),
        c_region(&r.v_msb),
        c_region(&r.v_lsb),
        c_region(&r.out),
    )
}

/// The example for the driver's program.
fn c_case(case: &Case) -> String {
    let mut text = "/* The run of spatten_top_tb for spatten_top_driver.c. */\n\n".to_owned();
    let mut steps = String::new();
    let mut last: Option<&Executed> = None;
    let (mut length, mut heads) = (0, 0);
    for write in case.events.iter().filter_map(|event| event.state.as_ref()) {
        length = write.length.unwrap_or(length);
        heads = write.heads.unwrap_or(heads);
    }
    for (number, (command, outcome)) in commands(case).enumerate() {
        let (error, counted) = match outcome {
            Outcome::Executed(executed) => {
                last = Some(executed);
                (0, counts([&**executed].into_iter()))
            }
            Outcome::Refused { refused } => (code_of(refused), counts([].into_iter())),
        };
        let empty = Vec::new();
        let lists = last.map_or([&empty; 4], |e| {
            [
                &e.token_list,
                &e.token_importance,
                &e.head_list,
                &e.head_importance,
            ]
        });
        for (name, list) in ["tokens", "token_importance", "heads", "head_importance"]
            .iter()
            .zip(lists)
        {
            text += &c_words(&format!("{name}_{number}"), list);
        }
        let _ = writeln!(
            steps,
            "  {{{{{}}},\n   {error}u, {}u, {}u, {}u, {}u, tokens_{number}, token_importance_{number}, heads_{number}, \
             head_importance_{number},\n   {{{}}}}},",
            c_layer(command),
            last.map_or(length, |e| e.length),
            lists[3].len(),
            lists[0].len(),
            lists[2].len(),
            [
                "sectors_q",
                "sectors_k_msb",
                "sectors_k_lsb",
                "sectors_v_msb",
                "sectors_v_lsb",
                "rows",
                "rows_redone"
            ]
            .map(|name| counted.get(name).to_string())
            .join(", ")
        );
    }
    let bases: Vec<String> = case.channel_bases.iter().map(|base| format!("{base}u")).collect();
    let _ = write!(
        text,
        "\n#define CASE_TOKENS {length}u\n#define CASE_HEADS {heads}u\n\n\
         static const uint64_t channel_bases[] = {{{}}};\n\nstatic const struct step steps[] = {{\n{steps}}};\n",
        bases.join(", ")
    );
    text
}
