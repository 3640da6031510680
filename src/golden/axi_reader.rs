//! What the read side of a memory channel answers.

use super::planes::{SECTOR, address_mask};

/// 4-byte words of a sector.
pub const SECTOR_WORDS: usize = SECTOR as usize / 4;

/// Byte address, in memory, of what lies at `address` of a channel with this base.
pub fn absolute(base: u64, address: u64, addr_width: u32) -> u64 {
    base.wrapping_add(address) & address_mask(addr_width)
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
            let base = base & address_mask(addr_width) & !31;
            let bases = vec![base; 1 << log];
            let (_, local) = channel_address(a, &bases, addr_width);
            prop_assert_eq!(absolute(base, ((a / 32) >> log) * 32, addr_width), local & !31);
        }
    }

    #[test]
    fn the_address_space_wraps() {
        assert_eq!(absolute((1 << 32) - 32, 64, 32), 32);
        assert_eq!(absolute(u64::MAX - 31, 32, 64), 0);
        assert_eq!(read(|a| a as u32 / 4, 64), [16, 17, 18, 19, 20, 21, 22, 23]);
    }
}
