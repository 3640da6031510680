//! The softmax of one row, bit for bit: the algorithm of `docs/softmax.md`, under the names used there.
//!
//! A row goes through the public pieces in this order, each of which is one stage of the hardware:
//!
//! ```text
//! score ── maximum ── difference ── align × mantissa ── exp2 ──┬── sum ── reciprocal ──┐
//!                     (exact)       (5 + F bits)               └── factor ──────────── × ── round ── prob
//! ```
//!
//! Everything is an unsigned integer; a "value with `n` fraction bits" is the integer times `2^-n`.

use crate::config::{ExpMethod, exponential};
use thiserror::Error;

/// Longest row for which the accuracy of [`Softmax`] is proved.
pub const MAX_ROW: usize = 8192;

/// Bits of the widest signed score: `2W + ceil(log2 D)` at `W = 16`, `D = 128`.
pub const MAX_SCORE_WIDTH: u32 = 39;

/// Guard bits of the difference's alignment, below the fraction bits of the exponent.
const ALIGN_GUARD: u32 = 1;
/// Integer bits of the exponent: a difference of 32 or more octaves has the exponential 0.
const OCTAVE_BITS: u32 = 5;
/// Bits of the scale's mantissa.
const MANTISSA_BITS: u32 = 16;

/// Factor on the scores, `mantissa / 2^shift`. It folds in the quantisation scales, `1/sqrt(D)` and `log2(e)`, for the
/// exponential is taken to base 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scale {
    mantissa: u16,
    shift: u8,
}

/// A scale whose shift is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("softmax scale: right shift {shift} is out of range; legal are 0 to {max}", max = Scale::MAX_SHIFT)]
pub struct ScaleError {
    /// The refused right shift.
    pub shift: u8,
}

impl Scale {
    /// Largest right shift.
    pub const MAX_SHIFT: u8 = 47;

    /// The scale `mantissa / 2^shift`.
    ///
    /// # Errors
    /// When `shift` is more than [`Scale::MAX_SHIFT`]. Every mantissa is legal; 0 makes the row flat.
    pub fn new(mantissa: u16, shift: u8) -> Result<Self, ScaleError> {
        if shift > Self::MAX_SHIFT {
            Err(ScaleError { shift })
        } else {
            Ok(Self { mantissa, shift })
        }
    }

    /// The unsigned mantissa, 16 bits.
    pub fn mantissa(self) -> u16 {
        self.mantissa
    }

    /// The right shift, 0 to 47.
    pub fn shift(self) -> u8 {
        self.shift
    }

    /// The same factor with bit 15 of the mantissa set: mantissa (0 or `2^15..2^16`) and right shift (0 to 62).
    /// A zero mantissa has the shift 62, with which no difference overflows the alignment.
    pub fn normalized(self) -> (u16, u32) {
        match self.mantissa {
            0 => (0, 62),
            m => (m << m.leading_zeros(), u32::from(self.shift) + m.leading_zeros()),
        }
    }
}

/// How the reduced exponential `2^-f`, `0 <= f < 1`, is evaluated, with its constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exp2 {
    /// Coefficients `c1..c5` with `G` fraction bits, evaluated by Horner's rule.
    Poly5([u32; 5]),
    /// `2^t + 1` samples of `2^-f` with `G` fraction bits, linearly interpolated.
    Table(Vec<u32>),
}

/// Bit-exact softmax of a given probability width and exponential method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Softmax {
    prob_width: u32,
    exp2: Exp2,
}

/// `value` as an unsigned number of `width` bits: the check of every intermediate width.
fn fits(value: u64, width: u32) -> u64 {
    debug_assert!(value >> width == 0, "{value} does not fit {width} bits");
    value
}

impl Softmax {
    /// A softmax with probabilities of `prob_width` bits; constants follow from the two arguments.
    ///
    /// # Panics
    /// When `prob_width` is not in `8..=16`, which no valid [`Config`](crate::config::Config) holds.
    pub fn new(prob_width: u32, method: ExpMethod) -> Self {
        let exp2 = match method {
            ExpMethod::Poly5 => Exp2::Poly5(exponential::poly5(prob_width)),
            ExpMethod::Table => Exp2::Table(exponential::table(prob_width)),
        };
        Self { prob_width, exp2 }
    }

    /// The same softmax with other constants of the exponential: to fit them, and to show that checks fire. They have
    /// to fit the widths of `docs/softmax.md` (`2^t + 1` falling samples); the bounds hold only where they are proved.
    pub fn with_exp2(prob_width: u32, exp2: Exp2) -> Self {
        Self { prob_width, exp2 }
    }

    /// `P`: bits of a probability.
    pub fn prob_width(&self) -> u32 {
        self.prob_width
    }

    /// Constants of the exponential.
    pub fn constants(&self) -> &Exp2 {
        &self.exp2
    }

    /// `F = P + 2`: fraction bits of the scaled difference, bits of the exponential's reduced argument.
    pub fn argument_bits(&self) -> u32 {
        self.prob_width + 2
    }

    /// `G = P + 4`: fraction bits of the reduced exponential and of the polynomial's coefficients.
    pub fn exp_bits(&self) -> u32 {
        self.prob_width + 4
    }

    /// `E = P + 16`: fraction bits of the exponentials that are summed.
    pub fn sum_bits(&self) -> u32 {
        self.prob_width + 16
    }

    /// `M = P + 5`: fraction bits of the normalised divisor.
    pub fn divisor_bits(&self) -> u32 {
        self.prob_width + 5
    }

    /// `B = P + 3`: fraction bits of both factors of the last product.
    pub fn factor_bits(&self) -> u32 {
        self.prob_width + 3
    }

    /// Scaled difference `difference * scale` with `F` fraction bits, rounded down (in two steps); `None` when it is 32
    /// or more. `difference` is the row's maximum less the score: exact, at most [`MAX_SCORE_WIDTH`] bits.
    pub fn scaled(&self, difference: u64, scale: Scale) -> Option<u32> {
        let f = self.argument_bits();
        let difference = u128::from(fits(difference, MAX_SCORE_WIDTH));
        let (mantissa, shift) = scale.normalized();
        let left = MANTISSA_BITS + ALIGN_GUARD + f;
        let aligned = (difference << left) >> shift;
        if aligned >> (1 + OCTAVE_BITS + ALIGN_GUARD + f) != 0 {
            return None;
        }
        let product = fits(aligned as u64 * u64::from(mantissa), f + 23);
        let scaled = product >> (MANTISSA_BITS + ALIGN_GUARD);
        (scaled >> (OCTAVE_BITS + f) == 0).then_some(scaled as u32)
    }

    /// Reduced exponential `2^-f` with `G` fraction bits, `2^(G-1) ..= 2^G`, of `f` with `F` fraction bits, `0 <= f < 1`.
    pub fn exp2_fraction(&self, f: u32) -> u32 {
        let (f_bits, g) = (self.argument_bits(), self.exp_bits());
        let f = fits(u64::from(f), f_bits);
        let fall = match &self.exp2 {
            Exp2::Poly5(c) => {
                // From c5 inwards the terms are smaller, and so are the factors: (bits of f, bits of the factor, c).
                let steps = [(6, 9, c[3]), (4, 6, c[2]), (2, 4, c[1]), (0, 2, c[0])];
                let mut h = u64::from(c[4]);
                for (dropped, headroom, c) in steps {
                    let product = (f >> dropped) * fits(h, g - headroom);
                    h = u64::from(c).wrapping_sub(product >> (f_bits - dropped));
                }
                (f * fits(h, g) + (1 << (f_bits - 1))) >> f_bits
            }
            Exp2::Table(samples) => {
                let t = (samples.len() - 1).ilog2();
                let low = f_bits - t;
                let (index, rest) = ((f >> low) as usize, f & ((1 << low) - 1));
                let drop = fits(u64::from(samples[index] - samples[index + 1]), g - t);
                (u64::from(samples[0] - samples[index])) + ((rest * drop + (1 << (low - 1))) >> low)
            }
        };
        ((1 << g) - fits(fall, g)) as u32
    }

    /// Exponential `2^-y` with `E` fraction bits, rounded down, of the scaled difference `y` with `F` fraction bits; `None` is 0.
    pub fn exp2(&self, scaled: Option<u32>) -> u64 {
        let f_bits = self.argument_bits();
        scaled.map_or(0, |y| {
            let octave = y >> f_bits;
            let mantissa = self.exp2_fraction(y & ((1 << f_bits) - 1));
            let e = (u64::from(mantissa) << (self.sum_bits() - self.exp_bits())) >> octave;
            fits(e, self.sum_bits() + 1)
        })
    }

    /// Exponentials of a row's scores, `E` fraction bits each; the largest is exactly `2^E`.
    pub fn exponentials(&self, scores: &[i64], scale: Scale) -> Vec<u64> {
        let limit = 1i64 << (MAX_SCORE_WIDTH - 1);
        debug_assert!(
            scores.iter().all(|s| (-limit..limit).contains(s)),
            "a score exceeds 39 bits"
        );
        let maximum = scores.iter().copied().max().unwrap_or(0);
        scores
            .iter()
            .map(|&score| self.exp2(self.scaled(maximum.abs_diff(score), scale)))
            .collect()
    }

    /// Sum of a row's exponentials, exact: `E` fraction bits, `E + 1 + ceil(log2 n)` bits for `n` scores.
    pub fn sum(&self, exponentials: &[u64]) -> u64 {
        debug_assert!(
            exponentials.len() <= MAX_ROW,
            "a row of {} scores",
            exponentials.len()
        );
        fits(exponentials.iter().sum(), self.sum_bits() + 1 + MAX_ROW.ilog2())
    }

    /// The sum normalised to `(s, q)`, `sum ≈ s * 2^q`: the divisor `s` in `1 <= s < 2` with `M` fraction bits, rounded
    /// down, and the octave `q`.
    pub fn divisor(&self, sum: u64) -> (u32, u32) {
        debug_assert!(sum >> self.sum_bits() != 0, "a row's sum is at least 1");
        let q = sum.ilog2() - self.sum_bits();
        let s = sum >> (self.sum_bits() + q - self.divisor_bits());
        (fits(s, self.divisor_bits() + 1) as u32, q)
    }

    /// Reciprocal of the sum with `B` fraction bits, rounded half up: the row's one division.
    pub fn reciprocal(&self, sum: u64) -> u32 {
        let (s, q) = self.divisor(sum);
        let quotient = (1u64 << (self.divisor_bits() + self.factor_bits() + 1)) / u64::from(s);
        let r = ((fits(quotient, self.factor_bits() + 2) >> q) + 1) >> 1;
        fits(r, self.factor_bits() + 1) as u32
    }

    /// An exponential cut to `B` fraction bits, rounded down: all of it that has to be kept until the row's sum is known.
    pub fn factor(&self, exponential: u64) -> u32 {
        let factor = exponential >> (self.sum_bits() - self.factor_bits());
        fits(factor, self.factor_bits() + 1) as u32
    }

    /// Probability of `factor` (see [`Softmax::factor`]) under `reciprocal`, rounded half up and saturated at `2^P - 1`.
    pub fn probability(&self, factor: u32, reciprocal: u32) -> u16 {
        let dropped = 2 * self.factor_bits() - self.prob_width;
        let product = fits(
            u64::from(factor) * u64::from(reciprocal),
            2 * self.factor_bits() + 1,
        );
        self.saturate((product + (1 << (dropped - 1))) >> dropped)
    }

    /// Largest probability of a row with this sum: that of the exponential 1.
    pub fn max_prob_of_sum(&self, sum: u64) -> u16 {
        let dropped = self.factor_bits() - self.prob_width;
        self.saturate((u64::from(self.reciprocal(sum)) + (1 << (dropped - 1))) >> dropped)
    }

    /// Whether the largest probability of a row with this sum is below `threshold`, without a division: the decision to
    /// fetch LSBs.
    pub fn below_threshold(&self, sum: u64, threshold: u16) -> bool {
        let (s, q) = self.divisor(sum);
        let bound = 16 * fits(u64::from(threshold), self.prob_width);
        let one = 1u64 << (self.divisor_bits() + self.factor_bits() + 1);
        bound > 9
            && fits(
                (bound - 9) * u64::from(s),
                self.prob_width + 5 + self.divisor_bits(),
            ) > one >> q
    }

    /// Probabilities of a row of at most [`MAX_ROW`] scores, `P` bits each; an empty row has none.
    pub fn row(&self, scores: &[i64], scale: Scale) -> Vec<u16> {
        if scores.is_empty() {
            return Vec::new();
        }
        let exponentials = self.exponentials(scores, scale);
        let reciprocal = self.reciprocal(self.sum(&exponentials));
        exponentials
            .iter()
            .map(|&e| self.probability(self.factor(e), reciprocal))
            .collect()
    }

    /// Largest probability of a row, by way of its sum alone; 0 for an empty row.
    pub fn max_prob(&self, scores: &[i64], scale: Scale) -> u16 {
        if scores.is_empty() {
            0
        } else {
            self.max_prob_of_sum(self.sum(&self.exponentials(scores, scale)))
        }
    }

    fn saturate(&self, value: u64) -> u16 {
        value.min((1 << self.prob_width) - 1) as u16
    }
}
