//! The blueprints and the image are what Render and Docker take, as far as that can be told without them.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a blueprint may say, by Render's documentation of November 2026.
const SERVICE: [&str; 25] = [
    "type",
    "name",
    "runtime",
    "plan",
    "region",
    "repo",
    "branch",
    "rootDir",
    "buildCommand",
    "startCommand",
    "preDeployCommand",
    "autoDeployTrigger",
    "healthCheckPath",
    "numInstances",
    "scaling",
    "maxShutdownDelaySeconds",
    "domains",
    "envVars",
    "buildFilter",
    "disk",
    "previews",
    "ipAllowList",
    "dockerfilePath",
    "dockerContext",
    "dockerCommand",
];
const KEY_VALUE: [&str; 7] = [
    "type",
    "name",
    "plan",
    "previewPlan",
    "region",
    "maxmemoryPolicy",
    "ipAllowList",
];
const PLANS: [&str; 6] = ["starter", "standard", "pro", "pro plus", "pro max", "pro ultra"];
const REGIONS: [&str; 5] = ["oregon", "ohio", "virginia", "frankfurt", "singapore"];
/// Render's own ports and the like are not ours to set.
const SET_BY_RENDER: [&str; 2] = ["PORT", "RENDER"];
/// SIGTERM drains within so many seconds (docs/reliability.md), and then the last spans are sent for some.
const DRAIN_SECONDS: u64 = 20 + 3;

fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn services(path: &str) -> Vec<Value> {
    let blueprint: Value = serde_saphyr::from_str(&text(path)).unwrap();
    let keys: Vec<&String> = blueprint.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["services"], "{path}");
    blueprint["services"].as_array().unwrap().clone()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What must hold of the web service; gives its variables.
fn web(service: &Value, path: &str) -> Vec<Value> {
    let known = BTreeSet::from(SERVICE);
    assert!(
        keys(service).is_subset(&known),
        "{path}: {:?}",
        keys(service).difference(&known)
    );
    assert_eq!(service["runtime"], "rust", "{path}");
    assert!(
        PLANS.contains(&service["plan"].as_str().unwrap()),
        "{path}: a free service sleeps"
    );
    assert!(REGIONS.contains(&service["region"].as_str().unwrap()), "{path}");
    assert!(
        service["buildCommand"].as_str().unwrap().contains("--locked"),
        "{path}"
    );
    assert!(
        service["startCommand"].as_str().unwrap().ends_with("xmrt serve"),
        "{path}"
    );
    assert_eq!(service["healthCheckPath"], "/healthz", "{path}");
    assert!(
        ["commit", "checksPass", "off"].contains(&service["autoDeployTrigger"].as_str().unwrap()),
        "{path}"
    );
    let delay = service["maxShutdownDelaySeconds"].as_u64().unwrap();
    assert!(
        (DRAIN_SECONDS..=300).contains(&delay),
        "{path}: {delay} s do not match the drain"
    );
    let variables = service["envVars"].as_array().unwrap().clone();
    let mut seen = BTreeSet::new();
    for variable in &variables {
        let name = variable["key"].as_str().unwrap();
        assert!(seen.insert(name.to_owned()), "{path}: {name} is there twice");
        assert!(!SET_BY_RENDER.contains(&name), "{path}: {name}");
        let ways: Vec<&str> = keys(variable).into_iter().filter(|key| *key != "key").collect();
        assert_eq!(ways.len(), 1, "{path}: {name} has one source");
        match ways[0] {
            "value" => assert!(
                variable["value"].is_string(),
                "{path}: {name} is text, so it needs quotes"
            ),
            "generateValue" => assert_eq!(variable["generateValue"], true, "{path}: {name}"),
            "sync" => assert_eq!(variable["sync"], false, "{path}: {name}"),
            "fromService" => {}
            other => panic!("{path}: {name} comes from `{other}`"),
        }
        let secret = ["TOKEN", "SECRET", "API_KEY", "URLS", "SECRET_KEY"]
            .iter()
            .any(|end| name.ends_with(end));
        assert!(
            !secret || ways[0] != "value",
            "{path}: the secret {name} is generated or asked for, never written down"
        );
    }
    for needed in [
        "XMRT_ADMIN_TOKEN",
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_TOKEN",
        "RENDER_API_KEY",
        "RENDER_WEBHOOK_SECRET",
    ] {
        assert!(seen.contains(needed), "{path}: {needed} is missing");
    }
    variables
}

#[test]
fn the_blueprint_is_one_that_render_takes_and_its_journal_forgets_nothing() {
    let path = "render.yaml";
    let all = services(path);
    let [service, journal] = all.as_slice() else {
        panic!("two services: {all:?}")
    };
    let variables = web(service, path);
    assert_eq!(journal["type"], "keyvalue");
    let known = BTreeSet::from(KEY_VALUE);
    assert!(
        keys(journal).is_subset(&known),
        "{:?}",
        keys(journal).difference(&known)
    );
    assert_eq!(journal["maxmemoryPolicy"], "noeviction");
    assert_eq!(
        journal["ipAllowList"],
        Value::Array(Vec::new()),
        "it is reached from inside only"
    );
    assert!(
        PLANS.contains(&journal["plan"].as_str().unwrap()),
        "a free Key Value is in memory only"
    );
    assert_eq!(
        journal["region"], service["region"],
        "the private network is one region's"
    );
    let from = variables
        .iter()
        .find(|variable| variable["key"] == "REDIS_URL")
        .unwrap();
    let from = &from["fromService"];
    assert_eq!(
        (&from["name"], &from["type"]),
        (&journal["name"], &journal["type"])
    );
    assert_eq!(from["property"], "connectionString");
    assert!(service["disk"].is_null(), "a disk ties a service to one instance");
    assert!(service["numInstances"].as_u64().unwrap() >= 2);
}

#[test]
fn the_blueprint_with_a_disk_keeps_the_journal_on_it() {
    let path = "deploy/render-disk.yaml";
    let all = services(path);
    let [service] = all.as_slice() else {
        panic!("one service: {all:?}")
    };
    let variables = web(service, path);
    let folder = variables
        .iter()
        .find(|variable| variable["key"] == "XMRT_DATA_DIR")
        .unwrap();
    assert_eq!(folder["value"], service["disk"]["mountPath"]);
    assert!(service["disk"]["sizeGB"].as_u64().unwrap() >= 1 && service["disk"]["name"].is_string());
    assert!(
        service["numInstances"].is_null() && !variables.iter().any(|variable| variable["key"] == "REDIS_URL")
    );
}

#[test]
fn the_image_runs_without_rights_and_needs_nothing_secret_to_be_built() {
    let file = text("Dockerfile");
    let last = file.rsplit("\nFROM ").next().unwrap();
    assert!(
        last.contains("nonroot") && last.contains("\nUSER 65532:65532\n"),
        "{last}"
    );
    assert!(
        last.contains("ENTRYPOINT [") && last.contains("CMD [\"serve\"]"),
        "signals reach the program itself"
    );
    assert!(!file.contains("ARG ") && !file.contains("--secret"));
    let version = text("Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"").map(str::to_owned));
    let version = version.unwrap().trim_end_matches('"').to_owned();
    assert!(
        file.contains(&format!("FROM rust:{version}-")),
        "the image is built with {version}"
    );
    let ignored = text(".dockerignore");
    for kept_out in ["/.git", "/target", ".env", "/.xmrt"] {
        assert!(
            ignored.lines().any(|line| line == kept_out),
            "{kept_out} would get into the image"
        );
    }
}
