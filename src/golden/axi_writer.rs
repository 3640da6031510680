//! What the write side of a memory channel leaves in memory.

use super::axi_reader::SECTOR_WORDS;

/// A sector, or words of it, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectorWrite {
    /// Byte address of the sector in its channel, base not included.
    pub address: u64,
    /// Words, word 0 at the lowest address.
    pub data: [u32; SECTOR_WORDS],
    /// Bit `i` set: word `i` is written.
    pub strobe: u8,
}

impl SectorWrite {
    /// The words that are written, with the offset of each in bytes.
    pub fn words(&self) -> impl Iterator<Item = (u64, u32)> {
        let strobe = self.strobe;
        (0..SECTOR_WORDS)
            .filter(move |index| strobe >> index & 1 == 1)
            .map(|index| (4 * index as u64, self.data[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_with_a_strobe_are_written() {
        let write = SectorWrite {
            address: 96,
            data: [10, 11, 12, 13, 14, 15, 16, 17],
            strobe: 0b1000_0101,
        };
        assert_eq!(write.words().collect::<Vec<_>>(), [(0, 10), (8, 12), (28, 17)]);
    }
}
