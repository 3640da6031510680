//! The flags that make a configuration: `--preset`, `--config`, and one a parameter, from the table of parameters.

use crate::config::{Config, ConfigError, Layers, Legal, PARAMETERS, PRESETS, Parameter, Problem, RULES};
use clap::builder::{PossibleValue, TypedValueParser, ValueParser};
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsStr;
use std::path::PathBuf;

/// The configuration flags of a command; flatten it into the command's arguments.
#[derive(Clone, Debug, Default)]
pub struct ConfigArgs {
    preset: Option<String>,
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
}

impl ConfigArgs {
    /// The configuration that the flags, the file and the preset make.
    ///
    /// # Errors
    /// When the file cannot be read or something is not legal.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut file = None;
        if let Some(path) = &self.file {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| Problem {
                code: "bad-file",
                message: format!("cannot read configuration file `{name}`: {error}"),
                ..Problem::default()
            });
            file = Some((name, text?));
        }
        Layers {
            preset: self.preset.clone(),
            file,
            flags: self.flags.clone(),
        }
        .resolve()
    }
}

impl clap::Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        let preset = Arg::new("preset")
            .long("preset")
            .value_name("NAME")
            .help("Start from this preset [default: the file's `preset`, else spatten]")
            .long_help(format!(
                "Start from this preset [default: the file's `preset`, else {}]\n{}",
                PRESETS[0].name,
                PRESETS
                    .each_ref()
                    .map(|preset| format!("- {}: {}", preset.name, preset.doc))
                    .join("\n")
            ))
            .value_parser(ValueParser::new(AnyWord(
                PRESETS.each_ref().map(|preset| preset.name),
            )))
            .hide_possible_values(true)
            .help_heading("Configuration");
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("Read parameters from this TOML file, over the preset")
            .value_parser(clap::value_parser!(PathBuf))
            .value_hint(clap::ValueHint::FilePath)
            .help_heading("Configuration");
        PARAMETERS
            .iter()
            .fold(command.args([preset, config]), |command, parameter| {
                command.arg(flag(parameter))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = ConfigArgs::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let word = |key| matches.get_one::<String>(key).cloned();
        self.preset = word("preset").or(self.preset.take());
        self.file = matches.get_one::<PathBuf>("config").cloned().or(self.file.take());
        self.flags.extend(
            PARAMETERS
                .iter()
                .filter_map(|parameter| Some((parameter.key, word(parameter.key)?))),
        );
        Ok(())
    }
}

/// A parameter's flag. It takes any word, negative numbers too: the configuration says what is wrong with one.
fn flag(parameter: &'static Parameter) -> Arg {
    let default = parameter.get(&PRESETS[0].params());
    let help = format!("{}: {} [{default}]", parameter.doc, parameter.legal.rule());
    let rules = RULES.iter().filter(|rule| rule.key == parameter.key);
    let rules: String = rules
        .map(|rule| format!("\n{}: {}", rule.text, rule.reason))
        .collect();
    let flag = Arg::new(parameter.key)
        .long(parameter.key)
        .allow_negative_numbers(true)
        .hide_possible_values(true)
        .help_heading(parameter.group)
        .long_help(format!("{help}{rules}"))
        .help(help);
    match parameter.legal {
        Legal::Words(words) => flag
            .value_name("WORD")
            .value_parser(ValueParser::new(AnyWord(words))),
        _ => flag.value_name("N"),
    }
}

/// Takes any word, but tells completion scripts which ones are expected.
#[derive(Clone)]
struct AnyWord<W>(W);

impl<W: AsRef<[&'static str]> + Clone + Send + Sync + 'static> TypedValueParser for AnyWord<W> {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.as_ref().iter().map(PossibleValue::new)))
    }
}
