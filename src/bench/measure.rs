//! What a block's RTL does in steady state: figures by setting, each with the bound it is held to, if any.

use super::{Bench, Point, Rig, check};
use crate::sim::{Builder, Case, End, Library, Outcome, Pace, Pacing, Simulation};
use anyhow::{anyhow, ensure};
use serde::Serialize;
use std::sync::Arc;

/// One measured setting of a block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// What was measured: name and value of each setting, in column order.
    pub setting: Vec<(&'static str, String)>,
    /// What came out: name and value of each figure, in column order; none where it does not apply.
    pub figures: Vec<(&'static str, Option<f64>)>,
    /// Bounds promised: the figure's name and the largest value allowed.
    pub bounds: Vec<(&'static str, f64)>,
}

impl Measurement {
    /// The value of a figure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|(n, _)| *n == name)
            .and_then(|(_, value)| *value)
    }

    /// Bounds that do not hold.
    pub fn broken(&self) -> impl Iterator<Item = &(&'static str, f64)> {
        self.bounds
            .iter()
            .filter(|(name, most)| self.figure(name).is_none_or(|value| value > *most))
    }
}

/// Which settings to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this number of lanes.
    pub parallelism: Option<u32>,
    /// Only settings that a bound is promised for.
    pub promised: bool,
}

/// A run from reset without back-pressure, its inputs at one pace, whose answers are checked.
///
/// # Errors
/// When the run cannot be made, an answer is wrong, or the run does not end.
pub fn run(library: &Arc<Library>, case: &Case, pace: Pace) -> anyhow::Result<Outcome> {
    let pacing = Pacing {
        inputs: vec![pace],
        ..Pacing::full_speed()
    };
    let outcome = Simulation::new(library, 0)?.run(case, &pacing);
    check(case, &outcome).map_err(|finding| anyhow!("{}", finding.details.join("; ")))?;
    ensure!(outcome.end == End::Done, "the run did not end: {:?}", outcome.end);
    Ok(outcome)
}

/// What is measured of a bench at each of these points, in a rig built for it.
///
/// # Errors
/// When a rig cannot be built or a point cannot be measured.
pub fn at(
    points: impl IntoIterator<Item = Point>,
    bench: &'static dyn Bench,
    builder: &Builder,
    progress: &dyn Fn(&str),
    measure: impl Fn(&Rig, &Point) -> anyhow::Result<Measurement>,
) -> anyhow::Result<Vec<Measurement>> {
    let measured = points.into_iter().map(|point| {
        progress(&point.name);
        measure(&Rig::new(builder, bench, &point, None)?, &point)
    });
    measured.collect()
}

/// Cycles from one event to the next, on average.
pub fn gap(cycles: &[u64]) -> f64 {
    (cycles[cycles.len() - 1] - cycles[0]) as f64 / (cycles.len() - 1) as f64
}

/// The measurements as a table for people.
pub fn table(measurements: &[Measurement]) -> String {
    let Some(first) = measurements.first() else {
        return "nothing measured\n".into();
    };
    let mut rows: Vec<Vec<String>> = vec![
        first
            .setting
            .iter()
            .map(|(name, _)| *name)
            .chain(first.figures.iter().map(|(name, _)| *name))
            .chain(["promised"])
            .map(String::from)
            .collect(),
    ];
    for m in measurements {
        let figures = m.figures.iter().map(|(_, value)| match value {
            Some(value) => format!("{value:.1}"),
            None => "-".into(),
        });
        let bounds: Vec<String> = m
            .bounds
            .iter()
            .map(|bound| {
                let verdict = if m.broken().any(|b| b == bound) {
                    "BROKEN"
                } else {
                    "holds"
                };
                format!("{} <= {}: {verdict}", bound.0, bound.1)
            })
            .collect();
        rows.push(
            m.setting
                .iter()
                .map(|(_, value)| value.clone())
                .chain(figures)
                .chain([bounds.join(", ")])
                .collect(),
        );
    }
    let columns = rows[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().map(|row| row[c].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(c, cell)| match c {
                _ if c == columns - 1 => cell.clone(),
                _ => format!("{cell:>width$}", width = widths[c]),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_breaks_above_it_and_where_its_figure_is_missing() {
        let measurement = |value| Measurement {
            setting: vec![("n", "4".into())],
            figures: vec![("cycles", value)],
            bounds: vec![("cycles", 10.0)],
        };
        assert_eq!(measurement(Some(10.0)).broken().count(), 0);
        assert_eq!(measurement(Some(10.1)).broken().count(), 1);
        assert_eq!(measurement(None).broken().count(), 1);
        assert!(table(&[measurement(Some(11.0))]).contains("cycles <= 10: BROKEN"));
    }
}
