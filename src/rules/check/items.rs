//! In: what a rule says of the items of lists, in `for_each` and in loops of templates. Out: lists that are none, and fields
//! that no item has. Never: items that something was made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::check::fields::listened;
use crate::rules::check::flow::{Field, field, has, resolve};
use crate::rules::check::origin::Origin;
use crate::rules::check::{ByName, Catalog, CatalogTool, step_id, tables};
use crate::rules::diagnostic::{Findings, nearest};
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{Entry, Node, find};

/// Fields of what is mentioned by the name of a loop.
pub(super) fn check(tree: &[Entry], named: &[ByName], catalog: &Catalog, findings: &mut Findings<'_>) {
    in_events(tree, named, findings);
    in_results(tree, named, catalog, findings);
}

/// A `for_each` goes through a list, and not through the fields of a table or the letters of a text.
pub(super) fn is_list(on: &[&str], list: &str, origins: &[Origin], node: &Node, findings: &mut Findings<'_>) {
    let [only] = origins else { return };
    let inner = list.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let path: Vec<&str> = only.path.iter().map(String::as_str).collect();
    // Only what is named as it is: filters may make a list of anything.
    if list.get(only.place.clone()) != Some(inner) {
        return;
    }
    let ["event", path @ ..] = path.as_slice() else {
        return;
    };
    if let Found::There(leaf) = lookup(on, path)
        && !leaf.several
    {
        findings
            .error(
                "for-each",
                &node.span,
                format!(
                    "`{inner}` is {}, and `for_each` goes through a list",
                    leaf.spoken()
                ),
            )
            .hint("name a list of the payload, such as `event.issue.labels`, or what a step found");
    }
}

/// Fields of an item that is a part of the payload: of `for_each`, or of a `{% for … %}`.
fn in_events(tree: &[Entry], named: &[ByName], findings: &mut Findings<'_>) {
    let on = listened(tree);
    for ByName {
        written,
        path,
        known: item,
        place,
    } in named
    {
        let Some(whole) = path.strip_prefix("event.") else {
            continue;
        };
        let segments: Vec<&str> = whole.split('.').collect();
        let Found::Missing { known, near, beside } = lookup(&on, &segments) else {
            continue;
        };
        // What comes before was reported where the list is named.
        let Some(within) = (known + 1).checked_sub(*item) else {
            continue;
        };
        let said: Vec<&str> = written.split('.').collect();
        let before = said.get(..=within).unwrap_or(&said).join(".");
        let wrong = segments.get(known).copied().unwrap_or_default();
        let list = path.split('.').take(*item).collect::<Vec<_>>().join(".");
        let message = match within {
            0 => {
                let several = matches!(lookup(&on, &segments[..known]), Found::There(leaf) if leaf.several);
                let is = if several { "is one of" } else { "is" };
                format!("`{before}` {is} `{list}`, and has no `{wrong}`")
            }
            _ => format!("`{before}` has no `{wrong}`"),
        };
        // Written with brackets, it cannot be written anew by words alone.
        let plain = findings.text().get(place.clone()) == Some(written.as_str());
        findings
            .error("unknown-field", place, message)
            .hint(match (near, beside.as_slice()) {
                (Some(near), _) => {
                    let rest = said.get(within + 2..).unwrap_or(&[]);
                    let right = [&[before.as_str(), near][..], rest].concat().join(".");
                    match plain {
                        true => format!("did you mean `{right}`?"),
                        false => format!("perhaps `{right}`"),
                    }
                }
                (None, []) => format!("it is no table: write `{{{{ {before} }}}}` alone"),
                (None, beside) => has(beside),
            });
    }
}

/// Fields of an item that is a part of a step's result: of `for_each`, or of a `{% for … %}`.
fn in_results(tree: &[Entry], named: &[ByName], catalog: &Catalog, findings: &mut Findings<'_>) {
    let mut taken = BTreeSet::new();
    let mut steps: BTreeMap<String, &[Entry]> = BTreeMap::new();
    for action in tables(tree, "action") {
        let id = step_id(action, &taken);
        taken.insert(id.clone());
        steps.entry(id).or_insert(action);
    }
    for mention in named {
        let segments: Vec<&str> = mention.path.split('.').collect();
        let ["steps", id, rest @ ..] = segments.as_slice() else {
            continue;
        };
        let tool = steps
            .get(*id)
            .and_then(|action| catalog.get(find(action, "tool")?.node.text()?));
        if let Some(tool) = tool
            && let Some(item) = mention.known.checked_sub(2)
        {
            item_of(tool, rest, item, mention, findings);
        }
    }
}

/// A field that is missing in an item of a result: the first `item` segments of the path lead to the list.
fn item_of(tool: &CatalogTool, path: &[&str], item: usize, mention: &ByName, findings: &mut Findings<'_>) {
    let Some(root) = &tool.output_schema else { return };
    let mut schema = root;
    for (at, segment) in path.iter().enumerate() {
        match field(root, schema, segment) {
            Field::There(next) => schema = next,
            Field::Open => return,
            Field::Missing(known) => {
                let Some(within) = at.checked_sub(item) else {
                    return;
                };
                let said: Vec<&str> = mention.written.split('.').collect();
                let before = said.get(..=within).unwrap_or(&said).join(".");
                let list = mention
                    .path
                    .split('.')
                    .take(mention.known)
                    .collect::<Vec<_>>()
                    .join(".");
                let message = match within {
                    0 => {
                        let several = resolve(root, schema).get("items").is_some();
                        let is = if several { "is one of" } else { "is" };
                        format!("`{before}` {is} `{list}`, and has no `{segment}`")
                    }
                    _ => format!("`{before}` has no `{segment}`"),
                };
                let right = |near: &str| {
                    let rest = said.get(within + 2..).unwrap_or(&[]);
                    [&[before.as_str(), near][..], rest].concat().join(".")
                };
                findings
                    .warning(
                        "unknown-result",
                        &mention.place,
                        format!("{message}: the run would end with an error"),
                    )
                    .hint(match nearest(segment, known.iter().copied()) {
                        Some(near) => format!("did you mean `{}`?", right(near)),
                        None => has(&known),
                    });
                return;
            }
        }
    }
}
