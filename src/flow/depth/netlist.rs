//! Netlists of modules, put together, and the longest paths in them.

use super::{Depth, Exception, RAMS, Route, is_product, limit};
use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The netlist of one module, by the numbers of its nets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Model {
    /// The module's name in the Verilog.
    pub(super) block: String,
    nets: u32,
    /// Inputs, bit by bit.
    inputs: Vec<(String, u32)>,
    /// Outputs, bit by bit.
    outputs: Vec<(String, u32)>,
    /// Output and inputs of each gate.
    gates: Vec<[u32; 3]>,
    /// A net and what it is another name of.
    aliases: Vec<[u32; 2]>,
    /// Names of registers, RAM pins, constants.
    names: Vec<String>,
    /// Nets where paths start, and where in `names` their names are.
    starts: Vec<[u32; 2]>,
    /// Nets where paths end, likewise.
    ends: Vec<[u32; 2]>,
    instances: Vec<Instance>,
    flip_flops: u64,
    memory_bits: u64,
}

/// A RAM, or a module with a netlist of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Instance {
    module: String,
    name: String,
    /// Pins, bit by bit.
    pins: Vec<(String, u32)>,
}

/// Numbers for the names in a netlist that is read.
#[derive(Default)]
struct Reader<'a> {
    nets: HashMap<&'a str, u32>,
    names: HashMap<&'a str, u32>,
    model: Model,
}

impl<'a> Reader<'a> {
    fn net(&mut self, name: &'a str) -> u32 {
        let next = self.nets.len() as u32;
        *self.nets.entry(name).or_insert(next)
    }

    fn name(&mut self, name: &'a str) -> u32 {
        let next = self.names.len() as u32;
        *self.names.entry(name).or_insert_with(|| {
            self.model.names.push(name.to_owned());
            next
        })
    }

    fn start(&mut self, net: &'a str, name: &'a str) {
        let start = [self.net(net), self.name(name)];
        self.model.starts.push(start);
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
            self.model.flip_flops += 1;
            self.start(out, base(out));
            // Enable and reset pins count as the data pin does.
            for (_, net) in pins.iter().filter(|(pin, _)| !["C", "Q"].contains(pin)) {
                let end = [self.net(net), self.name(base(out))];
                self.model.ends.push(end);
            }
        } else if ["$_NOT_", "$_BUF_"].contains(&kind) {
            let from = self.net(pin("A")?);
            let gate = [self.net(pin("Y")?), from, from];
            self.model.gates.push(gate);
        } else if ["$_AND_", "$_NAND_", "$_OR_", "$_NOR_", "$_XOR_", "$_XNOR_"].contains(&kind) {
            let gate = [self.net(pin("Y")?), self.net(pin("A")?), self.net(pin("B")?)];
            self.model.gates.push(gate);
        } else {
            ensure!(
                !kind.starts_with("$_"),
                "a cell `{kind}`, which is neither a gate nor a register"
            );
            let pins = pins
                .iter()
                .map(|&(pin, net)| (pin.to_owned(), self.net(net)))
                .collect();
            self.model.instances.push(Instance {
                module: kind.to_owned(),
                name: String::new(),
                pins,
            });
        }
        Ok(())
    }
}

impl Model {
    /// Reads the module `name` of what `write_blif -icells -cname` writes.
    ///
    /// # Errors
    /// When it has other cells than gates, registers and modules.
    pub fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        let mut reader = Reader::default();
        let mut inside = false;
        let mut found = false;
        for line in text.lines() {
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            let Some(command) = words.next().filter(|word| word.starts_with('.')) else {
                continue;
            };
            if command == ".model" {
                inside = words.next() == Some(name);
                found |= inside;
            }
            if !inside {
                continue;
            }
            match command {
                ".inputs" => {
                    for word in words {
                        let port = (word.to_owned(), reader.net(word));
                        reader.model.inputs.push(port);
                    }
                }
                ".outputs" => {
                    for word in words {
                        let port = (word.to_owned(), reader.net(word));
                        reader.model.outputs.push(port);
                    }
                }
                ".names" => match words.collect::<Vec<_>>()[..] {
                    [constant] => reader.start(constant, "a constant"),
                    [from, to] => {
                        let alias = [reader.net(to), reader.net(from)];
                        reader.model.aliases.push(alias);
                    }
                    _ => bail!("a function table: {line}"),
                },
                ".subckt" => {
                    let kind = words.next().context("a cell without a type")?;
                    let pins = words.filter_map(|pin| pin.split_once('=')).collect::<Vec<_>>();
                    reader.cell(kind, &pins)?;
                }
                // The name of the cell before; that of a gate says nothing.
                ".cname" => {
                    let last = reader.model.instances.last_mut();
                    if let Some(instance) = last.filter(|instance| instance.name.is_empty()) {
                        words.next().unwrap_or_default().clone_into(&mut instance.name);
                    }
                }
                _ => {}
            }
        }
        ensure!(found, "no netlist of {name}");
        reader.model.nets = reader.nets.len() as u32;
        name.clone_into(&mut reader.model.block);
        Ok(reader.model)
    }

    /// A RAM of so many bits.
    pub(super) fn ram(block: &str, memory_bits: u64) -> Self {
        Model {
            block: block.to_owned(),
            memory_bits,
            ..Model::default()
        }
    }

    fn is_ram(&self) -> bool {
        RAMS.contains(&self.block.as_str())
    }
}

/// What drives a net.
#[derive(Clone, Copy, Debug)]
enum Driver {
    /// A gate, by its input nets.
    Gate([u32; 2]),
    /// Another name of a net.
    Alias(u32),
    /// The start of paths, by its name.
    Start(u32),
}

/// Where a path starts or ends.
struct Name<'a> {
    text: String,
    /// Length of the part of `text` that names the instance of `module`.
    prefix: usize,
    module: &'a str,
}

impl Name<'_> {
    /// The name inside its module.
    fn local(&self) -> &str {
        &self.text[self.prefix..]
    }
}

/// A module and all below it, put together.
#[derive(Default)]
pub struct Netlist<'a> {
    drivers: Vec<Option<Driver>>,
    names: Vec<Name<'a>>,
    /// Nets where paths end, and the numbers of their names.
    ends: Vec<[u32; 2]>,
    cells: u64,
    flip_flops: u64,
    memory_bits: u64,
}

impl<'a> Netlist<'a> {
    /// The module `name`, of `models` by name.
    ///
    /// # Errors
    /// When a model is missing.
    pub fn of(name: &str, models: &'a HashMap<String, Model>) -> anyhow::Result<Self> {
        let top = models
            .get(name)
            .with_context(|| format!("no netlist of {name}"))?;
        let mut netlist = Netlist::default();
        netlist.add(top, "", models)?;
        for (name, net) in &top.inputs {
            let name = netlist.name(base(name).to_owned(), 0, &top.block);
            netlist.drivers[*net as usize] = Some(Driver::Start(name));
        }
        for (name, net) in &top.outputs {
            let name = netlist.name(base(name).to_owned(), 0, &top.block);
            netlist.ends.push([*net, name]);
        }
        Ok(netlist)
    }

    fn name(&mut self, text: String, prefix: usize, module: &'a str) -> u32 {
        self.names.push(Name { text, prefix, module });
        self.names.len() as u32 - 1
    }

    /// Adds an instance of `model` whose names begin with `prefix`, and what is in it; the number of its first net.
    fn add(
        &mut self,
        model: &'a Model,
        prefix: &str,
        models: &'a HashMap<String, Model>,
    ) -> anyhow::Result<u32> {
        let first = self.drivers.len() as u32;
        let first_name = self.names.len() as u32;
        self.drivers
            .resize(self.drivers.len() + model.nets as usize, None);
        let drivers = &mut self.drivers[first as usize..];
        for [out, a, b] in &model.gates {
            drivers[*out as usize] = Some(Driver::Gate([first + a, first + b]));
        }
        for [to, from] in &model.aliases {
            drivers[*to as usize] = Some(Driver::Alias(first + from));
        }
        for [net, name] in &model.starts {
            drivers[*net as usize] = Some(Driver::Start(first_name + name));
        }
        self.ends.extend(
            model
                .ends
                .iter()
                .map(|[net, name]| [first + net, first_name + name]),
        );
        for name in &model.names {
            self.name(format!("{prefix}{name}"), prefix.len(), &model.block);
        }
        self.cells += model.gates.len() as u64;
        self.flip_flops += model.flip_flops;
        for instance in &model.instances {
            let inner = models
                .get(&instance.module)
                .with_context(|| format!("no netlist of {}", instance.module))?;
            let path = format!("{prefix}{}.", instance.name);
            if inner.is_ram() {
                self.memory_bits += inner.memory_bits;
                let mut names: BTreeMap<&str, u32> = BTreeMap::new();
                for (pin, net) in instance.pins.iter().filter(|(pin, _)| pin != "clk") {
                    let name = *names.entry(base(pin)).or_insert_with(|| {
                        self.name(format!("{path}{}", base(pin)), prefix.len(), &model.block)
                    });
                    if base(pin) == "rd_data" {
                        self.drivers[(first + net) as usize] = Some(Driver::Start(name));
                    } else {
                        self.ends.push([first + net, name]);
                    }
                }
                continue;
            }
            let start = self.add(inner, &path, models)?;
            // A port that the module does not use has no net in it.
            let inputs: HashMap<&str, u32> = inner
                .inputs
                .iter()
                .map(|(pin, net)| (pin.as_str(), *net))
                .collect();
            let outputs: HashMap<&str, u32> = inner
                .outputs
                .iter()
                .map(|(pin, net)| (pin.as_str(), *net))
                .collect();
            for (pin, net) in &instance.pins {
                if let Some(port) = outputs.get(pin.as_str()) {
                    self.drivers[(first + net) as usize] = Some(Driver::Alias(start + port));
                } else if let Some(port) = inputs.get(pin.as_str()) {
                    self.drivers[(start + port) as usize] = Some(Driver::Alias(first + net));
                } else {
                    bail!("{path} has no port {pin}");
                }
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
                let open = |input: &u32| arrival[*input as usize] == OPEN;
                if inputs.iter().any(open) {
                    ensure!(!entered[at], "a combinational loop");
                    entered[at] = true;
                    stack.extend(inputs.iter().copied().filter(open));
                } else {
                    let before = inputs
                        .iter()
                        .map(|&input| arrival[input as usize])
                        .max_by_key(|a| a.0);
                    arrival[at] = before.map_or((0, net), |(levels, start)| (levels + gate, start));
                    stack.pop();
                }
            }
        }
        Ok(arrival)
    }

    /// The longest paths.
    ///
    /// # Errors
    /// When there is a combinational loop.
    pub fn depth(&self, exceptions: &[Exception]) -> anyhow::Result<Depth> {
        let arrival = self.arrivals()?;
        let mut longest: HashMap<&str, (u32, u32, u32)> = HashMap::new();
        for &[net, name] in &self.ends {
            let (levels, start) = arrival[net as usize];
            let text = self.names[name as usize].text.as_str();
            let known = longest.entry(text).or_insert((levels, start, name));
            if levels > known.0 {
                *known = (levels, start, name);
            }
        }
        let start = |net: u32| match self.drivers[net as usize] {
            Some(Driver::Start(name)) => self.names[name as usize].text.clone(),
            _ => "nothing".into(),
        };
        let mut ends: Vec<(u32, u32, &Name)> = longest
            .into_values()
            .map(|(levels, net, name)| (levels, net, &self.names[name as usize]))
            .collect();
        ends.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.text.cmp(&b.2.text)));
        let route = |&(levels, net, name): &(u32, u32, &Name)| Route {
            levels,
            from: start(net),
            to: name.text.clone(),
        };
        let first = |product| {
            ends.iter()
                .find(|(_, _, name)| is_product(name.local()) == product)
                .map(route)
        };
        let too_long = ends
            .iter()
            .filter(|(levels, _, name)| *levels > limit(name.module, name.local(), exceptions));
        Ok(Depth {
            block: String::new(),
            parameters: BTreeMap::new(),
            logic: first(false).unwrap_or_else(|| Route {
                levels: 0,
                from: "nothing".into(),
                to: "nothing".into(),
            }),
            product: first(true),
            cells: self.cells,
            flip_flops: self.flip_flops,
            memory_bits: self.memory_bits,
            too_long: too_long.map(route).collect(),
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
.model inverter
.inputs a
.outputs y
.subckt $_NOT_ A=a Y=y
.end
.model pair
.inputs a
.outputs y
.subckt inverter a=a y=n1
.cname u_one
.subckt inverter a=n1 y=y
.cname u_two
.end
";

    fn looked_at(text: &str, top: &str) -> anyhow::Result<Depth> {
        let mut models = HashMap::new();
        for name in ["m", "inverter", "pair"] {
            if text.contains(&format!(".model {name}\n")) {
                let text = Model::parse(text, name)?;
                // As kept in the cache.
                let model = serde_json::from_str(&serde_json::to_string(&text)?)?;
                models.insert(name.to_owned(), model);
            }
        }
        models.insert("$paramod$12\\ram_1r1w".into(), Model::ram("ram_1r1w", 96));
        Netlist::of(top, &models)?.depth(&[])
    }

    #[test]
    fn paths_end_in_registers_outputs_and_rams() {
        let depth = looked_at(NETLIST, "m").unwrap();
        let route = |levels, from: &str, to: &str| Route {
            levels,
            from: from.into(),
            to: to.into(),
        };
        assert_eq!(depth.logic, route(3, "a", "y"));
        assert_eq!(depth.product, Some(route(3, "a", "g.product_q")));
        assert_eq!((depth.cells, depth.flip_flops, depth.memory_bits), (4, 3, 96));
        assert_eq!(depth.too_long, []);
        let without = |cells: &[&str]| {
            let rest = NETLIST
                .lines()
                .filter(|line| !cells.iter().any(|cell| line.contains(cell)));
            let rest = rest.map(|line| format!("{line}\n")).collect::<String>();
            looked_at(&rest, "m").unwrap().logic
        };
        assert_eq!(without(&["XOR"]), route(2, "a", "u_ram.wr_en"));
        assert_eq!(without(&["XOR", "NOT", "Y=n1"]), route(1, "u_ram.rd_data", "w_q"));
    }

    #[test]
    fn paths_run_through_modules() {
        let depth = looked_at(NETLIST, "pair").unwrap();
        assert_eq!((depth.logic.levels, depth.cells), (2, 2));
        assert_eq!((depth.logic.from.as_str(), depth.logic.to.as_str()), ("a", "y"));
    }

    #[test]
    fn a_loop_and_an_unknown_cell_are_refused() {
        let depth = |cells| looked_at(&format!(".model m\n{cells}"), "m");
        assert!(depth(".subckt $_AND_ A=x B=y Y=z\n").is_ok());
        assert!(depth(".subckt $_AND_ A=x B=y Y=z\n.subckt $_NOT_ A=z Y=x\n").is_err());
        assert!(depth(".subckt $_DLATCH_P_ E=a D=b Q=c\n").is_err());
        assert!(depth(".subckt other E=a\n").is_err());
    }
}
