//! In: the events of a rule and a path into their payloads. Out: whether any of them has it, and what stands there. Never:
//! payloads themselves; what nobody describes is [`Found::Unchecked`].
//!
//! GitHub's table is made from its own description of its webhooks by `scripts/generate-fields`. Render sends so little
//! that its table stands here; it follows Render's documentation of November 2026.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::rules::diagnostic::nearest;
use crate::rules::vocabulary;

const GITHUB: &str = include_str!("payload/github.txt");

const RENDER: &str = "\
#0 id:s serviceId:s serviceName:s
#1 id:s serviceId:s serviceName:s status:s=canceled|failed|succeeded
any data:#0 timestamp:s type:s
ended data:#1 timestamp:s type:s
";
/// Render's events that say how something ended.
const RENDER_ENDED: &[&str] = &[
    "build_ended",
    "deploy_ended",
    "cron_job_run_ended",
    "job_run_ended",
];

/// What the reactor says itself.
const OWN: &str = "\
#0 id:s rule:s version:s state:s=cancelled|dead|declined|shadowed|succeeded|unknown|waiting reason:s generation:n shadow:b depth:n created_at:s
#1 source:s id:s type:s subject:s
#2 step:s tool:s error:s
#3 step:s tool:s by:sl reason:s expires_at:s
#4 source:s provider:s=github|render from:s until:s recovered:n stale:n deliveries:sl
#5 id:s title:s about:s data:* state:s=done|failed posted_by:s agent:s attempts:n result:* reason:s
#6 id:s capabilities:sl last_seen_at:s silences:n
task time:s task:#5
agent time:s agent:#6
run time:s run:#0 event:#1 failed:#2 asked:#3
gap time:s gap:#4
schedule rule:s cron:s timezone:s tick:s local:s missed:sl missed_total:n
";

type Fields = BTreeMap<&'static str, Type>;

/// What may stand in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Type {
    text: bool,
    number: bool,
    boolean: bool,
    list: bool,
    /// Anything may stand here, also fields nobody describes.
    open: bool,
    shape: Option<usize>,
    choices: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Table {
    shapes: BTreeMap<usize, Fields>,
    events: BTreeMap<&'static str, Fields>,
}

static GITHUB_TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(GITHUB));
static RENDER_TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(RENDER));

static OWN_TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(OWN));

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nobody describes it.
    Unchecked,
    /// None of the events has it.
    Missing {
        /// How many segments of the path there are.
        known: usize,
        /// The field that was probably meant.
        near: Option<&'static str>,
        /// What there is instead; empty where there are no fields at all.
        beside: Vec<&'static str>,
    },
    /// This.
    There(Leaf),
}

/// What stands at a path, over all events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) text: bool,
    pub(crate) number: bool,
    pub(crate) boolean: bool,
    /// It has fields of its own.
    pub(crate) object: bool,
    /// A list is on the way, so there may be several values.
    pub(crate) several: bool,
    /// All texts it may hold, if they are known.
    pub(crate) choices: Option<BTreeSet<&'static str>>,
}

impl Leaf {
    /// For messages: `a number`.
    pub(crate) fn spoken(&self) -> String {
        let names = [
            (self.text, "a text"),
            (self.number, "a number"),
            (self.boolean, "a boolean"),
            (self.object, "an object"),
        ];
        let held: Vec<&str> = names
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, name)| *name)
            .collect();
        if self.several {
            let bare = |name: &&str| format!("{}s", name.trim_start_matches("an ").trim_start_matches("a "));
            return format!(
                "a list of {}",
                held.iter().map(bare).collect::<Vec<_>>().join(" or ")
            );
        }
        held.join(" or ")
    }
}

impl Table {
    /// Lines that do not fit are left out: the file is made by a program, and a test reads all of it.
    fn read(text: &'static str) -> Self {
        let mut table = Self::default();
        for line in text.lines().filter(|line| !line.starts_with("# ")) {
            let Some((head, rest)) = line.split_once(' ') else {
                continue;
            };
            let fields = rest
                .split(' ')
                .filter_map(|field| field.split_once(':'))
                .map(|(name, kind)| (name, Type::read(kind)))
                .collect();
            match head.strip_prefix('#').map(str::parse) {
                Some(Ok(number)) => {
                    table.shapes.insert(number, fields);
                }
                Some(Err(_)) => {}
                None => {
                    table.events.insert(head, fields);
                }
            }
        }
        table
    }
}

impl Type {
    fn read(text: &'static str) -> Self {
        let (kind, choices) = text.split_once('=').unwrap_or((text, ""));
        let (scalars, shape) = kind.split_once('#').unwrap_or((kind, ""));
        Self {
            text: scalars.contains('s'),
            number: scalars.contains('n'),
            boolean: scalars.contains('b'),
            list: scalars.contains('l'),
            open: scalars.contains('*'),
            shape: shape.parse().ok(),
            choices: choices.split('|').filter(|choice| !choice.is_empty()).collect(),
        }
    }
}

/// The tops of all payloads the events may have; `None` when there are no events or some are not described.
fn tops(on: &[&str]) -> Option<Vec<(&'static Table, &'static Fields)>> {
    if on.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for kind in on {
        if *kind == "schedule" {
            found.push((&*OWN_TABLE, OWN_TABLE.events.get("schedule")?));
            continue;
        }
        let (source, rest) = kind.split_once('.')?;
        match source {
            "xmrt" if vocabulary::OWN.split(' ').any(|known| known == rest) => {
                let line = match rest {
                    "task_done" | "task_failed" => "task",
                    "agent_silent" => "agent",
                    "gap_recovered" => "gap",
                    _ => "run",
                };
                found.push((&*OWN_TABLE, OWN_TABLE.events.get(line)?));
            }
            "github" => {
                found.extend(github(rest)?.into_iter().map(|top| (&*GITHUB_TABLE, top)));
            }
            "render" if vocabulary::RENDER.split(' ').any(|known| known == rest) => {
                let line = if RENDER_ENDED.contains(&rest) {
                    "ended"
                } else {
                    "any"
                };
                found.push((&*RENDER_TABLE, RENDER_TABLE.events.get(line)?));
            }
            _ => return None,
        }
    }
    Some(found)
}

fn github(kind: &str) -> Option<Vec<&'static Fields>> {
    let table = &*GITHUB_TABLE;
    if let Some(fields) = table.events.get::<str>(kind) {
        return Some(vec![fields]);
    }
    let (event, action) = kind.split_once('.').unwrap_or((kind, "*"));
    let (_, actions) = vocabulary::GITHUB.iter().find(|(name, _)| *name == event)?;
    if let (Some(fields), "*") = (table.events.get::<str>(event), *actions) {
        return Some(vec![fields]);
    }
    if action != "*" {
        return None;
    }
    let below: Vec<&Fields> = table
        .events
        .iter()
        .filter(|(name, _)| name.split('.').next() == Some(event))
        .map(|(_, fields)| fields)
        .collect();
    (!below.is_empty()).then_some(below)
}

/// What the path, without `event`, leads to in the payloads of these events.
pub(crate) fn lookup(on: &[&str], path: &[&str]) -> Found {
    let Some(mut level) = tops(on) else {
        return Found::Unchecked;
    };
    let mut several = false;
    for (at, segment) in path.iter().enumerate() {
        let types: Vec<(&'static Table, &'static Type)> = level
            .iter()
            .filter_map(|(table, fields)| Some((*table, fields.get::<str>(segment)?)))
            .collect();
        if types.is_empty() {
            return missing(at, segment, &level);
        }
        if types.iter().any(|(_, kind)| kind.open) {
            return Found::Unchecked;
        }
        several |= types.iter().any(|(_, kind)| kind.list);
        if at + 1 == path.len() {
            return Found::There(leaf(&types, several));
        }
        level = types
            .into_iter()
            .filter_map(|(table, kind)| Some((table, table.shapes.get(&kind.shape?)?)))
            .collect();
    }
    Found::Unchecked
}

/// Paths that lead to such a field one level below the payload's top: `issue.title` for `title`. Only the one within what
/// the event is about, if there is one.
pub(crate) fn below_top(on: &[&str], path: &[&str]) -> Vec<String> {
    let tops: BTreeSet<&'static str> = tops(on)
        .into_iter()
        .flatten()
        .flat_map(|(_, fields)| fields.keys().copied())
        .collect();
    let leads = |top: &&str| {
        let whole: Vec<&str> = std::iter::once(*top).chain(path.iter().copied()).collect();
        matches!(lookup(on, &whole), Found::There(_))
    };
    let found = tops.into_iter().filter(leads);
    let found: Vec<String> = found.map(|top| format!("{top}.{}", path.join("."))).collect();
    // What an event is about bears its name: `issue` in `issues`.
    let subject = on
        .first()
        .and_then(|kind| kind.split('.').nth(1))
        .unwrap_or_default();
    let about = format!("{}.{}", subject.trim_end_matches('s'), path.join("."));
    if found.contains(&about) {
        vec![about]
    } else {
        found
    }
}

fn missing(known: usize, segment: &str, level: &[(&'static Table, &'static Fields)]) -> Found {
    let beside: BTreeSet<&'static str> = level
        .iter()
        .flat_map(|(_, fields)| fields.keys().copied())
        .collect();
    Found::Missing {
        known,
        near: nearest(segment, beside.iter().copied()).and_then(|near| beside.get(near).copied()),
        beside: beside.into_iter().collect(),
    }
}

fn leaf(types: &[(&'static Table, &'static Type)], several: bool) -> Leaf {
    let mut leaf = Leaf {
        several,
        choices: Some(BTreeSet::new()),
        ..Leaf::default()
    };
    for (_, kind) in types {
        leaf.text |= kind.text;
        leaf.number |= kind.number;
        leaf.boolean |= kind.boolean;
        leaf.object |= kind.shape.is_some();
        if kind.text && kind.choices.is_empty() {
            leaf.choices = None;
        }
        if let Some(choices) = &mut leaf.choices {
            choices.extend(kind.choices.iter().copied());
        }
    }
    leaf.choices = leaf.choices.filter(|choices| !choices.is_empty());
    leaf
}

/// Every path at which a text may stand in a payload of GitHub's, with the event, not deeper than `depth`.
#[cfg(test)]
pub(crate) fn github_texts(depth: usize) -> Vec<(&'static str, Vec<&'static str>)> {
    fn below(
        event: &'static str,
        fields: &'static Fields,
        path: &mut Vec<&'static str>,
        depth: usize,
        found: &mut Vec<(&'static str, Vec<&'static str>)>,
    ) {
        for (name, kind) in fields {
            path.push(name);
            if kind.text {
                found.push((event, path.clone()));
            }
            let shape = kind.shape.and_then(|shape| GITHUB_TABLE.shapes.get(&shape));
            if let Some(inner) = shape.filter(|_| path.len() < depth) {
                below(event, inner, path, depth, found);
            }
            path.pop();
        }
    }
    let mut found = Vec::new();
    for (event, fields) in &GITHUB_TABLE.events {
        below(event, fields, &mut Vec::new(), depth, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Found, GITHUB_TABLE, lookup};

    #[test]
    fn every_shape_that_is_mentioned_is_there() {
        let table = &*GITHUB_TABLE;
        assert!(table.events.len() > 200 && table.shapes.len() > 200);
        for fields in table.events.values().chain(table.shapes.values()) {
            for (name, kind) in fields {
                assert!(
                    kind.shape.is_none_or(|shape| table.shapes.contains_key(&shape)),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_field_is_missing_only_when_every_event_is_known_and_none_has_it() {
        let missing = |on: &[&str], path: &[&str]| matches!(lookup(on, path), Found::Missing { .. });
        assert!(missing(&["github.issues.opened"], &["issue", "titel"]));
        assert!(missing(&["github.issues.opened"], &["label"]));
        assert!(missing(&["github.issues.opened"], &["issue", "title", "length"]));
        assert!(missing(&["render.server_failed"], &["data", "status"]));
        assert!(!missing(
            &["github.issues.opened", "github.issues.labeled"],
            &["label", "name"]
        ));
        assert!(!missing(&["github.issues"], &["label", "name"]));
        assert!(!missing(&["render.deploy_ended"], &["data", "status"]));
        for unchecked in [
            "github.issues.imagined",
            "github.imagined",
            "render.imagined",
            "shop.order",
            "*",
            "github.*",
        ] {
            assert_eq!(
                lookup(&[unchecked], &["no", "such"]),
                Found::Unchecked,
                "{unchecked}"
            );
        }
        let free = ["client_payload", "anything", "at", "all"];
        assert_eq!(
            lookup(&["github.repository_dispatch.go"], &free),
            Found::Unchecked
        );
    }

    #[test]
    fn lists_on_the_way_are_walked_through() {
        let leaf = |path: &[&str]| match lookup(&["github.issues.opened"], path) {
            Found::There(leaf) => Some(leaf),
            _ => None,
        };
        let name = leaf(&["issue", "labels", "name"]);
        assert!(name.is_some_and(|name| name.several && name.text && name.choices.is_none()));
        let state = leaf(&["issue", "state"]);
        assert!(state.is_some_and(|state| {
            !state.several
                && state
                    .choices
                    .is_some_and(|choices| choices.into_iter().eq(["closed", "open"]))
        }));
    }
}
