//! In: an [`Outcome`] or a [`Finding`], the step's history, `now`. Out: [`Next`]. Never: the world.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::act::{Finding, Outcome};
use crate::clock;
use crate::hub::{Doubt, ErrorClass, Pending, ToolError};
use crate::rules::Retry;

/// How long a doubt is looked into before a person is asked.
pub const DOUBT_PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// How often the effect must be found absent, each a settle time apart, before it is taken to be absent.
pub const LOOKS_NEEDED: u32 = 2;

/// How long a call that is not over is asked about unless its rule says otherwise, in milliseconds.
pub const PENDING_WITHIN_MS: i64 = 3_600_000;
/// The shortest pause between two questions, in milliseconds.
const POLL_MS_MIN: i64 = 100;
/// The shortest pause before it is asked for room again, in milliseconds.
const ROOM_PAUSE_MS_MIN: i64 = 1_000;
/// The longest pause between looks that fail because the provider is away.
const LOOK_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The policy of a step whose action is not in its rule any more: one attempt.
pub const NO_RETRY: Retry = Retry {
    attempts: 1,
    initial_ms: 1_000,
    max_ms: 1_000,
};

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The step is done; this is its result.
    Done(Value),
    /// The attempt had no effect; another follows.
    Retry {
        /// When.
        at: Timestamp,
        /// What failed.
        error: String,
        /// Whether it was an attempt. One that found no room within a limit was none.
        counted: bool,
    },
    /// The attempt may have had its effect; look for it.
    Look {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
        /// Whether a look that found nothing is to be counted.
        counted: bool,
    },
    /// It had its effect and is not over.
    Pending {
        /// When to ask again.
        at: Timestamp,
        /// By what to ask.
        cursor: Value,
        /// How far it is.
        note: String,
        /// Why the last question failed, if it did.
        error: Option<String>,
    },
    /// It had its effect, and what was to come of it did not: the run ends. Run again, it is asked about again.
    Undone(String),
    /// The call is to be made again, now, under the same key.
    Repeat,
    /// The run ends; the attempt had no effect.
    Dead(String),
    /// A person decides.
    Unknown(String),
}

/// For how long after an event came, or a step of ours was done, what it tells of may not be visible yet, in milliseconds.
pub const FRESH_MS: i64 = 15_000;
/// How soon what was not found is asked for again, at the soonest, in milliseconds.
const FRESH_PAUSE_MS_MIN: i64 = 100;

/// What is known of a step when something came of it.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// How many attempts were begun, the present one included.
    pub attempts: u32,
    /// How often the effect was looked for in vain.
    pub looks: u32,
    /// When the first attempt was begun.
    pub first_intent_at: Timestamp,
    /// When the last attempt was begun.
    pub intent_at: Timestamp,
    /// When the rule wants it over with; no attempt is made later.
    pub deadline: Option<Timestamp>,
    /// Until when what the event told of, or an earlier step made, may not be visible yet: a provider that does not find it
    /// then is asked again.
    pub fresh_until: Timestamp,
    /// How its tool resolves doubt.
    pub doubt: Doubt,
    /// How long the provider may work on an attempt, in milliseconds: the call's time-out. Whoever sent it may be gone
    /// long before.
    pub timeout_ms: i64,
    /// How long its effect may stay invisible, in milliseconds.
    pub settle_ms: i64,
    /// The rule's retry policy for it.
    pub retry: &'a Retry,
    /// A number in `[0, 1)` that spreads retries.
    pub jitter: f64,
}

impl History<'_> {
    /// Whether something is not found that may not be visible yet: lists and pages of a provider follow its events, and our
    /// own writes, after a while.
    fn is_too_fresh(&self, error: &ToolError, now: Timestamp) -> bool {
        error.class == ErrorClass::NotFound
            && now < self.fresh_until
            && self.retry.attempts > 1
            && self.deadline.is_none_or(|deadline| now < deadline)
    }
}

/// Judges an attempt.
pub fn after_attempt(outcome: Outcome, history: History<'_>, now: Timestamp) -> Next {
    match outcome {
        Outcome::Done(result) => Next::Done(result),
        Outcome::Pending(pending) => ask_again(pending, now),
        Outcome::InDoubt(error) => match in_doubt(history, now, &error.to_string()) {
            // The call may have taken long, and the provider may not be done with it: it settles from its end on.
            Next::Look { at, reason, counted } => Next::Look {
                at: at.max(clock::after(now, history.settle_ms)),
                reason,
                counted,
            },
            next => next,
        },
        Outcome::Failed(error) if history.is_too_fresh(&error, now) => Next::Retry {
            at: clock::after(now, history.settle_ms.max(FRESH_PAUSE_MS_MIN)).min(history.fresh_until),
            error: format!("{error}; it may not be visible yet"),
            counted: true,
        },
        Outcome::Failed(error) if !error.class.is_retryable() => Next::Dead(error.to_string()),
        Outcome::Failed(error) if let Some(at) = room_at(&error, history, now) => {
            next_try(at, &error, history, false)
        }
        Outcome::Failed(error) if history.attempts >= history.retry.attempts => {
            Next::Dead(format!("{error}; gave up after {} attempts", history.attempts))
        }
        Outcome::Failed(error) => {
            let at = retry_at(&error, history, now);
            next_try(at, &error, history, true)
        }
    }
}

fn next_try(at: Timestamp, error: &ToolError, history: History<'_>, counted: bool) -> Next {
    match history.deadline {
        Some(deadline) if at > deadline => {
            Next::Dead(format!("{error}; the time its rule gives it ends at {deadline}"))
        }
        _ => Next::Retry {
            at,
            error: error.to_string(),
            counted,
        },
    }
}

/// When there will be room for a call that a limit held back, or that was refused for the sake of one. For a day it is no
/// attempt: nothing was tried.
fn room_at(error: &ToolError, history: History<'_>, now: Timestamp) -> Option<Timestamp> {
    let ErrorClass::RateLimited { retry_at: Some(at) } = error.class else {
        return None;
    };
    let patient = now.duration_since(history.first_intent_at) < DOUBT_PATIENCE;
    patient.then(|| at.max(clock::after(now, ROOM_PAUSE_MS_MIN)))
}

fn ask_again(pending: Pending, now: Timestamp) -> Next {
    Next::Pending {
        at: clock::after(now, pending.poll_after_ms.max(POLL_MS_MIN)),
        cursor: pending.cursor,
        note: pending.note,
        error: None,
    }
}

/// A call that had its effect and was not over.
#[derive(Clone, Copy, Debug)]
pub struct Underway<'a> {
    /// By what it was asked about.
    pub cursor: &'a Value,
    /// Since when it is waited for.
    pub since: Timestamp,
    /// Until when.
    pub deadline: Timestamp,
    /// Until when what it made may not be visible yet.
    pub fresh_until: Timestamp,
}

/// Judges what was said about a call that was not over.
pub fn after_poll(outcome: Outcome, underway: Underway<'_>, now: Timestamp) -> Next {
    let Underway {
        cursor,
        since,
        deadline,
        fresh_until,
    } = underway;
    let fresh = |error: &ToolError| error.class == ErrorClass::NotFound && now < fresh_until;
    let late = |why: &str| {
        let took = SignedDuration::from_millis(deadline.as_millisecond() - since.as_millisecond());
        Next::Undone(format!("not over within {took:#}: {why}"))
    };
    match outcome {
        Outcome::Done(result) => Next::Done(result),
        Outcome::Pending(pending) if now >= deadline => late(&pending.note),
        Outcome::Pending(pending) => match ask_again(pending, now) {
            Next::Pending {
                at,
                cursor,
                note,
                error,
            } => Next::Pending {
                at: at.min(deadline),
                cursor,
                note,
                error,
            },
            next => next,
        },
        Outcome::Failed(error) | Outcome::InDoubt(error) if !error.class.is_retryable() && !fresh(&error) => {
            Next::Undone(error.to_string())
        }
        Outcome::Failed(error) | Outcome::InDoubt(error) if now >= deadline => late(&error.to_string()),
        Outcome::Failed(error) | Outcome::InDoubt(error) => {
            let pause = pause_after(since, now);
            let at = match error.class {
                ErrorClass::RateLimited { retry_at: Some(at) } => at.max(pause),
                _ => pause,
            };
            Next::Pending {
                at: at.min(deadline).max(clock::after(now, POLL_MS_MIN)),
                cursor: cursor.clone(),
                note: "it could not be asked about".into(),
                error: Some(error.to_string()),
            }
        }
    }
}

/// A question that failed is not counted, so the pause does not grow by itself: it grows with the time it has lasted.
fn pause_after(since: Timestamp, now: Timestamp) -> Timestamp {
    let lasting = (now.duration_since(since) / 4).min(LOOK_PAUSE_MAX);
    let pause = lasting.max(SignedDuration::from_millis(POLL_MS_MIN));
    now.saturating_add(pause).unwrap_or(now)
}

/// Judges a doubt before anything was looked for: an attempt that was cut off, or whose reply was lost.
pub fn in_doubt(history: History<'_>, now: Timestamp, reason: &str) -> Next {
    match history.doubt {
        Doubt::Idempotent | Doubt::MayDouble if history.attempts >= history.retry.attempts => Next::Unknown(
            format!("{reason}; still unanswered after {} attempts", history.attempts),
        ),
        Doubt::Idempotent | Doubt::MayDouble if history.attempts <= 1 => Next::Repeat,
        Doubt::Idempotent | Doubt::MayDouble => {
            let at = clock::after(history.intent_at, backoff_ms(history));
            if at <= now {
                Next::Repeat
            } else {
                Next::Look {
                    at,
                    reason: reason.into(),
                    counted: false,
                }
            }
        }
        Doubt::None => Next::Unknown(format!("{reason}; nobody can tell whether it had its effect")),
        Doubt::Marker | Doubt::GoalState | Doubt::Evidence => {
            let at = clock::after(history.intent_at, history.settle_ms).max(now);
            Next::Look {
                at,
                reason: format!("{reason}; looking for its effect"),
                counted: false,
            }
        }
    }
}

/// Judges a look.
pub fn after_look(finding: Finding, history: History<'_>, now: Timestamp) -> Next {
    let patient = now.duration_since(history.intent_at) < DOUBT_PATIENCE;
    match finding {
        Finding::Found(result) => Next::Done(result),
        Finding::Pending(pending) => ask_again(pending, now),
        Finding::Ambiguous(why) => Next::Unknown(why),
        Finding::Absent if now < absent_from(history) => {
            // Presence can be seen early, absence only late: what was sent may still be under way, even when whoever
            // sent it is gone.
            let lasting = now.duration_since(history.intent_at) / 2;
            let again = now
                .saturating_add(lasting)
                .unwrap_or(now)
                .max(clock::after(now, history.settle_ms));
            Next::Look {
                at: again.min(absent_from(history)),
                reason: "its effect is not there; the provider may still be working on it".into(),
                counted: false,
            }
        }
        Finding::Absent if history.doubt != Doubt::GoalState && history.looks + 1 < LOOKS_NEEDED => {
            Next::Look {
                at: clock::after(now, history.settle_ms),
                reason: "its effect is not visible yet; looking once more".into(),
                counted: true,
            }
        }
        Finding::Absent if history.attempts >= history.retry.attempts => {
            Next::Dead(format!("no effect after {} attempts", history.attempts))
        }
        Finding::Absent => Next::Repeat,
        Finding::Failed(error) if history.is_too_fresh(&error, now) => Next::Look {
            at: clock::after(now, history.settle_ms.max(FRESH_PAUSE_MS_MIN)),
            reason: format!("{error}; it may not be visible yet"),
            counted: false,
        },
        Finding::Failed(error)
            if patient && (error.class.is_retryable() || error.class == ErrorClass::UnknownEffect) =>
        {
            Next::Look {
                at: retry_at(&error, history, now).max(pause_after(history.intent_at, now)),
                reason: error.to_string(),
                counted: false,
            }
        }
        Finding::Failed(error) => Next::Unknown(format!("its effect cannot be looked for: {error}")),
    }
}

/// The earliest time at which an effect that is not there says that there will be none.
fn absent_from(history: History<'_>) -> Timestamp {
    clock::after(
        history.intent_at,
        history.timeout_ms.saturating_add(history.settle_ms),
    )
}

/// When to try again: what the provider said wins over our own back-off.
fn retry_at(error: &ToolError, history: History<'_>, now: Timestamp) -> Timestamp {
    match error.class {
        ErrorClass::RateLimited { retry_at: Some(at) } => at.max(now),
        _ => clock::after(now, backoff_ms(history)),
    }
}

/// Exponential back-off with full jitter, at least a tenth of its bound so that retries never spin.
fn backoff_ms(history: History<'_>) -> i64 {
    let doublings = history.attempts.saturating_sub(1).min(30);
    let bound = history
        .retry
        .initial_ms
        .saturating_mul(1 << doublings)
        .min(history.retry.max_ms)
        .max(1);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "milliseconds of a back-off"
    )]
    let spread = (bound as f64 * (0.1 + 0.9 * history.jitter)) as i64;
    spread.max(1)
}
