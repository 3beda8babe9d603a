//! Events, runs and rules through tools: found, shown, and a rule's text checked.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::room::{TELL, room};

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
