//! In: the arguments of a call that destroys. Out: text that strangers wrote, where it chooses what is destroyed. Never:
//! arguments that only say something.

use crate::rules::diagnostic::Findings;
use crate::rules::expression::Template;
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{self, Entry, Kind, Node};

/// Ends of payload paths at which text stands that strangers wrote.
const UNTRUSTED: &[&str] = &[
    "title",
    "body",
    "message",
    "head.ref",
    "head.label",
    "head_branch",
    "display_title",
];
/// Arguments that say something and choose nothing.
const PROSE: &[&str] = &[
    "title",
    "body",
    "text",
    "message",
    "comment",
    "description",
    "reason",
    "notes",
    "summary",
];

/// Reports such text in the arguments of `tool`; `list` is what the action is done for.
pub(super) fn check(
    events: &[&str],
    tool: &str,
    list: Option<&str>,
    arguments: &[Entry],
    findings: &mut Findings<'_>,
) {
    let looked = Looked {
        events,
        tool,
        items: list.is_some_and(|list| gives_text(events, list)),
    };
    for entry in arguments
        .iter()
        .filter(|entry| !PROSE.contains(&entry.key.as_str()))
    {
        looked.at(&entry.key, &entry.node, findings);
    }
}

struct Looked<'a> {
    events: &'a [&'a str],
    tool: &'a str,
    /// The items of `for_each` are such text.
    items: bool,
}

impl Looked<'_> {
    fn at(&self, argument: &str, node: &Node, findings: &mut Findings<'_>) {
        match &node.kind {
            Kind::Text(text) => {
                let Ok(template) = Template::compile(text) else {
                    return;
                };
                for path in template.paths() {
                    let whole = whole(&path, text);
                    let holds = if is_text(&whole) || (self.items && whole == "item") {
                        "is text"
                    } else if holds_text(self.events, &whole, text) {
                        "holds text"
                    } else {
                        continue;
                    };
                    let place = syntax::mention(findings.text(), &path, node, text);
                    findings
                        .error(
                            "untrusted-target",
                            &place,
                            format!(
                                "`{whole}` {holds} that anybody may write, and here it chooses what `{}` acts on (`{argument}`)",
                                self.tool
                            ),
                        )
                        .hint("use an id, a number or a hash of the event, or a fixed value");
                }
            }
            Kind::Array(items) => items.iter().for_each(|item| self.at(argument, item, findings)),
            Kind::Table(entries) => entries
                .iter()
                .for_each(|entry| self.at(argument, &entry.node, findings)),
            _ => {}
        }
    }
}

/// Whether a path ends at such text.
fn is_text(path: &str) -> bool {
    let foreign = ["event.", "steps.", "item."]
        .iter()
        .any(|root| path.starts_with(root));
    let ends = |end: &&str| {
        path.strip_suffix(*end)
            .is_some_and(|before| before.ends_with('.'))
    };
    foreign && UNTRUSTED.iter().any(ends)
}

/// Whether a path ends at something in which such text stands: how it is taken out, or whether all of it is used, the path
/// does not tell. How many there are is no text.
fn holds_text(events: &[&str], path: &str, text: &str) -> bool {
    let mut segments = path.split('.');
    if segments.next() != Some("event") || text.contains("| length") || text.contains("| count") {
        return false;
    }
    let path: Vec<&str> = segments.collect();
    path.is_empty()
        || UNTRUSTED.iter().any(|end| {
            let longer: Vec<&str> = path.iter().copied().chain(end.split('.')).collect();
            matches!(lookup(events, &longer), Found::There(leaf) if leaf.text)
        })
}

/// Whether a list is one of such texts: `event.issue.body | lines`, or `event.commits | map(attribute="message")`.
fn gives_text(events: &[&str], list: &str) -> bool {
    let Ok(template) = Template::compile(list) else {
        return false;
    };
    let named = |end: &&str| {
        ['\'', '"']
            .iter()
            .any(|quote| list.contains(&format!("{quote}{end}{quote}")))
    };
    template.paths().iter().any(|path| {
        let whole = whole(path, list);
        is_text(&whole) || (holds_text(events, &whole, list) && UNTRUSTED.iter().any(named))
    })
}

/// A path with what follows it in brackets, as far as that is written down: `event.commits` with `[0].message` behind it is
/// `event.commits.message`. Numbers choose among several and are left out, as everywhere in paths.
pub(super) fn whole(path: &str, text: &str) -> String {
    let mut whole = path.to_owned();
    let Some(at) = syntax::mentioned(path, text) else {
        return whole;
    };
    let mut rest = &text[at + path.len()..];
    loop {
        let next = if let Some(inner) = rest.strip_prefix('[') {
            let Some((key, after)) = inner.split_once(']') else {
                break;
            };
            let key = key.trim();
            let name = ['\'', '"']
                .iter()
                .find_map(|quote| key.strip_prefix(*quote)?.strip_suffix(*quote));
            match name {
                Some(name) => Some((Some(name), after)),
                None if key.parse::<i64>().is_ok() => Some((None, after)),
                None => None,
            }
        } else if let Some(inner) = rest.strip_prefix('.') {
            let end = inner
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(inner.len());
            let (name, after) = inner.split_at(end);
            // A method is no field.
            (!name.is_empty() && !after.starts_with('(')).then_some((Some(name), after))
        } else {
            None
        };
        let Some((name, after)) = next else { break };
        if let Some(name) = name {
            whole.push('.');
            whole.push_str(name);
        }
        rest = after;
    }
    whole
}
