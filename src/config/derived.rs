//! Sizes that follow from the parameters and that several blocks share.

use super::Config;

impl Config {
    /// Smallest head dimension that can be chosen at run time.
    pub const MIN_HEAD_DIM: u32 = 32;

    /// Longest row for which every probability is proved to be within 1 of the exact one.
    pub const PROVED_ROW: u32 = 8192;

    /// Most keys, or values, that an array works on in one cycle: those of the smallest head dimension. At head dimension
    /// D it is `multipliers / D`.
    pub fn vector_lanes(&self) -> u32 {
        self.multipliers / Self::MIN_HEAD_DIM
    }

    /// Bits of a score, signed: exact for every product sum of the largest head dimension.
    pub fn score_width(&self) -> u32 {
        2 * self.width + self.head_dim.ilog2()
    }

    /// Bits of the sum of a row's exponentials: `E = prob-width + 16` fraction bits, exact for `max-tokens` ones.
    pub fn sum_width(&self) -> u32 {
        self.prob_width + 16 + 1 + self.max_tokens.next_power_of_two().ilog2()
    }

    /// Bits of a number of tokens, `0 ..= max-tokens`.
    pub fn length_width(&self) -> u32 {
        u32::BITS - self.max_tokens.leading_zeros()
    }

    /// Bits of a token id or list position, at least 1.
    pub fn token_width(&self) -> u32 {
        (u32::BITS - (self.max_tokens - 1).leading_zeros()).max(1)
    }

    /// Bits of a head id, at least 1.
    pub fn head_width(&self) -> u32 {
        (u32::BITS - (self.max_heads - 1).leading_zeros()).max(1)
    }

    /// Elements of an output row that leave the prob × V array in one cycle: a quarter of the largest head dimension.
    pub fn output_lanes(&self) -> u32 {
        self.head_dim / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_default() {
        let config = Config::default();
        assert_eq!(config.vector_lanes(), 16);
        assert_eq!((config.score_width(), config.sum_width()), (30, 39));
        assert_eq!((config.length_width(), config.token_width()), (11, 10));
        assert_eq!((config.head_width(), config.output_lanes()), (5, 16));
    }
}
