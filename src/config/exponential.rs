//! Constants of the base-2 exponential of the softmax, by probability width: what `docs/softmax.md` tabulates. Model and
//! hardware are built from them; neither knows the other.

/// Coefficients `c1..c5` of `2^-f ≈ 1 - f(c1 - f(c2 - f(c3 - f(c4 - f c5))))` with `P + 4` fraction bits, for
/// `P = 8..=16`. `tests/softmax_coefficients.rs` fits them.
const POLY5: [[u32; 5]; 9] = [
    [2838, 985, 228, 37, 4],
    [5675, 1969, 457, 75, 8],
    [11356, 3935, 906, 151, 16],
    [22713, 7871, 1814, 304, 32],
    [45425, 15743, 3626, 605, 64],
    [90852, 31485, 7260, 1219, 129],
    [181702, 62969, 14517, 2435, 256],
    [363408, 125938, 29033, 4870, 511],
    [726816, 251874, 58062, 9740, 1023],
];

/// Coefficients `c1..c5` of the method `poly5` with `P + 4` fraction bits.
///
/// # Panics
/// When `prob_width` is not in `8..=16`, which no valid [`Config`](super::Config) holds.
pub fn poly5(prob_width: u32) -> [u32; 5] {
    check(prob_width);
    POLY5[prob_width as usize - 8]
}

/// Bits `t = ceil(P/2) - 1` of the index into the samples of the method `table`.
pub fn table_bits(prob_width: u32) -> u32 {
    prob_width.div_ceil(2) - 1
}

/// The `2^t + 1` samples `round(2^(P + 4 - i / 2^t))` of the method `table`, from square roots of one half with 62
/// fraction bits.
///
/// # Panics
/// When `prob_width` is not in `8..=16`, which no valid [`Config`](super::Config) holds.
pub fn table(prob_width: u32) -> Vec<u32> {
    const ONE: u128 = 1 << 62;
    check(prob_width);
    let (t, g) = (table_bits(prob_width), prob_width + 4);
    let mut roots = Vec::new();
    let mut root = ONE / 2;
    for _ in 0..t {
        root = (root * ONE).isqrt();
        roots.push(root);
    }
    // roots[k] = 2^(-1 / 2^(k + 1)) is the weight of bit t - 1 - k of the index.
    let sample = |i: u32| {
        let factors = roots
            .iter()
            .enumerate()
            .filter(|&(k, _)| i >> (t - 1 - k as u32) & 1 == 1);
        let value = factors.fold(ONE, |product, (_, root)| product * root / ONE);
        ((value >> (61 - g)).div_ceil(2)) as u32
    };
    (0..1 << t).map(sample).chain([1 << (g - 1)]).collect()
}

fn check(prob_width: u32) {
    assert!(
        (8..=16).contains(&prob_width),
        "prob-width {prob_width} is out of range; legal are 8 to 16"
    );
}
