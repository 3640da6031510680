//! Verilog in, shared library out, each built once.

use super::lifecycle;
use super::toolchain::{Verilator, cxx};
use super::{Error, shim};
use crate::config::Reset;
use crate::rtl::Interface;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What every driver begins with.
pub(super) const MODEL: (&str, &str) = ("model.h", include_str!("../../sim/model.h"));
/// Headers of the driver of streams, and itself.
const STREAM_HEADERS: &[(&str, &str)] = &[
    MODEL,
    lifecycle::HEADER,
    ("stream_driver.h", include_str!("../../sim/stream_driver.h")),
];
const STREAM_DRIVER: &str = include_str!("../../sim/stream_driver.cpp");

/// Flags that the generated model, the driver and Verilator's run-time library are compiled with. Symbols stay
/// private to each library, so that many can be loaded into one process.
const CXX_FLAGS: &[&str] = &[
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-DVL_PRINTF=spatten_printf",
    "-DVL_USER_FATAL",
    "-w",
];
/// How long runs and the run-time library are optimised. On generated code `-O2` takes twice as long to compile as `-O1`
/// and runs no faster.
const LONG_RUNS: &str = "-O1";
/// How short runs are: half as long to compile again.
const SHORT_RUNS: &str = "-Og";
/// How Verilator is called. Its data-flow optimisation is off: a vector that is assigned in many slices, as the streams
/// of a crossbar are, becomes one concatenation that is copied as often as it has slices.
const VERILATOR_FLAGS: &str = "--cc -O3 -fno-dfg --assert --x-assign unique --x-initial unique -DSPATTEN_CHECKS -Wno-lint -Wno-style -Wno-fatal";
/// The same for long runs of what is known to be right.
const FAST_VERILATOR_FLAGS: &str =
    "--cc -O3 -fno-dfg --x-assign fast --x-initial unique -Wno-lint -Wno-style -Wno-fatal";
/// What a compiled design is called in its directory.
const LIBRARY: &str = "model.so";
const PRINTF_HEADER: &str = "int spatten_printf(const char* format, ...);\n";
/// What every model begins with; precompiled, since it is the larger part of a small one.
const PRELUDE: &str = "#include \"spatten_printf.h\"\n#include \"verilated.h\"\n";

/// One module to simulate: its Verilog and what connects to it.
#[derive(Clone, Debug)]
pub struct Design {
    /// Top module.
    pub top: String,
    /// `(file name, text)` of every Verilog file that the top needs.
    pub sources: Vec<(String, String)>,
    /// Ports of the top for these `parameters`.
    pub interface: Interface,
    /// Reset style of the sources.
    pub reset: Reset,
    /// Verilog parameter overrides of the top.
    pub parameters: Vec<(String, u64)>,
    /// Whether the model can write a VCD; slower.
    pub trace: bool,
}

/// Whether a model is built with the assertions of its Verilog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// All of them; unknown values are drawn at random.
    All,
    /// None; faster.
    None,
}

/// What drives a model, in C++.
pub(super) struct Shim<'a> {
    /// Headers by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// Source that knows no design and is compiled once for all of them.
    pub apart: Option<&'a str>,
    /// Source that is compiled with the model, after it.
    pub source: &'a str,
    /// Whether the Verilog's assertions are there.
    pub checks: Checks,
}

impl Shim<'_> {
    fn verilator_flags(&self) -> &'static str {
        match self.checks {
            Checks::All => VERILATOR_FLAGS,
            Checks::None => FAST_VERILATOR_FLAGS,
        }
    }

    fn optimisation(&self) -> &'static str {
        match self.checks {
            Checks::All => SHORT_RUNS,
            Checks::None => LONG_RUNS,
        }
    }
}

/// A compiled design, loaded.
pub struct Library {
    pub(super) design: Design,
    pub(super) functions: super::ffi::Functions,
}

/// Builds designs and keeps the results by content: the same Verilog, parameters, Verilator and flags are compiled
/// once, ever. Any number of threads and processes may share a cache.
#[derive(Debug)]
pub struct Builder {
    verilator: Verilator,
    cache: PathBuf,
    running: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Builder {
    /// A builder that uses [`Verilator::find`] and the cache directory `$SPATTEN_CACHE`, else `spatten-gen` in
    /// `$XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// When there is no usable Verilator.
    pub fn new() -> Result<Self, Error> {
        Ok(Self::with(Verilator::find()?, default_cache()))
    }

    /// A builder with a given Verilator and cache directory.
    pub fn with(verilator: Verilator, cache: PathBuf) -> Self {
        Builder {
            verilator,
            // The compiler runs in another directory.
            cache: std::path::absolute(&cache).unwrap_or(cache),
            running: Mutex::default(),
        }
    }

    /// The Verilator in use.
    pub fn verilator(&self) -> &Verilator {
        &self.verilator
    }

    /// Compiles (unless the cache has it) and loads a design.
    ///
    /// # Errors
    /// [`Error::Verilate`] or [`Error::Compile`] with what the tool printed; [`Error::Io`]; [`Error::Load`].
    pub fn build(&self, design: Design) -> Result<Arc<Library>, Error> {
        for stream in &design.interface.streams {
            if stream.fields.is_empty() {
                return Err(Error::Unsupported(format!(
                    "stream `{}` has no payload fields",
                    stream.name
                )));
            }
        }
        let shim = Shim {
            headers: STREAM_HEADERS,
            apart: Some(STREAM_DRIVER),
            source: &shim::source(&design.interface, design.reset),
            checks: Checks::All,
        };
        let library = self.compiled(&design, &shim)?;
        let functions = super::ffi::Functions::load(&library)?;
        Ok(Arc::new(Library { design, functions }))
    }

    /// The library of a design and its shim, compiled unless the cache has it.
    pub(super) fn compiled(&self, design: &Design, shim: &Shim) -> Result<PathBuf, Error> {
        let key = self.key(design, shim);
        let kept = self.once(&design.top, &key, |dir| self.compile(design, shim, dir))?;
        Ok(kept.join(LIBRARY))
    }

    fn key(&self, design: &Design, shim: &Shim) -> String {
        let mut parts: Vec<String> = shim.headers.iter().map(|(_, text)| (*text).to_owned()).collect();
        parts.extend([shim.apart.unwrap_or(""), shim.source, &design.top].map(ToString::to_string));
        parts.extend([shim.optimisation(), shim.verilator_flags()].map(ToString::to_string));
        parts.push(traced(design.trace).to_owned());
        for (name, text) in &design.sources {
            parts.extend([name.clone(), text.clone()]);
        }
        let overrides = design.parameters.iter();
        parts.extend(overrides.map(|(name, value)| format!("{name}={value}")));
        self.digest(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A name for what these parts become by this Verilator and compiler.
    fn digest(&self, parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(&self.verilator.version);
        add(&self.verilator.include.to_string_lossy());
        add(&cxx().to_string_lossy());
        add(&CXX_FLAGS.join(" "));
        parts.iter().copied().for_each(add);
        let digest = hash.finalize();
        digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Makes something once, in a directory of its own that is moved into place whole. One thread of this process makes
    /// it, the others wait; of two processes that do, either's is right.
    fn once(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let kept = self.cache.join(format!("{name}-{key}"));
        let lock = self
            .running
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .entry(key.to_owned())
            .or_default()
            .clone();
        let _guard = lock.lock().unwrap_or_else(|e| e.into_inner());
        if kept.is_dir() {
            return Ok(kept);
        }
        std::fs::create_dir_all(&self.cache).map_err(|e| Error::io(&self.cache, e))?;
        let work = tempfile::Builder::new()
            .prefix("build-")
            .tempdir_in(&self.cache)
            .map_err(|e| Error::io(&self.cache, e))?;
        make(work.path())?;
        match std::fs::rename(work.path(), &kept) {
            Err(error) if !kept.is_dir() => Err(Error::io(&kept, error)),
            _ => Ok(kept),
        }
    }

    fn compile(&self, design: &Design, shim: &Shim, dir: &Path) -> Result<(), Error> {
        let runtime = self.runtime(design.trace)?;
        let driver = shim
            .apart
            .map(|source| self.driver(design.trace, shim.headers, source));
        let driver = driver.transpose()?;
        let prelude = self.prelude(design.trace, shim.optimisation())?;
        let mut command = Command::new(&self.verilator.program);
        command
            .current_dir(dir)
            .args(shim.verilator_flags().split(' '))
            .args("--prefix Vdut --Mdir . --top-module".split(' '))
            .arg(&design.top);
        if design.trace {
            command.arg("--trace");
        }
        for (name, value) in &design.parameters {
            command.arg(format!("-G{name}={value}"));
        }
        for (name, text) in &design.sources {
            write(dir, name, text)?;
            command.arg(name);
        }
        run(&mut command).map_err(|log| Error::Verilate {
            top: design.top.clone(),
            log,
        })?;
        for (name, text) in shim.headers {
            write(dir, name, text)?;
        }
        // One translation unit: the headers are the larger part of a small model.
        let files = || -> Result<Vec<String>, Error> {
            let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))?;
            Ok(entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect())
        };
        let mut models = files()?;
        models.retain(|name| name.ends_with(".cpp"));
        models.sort();
        let unity: String = models
            .iter()
            .map(|name| format!("#include \"{name}\"\n"))
            .collect();
        write(dir, "shim.cpp", &(unity + shim.source))?;
        let mut command = self.compiler(dir, design.trace);
        command
            .arg(shim.optimisation())
            .arg("-include")
            .arg(prelude.join("prelude.h"))
            .args(["-shared", "-Wl,-Bsymbolic", "-o", LIBRARY, "shim.cpp"])
            .args(driver.map(|driver| driver.join("driver.o")))
            .arg(runtime.join("out.o"))
            .arg("-pthread");
        compile(&mut command, &design.top)?;
        // Only the library is needed from now on.
        for name in files()?.iter().filter(|name| *name != LIBRARY) {
            std::fs::remove_file(dir.join(name)).map_err(|e| Error::io(dir, e))?;
        }
        Ok(())
    }

    /// The directory with what every model includes first, precompiled.
    fn prelude(&self, trace: bool, optimisation: &str) -> Result<PathBuf, Error> {
        let key = self.digest(&[PRELUDE, optimisation, traced(trace)]);
        self.once("prelude", &key, |dir| {
            write(dir, "spatten_printf.h", PRINTF_HEADER)?;
            write(dir, "prelude.h", PRELUDE)?;
            let mut command = self.compiler(dir, trace);
            command.args([
                optimisation,
                "-x",
                "c++-header",
                "prelude.h",
                "-o",
                "prelude.h.gch",
            ]);
            compile(&mut command, "verilated.h")
        })
    }

    /// The directory with a driver that knows no design, as an object.
    fn driver(&self, trace: bool, headers: &[(&str, &str)], source: &str) -> Result<PathBuf, Error> {
        let mut parts = vec!["driver", LONG_RUNS, traced(trace), source];
        parts.extend(headers.iter().map(|(_, text)| *text));
        self.once("driver", &self.digest(&parts), |dir| {
            write(dir, "driver.cpp", source)?;
            for (name, text) in headers {
                write(dir, name, text)?;
            }
            self.objects(dir, trace, &["driver.cpp".into()], "the driver of streams")
        })
    }

    /// The directory with Verilator's run-time library as one object.
    fn runtime(&self, trace: bool) -> Result<PathBuf, Error> {
        let key = self.digest(&["runtime", traced(trace)]);
        self.once("verilated", &key, |dir| {
            let mut parts = vec!["verilated", "verilated_threads"];
            if trace {
                parts.push("verilated_vcd_c");
            }
            let source = |part: &&str| self.verilator.include.join(format!("{part}.cpp"));
            self.objects(
                dir,
                trace,
                &parts.iter().map(source).collect::<Vec<_>>(),
                "verilated",
            )?;
            let mut link = Command::new(cxx());
            link.current_dir(dir).args(["-r", "-nostdlib", "-o", "out.o"]);
            link.args(parts.iter().map(|part| format!("{part}.o")));
            compile(&mut link, "verilated")
        })
    }

    /// Compiles sources that every model is linked to, as for long runs, each to an object in `dir`.
    fn objects(&self, dir: &Path, trace: bool, sources: &[PathBuf], what: &str) -> Result<(), Error> {
        write(dir, "spatten_printf.h", PRINTF_HEADER)?;
        let mut command = self.compiler(dir, trace);
        command
            .args([LONG_RUNS, "-include", "spatten_printf.h", "-c"])
            .args(sources);
        compile(&mut command, what)
    }

    fn compiler(&self, dir: &Path, trace: bool) -> Command {
        let mut command = Command::new(cxx());
        let include = &self.verilator.include;
        command
            .current_dir(dir)
            .args(CXX_FLAGS)
            .arg("-I.")
            .arg("-I")
            .arg(include)
            .arg("-I")
            .arg(include.join("vltstd"));
        command.args([
            if trace { "-DVM_TRACE=1" } else { "-DVM_TRACE=0" },
            if trace {
                "-DVM_TRACE_VCD=1"
            } else {
                "-DVM_TRACE_VCD=0"
            },
            "-DVM_TRACE_FST=0",
            "-DVM_TRACE_SAIF=0",
            "-DVM_COVERAGE=0",
            "-DVM_SC=0",
            "-DVL_TIME_CONTEXT",
        ]);
        command
    }
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), Error> {
    std::fs::write(dir.join(name), text).map_err(|e| Error::io(&dir.join(name), e))
}

/// What a key says of a model that can write a VCD, and of its parts.
fn traced(trace: bool) -> &'static str {
    if trace { "trace" } else { "" }
}

/// Runs the compiler on what makes `top`.
fn compile(command: &mut Command, top: &str) -> Result<(), Error> {
    run(command).map_err(|log| Error::Compile {
        top: top.to_owned(),
        log,
    })
}

/// Runs a tool to its end; what it printed when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Err(format!(
                "{}\n{}",
                shown,
                String::from_utf8_lossy(&text).trim_end()
            ))
        }
        Err(error) => Err(format!("{shown}\n{error}")),
    }
}

/// Where what tools made is kept: `$SPATTEN_CACHE`, else `spatten-gen` in `$XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn default_cache() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("SPATTEN_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("spatten-gen")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/spatten-gen")))
        .unwrap_or_else(|| std::env::temp_dir().join("spatten-gen"))
}
