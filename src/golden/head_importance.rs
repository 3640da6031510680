//! Head importance: the sum of absolute outputs of a head (§ III-B of the paper).

/// What one output row adds to its head: `floor(sum_d |out[d]| / 2^shift)`, `shift` 0 to 31.
pub fn contribution(output: &[i16], shift: u32) -> u64 {
    output.iter().map(|x| u64::from(x.unsigned_abs())).sum::<u64>() >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_before_it_shifts() {
        assert_eq!(contribution(&[1, -1, 1], 1), 1);
        assert_eq!(contribution(&[i16::MIN; 128], 0), 128 << 15);
        assert_eq!(contribution(&[3], 31), 0);
    }
}
