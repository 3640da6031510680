//! Executing layer commands on one sequence.

use super::attention::{Row, rows};
use super::command::{LayerCommand, Refusal};
use super::head_importance::contribution;
use super::planes::Memory;
use super::sectors::{self, Sectors};
use super::softmax::Softmax;
use super::state::State;
use super::token_importance::by_position;
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// What a layer made the hardware do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Work {
    /// Query rows.
    pub rows: u64,
    /// Keys through the Q×K array, redone rows twice.
    pub keys: u64,
    /// Scores through the softmax, redone rows twice.
    pub scores: u64,
    /// Values that took part in outputs.
    pub kept_values: u64,
    /// Rows that ran a second time.
    pub redone_rows: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.keys += other.keys;
        self.scores += other.scores;
        self.kept_values += other.kept_values;
        self.redone_rows += other.redone_rows;
    }
}

/// Everything that an executed command produced; the state afterwards is in the [`Sequence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerResult {
    /// Kept tokens of this layer, after the prune before it and before the prune after it.
    pub tokens: Vec<u32>,
    /// Kept heads of this layer, likewise.
    pub heads: Vec<u32>,
    /// Rows in order of execution: kept heads in list order, queries in list order in each.
    pub rows: Vec<Row>,
    /// Sectors read per stream.
    pub sectors: Sectors,
    /// Work counters.
    pub work: Work,
}

/// One sequence on the accelerator: configuration, and state that commands change.
#[derive(Clone, Debug)]
pub struct Sequence {
    config: Config,
    softmax: Softmax,
    /// On-chip state. The host may write it between commands; what it writes is checked by the next command.
    pub state: State,
}

impl Sequence {
    /// A sequence just after reset.
    pub fn new(config: &Config) -> Self {
        Sequence {
            config: config.clone(),
            softmax: Softmax::new(config.prob_width, config.exp),
            state: State::new(config),
        }
    }

    /// The configuration of the hardware.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Executes a command, all of it or, when it is refused, nothing. Outputs are in the result; storing them is
    /// [`Image::store`](super::Image::store)'s.
    ///
    /// # Errors
    /// The first rule that the command breaks.
    pub fn execute(&mut self, command: &LayerCommand, memory: &dyn Memory) -> Result<LayerResult, Refusal> {
        command.check(&self.config)?;
        let mut next = self.state.prepare(&self.config, command)?;
        let (tokens, heads) = (next.token_list.clone(), next.head_list.clone());
        let rows = rows(&self.config, &self.softmax, command, &tokens, &heads, memory)?;

        if command.accumulate.tokens {
            let sums = by_position(tokens.len(), rows.iter().map(|row| &row.probs[..]));
            for (&token, sum) in tokens.iter().zip(sums) {
                next.token_importance.add(token, sum);
            }
        }
        if command.accumulate.heads {
            for row in &rows {
                let shift = u32::from(command.accumulate.head_shift);
                next.head_importance
                    .add(row.head, contribution(&row.output, shift));
            }
        }
        next.prune_after(command);
        self.state = next;

        let mut work = Work::default();
        for row in &rows {
            let passes = if row.redone { 2 } else { 1 };
            let (keys, kept_values) = (passes * u64::from(row.keys), row.kept.len() as u64);
            work += Work {
                rows: 1,
                keys,
                scores: keys,
                kept_values,
                redone_rows: u64::from(row.redone),
            };
        }
        let sectors = sectors::layer(&self.config, command, &tokens, &heads, &rows);
        Ok(LayerResult {
            tokens,
            heads,
            rows,
            sectors,
            work,
        })
    }
}
