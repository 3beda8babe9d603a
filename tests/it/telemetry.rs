//! What the program tells of itself: numbers, traces, logs; and that the dashboard and the alarms ask for nothing else.

mod deployed;
mod collector;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, GITHUB_TOKEN, World, issue_opened};
use collector::{Collector, Seen};
use deployed::table;

const GREET: &str = r#"
description = "Greets"
on = "github.issues.opened"

[[action]]
id = "say"
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", body = "Seen." }
"#;

async fn world(rules: &[(&str, &str)], more: &[(&str, &str)]) -> World {
    let world = World::start_with(rules, "[limits]\nsettle_ms = 150\n", more).await;
    let seed = json!({ "github": {
        "repos": [{ "full_name": "acme/api" }],
        "issues": [{ "repo": "acme/api", "number": 1, "title": "Issue 1" }],
    } });
    world.sandbox_post("seed", seed).await;
    world
}

async fn delivered(world: &World, id: &str) {
    let (status, answer) = world.github("issues", id, &issue_opened(1)).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    let runs = world.settled(id).await;
    assert!(runs.iter().all(|run| run["status"] == "succeeded"), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_the_delivery_over_rule_run_and_step_to_the_providers_answer() {
    let collector = Collector::start().await;
    let mut world = world(
        &[("greet", GREET)],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)],
    )
    .await;
    delivered(&world, "d-1").await;
    let (_, trail) = world.api("audit?what=github.create_comment").await;
    assert!(
        world.server.terminate().0.success(),
        "what is left is sent at the end"
    );
    let spans = collector.spans();
    let one = |name: &str| -> &Seen {
        let found: Vec<&Seen> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0]
    };
    let event = one("event github");
    assert_eq!(event.parent, "", "it is the root");
    assert_eq!(event.attributes["event.id"], "d-1");
    assert_eq!(
        trail["audit"][0]["trace"], event.trace,
        "the audit trail names it"
    );
    for (child, parent) in [
        ("match", "event github"),
        ("admit", "event github"),
        ("run greet", "event github"),
        ("step say", "run greet"),
        ("call github.create_comment", "step say"),
        ("POST github", "call github.create_comment"),
    ] {
        assert_eq!(one(child).trace, event.trace, "{child}");
        assert_eq!(one(child).parent, one(parent).id, "{child} is under {parent}");
    }
    assert_eq!(one("match").attributes["rules.fired"], "greet");
    let request = one("POST github");
    assert_eq!(request.attributes["http.response.status_code"], "201");
    assert_eq!(
        request.attributes["url.path"],
        "/repos/acme/api/issues/1/comments"
    );
    let all = format!("{spans:?}");
    for kept in ["Seen.", "It broke.", GITHUB_TOKEN, ADMIN_TOKEN] {
        assert!(!all.contains(kept), "`{kept}` is in a span: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_process_carries_on_is_in_the_trace_of_its_delivery() {
    use sha2::Digest;
    let collector = Collector::start().await;
    let waits = GREET.replace("[[action]]", "[limits]\ndelay = \"1s\"\n\n[[action]]");
    let mut world = world(
        &[("greet", &waits)],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)],
    )
    .await;
    world.github("issues", "d-1", &issue_opened(1)).await.unwrap();
    world.server.terminate();
    world.restart();
    world.settled("d-1").await;
    world.server.terminate();
    let spans = collector.spans();
    let expected = hex::encode(&sha2::Sha256::digest(b"github\0d-1")[..16]);
    let trace = |name: &str| {
        spans
            .iter()
            .find(|span| span.name == name)
            .map(|span| span.trace.clone())
    };
    assert_eq!(trace("event github"), Some(expected.clone()), "{spans:#?}");
    assert_eq!(trace("step say"), Some(expected), "{spans:#?}");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nobody_anything() {
    let mut world = world(
        &[("greet", GREET)],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")],
    )
    .await;
    delivered(&world, "d-1").await;
    let (status, took) = world.server.terminate();
    assert!(status.success() && took.as_secs() < 10, "{status} after {took:?}");
}

#[tokio::test]
async fn log_lines_are_json_where_that_is_asked_for() {
    let mut world = world(&[("greet", GREET)], &[("XMRT_LOG_FORMAT", "json")]).await;
    delivered(&world, "d-1").await;
    world.server.terminate();
    let log = world.server_log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let admitted = lines
        .iter()
        .find(|line| line["fields"]["message"] == "event admitted");
    let fields = &admitted.unwrap_or_else(|| panic!("{log}"))["fields"];
    assert_eq!((&fields["event.id"], &fields["runs"]), (&json!("d-1"), &json!(1)));
}

/// What appears only after an accident, or with a provider or a store that this test has not.
const RARE: [&str; 9] = [
    "xmrt_tasks_total",
    "xmrt_provider_held_back_total",
    "xmrt_clock_jumps_total",
    "xmrt_journal_failures_total",
    "xmrt_mcp_breaker_opened_total",
    "xmrt_mcp_server_up",
    "xmrt_doubt_looks_total",
    "xmrt_coverage_lag_seconds",
    "xmrt_coverage_deliveries_total",
];

#[tokio::test]
async fn metrics_are_those_of_the_reference_with_those_labels() {
    let world = world(&[("greet", GREET)], &[]).await;
    delivered(&world, "d-1").await;
    let forged = world.client.post(format!("{}/webhooks/github", world.server.url));
    assert_eq!(
        forged
            .header("content-type", "application/json")
            .body("{}")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    assert_eq!(world.api_post("rules/reload", json!({})).await.0, 200);
    let broken = world.folder.path().join("rules/broken.toml");
    std::fs::write(broken, "on = 1\n").unwrap();
    assert_eq!(world.api_post("rules/reload", json!({})).await.0, 422);
    let page = world
        .until("the journal to be measured", async || {
            let text = world
                .client
                .get(format!("{}/metrics", world.server.url))
                .send()
                .await
                .ok()?;
            let text = text.text().await.ok()?;
            text.contains("\nxmrt_journal_bytes").then_some(text)
        })
        .await;
    let table = table();
    let seen = series(&page);
    for (name, labels) in &seen {
        assert_eq!(
            table.get(name),
            Some(labels),
            "{name} is not as docs/metrics.md says"
        );
    }
    let missing: Vec<&String> = table
        .keys()
        .filter(|name| !seen.contains_key(*name) && !RARE.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "never recorded: {missing:?} in\n{page}");
    for line in [
        "xmrt_decisions_total{rule=\"greet\",decision=\"fired\"} 1",
        "xmrt_tool_calls_total{tool=\"github.create_comment\",caller=\"reactor\",outcome=\"ok\"} 1",
        "xmrt_step_seconds_count{tool=\"github.create_comment\",outcome=\"done\"} 1",
        "xmrt_provider_requests_total{provider=\"github\",method=\"POST\",status=\"2xx\"} 1",
        "xmrt_runs_total{rule=\"greet\",state=\"succeeded\"} 1",
        "xmrt_rules{mode=\"live\"} 1",
        "xmrt_degraded{part=\"rules\"} 1",
        "xmrt_rule_reloads_total{outcome=\"refused\"}",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

/// The names on a page with their labels; of a histogram its own name, without `le`.
fn series(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let histograms: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram"))
        .collect();
    let label = regex::Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| histograms.contains(base)).unwrap_or(name);
        let labels = label.captures_iter(labels).map(|label| label[1].to_owned());
        let known = seen.entry(name.to_owned()).or_default();
        known.extend(labels.filter(|label| label != "le"));
    }
    seen
}
