//! Quantisation on the host: symmetric, one scale per tensor per layer (§2 of the specification; linear symmetric in
//! the paper).

use serde::{Deserialize, Serialize};

/// Integers and the scale that turns them back: `v ≈ x * scale`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// `x`, within `±(2^(bits-1) - 1)`: the most negative code is never used.
    pub values: Vec<i32>,
    /// Real value of one unit, above 0.
    pub scale: f64,
}

/// Why a tensor cannot be quantised.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum QuantiseError {
    /// Fewer than 2 or more than 32 bits.
    #[error("cannot quantise to {0} bits: 2 to 32 bits are possible")]
    Bits(u32),
    /// An infinity or NaN.
    #[error("cannot quantise: element {index} is {value}, and only finite values have a quantised form")]
    NotFinite {
        /// Index into the input.
        index: usize,
        /// The value found there.
        value: f64,
    },
}

/// Quantises to `bits` signed bits with `scale = max|v| / (2^(bits-1) - 1)` in float64 (1 where that would be 0), each
/// `v / scale` rounded half to even and clamped to the symmetric range.
///
/// # Errors
/// `bits` outside 2 to 32; an element that is not finite.
pub fn quantise(values: &[f64], bits: u32) -> Result<Quantised, QuantiseError> {
    if !(2..=32).contains(&bits) {
        return Err(QuantiseError::Bits(bits));
    }
    if let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(QuantiseError::NotFinite { index, value });
    }
    let limit = ((1i64 << (bits - 1)) - 1) as f64;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let scale = match largest / limit {
        // Also when a subnormal maximum underflows.
        0.0 => 1.0,
        s => s,
    };
    let values = values
        .iter()
        .map(|v| (v / scale).round_ties_even().clamp(-limit, limit) as i32)
        .collect();
    Ok(Quantised { values, scale })
}

/// An unsigned factor `mantissa / 2^shift` as commands carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// 16 bits.
    pub mantissa: u16,
    /// Right shift, 0 to 47.
    pub shift: u8,
}

impl Factor {
    /// Largest legal shift.
    pub const MAX_SHIFT: u8 = 47;

    /// The factor nearest to `value`, with as many mantissa bits as the shift allows. Negative values and NaN give 0,
    /// values beyond 65535 give 65535.
    pub fn nearest(value: f64) -> Self {
        if value.is_nan() || value <= 0.0 {
            return Factor {
                mantissa: 0,
                shift: 0,
            };
        }
        // floor(log2) from the bits: the same on every machine, which a library logarithm does not promise.
        let exponent = (value.to_bits() >> 52) as i32 - 1023;
        let shift = (15 - exponent).clamp(0, i32::from(Self::MAX_SHIFT)) as u8;
        let scaled = |shift: u8| (value * (1u64 << shift) as f64).round_ties_even();
        // Rounding may carry into a 17th bit: one place less then.
        let shift = if scaled(shift) > 65535.0 {
            shift.saturating_sub(1)
        } else {
            shift
        };
        Factor {
            mantissa: scaled(shift).min(65535.0) as u16,
            shift,
        }
    }

    /// The factor as a real number.
    pub fn value(self) -> f64 {
        f64::from(self.mantissa) / (1u64 << self.shift) as f64
    }
}

/// `sat(rne(sum * mantissa / 2^shift))` to `width` signed bits: one exact product, one rounding, half to even, one
/// saturation.
///
/// `sum` is a sum of probability × value products. A row's probabilities add up to at most `2^P + n`, so it stays below
/// 2^32 and the product below 2^48; wider arithmetic here keeps the function total.
pub fn rescale(sum: i64, factor: Factor, width: u32) -> i16 {
    let product = i128::from(sum) * i128::from(factor.mantissa);
    let floor = product >> factor.shift;
    let doubled_rest = (product - (floor << factor.shift)) << 1;
    let one = 1i128 << factor.shift;
    let up = doubled_rest > one || (doubled_rest == one && floor & 1 == 1);
    let limit = 1i128 << (width - 1);
    (floor + i128::from(up)).clamp(-limit, limit - 1) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantises_to_the_symmetric_range() {
        let q = quantise(&[-4.0, 2.0, 0.0, 4.0, 1.0], 4).unwrap();
        assert_eq!(q.values, [-7, 4, 0, 7, 2]); // 2/(4/7) = 3.5 goes to 4, 1.75 to 2
        assert_eq!(q.scale, 4.0 / 7.0);
        assert_eq!(
            quantise(&[0.0, -0.0], 8).unwrap(),
            Quantised {
                values: vec![0, 0],
                scale: 1.0
            }
        );
        assert_eq!(quantise(&[], 8).unwrap().scale, 1.0);
        assert_eq!(
            quantise(&[5e-324], 12).unwrap(),
            Quantised {
                values: vec![0],
                scale: 1.0
            }
        );
        assert_eq!(quantise(&[f64::MAX, -f64::MAX], 2).unwrap().values, [1, -1]);
        assert_eq!(quantise(&[1.0, -1.0], 32).unwrap().values, [i32::MAX, -i32::MAX]);
    }

    #[test]
    fn half_goes_to_even() {
        let q = quantise(&[7.0, 0.5, 1.5, 2.5, -0.5, -1.5], 4).unwrap();
        assert_eq!(q.values, [7, 0, 2, 2, 0, -2]);
    }

    #[test]
    fn refuses_what_has_no_quantised_form() {
        assert_eq!(quantise(&[1.0], 1), Err(QuantiseError::Bits(1)));
        assert_eq!(quantise(&[1.0], 33), Err(QuantiseError::Bits(33)));
        assert!(matches!(
            quantise(&[1.0, f64::NAN], 8),
            Err(QuantiseError::NotFinite { index: 1, .. })
        ));
        assert!(matches!(
            quantise(&[f64::INFINITY], 8),
            Err(QuantiseError::NotFinite { index: 0, .. })
        ));
    }

    #[test]
    fn rescale_rounds_once_and_saturates() {
        let half = Factor {
            mantissa: 1,
            shift: 1,
        };
        let got: Vec<i16> = [1, 3, 5, -1, -3, -5]
            .iter()
            .map(|&s| rescale(s, half, 16))
            .collect();
        assert_eq!(got, [0, 2, 2, 0, -2, -2]);
        let one = Factor {
            mantissa: 1,
            shift: 0,
        };
        assert_eq!(rescale(40000, one, 16), i16::MAX);
        assert_eq!(rescale(-40000, one, 16), i16::MIN);
        assert_eq!(rescale(-129, one, 8), -128);
        assert_eq!(rescale(128, one, 8), 127);
        assert_eq!(
            rescale(
                i64::MIN,
                Factor {
                    mantissa: 65535,
                    shift: 0
                },
                16
            ),
            i16::MIN
        );
    }

    proptest! {
        #[test]
        fn factor_is_within_half_a_unit_of_16_bits(v in 1e-9f64..60000.0) {
            let f = Factor::nearest(v);
            prop_assert!((f.value() - v).abs() <= v / 65536.0);
            prop_assert!(f.mantissa >= 1 << 15 || f.shift == Factor::MAX_SHIFT || v < 1e-9 || f.shift == 0);
        }

        #[test]
        fn rescale_agrees_with_float64_where_that_is_exact(s in -(1i64 << 30)..(1 << 30), m in 0u16..=65535, shift in 0u8..=47) {
            let factor = Factor { mantissa: m, shift };
            // 30 + 16 bits: the product and its scaling by a power of two are exact in float64.
            let real = (s as f64 * f64::from(m) / (1u64 << shift) as f64).round_ties_even().clamp(-2048.0, 2047.0);
            prop_assert_eq!(f64::from(rescale(s, factor, 12)), real);
        }
    }
}
