//! The vectors of a list as operands, and the sectors that are read for them.

use super::planes::{Region, SECTOR, address_mask, plane_bytes, unpack};

/// Where the vectors of one kind of planes lie, and how many planes are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planes {
    /// Byte address of the vector with id 0, the head's offset included.
    pub base: u64,
    /// Bytes from id to id.
    pub stride: u64,
    /// Planes of each vector that are fetched; 0: nothing is.
    pub count: u32,
}

/// One list of vectors to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// MSB planes, `m` of them or none.
    pub msb: Planes,
    /// LSB planes, `l` of them or none.
    pub lsb: Planes,
    /// MSB planes that the vectors have, fetched or not: they fix the place of the LSBs.
    pub m: u32,
    /// Elements of a vector, D.
    pub dim: u32,
    /// Ids of the vectors, in order.
    pub ids: Vec<u32>,
}

impl Planes {
    fn region(&self) -> Region {
        Region {
            base: self.base,
            head_stride: 0,
            token_stride: self.stride,
        }
    }

    /// The sectors that are read, in order: of each vector those it touches, but for one equal to the last one read.
    pub fn sectors(&self, dim: u32, ids: &[u32], addr_width: u32) -> Vec<u64> {
        let mut sectors = Vec::new();
        for &id in ids {
            let address = self.region().address(0, id, addr_width);
            for byte in (0..plane_bytes(self.count, dim)).step_by(4) {
                let sector = (address.wrapping_add(byte) & address_mask(addr_width)) / SECTOR;
                if sectors.last() != Some(&sector) {
                    sectors.push(sector);
                }
            }
        }
        sectors
    }

    /// The planes of a vector as integers of `count` bits, signed; `read` gives the byte at an address.
    fn elements(&self, dim: u32, id: u32, addr_width: u32, read: &dyn Fn(u64) -> u8) -> Vec<i16> {
        let mut elements = vec![0; dim as usize];
        if self.count > 0 {
            let address = self.region().address(0, id, addr_width);
            let bytes: Vec<u8> = (0..plane_bytes(self.count, dim))
                .map(|byte| read(address.wrapping_add(byte) & address_mask(addr_width)))
                .collect();
            unpack(&bytes, self.count, &mut elements);
        }
        elements
    }
}

/// The operands of each vector of a list, signed, `width` bits: `x << (width - m - l)`, planes not fetched being zero.
/// `read` gives the byte at an address below `2^addr_width`.
pub fn operands(list: &List, width: u32, addr_width: u32, read: &dyn Fn(u64) -> u8) -> Vec<Vec<i16>> {
    let (m, l) = (list.m, list.lsb.count);
    let vector = |&id: &u32| {
        let high = list.msb.elements(list.dim, id, addr_width, read);
        let low = list.lsb.elements(list.dim, id, addr_width, read);
        let join = |(high, low): (i16, i16)| {
            let high = i32::from(high) << (width - list.msb.count);
            let low = (i32::from(low) & ((1 << l) - 1)) << (width - m - l);
            (high | low) as i16
        };
        high.into_iter().zip(low).map(join).collect()
    };
    list.ids.iter().map(vector).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::planes::pack;
    use crate::golden::sectors;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn sectors_are_counted_as_everywhere(base in any::<u64>(), stride in prop_oneof![0u64..300, any::<u64>()], count in 0u32..17,
                                             addr_width in 32u32..65, ids in prop::collection::vec(0u32..200, 0..30)) {
            let planes = Planes { base: base & !3, stride: stride & !3, count };
            let expected = sectors::list(&planes.region(), addr_width, 0, &ids, plane_bytes(count, 64));
            prop_assert_eq!(planes.sectors(64, &ids, addr_width).len() as u64, expected);
        }

        #[test]
        fn operands_are_the_integers_aligned(raw in prop::collection::vec(any::<i16>(), 32), m in 1u32..9, l in 0u32..5, parts in 0u32..4) {
            let width = 12;
            let x: Vec<i16> = raw.iter().map(|v| v >> (16 - m - l)).collect();
            let bytes = pack(&x, m + l);
            let split = plane_bytes(m, 32) as usize;
            let mut memory = BTreeMap::new();
            for (i, &byte) in bytes.iter().enumerate() {
                memory.insert(if i < split { 100 + i } else { 5000 + i - split } as u64, byte);
            }
            let list = List {
                msb: Planes { base: 100, stride: 0, count: if parts & 1 == 1 { m } else { 0 } },
                lsb: Planes { base: 5000, stride: 0, count: if parts & 2 == 2 { l } else { 0 } },
                m, dim: 32, ids: vec![7],
            };
            let got = operands(&list, width, 40, &|address| memory.get(&address).copied().unwrap_or(0xa5));
            // Where LSBs are not fetched, `l` is unknown to the fetcher and does not matter.
            let expected: Vec<i16> = x.iter().map(|&x| {
                let whole = i32::from(x) << (width - m - l);
                let high = whole >> (width - m) << (width - m);
                let kept = match parts { 0 => 0, 1 => high, 2 => whole - high, _ => whole };
                kept as i16
            }).collect();
            prop_assert_eq!(&got[0], &expected);
        }
    }
}
