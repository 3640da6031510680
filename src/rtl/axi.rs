//! What the two AXI4 masters have in common.

use super::{Direction, Field};
use crate::config::Config;

/// Bits of a sector, the unit of memory traffic.
pub(super) const SECTOR_BITS: u32 = 256;
/// Sectors of the longest burst by default: 128 bytes, a whole access of most memories, and a wait of at most three
/// cycles for the first.
pub(super) const MAX_BURST: u64 = 4;

/// Sectors of the longest burst that AXI4 allows: 256 beats, within 4 KB.
pub(super) fn burst_limit(config: &Config) -> u32 {
    (256 * config.axi_data_width / SECTOR_BITS).min(4096 * 8 / SECTOR_BITS)
}

/// Ports of an AXI4 channel: valid and payload in the direction given, ready against it.
pub(super) fn ports(channel: &str, direction: Direction, payload: &[(&str, u32)]) -> Vec<(Direction, Field)> {
    let against = match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    };
    let port =
        |direction, name: &str, width| (direction, Field::new(format!("m_axi_{channel}{name}"), width));
    let mut ports = vec![port(direction, "valid", 1), port(against, "ready", 1)];
    ports.extend(payload.iter().map(|&(name, width)| port(direction, name, width)));
    ports
}

/// Ports of an address channel, `ar` or `aw`.
pub(super) fn address_ports(channel: &str, config: &Config) -> Vec<(Direction, Field)> {
    ports(
        channel,
        Direction::Out,
        &[
            ("id", config.id_width),
            ("addr", config.addr_width),
            ("len", 8),
            ("size", 3),
            ("burst", 2),
            ("lock", 1),
            ("cache", 4),
            ("prot", 3),
            ("qos", 4),
        ],
    )
}

/// What both templates print.
pub(super) fn context(config: &Config) -> tera::Context {
    let data_w = config.axi_data_width;
    let mut context = tera::Context::new();
    context.insert("data_w", &data_w);
    context.insert("strb_w", &(data_w / 8));
    context.insert("addr_w", &config.addr_width);
    context.insert("id_w", &config.id_width);
    context.insert("beats", &(SECTOR_BITS / data_w).max(1));
    context.insert("size", &format!("3'd{}", (data_w / 8).ilog2()));
    context
}
