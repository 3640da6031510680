//! What the read side of a memory channel answers.

use super::planes::{SECTOR, address_mask};

/// 4-byte words of a sector.
pub const SECTOR_WORDS: usize = SECTOR as usize / 4;

/// Byte address of sector `sector` of a channel whose base, in sectors, is `base`.
pub fn address(base: u64, sector: u64, addr_width: u32) -> u64 {
    base.wrapping_add(sector).wrapping_mul(SECTOR) & address_mask(addr_width)
}

/// The words of the sector at a byte address, in a memory of 4-byte words by byte address.
pub fn read(memory: impl Fn(u64) -> u32, address: u64) -> [u32; SECTOR_WORDS] {
    std::array::from_fn(|index| memory(address + 4 * index as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::planes::channel_address;
    use proptest::prelude::*;

    proptest! {
        /// Reading sector `a / 32 / channels` of its channel reads what lies at address `a`.
        #[test]
        fn a_sector_of_a_channel_is_the_sector_of_its_address(a in any::<u64>(), log in 0u32..6, base in any::<u64>(), addr_width in 32u32..=64) {
            let a = a & address_mask(addr_width);
            let base = base & (address_mask(addr_width) >> 5);
            let bases = vec![base * 32; 1 << log];
            let (_, local) = channel_address(a, &bases, addr_width);
            prop_assert_eq!(address(base, a / 32 >> log, addr_width), local & !31);
        }
    }

    #[test]
    fn the_address_space_wraps() {
        assert_eq!(address((1 << 27) - 1, 2, 32), 32);
        assert_eq!(address((1 << 59) - 1, 1, 64), 0);
        assert_eq!(read(|a| a as u32 / 4, 64), [16, 17, 18, 19, 20, 21, 22, 23]);
    }
}
