//! The benches: one file a hardware block, each pairing the block's RTL with its golden model.
//!
//! A block's [`Bench`] says which parameter points to test and makes, from a seed, a [`Case`]: the beats to feed and the
//! beats to expect. Everything else is here: building, pacing, comparing, reporting with the command that replays a
//! failure, and showing that the checks fire (a corrupted expectation and every [`Mutant`] of the Verilog must be
//! noticed).

mod axi_memory;
pub mod core_faults;
mod core_testbench;
pub mod datapath;
mod fetchers;
mod lists;
pub mod measure;
pub mod registers;
pub mod rows;
pub mod soak;
pub mod stages;
pub mod system;
mod testbench;

pub use core_testbench::example;
pub use testbench::testbenches;

use crate::config::{Config, Params};
use crate::rtl::{self, Direction, Interface};
use crate::sim::{Beats, Builder, Case, Design, End, Library, Outcome, Pacing, Simulation};
use anyhow::{Context as _, anyhow, bail, ensure};
use rand::SeedableRng;
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The generator of all random stimulus: the same numbers on every platform.
pub type Random = rand_pcg::Pcg64Mcg;

/// How a block is tested.
pub trait Bench: Sync {
    /// The module under test.
    fn block(&self) -> &'static str;

    /// The configurations and Verilog parameters to test at; the first is the one to measure at.
    ///
    /// # Errors
    /// When a configuration is not legal.
    fn points(&self) -> anyhow::Result<Vec<Point>>;

    /// Stimulus and expectation of `rows` rows, [`Case::end_row`] called after each. What a row is, the block decides.
    /// The same arguments give the same case, and row `i` does not depend on how many follow.
    ///
    /// # Errors
    /// When the golden model refuses its own input.
    fn case(
        &self,
        point: &Point,
        interface: &Interface,
        rows: usize,
        random: &mut Random,
    ) -> anyhow::Result<Case>;

    /// Puts a block that has more than streams to connect into a top module of the bench's own, which supplies the rest
    /// (a memory, say): adds its source to `design` and names it as the top, with its interface. The case is then made
    /// for that interface. The top has the block's Verilog parameters, and follows the point's reset.
    ///
    /// # Errors
    /// When the top cannot be made at the point.
    fn surround(&self, _point: &Point, _design: &mut Design) -> anyhow::Result<()> {
        Ok(())
    }

    /// The Verilog under test, with a fault if one is given: the block with all it instantiates, and what surrounds it.
    ///
    /// # Errors
    /// As the function [`design`] and [`Bench::surround`].
    fn design(&self, point: &Point, mutant: Option<&Mutant>) -> anyhow::Result<Design> {
        let mut design = design(self.block(), point, mutant)?;
        self.surround(point, &mut design)?;
        Ok(design)
    }

    /// Faults that the bench must notice.
    fn mutants(&self) -> Vec<Mutant> {
        Vec::new()
    }

    /// Whether [`Bench::measure`] has anything to measure.
    fn has_figures(&self) -> bool {
        false
    }

    /// Figures of the RTL in steady state; `progress` is told what is being measured.
    ///
    /// # Errors
    /// When the RTL cannot be built or answers wrongly.
    fn measure(
        &self,
        _builder: &Builder,
        _selection: &measure::Selection,
        _progress: &dyn Fn(&str),
    ) -> anyhow::Result<Vec<measure::Measurement>> {
        Ok(Vec::new())
    }

    /// Rows of one run, from reset to end.
    fn rows_per_run(&self) -> usize {
        64
    }
}

/// One configuration with Verilog parameter overrides under which a block is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Name for `--point` and reports.
    pub name: String,
    /// Configuration that the Verilog is generated from.
    pub config: Config,
    /// Overrides of the module's Verilog parameters.
    pub parameters: Vec<(&'static str, u64)>,
}

impl Point {
    /// The default configuration and parameters.
    pub fn new(name: impl Into<String>) -> Self {
        Point {
            name: name.into(),
            config: Config::default(),
            parameters: Vec::new(),
        }
    }

    /// With parameters of the configuration changed.
    ///
    /// # Errors
    /// When the result is not legal.
    pub fn config(mut self, change: impl FnOnce(&mut Params)) -> anyhow::Result<Self> {
        let mut params = Params::clone(&self.config);
        change(&mut params);
        self.config = Config::try_from(params)
            .map_err(|e| anyhow!(e))
            .with_context(|| format!("point `{}`", self.name))?;
        Ok(self)
    }

    /// With a Verilog parameter overridden.
    pub fn parameter(mut self, name: &'static str, value: u64) -> Self {
        self.parameters.push((name, value));
        self
    }
}

/// A fault to inject into the emitted Verilog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mutant {
    /// What is wrong, in a few words.
    pub name: &'static str,
    /// The file it changes.
    pub module: &'static str,
    /// Text that occurs exactly once in that file.
    pub find: &'static str,
    /// What to put there.
    pub replace: &'static str,
}

impl Mutant {
    /// A fault of a module.
    pub const fn new(
        name: &'static str,
        module: &'static str,
        find: &'static str,
        replace: &'static str,
    ) -> Self {
        Mutant {
            name,
            module,
            find,
            replace,
        }
    }

    /// Makes faults of one module, each of its name, what to find and what to put there.
    pub fn of(module: &'static str) -> impl Fn(&'static str, &'static str, &'static str) -> Self {
        move |name, find, replace| Self::new(name, module, find, replace)
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}.v with `{}` for `{}`",
            self.name, self.module, self.replace, self.find
        )
    }
}

/// Declares the bench of every block of the list that has one and collects [`BENCHES`].
macro_rules! declare_benches {
    (@collect [$($found:tt)*]) => {
        /// Every bench, in the order of the list of blocks.
        pub static BENCHES: &[&dyn Bench] = &[$($found)*];
    };
    (@collect [$($found:tt)*] primitive $name:ident :: $module:ident; $($rest:tt)*) => {
        declare_benches! { @collect [$($found)*] $($rest)* }
    };
    (@collect [$($found:tt)*] $kind:ident $name:ident :: $module:ident; $($rest:tt)*) => {
        #[doc = concat!("Bench of `", stringify!($name), "`.")]
        pub mod $name;
        declare_benches! { @collect [$($found)* &$name::$module,] $($rest)* }
    };
    ($($list:tt)*) => {
        declare_benches! { @collect [] $($list)* }
    };
}

blocks!(declare_benches);

/// Benches of several blocks together, in a module of the bench's own.
pub static CHAINS: &[&dyn Bench] = &[&datapath::Datapath];

/// The bench of a block or of a chain of blocks.
///
/// # Errors
/// When there is none, with the names there are.
pub fn bench(block: &str) -> anyhow::Result<&'static dyn Bench> {
    let all = || BENCHES.iter().chain(CHAINS).copied();
    all().find(|b| b.block() == block).ok_or_else(|| {
        let names: Vec<_> = all().map(|b| b.block()).collect();
        anyhow!("no block `{block}` to test; there are: {}", names.join(", "))
    })
}

/// The point called `name` of a bench, or all its points.
///
/// # Errors
/// When there is no such point, with the names there are.
pub fn points(bench: &dyn Bench, name: Option<&str>) -> anyhow::Result<Vec<Point>> {
    let all = bench.points()?;
    let Some(name) = name else { return Ok(all) };
    match all.iter().find(|p| p.name == name) {
        Some(point) => Ok(vec![point.clone()]),
        None => {
            let names: Vec<_> = all.iter().map(|p| p.name.as_str()).collect();
            Err(anyhow!(
                "block `{}` has no point `{name}`; there are: {}",
                bench.block(),
                names.join(", ")
            ))
        }
    }
}

/// The Verilog of a block at a point, with everything it instantiates and a fault if one is given.
///
/// # Errors
/// When the block is not registered, its Verilog cannot be emitted, or the fault's text does not occur exactly once.
pub fn design(block: &str, point: &Point, mutant: Option<&Mutant>) -> anyhow::Result<Design> {
    let module = rtl::module(block).ok_or_else(|| anyhow!("no module `{block}`"))?;
    let mut sources = rtl::sources_of(module, &point.config)?;
    if let Some(mutant) = mutant {
        let target = sources.iter_mut().find(|source| source.module == mutant.module);
        let target = target.with_context(|| format!("{mutant}: `{block}` does not use that module"))?;
        let places = places(&target.text, mutant.find);
        let [place] = places.as_slice() else {
            bail!(
                "{mutant}: the text occurs {} times at point `{}`, not once",
                places.len(),
                point.name
            );
        };
        target.text.replace_range(place.clone(), mutant.replace);
    }
    let sources = sources
        .into_iter()
        .map(|source| (format!("{}.v", source.module), source.text))
        .collect();
    Ok(Design {
        top: block.to_owned(),
        sources,
        interface: module.interface(&point.config, &point.parameters),
        reset: point.config.reset,
        parameters: point
            .parameters
            .iter()
            .map(|&(name, value)| (name.to_owned(), value))
            .collect(),
        trace: false,
    })
}

/// Whether a run of the tests takes all points and faults there are: `SPATTEN_THOROUGH=1`. An ordinary one takes some,
/// since building them is most of its time.
pub fn thorough() -> bool {
    std::env::var_os("SPATTEN_THOROUGH").is_some_and(|value| !value.is_empty())
}

/// Puts a template of a bench's own around a block, as the top.
fn stand(
    design: &mut Design,
    config: &Config,
    name: &str,
    template: &str,
    mut context: tera::Context,
) -> anyhow::Result<()> {
    rtl::insert_config(&mut context, config)?;
    let text = rtl::render_template(template, &context).with_context(|| format!("`{name}`"))?;
    design.sources.push((format!("{name}.sv"), text));
    design.top = name.to_owned();
    Ok(())
}

/// Where `find` occurs in `text`, whatever the blanks and ends of lines in either: how Verilog is laid out is no concern
/// of a fault.
pub fn places(text: &str, find: &str) -> Vec<Range<usize>> {
    let (mut dense, mut origins) = (String::with_capacity(text.len()), Vec::new());
    for (at, letter) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        dense.push(letter);
        origins.resize(dense.len(), at);
    }
    let find: String = find.split_whitespace().collect();
    let place = |(at, found): (usize, &str)| origins[at]..origins[at + found.len() - 1] + 1;
    match find.is_empty() {
        true => Vec::new(),
        false => dense.match_indices(&find).map(place).collect(),
    }
}

/// What went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Output stream, when it is about one.
    pub stream: Option<String>,
    /// Beat of that stream, from 0.
    pub beat: Option<usize>,
    /// Row of that beat, from 0.
    pub row: Option<usize>,
    /// Cycle after reset.
    pub cycle: Option<u64>,
    /// What, one line each.
    pub details: Vec<String>,
}

impl Finding {
    fn general(details: String) -> Self {
        Finding {
            stream: None,
            beat: None,
            row: None,
            cycle: None,
            details: vec![details],
        }
    }
}

/// A finding with all that is needed to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Block under test.
    pub block: &'static str,
    /// Point it was tested at.
    pub point: String,
    /// Seed of the run.
    pub seed: u64,
    /// Rows of the run.
    pub rows: usize,
    /// What went wrong.
    pub finding: Finding,
}

impl Failure {
    /// The command that shows the failure again.
    pub fn replay(&self) -> String {
        let Failure {
            block,
            point,
            seed,
            rows,
            ..
        } = self;
        format!("spatten-gen soak {block} --point {point} --seed {seed} --rows {rows}")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            block,
            point,
            seed,
            finding,
            ..
        } = self;
        write!(f, "{block} at point `{point}`, seed {seed}")?;
        if let Some(stream) = &finding.stream {
            write!(f, ", stream `{stream}`")?;
        }
        for (name, value) in [
            ("row", finding.row.map(|r| r as u64)),
            ("beat", finding.beat.map(|b| b as u64)),
            ("cycle", finding.cycle),
        ] {
            if let Some(value) = value {
                write!(f, ", {name} {value}")?;
            }
        }
        for line in &finding.details {
            write!(f, "\n  {line}")?;
        }
        write!(f, "\n  replay: {}", self.replay())
    }
}

impl std::error::Error for Failure {}

/// Compares what came out with what was expected; the earliest difference counts, and a difference counts before the
/// hang or stop that may follow from it.
///
/// # Errors
/// The finding.
pub fn check(case: &Case, outcome: &Outcome) -> Result<(), Finding> {
    if let End::Protocol(what) = &outcome.end {
        return Err(Finding::general(format!("stream rule broken: {what}")));
    }
    let difference = |expected: &Beats| -> Option<Finding> {
        let name = &expected.layout().stream.name;
        let got = outcome.output(name);
        let (beat, details) = match expected.first_difference(&got.beats, 0) {
            Some(beat) => (beat, expected.differences(&got.beats, beat)),
            None if got.beats.len() > expected.len() => {
                let extra = got.beats.len() - expected.len();
                (
                    expected.len(),
                    vec![format!("{extra} more beats than the {} expected", expected.len())],
                )
            }
            None => return None,
        };
        let row = case.row_of(name, beat);
        Some(Finding {
            stream: Some(name.clone()),
            beat: Some(beat),
            row,
            cycle: Some(got.cycles[beat]),
            details,
        })
    };
    let outputs = case
        .streams()
        .iter()
        .filter(|b| b.layout().stream.direction == Direction::Out);
    let first = outputs.filter_map(difference).min_by_key(|finding| finding.cycle);
    match (first, &outcome.end) {
        (Some(mut finding), end) => {
            match end {
                End::Hung(what) => finding.details.push(format!("and then hung: {what}")),
                End::Stopped(what) => finding.details.push(format!("and then stopped: {what}")),
                _ => {}
            }
            Err(finding)
        }
        (None, End::Hung(what)) => Err(Finding::general(format!("hung: {what}"))),
        (None, End::Stopped(what)) => Err(Finding::general(format!("stopped: {what}"))),
        (None, _) => Ok(()),
    }
}

/// A block built at a point, ready for runs.
pub struct Rig {
    bench: &'static dyn Bench,
    point: Point,
    interface: Interface,
    library: Arc<Library>,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Runs from reset to end.
    pub runs: u64,
    /// Rows compared.
    pub rows: u64,
    /// Elements compared, as [`Beats::elements`] counts them, on all output streams.
    pub elements: u64,
    /// Cycles simulated, with resets.
    pub cycles: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.runs += other.runs;
        self.rows += other.rows;
        self.elements += other.elements;
        self.cycles += other.cycles;
    }
}

impl Rig {
    /// Builds a block at a point, with a fault if one is given.
    ///
    /// # Errors
    /// As [`Bench::design`] and [`Builder::build`].
    pub fn new(
        builder: &Builder,
        bench: &'static dyn Bench,
        point: &Point,
        mutant: Option<&Mutant>,
    ) -> anyhow::Result<Self> {
        Self::of(builder, bench, point, bench.design(point, mutant)?)
    }

    /// Builds a block so that it can write waveforms.
    ///
    /// # Errors
    /// As [`Bench::design`] and [`Builder::build`].
    pub fn traced(builder: &Builder, bench: &'static dyn Bench, point: &Point) -> anyhow::Result<Self> {
        Self::of(
            builder,
            bench,
            point,
            Design {
                trace: true,
                ..bench.design(point, None)?
            },
        )
    }

    fn of(
        builder: &Builder,
        bench: &'static dyn Bench,
        point: &Point,
        design: Design,
    ) -> anyhow::Result<Self> {
        let interface = design.interface.clone();
        Ok(Rig {
            bench,
            point: point.clone(),
            interface,
            library: builder.build(design)?,
        })
    }

    /// The interface that is driven at this point: the block's, or that of its surroundings.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The case of a seed.
    ///
    /// # Errors
    /// As [`Bench::case`].
    pub fn case(&self, seed: u64, rows: usize) -> anyhow::Result<Case> {
        self.bench.case(
            &self.point,
            &self.interface,
            rows,
            &mut Random::seed_from_u64(seed),
        )
    }

    /// The pacing of a seed.
    pub fn pacing(&self, seed: u64) -> Pacing {
        let count = |d| self.interface.streams.iter().filter(|s| s.direction == d).count();
        Pacing::from_seed(seed, count(Direction::In), count(Direction::Out))
    }

    /// Runs a case on a fresh instance whose power-up contents follow from the pacing's seed.
    ///
    /// # Errors
    /// As [`Simulation::new`].
    pub fn run(&self, case: &Case, pacing: &Pacing) -> anyhow::Result<Outcome> {
        Ok(Simulation::new(&self.library, pacing.seed)?.run(case, pacing))
    }

    /// The run of a seed with a waveform (VCD) of it. The block must have been built by [`Rig::traced`].
    ///
    /// # Errors
    /// When the run could not be made or the file cannot be written.
    pub fn run_traced(&self, seed: u64, rows: usize, file: &Path) -> anyhow::Result<Outcome> {
        let case = self.case(seed, rows)?;
        let mut simulation = Simulation::new(&self.library, seed)?;
        simulation.trace(file)?;
        Ok(simulation.run(&case, &self.pacing(seed)))
    }

    /// The whole of a seed: case, pacing, run, comparison. The inner error is a finding.
    ///
    /// # Errors
    /// When the run could not be made.
    pub fn soak(&self, seed: u64, rows: usize) -> anyhow::Result<Result<Tally, Failure>> {
        let case = self.case(seed, rows)?;
        let outcome = self.run(&case, &self.pacing(seed))?;
        let failure = |finding| Failure {
            block: self.bench.block(),
            point: self.point.name.clone(),
            seed,
            rows,
            finding,
        };
        let outputs = case
            .streams()
            .iter()
            .filter(|beats| beats.layout().stream.direction == Direction::Out);
        let tally = Tally {
            runs: 1,
            rows: case.rows() as u64,
            elements: outputs.map(Beats::elements).sum(),
            cycles: outcome.total_cycles,
        };
        Ok(check(&case, &outcome).map(|()| tally).map_err(failure))
    }

    /// Whether a corrupted expectation is noticed where it was corrupted: runs a seed once and, for each of `times`
    /// picks, flips one bit that matters in one expected beat.
    ///
    /// # Errors
    /// When a corruption goes unnoticed, or the run fails without one.
    pub fn show_that_checks_fire(&self, seed: u64, rows: usize, times: u64) -> anyhow::Result<()> {
        let case = self.case(seed, rows)?;
        let outcome = self.run(&case, &self.pacing(seed))?;
        check(&case, &outcome)
            .map_err(|f| anyhow!("fails before anything is corrupted: {}", f.details.join("; ")))?;
        let outputs: Vec<String> = self
            .interface
            .streams
            .iter()
            .filter(|s| s.direction == Direction::Out && !case.stream(&s.name).is_empty())
            .map(|s| s.name.clone())
            .collect();
        ensure!(!outputs.is_empty(), "no output beat is expected");
        for pick in 0..times {
            let mut bad = case.clone();
            let stream = &outputs[pick as usize % outputs.len()];
            let corrupted = bad
                .stream_mut(stream)
                .corrupt(pick.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let (beat, field) = corrupted.with_context(|| format!("nothing of `{stream}` is compared"))?;
            match check(&bad, &outcome) {
                Err(f) if f.stream.as_ref() == Some(stream) && f.beat == Some(beat) => {}
                other => {
                    return Err(anyhow!(
                        "`{stream}_{field}` of beat {beat} corrupted, but the check says {other:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Points that a fault is tried at.
const POINTS_PER_FAULT: usize = 12;

/// Whether the bench notices a fault: tries `runs` seeds at the bench's points whose Verilog has the place of the
/// fault, fewest multipliers and then least Verilog first, since those build fastest. The failure that showed it, or
/// none when the fault survives.
///
/// # Errors
/// When the faulty Verilog cannot be built, or the fault has no place, or several, at a point.
pub fn kill(
    builder: &Builder,
    bench: &'static dyn Bench,
    mutant: &Mutant,
    runs: u64,
) -> anyhow::Result<Option<Failure>> {
    let module = rtl::module(bench.block()).ok_or_else(|| anyhow!("no module `{}`", bench.block()))?;
    let mut points = Vec::new();
    for point in bench.points()? {
        let sources = rtl::sources_of(module, &point.config)?;
        let target = sources.iter().find(|source| source.module == mutant.module);
        if target.is_some_and(|source| !places(&source.text, mutant.find).is_empty()) {
            let length: usize = sources.iter().map(|source| source.text.len()).sum();
            points.push((point.config.multipliers, length, point));
        }
    }
    ensure!(
        !points.is_empty(),
        "{mutant}: the text occurs at no point of `{}`",
        bench.block()
    );
    points.sort_by_key(|(multipliers, length, _)| (*multipliers, *length));
    for (_, _, point) in points.iter().take(POINTS_PER_FAULT) {
        let rig = Rig::new(builder, bench, point, Some(mutant))?;
        for seed in 0..runs {
            if let Err(failure) = rig.soak(seed, bench.rows_per_run())? {
                return Ok(Some(failure));
            }
        }
    }
    Ok(None)
}
