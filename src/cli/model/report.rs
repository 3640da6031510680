//! What `spatten-gen model` reports: figures per layer, as JSON and as a table.

use crate::config::Config;
use crate::golden::Roof;
use crate::golden::command::KeyMode;
use crate::golden::model::{Kind, Model, Run, Schedule, Visit};
use crate::golden::sectors::Sectors;
use crate::golden::sequence::Work;
use rayon::prelude::*;
use serde::Serialize;
use std::fmt::{Error, Write};
use std::path::Path;

/// Sums of squares that errors are computed from.
#[derive(Clone, Copy, Debug, Default)]
struct Squares {
    /// Output less reference, over the rows that ran.
    error: f64,
    /// Reference, over the same rows.
    reference: f64,
    /// Reference, over all rows of the model.
    all: f64,
}

impl std::ops::AddAssign for Squares {
    fn add_assign(&mut self, other: Self) {
        self.error += other.error;
        self.reference += other.reference;
        self.all += other.all;
    }
}

/// What the report says about a layer, or about all of them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LayerReport {
    /// Layer; absent in the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<usize>,
    /// Kept tokens, mean over the steps.
    tokens: f64,
    /// Kept heads, mean over the steps.
    heads: f64,
    work: Work,
    sectors: Sectors,
    sectors_total: u64,
    /// Sectors of the same layer without pruning, all bits on chip.
    dense_sectors: u64,
    /// The same in float32.
    fp32_sectors: u64,
    /// Multiplications of Q×K and prob×V.
    products: u64,
    /// The same without pruning.
    dense_products: u64,
    /// Root of the mean squared error against float64 without pruning, relative to the reference, over rows that ran.
    error: f64,
    /// The same over all rows of the model, those that did not run counting as zeros.
    error_all: f64,
    #[serde(skip)]
    squares: Squares,
    #[serde(skip)]
    runs: usize,
}

impl LayerReport {
    fn add(&mut self, other: &LayerReport) {
        self.tokens += other.tokens;
        self.heads += other.heads;
        self.work += other.work;
        self.sectors += other.sectors;
        self.dense_sectors += other.dense_sectors;
        self.fp32_sectors += other.fp32_sectors;
        self.products += other.products;
        self.dense_products += other.dense_products;
        self.squares += other.squares;
        self.runs += other.runs;
    }

    /// Turns sums into means and ratios.
    fn finish(&mut self) {
        self.tokens /= self.runs.max(1) as f64;
        self.heads /= self.runs.max(1) as f64;
        self.sectors_total = self.sectors.total();
        let Squares {
            error,
            reference,
            all,
        } = self.squares;
        let ratio = |x: f64, y: f64| if y > 0.0 { (x / y).sqrt() } else { 0.0 };
        self.error = ratio(error, reference);
        self.error_all = ratio(error + all - reference, all);
    }
}

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Report {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    kind: Kind,
    model_layers: usize,
    model_heads: usize,
    kv_heads: usize,
    head_dim: usize,
    model_tokens: usize,
    context: usize,
    steps: usize,
    /// W of the configuration: bits of dense elements on chip.
    width: u32,
    schedule: Schedule,
    layers: Vec<LayerReport>,
    total: LayerReport,
    /// Least cycles on this configuration.
    roof_cycles: f64,
    /// Time that the run took.
    seconds: f64,
}

/// Gathers the report of a run, layer by layer.
pub(super) struct Reporter<'a> {
    model: &'a Model,
    run: &'a Run<'a>,
    config: &'a Config,
    roof: Roof,
    layers: Vec<LayerReport>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(model: &'a Model, run: &'a Run<'a>, config: &'a Config) -> Self {
        let layers = (0..model.layers.len())
            .map(|layer| LayerReport {
                layer: Some(layer),
                ..LayerReport::default()
            })
            .collect();
        Reporter {
            model,
            run,
            config,
            roof: Roof::new(config),
            layers,
        }
    }

    /// Adds an executed layer.
    pub(super) fn add(&mut self, visit: &Visit) {
        let (run, result, dim) = (self.run, visit.result, self.model.head_dim as u64);
        let squares = self.squares(visit);
        self.roof.add(visit.command, result);
        self.layers[visit.layer].add(&LayerReport {
            layer: None,
            tokens: result.tokens.len() as f64,
            heads: result.heads.len() as f64,
            work: result.work,
            sectors: result.sectors,
            sectors_total: result.sectors.total(),
            dense_sectors: run.dense_sectors(visit.step, self.config.width),
            fp32_sectors: run.dense_sectors(visit.step, 32),
            products: (result.work.keys + result.work.kept_values) * dim,
            dense_products: run.dense_products(visit.step),
            error: 0.0,
            error_all: 0.0,
            squares,
            runs: 1,
        });
    }

    /// Squared errors of a layer against float64 without pruning.
    fn squares(&self, visit: &Visit) -> Squares {
        let (model, queries) = (self.model, self.model.queries());
        // Query rows of this command: all of them, or the step's.
        let asked = match model.kind {
            Kind::Encoder => 0..queries,
            Kind::Decoder => visit.step..visit.step + 1,
        };
        let mut outputs = vec![None; model.heads * queries];
        for row in &visit.result.rows {
            outputs[row.head as usize * queries + row.query as usize - model.context] = Some(&row.output);
        }
        let pairs = (0..model.heads).flat_map(|head| asked.clone().map(move |row| (head, row)));
        let squares = |(head, row): (usize, usize)| {
            let reference = model.reference(visit.layer, head, row);
            let all = reference.iter().map(|x| x * x).sum();
            let Some(output) = outputs[head * queries + row] else {
                return Squares {
                    error: 0.0,
                    reference: 0.0,
                    all,
                };
            };
            let real = output.iter().map(|&x| f64::from(x) * self.run.out_scale());
            let error = real.zip(&reference).map(|(x, r)| (x - r).powi(2)).sum();
            Squares {
                error,
                reference: all,
                all,
            }
        };
        // Collected before they are summed: the order of a floating-point sum must not depend on threads.
        let squares: Vec<Squares> = pairs.collect::<Vec<_>>().into_par_iter().map(squares).collect();
        squares.into_iter().fold(Squares::default(), |mut sum, s| {
            sum += s;
            sum
        })
    }

    /// The report of what was added.
    pub(super) fn finish(self, file: &Path, schedule: &Schedule, seconds: f64) -> Report {
        let (model, mut layers) = (self.model, self.layers);
        let mut total = LayerReport::default();
        layers.iter().for_each(|layer| total.add(layer));
        layers
            .iter_mut()
            .chain([&mut total])
            .for_each(LayerReport::finish);
        Report {
            file: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            model: model.origin.get("model").cloned(),
            kind: model.kind,
            model_layers: model.layers.len(),
            model_heads: model.heads,
            kv_heads: model.kv_heads,
            head_dim: model.head_dim,
            model_tokens: model.tokens,
            context: model.context,
            steps: model.steps(),
            width: self.config.width,
            schedule: schedule.clone(),
            layers,
            total,
            roof_cycles: self.roof.cycles().value(),
            seconds,
        }
    }
}

/// The name of a mode as flags spell it.
fn mode(mode: &impl Serialize) -> String {
    serde_json::to_value(mode)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Report {
    /// The report for people.
    pub(super) fn table(&self) -> Result<String, Error> {
        let mut text = String::new();
        let name = self.model.as_deref().unwrap_or(&self.file);
        let kind = match self.kind {
            Kind::Encoder => format!("encoder, {} tokens", self.model_tokens),
            Kind::Decoder => format!(
                "decoder, {} tokens of context, {} steps",
                self.context, self.steps
            ),
        };
        let (layers, heads, kv, dim) = (self.model_layers, self.model_heads, self.kv_heads, self.head_dim);
        writeln!(
            text,
            "{name}: {kind}, {layers} layers, {heads} query and {kv} KV heads, D = {dim}"
        )?;
        let Schedule {
            tokens,
            heads,
            values,
            key_bits,
            value_bits,
            ..
        } = &self.schedule;
        write!(
            text,
            "tokens to {tokens:.3}, heads to {heads:.3}, values {values:.3} of each row; "
        )?;
        write!(text, "K {key_bits}, LSBs {}", mode(&self.schedule.key_mode))?;
        if self.schedule.key_mode == KeyMode::Auto {
            write!(text, " below {}", self.schedule.threshold)?;
        }
        writeln!(
            text,
            "; V {value_bits}, LSBs {}\n",
            mode(&self.schedule.value_mode)
        )?;
        writeln!(
            text,
            "{:>26} {:>18} {:>30} {:>8} {:>17}",
            "kept", "rows", "sectors", "products", "error"
        )?;
        let dense = format!("vs {}-bit", self.width);
        writeln!(
            text,
            "{:>5} {:>10} {:>9} {:>8} {:>9} {:>10} {dense:>9} {:>9} {:>8} {:>8} {:>8}",
            "layer", "tokens", "heads", "all", "redone", "read", "vs fp32", "vs all", "of kept", "of all"
        )?;
        for layer in self.layers.iter().chain([&self.total]) {
            let LayerReport {
                tokens,
                heads,
                work,
                sectors_total,
                ..
            } = layer;
            let label = layer.layer.map_or("total".to_owned(), |layer| layer.to_string());
            let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
            let redone = 100.0 * ratio(work.redone_rows, work.rows);
            write!(
                text,
                "{label:>5} {tokens:>10.1} {heads:>9.1} {:>8} {redone:>8.1}% ",
                work.rows
            )?;
            let (bits, fp32) = (
                ratio(layer.dense_sectors, *sectors_total),
                ratio(layer.fp32_sectors, *sectors_total),
            );
            let products = ratio(layer.dense_products, layer.products);
            write!(
                text,
                "{sectors_total:>10} {bits:>8.2}x {fp32:>8.2}x {products:>7.2}x "
            )?;
            writeln!(
                text,
                "{:>7.2}% {:>7.2}%",
                100.0 * layer.error,
                100.0 * layer.error_all
            )?;
        }
        writeln!(
            text,
            "\nKept: mean over the steps. Redone: a second time, with the LSBs of their keys. Sectors: of 32 bytes, and how many\n\
             times fewer than without pruning, with {} bits and with float32. Products: multiplications, times fewer.\n\
             Error: root mean square against float64 attention without pruning, relative, of the rows that ran; and of all\n\
             rows, those that did not run counting as zeros. Roof: {:.0} cycles. Took {:.2} s.",
            self.width, self.roof_cycles, self.seconds
        )?;
        Ok(text)
    }
}
