//! Proof of the softmax's bounds (`docs/softmax.md`) against a reference of 256 fraction bits that shares nothing with
//! the model: the reduced exponential over its whole domain, and whole rows, adversarial and random.

use dashu_base::{Abs, SquareRoot, UnsignedAbs};
use dashu_float::{FBig, round::mode::HalfEven};
use dashu_int::{IBig, UBig};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use spatten_gen::config::ExpMethod::{self, Poly5, Table};
use spatten_gen::golden::model::Model;
use spatten_gen::golden::quant::{Factor, quantise};
use spatten_gen::golden::rows::ProbRows;
use spatten_gen::golden::softmax::{Exp2, MAX_ROW, Scale, Softmax};
use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

/// A uniform number below a power of two that is itself drawn from `bits`.
fn spread(random: &mut Pcg64Mcg, bits: std::ops::Range<u32>) -> i64 {
    let bits = random.random_range(bits);
    random.random_range(0..1 << bits)
}

type Float = FBig<HalfEven, 2>;

/// Fraction bits of the reference.
const BITS: usize = 256;

static LN_2: LazyLock<Float> = LazyLock::new(|| Float::from(2).with_precision(BITS + 64).value().ln());

/// `2^(BITS - numerator / 2^shift)`, to an ulp or so.
fn reference(numerator: u64, shift: u32) -> UBig {
    let octave = (numerator >> shift) as usize;
    let rest = numerator & ((1u64 << shift) - 1);
    if octave > BITS {
        return UBig::ZERO;
    }
    let exponent = Float::from_parts(-IBig::from(rest), -(shift as isize));
    let exp = (exponent.with_precision(BITS + 64).value() * &*LN_2).exp();
    (exp << (BITS as isize - octave as isize))
        .to_int()
        .value()
        .unsigned_abs()
}

fn float(value: &UBig) -> f64 {
    value.to_f64().value()
}

/// Every configuration.
fn configurations() -> Vec<(u32, ExpMethod)> {
    (8..=16).flat_map(|p| [(p, Poly5), (p, Table)]).collect()
}

// ---- The reduced exponential -----------------------------------------------------------------------------------

/// What the exponential of one configuration can breach.
#[derive(Debug, PartialEq)]
enum ExpBreach {
    /// `exp(0)` is not 1.
    One(u32),
    /// It rises at this argument.
    Rises(u32),
    /// Below one half before the octave ends.
    Seam(u32),
    /// The spread of its relative errors costs a probability this many LSB.
    Spread(f64),
}

/// The LSBs of `docs/softmax.md` that a probability may lose to the reduced exponential.
const SPREAD: f64 = 0.135;

/// `2^-f` at every argument of the widest domain; the domains of smaller `P` are samples of it.
static DOMAIN: LazyLock<Vec<UBig>> = LazyLock::new(|| {
    (0..1u64 << 18)
        .into_par_iter()
        .map(|f| reference(f, 18))
        .collect()
});

/// Checks `2^-f` at every reduced argument; gives the LSBs that a probability may lose by it.
fn check_exponential(softmax: &Softmax) -> Result<f64, ExpBreach> {
    let (p, g_bits) = (softmax.prob_width(), softmax.exp_bits());
    let one = 1 << g_bits;
    let step = 1 << (18 - softmax.argument_bits());
    let (mut low, mut high) = (0.0f64, 0.0f64);
    let mut previous = one;
    for (f, exact) in (0..).zip(DOMAIN.iter().step_by(step)) {
        let g = softmax.exp2_fraction(f);
        match g {
            _ if f == 0 && g != one => return Err(ExpBreach::One(g)),
            _ if g > previous => return Err(ExpBreach::Rises(f)),
            _ if g < one / 2 => return Err(ExpBreach::Seam(f)),
            _ => previous = g,
        }
        let difference = (IBig::from(g) << (BITS - g_bits as usize)) - IBig::from(exact.clone());
        let error = (difference.to_f64().value() / float(exact)).ln_1p();
        (low, high) = (low.min(error), high.max(error));
    }
    let spread = (high - low) / 4.0 * f64::from(1u32 << p);
    if spread <= SPREAD {
        Ok(spread)
    } else {
        Err(ExpBreach::Spread(spread))
    }
}

#[test]
fn reduced_exponential_is_exact_enough_everywhere() {
    for (p, method) in configurations() {
        let softmax = Softmax::new(p, method);
        let spread = check_exponential(&softmax).unwrap_or_else(|b| panic!("P = {p}, {method:?}: {b:?}"));
        println!("P = {p:2}, {method:?}: {spread:.3} LSB");
    }
}

#[test]
fn check_of_the_exponential_fires() {
    let Exp2::Poly5(good) = Softmax::new(16, Poly5).constants().clone() else {
        unreachable!()
    };
    let check = |c| check_exponential(&Softmax::with_exp2(16, Exp2::Poly5(c)));
    let changed = |i: usize, by: i32| {
        let mut c = good;
        c[i] = c[i].saturating_add_signed(by);
        check(c)
    };
    assert!(
        matches!(changed(0, 8), Err(ExpBreach::Seam(_))),
        "{:?}",
        changed(0, 8)
    );
    assert!(
        matches!(changed(0, -12), Err(ExpBreach::Spread(_))),
        "{:?}",
        changed(0, -12)
    );
    assert!(
        matches!(changed(4, -64), Err(ExpBreach::Spread(_))),
        "{:?}",
        changed(4, -64)
    );
    // The plain Taylor series falls below one half before the octave ends.
    let mut term = f64::from(1u32 << 20);
    let taylor = std::array::from_fn(|i| {
        term *= std::f64::consts::LN_2 / (i + 1) as f64;
        term.round() as u32
    });
    assert!(
        matches!(check(taylor), Err(ExpBreach::Seam(_))),
        "{:?}",
        check(taylor)
    );
    // 1 - 0.4 f + 0.24 f^2 rises from f = 0.83 on.
    let rising = [419_430, 251_658, 0, 0, 0];
    assert!(
        matches!(check(rising), Err(ExpBreach::Rises(_))),
        "{:?}",
        check(rising)
    );

    let Exp2::Table(samples) = Softmax::new(16, Table).constants().clone() else {
        unreachable!()
    };
    let check = |samples| check_exponential(&Softmax::with_exp2(16, Exp2::Table(samples)));
    for (index, by, fires) in [(0, 20, true), (64, 20, true), (128, -8, true), (64, 0, false)] {
        let mut samples = samples.clone();
        samples[index] = samples[index].saturating_add_signed(by);
        assert_eq!(check(samples).is_err(), fires, "sample {index} changed by {by}");
    }
}

/// The first scaled difference, of all octaves, with a larger exponential than its predecessor.
fn first_rise(softmax: &Softmax) -> Option<u32> {
    let arguments = 1..32 << softmax.argument_bits();
    let mut previous = softmax.exp2(Some(0));
    arguments.into_iter().find(|&y| {
        let e = softmax.exp2(Some(y));
        e > std::mem::replace(&mut previous, e)
    })
}

#[test]
fn exponential_never_rises_over_all_octaves() {
    for (p, method) in configurations() {
        let softmax = Softmax::new(p, method);
        assert_eq!(
            softmax.exp2(Some(0)),
            1 << softmax.sum_bits(),
            "P = {p}, {method:?}: exp(0)"
        );
        assert_eq!(first_rise(&softmax), None, "P = {p}, {method:?}");
    }
    // Coefficients that fall too low rise where the second octave begins.
    let Exp2::Poly5(mut c) = Softmax::new(16, Poly5).constants().clone() else {
        unreachable!()
    };
    c[0] += 8;
    assert_eq!(first_rise(&Softmax::with_exp2(16, Exp2::Poly5(c))), Some(1 << 18));
}

#[test]
fn reference_agrees_with_repeated_square_roots() {
    // 2^(-1/2^i), multiplied for the set bits of the exponent: another way to the same 256 bits.
    let one = UBig::ONE << BITS;
    let roots: Vec<UBig> = std::iter::successors(Some(&one >> 1), |r| Some((r << BITS).sqrt()))
        .take(48)
        .collect();
    let mut random = Pcg64Mcg::seed_from_u64(1);
    for _ in 0..200 {
        let numerator: u64 = random.random_range(0..1 << 47);
        let product = (1..48)
            .filter(|i| numerator >> (47 - i) & 1 == 1)
            .map(|i| &roots[i]);
        let product = product.fold(one.clone(), |product, root| (product * root) >> BITS);
        let difference = (IBig::from(product) - IBig::from(reference(numerator, 47))).abs();
        assert!(difference < IBig::ONE << 8, "2^(-{numerator} / 2^47)");
    }
}

// ---- Scaled difference, reciprocal, decision ---------------------------------------------------------------------

#[test]
fn scaled_difference_loses_less_than_one_and_a_half_ulp() {
    let mut random = Pcg64Mcg::seed_from_u64(2);
    for round in 0..2_000_000u32 {
        let softmax = Softmax::new(8 + round % 9, Poly5);
        let f = softmax.argument_bits();
        let mantissa = spread(&mut random, 0..17) as u16;
        let scale = Scale::new(mantissa, random.random_range(0..=47)).unwrap();
        let difference = spread(&mut random, 0..40) as u64;
        // Twice the exact value with F fraction bits, times 2^shift.
        let exact = (u128::from(difference) * u128::from(scale.mantissa())) << (f + 1);
        let ulp = 1u128 << scale.shift();
        let what = format!("P = {}, {difference} * {scale:?}", softmax.prob_width());
        match softmax.scaled(difference, scale) {
            None => assert!(exact >= ulp << (f + 6), "{what} is less than 32"),
            Some(y) => {
                let got = u128::from(y) << (scale.shift() + 1);
                assert!(got <= exact && exact - got < 3 * ulp, "{what} gives {y}");
                assert!(y < 32 << f, "{what} gives {y}");
            }
        }
        let next = softmax.scaled(difference.saturating_add(1).min((1 << 39) - 1), scale);
        let order = |y: Option<u32>| y.unwrap_or(u32::MAX);
        assert!(
            order(next) >= order(softmax.scaled(difference, scale)),
            "{what} is not monotone"
        );
    }
}

#[test]
fn reciprocal_is_rounded_to_nearest_for_every_divisor() {
    for p in 8..=16 {
        let softmax = Softmax::new(p, Poly5);
        let (e, m, b) = (softmax.sum_bits(), softmax.divisor_bits(), softmax.factor_bits());
        for q in [0, 1, 2, 7, 12] {
            for s in 1u64 << m..2u64 << m {
                let sum = s << (e + q - m);
                assert_eq!(softmax.divisor(sum), (s as u32, q));
                // 2^(M+B+1-q) / s is twice the exact value: nearest, and half up, is floor((it + 1) / 2).
                let twice = softmax.reciprocal(sum) as u64 * 2;
                let one = 1u64 << (m + b + 1);
                assert!(
                    (twice + 1) * (s << q) > one,
                    "P = {p}, sum {sum}: reciprocal too small"
                );
                assert!(
                    twice == 0 || (twice - 1) * (s << q) <= one,
                    "P = {p}, sum {sum}: too large"
                );
            }
        }
    }
}

#[test]
fn decision_without_division_is_that_of_the_largest_probability() {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    for p in 8..=16 {
        let softmax = Softmax::new(p, Poly5);
        let one = 1u64 << softmax.sum_bits();
        let top = ((1u32 << p) - 1) as u16;
        let flat = (1..=MAX_ROW as u64).map(|n| n * one);
        let near = (1..=64).flat_map(|n| [n * one + 1, n * one + one / 2, (n + 1) * one - 1]);
        let any = (0..100_000).map(|_| one + (spread(&mut random, 1..13 + softmax.sum_bits()) as u64));
        let mut previous = (0, top);
        let mut sums: Vec<u64> = flat.chain(near).chain(any).collect();
        sums.sort_unstable();
        for sum in sums {
            let max = softmax.max_prob_of_sum(sum);
            assert!(
                max <= previous.1,
                "P = {p}: the sum {sum} has a larger maximum than {}",
                previous.0
            );
            previous = (sum, max);
            for threshold in [
                0,
                1,
                max.saturating_sub(1),
                max,
                max.saturating_add(1).min(top),
                top,
            ] {
                let below = softmax.below_threshold(sum, threshold);
                assert_eq!(
                    below,
                    max < threshold,
                    "P = {p}, sum {sum}, maximum {max}, threshold {threshold}"
                );
            }
        }
    }
}

// ---- Whole rows --------------------------------------------------------------------------------------------------

/// What the probabilities of a row can breach.
#[derive(Debug, PartialEq)]
enum Breach {
    /// This many LSB from the exact softmax.
    Error(f64),
    /// Equal scores differ.
    Tie,
    /// A larger score has a smaller probability.
    Order,
    /// More than `2^P - 1`.
    Range,
    /// The largest probability is not the one the sum tells.
    Maximum,
}

/// The exact softmax of a row: its distinct scores in ascending order with the exponential and the positions of each.
struct Exact {
    groups: Vec<(UBig, Vec<usize>)>,
    sum: UBig,
}

impl Exact {
    fn new(scores: &[i64], scale: Scale) -> Self {
        let maximum = *scores.iter().max().unwrap();
        let mut positions = BTreeMap::<i64, Vec<usize>>::new();
        for (j, &score) in scores.iter().enumerate() {
            positions.entry(score).or_default().push(j);
        }
        let term = |(score, positions): (i64, Vec<usize>)| {
            let numerator = maximum.abs_diff(score) * u64::from(scale.mantissa());
            (reference(numerator, u32::from(scale.shift())), positions)
        };
        let groups: Vec<_> = positions.into_par_iter().map(term).collect();
        let sum = groups.iter().map(|(e, positions)| e * positions.len()).sum();
        Self { groups, sum }
    }

    /// Checks a row's probabilities of `p` bits; gives largest error, sum of errors (LSB), and elements.
    fn check(&self, p: u32, probs: &[u16], max: u16) -> Result<Errors, Breach> {
        if probs.iter().any(|&q| u32::from(q) >> p != 0) {
            return Err(Breach::Range);
        }
        let mut errors = Errors::default();
        let mut previous = 0;
        for (e, positions) in &self.groups {
            let prob = probs[positions[0]];
            if positions.iter().any(|&j| probs[j] != prob) {
                return Err(Breach::Tie);
            }
            if prob < previous {
                return Err(Breach::Order);
            }
            previous = prob;
            // |prob - 2^p e / sum| <= 1, multiplied by the sum.
            let distance = (IBig::from(&self.sum * prob) - (IBig::from(e.clone()) << p as usize)).abs();
            let error = distance.to_f64().value() / float(&self.sum);
            if distance.unsigned_abs() > self.sum {
                return Err(Breach::Error(error));
            }
            if u32::from(prob) + 1 < 1 << p {
                errors.max = errors.max.max(error);
            }
            errors.sum += error * positions.len() as f64;
            errors.count += positions.len();
        }
        if max == previous {
            Ok(errors)
        } else {
            Err(Breach::Maximum)
        }
    }
}

/// Errors of probabilities in LSB.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    /// Largest of a probability below `2^P - 1`; of that one it is 1 in a one-hot row, whatever the arithmetic.
    max: f64,
    sum: f64,
    count: usize,
}

impl Errors {
    fn merge(self, other: Self) -> Self {
        Self {
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }
}

/// A row with its name for messages.
type Row = (String, Vec<i64>, Scale);

/// Checks rows under every configuration; gives the errors of each.
fn check_rows(rows: &[Row]) -> Vec<Errors> {
    let configurations: Vec<_> = configurations()
        .into_iter()
        .map(|(p, method)| Softmax::new(p, method))
        .collect();
    let none = || vec![Errors::default(); configurations.len()];
    let of_row = |(name, scores, scale): &Row| {
        let exact = Exact::new(scores, *scale);
        let check = |softmax: &Softmax| {
            let probs = softmax.row(scores, *scale);
            let max = softmax.max_prob(scores, *scale);
            let result = exact.check(softmax.prob_width(), &probs, max);
            result.unwrap_or_else(|breach| {
                panic!(
                    "{name} ({} scores, {scale:?}), P = {}: {breach:?}",
                    scores.len(),
                    softmax.prob_width()
                )
            })
        };
        configurations.iter().map(check).collect::<Vec<_>>()
    };
    let merge = |a: Vec<Errors>, b: Vec<Errors>| a.into_iter().zip(b).map(|(a, b)| a.merge(b)).collect();
    rows.par_iter().map(of_row).reduce(none, merge)
}

const TABLE_HEAD: &str = "\
| P | method | exponential | flat | adversarial | random | mean | real | mean |
|---|---|---|---|---|---|---|---|---|
";

fn scale(mantissa: u16, shift: u8) -> Scale {
    Scale::new(mantissa, shift).unwrap()
}

/// Every flat row of up to 4096 scores, and the longest.
fn flat_rows() -> Vec<Row> {
    (1..=4096)
        .chain([MAX_ROW])
        .map(|n| (format!("flat {n}"), vec![-7; n], scale(40_000, 20)))
        .collect()
}

const LIMIT: i64 = 1 << 38;

/// Rows that push one term of the error analysis, or one corner of the formats, to its end.
fn adversarial_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: String, scores: Vec<i64>, scale: Scale| rows.push((name, scores, scale));
    let unit = scale(1, 20); // 2^20 to an octave
    let octave = 1i64 << 20;

    for n in [2, 3, 17, 102, 1024, 4096, MAX_ROW] {
        let rest = |value: i64| {
            (0..n)
                .map(|j| if j == n / 2 { LIMIT - 1 } else { value })
                .collect::<Vec<_>>()
        };
        add(format!("one hot of {n}"), rest(-LIMIT), scale(u16::MAX, 0));
        add(
            format!("one hot of {n}, by one"),
            rest(LIMIT - 2),
            scale(u16::MAX, 0),
        );
        add(format!("weightless {n}"), rest(-LIMIT), scale(0, 0));
        add(
            format!("two maxima of {n}"),
            (0..n).map(|j| if j < 2 { 5 } else { -LIMIT }).collect(),
            scale(9, 3),
        );
    }
    for step in [
        1,
        3,
        17,
        1 << 10,
        octave / 64,
        octave / 7,
        octave / 2,
        octave,
        octave + 1,
        3 * octave,
        40 * octave,
    ] {
        for n in [40, 333, 2500] {
            add(
                format!("ladder by {step}"),
                (0..n).map(|j| -j * step).collect(),
                unit,
            );
        }
    }
    for octaves in 0..34 {
        for at in [0, octave / 3, octave - 3] {
            let near = (-3..=3).map(|d| -octaves * octave - at + d).filter(|&s| s <= 0);
            add(format!("seam {octaves}"), near.chain([0]).collect(), unit);
            add(
                format!("seam {octaves}, two maxima"),
                vec![0, 0, -octaves * octave - at, -octaves * octave - at - 1],
                unit,
            );
        }
    }
    for (mantissa, shift) in [
        (1, 0),
        (1, 47),
        (0, 47),
        (u16::MAX, 0),
        (u16::MAX, 47),
        (1 << 15, 15),
        (3, 16),
        (0x8001, 40),
    ] {
        for spread in [1, 2, 1 << 10, 1 << 24, LIMIT - 1] {
            let mut random = Pcg64Mcg::seed_from_u64(u64::from(mantissa) + spread as u64);
            let scores = (0..100)
                .map(|_| random.random_range(-spread..=spread))
                .chain([-spread, spread]);
            add(
                format!("extreme scale, spread {spread}"),
                scores.collect(),
                scale(mantissa, shift),
            );
        }
    }
    // One maximum, one rival, and a long tail whose exponentials all lose nearly a whole ulp to the sum.
    let mut random = Pcg64Mcg::seed_from_u64(4);
    for n in [64, 1024, 4094, MAX_ROW - 2] {
        for tail in 22..33 {
            for _ in 0..6 {
                let rival = -random.random_range(0..14 * octave);
                let tail = -(tail * octave + random.random_range(1..2000));
                add(
                    format!("tail of {n}"),
                    std::iter::repeat_n(tail, n).chain([0, rival]).collect(),
                    unit,
                );
            }
        }
    }
    // A few distinct scores, many times each: the roundings of sum, divisor and reciprocal in all combinations.
    for round in 0..6000 {
        let mut scores = vec![0; 1 + spread(&mut random, 0..5) as usize];
        for _ in 0..random.random_range(1..4) {
            let (score, count) = (-spread(&mut random, 17..25), 1 + spread(&mut random, 0..6));
            scores.extend(std::iter::repeat_n(score, count as usize));
        }
        add(format!("groups {round}"), scores, unit);
    }
    rows
}

/// Rows of the operand widths in use: scores about normal, spreads from nearly flat to nearly one hot.
fn random_rows(count: usize) -> Vec<Row> {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let mut row = |index| {
        let n = 1 + spread(&mut random, 1..12);
        let width = random.random_range(8..=38);
        let mut uniform = || random.random_range(-(1i64 << (width - 3))..1i64 << (width - 3));
        let scores: Vec<i64> = (0..n)
            .map(|_| uniform() + uniform() + uniform() + uniform())
            .collect();
        // The mantissa's magnitude and the shift leave a spread of 2^-3 to 2^6 octaves.
        let bits: i32 = random.random_range(1..=16);
        let mantissa = random.random_range(1 << (bits - 1)..1u32 << bits) as u16;
        let shift = (width + bits - random.random_range(-3..=6)).clamp(0, 47) as u8;
        (format!("random {index}"), scores, scale(mantissa, shift))
    };
    (0..count).map(&mut row).collect()
}

/// `log2(value)` with 16 fraction bits, rounded down, by repeated squaring: the same on every machine.
fn log2(value: u32) -> i64 {
    let whole = value.ilog2();
    let mut rest = u128::from(value) << (62 - whole); // 1 <= rest < 2, 62 fraction bits
    let mut result = i64::from(whole);
    for _ in 0..16 {
        rest = (rest * rest) >> 62;
        let bit = rest >> 63;
        rest >>= bit;
        result = 2 * result + bit as i64;
    }
    result
}

/// Rows of real models: scores of MiniLM, from its quantised queries and keys, and scores that have the stored
/// probabilities of SmolLM2, drawn from what rounds to each: to its logarithm, 16 fraction bits.
fn real_rows() -> Vec<Row> {
    let mut random = Pcg64Mcg::seed_from_u64(6);
    let model = Model::load("tests/data/minilm.safetensors".as_ref()).unwrap();
    let mut rows = Vec::new();
    for (number, layer) in model.layers.iter().enumerate() {
        let quantised = |tensor: &[f32]| {
            let values: Vec<f64> = tensor.iter().copied().map(f64::from).collect();
            quantise(&values, 12).unwrap()
        };
        let (q, k) = (quantised(&layer.q), quantised(&layer.k));
        let exponent = q.scale * k.scale / (model.head_dim as f64).sqrt() * std::f64::consts::LOG2_E;
        let factor = Factor::nearest(exponent);
        let head = model.tokens * model.head_dim;
        for (index, query) in q.values.chunks(model.head_dim).enumerate().step_by(3) {
            let keys = &k.values[index / model.tokens * head..][..head];
            let product = |key: &[i32]| key.iter().zip(query).map(|(a, b)| i64::from(a * b)).sum();
            rows.push((
                format!("MiniLM, layer {number}, row {index}"),
                keys.chunks(model.head_dim).map(product).collect(),
                scale(factor.mantissa, factor.shift),
            ));
        }
    }
    for keys in [102, 204, 1024] {
        let file = format!("tests/data/smollm2_rows_{keys}.safetensors");
        for (index, row) in ProbRows::load(file.as_ref()).unwrap().rows.iter().enumerate() {
            let score = |&prob: &u16| {
                let (low, high) = (
                    (64 * u32::from(prob)).saturating_sub(32),
                    64 * u32::from(prob) + 32,
                );
                log2(random.random_range(low + 1..=high))
            };
            rows.push((
                format!("SmolLM2, {keys} keys, row {index}"),
                row.probs.iter().map(score).collect(),
                scale(1, 16),
            ));
        }
    }
    rows
}

/// The rows of the proof; the document's table of measured errors must hold what they give.
#[test]
fn rows_are_within_one_and_errors_are_as_documented() {
    let [flat, adversarial, random, real] =
        [flat_rows(), adversarial_rows(), random_rows(600), real_rows()].map(|rows| check_rows(&rows));
    let mut table = String::from(TABLE_HEAD);
    for (index, (p, method)) in configurations().into_iter().enumerate() {
        let spread = check_exponential(&Softmax::new(p, method)).unwrap();
        let mean = |errors: &Errors| errors.sum / errors.count as f64;
        let method = if method == Poly5 { "poly5" } else { "table" };
        let figures = [
            spread,
            flat[index].max,
            adversarial[index].max,
            random[index].max,
            mean(&random[index]),
            real[index].max,
            mean(&real[index]),
        ]
        .map(|figure| format!("{figure:.3}"))
        .join(" | ");
        writeln!(table, "| {p} | `{method}` | {figures} |").unwrap();
    }
    println!("{table}");
    let document = include_str!("../docs/softmax.md");
    assert!(document.contains(&table), "docs/softmax.md must hold\n\n{table}");
}

#[test]
fn check_of_a_row_fires() {
    let scores = [0, -1000, -1000, -900, -5000, 0];
    let scale = scale(1, 10);
    let softmax = Softmax::new(12, Poly5);
    let exact = Exact::new(&scores, scale);
    let good = softmax.row(&scores, scale);
    let max = softmax.max_prob(&scores, scale);
    let with = |changes: &[(usize, i16)], max| {
        let mut probs = good.clone();
        for &(j, by) in changes {
            probs[j] = probs[j].saturating_add_signed(by);
        }
        exact.check(12, &probs, max)
    };
    assert!(with(&[], max).is_ok());
    assert_eq!(with(&[(1, 1)], max).unwrap_err(), Breach::Tie);
    assert!(matches!(with(&[(3, 2)], max), Err(Breach::Error(error)) if error > 1.0));
    assert!(matches!(with(&[(4, -2)], max), Err(Breach::Error(_))));
    assert_eq!(with(&[(3, -200)], max).unwrap_err(), Breach::Order);
    assert_eq!(with(&[(0, 4095)], max).unwrap_err(), Breach::Range);
    assert_eq!(with(&[], max + 1).unwrap_err(), Breach::Maximum);

    // One and the same row breaks the bound as soon as the exponential is off.
    let coarse = Softmax::with_exp2(12, Exp2::Table(vec![1 << 16, 1 << 15]));
    assert!(matches!(
        exact.check(12, &coarse.row(&scores, scale), max),
        Err(Breach::Error(_))
    ));
}

#[test]
fn rows_of_nothing_and_scales_out_of_range() {
    let softmax = Softmax::new(12, Poly5);
    assert!(softmax.row(&[], scale(1, 0)).is_empty());
    assert_eq!(softmax.max_prob(&[], scale(1, 0)), 0);
    let error = Scale::new(1, 48).unwrap_err();
    assert_eq!(
        error.to_string(),
        "softmax scale: right shift 48 is out of range; legal are 0 to 47"
    );
}
