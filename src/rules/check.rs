//! In: the tree of a rule file, and the tools that exist. Out: what is wrong beyond the file's own grammar. Never: calls,
//! or giving up at the first mistake: it looks at the tree, so a rule that does not compile is checked all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use crate::rules::diagnostic::{Findings, akin, did_you_mean};
use crate::rules::expression::{self, Expression, Template};
use crate::rules::listening;
use crate::rules::parse;
use crate::rules::syntax::{self, Entry, Kind, Node, find};

mod arguments;
mod catalog;
mod compared;
mod conditions;
mod design;
mod fields;
mod flow;
mod grants;
mod items;
mod origin;
mod partly;
mod slips;
mod state;
mod strangers;
mod text;

pub use catalog::{Catalog, CatalogTool};
pub(crate) use design::{Doing, together};
use fields::listened;

/// Names an expression sees when an event is matched.
const AT_MATCH: &[&str] = &["event", "meta", "vars", "now"];
/// What `meta` holds.
const META: &[&str] = &[
    "id",
    "source",
    "type",
    "action",
    "subject",
    "actor",
    "time",
    "replayed",
    "recovered",
];
/// Names a gate's key sees.
const IN_KEY: &[&str] = &["event", "meta", "vars"];
/// Names an action sees.
const IN_ACTION: &[&str] = &["event", "meta", "vars", "now", "steps", "run"];
/// Names an action's `require` sees.
const IN_REQUIRE: &[&str] = &["event", "meta", "vars", "now", "steps", "run", "result"];
/// Names an action with `for_each` sees.
const IN_ITEM: &[&str] = &["event", "meta", "vars", "now", "steps", "run", "item"];
/// Names such an action's `require` sees.
const IN_ITEM_REQUIRE: &[&str] = &["event", "meta", "vars", "now", "steps", "run", "item", "result"];

/// Checks one rule file; `vars` are the configuration's.
pub(crate) fn rule(
    tree: &[Entry],
    vars: &Value,
    catalog: Option<&Catalog>,
    findings: &mut Findings<'_>,
) -> Option<Doing> {
    let own = find(tree, "vars")
        .and_then(|entry| entry.node.table())
        .unwrap_or(&[]);
    let declared = vars
        .as_object()
        .into_iter()
        .flat_map(|vars| vars.keys().map(String::as_str))
        .chain(own.iter().map(|entry| entry.key.as_str()))
        .collect();
    let mut checker = Checker {
        events: listened(tree),
        declared,
        catalog,
        findings,
        steps: Vec::new(),
        calls: BTreeMap::new(),
        all_steps: BTreeSet::new(),
        misplaced: Vec::new(),
        mentions: Vec::new(),
        by_name: Vec::new(),
        compared: Vec::new(),
        item: None,
    };
    checker.rule(tree);
    checker.tests(tree);
    let (mentions, by_name, compared) = (checker.mentions, checker.by_name, checker.compared);
    // What goes beyond the file's own grammar is asked only where everything is known that a rule can refer to.
    let catalog = catalog?;
    fields::check(tree, &mentions, findings);
    compared::check(&listened(tree), &compared, findings);
    partly::check(tree, &mentions, findings);
    state::check(tree, &catalog.state, findings);
    grants::check(tree, &catalog.directory, findings);
    flow::check(tree, &mentions, catalog, findings);
    items::check(tree, &by_name, catalog, findings);
    if findings.has_error() {
        return None;
    }
    conditions::check(tree, findings);
    design::check(tree, &mentions, catalog, findings);
    Some(design::doing(tree, &mentions, catalog))
}

/// A name that an expression or a template mentions.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// `event.issue.title`
    path: String,
    /// A part of it is written in brackets: `event.issue['title']`.
    bracketed: bool,
    place: Range<usize>,
    /// The whole expression or template.
    text: String,
    /// The action it stands in, counted from 0.
    action: Option<usize>,
    /// The key it stands under: `if`, `key`, `group`, `require`, `arguments`.
    under: &'static str,
}

/// A mention of an item by a name of its own: `item.name`, or that of a `{% for … %}`.
#[derive(Clone, Debug)]
pub(crate) struct ByName {
    /// `item.name`
    written: String,
    /// What it is: `event.issue.labels.name`.
    path: String,
    /// How many of the path's segments the item itself is.
    known: usize,
    place: Range<usize>,
}

struct Checker<'t, 'f, 'a> {
    events: Vec<&'t str>,
    declared: BTreeSet<&'t str>,
    catalog: Option<&'t Catalog>,
    findings: &'f mut Findings<'a>,
    /// Ids of the actions so far.
    steps: Vec<String>,
    /// The same with what they say.
    calls: BTreeMap<String, &'t [Entry]>,
    /// Ids of all actions.
    all_steps: BTreeSet<String>,
    /// Tools' places whose `arguments` stand under another action, or that got another's.
    misplaced: Vec<arguments::Misplaced>,
    mentions: Vec<Mention>,
    by_name: Vec<ByName>,
    compared: Vec<compared::Place>,
    /// What the items come from, of the action at hand that has a `for_each`.
    item: Option<Vec<origin::Origin>>,
}

impl<'t> Checker<'t, '_, '_> {
    fn rule(&mut self, tree: &'t [Entry]) {
        self.expression(tree, "if", AT_MATCH, None);
        let limits = find(tree, "limits").and_then(|entry| entry.node.table());
        if let Some(key) = limits.and_then(|limits| find(limits, "key")) {
            self.template(&key.node, IN_KEY, (None, "key"));
        }
        let concurrency = find(tree, "concurrency").and_then(|entry| entry.node.table());
        if let Some(group) = concurrency.and_then(|concurrency| find(concurrency, "group")) {
            self.template(&group.node, IN_KEY, (None, "group"));
        }
        let mut actions = tables(tree, "action");
        actions.extend(tables(tree, "on_failure"));
        let mut ids = Vec::new();
        for action in &actions {
            let id = step_id(action, &self.all_steps);
            self.all_steps.insert(id.clone());
            ids.push(id);
        }
        self.misplaced = ["action", "on_failure"]
            .into_iter()
            .flat_map(|list| arguments::misplaced(&tables(tree, list), self.catalog))
            .collect();
        for (action, id) in actions.iter().zip(ids) {
            self.action(action, limits.is_some());
            self.calls.insert(id.clone(), action);
            self.steps.push(id);
        }
    }

    fn action(&mut self, action: &'t [Entry], limited: bool) {
        let at = Some(self.steps.len());
        let list = find(action, "for_each");
        let (known, known_after) = match list {
            Some(_) => (IN_ITEM, IN_ITEM_REQUIRE),
            None => (IN_ACTION, IN_REQUIRE),
        };
        self.item = None;
        if let Some(list) = list {
            self.template(&list.node, IN_ACTION, (at, "for_each"));
            let text = list.node.text().unwrap_or_default();
            let item = origin::template(text, None).origins;
            items::is_list(&self.events, text, &item, &list.node, self.findings);
            self.item = Some(item);
        }
        let leave = find(action, "approval").and_then(|entry| entry.node.table());
        if let Some(reason) = leave.and_then(|leave| find(leave, "reason")) {
            self.template(&reason.node, known, (at, "approval"));
        }
        if let Some(key) = find(action, "item_key") {
            self.template(&key.node, known, (at, "item_key"));
        }
        self.expression(action, "if", known, at);
        self.expression(action, "require", known_after, at);
        let given = find(action, "arguments");
        if let Some(given) = given {
            self.template(&given.node, known, (at, "arguments"));
        }
        let (Some(catalog), Some(entry)) = (self.catalog, find(action, "tool")) else {
            return;
        };
        let Some(name) = entry.node.text() else { return };
        let entries = given.and_then(|given| given.node.table()).unwrap_or(&[]);
        let looked = strangers::Looked {
            events: &self.events,
            tool: name,
            item: self.item.as_deref(),
            steps: &self.calls,
            catalog,
        };
        looked.prompts(entries, self.findings);
        let Some(tool) = catalog.get(name) else {
            let server = name.split_once('.').map(|(server, _)| server);
            // Not even a name was reported already; and of some servers it shows only when they are there.
            if server.is_none_or(|server| catalog.open.contains(server)) {
                return;
            }
            self.unknown_tool(name, &entry.node.span, catalog);
            return;
        };
        if tool.destructive && !limited {
            self.findings
                .warning(
                    "unlimited-destructive",
                    &entry.node.span,
                    format!("`{name}` may destroy or interrupt something, and nothing limits how often this rule calls it"),
                )
                .hint("add `[limits]` with a `cooldown` or a `rate`");
        }
        if tool.destructive {
            looked.targets(entries, self.findings);
        }
        if self
            .misplaced
            .iter()
            .any(|found| found.is_about(&entry.node.span))
        {
            for found in self.misplaced.iter().filter(|found| found.got == entry.node.span) {
                found.tell(self.findings);
            }
            return;
        }
        let call = arguments::Call {
            tool: name,
            tool_span: &entry.node.span,
            root: &tool.input_schema,
        };
        call.check(entries, self.findings);
        slips::check(&self.events, name, entries, self.findings);
    }

    fn unknown_tool(&mut self, name: &str, span: &Range<usize>, catalog: &Catalog) {
        let server = name.split('.').next().unwrap_or_default();
        let known = catalog.names();
        let open = catalog.open.iter().map(String::as_str);
        let servers = known.clone().filter_map(|tool| tool.split('.').next());
        let servers: BTreeSet<&str> = servers.chain(open).collect();
        let hint = did_you_mean(name, known).or_else(|| {
            (!servers.contains(server)).then(|| {
                let servers: Vec<&str> = servers.iter().copied().collect();
                format!(
                    "there is no server `{server}`; there are {}; another is declared in xmrt.toml: `[mcp.{server}]`",
                    servers.join(", ")
                )
            })
        });
        let hint = hint.unwrap_or_else(|| {
            let perhaps = akin(name, catalog.names()).map_or(String::new(), |perhaps| format!("{perhaps} "));
            format!("{perhaps}`xmrt tools` lists them")
        });
        self.findings
            .error("unknown-tool", span, format!("there is no tool `{name}`"))
            .hint(hint);
    }

    /// The names an expression mentions. One that does not compile was reported by the parser.
    fn expression(&mut self, entries: &[Entry], key: &'static str, known: &[&str], action: Option<usize>) {
        if let Some(entry) = find(entries, key)
            && let Some(text) = entry.node.text()
            && let Ok(expression) = Expression::compile(text)
        {
            self.paths(&expression.paths(), &entry.node, text, known, (action, key));
            self.traced(origin::expression(text, self.item.as_deref()), &entry.node);
        }
    }

    /// The names that all templates within a value mention.
    fn template(&mut self, node: &Node, known: &[&str], at: (Option<usize>, &'static str)) {
        match &node.kind {
            Kind::Text(text) => {
                if let Ok(template) = Template::compile(text) {
                    self.paths(&template.paths(), node, text, known, at);
                    self.traced(origin::template(text, self.item.as_deref()), node);
                }
            }
            Kind::Array(items) => items.iter().for_each(|item| self.template(item, known, at)),
            Kind::Table(entries) => entries
                .iter()
                .for_each(|entry| self.template(&entry.node, known, at)),
            _ => {}
        }
    }

    fn paths(
        &mut self,
        paths: &BTreeSet<String>,
        node: &Node,
        text: &str,
        known: &[&str],
        (action, under): (Option<usize>, &'static str),
    ) {
        for path in paths {
            let mut segments = path.split('.');
            let (first, second) = (segments.next().unwrap_or_default(), segments.next());
            let place = self.mention(path, node, text);
            if expression::is_function(first) {
                continue;
            }
            if !known.contains(&first) {
                self.unknown_name(path, &place, known);
                continue;
            }
            let whole = match first {
                "event" => strangers::whole(path, text),
                _ => path.clone(),
            };
            self.mentions.push(Mention {
                bracketed: whole != *path,
                path: whole,
                place: place.clone(),
                text: text.to_owned(),
                action,
                under,
            });
            match (first, second) {
                ("vars", Some(name)) if !self.declared.contains(name) => {
                    let hint = did_you_mean(name, self.declared.iter().copied());
                    self.findings
                        .error(
                            "unknown-variable",
                            &place,
                            format!("there is no variable `{name}`"),
                        )
                        .hint(hint.unwrap_or_else(|| {
                            "declare it in the rule's `[vars]` or in the `[vars]` of xmrt.toml".to_owned()
                        }));
                }
                ("meta", Some(name)) if !META.contains(&name) => {
                    self.findings
                        .error("unknown-name", &place, format!("`meta` has no `{name}`"))
                        .hint(
                            did_you_mean(name, META.iter().copied())
                                .unwrap_or_else(|| format!("it has {}", META.join(", "))),
                        );
                }
                ("steps", Some(id)) if !self.steps.iter().any(|step| step == id) => {
                    self.unknown_step(id, &place)
                }
                _ => {}
            }
        }
    }

    fn traced(&mut self, found: origin::Traced, node: &Node) {
        for compared in found.compared {
            let place = syntax::inside(self.findings.text(), &node.span, compared.place.clone());
            self.compared.push(compared::Place { compared, place });
        }
        for origin::ByName { written, path, place } in found.by_name {
            self.by_name.push(ByName {
                known: path.len() + 1 - written.len(),
                written: written.join("."),
                path: path.join("."),
                place: syntax::inside(self.findings.text(), &node.span, place),
            });
        }
    }

    fn unknown_name(&mut self, path: &str, place: &Range<usize>, known: &[&str]) {
        let name = path.split('.').next().unwrap_or(path);
        let message = match name {
            "item" => "`item` is known only to an action with `for_each`".to_owned(),
            "result" => "`result` is known only to an action's `require`".to_owned(),
            "steps" | "run" => format!("`{name}` is not known before there is a run"),
            "now" => "`now` is not known here: a key must not change with the time".to_owned(),
            _ => format!("there is no name `{name}`"),
        };
        let hint = fields::in_payload(&self.events, path)
            .or_else(|| did_you_mean(name, known.iter().copied()))
            .unwrap_or_else(|| format!("the names here are {}", known.join(", ")));
        self.findings.error("unknown-name", place, message).hint(hint);
    }

    fn unknown_step(&mut self, id: &str, place: &Range<usize>) {
        if self.all_steps.contains(id) {
            self.findings
                .error(
                    "step-order",
                    place,
                    format!("the step `{id}` has not run yet when this is needed"),
                )
                .hint("a step sees the results of those before it");
            return;
        }
        let hint = did_you_mean(id, self.steps.iter().map(String::as_str)).unwrap_or_else(|| {
            if self.steps.is_empty() {
                "there is no step before this one".to_owned()
            } else {
                format!("the steps before this one are {}", self.steps.join(", "))
            }
        });
        self.findings
            .error("unknown-step", place, format!("there is no step `{id}`"))
            .hint(hint);
    }

    /// Where a path stands within a string: the first time it is written so.
    fn mention(&self, path: &str, node: &Node, text: &str) -> Range<usize> {
        syntax::mention(self.findings.text(), path, node, text)
    }

    /// A test that can only fail.
    fn tests(&mut self, tree: &[Entry]) {
        let on = listened(tree);
        if on.is_empty() {
            return;
        }
        let mut names = BTreeSet::new();
        for test in tables(tree, "test") {
            if let Some(entry) = find(test, "name")
                && let Some(name) = entry.node.text()
                && !names.insert(name)
            {
                self.findings.error(
                    "duplicate-test",
                    &entry.node.span,
                    "another test of this rule has this name",
                );
            }
            let kind = find(test, "event")
                .and_then(|entry| entry.node.table())
                .and_then(|event| find(event, "on"));
            // That a rule does nothing about another event is worth a test, too.
            let expects_calls = find(test, "expect").is_none() || !tables(test, "expect").is_empty();
            if let Some(entry) = kind
                && expects_calls
                && let Some(kind) = entry.node.text()
                && !on.iter().any(|on| listening::covers(on, kind))
            {
                self.findings
                    .warning(
                        "test-event",
                        &entry.node.span,
                        format!("the rule does not listen to `{kind}`"),
                    )
                    .hint(format!("it listens to {}", on.join(", ")));
            }
        }
    }
}

/// The tables of a list, as far as they are tables.
fn tables<'t>(entries: &'t [Entry], key: &str) -> Vec<&'t [Entry]> {
    find(entries, key)
        .and_then(|entry| entry.node.array())
        .unwrap_or(&[])
        .iter()
        .filter_map(Node::table)
        .collect()
}

fn step_id(action: &[Entry], earlier: &BTreeSet<String>) -> String {
    let text = |key| find(action, key).and_then(|entry| entry.node.text());
    match (text("id"), text("tool")) {
        (Some(id), _) => id.to_owned(),
        (None, tool) => parse::default_id(tool.unwrap_or_default(), |id| earlier.contains(id)),
    }
}
