//! In: MCP calls about the reactor itself. Out: what is on record, a notification, a triage report. Never: a write to a
//! provider other than the notification.

pub mod triage;
mod notify;
mod records;
mod triage_issue;
mod trigger;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::clock::Clock;
use crate::hub::{Doubt, ErrorClass, ToolError};
use crate::integrations::github::Client;
use crate::integrations::notify::Notifier;
use crate::journal::Store;
use crate::tools::toolbox::{Toolbox, reads, writes};

pub use notify::{LOG, Notified, NotifyArgs};
pub use records::{EventList, EventShown, FindEventsArgs, GetRunArgs, RunShown, StepShown};
pub use triage_issue::TriageArgs;
pub use trigger::{Start, Starter, TriggerArgs, Triggered, Wanted};

/// What the server is made from.
#[derive(Debug)]
pub struct XmrtParts {
    /// The journal.
    pub store: Arc<dyn Store>,
    /// GitHub, to triage what is there; `None` where it is not configured.
    pub github: Option<Client>,
    /// Where notifications go, by name; each URL is a secret.
    pub notify: BTreeMap<String, SecretString>,
    /// The way to the reactor, to start rules by name.
    pub starter: Starter,
    /// Where the time comes from.
    pub clock: Clock,
}

/// What the tools work with.
#[derive(Debug)]
pub struct Parts {
    store: Arc<dyn Store>,
    github: Option<Client>,
    notify: BTreeMap<String, SecretString>,
    notifier: Option<Notifier>,
    starter: Starter,
}

impl Parts {
    fn github(&self) -> Result<&Client, ToolError> {
        self.github.as_ref().ok_or_else(|| {
            ToolError::new(ErrorClass::Forbidden, "GitHub is not configured")
                .with_remedy("set GITHUB_TOKEN, or start with --sandbox")
        })
    }

    fn notifier(&self) -> Result<&Notifier, ToolError> {
        self.notifier
            .as_ref()
            .ok_or_else(|| ToolError::new(ErrorClass::Unavailable, "there is no HTTP client to notify with"))
    }
}

/// The `xmrt` MCP server.
pub type Server = Toolbox<Parts>;

impl Server {
    /// The server over one journal.
    pub fn new(parts: XmrtParts) -> Self {
        let clock = parts.clock.clone();
        let held = Parts {
            store: parts.store,
            github: parts.github,
            notify: parts.notify,
            notifier: Notifier::new().ok(),
            starter: parts.starter,
        };
        Toolbox::named(
            "xmrt",
            "The reactor itself: events and runs on record, notifications, triage of issues.",
            held,
        )
        .with_clock(clock)
        .with(
            reads(
                "find_events",
                "Find events",
                "Events the reactor has received, newest first: by type (kind = github.issues, render.deploy_ended), \
                 by what they are about (subject), by age (within = 20m). Says whether something followed something \
                 else.",
            )
            .closed_world()
            .untrusted(&["payload"])
            .answers(records::find_events),
        )
        .with(
            reads(
                "get_run",
                "Get a run",
                "One run of a rule: its state and why, and every step with its call, attempts, result and error.",
            )
            .closed_world()
            .answers(records::get_run),
        )
        .with(
            reads(
                "triage_issue",
                "Triage an issue",
                "Reads an issue and says, without any model: which labels its words and paths speak for, which older \
                 issues it repeats, what a bug report leaves out, who owns the code it mentions, and a comment to post \
                 (conclusion). Gives its reasons.",
            )
            .untrusted(&["title"])
            .answers(triage_issue::triage_issue),
        )
        .with(
            writes(
                "notify",
                "Notify people",
                "Posts a text to a place configured under a name (Slack- and Discord-compatible JSON), or to the log \
                 (to = log). Mentions of everybody are taken out. A lost answer is repeated: the text may arrive twice.",
                Doubt::MayDouble,
            )
            .acts(notify::notify),
        )
        .with(
            writes(
                "trigger_rule",
                "Start a rule",
                "Starts a rule by name with a payload. The rule must listen to manual; its conditions, limits and mode hold. With the \
                 same idempotency_key it is started once.",
                Doubt::Idempotent,
            )
            .closed_world()
            .announced_as(&["manual.{rule}:{rule}~key={$key}"])
            .acts(trigger::trigger),
        )
    }
}
