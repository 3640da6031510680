//! Logic depth: no block has a path longer than allowed, the page says what Yosys finds, and the measure itself fires. These
//! tests need Yosys.

use spatten_gen::bench::thorough;
use spatten_gen::config::{Config, PRESETS};
use spatten_gen::flow::depth::{Depth, LIMIT, PRODUCT_LIMIT, Root, Yosys, depth_of, depths};
use spatten_gen::report::{depth_rows, depth_section};

fn preset(name: &str) -> Config {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    preset.expect("a preset").config()
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
    let files = [("deep.v".to_owned(), text.to_owned())];
    let depth = depth_of(&yosys, &files, Root::new("deep")).unwrap();
    assert!(depth.logic.levels > LIMIT, "{depth:?}");
    assert_eq!(
        (depth.logic.from.as_str(), depth.logic.to.as_str()),
        ("a_q", "out_q")
    );
    let too_long = |name: &str| depth.too_long.iter().any(|route| route.to == name);
    assert!(too_long("out_q") && !too_long("a_q"), "{depth:?}");
    assert!(depth.product.unwrap().levels <= PRODUCT_LIMIT && !too_long("product_q"));
}

/// Blocks of the datapath: those that are many times as large at the default preset as at one eighth.
const DATAPATH: &[&str] = &[
    "zero_eliminator",
    "topk_engine",
    "qk_array",
    "softmax",
    "requant_decision",
    "av_array",
    "token_importance",
    "head_importance",
];

/// What Yosys finds of blocks, or of all without any, at a preset; no path is too long.
fn found(name: &str, blocks: &[&str]) -> Vec<Depth> {
    let yosys = Yosys::find().unwrap();
    let blocks: Vec<String> = blocks.iter().map(ToString::to_string).collect();
    let depths = depths(&yosys, &preset(name), &blocks, &|_, _, _| ()).unwrap();
    let faults: Vec<String> = depths
        .iter()
        .flat_map(|depth| {
            let fault = |route| format!("{}: {route:?}", depth.block);
            depth.too_long.iter().map(fault)
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    depths
}

const PAGE: &str = include_str!("../docs/depth.md");
const STALE: &str = "docs/depth.md is not current; run: spatten-gen depth --markdown > docs/depth.md";

/// No path is too long, and the part of the page about the preset is what Yosys finds.
fn check(name: &str) {
    let section = depth_section(name, &found(name, &[]));
    assert!(PAGE.contains(&section), "{STALE}");
}

/// Small enough for every run: one eighth of the arrays has every module, and netlists are kept by content.
#[test]
fn no_path_is_too_long_at_one_eighth() {
    check("spatten-1-8");
}

/// The same of the datapath at its full size, which has more copies of the same lanes, in a thorough run.
#[test]
fn no_path_of_the_datapath_is_too_long_at_the_default() {
    if !thorough() {
        eprintln!("skipped: the datapath at its full size; SPATTEN_THOROUGH=1 takes it");
        return;
    }
    let rows = depth_rows(&found("spatten", DATAPATH));
    assert_eq!(rows.len(), DATAPATH.len());
    let section = PAGE
        .split("\n## ")
        .find(|part| part.starts_with("Preset `spatten`\n"));
    let section = section.expect("the page has the default preset");
    for row in rows {
        assert!(section.contains(&row), "{STALE}\n{row}");
    }
}

/// All the core at its full size: `cargo test --release --test depth -- --ignored`.
#[test]
#[ignore = "takes many minutes"]
fn no_path_is_too_long_at_the_default() {
    check("spatten");
}
