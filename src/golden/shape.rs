//! Attention of a given shape on random numbers, as a model with nothing behind it.

use super::model::{Kind, Layer, Model, fits};
use crate::config::Config;
use anyhow::{anyhow, ensure};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How much attention: `n=384,heads=12,dim=64,causal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tokens.
    pub tokens: usize,
    /// Query heads.
    pub heads: usize,
    /// KV heads; a divisor of `heads`.
    pub kv_heads: usize,
    /// D.
    pub head_dim: usize,
    /// Layers.
    pub layers: usize,
    /// Whether a token attends only to itself and to those before it.
    pub causal: bool,
    /// What the numbers are drawn from.
    pub seed: u64,
}

/// Largest number of layers.
const LAYERS: u64 = 64;

impl FromStr for Shape {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
        let mut causal = false;
        for part in text.split(',').map(str::trim) {
            let (key, value) = match part.split_once('=') {
                None if part == "causal" && !causal => {
                    causal = true;
                    continue;
                }
                Some((key, value)) => (key.trim(), value.trim()),
                None => (part, ""),
            };
            let most = match key {
                "n" | "heads" | "kv-heads" => 65535,
                "dim" => 128,
                "layers" => LAYERS,
                "seed" => u64::MAX,
                _ => {
                    return Err(anyhow!(
                        "`{part}` is none of n=, heads=, kv-heads=, dim=, layers=, seed=, causal"
                    ));
                }
            };
            let least = u64::from(key != "seed");
            let number = value.parse().ok().filter(|n| (least..=most).contains(n));
            let number = number
                .ok_or_else(|| anyhow!("`{key}` is `{value}`, not a whole number from {least} to {most}"))?;
            ensure!(
                numbers.insert(key, number).is_none(),
                "`{key}` is there more than once"
            );
        }
        let number = |key: &str, default: u64| numbers.get(key).copied().unwrap_or(default);
        let tokens = number("n", 0) as usize;
        ensure!(tokens > 0, "the number of tokens is missing: n=128");
        let (heads, head_dim) = (number("heads", 12), number("dim", 64));
        let kv_heads = number("kv-heads", heads);
        ensure!(
            heads % kv_heads == 0,
            "{heads} query heads do not share {kv_heads} KV heads evenly"
        );
        ensure!(
            [32, 64, 128].contains(&head_dim),
            "`dim` is {head_dim}; 32, 64 and 128 are possible"
        );
        Ok(Shape {
            tokens,
            heads: heads as usize,
            kv_heads: kv_heads as usize,
            head_dim: head_dim as usize,
            layers: number("layers", 1) as usize,
            causal,
            seed: number("seed", 1),
        })
    }
}

impl fmt::Display for Shape {
    /// As it is parsed; what is left out has its default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            tokens,
            heads,
            kv_heads,
            head_dim,
            layers,
            causal,
            seed,
        } = self;
        write!(f, "n={tokens},heads={heads},dim={head_dim}")?;
        if kv_heads != heads {
            write!(f, ",kv-heads={kv_heads}")?;
        }
        if *layers != 1 {
            write!(f, ",layers={layers}")?;
        }
        if *seed != 1 {
            write!(f, ",seed={seed}")?;
        }
        if *causal { f.write_str(",causal") } else { Ok(()) }
    }
}

impl Shape {
    /// An encoder of this shape whose queries, keys and values are uniform from -2 to 2.
    ///
    /// # Errors
    /// It does not fit the hardware.
    pub fn model(&self, config: &Config) -> anyhow::Result<Model> {
        fits(config, "the shape", [self.tokens, self.heads, self.head_dim])?;
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let mut tensor = |heads: usize| -> Vec<f32> {
            let size = heads * self.tokens * self.head_dim;
            (0..size).map(|_| rng.random_range(-2.0f32..2.0)).collect()
        };
        let mut layer = || Layer {
            q: tensor(self.heads),
            k: tensor(self.kv_heads),
            v: tensor(self.kv_heads),
        };
        Ok(Model {
            kind: Kind::Encoder,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            tokens: self.tokens,
            context: 0,
            layers: (0..self.layers).map(|_| layer()).collect(),
            origin: BTreeMap::from([("model".to_owned(), format!("Random attention, {self}"))]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_and_written() {
        for (text, shown) in [
            ("n=384", "n=384,heads=12,dim=64"),
            ("n=384, heads=12,dim=64, causal", "n=384,heads=12,dim=64,causal"),
            (
                "causal,dim=32,kv-heads=2,n=5,heads=4,layers=3,seed=0",
                "n=5,heads=4,dim=32,kv-heads=2,layers=3,seed=0,causal",
            ),
        ] {
            let shape: Shape = text.parse().unwrap();
            assert_eq!(shape.to_string(), shown);
            assert_eq!(shown.parse::<Shape>().unwrap(), shape);
        }
    }

    #[test]
    fn what_is_wrong_with_a_shape_is_said() {
        for (text, words) in [
            ("", "none of"),
            ("heads=2", "tokens is missing"),
            ("n=0", "from 1 to"),
            ("n=many", "`n` is `many`"),
            ("n", "`n` is ``"),
            ("n=1,n=2", "more than once"),
            ("n=4,causal,causal", "none of"),
            ("n=4,dim=48", "32, 64 and 128"),
            ("n=4,heads=4,kv-heads=3", "evenly"),
            ("n=4,layers=65", "from 1 to 64"),
            ("n=99999999999999999999", "whole number"),
        ] {
            let error = text.parse::<Shape>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let large: Shape = "n=65535,heads=65535".parse().unwrap();
        let error = large.model(&Config::default()).unwrap_err().to_string();
        assert!(error.contains("max-tokens = 1024"), "{error}");
    }
}
