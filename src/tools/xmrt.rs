//! In: MCP calls about the reactor itself. Out: what is on record, a notification, a triage report. Never: a write to a
//! provider other than the notification.

pub mod triage;
mod approvals;
mod asked;
mod fan_out;
mod find_duplicates;
mod improvement;
mod insight;
mod library;
mod notify;
mod coverage;
mod decision;
mod records;
mod rules;
mod runs;
mod standstill;
mod tasks;
mod triage_issue;
mod triage_pull_request;
mod triage_quality;
mod trigger;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::agents::Who;
use crate::clock::Clock;
use crate::hub::{Doubt, ErrorClass, LaterHub, ToolError};
use crate::integrations::github::Client;
use crate::integrations::notify::Notifier;
use crate::integrations::render;
use crate::journal::Store;
use crate::reactor::Reactor;
use crate::tools::toolbox::{Toolbox, reads, writes};

pub use approvals::WordArgs;
pub use coverage::{CoverageArgs, CoverageShown, SourceShown};
pub use decision::{DecisionExplained, ExplainDecisionArgs};
pub use fan_out::{Failed, FanOutArgs, FannedOut, OfTarget};
pub use find_duplicates::{Duplicates, DuplicatesArgs, Twin};
pub use notify::{LOG, Notified, NotifyArgs};
pub use records::{
    DecisionShown, EventList, EventShown, EventWhole, FindEventsArgs, GetEventArgs, GetRunArgs, RunShown,
    StepShown,
};
pub use rules::{CheckRuleArgs, GetRuleArgs, ListRulesArgs, RuleList};
pub use runs::{ListRunsArgs, MoveArgs, ReplayArgs, Replayed, ResolveArgs, RunList, RunOutline, Settled};
pub use standstill::{PauseArgs, Paused, Standstill};
pub use triage_issue::TriageArgs;
pub use triage_pull_request::TriagePullArgs;
pub use triage_quality::{LabelQuality, Quality, QualityArgs};
pub use trigger::{Start, Starter, TriggerArgs, Triggered, Wanted};

/// What the server is made from.
#[derive(Debug)]
pub struct XmrtParts {
    /// The journal.
    pub store: Arc<dyn Store>,
    /// GitHub, to triage what is there; `None` where it is not configured.
    pub github: Option<Client>,
    /// Render, to look at what went live there; `None` where it is not configured.
    pub render: Option<render::Client>,
    /// The clients of agents that act as an account of their own, and with no other.
    pub agents: BTreeMap<String, Client>,
    /// Where notifications go, by name; each URL is a secret.
    pub notify: BTreeMap<String, SecretString>,
    /// The way to the reactor, to start rules by name.
    pub starter: Starter,
    /// Where the time comes from.
    pub clock: Clock,
    /// The hub that this server is part of, once there is one.
    pub hub: LaterHub,
}

/// What the tools work with.
#[derive(Debug)]
pub struct Parts {
    store: Arc<dyn Store>,
    github: Option<Client>,
    render: Option<render::Client>,
    agents: BTreeMap<String, Client>,
    notify: BTreeMap<String, SecretString>,
    /// Every place is taken for a configured one, and nothing is posted.
    rehearsal: bool,
    notifier: Option<Notifier>,
    hub: LaterHub,
    starter: Starter,
}

impl Parts {
    /// The client for whoever calls. An agent with an account of its own never acts as another one.
    fn github(&self, who: &Who) -> Result<&Client, ToolError> {
        if let Who::Agent(agent) = who
            && let Some(own) = self.agents.get(agent)
        {
            return Ok(own);
        }
        self.github.as_ref().ok_or_else(|| {
            ToolError::new(ErrorClass::Forbidden, "GitHub is not configured")
                .with_remedy("set GITHUB_TOKEN, or start with --sandbox")
        })
    }

    fn render(&self) -> Result<&render::Client, ToolError> {
        self.render.as_ref().ok_or_else(|| {
            ToolError::new(ErrorClass::Forbidden, "Render is not configured")
                .with_remedy("set RENDER_API_KEY, or start with --sandbox")
        })
    }

    /// The reactor at work here.
    fn reactor(&self) -> Result<Arc<Reactor>, ToolError> {
        self.starter.reactor().ok_or_else(trigger::nobody)
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
        Self::made(parts, false)
    }

    /// The same for tests of rules: which places are configured is known where a rule is at work, and not where it is tested.
    /// What a notification says is what the test looks at; it goes nowhere.
    pub fn rehearsal(parts: XmrtParts) -> Self {
        Self::made(parts, true)
    }

    fn made(parts: XmrtParts, rehearsal: bool) -> Self {
        let clock = parts.clock.clone();
        let held = Parts {
            store: parts.store,
            github: parts.github,
            render: parts.render,
            agents: parts.agents,
            notify: parts.notify,
            rehearsal,
            notifier: Notifier::new().ok(),
            hub: parts.hub,
            starter: parts.starter,
        };
        Toolbox::named(
            "xmrt",
            "The reactor itself: events and runs on record and what is done with them, the rules in force, what stands still, \
             notifications, triage of issues and pull requests, what repositories lack, how delivery goes; tasks and messages that agents share.",
            held,
        )
        .with_clock(clock)
        .with_library(library::library())
        .records()
        .triage()
        .people()
        .with_rules()
        .with_runs()
        .with_tasks()
        .with_improvement()
        .with_insight()
    }

    /// What is on record, and why.
    fn records(self) -> Self {
        self.with(
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
                "get_event",
                "Get an event",
                "One event by the provider's delivery id: what it is about, when it came, what followed what, and what was \
                 decided about it, rule by rule; payload = true gives what the provider sent.",
            )
            .closed_world()
            .untrusted(&["payload", "reason"])
            .answers(records::get_event),
        )
        .with(
            reads(
                "list_runs",
                "List runs",
                "Runs of rules, newest first, with state and reason: by rule, state (waiting, unknown, dead, …), what they \
                 wait for (approval, retry, …) or event.",
            )
            .closed_world()
            .untrusted(&["reason"])
            .answers(runs::list),
        )
        .with(
            reads(
                "get_run",
                "Get a run",
                "One run of a rule: its state and why, and every step with its call, attempts, result and error.",
            )
            .closed_world()
            .untrusted(&["reason", "call", "result", "error", "approval"])
            .answers(records::get_run),
        )
        .with(
            reads(
                "coverage",
                "How whole the journal is",
                "For which times the journal is known to hold everything the providers delivered, webhook by webhook: \
                 what was missing and recovered, what is older than the journal, what cannot be had any more.",
            )
            .closed_world()
            .answers(coverage::coverage),
        )
        .with(
            reads(
                "explain_decision",
                "Explain a decision",
                "Why a rule did or did not act on an event: each condition with what it asked for and what it saw, the \
                 limit or the run that held it back, and what would have made it act. Without a rule: every rule that \
                 has to do with such events, the nearest first.",
            )
            .closed_world()
            .untrusted(&["text", "explanation", "ranking"])
            .told_by("text")
            .answers(decision::explain_decision),
        )
    }

    /// What is seen in many things at once, or in one that nobody has looked at.
    fn triage(self) -> Self {
        self.with(
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
            reads(
                "triage_pull_request",
                "Triage a pull request",
                "Reads a pull request and says, without any model: how large it is, which labels its paths and title speak for, what to look \
                 at first (workflows, access, migrations, dependencies, …), what its author left out, who owns what it changes, what its \
                 checks came to, and a comment to post (conclusion). Gives its reasons.",
            )
            .untrusted(&["paths", "failed", "reasons"])
            .answers(triage_pull_request::triage_pull_request),
        )
        .with(
            reads(
                "find_duplicates",
                "Find duplicates",
                "Issues of a repository that say the same as one that is there (number), or as one that is not written yet (title and body): \
                 ask before you open one. Open and closed ones, with how similar they are and the words they share.",
            )
            .untrusted(&["title", "shared"])
            .answers(find_duplicates::find_duplicates),
        )
        .with(
            reads(
                "triage_quality",
                "How people agree with triage",
                "Compares, for a repository's recent issues, the labels triage_issue would give with those that people left on them: \
                 precision and recall of each label, which ones triage_issue leaves out there because people mostly take them \
                 away, and the issues they labeled otherwise. Give it the labels and paths that your rule gives triage_issue.",
            )
            .answers(triage_quality::triage_quality),
        )
        .with(
            reads(
                "fan_out",
                "Ask one tool about many things",
                "Calls one tool that only reads once for each target, several at a time, and gives every answer, or why \
                 there is none: the health of all services, the open alerts of all repositories.",
            )
            .untrusted(&["result"])
            .answers(fan_out::fan_out),
        )
    }

    /// What is said to people, and by them.
    fn people(self) -> Self {
        self.with(
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
                "approve_run",
                "Approve a run's call",
                "Says, for a person who may, that the call a run asks about may be made: exactly that call, as get_run shows \
                 it. Who said so and why is kept.",
                Doubt::GoalState,
            )
            .destructive()
            .closed_world()
            .settles_in_ms(0)
            .acts(approvals::approve)
            .looks(approvals::look_approved),
        )
        .with(
            writes(
                "reject_run",
                "Reject a run's call",
                "Says, for a person who may, that the call a run asks about must not be made: the run ends declined. Who said \
                 so and why is kept.",
                Doubt::GoalState,
            )
            .closed_world()
            .settles_in_ms(0)
            .acts(approvals::reject)
            .looks(approvals::look_rejected),
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

    /// The rules in force, and what stands still.
    fn with_rules(self) -> Self {
        self.with(
            reads(
                "list_rules",
                "List rules",
                "The rules in force: what each listens to, when it ticks, whether it acts, and its steps.",
            )
            .closed_world()
            .answers(rules::list),
        )
        .with(
            reads(
                "get_rule",
                "Get a rule",
                "One rule in force: its file, its variables, its limits, with which runs it takes turns.",
            )
            .closed_world()
            .answers(rules::get),
        )
        .with(
            reads(
                "check_rule",
                "Check a rule",
                "Says what is wrong with the text of a rule, as `xmrt check` does: against the tools, variables and roles \
                 there are. Changes nothing, and does not run the rule's own tests.",
            )
            .closed_world()
            .answers(rules::check),
        )
        .with(
            writes(
                "pause",
                "Let something stand still",
                "A rule, an agent, a group or all stand still from now on, on every instance: no run of it makes another \
                 call, and an agent none of its own. Nothing is lost; resume lets it go on.",
                Doubt::Idempotent,
            )
            .destructive()
            .closed_world()
            .acts(standstill::pause),
        )
        .with(
            writes(
                "resume",
                "Let something go on",
                "Ends a pause. An agent can only end one that it made itself; what a person paused, a person resumes.",
                Doubt::Idempotent,
            )
            .closed_world()
            .acts(standstill::resume),
        )
    }

    /// What is done with what is on record. An agent does it only where it may make the calls that would follow.
    fn with_runs(self) -> Self {
        self.with(
            writes(
                "replay_event",
                "Replay an event",
                "Evaluates an event again with the rules in force: each rule that fires makes a new run, whatever its limits \
                 say. What earlier runs did is not undone and may be done again.",
                Doubt::Evidence,
            )
            .destructive()
            .closed_world()
            .acts(runs::replay)
            .looks(runs::look_replayed),
        )
        .with(
            writes(
                "retry_run",
                "Run a run again",
                "Makes a new run of one that is dead, declined or cancelled: it keeps the results of the steps that were \
                 done, and goes on from there.",
                Doubt::GoalState,
            )
            .destructive()
            .closed_world()
            .settles_in_ms(0)
            .acts(runs::retry)
            .looks(runs::look_retried),
        )
        .with(
            writes(
                "cancel_run",
                "Cancel a run",
                "Ends a run that waits or is queued, before its next call. One that is in the middle of a call is left.",
                Doubt::GoalState,
            )
            .destructive()
            .closed_world()
            .settles_in_ms(0)
            .acts(runs::cancel)
            .looks(runs::look_cancelled),
        )
        .with(
            writes(
                "resolve_run",
                "Resolve a doubt",
                "Says what became of the call of a run that is unknown: done (with its result), repeat (it had no effect: \
                 make it again) or give_up (end the run as dead). Look at the provider first.",
                Doubt::GoalState,
            )
            .destructive()
            .closed_world()
            .settles_in_ms(0)
            .acts(runs::resolve)
            .looks(runs::look_resolved),
        )
    }
}
