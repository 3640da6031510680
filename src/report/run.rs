//! What a run of the whole core gave: as a table, as JSON, and as a page that stands alone.

use super::grouped;
use crate::bench::stages::{StageCycles, Timeline};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One command of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Visit {
    /// Generation step, 0 for an encoder.
    pub step: usize,
    /// Layer.
    pub layer: usize,
    /// Tokens worked on.
    pub tokens: usize,
    /// Heads worked on.
    pub heads: usize,
    /// Rows.
    pub rows: u64,
    /// Rows that ran a second time.
    pub redone: u64,
    /// Sectors read.
    pub sectors: u64,
    /// Values that took part.
    pub values: u64,
    /// Mean of the largest probability of a row, as a fraction of 1.
    pub maximum: f64,
    /// Cycles from the end of the command before it to its own end; 0 where that is not known. Commands overlap, so this is
    /// not what it took.
    pub cycles: u64,
    /// Least cycles that it would take by itself.
    pub roof: f64,
}

/// A memory channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Channel {
    /// Beats read.
    pub read_beats: u64,
    /// Beats written.
    pub write_beats: u64,
    /// Beats of reads that were under way at most.
    pub most_outstanding: u64,
}

/// A part of the roof: what one resource alone would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resource {
    /// Name.
    pub name: &'static str,
    /// Cycles, over the whole run.
    pub cycles: f64,
}

/// The whole report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunReport {
    /// What ran.
    pub title: String,
    /// Where it comes from, and which part of it ran.
    pub source: String,
    /// What the hardware's configuration is called: its preset, and the flags that differ from it.
    pub configuration: String,
    /// The command that generates the hardware.
    pub hardware: String,
    /// Every parameter with its value.
    pub parameters: Vec<(String, String)>,
    /// Behaviour of the memory.
    pub memory: String,
    /// Whether every answer was compared with the golden model.
    pub verified: bool,
    /// What differs, or went wrong; the run stopped there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The command that runs this again.
    pub replay: String,
    /// Commands executed.
    pub commands: u64,
    /// Commands refused.
    pub refused: u64,
    /// Rows.
    pub rows: u64,
    /// Rows that ran a second time.
    pub rows_redone: u64,
    /// Words of output compared.
    pub words_compared: u64,
    /// Cycles from the first doorbell to the last done interrupt.
    pub cycles: u64,
    /// Least cycles that hardware of this configuration could take.
    pub roof: f64,
    /// `roof / cycles`.
    pub share: f64,
    /// What each resource alone would take.
    pub resources: Vec<Resource>,
    /// What each stage did in these cycles.
    pub stages: Vec<StageCycles>,
    /// How busy the stages were over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// Sectors per stream.
    pub sectors: Vec<(String, u64)>,
    /// Counters of the core.
    pub counters: BTreeMap<String, u64>,
    /// Memory channels.
    pub channels: Vec<Channel>,
    /// Every command.
    pub visits: Vec<Visit>,
    /// Mean of the largest probability of a row, as a fraction of 1.
    pub mean_row_maximum: f64,
    /// Cycles simulated, the host's accesses before and after included.
    pub simulated_cycles: u64,
    /// Time that the simulation took.
    pub seconds: f64,
}

/// Sums of a layer.
#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    runs: f64,
    tokens: f64,
    heads: f64,
    rows: u64,
    redone: u64,
    sectors: u64,
}

/// `part` of `whole`, in percent; 0 of nothing.
pub(super) fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

/// The kinds of cycles of a stage that the page tells apart: class of the style sheet, word, and how many there are.
fn kinds(stage: &StageCycles) -> [(&'static str, &'static str, u64); 4] {
    [
        ("busy", "busy", stage.busy),
        ("held", "stalled, its output is not taken", stage.held_up),
        ("wait", "stalled, its input waits", stage.waiting),
        ("idle", "starved", stage.starved),
    ]
}

impl RunReport {
    fn layers(&self) -> Vec<Layer> {
        let count = self.visits.iter().map(|v| v.layer + 1).max().unwrap_or(0);
        let mut layers = vec![Layer::default(); count];
        for visit in &self.visits {
            let layer = &mut layers[visit.layer];
            layer.runs += 1.0;
            layer.tokens += visit.tokens as f64;
            layer.heads += visit.heads as f64;
            layer.rows += visit.rows;
            layer.redone += visit.redone;
            layer.sectors += visit.sectors;
        }
        for layer in &mut layers {
            layer.tokens /= layer.runs.max(1.0);
            layer.heads /= layer.runs.max(1.0);
        }
        layers
    }

    fn percent(&self, cycles: f64) -> f64 {
        percent(cycles, self.cycles as f64)
    }

    /// Sectors read, all streams.
    pub fn sectors_read(&self) -> u64 {
        self.sectors.iter().map(|s| s.1).sum()
    }

    /// The report for people.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n\n", self.title, self.source, self.hardware);
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<22} {value}");
        };
        line(
            "cycles",
            format!("{:>14}   memory: {}", grouped(self.cycles), self.memory),
        );
        line("roof", format!("{:>14}", grouped(self.roof.round() as u64)));
        line("share of the roof", format!("{:>13.1}%", 100.0 * self.share));
        for resource in &self.resources {
            let share = self.percent(resource.cycles);
            line(
                &format!("  {}", resource.name),
                format!("{:>14}   {share:.1}%", grouped(resource.cycles.round() as u64)),
            );
        }
        line("commands", format!("{:>14}", grouped(self.commands)));
        line("rows", format!("{:>14}", grouped(self.rows)));
        let redone = percent(self.rows_redone as f64, self.rows as f64);
        line(
            "rows redone",
            format!("{:>14}   {redone:.1}%", grouped(self.rows_redone)),
        );
        line("mean row maximum", format!("{:>14.3}", self.mean_row_maximum));
        line("sectors read", format!("{:>14}", grouped(self.sectors_read())));
        for (name, sectors) in &self.sectors {
            line(&format!("  {name}"), format!("{:>14}", grouped(*sectors)));
        }
        if !self.stages.is_empty() {
            let _ = writeln!(
                text,
                "\n{:<22} {:>7} {:>8} {:>8}   moved",
                "stage", "busy", "starved", "stalled"
            );
        }
        for stage in &self.stages {
            let share = |cycles: u64| percent(cycles as f64, stage.cycles() as f64);
            let _ = writeln!(
                text,
                "{:<22} {:>6.1}% {:>7.1}% {:>7.1}%   {} {}",
                stage.name,
                share(stage.busy),
                share(stage.starved),
                share(stage.stalled),
                grouped(stage.amount),
                stage.unit
            );
        }
        let speed = self.simulated_cycles as f64 / self.seconds.max(1e-9);
        let verdict = match (&self.failure, self.verified) {
            (Some(failure), _) => format!("FAILED: {failure}\nreplay: {}", self.replay),
            (None, true) => format!(
                "every answer agrees with the golden model: {} words of output, state, counters",
                grouped(self.words_compared)
            ),
            (None, false) => "outputs were not compared".into(),
        };
        let _ = writeln!(
            text,
            "\n{verdict}\ntook {:.1} s, {} cycles a second",
            self.seconds,
            grouped(speed as u64)
        );
        text
    }

    /// The report as one HTML page without references.
    ///
    /// # Errors
    /// When the template is wrong.
    pub fn page(&self) -> anyhow::Result<String> {
        let mut tera = tera::Tera::new();
        tera.autoescape_on(vec![".html"]);
        tera.add_raw_template("run.html", include_str!("../../templates/report/run.html"))?;
        let mut context = tera::Context::new();
        let total = self.sectors_read();
        let speed = self.simulated_cycles as f64 / self.seconds.max(1e-9);
        let per_row = self.cycles as f64 / self.rows.max(1) as f64;
        context.insert("report", self);
        for (name, text) in [
            ("cycles", grouped(self.cycles)),
            ("roof", grouped(self.roof.round() as u64)),
            ("share", format!("{:.1}", 100.0 * self.share)),
            ("dial", dial(self.share)),
            ("rows", grouped(self.rows)),
            ("commands", grouped(self.commands)),
            (
                "redone",
                format!("{:.1}", percent(self.rows_redone as f64, self.rows as f64)),
            ),
            ("words", grouped(self.words_compared)),
            ("sectors", grouped(total)),
            ("megabytes", format!("{:.1}", total as f64 * 32.0 / 1e6)),
            ("maximum", format!("{:.3}", self.mean_row_maximum)),
            ("per_row", format!("{per_row:.1}")),
            ("speed", grouped(speed as u64)),
            ("seconds", format!("{:.1}", self.seconds)),
            ("stages", self.stage_bars()),
            ("stage_table", self.stage_table()),
            ("timeline", self.lanes()),
            ("map", self.map()),
        ] {
            context.insert(name, &text);
        }
        let mut used: Vec<(String, f64)> = self
            .resources
            .iter()
            .map(|r| (r.name.to_owned(), r.cycles))
            .collect();
        used.push(("roof".into(), self.roof));
        context.insert("resources", &bars(&used, self.cycles as f64, "cycles"));
        let streams: Vec<(String, f64)> = self
            .sectors
            .iter()
            .map(|(name, sectors)| (stream(name).to_owned(), *sectors as f64))
            .collect();
        context.insert("streams", &bars(&streams, total as f64, "sectors"));
        let layers = self.layers();
        let mut plot =
            |name: &'static str, class: &str, axis: &str, unit: &str, value: &dyn Fn(&Layer) -> f64| {
                let values: Vec<f64> = layers.iter().map(value).collect();
                context.insert(name, &columns(&values, class, axis, unit));
            };
        plot("tokens", "c0", "layer", " tokens", &|l| l.tokens);
        plot("heads", "c2", "layer", " heads", &|l| l.heads);
        plot("lsb", "c3", "layer", " %", &|l| {
            percent(l.redone as f64, l.rows as f64)
        });
        plot("read", "c1", "layer", " sectors", &|l| {
            l.sectors as f64 / l.runs.max(1.0)
        });
        let balance: Vec<f64> = self
            .channels
            .iter()
            .map(|c| self.percent(c.read_beats as f64))
            .collect();
        context.insert("balance", &columns(&balance, "c1", "channel", " %"));
        let counters: Vec<(&String, String)> = self.counters.iter().map(|(n, v)| (n, grouped(*v))).collect();
        context.insert("counters", &counters);
        Ok(tera.render("run.html", &context)?)
    }

    /// A bar for each stage, in four parts.
    fn stage_bars(&self) -> String {
        let mut rows = String::new();
        for stage in &self.stages {
            let whole = stage.cycles() as f64;
            let (mut bar, mut x) = (String::new(), 0.0);
            for (class, word, cycles) in kinds(stage) {
                let part = percent(cycles as f64, whole);
                let _ = write!(
                    bar,
                    "<rect class='{class}' x='{x:.2}' width='{part:.2}' height='10'><title>{}: {word}, {part:.1} % · {} cycles</title></rect>",
                    stage.name,
                    grouped(cycles)
                );
                x += part;
            }
            let busy = percent(stage.busy as f64, whole);
            row(&mut rows, stage.name, stage.role, &bar, &format!("{busy:.1} %"));
        }
        rows
    }

    /// The numbers behind the bars: rows of a table.
    fn stage_table(&self) -> String {
        let mut rows = String::new();
        for stage in &self.stages {
            let cell = |cycles: u64| {
                format!(
                    "<td>{} <small>{:.1} %</small></td>",
                    grouped(cycles),
                    percent(cycles as f64, stage.cycles() as f64)
                )
            };
            let lanes = match stage.lanes {
                1 => String::new(),
                lanes => format!(" <small>× {lanes}</small>"),
            };
            let _ = writeln!(
                rows,
                "<tr><th title='{}'>{}{lanes}</th>{}{}{}{}<td>{} <small>{}</small></td></tr>",
                stage.role,
                stage.name,
                cell(stage.busy),
                cell(stage.starved),
                cell(stage.held_up),
                cell(stage.waiting),
                grouped(stage.amount),
                stage.unit
            );
        }
        rows
    }

    /// How busy each stage was over time; empty where that is not known.
    fn lanes(&self) -> String {
        let Some(timeline) = self
            .timeline
            .as_ref()
            .filter(|t| t.stages.iter().any(|s| s.1.len() > 1))
        else {
            return String::new();
        };
        let mut rows = String::new();
        for (name, shares) in &timeline.stages {
            let step = 100.0 / shares.len().max(1) as f64;
            let mut path = "M0 10".to_owned();
            for (i, share) in shares.iter().enumerate() {
                let y = 10.0 - 10.0 * share.clamp(0.0, 1.0);
                let _ = write!(path, "V{y:.1}H{:.2}", step * (i + 1) as f64);
            }
            let mean = 100.0 * shares.iter().sum::<f64>() / shares.len().max(1) as f64;
            let body = format!(
                "<rect class='idle' width='100' height='10'/><path class='busy' d='{path}V10Z'><title>{name}: {mean:.1} % busy on average</title></path>"
            );
            row(&mut rows, name, "", &body, "");
        }
        rows
    }

    /// Kept tokens by layer and step, one cell a command; empty where there are no steps.
    fn map(&self) -> String {
        let steps = self.visits.iter().map(|v| v.step + 1).max().unwrap_or(0);
        let layers = self.visits.iter().map(|v| v.layer + 1).max().unwrap_or(0);
        if steps < 2 {
            return String::new();
        }
        let most = self.visits.iter().map(|v| v.tokens).max().unwrap_or(1).max(1);
        let (w, h) = (920.0 / steps as f64, (260.0 / layers as f64).clamp(8.0, 22.0));
        let (width, height) = (980.0, h * layers as f64 + 24.0);
        let mut svg = format!("<svg viewBox='0 0 {width} {height:.0}' role='img'>");
        for visit in &self.visits {
            let (x, y) = (56.0 + w * visit.step as f64, h * visit.layer as f64);
            let mark = if visit.redone > 0 {
                format!(
                    "<circle class='c3' cx='{:.1}' cy='{:.1}' r='{:.1}' opacity='{:.2}'/>",
                    x + w / 2.0,
                    y + h / 2.0,
                    (w.min(h) / 4.0).max(1.0),
                    0.35 + 0.65 * visit.redone as f64 / visit.rows.max(1) as f64
                )
            } else {
                String::new()
            };
            let _ = write!(
                svg,
                "<g><title>step {}, layer {}: {} tokens, {} heads, {} of {} rows redone, {} cycles</title>\
                 <rect class='c0' x='{x:.1}' y='{y:.1}' width='{:.1}' height='{:.1}' opacity='{:.2}'/>{mark}</g>",
                visit.step,
                visit.layer,
                grouped(visit.tokens as u64),
                visit.heads,
                visit.redone,
                visit.rows,
                grouped(visit.cycles),
                (w - 0.6).max(0.5),
                h - 0.6,
                0.08 + 0.92 * visit.tokens as f64 / most as f64
            );
        }
        let bottom = h * layers as f64 + 16.0;
        let _ = write!(
            svg,
            "<text x='50' y='11' text-anchor='end'>layer 0</text><text x='50' y='{:.0}' text-anchor='end'>{}</text>\
             <text x='56' y='{bottom:.0}'>step 0</text><text x='976' y='{bottom:.0}' text-anchor='end'>{}</text></svg>",
            h * layers as f64 - 2.0,
            layers - 1,
            steps - 1
        );
        svg
    }
}

/// What a stream of sectors is called.
fn stream(name: &str) -> &str {
    match name {
        "q" => "Q",
        "k_msb" => "K, MSB planes",
        "k_lsb" => "K, LSB planes",
        "v_msb" => "V, MSB planes",
        "v_lsb" => "V, LSB planes",
        other => other,
    }
}

/// The share of the roof as a ring.
fn dial(share: f64) -> String {
    let length = 2.0 * std::f64::consts::PI * 52.0;
    let shown = share.clamp(0.0, 1.0) * length;
    format!(
        "<svg viewBox='0 0 120 120' class='dial' role='img'><title>{:.1} % of the roof</title>\
         <circle class='track' cx='60' cy='60' r='52'/><circle class='arc' cx='60' cy='60' r='52' \
         stroke-dasharray='{shown:.1} {length:.1}' transform='rotate(-90 60 60)'/>\
         <text x='60' y='64' text-anchor='middle' class='big'>{:.1} %</text>\
         <text x='60' y='82' text-anchor='middle'>of the roof</text></svg>",
        100.0 * share,
        100.0 * share
    )
}

fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        grouped(value.round() as u64)
    } else {
        format!("{value:.1}")
    }
}

/// A line of a chart: a name, a drawing 100 wide and 10 high that is stretched to the room there is, and a figure.
fn row(rows: &mut String, name: &str, title: &str, drawing: &str, figure: &str) {
    let _ = writeln!(
        rows,
        "<div class='row'><span title='{title}'>{name}</span>\
         <svg viewBox='0 0 100 10' preserveAspectRatio='none' role='img'>{drawing}</svg><b>{figure}</b></div>"
    );
}

/// Horizontal bars with their names, parts of `whole`.
fn bars(items: &[(String, f64)], whole: f64, unit: &str) -> String {
    let mut rows = String::new();
    for (i, (name, value)) in items.iter().enumerate() {
        let part = percent(*value, whole);
        let bar = format!(
            "<rect class='idle' width='100' height='10'/><rect class='c{}' width='{:.2}' height='10'>\
             <title>{name}: {} {unit}, {part:.1} %</title></rect>",
            i % 5,
            part.clamp(0.0, 100.0),
            number(*value)
        );
        let figure = format!("{part:.1} % <small>{}</small>", number(*value));
        row(&mut rows, name, "", &bar, &figure);
    }
    rows
}

/// A column for each number, from 0 to the largest.
fn columns(values: &[f64], class: &str, axis: &str, unit: &str) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let width = (378.0 / values.len().max(1) as f64).min(56.0);
    let mut svg = "<svg viewBox='0 0 440 146' role='img'>".to_owned();
    let top = if most > 0.0 { most } else { 1.0 };
    for (i, value) in values.iter().enumerate() {
        let height = 108.0 * value / top;
        let _ = write!(
            svg,
            "<rect class='{class}' x='{:.1}' y='{:.1}' width='{:.1}' height='{:.1}' rx='1.5'><title>{axis} {i}: {}{unit}</title></rect>",
            58.0 + width * i as f64,
            124.0 - height,
            (width - 2.0).max(0.8),
            height.max(0.5),
            number(*value)
        );
    }
    let last = values.len().saturating_sub(1);
    let end = if last == 0 {
        String::new()
    } else {
        format!(
            "<text x='{:.0}' y='140' text-anchor='end'>{last}</text>",
            56.0 + width * values.len() as f64
        )
    };
    let _ = write!(
        svg,
        "<line class='track' x1='54' y1='124.5' x2='438' y2='124.5'/>\
         {}<text x='50' y='128' text-anchor='end'>0</text>\
         <text x='438' y='11' class='unit' text-anchor='end'>{}</text><text x='58' y='140'>{axis} 0</text>{end}</svg>",
        if most > 0.0 {
            format!("<text x='50' y='22' text-anchor='end'>{}</text>", number(most))
        } else {
            "<text x='240' y='76' text-anchor='middle'>none</text>".into()
        },
        unit.trim()
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> RunReport {
        RunReport {
            title: "A <model>".into(),
            hardware: "spatten-gen --preset tiny".into(),
            parameters: vec![("channels".into(), "2".into())],
            cycles: 2000,
            roof: 1500.0,
            share: 0.75,
            verified: true,
            rows: 8,
            rows_redone: 2,
            resources: vec![Resource {
                name: "sectors",
                cycles: 1500.0,
            }],
            sectors: vec![("q".into(), 10), ("k_msb".into(), 30)],
            visits: (0..4)
                .map(|i| Visit {
                    step: i / 2,
                    layer: i % 2,
                    tokens: 10 - i,
                    heads: 2,
                    rows: 2,
                    redone: i as u64 % 2,
                    ..Visit::default()
                })
                .collect(),
            stages: vec![StageCycles {
                name: "qk_array",
                lanes: 1,
                busy: 1500,
                starved: 300,
                stalled: 200,
                held_up: 150,
                waiting: 50,
                ..StageCycles::default()
            }],
            timeline: Some(Timeline {
                period: 1000,
                stages: vec![("qk_array", vec![0.5, 1.0])],
            }),
            channels: vec![Channel::default(); 2],
            ..RunReport::default()
        }
    }

    #[test]
    fn the_page_stands_alone_and_says_what_happened() {
        let page = report().page().unwrap();
        for part in [
            "A &lt;model&gt;",
            "75.0 %",
            "qk_array: starved, 15.0 % · 300 cycles",
            "M0 10V5.0H50.00V0.0H100.00V10Z",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for outside in ["http://", "https://", "<script src", "<link"] {
            assert!(
                !page.replace("http://www.w3.org", "").contains(outside),
                "{outside}"
            );
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        let failed = RunReport {
            failure: Some("command 3: output".into()),
            ..report()
        };
        assert!(failed.page().unwrap().contains("command 3: output"));
        assert!(failed.table().contains("FAILED: command 3"));
    }
}
