//! A service's health: the verdict, and what it stands on.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::stage;

fn healthy() -> Value {
    let of = |metric: &str, labels: Value, values: Value| json!({"service_id": "srv-a", "metric": metric, "unit": "", "labels": labels, "values": values});
    json!({
        "services": [{"id": "srv-a", "name": "api-prod"}],
        "deploys": [{"id": "dep-1", "service_id": "srv-a", "status": "live", "finished": "-2d"}],
        "metrics": [
            of("cpu", json!({"instance": "a"}), json!([0.1, 0.2])), of("cpu-limit", json!({}), json!([0.5, 0.5])),
            of("memory", json!({"instance": "a"}), json!([200, 300])), of("memory-limit", json!({}), json!([512, 512])),
            of("http-requests", json!({"statusCode": 200}), json!([100, 100])),
            of("http-latency", json!({"quantile": 0.95}), json!([100, 100])),
        ],
    })
}

async fn vitals(state: Value) -> Value {
    stage(state)
        .await
        .call("check_health", json!({"service_id": "srv-a"}))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_healthy_service_is_told_with_what_was_looked_at() {
    let vitals = vitals(healthy()).await;
    assert_eq!(
        (&vitals["verdict"], &vitals["unread"]),
        (&json!("healthy"), &json!([]))
    );
    insta::assert_snapshot!(vitals["report"].as_str().unwrap(), @"
    `api-prod` (srv-a, web_service) is healthy, looked at between 2027-01-15 07:00 UTC and 2027-01-15 08:00 UTC.

    - Live is dep-1 since 2027-01-13 08:00 UTC.
    - Memory of the busiest instance: 49 % of its limit on average, 59 % at most.
    - CPU of the busiest instance: 30 % of its limit on average, 40 % at most.
    - 0 of 200 requests failed with 5xx (0.0 %).
    - p95 latency: 100 on average, 100 at worst.
    ");
}

/// What is added to a healthy service, the verdict that comes of it, and what the report says then.
type Case = (Vec<(&'static str, Value)>, &'static str, &'static str);

async fn judged(cases: Vec<Case>) {
    for (changes, verdict, says) in cases {
        let mut state = healthy();
        let told = format!("{changes:?}");
        for (list, entry) in changes {
            let object = state.as_object_mut().unwrap();
            let entries = object.entry(list).or_insert_with(|| json!([]));
            // The newest deploy stands first.
            let at = if list == "deploys" {
                0
            } else {
                entries.as_array().unwrap().len()
            };
            entries.as_array_mut().unwrap().insert(at, entry);
        }
        let vitals = vitals(state).await;
        let report = vitals["report"].as_str().unwrap();
        assert_eq!(vitals["verdict"], verdict, "{told}: {report}");
        assert!(report.contains(says), "{told}: {report}");
    }
}

#[tokio::test]
async fn what_happened_to_a_service_has_its_weight_and_is_named() {
    let event = |kind: &str, at: &str, details: Value| {
        (
            "events",
            json!({"service_id": "srv-a", "type": kind, "at": at, "details": details}),
        )
    };
    let oom = || json!({"reason": {"evicted": false, "oomKilled": {"memoryLimit": "512Mi"}}});
    let exit = json!({"reason": {"nonZeroExit": 137}});
    let failed = json!({"id": "dep-2", "service_id": "srv-a", "status": "build_failed", "finished": "-5m"});
    judged(vec![
        (
            vec![event("server_failed", "-5m", oom())],
            "failing",
            "A server failed, last at 2027-01-15 07:55 UTC: out of memory (limit 512Mi); nothing says that it came back.",
        ),
        (
            vec![event("server_failed", "-5m", exit), event("server_available", "-4m", json!({}))],
            "degraded",
            "A server failed, last at 2027-01-15 07:55 UTC: it exited with 137; it came back since.",
        ),
        (vec![event("server_failed", "-5h", oom())], "healthy", "Live is dep-1"),
        (
            vec![("deploys", failed)],
            "degraded",
            "The newest deploy dep-2 ended as build_failed at 2027-01-15 07:55 UTC.",
        ),
        (
            vec![("services", json!({"id": "srv-a", "suspended": true}))],
            "suspended",
            "no instance runs",
        ),
    ])
    .await;
}

#[tokio::test]
async fn load_has_its_weight_against_its_limits_and_against_the_time_before() {
    let load = |metric: &str, labels: Value, at: &str, values: Value| {
        let load = json!({"service_id": "srv-a", "metric": metric, "unit": "ms", "labels": labels, "at": at, "values": values});
        vec![("metrics", load)]
    };
    let status = |code: u16, count: u64| {
        load(
            "http-requests",
            json!({ "statusCode": code }),
            "now",
            json!([count]),
        )
    };
    let before = |value: u64| load("http-latency", json!({"quantile": 0.95}), "-70m", json!([value]));
    let second = || json!({"instance": "b"});
    judged(vec![
        (
            status(502, 50),
            "failing",
            "50 of 250 requests failed with 5xx (20.0 %).",
        ),
        (
            status(500, 4),
            "degraded",
            "4 of 204 requests failed with 5xx (2.0 %).",
        ),
        (status(404, 200), "healthy", "0 of 400 requests failed"),
        (
            load("memory", second(), "now", json!([300, 500])),
            "degraded",
            "Memory of the busiest instance: 78 % of its limit on average, 98 % at most.",
        ),
        (
            load("cpu", second(), "now", json!([0.48, 0.49])),
            "degraded",
            "CPU of the busiest instance: 97 % of its limit on average, 98 % at most.",
        ),
        (
            before(40),
            "degraded",
            "p95 latency: 100 ms on average, 100 ms at worst: 2.5 times the 40 ms before.",
        ),
        (before(90), "healthy", "100 ms at worst; 90 ms before."),
        // The mean of the worst parts is no worst part.
        (
            load("http-latency", json!({"quantile": 0.95}), "-2m", json!([2_300])),
            "healthy",
            "2300 ms at worst",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_service_that_was_never_deployed_and_one_without_a_live_deploy_are_told_apart() {
    let never = vitals(json!({"services": [{"id": "srv-a", "name": "api"}]})).await;
    assert_eq!(never["verdict"], "never_deployed");
    let mut none = healthy();
    none["deploys"][0]["status"] = json!("update_failed");
    let none = vitals(none).await;
    assert_eq!(none["verdict"], "failing");
    assert_eq!(
        none["evidence"][0]["what"],
        "None of the newest 1 deploys is live."
    );
}

#[tokio::test]
async fn a_rollback_that_froze_deploys_is_recalled() {
    let mut state = healthy();
    state["deploys"][0]["trigger"] = json!("rollback");
    state["services"][0]["auto_deploy"] = json!(false);
    let vitals = vitals(state).await;
    let report = vitals["report"].as_str().unwrap();
    assert!(
        report.contains("Live is the rollback dep-1") && report.contains("unfreeze_deploys"),
        "{report}"
    );
}

#[tokio::test]
async fn a_cron_job_is_judged_by_its_runs_and_not_by_its_load() {
    let stage = stage(json!({
        "services": [{"id": "crn-b", "name": "nightly"}],
        "deploys": [{"id": "dep-1", "service_id": "crn-b", "status": "live", "finished": "-2d"}],
        "events": [{"service_id": "crn-b", "type": "cron_job_run_ended", "at": "-10m", "details": {"status": "unsuccessful"}}],
    }))
    .await;
    let vitals = stage
        .call("check_health", json!({"service_id": "crn-b"}))
        .await
        .unwrap();
    assert_eq!(vitals["verdict"], "failing");
    let metrics = stage.sandbox.requests();
    assert!(
        metrics
            .iter()
            .all(|request| request["operation"] != "get_metrics")
    );
}

#[tokio::test]
async fn what_could_not_be_read_is_said_and_not_judged_but_without_the_service_there_is_nothing_to_say() {
    let there = stage(healthy()).await;
    there.fault(
        "get_metrics",
        json!({"kind": "status", "status": 400, "message": "not on this plan"}),
    );
    let vitals = there
        .call("check_health", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    assert_eq!(vitals["verdict"], "healthy");
    assert!(
        vitals["unread"][0]
            .as_str()
            .unwrap()
            .contains("cpu: Render answered 400: not on this plan")
    );
    assert!(vitals["report"].as_str().unwrap().contains("Not judged"));
    there.fault("list_deploys", json!({"kind": "status", "status": 503}));
    let away = there
        .call("check_health", json!({"service_id": "srv-a"}))
        .await
        .unwrap_err();
    assert_eq!(away.class, ErrorClass::Unavailable);
    let long = json!({"service_id": "srv-a", "within": "7d"});
    let long = there.call("check_health", long).await.unwrap_err();
    assert_eq!(long.class, ErrorClass::Invalid);
}
