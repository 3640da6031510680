//! `spatten-gen depth`: logic depth and cells of each block, from Yosys.

use super::exit::Exit;
use crate::config::{PRESETS, Preset};
use crate::flow::depth::{Depth, Yosys, deepest, depths};
use crate::report::{depth_page, depth_table};
use anyhow::{Context as _, anyhow};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Presets looked at when none is named.
const USUAL: [&str; 2] = ["spatten", "spatten-1-8"];

/// Paths too long that are shown of a block; `--json` has all.
const SHOWN: usize = 8;

/// Arguments of `depth`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:
  spatten-gen depth topk_engine --preset spatten
  spatten-gen depth --markdown > docs/depth.md
  spatten-gen depth --check docs/depth.md

Needs Yosys: $YOSYS, or yosys on the PATH or in target/tools.
Exit codes: 1 when a path is longer than allowed, 3 when a checked page is not current.")]
pub struct Args {
    /// Blocks to look at; all without it
    blocks: Vec<String>,
    /// Preset to look at, may be repeated [default: spatten and spatten-1-8]
    #[arg(long = "preset", value_name = "NAME")]
    presets: Vec<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Print the page as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Compare with this page
    #[arg(long, value_name = "FILE", conflicts_with_all = ["blocks", "presets"])]
    check: Option<PathBuf>,
}

/// Runs `depth`: exit code 0 when no path is longer than allowed, else 1; 3 when the page to check is not current.
///
/// # Errors
/// When a block or preset does not exist, there is no Yosys, or it refuses a block.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let named = |name: &String| {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        found.with_context(|| {
            let names = PRESETS.each_ref().map(|preset| preset.name).join(", ");
            format!("no preset `{name}`; there are: {names}")
        })
    };
    let presets: Vec<&Preset> = if args.presets.is_empty() {
        PRESETS
            .iter()
            .filter(|preset| USUAL.contains(&preset.name))
            .collect()
    } else {
        args.presets.iter().map(named).collect::<anyhow::Result<_>>()?
    };
    let yosys = Yosys::find()?;
    let bar = super::progress::bar(0, "modules");
    let mut tables: Vec<(&str, Vec<Depth>)> = Vec::new();
    for preset in presets {
        let depths = depths(&yosys, &preset.config(), &args.blocks, &|done, count, module| {
            bar.set_length(count as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("{module} at {}", preset.name));
        })?;
        tables.push((preset.name, depths));
    }
    bar.finish_and_clear();
    let text = if args.json {
        let tables: Vec<_> = tables
            .iter()
            .map(|(preset, blocks)| json!({ "preset": preset, "blocks": blocks }))
            .collect();
        format!("{:#}\n", json!({ "yosys": yosys.version, "presets": tables }))
    } else if args.markdown {
        depth_page(&yosys.version, &tables)
    } else {
        let tables = tables.iter().map(|(preset, depths)| {
            format!(
                "preset {preset}, Yosys {}\n{}",
                yosys.version,
                if args.blocks.is_empty() {
                    depth_table(&deepest(depths))
                } else {
                    depth_table(&depths.iter().collect::<Vec<_>>())
                }
            )
        });
        tables.collect::<Vec<_>>().join("\n")
    };
    if let Some(file) = &args.check {
        let page = std::fs::read_to_string(file).map_err(|error| anyhow!("{}: {error}", file.display()))?;
        if page != depth_page(&yosys.version, &tables) {
            eprintln!(
                "{} is not current; run: spatten-gen depth --markdown > {0}",
                file.display()
            );
            return Ok(Exit::Stale.into());
        }
    } else {
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    let mut broken = false;
    let depths = tables
        .iter()
        .flat_map(|(preset, depths)| depths.iter().map(move |d| (preset, d)));
    for (preset, depth) in depths {
        broken |= !depth.too_long.is_empty();
        let place = format!("{} at {preset}", depth.block);
        for route in depth.too_long.iter().take(SHOWN) {
            eprintln!(
                "{place}: {} levels from {} to {} are too many",
                route.levels, route.from, route.to
            );
        }
        if depth.too_long.len() > SHOWN {
            eprintln!("{place}: and {} more", depth.too_long.len() - SHOWN);
        }
    }
    Ok(if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
