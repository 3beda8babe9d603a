//! In: `[limits]` and `[concurrency]` of a rule file. Out: what they are, or what is wrong with them. Never: counting.

use crate::rules::diagnostic::Findings;
use crate::rules::fields::Fields;
use crate::rules::keys;
use crate::rules::rule::{Concurrency, Debounce, Limits};

/// How many runs may have caused one another, unless said otherwise.
const DEPTH: u32 = 3;
/// The longest wait of a debounce is so many times its quiet, unless said otherwise.
const MAX_WAIT_TIMES: i64 = 10;

pub(super) fn limits(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Limits> {
    let Some(entry) = fields.get("limits") else {
        return Some(Limits {
            depth: DEPTH,
            ..Limits::default()
        });
    };
    let fields = Fields::read(&entry.node, "[limits]", keys::LIMITS, &[], findings)?;
    let counted = ["cooldown", "rate", "debounce"];
    if let Some(key) = fields.get("key")
        && counted.iter().all(|name| fields.get(name).is_none())
    {
        findings
            .warning("useless-key", &key.key_span, "nothing is counted by this `key`")
            .hint("add a `cooldown`, a `rate` or a `debounce`");
    }
    Some(Limits {
        cooldown_ms: fields.duration("cooldown", findings),
        max_age_ms: fields.duration("max_age", findings),
        rate: fields.rate("rate", findings),
        debounce: debounce(&fields, findings),
        delay_ms: fields.duration("delay", findings),
        depth: fields
            .whole("depth", findings)
            .and_then(|depth| u32::try_from(depth).ok())
            .unwrap_or(DEPTH),
        key: fields.template("key", findings),
    })
}

pub(super) fn concurrency(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Concurrency> {
    let entry = fields.get("concurrency")?;
    let fields = Fields::read(&entry.node, "[concurrency]", keys::CONCURRENCY, &[], findings)?;
    let cancel_in_progress = fields.flag("cancel_in_progress", findings);
    let queue = fields.one_of("queue", findings);
    if let (true, Some("all"), Some(entry)) = (cancel_in_progress, queue.as_deref(), fields.get("queue")) {
        findings
            .error(
                "contradictory-limits",
                &entry.key_span,
                "with `cancel_in_progress` a newer run ends the older ones, so there is no queue of `all`",
            )
            .hint("leave `queue` out, or set `cancel_in_progress = false`");
    }
    Some(Concurrency {
        group: fields.template("group", findings)?,
        cancel_in_progress,
        latest: cancel_in_progress || queue.as_deref() == Some("latest"),
    })
}

fn debounce(fields: &Fields<'_>, findings: &mut Findings<'_>) -> Option<Debounce> {
    let quiet_ms = fields.duration("debounce", findings);
    let max_wait_ms = fields.duration("max_wait", findings);
    let place = fields.get("max_wait").map(|entry| entry.key_span.clone());
    match (quiet_ms, max_wait_ms, place) {
        (None, _, Some(place)) if fields.get("debounce").is_none() => {
            findings
                .error(
                    "contradictory-limits",
                    &place,
                    "`max_wait` bounds a `debounce`, and there is none",
                )
                .hint("add `debounce = \"…\"`, or say `delay` to start later");
        }
        (Some(quiet_ms), Some(max_wait_ms), Some(place)) if max_wait_ms < quiet_ms => {
            findings.error(
                "contradictory-limits",
                &place,
                "`max_wait` is shorter than `debounce`: the quiet could never come",
            );
        }
        _ => {}
    }
    quiet_ms.map(|quiet_ms| Debounce {
        quiet_ms,
        max_wait_ms: max_wait_ms.unwrap_or(quiet_ms.saturating_mul(MAX_WAIT_TIMES)),
    })
}
