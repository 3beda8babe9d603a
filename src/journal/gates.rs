//! In: a firing's gates and what is known of its event. Out: the first refusal, worded for a person. Never: charging.

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Gates, NewFiring, RunId, Wish};

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
