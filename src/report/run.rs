//! What a run of the whole core gave: as a table, as JSON, and as a page that stands alone.

use super::grouped;
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

/// Sums and means of a layer.
#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    runs: f64,
    tokens: f64,
    heads: f64,
    rows: u64,
    redone: u64,
    sectors: u64,
    values: u64,
}

/// The stall counters, as people say them.
const STALLS: [(&str, &str); 5] = [
    ("stall_keys", "Q×K waits for keys"),
    ("stall_scores", "scores wait for the softmax"),
    ("stall_select", "probabilities wait for top-k"),
    ("stall_values", "kept probabilities wait for values"),
    ("stall_output", "output rows wait to be written"),
];

const COLOURS: [&str; 5] = ["#0f766e", "#0369a1", "#7c3aed", "#c2410c", "#be123c"];

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
            layer.values += visit.values;
        }
        for layer in &mut layers {
            layer.tokens /= layer.runs.max(1.0);
            layer.heads /= layer.runs.max(1.0);
        }
        layers
    }

    fn percent(&self, cycles: f64) -> f64 {
        100.0 * cycles / self.cycles.max(1) as f64
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
        let redone = 100.0 * self.rows_redone as f64 / self.rows.max(1) as f64;
        line(
            "rows redone",
            format!("{:>14}   {redone:.1}%", grouped(self.rows_redone)),
        );
        line("mean row maximum", format!("{:>14.3}", self.mean_row_maximum));
        let total: u64 = self.sectors.iter().map(|s| s.1).sum();
        line("sectors read", format!("{:>14}", grouped(total)));
        for (name, sectors) in &self.sectors {
            line(&format!("  {name}"), format!("{:>14}", grouped(*sectors)));
        }
        for (name, meaning) in STALLS {
            let cycles = self.counters.get(name).copied().unwrap_or(0);
            let share = self.percent(cycles as f64);
            line(name, format!("{:>14}   {share:.1}%, {meaning}", grouped(cycles)));
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
        let total: u64 = self.sectors.iter().map(|s| s.1).sum();
        context.insert("report", self);
        context.insert("cycles", &grouped(self.cycles));
        context.insert("roof", &grouped(self.roof.round() as u64));
        context.insert("share", &format!("{:.1}", 100.0 * self.share));
        context.insert("dial", &dial(self.share));
        context.insert("rows", &grouped(self.rows));
        context.insert("commands", &grouped(self.commands));
        let redone = 100.0 * self.rows_redone as f64 / self.rows.max(1) as f64;
        context.insert("redone", &format!("{redone:.1}"));
        context.insert("words", &grouped(self.words_compared));
        context.insert("sectors", &grouped(total));
        context.insert("megabytes", &format!("{:.1}", total as f64 * 32.0 / 1e6));
        context.insert("maximum", &format!("{:.3}", self.mean_row_maximum));
        let per_row = self.cycles as f64 / self.rows.max(1) as f64;
        context.insert("per_row", &format!("{per_row:.1}"));
        let bars = |items: Vec<(String, f64)>, whole: f64, unit: &str| bars(&items, whole, unit);
        let mut used: Vec<(String, f64)> = self
            .resources
            .iter()
            .map(|r| (r.name.to_owned(), r.cycles))
            .collect();
        used.push(("all cycles".into(), self.cycles as f64));
        context.insert("resources", &bars(used, self.cycles as f64, "cycles"));
        let stalls = STALLS.map(|(name, meaning)| {
            let cycles = self.counters.get(name).copied().unwrap_or(0);
            (meaning.to_owned(), cycles as f64)
        });
        context.insert("stalls", &bars(stalls.to_vec(), self.cycles as f64, "cycles"));
        let streams: Vec<(String, f64)> = self.sectors.iter().map(|(n, s)| (n.clone(), *s as f64)).collect();
        context.insert("streams", &bars(streams, total as f64, "sectors"));
        let layers = self.layers();
        let series = |f: &dyn Fn(&Layer) -> f64| -> Vec<f64> { layers.iter().map(f).collect() };
        context.insert("tokens", &columns(&series(&|l| l.tokens), COLOURS[0], ""));
        context.insert("heads", &columns(&series(&|l| l.heads), COLOURS[2], ""));
        let lsb = series(&|l| 100.0 * l.redone as f64 / l.rows.max(1) as f64);
        context.insert("lsb", &columns(&lsb, COLOURS[3], "%"));
        let read = series(&|l| l.sectors as f64 / l.runs.max(1.0));
        context.insert("read", &columns(&read, COLOURS[1], ""));
        context.insert("map", &self.map());
        let balance: Vec<f64> = self
            .channels
            .iter()
            .map(|c| 100.0 * c.read_beats as f64 / self.cycles.max(1) as f64)
            .collect();
        context.insert("balance", &columns(&balance, COLOURS[1], "%"));
        let speed = self.simulated_cycles as f64 / self.seconds.max(1e-9);
        context.insert("speed", &grouped(speed as u64));
        context.insert("seconds", &format!("{:.1}", self.seconds));
        Ok(tera.render("run.html", &context)?)
    }

    /// Kept tokens by layer and step, one cell a command; empty where there are no steps.
    fn map(&self) -> String {
        let steps = self.visits.iter().map(|v| v.step + 1).max().unwrap_or(0);
        let layers = self.visits.iter().map(|v| v.layer + 1).max().unwrap_or(0);
        if steps < 2 {
            return String::new();
        }
        let most = self.visits.iter().map(|v| v.tokens).max().unwrap_or(1).max(1);
        let (w, h) = (640.0 / steps as f64, (260.0 / layers as f64).clamp(6.0, 22.0));
        let (width, height) = (700.0, h * layers as f64 + 40.0);
        let mut svg = format!("<svg viewBox='0 0 {width} {height:.0}' role='img'>");
        for visit in &self.visits {
            let (x, y) = (50.0 + w * visit.step as f64, h * visit.layer as f64);
            let depth = visit.tokens as f64 / most as f64;
            let light = 96.0 - 66.0 * depth;
            let mark = if visit.redone > 0 {
                format!(
                    "<circle cx='{:.1}' cy='{:.1}' r='{:.1}' fill='#c2410c' opacity='{:.2}'/>",
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
                "<g><title>step {}, layer {}: {} tokens, {} heads, {} of {} rows redone</title>\
                 <rect x='{x:.1}' y='{y:.1}' width='{:.1}' height='{:.1}' fill='hsl(175 60% {light:.0}%)'/>{mark}</g>",
                visit.step,
                visit.layer,
                visit.tokens,
                visit.heads,
                visit.redone,
                visit.rows,
                (w - 0.6).max(0.5),
                h - 0.6
            );
        }
        let bottom = h * layers as f64 + 16.0;
        let _ = write!(
            svg,
            "<text x='0' y='12'>layer 0</text><text x='0' y='{:.0}'>{}</text>\
             <text x='50' y='{bottom:.0}'>step 0</text><text x='690' y='{bottom:.0}' text-anchor='end'>{}</text></svg>",
            h * layers as f64 - 2.0,
            layers - 1,
            steps - 1
        );
        svg
    }
}

/// The share of the roof as a ring.
fn dial(share: f64) -> String {
    let length = 2.0 * std::f64::consts::PI * 52.0;
    let shown = share.clamp(0.0, 1.0) * length;
    format!(
        "<svg viewBox='0 0 120 120' class='dial' role='img'><circle cx='60' cy='60' r='52' fill='none' \
         stroke='var(--line)' stroke-width='12'/><circle cx='60' cy='60' r='52' fill='none' stroke='{}' \
         stroke-width='12' stroke-linecap='round' stroke-dasharray='{shown:.1} {length:.1}' \
         transform='rotate(-90 60 60)'/><text x='60' y='66' text-anchor='middle' class='big'>{:.0}%</text></svg>",
        COLOURS[0],
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

/// Horizontal bars with their names, parts of `whole`.
fn bars(items: &[(String, f64)], whole: f64, unit: &str) -> String {
    let height = 26 * items.len();
    let mut svg = format!("<svg viewBox='0 0 700 {height}' role='img'>");
    for (i, (name, value)) in items.iter().enumerate() {
        let part = if whole > 0.0 { value / whole } else { 0.0 };
        let y = 26 * i;
        let length = 330.0 * part.clamp(0.0, 1.0);
        let colour = COLOURS[i % COLOURS.len()];
        let _ = write!(
            svg,
            "<text x='222' y='{}' text-anchor='end'>{name}</text>\
             <rect x='230' y='{}' width='330' height='14' rx='3' fill='var(--line)'/>\
             <rect x='230' y='{}' width='{length:.1}' height='14' rx='3' fill='{colour}'/>\
             <text x='568' y='{}'>{:.1}% · {}<title>{unit}</title></text>",
            y + 17,
            y + 6,
            y + 6,
            y + 17,
            100.0 * part,
            number(*value)
        );
    }
    svg + "</svg>"
}

/// A column for each number, from 0 to the largest.
fn columns(values: &[f64], colour: &str, unit: &str) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let width = (620.0 / values.len().max(1) as f64).min(64.0);
    let mut svg = "<svg viewBox='0 0 700 150' role='img'>".to_owned();
    let top = if most > 0.0 { most } else { 1.0 };
    for (i, value) in values.iter().enumerate() {
        let height = 112.0 * value / top;
        let _ = write!(
            svg,
            "<rect x='{:.1}' y='{:.1}' width='{:.1}' height='{:.1}' rx='2' fill='{colour}'><title>{i}: {}{unit}</title></rect>",
            60.0 + width * i as f64,
            124.0 - height,
            (width - 2.0).max(0.8),
            height.max(0.5),
            number(*value)
        );
    }
    let _ = write!(
        svg,
        "<line x1='56' y1='124.5' x2='682' y2='124.5' stroke='var(--line)'/>\
         <text x='52' y='18' text-anchor='end'>{}{unit}</text><text x='52' y='128' text-anchor='end'>0</text>\
         <text x='60' y='144'>0</text><text x='{:.0}' y='144' text-anchor='end'>{}</text></svg>",
        number(most),
        58.0 + width * values.len() as f64,
        values.len().saturating_sub(1)
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
            channels: vec![Channel::default(); 2],
            ..RunReport::default()
        }
    }

    #[test]
    fn the_page_stands_alone_and_says_what_happened() {
        let page = report().page().unwrap();
        assert!(page.contains("A &lt;model&gt;") && page.contains("75%"));
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
