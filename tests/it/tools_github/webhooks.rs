//! The toolset `webhooks`: hooks, what they delivered, a delivery made again.

use serde_json::{Value, json};
use xmrt::hub::{CallMeta, Doubt, ErrorClass, Hub, Reply};
use xmrt::integrations::github::Client;
use xmrt::tools::github;

use super::{SOON, Stage};

/// An address where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A repository with the hook that its target is, one hook of its own and one of its organization.
async fn stage() -> Stage {
    let stage = Stage::new(json!({})).await;
    stage.sandbox.deliver_to(Some(NOWHERE));
    for (place, url) in [
        ("repos/acme/api", "http://127.0.0.1:9/own"),
        ("orgs/acme", "http://127.0.0.1:9/org"),
    ] {
        let hook =
            json!({ "name": "web", "events": ["issues"], "config": { "url": url, "content_type": "json" } });
        let address = format!("{}/{place}/hooks", stage.running.github_url());
        let made = reqwest::Client::new().post(address).bearer_auth("sandbox-token");
        let made = made
            .header("user-agent", "the tests")
            .json(&hook)
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201);
    }
    stage
}

/// GitHub tells of an issue, or remembers having told.
async fn emit(stage: &Stage, title: &str, more: Value) {
    let payload =
        json!({ "action": "opened", "issue": { "title": title }, "repository": { "full_name": "acme/api" } });
    let mut delivery = json!({ "source": "github", "event": "issues", "payload": payload });
    delivery
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let address = format!("{}/emit", stage.running.control_url());
    let told = reqwest::Client::new()
        .post(address)
        .json(&delivery)
        .send()
        .await
        .unwrap();
    assert!(told.status().is_success(), "{}", told.text().await.unwrap());
}

fn of_target(more: Value) -> Value {
    let mut arguments = json!({ "repo": "acme/api", "hook_id": 1 });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

fn urls(list: &Value) -> Vec<&str> {
    let hooks = list["webhooks"].as_array().unwrap().iter();
    hooks.map(|hook| hook["url"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn list_webhooks_is_by_repository_by_organization_or_of_all_that_are_administered() {
    let stage = stage().await;
    let ours = ["http://127.0.0.1:9/webhooks/github", "http://127.0.0.1:9/own"];
    let of_repo = stage.done("list_webhooks", json!({ "repo": "acme/api" })).await;
    assert_eq!(urls(&of_repo), ours);
    assert_eq!(of_repo["webhooks"][1]["events"], json!(["issues"]));
    let of_org = stage.done("list_webhooks", json!({ "org": "acme" })).await;
    assert_eq!(urls(&of_org), ["http://127.0.0.1:9/org"]);
    assert_eq!(of_org["webhooks"][0]["org"], "acme");
    let all = stage.done("list_webhooks", json!({})).await;
    assert_eq!((urls(&all), &all["more"]), (ours.to_vec(), &json!(false)));
    let both = stage
        .fails("list_webhooks", json!({ "repo": "acme/api", "org": "acme" }))
        .await;
    assert_eq!(both.class, ErrorClass::Invalid);
    let hidden = stage.fails("list_webhooks", json!({ "org": "nobody" })).await;
    assert_eq!(hidden.class, ErrorClass::NotFound);
    stage.end().await;
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_page_by_page_and_shown_with_their_payload() {
    let stage = stage().await;
    emit(&stage, "older", json!({ "lost": "failed", "at": "-2h" })).await;
    emit(&stage, "forgotten", json!({ "lost": "failed", "at": "-4d" })).await;
    emit(&stage, "newer", json!({ "lost": "acknowledged", "at": "-1h" })).await;
    let list = async |more: Value| stage.done("list_deliveries", of_target(more)).await;
    let first = list(json!({ "limit": 1 })).await;
    assert_eq!(first["deliveries"][0]["status_code"], 202);
    let second = list(json!({ "limit": 1, "cursor": first["next_cursor"] })).await;
    assert_eq!(second["deliveries"][0]["status"], "failed to connect to host");
    assert_eq!(second["next_cursor"], Value::Null, "for three days");
    let failed = list(json!({ "status": "failure" })).await;
    assert_eq!(failed["deliveries"], second["deliveries"]);

    let id = &second["deliveries"][0]["id"];
    let shown = stage
        .done("get_delivery", of_target(json!({ "delivery_id": id })))
        .await;
    assert_eq!(shown["payload"]["issue"]["title"], "older");
    let gone = stage
        .fails("get_delivery", of_target(json!({ "delivery_id": 5 })))
        .await;
    assert_eq!(gone.class, ErrorClass::NotFound);
    stage.end().await;
}

#[tokio::test]
async fn a_delivery_made_again_is_another_attempt_under_the_same_id() {
    let stage = stage().await;
    emit(&stage, "lost", json!({ "lost": "failed", "at": "-2h" })).await;
    let before = stage.done("list_deliveries", of_target(json!({}))).await;
    let first = &before["deliveries"][0];
    let arguments = of_target(json!({ "delivery_id": first["id"] }));
    stage.done("redeliver", arguments).await;
    let again = loop {
        let after = stage.done("list_deliveries", of_target(json!({}))).await;
        // It is listed once it was attempted.
        if after["deliveries"].as_array().unwrap().len() == 2 {
            break after["deliveries"][0].clone();
        }
    };
    assert_eq!(
        (&again["guid"], &again["redelivery"]),
        (&first["guid"], &json!(true))
    );
    stage.end().await;
}

#[tokio::test]
async fn an_event_goes_to_every_hook_that_wants_it() {
    let stage = stage().await;
    emit(&stage, "told", json!({})).await;
    let own = stage.done("list_webhooks", json!({ "repo": "acme/api" })).await;
    let hook = &own["webhooks"][1]["hook_id"];
    let told = stage
        .done("list_deliveries", json!({ "repo": "acme/api", "hook_id": hook }))
        .await;
    let target = stage.done("list_deliveries", of_target(json!({}))).await;
    // It was pinged when it was made.
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 2);
    assert_eq!(told["deliveries"][1]["event"], "ping");
    assert_ne!(told["deliveries"][0]["guid"], target["deliveries"][0]["guid"]);
    // Switched off, it hears no more.
    let off = json!({ "repo": "acme/api", "hook_id": hook, "active": false });
    assert_eq!(stage.done("update_webhook", off).await["active"], false);
    emit(&stage, "not told", json!({})).await;
    let after = stage
        .done("list_deliveries", json!({ "repo": "acme/api", "hook_id": hook }))
        .await;
    assert_eq!(after["deliveries"], told["deliveries"]);
    stage.end().await;
}

fn new_hook() -> Value {
    json!({ "repo": "acme/api", "url": "http://127.0.0.1:9/new", "events": ["issues", "push"] })
}

#[tokio::test]
async fn a_webhook_whose_answer_was_lost_is_found_by_its_address_and_its_events() {
    let stage = Stage::new(json!({})).await;
    let found = stage.doubt("create_webhook", new_hook()).await;
    assert_eq!(
        (&found["url"], &found["content_type"], &found["active"]),
        (&json!("http://127.0.0.1:9/new"), &json!("json"), &json!(true))
    );
    let address = format!("{}/repos/acme/api/hooks", stage.running.github_url());
    let asked = reqwest::Client::new().get(address).bearer_auth("sandbox-token");
    let asked = asked.header("user-agent", "the tests").send().await.unwrap();
    let hooks: Value = asked.json().await.unwrap();
    assert_eq!(hooks[0]["config"]["secret"], "********", "it signs");
    let pinged = json!({ "repo": "acme/api", "hook_id": found["hook_id"] });
    let pinged = stage.done("list_deliveries", pinged).await;
    assert_eq!(pinged["deliveries"][0]["event"], "ping");
    let mut other = new_hook();
    other["events"] = json!(["release"]);
    assert_eq!(stage.look("create_webhook", other).await, Ok(Reply::Absent));
    for (name, value) in [
        ("signed", json!(false)),
        ("active", json!(false)),
        ("content_type", json!("form")),
    ] {
        let mut other = new_hook();
        other[name] = value;
        let found = stage.look("create_webhook", other).await;
        assert_eq!(found, Ok(Reply::Absent), "one that differs in {name} is another");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_webhook_is_not_made_twice_nor_with_a_secret_that_there_is_not_nor_anywhere() {
    let stage = Stage::new(json!({})).await;
    let of_org = json!({ "org": "acme", "url": "http://127.0.0.1:9/org", "events": ["*"], "signed": false });
    let made = stage.done("create_webhook", of_org.clone()).await;
    assert_eq!((&made["org"], &made["events"]), (&json!("acme"), &json!(["*"])));
    let again = stage.fails("create_webhook", of_org).await;
    assert_eq!(again.class, ErrorClass::Invalid);
    assert!(
        again.message.contains("already exists on this organization"),
        "{again}"
    );
    let mut wrong = new_hook();
    wrong["url"] = json!("ftp://example.com");
    let error = stage.fails("create_webhook", wrong).await;
    assert!(
        error
            .message
            .contains("argument `url` must be an http or https address"),
        "{error}"
    );
    let hidden = json!({ "repo": "acme/none", "url": "http://127.0.0.1:9/new", "events": ["push"] });
    assert_eq!(
        stage.fails("create_webhook", hidden).await.class,
        ErrorClass::NotFound
    );

    let client = Client::new(&stage.running.github_url(), "sandbox-token".to_owned()).unwrap();
    let hub = Hub::builder().serve("github", github::Server::new(Some(client)));
    let hub = hub.start().await.unwrap();
    let called = hub
        .call("github.create_webhook", new_hook(), CallMeta::default(), SOON)
        .await;
    let error = called.unwrap_err();
    assert_eq!(error.class, ErrorClass::Forbidden);
    assert!(error.remedy.unwrap().contains("GITHUB_WEBHOOK_SECRET"));
    hub.stop().await;
    assert_eq!(stage.effects(), ["create_webhook"]);
    stage.end().await;
}

#[tokio::test]
async fn a_deleted_webhook_whose_answer_was_lost_is_known_to_be_gone() {
    let stage = stage().await;
    let hooks = stage.done("list_webhooks", json!({ "repo": "acme/api" })).await;
    let one = json!({ "repo": "acme/api", "hook_id": hooks["webhooks"][1]["hook_id"] });
    assert_eq!(stage.look("delete_webhook", one.clone()).await, Ok(Reply::Absent));
    stage.fault(json!({ "match": { "operation": "delete_webhook" }, "kind": "reply_lost", "times": 1 }));
    let lost = stage.fails("delete_webhook", one.clone()).await;
    assert_eq!(lost.class, ErrorClass::UnknownEffect);
    assert!(matches!(
        stage.look("delete_webhook", one).await,
        Ok(Reply::Done(_))
    ));
    stage.end().await;
}

#[tokio::test]
async fn what_is_asked_of_a_webhook_once_more_after_a_lost_answer_is_done() {
    for (tool, more) in [("ping_webhook", json!({})), ("redeliver", json!({}))] {
        let stage = Stage::new(json!({})).await;
        stage.sandbox.deliver_to(Some(NOWHERE));
        emit(&stage, "lost", json!({ "lost": "failed", "at": "-2h" })).await;
        let mut arguments = of_target(more);
        if tool == "redeliver" {
            let list = stage.done("list_deliveries", of_target(json!({}))).await;
            arguments["delivery_id"] = list["deliveries"][0]["id"].clone();
        }
        stage.repeated(tool, tool, arguments).await;
        let facts = stage.hub.tool(&format!("github.{tool}")).unwrap();
        assert_eq!(facts.promises.doubt, Doubt::Idempotent);
        stage.end().await;
    }
}

#[tokio::test]
async fn a_webhook_whose_change_was_not_answered_is_changed_again() {
    let stage = stage().await;
    let hooks = stage.done("list_webhooks", json!({ "repo": "acme/api" })).await;
    let off = json!({ "repo": "acme/api", "hook_id": hooks["webhooks"][1]["hook_id"], "active": false });
    stage.fault(json!({ "match": { "operation": "update_webhook" }, "kind": "reply_lost", "times": 1 }));
    let lost = stage.fails("update_webhook", off.clone()).await;
    assert_eq!(lost.class, ErrorClass::UnknownEffect);
    assert_eq!(stage.done("update_webhook", off).await["active"], false);
    stage.end().await;
}

#[tokio::test]
async fn the_rate_limit_is_told_without_costing_a_request() {
    let stage = stage().await;
    let before = stage.done("get_rate_limit", json!({})).await;
    let after = stage.done("get_rate_limit", json!({})).await;
    assert_eq!(before["remaining"], after["remaining"]);
    assert_eq!(before["limit"], 5_000);
    stage.end().await;
}

#[tokio::test]
async fn dry_runs_of_webhook_tools_show_the_request_and_send_none() {
    let stage = Stage::new(json!({})).await;
    let hook = "/repos/acme/api/hooks/1";
    stage
        .dry_runs(&[
            (
                "create_webhook",
                new_hook(),
                "POST /repos/acme/api/hooks",
                json!({
                    "name": "web", "active": true, "events": ["issues", "push"],
                    "config": {
                        "url": "http://127.0.0.1:9/new", "content_type": "json", "insecure_ssl": "0",
                        "secret": "(GITHUB_WEBHOOK_SECRET)",
                    },
                }),
            ),
            (
                "redeliver",
                of_target(json!({ "delivery_id": 5 })),
                &format!("POST {hook}/deliveries/5/attempts"),
                Value::Null,
            ),
            (
                "ping_webhook",
                of_target(json!({})),
                &format!("POST {hook}/pings"),
                Value::Null,
            ),
            (
                "update_webhook",
                json!({ "org": "acme", "hook_id": 2, "events": ["*"] }),
                "PATCH /orgs/acme/hooks/2",
                json!({ "events": ["*"] }),
            ),
            (
                "delete_webhook",
                of_target(json!({})),
                &format!("DELETE {hook}"),
                Value::Null,
            ),
        ])
        .await;
    stage.end().await;
}
