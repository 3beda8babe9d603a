//! Every operation of the API, once: where it is, what answers it, what it takes and gives.

use axum::routing::{delete, get, post};

use super::contract::Operation;
use super::{
    accounts, agents, approvals, audit, budgets, coverage, events, export, insights, journal, openapi,
    pauses, rules, runs, tasks, tools,
};

/// What a run's page has at least.
const RUN: &[&str] = &["id", "rule", "state", "event", "steps"];

/// What a task's page has at least.
const TASK: &[&str] = &["id", "title", "state", "agent", "history"];

/// Every operation there is. The routes are made of this list, and so is `openapi.json`.
pub(super) fn all() -> Vec<Operation> {
    [of_the_record(), of_rules(), of_people(), of_work(), of_upkeep()]
        .into_iter()
        .flatten()
        .collect()
}

/// What came in and what became of it.
fn of_the_record() -> Vec<Operation> {
    let op = Operation::new;
    vec![
        op("GET", "/events", get(events::list), "Events, newest first")
            .query::<events::Filter>()
            .gives(&["events", "next_cursor"]),
        op(
            "GET",
            "/events/{id}",
            get(events::show),
            "An event with its payload, runs and decisions; also by the id of a dropped duplicate",
        )
        .gives(&["id", "source", "type", "runs", "decisions", "payload"]),
        op(
            "GET",
            "/events/{id}/explain",
            get(events::explain),
            "Which rules acted on an event, were held back or came near, and what each lacked",
        ),
        op(
            "POST",
            "/events/{id}/replay",
            post(events::replay),
            "Evaluate an event again with the rules in force",
        )
        .status(202)
        .gives(&["id", "event", "runs", "decisions"]),
        op("GET", "/runs", get(runs::list), "Runs, newest first")
            .query::<runs::Filter>()
            .gives(&["runs", "next_cursor"]),
        op("GET", "/runs/{id}", get(runs::show), "A run with its steps").gives(RUN),
        op(
            "POST",
            "/runs/{id}/retry",
            post(runs::retry),
            "Run a dead run again, with the results it has; shows the new run",
        )
        .gives(RUN),
        op(
            "POST",
            "/runs/{id}/cancel",
            post(runs::cancel),
            "End a run between two steps",
        )
        .gives(RUN),
        op(
            "POST",
            "/runs/{id}/resolve",
            post(runs::resolve),
            "Say what became of a step whose effect is unknown",
        )
        .body::<runs::Word>()
        .gives(RUN),
        op(
            "GET",
            "/approvals",
            get(approvals::list),
            "Calls that wait for an approval",
        )
        .query::<approvals::Filter>()
        .gives(&["approvals", "next_cursor"]),
        op(
            "POST",
            "/runs/{id}/approve",
            post(approvals::approve),
            "Approve the call that a run waits for",
        )
        .body::<approvals::Saying>()
        .refuses(403)
        .gives(RUN),
        op("POST", "/runs/{id}/reject", post(approvals::reject), "Reject it")
            .body::<approvals::Saying>()
            .refuses(403)
            .gives(RUN),
    ]
}

/// The rules in force.
fn of_rules() -> Vec<Operation> {
    let op = Operation::new;
    vec![
        op("GET", "/rules", get(rules::list), "The rules in force").gives(&["book", "rules"]),
        op(
            "POST",
            "/rules/reload",
            post(rules::reload),
            "Read the rules folder anew, whole or not at all",
        )
        .gives(&["book", "rules", "diagnostics"]),
        op(
            "POST",
            "/rules/check",
            post(rules::check),
            "What is wrong with the rules in force once these files are in their place",
        )
        .body::<rules::Changed>()
        .gives(&["errors", "warnings", "diagnostics", "text"]),
        op(
            "POST",
            "/rules/backtest",
            post(rules::backtest),
            "On which events on record changed rules would have acted otherwise",
        )
        .body::<rules::Past>()
        .refuses(422)
        .gives(&["events", "rules", "gained", "lost", "not_simulated"]),
        op(
            "GET",
            "/rules/{id}",
            get(rules::show),
            "A rule, its text and its limits",
        )
        .gives(&["id", "version", "text"]),
        op(
            "GET",
            "/rules/{id}/explain",
            get(rules::explain),
            "Why a rule did or did not act on an event, condition by condition",
        )
        .query::<rules::About>(),
        op(
            "POST",
            "/rules/{id}/trigger",
            post(rules::trigger),
            "Start a rule that listens to `manual`; the body is its event",
        )
        .any_object()
        .status(202)
        .gives(&["id", "event", "duplicate", "runs", "decisions"]),
    ]
}

/// Who may do what, and as whom.
fn of_people() -> Vec<Operation> {
    let op = Operation::new;
    vec![
        op("GET", "/agents", get(agents::list), "The agents of xmrt.toml").gives(&["agents"]),
        op(
            "GET",
            "/agents/{id}",
            get(agents::show),
            "An agent, its role and its tokens",
        )
        .gives(&["id", "role", "tokens"]),
        op(
            "POST",
            "/agents/{id}/tokens",
            post(agents::issue),
            "Make a token for an agent; this answer is the only one that holds it",
        )
        .body::<agents::Wish>()
        .status(201)
        .gives(&["id", "token"]),
        op(
            "DELETE",
            "/agents/{id}/tokens/{token}",
            delete(agents::revoke),
            "Take a token back",
        )
        .gives(&["revoked"]),
        op(
            "GET",
            "/agents/{id}/account",
            get(accounts::show),
            "The account an agent acts as on GitHub, and which scopes it lacks",
        )
        .gives(&["agent", "needs", "missing"]),
        op(
            "POST",
            "/agents/{id}/account/check",
            post(accounts::check),
            "Ask GitHub whether the account's token is still taken",
        )
        .gives(&["agent", "needs", "missing"]),
        op(
            "DELETE",
            "/agents/{id}/account",
            delete(accounts::sign_out),
            "Sign the agent out, and take its token back at GitHub",
        )
        .gives(&["agent", "was_signed_in"]),
        op(
            "POST",
            "/agents/{id}/login",
            post(accounts::login),
            "Begin to sign an agent in, with a code for any browser",
        )
        .status(201),
        op(
            "POST",
            "/agents/{id}/login/{flow}",
            post(accounts::login_state),
            "Ask how far a sign-in is",
        ),
        op(
            "POST",
            "/vault/rekey",
            post(accounts::rekey),
            "Seal every kept token with the newest key",
        ),
    ]
}

/// What was done, what may be called, what is there to do, and what stands still.
fn of_work() -> Vec<Operation> {
    let op = Operation::new;
    vec![
        op("GET", "/audit", get(audit::list), "The audit trail, newest first")
            .query::<audit::Filter>()
            .gives(&["audit", "next_cursor"]),
        op(
            "POST",
            "/audit",
            post(audit::add),
            "Put a call of `xmrt mcp` on record, which runs in a process of its own",
        )
        .body::<audit::Called>()
        .status(201)
        .gives(&["who"]),
        op("GET", "/tools", get(tools::list), "The tools that rules can call").gives(&["tools", "servers"]),
        op(
            "POST",
            "/tools/{tool}/approve",
            post(tools::approve),
            "Take an external server's tool into use as it is now",
        )
        .body::<tools::Approve>(),
        op("GET", "/tasks", get(tasks::list), "Tasks for agents")
            .query::<tasks::Filter>()
            .gives(&["tasks", "next_cursor"]),
        op(
            "POST",
            "/tasks",
            post(tasks::post),
            "Post a task for an agent that can do it",
        )
        .body::<tasks::Wish>()
        .status(201)
        .gives(TASK),
        op(
            "GET",
            "/tasks/{id}",
            get(tasks::show),
            "A task, and what happened to it",
        )
        .gives(TASK),
        op(
            "POST",
            "/tasks/{id}/cancel",
            post(tasks::cancel),
            "End a task that is wanted no more",
        )
        .body::<tasks::Why>()
        .gives(TASK),
        op("GET", "/pauses", get(pauses::list), "What stands still").gives(&["pauses"]),
        op(
            "POST",
            "/pauses",
            post(pauses::pause),
            "Let a rule, an agent, a group or everything stand still",
        )
        .body::<pauses::Wanted>()
        .gives(&["pauses"]),
        op("DELETE", "/pauses/{what}", delete(pauses::resume), "Let it go on").gives(&["pauses"]),
    ]
}

/// What the API and the journal say of themselves.
fn of_upkeep() -> Vec<Operation> {
    let op = Operation::new;
    vec![
        op("GET", "/openapi.json", get(openapi), "This description")
            .gives(&["openapi", "paths"])
            .open(),
        op(
            "GET",
            "/coverage",
            get(coverage::show),
            "For which times the journal is known to be whole",
        )
        .gives(&["journal_since", "sources"]),
        op(
            "GET",
            "/budgets",
            get(budgets::list),
            "What is left of the providers' limits, identity by identity",
        )
        .gives(&["budgets"]),
        op(
            "GET",
            "/insights",
            get(insights::list),
            "What was measured last of everything, of services and of repositories",
        )
        .query::<insights::Filter>()
        .gives(&["insights"]),
        op(
            "POST",
            "/insights",
            post(insights::measure),
            "Measure everything, a service or a repository now",
        )
        .body::<insights::Wanted>()
        .gives(&["kind", "of", "measured_at", "table", "charts"]),
        op(
            "POST",
            "/coverage/recover",
            post(coverage::recover),
            "Compare with the providers now, and admit what is missing",
        )
        .body::<coverage::Wanted>(),
        op(
            "GET",
            "/export",
            get(export::export),
            "Everything on record, as JSON Lines",
        )
        .media("application/jsonl"),
        op("GET", "/journal", get(journal::show), "How large the journal is")
            .gives(&["epoch", "size", "counts"]),
    ]
}
