//! In: what was found in a file. Out: the same with better hints where people bring habits from elsewhere: other formats, other
//! languages, other tools. Never: a finding of its own.

use std::collections::BTreeSet;

use crate::rules::check::Catalog;
use crate::rules::diagnostic::{Diagnostic, Findings};
use crate::rules::duration;
use crate::rules::names::is_path;
use crate::rules::reference;

/// What operators are called elsewhere.
const OPERATORS: &[(&str, &str)] = &[
    ("starts_with", "prefix"),
    ("startswith", "prefix"),
    ("startsWith", "prefix"),
    ("ends_with", "suffix"),
    ("endswith", "suffix"),
    ("endsWith", "suffix"),
    ("includes", "contains"),
    ("has", "contains"),
    ("match", "regex"),
    ("matches", "regex"),
    ("pattern", "regex"),
    ("like", "glob"),
    ("eq", "equals"),
    ("==", "equals"),
    ("ne", "not"),
    ("neq", "not"),
    ("!=", "not"),
    ("not_in", "not"),
    ("in", "equals"),
    (">", "gt"),
    (">=", "gte"),
    ("<", "lt"),
    ("<=", "lte"),
    ("size", "count"),
    ("length", "count"),
    ("present", "exists"),
];

/// What keys are called elsewhere.
const KEYS: &[(&str, &str)] = &[
    ("with", "arguments"),
    ("args", "arguments"),
    ("params", "arguments"),
    ("parameters", "arguments"),
    ("inputs", "arguments"),
    ("name", "description"),
    ("trigger", "on"),
    ("triggers", "on"),
    ("events", "on"),
    ("condition", "if"),
    ("conditions", "when"),
    ("filter", "when"),
    ("match", "when"),
    ("steps", "action"),
    ("then", "action"),
    ("uses", "tool"),
    ("call", "tool"),
    ("env", "vars"),
    ("variables", "vars"),
    ("throttle", "cooldown"),
];

/// What filters are called elsewhere.
const FILTERS: &[(&str, &str)] = &[
    ("uppercase", "upper"),
    ("lowercase", "lower"),
    ("downcase", "lower"),
    ("upcase", "upper"),
    ("len", "length"),
    ("size", "length"),
    ("count", "length"),
    ("json", "tojson"),
    ("to_json", "tojson"),
    ("strip", "trim"),
    ("truncate", "truncate_bytes"),
    ("escape_markdown", "markdown_escape"),
    ("slugify", "slug"),
    ("uniq", "unique"),
];

/// Betters the hints of all findings of a file.
pub(crate) fn apply(catalog: Option<&Catalog>, findings: &mut Findings<'_>) {
    let text = findings.text();
    if let Some(format) = foreign_format(text) {
        findings.keep_first("syntax");
        for found in findings.iter_mut().filter(|found| found.code == "syntax") {
            found.hint(format!(
                "this looks like {format}, and rule files are TOML; `xmrt rules new` writes one to begin with"
            ));
        }
        return;
    }
    for found in findings.iter_mut() {
        let raw = text.get(found.span.clone()).unwrap_or_default();
        if let Some(hint) = better(found, raw, text, catalog) {
            found.hint(hint);
        }
    }
}

/// The name of the format that a file seems to be in, if it is not TOML.
fn foreign_format(text: &str) -> Option<&'static str> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    if first.starts_with('{') {
        return Some("JSON");
    }
    let is_yaml = |line: &str| {
        line == "---"
            || line.split_once(':').is_some_and(|(key, rest)| {
                !key.contains(['=', '"', ' ']) && (rest.is_empty() || rest.starts_with(' '))
            })
    };
    is_yaml(first).then_some("YAML")
}

fn renamed(table: &[(&str, &str)], name: &str) -> Option<String> {
    let (_, ours) = table.iter().find(|(theirs, _)| *theirs == name)?;
    Some(format!("did you mean `{ours}`?"))
}

fn better(found: &Diagnostic, raw: &str, text: &str, catalog: Option<&Catalog>) -> Option<String> {
    let bare = raw.trim_matches(['"', '\'']);
    match found.code {
        "syntax" if found.hint.is_none() => braces(found, text).or_else(|| syntax(&found.message, raw)),
        "expression" => expression(found, text),
        "unknown-name" if found.message.contains("`github`") => {
            Some("what GitHub Actions calls `github.event` is `event` here".into())
        }
        "unknown-field" => field(found, bare),
        "unknown-key" => key(found, bare),
        "duration" => match duration::tidied(bare) {
            Some(tidy) => Some(format!("did you mean `{tidy}`?")),
            None if raw.parse::<u64>().is_ok() => Some(format!("say the unit: `\"{raw}s\"` or `\"{raw}m\"`")),
            None => None,
        },
        "type-mismatch" if found.hint.is_none() && ordered(bare).is_some() => ordered(bare),
        "type-mismatch" if found.hint.is_none() && found.message.contains("is an object") => {
            let path = found.message.split('`').nth(1)?;
            Some(format!("say which of its fields: `{path}.name`, for instance"))
        }
        "type" if found.message.starts_with("`on` is") => {
            Some("write `on = \"github.issues.opened\"`, or several in a list".into())
        }
        "type" if found.message.contains("a test's event is") => {
            Some("write `event = { on = \"github.issues.opened\", payload = { … } }`".into())
        }
        "type" if found.message.starts_with("`retry` is") => {
            let attempts = raw.parse::<u64>().unwrap_or(3);
            Some(format!("write `retry = {{ attempts = {attempts} }}`"))
        }
        "type" if found.message.starts_with("`expect` is") => {
            Some("write the calls, in order: `expect = [{ tool = \"xmrt.notify\" }]`; `[]` is none".into())
        }
        "value" if found.hint.is_none() && found.message.starts_with("`mode` is") => {
            Some("`shadow` plans and records, and writes nothing; `off` does not even that".into())
        }
        "argument-type" if found.hint.is_none() && is_path(bare) => {
            Some(match found.message.contains("takes a list") {
                // A file may be called so, and stand in a list.
                true => {
                    format!("for what it leads to write `{{{{ {bare} }}}}`, for the text itself `[{raw}]`")
                }
                false => format!("did you mean `{{{{ {bare} }}}}`?"),
            })
        }
        "argument-type" if found.message.contains("takes a list") && raw.starts_with('"') => {
            Some(format!("in brackets: `[{raw}]`"))
        }
        "unknown-argument" if bare == "owner" => Some("`repo` is both: `owner/name`".into()),
        "tool-name" => tool(bare, catalog?),
        "operand" if bare != raw && bare.parse::<f64>().is_ok() => Some(format!("without quotes: `{bare}`")),
        "missing-key" if found.message.contains("[[action]]") => Some(
            "the steps, in order: a line `[[action]]`, then `tool = \"server.tool\"` and `arguments = { … }`"
                .into(),
        ),
        _ => None,
    }
}

/// A template without its quotes: `number = {{ event.issue.number }}`.
fn braces(found: &Diagnostic, text: &str) -> Option<String> {
    let (before, rest) = (text.get(..found.span.start)?, text.get(found.span.start..)?);
    let from = match (
        before.ends_with('{'),
        rest.starts_with('{'),
        rest.starts_with("{{"),
    ) {
        (true, true, _) => found.span.start - 1,
        (_, _, true) => found.span.start,
        _ => return None,
    };
    let line = text.get(from..)?.lines().next()?;
    let (template, _) = line.split_once("}}")?;
    Some(format!("a template stands in quotes: `\"{template}}}}}\"`"))
}

/// `"> 5"` as an operator.
fn ordered(bare: &str) -> Option<String> {
    let at = bare.find(|letter| !matches!(letter, '<' | '>' | '='))?;
    let (sign, number) = bare.split_at(at);
    let number = number.trim();
    let operator = match sign {
        ">" => "gt",
        ">=" => "gte",
        "<" => "lt",
        "<=" => "lte",
        _ => return None,
    };
    number
        .parse::<f64>()
        .is_ok()
        .then(|| format!("write `{{ {operator} = {number} }}`"))
}

fn syntax(message: &str, raw: &str) -> Option<String> {
    if message.contains("string values must be quoted") && !raw.contains(['"', '\n']) {
        // Quotation marks of a word processor are no quotes.
        let bare = raw
            .trim()
            .trim_matches(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']);
        return Some(match is_path(bare) {
            true => format!("write `\"{{{{ {bare} }}}}\"`"),
            false => format!("write `\"{bare}\"`"),
        });
    }
    let hint = if message.contains("missing escaped value") {
        "within `\"…\"` a backslash begins an escape; between single quotes it is an ordinary letter: '\\bbug\\b'"
    } else if message.contains("invalid basic string") {
        "the closing `\"` is missing; a text of several lines stands between `\"\"\"` and `\"\"\"`"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

fn expression(found: &Diagnostic, text: &str) -> Option<String> {
    for (what, theirs, ours) in [
        ("filter", FILTERS, reference::FILTERS),
        ("test", &[], reference::TESTS),
    ] {
        let Some((_, rest)) = found.message.split_once(&format!("there is no {what} `")) else {
            continue;
        };
        let (name, rest) = rest.split_once('`')?;
        let all = || {
            let names: BTreeSet<&str> = ours.iter().map(|row| row.name).collect();
            format!("there are {}", names.into_iter().collect::<Vec<_>>().join(", "))
        };
        // What is near to it was said already.
        return renamed(theirs, name).or_else(|| rest.is_empty().then(all));
    }
    let (before, rest) = (text.get(..found.span.start)?, text.get(found.span.start..)?);
    let hint = if rest.starts_with("${{") {
        "`if` and `require` are expressions already, without `${{ }}`; the payload is `event`"
    } else if rest.starts_with("&&") {
        "write `and`"
    } else if rest.starts_with("||") || (rest.starts_with('|') && before.ends_with('|')) {
        "write `or`"
    } else if rest.starts_with('!') && !rest.starts_with("!=") {
        "write `not`"
    } else if rest.starts_with('=') && !rest.starts_with("==") {
        "to compare, write `==`"
    } else if ["unexpected end of input", "expected end of variable block"]
        .iter()
        .any(|words| found.message.contains(words))
    {
        "what begins with `{{` ends with `}}`, and `{%` with `%}`"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

fn field(found: &Diagnostic, bare: &str) -> Option<String> {
    let path = found.message.rsplit("has no `").next()?.trim_end_matches('`');
    let last = path.rsplit('.').next().unwrap_or(path);
    // In `[when]` the finding stands on a key by itself, in an expression on the whole path.
    let said = found
        .hint
        .as_deref()
        .is_some_and(|hint| hint.starts_with("perhaps"));
    if bare != path && !bare.starts_with("event.") && !said {
        if let Some(inner) = path.strip_prefix("event.") {
            return Some(format!("a path of `[when]` begins within the payload: `{inner}`"));
        }
        if matches!(bare, "between" | "range") {
            return Some("two bounds stand side by side: `{ gte = 1, lte = 10 }`".into());
        }
        return renamed(OPERATORS, if bare.is_empty() { last } else { bare });
    }
    None
}

fn key(found: &Diagnostic, bare: &str) -> Option<String> {
    if found.hint.is_some() {
        return None;
    }
    if bare == "enabled" || bare == "disabled" {
        return Some("`mode = \"off\"` switches a rule off, and `off_reason` says why".into());
    }
    if bare == "schedule" {
        return Some("with `on = \"schedule\"`, `cron = \"0 9 * * 1-5\"` says when".into());
    }
    if found.message.starts_with("a test's event") && matches!(bare, "type" | "event" | "kind" | "name") {
        return Some("did you mean `on`?".into());
    }
    renamed(KEYS, bare).or_else(|| {
        let in_action =
            found.message.starts_with("[[action]]") || found.message.starts_with("[[on_failure]]");
        in_action.then(|| format!("arguments of the tool stand together: `arguments = {{ {bare} = … }}`"))
    })
}

/// `xmrt_notify` as agents write it, or `notify` alone.
fn tool(name: &str, catalog: &Catalog) -> Option<String> {
    let mut same = catalog.names().filter(|known| {
        known.replacen('.', "_", 1) == name || known.split_once('.').is_some_and(|(_, tool)| tool == name)
    });
    let only = same.next()?;
    same.next().is_none().then(|| format!("did you mean `{only}`?"))
}
