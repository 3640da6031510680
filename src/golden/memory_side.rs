//! What the memory side reads and writes, channel by channel.

use super::axi_reader::absolute;
use super::axi_writer::SectorWrite;
use super::planes::channel_address;
use super::row_writer::sectors;

/// An output row and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRow {
    /// Word (4 bytes) of the address space at which its first element goes.
    pub word: u64,
    /// Its elements, an even number of them.
    pub elements: Vec<i16>,
}

/// The byte at an address of the address space; `memory` gives the 4-byte word at a byte address in the memory behind a
/// channel. `bases` has one entry a channel.
pub fn byte(address: u64, bases: &[u64], addr_width: u32, memory: impl Fn(usize, u64) -> u32) -> u8 {
    let (channel, at) = channel_address(address, bases, addr_width);
    memory(channel, at & !3).to_le_bytes()[(at % 4) as usize]
}

/// What is written of a row, in the order of the address space: channel, and the sector with its absolute address.
pub fn writes(row: &OutputRow, bases: &[u64], addr_width: u32) -> Vec<(usize, SectorWrite)> {
    sectors(row.word, &row.elements, bases.len() as u32, addr_width)
        .into_iter()
        .map(|(channel, write)| {
            let channel = channel as usize;
            let address = absolute(bases[channel], write.address, addr_width);
            (channel, SectorWrite { address, ..write })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// What a row leaves in the memories of the channels is read again at its address.
        #[test]
        fn rows_are_read_where_they_were_written(word in any::<u64>(), elements in prop::collection::vec(any::<i16>(), 1..40),
                                                 log in 0u32..5, draw in any::<u64>(), addr_width in 32u32..=64) {
            let mask = super::super::planes::address_mask(addr_width);
            let bases: Vec<u64> = (0..1u64 << log).map(|c| draw.wrapping_mul(2 * c + 1) & mask & !31).collect();
            let row = OutputRow { word: word & mask >> 2, elements: elements[..elements.len() & !1].to_vec() };
            let mut memory = BTreeMap::new();
            for (channel, write) in writes(&row, &bases, addr_width) {
                for (offset, value) in write.words() {
                    memory.insert((channel, write.address + offset), value);
                }
            }
            let read = |address| byte(address & mask, &bases, addr_width, |channel, at| memory[&(channel, at)]);
            for (index, element) in row.elements.iter().enumerate() {
                let at = (row.word * 4).wrapping_add(2 * index as u64);
                prop_assert_eq!(i16::from_le_bytes([read(at), read(at + 1)]), *element);
            }
        }
    }
}
