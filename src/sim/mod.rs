//! Running generated RTL: finding Verilator, building shared libraries, driving them.
//!
//! A [`Design`] (Verilog text plus the module's [`Interface`]) is compiled by a [`Builder`] into a [`Library`], once for
//! each content. A [`Simulation`] is one instance of it; [`Simulation::run`] resets it, feeds a packed list of
//! [`Beats`] into every input stream and collects the beats of every output stream with the cycle of each handshake.
//! The loop over cycles runs in C++ (`sim/stream_driver.cpp`), which also holds the module to the stream rules: valid
//! does not fall before ready, the payload stands while it waits, neither follows ready within the cycle, valid is low
//! during reset.

mod beats;
mod ffi;
mod library;
mod lifecycle;
mod shim;
pub mod system;
mod toolchain;

pub use beats::{BeatMut, Beats, Layout};
pub(crate) use library::default_cache;
pub use library::{Builder, Checks, Design, Library};
pub use toolchain::{VERILATOR_FLOOR, Verilator, candidates};

use crate::rtl::{Direction, Field, Interface};
use beats::field_words;
use ffi::{HUNG as END_HUNG, PROTOCOL as END_PROTOCOL};
use lifecycle::Model;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a simulation could not be built or went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Verilator was found.
    #[error(
        "no Verilator found ({}); run `sim/setup`, install Verilator {}.{:03} or later, or set VERILATOR to the program",
        if .tried.is_empty() { "none on the PATH or in target/tools" } else { .tried },
        VERILATOR_FLOOR.0, VERILATOR_FLOOR.1
    )]
    NoVerilator {
        /// What was looked at and refused.
        tried: String,
    },
    /// A program is no usable Verilator.
    #[error("`{}` is no usable Verilator: {why}", .program.display())]
    BadVerilator {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Verilator refused the Verilog.
    #[error("Verilator refuses `{top}`:\n{log}")]
    Verilate {
        /// Top module.
        top: String,
        /// The command and what it printed.
        log: String,
    },
    /// The C++ compiler refused the model.
    #[error("the C++ compiler fails on `{top}`:\n{log}")]
    Compile {
        /// Top module.
        top: String,
        /// The command and what it printed.
        log: String,
    },
    /// A file could not be read or written.
    #[error("{}: {why}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A built library does not load.
    #[error("cannot load {}: {why}", .library.display())]
    Load {
        /// The library.
        library: PathBuf,
        /// What the loader says.
        why: String,
    },
    /// The co-simulation cannot drive such an interface.
    #[error("{0}")]
    Unsupported(String),
    /// A model could not be constructed.
    #[error("the model of `{0}` fails in its constructor")]
    Construct(String),
}

impl Error {
    fn io(path: &Path, why: std::io::Error) -> Self {
        Error::Io {
            path: path.to_owned(),
            why,
        }
    }
}

/// When a side of a stream is willing to transfer a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// In every cycle.
    Always,
    /// In a cycle with probability `per_65536` / 65536.
    Random {
        /// Numerator of the probability.
        per_65536: u32,
    },
    /// In bursts of 1 to `on` cycles, with pauses of 1 to `off`.
    Bursts {
        /// Longest burst.
        on: u32,
        /// Longest pause.
        off: u32,
    },
    /// Outputs only: ready rises only after valid was seen, so a valid that waits for ready hangs.
    AfterValid,
    /// Once in so many cycles: a source of limited rate.
    Every {
        /// Cycles from one beat to the next.
        cycles: u32,
    },
    /// Not in the first `cycles` cycles, then always: lets everything before it fill up.
    Hold {
        /// Cycles to hold.
        cycles: u32,
    },
}

impl Pace {
    fn ffi(self) -> ffi::Pace {
        let (kind, a, b) = match self {
            Pace::Always => (0, 0, 0),
            Pace::Random { per_65536 } => (1, per_65536, 0),
            Pace::Bursts { on, off } => (2, on.max(1), off.max(1)),
            Pace::AfterValid => (3, 0, 0),
            Pace::Hold { cycles } => (4, cycles, 0),
            Pace::Every { cycles } => (5, cycles, 0),
        };
        ffi::Pace { kind, a, b }
    }
}

/// What to feed and what to wait for. Built for an [`Interface`]; input streams hold the stimulus, output streams the
/// expected beats.
#[derive(Clone, Debug)]
pub struct Case {
    streams: Vec<Beats>,
    ports: Vec<(Field, u64)>,
    rows: Vec<Vec<usize>>,
    /// Cycles without any handshake after which a run counts as hung.
    pub patience: u64,
}

impl Case {
    /// Streams without beats, plain input ports zero.
    pub fn new(interface: &Interface) -> Self {
        Case {
            streams: interface
                .streams
                .iter()
                .map(|s| Beats::new(&Layout::new(s)))
                .collect(),
            ports: interface
                .ports
                .iter()
                .filter(|p| p.0 == Direction::In)
                .map(|p| (p.1.clone(), 0))
                .collect(),
            rows: Vec::new(),
            patience: 10_000,
        }
    }

    /// Appends a beat to a stream: stimulus on an input, expectation on an output.
    ///
    /// # Panics
    /// When there is no such stream.
    pub fn beat(&mut self, stream: &str) -> BeatMut<'_> {
        self.stream_mut(stream).push()
    }

    /// The beats of a stream.
    ///
    /// # Panics
    /// When there is no such stream.
    pub fn stream(&self, stream: &str) -> &Beats {
        let found = self.streams.iter().find(|b| b.layout().stream.name == stream);
        found.unwrap_or_else(|| panic!("no stream `{stream}`"))
    }

    /// The beats of a stream, to change.
    ///
    /// # Panics
    /// When there is no such stream.
    pub fn stream_mut(&mut self, stream: &str) -> &mut Beats {
        let found = self.streams.iter_mut().find(|b| b.layout().stream.name == stream);
        found.unwrap_or_else(|| panic!("no stream `{stream}`"))
    }

    /// Every stream in port order.
    pub fn streams(&self) -> &[Beats] {
        &self.streams
    }

    /// Sets a plain input port for the whole run. Ports of more than 64 bits take the low 64.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn port(&mut self, name: &str, value: u64) {
        let found = self.ports.iter_mut().find(|p| p.0.name == name);
        found.unwrap_or_else(|| panic!("no plain input port `{name}`")).1 = value;
    }

    /// Plain input ports with their values.
    pub fn ports(&self) -> impl Iterator<Item = (&Field, u64)> {
        self.ports.iter().map(|(field, value)| (field, *value))
    }

    /// Marks the end of a row: reports then name rows, and cycles can be counted by row.
    pub fn end_row(&mut self) {
        self.rows.push(self.streams.iter().map(Beats::len).collect());
    }

    /// Rows marked so far.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The row, from 0, that a beat of a stream belongs to.
    pub fn row_of(&self, stream: &str, beat: usize) -> Option<usize> {
        let index = self
            .streams
            .iter()
            .position(|b| b.layout().stream.name == stream)?;
        let row = self.rows.partition_point(|ends| ends[index] <= beat);
        (row < self.rows.len()).then_some(row)
    }
}

/// How a run is paced and disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// Seed of the paces, of the noise on idle payloads and of bits that do not matter.
    pub seed: u64,
    /// Pace of each input stream in port order; the last one repeats.
    pub inputs: Vec<Pace>,
    /// Pace of each output stream in port order; the last one repeats.
    pub outputs: Vec<Pace>,
    /// Resets once more at this cycle and starts over; 0: never. A run that ends earlier is reset at its end.
    pub reset_at: u64,
    /// Cycles that each reset lasts, at least 1.
    pub reset_cycles: u32,
    /// Check too that no valid and no payload follows ready within the cycle; slower.
    pub probe: bool,
}

impl Pacing {
    /// Everybody always willing: for throughput.
    pub fn full_speed() -> Self {
        Pacing {
            seed: 0,
            inputs: vec![Pace::Always],
            outputs: vec![Pace::Always],
            reset_at: 0,
            reset_cycles: 4,
            probe: false,
        }
    }

    /// A disturbance drawn from a seed. Consecutive seeds go through the kinds in turn: full speed, random gaps, random
    /// back-pressure, both, bursts, ready only after valid, a long hold of one side; every fourth seed also resets in
    /// the middle, every eighth probes.
    pub fn from_seed(seed: u64, streams_in: usize, streams_out: usize) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x7061_6365);
        let mut random = |rng: &mut Pcg64Mcg| Pace::Random {
            per_65536: 1 << (12 + rng.next_u32() % 5),
        };
        let mut bursts = |rng: &mut Pcg64Mcg| Pace::Bursts {
            on: 1 << (rng.next_u32() % 8),
            off: 1 << (rng.next_u32() % 8),
        };
        let each = |rng: &mut Pcg64Mcg, n: usize, pace: &mut dyn FnMut(&mut Pcg64Mcg) -> Pace| -> Vec<Pace> {
            (0..n.max(1)).map(|_| pace(rng)).collect()
        };
        let always = vec![Pace::Always];
        let (inputs, outputs) = match seed % 7 {
            0 => (always.clone(), always),
            1 => (each(&mut rng, streams_in, &mut random), always),
            2 => (always, each(&mut rng, streams_out, &mut random)),
            3 => (
                each(&mut rng, streams_in, &mut random),
                each(&mut rng, streams_out, &mut random),
            ),
            4 => (
                each(&mut rng, streams_in, &mut bursts),
                each(&mut rng, streams_out, &mut bursts),
            ),
            5 => (each(&mut rng, streams_in, &mut random), vec![Pace::AfterValid]),
            _ => {
                let mut hold = |rng: &mut Pcg64Mcg| match rng.next_u32() % 2 {
                    0 => Pace::Always,
                    _ => Pace::Hold {
                        cycles: 1 << (5 + rng.next_u32() % 6),
                    },
                };
                (
                    each(&mut rng, streams_in, &mut hold),
                    each(&mut rng, streams_out, &mut hold),
                )
            }
        };
        let reset_at = if seed % 4 == 3 {
            1 + u64::from(rng.next_u32() % 500)
        } else {
            0
        };
        let reset_cycles = 1 + rng.next_u32() % 4;
        Pacing {
            seed,
            inputs,
            outputs,
            reset_at,
            reset_cycles,
            probe: seed % 8 == 5,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every input beat was taken and every output stream gave at least as many beats as expected.
    Done,
    /// Nothing moved any more; says what is missing.
    Hung(String),
    /// The module broke a rule of its streams; says which, on which stream, in which cycle.
    Protocol(String),
    /// The model itself stopped: an assertion, `$stop`, `$finish`; what it printed.
    Stopped(String),
}

/// The beats that an output stream gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Payloads.
    pub beats: Beats,
    /// The cycle of each handshake, counted from the last reset.
    pub cycles: Vec<u64>,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Cycles from the release of reset to the last handshake.
    pub cycles: u64,
    /// Cycles simulated in all, with resets and the wait for beats too many.
    pub total_cycles: u64,
    outputs: Vec<Received>,
    inputs: Vec<(String, Vec<u64>)>,
    ports: Vec<PortOutcome>,
}

/// What a plain output port did.
#[derive(Clone, Debug)]
struct PortOutcome {
    name: String,
    last: u64,
    ones: u64,
}

impl Outcome {
    /// What an output stream gave.
    ///
    /// # Panics
    /// When there is no such output stream.
    pub fn output(&self, stream: &str) -> &Received {
        let found = self
            .outputs
            .iter()
            .find(|r| r.beats.layout().stream.name == stream);
        found.unwrap_or_else(|| panic!("no output stream `{stream}`"))
    }

    /// The cycles at which an input stream's beats were taken.
    ///
    /// # Panics
    /// When there is no such input stream.
    pub fn accepted(&self, stream: &str) -> &[u64] {
        let found = self.inputs.iter().find(|(name, _)| name == stream);
        &found.unwrap_or_else(|| panic!("no input stream `{stream}`")).1
    }

    /// A plain output port at the end of the run, its low 64 bits.
    ///
    /// # Panics
    /// When there is no such plain output port.
    pub fn port(&self, name: &str) -> u64 {
        self.port_outcome(name).last
    }

    /// The ones of a plain output port, summed over the cycles since the last reset: how often an event flag was set.
    ///
    /// # Panics
    /// When there is no such plain output port.
    pub fn ones(&self, name: &str) -> u64 {
        self.port_outcome(name).ones
    }

    fn port_outcome(&self, name: &str) -> &PortOutcome {
        let found = self.ports.iter().find(|port| port.name == name);
        found.unwrap_or_else(|| panic!("no plain output port `{name}`"))
    }
}

/// One instance of a built design. Its unreset registers and RAMs start with random contents. It stays on the thread
/// that made it; make one for each thread.
pub struct Simulation {
    model: Model, // freed before the library
    library: Arc<Library>,
}

impl Simulation {
    /// Constructs the model; `seed` draws the power-up contents.
    ///
    /// # Errors
    /// [`Error::Construct`] when the model stops in its constructor.
    pub fn new(library: &Arc<Library>, seed: u64) -> Result<Self, Error> {
        let model = Model::new(library.functions.lifecycle, &library.design.top, seed)?;
        Ok(Simulation {
            library: library.clone(),
            model,
        })
    }

    /// Writes a VCD of everything from now on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the design was built without `trace`.
    pub fn trace(&mut self, path: &Path) -> Result<(), Error> {
        self.model.trace(path)
    }

    /// Resets the module, feeds the inputs of `case` and collects outputs until each has given its expected number of
    /// beats, and some cycles more to catch beats too many. Does not compare.
    pub fn run(&mut self, case: &Case, pacing: &Pacing) -> Outcome {
        let interface = &self.library.design.interface;
        let mut noise = Pcg64Mcg::seed_from_u64(pacing.seed);
        let direction = |d: Direction| {
            case.streams
                .iter()
                .filter(move |b| b.layout().stream.direction == d)
        };
        let stimulus: Vec<Vec<u32>> = direction(Direction::In)
            .map(|beats| beats.words_with_noise(|| noise.next_u32()))
            .collect();
        let pace = |paces: &[Pace], index: usize| {
            paces
                .get(index)
                .or(paces.last())
                .map_or(Pace::Always, |p| *p)
                .ffi()
        };
        let inputs: Vec<ffi::Input> = direction(Direction::In)
            .zip(&stimulus)
            .enumerate()
            .map(|(i, (beats, words))| ffi::Input {
                words: words.as_ptr(),
                beats: beats.len() as u64,
                pace: pace(&pacing.inputs, i),
            })
            .collect();
        let outputs: Vec<ffi::Output> = direction(Direction::Out)
            .enumerate()
            .map(|(i, beats)| ffi::Output {
                beats: beats.len() as u64,
                pace: pace(&pacing.outputs, i),
            })
            .collect();
        let expected = interface
            .streams
            .iter()
            .filter(|s| s.direction == Direction::In)
            .count();
        assert_eq!(inputs.len(), expected, "the case was made for another interface");
        let mut ports = vec![0u32; shim::port_words(interface, Direction::In).max(1)];
        let mut at = 0;
        for (field, value) in &case.ports {
            ports[at] = *value as u32;
            if field.width > 32 {
                ports[at + 1] = (*value >> 32) as u32;
            }
            at += field_words(field);
        }
        let run = ffi::Run {
            seed: pacing.seed,
            inputs: inputs.as_ptr(),
            outputs: outputs.as_ptr(),
            ports: ports.as_ptr(),
            patience: case.patience,
            drain: 64,
            reset_at: pacing.reset_at,
            reset_cycles: pacing.reset_cycles.max(1),
            probe: pacing.probe.into(),
        };
        let mut result = std::mem::MaybeUninit::<ffi::RunResult>::zeroed();
        // SAFETY: the model is live and used by this thread only; every pointer in `run` outlives the call, with as
        // many elements as the module has streams and beats; `spatten_run` fills the whole result.
        let result = unsafe {
            (self.library.functions.run)(self.model.pointer(), &run, result.as_mut_ptr());
            result.assume_init()
        };
        self.outcome(case, &result)
    }

    fn outcome(&self, case: &Case, result: &ffi::RunResult) -> Outcome {
        // SAFETY: the shim keeps these arrays until the next call, with the lengths it states; an empty one may have a
        // null pointer.
        unsafe fn copy<T: Clone>(pointer: *const T, length: usize) -> Vec<T> {
            if length == 0 {
                Vec::new()
            } else {
                unsafe { std::slice::from_raw_parts(pointer, length) }.to_vec()
            }
        }
        let mut outcome = Outcome {
            end: End::Done,
            cycles: result.cycles,
            total_cycles: result.total,
            outputs: Vec::new(),
            inputs: Vec::new(),
            ports: Vec::new(),
        };
        // SAFETY: as above; there is one entry for each stream of a direction, in port order.
        unsafe {
            let (mut next_in, mut next_out) = (result.inputs, result.outputs);
            for beats in &case.streams {
                let layout = beats.layout();
                match layout.stream.direction {
                    Direction::In => {
                        let taken = &*next_in;
                        let cycles = copy(taken.cycles, taken.beats as usize);
                        outcome.inputs.push((layout.stream.name.clone(), cycles));
                        next_in = next_in.add(1);
                    }
                    Direction::Out => {
                        let given = &*next_out;
                        let n = given.beats as usize;
                        let words = copy(given.words, n * layout.words());
                        let beats = Beats::received(layout, words);
                        outcome.outputs.push(Received {
                            beats,
                            cycles: copy(given.cycles, n),
                        });
                        next_out = next_out.add(1);
                    }
                }
            }
            let interface = &self.library.design.interface;
            let words = copy(result.ports, shim::port_words(interface, Direction::Out));
            let mut at = 0;
            let plain: Vec<&Field> = interface
                .ports
                .iter()
                .filter(|p| p.0 == Direction::Out)
                .map(|p| &p.1)
                .collect();
            let ones = copy(result.tallies, plain.len());
            for (field, ones) in plain.into_iter().zip(ones) {
                let high = if field.width > 32 {
                    u64::from(words[at + 1]) << 32
                } else {
                    0
                };
                outcome.ports.push(PortOutcome {
                    name: field.name.clone(),
                    last: u64::from(words[at]) | high,
                    ones,
                });
                at += field_words(field);
            }
            let message = CStr::from_ptr(result.message).to_string_lossy().into_owned();
            outcome.end = match result.status {
                ffi::DONE => End::Done,
                ffi::HUNG => End::Hung(message),
                ffi::PROTOCOL => End::Protocol(message),
                _ => End::Stopped(message),
            };
        }
        outcome
    }
}
