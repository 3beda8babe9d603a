//! What follows from an attempt or a look: the table, and a simulated provider that loses replies and shows effects
//! late, against which no sequence of events may double an effect.

mod pending;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use xmrt::act::{Finding, Outcome};
use xmrt::clock::{after, from_millis};
use xmrt::hub::{Doubt, ErrorClass, Pending, ToolError};
use xmrt::record::{
    DOUBT_PATIENCE, History, Next, Underway, after_attempt, after_look, after_poll, in_doubt,
};
use xmrt::rules::Retry;

const RETRY: Retry = Retry {
    attempts: 5,
    initial_ms: 2_000,
    max_ms: 300_000,
};
const SETTLE_MS: i64 = 2_000;
const TIMEOUT_MS: i64 = 60_000;

fn start() -> Timestamp {
    from_millis(1_768_478_400_000)
}

fn history(doubt: Doubt, attempts: u32, looks: u32) -> History<'static> {
    History {
        attempts,
        looks,
        first_intent_at: start(),
        intent_at: start(),
        deadline: None,
        fresh_until: start(),
        doubt,
        timeout_ms: TIMEOUT_MS,
        settle_ms: SETTLE_MS,
        retry: &RETRY,
        jitter: 0.5,
    }
}

fn error(class: ErrorClass) -> ToolError {
    ToolError {
        class,
        message: "the provider said no".into(),
        remedy: None,
    }
}

#[test]
fn an_error_that_cannot_pass_ends_the_run_at_once() {
    for class in [
        ErrorClass::Invalid,
        ErrorClass::NotFound,
        ErrorClass::Forbidden,
        ErrorClass::Conflict,
    ] {
        let next = after_attempt(
            Outcome::Failed(error(class.clone())),
            history(Doubt::Marker, 1, 0),
            start(),
        );
        assert!(matches!(next, Next::Dead(_)), "{class:?} gave {next:?}");
    }
}

#[test]
fn an_error_that_may_pass_is_retried_and_what_the_provider_said_about_when_wins() {
    let limit = after(start(), 77_000);
    let limited = error(ErrorClass::RateLimited {
        retry_at: Some(limit),
    });
    let next = after_attempt(Outcome::Failed(limited), history(Doubt::Marker, 1, 0), start());
    assert!(matches!(next, Next::Retry { at, .. } if at == limit), "{next:?}");
    let away = after_attempt(
        Outcome::Failed(error(ErrorClass::Unavailable)),
        history(Doubt::Marker, 1, 0),
        start(),
    );
    let Next::Retry { at, .. } = away else {
        panic!("{away:?}")
    };
    let wait = at.as_millisecond() - start().as_millisecond();
    assert!(
        (200..=2_000).contains(&wait),
        "the first back-off is within its bound, not {wait} ms"
    );
}

#[test]
fn attempts_are_bounded() {
    let next = after_attempt(
        Outcome::Failed(error(ErrorClass::Unavailable)),
        history(Doubt::Marker, 5, 0),
        start(),
    );
    let Next::Dead(reason) = next else {
        panic!("{next:?}")
    };
    assert!(reason.contains("after 5 attempts"), "{reason}");
}

#[test]
fn every_class_of_doubt_is_resolved_in_its_own_way() {
    let now = after(start(), 10);
    let first = |doubt| in_doubt(history(doubt, 1, 0), now, "reply lost");
    assert_eq!(first(Doubt::Idempotent), Next::Repeat);
    assert_eq!(first(Doubt::MayDouble), Next::Repeat);
    assert!(matches!(first(Doubt::None), Next::Unknown(_)));
    for doubt in [Doubt::Marker, Doubt::GoalState, Doubt::Evidence] {
        let next = first(doubt);
        assert!(
            matches!(&next, Next::Look { at, counted: false, .. } if *at == after(start(), SETTLE_MS)),
            "{doubt:?} gave {next:?}"
        );
    }
}

#[test]
fn an_effect_is_absent_only_after_two_looks_a_settle_time_apart() {
    let now = after(start(), TIMEOUT_MS + SETTLE_MS);
    let next = after_look(Finding::Absent, history(Doubt::Marker, 1, 0), now);
    assert!(
        matches!(&next, Next::Look { at, counted: true, .. } if *at == after(now, SETTLE_MS)),
        "the first look in vain is not enough: {next:?}"
    );
    assert_eq!(
        after_look(Finding::Absent, history(Doubt::Marker, 1, 1), now),
        Next::Repeat
    );
    assert_eq!(
        after_look(Finding::Absent, history(Doubt::GoalState, 1, 0), now),
        Next::Repeat
    );
}

#[test]
fn nothing_is_absent_while_the_provider_may_still_be_working_on_it() {
    let end = after(start(), TIMEOUT_MS + SETTLE_MS);
    let (mut now, mut looks) = (after(start(), SETTLE_MS), 0);
    while now < end {
        looks += 1;
        for doubt in [Doubt::Marker, Doubt::Evidence, Doubt::GoalState] {
            let next = after_look(Finding::Absent, history(doubt, 1, 1), now);
            let Next::Look {
                at, counted: false, ..
            } = next
            else {
                panic!("{doubt:?} at {now}: {next:?}")
            };
            assert!(at > now && at <= end);
        }
        let Next::Look { at, .. } = after_look(Finding::Absent, history(Doubt::Marker, 1, 1), now) else {
            panic!()
        };
        now = at;
    }
    assert!(looks < 15, "{looks} looks");
}

#[test]
fn what_cannot_be_told_apart_goes_to_a_person() {
    let ambiguous = Finding::Ambiguous("two deploys began since".into());
    assert!(matches!(
        after_look(ambiguous, history(Doubt::Evidence, 1, 0), start()),
        Next::Unknown(_)
    ));
    let forbidden = Finding::Failed(error(ErrorClass::Forbidden));
    assert!(matches!(
        after_look(forbidden, history(Doubt::Marker, 1, 0), start()),
        Next::Unknown(_)
    ));
}

#[test]
fn looking_is_tried_again_while_the_provider_is_away_but_not_for_ever() {
    let away = || Finding::Failed(error(ErrorClass::Unavailable));
    let soon = after(start(), 60_000);
    assert!(matches!(
        after_look(away(), history(Doubt::Marker, 1, 0), soon),
        Next::Look { counted: false, .. }
    ));
    let late = start().checked_add(DOUBT_PATIENCE).unwrap();
    assert!(matches!(
        after_look(away(), history(Doubt::Marker, 1, 0), late),
        Next::Unknown(_)
    ));
}

/// What happens to one attempt or look of the simulated provider.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    LostBeforeTheEffect,
    LostAfterTheEffect,
    RefusedForNow,
    KilledBeforeSending,
    KilledBeforeTheEffectIsJournaled,
    KilledWhileTheProviderWorks,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Answered),
        2 => Just(Fate::LostBeforeTheEffect),
        2 => Just(Fate::LostAfterTheEffect),
        1 => Just(Fate::RefusedForNow),
        1 => Just(Fate::KilledBeforeSending),
        1 => Just(Fate::KilledBeforeTheEffectIsJournaled),
        2 => Just(Fate::KilledWhileTheProviderWorks),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A step with a marker, against a provider that loses replies, refuses, and shows an effect only after a lag
    /// shorter than the settle time; the worker is killed at will. The effect never happens twice, and a step that
    /// ends done happened.
    #[test]
    fn a_marked_write_happens_once_whatever_is_lost(
        fates in proptest::collection::vec(fate(), 1..12),
        lag_ms in 0..SETTLE_MS,
        work_ms in 0..TIMEOUT_MS,
        jitter in 0.0..1.0_f64,
    ) {
        let mut now = start();
        let mut effects: Vec<Timestamp> = Vec::new();
        let (mut attempts, mut looks, mut intent_at) = (0, 0, now);
        let mut fates = fates.into_iter().chain(std::iter::repeat(Fate::Answered));
        // What the journal says of the step: `None` before its first intent and after a certain failure.
        let mut open = false;
        for _ in 0..200 {
            let facts = |attempts, looks, intent_at| History {
                attempts, looks, first_intent_at: intent_at, intent_at, deadline: None, fresh_until: start(), doubt: Doubt::Marker,
                timeout_ms: TIMEOUT_MS,
                settle_ms: SETTLE_MS, retry: &RETRY, jitter,
            };
            let mut next = if open {
                let next = in_doubt(facts(attempts, looks, intent_at), now, "cut off");
                match next {
                    Next::Look { at, .. } if at <= now => {
                        let visible = effects.iter().any(|at| after(*at, lag_ms) <= now);
                        let finding = if visible { Finding::Found(json!({})) } else { Finding::Absent };
                        after_look(finding, facts(attempts, looks, intent_at), now)
                    }
                    other => other,
                }
            } else {
                Next::Repeat
            };
            if next == Next::Repeat {
                attempts += 1;
                looks = 0;
                intent_at = now;
                open = true;
                let outcome = match fates.next().unwrap() {
                    Fate::KilledBeforeSending => continue,
                    Fate::Answered => {
                        effects.push(now);
                        Outcome::Done(json!({}))
                    }
                    Fate::LostBeforeTheEffect => Outcome::InDoubt(error(ErrorClass::UnknownEffect)),
                    Fate::LostAfterTheEffect => {
                        effects.push(now);
                        Outcome::InDoubt(error(ErrorClass::UnknownEffect))
                    }
                    Fate::RefusedForNow => Outcome::Failed(error(ErrorClass::Unavailable)),
                    Fate::KilledBeforeTheEffectIsJournaled => {
                        effects.push(now);
                        continue;
                    }
                    Fate::KilledWhileTheProviderWorks => {
                        effects.push(after(now, work_ms));
                        continue;
                    }
                };
                now = after(now, 5);
                next = after_attempt(outcome, facts(attempts, looks, intent_at), now);
            }
            prop_assert!(effects.len() <= 1, "the effect happened twice: {effects:?}");
            match next {
                Next::Done(_) => {
                    prop_assert_eq!(effects.len(), 1);
                    return Ok(());
                }
                Next::Dead(_) => {
                    prop_assert!(effects.is_empty(), "given up although it happened");
                    return Ok(());
                }
                Next::Retry { at, .. } => {
                    open = false;
                    now = at.max(now);
                }
                Next::Look { at, counted, .. } => {
                    looks += u32::from(counted);
                    now = at.max(now);
                }
                Next::Repeat => {}
                Next::Unknown(why) => prop_assert!(false, "a marked write is never unknown here: {}", why),
                other => prop_assert!(false, "a comment is over when it is made: {:?}", other),
            }
        }
        prop_assert!(false, "it never ended");
    }
}

#[test]
fn a_provider_that_is_away_for_long_is_looked_at_less_and_less_often() {
    let (mut now, mut looks) = (start(), 0);
    let end = start() + DOUBT_PATIENCE;
    loop {
        let finding = Finding::Failed(error(ErrorClass::Unavailable));
        match after_look(finding, history(Doubt::Marker, 1, 0), now) {
            Next::Look { at, counted, .. } => {
                assert!(at > now && !counted);
                now = at;
                looks += 1;
            }
            Next::Unknown(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(now >= end, "nobody is asked before the patience ends");
    assert!(looks < 400, "{looks} looks in a day");
}

#[test]
fn a_call_that_timed_out_late_is_given_its_settle_time_before_the_first_look() {
    let end = after(start(), 60_000);
    for doubt in [Doubt::Marker, Doubt::Evidence, Doubt::GoalState] {
        let outcome = Outcome::InDoubt(error(ErrorClass::UnknownEffect));
        let next = after_attempt(outcome, history(doubt, 1, 0), end);
        let wanted = after(end, SETTLE_MS);
        assert!(
            matches!(next, Next::Look { at, .. } if at == wanted),
            "{doubt:?}: {next:?}"
        );
    }
}

#[test]
fn an_effect_surely_absent_after_the_last_attempt_ends_the_run() {
    let looked = |attempts| {
        let now = after(start(), TIMEOUT_MS + SETTLE_MS);
        after_look(Finding::Absent, history(Doubt::Evidence, attempts, 1), now)
    };
    assert_eq!(looked(RETRY.attempts - 1), Next::Repeat);
    assert!(matches!(looked(RETRY.attempts), Next::Dead(_)));
}

#[test]
fn a_call_that_finds_no_room_within_a_limit_is_no_attempt_for_a_day() {
    let limited = |ms| {
        let retry_at = Some(after(start(), ms));
        Outcome::Failed(error(ErrorClass::RateLimited { retry_at }))
    };
    let many = history(Doubt::Marker, 99, 0);
    let next = after_attempt(limited(60_000), many, start());
    let room = after(start(), 60_000);
    assert!(
        matches!(next, Next::Retry { at, counted: false, .. } if at == room),
        "{next:?}"
    );
    let next = after_attempt(limited(0), many, start());
    let soonest = after(start(), 1_000);
    assert!(
        matches!(next, Next::Retry { at, counted: false, .. } if at == soonest),
        "it never spins: {next:?}"
    );
    let a_day = after(start(), 24 * 3_600_000);
    let next = after_attempt(limited(25 * 3_600_000), many, a_day);
    assert!(matches!(next, Next::Dead(_)), "{next:?}");
    let bounded = History {
        deadline: Some(after(start(), 30_000)),
        ..history(Doubt::Marker, 1, 0)
    };
    let next = after_attempt(limited(60_000), bounded, start());
    assert!(
        matches!(next, Next::Dead(_)),
        "its rule gives it no such time: {next:?}"
    );
    let unsaid = Outcome::Failed(error(ErrorClass::RateLimited { retry_at: None }));
    let next = after_attempt(unsaid, history(Doubt::Marker, 1, 0), start());
    assert!(
        matches!(next, Next::Retry { counted: true, .. }),
        "nobody knows when: {next:?}"
    );
}

#[test]
fn no_attempt_is_begun_after_the_time_a_rule_gives_its_step() {
    let bounded = |deadline_ms| History {
        deadline: Some(after(start(), deadline_ms)),
        ..history(Doubt::Marker, 1, 0)
    };
    let away = || Outcome::Failed(error(ErrorClass::Unavailable));
    let next = after_attempt(away(), bounded(60_000), start());
    assert!(matches!(next, Next::Retry { .. }), "{next:?}");
    let next = after_attempt(away(), bounded(100), start());
    assert!(matches!(next, Next::Dead(why) if why.contains("the time its rule gives it")));
}
