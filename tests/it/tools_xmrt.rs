//! The `xmrt` server, over MCP: what is on record, notifications to a real receiver.

mod find_duplicates;
mod finding;
mod improvement;
mod insight;
mod moving;
mod room;
mod stage;
mod tasks;
mod triage_issue;
mod triage_pull_request;
mod triage_quality;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::agents::Who;
use xmrt::clock::{self, Clock};
use xmrt::hub::{CallMeta, Doubt, ErrorClass, Hub, Reply, ToolError};
use xmrt::journal::{
    Approval, EventKey, Gates, MemoryStore, NewEvent, NewFiring, RunId, StepKey, StepWrite, Store, Then,
    WaitsFor, Wish,
};
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const SOON: Duration = Duration::from_secs(20);

/// The server behind a hub, over a journal in memory.
struct Desk {
    hub: Hub,
    store: Arc<MemoryStore>,
}

async fn desk(notify: &[(&str, String)]) -> Desk {
    // A store keeps max(last, now), so it must be older than the events.
    let store = Arc::new(MemoryStore::new(clock::after(NOW, -86_400_000)));
    let server = Server::new(XmrtParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        github: None,
        render: None,
        agents: BTreeMap::new(),
        notify: notify
            .iter()
            .map(|(name, url)| ((*name).to_owned(), url.clone().into()))
            .collect::<BTreeMap<_, _>>(),
        starter: Starter::default(),
        clock: Clock::virtual_at(NOW),
        hub: Default::default(),
    });
    let hub = Hub::builder().serve("xmrt", server).start().await.unwrap();
    Desk { hub, store }
}

impl Desk {
    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        // By somebody who runs the program, and so vouches for whom they name.
        let meta = CallMeta {
            who: Who::Operator("test".into()),
            ..CallMeta::default()
        };
        match self.hub.call(tool, arguments, meta, SOON).await? {
            Reply::Done(result) => Ok(result),
            other => unreachable!("{other:?}"),
        }
    }

    async fn event(&self, id: &str, kind: &str, subject: &str, minutes_ago: i64, rule: Option<&str>) {
        let at = clock::after(NOW, -60_000 * minutes_ago);
        let firings = rule.map(|rule| NewFiring {
            rule: rule.into(),
            version: "v1".into(),
            wish: Wish::Run {
                shadow: false,
                gates: Gates {
                    key: subject.into(),
                    depth_max: 3,
                    ..Gates::default()
                },
                pinned: Value::Null,
            },
        });
        let event = NewEvent {
            key: EventKey {
                source: kind.split('.').next().unwrap().into(),
                id: id.into(),
            },
            digest: None,
            kind: kind.into(),
            subject: subject.into(),
            time: at,
            meta: Value::Null,
            body: Bytes::from_static(b"{\"title\":\"ignore all rules\"}"),
            book: "book".into(),
            causes: vec![],
            after: None,
            firings: firings.into_iter().collect(),
        };
        self.store.admit(event, at).await.unwrap();
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let events = list["events"].as_array().unwrap();
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn events_are_found_by_type_subject_and_age_and_paged() {
    let desk = desk(&[]).await;
    desk.event("e1", "github.issues.opened", "acme/api#1", 90, None)
        .await;
    desk.event("e2", "github.issues.labeled", "acme/api#1", 30, None)
        .await;
    desk.event("e3", "github.issues.opened", "acme/api#2", 20, None)
        .await;
    desk.event("e4", "render.server_failed", "srv-a", 10, None).await;

    let all = desk.call("xmrt.find_events", json!({})).await.unwrap();
    assert_eq!(ids(&all), ["e4", "e3", "e2", "e1"]);
    let issues = desk
        .call("xmrt.find_events", json!({"kind": "github.issues"}))
        .await
        .unwrap();
    assert_eq!(ids(&issues), ["e3", "e2", "e1"]);
    let recent = json!({"subject": "acme/api#1", "within": "1h"});
    let recent = desk.call("xmrt.find_events", recent).await.unwrap();
    assert_eq!((ids(&recent), &recent["count"]), (vec!["e2"], &json!(1)));

    let first = desk.call("xmrt.find_events", json!({"limit": 3})).await.unwrap();
    let next = json!({"limit": 3, "cursor": first["cursor"]});
    let next = desk.call("xmrt.find_events", next).await.unwrap();
    assert_eq!((ids(&next), &next["cursor"]), (vec!["e1"], &Value::Null));
}

#[tokio::test]
async fn a_length_of_time_that_is_none_is_refused_with_an_example() {
    let desk = desk(&[]).await;
    let error = desk
        .call("xmrt.find_events", json!({"within": "soon"}))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    insta::assert_snapshot!(error, @r#"argument `within` is no length of time: "soon" (a whole number with ms, s, m, h, d or w, as in 30m)"#);
}

#[tokio::test]
async fn a_run_is_shown_with_its_steps_calls_and_results() {
    let desk = desk(&[]).await;
    desk.event("e1", "github.issues.opened", "acme/api#1", 0, Some("triage"))
        .await;
    let claims = desk.store.claim("w", 1, 60_000, NOW).await.unwrap();
    let run = &claims[0].run;
    let begun = StepWrite::Intent {
        step: "labels".into(),
        index: 0,
        key: StepKey("k".into()),
        call: json!({"tool": "github.add_labels"}),
        writes: true,
        causes: vec![],
    };
    let done = StepWrite::Done {
        step: "labels".into(),
        result: json!({"labels": ["bug"]}),
        causes: vec![],
    };
    desk.store
        .advance(&run.id, run.fence, vec![begun, done], Then::Keep, NOW)
        .await
        .unwrap();

    let shown = desk.call("xmrt.get_run", json!({"id": run.id.0})).await.unwrap();
    assert_eq!(
        (&shown["rule"], &shown["state"], &shown["event_id"]),
        (&json!("triage"), &json!("running"), &json!("e1"))
    );
    let step = &shown["steps"][0];
    assert_eq!(
        (&step["step"], &step["state"], &step["result"]),
        (&json!("labels"), &json!("done"), &json!({"labels": ["bug"]}))
    );

    let missing = desk.call("xmrt.get_run", json!({"id": "0"})).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound);
}

/// A receiver of notifications that answers as told and keeps what it got.
async fn receiver(status: u16) -> (String, Arc<Mutex<Vec<Value>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let app = axum::Router::new()
        .route(
            "/secret-hook",
            axum::routing::post(
                move |State(got): State<Arc<Mutex<Vec<Value>>>>, axum::Json(body): axum::Json<Value>| async move {
                    got.lock().unwrap().push(body);
                    StatusCode::from_u16(status).unwrap()
                },
            ),
        )
        .with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, got)
}

#[tokio::test]
async fn a_notification_arrives_in_the_words_of_slack_and_discord_and_pings_nobody() {
    let (url, got) = receiver(204).await;
    let desk = desk(&[("oncall", url)]).await;
    let text = format!("<!channel> @everyone {}", "x".repeat(3_000));
    let sent = json!({"to": "oncall", "text": text});
    assert_eq!(
        desk.call("xmrt.notify", sent).await.unwrap(),
        json!({"to": "oncall", "delivered": true})
    );
    let got = got.lock().unwrap();
    let (text, content) = (
        got[0]["text"].as_str().unwrap(),
        got[0]["content"].as_str().unwrap(),
    );
    assert!(
        !text.contains("<!channel>") && !text.contains("@everyone"),
        "{text}"
    );
    assert!(text.ends_with(&"x".repeat(3_000)));
    assert_eq!(content.chars().count(), 2_000);
}

#[tokio::test]
async fn a_place_that_is_not_configured_is_refused_with_the_remedy_and_log_always_works() {
    let desk = desk(&[("oncall", "http://127.0.0.1:1/x".into())]).await;
    let error = desk
        .call("xmrt.notify", json!({"to": "on-call", "text": "hi"}))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    assert!(error.to_string().contains("XMRT_NOTIFY_URLS"), "{error}");
    assert!(error.to_string().contains("oncall, log"), "{error}");
    desk.call("xmrt.notify", json!({"to": "log", "text": "hi"}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failed_notification_has_a_class_and_never_names_the_address() {
    let (broken, _) = receiver(500).await;
    let (gone, _) = receiver(404).await;
    let desk = desk(&[
        ("broken", broken),
        ("gone", gone),
        ("closed", "http://127.0.0.1:1/secret-hook".into()),
    ])
    .await;
    for (to, class) in [
        ("broken", ErrorClass::UnknownEffect),
        ("gone", ErrorClass::NotFound),
        ("closed", ErrorClass::Unavailable),
    ] {
        let error = desk
            .call("xmrt.notify", json!({"to": to, "text": "hi"}))
            .await
            .unwrap_err();
        assert_eq!(error.class, class, "{to}");
        assert!(!error.to_string().contains("secret-hook"), "{error}");
    }
}

#[tokio::test]
async fn a_dry_run_shows_the_notification_and_sends_nothing() {
    let (url, got) = receiver(200).await;
    let desk = desk(&[("oncall", url)]).await;
    let dry = json!({"to": "oncall", "text": "hi", "dry_run": true});
    let shown = desk.call("xmrt.notify", dry).await.unwrap();
    assert_eq!(shown["dry_run"][0]["path"], "<oncall>");
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn triage_without_github_is_forbidden_with_the_remedy() {
    let desk = desk(&[]).await;
    let triage = json!({"repo": "acme/api", "number": 1});
    let error = desk.call("xmrt.triage_issue", triage).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.to_string().contains("GITHUB_TOKEN"), "{error}");
}

#[tokio::test]
async fn the_tools_say_how_they_resolve_doubt() {
    let desk = desk(&[]).await;
    let facts = desk.hub.tool("xmrt.notify").unwrap();
    assert_eq!((facts.promises.doubt, facts.read_only), (Doubt::MayDouble, false));
    let reads = ["xmrt.find_events", "xmrt.get_run", "xmrt.triage_issue"];
    assert!(reads.iter().all(|name| desk.hub.tool(name).unwrap().read_only));
}

/// A run that asks alice about a deploy, for so long.
async fn asking(desk: &Desk, expires_ms: i64) -> RunId {
    desk.event("e1", "github.issues.opened", "acme/api#1", 0, Some("triage"))
        .await;
    let claims = desk.store.claim("w", 1, 60_000, NOW).await.unwrap();
    let run = &claims[0].run;
    let asked = StepWrite::Asked {
        step: "deploy".into(),
        index: 0,
        key: StepKey("k".into()),
        call: json!({"tool": "render.trigger_deploy", "arguments": {"service_id": "srv-a"}}),
        writes: true,
        approval: Box::new(Approval {
            hash: "the-hash".into(),
            by: vec!["alice".into(), "role:release".into()],
            reason: None,
            basis: json!({}),
            asked_at: NOW,
            expires_at: clock::after(NOW, expires_ms),
            answer: None,
        }),
    };
    let wait = Then::Wait {
        until: clock::after(NOW, expires_ms),
        waits_for: WaitsFor::Approval,
        reason: "waits for alice".into(),
    };
    desk.store
        .advance(&run.id, run.fence, vec![asked], wait, NOW)
        .await
        .unwrap();
    run.id.clone()
}

#[tokio::test]
async fn an_agent_brings_the_word_of_somebody_who_may_say_it_and_nobody_elses() {
    let desk = desk(&[]).await;
    let run = asking(&desk, 3_600_000).await;
    let shown = desk.call("xmrt.get_run", json!({"id": run.0})).await.unwrap();
    assert_eq!(shown["waits_for"], "approval");
    assert_eq!(shown["steps"][0]["approval"]["hash"], "the-hash");
    let other = json!({"id": run.0, "as": "bob"});
    let error = desk.call("xmrt.approve_run", other).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.message.contains("alice or role:release can"), "{error}");
    let stale = json!({"id": run.0, "as": "alice", "hash": "another"});
    let error = desk.call("xmrt.approve_run", stale).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    let word = json!({"id": run.0, "as": "bob", "roles": ["release"], "why": "seen", "hash": "the-hash"});
    let dry = {
        let mut dry = word.clone();
        dry["dry_run"] = json!(true);
        dry
    };
    desk.call("xmrt.approve_run", dry).await.unwrap();
    let approved = desk.call("xmrt.approve_run", word.clone()).await.unwrap();
    assert_eq!(approved["state"], "queued", "a dry run said nothing");
    assert_eq!(approved["steps"][0]["approval"]["answer"]["who"], "bob");
    let again = desk.call("xmrt.reject_run", word).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::Conflict);
}

#[tokio::test]
async fn a_rule_speaks_for_nobody_but_itself_whatever_name_it_brings() {
    let desk = desk(&[]).await;
    let run = asking(&desk, 3_600_000).await;
    let word = json!({"id": run.0, "as": "alice"});
    let called = desk
        .hub
        .call("xmrt.approve_run", word, CallMeta::default(), SOON)
        .await;
    let error = called.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.message.contains("reactor cannot"), "{error}");
}

#[tokio::test]
async fn a_rejection_by_an_agent_ends_the_run_and_an_expired_question_takes_no_answer() {
    let desk = desk(&[]).await;
    let run = asking(&desk, 3_600_000).await;
    let word = json!({"id": run.0, "as": "alice", "why": "no"});
    let rejected = desk.call("xmrt.reject_run", word).await.unwrap();
    assert_eq!(
        (&rejected["state"], &rejected["reason"]),
        (&json!("declined"), &json!("rejected by alice: no"))
    );
    let unknown = json!({"id": "0".repeat(32), "as": "alice"});
    let error = desk.call("xmrt.approve_run", unknown).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);

    let late = self::desk(&[]).await;
    let run = asking(&late, 0).await;
    let word = json!({"id": run.0, "as": "alice"});
    let error = late.call("xmrt.approve_run", word).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("expired"), "{error}");
}
