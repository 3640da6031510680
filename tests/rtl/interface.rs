//! What a module says of its ports is what its Verilog has: name, direction and width, with parameters overridden too.

use crate::{config, generate, run};
use spatten_gen::config::{Config, Reset};
use spatten_gen::rtl::{self, Direction, Field, Module};
use std::collections::BTreeMap;
use std::path::Path;

/// Direction and bits by port name.
type Ports = BTreeMap<String, (String, u32)>;

fn described(module: &dyn Module, config: &Config, overrides: &[(&str, u64)]) -> Ports {
    let interface = module.interface(config, overrides);
    let mut ports = Ports::new();
    let mut add = |name: String, input: bool, width: u32| {
        let direction = if input { "input" } else { "output" };
        assert!(
            ports.insert(name, (direction.to_owned(), width)).is_none(),
            "{} names a port twice",
            module.name()
        );
    };
    if module.has_clock() {
        add("clk".into(), true, 1);
    }
    if module.has_reset() {
        add(config.reset.port().into(), true, 1);
    }
    for stream in &interface.streams {
        let input = stream.direction == Direction::In;
        add(format!("{}_valid", stream.name), input, 1);
        add(format!("{}_ready", stream.name), !input, 1);
        for Field { name, width, lanes } in &stream.fields {
            assert_eq!(width % lanes, 0, "{}: lanes of {name}", module.name());
            add(format!("{}_{name}", stream.name), input, *width);
        }
    }
    for (direction, field) in &interface.ports {
        add(field.name.clone(), *direction == Direction::In, field.width);
    }
    ports
}

/// Runs Yosys and returns the ports of every module that it is left with.
fn elaborated(output: &Path, script: &str) -> BTreeMap<String, Ports> {
    if let Err(text) = run(
        output,
        "yosys",
        &["-q", "-p", &format!("{script}; write_json ports.json")],
    ) {
        panic!("{script}: {text}");
    }
    let text = std::fs::read(output.join("ports.json")).unwrap();
    let netlist: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let port = |(name, port): (&String, &serde_json::Value)| {
        let bits = port["bits"].as_array().unwrap().len() as u32;
        (
            name.clone(),
            (port["direction"].as_str().unwrap().to_owned(), bits),
        )
    };
    let modules = netlist["modules"].as_object().expect("Yosys writes modules");
    let ports = |module: &serde_json::Value| {
        let ports = module["ports"].as_object().expect("a module has ports");
        ports.iter().map(port).collect()
    };
    modules
        .iter()
        .map(|(name, module)| (name.clone(), ports(module)))
        .collect()
}

fn check(config: &Config) {
    let output = generate(config);
    // Heads of modules only: linters read the rest.
    let elaborated = elaborated(output.path(), "read_verilog -lib rtl/*.v");
    for entry in rtl::MODULES.iter().filter(|entry| entry.module.exists(config)) {
        let (module, name) = (entry.module, entry.module.name());
        assert_eq!(described(module, config, &[]), elaborated[name], "{name}");
    }
}

#[test]
fn ports_are_as_described() {
    check(&Config::default());
    check(&config("tiny", |params| params.reset = Reset::AsyncLow));
    check(&config("spatten", |params| {
        (params.parallelism, params.max_tokens) = (64, 5000)
    }));
}

#[test]
fn ports_follow_verilog_parameters() {
    let config = Config::default();
    let output = generate(&config);
    for (name, overrides) in [
        ("stream_reg", &[("WIDTH", 37)][..]),
        ("stream_fifo", &[("WIDTH", 5)]),
        ("ram_1r1w", &[("WIDTH", 3), ("DEPTH", 100), ("ADDR_W", 7)]),
        ("rmw_ram", &[("WIDTH", 3), ("DEPTH", 100), ("ADDR_W", 7)]),
        ("importance_store", &[("BANKS", 4), ("DEPTH", 9), ("ADDR_W", 4)]),
        ("requant_decision", &[("CTX_W", 3)]),
    ] {
        let module = rtl::module(name).expect("registered");
        let sets: String = overrides
            .iter()
            .map(|(name, value)| format!(" -set {name} {value}"))
            .collect();
        let script = format!(
            "read_verilog -defer rtl/*.v; chparam{sets} {name}; hierarchy -top {name}; proc; rename -top top"
        );
        assert_eq!(
            described(module, &config, overrides),
            elaborated(output.path(), &script)["top"],
            "{name}"
        );
    }
}

#[test]
fn parameters_are_as_described() {
    let config = Config::default();
    for source in rtl::sources(&config).unwrap() {
        let module = rtl::module(source.module).unwrap();
        let head = source
            .text
            .split_once("\nmodule ")
            .unwrap()
            .1
            .split_once(");")
            .unwrap()
            .0;
        let declared: Vec<&str> = head
            .lines()
            .filter_map(|line| line.trim().strip_prefix("parameter "))
            .filter_map(|declaration| declaration.split_once('='))
            .map(|(name, _)| name.split_whitespace().next_back().unwrap())
            .collect();
        let described = module.interface(&config, &[]).parameters;
        let described: Vec<&str> = described
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        assert_eq!(declared, described, "{}", source.module);
    }
}
