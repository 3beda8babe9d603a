//! The API's description of itself, and wishes that are sent twice. scripts/api-contract holds the one against the other.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, World, issue_opened};

const CONFIG: &str = "[[agent]]\nid = \"bot\"\nrole = \"reader\"\n\n[role.reader]\nallow = [\"github.get_*\"]\nrepos = [\"acme/*\"]\n";
/// It waits, so its runs can be ended by hand.
const LATER: &str = r#"
description = "Says so much later"
on = "github.issues.opened"

[limits]
delay = "1h"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "hello" }
"#;

/// `POST` with a key: the status, whether it was answered from memory, the body.
async fn wish(world: &World, path: &str, key: &str, body: &str) -> (StatusCode, bool, Value) {
    let request = world
        .client
        .post(format!("{}/api/v1/{path}", world.server.url))
        .bearer_auth(ADMIN_TOKEN)
        .header("idempotency-key", key)
        .body(body.to_owned());
    let answer = request.send().await.unwrap();
    let (status, replayed) = (
        answer.status(),
        answer.headers().contains_key("idempotency-replayed"),
    );
    (status, replayed, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_description_is_open_names_every_operation_once_and_is_the_one_in_the_documents() {
    let world = World::start(&[("later", LATER)], CONFIG).await;
    let url = format!("{}/api/v1/openapi.json", world.server.url);
    let described: Value = world.client.get(&url).send().await.unwrap().json().await.unwrap();
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        described, kept,
        "cargo run -- reference openapi > docs/openapi.json"
    );
    let mut ids = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{path}"
            );
            assert!(
                !operation["summary"].as_str().unwrap().is_empty(),
                "{method} {path}"
            );
            // What is described is there: it says more than that there is nothing at this place.
            let made_up = path.replace(['{', '}'], "");
            let request = world.client.request(
                method.to_uppercase().parse().unwrap(),
                format!("{}/api/v1{made_up}", world.server.url),
            );
            let answer = request.bearer_auth(ADMIN_TOKEN).body("{}").send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert_ne!(status, 405, "{method} {path}");
            assert!(!text.contains("there is nothing at"), "{method} {path}: {text}");
            assert!(
                operation["responses"].get(status.as_str()).is_some(),
                "{method} {path} answers {status}: {text}"
            );
        }
    }
    assert!(ids.len() > 25, "{ids:?}");
}

#[tokio::test]
async fn a_wish_that_is_sent_twice_is_done_once_and_answered_alike() {
    let world = World::start(&[("later", LATER)], CONFIG).await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    let (status, replayed, first) = wish(&world, "events/d-1/replay", "again", "").await;
    assert_eq!((status, replayed), (StatusCode::ACCEPTED, false), "{first}");
    let (status, replayed, second) = wish(&world, "events/d-1/replay", "again", "").await;
    assert_eq!((status, replayed), (StatusCode::ACCEPTED, true));
    assert_eq!(first, second);
    let runs = world.api("runs?event=d-1").await.1;
    assert_eq!(
        runs["runs"].as_array().unwrap().len(),
        2,
        "one generation more: {runs}"
    );

    let (status, _, problem) = wish(&world, "events/d-1/replay", "again", "{}").await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (422, &json!("urn:xmrt:problem:key-reused"))
    );
    let (status, replayed, _) = wish(&world, "rules/reload", "again", "").await;
    assert_eq!(
        (status.as_u16(), replayed),
        (200, false),
        "another place, another wish"
    );
}

#[tokio::test]
async fn a_refused_wish_leaves_its_key_free_and_a_key_that_is_none_is_refused() {
    let world = World::start(&[("later", LATER)], CONFIG).await;
    assert_eq!(wish(&world, "events/d-1/replay", "k", "").await.0, 404);
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    assert_eq!(wish(&world, "events/d-1/replay", "k", "").await.0, 202);
    for key in ["two words", &"k".repeat(256)] {
        let (status, _, problem) = wish(&world, "rules/reload", key, "").await;
        assert_eq!(status, 400, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("Idempotency-Key"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_token_is_shown_once_also_to_who_asks_twice_under_one_key() {
    let world = World::start(&[("later", LATER)], CONFIG).await;
    let (status, _, made) = wish(&world, "agents/bot/tokens", "mine", r#"{"days": 1}"#).await;
    assert_eq!(status, 201, "{made}");
    let (status, _, problem) = wish(&world, "agents/bot/tokens", "mine", r#"{"days": 1}"#).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (409, &json!("urn:xmrt:problem:key-in-use"))
    );
    let shown = world.api("agents/bot").await.1;
    assert_eq!(shown["tokens"].as_array().unwrap().len(), 1, "{shown}");
    let export = world
        .client
        .get(format!("{}/api/v1/export", world.server.url))
        .bearer_auth(ADMIN_TOKEN);
    let export = export.send().await.unwrap().text().await.unwrap();
    assert!(
        !export.contains(made["token"].as_str().unwrap()),
        "the token is in the journal"
    );
}
