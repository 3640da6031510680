//! Which sectors of which channels an output row becomes.

use super::axi_reader::SECTOR_WORDS;
use super::axi_writer::SectorWrite;
use super::planes::{SECTOR, address_mask};

/// The sectors that a row touches, in ascending order, each with its channel. `word` is the row's byte address / 4; the row
/// goes on at 0 behind the end of the address space. Elements are 16 bits in memory, little-endian, an even number of
/// them.
pub fn sectors(word: u64, elements: &[i16], channels: u32, addr_width: u32) -> Vec<(u32, SectorWrite)> {
    let channels = u64::from(channels);
    let mut sectors: Vec<(u64, SectorWrite)> = Vec::new();
    for (index, pair) in elements.chunks(2).enumerate() {
        let at = word.wrapping_add(index as u64) & (address_mask(addr_width) >> 2);
        let (sector, lane) = (at / SECTOR_WORDS as u64, at as usize % SECTOR_WORDS);
        if sectors.last().is_none_or(|&(last, _)| last != sector) {
            sectors.push((
                sector,
                SectorWrite {
                    address: sector / channels * SECTOR,
                    data: [0; SECTOR_WORDS],
                    strobe: 0,
                },
            ));
        }
        if let Some((_, write)) = sectors.last_mut() {
            write.data[lane] =
                u32::from(pair[0] as u16) | u32::from(pair.get(1).copied().unwrap_or(0) as u16) << 16;
            write.strobe |= 1 << lane;
        }
    }
    sectors
        .into_iter()
        .map(|(sector, write)| ((sector % channels) as u32, write))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::axi_reader::absolute;
    use crate::golden::planes::channel_address;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Every byte of the row arrives where the layout puts its address, and no other byte is written.
        #[test]
        fn bytes_go_where_the_layout_says(word in any::<u64>(), elements in prop::collection::vec(any::<i16>(), 1..80),
                                          log in 0u32..7, addr_width in 32u32..=64) {
            let elements = &elements[..elements.len() & !1];
            let channels = 1 << log;
            let word = word & (address_mask(addr_width) >> 2);
            let bases = vec![0; channels as usize];
            let expected: BTreeMap<(usize, u64), u8> = elements
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .enumerate()
                .map(|(i, byte)| {
                    let a = (word * 4).wrapping_add(i as u64) & address_mask(addr_width);
                    (channel_address(a, &bases, addr_width), byte)
                })
                .collect();
            let mut written = BTreeMap::new();
            for (channel, write) in sectors(word, elements, channels, addr_width) {
                for (offset, data) in write.words() {
                    for (byte, value) in data.to_le_bytes().into_iter().enumerate() {
                        let a = absolute(0, write.address, addr_width) + offset + byte as u64;
                        prop_assert!(written.insert((channel as usize, a), value).is_none());
                    }
                }
            }
            prop_assert_eq!(written, expected);
        }
    }
}
