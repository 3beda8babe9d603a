//! The audit trail, in every store.

use serde_json::json;
use xmrt::journal::*;

use super::desk::{at, desks, done, end, gates, intent};

const DAY_MS: i64 = 86_400_000;

fn entry(who: &str, what: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        who: who.into(),
        what: what.into(),
        outcome: outcome.into(),
        ..AuditEntry::default()
    }
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: PAGE_MAX,
        ..AuditQuery::default()
    }
}

fn lines(found: &[AuditRecord]) -> Vec<String> {
    let line = |record: &AuditRecord| {
        let AuditEntry {
            who, what, outcome, ..
        } = &record.entry;
        format!("{} {who} {what} {outcome}", record.seq)
    };
    found.iter().map(line).collect()
}

#[tokio::test]
async fn a_call_is_on_record_with_what_followed_from_it_or_not_at_all() {
    for desk in desks().await {
        desk.fire("e1", "triage", gates(), at(0)).await;
        let claim = desk.take(at(1)).await;
        let run = &claim.run.id;
        let mut call = entry("eliza", "github.create_comment", "done");
        call.run = Some(run.clone());
        call.latency_ms = Some(17);
        let writes = vec![
            intent(run, "comment", 0, true),
            done("comment", json!({"url": "here"})),
            StepWrite::Audited(Box::new(call.clone())),
        ];
        let late = desk
            .store
            .advance(run, claim.run.fence - 1, writes.clone(), Then::Keep, at(2));
        assert!(
            matches!(late.await, Err(StoreError::Fenced { .. })),
            "{}",
            desk.name
        );
        assert_eq!(desk.store.audited(&all()).await.unwrap(), [], "{}", desk.name);
        desk.advance(&claim, writes, end(RunState::Succeeded), at(3))
            .await;
        let expected = AuditRecord {
            seq: 1,
            at: at(3),
            entry: call,
        };
        assert_eq!(
            desk.store.audited(&all()).await.unwrap(),
            [expected],
            "{}",
            desk.name
        );
    }
}

#[tokio::test]
async fn every_word_of_a_person_is_on_record_with_its_run_and_a_refused_one_leaves_no_trace() {
    for desk in desks().await {
        let store = &desk.store;
        desk.fire("e1", "triage", gates(), at(0)).await;
        let claim = desk.take(at(1)).await;
        let run = claim.run.id.clone();
        assert!(
            store.cancel(&run, "octocat", at(2)).await.is_err(),
            "it is running"
        );
        desk.advance(&claim, vec![], end(RunState::Dead), at(3)).await;
        let again = store.retry(&run, "octocat", at(4)).await.unwrap();
        store.cancel(&again, "hubot", at(5)).await.unwrap();
        store.pause("all", "octocat", at(6)).await.unwrap();
        assert!(store.resume("all", "hubot", at(7)).await.unwrap());
        assert!(!store.resume("all", "hubot", at(8)).await.unwrap());
        let found = store.audited(&all()).await.unwrap();
        assert_eq!(
            lines(&found),
            [
                "4 hubot resume done",
                "3 octocat pause done",
                "2 hubot run.cancel done",
                "1 octocat run.retry done",
            ],
            "{}",
            desk.name
        );
        let retried = &found[3].entry;
        assert_eq!(retried.run.as_ref(), Some(&run), "{}", desk.name);
        assert_eq!(retried.rule.as_deref(), Some("triage"));
        assert_eq!(retried.note, Some(format!("run {again}")));
    }
}

#[tokio::test]
async fn the_trail_is_read_in_pages_by_who_what_and_when_and_goes_by_age_alone() {
    for desk in desks().await {
        let store = &desk.store;
        for n in 0..600 {
            let who = if n % 100 == 7 { "otto" } else { "eliza" };
            let what = if n % 2 == 0 {
                "github.get_issue"
            } else {
                "github.add_labels"
            };
            let outcome = if n % 200 == 7 { "forbidden" } else { "done" };
            store
                .audit(vec![entry(who, what, outcome)], at(n * 1_000))
                .await
                .unwrap();
        }
        let mut query = AuditQuery {
            who: Some("otto".into()),
            what: Some("github.*".into()),
            limit: 2,
            ..AuditQuery::default()
        };
        let mut pages = Vec::new();
        loop {
            let page = store.audited(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            // As it comes back from a client.
            query.before = AuditPlace::parse(&last.place().to_string());
            pages.push(lines(&page));
        }
        assert_eq!(
            pages,
            [
                [
                    "508 otto github.add_labels done",
                    "408 otto github.add_labels forbidden"
                ],
                [
                    "308 otto github.add_labels done",
                    "208 otto github.add_labels forbidden"
                ],
                [
                    "108 otto github.add_labels done",
                    "8 otto github.add_labels forbidden"
                ],
            ],
            "{}",
            desk.name
        );
        let since = AuditQuery {
            outcome: Some("forbidden".into()),
            since: Some(at(207_000)),
            ..all()
        };
        assert_eq!(store.audited(&since).await.unwrap().len(), 2, "{}", desk.name);

        let now = at(DAY_MS + 300_000);
        let mut gone = 0;
        loop {
            match store.prune_audit(DAY_MS, 64, now).await.unwrap() {
                0 => break,
                some => gone += some,
            }
        }
        assert_eq!(gone, 301, "{}: as old as a day, or older", desk.name);
        while store.prune_audit(0, AUDIT_PRUNE_MAX, now).await.unwrap() > 0 {}
        store
            .audit(vec![entry("eliza", "x.y", "done")], now)
            .await
            .unwrap();
        let left = store.audited(&all()).await.unwrap();
        assert_eq!(
            lines(&left),
            ["601 eliza x.y done", "600 eliza github.add_labels done"],
            "{}: the newest stays, and the order goes on",
            desk.name
        );
    }
}

#[tokio::test]
async fn an_entry_that_is_too_long_loses_its_arguments_and_keeps_what_happened() {
    for desk in desks().await {
        let mut long = entry("eliza", "github.create_issue", "done");
        long.arguments = json!({ "body": "x".repeat(100_000) });
        long.note = Some("y".repeat(50_000));
        desk.store.audit(vec![long], at(0)).await.unwrap();
        let found = desk.store.audited(&all()).await.unwrap();
        assert_eq!(
            lines(&found),
            ["1 eliza github.create_issue done"],
            "{}",
            desk.name
        );
        let bytes = serde_json::to_vec(&found[0].entry).unwrap().len();
        assert!(bytes <= AUDIT_BYTES_MAX, "{}: {bytes}", desk.name);
    }
}
