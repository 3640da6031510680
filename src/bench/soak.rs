//! Long random co-simulation: many seeds of many blocks and points, on every core.

use super::{Bench, Failure, Point, Rig, Tally};
use crate::sim::Builder;
use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What to run.
pub struct Plan {
    /// Blocks with the point to test each at.
    pub targets: Vec<(&'static dyn Bench, Point)>,
    /// First seed; each run takes the next.
    pub seed: u64,
    /// What each target has to do; without, it goes on until `seconds` have passed.
    pub goal: Option<Goal>,
    /// Time for everything after the builds.
    pub seconds: Option<f64>,
    /// Threads.
    pub threads: usize,
}

impl Plan {
    /// What one target of a block has to do.
    fn share(&self, bench: &dyn Bench) -> Option<Goal> {
        let of_block = |(other, _): &&(&dyn Bench, Point)| other.block() == bench.block();
        match self.goal? {
            Goal::Elements(elements) => {
                let targets = self.targets.iter().filter(of_block).count().max(1) as u64;
                Some(Goal::Elements(elements.div_ceil(targets)))
            }
            rows => Some(rows),
        }
    }
}

/// How much a target has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// So many rows for each target.
    Rows(u64),
    /// So many elements compared for each block, in equal parts for its targets; the last run is always whole.
    Elements(u64),
}

/// How far a soak is.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Targets built, of how many.
    Built(usize, usize),
    /// A run of a target passed.
    Passed(&'a Target, Tally),
}

/// A block at a point.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// Block.
    pub block: &'static str,
    /// Point.
    pub point: String,
    /// What passed.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What a soak did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Every target with what passed.
    pub targets: Vec<Target>,
    /// What failed, in the order of seeds; a soak stops at the first.
    pub failures: Vec<Failure>,
    /// Seconds of simulation, without the builds.
    pub seconds: f64,
    /// Simulated cycles a second, all threads together.
    pub cycles_per_second: f64,
}

impl Report {
    /// Blocks in the order of their targets, each with all that passed.
    pub fn blocks(&self) -> Vec<(&'static str, Tally)> {
        let mut blocks: Vec<(&'static str, Tally)> = Vec::new();
        for target in &self.targets {
            match blocks.iter_mut().find(|(block, _)| *block == target.block) {
                Some((_, tally)) => *tally += target.tally,
                None => blocks.push((target.block, target.tally)),
            }
        }
        blocks
    }
}

/// Builds every target and runs seeds until the goal is reached, the time is over or something fails. A failing run is
/// cut to the shortest that still fails.
///
/// # Errors
/// When a target cannot be built or a run cannot be made.
pub fn soak(
    builder: &Builder,
    plan: &Plan,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<Report> {
    let built = AtomicU64::new(0);
    let rigs = in_parallel(plan.threads, plan.targets.len(), |index| {
        let (bench, point) = &plan.targets[index];
        let rig = Rig::new(builder, *bench, point, None)?;
        let so_far = built.fetch_add(1, Ordering::Relaxed) as usize + 1;
        progress(Progress::Built(so_far, plan.targets.len()));
        Ok(rig)
    })?;
    let targets: Vec<Mutex<Target>> = plan
        .targets
        .iter()
        .map(|(bench, point)| {
            Mutex::new(Target {
                block: bench.block(),
                point: point.name.clone(),
                tally: Tally::default(),
            })
        })
        .collect();
    let goals: Vec<Option<Goal>> = plan.targets.iter().map(|(bench, _)| plan.share(*bench)).collect();
    // Targets that have runs to begin.
    let open: Vec<AtomicBool> = goals.iter().map(|_| AtomicBool::new(true)).collect();
    let start = Instant::now();
    let budget = plan.seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(Vec::new());
    in_parallel(plan.threads, plan.threads.max(1), |_| {
        while !stop.load(Ordering::Relaxed) && budget.is_none_or(|b| start.elapsed() < b) {
            // Job j is run j / targets of target j % targets, so that all advance together.
            let job = next.fetch_add(1, Ordering::Relaxed);
            let (run, index) = (
                job / rigs.len().max(1) as u64,
                (job % rigs.len().max(1) as u64) as usize,
            );
            if !open.iter().any(|open| open.load(Ordering::Relaxed)) {
                break;
            }
            let per_run = plan.targets[index].0.rows_per_run().max(1) as u64;
            let rows = match goals[index] {
                Some(Goal::Rows(rows)) => per_run.min(rows.saturating_sub(run.saturating_mul(per_run))),
                _ => per_run,
            } as usize;
            if rows == 0 {
                open[index].store(false, Ordering::Relaxed);
            }
            if !open[index].load(Ordering::Relaxed) {
                continue;
            }
            let seed = plan.seed.wrapping_add(run);
            match rigs[index]
                .soak(seed, rows)
                .inspect_err(|_| stop.store(true, Ordering::Relaxed))?
            {
                Ok(tally) => {
                    let mut target = targets[index].lock().unwrap_or_else(|e| e.into_inner());
                    target.tally += tally;
                    if let Some(Goal::Elements(elements)) = goals[index]
                        && target.tally.elements >= elements
                    {
                        open[index].store(false, Ordering::Relaxed);
                    }
                    progress(Progress::Passed(&target, tally));
                }
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    let failure = shortest(&rigs[index], failure)?;
                    failures
                        .lock()
                        .unwrap_or_else(|e| e.into_inner())
                        .push((job, failure));
                }
            }
        }
        Ok(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let targets: Vec<Target> = targets
        .into_iter()
        .map(|t| t.into_inner().unwrap_or_else(|e| e.into_inner()))
        .collect();
    let mut failures = failures.into_inner().unwrap_or_else(|e| e.into_inner());
    failures.sort_by_key(|(job, _)| *job);
    let cycles: u64 = targets.iter().map(|t| t.tally.cycles).sum();
    Ok(Report {
        targets,
        failures: failures.into_iter().map(|(_, failure)| failure).collect(),
        seconds,
        cycles_per_second: cycles as f64 / seconds.max(1e-9),
    })
}

/// The failure of the shortest run of the same seed among 1, 2, 4, ... rows that fails, else the given one.
fn shortest(rig: &Rig, failure: Failure) -> anyhow::Result<Failure> {
    let mut rows = 1;
    while rows < failure.rows {
        if let Err(shorter) = rig.soak(failure.seed, rows)? {
            return Ok(shorter);
        }
        rows *= 2;
    }
    Ok(failure)
}

/// Calls `work` for 0 to `count - 1` on so many threads; the results in order, or the first error.
fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    use rayon::prelude::*;
    let work = &work;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()?;
    pool.install(|| (0..count).into_par_iter().with_max_len(1).map(work).collect())
}
