//! `spatten-gen presets`: the table of parameters.

use crate::config::{Legal, PARAMETERS, PRESETS, RULES};
use crate::report;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Arguments of `presets`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Print the page of parameters as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Prints the table.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let text = if args.json {
        format!("{:#}\n", machine_readable())
    } else if args.markdown {
        report::parameters_page()
    } else {
        report::presets_table()
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn machine_readable() -> Value {
    let presets = PRESETS.iter().map(|preset| {
        let values = preset.config();
        json!({ "name": preset.name, "summary": preset.doc, "values": *values })
    });
    let parameters = PARAMETERS.iter().map(|parameter| {
        let legal = match parameter.legal {
            Legal::Range(low, high) => json!({ "range": [low, high] }),
            Legal::PowerOfTwo(low, high) => json!({ "power-of-two": [low, high] }),
            Legal::Numbers(numbers) => json!({ "numbers": numbers }),
            Legal::Words(words) => json!({ "words": words }),
        };
        json!({
            "key": parameter.key, "group": parameter.group, "meaning": parameter.doc,
            "legal": legal, "default": parameter.get(&PRESETS[0].params()),
        })
    });
    let rules = RULES.iter().map(|rule| {
        json!({ "parameter": rule.key, "others": rule.others, "rule": rule.text, "reason": rule.reason })
    });
    let mut page = Map::new();
    page.insert("presets".into(), presets.collect());
    page.insert("parameters".into(), parameters.collect());
    page.insert("rules".into(), rules.collect());
    Value::Object(page)
}
