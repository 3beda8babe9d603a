use std::sync::Arc;

use serde_json::json;

use super::{House, Setup, github_headers, issue};
use xmrt::receive::GithubSecret;
use xmrt::store::embedded::Embedded;

#[tokio::test]
async fn a_delivery_is_answered_with_what_every_rule_decided() {
    let house = House::open().await;
    let answer = house.github("issues", "d-1", &issue(42)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(
        (&answer.body["id"], &answer.body["event"]),
        (&json!("d-1"), &json!("d-1"))
    );
    assert_eq!(answer.body["duplicate"], false);
    let run = &answer.body["runs"][0];
    assert_eq!(
        (&run["rule"], &run["status"]),
        (&json!("greet"), &json!("queued"))
    );
    let decision = &answer.body["decisions"][0];
    assert_eq!(
        (&decision["rule"], &decision["decision"]),
        (&json!("stumble"), &json!("error"))
    );
    assert!(decision["reason"].is_string(), "{decision}");

    let again = house
        .github(
            "issues",
            "d-2",
            &json!({ "title": 1, "action": "opened", "issue": { "number": 42 },
        "repository": { "full_name": "acme/api" } }),
        )
        .await;
    let suppressed = &again.body["decisions"][0];
    assert_eq!(
        (&suppressed["rule"], &suppressed["decision"]),
        (&json!("greet"), &json!("suppressed"))
    );
    house.close().await;
}

#[tokio::test]
async fn the_same_id_twice_is_a_duplicate_with_the_earlier_verdicts() {
    let house = House::open().await;
    let first = house.github("issues", "d-1", &issue(1)).await;
    let second = house.github("issues", "d-1", &issue(2)).await;
    assert_eq!((second.status, &second.body["duplicate"]), (202, &json!(true)));
    assert_eq!(second.body["duplicate_by"], "id");
    assert_eq!(second.body["runs"], first.body["runs"]);
    assert_eq!(second.body["decisions"], first.body["decisions"]);
    assert_eq!(house.events().await, 1);
    house.close().await;
}

#[tokio::test]
async fn the_same_body_under_another_id_is_a_duplicate_of_the_first() {
    let house = House::open().await;
    let first = house.github("issues", "d-1", &issue(1)).await;
    // The event's name is not signed either, so a replay may come under another one.
    let second = house.github("pull_request", "d-2", &issue(1)).await;
    assert_eq!((second.status, &second.body["duplicate"]), (202, &json!(true)));
    assert_eq!(
        (&second.body["id"], &second.body["event"]),
        (&json!("d-2"), &json!("d-1"))
    );
    assert_eq!(second.body["duplicate_by"], "body");
    assert_eq!(second.body["runs"], first.body["runs"]);
    assert_eq!(house.events().await, 1);

    let found = house.api("GET", "events/d-2", None).await;
    assert_eq!((found.status, &found.body["id"]), (200, &json!("d-1")));
    assert_eq!(found.body["duplicates"][0]["id"], "d-2");
    house.close().await;
}

#[tokio::test]
async fn two_pings_alike_are_two_events_answered_200() {
    let house = House::open().await;
    let ping = json!({ "zen": "Mind your words, they are important.", "hook_id": 1 });
    for id in ["p-1", "p-2"] {
        let answer = house.github("ping", id, &ping).await;
        assert_eq!(
            (answer.status, &answer.body["duplicate"]),
            (200, &json!(false)),
            "{answer:?}"
        );
    }
    let listed = house.api("GET", "events?type=github.ping", None).await;
    assert_eq!(listed.body["events"].as_array().unwrap().len(), 2);
    house.close().await;
}

#[tokio::test]
async fn a_form_delivery_is_the_event_in_its_payload_field() {
    let house = House::open().await;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &issue(7).to_string())
        .finish()
        .into_bytes();
    let mut sent = github_headers("issues", "d-1", &form);
    sent.insert(
        "content-type",
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    assert_eq!(house.post("/webhooks/github", sent, form).await.status, 202);
    let event = house.api("GET", "events/d-1", None).await;
    assert_eq!(event.body["subject"], "acme/api#7");
    assert_eq!(event.body["payload"], issue(7));
    house.close().await;
}

#[tokio::test]
async fn a_render_delivery_is_known_by_its_header_id_and_shadow_runs_are_runs() {
    let house = House::open().await;
    let payload = json!({ "type": "deploy_ended", "timestamp": "2026-03-04T05:06:07.123456789Z",
        "data": { "id": "evt-in-body", "serviceId": "srv-a", "status": "failed" } });
    let answer = house.render("evt-1", &payload).await;
    assert_eq!(
        (answer.status, &answer.body["id"]),
        (202, &json!("evt-1")),
        "{answer:?}"
    );
    assert_eq!(answer.body["runs"][0]["rule"], "watch");
    let again = house.render("evt-1", &payload).await;
    assert_eq!(again.body["duplicate"], true);
    let event = house.api("GET", "events/evt-1", None).await.body;
    assert_eq!(
        (&event["type"], &event["subject"]),
        (&json!("render.deploy_ended"), &json!("srv-a"))
    );
    house.close().await;
}

#[tokio::test]
async fn unknown_events_and_a_body_as_deep_as_allowed_are_taken() {
    let house = House::open().await;
    assert_eq!(
        house
            .github("brand_new_event", "d-1", &json!({ "action": "never_seen" }))
            .await
            .status,
        202
    );
    let deep = format!("{}1{}", r#"{"a":"#.repeat(128), "}".repeat(128)).into_bytes();
    let answer = house
        .post("/webhooks/github", github_headers("push", "d-2", &deep), deep)
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    house.close().await;
}

#[tokio::test]
async fn during_a_rotation_deliveries_under_either_secret_are_taken() {
    let secrets = vec!["old".into(), "new".into()];
    let house = House::build(Setup {
        github: secrets,
        ..Setup::default()
    })
    .await;
    for (id, secret) in [("d-1", "old"), ("d-2", "new")] {
        let body = json!({ "under": secret }).to_string().into_bytes();
        let mut sent = github_headers("push", id, &body);
        let signature = GithubSecret::new(secret).unwrap().sign(&body);
        sent.insert("x-hub-signature-256", signature.parse().unwrap());
        assert_eq!(house.post("/webhooks/github", sent, body).await.status, 202);
    }
    house.close().await;
}

#[tokio::test]
async fn a_body_just_under_the_limit_is_taken() {
    let house = House::open().await;
    let text = "x".repeat(25 * 1024 * 1024 - 100);
    let body = json!({ "text": text }).to_string().into_bytes();
    let answer = house
        .post("/webhooks/github", github_headers("push", "big", &body), body)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_503_with_a_time_to_come_again_and_taken_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(folder.path(), xmrt::clock::Clock::system().now()).unwrap());
    let house = House::build(Setup {
        store: Arc::clone(&store) as _,
        ..Setup::default()
    })
    .await;
    // As on a full disk: the file may not grow any more.
    store.limit_pages(1).await.unwrap();
    let noise: String = (0..400_u64)
        .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let mut payload = issue(1);
    payload["noise"] = noise.repeat(20).into();
    let mut taken = 0;
    let refused = loop {
        payload["n"] = taken.into();
        let answer = house.github("issues", &format!("d-{taken}"), &payload).await;
        if answer.status != 202 {
            break answer;
        }
        taken += 1;
        assert!(taken < 1000, "the disk never got full");
    };
    assert_eq!(
        (refused.status, refused.problem(), refused.header("retry-after")),
        (503, "unavailable", "5")
    );
    let ready = house.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.body["degraded"][0]["part"]),
        (503, &json!("journal"))
    );
    assert_eq!(
        house.get("/healthz").await.status,
        200,
        "the process itself is well"
    );
    assert_eq!(
        house.api("GET", &format!("events/d-{taken}"), None).await.status,
        404
    );

    store.limit_pages(u32::MAX - 1).await.unwrap();
    let answer = house.github("issues", &format!("d-{taken}"), &payload).await;
    assert_eq!((answer.status, &answer.body["duplicate"]), (202, &json!(false)));
    assert_eq!(house.get("/readyz").await.status, 200);
    house.close().await;
}
