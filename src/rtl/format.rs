//! The formatting pass over emitted Verilog: blanks, empty lines, and comments wrapped at the style guide's width.
//!
//! Templates may wrap their comments wherever is handy, and values that they print may lengthen a line; here a paragraph
//! with a line that is too long is wrapped again. Ports are set in columns, since their ranges depend on the
//! configuration, and the connections of an instance stand a stream on a line. Other code is left as it is.

use std::fmt;

/// Columns of a line.
const COLUMNS: usize = 100;

/// Formats Verilog text.
pub fn format(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text
        .trim_end()
        .trim_start_matches('\n')
        .lines()
        .map(str::trim_end)
    {
        let double = line.is_empty() && lines.last().is_some_and(String::is_empty);
        if !double {
            lines.push(line.to_owned());
        }
    }
    align_ports(&mut lines);
    let lines = fill_connections(&lines);
    let mut formatted = Vec::with_capacity(lines.len());
    let mut rest = lines.as_slice();
    while let Some(first) = rest.first() {
        let Some(opening) = Comment::parse(first) else {
            formatted.push(first.clone());
            rest = &rest[1..];
            continue;
        };
        let hang = opening.hang();
        let follows =
            |line: &&String| Comment::parse(line).is_some_and(|comment| comment.continues(&opening, hang));
        let length = 1 + rest[1..].iter().take_while(follows).count();
        let (paragraph, after) = rest.split_at(length);
        if paragraph.iter().all(|line| line.len() <= COLUMNS) {
            formatted.extend_from_slice(paragraph);
        } else if opening.text.ends_with("----") {
            // A ruler.
            formatted.push(first.chars().take(COLUMNS).collect());
        } else {
            wrap(paragraph, &opening, hang, &mut formatted);
        }
        rest = after;
    }
    formatted.join("\n") + "\n"
}

/// Items side by side, on lines of at most so many columns; the separator stands between items of one line.
pub(crate) fn fill<'a>(
    items: impl IntoIterator<Item = &'a str>,
    separator: &str,
    columns: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.len() + separator.len() + item.len() <= columns => {
                line.push_str(separator);
                line.push_str(item);
            }
            _ => lines.push(item.to_owned()),
        }
    }
    lines
}

/// Sets the ports of each module in columns: direction, range, name.
fn align_ports(lines: &mut [String]) {
    for list in lines.split_mut(|line| line.trim() == ");") {
        let range = list
            .iter()
            .filter_map(|line| Port::parse(line))
            .map(|port| port.range.len())
            .max();
        for line in list {
            if let (Some(port), Some(range)) = (Port::parse(line), range) {
                let gap = if range > 0 { " " } else { "" };
                *line = format!("    {} {:<range$}{gap}{}", port.direction, port.range, port.name);
            }
        }
    }
}

/// A line that declares a port of one module's list.
struct Port<'a> {
    /// `input  wire` or `output wire`.
    direction: &'static str,
    /// `[7:0]`, or nothing.
    range: &'a str,
    /// The name and what follows it.
    name: &'a str,
}

impl<'a> Port<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let code = line.strip_prefix("    ")?;
        let (direction, rest) = ["input  wire", "output wire"]
            .into_iter()
            .find_map(|direction| Some((direction, code.strip_prefix(direction)?.trim_start())))?;
        let (range, name) = match rest.find(']') {
            Some(end) if rest.starts_with('[') => (&rest[..=end], rest[end + 1..].trim_start()),
            _ => ("", rest),
        };
        // A line of several ports is set by who wrote it.
        (!name.contains(" wire ")).then_some(Port {
            direction,
            range,
            name,
        })
    }
}

/// Sets the connections of instances side by side: those of a stream, whose names begin with the same word, from a line
/// of their own on, others one after the other.
fn fill_connections(lines: &[String]) -> Vec<String> {
    let parsed: Vec<_> = lines.iter().map(|line| (line, Connection::parse(line))).collect();
    let mut filled = Vec::with_capacity(lines.len());
    for run in parsed.chunk_by(|(_, a), (_, b)| a.is_some() && b.is_some()) {
        let connections: Vec<&Connection> = run.iter().filter_map(|(_, parsed)| parsed.as_ref()).collect();
        let Some(first) = connections.first() else {
            filled.extend(run.iter().map(|(line, _)| (*line).clone()));
            continue;
        };
        let margin = " ".repeat(first.indent);
        let groups: Vec<_> = connections.chunk_by(|a, b| a.stem() == b.stem()).collect();
        // A stream is a paragraph, and so are the groups between two streams.
        for paragraph in groups.chunk_by(|a, b| a.len() < STREAM && b.len() < STREAM) {
            let texts: Vec<String> = paragraph
                .iter()
                .copied()
                .flatten()
                .map(ToString::to_string)
                .collect();
            let lines = fill(texts.iter().map(String::as_str), " ", COLUMNS - first.indent);
            filled.extend(lines.iter().map(|line| format!("{margin}{line}")));
        }
    }
    filled
}

/// Connections with a common first word that are a stream.
const STREAM: usize = 3;

/// A line that connects one port, or sets one parameter, of an instance.
struct Connection<'a> {
    /// Columns before it.
    indent: usize,
    /// The port.
    port: &'a str,
    /// What it is connected to.
    net: &'a str,
    /// Whether others follow.
    comma: bool,
}

impl<'a> Connection<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let code = line.trim_start();
        let (body, comma) = code.strip_suffix(',').map_or((code, false), |body| (body, true));
        let (port, net) = body.strip_prefix('.')?.strip_suffix(')')?.split_once('(')?;
        // A connection of several lines, or a line of several connections, has parentheses that do not match.
        let mut depth = 0_i32;
        for letter in net.chars() {
            depth += match letter {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            if depth < 0 {
                return None;
            }
        }
        (depth == 0).then(|| Connection {
            indent: line.len() - code.len(),
            port: port.trim_end(),
            net,
            comma,
        })
    }

    /// The first word of the port's name.
    fn stem(&self) -> &'a str {
        self.port.split_once('_').map_or(self.port, |(stem, _)| stem)
    }
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = if self.comma { "," } else { "" };
        write!(f, ".{}({}){comma}", self.port, self.net)
    }
}

/// A line with nothing but a `//` comment.
struct Comment<'a> {
    /// Columns before `//`.
    indent: usize,
    /// Text after `// `, with the blanks it begins with.
    text: &'a str,
}

impl<'a> Comment<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let code = line.trim_start();
        let text = code.strip_prefix("//")?;
        // An empty comment line parts paragraphs, like an empty line.
        let text = text.strip_prefix(' ').filter(|text| !text.trim().is_empty())?;
        Some(Comment {
            indent: line.len() - code.len(),
            text,
        })
    }

    /// Where the text's lines after the first begin: behind a label, which two blanks or more end, or an item's dash.
    fn hang(&self) -> usize {
        let start = self.text.len() - self.text.trim_start().len();
        let body = &self.text[start..];
        let label = body
            .find("  ")
            .map_or(0, |end| body.len() - body[end..].trim_start().len());
        let item = if body.starts_with("- ") { 2 } else { 0 };
        start + label.max(item)
    }

    /// Whether this line goes on with the paragraph that `opening` begins.
    fn continues(&self, opening: &Comment, hang: usize) -> bool {
        let start = self.text.len() - self.text.trim_start().len();
        let body = &self.text[start..];
        let begins_another = body.contains("  ") || body.starts_with("- ") || body.ends_with("----");
        self.indent == opening.indent && start == hang && !begins_another
    }
}

/// Wraps the words of a paragraph anew.
fn wrap(paragraph: &[String], opening: &Comment, hang: usize, lines: &mut Vec<String>) {
    let margin = format!("{}// ", " ".repeat(opening.indent));
    let words = paragraph
        .iter()
        .filter_map(|line| Comment::parse(line).map(|comment| comment.text.trim_start()));
    let joined = words.collect::<Vec<_>>().join(" ");
    let start = opening.text.len() - opening.text.trim_start().len();
    let (label, body) = joined.split_at(hang - start);
    let columns = COLUMNS - margin.len() - hang;
    for (number, text) in fill(body.split_whitespace(), " ", columns).iter().enumerate() {
        lines.push(match number {
            0 => format!("{margin}{}{label}{text}", " ".repeat(start)),
            _ => format!("{margin}{}{text}", " ".repeat(hang)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_runs_of_empty_lines_go() {
        assert_eq!(format("\n\na  \n\n\n\nb\n\n"), "a\n\nb\n");
    }

    #[test]
    fn paragraphs_that_fit_are_left_alone() {
        let text =
            "// One line\n// and a short one.\n//\n//   a  table\n  // Label   text\n  //         more\n";
        assert_eq!(format(text), text);
    }

    #[test]
    fn long_paragraphs_wrap_behind_their_label() {
        let word = "word ".repeat(12);
        let text = format!("  // Latency  {word}{word}\n  //          end.\n  // Next     {word}\n");
        let expected = format!(
            "  // Latency  {}\n  //          {}end.\n  // Next     {}\n",
            "word ".repeat(17).trim_end(),
            "word ".repeat(7),
            word.trim_end()
        );
        assert_eq!(format(&text), expected);
        assert_eq!(format(&expected), expected);
    }

    #[test]
    fn plain_paragraphs_wrap_up_to_what_begins_another() {
        let word = "word ".repeat(25);
        let text = format!("// {word}\n// end.\n// - {word}\n//   item.\n// Label  text\n");
        let lines = format(&text);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[1], "// word word word word word word end.");
        assert!(
            lines[2].starts_with("// - word")
                && lines[3].starts_with("//   word")
                && lines[3].ends_with("item.")
        );
        assert_eq!(lines[4], "// Label  text");
        assert!(lines.iter().all(|line| line.len() <= COLUMNS));
    }

    #[test]
    fn ports_stand_in_columns() {
        let text = "module m (\n    input  wire clk,\n    input  wire  [16*W-1:0] a,\n    output wire [4:0] b  // c\n);\n";
        let set = "module m (\n    input  wire            clk,\n    input  wire [16*W-1:0] a,\n    output wire [4:0]      b  // c\n);\n";
        assert_eq!(format(text), set);
    }

    #[test]
    fn connections_stand_a_stream_on_a_line() {
        let text = "  m #(\n      .W(8)\n  ) u_m (\n      .clk      (clk),\n      .rst(rst),\n      .a_valid  (a),\n      .a_ready(b[f(1)]),\n      .a_data({c,\n d}),\n      .a_last(e),\n      .b(f)\n  );\n";
        let set = "  m #(\n      .W(8)\n  ) u_m (\n      .clk(clk), .rst(rst), .a_valid(a), .a_ready(b[f(1)]),\n      .a_data({c,\n d}),\n      .a_last(e), .b(f)\n  );\n";
        assert_eq!(format(text), set);
        let stream =
            "      .clk(clk),\n      .a_valid(a),\n      .a_ready(b),\n      .a_data(c),\n      .b(f)\n";
        let set = "      .clk(clk),\n      .a_valid(a), .a_ready(b), .a_data(c),\n      .b(f)\n";
        assert_eq!(format(stream), set);
    }

    #[test]
    fn rulers_are_cut() {
        let lines = format(&format!("  // ---- stage {}\n", "-".repeat(120)));
        assert_eq!(lines.trim_end().len(), COLUMNS);
        assert!(lines.starts_with("  // ---- stage -"));
    }

    #[test]
    fn code_is_never_touched() {
        let code = format!(
            "assign y = {};  // {}\n",
            "a + ".repeat(40) + "b",
            "word ".repeat(30).trim_end()
        );
        assert_eq!(format(&code), code);
    }
}
