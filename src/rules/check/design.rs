//! In: a rule as a whole. Out: what it probably does not mean: loops, keys that count nothing, variables nobody reads,
//! tests that are missing. Never: errors; all of these may be meant.

use crate::rules::book;
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

/// A rule whose own doing comes back as the event it listens to.
fn cycles(tree: &[Entry], mentions: &[Mention], catalog: &Catalog, findings: &mut Findings<'_>) {
    let on = listened(tree);
    let mut told_apart = mentions
        .iter()
        .filter(|mention| mention.action.is_none() && mention.under == "if")
        .any(|mention| tells_apart(&mention.path));
    conditions::fields(tree, &mut |path, _| {
        told_apart |= tells_apart(&format!("event.{}", path.join(".")));
    });
    if told_apart {
        return;
    }
    for action in tables(tree, "action") {
        let Some(entry) = find(action, "tool") else {
            continue;
        };
        let Some(tool) = entry.node.text().and_then(|name| catalog.get(name)) else {
            continue;
        };
        let caused = tool
            .effects
            .iter()
            .filter_map(|effect| effect.split(':').next())
            .find(|kind| on.iter().any(|on| book::covers(on, kind)));
        if let Some(kind) = caused
            && find(action, "if").is_none()
        {
            findings
                .warning(
                    "cyclic-rule",
                    &entry.node.span,
                    format!("what this call does comes back as `{kind}`, to which the rule listens"),
                )
                .hint(
                    "ask for something its own doing does not bring about: `sender.type = { not = \"Bot\" }`",
                );
        }
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
    let tools: Vec<&str> = tables(tree, "action")
        .into_iter()
        .filter_map(|action| find(action, "tool")?.node.text())
        .collect();
    let (mut acts, mut quiet) = (false, false);
    for test in tables(tree, "test") {
        let expected = tables(test, "expect");
        let decision = find(test, "decision").and_then(|entry| entry.node.text());
        let fires = matches!(decision, Some("fired" | "done"));
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
    if !acts {
        findings
            .warning(
                "missing-test",
                &place,
                "no `[[test]]` shows an event on which this rule acts",
            )
            .hint("`expect` lists the calls it makes, in order");
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
            .hint("with `expect = []`");
    }
}
