//! What `sim` and `replay` share: the memory's flags, the run, the report.

use super::progress;
use crate::bench::system::{Flow, Host, Ran, Rig};
use crate::config::{Config, PARAMETERS};
use crate::golden::attention::Row;
use crate::golden::case::{Case, Outcome};
use crate::golden::roof::Stretch;
use crate::golden::sectors::Sectors;
use crate::golden::sequence::Work;
use crate::golden::{LayerCommand, LayerResult};
use crate::report::{Channel, Resource, RunReport, Visit};
use crate::sim::system::MemoryModel;
use crate::sim::{Builder, Checks};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// How the core is run, and what is said of it.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct RunArgs {
    /// Cycles from a read's address to its first sector
    #[arg(long, value_name = "CYCLES", default_value_t = 100, help_heading = "Memory")]
    latency: u32,
    /// Random latency and pauses of memory and host, drawn from this seed
    #[arg(
        long,
        value_name = "SEED",
        help_heading = "Memory",
        conflicts_with = "latency"
    )]
    stalls: Option<u64>,
    /// Keep the assertions of the Verilog: slower
    #[arg(long, help_heading = "Run")]
    checks: bool,
    /// Do not compare outputs and state with the golden model
    #[arg(long, help_heading = "Run")]
    no_verify: bool,
    /// Write the case with the RTL's answers in place of the golden model's, for sim/second_opinion to check: one command
    /// at a time, nothing is compared
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with_all = ["no_verify", "report", "json"])]
    outputs: Option<PathBuf>,
    /// Write a waveform (VCD) of the run, with the assertions of the Verilog
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    waves: Option<PathBuf>,
    /// Write a page about the run: one HTML file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// What is to be run.
pub(super) struct Job {
    pub title: String,
    pub source: String,
    /// Arguments of this run but for those of [`RunArgs`] and the configuration: `sim --model FILE`.
    pub arguments: String,
    pub case: Case,
    pub visits: Vec<Visit>,
    pub flow: Flow,
}

impl Job {
    fn bar(&self) -> indicatif::ProgressBar {
        let commands = self.case.events.iter().filter(|event| event.command.is_some());
        progress::bar(commands.count() as u64, "commands")
    }
}

/// Mean over the rows of their largest probability; 0 without rows.
fn mean_maximum(rows: &[Row], prob_width: u32) -> f64 {
    let sum: f64 = rows.iter().map(|row| f64::from(row.max_prob)).sum();
    sum / rows.len().max(1) as f64 / f64::from(1u32 << prob_width)
}

/// Least cycles of a command by itself.
fn roof(config: &Config, command: &LayerCommand, sectors: &Sectors, work: &Work) -> f64 {
    let mut alone = Stretch::default();
    alone.add(command.head_dim, sectors, work);
    alone.cycles(config).into_iter().fold(0.0, f64::max)
}

/// What the report says of an executed command.
pub(super) fn visit(
    config: &Config,
    step: usize,
    layer: usize,
    command: &LayerCommand,
    result: &LayerResult,
) -> Visit {
    Visit {
        roof: roof(config, command, &result.sectors, &result.work),
        cycles: 0,
        step,
        layer,
        tokens: result.tokens.len(),
        heads: result.heads.len(),
        rows: result.work.rows,
        redone: result.work.redone_rows,
        sectors: result.sectors.total(),
        values: result.work.kept_values,
        maximum: mean_maximum(&result.rows, config.prob_width),
    }
}

/// What the report says of the executed commands of a case that was not made from layers.
pub(super) fn visits(config: &Config, case: &Case) -> Vec<Visit> {
    let executed = case
        .events
        .iter()
        .filter_map(|event| match (&event.command, &event.result) {
            (Some(command), Some(Outcome::Executed(executed))) => Some((command, executed)),
            _ => None,
        });
    executed
        .enumerate()
        .map(|(layer, (command, executed))| Visit {
            roof: roof(config, command, &executed.sectors, &executed.work),
            cycles: 0,
            layer,
            tokens: executed.rows.iter().map(|r| r.keys as usize).max().unwrap_or(0),
            heads: executed.head_list.len(),
            rows: executed.work.rows,
            redone: executed.work.redone_rows,
            sectors: executed.sectors.total(),
            values: executed.work.kept_values,
            maximum: mean_maximum(&executed.rows, case.config.prob_width),
            step: 0,
        })
        .collect()
}

impl RunArgs {
    /// The memory of the published figures, everything compared.
    pub(super) fn published() -> Self {
        RunArgs {
            latency: 100,
            ..RunArgs::default()
        }
    }

    /// Whether the report is for machines.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    fn memory(&self) -> MemoryModel {
        match self.stalls {
            Some(seed) => MemoryModel::from_seed(seed),
            None => MemoryModel {
                read_latency: self.latency,
                ..MemoryModel::default()
            },
        }
    }

    /// Builds the core.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(super) fn rig(&self, config: &Config) -> anyhow::Result<Rig> {
        let checks = if self.checks { Checks::All } else { Checks::None };
        let bar = progress::spinner("building the model of the core");
        let rig = Builder::new()
            .map_err(Into::into)
            .and_then(|builder| match &self.waves {
                Some(_) => Rig::traced(&builder, config),
                None => Rig::new(&builder, config, checks, None),
            });
        bar.finish_and_clear();
        rig
    }

    /// The command line that runs the job again.
    fn replay(&self, config: &Config, job: &Job) -> String {
        let mut replay = format!("spatten-gen {} {}", job.arguments, config.flags());
        match self.stalls {
            Some(seed) => replay += &format!(" --stalls {seed}"),
            None if self.latency != 100 => replay += &format!(" --latency {}", self.latency),
            None => {}
        }
        replay
    }

    /// Builds the core and runs the job on it: exit code 0 when every answer agrees, else 1.
    ///
    /// # Errors
    /// When the core cannot be built or the run cannot be made.
    pub(super) fn run(&self, config: &Config, job: Job) -> anyhow::Result<ExitCode> {
        let rig = self.rig(config)?;
        if let Some(path) = &self.outputs {
            return self.answers(&rig, &job, path);
        }
        let report = self.simulate(&rig, job)?;
        if let Some(path) = &self.report {
            std::fs::write(path, report.page()?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.table());
        }
        Ok(if report.failure.is_none() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// A host with a core just reset.
    fn host(&self, rig: &Rig, job: &Job) -> anyhow::Result<Host> {
        let memory = self.memory();
        let mut host = rig.host(&memory, &job.case.channel_bases, memory.seed)?;
        if let Some(file) = &self.waves {
            host.system.trace(file)?;
        }
        Ok(host)
    }

    /// Runs a job and writes its case with the RTL's answers.
    fn answers(&self, rig: &Rig, job: &Job, path: &Path) -> anyhow::Result<ExitCode> {
        let mut host = self.host(rig, job)?;
        let bar = job.bar();
        let recorded = rig.record(&mut host, &job.case, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let (ran, case) = recorded?;
        let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        serde_json::to_writer(std::io::BufWriter::new(file), &case)?;
        println!(
            "{}: answers of the RTL to {} commands ({} refused), {} rows, {} words of output",
            path.display(),
            ran.executed + ran.refused,
            ran.refused,
            ran.rows,
            ran.words
        );
        Ok(ExitCode::SUCCESS)
    }

    /// Runs a job on a core that is built.
    ///
    /// # Errors
    /// When the run cannot be made.
    pub(super) fn simulate(&self, rig: &Rig, job: Job) -> anyhow::Result<RunReport> {
        let mut host = self.host(rig, &job)?;
        let bar = job.bar();
        let start = Instant::now();
        let told = |done| bar.set_position(done as u64);
        let result = rig.run_on(&mut host, &job.case, job.flow, !self.no_verify, &told);
        bar.finish_and_clear();
        let (ran, result) = result?;
        let failure = result.err().map(|wrong| wrong.to_string());
        Ok(self.report(&rig.config, job, ran, failure, start.elapsed().as_secs_f64()))
    }

    fn report(
        &self,
        config: &Config,
        job: Job,
        ran: Ran,
        failure: Option<String>,
        seconds: f64,
    ) -> RunReport {
        let replay = self.replay(config, &job);
        let summary = &job.case.summary;
        let roof = summary.roof.value();
        let mut resources =
            ["sectors", "keys", "scores", "values"].map(|name| Resource { name, cycles: 0.0 });
        for stretch in &summary.stretches {
            let parts = resources.iter_mut().zip(stretch.cycles(config));
            parts.for_each(|(resource, cycles)| resource.cycles += cycles);
        }
        let mut visits = job.visits;
        if visits.len() == ran.command_cycles.len() {
            let pairs = visits.iter_mut().zip(&ran.command_cycles);
            pairs.for_each(|(visit, &cycles)| visit.cycles = cycles);
        }
        let rows: u64 = visits.iter().map(|v| v.rows).sum();
        let maximum: f64 = visits.iter().map(|v| v.maximum * v.rows as f64).sum();
        RunReport {
            title: job.title,
            source: job.source,
            configuration: config.title(),
            hardware: config.command(),
            parameters: PARAMETERS
                .iter()
                .map(|parameter| (parameter.key.to_owned(), parameter.get(config).to_string()))
                .collect(),
            memory: match self.stalls {
                Some(seed) => format!("random latency and pauses, seed {seed}"),
                None => format!("a sector a cycle and channel after {} cycles", self.latency),
            },
            verified: !self.no_verify,
            failure,
            replay,
            commands: ran.executed,
            refused: ran.refused,
            rows: ran.rows,
            rows_redone: ran.counts.get("rows_redone"),
            words_compared: ran.words,
            cycles: ran.cycles,
            roof,
            share: if ran.cycles == 0 {
                0.0
            } else {
                roof / ran.cycles as f64
            },
            resources: resources.to_vec(),
            stages: ran.stages,
            timeline: ran.timeline,
            sectors: [
                "sectors_q",
                "sectors_k_msb",
                "sectors_k_lsb",
                "sectors_v_msb",
                "sectors_v_lsb",
            ]
            .map(|name| {
                (
                    name.trim_start_matches("sectors_").to_owned(),
                    ran.counts.get(name),
                )
            })
            .to_vec(),
            counters: ran
                .counts
                .0
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            channels: ran
                .traffic
                .iter()
                .map(|traffic| Channel {
                    read_beats: traffic.read_beats,
                    write_beats: traffic.write_beats,
                    most_outstanding: traffic.most_outstanding,
                })
                .collect(),
            visits,
            mean_row_maximum: maximum / rows.max(1) as f64,
            simulated_cycles: ran.total_cycles,
            seconds,
        }
    }
}
