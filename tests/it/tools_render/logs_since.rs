//! What a log says since a deploy: from when on it counts, what heads the list, what is hidden, what a failure was caused by.

use serde_json::{Value, json};

use super::stage::{Stage, stage};

/// A deploy that was built from 07:40 to 07:45, and lines at so many minutes ago; it is eight o'clock.
async fn built(status: &str, lines: &[(i64, &str)]) -> Stage {
    let logs: Vec<Value> = lines
        .iter()
        .map(|(ago, line)| json!({"service_id": "srv-a", "at": format!("-{ago}m"), "message": line}))
        .collect();
    stage(json!({
        "services": [{"id": "srv-a", "name": "api-prod"}],
        "deploys": [
            {"id": "dep-2", "service_id": "srv-a", "status": status, "created": "-20m", "finished": "-15m"},
            {"id": "dep-1", "service_id": "srv-a", "status": "deactivated", "finished": "-2d"},
        ],
        "logs": logs,
    }))
    .await
}

async fn analyzed(stage: &Stage) -> Value {
    let of = json!({"service_id": "srv-a"});
    stage.call("analyze_logs", of).await.unwrap()
}

const LINES: &[(i64, &str)] = &[
    (40, "ERROR pool is exhausted"),
    (17, "ERROR pool is exhausted"),
    (16, "INFO served 1"),
    (10, "INFO served 2"),
    (5, "ERROR no such column: total"),
];

#[tokio::test]
async fn what_is_logged_while_a_deploy_is_built_is_from_before_it_and_health_names_the_same_time() {
    let stage = built("live", LINES).await;
    let found = analyzed(&stage).await;
    assert_eq!(found["deploy"]["at"], "2027-01-15T07:45:00Z");
    assert_eq!(
        found["before"],
        json!({"records": 3, "errors": 2, "error_percent": 66.7})
    );
    // What is over does not head the list, however grave it was.
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Log of `api-prod` (srv-a), 2027-01-15 07:00 UTC to 2027-01-15 08:00 UTC:

    - Since dep-2 went live at 2027-01-15 07:45 UTC: 1 of 2 records are errors (50 %).
    - Before that, from 2027-01-15 07:00 UTC: 2 of 3 records were errors (66.7 %).

    - 1× error, new, at 07:55: `no such column: total`
    - 1× (1× before), 07:44 to 07:50: `served <num>`
    - 0× error (2× before), 07:20 to 07:43: `pool is exhausted`
    ");
    let health = json!({"service_id": "srv-a"});
    let health = stage.call("check_health", health).await.unwrap();
    let live = "Live is dep-2 since 2027-01-15 07:45 UTC.";
    assert!(health["report"].as_str().unwrap().contains(live), "{health}");
}

#[tokio::test]
async fn a_deploy_that_never_went_live_counts_from_its_beginning() {
    for status in ["build_failed", "build_in_progress"] {
        let found = analyzed(&built(status, LINES).await).await;
        assert_eq!(found["deploy"]["at"], "2027-01-15T07:40:00Z", "{status}");
        assert_eq!(found["before"]["records"], 1, "{status}");
        let report = found["report"].as_str().unwrap();
        let began = format!("- Since dep-2 ({status}) began at 2027-01-15 07:40 UTC: ");
        assert!(report.contains(&began), "{report}");
    }
}

/// The secrets are assembled here, so that no scanner takes them for real ones.
#[tokio::test]
async fn a_secret_in_a_log_is_in_nothing_that_is_told_of_it() {
    let token = format!("{}_{}", "ghp", "A1b2".repeat(9));
    let secrets = [
        format!("ERROR clone failed with {token}"),
        "ERROR login of eve failed, password=s3cret-1 is wrong".to_owned(),
        "ERROR login of eve failed, password: s3cret-2".to_owned(),
        "WARN upstream refused Authorization: Bearer s3cret-3".to_owned(),
        "INFO connected to postgres://eve:s3cret-4@db:5432/orders".to_owned(),
        r#"{"level":"error","msg":"sign in","client_secret":"s3cret-5"}"#.to_owned(),
        "\u{1b}[32mINFO\u{1b}[0m set \u{1b}[3mapi_key\u{1b}[0m\u{1b}[2m=\u{1b}[0ms3cret-6".to_owned(),
        "java.lang.IllegalStateException: no login\nCaused by: java.io.IOException: 401 for token=s3cret-7"
            .to_owned(),
    ];
    let lines: Vec<(i64, &str)> = secrets
        .iter()
        .flat_map(|lines| lines.lines())
        .map(|line| (5, line))
        .collect();
    let found = analyzed(&built("live", &lines).await).await;
    let all = found.to_string();
    assert!(!all.contains("s3cret") && !all.contains(&token), "{all}");
    let digest: Vec<&str> = found["digest"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    insta::assert_snapshot!(digest.join("\n"), @"
    1× error: clone failed with (hidden)
    1× error: login of eve failed, password=<*> is wrong
    1× error: login of eve failed, password: (hidden)
    1× error: sign in
    1× error: java.lang.IllegalStateException: no login, caused by java.io.IOException: 401 for token=(hidden)
    1× warning: upstream refused Authorization: Bearer (hidden)
    1×: connected to <url>
    1×: set api_key=<*>
    ");
}

#[tokio::test]
async fn the_root_of_an_error_that_rust_reports_is_its_cause() {
    let lines = [
        "Error: could not load the configuration",
        "",
        "Caused by:",
        "    0: could not read app.toml",
        "    1: No such file or directory (os error 2)",
    ];
    let lines: Vec<(i64, &str)> = lines.iter().map(|line| (5, *line)).collect();
    let found = analyzed(&built("live", &lines).await).await;
    assert_eq!(
        found["templates"][0]["cause"],
        "No such file or directory (os error 2)"
    );
    let told =
        "`Error: could not load the configuration`, caused by `No such file or directory (os error 2)`";
    let report = found["report"].as_str().unwrap();
    assert!(report.contains(told), "{report}");
}
