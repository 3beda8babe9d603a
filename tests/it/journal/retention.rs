//! What is deleted, and what must not be.

use xmrt::journal::*;

use super::desk::{Desk, at, desks, done, end, errs, event, fires, gates, intent, key};
use serde_json::json;

const DAY_MS: i64 = 86_400_000;

fn month() -> Retention {
    Retention {
        events_ms: 30 * DAY_MS,
        runs_ms: 90 * DAY_MS,
        known_ms: KNOWN_MS_MIN,
    }
}

/// Everything may go at once, as far as it may go at all.
pub(crate) fn all() -> Retention {
    Retention {
        events_ms: 0,
        runs_ms: 0,
        known_ms: KNOWN_MS_MIN,
    }
}

/// All steps of pruning; gives what they did together.
async fn prune(desk: &Desk, retention: &Retention, max: usize, now: i64) -> Pruned {
    let mut all = Pruned::default();
    loop {
        let from = all.next.unwrap_or_default();
        let step = desk.store.prune(retention, from, max, at(now)).await.unwrap();
        all.events += step.events;
        all.runs += step.runs;
        all.next = step.next;
        if step.next.is_none() {
            return all;
        }
    }
}

async fn finish(desk: &Desk, now: i64) -> RunId {
    let claim = desk.take(at(now)).await;
    let writes = vec![
        intent(&claim.run.id, "comment", 0, true),
        done("comment", json!(1)),
    ];
    desk.advance(&claim, writes, end(RunState::Succeeded), at(now))
        .await;
    claim.run.id
}

#[tokio::test]
async fn events_go_after_their_time_and_those_with_runs_after_theirs() {
    for desk in desks().await {
        desk.store.admit(event("quiet"), at(0)).await.unwrap();
        desk.fire("fired", "triage", gates(), at(0)).await;
        let run = finish(&desk, 1).await;
        assert_eq!(
            prune(&desk, &month(), 8, 30 * DAY_MS - 1).await.events,
            0,
            "{}",
            desk.name
        );
        let pruned = prune(&desk, &month(), 8, 30 * DAY_MS).await;
        assert_eq!((pruned.events, pruned.runs), (1, 0), "{}", desk.name);
        assert_eq!(desk.store.event(&key("quiet")).await.unwrap(), None);
        assert!(desk.store.event(&key("fired")).await.unwrap().is_some());
        let pruned = prune(&desk, &month(), 8, 90 * DAY_MS + 1).await;
        assert_eq!((pruned.events, pruned.runs), (1, 1), "{}", desk.name);
        assert_eq!(desk.store.run(&run).await.unwrap(), None);
        let stats = desk.store.stats().await.unwrap();
        assert_eq!(stats, Stats::default(), "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_is_not_at_its_end_keeps_its_event_however_old_it_is() {
    for desk in desks().await {
        desk.fire("waits", "triage", gates(), at(0)).await;
        let claim = desk.take(at(0)).await;
        let doubt = vec![intent(&claim.run.id, "comment", 0, true)];
        desk.advance(&claim, doubt, end(RunState::Unknown), at(0)).await;
        assert_eq!(
            prune(&desk, &all(), 8, 900 * DAY_MS).await.events,
            0,
            "{}",
            desk.name
        );
        let who = "octocat";
        desk.store
            .resolve(&claim.run.id, who, Resolution::GiveUp, at(900 * DAY_MS))
            .await
            .unwrap();
        assert_eq!(
            prune(&desk, &month(), 8, 900 * DAY_MS).await.events,
            0,
            "{}",
            desk.name
        );
        assert_eq!(
            prune(&desk, &month(), 8, 990 * DAY_MS).await.events,
            1,
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn what_was_deleted_for_room_is_recognized_for_eight_days_by_id_and_by_body() {
    for desk in desks().await {
        let mut first = event("first");
        first.digest = Some([7; 32]);
        first.firings = vec![errs("triage", "no field `x`")];
        desk.store.admit(first.clone(), at(0)).await.unwrap();
        let mut again = event("again");
        again.digest = Some([7; 32]);
        desk.store.admit(again, at(1)).await.unwrap();
        assert_eq!(prune(&desk, &all(), 8, 2).await.events, 1, "{}", desk.name);
        assert_eq!(desk.store.event_by_id("again").await.unwrap(), None);
        assert_eq!(desk.store.stats().await.unwrap().duplicates, 0);
        let mut third = event("third");
        third.digest = Some([7; 32]);
        third.firings = vec![fires("triage", gates())];
        for (id, by) in [
            ("first", DuplicateBy::Id),
            ("again", DuplicateBy::Id),
            ("third", DuplicateBy::Body),
        ] {
            let mut event = third.clone();
            event.key = key(id);
            let told = desk.store.admit(event, at(KNOWN_MS_MIN - 1)).await.unwrap();
            assert_eq!((told.key, told.seq), (key("first"), 1), "{}: {id}", desk.name);
            assert_eq!(
                (told.duplicate, told.verdicts.len()),
                (Some(by), 0),
                "{}: {id}",
                desk.name
            );
        }
        let replayed = desk
            .store
            .replay(&key("first"), "book-1", vec![], at(KNOWN_MS_MIN - 1))
            .await;
        assert!(
            matches!(replayed, Err(StoreError::NotFound { .. })),
            "{replayed:?}"
        );
        let told = desk.store.admit(third, at(KNOWN_MS_MIN)).await.unwrap();
        assert_eq!((told.duplicate, told.seq), (None, 2), "{}", desk.name);
        first.digest = None;
        let told = desk.store.admit(first, at(KNOWN_MS_MIN)).await.unwrap();
        assert_eq!(told.duplicate, None, "{}", desk.name);
    }
}

#[tokio::test]
async fn history_by_cursor_goes_on_where_it_was_while_the_old_is_deleted() {
    for desk in desks().await {
        for n in 0..20 {
            desk.store.admit(event(&format!("e{n}")), at(n)).await.unwrap();
        }
        let page = |before| EventQuery {
            before,
            limit: 5,
            ..EventQuery::default()
        };
        let first = desk.store.events(&page(None)).await.unwrap();
        // Seven at a time, as far as the fifteenth.
        let old = Retention {
            events_ms: 7,
            ..all()
        };
        let step = desk.store.prune(&old, 0, 7, at(17)).await.unwrap();
        assert_eq!((step.events, step.next), (7, Some(7)), "{}", desk.name);
        let second = desk.store.events(&page(Some(first[4].seq))).await.unwrap();
        assert_eq!(
            second.iter().map(|event| event.seq).collect::<Vec<_>>(),
            [15, 14, 13, 12, 11]
        );
        assert_eq!(prune(&desk, &old, 7, 17).await.events, 6, "{}", desk.name);
        let third = desk.store.events(&page(Some(second[4].seq))).await.unwrap();
        assert_eq!(
            third.len(),
            0,
            "{}: what is gone is not shown, and nothing twice",
            desk.name
        );
        let left = desk.store.events(&page(Some(first[4].seq))).await.unwrap();
        assert_eq!(
            left.iter().map(|event| event.seq).collect::<Vec<_>>(),
            [15, 14],
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_cooldown_outlives_the_run_that_charged_it() {
    for desk in desks().await {
        let cooling = Gates {
            cooldown_ms: Some(2 * DAY_MS),
            ..gates()
        };
        desk.fire("first", "triage", cooling.clone(), at(0)).await;
        finish(&desk, 1).await;
        assert_eq!(prune(&desk, &all(), 8, 2).await.runs, 1);
        let second = desk.fire("second", "triage", cooling, at(DAY_MS)).await;
        assert_eq!(second.decision, Decision::Suppressed, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_book_goes_when_no_event_was_ever_evaluated_with_it_and_no_earlier() {
    let book = |n: u8| BookRecord {
        hash: format!("book-{n}"),
        settings: json!({}),
        rules: vec![
            RuleText {
                rule: "same".into(),
                version: "version-same".into(),
                text: "text".into(),
            },
            RuleText {
                rule: "other".into(),
                version: format!("version-{n}"),
                text: "text".into(),
            },
        ],
    };
    for desk in desks().await {
        for n in 1..=3 {
            desk.store.keep_book(book(n), at(0)).await.unwrap();
        }
        // Evaluated with the first, later with the second: runs of both may be there.
        desk.fire("event", "triage", gates(), at(0)).await;
        desk.store
            .replay(&key("event"), "book-2", vec![], at(1))
            .await
            .unwrap();
        let kept = async || {
            let mut kept = Vec::new();
            for n in 1..=3 {
                kept.push(
                    desk.store
                        .book(Some(&format!("book-{n}")))
                        .await
                        .unwrap()
                        .is_some(),
                );
            }
            kept
        };
        desk.store.keep_book(book(4), at(2)).await.unwrap();
        assert_eq!(
            desk.store
                .prune_books(BOOK_MS_MIN, at(BOOK_MS_MIN - 1))
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            desk.store
                .prune_books(BOOK_MS_MIN, at(BOOK_MS_MIN))
                .await
                .unwrap(),
            1,
            "{}",
            desk.name
        );
        assert_eq!(kept().await, [true, true, false], "{}", desk.name);
        assert_eq!(
            desk.store.rule_text("version-3").await.unwrap(),
            None,
            "{}",
            desk.name
        );
        finish(&desk, 3).await;
        assert_eq!(prune(&desk, &all(), 8, BOOK_MS_MIN + 4).await.events, 1);
        assert_eq!(
            desk.store
                .prune_books(BOOK_MS_MIN, at(2 * BOOK_MS_MIN))
                .await
                .unwrap(),
            2,
            "{}",
            desk.name
        );
        assert_eq!(kept().await, [false, false, false], "{}", desk.name);
        assert_eq!(
            desk.store.book(None).await.unwrap(),
            Some(book(4)),
            "the last good one stays"
        );
        assert!(desk.store.rule_text("version-same").await.unwrap().is_some());
        assert_eq!(desk.store.rule_text("version-1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_size_is_told_and_falls_when_something_is_deleted() {
    for desk in desks().await {
        let before = desk.store.size().await.unwrap();
        for n in 0..64u32 {
            let mut event = event(&format!("e{n}"));
            // What cannot be compressed much.
            let mut state = u64::from(n) + 1;
            let noise: Vec<u8> = (0..40_000u32)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect();
            event.body = noise.into();
            desk.store.admit(event, at(0)).await.unwrap();
        }
        let full = desk.store.size().await.unwrap();
        assert!(
            full.bytes > before.bytes + 64 * 2_000,
            "{}: {before:?} {full:?}",
            desk.name
        );
        let shares = desk.store.shares().await.unwrap();
        let events = shares.iter().find(|share| share.kind == "events").unwrap();
        assert_eq!(events.count, 64, "{}", desk.name);
        assert!(events.bytes > 64 * 2_000, "{}: {shares:?}", desk.name);
        prune(&desk, &all(), 64, 1).await;
        let after = desk.store.size().await.unwrap();
        assert!(
            after.bytes < full.bytes - 64 * 1_000,
            "{}: {full:?} {after:?}",
            desk.name
        );
        assert!(
            after.free_bytes < full.bytes,
            "{}: the file became smaller",
            desk.name
        );
    }
}
