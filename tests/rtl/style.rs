//! The emitted text keeps to the style guide.

use crate::config;
use spatten_gen::config::Reset;
use spatten_gen::flow;
use spatten_gen::{bench, rtl};

/// Columns of a line, as the style guide has it.
const COLUMNS: usize = 100;

#[test]
fn lines_are_short_and_clean() {
    let config = config("spatten", |params| params.reset = Reset::AsyncLow);
    let tree = flow::tree(&config, bench::testbenches(&config).unwrap()).unwrap();
    let mut faults = Vec::new();
    for (path, bytes) in tree
        .iter()
        .filter(|(path, _)| path.ends_with(".v") || path.ends_with(".sv"))
    {
        let text = std::str::from_utf8(bytes).expect("Verilog is text");
        assert!(text.is_ascii(), "{path} has letters that some tools do not read");
        assert!(
            text.ends_with('\n') && !text.contains("\n\n\n"),
            "{path}: empty lines"
        );
        for (number, line) in text.lines().enumerate() {
            let fault = if line.contains('\t') {
                "tab"
            } else if line.ends_with(' ') {
                "blank at the end"
            } else if line.len() > COLUMNS {
                "too long"
            } else {
                continue;
            };
            faults.push(format!("{path}:{}: {fault}: {line}", number + 1));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_module_opens_with_its_contract() {
    for source in rtl::sources(&spatten_gen::config::Config::default()).unwrap() {
        let (head, _) = source.text.split_once("\nmodule ").expect("a module");
        assert!(
            head.starts_with(&format!("// {}: ", source.module)),
            "{}",
            source.module
        );
        assert!(
            head.lines().filter(|line| line.starts_with("// ")).count() >= 5,
            "{} has no contract",
            source.module
        );
    }
}
