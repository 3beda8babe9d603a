//! In: the arguments of a call. Out: text that strangers wrote, where it chooses what is destroyed, or where it is said to a
//! model as if it were the rule's own words. Never: other arguments that only say something.
//!
//! The question of every field is who can write what stands there. Trusted is what the provider makes (ids, numbers, hashes,
//! times, addresses, words of a fixed list) and what takes rights in the repository, the organization or the workspace that
//! the event is about. Everything else is a stranger's: what they say, how they call themselves, and whatever belongs to
//! their fork.

mod found;

use std::collections::BTreeMap;

use crate::rules::check::Catalog;
use crate::rules::check::origin::{self, Origin};
use crate::rules::diagnostic::Findings;
use crate::rules::payload::{Found, lookup};
use crate::rules::syntax::{self, Entry, Kind, Node, find};

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
/// Arguments that a model takes for what it is to do.
const PROMPTS: &[&str] = &[
    "prompt",
    "instruction",
    "instructions",
    "system",
    "system_prompt",
    "messages",
];
/// Arguments that name a person: there a login is what is asked for, and nobody can write another's.
const PEOPLE: &[&str] = &[
    "login",
    "user",
    "username",
    "assignee",
    "assignees",
    "reviewer",
    "reviewers",
    "member",
    "invitee",
    "collaborator",
];

/// Tops of GitHub's payloads that only people with rights there can write, or GitHub itself.
const OURS: &[&str] = &[
    "action",
    "app",
    "enterprise",
    "hook",
    "installation",
    "label",
    "master_branch",
    "membership",
    "milestone",
    "organization",
    "repository",
    "team",
];
/// The same further down: `issue.labels.name`, `pull_request.base.repo.full_name`, `deployment.environment`.
const OURS_WITHIN: &[&str] = &[
    "labels",
    "milestone",
    "requested_team",
    "requested_teams",
    "teams",
    "environment",
    "original_environment",
    // Set by who administers properties, deploys, or publishes packages.
    "definition",
    "new_property_values",
    "old_property_values",
    "payload",
    "npm_metadata",
];
/// What belongs to whoever proposes a change, at any depth; its commit is a hash.
const THEIRS: &[&str] = &["head", "head_repository", "forkee"];
/// Tops that whoever sends the event fills as they like.
const FREE: &[&str] = &["client_payload", "inputs"];
/// Texts of the provider's own making.
const MADE: &[&str] = &[
    "id",
    "node_id",
    "sha",
    "oid",
    "before",
    "after",
    "date",
    "timestamp",
    "due_on",
    "url",
    "type",
    "event",
    "state",
    "status",
    "conclusion",
    "severity",
    "visibility",
    "permission",
    "role_name",
    "author_association",
    "resolution",
    "digest",
    "guid",
    "ghsa_id",
    "cve_id",
];
/// Ends of names of such texts.
const MADE_ENDS: &[&str] = &["_at", "_id", "_sha", "_oid", "_url", "_date", "_type"];
/// Which look like them, and are somebody's free choice.
const CHOSEN: &[&str] = &[
    "external_id",
    "target_url",
    "details_url",
    "environment_url",
    "external_url",
    "log_url",
    "website_url",
    "project_url",
    "content_type",
];
/// Ends of paths at which text stands that strangers wrote, where nobody describes what there is: in events of other
/// sources, and in what steps read.
const TELLING: &[&str] = &[
    "title",
    "display_title",
    "body",
    "message",
    "text",
    "description",
    "summary",
    "comment",
    "head_branch",
    "head_ref",
    "head.ref",
    "head.label",
    "author.name",
    "author.email",
    "committer.name",
    "committer.email",
];
/// Of the reactor's own events: what may quote others, at any depth. Whoever posts a task may put an issue's words into it.
const QUOTING: &[&str] = &["reason", "error", "subject", "title", "about", "data", "result"];

/// Who wrote what stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Writer {
    /// The provider, or somebody with rights.
    Ours,
    /// A person, by the name that the provider knows them by.
    Login,
    /// Somewhere within it a stranger.
    Within,
    /// A stranger.
    Stranger,
}

/// One action's call, and all that its arguments may be taken from.
pub(super) struct Looked<'a> {
    pub(super) events: &'a [&'a str],
    /// What it calls.
    pub(super) tool: &'a str,
    /// What the items come from that the action is done for.
    pub(super) item: Option<&'a [Origin]>,
    /// The steps before it.
    pub(super) steps: &'a BTreeMap<String, &'a [Entry]>,
    pub(super) catalog: &'a Catalog,
}

impl Looked<'_> {
    /// Reports such text in the arguments of a call that destroys.
    pub(super) fn targets(&self, arguments: &[Entry], findings: &mut Findings<'_>) {
        let choosing = |entry: &&Entry| !PROSE.contains(&entry.key.as_str());
        for entry in arguments.iter().filter(choosing) {
            self.at(&entry.key, &entry.node, findings);
        }
    }

    /// Reports such text that a model is told without being told that it is only data.
    pub(super) fn prompts(&self, arguments: &[Entry], findings: &mut Findings<'_>) {
        for entry in arguments
            .iter()
            .filter(|entry| PROMPTS.contains(&entry.key.as_str()))
        {
            self.told(&entry.key, &entry.node, findings);
        }
    }

    fn told(&self, argument: &str, node: &Node, findings: &mut Findings<'_>) {
        match &node.kind {
            Kind::Text(text) => {
                let mut known: Vec<Vec<String>> = Vec::new();
                for origin in origin::template(text, self.item).origins {
                    let strange = matches!(self.writer(&origin.path), Writer::Stranger | Writer::Within);
                    if origin.fenced || !strange || known.contains(&origin.path) {
                        continue;
                    }
                    let said = text.get(origin.place.clone()).unwrap_or_default().to_owned();
                    let place = syntax::inside(findings.text(), &node.span, origin.place);
                    findings
                        .warning(
                            "unfenced-prompt",
                            &place,
                            format!("anybody may write what `{said}` says, and here a model takes it for its orders (`{argument}`)"),
                        )
                        .hint(format!("quote it as data: `{{{{ {said} | fence }}}}`"));
                    known.push(origin.path);
                }
            }
            Kind::Array(items) => items.iter().for_each(|item| self.told(argument, item, findings)),
            Kind::Table(entries) => entries
                .iter()
                .for_each(|entry| self.told(argument, &entry.node, findings)),
            _ => {}
        }
    }

    fn at(&self, argument: &str, node: &Node, findings: &mut Findings<'_>) {
        match &node.kind {
            Kind::Text(text) => self.text(argument, text, node, findings),
            Kind::Array(items) => items.iter().for_each(|item| self.at(argument, item, findings)),
            Kind::Table(entries) => entries
                .iter()
                .for_each(|entry| self.at(argument, &entry.node, findings)),
            _ => {}
        }
    }

    fn text(&self, argument: &str, text: &str, node: &Node, findings: &mut Findings<'_>) {
        let mut told: Vec<Vec<String>> = Vec::new();
        for origin in origin::template(text, self.item).origins {
            let holds = match self.writer(&origin.path) {
                Writer::Ours => continue,
                Writer::Login if PEOPLE.contains(&argument) => continue,
                Writer::Login => "is a name that anybody may give themselves",
                Writer::Within => "holds text that anybody may write",
                Writer::Stranger => "is text that anybody may write",
            };
            if told.contains(&origin.path) {
                continue;
            }
            let written = origin.path.join(".");
            let spoken = match text.get(origin.place.clone()) {
                // An item is named by what it is one of.
                Some(said) if !written.starts_with(said) && !said.contains('[') => {
                    format!("`{said}` (`{written}`)")
                }
                _ => format!("`{written}`"),
            };
            let place = syntax::inside(findings.text(), &node.span, origin.place);
            findings
                .error(
                    "untrusted-target",
                    &place,
                    format!(
                        "{spoken} {holds}, and here it chooses what `{}` acts on (`{argument}`)",
                        self.tool
                    ),
                )
                .hint("use an id, a number or a hash of the event, or a fixed value");
            told.push(origin.path);
        }
    }
}

impl Looked<'_> {
    fn writer(&self, path: &[String]) -> Writer {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["event", rest @ ..] => {
                let of_each = self.events.iter().map(|event| in_event(event, rest));
                of_each.max().unwrap_or(Writer::Ours)
            }
            ["steps", id, rest @ ..] => self.in_step(id, rest),
            ["meta", "actor"] => Writer::Login,
            // That of a push holds the branch.
            ["meta", "subject"] => Writer::Within,
            _ => Writer::Ours,
        }
    }

    /// What a step found is as trusted as what it was found in.
    fn in_step(&self, id: &str, path: &[&str]) -> Writer {
        let call = self.steps.get(id).and_then(|step| {
            let name = find(step, "tool")?.node.text()?;
            Some((name, *step, self.catalog.get(name)?))
        });
        let Some((name, step, tool)) = call else {
            return telling(path);
        };
        match (name, path) {
            ("xmrt.find_events", ["events", rest @ ..]) => found::event(found::asked_kind(step), rest),
            ("xmrt.get_event", ["event", rest @ ..]) => found::event(None, rest),
            _ => found::result(tool, path),
        }
    }
}

fn telling(path: &[&str]) -> Writer {
    let ends = |end: &&str| path.ends_with(&end.split('.').collect::<Vec<_>>());
    match TELLING.iter().any(ends) {
        true => Writer::Stranger,
        false => Writer::Ours,
    }
}

fn in_event(event: &str, path: &[&str]) -> Writer {
    let source = event.split('.').next().unwrap_or_default();
    let Some(last) = path.last() else {
        return Writer::Within;
    };
    match source {
        // All of it is Render's, or of people of the workspace.
        "render" | "schedule" | "manual" => return Writer::Ours,
        "xmrt" if path.iter().any(|part| QUOTING.contains(part)) => return Writer::Stranger,
        "xmrt" => {
            return match lookup(&[event], path) {
                Found::There(leaf) if leaf.object => Writer::Within,
                _ => Writer::Ours,
            };
        }
        _ => {}
    }
    if path.first().is_some_and(|top| FREE.contains(top)) {
        return Writer::Stranger;
    }
    let leaf = match lookup(&[event], path) {
        Found::Missing { .. } => return Writer::Ours,
        Found::Unchecked => return telling(path),
        Found::There(leaf) => leaf,
    };
    let theirs = path.iter().any(|part| THEIRS.contains(part));
    if leaf.object {
        return match is_ours(path) && !theirs {
            true => Writer::Ours,
            false => Writer::Within,
        };
    }
    if !leaf.text || leaf.choices.is_some() || (is_made(last) && !(theirs && last.ends_with("url"))) {
        return Writer::Ours;
    }
    if theirs {
        return Writer::Stranger;
    }
    if is_ours(path) {
        return Writer::Ours;
    }
    match *last {
        "login" => Writer::Login,
        _ => Writer::Stranger,
    }
}

fn is_made(name: &str) -> bool {
    let ends = |end: &&str| name.ends_with(end);
    (MADE.contains(&name) || MADE_ENDS.iter().any(ends)) && !CHOSEN.contains(&name)
}

fn is_ours(path: &[&str]) -> bool {
    let base = path
        .windows(2)
        .any(|pair| matches!(pair, ["base", "repo" | "user"]));
    base || path.first().is_some_and(|top| OURS.contains(top))
        || path.iter().any(|part| OURS_WITHIN.contains(part))
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{CHOSEN, FREE, OURS, OURS_WITHIN, THEIRS, Writer, in_event, is_made};
    use crate::rules::payload::{Found, github_texts, lookup};

    /// How deep payloads are looked through; what lies deeper is another look at the same kinds of things.
    const DEPTH: usize = 5;

    /// Every text of every event of GitHub's has a writer for a reason that is written down above.
    #[test]
    fn every_text_of_every_event_has_its_writer() {
        let (mut ours, mut unexplained, mut strangers) = (BTreeMap::new(), BTreeSet::new(), 0);
        for (event, path) in github_texts(DEPTH) {
            let last = path[path.len() - 1];
            let within = |names: &[&str]| path.iter().any(|part| names.contains(part));
            let kind = format!("github.{event}");
            let words = matches!(lookup(&[&kind], &path), Found::There(leaf) if leaf.choices.is_some());
            match in_event(&kind, &path) {
                Writer::Stranger | Writer::Within => strangers += 1,
                Writer::Login => assert_eq!(last, "login", "{kind} {path:?}"),
                Writer::Ours => {
                    let known = OURS.contains(&path[0]) || within(OURS_WITHIN);
                    assert!(
                        !FREE.contains(&path[0]) && (known || words || !CHOSEN.contains(&last)),
                        "{kind} {path:?}"
                    );
                    if words || is_made(last) {
                        assert!(
                            words || !within(THEIRS) || !last.ends_with("url"),
                            "{kind} {path:?}"
                        );
                    } else {
                        assert!(!within(THEIRS), "{kind} {path:?}");
                        let base = path
                            .windows(2)
                            .any(|pair| pair == ["base", "repo"] || pair == ["base", "user"]);
                        if !(known || base) {
                            unexplained.insert(format!(
                                "{kind} {} {:?}",
                                path.join("."),
                                lookup(&[&kind], &path)
                            ));
                        }
                        // What a hook says of its last delivery, GitHub says.
                        if path[0] != "hook" {
                            ours.insert(last, format!("{kind} {}", path.join(".")));
                        }
                    }
                }
            }
        }
        assert!(unexplained.is_empty(), "{unexplained:#?}");
        assert!(strangers > 2_000, "{strangers}");
        // What people say is nobody's but theirs, except where only people with rights say it.
        for prose in [
            "body",
            "message",
            "text",
            "summary",
            "comment",
            "display_title",
            "head_branch",
        ] {
            assert_eq!(ours.get(prose), None, "{prose}");
        }
    }
}
