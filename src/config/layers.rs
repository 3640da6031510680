//! From preset, file and flags to a validated configuration.

use super::Config;
use super::error::{ConfigError, Location, Problem};
use super::file;
use super::rules::RULES;
use super::table::{Legal, PARAMETERS, PRESETS, Parameter, Params, Preset, Value, parameter};
use std::collections::HashMap;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Set by a program.
    Given,
    /// A preset, by name.
    Preset(&'static str),
    /// A place in a configuration file.
    File(Location),
    /// A command-line flag.
    Flag,
}

impl Origin {
    /// As in "64, from ...".
    fn describe(&self, key: &str) -> String {
        match self {
            Origin::Given => "as given".into(),
            Origin::Preset(name) => format!("from preset {name}"),
            Origin::File(location) => format!("from {}:{}", location.file, location.line),
            Origin::Flag => format!("from --{key}"),
        }
    }
}

/// A value as a user wrote it, before any check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// The number it is, when it is one.
    pub number: Option<i128>,
    /// The word it is, when it is one. Flags do not tell numbers from words, so they fill both.
    pub word: Option<String>,
    /// As it was written.
    pub text: String,
    pub origin: Origin,
}

/// What a configuration is made of, the later fields over the earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Name of a preset; it takes precedence over the file's `preset` key. Without either, the default preset.
    pub preset: Option<String>,
    /// Name and text of a TOML file.
    pub file: Option<(String, String)>,
    /// Flags: key of the parameter and its value as written.
    pub flags: Vec<(&'static str, String)>,
}

impl Layers {
    /// The configuration, when every rule holds.
    ///
    /// # Errors
    /// Everything that is wrong: file syntax, unknown keys and presets, illegal values, or, when there is none of these,
    /// illegal combinations.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let mut problems = Vec::new();
        let mut given: Vec<(&'static Parameter, Given)> = Vec::new();
        let mut preset_name = self.preset.clone().map(|name| (name, None));
        if let Some((name, text)) = &self.file {
            let contents = file::read(name, text, &mut problems);
            preset_name = preset_name.or(contents.preset.map(|(name, location)| (name, Some(location))));
            given.extend(contents.values);
        }
        let preset = match preset_name {
            None => &PRESETS[0],
            Some((name, location)) => find_preset(&name, location).unwrap_or_else(|problem| {
                problems.push(*problem);
                &PRESETS[0]
            }),
        };
        for (key, text) in &self.flags {
            if let Some(parameter) = parameter(key) {
                let (number, word) = (text.trim().parse().ok(), Some(text.clone()));
                given.push((
                    parameter,
                    Given {
                        number,
                        word,
                        text: text.clone(),
                        origin: Origin::Flag,
                    },
                ));
            }
        }

        let mut params = preset.params();
        let mut origins = HashMap::new();
        for (parameter, given) in given {
            match check(parameter, &given) {
                Ok(value) => parameter.set(&mut params, value),
                Err(problem) => problems.push(*problem),
            }
            origins.insert(parameter.key, given.origin);
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| {
                problem
                    .location
                    .as_ref()
                    .map_or(usize::MAX, |location| location.line)
            });
            return Err(ConfigError { problems });
        }
        validate(params, |key| {
            origins.get(key).cloned().unwrap_or(Origin::Preset(preset.name))
        })
    }
}

/// Checks every value and every combination of `params`.
pub(super) fn validate(params: Params, origin: impl Fn(&str) -> Origin) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    for parameter in PARAMETERS {
        let value = parameter.get(&params);
        let number = match value {
            Value::Number(number) => Some(i128::from(number)),
            Value::Word(_) => None,
        };
        let text = value.to_string();
        let given = Given {
            number,
            word: Some(text.clone()),
            text,
            origin: origin(parameter.key),
        };
        problems.extend(check(parameter, &given).err().map(|problem| *problem));
    }
    if problems.is_empty() {
        problems = broken_rules(&params, origin);
    }
    if problems.is_empty() {
        Ok(Config(params))
    } else {
        Err(ConfigError { problems })
    }
}

/// The value, when it is legal for the parameter by itself.
fn check(parameter: &'static Parameter, given: &Given) -> Result<Value, Box<Problem>> {
    let legal = &parameter.legal;
    let nearest = match legal {
        Legal::Words(words) => {
            let written = given.word.as_deref().unwrap_or(&given.text);
            if let (Some(_), Some(word)) = (&given.word, words.iter().find(|word| **word == written)) {
                return Ok(Value::Word(word));
            }
            closest(written, words.iter().copied()).map(str::to_owned)
        }
        _ => {
            if let Some(number) = given.number {
                let nearest = legal.nearest_number(number);
                if let Some(nearest) = nearest.filter(|&nearest| i128::from(nearest) == number) {
                    return Ok(Value::Number(nearest));
                }
                nearest.map(|nearest| nearest.to_string())
            } else {
                // Not a whole number; it may still read as one, like `16.5` or `"16"`.
                let text = given.word.as_deref().unwrap_or(&given.text);
                let number = text
                    .trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|number| number.is_finite());
                number
                    .and_then(|number| legal.nearest_number(number as i128))
                    .map(|nearest| nearest.to_string())
            }
        }
    };
    let rule = legal.rule();
    let (key, text) = (parameter.key, &given.text);
    let mut help = vec![format!("{key}: {}", lower_first(parameter.doc))];
    if nearest.is_none() {
        help.insert(0, format!("for example: {}", parameter.get(&PRESETS[0].params())));
    }
    Err(Box::new(Problem {
        code: "illegal-value",
        message: format!("{} is illegal: {key} must be {rule}", written(key, given)),
        parameter: Some(key),
        value: Some(text.clone()),
        rule: Some(rule),
        nearest,
        location: location(&given.origin),
        help,
    }))
}

/// The value as the user wrote it, with its key.
fn written(key: &str, given: &Given) -> String {
    match given.origin {
        Origin::Flag => format!("`--{key} {}`", given.text),
        _ => format!("`{key} = {}`", given.text),
    }
}

fn location(origin: &Origin) -> Option<Location> {
    match origin {
        Origin::File(location) => Some(location.clone()),
        _ => None,
    }
}

/// One problem for every broken rule between parameters.
fn broken_rules(params: &Params, origin: impl Fn(&str) -> Origin) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in RULES {
        let Some(subject) = parameter(rule.key) else {
            continue;
        };
        let Value::Number(value) = subject.get(params) else {
            continue;
        };
        if rule.holds(value, params) {
            continue;
        }
        let key = rule.key;
        let others: Vec<String> = rule
            .others
            .iter()
            .filter_map(|other| parameter(other))
            .map(|other| {
                format!(
                    "{} is {}, {}",
                    other.key,
                    other.get(params),
                    origin(other.key).describe(other.key)
                )
            })
            .collect();
        let given = Given {
            number: None,
            word: None,
            text: value.to_string(),
            origin: origin(key),
        };
        let mut help = vec![others.join("; ")];
        if let Origin::Preset(_) | Origin::Given = given.origin {
            help.push(format!("{key} is {value}, {}", given.origin.describe(key)));
        }
        help.push(format!("{key}: {}", lower_first(subject.doc)));
        problems.push(Problem {
            code: "illegal-combination",
            message: format!("{} is illegal: {key} must be {}", written(key, &given), rule.text),
            parameter: Some(key),
            value: Some(given.text.clone()),
            rule: Some(rule.text.into()),
            nearest: rule.nearest(value, params).map(|nearest| nearest.to_string()),
            location: location(&given.origin),
            help,
        });
    }
    problems
}

fn find_preset(name: &str, location: Option<Location>) -> Result<&'static Preset, Box<Problem>> {
    let names = PRESETS.each_ref().map(|preset| preset.name);
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        Box::new(Problem {
            code: "unknown-preset",
            message: format!("there is no preset `{name}`"),
            value: Some(name.into()),
            nearest: likely(name, names.into_iter()).map(str::to_owned),
            location,
            help: vec![format!("presets: {}", names.join(", "))],
            ..Problem::default()
        })
    })
}

/// The name most like `word`.
fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    names.min_by_key(|name| strsim::damerau_levenshtein(&word, name))
}

/// The name that was probably meant by `word`, if any is near enough.
pub(super) fn likely<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let normal = word.to_lowercase().replace('_', "-");
    let near = |name: &&str| strsim::damerau_levenshtein(&normal, name) <= 1 + word.len().min(name.len()) / 4;
    closest(word, names).filter(near)
}

fn lower_first(text: &str) -> String {
    // Only words lose their capital, not names like AXI4 or 32-byte.
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.into(),
    }
}
