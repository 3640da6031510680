//! Plain float64 attention: the reference that errors are measured against, never a part of the integer model.

/// `softmax(q · K^T * scale) V` of one query row over `keys.len()` keys, all in float64.
///
/// `scale` is `1/sqrt(D)` times whatever turns the inputs into real values. Keys and values come in the same order; an
/// empty row gives zeros.
pub fn attention_row<'a, K, V>(query: &[f32], keys: K, values: V, scale: f64) -> Vec<f64>
where
    K: IntoIterator<Item = &'a [f32]>,
    V: IntoIterator<Item = &'a [f32]>,
{
    let dot = |key: &[f32]| {
        query
            .iter()
            .zip(key)
            .map(|(&q, &k)| f64::from(q) * f64::from(k))
            .sum::<f64>()
    };
    let scores: Vec<f64> = keys.into_iter().map(|key| dot(key) * scale).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut output = vec![0.0; query.len()];
    for (weight, value) in weights.iter().zip(values) {
        for (o, &v) in output.iter_mut().zip(value) {
            *o += weight / sum * f64::from(v);
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_equal_keys() {
        let (key, a, b): ([f32; 2], [f32; 2], [f32; 2]) = ([1.0, 2.0], [2.0, 0.0], [0.0, 4.0]);
        let out = attention_row(&[3.0, -1.0], [&key[..], &key[..]], [&a[..], &b[..]], 0.5);
        assert_eq!(out, [1.0, 2.0]);
        assert_eq!(attention_row(&[1.0], [], [], 1.0), [0.0]);
    }
}
