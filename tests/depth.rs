//! Logic depth: no block has a path longer than allowed, and the measure itself fires. These tests need Yosys; the whole
//! of the blocks takes minutes and runs on demand: `cargo test --release --test depth -- --ignored`.

use rayon::prelude::*;
use spatten_gen::config::{Config, PRESETS};
use spatten_gen::flow::depth::{LIMIT, PRODUCT_LIMIT, Yosys, depth_of, reduced, subjects};

fn preset(name: &str) -> Config {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    preset.expect("a preset").config()
}

fn check(config: &Config) {
    let yosys = Yosys::find().unwrap();
    let faults: Vec<String> = subjects(config, &[])
        .unwrap()
        .par_iter()
        .with_max_len(1)
        .flat_map_iter(|subject| {
            let depth = yosys.depth(subject).unwrap();
            let block = depth.block;
            let fault = move |route| format!("{block}: {route:?}");
            depth.too_long.into_iter().map(fault)
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
#[ignore = "takes minutes"]
fn no_path_is_too_long_at_one_eighth() {
    check(&preset("spatten-1-8"));
}

#[test]
#[ignore = "takes minutes"]
fn no_path_is_too_long_at_the_default() {
    check(&reduced(&preset("spatten")).unwrap());
}

/// A sum of products that nobody would put between two registers.
#[test]
fn a_deep_path_is_noticed() {
    let text = "
module deep (input wire clk, input wire [15:0] a, input wire [15:0] b, output reg [31:0] out_q,
             output reg [31:0] product_q);
  reg [15:0] a_q, b_q;
  always @(posedge clk) begin
    a_q <= a;
    b_q <= b;
    product_q <= a_q * b_q + product_q;
    out_q <= a_q * b_q + out_q;
  end
endmodule
";
    let yosys = Yosys::find().unwrap();
    let netlist = yosys.map("deep", &[("deep.v".into(), text.into())], &[]).unwrap();
    let depth = depth_of(&netlist).unwrap();
    assert!(depth.logic.levels > LIMIT, "{depth:?}");
    assert_eq!(
        (depth.logic.from.as_str(), depth.logic.to.as_str()),
        ("a_q", "out_q")
    );
    let too_long = |name: &str| depth.too_long.iter().any(|route| route.to == name);
    assert!(too_long("out_q") && !too_long("a_q"), "{depth:?}");
    assert!(depth.product.unwrap().levels <= PRODUCT_LIMIT && !too_long("product_q"));
}
