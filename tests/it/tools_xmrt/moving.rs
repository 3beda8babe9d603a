//! What is done with rules, runs and events through tools: as through the API, on record, and not beyond an agent's role.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::agents::{Agent, Directory, RoleText, Who};
use xmrt::clock::{self, Clock};
use xmrt::hub::{CallMeta, Doubt, ErrorClass, Hub, Reply, ToolError};
use xmrt::journal::{MemoryStore, RunId, RunRecord, RunState, StepKey, StepWrite, Store, Then};
use xmrt::reactor::{self, Parts, Reactor, Wish};
use xmrt::rules::{self, SourceFile};
use xmrt::tools::github;
use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

use super::{NOW, SOON};

/// Labels as the reactor: eliza may label, but only in acme's repositories, and the rule could name any.
const LABEL: &str = r#"
description = "Labels"
on = "manual"

[[action]]
tool = "github.add_labels"
arguments = { repo = "{{ event.repo }}", number = 1, labels = ["new"] }
"#;

const OWN: &str = r#"
description = "Labels as eliza"
on = "manual"
agent = "eliza"

[[action]]
tool = "github.add_labels"
arguments = { repo = "acme/api", number = 1, labels = ["new"] }
"#;

const TELL: &str = r#"
description = "Tells"
on = "manual"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

struct Room {
    hub: Hub,
    store: Arc<dyn Store>,
    reactor: Arc<Reactor>,
}

fn directory() -> Directory {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let role = RoleText {
        allow: owned(&["xmrt.*", "github.add_labels"]),
        approval: Vec::new(),
        repos: owned(&["acme/*"]),
        services: Vec::new(),
    };
    let eliza = Agent {
        id: "eliza".into(),
        role: "triager".into(),
    };
    Directory::new([("triager".to_owned(), role)], vec![eliza]).unwrap()
}

async fn room() -> Room {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock::after(NOW, -86_400_000)));
    let (clock, starter) = (Clock::virtual_at(NOW), Starter::default());
    let server = Server::new(XmrtParts {
        store: Arc::clone(&store),
        github: None,
        notify: Default::default(),
        starter: starter.clone(),
        clock: clock.clone(),
        hub: Default::default(),
    });
    let hub = Hub::builder()
        .serve("xmrt", server)
        .serve("github", github::Server::new(None))
        .with_directory(Arc::new(directory()))
        .start()
        .await
        .unwrap();
    let files = [("label", LABEL), ("own", OWN), ("tell", TELL)].map(|(id, text)| SourceFile {
        path: format!("{id}.toml"),
        text: text.to_owned(),
        unreadable: None,
    });
    let loaded = rules::load(&files, &json!({}), None);
    let book = loaded.book.unwrap();
    store.keep_book(reactor::book_record(&book), NOW).await.unwrap();
    let reactor = Reactor::new(Parts {
        store: Arc::clone(&store),
        hub: hub.clone(),
        clock,
        book,
        source: Box::new(|| Err("no files here".into())),
        settle_ms: None,
    });
    starter.lead_to(&reactor);
    Room { hub, store, reactor }
}

impl Room {
    async fn ask(&self, who: Who, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let meta = CallMeta {
            who,
            ..CallMeta::default()
        };
        let name = format!("xmrt.{tool}");
        match self.hub.call(&name, arguments, meta, SOON).await? {
            Reply::Done(result) => Ok(result),
            other => unreachable!("{other:?}"),
        }
    }

    async fn operator(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.ask(Who::Operator("ann".into()), tool, arguments).await
    }

    async fn eliza(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        self.ask(Who::Agent("eliza".into()), tool, arguments).await
    }

    /// Looks for what an earlier call, meant at `since`, did.
    async fn look(&self, tool: &str, arguments: Value, since: Timestamp) -> Reply {
        let meta = CallMeta {
            look_for_since: Some(since),
            who: Who::Operator("ann".into()),
            ..CallMeta::default()
        };
        let name = format!("xmrt.{tool}");
        self.hub.call(&name, arguments, meta, SOON).await.unwrap()
    }

    /// Starts a rule; gives its event and its run.
    async fn start(&self, rule: &str) -> (String, RunId) {
        let wish = Wish {
            rule: rule.into(),
            payload: bytes::Bytes::from_static(b"{\"repo\": \"umbrella/core\"}"),
            who: "ann".into(),
            key: format!("key-{rule}"),
        };
        let admission = self.reactor.trigger(&wish).await.unwrap();
        let run = admission.verdicts[0].run.clone().unwrap();
        (admission.key.id, run)
    }

    /// Takes the one run that is due.
    async fn claimed(&self) -> RunRecord {
        let mut claims = self.store.claim("w", 1, 60_000, NOW).await.unwrap();
        claims.pop().unwrap().run
    }

    /// Ends the one run that is due; unknown with an intent that nobody knows the effect of.
    async fn ended(&self, state: RunState) -> RunId {
        let run = self.claimed().await;
        let intent = StepWrite::Intent {
            step: "add_labels".into(),
            index: 0,
            key: StepKey("k".into()),
            call: json!({"tool": "github.add_labels"}),
            writes: true,
            causes: vec![],
        };
        let writes = match state {
            RunState::Unknown => vec![intent],
            _ => vec![],
        };
        let end = Then::End {
            state,
            reason: Some("the test says so".into()),
        };
        let store = &self.store;
        store.advance(&run.id, run.fence, writes, end, NOW).await.unwrap();
        run.id
    }

    async fn state(&self, run: &RunId) -> RunState {
        self.store.run(run).await.unwrap().unwrap().run.state
    }
}

fn id(run: &RunId) -> Value {
    json!({ "id": run.0 })
}

fn dry(mut arguments: Value) -> Value {
    arguments["dry_run"] = json!(true);
    arguments
}

#[tokio::test]
async fn events_runs_and_rules_are_found_and_shown() {
    let room = room().await;
    let (event, run) = room.start("tell").await;
    let shown = room.operator("get_event", json!({ "id": event })).await.unwrap();
    assert_eq!(
        (
            &shown["event"]["id"],
            &shown["decisions"][0]["rule"],
            &shown["decisions"][0]["decision"],
            &shown["decisions"][0]["run"],
            &shown["event"]["payload"],
        ),
        (
            &json!(event),
            &json!("tell"),
            &json!("fired"),
            &json!(run.0),
            &Value::Null
        )
    );
    let whole = json!({"id": event, "payload": true});
    let whole = room.operator("get_event", whole).await.unwrap();
    assert!(
        whole["event"]["payload"].to_string().contains("umbrella/core"),
        "{whole}"
    );

    let (_, other) = room.start("label").await;
    let runs = async |filter: Value| {
        let list = room.operator("list_runs", filter).await.unwrap();
        let ids: Vec<String> = list["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect();
        (ids, list["cursor"].clone())
    };
    let (first, cursor) = runs(json!({"limit": 1})).await;
    let (second, end) = runs(json!({"limit": 1, "cursor": cursor})).await;
    assert_eq!(
        (&first[0], &second[0]),
        (&other.0, &run.0),
        "newest first, page by page"
    );
    assert_eq!(runs(json!({"limit": 1, "cursor": end})).await.0, [""; 0]);
    assert_eq!(runs(json!({ "event": event })).await.0, [run.0.as_str()]);
    assert_eq!(
        runs(json!({"rule": "label", "state": "queued"})).await.0,
        [other.0.as_str()]
    );
    assert_eq!(runs(json!({"state": "dead"})).await.0, [""; 0]);

    let rules = room.operator("list_rules", json!({})).await.unwrap();
    assert_eq!(rules["rules"][0]["id"], "label");
    assert_eq!(
        rules["rules"][0]["actions"],
        json!([{"id": "add_labels", "tool": "github.add_labels"}])
    );
    let rule = room.operator("get_rule", json!({"rule": "tell"})).await.unwrap();
    assert_eq!((&rule["text"], &rule["mode"]), (&json!(TELL), &json!("live")));
}

#[tokio::test]
async fn what_is_not_there_or_no_word_is_said_to_be() {
    let room = room().await;
    for (tool, arguments, class, says) in [
        (
            "get_event",
            json!({"id": "none"}),
            ErrorClass::NotFound,
            "find_events",
        ),
        (
            "list_runs",
            json!({"state": "broken"}),
            ErrorClass::Invalid,
            "`state` knows no \"broken\"",
        ),
        (
            "list_runs",
            json!({"waits_for": "tea"}),
            ErrorClass::Invalid,
            "`waits_for`",
        ),
        (
            "list_runs",
            json!({"cursor": "5"}),
            ErrorClass::Invalid,
            "`cursor`",
        ),
        (
            "list_runs",
            json!({"event": "none"}),
            ErrorClass::NotFound,
            "none",
        ),
        (
            "get_rule",
            json!({"rule": "none"}),
            ErrorClass::NotFound,
            "list_rules",
        ),
        ("retry_run", json!({"id": "0"}), ErrorClass::NotFound, "run"),
        ("cancel_run", json!({"id": "0"}), ErrorClass::NotFound, "run"),
        (
            "resolve_run",
            json!({"id": "0", "resolution": "repeat"}),
            ErrorClass::NotFound,
            "run",
        ),
        (
            "replay_event",
            json!({"id": "none"}),
            ErrorClass::NotFound,
            "none",
        ),
        (
            "pause",
            json!({"what": "no-such-rule"}),
            ErrorClass::NotFound,
            "no-such-rule",
        ),
    ] {
        let error = room.operator(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{tool}: {error}");
        assert!(error.to_string().contains(says), "{tool}: {error}");
    }
}

#[tokio::test]
async fn the_text_of_a_rule_is_checked_against_the_tools_there_are_and_nothing_changes() {
    let room = room().await;
    let good = json!({"rule": "tell", "text": TELL});
    let good = room.operator("check_rule", good).await.unwrap();
    assert_eq!(
        (
            &good["valid"],
            &good["errors"],
            &good["warnings"],
            &good["findings"][0]["code"]
        ),
        (&json!(true), &json!(0), &json!(1), &json!("missing-test")),
        "{good}"
    );
    assert!(good["in_force"].is_string());
    let text = TELL.replace("xmrt.notify", "xmrt.notfy");
    let bad = json!({"rule": "new-one", "text": text});
    let bad = room.operator("check_rule", bad).await.unwrap();
    assert_eq!((&bad["valid"], &bad["in_force"]), (&json!(false), &Value::Null));
    assert_eq!(bad["findings"][0]["severity"], "error");
    assert!(
        bad["text"].as_str().unwrap().contains("xmrt.notify"),
        "it says what was meant: {bad}"
    );
    let rules = room.operator("list_rules", json!({})).await.unwrap();
    assert_eq!(rules["rules"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_dead_run_is_run_again_once() {
    let room = room().await;
    room.start("tell").await;
    let dead = room.ended(RunState::Dead).await;
    let would = room.operator("retry_run", dry(id(&dead))).await.unwrap();
    assert_eq!(would["dry_run"][0]["path"], format!("/api/v1/runs/{dead}/retry"));
    assert_eq!(room.look("retry_run", id(&dead), NOW).await, Reply::Absent);
    let again = room.operator("retry_run", id(&dead)).await.unwrap();
    assert_eq!(
        (&again["state"], &again["generation"]),
        (&json!("queued"), &json!(1))
    );
    // Whoever did not hear the answer finds the run; and saying it again makes no third one.
    let Reply::Done(found) = room.look("retry_run", id(&dead), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["id"], again["id"]);
    let twice = room.operator("retry_run", id(&dead)).await.unwrap_err();
    assert_eq!(twice.class, ErrorClass::Conflict);
}

#[tokio::test]
async fn a_run_that_waits_is_cancelled_and_one_in_the_middle_of_a_call_is_not() {
    let room = room().await;
    let (_, run) = room.start("tell").await;
    assert_eq!(room.look("cancel_run", id(&run), NOW).await, Reply::Absent);
    room.operator("cancel_run", dry(id(&run))).await.unwrap();
    assert_eq!(room.state(&run).await, RunState::Queued, "a dry run ends nothing");
    let ended = room.operator("cancel_run", id(&run)).await.unwrap();
    assert_eq!(ended["state"], "cancelled");
    assert!(ended["reason"].as_str().unwrap().contains("ann"), "{ended}");
    let found = room.look("cancel_run", id(&run), NOW).await;
    assert!(
        matches!(&found, Reply::Done(run) if run["state"] == "cancelled"),
        "{found:?}"
    );
    let again = room.operator("cancel_run", id(&run)).await.unwrap_err();
    assert_eq!(again.class, ErrorClass::Conflict);

    room.start("label").await;
    let busy = room.claimed().await;
    let error = room.operator("cancel_run", id(&busy.id)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
    assert_eq!(room.state(&busy.id).await, RunState::Running);
}

#[tokio::test]
async fn a_doubt_is_resolved_as_a_person_says() {
    for (resolution, more, state) in [
        ("done", json!({"result": {"labels": ["new"]}}), "queued"),
        ("repeat", json!({}), "queued"),
        ("give_up", json!({}), "dead"),
    ] {
        let room = room().await;
        room.start("label").await;
        let run = room.ended(RunState::Unknown).await;
        let mut word = json!({"id": run.0, "resolution": resolution});
        assert_eq!(room.look("resolve_run", word.clone(), NOW).await, Reply::Absent);
        if resolution != "done" {
            let stray = json!({"id": run.0, "resolution": resolution, "result": 1});
            let stray = room.operator("resolve_run", stray).await.unwrap_err();
            assert_eq!(stray.class, ErrorClass::Invalid);
        }
        let fields = more.as_object().unwrap().clone();
        word.as_object_mut().unwrap().extend(fields);
        let would = room.operator("resolve_run", dry(word.clone())).await.unwrap();
        assert_eq!(would["dry_run"][0]["body"]["resolution"], resolution);
        assert_eq!(room.state(&run).await, RunState::Unknown);
        let settled = room.operator("resolve_run", word.clone()).await.unwrap();
        assert_eq!(settled["state"], state, "{resolution}");
        let found = room.look("resolve_run", word.clone(), NOW).await;
        assert!(
            matches!(&found, Reply::Done(run) if run["state"] == state),
            "{found:?}"
        );
        let again = room.operator("resolve_run", word).await.unwrap_err();
        assert_eq!(again.class, ErrorClass::Conflict, "{resolution}");
    }
}

#[tokio::test]
async fn an_event_is_replayed_with_the_rules_in_force_and_what_came_of_it_is_found() {
    let room = room().await;
    let (event, _) = room.start("tell").await;
    let asked = json!({ "id": event });
    room.ended(RunState::Succeeded).await;
    assert_eq!(room.look("replay_event", asked.clone(), NOW).await, Reply::Absent);
    let would = room.operator("replay_event", dry(asked.clone())).await.unwrap();
    assert_eq!(
        would["dry_run"][0]["path"],
        format!("/api/v1/events/{event}/replay")
    );
    let replayed = room.operator("replay_event", asked.clone()).await.unwrap();
    assert_eq!(
        (
            &replayed["decisions"][0]["rule"],
            &replayed["decisions"][0]["generation"]
        ),
        (&json!("tell"), &json!(1)),
        "{replayed}"
    );
    let Reply::Done(found) = room.look("replay_event", asked.clone(), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(found["decisions"][0]["run"], replayed["decisions"][0]["run"]);
    let later = clock::after(NOW, 60_000);
    assert_eq!(room.look("replay_event", asked, later).await, Reply::Absent);
    let doubt = |name: &str| room.hub.tool(name).unwrap().promises.doubt;
    assert_eq!(doubt("xmrt.replay_event"), Doubt::Evidence);
    assert_eq!(doubt("xmrt.pause"), Doubt::Idempotent);
}

#[tokio::test]
async fn an_agent_moves_only_runs_whose_calls_its_role_allows() {
    let room = room().await;
    let (event, _) = room.start("label").await;
    let dead = room.ended(RunState::Dead).await;
    let error = room.eliza("retry_run", id(&dead)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    insta::assert_snapshot!(error, @"the rule `label` calls github.add_labels as the reactor, and the agent `eliza` may not: `github.add_labels` reaches beyond `repos` of role `triager` (acme/*): no argument names a repository, so it may be any (a person can do it: `xmrt runs`, `xmrt events` or the dashboard)");
    for (tool, arguments) in [
        ("replay_event", json!({ "id": event })),
        ("cancel_run", id(&dead)),
        ("resolve_run", json!({"id": dead.0, "resolution": "give_up"})),
    ] {
        let error = room.eliza(tool, arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden, "{tool}: {error}");
        assert!(
            error.to_string().contains("`label` calls github.add_labels"),
            "{error}"
        );
    }
    assert_eq!(room.state(&dead).await, RunState::Dead);

    // Her own rule, and one that does nothing she may not do.
    for rule in ["own", "tell"] {
        room.start(rule).await;
        let run = room.ended(RunState::Dead).await;
        let again = room.eliza("retry_run", id(&run)).await.unwrap();
        let again = RunId(again["id"].as_str().unwrap().to_owned());
        let ended = room.eliza("cancel_run", id(&again)).await.unwrap();
        assert!(ended["reason"].as_str().unwrap().contains("eliza"), "{ended}");
    }
}

#[tokio::test]
async fn an_agent_ends_no_pause_that_a_person_made() {
    let room = room().await;
    let tell = json!({"what": "tell"});
    let would = room.operator("pause", dry(tell.clone())).await.unwrap();
    assert_eq!(would["dry_run"][0]["body"], tell);
    let paused = room.eliza("pause", tell.clone()).await.unwrap();
    assert_eq!(
        (&paused["what"], &paused["paused"]),
        (&json!("rule:tell"), &json!(true))
    );
    assert_eq!(paused["pauses"][0]["who"], "eliza");
    let resumed = room.eliza("resume", tell.clone()).await.unwrap();
    assert_eq!(
        (&resumed["paused"], &resumed["pauses"]),
        (&json!(false), &json!([]))
    );
    // What already goes on may be let go on again.
    room.eliza("resume", tell.clone()).await.unwrap();

    room.operator("pause", tell.clone()).await.unwrap();
    for name in ["tell", "rule:tell"] {
        let error = room.eliza("resume", json!({ "what": name })).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Forbidden);
        assert!(error.to_string().contains("paused by ann"), "{error}");
    }
    let resumed = room.operator("resume", tell).await.unwrap();
    assert_eq!(resumed["paused"], false);
}

#[tokio::test]
async fn where_no_reactor_runs_what_needs_one_says_so() {
    let desk = super::desk(&[]).await;
    for (tool, arguments) in [
        ("list_rules", json!({})),
        ("get_rule", json!({"rule": "tell"})),
        ("check_rule", json!({"rule": "tell", "text": TELL})),
        ("retry_run", json!({"id": "0"})),
        ("cancel_run", json!({"id": "0"})),
        ("resolve_run", json!({"id": "0", "resolution": "give_up"})),
        ("replay_event", json!({"id": "0"})),
        ("pause", json!({"what": "all"})),
        ("resume", json!({"what": "all"})),
    ] {
        let error = desk.call(&format!("xmrt.{tool}"), arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable, "{tool}");
        assert!(error.to_string().contains("xmrt serve"), "{error}");
    }
}
