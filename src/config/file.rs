//! Configuration files: TOML, one key a parameter, and `preset` for the values that the file does not give.

use super::error::{Location, Problem};
use super::layers::{Given, Origin, likely};
use super::table::{Legal, PARAMETERS, Parameter, parameter};
use super::{Config, Value};
use toml::de::{DeTable, DeValue};

/// Key of a file that names the preset below it.
const PRESET_KEY: &str = "preset";

/// What a file gives.
#[derive(Default)]
pub(super) struct Contents {
    pub preset: Option<(String, Location)>,
    /// In the order of the file.
    pub values: Vec<(&'static Parameter, Given)>,
}

/// Reads a file's text; what is wrong with it goes to `problems`.
pub(super) fn read(name: &str, text: &str, problems: &mut Vec<Problem>) -> Contents {
    let locate = |span| Location::new(name, text, span);
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            problems.push(Problem {
                code: "bad-file",
                message: format!("not valid TOML: {}", error.message()),
                location: error.span().map(locate),
                ..Problem::default()
            });
            return Contents::default();
        }
    };
    let mut contents = Contents::default();
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start); // the table is in order of names
    for (key, value) in entries {
        let name = key.get_ref().as_ref();
        if name == PRESET_KEY {
            match value.get_ref() {
                DeValue::String(preset) => contents.preset = Some((preset.to_string(), locate(value.span()))),
                _ => problems.push(Problem {
                    code: "bad-file",
                    message: "`preset` must be the name of a preset, in quotes".into(),
                    location: Some(locate(value.span())),
                    ..Problem::default()
                }),
            }
        } else if let Some(parameter) = parameter(name) {
            let (number, word) = match value.get_ref() {
                DeValue::Integer(integer) => {
                    (i128::from_str_radix(integer.as_str(), integer.radix()).ok(), None)
                }
                DeValue::String(string) => (None, Some(string.to_string())),
                _ => (None, None),
            };
            let written = text
                .get(value.span())
                .and_then(|text| text.lines().next())
                .unwrap_or_default()
                .into();
            let origin = Origin::File(locate(value.span()));
            contents.values.push((
                parameter,
                Given {
                    number,
                    word,
                    text: written,
                    origin,
                },
            ));
        } else {
            let known = PARAMETERS
                .iter()
                .map(|parameter| parameter.key)
                .chain([PRESET_KEY]);
            let nearest = likely(name, known).map(str::to_owned);
            let mut help = Vec::new();
            if nearest.is_none() {
                help.push("`spatten-gen presets` lists every key".into());
            }
            problems.push(Problem {
                code: "unknown-key",
                message: format!("there is no parameter `{name}`"),
                value: Some(name.into()),
                nearest,
                location: Some(locate(key.span())),
                help,
                ..Problem::default()
            });
        }
    }
    contents
}

impl Config {
    /// The configuration as a file that reads back to it: every parameter, with its meaning and legal values.
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# Every parameter of this output, resolved. To generate it again: spatten-gen --config <this file>\n\
             # Shortest command for the same: {}\n",
            self.command()
        );
        let mut group = "";
        for parameter in PARAMETERS {
            if parameter.group != group {
                group = parameter.group;
                text += &format!("\n# {group}\n");
            }
            let value = match parameter.get(self) {
                Value::Number(number) => number.to_string(),
                Value::Word(word) => format!("\"{word}\""),
            };
            let assignment = format!("{} = {value}", parameter.key);
            let rule = match parameter.legal {
                Legal::Words(words) => words.join(", "),
                _ => parameter.legal.rule(),
            };
            text += &format!("{assignment:24} # {}: {rule}\n", parameter.doc);
        }
        text
    }
}
