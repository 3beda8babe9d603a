//! The toolset `security`: what GitHub warns of.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::Stage;

async fn stage() -> Stage {
    let alert = |kind: &str, number: u64, more: Value| {
        let mut alert = json!({ "repo": "acme/api", "kind": kind, "number": number, "name": "left-pad" });
        alert
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        alert
    };
    Stage::new(json!({
        "repos": [{ "full_name": "acme/api" }, { "full_name": "acme/off" }],
        "alerts": [
            alert("dependabot", 1, json!({ "severity": "critical", "summary": "Pads too much" })),
            alert("dependabot", 2, json!({ "state": "fixed" })),
            alert("dependabot", 3, json!({ "severity": "low" })),
            alert("code", 4, json!({ "name": "js/sql-injection", "path": "src/db.js", "severity": "high" })),
            alert("secret", 5, json!({ "name": "github_personal_access_token", "summary": "GitHub Personal Access Token" })),
            alert("secret", 6, json!({ "name": "slack_api_token", "state": "resolved" })),
        ],
    }))
    .await
}

fn numbers(page: &Value) -> Vec<u64> {
    let alerts = page["alerts"].as_array().unwrap().iter();
    alerts.map(|alert| alert["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn alerts_are_listed_newest_first_filtered_and_page_by_page() {
    let stage = stage().await;
    let list = async |tool: &str, more: Value| {
        let mut arguments = more;
        arguments["repo"] = json!("acme/api");
        stage.done(tool, arguments).await
    };
    let first = list("list_dependabot_alerts", json!({ "limit": 1 })).await;
    assert_eq!(numbers(&first), [3]);
    let second = list(
        "list_dependabot_alerts",
        json!({ "limit": 1, "cursor": first["next_cursor"] }),
    )
    .await;
    assert_eq!(
        (numbers(&second), &second["next_cursor"]),
        (vec![1], &Value::Null)
    );
    let bad = &second["alerts"][0];
    assert_eq!(
        (
            &bad["package"],
            &bad["severity"],
            &bad["first_patched_version"],
            &bad["summary"]
        ),
        (
            &json!("left-pad"),
            &json!("critical"),
            &json!("2.0.0"),
            &json!("Pads too much")
        )
    );
    assert_eq!(
        numbers(&list("list_dependabot_alerts", json!({ "state": "all" })).await),
        [3, 2, 1]
    );
    assert_eq!(
        numbers(&list("list_dependabot_alerts", json!({ "severity": "critical" })).await),
        [1]
    );
    assert_eq!(
        numbers(&list("list_dependabot_alerts", json!({ "state": "dismissed" })).await),
        [0; 0]
    );

    let code = list("list_code_scanning_alerts", json!({ "tool": "CodeQL" })).await;
    let found = &code["alerts"][0];
    assert_eq!(
        (&found["rule"], &found["path"], &found["line"], &found["severity"]),
        (
            &json!("js/sql-injection"),
            &json!("src/db.js"),
            &json!(7),
            &json!("high")
        )
    );
    assert_eq!(
        numbers(&list("list_secret_scanning_alerts", json!({ "state": "all" })).await),
        [6, 5]
    );
    assert_eq!(
        numbers(&list("list_secret_scanning_alerts", json!({})).await),
        [5]
    );
    stage.end().await;
}

#[tokio::test]
async fn the_secret_itself_is_not_even_asked_for() {
    let stage = stage().await;
    let found = stage
        .done("list_secret_scanning_alerts", json!({ "repo": "acme/api" }))
        .await;
    assert_eq!(found["alerts"][0]["secret_type"], "github_personal_access_token");
    assert!(!found.to_string().contains("what opens the door"), "{found}");
    let asked = stage.sandbox.requests();
    assert!(
        asked[0]["query"].as_str().unwrap().contains("hide_secret=true"),
        "{asked:?}"
    );
    stage.end().await;
}

#[tokio::test]
async fn what_is_switched_off_or_hidden_says_so() {
    let stage = stage().await;
    for (tool, repo, class, said) in [
        (
            "list_dependabot_alerts",
            "acme/off",
            ErrorClass::Forbidden,
            "disabled",
        ),
        (
            "list_code_scanning_alerts",
            "acme/off",
            ErrorClass::NotFound,
            "no analysis",
        ),
        (
            "list_secret_scanning_alerts",
            "acme/off",
            ErrorClass::NotFound,
            "disabled",
        ),
        (
            "list_dependabot_alerts",
            "acme/none",
            ErrorClass::NotFound,
            "Not Found",
        ),
    ] {
        let error = stage.fails(tool, json!({ "repo": repo })).await;
        assert_eq!(
            (error.class.clone(), error.message.contains(said)),
            (class, true),
            "{tool}: {error}"
        );
    }
    stage.end().await;
}
