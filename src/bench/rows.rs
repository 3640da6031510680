//! Rows of keys for the top-k engine: random ones of every awkward kind, and real attention rows.

use super::Random;
use crate::golden::rows::{ProbRow, ProbRows};
use anyhow::Context as _;
use rand::{Rng, RngExt};

/// What the keys of a row look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Independent, over the whole range.
    Uniform,
    /// Ascending.
    Sorted,
    /// Descending.
    Reversed,
    /// One value.
    AllEqual,
    /// Two values.
    TwoValued,
    /// A handful of values, so that many keys are equal.
    TieHeavy,
    /// Small over most of the row, large over a few, as attention is.
    Peaked,
    /// Ascending, then descending.
    Organ,
    /// The ends of the range and their neighbours.
    Extremes,
}

/// Every kind.
pub const KINDS: [Kind; 9] = [
    Kind::Uniform,
    Kind::Sorted,
    Kind::Reversed,
    Kind::AllEqual,
    Kind::TwoValued,
    Kind::TieHeavy,
    Kind::Peaked,
    Kind::Organ,
    Kind::Extremes,
];

impl Kind {
    /// A row of `n` keys of `width` bits, at most 32.
    pub fn row(self, n: usize, width: u32, random: &mut Random) -> Vec<u32> {
        let mask = u32::MAX >> (32 - width);
        let mut draw = || random.next_u32() & mask;
        match self {
            Kind::Uniform => (0..n).map(|_| draw()).collect(),
            Kind::Sorted | Kind::Reversed | Kind::Organ => {
                let mut row: Vec<u32> = (0..n).map(|_| draw()).collect();
                row.sort_unstable();
                match self {
                    Kind::Reversed => row.reverse(),
                    Kind::Organ => row[n / 2..].reverse(),
                    _ => {}
                }
                row
            }
            Kind::AllEqual => vec![draw(); n],
            Kind::TwoValued => {
                let values = [draw(), draw()];
                (0..n).map(|_| values[(draw() & 1) as usize]).collect()
            }
            Kind::TieHeavy => {
                let values: Vec<u32> = (0..5).map(|_| draw()).collect();
                (0..n).map(|_| values[draw() as usize % values.len()]).collect()
            }
            Kind::Peaked => (0..n)
                .map(|_| {
                    let shift = draw() % width;
                    draw() >> shift
                })
                .collect(),
            Kind::Extremes => {
                let values = [0, 1 & mask, mask, mask - 1];
                (0..n).map(|_| values[random.next_u32() as usize % 4]).collect()
            }
        }
    }
}

/// A length from 1 to `most`: as often short as long, and often on either side of a multiple of `beat`.
pub fn length(most: usize, beat: usize, random: &mut Random) -> usize {
    let bits = random.random_range(0..=most.ilog2());
    let n = random.random_range(1..=(2usize << bits).min(most));
    let n = match random.random_range(0..4) {
        0 => n.next_multiple_of(beat),
        1 => n.next_multiple_of(beat) + 1,
        2 => n.next_multiple_of(beat).saturating_sub(1),
        _ => n,
    };
    n.clamp(1, most)
}

/// A number to keep of `n`: every class of it, 0, 1, all but one, all, more than all, any 16 bits, and fractions.
pub fn kept(n: usize, random: &mut Random) -> u16 {
    let n = n as u32;
    let k = match random.random_range(0..13) {
        0 => 0,
        1 => 1,
        2 => n - 1,
        3 => n,
        4 => n + 1,
        5 => 0xffff,
        6 => n.div_ceil(10),
        7 => n.div_ceil(5),
        8 => n.div_ceil(2),
        9 => random.random_range(0..=0xffff),
        _ => random.random_range(0..=n),
    };
    k.min(0xffff) as u16
}

/// Real attention rows (12-bit probabilities) that ship with the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// MiniLM, an encoder: 128 keys.
    MiniLm,
    /// SmolLM2, 100 to 104 keys.
    Keys102,
    /// SmolLM2, 200 to 208 keys.
    Keys204,
    /// SmolLM2, 1016 to 1024 keys.
    Keys1024,
}

/// Probability width of the real rows.
pub const SAMPLE_WIDTH: u32 = 12;

/// The rows of a sample, in the order in which they were computed.
///
/// # Errors
/// Never, unless the files were damaged before this program was built.
pub fn sample(sample: Sample) -> anyhow::Result<Vec<ProbRow>> {
    macro_rules! rows {
        ($name:literal) => {
            ProbRows::from_bytes(include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/data/",
                $name
            )))
            .context($name)
        };
    }
    let rows = match sample {
        Sample::MiniLm => rows!("minilm_rows_128.safetensors"),
        Sample::Keys102 => rows!("smollm2_rows_102.safetensors"),
        Sample::Keys204 => rows!("smollm2_rows_204.safetensors"),
        Sample::Keys1024 => rows!("smollm2_rows_1024.safetensors"),
    };
    Ok(rows?.rows)
}

/// One item of a list that is not empty.
pub fn pick<'a, T>(from: &'a [T], random: &mut Random) -> &'a T {
    &from[random.random_range(0..from.len())]
}
