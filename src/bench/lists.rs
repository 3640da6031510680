//! Lists of vectors for the buffers of keys and values.

use super::Random;
use super::rows::{length, pick};
use crate::config::Config;
use crate::sim::Case;
use rand::RngExt;

/// Codes of the head dimensions that a configuration can run: log2(D) - 5, ascending.
pub fn dims(config: &Config) -> Vec<u32> {
    (0..=(config.head_dim / Config::MIN_HEAD_DIM).ilog2()).collect()
}

/// Vectors in a full beat at a head dimension.
pub fn per_beat(config: &Config, dim: u32) -> usize {
    (config.vector_lanes() >> dim) as usize
}

/// A list of vectors of one head dimension.
#[derive(Clone, Debug)]
pub struct List {
    /// Code of the head dimension.
    pub dim: u32,
    /// The vectors.
    pub vectors: Vec<Vec<i64>>,
    /// Whether it goes past the banks.
    pub through: bool,
    /// Whether it ends with an empty beat, which a list that fills its last beat may.
    pub open: bool,
}

impl List {
    /// `n` random vectors.
    pub fn random(config: &Config, dim: u32, n: usize, through: bool, random: &mut Random) -> Self {
        let half = 1i64 << (config.width - 1);
        let elements = (Config::MIN_HEAD_DIM << dim) as usize;
        let mut vector = || (0..elements).map(|_| random.random_range(-half..half)).collect();
        let vectors = (0..n).map(|_| vector()).collect();
        let open = n % per_beat(config, dim) == 0 && n > 0 && random.random_range(0..4) == 0;
        List {
            dim,
            vectors,
            through,
            open,
        }
    }

    /// A head dimension and a length of every awkward kind, at most `most`.
    pub fn shape(config: &Config, most: usize, random: &mut Random) -> (u32, usize) {
        let dim = *pick(&dims(config), random);
        match random.random_range(0..8) {
            0 => (dim, 0),
            _ => (dim, length(most, per_beat(config, dim), random)),
        }
    }

    /// The vectors of each beat.
    pub fn beats(&self, config: &Config) -> Vec<&[Vec<i64>]> {
        let mut beats: Vec<_> = self.vectors.chunks(per_beat(config, self.dim)).collect();
        if self.open || beats.is_empty() {
            beats.push(&[]);
        }
        beats
    }

    /// Feeds the list into `load`.
    pub fn load(&self, config: &Config, case: &mut Case) {
        let beats = self.beats(config);
        for (index, beat) in beats.iter().enumerate() {
            case.beat("load")
                .lanes("data", beat.iter().flatten().copied())
                .set("count", beat.len() as i64)
                .set("last", index + 1 == beats.len())
                .set("through", self.through);
        }
    }
}
