//! Where the constants of the softmax's exponential come from: they are fitted again here, and the tables of
//! `docs/softmax.md` are compared with the code's.

use spatten_gen::config::ExpMethod;
use spatten_gen::golden::softmax::{Exp2, Softmax};
use std::fmt::Write;

/// `2^-x` for `0 <= x <= 1` by its series: additions, products and quotients only, so that every machine agrees.
fn exp2_minus(x: f64) -> f64 {
    let z = -x * std::f64::consts::LN_2;
    let terms = (1..30).scan(1.0, |term, k| {
        *term *= z / f64::from(k);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

/// Solution of a small regular linear system, by elimination without pivoting.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let n = rows.len();
    for i in 0..n {
        let pivot = rows[i].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|&(r, _)| r != i) {
            let factor = row[i] / pivot[i];
            row.iter_mut().zip(&pivot).for_each(|(a, p)| *a -= factor * p);
        }
    }
    (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
}

/// What the fit minimises: first the breaches of monotony, the octave seam included, then the spread of the relative
/// error (least to largest), on which alone the error of a probability depends.
fn cost(prob_width: u32, c: [u32; 5], exact: &[f64]) -> (u32, f64) {
    let softmax = Softmax::with_exp2(prob_width, Exp2::Poly5(c));
    let one = 1 << softmax.exp_bits();
    let mut previous = one;
    let mut breaches = 0;
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for (f, exact) in (0..).zip(exact) {
        let g = softmax.exp2_fraction(f);
        breaches += u32::from(g > previous);
        previous = g;
        let error = f64::from(g) / exact - 1.0;
        (low, high) = (low.min(error), high.max(error));
    }
    breaches += u32::from(previous < one / 2);
    (breaches, high - low)
}

/// Coefficients for one probability width: `(1 - 2^-f) / f` interpolated near Chebyshev's points (one of them the seam
/// `f = 1`), rounded, then improved one or two coefficients at a time, by one, on the integer algorithm itself.
fn fit(prob_width: u32) -> [u32; 5] {
    let softmax = Softmax::new(prob_width, ExpMethod::Poly5);
    let one = f64::from(1u32 << softmax.exp_bits());
    let size = 1u32 << softmax.argument_bits();
    let exact: Vec<f64> = (0..size)
        .map(|f| one * exp2_minus(f64::from(f) / f64::from(size)))
        .collect();

    let row = |x: f64| {
        (0..5)
            .map(|k| (-x).powi(k))
            .chain([(1.0 - exp2_minus(x)) / x])
            .collect()
    };
    let real = solve([1.0, 0.883, 0.587, 0.25, 0.03].map(row).to_vec());
    let mut best: [u32; 5] = std::array::from_fn(|i| (real[i] * one).round() as u32);
    let mut least = cost(prob_width, best, &exact);

    let mut moves = Vec::new();
    for i in 0..5 {
        for d in [-1, 1] {
            moves.push([(i, d), (i, 0)]);
            moves.extend((i + 1..5).flat_map(|j| [-1, 1].map(|e| [(i, d), (j, e)])));
        }
    }
    loop {
        let start = least;
        for step in &moves {
            let mut candidate = best;
            for &(i, d) in step {
                candidate[i] = candidate[i].saturating_add_signed(d);
            }
            let c = cost(prob_width, candidate, &exact);
            if c < least {
                (best, least) = (candidate, c);
            }
        }
        if least == start {
            return best;
        }
    }
}

#[test]
fn committed_coefficients_are_the_fitted_ones() {
    for prob_width in 8..=16 {
        let committed = Softmax::new(prob_width, ExpMethod::Poly5).constants().clone();
        let fitted = Exp2::Poly5(fit(prob_width));
        assert_eq!(
            committed, fitted,
            "prob-width {prob_width}: committed (left) is not what the fit gives (right)"
        );
    }
}

/// The document's tables, from the code.
fn tables() -> (String, String) {
    let mut poly = String::from("| P | c1 | c2 | c3 | c4 | c5 |\n|---|---|---|---|---|---|\n");
    let mut table = String::new();
    for prob_width in 8..=16 {
        let constants = |method| Softmax::new(prob_width, method).constants().clone();
        if let Exp2::Poly5(c) = constants(ExpMethod::Poly5) {
            writeln!(
                poly,
                "| {prob_width} | {} |",
                c.map(|c| c.to_string()).join(" | ")
            )
            .unwrap();
        }
        if let Exp2::Table(samples) = constants(ExpMethod::Table) {
            writeln!(table, "P = {prob_width}, {} samples", samples.len()).unwrap();
            for line in samples.chunks(11) {
                writeln!(
                    table,
                    "{}",
                    line.iter().map(|s| format!("{s:8}")).collect::<String>()
                )
                .unwrap();
            }
        }
    }
    (poly, table)
}

#[test]
fn document_holds_the_constants_of_the_code() {
    let document = include_str!("../docs/softmax.md");
    let (poly, table) = tables();
    for expected in [poly, table] {
        assert!(
            document.contains(&expected),
            "docs/softmax.md must hold\n\n{expected}"
        );
    }
}
