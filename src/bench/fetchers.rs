//! What the benches of the plane fetcher's parts share.

use super::key_buffer::preset;
use super::{Point, Random};
use crate::config::{Params, Reset};
use rand::{Rng, RngExt};

/// The seed of a stand's pauses: none in a third of the cases.
pub(super) fn draw(random: &mut Random) -> u64 {
    if random.random_range(0..3) == 0 {
        0
    } else {
        random.next_u32().into()
    }
}

/// Small fetchers: wide and narrow beats, lanes with one port, with several, with different numbers of them, beats in
/// several slices, every head dimension and reset style.
pub(super) fn fetchers() -> anyhow::Result<Vec<Point>> {
    let point = |name: &str, change: fn(&mut Params)| Point::new(name).config(change);
    Ok(vec![
        preset("tiny")?,
        preset("spatten-1-8")?,
        point("ports7", |c| {
            (c.multipliers, c.head_dim, c.width, c.max_tokens) = (128, 64, 9, 32768);
            (c.channels, c.fetch_ports, c.sector_window) = (2, 7, 64);
            c.reset = Reset::AsyncHigh;
        })?,
        point("passes3", |c| {
            (c.multipliers, c.head_dim, c.width) = (192, 64, 8);
            (c.channels, c.fetch_ports, c.sector_window) = (1, 2, 2);
            c.reset = Reset::SyncLow;
        })?,
        point("d128-w16-a64", |c| {
            (c.multipliers, c.head_dim, c.width, c.addr_width) = (256, 128, 16, 64);
            (c.channels, c.fetch_ports, c.sector_window) = (4, 16, 256);
            (c.ram_latency, c.reset) = (2, Reset::AsyncLow);
        })?,
        point("one-port", |c| {
            (c.multipliers, c.head_dim, c.max_tokens) = (64, 32, 16);
            (c.channels, c.fetch_ports, c.sector_window) = (1, 1, 1);
        })?,
    ])
}
