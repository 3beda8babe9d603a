//! In: a rule's limits, and what is on record. Out: each limit with what it asked for, what it saw, and whether it held the
//! rule back. Never: counting; only the journal knows what was charged when the event came.

use jiff::SignedDuration;
use serde::Serialize;

use crate::normalize::Event;
use crate::rules::explain::OnRecord;
use crate::rules::rule::Rule;

/// One limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitView {
    /// Its key in `[limits]`.
    pub limit: String,
    /// What it allows.
    pub allows: String,
    /// Whether the event got past it; `None` when it was not asked, or nobody can say.
    pub passed: Option<bool>,
    /// What it saw, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// In the order in which they are asked.
pub(super) fn views(rule: &Rule, event: &Event, record: Option<&OnRecord>) -> Vec<LimitView> {
    let mut views = Vec::new();
    if let Some(max) = rule.limits.max_age_ms {
        let age = event
            .received_at
            .as_millisecond()
            .saturating_sub(event.time.as_millisecond());
        views.push(LimitView {
            limit: "max_age".into(),
            allows: spoken(max),
            passed: Some(age <= max),
            actual: Some(format!("{} old when it was received", spoken(age.max(0)))),
        });
    }
    let depth = record.map(|record| record.depth);
    // The default is worth a line only where it cut a chain.
    if depth.is_some_and(|depth| depth > 0) {
        views.push(LimitView {
            limit: "depth".into(),
            allows: rule.limits.depth.to_string(),
            passed: depth.map(|depth| depth < rule.limits.depth),
            actual: depth.map(|depth| format!("{depth} runs of ours led to it")),
        });
    }
    if let Some(cooldown) = rule.limits.cooldown_ms {
        views.push(counted("cooldown", spoken(cooldown), record));
    }
    if let Some(rate) = rule.limits.rate {
        let allows = format!("{} in {}", rate.max, spoken(rate.window_ms));
        views.push(counted("rate", allows, record));
    }
    if let Some(debounce) = rule.limits.debounce {
        views.push(later(
            "debounce",
            format!("{} of quiet", spoken(debounce.quiet_ms)),
            record,
        ));
    }
    if let Some(delay) = rule.limits.delay_ms {
        views.push(later("delay", format!("{} later", spoken(delay)), record));
    }
    views
}

/// A limit that depends on what ran before: the record tells, when it got so far. A rate names itself in its refusal.
fn counted(limit: &str, allows: String, record: Option<&OnRecord>) -> LimitView {
    let first = record.and_then(|record| record.decisions.first());
    let reason = first
        .and_then(|first| first.reason.as_deref())
        .unwrap_or_default();
    let by_rate = reason.contains("by the rate");
    let (passed, actual) = match first.map(|first| first.decision.as_str()) {
        Some("suppressed") if by_rate == (limit == "rate") => (Some(false), Some(reason.to_owned())),
        // The cooldown is asked first.
        Some("suppressed") if limit == "cooldown" => (Some(true), None),
        Some("fired") => (Some(true), None),
        _ => (None, None),
    };
    LimitView {
        limit: limit.into(),
        allows,
        passed,
        actual,
    }
}

/// What holds a run back only for a while.
fn later(limit: &str, allows: String, record: Option<&OnRecord>) -> LimitView {
    let first = record.and_then(|record| record.decisions.first());
    LimitView {
        limit: limit.into(),
        allows,
        passed: first.filter(|first| first.run.is_some()).map(|_| true),
        actual: None,
    }
}

fn spoken(ms: i64) -> String {
    format!("{:#}", SignedDuration::from_millis(ms))
}
