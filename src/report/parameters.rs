//! The table of parameters as a page and for the terminal.

use crate::config::{PARAMETERS, PRESETS, RULES};

/// The page of parameters, Markdown.
pub fn parameters_page() -> String {
    let mut page = String::from(
        "# Parameters\n\n\
         <!-- Generated: spatten-gen presets --markdown > docs/parameters.md -->\n\n\
         Each parameter is a flag (`--max-tokens 512`) and a key of the configuration file (`max-tokens = 512`). Flags \
         override the file (`--config`), the file overrides the preset (`--preset`, or the file's key `preset`). An \
         illegal value or combination is refused before anything is written. `config.toml` in every output has all \
         values and can be given to `--config` again.\n\n",
    );
    for preset in &PRESETS {
        page += &format!("- `{}`: {}\n", preset.name, preset.doc);
    }
    let names = PRESETS
        .each_ref()
        .map(|preset| format!("`{}`", preset.name))
        .join(" | ");
    let mut group = "";
    for parameter in PARAMETERS {
        if parameter.group != group {
            group = parameter.group;
            page += &format!("\n## {group}\n\n| parameter | meaning | legal values | {names} |\n");
            page += &format!("|---|---|---|{}\n", "---|".repeat(PRESETS.len()));
        }
        let values = PRESETS
            .each_ref()
            .map(|preset| parameter.get(&preset.params()).to_string())
            .join(" | ");
        let rules: String = RULES
            .iter()
            .filter(|rule| rule.key == parameter.key)
            .map(|rule| format!("; {}", rule.text))
            .collect();
        page += &format!(
            "| `{}` | {} | {}{rules} | {values} |\n",
            parameter.key,
            parameter.doc,
            parameter.legal.rule()
        );
    }
    page += "\n## Rules between parameters\n\n| parameter | must be | because |\n|---|---|---|\n";
    for rule in RULES {
        page += &format!("| `{}` | {} | {} |\n", rule.key, rule.text, rule.reason);
    }
    page
}

/// The table for the terminal.
pub fn presets_table() -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut heading = vec!["parameter".to_owned()];
    heading.extend(PRESETS.iter().map(|preset| preset.name.to_owned()));
    heading.push("legal values".to_owned());
    rows.push(heading);
    for parameter in PARAMETERS {
        let mut row = vec![parameter.key.to_owned()];
        row.extend(
            PRESETS
                .iter()
                .map(|preset| parameter.get(&preset.params()).to_string()),
        );
        row.push(parameter.legal.rule().replace('`', ""));
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut table = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        table += cells.join("  ").trim_end();
        table.push('\n');
    }
    table.push('\n');
    for preset in &PRESETS {
        table += &format!("{:12} {}\n", preset.name, preset.doc);
    }
    table.push('\n');
    for rule in RULES {
        table += &format!(
            "{} must be {}: {}.\n",
            rule.key,
            rule.text,
            rule.reason.replace('`', "")
        );
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_page_is_current() {
        let committed = include_str!("../../docs/parameters.md");
        assert!(
            committed == super::parameters_page(),
            "docs/parameters.md is stale; run: cargo run -- presets --markdown > docs/parameters.md"
        );
    }
}
