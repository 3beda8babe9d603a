//! What Render could not deliver, and what its services tell of themselves.

use serde_json::{Value, json};

use super::*;

const DEPLOYS: &str = r#"
description = "Restarts what fails"
on = "render.server_failed"

[[action]]
tool = "render.restart_service"
arguments = { service_id = "{{ event.data.serviceId }}" }
timeout = "1s"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_render_could_not_deliver_is_recovered_from_its_own_list() {
    let mut world = world(&[("deploys", DEPLOYS)], CONFIG, &[]).await;
    world.server.terminate();
    // Render tries for a few seconds, and gives up.
    let act = json!({ "do": "server_failed", "service_id": "srv-a" });
    let acted = world.sandbox_post("act", act).await;
    let delivery = &acted["deliveries"][0];
    let id = delivery["id"].as_str().unwrap().to_owned();
    assert_eq!(delivery["status"], Value::Null, "{acted:#}");
    world.restart();
    hooked(&world).await;
    succeeded(&world, &id).await;
    let (_, event) = world.api(&format!("events/{id}")).await;
    assert_eq!(event["origin"], "fetched");
    assert_eq!(event["payload"]["data"]["serviceName"], "api-prod", "{event:#}");
    assert_eq!(event["payload"]["type"], "server_failed");
    ledger(&world, "the gap in the ledger", |source| {
        source["source"].as_str().unwrap().starts_with("render:whk-") && found(source, "recovered") == 1
    })
    .await;
}

/// A workspace without webhooks: what its services tell of themselves is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_tells_of_itself_is_enough_where_there_is_no_webhook() {
    let config = format!("{CONFIG}services = [\"srv-a\"]\n");
    let world = world(&[("deploys", DEPLOYS)], &config, &[]).await;
    world.sandbox_post("deliver_to", json!({ "url": null })).await;
    let act = json!({ "do": "server_failed", "service_id": "srv-a" });
    world.sandbox_post("act", act).await;
    let coverage = ledger(&world, "the event in the ledger", |source| {
        source["source"] == "render:srv-a" && found(source, "recovered") >= 1
    })
    .await;
    let source = coverage["sources"].as_array().unwrap();
    let source = source
        .iter()
        .find(|source| source["source"] == "render:srv-a")
        .unwrap();
    assert_eq!(source["state"], "watched", "{source:#}");
    let (_, page) = world.api("events?type=render.server_failed").await;
    let event = &page["events"][0];
    assert_eq!(
        (&event["origin"], page["events"].as_array().map(Vec::len)),
        (&json!("fetched"), Some(1))
    );
    let id = event["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("evt-"), "{id}");
    succeeded(&world, &id).await;
    let restarts = world.effects().await;
    let restarts = restarts.iter().filter(|(done, _)| done == "restart_service");
    assert_eq!(restarts.count(), 1, "looked at again and again, done once");
}
