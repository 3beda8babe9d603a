//! Every metric there is. The reference is made of this table, and nothing is recorded that is not in it.

use super::table::{Counter, Described, Gauge, Histogram, Row};

/// Defines the metrics, and [`ALL`] of them in the same order.
macro_rules! table {
    ($($about:literal { $($ident:ident: $kind:ident = $name:literal [$($label:literal: $values:literal),*] $help:literal;)* })*) => {
        $($(
            #[doc = $help]
            pub static $ident: $kind<{ const LABELS: &[&str] = &[$($label),*]; LABELS.len() }> = $kind(Described { name: $name, labels: [$($label),*] });
        )*)*

        /// All metrics, in the order of the reference.
        pub static ALL: &[Row] = &[
            $($(
                Row { name: $name, kind: kind!($kind), labels: &[$(($label, $values)),*], about: $about, help: $help },
            )*)*
        ];
    };
}

macro_rules! kind {
    (Counter) => {
        "counter"
    };
    (Gauge) => {
        "gauge"
    };
    (Histogram) => {
        "histogram"
    };
}

table! {
    "The process" {
        BUILD: Gauge = "xmrt_build_info" ["version": "of the program"] "1";
        READY: Gauge = "xmrt_ready" [] "1 while deliveries can be accepted durably";
        DEGRADED: Gauge = "xmrt_degraded" ["part": "as in the body of `/readyz`"] "1 while a part does not work, 0 once it works again";
        RUNTIME_TASKS: Gauge = "xmrt_runtime_tasks" [] "Tasks of this process that are under way or wait";
        CLOCK_JUMPS: Counter = "xmrt_clock_jumps_total" ["direction": "`forward`, `back`"] "Jumps of the clock over five seconds";
    }
    "Intake" {
        DELIVERIES: Counter = "xmrt_deliveries_total" ["source": "`github`, `render`", "outcome": "`accepted`, `duplicate`"] "Deliveries taken";
        REFUSALS: Counter = "xmrt_refusals_total" ["source": "`github`, `render`, `unknown`, `api`, `mcp`, `dashboard`", "reason": "the last part of the problem's `type`"] "Requests refused at the doors";
        DELIVERY_SECONDS: Histogram = "xmrt_delivery_seconds" ["source": "`github`, `render`", "outcome": "`accepted`, `duplicate`, `refused`"] "From a delivery's head to its answer, its body included";
    }
    "Matching" {
        MATCH_SECONDS: Histogram = "xmrt_match_seconds" [] "Matching one event with all rules";
        DECISIONS: Counter = "xmrt_decisions_total" ["rule": "its id", "decision": "`fired`, `suppressed`, `stale`, `loop_cut`, `error`"] "Decisions of new events that are on record";
        RULES: Gauge = "xmrt_rules" ["mode": "`live`, `shadow`, `off`"] "Rules in force";
        RELOADS: Counter = "xmrt_rule_reloads_total" ["outcome": "`loaded`, `refused`"] "Rule folders read anew; a refused one leaves the rules as they were";
    }
    "Queue" {
        EVENTS: Gauge = "xmrt_events" [] "Events on record";
        RUNS: Gauge = "xmrt_runs" ["state": "of a run"] "Runs on record";
        DUE_LAG: Gauge = "xmrt_due_lag_seconds" [] "How long the run that is due longest has been due; 0 while none is";
        CLAIMS: Counter = "xmrt_claims_total" [] "Runs claimed by this process";
        BUSY: Gauge = "xmrt_worker_busy" [] "Runs this process carries on at the moment";
        PLACES: Gauge = "xmrt_worker_places" [] "Runs this process carries on at once at most";
        RUNS_ENDED: Counter = "xmrt_runs_total" ["rule": "its id", "state": "the state it ended in, or `unknown`"] "Runs that came to an end, or to a person";
    }
    "Steps" {
        STEP_SECONDS: Histogram = "xmrt_step_seconds" ["tool": "`server.tool`", "outcome": "`done`, `failed`, `in_doubt`, `pending`"] "One attempt at a step's call";
        LOOKS: Counter = "xmrt_doubt_looks_total" ["tool": "`server.tool`", "found": "`found`, `pending`, `absent`, `ambiguous`, `failed`"] "Looks for the effect of a call whose answer was lost";
    }
    "Tools and their servers" {
        CALLS: Counter = "xmrt_tool_calls_total" ["tool": "`server.tool`", "caller": "`reactor`, `operator`, `agent`", "outcome": "`ok`, `error`, or the kind of failure when the call did not reach the tool"] "Calls through the hub: of rules and of agents";
        SERVER_UP: Gauge = "xmrt_mcp_server_up" ["server": "of `xmrt.toml`"] "1 while an external MCP server is there";
        BREAKER_OPENED: Counter = "xmrt_mcp_breaker_opened_total" ["server": "of `xmrt.toml`"] "Times that calls of a server began to be held back because it did not answer";
    }
    "Providers" {
        REQUESTS: Counter = "xmrt_provider_requests_total" ["provider": "`github`, `render`, `notify`", "method": "HTTP", "status": "`2xx`, `304` (not changed since it was read last), `3xx`, `4xx`, `429`, `5xx`, or `none` without an answer"] "Requests to the providers' APIs";
        REQUEST_SECONDS: Histogram = "xmrt_provider_request_seconds" ["provider": "`github`, `render`, `notify`"] "One request, to the last byte of its answer";
        BUDGET_LEFT: Gauge = "xmrt_provider_budget_remaining" ["provider": "`github`, `render`", "identity": "as `xmrt budgets` names it", "budget": "GitHub's `x-ratelimit-resource`, Render's group, or a [counted limit](budgets.md)"] "What is left of a limit, as the provider said last or as it was counted";
        BUDGET_LIMIT: Gauge = "xmrt_provider_budget_limit" ["provider": "`github`, `render`", "identity": "as `xmrt budgets` names it", "budget": "the same"] "What a window of the limit has";
        HELD_BACK: Counter = "xmrt_provider_held_back_total" ["provider": "`github`, `render`", "budget": "the same; `all` while the provider wants no request at all", "priority": "`urgent`, `normal`, `background`"] "Requests that were not sent for want of room";
    }
    "Coordination" {
        TASKS: Gauge = "xmrt_tasks" ["state": "`open`, `claimed`"] "Tasks for agents that are not settled";
        TASKS_TOTAL: Counter = "xmrt_tasks_total" ["what": "`posted`, `claimed`, `done`, `failed` (an attempt), `handed_off`, `lapsed`, `expired`, `cancelled`, `given_up`"] "What happened to tasks, in this process";
        AGENTS: Gauge = "xmrt_agents" ["state": "`here`, `silent`"] "Agents that registered";
    }
    "Journal" {
        JOURNAL_SECONDS: Histogram = "xmrt_journal_seconds" ["operation": "`admit`, `claim`, `advance`"] "One durable operation, waiting for others included";
        JOURNAL_FAILURES: Counter = "xmrt_journal_failures_total" ["operation": "`admit`, `claim`, `advance`"] "Operations that the store did not carry out";
        JOURNAL_BYTES: Gauge = "xmrt_journal_bytes" [] "What the journal takes, in bytes, when it was measured last";
        PRUNED: Counter = "xmrt_pruned_events_total" [] "Events deleted because of their age or for room";
    }
    "Coverage" {
        COVERAGE_DELIVERIES: Counter = "xmrt_coverage_deliveries_total" ["provider": "`github`, `render`", "found": "what became of it"] "Deliveries compared with the journal";
        COVERAGE_LAG: Gauge = "xmrt_coverage_lag_seconds" ["provider": "`github`, `render`"] "How long ago the time is up to which a provider's deliveries were compared";
    }
}
