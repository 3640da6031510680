//! Runs of the whole core side by side.

use super::run::percent;
use super::{RunReport, grouped};
use std::fmt::Write as _;

/// Stages whose cycles the page shows.
const STAGES: [&str; 5] = ["memory reads", "qk_array", "softmax", "topk_engine", "av_array"];

/// Stages that a run can be bound by, the busiest one: those that work on a row.
fn busiest(report: &RunReport) -> Option<(&'static str, f64)> {
    report
        .stages
        .iter()
        .filter(|stage| STAGES.contains(&stage.name))
        .map(|stage| (stage.name, percent(stage.busy as f64, stage.cycles() as f64)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The cells of a run: rows, rows redone, cycles, roof, share, sectors, busiest stage.
fn cells(report: &RunReport) -> [String; 7] {
    let share = match &report.failure {
        Some(_) => "FAILED".to_owned(),
        None => format!("{:.1} %", 100.0 * report.share),
    };
    let busiest = busiest(report);
    [
        grouped(report.rows),
        grouped(report.rows_redone),
        grouped(report.cycles),
        grouped(report.roof.round() as u64),
        share,
        grouped(report.sectors_read()),
        busiest.map_or(String::new(), |(name, share)| format!("{name} {share:.0} %")),
    ]
}

const HEADS: [&str; 7] = [
    "rows",
    "redone",
    "cycles",
    "roof",
    "share",
    "sectors",
    "busiest stage",
];

/// All runs for people at a terminal.
pub fn figures_table(reports: &[RunReport]) -> String {
    let mut text = String::new();
    let mut line = |hardware: &str, workload: &str, c: &[String]| {
        let _ = writeln!(
            text,
            "{hardware:<12} {workload:<58} {:>6} {:>6} {:>12} {:>12} {:>7} {:>12}  {}",
            c[0], c[1], c[2], c[3], c[4], c[5], c[6]
        );
    };
    line("hardware", "workload", &HEADS.map(String::from));
    for report in reports {
        line(&report.configuration, &report.title, &cells(report));
    }
    for (report, failure) in reports.iter().filter_map(|r| Some((r, r.failure.as_ref()?))) {
        let _ = writeln!(text, "FAILED: {failure}\n  replay: {}", report.replay);
    }
    text
}

/// All runs as a page of documentation.
pub fn figures_page(reports: &[RunReport]) -> String {
    let failed = reports.iter().any(|report| report.failure.is_some());
    let verdict = if failed {
        "**Some runs differ from the golden model.**"
    } else {
        "Every output, kept list, importance and counter of every run agreed with the golden model."
    };
    let mut text = format!(
        "# Figures of the whole core\n\n\
         The emitted `spatten_top`, simulated with Verilator: cycles from the first doorbell to the last done interrupt, register accesses\n\
         included. Each memory channel returns a sector a cycle, the first one 100 cycles after its address, and takes a write beat a cycle beside\n\
         it. The roof is the least that this hardware could take: sectors, keys, scores or values, whichever is most, summed between token\n\
         prunes. {verdict}\n\n\
         This page is what `spatten-gen figures --markdown` prints when it is given the traces and models below.\n"
    );
    let mut runs: Vec<(&str, Vec<&RunReport>)> = Vec::new();
    for report in reports {
        match runs.iter_mut().find(|(name, _)| *name == report.configuration) {
            Some((_, of_it)) => of_it.push(report),
            None => runs.push((report.configuration.as_str(), vec![report])),
        }
    }
    let row = |text: &mut String, cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    for (name, runs) in &runs {
        let _ = write!(text, "\n## `{name}`\n\n| workload | {} |\n", HEADS.join(" | "));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(6) + "---|");
        for report in runs {
            let mut line = vec![report.title.clone()];
            line.extend(cells(report));
            row(&mut text, &line);
        }
        let _ = write!(
            text,
            "\nCycles of the stages in percent, busy / starved / stalled:\n\n| workload | {} |\n|---|{}\n",
            STAGES.join(" | "),
            "---:|".repeat(STAGES.len())
        );
        for report in runs {
            let mut line = vec![report.title.clone()];
            for name in STAGES {
                let stage = report.stages.iter().find(|stage| stage.name == name);
                line.push(stage.map_or(String::new(), |stage| {
                    let share = |cycles: u64| percent(cycles as f64, stage.cycles() as f64);
                    format!(
                        "{:.0} / {:.0} / {:.0}",
                        share(stage.busy),
                        share(stage.starved),
                        share(stage.stalled)
                    )
                }));
            }
            row(&mut text, &line);
        }
        text += "\n```console\n";
        for report in runs {
            let _ = writeln!(text, "$ {}", report.replay);
        }
        text += "```\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::stages::StageCycles;

    #[test]
    fn runs_stand_side_by_side() {
        let run = |title: &str, configuration: &str, replay: &str| RunReport {
            title: title.into(),
            configuration: configuration.into(),
            replay: replay.into(),
            cycles: 2000,
            roof: 1500.0,
            share: 0.75,
            rows: 8,
            stages: vec![StageCycles {
                name: "qk_array",
                busy: 1500,
                starved: 500,
                ..StageCycles::default()
            }],
            ..RunReport::default()
        };
        let mut runs = [
            run("Something", "spatten", "spatten-gen replay --workload x.csv"),
            run(
                "Something, dense",
                "tiny",
                "spatten-gen sim --attention n=1 --dense",
            ),
        ];
        let page = figures_page(&runs);
        for part in [
            "## `spatten`",
            "## `tiny`",
            "| Something, dense | 8 | 0 | 2,000 | 1,500 | 75.0 % | 0 | qk_array 75 % |",
            "| 75 / 25 / 0 |",
            "$ spatten-gen replay --workload x.csv\n",
            "agreed with the golden model",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        runs[1].failure = Some("command 3".into());
        assert!(figures_page(&runs).contains("Some runs differ"));
        assert!(figures_table(&runs).contains("FAILED: command 3"));
    }
}
