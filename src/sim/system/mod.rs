//! Running a whole top: memory behind its AXI4 masters, a host at its AXI4-Lite slave.
//!
//! A [`Design`] whose top has the ports of `spatten_top` is compiled by [`Builder::build_system`] into a
//! [`SystemLibrary`]. A [`System`] is one instance of it, which the caller commands like a host would: register accesses,
//! waits for the interrupt, and a look at what was written to memory. The loop over cycles, the memory and the checks of
//! the AXI4 rules run in C++ (`sim/system_driver.h`).

mod ffi;
mod shim;

use super::library::{Builder, Checks, Design, Shim};
use super::lifecycle::{self, Model};
use super::{END_HUNG, END_PROTOCOL, Error};
use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

/// A compiled top, loaded.
pub struct SystemLibrary {
    top: String,
    channels: u32,
    functions: ffi::Functions,
}

impl Builder {
    /// Compiles (unless the cache has it) and loads a top with AXI ports. Without `checks` the assertions of the Verilog
    /// are left out, which is faster.
    ///
    /// # Errors
    /// As [`Builder::build`]; [`Error::Unsupported`] when a port is missing.
    pub fn build_system(&self, design: &Design, checks: Checks) -> Result<Arc<SystemLibrary>, Error> {
        let ports = shim::Ports::of(&design.interface)?;
        let shim = Shim {
            headers: &[
                super::library::MODEL,
                lifecycle::HEADER,
                ("system_driver.h", include_str!("../../../sim/system_driver.h")),
                ("dut.h", &shim::header(&ports, design.reset)),
            ],
            apart: None,
            source: include_str!("../../../sim/system_shim.cpp"),
            checks,
        };
        let library = self.compiled(design, &shim)?;
        Ok(Arc::new(SystemLibrary {
            top: design.top.clone(),
            channels: ports.channels,
            functions: ffi::Functions::load(&library)?,
        }))
    }
}

/// The memory and how willing everybody is. Chances are in 65536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryModel {
    /// Seed of everything random here.
    pub seed: u64,
    /// Cycles from a read's address to its first beat.
    pub read_latency: u32,
    /// Cycles from a write's last beat to its response.
    pub write_latency: u32,
    /// Each latency gets 0 to so many cycles more.
    pub jitter: u32,
    /// Cycles that a channel takes for a sector, at least one a beat.
    pub sector_cycles: u32,
    /// Chance of a pause on each of a channel's five handshakes, in each cycle.
    pub stall: u32,
    /// Longest pause.
    pub pause: u32,
    /// The same for the host.
    pub host_stall: u32,
    /// Longest pause of the host.
    pub host_pause: u32,
    /// Whether payloads that are not valid hold noise.
    pub noise: bool,
    /// What CACHE, PROT << 4 and QOS << 8 of every transaction must be; anything without.
    pub attributes: Option<u32>,
    /// Cycles without a handshake of a memory channel after which a wait counts as hung.
    pub patience: u64,
}

impl Default for MemoryModel {
    /// The memory of the published figures: a sector a cycle after 100 cycles, a write beat a cycle beside it.
    fn default() -> Self {
        MemoryModel {
            seed: 0,
            read_latency: 100,
            write_latency: 100,
            jitter: 0,
            sector_cycles: 1,
            stall: 0,
            pause: 0,
            host_stall: 0,
            host_pause: 0,
            noise: false,
            attributes: None,
            patience: 100_000,
        }
    }
}

impl MemoryModel {
    /// A disturbance drawn from a seed: latencies, pauses and noise. Consecutive seeds go through the kinds in turn.
    pub fn from_seed(seed: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let draw = |shift: u32, choices: &[u32]| choices[(mixed >> shift) as usize % choices.len()];
        MemoryModel {
            seed,
            read_latency: draw(0, &[0, 1, 5, 20, 100, 300]),
            write_latency: draw(4, &[0, 1, 10, 100]),
            jitter: draw(8, &[0, 3, 50]),
            sector_cycles: draw(12, &[1, 1, 1, 3]),
            stall: [0, 1 << 13, 1 << 15, 3 << 14][seed as usize % 4],
            pause: draw(16, &[0, 2, 40]),
            host_stall: draw(20, &[0, 1 << 14, 1 << 15]),
            host_pause: draw(24, &[0, 5, 30]),
            noise: true,
            ..MemoryModel::default()
        }
    }

    fn ffi(&self) -> ffi::Memory {
        ffi::Memory {
            seed: self.seed,
            read_latency: self.read_latency,
            write_latency: self.write_latency,
            jitter: self.jitter,
            sector_cycles: self.sector_cycles,
            stall: self.stall.min(0xf000),
            burst: self.pause,
            host_stall: self.host_stall.min(0xf000),
            host_burst: self.host_pause,
            noise: self.noise.into(),
            attributes: self.attributes.unwrap_or(u32::MAX),
            patience: self.patience,
        }
    }
}

/// Why a system cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Nothing moved any more; says what is open.
    #[error("hung: {0}")]
    Hung(String),
    /// A rule of AXI4 or AXI4-Lite was broken; says which, where and when.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The model itself stopped: an assertion, `$stop`, `$finish`; what it printed.
    #[error("stopped: {0}")]
    Stopped(String),
}

/// An access of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Write a word to a byte address.
    Write(u32, u32),
    /// Read the word at a byte address.
    Read(u32),
}

/// The answer to an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was read.
    pub data: u32,
    /// Response code of AXI: 0 is OKAY, 2 SLVERR, 3 DECERR.
    pub resp: u32,
}

/// A response code that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SLVERR.
    Slave = 2,
    /// DECERR.
    Decode = 3,
}

/// Which responses of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Beats of reads.
    Read,
    /// Responses of writes.
    Write,
}

/// A sector in which a master wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Address inside the channel.
    pub address: u64,
    /// Bit `i`: byte `i` was written.
    pub marks: u32,
    /// The whole sector as it is now.
    pub bytes: [u8; 32],
}

/// Where time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Cycles since the last reset.
    pub cycle: u64,
    /// Cycles simulated in all.
    pub total: u64,
    /// Cycle at which the interrupt line rose last.
    pub irq_rise: u64,
    /// Last cycle in which it was high.
    pub irq_high: u64,
    /// Whether it is high.
    pub irq: bool,
}

/// What a channel carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traffic {
    /// Read bursts.
    pub reads: u64,
    /// Read beats.
    pub read_beats: u64,
    /// Write bursts.
    pub writes: u64,
    /// Write beats.
    pub write_beats: u64,
    /// Words of 4 bytes written.
    pub words_written: u64,
    /// Cycles in which a beat of data waited for the master.
    pub read_wait: u64,
    /// Cycles in which a response waited for the master.
    pub write_wait: u64,
    /// Most read beats that were under way at a time.
    pub most_outstanding: u64,
}

/// What a field of the port `probe` showed: cycles by its four handshake bits, from bit 0 valid and ready of a stage's input,
/// valid and ready of its output; and the sum of its amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cycles.
    pub cycles: [u64; 16],
    /// Sum of amounts.
    pub amount: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let pairs = self.cycles.iter_mut().zip(other.cycles);
        pairs.for_each(|(sum, cycles)| *sum += cycles);
        self.amount += other.amount;
    }
}

/// How [`Tally`]s grew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Cycles from one sample to the next; the first one stands at its end.
    pub period: u64,
    /// Of every sample the tallies of all fields, since reset.
    pub samples: Vec<Vec<Tally>>,
    /// Cycles in which the first field had a beat at its input.
    pub done: Vec<u64>,
}

/// One instance of a built top, with its memory and host. It stays on the thread that made it. After an error it is
/// broken and does nothing any more.
pub struct System {
    model: Model, // freed before the library
    library: Arc<SystemLibrary>,
}

impl System {
    /// Constructs the model; `seed` draws its power-up contents. Memory is empty, reset has not been.
    ///
    /// # Errors
    /// [`Error::Construct`] when the model stops in its constructor.
    pub fn new(library: &Arc<SystemLibrary>, memory: &MemoryModel, seed: u64) -> Result<Self, Error> {
        let model = Model::new(library.functions.lifecycle, &library.top, seed)?;
        let mut system = System {
            library: library.clone(),
            model,
        };
        system.configure(memory);
        Ok(system)
    }

    /// Memory channels.
    pub fn channels(&self) -> usize {
        self.library.channels as usize
    }

    /// Writes a VCD of everything from now on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the design was built without `trace`.
    pub fn trace(&mut self, path: &Path) -> Result<(), Error> {
        self.model.trace(path)
    }

    /// Changes the memory's behaviour from now on; what it holds stays.
    pub fn configure(&mut self, memory: &MemoryModel) {
        // SAFETY: the model is live, the structure is read during the call.
        unsafe { (self.library.functions.configure)(self.model.pointer(), &memory.ffi()) }
    }

    /// Of a top that has a port `fault`: what it is from now on. Others do nothing.
    pub fn fault(&mut self, number: u32) {
        // SAFETY: the model is live.
        unsafe { (self.library.functions.fault)(self.model.pointer(), number) }
    }

    /// Holds reset for so many cycles; the memory's transactions are forgotten, its contents stay.
    ///
    /// # Errors
    /// Why the system cannot go on.
    pub fn reset(&mut self, cycles: u32) -> Result<(), Broken> {
        // SAFETY: the model is live.
        unsafe { (self.library.functions.reset)(self.model.pointer(), cycles.max(1)) };
        self.check()
    }

    /// Accesses registers in order; writes that follow each other are pipelined.
    ///
    /// # Errors
    /// Why the system cannot go on.
    pub fn access(&mut self, accesses: &[Access]) -> Result<Vec<Answer>, Broken> {
        let mut ops: Vec<ffi::HostOp> = accesses
            .iter()
            .map(|access| {
                let (kind, address, data) = match *access {
                    Access::Write(address, data) => (ffi::WRITE, address, data),
                    Access::Read(address) => (ffi::READ, address, 0),
                };
                ffi::HostOp {
                    kind,
                    address,
                    data,
                    resp: 0,
                }
            })
            .collect();
        // SAFETY: the model is live, the array is used during the call only.
        unsafe { (self.library.functions.host)(self.model.pointer(), ops.as_mut_ptr(), ops.len() as u64) };
        self.check()?;
        Ok(ops
            .iter()
            .map(|op| Answer {
                data: op.data,
                resp: op.resp,
            })
            .collect())
    }

    /// Runs until the interrupt line is high, at most `limit` cycles; whether it is.
    ///
    /// # Errors
    /// Why the system cannot go on: hung when no memory channel moved for long.
    pub fn wait_irq(&mut self, limit: u64) -> Result<bool, Broken> {
        // SAFETY: the model is live.
        let high = unsafe { (self.library.functions.wait)(self.model.pointer(), limit) };
        self.check()?;
        Ok(high)
    }

    /// Runs so many cycles.
    ///
    /// # Errors
    /// Why the system cannot go on.
    pub fn run(&mut self, cycles: u64) -> Result<(), Broken> {
        // SAFETY: the model is live.
        unsafe { (self.library.functions.run)(self.model.pointer(), cycles) };
        self.check()
    }

    /// Whether no memory transaction is under way.
    pub fn quiet(&self) -> bool {
        // SAFETY: the model is live.
        unsafe { (self.library.functions.quiet)(self.model.pointer()) }
    }

    /// Where time stands.
    pub fn clock(&self) -> Clock {
        let status = self.status();
        Clock {
            cycle: status.cycle,
            total: status.total,
            irq_rise: status.irq_rise,
            irq_high: status.irq_high,
            irq: status.irq != 0,
        }
    }

    /// Makes the nth response of a channel from now on an error; 0: none any more.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn inject(&mut self, channel: usize, side: Side, nth: u64, fault: Fault) {
        let channel = self.channel(channel);
        // SAFETY: the model is live, the channel exists.
        unsafe {
            (self.library.functions.inject)(
                self.model.pointer(),
                channel,
                side == Side::Read,
                nth,
                fault as u32,
            );
        }
    }

    /// Writes sectors, by address inside a channel.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn put<'a>(&mut self, channel: usize, sectors: impl IntoIterator<Item = (u64, &'a [u8; 32])>) {
        let channel = self.channel(channel);
        let mut packed = Vec::new();
        for (address, bytes) in sectors {
            packed.extend_from_slice(&address.to_ne_bytes());
            packed.extend_from_slice(bytes);
        }
        // SAFETY: the model is live, the channel exists, and there are so many sectors in the array.
        unsafe {
            let count = (packed.len() / ffi::PUT) as u64;
            (self.library.functions.put)(self.model.pointer(), channel, packed.as_ptr(), count);
        }
    }

    /// Empties the memory of every channel.
    pub fn clear(&mut self) {
        for channel in 0..self.library.channels {
            // SAFETY: the model is live, the channel exists.
            unsafe { (self.library.functions.clear)(self.model.pointer(), channel) }
        }
    }

    /// The sectors in which the master of a channel wrote since the last call, ascending.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn written(&mut self, channel: usize) -> Vec<Written> {
        let channel = self.channel(channel);
        let mut pointer = std::ptr::null();
        // SAFETY: the model is live, the channel exists; the array that the call points to has so many entries and
        // lives until the next call.
        let bytes = unsafe {
            let count = (self.library.functions.drain)(self.model.pointer(), channel, &mut pointer) as usize;
            match count {
                0 => &[],
                _ => std::slice::from_raw_parts(pointer, count * ffi::DRAINED),
            }
        };
        let written = |entry: &[u8]| {
            let (mut address, mut marks, mut bytes) = ([0; 8], [0; 4], [0; 32]);
            address.copy_from_slice(&entry[..8]);
            marks.copy_from_slice(&entry[8..12]);
            bytes.copy_from_slice(&entry[12..]);
            Written {
                address: u64::from_ne_bytes(address),
                marks: u32::from_ne_bytes(marks),
                bytes,
            }
        };
        bytes.chunks_exact(ffi::DRAINED).map(written).collect()
    }

    /// What a channel carried since the system was made.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn traffic(&self, channel: usize) -> Traffic {
        let channel = self.channel(channel);
        let mut traffic = ffi::Traffic::default();
        // SAFETY: the model is live, the channel exists, the structure is filled in.
        unsafe { (self.library.functions.traffic)(self.model.pointer(), channel, &mut traffic) };
        Traffic {
            reads: traffic.reads,
            read_beats: traffic.read_beats,
            writes: traffic.writes,
            write_beats: traffic.write_beats,
            words_written: traffic.words_written,
            read_wait: traffic.read_wait,
            write_wait: traffic.write_wait,
            most_outstanding: traffic.most_outstanding,
        }
    }

    fn activity<T>(&self, copy: impl FnOnce(&ffi::Activity) -> T) -> T {
        let mut activity = std::mem::MaybeUninit::<ffi::Activity>::zeroed();
        // SAFETY: the model is live; the call fills the whole structure, whose arrays live until the next cycle.
        let activity = unsafe {
            (self.library.functions.activity)(self.model.pointer(), activity.as_mut_ptr());
            activity.assume_init()
        };
        copy(&activity)
    }

    /// What the port `probe` showed since reset, field by field; nothing of a top without that port.
    pub fn tallies(&self) -> Vec<Tally> {
        // SAFETY: the array has so many fields.
        self.activity(|a| unsafe { tallies(a.now, a.fields) })
    }

    /// The same, without the last cycle in which the interrupt line was high and what came after it.
    pub fn tallies_at_irq(&self) -> Vec<Tally> {
        // SAFETY: the array has so many fields.
        self.activity(|a| unsafe { tallies(a.at_irq, a.fields) })
    }

    /// How the tallies grew since reset.
    pub fn history(&self) -> History {
        self.activity(|a| {
            // SAFETY: the arrays have so many elements.
            let (flat, done) = unsafe {
                (
                    tallies(a.samples, a.fields * a.sample_count),
                    array(a.done, a.done_count),
                )
            };
            History {
                period: a.period,
                samples: flat.chunks(a.fields.max(1) as usize).map(<[_]>::to_vec).collect(),
                done: done.to_vec(),
            }
        })
    }

    fn channel(&self, channel: usize) -> u32 {
        assert!(channel < self.channels(), "there is no channel {channel}");
        channel as u32
    }

    fn status(&self) -> ffi::Status {
        let mut status = std::mem::MaybeUninit::<ffi::Status>::zeroed();
        // SAFETY: the model is live; the call fills the whole structure.
        unsafe {
            (self.library.functions.status)(self.model.pointer(), status.as_mut_ptr());
            status.assume_init()
        }
    }

    fn check(&self) -> Result<(), Broken> {
        let status = self.status();
        if status.status == 0 {
            return Ok(());
        }
        // SAFETY: the message ends in NUL and lives until the next call.
        let message = unsafe { CStr::from_ptr(status.message) }
            .to_string_lossy()
            .into_owned();
        Err(match status.status {
            END_HUNG => Broken::Hung(message),
            END_PROTOCOL => Broken::Protocol(message),
            _ => Broken::Stopped(message),
        })
    }
}

/// An array of the C side.
///
/// # Safety
/// It has so many elements, which nothing changes meanwhile.
unsafe fn array<'a>(pointer: *const u64, count: u64) -> &'a [u64] {
    if count == 0 {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(pointer, count as usize) }
}

/// Tallies of the C side.
///
/// # Safety
/// There are so many of them, which nothing changes meanwhile.
unsafe fn tallies(pointer: *const u64, count: u64) -> Vec<Tally> {
    const SIZE: usize = 17;
    // SAFETY: as the caller says.
    let counts = unsafe { array(pointer, count * SIZE as u64) };
    let tally = |counts: &[u64]| {
        let mut tally = Tally {
            amount: counts[16],
            ..Tally::default()
        };
        tally.cycles.copy_from_slice(&counts[..16]);
        tally
    };
    counts.chunks_exact(SIZE).map(tally).collect()
}
