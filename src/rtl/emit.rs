//! From modules to Verilog text: the one place that names, stamps, documents and orders the emitted files.

use super::{Entry, MODULES, Module, format};
use crate::config::{Config, Reset};
use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use std::collections::BTreeMap;

/// One Verilog file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Module name; the file is `rtl/<module>.v`.
    pub module: &'static str,
    /// Verilog text.
    pub text: String,
}

/// How a sequential block is written in the configured reset style; templates see it as `rst`.
///
/// ```verilog
/// always @(posedge clk{{ rst.edge }}) begin
///   if ({{ rst.active }}) ...
/// ```
#[derive(Serialize)]
struct ResetStyle {
    /// Port name: `rst` or, active low, `rst_n`.
    port: &'static str,
    /// What the sensitivity list adds to `posedge clk`: nothing when synchronous.
    edge: &'static str,
    /// True while in reset.
    active: &'static str,
}

impl From<Reset> for ResetStyle {
    fn from(reset: Reset) -> Self {
        let edge = match (reset.asynchronous(), reset.active_high()) {
            (false, _) => "",
            (true, true) => " or posedge rst",
            (true, false) => " or negedge rst_n",
        };
        ResetStyle {
            port: reset.port(),
            edge,
            active: reset.active(),
        }
    }
}

/// Every module's Verilog, each module after those it instantiates.
///
/// # Errors
/// When a template or a module's description is wrong: an unknown variable, an instance of an unregistered module.
pub fn sources(config: &Config) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for entry in in_dependency_order(MODULES, config)? {
        let module = entry.module.name();
        let text = render(entry, config).with_context(|| format!("module {module}"))?;
        sources.push(Source { module, text });
    }
    Ok(sources)
}

/// Names of a module and of all it instantiates, the module first.
///
/// # Errors
/// When it instantiates something that is not registered.
pub fn closure(module: &dyn Module, config: &Config) -> anyhow::Result<Vec<&'static str>> {
    let mut names = vec![module.name()];
    let mut next = 0;
    while let Some(&name) = names.get(next) {
        let module = super::module(name).with_context(|| format!("no module `{name}`"))?;
        for child in module.instantiates(config) {
            if !names.contains(child) {
                names.push(child);
            }
        }
        next += 1;
    }
    Ok(names)
}

/// The Verilog of a module and of all it instantiates.
///
/// # Errors
/// As [`sources`].
pub fn sources_of(module: &dyn Module, config: &Config) -> anyhow::Result<Vec<Source>> {
    let needed = closure(module, config)?;
    let mut all = sources(config)?;
    all.retain(|source| needed.contains(&source.module));
    Ok(all)
}

/// Every registered module, each after those it instantiates.
///
/// # Errors
/// As [`sources`].
pub fn in_order(config: &Config) -> anyhow::Result<Vec<&'static dyn Module>> {
    Ok(in_dependency_order(MODULES, config)?
        .into_iter()
        .map(|entry| entry.module)
        .collect())
}

/// The modules so ordered that each comes after those it instantiates, otherwise as listed.
fn in_dependency_order<'a>(entries: &'a [Entry], config: &Config) -> anyhow::Result<Vec<&'a Entry>> {
    fn visit<'a>(
        name: &str,
        entries: &'a [Entry],
        config: &Config,
        path: &mut Vec<String>,
        ordered: &mut Vec<&'a Entry>,
    ) -> anyhow::Result<()> {
        if ordered.iter().any(|entry| entry.module.name() == name) {
            return Ok(());
        }
        ensure!(
            !path.iter().any(|seen| seen == name),
            "module {name} instantiates itself: {}",
            path.join(" > ")
        );
        let Some(entry) = entries.iter().find(|entry| entry.module.name() == name) else {
            bail!(
                "module {name} is not in the list of blocks, but {} instantiates it",
                path.join(" > ")
            );
        };
        path.push(name.to_owned());
        for child in entry.module.instantiates(config) {
            visit(child, entries, config, path, ordered)?;
        }
        path.pop();
        ordered.push(entry);
        Ok(())
    }
    let mut ordered = Vec::new();
    for entry in entries.iter().filter(|entry| entry.module.exists(config)) {
        visit(
            entry.module.name(),
            entries,
            config,
            &mut Vec::new(),
            &mut ordered,
        )?;
    }
    Ok(ordered)
}

/// Renders one module: banner, template, closing directive.
fn render(entry: &Entry, config: &Config) -> anyhow::Result<String> {
    let mut context = entry.module.context(config)?;
    insert_config(&mut context, config)?;
    let body = render_template(entry.template, &context)?;
    let head = banner(entry.module, config);
    Ok(format::format(&format!(
        "{head}\n{body}\n`default_nettype wire\n"
    )))
}

/// What every template of a configuration may use: the reset style as `rst`, the parameters as `config`.
pub(crate) fn insert_config(context: &mut tera::Context, config: &Config) -> anyhow::Result<()> {
    context.insert("rst", &ResetStyle::from(config.reset));
    context.insert("config", &template_names(config)?);
    Ok(())
}

/// The parameters under names that templates can write: `config.head_dim`.
fn template_names(config: &Config) -> anyhow::Result<BTreeMap<String, serde_json::Value>> {
    let serde_json::Value::Object(params) = serde_json::to_value(config)? else {
        bail!("a configuration serialises as a table");
    };
    Ok(params
        .into_iter()
        .map(|(key, value)| (key.replace('-', "_"), value))
        .collect())
}

/// What every Verilog file opens with.
fn banner(module: &dyn Module, config: &Config) -> String {
    format!(
        "// {name}: {summary}\n\
         //\n\
         // Generated by spatten-gen {version}; do not edit. To generate it again:\n\
         //   {command}\n\n\
         `default_nettype none\n",
        name = module.name(),
        summary = module.summary(),
        version = env!("CARGO_PKG_VERSION"),
        command = config.command(),
    )
}

/// Renders Verilog template text. A tag is written with inner spaces, `{{ name }}`, so that Verilog's own
/// `{{N{bit}}, word}` stays what it is; a line with nothing but a `{% %}` or `{# #}` tag leaves no line behind. A
/// variable that is not there is an error.
pub(crate) fn render_template(template: &str, context: &tera::Context) -> anyhow::Result<String> {
    let mut tera = tera::Tera::new();
    tera.autoescape_on(Vec::<&str>::new());
    tera.set_delimiters(tera::Delimiters {
        variable_start: "«".into(),
        variable_end: "»".into(),
        ..tera::Delimiters::default()
    })?;
    let mut text = String::with_capacity(template.len());
    for line in template.lines() {
        let bare = line.trim();
        let only_a_tag = (bare.starts_with("{%") && bare.ends_with("%}") && bare.matches("{%").count() == 1)
            || (bare.starts_with("{#") && bare.ends_with("#}"));
        if only_a_tag {
            text.push_str(bare);
        } else {
            text.push_str(&line.replace("{{ ", "«").replace(" }}", "»"));
            text.push('\n');
        }
    }
    tera.add_raw_template("template", &text)?;
    Ok(tera.render("template", context)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Params;

    fn render_str(template: &str) -> anyhow::Result<String> {
        let mut context = tera::Context::new();
        context.insert("n", &3);
        render_template(template, &context)
    }

    #[test]
    fn tags_have_inner_spaces_and_verilog_replication_is_left_alone() {
        assert_eq!(
            render_str("x = {{N{1'b0}}, {{ n }}'d1};").unwrap(),
            "x = {{N{1'b0}}, 3'd1};\n"
        );
    }

    #[test]
    fn a_line_with_only_a_tag_vanishes() {
        assert_eq!(
            render_str("a\n  {% if n > 2 %}\n  b\n  {% endif %}\nc").unwrap(),
            "a\n  b\nc\n"
        );
    }

    #[test]
    fn a_missing_variable_is_an_error() {
        assert!(render_str("{{ m }}").is_err());
    }

    #[test]
    fn every_module_renders_in_every_reset_style() {
        for reset in [Reset::SyncHigh, Reset::SyncLow, Reset::AsyncHigh, Reset::AsyncLow] {
            let params = Params {
                reset,
                ..Params::clone(&Config::default())
            };
            let config = Config::try_from(params).unwrap();
            let sources = sources(&config).unwrap();
            let present = MODULES
                .iter()
                .filter(|entry| entry.module.exists(&config))
                .count();
            assert_eq!(sources.len(), present);
            for source in sources {
                assert!(
                    source.text.contains(&format!("\nmodule {} ", source.module)),
                    "{}",
                    source.text
                );
            }
        }
    }
}
