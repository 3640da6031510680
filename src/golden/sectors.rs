//! Exact counts of the sectors that a layer reads (§3 of the specification).
//!
//! Vectors of one *list* are fetched in order; a sector equal to the last one fetched for the same list is not fetched
//! again, and nothing is shared between lists.

use super::attention::Row;
use super::command::{KeyMode, LayerCommand, Mode, ValueMode};
use super::planes::{Region, SECTOR, address_mask, plane_bytes};
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// Sectors read per stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sectors {
    /// Queries.
    pub q: u64,
    /// MSB planes of keys.
    pub k_msb: u64,
    /// LSB planes of keys.
    pub k_lsb: u64,
    /// MSB planes of values.
    pub v_msb: u64,
    /// LSB planes of values.
    pub v_lsb: u64,
}

impl Sectors {
    /// All five streams together.
    pub fn total(&self) -> u64 {
        self.q + self.k_msb + self.k_lsb + self.v_msb + self.v_lsb
    }
}

impl std::ops::AddAssign for Sectors {
    fn add_assign(&mut self, other: Self) {
        self.q += other.q;
        self.k_msb += other.k_msb;
        self.k_lsb += other.k_lsb;
        self.v_msb += other.v_msb;
        self.v_lsb += other.v_lsb;
    }
}

/// Sectors of one list: vectors of `bytes` bytes at the addresses of `head` and each of `tokens`, in order.
pub fn list(region: &Region, addr_width: u32, head: u32, tokens: &[u32], bytes: u64) -> u64 {
    if bytes == 0 {
        return 0;
    }
    let mask = address_mask(addr_width);
    let (mut count, mut last) = (0, None);
    for &token in tokens {
        let first = region.address(head, token, addr_width);
        let pieces = (first % SECTOR + bytes).div_ceil(SECTOR);
        // Within one vector sectors follow each other, so only its first one can equal the last one fetched.
        count += pieces - u64::from(last == Some(first / SECTOR));
        last = Some((first.wrapping_add(bytes - 1) & mask) / SECTOR);
    }
    count
}

/// Sectors that a layer reads over the kept `tokens` and `heads`; `rows` are its rows, in order of execution.
pub fn layer(
    config: &Config,
    command: &LayerCommand,
    tokens: &[u32],
    heads: &[u32],
    rows: &[Row],
) -> Sectors {
    let bytes = |planes| plane_bytes(planes, command.head_dim);
    let (keys, values, regions) = (&command.keys, &command.values, &command.regions);
    let count =
        |region, head, tokens: &[u32], planes| list(region, config.addr_width, head, tokens, bytes(planes));
    let mut sectors = Sectors::default();
    match command.mode {
        Mode::Generation => {
            for row in rows {
                let kv = command.kv_head(row.head);
                let seen = &tokens[..row.keys as usize];
                let whole = row.redone || keys.mode == KeyMode::Always;
                let value_lsbs = match values.mode {
                    ValueMode::Never => false,
                    ValueMode::Always => true,
                    ValueMode::WithRow => whole,
                };
                sectors += Sectors {
                    q: count(&regions.q, row.head, &[row.query], config.width),
                    k_msb: count(&regions.k_msb, kv, seen, keys.msb),
                    k_lsb: if whole {
                        count(&regions.k_lsb, kv, seen, keys.lsb)
                    } else {
                        0
                    },
                    v_msb: count(&regions.v_msb, kv, &row.kept, values.msb),
                    v_lsb: if value_lsbs {
                        count(&regions.v_lsb, kv, &row.kept, values.lsb)
                    } else {
                        0
                    },
                };
            }
        }
        Mode::Summarisation => {
            sectors.q = heads
                .iter()
                .map(|&head| count(&regions.q, head, tokens, config.width))
                .sum();
            for run in heads.chunk_by(|&a, &b| command.kv_head(a) == command.kv_head(b)) {
                let kv = command.kv_head(run[0]);
                let (key_lsbs, value_lsbs) = (keys.mode == KeyMode::Always, values.mode == ValueMode::Always);
                sectors += Sectors {
                    q: 0,
                    k_msb: count(&regions.k_msb, kv, tokens, keys.msb),
                    k_lsb: if key_lsbs {
                        count(&regions.k_lsb, kv, tokens, keys.lsb)
                    } else {
                        0
                    },
                    v_msb: count(&regions.v_msb, kv, tokens, values.msb),
                    v_lsb: if value_lsbs {
                        count(&regions.v_lsb, kv, tokens, values.lsb)
                    } else {
                        0
                    },
                };
            }
        }
    }
    sectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, byte by byte.
    fn by_bytes(region: &Region, addr_width: u32, head: u32, tokens: &[u32], bytes: u64) -> u64 {
        let (mut count, mut last) = (0, u64::MAX);
        for &token in tokens {
            for byte in 0..bytes {
                let address = region.base as u128
                    + region.head_stride as u128 * u128::from(head)
                    + region.token_stride as u128 * u128::from(token)
                    + u128::from(byte);
                let sector = (address % (1u128 << addr_width)) as u64 / 32;
                if sector != last {
                    count += 1;
                    last = sector;
                }
            }
        }
        count
    }

    proptest! {
        #[test]
        fn agrees_with_bytes(base in any::<u64>(), head_stride in 0u64..1 << 50, token_stride in prop_oneof![0u64..40, any::<u64>()],
                             addr_width in prop_oneof![Just(8u32), 32u32..=64], head in 0u32..32,
                             tokens in prop::collection::btree_set(0u32..64, 0..20), words in 0u64..65) {
            let region = Region { base: base & !3, head_stride: head_stride & !3, token_stride: token_stride & !3 };
            let tokens: Vec<u32> = tokens.into_iter().collect();
            prop_assert_eq!(list(&region, addr_width, head, &tokens, words * 4), by_bytes(&region, addr_width, head, &tokens, words * 4));
        }
    }

    #[test]
    fn a_vector_that_returns_fetches_again() {
        // Stride 0, vectors over two sectors: A B A B; within one sector: A only.
        let wide = Region {
            base: 16,
            head_stride: 0,
            token_stride: 0,
        };
        assert_eq!(list(&wide, 40, 0, &[0, 1], 32), 4);
        assert_eq!(list(&wide, 40, 0, &[0, 1], 16), 1);
        // Neighbours share a sector: 24-byte vectors.
        let dense = Region {
            base: 0,
            head_stride: 0,
            token_stride: 24,
        };
        assert_eq!(list(&dense, 40, 0, &[0, 1, 2, 3], 24), 3);
        assert_eq!(list(&dense, 40, 0, &[], 24), 0);
    }
}
