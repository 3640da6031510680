//! What can be wrong with a configuration, for people and for machines.

use serde::Serialize;
use std::fmt;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// File as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters to underline.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

impl Location {
    /// The place of a range of bytes in the text of a file; a range over lines is cut at the first line's end.
    pub(super) fn new(file: &str, text: &str, span: std::ops::Range<usize>) -> Self {
        // A span may point behind the text or, in a damaged file, into a character.
        let start = (0..=span.start.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = (span.end.clamp(start, line_end)..=line_end).find(|&at| text.is_char_boundary(at));
        Location {
            file: file.into(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end.unwrap_or(line_end)].chars().count().max(1),
            text: text[line_start..line_end].trim_end().into(),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable name of the kind: `illegal-value`, `illegal-combination`, `unknown-key`, `unknown-preset`, `bad-file`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Key of the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'static str>,
    /// The value as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The rule that is broken, as in "must be ...".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The nearest legal value, or the key or name that was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Where in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Further lines of help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(Location {
            file,
            line,
            column,
            width,
            text,
        }) = &self.location
        {
            let gutter = " ".repeat(line.to_string().len());
            let indent: String = text
                .chars()
                .take(column - 1)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n {gutter}--> {file}:{line}:{column}")?;
            write!(
                f,
                "\n {gutter} |\n {line} | {text}\n {gutter} | {indent}{}",
                "^".repeat(*width)
            )?;
        }
        match (&self.nearest, self.code) {
            (Some(nearest), "illegal-value" | "illegal-combination") => {
                write!(f, "\n  nearest legal value: {nearest}")?;
            }
            (Some(nearest), _) => write!(f, "\n  did you mean `{nearest}`?")?,
            (None, _) => (),
        }
        for line in &self.help {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// The problems, in the order of file and command line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\nerror: " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError {
            problems: vec![problem],
        }
    }
}
