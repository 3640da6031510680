//! The whole core against the golden model: a host programs the emitted `spatten_top` with the commands of a
//! [`Case`], and every answer is compared, bit for bit.
//!
//! A case is a memory image, state that the host writes, and commands with what the golden model says of each. The
//! commands are run [one at a time](Flow::Single), with all state read back after each, or [queued](Flow::Queued), as
//! many as the hardware takes, so that they run back to back.

use crate::config::Config;
use crate::golden::case::{Case, Executed, Outcome, StateWrite};
use crate::golden::command::LayerCommand;
use crate::golden::planes::{Image, Region, SECTOR, address_mask};
use crate::golden::sectors::Sectors;
use crate::golden::sequence::Work;
use crate::rtl::register_map::{COUNTERS, ERRORS, Register};
use crate::sim::system::{Access, Answer, Broken, MemoryModel, System, SystemLibrary, Tally, Traffic};
use crate::sim::{Builder, Checks};
use anyhow::{anyhow, ensure};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::core_faults::{self, Fault};
use super::registers::Registers;
use super::stages::{self, StageCycles, Timeline};
use super::{Mutant, Point};

/// AXI's OKAY.
pub const OKAY: u32 = 0;
/// AXI's SLVERR.
pub const SLVERR: u32 = 2;
/// Commands that any build can queue.
pub const QUEUE: u32 = 4;
/// Cycles between two looks at the status while nothing is heard.
const LOOK: u64 = 5000;
/// Looks without any movement after which the core counts as hung.
const LOOKS: u32 = 40;
/// Where outputs go that lie over each other in the case.
const RECORDED: u64 = 0xc000_0000;
/// Bytes from the outputs of one queued command to those of the next: what two commands write is not ordered.
const APART: u64 = 1 << 22;

/// What the host sees go wrong.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The model or the bus.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// A register access was not answered with OKAY.
    #[error("{what}: answered with response {resp}, not OKAY")]
    Refused {
        /// Which access.
        what: String,
        /// Response code.
        resp: u32,
    },
    /// The core stays busy although nothing moves.
    #[error("hung: busy, but no interrupt and no memory traffic for {cycles} cycles; status {status:#x}")]
    Hung {
        /// Cycles without a sign of life.
        cycles: u64,
        /// The status register.
        status: u32,
    },
    /// An error interrupt where none may be.
    #[error("error {code}: {meaning}")]
    Failed {
        /// Number in the error register.
        code: u32,
        /// Its meaning.
        meaning: &'static str,
    },
}

/// The name of an error code of the register map, and its meaning.
pub fn error_code(code: u32) -> (&'static str, &'static str) {
    let found = ERRORS.iter().find(|error| error.0 == code);
    found.map_or(("unknown", "no such error code"), |error| (error.1, error.2))
}

/// The code of an error by the name that the golden model gives it.
pub(super) fn code_of(rule: &str) -> u32 {
    let name = rule.replace('-', "_");
    ERRORS.iter().find(|e| e.1 == name).map_or(u32::MAX, |e| e.0)
}

/// What the host last read of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The whole register.
    pub word: u32,
    /// A command is queued or in work.
    pub busy: bool,
    /// An error stands.
    pub error: bool,
    /// State and output are undefined.
    pub undefined: bool,
    /// A doorbell would be refused.
    pub full: bool,
    /// Commands queued or in work.
    pub queued: u32,
}

/// The state as the host reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadState {
    /// `L`.
    pub length: u32,
    /// `H`.
    pub heads: u32,
    /// Kept tokens.
    pub token_list: Vec<u32>,
    /// Kept heads.
    pub head_list: Vec<u32>,
    /// Importance of tokens below `L`.
    pub token_importance: Vec<u32>,
    /// Importance of heads below `H`.
    pub head_importance: Vec<u32>,
}

/// Software beside the core: knows the registers by name, keeps what it wrote so that only what changes is written, and
/// serves the interrupt.
pub struct Host {
    /// The core with its memory.
    pub system: System,
    registers: Registers,
    config: Config,
    bases: Vec<u64>,
    shadow: BTreeMap<u32, u32>,
    queued: u32,
    /// Cycle of the first doorbell since [`Host::start_clock`].
    first_doorbell: Option<u64>,
    /// What the stages had done by then.
    before: Vec<Tally>,
    errors: Vec<u32>,
    done: u64,
}

impl Host {
    /// Resets the core, sets channel bases and enables the interrupts.
    ///
    /// # Errors
    /// When the core does not do as it should.
    pub fn new(system: System, config: &Config, bases: &[u64]) -> anyhow::Result<Self> {
        let mut host = Host {
            system,
            registers: Registers::new(config),
            config: config.clone(),
            bases: bases.to_vec(),
            shadow: BTreeMap::new(),
            queued: 0,
            first_doorbell: None,
            before: Vec::new(),
            errors: Vec::new(),
            done: 0,
        };
        ensure!(
            host.system.channels() == config.channels as usize && bases.len() == host.system.channels(),
            "the top has {} channels, the configuration {}",
            host.system.channels(),
            config.channels
        );
        host.reset()?;
        Ok(host)
    }

    /// Resets the core and sets it up again; memory stays.
    ///
    /// # Errors
    /// When the core does not do as it should.
    pub fn reset(&mut self) -> Result<(), HostError> {
        self.system.reset(4)?;
        // Descriptors and settings are zero after reset, but for what the map says.
        self.shadow = self
            .registers
            .map
            .registers
            .iter()
            .map(|register| (register.offset, register.reset))
            .collect();
        self.queued = 0;
        self.errors.clear();
        self.first_doorbell = None;
        let mut writes = Vec::new();
        for (channel, base) in self.bases.clone().into_iter().enumerate() {
            writes.extend(self.registers.halves(&format!("channel_base_{channel}"), base));
        }
        let both = self.pack("interrupt_enable", &[("done", 1), ("error", 1)]);
        writes.push(both);
        self.write(&writes)
    }

    /// The register called `name`.
    ///
    /// # Panics
    /// When the map has none.
    pub fn register(&self, name: &str) -> &Register {
        self.registers.register(name)
    }

    /// Address of entry 0 of a table of the state.
    ///
    /// # Panics
    /// When the map has none of that name.
    pub fn window(&self, name: &str) -> u32 {
        self.registers.window(name).offset
    }

    /// Address of a register and the word that its fields make; what does not fit a field is cut off.
    ///
    /// # Panics
    /// When the map has no such register or field.
    pub fn pack(&self, name: &str, values: &[(&str, u32)]) -> (u32, u32) {
        self.registers.pack(name, values)
    }

    /// Writes registers that keep their values, those that change; all must be answered with OKAY.
    fn write(&mut self, writes: &[(u32, u32)]) -> Result<(), HostError> {
        let mut accesses = Vec::new();
        for &(address, data) in writes {
            if self.shadow.get(&address) != Some(&data) {
                self.shadow.insert(address, data);
                accesses.push(Access::Write(address, data));
            }
        }
        self.access("a register", &accesses).map(|_| ())
    }

    /// Accesses that must be answered with OKAY.
    fn access(&mut self, what: &str, accesses: &[Access]) -> Result<Vec<Answer>, HostError> {
        let answers = self.system.access(accesses)?;
        for (answer, access) in answers.iter().zip(accesses) {
            if answer.resp != OKAY {
                return Err(HostError::Refused {
                    what: format!("{what}: {access:x?}"),
                    resp: answer.resp,
                });
            }
        }
        Ok(answers)
    }

    /// Reads a register.
    ///
    /// # Errors
    /// When it is not answered with OKAY, or the core cannot go on.
    pub fn read(&mut self, name: &str) -> Result<u32, HostError> {
        let offset = self.register(name).offset;
        Ok(self.access(name, &[Access::Read(offset)])?[0].data)
    }

    /// Writes a register whatever it holds.
    ///
    /// # Errors
    /// When it is not answered with OKAY, or the core cannot go on.
    pub fn poke(&mut self, name: &str, values: &[(&str, u32)]) -> Result<(), HostError> {
        let (address, word) = self.pack(name, values);
        self.access(name, &[Access::Write(address, word)]).map(|_| ())
    }

    /// Every register of the descriptor of a command: address and value.
    pub fn descriptor(&self, command: &LayerCommand) -> Vec<(u32, u32)> {
        self.registers.descriptor(command)
    }

    /// Writes what a command changes in the descriptor.
    ///
    /// # Errors
    /// When a write is refused, or the core cannot go on.
    pub fn program(&mut self, command: &LayerCommand) -> Result<(), HostError> {
        let writes = self.descriptor(command);
        self.write(&writes)
    }

    /// Rings the doorbell; the response code.
    ///
    /// # Errors
    /// When the core cannot go on.
    pub fn ring(&mut self) -> Result<u32, HostError> {
        let doorbell = self.register("doorbell").offset;
        let cycle = self.system.clock().cycle;
        let before = match self.first_doorbell {
            None => self.system.tallies(),
            Some(_) => Vec::new(),
        };
        let resp = self.system.access(&[Access::Write(doorbell, 0)])?[0].resp;
        if resp == OKAY {
            self.queued += 1;
            if self.first_doorbell.is_none() {
                self.first_doorbell = Some(cycle);
                self.before = before;
            }
        }
        Ok(resp)
    }

    /// Programs a command and queues it as soon as there is room.
    ///
    /// # Errors
    /// When the core cannot go on, or refuses the doorbell although its queue is not full.
    pub fn submit(&mut self, command: &LayerCommand) -> Result<(), HostError> {
        self.program(command)?;
        if self.queued >= QUEUE {
            let mut watch = self.watch();
            while self.status()?.full {
                self.rest(&mut watch)?;
            }
        }
        match self.ring()? {
            OKAY => Ok(()),
            resp => Err(HostError::Refused {
                what: "a doorbell on a queue that is not full".into(),
                resp,
            }),
        }
    }

    /// Reads the status.
    ///
    /// # Errors
    /// When the core cannot go on.
    pub fn status(&mut self) -> Result<Status, HostError> {
        let word = self.read("status")?;
        let register = self.register("status");
        let field = |name: &str| {
            let found = register.fields.iter().find(|f| f.name == name);
            found.map_or(0, |f| word >> f.lsb & ((1u64 << f.width) - 1) as u32)
        };
        let status = Status {
            word,
            busy: field("busy") != 0,
            error: field("error") != 0,
            undefined: field("undefined") != 0,
            full: field("queue_full") != 0,
            queued: field("queued"),
        };
        self.queued = status.queued;
        Ok(status)
    }

    fn watch(&self) -> Watch {
        Watch {
            quiet: 0,
            moved: self.moved(),
            done: self.done,
        }
    }

    fn moved(&self) -> u64 {
        (0..self.system.channels())
            .map(|c| self.system.traffic(c))
            .map(|t| t.read_beats + t.write_beats)
            .sum()
    }

    /// Waits for the interrupt, or a while, and serves it.
    fn rest(&mut self, watch: &mut Watch) -> Result<(), HostError> {
        self.system.wait_irq(LOOK)?;
        self.serve()?;
        let moved = self.moved();
        if moved != watch.moved || self.done != watch.done {
            *watch = self.watch();
            return Ok(());
        }
        watch.quiet += 1;
        if watch.quiet > LOOKS {
            let status = self.status()?.word;
            return Err(HostError::Hung {
                cycles: u64::from(watch.quiet) * LOOK,
                status,
            });
        }
        Ok(())
    }

    /// Serves the interrupt if it is there: notes and clears its causes.
    fn serve(&mut self) -> Result<(), HostError> {
        if !self.system.clock().irq {
            return Ok(());
        }
        let interrupt = self.register("interrupt").offset;
        let error = self.register("error").offset;
        let causes = self.read("interrupt")?;
        let (_, error_bit) = self.pack("interrupt", &[("error", 1)]);
        let mut accesses = vec![Access::Write(interrupt, causes)];
        if causes & error_bit != 0 {
            accesses.push(Access::Read(error));
        }
        let answers = self.access("interrupt", &accesses)?;
        if causes & error_bit != 0 {
            self.errors.push(answers[1].data);
        }
        self.done += 1;
        Ok(())
    }

    /// Waits until the core is idle; the codes of the errors since the last time.
    ///
    /// # Errors
    /// When it hangs or cannot go on.
    pub fn drain(&mut self) -> Result<Vec<u32>, HostError> {
        let mut watch = self.watch();
        loop {
            self.serve()?;
            let status = self.status()?;
            // A held queue stays busy.
            if !status.busy || status.error && status.undefined {
                break;
            }
            self.rest(&mut watch)?;
        }
        self.serve()?;
        Ok(std::mem::take(&mut self.errors))
    }

    /// The cycles from the first doorbell to the last interrupt; the next doorbell is a first one again. Nothing without a
    /// doorbell, or when no interrupt followed it.
    pub fn take_span(&mut self) -> Option<Span> {
        let start = self.first_doorbell.take()?;
        let end = self.system.clock().irq_high;
        (end > start).then(|| Span {
            start,
            end,
            tallies: stages::between(&self.before, &self.system.tallies_at_irq()),
        })
    }

    /// Reads the whole state.
    ///
    /// # Errors
    /// When an access is refused, or the core cannot go on.
    pub fn state(&mut self) -> Result<ReadState, HostError> {
        let [length, heads, kept_tokens, kept_heads] = {
            let offsets =
                ["length", "heads", "kept_tokens", "kept_heads"].map(|name| self.register(name).offset);
            let answers = self.access("state", &offsets.map(Access::Read))?;
            [0, 1, 2, 3].map(|i| answers[i].data)
        };
        let mut window = |name: &str, entries: u32| -> Result<Vec<u32>, HostError> {
            let window = self.registers.window(name);
            let (offset, room) = (window.offset, window.entries);
            let reads: Vec<Access> = (0..entries.min(room))
                .map(|i| Access::Read(offset + 4 * i))
                .collect();
            let answers = self.access(name, &reads)?;
            Ok(answers.iter().map(|answer| answer.data).collect())
        };
        Ok(ReadState {
            length,
            heads,
            token_list: window("token_list", kept_tokens)?,
            head_list: window("head_list", kept_heads)?,
            token_importance: window("token_importance", length)?,
            head_importance: window("head_importance", heads)?,
        })
    }

    /// Accesses that write state.
    pub fn state_accesses(&self, write: &StateWrite) -> Vec<Access> {
        let writes = self.registers.state(write).into_iter();
        writes
            .map(|(address, value)| Access::Write(address, value))
            .collect()
    }

    /// Writes state.
    ///
    /// # Errors
    /// When an access is refused, or the core cannot go on.
    pub fn write_state(&mut self, write: &StateWrite) -> Result<(), HostError> {
        let accesses = self.state_accesses(write);
        self.access("state", &accesses).map(|_| ())
    }

    /// Reads every counter, in the order of [`COUNTERS`].
    ///
    /// # Errors
    /// When an access is refused, or the core cannot go on.
    pub fn counters(&mut self) -> Result<Counts, HostError> {
        let mut reads = Vec::new();
        for (name, _) in COUNTERS {
            for half in ["low", "high"] {
                reads.push(Access::Read(
                    self.register(&format!("count_{name}_{half}")).offset,
                ));
            }
        }
        let answers = self.access("counters", &reads)?;
        let values = answers
            .chunks_exact(2)
            .map(|pair| u64::from(pair[0].data) | u64::from(pair[1].data) << 32);
        let mut counts = Counts::default();
        for ((name, _), value) in COUNTERS.iter().zip(values) {
            counts.0.insert(name, value);
        }
        Ok(counts)
    }

    /// Puts a memory image behind the channels.
    pub fn load(&mut self, image: &Image) {
        for (channel, sectors) in image.channels(&self.bases).into_iter().enumerate() {
            self.system
                .put(channel, sectors.iter().map(|(&address, bytes)| (address, bytes)));
        }
    }

    /// Every word of 4 bytes that the core wrote since the last call, by its address in the whole memory.
    ///
    /// # Errors
    /// When a part of a word was written.
    pub fn written(&mut self) -> anyhow::Result<BTreeMap<u64, u32>> {
        let mask = address_mask(self.config.addr_width);
        let channels = self.bases.len() as u64;
        let mut words = BTreeMap::new();
        for (channel, &base) in self.bases.iter().enumerate() {
            for sector in self.system.written(channel) {
                let inside = (sector.address.wrapping_sub(base) & mask) / SECTOR;
                let address = (inside * channels + channel as u64).wrapping_mul(SECTOR) & mask;
                for word in 0..8 {
                    match sector.marks >> (4 * word) & 15 {
                        0 => {}
                        15 => {
                            let bytes = &sector.bytes[4 * word..][..4];
                            let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                            words.insert(address + 4 * word as u64, value);
                        }
                        marks => {
                            return Err(anyhow!(
                                "memory at {:#x}: bytes {marks:#06b} of a word written",
                                address + 4 * word as u64
                            ));
                        }
                    }
                }
            }
        }
        Ok(words)
    }

    /// What all channels carried.
    pub fn traffic(&self) -> Vec<Traffic> {
        (0..self.system.channels())
            .map(|c| self.system.traffic(c))
            .collect()
    }
}

/// A stretch of time, and what the stages did in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First cycle.
    pub start: u64,
    /// The cycle after the last one.
    pub end: u64,
    /// By field of the probe.
    pub tallies: Vec<Tally>,
}

/// Signs of life since the last look.
struct Watch {
    quiet: u32,
    moved: u64,
    done: u64,
}

/// The counters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<&'static str, u64>);

impl Counts {
    /// The counter called `name`; 0 when there is none.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Sectors per stream.
    pub fn sectors(&self) -> Sectors {
        Sectors {
            q: self.get("sectors_q"),
            k_msb: self.get("sectors_k_msb"),
            k_lsb: self.get("sectors_k_lsb"),
            v_msb: self.get("sectors_v_msb"),
            v_lsb: self.get("sectors_v_lsb"),
        }
    }
}

/// How commands reach the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Each when the one before is done, everything compared after each.
    Single,
    /// As many as the queue takes; compared after a dozen of them, when the host must wait anyway, and at the end. Each
    /// writes its outputs to a place of its own.
    Queued,
    /// As many as the queue takes, compared at the end: for cases in which no command writes over the outputs of another.
    Whole,
}

/// Something that differs from the golden model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Command, from 0, in the order of the case; the first one of several that ran back to back.
    pub command: usize,
    /// What differs.
    pub what: String,
    /// Where: head, query and element of an output, position of a list, id of an importance.
    pub at: String,
    /// What the golden model says.
    pub expected: String,
    /// What the core says.
    pub got: String,
    /// How many more of the same kind differ.
    pub others: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch {
            command,
            what,
            at,
            expected,
            got,
            others,
        } = self;
        write!(f, "command {command}: {what}")?;
        if !at.is_empty() {
            write!(f, ", {at}")?;
        }
        write!(f, ": expected {expected}, got {got}")?;
        if *others > 0 {
            write!(f, " ({others} more differ)")?;
        }
        Ok(())
    }
}

/// Why a run is not right.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// An answer differs.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// The core, or its bus, went wrong.
    #[error("commands {first} to {last}: {error}")]
    Host {
        /// First command in work.
        first: usize,
        /// Last one.
        last: usize,
        /// What happened.
        error: HostError,
    },
}

/// What a run gave.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ran {
    /// Commands executed.
    pub executed: u64,
    /// Commands refused.
    pub refused: u64,
    /// Rows compared.
    pub rows: u64,
    /// Words of output compared.
    pub words: u64,
    /// Cycles from each first doorbell to its last interrupt, summed.
    pub cycles: u64,
    /// Cycles simulated in all.
    pub total_cycles: u64,
    /// Counters, summed over the run.
    pub counts: Counts,
    /// What the channels carried.
    pub traffic: Vec<Traffic>,
    /// What the stages did in [`Ran::cycles`].
    pub stages: Vec<StageCycles>,
    /// How busy they were over time, where the cycles are of one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// Cycles of every executed command, from the end of the one before it to its own.
    pub command_cycles: Vec<u64>,
}

/// The whole core, built for a configuration.
#[derive(Clone)]
pub struct Rig {
    /// The configuration.
    pub config: Config,
    library: Arc<SystemLibrary>,
    fault: u32,
}

impl Rig {
    /// Builds the core, with a fault if one is given.
    ///
    /// # Errors
    /// When the Verilog cannot be emitted or built.
    pub fn new(
        builder: &Builder,
        config: &Config,
        checks: Checks,
        mutant: Option<&Mutant>,
    ) -> anyhow::Result<Self> {
        let point = Point {
            name: "system".into(),
            config: config.clone(),
            parameters: Vec::new(),
        };
        let mut design = super::design("spatten_top", &point, mutant)?;
        stages::probe(config, &mut design)?;
        Ok(Rig {
            config: config.clone(),
            library: builder.build_system(&design, checks)?,
            fault: 0,
        })
    }

    /// Builds the core so that it can write waveforms.
    ///
    /// # Errors
    /// When the Verilog cannot be emitted or built.
    pub fn traced(builder: &Builder, config: &Config) -> anyhow::Result<Self> {
        let point = Point {
            name: "system".into(),
            config: config.clone(),
            parameters: Vec::new(),
        };
        let mut design = super::design("spatten_top", &point, None)?;
        stages::probe(config, &mut design)?;
        design.trace = true;
        Ok(Rig {
            config: config.clone(),
            library: builder.build_system(&design, Checks::All)?,
            fault: 0,
        })
    }

    /// Builds the core with faults that [`Rig::with_fault`] shows one by one.
    ///
    /// # Errors
    /// As [`core_faults::design`], or when the Verilog cannot be built.
    pub fn faulty(builder: &Builder, config: &Config, faults: &[Fault]) -> anyhow::Result<Self> {
        Ok(Rig {
            config: config.clone(),
            library: builder.build_system(&core_faults::design(config, faults)?, Checks::All)?,
            fault: 0,
        })
    }

    /// The same core with one of its faults, by its place from 1 on.
    pub fn with_fault(&self, fault: u32) -> Self {
        Rig {
            fault,
            ..self.clone()
        }
    }

    /// A host with a core just reset; `seed` draws the power-up contents.
    ///
    /// # Errors
    /// When the core does not do as it should.
    pub fn host(&self, memory: &MemoryModel, bases: &[u64], seed: u64) -> anyhow::Result<Host> {
        let mut system = System::new(&self.library, memory, seed)?;
        system.fault(self.fault);
        Host::new(system, &self.config, bases)
    }

    /// Runs a case from reset and compares every answer, or without `verify` only the counters; `progress` is told the commands done so far. The inner error
    /// is the first thing that is wrong; the figures are then those up to it.
    ///
    /// # Errors
    /// When the run could not be made.
    pub fn run(
        &self,
        case: &Case,
        memory: &MemoryModel,
        flow: Flow,
        verify: bool,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<(Ran, Result<(), Wrong>)> {
        let mut host = self.host(memory, &case.channel_bases, memory.seed)?;
        self.run_on(&mut host, case, flow, verify, progress)
    }

    /// The same on a host that is there already, idle.
    ///
    /// # Errors
    /// When the run could not be made.
    pub fn run_on(
        &self,
        host: &mut Host,
        case: &Case,
        flow: Flow,
        verify: bool,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<(Ran, Result<(), Wrong>)> {
        host.load(&image(&self.config, case)?);
        let mut runner = Runner::new(host, &self.config, flow);
        runner.verify = verify;
        let result = runner.events(case, progress);
        Ok((runner.finish(), result))
    }

    /// Runs a case from reset, one command at a time, and compares nothing: the same case with the answers of the RTL in
    /// place of those of the golden model, for others to check. What the RTL does not show of a row (keys, kept values,
    /// largest probability, whether it was redone) stays as it was. Commands whose outputs lie over each other get another
    /// place for them, where each can be read.
    ///
    /// # Errors
    /// When the run could not be made.
    pub fn record(
        &self,
        host: &mut Host,
        case: &Case,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<(Ran, Case)> {
        let mut answered = case.clone();
        let commands = answered.events.iter_mut();
        let commands = commands.filter_map(|event| event.command.as_mut().zip(event.result.as_ref()));
        for (number, (command, outcome)) in (0..).zip(commands) {
            if let Outcome::Executed(executed) = outcome
                && overlap(command, executed, self.config.addr_width)
            {
                let vector = 2 * u64::from(command.head_dim);
                command.regions.out = Region {
                    base: RECORDED + APART * number,
                    head_stride: vector * u64::from(self.config.max_tokens),
                    token_stride: vector,
                };
            }
        }
        let mut memory = image(&self.config, case)?;
        host.load(&memory);
        let mut runner = Runner::new(host, &self.config, Flow::Single);
        runner.recorded = Some(Recorded::default());
        runner.events(&answered, progress)?;
        let recorded = runner.recorded.take().unwrap_or_default();
        for (address, word) in recorded.words {
            memory.write(address, &word.to_le_bytes());
        }
        let ran = runner.finish();
        answered.summary.memory_sha256 = memory.sha256();
        let results = answered
            .events
            .iter_mut()
            .filter_map(|event| event.result.as_mut());
        for (result, outcome) in results.zip(recorded.outcomes) {
            *result = outcome;
        }
        Ok((ran, answered))
    }
}

/// Whether two rows of a command write the same word.
fn overlap(command: &LayerCommand, executed: &Executed, addr_width: u32) -> bool {
    let mut words = std::collections::HashSet::new();
    executed.rows.iter().any(|row| {
        let address = command.regions.out.address(row.head, row.query, addr_width);
        let mut at = (0..row.output.len() as u64 / 2).map(|word| address.wrapping_add(4 * word));
        at.any(|at| !words.insert(at & address_mask(addr_width)))
    })
}

/// What the RTL answered.
#[derive(Clone, Debug, Default)]
struct Recorded {
    outcomes: Vec<Outcome>,
    /// Written to memory, the later over the earlier.
    words: Vec<(u64, u32)>,
}

/// What can be seen of a core after commands.
struct Seen {
    state: ReadState,
    written: BTreeMap<u64, u32>,
    counts: Counts,
}

/// Everything that a case loads into memory.
///
/// # Errors
/// When it loads something after its first command, or something that contradicts itself.
pub fn image(config: &Config, case: &Case) -> anyhow::Result<Image> {
    let mut image = Image::new(config);
    let mut begun = false;
    for event in &case.events {
        begun |= event.command.is_some();
        let Some(load) = &event.load else { continue };
        ensure!(!begun, "the case loads memory after its first command");
        image.load(&case.tensor(load)?, load.msb_bits, &load.msb, &load.lsb);
    }
    Ok(image)
}

/// A case under way.
struct Runner<'a> {
    host: &'a mut Host,
    config: &'a Config,
    flow: Flow,
    verify: bool,
    /// Commands submitted and not yet compared: number, the command as it was programmed, what it must give.
    pending: Vec<(usize, LayerCommand, &'a Outcome)>,
    /// Number of the next command.
    next: usize,
    /// First command that is not compared.
    first: usize,
    /// The state as it was read last, where nothing has changed it.
    before: Option<ReadState>,
    /// Answers are kept, not compared.
    recorded: Option<Recorded>,
    spans: Vec<Span>,
    ran: Ran,
}

/// Where an expected word of output comes from.
#[derive(Clone, Copy)]
struct Source {
    command: usize,
    head: u32,
    query: u32,
    element: usize,
}

impl<'a> Runner<'a> {
    fn new(host: &'a mut Host, config: &'a Config, flow: Flow) -> Self {
        Runner {
            host,
            config,
            flow,
            verify: true,
            pending: Vec::new(),
            next: 0,
            first: 0,
            before: None,
            recorded: None,
            spans: Vec::new(),
            ran: Ran::default(),
        }
    }

    fn finish(mut self) -> Ran {
        self.ran.total_cycles = self.host.system.clock().total;
        self.ran.traffic = self.host.traffic();
        let history = self.host.system.history();
        let mut tallies: Vec<Tally> = Vec::new();
        for span in &self.spans {
            self.ran.cycles += span.end - span.start;
            tallies.resize(span.tallies.len(), Tally::default());
            for (sum, tally) in tallies.iter_mut().zip(&span.tallies) {
                *sum += *tally;
            }
            let mut before = span.start;
            for &done in history
                .done
                .iter()
                .filter(|&&c| (span.start..span.end).contains(&c))
            {
                self.ran.command_cycles.push(done - before);
                before = done;
            }
        }
        self.ran.stages = stages::cycles(self.config, &tallies);
        if let [span] = &self.spans[..]
            && !history.samples.is_empty()
        {
            self.ran.timeline = Some(Timeline::new(self.config, &history, span.start, span.end));
        }
        self.ran
    }

    /// Everything that can be seen; counters are cleared, and what was written is taken.
    fn look(&mut self, first: usize) -> Result<Seen, Wrong> {
        let state = self.host.state();
        let state = self.host(state)?;
        let counts = self.host.counters();
        let counts = self.host(counts)?;
        let written = self.host.written().map_err(|error| {
            Wrong::Mismatch(Mismatch {
                command: first,
                what: "memory".into(),
                at: String::new(),
                expected: "whole words".into(),
                got: error.to_string(),
                others: 0,
            })
        })?;
        let result = self.host.poke("control", &[("clear_counters", 1)]);
        self.host(result)?;
        Ok(Seen {
            state,
            written,
            counts,
        })
    }

    /// Keeps what the RTL gave for a command.
    fn keep(
        &mut self,
        command: &LayerCommand,
        expected: &Outcome,
        errors: &[u32],
        seen: &Seen,
        recorded: &mut Recorded,
    ) {
        self.ran.words += seen.written.len() as u64;
        recorded
            .words
            .extend(seen.written.iter().map(|(&at, &word)| (at, word)));
        recorded.outcomes.push(match errors.last() {
            Some(&code) => {
                self.ran.refused += 1;
                Outcome::Refused {
                    refused: error_code(code).0.replace('_', "-"),
                }
            }
            None => {
                self.ran.executed += 1;
                self.ran.rows += seen.counts.get("rows");
                let expected = match expected {
                    Outcome::Executed(executed) => Some(&**executed),
                    Outcome::Refused { .. } => None,
                };
                let mut rows = expected.map_or(Vec::new(), |e| e.rows.clone());
                for row in &mut rows {
                    let region = &command.regions.out;
                    let address = region.address(row.head, row.query, self.config.addr_width);
                    for (index, pair) in row.output.chunks_exact_mut(2).enumerate() {
                        let at =
                            address.wrapping_add(4 * index as u64) & address_mask(self.config.addr_width);
                        let word = seen.written.get(&at).copied().unwrap_or(0);
                        pair.copy_from_slice(&[word as i16, (word >> 16) as i16]);
                    }
                    row.probs.clear();
                }
                let work = expected.map_or(Work::default(), |e| e.work);
                Outcome::Executed(Box::new(Executed {
                    rows,
                    length: seen.state.length,
                    token_list: seen.state.token_list.clone(),
                    head_list: seen.state.head_list.clone(),
                    token_importance: seen.state.token_importance.clone(),
                    head_importance: seen.state.head_importance.clone(),
                    sectors: seen.counts.sectors(),
                    work: Work {
                        rows: seen.counts.get("rows"),
                        redone_rows: seen.counts.get("rows_redone"),
                        ..work
                    },
                }))
            }
        });
    }

    fn host<T>(&self, result: Result<T, HostError>) -> Result<T, Wrong> {
        result.map_err(|error| Wrong::Host {
            first: self.first,
            last: self.next,
            error,
        })
    }

    fn events(&mut self, case: &'a Case, progress: &dyn Fn(usize)) -> Result<(), Wrong> {
        let result = self.host.poke("control", &[("clear_counters", 1)]);
        self.host(result)?;
        for event in &case.events {
            if let Some(write) = &event.state {
                self.compare()?;
                let result = self.host.write_state(write);
                self.host(result)?;
                self.before = None;
            }
            let (Some(command), Some(outcome)) = (&event.command, &event.result) else {
                continue;
            };
            let mut command = command.clone();
            if self.flow == Flow::Queued {
                let place = APART * (self.pending.len() as u64 + 1);
                command.regions.out.base = command.regions.out.base.wrapping_add(place);
                // As many as lie between two tensors of a random case.
                if self.pending.len() == 12 {
                    self.compare()?;
                }
            }
            let result = self.host.submit(&command);
            self.pending.push((self.next, command, outcome));
            self.host(result)?;
            if self.flow == Flow::Single {
                self.compare()?;
            }
            self.next += 1;
            progress(self.next);
        }
        self.compare()
    }

    /// Waits until the core is idle and compares everything with what the pending commands must give.
    fn compare(&mut self) -> Result<(), Wrong> {
        let pending = std::mem::take(&mut self.pending);
        let Some(&(first, _, _)) = pending.first() else {
            return Ok(());
        };
        let result = self.host.drain();
        let errors = self.host(result)?;
        self.spans.extend(self.host.take_span());
        let seen = self.look(first)?;
        for (name, value) in &seen.counts.0 {
            *self.ran.counts.0.entry(name).or_default() += value;
        }
        if let (Some(mut recorded), [(_, command, expected)]) = (self.recorded.take(), &pending[..]) {
            self.keep(command, expected, &errors, &seen, &mut recorded);
            self.recorded = Some(recorded);
            if !errors.is_empty() {
                let result = self.host.poke("control", &[("clear", 1)]);
                self.host(result)?;
            }
            self.first = self.next + 1;
            return Ok(());
        }

        // Refusals.
        let refusals: Vec<(usize, u32)> = pending
            .iter()
            .filter_map(|(number, _, outcome)| match outcome {
                Outcome::Refused { refused } => Some((*number, code_of(refused))),
                Outcome::Executed(_) => None,
            })
            .collect();
        let name = |code: Option<u32>| {
            code.map_or("none".to_owned(), |code| {
                format!("{code} ({})", error_code(code).0)
            })
        };
        let wrong = |command, what: &str, at: String, expected: String, got: String| {
            Wrong::Mismatch(Mismatch {
                command,
                what: what.into(),
                at,
                expected,
                got,
                others: 0,
            })
        };
        let (want, got) = (refusals.last().copied(), errors.last().copied());
        if want.map(|r| r.1) != got || self.flow == Flow::Single && errors.len() != refusals.len() {
            let command = want.map_or(first, |r| r.0);
            return Err(wrong(
                command,
                "error",
                String::new(),
                name(want.map(|r| r.1)),
                name(got),
            ));
        }
        if !errors.is_empty() {
            // Forgets the error; nothing is queued.
            let result = self.host.poke("control", &[("clear", 1)]);
            self.host(result)?;
        }

        // Outputs.
        let executed = || {
            pending
                .iter()
                .filter_map(|(number, command, outcome)| match outcome {
                    Outcome::Executed(executed) => Some((*number, command, &**executed)),
                    Outcome::Refused { .. } => None,
                })
        };
        if self.verify {
            self.compare_outputs(first, executed(), &seen.written)?;
            self.compare_state(first, executed().next_back(), seen.state)?;
        }

        // Counters.
        let (mut sectors, mut work) = (Sectors::default(), Work::default());
        for (_, _, executed) in executed() {
            sectors += executed.sectors;
            work += executed.work;
        }
        for (name, expected) in [
            ("sectors_q", sectors.q),
            ("sectors_k_msb", sectors.k_msb),
            ("sectors_k_lsb", sectors.k_lsb),
            ("sectors_v_msb", sectors.v_msb),
            ("sectors_v_lsb", sectors.v_lsb),
            ("rows", work.rows),
            ("rows_redone", work.redone_rows),
        ] {
            let got = seen.counts.get(name);
            if got != expected {
                return Err(wrong(
                    first,
                    &format!("counter `{name}`"),
                    String::new(),
                    expected.to_string(),
                    got.to_string(),
                ));
            }
        }
        self.ran.refused += refusals.len() as u64;
        self.ran.executed += executed().count() as u64;
        self.ran.rows += work.rows;
        self.first = self.next + 1;
        Ok(())
    }

    /// State after the last command that ran; one that is refused changes nothing.
    fn compare_state(
        &mut self,
        first: usize,
        last: Option<(usize, &LayerCommand, &Executed)>,
        state: ReadState,
    ) -> Result<(), Wrong> {
        if let Some((number, _, executed)) = last {
            compare_state(number, executed, &state)?;
        } else if let Some(before) = self.before.take().filter(|before| *before != state) {
            return Err(Wrong::Mismatch(Mismatch {
                command: first,
                what: "state after a refused command".into(),
                at: String::new(),
                expected: format!("{before:?}"),
                got: format!("{state:?}"),
                others: 0,
            }));
        }
        self.before = Some(state);
        Ok(())
    }

    fn compare_outputs<'b>(
        &mut self,
        first: usize,
        executed: impl Iterator<Item = (usize, &'b LayerCommand, &'b Executed)>,
        written: &BTreeMap<u64, u32>,
    ) -> Result<(), Wrong> {
        // Rows that lie over each other may be written in any order, so a word may have several right values.
        let mut expected: HashMap<u64, (u32, Source)> = HashMap::new();
        let mut also: HashMap<u64, Vec<u32>> = HashMap::new();
        let mask = address_mask(self.config.addr_width);
        for (number, command, executed) in executed {
            for row in &executed.rows {
                let address = command
                    .regions
                    .out
                    .address(row.head, row.query, self.config.addr_width);
                for (index, pair) in row.output.chunks_exact(2).enumerate() {
                    let word = u32::from(pair[0] as u16) | u32::from(pair[1] as u16) << 16;
                    let at = address.wrapping_add(4 * index as u64) & mask;
                    let source = Source {
                        command: number,
                        head: row.head,
                        query: row.query,
                        element: 2 * index,
                    };
                    if let Some((before, _)) = expected.insert(at, (word, source))
                        && before != word
                    {
                        also.entry(at).or_default().push(before);
                    }
                }
            }
        }
        self.ran.words += written.len() as u64;
        let place = |at: u64, s: &Source| {
            format!(
                "head {}, query {}, elements {} and {} at {at:#x}",
                s.head,
                s.query,
                s.element,
                s.element + 1
            )
        };
        let pair = |word: u32| format!("{} {}", word as i16, (word >> 16) as i16);
        let mut found: Vec<(Source, Mismatch)> = Vec::new();
        for (&at, (word, source)) in &expected {
            let got = written.get(&at);
            let right =
                got == Some(word) || got.is_some_and(|got| also.get(&at).is_some_and(|v| v.contains(got)));
            if !right {
                found.push((
                    *source,
                    Mismatch {
                        command: source.command,
                        what: "output".into(),
                        at: place(at, source),
                        expected: pair(*word),
                        got: got.map_or("nothing written".into(), |&word| pair(word)),
                        others: 0,
                    },
                ));
            }
        }
        if let Some((_, earliest)) = found
            .iter()
            .min_by_key(|(s, _)| (s.command, s.head, s.query, s.element))
        {
            return Err(Wrong::Mismatch(Mismatch {
                others: found.len() - 1,
                ..earliest.clone()
            }));
        }
        let strays: Vec<_> = written
            .iter()
            .filter(|(at, _)| !expected.contains_key(at))
            .collect();
        match strays.first() {
            Some((at, word)) => Err(Wrong::Mismatch(Mismatch {
                command: first,
                what: "memory".into(),
                at: format!("address {at:#x}"),
                expected: "nothing written".into(),
                got: format!("{word:#010x}"),
                others: strays.len() - 1,
            })),
            None => Ok(()),
        }
    }
}

fn compare_state(command: usize, expected: &Executed, got: &ReadState) -> Result<(), Wrong> {
    let mismatch = |what: &str, at: String, expected: String, got: String, others| {
        Err(Wrong::Mismatch(Mismatch {
            command,
            what: what.into(),
            at,
            expected,
            got,
            others,
        }))
    };
    if expected.length != got.length {
        return mismatch(
            "L",
            String::new(),
            expected.length.to_string(),
            got.length.to_string(),
            0,
        );
    }
    for (what, unit, expected, got) in [
        ("kept tokens", "position", &expected.token_list, &got.token_list),
        ("kept heads", "position", &expected.head_list, &got.head_list),
        (
            "token importance",
            "token",
            &expected.token_importance,
            &got.token_importance,
        ),
        (
            "head importance",
            "head",
            &expected.head_importance,
            &got.head_importance,
        ),
    ] {
        if expected.len() != got.len() {
            let (e, g) = (
                format!("{} entries {expected:?}", expected.len()),
                format!("{} entries {got:?}", got.len()),
            );
            return mismatch(what, String::new(), e, g, 0);
        }
        let differ: Vec<usize> = (0..got.len()).filter(|&i| expected[i] != got[i]).collect();
        if let Some(&i) = differ.first() {
            let (e, g) = (expected[i].to_string(), got[i].to_string());
            return mismatch(what, format!("{unit} {i}"), e, g, differ.len() - 1);
        }
    }
    Ok(())
}
