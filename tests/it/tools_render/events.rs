//! What happened to a service, by type, time and page.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::{ids, stage};

fn history() -> Value {
    json!({
        "services": [{"id": "srv-a", "name": "api"}],
        "events": [
            {"id": "evt-4", "service_id": "srv-a", "type": "plan_changed", "at": "-1m", "details": {"from": "free", "to": "pro"}},
            {"id": "evt-3", "service_id": "srv-a", "type": "server_failed", "at": "-30m",
             "details": {"reason": {"evicted": false, "oomKilled": {"memoryLimit": "512Mi"}}}},
            {"id": "evt-2", "service_id": "srv-a", "type": "server_failed", "at": "-3h"},
            {"id": "evt-1", "service_id": "srv-a", "type": "service_suspended", "at": "-6d"},
        ],
    })
}

#[tokio::test]
async fn events_are_found_by_type_and_time_newest_first_and_paged() {
    let stage = stage(history()).await;
    let find = async |filter: Value| {
        let mut arguments = json!({"service_id": "srv-a"});
        arguments
            .as_object_mut()
            .unwrap()
            .extend(filter.as_object().unwrap().clone());
        let found = stage.call("list_events", arguments).await.unwrap();
        (ids(&found["events"]).join(" "), found["cursor"].clone())
    };
    for (filter, found) in [
        (json!({}), "evt-4 evt-3"),
        (json!({"within": "7d"}), "evt-4 evt-3 evt-2 evt-1"),
        (json!({"within": "7d", "type": "server_failed"}), "evt-3 evt-2"),
        (json!({"since": "4h", "until": "10m"}), "evt-3 evt-2"),
        (json!({"since": "2027-01-15T07:55:00Z"}), "evt-4"),
        (json!({"type": "deploy_ended"}), ""),
    ] {
        assert_eq!(find(filter.clone()).await.0, found, "{filter}");
    }
    let (first, cursor) = find(json!({"within": "7d", "limit": 3})).await;
    let (rest, end) = find(json!({"within": "7d", "limit": 3, "cursor": cursor})).await;
    assert_eq!(
        (first.as_str(), rest.as_str(), end),
        ("evt-4 evt-3 evt-2", "evt-1", Value::Null)
    );
}

#[tokio::test]
async fn an_events_details_are_renders_own() {
    let stage = stage(history()).await;
    let arguments = json!({"service_id": "srv-a", "type": "server_failed"});
    let found = stage.call("list_events", arguments).await.unwrap();
    assert_eq!(
        found["events"][0]["details"]["reason"]["oomKilled"]["memoryLimit"],
        "512Mi"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_and_what_render_refuses_has_its_class() {
    let stage = stage(history()).await;
    for (service, filter, class, says) in [
        (
            "srv-a",
            json!({"type": "render.deploy_ended"}),
            ErrorClass::Invalid,
            "without `render.`",
        ),
        (
            "srv-a",
            json!({"since": "1h", "within": "1h"}),
            ErrorClass::Invalid,
            "`within`",
        ),
        (
            "srv-a",
            json!({"since": "1h", "until": "2h"}),
            ErrorClass::Invalid,
            "not after",
        ),
        (
            "srv-a",
            json!({"cursor": "nowhere"}),
            ErrorClass::Invalid,
            "cursor",
        ),
        ("srv-none", json!({}), ErrorClass::NotFound, "srv-none"),
    ] {
        let mut arguments = filter;
        arguments["service_id"] = json!(service);
        let error = stage.call("list_events", arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
