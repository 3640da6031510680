//! Logic depth and cells of each block as a page and for the terminal.

use super::grouped;
use crate::flow::depth::{Depth, EXCEPTIONS, LIMIT, PRODUCT, PRODUCT_LIMIT, deepest, script};
use std::fmt::Write as _;

/// Block with the parameters that are not its defaults.
fn name(depth: &Depth) -> String {
    let set = depth
        .parameters
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    set.fold(depth.block.clone(), |name, set| name + &set)
}

/// The page, Markdown: a table for each preset.
pub fn depth_page(yosys: &str, presets: &[(&str, Vec<Depth>)]) -> String {
    let [elaborate, map] = script(&["*.v"]).map(|script| script.replace(" roots.v", "").replace("; ", ";\n"));
    let mut page = format!(
        "# Logic depth and cells\n\n\
         <!-- Generated: spatten-gen depth --markdown > docs/depth.md -->\n\n\
         Each block, mapped by Yosys {yosys} to inverters and two-input gates; a multiplexer counts as the gates it takes. \
         Registers keep enable and reset pins. RAMs are left whole, and paths end at their pins. Levels are gates on the \
         longest path from an input, register or RAM to an output, register or RAM, through all modules that the block is \
         made of. A block is built as the core has it; of several parameter sets the deepest is shown, and \
         `spatten-gen depth BLOCK` shows all.\n\n\
         More than {LIMIT} levels fail the tests; a multiplier stage, that is a path into a register with `{PRODUCT}` in its \
         name, may have {PRODUCT_LIMIT}, and paths in the list at the end what the list says.\n\n\
         The core is elaborated once, and each module is mapped by itself at each of its parameter sets; what is small is part \
         of what instantiates it. The commands, for `roots`, a module that has an instance of `spatten_top`:\n\n\
         ```\n{elaborate}\n```\n\nand for each module:\n\n```\n{map}\n```\n",
    );
    for (preset, depths) in presets {
        page += &depth_section(preset, depths);
    }
    if !EXCEPTIONS.is_empty() {
        page += "\n## Longer paths that are allowed\n\n| module | path into | levels | why |\n|---|---|--:|---|\n";
        for exception in EXCEPTIONS {
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {} |",
                exception.module, exception.to, exception.levels, exception.reason
            );
        }
    }
    page
}

/// The part of the page that is about one preset.
pub fn depth_section(preset: &str, depths: &[Depth]) -> String {
    let mut page = format!(
        "\n## Preset `{preset}`\n\n| block | levels | longest path | multiplier stage | gates | flip-flops | RAM bits |\n\
         |---|--:|---|--:|--:|--:|--:|\n"
    );
    for row in depth_rows(depths) {
        page += &row;
    }
    page
}

/// The rows of the page's table, a line for each block.
pub fn depth_rows(depths: &[Depth]) -> Vec<String> {
    let row = |depth: &Depth| {
        let product = depth
            .product
            .as_ref()
            .map_or("-".to_owned(), |product| product.levels.to_string());
        format!(
            "| `{}` | {} | `{}` to `{}` | {product} | {} | {} | {} |\n",
            name(depth),
            depth.logic.levels,
            depth.logic.from,
            depth.logic.to,
            grouped(depth.cells),
            grouped(depth.flip_flops),
            grouped(depth.memory_bits)
        )
    };
    deepest(depths).into_iter().map(row).collect()
}

/// The table for the terminal.
pub fn depth_table(depths: &[&Depth]) -> String {
    let mut rows = vec![
        [
            "block",
            "levels",
            "product",
            "gates",
            "flip-flops",
            "RAM bits",
            "longest path",
        ]
        .map(String::from),
    ];
    for depth in depths {
        rows.push([
            name(depth),
            depth.logic.levels.to_string(),
            depth
                .product
                .as_ref()
                .map_or("-".into(), |p| p.levels.to_string()),
            grouped(depth.cells),
            grouped(depth.flip_flops),
            grouped(depth.memory_bits),
            format!("{} to {}", depth.logic.from, depth.logic.to),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut table = String::new();
    for row in &rows {
        let _ = write!(table, "{:w$}", row[0], w = widths[0]);
        for column in 1..row.len() - 1 {
            let _ = write!(table, "  {:>w$}", row[column], w = widths[column]);
        }
        let _ = writeln!(table, "  {}", row[row.len() - 1]);
    }
    table
}
