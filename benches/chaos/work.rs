//! In: the number of an event. Out: its delivery, the rule it meets, what must come of it, what the sandbox must hold
//! for that. Never: what came of it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::dice::Dice;

/// How many events share a repository: the sandbox looks through all that a repository has.
const EVENTS_PER_REPO: u64 = 100;
/// How a step is tried again: a provider that is bad for a while must not end a run.
const RETRY: &str = "retry = { attempts = 100, initial = \"100ms\", max = \"1s\" }";
/// How long a call may take.
const TIMEOUT: &str = "timeout = \"1s\"";

/// What an event asks for: one rule each, one class of doubt each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// No rule fires.
    Plain,
    /// Adds a label: idempotent.
    Label,
    /// Writes a comment: marker.
    Comment,
    /// Opens an issue: marker.
    Issue,
    /// Merges a pull request: goal state.
    Merge,
    /// Starts a deploy: evidence.
    Deploy,
    /// The same of a service that many events deploy.
    Shared,
    /// Tells a person: may double.
    Tell,
    /// Reads, labels, comments, opens an issue.
    Multi,
    /// Fails for good, and comments on failure.
    Fails,
}

/// How often each comes among a thousand events.
const SHARES: [(Kind, u64); 10] = [
    (Kind::Plain, 580),
    (Kind::Label, 60),
    (Kind::Comment, 90),
    (Kind::Issue, 60),
    (Kind::Merge, 40),
    (Kind::Deploy, 15),
    (Kind::Shared, 20),
    (Kind::Tell, 40),
    (Kind::Multi, 60),
    (Kind::Fails, 35),
];

/// How a doubt about an effect is resolved, and so how often it may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Class {
    /// At least once: its repeats change nothing.
    Idempotent,
    /// Exactly once.
    Marker,
    /// Exactly once.
    GoalState,
    /// At most once; never only if a person was asked.
    Evidence,
    /// The same of a service that others deploy at the same time.
    Shared,
    /// Once, and again only for an attempt that is on record.
    MayDouble,
}

/// One effect that an event must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Wanted {
    /// As the sandbox calls it.
    pub(super) operation: &'static str,
    pub(super) class: Class,
}

impl Kind {
    /// What event `n` asks for.
    pub(super) fn of(seed: u64, n: u64) -> Self {
        let mut place = Dice::of(seed, "kind", n).within(0, SHARES.iter().map(|(_, share)| share).sum());
        for (kind, share) in SHARES {
            if place < share {
                return kind;
            }
            place -= share;
        }
        Self::Plain
    }

    /// Its label, which is also its rule's id.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Label => "label",
            Self::Comment => "comment",
            Self::Issue => "issue",
            Self::Merge => "merge",
            Self::Deploy => "deploy",
            Self::Shared => "shared",
            Self::Tell => "tell",
            Self::Multi => "multi",
            Self::Fails => "fails",
        }
    }

    /// The state its run must end in.
    pub(super) fn ends(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Fails => Some("dead"),
            _ => Some("succeeded"),
        }
    }

    /// Whether a person may be asked in the end.
    pub(super) fn may_ask(self) -> bool {
        matches!(self, Self::Deploy | Self::Shared)
    }

    /// The effects it must have.
    pub(super) fn wants(self) -> &'static [Wanted] {
        const LABEL: Wanted = wanted("add_labels", Class::Idempotent);
        const COMMENT: Wanted = wanted("create_comment", Class::Marker);
        const ISSUE: Wanted = wanted("create_issue", Class::Marker);
        const MERGE: Wanted = wanted("merge_pull_request", Class::GoalState);
        const DEPLOY: Wanted = wanted("trigger_deploy", Class::Evidence);
        const TOLD: Wanted = wanted(TELL, Class::MayDouble);
        match self {
            // Which of several equal deploys is whose nobody can tell: they are counted by service.
            Self::Plain | Self::Shared => &[],
            Self::Label => &[LABEL],
            Self::Comment | Self::Fails => &[COMMENT],
            Self::Issue => &[ISSUE],
            Self::Merge => &[MERGE],
            Self::Deploy => &[DEPLOY],
            Self::Tell => &[TOLD],
            Self::Multi => &[LABEL, COMMENT, ISSUE],
        }
    }
}

/// What the suite calls a notification.
pub(super) const TELL: &str = "notify";

const fn wanted(operation: &'static str, class: Class) -> Wanted {
    Wanted { operation, class }
}

/// The repository of event `n`.
pub(super) fn repo(n: u64) -> String {
    format!("chaos/r{}", n / EVENTS_PER_REPO)
}

/// The issue or pull request of event `n`, in its repository.
pub(super) fn issue(n: u64) -> u64 {
    n % EVENTS_PER_REPO + 1
}

/// The service of event `n`.
pub(super) fn service(n: u64) -> String {
    format!("srv-{n}")
}

/// The service that event `n` deploys together with others; theirs are the events that come at about the same time.
pub(super) fn shared_service(n: u64) -> String {
    format!("{SHARED}{}", n / EVENTS_PER_SERVICE)
}

/// How the names of shared services begin.
pub(super) const SHARED: &str = "srv-shared-";
/// How many events may share a service; some thirtieth of them do.
const EVENTS_PER_SERVICE: u64 = 2_000;

/// How every provider's path that is about event `n` alone begins.
pub(super) fn path(kind: Kind, n: u64) -> String {
    match kind {
        Kind::Deploy => format!("/services/{}", service(n)),
        Kind::Shared => format!("/services/{}", shared_service(n)),
        Kind::Merge => format!("/repos/{}/pulls/{}", repo(n), issue(n)),
        _ => format!("/repos/{}/issues/{}", repo(n), issue(n)),
    }
}

/// Whether a request's path is about what `base` names.
pub(super) fn concerns(path: &str, base: &str) -> bool {
    path.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The event that an effect of the sandbox belongs to.
pub(super) fn event_of(operation: &str, target: &str, detail: &Value) -> Option<u64> {
    match operation {
        "trigger_deploy" => target.strip_prefix("srv-")?.parse().ok(),
        "create_issue" => detail["title"].as_str()?.strip_prefix("About ")?.parse().ok(),
        _ => {
            let (repo, number) = target.strip_prefix("chaos/r")?.split_once('#')?;
            let (repo, number): (u64, u64) = (repo.parse().ok()?, number.parse().ok()?);
            Some(repo * EVENTS_PER_REPO + number.checked_sub(1)?)
        }
    }
}

/// A delivery as it is sent, again and again the same.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) body: String,
    /// SHA-256, hexadecimal.
    pub(super) hash: String,
}

/// The delivery of event `n`.
pub(super) fn delivery(seed: u64, n: u64) -> Delivery {
    let (kind, repo, number) = (Kind::of(seed, n), repo(n), issue(n));
    let body = json!({
        "action": "opened",

        "issue": { "id": n, "number": number, "title": format!("Chaos {n}"), "body": "It broke.", "state": "open",
                   "user": { "login": "alice" }, "labels": [{ "name": kind.label() }] },
        "repository": { "full_name": repo, "owner": { "login": "chaos" }, "default_branch": "main" },
        "sender": { "login": "alice", "type": "User" },
    })
    .to_string();
    Delivery {
        id: format!("chaos-{seed}-{n}"),
        hash: hash(body.as_bytes()),
        body,
    }
}

pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What the sandbox must hold before the events in `numbers` are sent.
pub(super) fn seeds(seed: u64, numbers: std::ops::Range<u64>) -> Value {
    let (mut repos, mut issues, mut pulls, mut services) = (vec![], vec![], vec![], vec![]);
    for n in numbers {
        let repo = repo(n);
        if n.is_multiple_of(EVENTS_PER_REPO) || repos.is_empty() {
            repos.push(json!({ "full_name": repo }));
        }
        match Kind::of(seed, n) {
            Kind::Plain | Kind::Tell | Kind::Issue => {}
            Kind::Deploy => {
                services.push(json!({ "id": service(n), "name": format!("chaos-{n}") }));
            }
            Kind::Shared => {
                // Once: what is told again is as new.
                let first =
                    (n - n % EVENTS_PER_SERVICE..n).all(|before| Kind::of(seed, before) != Kind::Shared);
                if first {
                    services.push(json!({ "id": shared_service(n), "name": shared_service(n) }));
                }
            }
            Kind::Merge => pulls.push(json!({ "repo": repo, "number": issue(n), "title": "A change" })),
            _ => issues.push(json!({ "repo": repo, "number": issue(n), "title": format!("Chaos {n}") })),
        }
    }
    // An issue that a rule opens gets a number beyond all that are seeded here.
    for repo in repos.clone() {
        issues.push(json!({ "repo": repo["full_name"], "number": EVENTS_PER_REPO + 1, "title": "The last" }));
    }
    json!({ "github": { "repos": repos, "issues": issues, "pulls": pulls }, "render": { "services": services } })
}

/// The rules, `(id, text)`.
pub(super) fn rules() -> Vec<(&'static str, String)> {
    const REPO: &str = "repo = \"{{ event.repository.full_name }}\"";
    const NUMBER: &str = "number = \"{{ event.issue.number }}\"";
    let read = action("github.get_issue", &format!("{REPO}, {NUMBER}"));
    let label = action(
        "github.add_labels",
        &format!("{REPO}, {NUMBER}, labels = [\"seen\"]"),
    );
    let comment = action(
        "github.create_comment",
        &format!("{REPO}, {NUMBER}, body = \"Seen.\""),
    );
    let issue = action(
        "github.create_issue",
        &format!("{REPO}, title = \"About {{{{ event.issue.id }}}}\", body = \"See there.\""),
    );
    let merge = action(
        "github.merge_pull_request",
        &format!("{REPO}, {NUMBER}, expected_head = \"{{{{ steps.get_pull_request.head.sha }}}}\""),
    );
    let pull = action("github.get_pull_request", &format!("{REPO}, {NUMBER}"));
    let deploy = action(
        "render.trigger_deploy",
        "service_id = \"srv-{{ event.issue.id }}\"",
    );
    let shared = action(
        "render.trigger_deploy",
        &format!("service_id = \"{SHARED}{{{{ event.issue.id // {EVENTS_PER_SERVICE} }}}}\""),
    );
    let tell = action(
        "xmrt.notify",
        "to = \"suite\", text = \"About {{ event.issue.id }}\"",
    );
    let fails = format!(
        "[[action]]\ntool = \"github.get_issue\"\narguments = {{ {REPO}, number = 999999 }}\n{TIMEOUT}\n{RETRY}\n{}",
        comment.replace("[[action]]", "[[on_failure]]"),
    );
    [
        (Kind::Label, label.clone()),
        (Kind::Comment, comment.clone()),
        (Kind::Issue, issue.clone()),
        (Kind::Merge, format!("{pull}{merge}")),
        (Kind::Deploy, deploy),
        (Kind::Shared, shared),
        (Kind::Tell, tell),
        (Kind::Multi, format!("{read}{label}{comment}{issue}")),
        (Kind::Fails, fails),
    ]
    .into_iter()
    .map(|(kind, actions)| (kind.label(), rule(kind, &actions)))
    .collect()
}

fn rule(kind: Kind, actions: &str) -> String {
    let label = kind.label();
    format!(
        "description = \"Chaos: {label}\"\non = \"github.issues.opened\"\n[when]\nissue.labels.name = \"{label}\"\n{actions}"
    )
}

fn action(tool: &str, arguments: &str) -> String {
    format!("[[action]]\ntool = \"{tool}\"\narguments = {{ {arguments} }}\n{TIMEOUT}\n{RETRY}\n")
}
