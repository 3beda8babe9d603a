//! Everything there is to see in a journal: what two that answer alike agree in.

use xmrt::journal::*;

use crate::journal::desk::at;
use crate::journal::notes::notes_of;

/// Everything there is to see in a journal, except its identity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) events: Vec<EventRecord>,
    pub(crate) verdicts: Vec<Vec<Verdict>>,
    pub(crate) runs: Vec<RunHistory>,
    pub(crate) stats: Stats,
    pub(crate) next_due: Option<jiff::Timestamp>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) filtered: (Vec<EventRecord>, Vec<RunRecord>),
    pub(crate) waiting: Vec<Vec<RunRecord>>,
    pub(crate) by_alias: Vec<Option<EventRecord>>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) books: Vec<Option<BookRecord>>,
    pub(crate) texts: Vec<Option<RuleText>>,
    pub(crate) notes: Vec<KvPage>,
    pub(crate) trail: Vec<Vec<AuditRecord>>,
}

pub(crate) async fn view(store: &dyn Store) -> View {
    let all = EventQuery {
        limit: PAGE_MAX,
        ..EventQuery::default()
    };
    let some = EventQuery {
        kind: Some("github.issues".into()),
        subject: Some("acme/api#1".into()),
        since: Some(at(1_000)),
        before: Some(9),
        limit: 3,
    };
    let runs = RunQuery {
        limit: PAGE_MAX,
        ..RunQuery::default()
    };
    let some_runs = RunQuery {
        rule: Some("rule-1".into()),
        state: Some(RunState::Dead),
        waits_for: None,
        event: None,
        before: Some((12, RunId("8".into()))),
        limit: 2,
    };
    let events = store.events(&all).await.unwrap();
    let mut verdicts = Vec::new();
    for event in &events {
        verdicts.push(store.verdicts(&event.key).await.unwrap());
    }
    let mut histories = Vec::new();
    for run in store.runs(&runs).await.unwrap() {
        let history = store.run(&run.id).await.unwrap().unwrap();
        assert_eq!(history.run, run, "a list shows what is shown alone");
        histories.push(history);
    }
    let mut by_alias = Vec::new();
    let mut books = vec![store.book(None).await.unwrap()];
    let mut texts = Vec::new();
    for n in 0..6 {
        by_alias.push(store.event_by_id(&format!("e{n}")).await.unwrap());
        books.push(store.book(Some(&format!("book-{n}"))).await.unwrap());
        texts.push(store.rule_text(&format!("version-{n}")).await.unwrap());
    }
    let mut waiting = Vec::new();
    for what in WaitsFor::ALL {
        let query = RunQuery {
            rule: (*what == WaitsFor::Look).then(|| "rule-1".into()),
            waits_for: Some(*what),
            limit: 2,
            ..RunQuery::default()
        };
        waiting.push(store.runs(&query).await.unwrap());
    }
    View {
        waiting,
        verdicts,
        runs: histories,
        stats: store.stats().await.unwrap(),
        next_due: store.next_due().await.unwrap(),
        notices: store.notices(PAGE_MAX).await.unwrap(),
        filtered: (
            store.events(&some).await.unwrap(),
            store.runs(&some_runs).await.unwrap(),
        ),
        by_alias,
        pauses: store.pauses().await.unwrap(),
        books,
        texts,
        notes: notes_of(store).await,
        trail: trail(store).await,
        events,
    }
}

/// The audit trail: all of it, and parts.
async fn trail(store: &dyn Store) -> Vec<Vec<AuditRecord>> {
    let all = AuditQuery {
        limit: PAGE_MAX,
        ..AuditQuery::default()
    };
    let whole = store.audited(&all).await.unwrap();
    let middle = whole.get(whole.len() / 2);
    let queries = [
        AuditQuery {
            who: Some("octocat".into()),
            limit: 3,
            ..all.clone()
        },
        AuditQuery {
            what: Some("github.*".into()),
            outcome: Some("done".into()),
            since: Some(at(1_000)),
            ..all.clone()
        },
        AuditQuery {
            what: Some("run.cancel".into()),
            ..all.clone()
        },
        AuditQuery {
            run: middle.and_then(|record| record.entry.run.clone()),
            before: middle.map(AuditRecord::place),
            limit: 2,
            ..all.clone()
        },
    ];
    let mut found = vec![whole];
    for query in queries {
        found.push(store.audited(&query).await.unwrap());
    }
    found
}
