//! In: a firing's gates and what is known of its event. Out: the first refusal, worded for a person. Never: charging.

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Gates, NewFiring, Rate, RunId, Wish};
use crate::clock::after;

/// How many runs of a chain a refusal names; longer chains are cut with an ellipsis.
pub(crate) const CHAIN_NAMED: usize = 8;

/// Why there will be no run.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) decision: Decision,
    pub(crate) reason: String,
}

/// The gate of age: an event that happened longer ago than the rule allows is stale. One from the future is fresh.
pub(crate) fn age(gates: &Gates, time: Timestamp, now: Timestamp) -> Option<Refusal> {
    let age = now.as_millisecond().saturating_sub(time.as_millisecond());
    let max = gates.max_age_ms?;
    (age > max).then(|| Refusal {
        decision: Decision::Stale,
        reason: format!(
            "it happened {:#} ago and the rule acts on events up to {:#} old",
            SignedDuration::from_millis(age),
            SignedDuration::from_millis(max),
        ),
    })
}

/// Whether the gate of loop depth is closed: the event is the effect of a chain already as long as allowed.
pub(crate) fn is_loop(gates: &Gates, depth: u32) -> bool {
    depth >= gates.depth_max
}

/// The refusal by loop depth. `chain` is the runs that led here, nearest first, each with its rule; it may be one
/// longer than [`CHAIN_NAMED`], which says that there were more.
pub(crate) fn loop_cut(depth_max: u32, depth: u32, chain: &[(RunId, String)]) -> Refusal {
    let mut names: Vec<String> = chain
        .iter()
        .take(CHAIN_NAMED)
        .map(|(run, rule)| format!("run {run} of rule {rule}"))
        .collect();
    if chain.len() > CHAIN_NAMED {
        names.push("…".into());
    }
    let via = if names.is_empty() {
        String::new()
    } else {
        format!(": {}", names.join(" ← "))
    };
    Refusal {
        decision: Decision::LoopCut,
        reason: format!("{depth} runs of ours in a row led to it and the rule allows {depth_max}{via}"),
    }
}

/// The refusal by a cooldown that `owner` charged.
pub(crate) fn cooling(owner: &RunId, until: Timestamp) -> Refusal {
    Refusal {
        decision: Decision::Suppressed,
        reason: format!("suppressed by run {owner} until {until}"),
    }
}

/// The refusal by a rate that is used up. `owner` charged it the longest ago of those that count: its end opens the
/// gate.
pub(crate) fn rated(rate: Rate, owner: &RunId, until: Timestamp) -> Refusal {
    let Rate { max, window_ms } = rate;
    let window = SignedDuration::from_millis(window_ms);
    Refusal {
        decision: Decision::Suppressed,
        reason: format!("suppressed by the rate of {max} in {window:#}, with run {owner} until {until}"),
    }
}

/// Of the charges of a rate that still count, in the order of their ends, the one whose end opens the gate: `None` while
/// it is open. A rule that was edited may have left more of them than its rate allows now.
pub(crate) fn closing(rate: Rate, counted: usize) -> Option<usize> {
    counted.checked_sub(usize::try_from(rate.max.max(1)).unwrap_or(usize::MAX))
}

/// When a run may begin that waits for quiet: at `quiet_ms` after the newest event, but not later than `max_wait_ms`
/// after the first one. Then the delay.
pub(crate) fn starts_at(gates: &Gates, first: Timestamp, now: Timestamp) -> Timestamp {
    let quiet = gates.debounce.map_or(now, |debounce| {
        after(now, debounce.quiet_ms).min(after(first, debounce.max_wait_ms))
    });
    gates.delay_ms.map_or(quiet, |delay_ms| after(quiet, delay_ms))
}

/// What a run waits for that is not to begin at once.
pub(crate) fn held_back(gates: &Gates) -> Option<String> {
    let span = |ms| format!("{:#}", SignedDuration::from_millis(ms));
    let quiet = gates.debounce.map(|debounce| {
        format!(
            "waits until nothing newer has come for {}, at most {}",
            span(debounce.quiet_ms),
            span(debounce.max_wait_ms)
        )
    });
    match (quiet, gates.delay_ms) {
        (Some(quiet), Some(delay_ms)) => Some(format!("{quiet}; begins {} after that", span(delay_ms))),
        (None, Some(delay_ms)) => Some(format!("begins {} after its event was admitted", span(delay_ms))),
        (quiet, None) => quiet,
    }
}

/// Why a run ends that was not begun: `newer` takes its place.
pub(crate) fn superseded(newer: &RunId) -> String {
    format!("superseded by run {newer}")
}

/// The firings with only the first of each rule: one event makes at most one run of a rule.
pub(crate) fn one_per_rule(firings: Vec<NewFiring>) -> Vec<NewFiring> {
    let mut seen = std::collections::BTreeSet::new();
    firings
        .into_iter()
        .filter(|firing| seen.insert(firing.rule.clone()))
        .collect()
}

/// Whether a firing wants a run, rather than to put an error on record.
pub(crate) fn fires(firing: &NewFiring) -> bool {
    matches!(firing.wish, Wish::Run { .. })
}
