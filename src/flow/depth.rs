//! Logic depth and cells of blocks, on generic two-input gates, from Yosys.
//!
//! The script is fixed: RAMs are left as they are and bound the paths, everything else is mapped to NOT, AND, NAND, OR,
//! NOR, XOR and XNOR, so that a multiplexer counts as the gates it takes. Yosys makes parallel-prefix adders and carry-save
//! multipliers; ABC then restructures for delay (`if -g`) and never for area, which would turn those adders into
//! ripple-carry ones. Registers keep their enable and reset pins.
//!
//! Yosys elaborates the whole core once. Small modules (`SMALL`) become part of what instantiates them; each other module
//! is mapped by itself, once for each set of parameters, and its netlist is kept in a cache by content. The netlists are
//! put together here, so that paths through the ports of modules count in full, and the longest path to each register,
//! output and RAM pin is found, in gates.

mod netlist;
mod yosys;

pub use netlist::{Model, Netlist};
pub use yosys::{Yosys, script};

use crate::config::Config;
use crate::rtl;
use anyhow::ensure;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yosys::Elaborated;

/// Levels allowed to a path.
pub const LIMIT: u32 = 24;
/// Levels allowed to a multiplier stage: a path into a register whose name has [`PRODUCT`] in it.
pub const PRODUCT_LIMIT: u32 = 45;
/// What the name of a register that ends a multiplier stage has in it.
pub const PRODUCT: &str = "product";

/// Paths that may be longer.
pub static EXCEPTIONS: &[Exception] = &[
    Exception {
        module: "value_buffer",
        to: "*",
        levels: 26,
        reason: "a beat of values is told whose it is and weighed against what the picks wait for in one cycle",
    },
    Exception {
        module: "pick_queue",
        to: "*",
        levels: 31,
        reason: "a pick enters, leaves or turns in the cycle in which a beat of values ends a row",
    },
    Exception {
        module: "row_pipeline",
        to: "u_queries.wr_data",
        levels: 26,
        reason: "a query is cut out of its beat by the dimension of its row",
    },
    Exception {
        module: "row_pipeline",
        to: "u_fed.*",
        levels: 25,
        reason: "a row's query and keys are taken together, by its dimension",
    },
    Exception {
        module: "lane_gearbox",
        to: "*",
        levels: 29,
        reason: "takes ids in the cycle in which their source is chosen, or its width in that in which a row's dimension is known",
    },
    Exception {
        module: "fetch_port",
        to: "*",
        levels: 32,
        reason: "a group is used in the cycle in which the sectors of all ports are seen to be there and the pipeline behind moves",
    },
    Exception {
        module: "plane_fetcher",
        to: "*groups*",
        levels: 26,
        reason: "a group is used in the cycle in which the sectors of all ports are seen to be there and the pipeline behind moves",
    },
    Exception {
        module: "sector_crossbar",
        to: "g_channel*",
        levels: 27,
        reason: "a port's oldest request is read, granted among 16 ports and queued in one cycle",
    },
    Exception {
        module: "vector_addresses",
        to: "s8_fetched_q",
        levels: 27,
        reason: "adds up the sectors of all lanes",
    },
    Exception {
        module: "cascade_state",
        to: "*",
        levels: 27,
        reason: "an operation of the controller is decoded and takes the port of a list in the cycle in which it is offered",
    },
    Exception {
        module: "fetch_scheduler",
        to: "u_lists.*",
        levels: 30,
        reason: "a list is given in the cycle in which no operation of the controller needs its port",
    },
    Exception {
        module: "row_sequencer",
        to: "heads_asked_q",
        levels: 26,
        reason: "a list is given in the cycle in which no operation of the controller needs its port",
    },
    Exception {
        module: "row_sequencer",
        to: "run_ends_q",
        levels: 26,
        reason: "two differences are compared before a head's rows begin",
    },
    Exception {
        module: "controller",
        to: "state_q",
        levels: 25,
        reason: "what 16 channels owe is seen together",
    },
];

/// Paths that may be longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Module that has the register, output or RAM where they end.
    pub module: &'static str,
    /// Its name there; a `*` stands for anything.
    pub to: &'static str,
    /// Levels allowed, wherever the module is.
    pub levels: u32,
    /// Why.
    pub reason: &'static str,
}

/// Modules that become part of those that instantiate them, and are optimised with them.
const SMALL: &[&str] = &[
    "stream_reg",
    "delay_line",
    "stream_fifo",
    "reg_fifo",
    "ram_reader",
    "rmw_ram",
    "round_robin",
    "multiplier",
    "port_turn",
    "importance_store",
    "softmax_max",
];

/// RAMs, which stay whole.
const RAMS: &[&str] = &["ram_1r1w", "spatten_ram_macro"];

/// A longest path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Gates on it.
    pub levels: u32,
    /// Where it starts: an input, a register or the pin of a RAM.
    pub from: String,
    /// Where it ends: an output, a register or the pin of a RAM.
    pub to: String,
}

/// What a block is made of, and how deep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// The block.
    pub block: String,
    /// Its Verilog parameters that are not its defaults.
    pub parameters: BTreeMap<String, u64>,
    /// The longest path but multiplier stages.
    pub logic: Route,
    /// The longest multiplier stage, where there is one.
    pub product: Option<Route>,
    /// Two-input gates and inverters.
    pub cells: u64,
    /// Flip-flops.
    pub flip_flops: u64,
    /// RAM bits.
    pub memory_bits: u64,
    /// Paths longer than allowed, one for each register or pin where they end, the longest first.
    pub too_long: Vec<Route>,
}

/// A module to look at, and its Verilog parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Its name.
    pub module: String,
    /// Overrides of its parameters.
    pub parameters: Vec<(String, u64)>,
}

impl Root {
    /// A module at its default parameters.
    pub fn new(module: &str) -> Self {
        Root {
            module: module.to_owned(),
            parameters: Vec::new(),
        }
    }
}

/// What to elaborate, so that every module is there: the core, and what it does not have as a module of its own.
fn roots(config: &Config) -> anyhow::Result<Vec<Root>> {
    const CORE: &str = "spatten_top";
    let names: Vec<_> = rtl::in_order(config)?
        .iter()
        .map(|module| module.name())
        .collect();
    let core = match rtl::module(CORE) {
        Some(core) => rtl::closure(core, config)?,
        None => Vec::new(),
    };
    let root = |name: &&str| *name == CORE || SMALL.contains(name) || !core.contains(name);
    let names = names.into_iter().filter(|name| !RAMS.contains(name));
    Ok(names.filter(root).map(Root::new).collect())
}

/// Depth and cells of all blocks of a configuration but bare RAMs, at each set of parameters that the core has them at;
/// only those of `blocks` where any are named. `progress` hears of each module that is mapped: how many are, of how many,
/// and its name.
///
/// # Errors
/// When a name is no block's, Verilog cannot be emitted, or Yosys refuses it.
pub fn depths(
    yosys: &Yosys,
    config: &Config,
    blocks: &[String],
    progress: &(dyn Fn(usize, usize, &str) + Sync),
) -> anyhow::Result<Vec<Depth>> {
    let modules = rtl::in_order(config)?;
    let names: Vec<&str> = modules
        .iter()
        .map(|module| module.name())
        .filter(|name| !RAMS.contains(name))
        .collect();
    for block in blocks {
        ensure!(
            names.contains(&block.as_str()),
            "no block `{block}`; there are: {}",
            names.join(", ")
        );
    }
    let files: Vec<(String, String)> = rtl::sources(config)?
        .into_iter()
        .map(|source| (format!("{}.v", source.module), source.text))
        .collect();
    let elaborated = yosys.elaborate(&files, &roots(config)?)?;
    let mut shown: Vec<&Elaborated> = elaborated
        .modules
        .iter()
        .filter(|module| names.contains(&module.block.as_str()))
        .filter(|module| blocks.is_empty() || blocks.contains(&module.block))
        .collect();
    let place = |block: &str| names.iter().position(|name| *name == block);
    shown.sort_by_key(|module| (place(&module.block), module.parameters.clone()));
    let tops: Vec<&str> = shown.iter().map(|module| module.name.as_str()).collect();
    let models = yosys.models(&elaborated, &tops, progress)?;
    shown
        .par_iter()
        .with_max_len(1)
        .map(|module| {
            let mut depth = Netlist::of(&module.name, &models)?.depth(EXCEPTIONS)?;
            depth.block.clone_from(&module.block);
            let interface = rtl::module(&module.block).map(|known| known.interface(config, &[]));
            depth.parameters = module
                .parameters
                .iter()
                .filter(|(name, value)| {
                    !interface.as_ref().is_some_and(|interface| {
                        let mut known = interface.parameters.iter();
                        known.any(|parameter| parameter.name == **name && parameter.value == **value)
                    })
                })
                .map(|(name, value)| (name.clone(), *value))
                .collect();
            Ok(depth)
        })
        .collect()
}

/// What one module of some Verilog is made of, no path excepted.
///
/// # Errors
/// When Yosys refuses it, or it has a combinational loop.
pub fn depth_of(yosys: &Yosys, files: &[(String, String)], root: Root) -> anyhow::Result<Depth> {
    let elaborated = yosys.elaborate(files, std::slice::from_ref(&root))?;
    let models = yosys.models(&elaborated, &[&root.module], &|_, _, _| ())?;
    Netlist::of(&root.module, &models)?.depth(&[])
}

/// The deepest of each block's parameter sets, the largest of equally deep ones.
pub fn deepest(depths: &[Depth]) -> Vec<&Depth> {
    let mut chosen: Vec<&Depth> = Vec::new();
    let rank = |depth: &Depth| {
        let product = depth.product.as_ref().map_or(0, |route| route.levels);
        (depth.logic.levels, product, depth.cells)
    };
    for depth in depths {
        match chosen.iter_mut().find(|known| known.block == depth.block) {
            Some(known) if rank(depth) > rank(known) => *known = depth,
            Some(_) => {}
            None => chosen.push(depth),
        }
    }
    chosen
}

/// Levels allowed to paths that end in `to` of a module.
fn limit(module: &str, to: &str, exceptions: &[Exception]) -> u32 {
    let normal = if is_product(to) { PRODUCT_LIMIT } else { LIMIT };
    exceptions
        .iter()
        .filter(|e| e.module == module && matches(e.to, to))
        .map(|e| e.levels)
        .fold(normal, u32::max)
}

/// Whether `to` names a register that ends a multiplier stage.
fn is_product(to: &str) -> bool {
    to.rsplit('.').next().is_some_and(|name| name.contains(PRODUCT))
}

/// Whether `text` is as `pattern` says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let exceptions = [Exception {
            module: "a",
            to: "u_*.x_q",
            levels: 30,
            reason: "",
        }];
        let limit = |block, to| limit(block, to, &exceptions);
        assert_eq!(limit("a", "u_y.x_q"), 30);
        assert_eq!(limit("a", "u_y.z_q"), LIMIT);
        assert_eq!(limit("b", "u_y.x_q"), LIMIT);
        assert_eq!(limit("b", "product.x_q"), LIMIT);
        assert_eq!(limit("b", "g.low_product_q"), PRODUCT_LIMIT);
    }

    #[test]
    fn the_deepest_stands_for_a_block() {
        let depth = |block: &str, levels, cells| Depth {
            block: block.into(),
            parameters: BTreeMap::new(),
            logic: Route {
                levels,
                from: String::new(),
                to: String::new(),
            },
            product: None,
            cells,
            flip_flops: 0,
            memory_bits: 0,
            too_long: Vec::new(),
        };
        let all = [
            depth("a", 3, 9),
            depth("b", 5, 1),
            depth("a", 4, 1),
            depth("b", 5, 2),
        ];
        assert_eq!(deepest(&all), [&all[2], &all[3]]);
    }
}
