//! Bit planes, addresses and the memory image (§3 of the specification).
//!
//! A vector of D elements with `b` bits is `b` plane words of D bits, most significant plane first, so a fetcher reads
//! any precision as one contiguous piece without a per-element shifter.

use super::command::LayerCommand;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Bytes of a sector, the unit of memory traffic.
pub const SECTOR: u64 = 32;

/// All ones in the low `addr_width` bits.
pub fn address_mask(addr_width: u32) -> u64 {
    if addr_width >= 64 {
        u64::MAX
    } else {
        (1 << addr_width) - 1
    }
}

/// Where the vectors of one stream lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Region {
    /// Byte address of head 0, token 0.
    pub base: u64,
    /// Bytes from head to head; KV heads for K and V.
    pub head_stride: u64,
    /// Bytes from token to token.
    pub token_stride: u64,
}

impl Region {
    /// Address of the vector of `head` and `token` (original ids), modulo `2^addr_width`.
    pub fn address(&self, head: u32, token: u32, addr_width: u32) -> u64 {
        let head = self.head_stride.wrapping_mul(u64::from(head));
        let token = self.token_stride.wrapping_mul(u64::from(token));
        self.base.wrapping_add(head).wrapping_add(token) & address_mask(addr_width)
    }
}

/// Bytes of `planes` plane words of a vector of `dim` elements (`dim` a multiple of 8).
pub fn plane_bytes(planes: u32, dim: u32) -> u64 {
    u64::from(planes) * u64::from(dim / 8)
}

/// Packs elements of `bits` bits into all their plane words, most significant first.
///
/// Bit `i` of word `p` is bit `bits - 1 - p` of element `i`; words are little-endian bytes. The MSB planes are the first
/// `m * D / 8` bytes, the LSB planes the rest.
pub fn pack(elements: &[i16], bits: u32) -> Vec<u8> {
    let word = elements.len().div_ceil(8);
    let mut bytes = vec![0u8; word * bits as usize];
    for (i, &x) in elements.iter().enumerate() {
        for p in 0..bits {
            let bit = (x >> (bits - 1 - p) & 1) as u8;
            bytes[p as usize * word + i / 8] |= bit << (i % 8);
        }
    }
    bytes
}

/// Reads elements back from all their plane words: the inverse of [`pack`], sign-extended from `bits` bits.
pub fn unpack(bytes: &[u8], bits: u32, elements: &mut [i16]) {
    let word = elements.len().div_ceil(8);
    for (i, x) in elements.iter_mut().enumerate() {
        let code = (0..bits as usize).fold(0u16, |code, p| {
            code << 1 | u16::from(bytes[p * word + i / 8] >> (i % 8) & 1)
        });
        *x = (code << (16 - bits)) as i16 >> (16 - bits);
    }
}

/// Which operand of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Queries, per query head.
    Q,
    /// Keys, per KV head.
    K,
    /// Values, per KV head.
    V,
}

/// Where a [`Sequence`](super::Sequence) finds its operands.
pub trait Memory: Sync {
    /// Writes the whole integers of one vector, LSBs included (`W` bits for Q, `m + l` for K and V), into `elements`, whose
    /// length is D. `head` is a query head for Q and a KV head for K and V, `token` a token id.
    fn vector(&self, command: &LayerCommand, operand: Operand, head: u32, token: u32, elements: &mut [i16]);
}

/// A tensor of integers, `[heads][rows][dim]`, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Query or KV heads.
    pub heads: usize,
    /// Token ids `first .. first + rows`, in order.
    pub rows: usize,
    /// D.
    pub dim: usize,
    /// Token id of row 0.
    pub first: u32,
    /// Bits of an element, at most 16.
    pub bits: u32,
    /// `heads * rows * dim` elements.
    pub data: Vec<i16>,
}

impl Tensor {
    /// The vector of a head and token id, or `None` outside the tensor.
    pub fn get(&self, head: u32, token: u32) -> Option<&[i16]> {
        let (head, row) = (head as usize, token.checked_sub(self.first)? as usize);
        let start = (head * self.rows + row) * self.dim;
        (head < self.heads && row < self.rows).then(|| &self.data[start..start + self.dim])
    }
}

/// Q, K and V of one layer as plain integers: the same answers as from packed memory, only faster.
#[derive(Clone, Debug)]
pub struct Tensors {
    /// Queries, `W` bits.
    pub q: Tensor,
    /// Keys, `m + l` bits.
    pub k: Tensor,
    /// Values, `m + l` bits.
    pub v: Tensor,
}

impl Memory for Tensors {
    /// Vectors outside the tensors read as zeros, like memory that was never written.
    fn vector(&self, _: &LayerCommand, operand: Operand, head: u32, token: u32, elements: &mut [i16]) {
        let tensor = match operand {
            Operand::Q => &self.q,
            Operand::K => &self.k,
            Operand::V => &self.v,
        };
        match tensor.get(head, token) {
            Some(vector) if vector.len() == elements.len() => elements.copy_from_slice(vector),
            _ => elements.fill(0),
        }
    }
}

/// Byte-addressed memory of `2^addr-width` bytes, zero where never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    addr_width: u32,
    width: u32,
    sectors: BTreeMap<u64, [u8; SECTOR as usize]>,
}

impl Image {
    /// Empty memory for cores with this configuration (`addr-width` and, for Q, `width`).
    pub fn new(config: &crate::config::Config) -> Self {
        Image {
            addr_width: config.addr_width,
            width: config.width,
            sectors: BTreeMap::new(),
        }
    }

    /// Writes bytes from `address` on; addresses wrap at `2^addr-width`.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        let mask = address_mask(self.addr_width);
        let (mut address, mut rest) = (address & mask, bytes);
        while !rest.is_empty() {
            let offset = (address % SECTOR) as usize;
            let (piece, tail) = rest.split_at(rest.len().min(SECTOR as usize - offset));
            let sector = self
                .sectors
                .entry(address - offset as u64)
                .or_insert([0; SECTOR as usize]);
            sector[offset..offset + piece.len()].copy_from_slice(piece);
            address = address.wrapping_add(piece.len() as u64) & mask;
            rest = tail;
        }
    }

    /// Reads bytes from `address` on; addresses wrap at `2^addr-width`.
    pub fn read(&self, address: u64, bytes: &mut [u8]) {
        let mask = address_mask(self.addr_width);
        let (mut address, mut rest) = (address & mask, bytes);
        while !rest.is_empty() {
            let offset = (address % SECTOR) as usize;
            let length = rest.len().min(SECTOR as usize - offset);
            let (piece, tail) = rest.split_at_mut(length);
            match self.sectors.get(&(address - offset as u64)) {
                Some(sector) => piece.copy_from_slice(&sector[offset..offset + length]),
                None => piece.fill(0),
            }
            address = address.wrapping_add(length as u64) & mask;
            rest = tail;
        }
    }

    /// Packs a tensor of `msb_bits + lsb_bits` bits into its two regions, head by head, row by row.
    pub fn load(&mut self, tensor: &Tensor, msb_bits: u32, msb: &Region, lsb: &Region) {
        let split = plane_bytes(msb_bits, tensor.dim as u32) as usize;
        for head in 0..tensor.heads as u32 {
            for token in (tensor.first..).take(tensor.rows) {
                let bytes = pack(tensor.get(head, token).expect("inside the tensor"), tensor.bits);
                self.write(msb.address(head, token, self.addr_width), &bytes[..split]);
                self.write(lsb.address(head, token, self.addr_width), &bytes[split..]);
            }
        }
    }

    /// Writes the outputs of a layer where its command says: 16 bits an element, little-endian, in order of execution.
    pub fn store(&mut self, command: &LayerCommand, rows: &[super::Row]) {
        for row in rows {
            let bytes: Vec<u8> = row.output.iter().flat_map(|x| x.to_le_bytes()).collect();
            self.write(
                command.regions.out.address(row.head, row.query, self.addr_width),
                &bytes,
            );
        }
    }

    /// Sectors written at least once: address and content, ascending.
    pub fn sectors(&self) -> impl Iterator<Item = (u64, &[u8; SECTOR as usize])> {
        self.sectors.iter().map(|(&address, bytes)| (address, bytes))
    }

    /// The same content as seen by each memory channel: channel `(a / 32) mod channels` holds sector `a` at
    /// `bases[c] + a / 32 / channels * 32`, modulo `2^addr-width`. `bases` has one entry a channel.
    pub fn channels(&self, bases: &[u64]) -> Vec<BTreeMap<u64, [u8; SECTOR as usize]>> {
        let mut channels = vec![BTreeMap::new(); bases.len()];
        for (address, bytes) in self.sectors() {
            let (channel, local) = channel_address(address, bases, self.addr_width);
            channels[channel].insert(local, *bytes);
        }
        channels
    }

    /// SHA-256 in hexadecimal over every sector written, ascending: the address as 8 bytes little-endian, then the 32
    /// bytes.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (address, bytes) in self.sectors() {
            hash.update(address.to_le_bytes());
            hash.update(bytes);
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Channel, and address inside the channel, of the byte at `address`. `bases` has one entry a channel.
pub fn channel_address(address: u64, bases: &[u64], addr_width: u32) -> (usize, u64) {
    let channels = bases.len() as u64;
    let sector = address / SECTOR;
    let channel = (sector % channels) as usize;
    let local = bases[channel]
        .wrapping_add(sector / channels * SECTOR)
        .wrapping_add(address % SECTOR);
    (channel, local & address_mask(addr_width))
}

impl Memory for Image {
    fn vector(&self, command: &LayerCommand, operand: Operand, head: u32, token: u32, elements: &mut [i16]) {
        let none = Region::default();
        let regions = &command.regions;
        let (m, l, msb, lsb) = match operand {
            Operand::Q => (self.width, 0, &regions.q, &none),
            Operand::K => (command.keys.msb, command.keys.lsb, &regions.k_msb, &regions.k_lsb),
            Operand::V => (
                command.values.msb,
                command.values.lsb,
                &regions.v_msb,
                &regions.v_lsb,
            ),
        };
        let dim = elements.len() as u32;
        let mut bytes = vec![0u8; plane_bytes(m + l, dim) as usize];
        let (high, low) = bytes.split_at_mut(plane_bytes(m, dim) as usize);
        self.read(msb.address(head, token, self.addr_width), high);
        self.read(lsb.address(head, token, self.addr_width), low);
        unpack(&bytes, m + l, elements);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image(addr_width: u32) -> Image {
        Image {
            addr_width,
            width: 12,
            sectors: BTreeMap::new(),
        }
    }

    #[test]
    fn planes_lie_as_specified() {
        // 3-bit elements; the first is 0b101 = -3, the ninth 0b010 = 2.
        let mut x = [0i16; 32];
        x[0] = -3;
        x[8] = 2;
        let bytes = pack(&x, 3);
        assert_eq!(bytes, [1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn unpack_inverts_pack(bits in 1u32..=16, raw in prop::collection::vec(any::<i16>(), 64)) {
            let x: Vec<i16> = raw.iter().map(|v| v >> (16 - bits)).collect();
            let mut back = vec![0; 64];
            unpack(&pack(&x, bits), bits, &mut back);
            prop_assert_eq!(&back, &x);
            // The MSB planes alone are x >> l.
            let m = bits.div_ceil(2);
            unpack(&pack(&x, bits)[..m as usize * 8], m, &mut back);
            prop_assert_eq!(back, x.iter().map(|v| v >> (bits - m)).collect::<Vec<_>>());
        }

        #[test]
        fn memory_holds_what_was_written(address in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            let mut image = image(40);
            image.write(address, &bytes);
            let mut back = vec![0; bytes.len()];
            image.read(address, &mut back);
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn channels_lose_nothing(address in any::<u64>(), log in 0u32..5, base in 0u64..1000) {
            let bases: Vec<u64> = (0..1u64 << log).map(|c| (base + c) * 32).collect();
            let (c, local) = channel_address(address, &bases, 64);
            let sector = (local.wrapping_sub(bases[c])) / 32 * bases.len() as u64 + c as u64;
            prop_assert_eq!(sector * 32 + local % 32, address);
        }
    }

    #[test]
    fn addresses_wrap() {
        let mut image = image(32);
        image.write((1 << 32) - 4, &[1, 2, 3, 4, 5, 6]);
        let mut bytes = [0; 2];
        image.read(0, &mut bytes);
        assert_eq!(bytes, [5, 6]);
        assert_eq!(
            image.sectors().map(|(a, _)| a).collect::<Vec<_>>(),
            [0, (1 << 32) - 32]
        );
        let region = Region {
            base: u64::MAX - 3,
            head_stride: 1 << 63,
            token_stride: 4,
        };
        assert_eq!(region.address(2, 1, 32), 0);
        assert_eq!(address_mask(64), u64::MAX);
    }

    #[test]
    fn the_hash_covers_addresses_and_bytes() {
        let (mut a, mut b, mut c) = (image(40), image(40), image(40));
        a.write(0, &[1]);
        b.write(32, &[1]);
        c.write(0, &[2]);
        assert_ne!(a.sha256(), b.sha256());
        assert_ne!(a.sha256(), c.sha256());
        assert_eq!(
            image(40).sha256(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
