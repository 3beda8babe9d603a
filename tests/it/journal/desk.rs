//! What the journal's tests say often: events, firings, steps, and the stores they are told to.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::journal::*;
use xmrt::store::Embedded;

use crate::redis_server::RedisServer;

/// So many milliseconds after the start of the story.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_780_000_000_000 + ms).unwrap()
}

/// A store, and the place it needs.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) name: &'static str,
    _place: Place,
}

/// Where a store's journal is.
#[expect(dead_code, reason = "what is in it is kept for as long as the store is used")]
enum Place {
    Nowhere,
    Folder(tempfile::TempDir),
    Server(RedisServer),
}

/// Every kind of store, empty, made at the start of the story.
pub(crate) async fn desks() -> Vec<Desk> {
    let dir = tempfile::tempdir().unwrap();
    let server = RedisServer::start("everysec");
    vec![
        Desk {
            store: Arc::new(MemoryStore::new(at(0))),
            name: "memory",
            _place: Place::Nowhere,
        },
        Desk {
            store: Arc::new(Embedded::open(dir.path(), at(0)).unwrap()),
            name: "embedded",
            _place: Place::Folder(dir),
        },
        Desk {
            store: Arc::new(server.open(at(0)).await.unwrap()),
            name: "redis",
            _place: Place::Server(server),
        },
    ]
}

pub(crate) fn key(id: &str) -> EventKey {
    EventKey {
        source: "github".into(),
        id: id.into(),
    }
}

/// An event of now, without firings.
pub(crate) fn event(id: &str) -> NewEvent {
    NewEvent {
        key: key(id),
        digest: None,
        kind: "github.issues.opened".into(),
        subject: "acme/api#42".into(),
        time: at(0),
        meta: json!({"actor": "octocat"}),
        body: Bytes::from_static(br#"{"action":"opened"}"#),
        book: "book-1".into(),
        causes: vec![],
        after: None,
        firings: vec![],
    }
}

pub(crate) fn gates() -> Gates {
    Gates {
        key: "acme/api#42".into(),
        depth_max: 3,
        ..Gates::default()
    }
}

pub(crate) fn fires(rule: &str, gates: Gates) -> NewFiring {
    NewFiring {
        rule: rule.into(),
        version: "version-1".into(),
        wish: Wish::Run {
            shadow: false,
            gates,
            pinned: json!({"vars": {}}),
        },
    }
}

pub(crate) fn errs(rule: &str, reason: &str) -> NewFiring {
    NewFiring {
        rule: rule.into(),
        version: "version-0".into(),
        wish: Wish::Error {
            reason: reason.into(),
        },
    }
}

pub(crate) fn intent(run: &RunId, step: &str, index: u32, writes: bool) -> StepWrite {
    StepWrite::Intent {
        step: step.into(),
        index,
        key: StepKey::of(run, step, ""),
        call: json!({"tool": step}),
        writes,
        causes: vec![],
    }
}

pub(crate) fn done(step: &str, result: Value) -> StepWrite {
    StepWrite::Done {
        step: step.into(),
        result,
        causes: vec![],
    }
}

pub(crate) fn end(state: RunState) -> Then {
    Then::End { state, reason: None }
}

impl Desk {
    /// Admits an event with one firing of `rule`; gives its verdict.
    pub(crate) async fn fire(&self, id: &str, rule: &str, gates: Gates, now: Timestamp) -> Verdict {
        let mut event = event(id);
        event.time = now;
        event.firings = vec![fires(rule, gates)];
        let mut admission = self.store.admit(event, now).await.unwrap();
        admission.verdicts.remove(0)
    }

    /// Claims the one run that is due.
    pub(crate) async fn take(&self, now: Timestamp) -> Claim {
        let mut claims = self.store.claim("w1", 10, 60_000, now).await.unwrap();
        assert_eq!(claims.len(), 1, "{}: one run is due", self.name);
        claims.remove(0)
    }

    pub(crate) async fn advance(&self, claim: &Claim, writes: Vec<StepWrite>, then: Then, now: Timestamp) {
        self.store
            .advance(&claim.run.id, claim.run.fence, writes, then, now)
            .await
            .unwrap();
    }

    pub(crate) async fn history(&self, run: &RunId) -> RunHistory {
        self.store.run(run).await.unwrap().unwrap()
    }
}
