//! Stand-in for the integer softmax until it is merged.
use crate::config::ExpMethod;

/// Unsigned scale `mantissa / 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Mantissa, 16 bits.
    pub mantissa: u16,
    /// Right shift, 0 to 47.
    pub shift: u32,
}

/// The softmax unit.
#[derive(Clone, Debug)]
pub struct Softmax {
    prob_width: u32,
}

impl Softmax {
    /// A unit with `prob_width`-bit probabilities.
    pub fn new(prob_width: u32, _method: ExpMethod) -> Self {
        Softmax { prob_width }
    }
    /// Probabilities of one row.
    pub fn row(&self, scores: &[i64], scale: Scale) -> Vec<u16> {
        let max = scores.iter().copied().max().unwrap_or(0);
        let s = f64::from(scale.mantissa) / (1u64 << scale.shift) as f64;
        let e: Vec<f64> = scores.iter().map(|&x| ((x - max) as f64 * s).exp2()).collect();
        let sum: f64 = e.iter().sum();
        let unit = f64::from(1u32 << self.prob_width);
        e.iter()
            .map(|x| (x / sum * unit).round().min(unit - 1.0) as u16)
            .collect()
    }
    /// The largest probability of one row.
    pub fn max_prob(&self, scores: &[i64], scale: Scale) -> u16 {
        self.row(scores, scale).into_iter().max().unwrap_or(0)
    }
}
