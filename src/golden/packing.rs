//! From float tensors to a memory image: quantised, cut into bit planes, laid out dense and head-major (§2 and §3 of the
//! specification).

use super::model::{Bits, elements, read_tensors};
use super::planes::{Image, Region, SECTOR, Tensor, plane_bytes};
use super::quant::{QuantiseError, quantise};
use crate::config::Config;
use anyhow::{Context as _, bail};
use serde::Serialize;

/// Why a tensor cannot be packed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PackError {
    /// The head dimension is none that the hardware has.
    #[error("a vector has {0} elements; 32, 64 and 128 are possible")]
    Dim(usize),
    /// The shape and the number of elements disagree, or a dimension is 0.
    #[error("{elements} elements do not make {heads} heads of {rows} rows of {dim}")]
    Shape {
        /// Heads asked for.
        heads: usize,
        /// Rows asked for.
        rows: usize,
        /// Elements of a vector asked for.
        dim: usize,
        /// Elements given.
        elements: usize,
    },
    /// More bits than an on-chip operand has, or no MSB plane.
    #[error("{msb}+{lsb} bits; at least 1 MSB and 2 to width = {width} in all are possible")]
    Bits {
        /// Bits in the MSB planes.
        msb: u32,
        /// Bits in the LSB planes.
        lsb: u32,
        /// Bits of an operand on chip.
        width: u32,
    },
    /// The address space is too small.
    #[error("the tensor ends beyond the {addr_width} bits of an address")]
    AddressSpace {
        /// Bits of an address.
        addr_width: u32,
    },
    /// A value has no quantised form.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
}

/// A tensor in memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Packed {
    /// Name, as given.
    pub name: String,
    /// `[heads, rows, D]`.
    pub shape: [usize; 3],
    /// m.
    pub msb_bits: u32,
    /// l.
    pub lsb_bits: u32,
    /// Real value of one unit of the integers stored.
    pub scale: f64,
    /// Where the MSB planes lie.
    pub msb: Region,
    /// Where the LSB planes lie; all 0 where there are none.
    pub lsb: Region,
}

/// Packs tensors one behind the other. Each region starts at a multiple of `32 * channels` bytes; vectors lie dense, or
/// at multiples of `align` bytes.
#[derive(Clone, Debug)]
pub struct Packer<'a> {
    config: &'a Config,
    align: u64,
    next: u64,
    image: Image,
    tensors: Vec<Packed>,
    warnings: Vec<String>,
}

impl<'a> Packer<'a> {
    /// An empty image whose first region starts at `base` or behind. `align` is a multiple of 4.
    pub fn new(config: &'a Config, base: u64, align: u64) -> Self {
        let whole = SECTOR * u64::from(config.channels);
        Packer {
            config,
            align: align.max(4),
            next: base.next_multiple_of(whole),
            image: Image::new(config),
            tensors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Quantises a tensor `[heads][rows][dim]`, row-major, with one scale, and lays out its planes.
    ///
    /// # Errors
    /// What the tensor breaks; nothing is laid out then.
    pub fn add(
        &mut self,
        name: &str,
        values: &[f64],
        [heads, rows, dim]: [usize; 3],
        bits: Bits,
    ) -> Result<&Packed, PackError> {
        let width = self.config.width;
        if ![32, 64, 128].contains(&dim) {
            return Err(PackError::Dim(dim));
        }
        let expected = heads
            .checked_mul(rows)
            .and_then(|vectors| vectors.checked_mul(dim));
        if expected != Some(values.len()) || values.is_empty() {
            return Err(PackError::Shape {
                heads,
                rows,
                dim,
                elements: values.len(),
            });
        }
        let Bits { msb, lsb } = bits;
        let total = msb.saturating_add(lsb);
        if msb < 1 || !(2..=width).contains(&total) {
            return Err(PackError::Bits { msb, lsb, width });
        }
        let quantised = quantise(values, total)?;
        let tensor = Tensor {
            heads,
            rows,
            dim,
            first: 0,
            bits: total,
            data: quantised.values.iter().map(|&x| x as i16).collect(),
        };
        let start = self.next;
        let regions = self.region(name, "MSB", heads, rows, plane_bytes(msb, dim as u32));
        let regions = regions.and_then(|m| {
            Ok((
                m,
                self.region(name, "LSB", heads, rows, plane_bytes(lsb, dim as u32))?,
            ))
        });
        let (msb_region, lsb_region) = regions.inspect_err(|_| self.next = start)?;
        self.image.load(&tensor, msb, &msb_region, &lsb_region);
        self.tensors.push(Packed {
            name: name.to_owned(),
            shape: [heads, rows, dim],
            msb_bits: msb,
            lsb_bits: lsb,
            scale: quantised.scale,
            msb: msb_region,
            lsb: lsb_region,
        });
        Ok(&self.tensors[self.tensors.len() - 1])
    }

    /// Sets memory aside for the outputs of so many heads and rows: 16 bits an element.
    ///
    /// # Errors
    /// The address space is too small.
    pub fn reserve_output(&mut self, heads: usize, rows: usize, dim: usize) -> Result<Region, PackError> {
        self.region("output", "output", heads, rows, 2 * dim as u64)
    }

    /// The region of vectors of `bytes` bytes; an empty one for none.
    fn region(
        &mut self,
        name: &str,
        which: &str,
        heads: usize,
        rows: usize,
        bytes: u64,
    ) -> Result<Region, PackError> {
        if bytes == 0 {
            return Ok(Region::default());
        }
        let token_stride = bytes.next_multiple_of(self.align);
        let head_stride = token_stride * rows as u64;
        let region = Region {
            base: self.next,
            head_stride,
            token_stride,
        };
        let channels = u64::from(self.config.channels);
        let end = (heads as u64)
            .checked_mul(head_stride)
            .and_then(|size| size.checked_add(self.next))
            .and_then(|end| end.checked_next_multiple_of(SECTOR * channels));
        let addr_width = self.config.addr_width;
        let Some(end) = end.filter(|&end| u128::from(end) <= 1 << addr_width) else {
            return Err(PackError::AddressSpace { addr_width });
        };
        let visited = channels_visited(&region, rows as u64, bytes, channels);
        let sectors = rows as u64 * bytes.div_ceil(SECTOR);
        if visited < channels.min(sectors) {
            self.warnings.push(format!(
                "{name}: the {which} vectors of a head lie on {visited} of {channels} channels, their stride being \
                 {token_stride} bytes; the others stay idle while it is read"
            ));
        }
        self.next = end;
        Ok(region)
    }

    /// What hardware of this configuration reads slowly, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The tensors so far, in order.
    pub fn tensors(&self) -> &[Packed] {
        &self.tensors
    }

    /// Memory with everything in it.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// First address behind everything.
    pub fn end(&self) -> u64 {
        self.next
    }
}

/// Packs every tensor of a safetensors file, in the order of their names: `[heads, rows, D]`, of any floating-point type.
/// `bits` says the precision of each by its name.
///
/// # Errors
/// The file is none, a tensor has no three dimensions or no precision, or cannot be packed.
pub fn pack_file(
    packer: &mut Packer,
    bytes: &[u8],
    bits: impl Fn(&str) -> Option<Bits>,
) -> anyhow::Result<()> {
    let (_, tensors) = read_tensors(bytes)?;
    let mut named = tensors.tensors();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, tensor) in &named {
        let &[heads, rows, dim] = tensor.shape() else {
            bail!(
                "tensor `{name}` has shape {:?}, not [heads, rows, D]",
                tensor.shape()
            );
        };
        let bits = bits(name).with_context(|| format!("no precision is given for tensor `{name}`"))?;
        packer
            .add(name, &elements(name, tensor)?, [heads, rows, dim], bits)
            .with_context(|| format!("tensor `{name}`"))?;
    }
    Ok(())
}

/// How many of the channels hold a part of the vectors of one head: `rows` vectors of `bytes` bytes.
pub fn channels_visited(region: &Region, rows: u64, bytes: u64, channels: u64) -> u64 {
    let mut seen = vec![false; channels as usize];
    for row in 0..rows {
        let first = (region.base + row * region.token_stride) / SECTOR;
        let last = (region.base + row * region.token_stride + bytes - 1) / SECTOR;
        for sector in first..=last.min(first + channels - 1) {
            seen[(sector % channels) as usize] = true;
        }
        if seen.iter().all(|&seen| seen) {
            break;
        }
    }
    seen.iter().filter(|&&seen| seen).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::planes::unpack;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_memory_cannot_hold() {
        let config = Config::default();
        let mut packer = Packer::new(&config, 0, 4);
        let bits = Bits { msb: 6, lsb: 4 };
        let values = vec![1.0; 64];
        assert_eq!(
            packer.add("a", &values, [1, 2, 31], bits),
            Err(PackError::Dim(31))
        );
        assert!(matches!(
            packer.add("a", &values, [1, 1, 32], bits),
            Err(PackError::Shape { .. })
        ));
        let wide = Bits { msb: 9, lsb: 4 };
        assert!(matches!(
            packer.add("a", &values, [1, 2, 32], wide),
            Err(PackError::Bits { .. })
        ));
        let infinite = vec![f64::INFINITY; 64];
        assert!(matches!(
            packer.add("a", &infinite, [1, 2, 32], bits),
            Err(PackError::Quantise(_))
        ));
        let mut far = Packer::new(&config, (1 << 40) - 512, 4);
        assert!(matches!(
            far.add("a", &vec![1.0; 6400], [1, 100, 64], bits),
            Err(PackError::AddressSpace { .. })
        ));
        assert_eq!(far.end(), (1 << 40) - 512);
        assert!(packer.tensors().is_empty() && packer.end() == 0);
    }

    #[test]
    fn warns_of_strides_that_leave_channels_idle() {
        let config = Config::default();
        let values = vec![1.0; 64 * 64];
        let bits = Bits { msb: 4, lsb: 0 };
        for (align, warnings) in [(4, 0), (32, 0), (64, 1), (512, 1)] {
            let mut packer = Packer::new(&config, 0, align);
            packer.add("k", &values, [1, 64, 64], bits).unwrap();
            assert_eq!(
                packer.warnings().len(),
                warnings,
                "{align}: {:?}",
                packer.warnings()
            );
        }
        let region = Region {
            base: 0,
            head_stride: 0,
            token_stride: 512,
        };
        assert_eq!(channels_visited(&region, 64, 32, 16), 1);
        assert_eq!(channels_visited(&region, 64, 33, 16), 2);
        assert_eq!(
            channels_visited(
                &Region {
                    token_stride: 48,
                    ..region
                },
                64,
                48,
                16
            ),
            16
        );
    }

    proptest! {
        #[test]
        fn what_is_packed_reads_back(msb in 1u32..=8, lsb in 0u32..=4, align in 1u64..20, heads in 1usize..3, rows in 1usize..5,
                                     raw in prop::collection::vec(-8.0f64..8.0, 32 * 8)) {
            prop_assume!(msb + lsb >= 2);
            let config = Config::default();
            let mut packer = Packer::new(&config, 100, 4 * align);
            let values = &raw[..heads * rows * 32];
            let packed = packer.add("k", values, [heads, rows, 32], Bits { msb, lsb }).unwrap().clone();
            let expected = quantise(values, msb + lsb).unwrap().values;
            for (vector, expected) in expected.chunks(32).enumerate() {
                let (head, row) = ((vector / rows) as u32, (vector % rows) as u32);
                let mut bytes = vec![0; 4 * (msb + lsb) as usize];
                let (high, low) = bytes.split_at_mut(4 * msb as usize);
                packer.image().read(packed.msb.address(head, row, 40), high);
                packer.image().read(packed.lsb.address(head, row, 40), low);
                let mut back = [0; 32];
                unpack(&bytes, msb + lsb, &mut back);
                prop_assert_eq!(back.map(i32::from).to_vec(), expected.to_vec());
            }
        }
    }
}
