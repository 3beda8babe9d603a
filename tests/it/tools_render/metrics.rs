//! Load, as a few numbers.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::stage;

fn load() -> Value {
    let requests = |code: &str, values: Value| json!({"service_id": "srv-a", "metric": "http_requests", "unit": "requests", "labels": {"statusCode": code}, "values": values});
    let cpu = |instance: &str, values: Value| json!({"service_id": "srv-a", "metric": "cpu", "unit": "CPU", "labels": {"instance": instance}, "values": values});
    json!({
        "services": [{"id": "srv-a", "name": "api"}],
        "metrics": [
            cpu("srv-a-00000", json!([0.25, 0.5, 0.75])),
            cpu("srv-a-00001", json!([0.25, 0.25, 0.25])),
            requests("200", json!([10, 20])),
            requests("503", json!([1, 0])),
            {"service_id": "srv-a", "metric": "http_latency", "unit": "ms", "labels": {"quantile": 0.95}, "values": [80, 120]},
            {"service_id": "srv-a", "metric": "http_latency", "unit": "ms", "labels": {"quantile": 0.5}, "values": [8, 12]},
            {"service_id": "srv-a", "metric": "memory", "unit": "bytes", "at": "-5h", "values": [1, 2, 3]},
        ],
    })
}

fn get(more: Value) -> Value {
    let mut arguments = json!({"service_id": "srv-a"});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    arguments
}

#[tokio::test]
async fn a_series_is_a_few_numbers_in_its_unit() {
    let stage = stage(load()).await;
    let measured = stage
        .call("get_metrics", get(json!({"metrics": ["cpu"]})))
        .await
        .unwrap();
    assert_eq!(
        measured["series"][0],
        json!({
            "metric": "cpu", "unit": "CPU", "labels": {"resource": "srv-a", "instance": "srv-a-00000"}, "count": 3,
            "min": 0.25, "avg": 0.5, "max": 0.75, "last": 0.75,
            "first_at": "2027-01-15T07:58:00Z", "last_at": "2027-01-15T08:00:00Z",
        })
    );
    assert_eq!(measured["series"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn series_are_joined_grouped_cut_and_picked_as_asked() {
    let stage = stage(load()).await;
    for (asked, name, wanted) in [
        (
            json!({"metrics": ["cpu"], "aggregate": "max"}),
            "avg",
            json!([0.5]),
        ),
        (
            json!({"metrics": ["cpu"], "aggregate": "min"}),
            "max",
            json!([0.25]),
        ),
        (json!({"metrics": ["http_requests"]}), "sum", json!([31.0])),
        (
            json!({"metrics": ["http_requests"], "by": "status_code"}),
            "sum",
            json!([30.0, 1.0]),
        ),
        (json!({"metrics": ["http_latency"]}), "last", json!([120.0])),
        (
            json!({"metrics": ["http_latency"], "quantile": 0.5}),
            "last",
            json!([12.0]),
        ),
        (json!({"metrics": ["memory"]}), "count", json!([0])),
        (
            json!({"metrics": ["memory"], "within": "1d"}),
            "count",
            json!([3]),
        ),
        (
            json!({"metrics": ["memory"], "since": "2027-01-15T02:59:00Z", "resolution_seconds": 60}),
            "count",
            json!([2]),
        ),
        (json!({"metrics": ["bandwidth"]}), "sum", json!([])),
        (
            json!({"metrics": ["memory", "cpu"], "within": "1d"}),
            "last",
            json!([3.0, 0.75, 0.25]),
        ),
    ] {
        let measured = stage.call("get_metrics", get(asked.clone())).await.unwrap();
        let seen: Vec<Value> = measured["series"]
            .as_array()
            .unwrap()
            .iter()
            .map(|series| series[name].clone())
            .collect();
        assert_eq!(Value::Array(seen), wanted, "{asked}");
    }
    let points = get(json!({"metrics": ["memory"], "within": "1d", "points": true}));
    let points = stage.call("get_metrics", points).await.unwrap();
    assert_eq!(
        points["series"][0]["points"][2],
        json!(["2027-01-15T03:00:00Z", 3.0])
    );
}

#[tokio::test]
async fn what_render_would_ignore_or_refuse_is_an_error() {
    let stage = stage(load()).await;
    for (asked, says) in [
        (json!({"metrics": []}), "at least 1"),
        (json!({"metrics": ["cpus"]}), "item 1 must be"),
        (
            json!({"metrics": ["memory"], "aggregate": "max"}),
            "`aggregate` is for cpu",
        ),
        (
            json!({"metrics": ["cpu"], "by": "host"}),
            "`by` is for http_requests",
        ),
        (json!({"metrics": ["cpu"], "quantile": 0.5}), "`quantile` is for"),
        (
            json!({"metrics": ["http_latency"], "quantile": 95.0}),
            "between 0 and 1",
        ),
        (json!({"metrics": ["cpu"], "path": "/"}), "`path` is for"),
        (
            json!({"metrics": ["cpu"], "resolution_seconds": 5}),
            "at least 30",
        ),
        (
            json!({"service_id": "srv-none", "metrics": ["cpu"]}),
            "invalid resource: srv-none",
        ),
    ] {
        let error = stage.call("get_metrics", get(asked)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    stage.fault("get_metrics", json!({"kind": "status", "status": 500}));
    let away = stage
        .call("get_metrics", get(json!({"metrics": ["cpu"]})))
        .await
        .unwrap_err();
    assert_eq!(away.class, ErrorClass::Unavailable);
}
