//! Calls that are not over when they are answered: asked about again, and never made again.

use super::*;

fn pending(poll_after_ms: i64) -> Pending {
    Pending {
        poll_after_ms,
        cursor: json!({"deploy": "dep-7"}),
        note: "building".into(),
    }
}

/// A call that had its effect at the start and may take ten minutes.
fn underway(cursor: &serde_json::Value) -> Underway<'_> {
    Underway {
        cursor,
        since: start(),
        deadline: after(start(), 600_000),
        fresh_until: after(start(), 15_000),
    }
}

#[test]
fn a_call_that_is_not_over_is_asked_about_when_its_tool_says_and_never_made_again() {
    let next = after_attempt(
        Outcome::Pending(pending(10_000)),
        history(Doubt::Evidence, 1, 0),
        start(),
    );
    let Next::Pending { at, cursor, .. } = next else {
        unreachable!("{next:?}")
    };
    assert_eq!((at, cursor), (after(start(), 10_000), json!({"deploy": "dep-7"})));
    let found = after_look(
        Finding::Pending(pending(0)),
        history(Doubt::Evidence, 1, 0),
        after(start(), 5_000),
    );
    assert!(
        matches!(found, Next::Pending { at, .. } if at > after(start(), 5_000)),
        "{found:?}"
    );
    let cursor = json!({"deploy": "dep-7"});
    for class in [
        ErrorClass::Conflict,
        ErrorClass::Unavailable,
        ErrorClass::UnknownEffect,
        ErrorClass::RateLimited { retry_at: None },
    ] {
        for late in [0, 60_000, 600_000, 900_000] {
            let now = after(start(), late);
            let next = after_poll(Outcome::Failed(error(class.clone())), underway(&cursor), now);
            assert!(
                matches!(next, Next::Pending { .. } | Next::Undone(_)),
                "{class:?} after {late} ms gave {next:?}"
            );
        }
    }
}

#[test]
fn a_call_that_is_not_over_in_time_fails_with_how_far_it_came() {
    let cursor = json!({});
    let before = after_poll(
        Outcome::Pending(pending(900_000)),
        underway(&cursor),
        after(start(), 599_000),
    );
    assert!(
        matches!(before, Next::Pending { at, .. } if at == after(start(), 600_000)),
        "asked once more when its time is up: {before:?}"
    );
    let late = after_poll(
        Outcome::Pending(pending(1_000)),
        underway(&cursor),
        after(start(), 600_000),
    );
    assert_eq!(late, Next::Undone("not over within 10m: building".into()));
    let done = after_poll(
        Outcome::Done(json!(1)),
        underway(&cursor),
        after(start(), 900_000),
    );
    assert_eq!(done, Next::Done(json!(1)), "an end is an end, however late");
}

#[test]
fn what_a_provider_says_about_when_to_ask_again_wins_and_a_question_that_fails_keeps_its_cursor() {
    let cursor = json!({"deploy": "dep-7"});
    let limited = ErrorClass::RateLimited {
        retry_at: Some(after(start(), 300_000)),
    };
    let next = after_poll(
        Outcome::Failed(error(limited)),
        underway(&cursor),
        after(start(), 10_000),
    );
    let Next::Pending {
        at,
        cursor: kept,
        error: Some(_),
        ..
    } = next
    else {
        unreachable!("{next:?}")
    };
    assert_eq!((at, kept), (after(start(), 300_000), cursor));
}
