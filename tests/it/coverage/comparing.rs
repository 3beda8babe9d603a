//! How a comparison goes on: over long lists, over several turns, within what is left of a limit, where it may not look.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_gone_through_page_by_page_over_several_comparisons() {
    let config = CONFIG.replace("every_ms = 1000", "every_ms = 0\npages = 2");
    let world = world(&[("listens", LISTENS)], &config, &[]).await;
    let mut ids = Vec::new();
    for number in 0..230 {
        ids.push(emitted(&world, 1000 + number, json!({ "lost": "failed" })).await);
    }
    let mut recovered = Vec::new();
    for _ in 0..3 {
        let (status, answer) = world.api_post("coverage/recover", json!({})).await;
        assert_eq!(status, 200, "{answer}");
        recovered.push(answer["found"]["recovered"].as_u64().unwrap());
    }
    // The moment at which one page ends and the next begins is looked at twice, and its deliveries are known then.
    assert_eq!(recovered, [200, 30, 0]);
    for id in &ids {
        assert_eq!(world.api(&format!("events/{id}")).await.0, 200, "{id}");
    }
    let (_, coverage) = world.api("coverage").await;
    let source = &coverage["sources"][0];
    assert_eq!(source["backlog"], json!([]), "{source:#}");
    assert_eq!(found(source, "recovered"), 230, "{source:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_leaves_a_fifth_of_the_hours_requests_to_the_rules() {
    let config = CONFIG.replace("every_ms = 1000", "every_ms = 0");
    let world = world(&[("listens", LISTENS)], &config, &[]).await;
    for number in 0..150 {
        emitted(&world, 1000 + number, json!({ "lost": "failed" })).await;
    }
    let github = async |path: &str| world.at_github(Method::GET, path, None).await.1;
    let left = async || {
        let budget = github("rate_limit").await;
        budget["resources"]["core"]["remaining"].as_u64().unwrap()
    };
    world
        .sandbox_post("limits", json!({ "github": 1000, "seconds": 3600 }))
        .await;
    // Of 1,000 there are a few more than a fifth when it begins.
    while left().await > 260 {
        github("user").await;
    }
    let (status, answer) = world.api_post("coverage/recover", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let recovered = answer["found"]["recovered"].as_u64().unwrap();
    assert!((20..100).contains(&recovered), "{answer:#}");
    let why = answer["unwatched"]["github"].as_str().unwrap();
    // Whichever sees it first: the comparison before a page, or the budget before a request.
    assert!(
        why.contains("left to the rules") || why.contains("kept for calls that write"),
        "{why}"
    );
    assert!(left().await > 150, "the rules have their part");
    // What was not got is on record as such.
    let (_, coverage) = world.api("coverage").await;
    assert_ne!(coverage["sources"][0]["backlog"], json!([]), "{coverage:#}");
    assert_eq!(coverage["sources"][0]["state"], "waiting", "{coverage:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_may_not_be_looked_at_is_named_with_the_reason_and_looked_at_as_soon_as_it_may() {
    let config = format!("{CONFIG}repositories = [\"acme/api\"]\n");
    let world = world(&[("comments", COMMENTS)], &config, &[]).await;
    let refused = json!([{ "match": { "operation": "list_webhooks" }, "kind": "status", "status": 403,
        "message": "Resource not accessible by personal access token" }]);
    world.sandbox_post("faults", refused).await;
    let missed = emitted(&world, 1, json!({ "lost": "failed" })).await;
    let (status, answer) = world
        .until("nobody else compares", async || {
            let answer = world.api_post("coverage/recover", json!({})).await;
            (answer.0 != 503).then_some(answer)
        })
        .await;
    assert_eq!(status, 200, "{answer}");
    let coverage = ledger(&world, "the refusal", |source| source["state"] == "no_permission").await;
    let place = coverage["sources"].as_array().unwrap().iter();
    let place = place
        .into_iter()
        .find(|source| source["source"] == "github:acme/api")
        .unwrap();
    assert!(
        place["why"].as_str().unwrap().contains("not accessible"),
        "{place:#}"
    );
    let ready = world.client.get(format!("{}/readyz", world.server.url));
    assert_eq!(ready.send().await.unwrap().status(), 200);

    let faults = format!("{}/_sandbox/faults", world.sandbox.url);
    world.client.delete(faults).send().await.unwrap();
    succeeded(&world, &missed).await;
    ledger(&world, "the place is forgotten as refused", |source| {
        source["source"] == "github:acme/api:1" && source["state"] == "watched"
    })
    .await;
}
