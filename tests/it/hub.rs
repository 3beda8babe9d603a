//! The hub, over a small server of its own: what it lists, routes, and makes of answers that fail or never come.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};
use xmrt::hub::{CallMeta, Doubt, EffectKey, ErrorClass, Hub, HubError, Promises, Reply, ToolError};
use xmrt::integrations::Request;
use xmrt::tools::toolbox::{Ctx, Effect, Look, Toolbox, reads, writes};

const SOON: Duration = Duration::from_secs(5);
const CROWD: usize = 100;

/// What the handlers share with the test.
#[derive(Clone)]
struct Bench {
    crowd: Arc<Barrier>,
    reached: Arc<Notify>,
    dropped: Arc<Notify>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    /// What to write.
    #[schemars(length(min = 1, max = 20))]
    text: String,
    /// How often.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3))]
    times: u64,
}

#[derive(Serialize, JsonSchema)]
struct Written {
    text: String,
    key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn read_note(_ctx: Ctx<Bench>, note: Note) -> Result<Written, ToolError> {
    Ok(Written {
        text: note.text,
        key: None,
    })
}

async fn write_note(ctx: Ctx<Bench>, note: Note) -> Result<Effect<Written>, ToolError> {
    if ctx.dry_run {
        let body = Some(json!({ "text": note.text, "times": note.times }));
        return Ok(Effect::WouldSend(vec![Request {
            method: "POST",
            path: "/notes".into(),
            body,
        }]));
    }
    Ok(Effect::Done(Written {
        text: note.text,
        key: ctx.key,
    }))
}

/// Finds it for the key `seen`, is unsure for `both`, and shows the time it was given otherwise by finding nothing.
async fn look_for_note(ctx: Ctx<Bench>, note: Note) -> Result<Look<Written>, ToolError> {
    assert_eq!(ctx.since, "2026-11-23T00:00:00Z".parse::<Timestamp>().unwrap());
    Ok(match ctx.key.as_deref() {
        Some("seen") => Look::Found(Written {
            text: note.text,
            key: ctx.key,
        }),
        Some("both") => Look::Ambiguous("two notes".into()),
        _ => Look::Absent,
    })
}

async fn start_note(_ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Written>, ToolError> {
    Ok(Effect::WouldSend(Vec::new()))
}

async fn refuse_note(ctx: Ctx<Bench>, _: Nothing) -> Result<Written, ToolError> {
    let retry_at = Some("2026-11-23T00:01:00Z".parse().unwrap());
    assert!(ctx.key.is_none());
    Err(ToolError::new(ErrorClass::RateLimited { retry_at }, "slow down").with_remedy("wait a minute"))
}

async fn join_crowd(ctx: Ctx<Bench>, _: Nothing) -> Result<Written, ToolError> {
    ctx.parts.crowd.wait().await;
    Ok(Written {
        text: "all here".into(),
        key: ctx.key,
    })
}

/// Tells the test when the handler's future is dropped.
struct Alarm(Arc<Notify>);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn hang(ctx: Ctx<Bench>) -> ToolError {
    let _alarm = Alarm(Arc::clone(&ctx.parts.dropped));
    ctx.parts.reached.notify_one();
    std::future::pending().await
}

async fn hang_reading(ctx: Ctx<Bench>, _: Nothing) -> Result<Written, ToolError> {
    Err(hang(ctx).await)
}

async fn hang_writing(ctx: Ctx<Bench>, _: Nothing) -> Result<Effect<Written>, ToolError> {
    Err(hang(ctx).await)
}

async fn look_forever(ctx: Ctx<Bench>, _: Nothing) -> Result<Look<Written>, ToolError> {
    Err(hang(ctx).await)
}

fn bench() -> Bench {
    Bench {
        crowd: Arc::new(Barrier::new(CROWD)),
        reached: Arc::new(Notify::new()),
        dropped: Arc::new(Notify::new()),
    }
}

fn server(bench: Bench) -> Toolbox<Bench> {
    Toolbox::named("bench", "For tests.", bench)
        .with(
            reads("read_note", "Read", "Reads.")
                .untrusted(&["text"])
                .answers(read_note),
        )
        .with(
            writes("write_note", "Write", "Writes.", Doubt::Marker)
                .announced_as(&["bench.note.written:{text}"])
                .acts(write_note)
                .looks(look_for_note),
        )
        .with(writes("start_note", "Start", "Starts.", Doubt::Evidence).acts(start_note))
        .with(reads("refuse_note", "Refuse", "Refuses.").answers(refuse_note))
        .with(reads("join_crowd", "Join", "Waits for all.").answers(join_crowd))
        .with(reads("hang_reading", "Hang", "Hangs.").answers(hang_reading))
        .with(
            writes("hang_writing", "Hang", "Hangs.", Doubt::None)
                .destructive()
                .acts(hang_writing)
                .looks(look_forever),
        )
}

async fn hub(bench: &Bench) -> Hub {
    Hub::builder()
        .serve("bench", server(bench.clone()))
        .start()
        .await
        .unwrap()
}

/// A call without meta that has all the time it needs.
async fn call(hub: &Hub, tool: &str, arguments: Value) -> Result<Reply, ToolError> {
    hub.call(tool, arguments, CallMeta::default(), SOON).await
}

fn look_for(key: &str) -> CallMeta {
    CallMeta {
        idempotency_key: Some(key.into()),
        look_for_since: Some("2026-11-23T00:00:00Z".parse().unwrap()),
        ..CallMeta::default()
    }
}

fn effect(key: &str, vague: bool) -> EffectKey {
    EffectKey {
        key: key.into(),
        vague,
    }
}

#[tokio::test]
async fn an_effect_is_named_once_for_each_item_of_a_list_and_not_at_all_without_its_argument() {
    let hub = hub(&bench()).await;
    let mut facts = hub.tool("bench.write_note").unwrap().clone();
    facts.promises.effects = vec![
        "github.issues.labeled:{repo}#{number}~label={labels}".into(),
        "github.issues.edited:{repo}#{number}?".into(),
        "github.issues.assigned:{repo}#{number}~assignee={assignees}".into(),
    ];
    let call = json!({ "repo": "Acme/API", "number": 7, "labels": ["Bug", "ui"], "assignees": [] });
    assert_eq!(
        facts.effect_keys(&call, "Bot"),
        [
            effect("github.issues.labeled:acme/api#7~label=bug@bot", false),
            effect("github.issues.labeled:acme/api#7~label=ui@bot", false),
            effect("github.issues.edited:acme/api#7@bot", true),
        ]
    );
    hub.stop().await;
}

#[tokio::test]
async fn tools_are_listed_by_full_name_in_order_with_what_they_promise() {
    let hub = hub(&bench()).await;
    let names: Vec<String> = hub.tools().into_iter().map(|tool| tool.name).collect();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 7);
    let write = hub.tool("bench.write_note").unwrap();
    assert_eq!((write.read_only, write.destructive), (false, false));
    assert_eq!(write.promises.doubt, Doubt::Marker);
    assert_eq!(
        write.effect_keys(&json!({ "text": "hi" }), "bot"),
        [effect("bench.note.written:hi@bot", false)]
    );
    assert!(hub.tool("bench.hang_writing").unwrap().destructive);
    assert!(hub.tool("bench.read_note").unwrap().read_only);
    hub.stop().await;
}

#[tokio::test]
async fn a_tool_that_says_nothing_of_itself_is_taken_for_the_worst() {
    #[derive(Clone)]
    struct Terse;
    impl rmcp::ServerHandler for Terse {
        async fn list_tools(
            &self,
            _: Option<rmcp::model::PaginatedRequestParams>,
            _: rmcp::service::RequestContext<rmcp::RoleServer>,
        ) -> Result<rmcp::model::ListToolsResult, rmcp::ErrorData> {
            let tool = rmcp::model::Tool::new("do_it", "Does it.", Arc::new(serde_json::Map::new()));
            Ok(rmcp::model::ListToolsResult::with_all_items(vec![tool]))
        }

        async fn call_tool(
            &self,
            _: rmcp::model::CallToolRequestParams,
            _: rmcp::service::RequestContext<rmcp::RoleServer>,
        ) -> Result<rmcp::model::CallToolResponse, rmcp::ErrorData> {
            let said = vec![rmcp::model::ContentBlock::text("it broke")];
            Ok(rmcp::model::CallToolResult::error(said).into())
        }
    }
    let hub = Hub::builder().serve("terse", Terse).start().await.unwrap();
    let facts = hub.tool("terse.do_it").unwrap();
    assert_eq!((facts.read_only, facts.destructive), (false, true));
    assert_eq!(facts.promises, Promises::default());
    assert_eq!(facts.promises.doubt, Doubt::None);
    let error = call(&hub, "terse.do_it", json!({})).await.unwrap_err();
    assert_eq!(error, ToolError::new(ErrorClass::UnknownEffect, "it broke"));
    hub.stop().await;
}

#[tokio::test]
async fn a_call_reaches_its_tool_with_its_key_and_brings_the_result_back() {
    let hub = hub(&bench()).await;
    let meta = CallMeta {
        idempotency_key: Some("k1".into()),
        ..CallMeta::default()
    };
    let reply = hub
        .call("bench.write_note", json!({ "text": "hi" }), meta, SOON)
        .await;
    assert_eq!(reply, Ok(Reply::Done(json!({ "text": "hi", "key": "k1" }))));
    hub.stop().await;
}

#[tokio::test]
async fn a_dry_run_answers_with_the_request_and_reading_tools_have_none() {
    let hub = hub(&bench()).await;
    let reply = call(&hub, "bench.write_note", json!({ "text": "hi", "dry_run": true })).await;
    let request = json!({ "method": "POST", "path": "/notes", "body": { "text": "hi", "times": 0 } });
    assert_eq!(reply, Ok(Reply::Done(json!({ "dry_run": [request] }))));
    let error = call(&hub, "bench.read_note", json!({ "text": "hi", "dry_run": true }))
        .await
        .unwrap_err();
    assert!(error.message.contains("`dry_run` does not exist"), "{error}");
    hub.stop().await;
}

#[tokio::test]
async fn looking_for_an_effect_finds_it_or_not_or_cannot_tell() {
    let hub = hub(&bench()).await;
    let look = async |tool, key| hub.call(tool, json!({ "text": "hi" }), look_for(key), SOON).await;
    assert_eq!(
        look("bench.write_note", "seen").await,
        Ok(Reply::Done(json!({ "text": "hi", "key": "seen" })))
    );
    assert_eq!(look("bench.write_note", "other").await, Ok(Reply::Absent));
    assert_eq!(
        look("bench.write_note", "both").await,
        Ok(Reply::Ambiguous("two notes".into()))
    );
    let unable = hub.call("bench.start_note", json!({}), look_for("x"), SOON).await;
    assert!(matches!(unable, Ok(Reply::Ambiguous(why)) if why.contains("start_note")));
    hub.stop().await;
}

#[tokio::test]
async fn an_error_in_band_arrives_whole() {
    let hub = hub(&bench()).await;
    let error = call(&hub, "bench.refuse_note", json!({})).await.unwrap_err();
    let retry_at = Some("2026-11-23T00:01:00Z".parse().unwrap());
    assert_eq!(error.class, ErrorClass::RateLimited { retry_at });
    assert_eq!(error.to_string(), "slow down (wait a minute)");
    hub.stop().await;
}

#[tokio::test]
async fn wrong_arguments_are_named_with_what_there_is() {
    let hub = hub(&bench()).await;
    let cases = [
        (
            json!({ "txt": "hi" }),
            "argument `txt` does not exist; did you mean `text`?",
        ),
        (json!({}), "argument `text` is missing"),
        (
            json!({ "text": 7 }),
            "argument `text` must be of type string, not 7",
        ),
        (
            json!({ "text": "" }),
            "argument `text` must be at least 1 characters long, not 0",
        ),
        (
            json!({ "text": "x".repeat(21) }),
            "argument `text` must be at most 20 characters long, not 21",
        ),
        (
            json!({ "text": "hi", "times": 4 }),
            "argument `times` must be at most 3, not 4",
        ),
        (
            json!({ "text": "hi", "times": -1 }),
            "argument `times` must be at least 0, not -1",
        ),
        (
            json!({ "text": "hi", "times": 1.5 }),
            "argument `times` must be of type integer, not 1.5",
        ),
        (
            json!({ "text": "hi", "dry_run": "yes" }),
            "argument `dry_run` must be of type boolean, not \"yes\"",
        ),
    ];
    for (arguments, message) in cases {
        let error = call(&hub, "bench.write_note", arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert_eq!(error.message, message);
        assert_eq!(error.remedy.as_deref(), Some("arguments: dry_run, text, times"));
    }
    let error = call(&hub, "bench.write_note", json!([1])).await.unwrap_err();
    assert_eq!(error.to_string(), "arguments must be an object, not [1]");
    hub.stop().await;
}

#[tokio::test]
async fn an_unknown_tool_is_not_found_and_the_one_meant_is_named() {
    let hub = hub(&bench()).await;
    let error = call(&hub, "bench.red_note", json!({})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    assert_eq!(
        error.to_string(),
        "there is no tool `bench.red_note` (did you mean `bench.read_note`?)"
    );
    let error = call(&hub, "weather.forecast", json!({})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no tool `weather.forecast` (servers: bench)"
    );
    hub.stop().await;
}

#[tokio::test]
async fn a_time_out_leaves_a_write_in_doubt_a_read_undone_and_the_handler_canceled() {
    let bench = bench();
    let hub = hub(&bench).await;
    let brief = Duration::from_millis(50);
    let cases = [
        (
            "bench.hang_writing",
            CallMeta::default(),
            ErrorClass::UnknownEffect,
        ),
        ("bench.hang_reading", CallMeta::default(), ErrorClass::Unavailable),
        ("bench.hang_writing", look_for("k"), ErrorClass::Unavailable),
    ];
    for (tool, meta, class) in cases {
        let error = hub.call(tool, json!({}), meta, brief).await.unwrap_err();
        assert_eq!(error.class, class, "{tool}");
        assert_eq!(error.message, format!("`{tool}` did not answer within 50ms"));
        tokio::time::timeout(SOON, bench.dropped.notified())
            .await
            .unwrap();
    }
    assert_eq!(
        call(&hub, "bench.read_note", json!({ "text": "hi" }))
            .await
            .map(|_| ()),
        Ok(())
    );
    hub.stop().await;
}

#[tokio::test]
async fn a_hundred_calls_are_under_way_at_once() {
    let hub = hub(&bench()).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..CROWD {
        let hub = hub.clone();
        calls.spawn(async move {
            let meta = CallMeta {
                idempotency_key: Some(format!("k{n}")),
                ..CallMeta::default()
            };
            let reply = hub.call("bench.join_crowd", json!({}), meta, SOON).await;
            assert_eq!(
                reply,
                Ok(Reply::Done(json!({ "text": "all here", "key": format!("k{n}") })))
            );
        });
    }
    assert_eq!(calls.join_all().await.len(), CROWD);
    hub.stop().await;
}

#[tokio::test]
async fn stopping_ends_calls_under_way_and_refuses_later_ones() {
    let bench = bench();
    let hub = hub(&bench).await;
    let under_way = tokio::spawn({
        let hub = hub.clone();
        async move { call(&hub, "bench.hang_writing", json!({})).await }
    });
    bench.reached.notified().await;
    hub.stop().await;
    assert_eq!(
        under_way.await.unwrap().unwrap_err().class,
        ErrorClass::UnknownEffect
    );
    tokio::time::timeout(SOON, bench.dropped.notified())
        .await
        .unwrap();
    // Refused before anything was sent, so even a write is certainly undone.
    let error = call(&hub, "bench.write_note", json!({ "text": "hi" }))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    hub.stop().await;
}

#[tokio::test]
async fn a_server_needs_a_name_of_its_own_that_fits_into_a_rule() {
    let start = async |names: [&str; 2]| {
        let [first, second] = names;
        Hub::builder()
            .serve(first, server(bench()))
            .serve(second, server(bench()))
            .start()
            .await
    };
    assert!(
        matches!(start(["a", "a"]).await, Err(HubError::Name { problem, .. }) if problem.contains("taken"))
    );
    for bad in ["", "Git", "a.b", "1a", "a b"] {
        assert!(matches!(start(["a", bad]).await, Err(HubError::Name { name, .. }) if name == bad));
    }
}
