//! `spatten-gen pack`: float tensors to a memory image.

use super::model;
use crate::golden::model::Bits;
use crate::golden::packing::{Packer, pack_file};
use crate::golden::planes::SECTOR;
use anyhow::{Context, ensure};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `spatten-gen pack`.
///
/// Every tensor of the file, `[heads, rows, D]`, is quantised with one scale, cut into bit planes and laid out dense and
/// head-major. Into the directory go `channel_N.bin`, what memory channel N holds from its base on, and `layout.json`:
/// bases and strides for the descriptors, and the scales. `rtl_out/sw` has the same in C and Python.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spatten-gen pack model.safetensors -o image
  spatten-gen pack model.safetensors -o image --bits k=8+4 --bits v=8 --hex")]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArgs,

    /// Tensors: a safetensors file
    file: PathBuf,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Bits of tensors whose name ends with this word, as MSB+LSB [default: q=WIDTH, k=6+4, v=6+4]
    #[arg(long, value_name = "NAME=BITS", value_parser = named_bits)]
    bits: Vec<(String, Bits)>,
    /// First address
    #[arg(long, value_name = "ADDRESS", default_value = "0", value_parser = address)]
    base: u64,
    /// Vectors begin at multiples of so many bytes; a multiple of 4
    #[arg(long, value_name = "BYTES", default_value = "4", value_parser = address)]
    align: u64,
    /// Write `channel_N.hex` too, a sector a line, for `$readmemh`
    #[arg(long)]
    hex: bool,
    /// Print what was packed as JSON
    #[arg(long)]
    json: bool,
}

/// `NAME=m+l`.
fn named_bits(text: &str) -> Result<(String, Bits), String> {
    let (name, bits) = text
        .split_once('=')
        .ok_or("written NAME=BITS, for example k=6+4")?;
    Ok((name.to_owned(), model::bits(bits)?))
}

/// A number, decimal or `0x...`.
fn address(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number"))
}

/// The last word of a tensor's name.
fn last_word(name: &str) -> &str {
    name.rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or(name)
}

/// Packs, and says what was packed.
///
/// # Errors
/// A file that cannot be read, written or packed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    ensure!(
        args.align > 0 && args.align % 4 == 0,
        "--align {}: vectors begin at multiples of 4 bytes",
        args.align
    );
    let whole = Bits {
        msb: config.width,
        lsb: 0,
    };
    let split = Bits { msb: 6, lsb: 4 };
    let mut bits = BTreeMap::from([
        ("q".to_owned(), whole),
        ("k".to_owned(), split),
        ("v".to_owned(), split),
    ]);
    bits.extend(args.bits.iter().cloned());

    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let mut packer = Packer::new(&config, args.base, args.align);
    pack_file(&mut packer, &bytes, |name| bits.get(last_word(name)).copied())
        .with_context(|| format!("cannot pack {}", args.file.display()))?;

    let layout = json!({
        "format": "spatten-layout",
        "version": 1,
        "channels": config.channels,
        "addr-width": config.addr_width,
        "end": packer.end(),
        "tensors": packer.tensors(),
        "warnings": packer.warnings(),
    });
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    let bases = vec![0; config.channels as usize];
    for (channel, sectors) in packer.image().channels(&bases).iter().enumerate() {
        let mut contents = Vec::new();
        for (&local, sector) in sectors {
            // What lies before the first address is not part of the image.
            let place = (local - first_local(args.base, config.channels)) as usize;
            contents.resize(place.max(contents.len()), 0);
            contents.extend_from_slice(sector);
        }
        if args.hex {
            let path = args.output.join(format!("channel_{channel}.hex"));
            write(&path, hexadecimal(&contents).as_bytes())?;
        }
        write(&args.output.join(format!("channel_{channel}.bin")), &contents)?;
    }
    write(
        &args.output.join("layout.json"),
        format!("{layout:#}\n").as_bytes(),
    )?;

    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{layout:#}")?;
    } else {
        for tensor in packer.tensors() {
            let [heads, rows, dim] = tensor.shape;
            writeln!(
                out,
                "{:12} {heads} x {rows} x {dim}  {}+{} bits  scale {:.6e}  at {:#x}",
                tensor.name, tensor.msb_bits, tensor.lsb_bits, tensor.scale, tensor.msb.base
            )?;
        }
        writeln!(
            out,
            "{} channels, addresses {:#x} to {:#x}, in {}",
            config.channels,
            args.base,
            packer.end(),
            args.output.display()
        )?;
    }
    for warning in packer.warnings() {
        writeln!(std::io::stderr(), "warning: {warning}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Address inside a channel at which an image from `base` on begins.
fn first_local(base: u64, channels: u32) -> u64 {
    base.next_multiple_of(SECTOR * u64::from(channels)) / u64::from(channels)
}

fn write(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
}

/// A sector a line, the highest byte first.
fn hexadecimal(contents: &[u8]) -> String {
    let mut text = String::new();
    for sector in contents.chunks(SECTOR as usize) {
        for byte in sector.iter().rev() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}
