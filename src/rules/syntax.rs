//! In: the text of a TOML file. Out: a tree of [`Node`]s that all know their place. Never: what a key means.

use std::ops::Range;

use serde_json::Value;
use toml_edit::{Document, Item, Key, TableLike};

use crate::rules::diagnostic::Findings;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What TOML can say. A date is its text: JSON has none.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Date(String),
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Node {
    /// The type's name, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Bool(_) => "a boolean",
            Kind::Date(_) => "a date",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn table(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// As JSON; dates become strings.
    pub(crate) fn json(&self) -> Value {
        match &self.kind {
            Kind::Text(text) | Kind::Date(text) => Value::from(text.as_str()),
            Kind::Integer(number) => Value::from(*number),
            Kind::Float(number) => Value::from(*number),
            Kind::Bool(flag) => Value::from(*flag),
            Kind::Array(items) => items.iter().map(Self::json).collect(),
            Kind::Table(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.json()))
                    .collect(),
            ),
        }
    }
}

/// Finds a key.
pub(crate) fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// Reads TOML 1.0. `None` when it is not TOML at all; what TOML 1.1 added is found and refused, for other tools that
/// read these files would refuse it too.
pub(crate) fn read(findings: &mut Findings<'_>) -> Option<Vec<Entry>> {
    let text = findings.text();
    match Document::parse(text) {
        Ok(document) => {
            let mut reader = Reader { findings };
            Some(reader.entries(document.as_table()))
        }
        Err(first) => {
            refuse(text, &first, findings);
            None
        }
    }
}

/// Reports everything that is not TOML. The reader with places stops at the first trouble; the recovering one goes on.
fn refuse(text: &str, first: &toml_edit::TomlError, findings: &mut Findings<'_>) {
    let (_, all) = toml::de::DeTable::parse_recoverable(text);
    let mut troubles: Vec<(Range<usize>, String)> = all
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message().to_owned()))
        .collect();
    if troubles.is_empty() {
        troubles.push((first.span().unwrap_or(0..0), first.message().to_owned()));
    }
    let mut taught = None;
    for (span, message) in troubles {
        let line = line_at(text, span.start);
        let hint = as_condition(line).or_else(|| trouble(text, &span, line, &message));
        // What else such a line is taken for is of no use.
        if hint.is_some() && taught.replace(line.as_ptr()) == Some(line.as_ptr()) {
            continue;
        }
        let message = message.lines().collect::<Vec<_>>().join("; ");
        findings
            .error("syntax", &span, format!("this is not valid TOML: {message}"))
            .maybe_hint(hint);
    }
}

/// What to do about the mistakes that the reader of TOML tells in its own words.
fn trouble(text: &str, span: &Range<usize>, line: &str, message: &str) -> Option<String> {
    if message.contains("duplicate key") {
        let key = text.get(span.clone())?;
        let number = earlier(text, span.start, key)?;
        return Some(format!(
            "`{key}` stands on line {number} already: keep one of the two"
        ));
    }
    if line.trim_end().ends_with('=') {
        return Some("a value is missing behind `=`".to_owned());
    }
    let control = text
        .get(span.start..)?
        .chars()
        .next()
        .filter(|letter| letter.is_control())?;
    (!matches!(control, '\n' | '\r' | '\t')).then(|| {
        format!(
            "a character that cannot be seen stands here: take it out, or write `\\u{:04X}`",
            u32::from(control)
        )
    })
}

/// The line on which a key or a header stood before, in the same table.
fn earlier(text: &str, at: usize, key: &str) -> Option<usize> {
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let is_header = text[line_start..].trim_start().starts_with('[');
    let before = text[..line_start].lines().enumerate().collect::<Vec<_>>();
    for (number, line) in before.into_iter().rev() {
        let line = line.trim_start();
        if is_header {
            if line
                .strip_prefix('[')
                .and_then(|rest| rest.trim_start().strip_prefix(key))
                .is_some_and(|rest| rest.trim_start().starts_with(']'))
            {
                return Some(number + 1);
            }
        } else if line.starts_with('[') {
            return None;
        } else if line
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
        {
            return Some(number + 1);
        }
    }
    None
}

fn line_at(text: &str, offset: usize) -> &str {
    let before = text.get(..offset).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    text[start..].lines().next().unwrap_or_default()
}

/// What is meant by a line such as `issue.comments > 5`.
fn as_condition(line: &str) -> Option<String> {
    const COMPARISONS: [(&str, &str); 6] = [
        ("!=", "not"),
        ("==", ""),
        (">=", "gte"),
        ("<=", "lte"),
        (">", "gt"),
        ("<", "lt"),
    ];
    let end = line.find(|letter: char| !(letter.is_alphanumeric() || "._-\" ".contains(letter)))?;
    let (path, rest) = (line[..end].trim(), &line[end..]);
    let (sign, operator) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    let operand = rest[sign.len()..].trim();
    if path.is_empty() || operand.is_empty() {
        return None;
    }
    Some(match *operator {
        "" => format!("equality is one sign: `{path} = {operand}`"),
        operator => format!("below `[when]` a comparison is written `{path} = {{ {operator} = {operand} }}`"),
    })
}

struct Reader<'f, 'a> {
    findings: &'f mut Findings<'a>,
}

impl Reader<'_, '_> {
    fn entries(&mut self, table: &dyn TableLike) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let key_span = table.key(name).and_then(Key::span);
            let fallback = item.span().unwrap_or(0..0);
            let key_span = key_span.unwrap_or(fallback.start..fallback.start);
            if self.raw(&key_span).starts_with('"') {
                self.refuse_new_escapes(&key_span);
            }
            let node = self.item(item, &key_span);
            entries.push(Entry {
                key: name.to_owned(),
                key_span,
                node,
            });
        }
        entries
    }

    fn item(&mut self, item: &Item, key_span: &Range<usize>) -> Node {
        let span = item.span().unwrap_or_else(|| key_span.clone());
        match item {
            Item::Value(value) => self.value(value, key_span),
            Item::Table(table) => Node {
                kind: Kind::Table(self.entries(table)),
                // A table made by dotted keys or by a header has no place of its own but its key's.
                span: key_span.clone(),
            },
            Item::ArrayOfTables(tables) => {
                let items = tables.iter().map(|table| {
                    let span = table.span().unwrap_or_else(|| key_span.clone());
                    (span, table)
                });
                let mut nodes = Vec::new();
                for (span, table) in items {
                    nodes.push(Node {
                        kind: Kind::Table(self.entries(table)),
                        span: self.header(&span),
                    });
                }
                Node {
                    kind: Kind::Array(nodes),
                    span,
                }
            }
            Item::None => Node {
                kind: Kind::Table(Vec::new()),
                span,
            },
        }
    }

    fn value(&mut self, value: &toml_edit::Value, key_span: &Range<usize>) -> Node {
        let span = value.span().unwrap_or_else(|| key_span.clone());
        let kind = match value {
            toml_edit::Value::String(text) => {
                if self.raw(&span).starts_with('"') {
                    self.refuse_new_escapes(&span);
                }
                Kind::Text(text.value().clone())
            }
            toml_edit::Value::Integer(number) => Kind::Integer(*number.value()),
            toml_edit::Value::Float(number) => {
                if !number.value().is_finite() {
                    self.findings.error(
                        "number",
                        &span,
                        "`inf` and `nan` are no values a payload can hold",
                    );
                }
                Kind::Float(*number.value())
            }
            toml_edit::Value::Boolean(flag) => Kind::Bool(*flag.value()),
            toml_edit::Value::Datetime(date) => {
                self.refuse_short_time(&span);
                Kind::Date(date.value().to_string())
            }
            toml_edit::Value::Array(array) => {
                Kind::Array(array.iter().map(|item| self.value(item, &span)).collect())
            }
            toml_edit::Value::InlineTable(table) => {
                let entries = self.entries(table);
                if table.is_dotted() || table.span().is_none() {
                    return Node {
                        kind: Kind::Table(entries),
                        span: key_span.clone(),
                    };
                }
                self.refuse_loose_inline_table(&span, &entries);
                Kind::Table(entries)
            }
        };
        Node { kind, span }
    }

    fn raw(&self, span: &Range<usize>) -> &str {
        self.findings.text().get(span.clone()).unwrap_or("")
    }

    /// Only the header's own line of a table's span.
    fn header(&self, span: &Range<usize>) -> Range<usize> {
        let line = self.raw(span).lines().next().unwrap_or("").trim_end().len();
        span.start..span.start + line
    }

    fn refuse_new_escapes(&mut self, span: &Range<usize>) {
        let raw = self.raw(span);
        let mut found = None;
        let mut bytes = raw.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            if byte == b'\\'
                && let Some((_, b'e' | b'x')) = bytes.next()
            {
                found = Some(span.start + at..span.start + at + 2);
                break;
            }
        }
        if let Some(at) = found {
            self.findings
                .error(
                    "toml-version",
                    &at,
                    "this escape came with TOML 1.1; rule files are TOML 1.0",
                )
                .hint("write `\\u00..` instead");
        }
    }

    fn refuse_short_time(&mut self, span: &Range<usize>) {
        let raw = self.raw(span);
        let time = raw.split(['T', 't', ' ']).next_back().unwrap_or(raw);
        let clock = time.split(['Z', 'z', '+', '-']).next().unwrap_or(time);
        if clock.contains(':') && clock.matches(':').count() < 2 {
            self.findings
                .error(
                    "toml-version",
                    span,
                    "a time without seconds came with TOML 1.1; rule files are TOML 1.0",
                )
                .hint("add the seconds: `:00`");
        }
    }

    /// TOML 1.0 wants an inline table on one line and without a comma at its end. Line breaks inside its values are fine.
    fn refuse_loose_inline_table(&mut self, span: &Range<usize>, entries: &[Entry]) {
        let mut own: Vec<u8> = self.raw(span).bytes().collect();
        blank(&mut own, span.start, entries);
        let line_break = own.contains(&b'\n');
        let inside = own.strip_suffix(b"}").unwrap_or(&own);
        let last = inside.iter().rev().find(|byte| !byte.is_ascii_whitespace());
        let trouble = if line_break {
            "an inline table must stand on one line"
        } else if last == Some(&b',') {
            "an inline table must not end with a comma"
        } else {
            return;
        };
        self.findings
            .error(
                "toml-version",
                span,
                format!("{trouble}: rule files are TOML 1.0"),
            )
            .hint("put it on one line without a comma before `}`, or write it as a `[table]` of its own");
    }
}

/// Blanks the values (which may span lines) out of an inline table's text.
fn blank(own: &mut [u8], start: usize, entries: &[Entry]) {
    for entry in entries {
        let spans = [&entry.key_span, &entry.node.span];
        for span in spans {
            let (from, to) = (
                span.start.saturating_sub(start),
                span.end.saturating_sub(start).min(own.len()),
            );
            if from < to {
                own[from..to].fill(b'_');
            }
        }
        if let Kind::Table(nested) = &entry.node.kind {
            blank(own, start, nested);
        }
    }
}

/// The place, in the file, of an offset within a string's value. Falls back to the string's start.
pub(crate) fn inside(text: &str, string: &Range<usize>, value: Range<usize>) -> Range<usize> {
    let raw = text.get(string.clone()).unwrap_or("");
    let at = |offset| raw_offset(raw, offset).map(|raw| string.start + raw);
    match (at(value.start), at(value.end)) {
        (Some(start), Some(end)) if start < end => start..end,
        (Some(start), _) if start < string.end => start..start + 1,
        _ => string.clone(),
    }
}

/// Where, in the raw text of a TOML string, the character stands that begins at `wanted` of its value.
fn raw_offset(raw: &str, wanted: usize) -> Option<usize> {
    let multi = raw.starts_with("\"\"\"") || raw.starts_with("'''");
    let escapes = raw.starts_with('"');
    let mut at = if multi { 3 } else { 1 };
    if multi {
        at += usize::from(raw[at..].starts_with('\r'));
        at += usize::from(raw[at..].starts_with('\n'));
    }
    let mut value = 0;
    while value < wanted {
        let rest = raw.get(at..)?;
        let first = rest.chars().next()?;
        let (raw_len, value_len) = match first {
            // The parser keeps a CRLF inside a multi-line string as it is.
            '\\' if escapes => escape(rest)?,
            '\r' if rest.starts_with("\r\n") => (2, 2),
            other => (other.len_utf8(), other.len_utf8()),
        };
        at += raw_len;
        value += value_len;
    }
    (at <= raw.len()).then_some(at)
}

/// Lengths of an escape in the raw text and in the value.
fn escape(rest: &str) -> Option<(usize, usize)> {
    let code = |digits: usize| {
        let hex = rest.get(2..2 + digits)?;
        let point = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
        Some((2 + digits, point.len_utf8()))
    };
    match rest.as_bytes().get(1)? {
        b'u' => code(4),
        b'U' => code(8),
        byte if byte.is_ascii_whitespace() => {
            let skipped = rest[1..].len() - rest[1..].trim_start().len();
            Some((1 + skipped, 0))
        }
        _ => Some((2, 1)),
    }
}

/// Where a path stands within the text of a node: the first time it is written so; the whole node where it is written in
/// another way.
pub(crate) fn mention(file: &str, path: &str, node: &Node, text: &str) -> Range<usize> {
    mentioned(path, text).map_or_else(
        || node.span.clone(),
        |at| inside(file, &node.span, at..at + path.len()),
    )
}

/// Where a path stands in a text by itself, and not as a part of another.
pub(crate) fn mentioned(path: &str, text: &str) -> Option<usize> {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let found = text.match_indices(path).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + path.len()..].chars().next();
        !before.is_some_and(|c| part_of_word(c) || c == '.') && !after.is_some_and(part_of_word)
    });
    found.map(|(at, _)| at)
}
