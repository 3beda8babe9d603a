//! A journal whose time was once ahead of the clock: it can be turned back, on its way through an archive, and then everything
//! goes on as if the clock had been right.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use xmrt::journal::archive::{Head, Reader, Record, TurnBack};
use xmrt::journal::*;

use super::archive::{fill_with, read, written};
use crate::journal::desk::{Desk, at, desks, event, fires, gates, intent};
use crate::journal::walk::{Act, Move, perform, pick, walks};

/// Ten years.
const AHEAD_MS: i64 = 10 * 365 * 86_400_000;

/// An archive turned back to `now`.
fn turned(text: &str, now: Timestamp) -> (Head, Vec<Record>) {
    let (head, _) = Reader::open(text.as_bytes()).unwrap();
    let back = TurnBack::of(&head, now).expect("it is ahead");
    let mut records = read(text).unwrap();
    records.iter_mut().for_each(|record| back.record(record));
    (back.head(head), records)
}

/// The journal of a desk, turned back to `now`, in a new one of each kind.
async fn turned_desks(from: &Desk, now: Timestamp) -> Vec<Desk> {
    let (head, records) = turned(&written(&*from.store).await, now);
    let fresh = desks().await;
    for desk in &fresh {
        fill_with(&*desk.store, head.clone(), records.clone(), true)
            .await
            .unwrap();
    }
    fresh
}

#[tokio::test]
async fn leases_waits_and_cooldowns_end_when_they_would_have_and_nothing_is_due_before() {
    let cooled = || Gates {
        cooldown_ms: Some(60_000),
        ..gates()
    };
    for from in desks().await {
        from.fire("e1", "triage", cooled(), at(AHEAD_MS)).await;
        let claim = from.take(at(AHEAD_MS)).await;
        // The clock is right again: the lease does not end, nor does the cooldown.
        let refused = from.fire("e2", "triage", cooled(), at(120_000)).await;
        assert_eq!(refused.decision, Decision::Suppressed);
        assert!(
            from.store
                .claim("w2", 9, 1_000, at(120_000))
                .await
                .unwrap()
                .is_empty()
        );
        for desk in turned_desks(&from, at(120_000)).await {
            let names = format!("{} → {}", from.name, desk.name);
            let early = desk.store.claim("w2", 9, 1_000, at(179_000)).await.unwrap();
            assert!(early.is_empty(), "{names}");
            let refused = desk.fire("e3", "triage", cooled(), at(179_000)).await;
            assert_eq!(refused.decision, Decision::Suppressed, "{names}");
            let taken = desk.store.claim("w2", 9, 60_000, at(180_000)).await.unwrap();
            assert_eq!(taken.len(), 1, "{names}");
            assert_eq!(
                (&taken[0].run.id, taken[0].run.fence),
                (&claim.run.id, claim.run.fence + 1)
            );
            let fired = desk.fire("e4", "triage", cooled(), at(180_001)).await;
            assert_eq!(fired.decision, Decision::Fired, "{names}");
            // What it knows it knows still.
            let again = desk.store.admit(event("e1"), at(180_002)).await.unwrap();
            assert_eq!(again.duplicate, Some(DuplicateBy::Id), "{names}");
            let shown = desk.store.event(&again.key).await.unwrap().unwrap();
            assert_eq!(shown.received_at, at(120_000), "{names}");
        }
    }
}

#[tokio::test]
async fn a_call_that_was_under_way_while_the_clock_was_ahead_waits_for_a_person() {
    for from in desks().await {
        from.fire("before", "triage", gates(), at(0)).await;
        let known = from.take(at(0)).await;
        let writes = |claim: &Claim| vec![intent(&claim.run.id, "comment", 0, true)];
        from.advance(&known, writes(&known), Then::Keep, at(5)).await;
        let mut ahead = event("ahead");
        ahead.firings = vec![fires("triage", gates()), fires("reads", gates())];
        from.store.admit(ahead, at(AHEAD_MS)).await.unwrap();
        for claim in from.store.claim("w1", 9, 60_000, at(AHEAD_MS)).await.unwrap() {
            if claim.run.event.id == "ahead" {
                let write = vec![intent(&claim.run.id, "call", 0, claim.run.rule == "triage")];
                from.advance(&claim, write, Then::Keep, at(AHEAD_MS)).await;
            }
        }
        for desk in turned_desks(&from, at(10)).await {
            let state = async |id: &str, rule: &str| {
                let runs = desk
                    .store
                    .runs(&RunQuery {
                        limit: 9,
                        ..RunQuery::default()
                    })
                    .await
                    .unwrap();
                let mut fits = runs
                    .into_iter()
                    .filter(|run| run.event.id == id && run.rule == rule);
                fits.next().unwrap().state
            };
            assert_eq!(state("ahead", "triage").await, RunState::Unknown, "{}", desk.name);
            assert_eq!(state("ahead", "reads").await, RunState::Running, "{}", desk.name);
            assert_eq!(
                state("before", "triage").await,
                RunState::Running,
                "{}",
                desk.name
            );
        }
    }
}

/// A record without its times and without what a hold changes.
fn timeless(record: &Record) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::String(text) if text.parse::<Timestamp>().is_ok() => *value = Value::from("a time"),
            Value::Array(list) => list.iter_mut().for_each(strip),
            Value::Object(map) => map.values_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(record).unwrap();
    strip(&mut value);
    value
}

fn times(value: &Value, found: &mut Vec<Timestamp>) {
    match value {
        Value::String(text) => found.extend(text.parse::<Timestamp>().ok()),
        Value::Array(list) => list.iter().for_each(|value| times(value, found)),
        Value::Object(map) => map.values().for_each(|value| times(value, found)),
        _ => {}
    }
}

/// Half a walk by a clock that is ahead; then the journal is turned back in all stores, and the other half is walked by the
/// right clock in all of them: they answer as the model does, which was turned back by itself.
async fn goes_on(mut moves: Vec<Move>, ahead_ms: i64) {
    moves.retain(|step| !matches!(step.act, Act::Crash));
    let half = moves.len() / 2;
    let rest = moves.split_off(half);
    let before = MemoryStore::new(at(0));
    let mut now = 0;
    for Move { after_ms, act } in moves {
        now += after_ms;
        let run = pick(&before, &act).await;
        perform(&before, &act, run.as_ref(), now + ahead_ms).await;
    }
    let text = written(&before).await;
    let (head, _) = Reader::open(text.as_bytes()).unwrap();
    let right = at(now);
    let Some(back) = TurnBack::of(&head, right) else {
        return;
    };
    let (turned_head, records) = turned(&text, right);
    let was = read(&text).unwrap();
    assert_eq!(turned_head.last, right);
    assert_eq!(was.len(), records.len());
    for (was, is) in was.iter().zip(&records) {
        match (was, is) {
            (Record::Run(was), Record::Run(is)) => {
                assert_eq!(
                    (&was.run.id, was.run.seq, was.run.fence),
                    (&is.run.id, is.run.seq, is.run.fence)
                );
                assert!(was.run.state == is.run.state || is.run.state == RunState::Unknown);
                if was.run.state == is.run.state {
                    let left = |due: Option<Timestamp>, now: Timestamp| {
                        due.map(|due| (due.as_millisecond() - now.as_millisecond()).max(0))
                    };
                    assert_eq!(left(was.run.due_at, head.last), left(is.run.due_at, right));
                }
            }
            _ => assert_eq!(timeless(was), timeless(is)),
        }
        let mut found = Vec::new();
        times(&serde_json::to_value(is).unwrap(), &mut found);
        let longest = was_longest(was, head.last);
        for time in found {
            let over = time.as_millisecond() - right.as_millisecond();
            assert!(
                over <= longest,
                "{time} is {over} ms from now, and was at most {longest}: {is:?}"
            );
        }
    }
    assert_eq!(
        back.ahead().as_millis(),
        i128::from(head.last.as_millisecond() - right.as_millisecond())
    );
    let all = desks().await;
    for desk in &all {
        fill_with(&*desk.store, turned_head.clone(), records.clone(), true)
            .await
            .unwrap();
    }
    let oracle = &all[0];
    for (n, Move { after_ms, act }) in rest.into_iter().enumerate() {
        now += after_ms;
        let run = pick(&*oracle.store, &act).await;
        let expected = perform(&*oracle.store, &act, run.as_ref(), now).await;
        for desk in &all[1..] {
            let answer = perform(&*desk.store, &act, run.as_ref(), now).await;
            assert_eq!(answer, expected, "{}: move {n}: {act:?}", desk.name);
        }
    }
}

/// How far the farthest time in a record was from the journal's, in milliseconds; 0 when all were past.
fn was_longest(record: &Record, last: Timestamp) -> i64 {
    let mut found = Vec::new();
    times(&serde_json::to_value(record).unwrap(), &mut found);
    let over = |time: &Timestamp| time.as_millisecond() - last.as_millisecond();
    found.iter().map(over).max().unwrap_or(0).max(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_that_was_turned_back_keeps_all_it_knows_and_goes_on_alike_in_every_store(
        moves in walks(60),
        ahead_ms in prop_oneof![6_000..90_000i64, Just(AHEAD_MS)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(goes_on(moves, ahead_ms));
    }
}
