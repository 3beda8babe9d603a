//! In: a rule as a whole. Out: what it probably does not mean: loops, keys that count nothing, variables nobody reads,
//! tests that are missing. Never: errors; all of these may be meant.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde_json::Value;

use crate::rules::listening;

use crate::rules::check::{Catalog, Mention, conditions, listened, tables};
use crate::rules::diagnostic::Findings;
use crate::rules::syntax::{Entry, find};
use crate::rules::vocabulary;

/// Where an event happened rather than what: asking for it does not tell one's own doing from others'.
const WHERE: &[&str] = &[
    "repository",
    "organization",
    "enterprise",
    "installation",
    "action",
    "type",
    "data.serviceId",
    "data.serviceName",
    "data.id",
];

pub(super) fn check(tree: &[Entry], mentions: &[Mention], catalog: &Catalog, findings: &mut Findings<'_>) {
    unused_variables(tree, mentions, findings);
    unique_key(mentions, findings);
    cycles(tree, mentions, catalog, findings);
    own_runs(tree, mentions, findings);
    everything(tree, findings);
    tests(tree, catalog, findings);
}

fn unused_variables(tree: &[Entry], mentions: &[Mention], findings: &mut Findings<'_>) {
    let declared = find(tree, "vars")
        .and_then(|entry| entry.node.table())
        .unwrap_or(&[]);
    if mentions.iter().any(|mention| mention.path == "vars") {
        return;
    }
    for entry in declared {
        let path = format!("vars.{}", entry.key);
        let read = mentions
            .iter()
            .any(|mention| mention.path == path || mention.path.starts_with(&format!("{path}.")));
        if !read {
            findings.warning(
                "unused-variable",
                &entry.key_span,
                format!("nobody reads `{path}`"),
            );
        }
    }
}

fn unique_key(mentions: &[Mention], findings: &mut Findings<'_>) {
    for mention in mentions.iter().filter(|mention| mention.under == "key") {
        if matches!(mention.path.as_str(), "meta.id" | "meta.time") {
            findings
                .warning(
                    "unique-key",
                    &mention.place,
                    format!(
                        "every event has a `{}` of its own, so nothing is ever limited by it",
                        mention.path
                    ),
                )
                .hint("count by what the event is about: `meta.subject`, or an id in the payload");
        }
    }
}

/// What a rule does, seen from the others.
#[derive(Debug)]
pub(crate) struct Doing {
    on: Vec<String>,
    /// Kinds of events that its calls come back as, with the call's tool.
    caused: Vec<(String, Range<usize>)>,
    /// It asks for something by which its own doing, or another rule's, can be told from people's.
    told_apart: bool,
    /// All that decides and acts, to find the same again.
    content: Value,
    description: Range<usize>,
}

pub(crate) fn doing(tree: &[Entry], mentions: &[Mention], catalog: &Catalog) -> Doing {
    let mut told_apart = mentions
        .iter()
        .filter(|mention| mention.action.is_none() && mention.under == "if")
        .any(|mention| tells_apart(&mention.path));
    conditions::fields(tree, &mut |path, _| {
        told_apart |= tells_apart(&format!("event.{}", path.join(".")));
    });
    let mut caused = Vec::new();
    for action in tables(tree, "action") {
        let Some(entry) = find(action, "tool") else {
            continue;
        };
        let tool = entry.node.text().and_then(|name| catalog.get(name));
        // An `if` of its own may well be what ends the circle.
        if let (Some(tool), None) = (tool, find(action, "if")) {
            let kinds = tool.effects.iter().filter_map(|effect| effect.split(':').next());
            let made = made(entry.node.text().unwrap_or_default(), action);
            caused.extend(
                kinds
                    .chain(made)
                    .map(|kind| (kind.to_owned(), entry.node.span.clone())),
            );
        }
    }
    let silent = ["test"];
    let content = tree.iter().filter(|entry| !silent.contains(&entry.key.as_str()));
    Doing {
        on: listened(tree).into_iter().map(str::to_owned).collect(),
        caused,
        told_apart,
        content: Value::Object(
            content
                .map(|entry| (entry.key.clone(), entry.node.json()))
                .collect(),
        ),
        description: find(tree, "description").map_or(0..0, |entry| entry.key_span.clone()),
    }
}

/// Events of calls that make something new: it is known again by its mark and not by where it is, so `effects` do not name
/// them. A fixed repository may well be another than the event's.
fn made(tool: &str, action: &[Entry]) -> Vec<&'static str> {
    let arguments = find(action, "arguments")
        .and_then(|entry| entry.node.table())
        .unwrap_or(&[]);
    let given = |name: &str| find(arguments, name).is_some();
    let fixed = find(arguments, "repo")
        .and_then(|entry| entry.node.text())
        .is_some_and(|repo| !repo.contains("{{"));
    if fixed {
        return Vec::new();
    }
    match tool {
        "github.create_issue" => [
            ("github.issues.opened", true),
            ("github.issues.labeled", given("labels")),
            ("github.issues.assigned", given("assignees")),
        ]
        .into_iter()
        .filter_map(|(kind, is_so)| is_so.then_some(kind))
        .collect(),
        "github.create_pull_request" => vec!["github.pull_request.opened"],
        _ => Vec::new(),
    }
}

impl Doing {
    /// The first of its calls that comes back as something the other one acts on without asking who did it.
    fn wakes(&self, other: &Self) -> Option<(&str, &Range<usize>)> {
        let heard = |kind: &str| !other.told_apart && other.on.iter().any(|on| listening::covers(on, kind));
        let found = self.caused.iter().find(|(kind, _)| heard(kind))?;
        Some((&found.0, &found.1))
    }
}

/// Puts what was found among the findings of a rule's file.
type Tell<'t> = &'t dyn Fn(&mut Findings<'_>);

/// What only shows when rules are seen together: circles over several of them, and the same rule twice.
pub(crate) fn together(rules: &BTreeMap<String, Doing>, say: &mut dyn FnMut(&str, Tell<'_>)) {
    // By what they hold: to compare each with each takes most of a start once there are a thousand.
    let mut first: HashMap<String, &str> = HashMap::new();
    for (id, doing) in rules {
        if let Some((circle, kind, span)) = circle(id, rules) {
            say(id, &|findings| {
                findings
                    .warning(
                        "cyclic-rules",
                        span,
                        format!("what this call does comes back as `{kind}`, and round again: {circle}"),
                    )
                    .hint("let one of them ask for something the others' doing does not bring about: `sender.type = { not = \"Bot\" }`");
            });
        }
        let twin = *first.entry(doing.content.to_string()).or_insert(id);
        if twin != id {
            say(id, &|findings| {
                findings
                    .warning(
                        "repeated-rule",
                        &doing.description,
                        format!("`{twin}` does the same on the same events, so everything is done twice"),
                    )
                    .hint("delete one of them, or let them ask for different things");
            });
        }
    }
}

/// The shortest way from a rule's doing back to it, over others; told once, at the first of them by name.
fn circle<'r>(
    start: &'r str,
    rules: &'r BTreeMap<String, Doing>,
) -> Option<(String, &'r str, &'r Range<usize>)> {
    let mut ways: Vec<Vec<&str>> = vec![vec![start]];
    let mut seen = vec![start];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = rules.get(*way.last()?)?;
            if way.len() > 1 && last.wakes(rules.get(start)?).is_some() {
                let (kind, span) = rules.get(start)?.wakes(rules.get(*way.get(1)?)?)?;
                let mut names: Vec<String> = way.iter().map(|name| format!("`{name}`")).collect();
                names.push(format!("`{start}`"));
                return Some((names.join(" → "), kind, span));
            }
            for (next, found) in rules.range(start.to_owned()..) {
                if !seen.contains(&next.as_str()) && last.wakes(found).is_some() {
                    seen.push(next);
                    longer.push([way.as_slice(), &[next.as_str()]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// A rule whose own doing comes back as the event it listens to.
fn cycles(tree: &[Entry], mentions: &[Mention], catalog: &Catalog, findings: &mut Findings<'_>) {
    let doing = doing(tree, mentions, catalog);
    // One finding for each call, not for each kind of event.
    let mut spans: Vec<&Range<usize>> = Vec::new();
    for (kind, span) in &doing.caused {
        let heard = !doing.told_apart && doing.on.iter().any(|on| listening::covers(on, kind));
        if !heard || spans.contains(&span) {
            continue;
        }
        spans.push(span);
        findings
            .warning(
                "cyclic-rule",
                span,
                format!("what this call does comes back as `{kind}`, to which the rule listens"),
            )
            .hint("ask for something its own doing does not bring about: `sender.type = { not = \"Bot\" }`");
    }
}

/// A rule that is told of its own runs, too.
fn own_runs(tree: &[Entry], mentions: &[Mention], findings: &mut Findings<'_>) {
    const RULE: &str = "event.run.rule";
    let mut asked = mentions
        .iter()
        .any(|mention| mention.action.is_none() && mention.under == "if" && mention.path == RULE);
    conditions::fields(tree, &mut |path, _| asked |= path == ["run", "rule"]);
    let hears = |on: &&str| *on == "xmrt" || on.starts_with("xmrt.run_") || *on == "xmrt.*";
    if let Some(entry) = find(tree, "on")
        && !asked
        && listened(tree).iter().any(hears)
    {
        findings
            .warning(
                "own-runs",
                &entry.node.span,
                "the rule is told of its own runs, too, and would answer its own failures",
            )
            .hint("leave them out: `[when]` with `run.rule = { not = \"<this rule's id>\" }`");
    }
}

fn tells_apart(path: &str) -> bool {
    let Some(field) = path.strip_prefix("event.") else {
        return path == "meta.actor";
    };
    !WHERE.iter().any(|known| {
        field == *known
            || field
                .strip_prefix(known)
                .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn everything(tree: &[Entry], findings: &mut Findings<'_>) {
    let asks = find(tree, "when").is_some() || find(tree, "if").is_some();
    if let Some(entry) = find(tree, "on")
        && !asks
        && listened(tree).contains(&"*")
    {
        findings
            .warning(
                "listens-to-everything",
                &entry.node.span,
                "the rule acts on every event there is",
            )
            .hint("name the events, or ask for something in `[when]`");
    }
}

fn tests(tree: &[Entry], catalog: &Catalog, findings: &mut Findings<'_>) {
    let steps = ["action", "on_failure"].map(|list| tables(tree, list));
    let tools: Vec<&str> = steps
        .into_iter()
        .flatten()
        .filter_map(|step| find(step, "tool")?.node.text())
        .collect();
    let (mut acts, mut quiet) = (false, false);
    for test in tables(tree, "test") {
        let expected = tables(test, "expect");
        let decision = find(test, "decision").and_then(|entry| entry.node.text());
        let fires = matches!(decision, Some("fired" | "succeeded" | "shadowed" | "dead"));
        let skips = expected.iter().any(|call| find(call, "if_skipped").is_some());
        let made = expected.iter().filter(|call| find(call, "if_skipped").is_none());
        let writes = |call: &&&[Entry]| {
            let tool = find(call, "tool").and_then(|entry| catalog.get(entry.node.text()?));
            tool.is_none_or(|tool| !tool.read_only)
        };
        acts |= fires || made.clone().count() > 0;
        // Reading changes nothing, and a step that is skipped is one that was left alone.
        quiet |= skips || decision.is_some_and(|_| !fires) || (!fires && made.filter(writes).count() == 0);
        for tool in expected.iter().filter_map(|call| find(call, "tool")) {
            if let Some(name) = tool.node.text()
                && !tools.contains(&name)
            {
                findings
                    .warning(
                        "test-tool",
                        &tool.node.span,
                        format!("the rule never calls `{name}`"),
                    )
                    .hint(format!("it calls {}", tools.join(", ")));
            }
        }
    }
    let Some(place) = find(tree, "description").map(|entry| entry.key_span.clone()) else {
        return;
    };
    let off = find(tree, "mode").and_then(|entry| entry.node.text()) == Some("off");
    if !acts && !off {
        findings
            .warning(
                "missing-test",
                &place,
                "no `[[test]]` shows an event on which this rule acts",
            )
            .hint(
                "add a `[[test]]` with such an event; its `expect` lists the calls the rule makes, in order",
            );
    }
    // What asks nothing of its own tick or name acts whenever it is due.
    let asks = find(tree, "when").is_some() || find(tree, "if").is_some();
    let on = listened(tree);
    let of_the_rule = on.iter().all(|kind| vocabulary::OF_THE_RULE.contains(kind));
    if !quiet && (asks || !of_the_rule) {
        findings
            .warning(
                "missing-quiet-test",
                &place,
                "no `[[test]]` shows an event that this rule leaves alone",
            )
            .hint("add a `[[test]]` with such an event and `expect = []`");
    }
}
