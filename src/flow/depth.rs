//! Logic depth and cells of blocks, on generic two-input gates, from Yosys.
//!
//! The script is fixed: RAMs are left as they are and bound the paths, everything else is mapped to NOT, AND, NAND, OR,
//! NOR, XOR and XNOR, so that a multiplexer counts as the gates it takes. Yosys makes parallel-prefix adders and carry-save
//! multipliers; ABC then restructures for delay (`if -g`) and never for area, which would turn those adders into
//! ripple-carry ones. Registers keep their enable and reset pins.
//!
//! One run maps all blocks of a configuration. Small modules ([`SMALL`]) become part of what instantiates them; all others
//! are mapped once for each set of parameters, however many of them there are. The netlists are put together here, so
//! that paths through the ports of modules count in full, and the longest path to each register, output and RAM pin is
//! found, in gates.

use crate::config::Config;
use crate::rtl::{self, Module};
use crate::sim::candidates;
use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Levels allowed to a path.
pub const LIMIT: u32 = 24;
/// Levels allowed to a multiplier stage: a path into a register whose name has [`PRODUCT`] in it.
pub const PRODUCT_LIMIT: u32 = 45;
/// What the name of a register that ends a multiplier stage has in it.
pub const PRODUCT: &str = "product";

/// Paths that may be longer.
pub static EXCEPTIONS: &[Exception] = &[Exception {
    block: "topk_engine",
    to: "*u_select.not_below_q",
    levels: 25,
    reason: "with keys of 33 bits: samples are chosen from one of two sides and compared in the same cycle, and a \
             comparison of 33 bits is deeper than one of 12",
}];

/// A path that may be longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Block that has it.
    pub block: &'static str,
    /// Where it ends: a name as in [`Route::to`]; a `*` stands for anything.
    pub to: &'static str,
    /// Levels allowed.
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
    "softmax_sum",
];

/// Verilog parameters that blocks are looked at with, beside their defaults.
const EXTRA: &[(&str, &[(&str, u64)])] = &[
    // The engine that tokens and heads share sorts by importance.
    ("topk_engine", &[("KEY_W", 33)]),
    ("lane_gearbox", &[("DATA_W", 30)]),
];

/// A block and Verilog parameters.
#[derive(Clone)]
pub struct Subject {
    /// The block.
    pub module: &'static dyn Module,
    /// Overrides of its Verilog parameters.
    pub parameters: Vec<(&'static str, u64)>,
}

/// Every block of a configuration but bare memories, at each of its parameter sets; only those of `blocks` where any
/// are named.
///
/// # Errors
/// When a name is no block's.
pub fn subjects(config: &Config, blocks: &[String]) -> anyhow::Result<Vec<Subject>> {
    let modules: Vec<_> = rtl::in_order(config)?
        .into_iter()
        .filter(|module| module.has_reset())
        .collect();
    for block in blocks {
        let names: Vec<_> = modules.iter().map(|module| module.name()).collect();
        ensure!(
            names.contains(&block.as_str()),
            "no block `{block}`; there are: {}",
            names.join(", ")
        );
    }
    let mut subjects = Vec::new();
    for module in modules {
        if !blocks.is_empty() && !blocks.iter().any(|block| block == module.name()) {
            continue;
        }
        let extra = EXTRA.iter().filter(|(block, _)| *block == module.name());
        for parameters in [&[][..]]
            .into_iter()
            .chain(extra.map(|(_, parameters)| *parameters))
        {
            subjects.push(Subject {
                module,
                parameters: parameters.to_vec(),
            });
        }
    }
    Ok(subjects)
}

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
    pub block: &'static str,
    /// Overrides of its Verilog parameters.
    pub parameters: Vec<(&'static str, u64)>,
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

/// A Yosys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yosys {
    /// What to run.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
}

impl Yosys {
    /// The Yosys to use: `$YOSYS`, else `yosys` on the `PATH`, else the one that `sim/setup` put into `$SPATTEN_TOOLS` or
    /// `target/tools`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> anyhow::Result<Self> {
        let chosen = std::env::var_os("YOSYS").filter(|v| !v.is_empty());
        let tried = match chosen {
            Some(chosen) => vec![PathBuf::from(chosen)],
            None => candidates("yosys"),
        };
        for program in &tried {
            if let Ok(output) = Command::new(program).arg("-V").output()
                && output.status.success()
            {
                let text = String::from_utf8_lossy(&output.stdout);
                let version = text.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
                return Ok(Yosys {
                    program: program.clone(),
                    version,
                });
            }
        }
        bail!("no Yosys found; run `sim/setup`, install Yosys, or set YOSYS to the program")
    }

    /// Looks at blocks of one configuration, in one run.
    ///
    /// # Errors
    /// When Verilog cannot be emitted, or Yosys refuses it.
    pub fn depths(&self, config: &Config, subjects: &[Subject]) -> anyhow::Result<Vec<Depth>> {
        let mut needed = Vec::new();
        for subject in subjects {
            needed.extend(rtl::closure(subject.module, config)?);
        }
        let files: Vec<(String, String)> = rtl::sources(config)?
            .into_iter()
            .filter(|source| needed.contains(&source.module))
            .map(|source| (format!("{}.v", source.module), source.text))
            .collect();
        let roots: Vec<Root> = subjects
            .iter()
            .map(|subject| Root {
                module: subject.module.name(),
                parameters: &subject.parameters,
            })
            .collect();
        let text = self.map(&files, &roots)?;
        let models = Model::parse(&text)?;
        let look = |(number, subject): (usize, &Subject)| {
            let name = subject.module.name();
            let depth = Netlist::root(&models, number).and_then(|netlist| netlist.depth(name, EXCEPTIONS));
            let mut depth = depth.with_context(|| format!("netlist of {name}"))?;
            depth.parameters.clone_from(&subject.parameters);
            depth.memory_bits = subject.module.cost(config, &subject.parameters).memory_bits;
            Ok(depth)
        };
        subjects.iter().enumerate().map(look).collect()
    }

    /// Runs the script; the netlists, as BLIF with Yosys's own cells.
    ///
    /// # Errors
    /// When Yosys refuses the Verilog.
    pub fn map(&self, files: &[(String, String)], roots: &[Root]) -> anyhow::Result<String> {
        let work = tempfile::tempdir()?;
        for (name, text) in files {
            std::fs::write(work.path().join(name), text)?;
        }
        std::fs::write(work.path().join("roots.v"), roots_module(roots))?;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let output = Command::new(&self.program)
            .current_dir(work.path())
            .args(["-q", "-p", &script(&names)])
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "Yosys refuses the blocks:\n{said}");
        read(&work.path().join("netlist.blif"))
    }
}

/// A module to look at, and its Verilog parameters.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// Its name.
    pub module: &'a str,
    /// Overrides of its parameters.
    pub parameters: &'a [(&'static str, u64)],
}

/// Verilog of a module that has one instance of each root, with nothing connected.
fn roots_module(roots: &[Root]) -> String {
    let mut text = "module roots;\n".to_owned();
    for (number, root) in roots.iter().enumerate() {
        let set = root
            .parameters
            .iter()
            .map(|(name, value)| format!(".{name}({value})"));
        let set = set.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "  (* keep, keep_hierarchy *) {} #({set}) root_{number} ();",
            root.module
        );
    }
    text + "endmodule\n"
}

/// What the first root of a netlist that [`Yosys::map`] made is made of, no path excepted.
///
/// # Errors
/// When it has other cells than gates, registers and RAMs, or a combinational loop.
pub fn depth_of(netlist: &str) -> anyhow::Result<Depth> {
    Netlist::root(&Model::parse(netlist)?, 0)?.depth("", &[])
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What ABC does, in Yosys's way of writing it: equal nodes become one, the logic is restructured for delay twice, and
/// mapped.
const ABC: &str = "+strash;ifraig;if,-K,6,-g;strash;if,-K,6,-g;strash;map";

/// The commands, in Yosys's words, for files with the names of the modules in them.
pub fn script(files: &[&str]) -> String {
    // A black box has ports only: RAMs stay whole.
    let ram = if files.contains(&"ram_1r1w.v") {
        "blackbox =*ram_1r1w; "
    } else {
        ""
    };
    let mut small = String::new();
    for module in SMALL {
        if files.contains(&format!("{module}.v").as_str()) {
            let _ = write!(small, " =*{module} %d");
        }
    }
    format!(
        "read_verilog {} roots.v; hierarchy -check -top roots; {ram}\
         setattr -mod -set keep_hierarchy 1 *{small}; proc; flatten; opt_expr; opt_clean; \
         opt -nodffe -nosdff; opt_dff; wreduce; opt_clean; alumacc; opt_expr; opt_clean; memory -nordff; opt_expr; opt_clean; \
         techmap; opt -fast; abc -g AND,NAND,OR,NOR,XOR,XNOR -script {ABC}; opt_clean; \
         write_blif -icells -cname netlist.blif",
        files.join(" ")
    )
}

/// Levels allowed to paths that end in `to`.
fn limit(block: &str, to: &str, exceptions: &[Exception]) -> u32 {
    let normal = if is_product(to) { PRODUCT_LIMIT } else { LIMIT };
    exceptions
        .iter()
        .filter(|e| e.block == block && matches(e.to, to))
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

/// What drives a net.
#[derive(Clone, Copy, Debug)]
enum Driver {
    /// A gate, by its input nets.
    Gate([u32; 2]),
    /// Another name of a net.
    Alias(u32),
    /// The start of paths: an input, a register, a RAM, a constant; where its name is.
    Start(u32),
}

/// A cell that is no gate and no register: a RAM, or a module with a netlist of its own.
struct Instance<'a> {
    kind: &'a str,
    name: &'a str,
    pins: Vec<(&'a str, u32)>,
}

/// One module of what `write_blif -icells -cname` writes.
#[derive(Default)]
struct Model<'a> {
    name: &'a str,
    nets: HashMap<&'a str, u32>,
    drivers: Vec<Option<Driver>>,
    starts: Vec<&'a str>,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    /// Net and name of registers' pins.
    ends: Vec<(u32, &'a str)>,
    instances: Vec<Instance<'a>>,
    cells: u64,
    flip_flops: u64,
}

impl<'a> Model<'a> {
    fn net(&mut self, name: &'a str) -> u32 {
        let next = self.drivers.len() as u32;
        let net = *self.nets.entry(name).or_insert(next);
        if net == next {
            self.drivers.push(None);
        }
        net
    }

    fn drive(&mut self, name: &'a str, driver: Driver) {
        let net = self.net(name) as usize;
        self.drivers[net] = Some(driver);
    }

    fn start(&mut self, net: &'a str, name: &'a str) {
        let number = self.starts.len() as u32;
        self.starts.push(name);
        self.drive(net, Driver::Start(number));
    }

    /// Reads the modules of a file.
    fn parse(text: &'a str) -> anyhow::Result<Vec<Self>> {
        let mut models: Vec<Self> = Vec::new();
        for line in text.lines() {
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            let Some(command) = words.next().filter(|word| word.starts_with('.')) else {
                continue;
            };
            if command == ".model" {
                models.push(Model {
                    name: words.next().context("a model without a name")?,
                    ..Model::default()
                });
                continue;
            }
            let model = models
                .last_mut()
                .with_context(|| format!("no model before {line}"))?;
            match command {
                ".inputs" => model.inputs.extend(words),
                ".outputs" => model.outputs.extend(words),
                ".names" => match words.collect::<Vec<_>>()[..] {
                    [constant] => model.start(constant, "a constant"),
                    [from, to] => {
                        let from = model.net(from);
                        model.drive(to, Driver::Alias(from));
                    }
                    _ => bail!("a function table: {line}"),
                },
                ".subckt" => {
                    let kind = words.next().context("a cell without a type")?;
                    let pins = words.filter_map(|pin| pin.split_once('=')).collect::<Vec<_>>();
                    model.cell(kind, &pins)?;
                }
                // The name of the cell before; that of a gate says nothing.
                ".cname" => {
                    if let Some(instance) = model.instances.last_mut().filter(|i| i.name.is_empty()) {
                        instance.name = words.next().unwrap_or_default();
                    }
                }
                _ => {}
            }
        }
        Ok(models)
    }

    fn cell(&mut self, kind: &'a str, pins: &[(&'a str, &'a str)]) -> anyhow::Result<()> {
        let pin = |name: &str| {
            let found = pins.iter().find(|(pin, _)| *pin == name);
            found
                .map(|(_, net)| *net)
                .with_context(|| format!("{kind} without {name}"))
        };
        if kind.contains("DFF") {
            let out = pin("Q")?;
            self.flip_flops += 1;
            self.start(out, base(out));
            // Enable and reset pins count as the data pin does.
            for (_, net) in pins.iter().filter(|(pin, _)| !["C", "Q"].contains(pin)) {
                let net = self.net(net);
                self.ends.push((net, base(out)));
            }
        } else if ["$_NOT_", "$_BUF_"].contains(&kind) {
            let from = self.net(pin("A")?);
            self.cells += 1;
            self.drive(pin("Y")?, Driver::Gate([from, from]));
        } else if ["$_AND_", "$_NAND_", "$_OR_", "$_NOR_", "$_XOR_", "$_XNOR_"].contains(&kind) {
            let inputs = [self.net(pin("A")?), self.net(pin("B")?)];
            self.cells += 1;
            self.drive(pin("Y")?, Driver::Gate(inputs));
        } else {
            ensure!(
                !kind.starts_with("$_"),
                "a cell `{kind}`, which is neither a gate nor a register"
            );
            let pins = pins.iter().map(|&(pin, net)| (pin, self.net(net))).collect();
            self.instances.push(Instance { kind, name: "", pins });
        }
        Ok(())
    }
}

/// Gates and where paths end, all modules of a root put together.
#[derive(Default)]
struct Netlist {
    drivers: Vec<Option<Driver>>,
    /// Names.
    starts: Vec<String>,
    /// Net and name of the end.
    ends: Vec<(u32, String)>,
    cells: u64,
    flip_flops: u64,
}

impl Netlist {
    /// The root of a number.
    fn root(models: &[Model], number: usize) -> anyhow::Result<Self> {
        let name = format!("root_{number}");
        let mut instances = models.iter().flat_map(|model| &model.instances);
        let instance = instances.find(|instance| instance.name == name);
        let kind = instance.with_context(|| format!("no {name}"))?.kind;
        let top = models.iter().find(|model| model.name == kind);
        let top = top.with_context(|| format!("no netlist of {kind}"))?;
        let mut netlist = Netlist::default();
        netlist.add(top, "", models)?;
        for name in &top.inputs {
            if let Some(&net) = top.nets.get(name) {
                netlist.start(net, base(name).to_owned());
            }
        }
        for name in &top.outputs {
            if let Some(&net) = top.nets.get(name) {
                netlist.ends.push((net, base(name).to_owned()));
            }
        }
        Ok(netlist)
    }

    fn start(&mut self, net: u32, name: String) {
        self.drivers[net as usize] = Some(Driver::Start(self.starts.len() as u32));
        self.starts.push(name);
    }

    /// Adds an instance of `model` whose names begin with `prefix`, and what is in it; the number of its first net.
    fn add(&mut self, model: &Model, prefix: &str, models: &[Model]) -> anyhow::Result<u32> {
        let first = self.drivers.len() as u32;
        let first_start = self.starts.len() as u32;
        self.drivers.extend(model.drivers.iter().map(|driver| {
            driver.map(|driver| match driver {
                Driver::Gate(inputs) => Driver::Gate(inputs.map(|net| first + net)),
                Driver::Alias(net) => Driver::Alias(first + net),
                Driver::Start(start) => Driver::Start(first_start + start),
            })
        }));
        let starts = model.starts.iter();
        self.starts.extend(starts.map(|name| format!("{prefix}{name}")));
        let ends = model.ends.iter();
        self.ends
            .extend(ends.map(|(net, name)| (first + net, format!("{prefix}{name}"))));
        self.cells += model.cells;
        self.flip_flops += model.flip_flops;
        for instance in &model.instances {
            let prefix = format!("{prefix}{}.", instance.name);
            if instance.kind.ends_with("ram_1r1w") {
                for &(pin, net) in &instance.pins {
                    let name = format!("RAM {prefix}{}", base(pin));
                    if base(pin) == "rd_data" {
                        self.start(first + net, name);
                    } else if pin != "clk" {
                        self.ends.push((first + net, name));
                    }
                }
                continue;
            }
            let kind = models.iter().find(|model| model.name == instance.kind);
            let kind = kind.with_context(|| format!("no netlist of {}", instance.kind))?;
            let inner = self.add(kind, &prefix, models)?;
            for &(pin, net) in &instance.pins {
                // A port that the module does not use has no net in it.
                let Some(&port) = kind.nets.get(pin) else { continue };
                let (to, from) = if kind.outputs.contains(&pin) {
                    (first + net, inner + port)
                } else {
                    (inner + port, first + net)
                };
                self.drivers[to as usize] = Some(Driver::Alias(from));
            }
        }
        Ok(first)
    }

    /// Gates before each net and the net that the longest path to it starts at.
    fn arrivals(&self) -> anyhow::Result<Vec<(u32, u32)>> {
        const OPEN: (u32, u32) = (u32::MAX, u32::MAX);
        let mut arrival = vec![OPEN; self.drivers.len()];
        let mut entered = vec![false; self.drivers.len()];
        for root in 0..self.drivers.len() as u32 {
            let mut stack = vec![root];
            while let Some(&net) = stack.last() {
                let at = net as usize;
                if arrival[at] != OPEN {
                    stack.pop();
                    continue;
                }
                let (inputs, gate) = match &self.drivers[at] {
                    Some(Driver::Gate(inputs)) => (&inputs[..], 1),
                    Some(Driver::Alias(from)) => (std::slice::from_ref(from), 0),
                    _ => (&[][..], 0),
                };
                let pending: Vec<u32> = inputs
                    .iter()
                    .copied()
                    .filter(|&input| arrival[input as usize] == OPEN)
                    .collect();
                if pending.is_empty() {
                    let before = inputs
                        .iter()
                        .map(|&input| arrival[input as usize])
                        .max_by_key(|a| a.0);
                    arrival[at] = before.map_or((0, net), |(levels, start)| (levels + gate, start));
                    stack.pop();
                } else {
                    ensure!(!entered[at], "a combinational loop");
                    entered[at] = true;
                    stack.extend(pending);
                }
            }
        }
        Ok(arrival)
    }

    /// The longest paths, as those of `block`.
    fn depth(&self, block: &'static str, exceptions: &[Exception]) -> anyhow::Result<Depth> {
        let arrival = self.arrivals()?;
        let mut longest: HashMap<&str, (u32, u32)> = HashMap::new();
        for (net, name) in &self.ends {
            let here = arrival[*net as usize];
            let known = longest.entry(name).or_insert(here);
            if here.0 > known.0 {
                *known = here;
            }
        }
        let start = |net: u32| match &self.drivers[net as usize] {
            Some(Driver::Start(start)) => self.starts[*start as usize].clone(),
            _ => "nothing".into(),
        };
        let routes = longest.into_iter().map(|(to, (levels, net))| Route {
            levels,
            from: start(net),
            to: to.to_owned(),
        });
        let mut routes: Vec<Route> = routes.collect();
        routes.sort_by(|a, b| b.levels.cmp(&a.levels).then_with(|| a.to.cmp(&b.to)));
        let first = |product| {
            routes
                .iter()
                .find(|route| is_product(&route.to) == product)
                .cloned()
        };
        let nowhere = || Route {
            levels: 0,
            from: "nothing".into(),
            to: "nothing".into(),
        };
        Ok(Depth {
            block,
            parameters: Vec::new(),
            logic: first(false).unwrap_or_else(nowhere),
            product: first(true),
            cells: self.cells,
            flip_flops: self.flip_flops,
            memory_bits: 0,
            too_long: routes
                .iter()
                .filter(|route| route.levels > limit(block, &route.to, exceptions))
                .cloned()
                .collect(),
        })
    }
}

/// A name without the number of its bit.
fn base(name: &str) -> &str {
    match name.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((base, bit)) if bit.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETLIST: &str = "\
.model roots
.subckt m clk=n1
.cname root_0
.end
.model m
.inputs clk a[0] a[1] b
.outputs y
.names $true
1
.subckt $_AND_ A=a[0] B=a[1] Y=n1
.subckt $_NOT_ A=n1 Y=n2
.subckt $_XOR_ A=n2 B=held_q Y=n3
.names n3 y
1 1
.subckt $_DFFE_PP_ C=clk D=n1 E=b Q=held_q
.subckt $_DFF_P_ C=clk D=n3 Q=g.product_q[4]
.subckt $paramod$12\\ram_1r1w clk=clk wr_en=n2 rd_data[0]=n4
.cname u_ram
.subckt $_AND_ A=n4 B=n4 Y=n5
.subckt $_DFF_P_ C=clk D=n5 Q=w_q
.end
";

    #[test]
    fn paths_end_in_registers_outputs_and_rams() {
        let depth = depth_of(NETLIST).unwrap();
        let route = |levels, from: &str, to: &str| Route {
            levels,
            from: from.into(),
            to: to.into(),
        };
        assert_eq!(depth.logic, route(3, "a", "y"));
        assert_eq!(depth.product, Some(route(3, "a", "g.product_q")));
        assert_eq!((depth.cells, depth.flip_flops), (4, 3));
        assert_eq!(depth.too_long, []);
        let without = |cells: &[&str]| {
            let rest = NETLIST
                .lines()
                .filter(|line| !cells.iter().any(|cell| line.contains(cell)));
            depth_of(&rest.map(|line| format!("{line}\n")).collect::<String>())
                .unwrap()
                .logic
        };
        assert_eq!(without(&["XOR"]), route(2, "a", "RAM u_ram.wr_en"));
        assert_eq!(
            without(&["XOR", "NOT", "Y=n1"]),
            route(1, "RAM u_ram.rd_data", "w_q")
        );
    }

    #[test]
    fn a_loop_and_an_unknown_cell_are_refused() {
        let root = ".model roots\n.subckt m\n.cname root_0\n.model m\n";
        let depth = |cells| depth_of(&format!("{root}{cells}"));
        assert!(depth(".subckt $_AND_ A=x B=y Y=z\n").is_ok());
        assert!(depth(".subckt $_AND_ A=x B=y Y=z\n.subckt $_NOT_ A=z Y=x\n").is_err());
        assert!(depth(".subckt $_DLATCH_P_ E=a D=b Q=c\n").is_err());
        assert!(depth(".subckt other E=a\n").is_err());
    }

    #[test]
    fn limits() {
        let exceptions = [Exception {
            block: "a",
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
}
