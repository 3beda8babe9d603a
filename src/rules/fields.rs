//! In: one table of a rule file, and the keys it may have. Out: their values by type; what is wrong is reported once.
//! Never: what a value means.

use serde_json::{Value, json};

use crate::rules::diagnostic::{Findings, did_you_mean, nearest};
use crate::rules::duration;
use crate::rules::expression::{Expression, SourceError, Template};
use crate::rules::keys::{self, Key, Shape};
use crate::rules::rule::Rate;
use crate::rules::syntax::{self, Entry, Kind, Node, find};

pub(crate) fn source_error(what: &str, error: &SourceError, node: &Node, findings: &mut Findings<'_>) {
    let span = error.range.clone().map_or_else(
        || node.span.clone(),
        |range| syntax::inside(findings.text(), &node.span, range),
    );
    findings.error(
        "expression",
        &span,
        format!("this {what} does not work: {}", error.message),
    );
}

pub(crate) fn wrong_type(key: &str, wanted: &str, node: &Node, findings: &mut Findings<'_>) {
    findings
        .error(
            "type",
            &node.span,
            format!("`{key}` is {wanted}, not {}", node.type_name()),
        )
        .maybe_hint(form(key, node));
}

/// How the two ways to say a condition are written, for whoever took one for the other.
fn form(key: &str, node: &Node) -> Option<String> {
    let hint = match key {
        "when" => {
            "conditions stand below a line `[when]`, one path each: `issue.state = \"open\"`; an expression is `if = \"…\"`"
        }
        "if" if node.table().is_some() => {
            "an expression is one line of text, before the first `[table]`: `if = \"event.issue.comments > 5\"`; conditions \
             on paths stand below `[when]`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The keys of one table, looked up with their type; whatever is wrong with one is reported once.
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    known: &'static [Key],
}

impl<'n> Fields<'n> {
    /// Reports unknown and missing keys, and those this version does not have yet. `None` when it is no table.
    pub(crate) fn read(
        node: &'n Node,
        place: &str,
        known: &'static [Key],
        later: &[&str],
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let Some(entries) = node.table() else {
            findings.error(
                "type",
                &node.span,
                format!("{place} is a table, not {}", node.type_name()),
            );
            return None;
        };
        for entry in entries {
            if !known.iter().any(|key| key.name == entry.key) {
                unknown_key(entry, place, known, later, findings);
            }
        }
        // A key that is there, misspelled, was told of.
        let meant = |wanted: &str| {
            let names = known.iter().map(|key| key.name);
            entries
                .iter()
                .any(|entry| nearest(&entry.key, names.clone()) == Some(wanted))
        };
        for key in known.iter().filter(|key| key.required) {
            if find(entries, key.name).is_none() && !meant(key.name) {
                let line = findings.text()[node.span.start..].find('\n').unwrap_or(0);
                let span = if node.span.is_empty() {
                    0..line
                } else {
                    node.span.clone()
                };
                let form = if key.name == "action" {
                    "[[action]]"
                } else {
                    key.name
                };
                findings
                    .error("missing-key", &span, format!("{place} needs `{form}`"))
                    .hint(key.doc);
            }
        }
        Some(Self { entries, known })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'n Entry> {
        find(self.entries, name)
    }

    pub(crate) fn text(&self, name: &str, findings: &mut Findings<'_>) -> Option<String> {
        let entry = self.get(name)?;
        match entry.node.text() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                findings.error("empty", &entry.node.span, format!("`{name}` is empty"));
                None
            }
            None => {
                wrong_type(name, "a string", &entry.node, findings);
                None
            }
        }
    }

    /// A string or a list of strings; none when it is not there.
    pub(crate) fn texts(&self, name: &str, findings: &mut Findings<'_>) -> Vec<String> {
        let Some(entry) = self.get(name) else {
            return Vec::new();
        };
        let nodes = match &entry.node.kind {
            Kind::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.node),
        };
        let mut texts = Vec::new();
        for node in nodes {
            match node.text() {
                Some(text) => texts.push(text.to_owned()),
                None => wrong_type(name, "a string or a list of strings", node, findings),
            }
        }
        texts
    }

    pub(crate) fn flag(&self, name: &str, findings: &mut Findings<'_>) -> bool {
        match self.get(name).map(|entry| &entry.node) {
            None => false,
            Some(Node {
                kind: Kind::Bool(flag),
                ..
            }) => *flag,
            Some(node) => {
                wrong_type(name, "`true` or `false`", node, findings);
                false
            }
        }
    }

    /// A table as JSON; `{}` when it is not there.
    pub(crate) fn table(&self, name: &str, findings: &mut Findings<'_>) -> Value {
        match self.sub_table(name, findings) {
            Some(_) => self.get(name).map_or(json!({}), |entry| entry.node.json()),
            None => json!({}),
        }
    }

    pub(crate) fn sub_table(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'n [Entry]> {
        let entry = self.get(name)?;
        if entry.node.table().is_none() {
            wrong_type(name, "a table", &entry.node, findings);
        }
        entry.node.table()
    }

    /// A list of tables; empty when it is not there.
    pub(crate) fn tables(&self, name: &str, findings: &mut Findings<'_>) -> &'n [Node] {
        let Some(entry) = self.get(name) else {
            return &[];
        };
        let items = entry.node.array();
        if items.is_none_or(|items| items.iter().any(|item| item.table().is_none())) {
            let mut hint = None;
            if matches!(name, "action" | "on_failure" | "test") {
                hint = Some(format!("write `[[{name}]]` with two brackets"));
            }
            findings
                .error(
                    "type",
                    if entry.node.table().is_some() {
                        &entry.key_span
                    } else {
                        &entry.node.span
                    },
                    format!("`{name}` is a list of tables, not {}", entry.node.type_name()),
                )
                .maybe_hint(hint);
            return &[];
        }
        items.unwrap_or(&[])
    }

    pub(crate) fn one_of(&self, name: &str, findings: &mut Findings<'_>) -> Option<String> {
        let text = self.text(name, findings)?;
        let entry = self.get(name)?;
        let key = self.known.iter().find(|key| key.name == name)?;
        let Shape::OneOf(choices) = key.shape else {
            return Some(text);
        };
        if !choices.contains(&text.as_str()) {
            findings
                .error(
                    "value",
                    &entry.node.span,
                    format!("`{name}` is one of {}, not `{text}`", choices.join(", ")),
                )
                .maybe_hint(did_you_mean(&text, choices.iter().copied()));
            return None;
        }
        Some(text)
    }

    pub(crate) fn whole(&self, name: &str, findings: &mut Findings<'_>) -> Option<i64> {
        let entry = self.get(name)?;
        let key = self.known.iter().find(|key| key.name == name)?;
        let (low, high) = match key.shape {
            Shape::Whole(low, high) => (low, high),
            _ => (i64::MIN, i64::MAX),
        };
        match entry.node.kind {
            Kind::Integer(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                findings.error(
                    "value",
                    &entry.node.span,
                    format!("`{name}` is a whole number from {low} to {high}"),
                );
                None
            }
        }
    }

    pub(crate) fn duration(&self, name: &str, findings: &mut Findings<'_>) -> Option<i64> {
        let entry = self.get(name)?;
        let parsed = match entry.node.text() {
            Some(text) => duration::parse(text),
            None => Err(format!(
                "`{name}` is a duration such as \"15m\", not {}",
                entry.node.type_name()
            )),
        };
        match parsed {
            Ok(0) => {
                findings.error(
                    "duration",
                    &entry.node.span,
                    format!("`{name}` must be longer than nothing"),
                );
                None
            }
            Ok(ms) => Some(ms),
            Err(message) => {
                findings.error("duration", &entry.node.span, message);
                None
            }
        }
    }

    /// So many in a time: `3/1h`.
    pub(crate) fn rate(&self, name: &str, findings: &mut Findings<'_>) -> Option<Rate> {
        let entry = self.get(name)?;
        let parsed = match entry.node.text() {
            Some(text) => rate(name, text),
            None => Err(format!(
                "`{name}` is a number and a time such as \"3/1h\", not {}",
                entry.node.type_name()
            )),
        };
        parsed
            .map_err(|message| {
                findings.error("rate", &entry.node.span, message);
            })
            .ok()
    }

    pub(crate) fn expression(&self, name: &str, findings: &mut Findings<'_>) -> Option<Expression> {
        let text = self.text(name, findings)?;
        let entry = self.get(name)?;
        if text.trim_start().starts_with("{{") {
            findings
                .error(
                    "expression",
                    &entry.node.span,
                    format!("`{name}` is an expression already: write it without `{{{{ }}}}`"),
                )
                .hint(format!(
                    "{name} = \"{}\"",
                    text.trim().trim_start_matches("{{").trim_end_matches("}}").trim()
                ));
            return None;
        }
        match Expression::compile(&text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                source_error("expression", &error, &entry.node, findings);
                None
            }
        }
    }

    pub(crate) fn template(&self, name: &str, findings: &mut Findings<'_>) -> Option<Template> {
        let text = self.text(name, findings)?;
        let entry = self.get(name)?;
        match Template::compile(&text) {
            Ok(template) => Some(template),
            Err(error) => {
                source_error("template", &error, &entry.node, findings);
                None
            }
        }
    }
}

fn rate(name: &str, text: &str) -> Result<Rate, String> {
    let (max, window) = text
        .split_once('/')
        .ok_or_else(|| format!("`{text}` is no rate: write how many in which time, such as \"3/1h\""))?;
    let max = max
        .trim()
        .parse()
        .ok()
        .filter(|max| (1..=keys::RATE_MAX).contains(max))
        .ok_or_else(|| format!("`{name}` begins with a whole number from 1 to {}", keys::RATE_MAX))?;
    match duration::parse(window)? {
        0 => Err(format!("the time of `{name}` must be longer than nothing")),
        window_ms => Ok(Rate { max, window_ms }),
    }
}

fn unknown_key(
    entry: &Entry,
    place: &str,
    known: &'static [Key],
    later: &[&str],
    findings: &mut Findings<'_>,
) {
    let name = entry.key.as_str();
    if later.contains(&name) {
        findings
            .error(
                "not-yet",
                &entry.key_span,
                format!("`{name}` in {place} is not available yet"),
            )
            .hint("it is part of the rule language, but this version cannot do it: take it out");
    } else if !std::ptr::eq(known, keys::RULE) && keys::is_top_level(name) {
        findings
            .error(
                "misplaced-key",
                &entry.key_span,
                format!("`{name}` is a key of the rule, not of {place}"),
            )
            .hint("top-level keys come before the first `[table]`");
    } else if known.iter().all(|key| keys::is_top_level(key.name)) && matches!(name, "name" | "id") {
        findings
            .error(
                "unknown-key",
                &entry.key_span,
                format!("{place} has no key `{name}`"),
            )
            .hint("a rule is called by its file's name; what it does is said by `description`");
    } else if let Some(home) = keys::home(name) {
        findings
            .error(
                "misplaced-key",
                &entry.key_span,
                format!("`{name}` is a key of {home}, not of {place}"),
            )
            .hint(match entry.node.table() {
                Some(_) if home == "[[action]]" => {
                    format!("write `[action.{name}]`, below the `[[action]]` that it belongs to")
                }
                _ => format!("move it to {home}"),
            });
    } else {
        findings
            .error(
                "unknown-key",
                &entry.key_span,
                format!("{place} has no key `{name}`"),
            )
            .maybe_hint(did_you_mean(name, known.iter().map(|key| key.name)));
    }
}
