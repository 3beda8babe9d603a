//! The API and the small routes, over real sockets.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::{Value, json};
use xmrt::clock::{self, Clock};
use xmrt::journal::{RunState, Then};
use xmrt::rules::SourceFile;

use crate::intake::{ADMIN_TOKEN, Answer, House, Setup, issue, sources};

const ROUTES: [(&str, &str); 13] = [
    ("GET", "events"),
    ("GET", "events/d-1"),
    ("POST", "events/d-1/replay"),
    ("GET", "runs"),
    ("GET", "runs/x"),
    ("POST", "runs/x/retry"),
    ("POST", "runs/x/cancel"),
    ("POST", "runs/x/resolve"),
    ("GET", "rules"),
    ("GET", "rules/greet"),
    ("POST", "rules/reload"),
    ("GET", "rules/greet/explain?event=d-1"),
    ("GET", "no/such/route"),
];

#[tokio::test]
async fn every_route_of_the_api_wants_the_bearer_even_one_that_does_not_exist() {
    let house = House::open().await;
    let almost = &ADMIN_TOKEN[..ADMIN_TOKEN.len() - 1];
    for authorization in [
        None,
        Some("Bearer "),
        Some("Basic x"),
        Some(almost),
        Some(ADMIN_TOKEN),
    ] {
        for (method, route) in ROUTES.iter().chain(&[("DELETE", "events"), ("GET", "")]) {
            let mut request = house
                .client
                .request(method.parse().unwrap(), format!("{}/api/v1/{route}", house.url));
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (401, "unauthorized"),
                "{method} {route}"
            );
            assert!(
                answer.header("www-authenticate").starts_with("Bearer"),
                "{method} {route}"
            );
        }
    }
    house.close().await;
}

#[tokio::test]
async fn events_are_listed_newest_first_filtered_and_paged() {
    let house = House::open().await;
    for number in 1..=5 {
        let id = format!("d-{number}");
        assert_eq!(house.github("issues", &id, &issue(number)).await.status, 202);
    }
    house
        .render(
            "evt-1",
            &json!({ "type": "deploy_ended", "data": { "serviceId": "srv-a" } }),
        )
        .await;
    let ids = async |query: &str| -> (Vec<String>, Value) {
        let page = house.api("GET", &format!("events{query}"), None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let events = page.body["events"].as_array().unwrap();
        (
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().into())
                .collect(),
            page.body["next_cursor"].clone(),
        )
    };
    assert_eq!(ids("").await.0, ["evt-1", "d-5", "d-4", "d-3", "d-2", "d-1"]);
    assert_eq!(ids("?type=github.issues").await.0.len(), 5);
    assert_eq!(ids("?type=github.push").await.0.len(), 0);
    assert_eq!(ids("?subject=acme/api%233").await.0, ["d-3"]);
    assert_eq!(ids("?since=2000-01-01T00:00:00Z").await.0.len(), 6);
    assert_eq!(ids("?since=2999-01-01T00:00:00Z").await.0.len(), 0);
    let (page, cursor) = ids("?limit=4").await;
    assert_eq!(page.len(), 4);
    let (rest, end) = ids(&format!("?limit=4&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!((rest, end), (vec!["d-2".to_owned(), "d-1".into()], Value::Null));
    house.close().await;
}

#[tokio::test]
async fn a_malformed_question_is_400_and_names_what_is_wrong() {
    let house = House::open().await;
    for (query, named) in [
        ("events?limit=0", "limit"),
        ("events?limit=501", "limit"),
        ("events?limit=many", "limit"),
        ("events?cursor=x", "cursor"),
        ("events?since=yesterday", "since"),
        ("events?colour=red", "colour"),
        ("runs?state=tired", "state"),
        ("runs?cursor=7", "cursor"),
        ("rules/greet/explain", "event"),
        ("events/%ff", "path"),
    ] {
        let answer = house.api("GET", query, None).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad-request"), "{query}");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(named),
            "{query}: {}",
            answer.text
        );
    }
    house.close().await;
}

#[tokio::test]
async fn an_event_is_shown_whole_and_an_unknown_one_is_404() {
    let house = House::open().await;
    house.github("issues", "d-1", &issue(42)).await;
    let event = house.api("GET", "events/d-1", None).await.body;
    assert_eq!(event["type"], "github.issues.opened");
    assert_eq!(
        (&event["subject"], &event["actor"]),
        (&json!("acme/api#42"), &json!("ada"))
    );
    assert_eq!(
        (&event["source"], &event["origin"]),
        (&json!("github"), &json!("webhook"))
    );
    assert_eq!(event["payload"], issue(42));
    assert_eq!(event["runs"][0]["rule"], "greet");
    assert_eq!(event["decisions"][0]["rule"], "stumble");
    assert_eq!(event["duplicates"], json!([]));
    for path in [
        "events/d-9",
        "runs/nothing",
        "rules/nothing",
        "rules/greet/explain?event=d-9",
    ] {
        let answer = house.api("GET", path, None).await;
        assert_eq!((answer.status, answer.problem()), (404, "not-found"), "{path}");
    }
    assert_eq!(house.api("POST", "events/d-9/replay", None).await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn a_replay_is_the_next_generation_whatever_the_gates_say() {
    let house = House::open().await;
    let first = house.github("issues", "d-1", &issue(1)).await.body;
    let again = house.api("POST", "events/d-1/replay", None).await;
    assert_eq!(again.status, 202, "{}", again.text);
    let generations = |answer: &Value| -> Vec<u64> {
        answer["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["generation"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(generations(&first), [0]);
    assert_eq!(generations(&again.body).last(), Some(&1));
    assert_eq!(
        generations(&house.api("GET", "events/d-1", None).await.body),
        [0, 1]
    );
    house.close().await;
}

#[tokio::test]
async fn runs_are_listed_shown_cancelled_and_retried() {
    let house = House::open().await;
    for number in 1..=3 {
        house
            .github("issues", &format!("d-{number}"), &issue(number))
            .await;
    }
    let page = house.api("GET", "runs?rule=greet&limit=2", None).await.body;
    assert_eq!(page["runs"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = house
        .api("GET", &format!("runs?rule=greet&limit=2&cursor={cursor}"), None)
        .await
        .body;
    assert_eq!(
        (rest["runs"].as_array().unwrap().len(), &rest["next_cursor"]),
        (1, &Value::Null)
    );

    let of_event = house.api("GET", "runs?event=d-2", None).await.body;
    assert_eq!(of_event["runs"].as_array().unwrap().len(), 1);
    assert_eq!(
        house.api("GET", "runs?event=d-9", None).await.body["runs"],
        json!([])
    );
    let id = of_event["runs"][0]["id"].as_str().unwrap().to_owned();
    let run = house.api("GET", &format!("runs/{id}"), None).await.body;
    assert_eq!(
        (&run["state"], &run["event"], &run["steps"]),
        (&json!("queued"), &json!("d-2"), &json!([]))
    );

    let refused = house.api("POST", &format!("runs/{id}/retry"), None).await;
    assert_eq!((refused.status, refused.problem()), (409, "wrong-state"));
    let cancelled = house.api("POST", &format!("runs/{id}/cancel"), None).await;
    assert_eq!(
        (cancelled.status, &cancelled.body["state"]),
        (200, &json!("cancelled"))
    );
    let again = house
        .api("POST", &format!("runs/{id}/retry"), Some(json!({})))
        .await
        .body;
    assert_eq!(
        (&again["state"], &again["generation"]),
        (&json!("queued"), &json!(1))
    );
    assert_eq!(
        house.api("GET", "runs?state=cancelled", None).await.body["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    house.close().await;
}

#[tokio::test]
async fn an_unknown_run_is_settled_by_a_persons_word() {
    let house = House::open().await;
    let id = house.github("issues", "d-1", &issue(1)).await.body["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let store = house.reactor.store();
    let now = clock::after(Clock::system().now(), 1);
    let claim = store.claim("w", 1, 60_000, now).await.unwrap().remove(0);
    let end = Then::End {
        state: RunState::Unknown,
        reason: Some("who knows".into()),
    };
    store
        .advance(&claim.run.id, claim.run.fence, Vec::new(), end, now)
        .await
        .unwrap();

    let path = format!("runs/{id}/resolve");
    for bad in [
        json!({}),
        json!({ "resolution": "perhaps" }),
        json!({ "resolution": "repeat", "more": 1 }),
    ] {
        assert_eq!(house.api("POST", &path, Some(bad)).await.problem(), "bad-request");
    }
    assert_eq!(house.api("POST", &path, None).await.status, 400);
    let settled = house
        .api("POST", &path, Some(json!({ "resolution": "give_up" })))
        .await;
    assert_eq!(
        (settled.status, &settled.body["state"]),
        (200, &json!("dead")),
        "{}",
        settled.text
    );
    assert_eq!(
        house
            .api("POST", &path, Some(json!({ "resolution": "give_up" })))
            .await
            .status,
        409
    );
    house.close().await;
}

#[tokio::test]
async fn rules_are_listed_shown_and_explained() {
    let house = House::open().await;
    let mut closed = issue(1);
    closed["action"] = "closed".into();
    house.github("issues", "d-1", &closed).await;
    let list = house.api("GET", "rules", None).await.body;
    let ids: Vec<_> = list["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].clone())
        .collect();
    assert_eq!(ids, ["greet", "stumble", "watch"]);
    assert_eq!(list["rules"][2]["mode"], "shadow");
    let rule = house.api("GET", "rules/greet", None).await.body;
    assert_eq!(rule["limits"]["cooldown_ms"], 3_600_000);
    assert!(rule["text"].as_str().unwrap().contains("github.create_comment"));
    let explained = house.api("GET", "rules/greet/explain?event=d-1", None).await.body;
    assert_eq!(explained["explanation"]["in_force"], true);
    let text = explained["text"].as_str().unwrap();
    assert!(
        text.contains("github.issues.opened") && text.contains("github.issues.closed"),
        "{text}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_reload_is_whole_or_not_at_all_and_says_what_is_wrong() {
    let files = Arc::new(Mutex::new(sources()));
    let shown = Arc::clone(&files);
    let source = Box::new(move || Ok(shown.lock().unwrap().clone()));
    let house = House::build(Setup {
        source,
        ..Setup::default()
    })
    .await;
    // There are no tools here, so what is left must call none that is checked.
    files.lock().unwrap().push(SourceFile {
        path: "broken.toml".into(),
        text: "on = 1\n".into(),
        unreadable: None,
    });
    let refused = house.api("POST", "rules/reload", None).await;
    assert_eq!((refused.status, refused.problem()), (422, "broken-rules"));
    assert!(
        refused.body["text"].as_str().unwrap().contains("broken.toml:1"),
        "{}",
        refused.text
    );
    assert!(!refused.body["diagnostics"].as_array().unwrap().is_empty());
    let rules = house.api("GET", "rules", None).await.body;
    assert_eq!(
        rules["rules"].as_array().unwrap().len(),
        3,
        "the rules in force stay"
    );
    let ready = house.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.body["degraded"][0]["part"]),
        (200, &json!("rules"))
    );
    files.lock().unwrap().clear();
    let reloaded = house.api("POST", "rules/reload", None).await;
    assert_eq!(
        (reloaded.status, &reloaded.body["rules"]),
        (200, &json!(0)),
        "{}",
        reloaded.text
    );
    assert_eq!(
        house.get("/readyz").await.body,
        json!({ "status": "ready", "degraded": [] })
    );
    house.close().await;
}

#[tokio::test]
async fn health_metrics_and_the_front_page_are_open() {
    let house = House::open().await;
    let alive = house.get("/healthz").await;
    assert_eq!((alive.status, &alive.body["status"]), (200, &json!("ok")));
    assert_eq!(house.get("/readyz").await.status, 200);
    house.github("issues", "d-1", &issue(1)).await;
    let metrics = house.get("/metrics").await.text;
    for name in [
        r#"xmrt_deliveries_total{source="github",outcome="accepted"}"#,
        "xmrt_events",
        "xmrt_ready 1",
    ] {
        assert!(metrics.contains(name), "{metrics}");
    }
    assert!(house.get("/").await.text.contains("/webhooks/github"));
    assert_eq!(house.get("/nothing").await.problem(), "not-found");
    house.close().await;
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_sane_one_is_kept() {
    let house = House::open().await;
    let ask = async |id: &str| {
        let request = house
            .client
            .get(format!("{}/nothing", house.url))
            .header("x-request-id", id);
        Answer::of(request.send().await.unwrap())
            .await
            .header("x-request-id")
            .to_owned()
    };
    assert_eq!(ask("trace-1.2:3_A").await, "trace-1.2:3_A");
    for bad in ["", "two words", "<script>", &"x".repeat(129)] {
        let given = ask(bad).await;
        assert!(given != bad && given.len() == 36, "{bad} became {given}");
    }
    house.close().await;
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_guessing_and_storing() {
    let house = House::open().await;
    let answers: [HeaderMap; 3] = [
        house.get("/healthz").await.headers,
        house.get("/api/v1/events").await.headers,
        house.api("GET", "events", None).await.headers,
    ];
    for headers in answers {
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
    }
    house.close().await;
}
