//! The roof: the least cycles that a run could take on given hardware (§8 of the specification).

use super::command::LayerCommand;
use super::sectors::Sectors;
use super::sequence::{LayerResult, Work};
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// Totals between two token prunes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stretch {
    /// Sectors read, all five streams.
    pub sectors: u64,
    /// Keys × D, redone rows twice.
    pub key_products: u64,
    /// Scores, redone rows twice.
    pub scores: u64,
    /// Kept values × D.
    pub value_products: u64,
}

impl Stretch {
    /// Adds an executed command.
    pub fn add(&mut self, head_dim: u32, sectors: &Sectors, work: &Work) {
        let dim = u64::from(head_dim);
        self.sectors += sectors.total();
        self.key_products += work.keys * dim;
        self.scores += work.scores;
        self.value_products += work.kept_values * dim;
    }

    /// What each resource alone would take, in cycles: sectors, keys, scores, values.
    pub fn cycles(&self, config: &Config) -> [f64; 4] {
        let over = |amount: u64, a_cycle: u32| amount as f64 / f64::from(a_cycle);
        [
            over(self.sectors, config.channels),
            over(self.key_products, config.multipliers),
            over(self.scores, config.softmax_lanes),
            over(self.value_products, config.multipliers),
        ]
    }
}

/// A non-negative fraction of cycles in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles(pub u128, pub u128);

impl Cycles {
    /// As a real number.
    pub fn value(self) -> f64 {
        self.0 as f64 / self.1 as f64
    }
}

/// Collects the stretches of a run.
#[derive(Clone, Debug)]
pub struct Roof {
    channels: u128,
    multipliers: u128,
    lanes: u128,
    done: Vec<Stretch>,
    open: Stretch,
}

impl Roof {
    /// The roof of hardware with this configuration, before the first command.
    pub fn new(config: &Config) -> Self {
        Roof {
            channels: config.channels.into(),
            multipliers: config.multipliers.into(),
            lanes: config.softmax_lanes.into(),
            done: Vec::new(),
            open: Stretch::default(),
        }
    }

    /// Adds an executed command. A token prune before its layer ends a stretch before the layer counts, one after it ends
    /// a stretch with the layer; whether it removed anything does not matter.
    pub fn add(&mut self, command: &LayerCommand, result: &LayerResult) {
        if command.tokens.prune_before.is_some() {
            self.cut();
        }
        self.open.add(command.head_dim, &result.sectors, &result.work);
        if command.tokens.prune_after.is_some() {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let stretch = std::mem::take(&mut self.open);
        if stretch != Stretch::default() {
            self.done.push(stretch);
        }
    }

    /// The stretches so far, the open one included; empty ones are left out.
    pub fn stretches(&self) -> Vec<Stretch> {
        let mut all = self.clone();
        all.cut();
        all.done
    }

    /// The roof in cycles, exact.
    pub fn cycles(&self) -> Cycles {
        let (c, m, s) = (self.channels, self.multipliers, self.lanes);
        // Everything over the common denominator c * m * s.
        let largest = |t: Stretch| {
            let sectors = u128::from(t.sectors) * m * s;
            let keys = u128::from(t.key_products) * c * s;
            let scores = u128::from(t.scores) * c * m;
            let values = u128::from(t.value_products) * c * s;
            sectors.max(keys).max(scores).max(values)
        };
        let sum: u128 = self.stretches().into_iter().map(largest).sum();
        let divisor = gcd(sum, c * m * s);
        Cycles(sum / divisor, c * m * s / divisor)
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_largest_of_each_stretch() {
        let mut roof = Roof::new(&Config::default()); // 16 channels, 512 multipliers, 8 lanes
        roof.open = Stretch {
            sectors: 33,
            key_products: 512,
            scores: 8,
            value_products: 0,
        };
        roof.cut();
        roof.cut();
        roof.open = Stretch {
            sectors: 16,
            key_products: 0,
            scores: 9,
            value_products: 1024,
        };
        assert_eq!(roof.cycles(), Cycles(65, 16)); // 33/16 + 1024/512
        assert_eq!(roof.stretches().len(), 2);
        assert_eq!(Roof::new(&Config::default()).cycles(), Cycles(0, 1));
    }
}
