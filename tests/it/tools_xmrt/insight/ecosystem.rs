//! One score over everything, and the report of a week.

use jiff::SignedDuration;
use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use crate::tools_xmrt::stage::{Stage, stage_of};

/// A repository whose build is red and a service that failed; another one that nobody pushed to for long.
fn seed() -> Value {
    json!({
        "github": {
            "repos": [
                { "full_name": "acme/api", "pushed": "-2d" },
                { "full_name": "acme/old", "pushed": "-200d" },
                { "full_name": "acme/web", "pushed": "-1d" },
            ],
            "runs": [
                { "repo": "acme/api", "id": 1, "name": "CI", "path": ".github/workflows/ci.yml", "branch": "main",
                  "status": "completed", "conclusion": "failure", "created": "-1h" },
            ],
            "issues": [{ "repo": "acme/api", "number": 7, "title": "It crashes", "author": "ann", "created": "-2d" }],
        },
        "render": {
            "services": [{ "id": "srv-a", "name": "api-prod", "repo": "acme/api" }],
            "deploys": [{ "id": "dep-1", "service_id": "srv-a", "status": "live", "created": "-3d", "finished": "-3d" }],
            "events": [{ "service_id": "srv-a", "type": "server_failed", "at": "-2h" }],
        },
    })
}

fn area<'a>(health: &'a Value, name: &str) -> &'a Value {
    let mut areas = health["areas"].as_array().unwrap().iter();
    areas.find(|area| area["area"] == name).unwrap()
}

async fn health(stage: &Stage) -> Value {
    stage.call("ecosystem_health", json!({})).await.unwrap()
}

#[tokio::test]
async fn what_there_is_is_found_and_judged_with_evidence() {
    let stage = stage_of(seed()).await;
    let found = health(&stage).await;
    // The one that nobody works on is not looked at.
    assert_eq!(found["repos"], json!(["acme/api", "acme/web"]));
    assert_eq!(found["services"], json!(["srv-a"]));
    assert_eq!(area(&found, "workflows")["subjects"], 2);
    assert_eq!(area(&found, "reactor")["score"], 100);
    // Nobody registered and no task was posted: nothing to judge.
    assert_eq!(area(&found, "agents")["score"], Value::Null);
    for (of, subject) in [("workflows", "acme/api"), ("services", "srv-a")] {
        let score = area(&found, of)["score"].as_u64().unwrap();
        assert!(score < 100, "{of}: {found}");
        let mut findings = found["findings"].as_array().unwrap().iter();
        assert!(
            findings.any(|one| one["area"] == of && one["subject"] == subject),
            "{of}: {found}"
        );
    }
    let report = found["report"].as_str().unwrap();
    assert!(report.contains("there is no measure of a week ago"), "{report}");
    assert!(report.contains("| Agents | not judged | – | 0 |"), "{report}");
}

#[tokio::test]
async fn it_is_compared_with_what_it_was_a_week_ago() {
    let stage = stage_of(seed()).await;
    let first = health(&stage).await;
    let now = stage.clock.now();
    stage.clock.advance_to(now + SignedDuration::from_hours(7 * 24));
    // The same question again, when the server has failed no more for a week.
    let second = health(&stage).await;
    let change = second["change"].as_i64().unwrap();
    let of = |found: &Value, name: &str| area(found, name)["score"].as_i64().unwrap();
    let services = of(&second, "services") - of(&first, "services");
    assert!(services > 0, "{second}");
    assert_eq!(area(&second, "services")["change"], services);
    assert_eq!(area(&second, "reactor")["change"], 0);
    let at: jiff::Timestamp = second["compared_with"].as_str().unwrap().parse().unwrap();
    assert_eq!(at, stage.clock.now() - SignedDuration::from_hours(7 * 24));
    let report = second["report"].as_str().unwrap();
    let word = if change < 0 {
        "less than on 2027-01-15"
    } else {
        "2027-01-15"
    };
    assert!(report.contains(word), "{report}");
    // Another question is not compared with this one.
    let other = json!({ "repos": ["acme/api"], "services": [] });
    let other = stage.call("ecosystem_health", other).await.unwrap();
    assert_eq!(other.get("change"), None);
}

#[tokio::test]
async fn what_cannot_be_read_is_no_reason_to_judge() {
    let stage = stage_of(seed()).await;
    let asked = json!({ "repos": ["acme/gone"], "services": ["srv-gone"] });
    let found = stage.call("ecosystem_health", asked).await.unwrap();
    assert_eq!(area(&found, "repositories")["score"], Value::Null);
    assert_eq!(area(&found, "services")["score"], Value::Null);
    // The reactor itself is there, and is not everything.
    assert_eq!(
        (&found["score"], &area(&found, "reactor")["score"]),
        (&Value::Null, &json!(100))
    );
    let unread: Vec<&str> = found["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert!(
        unread.iter().any(|one| one.starts_with("acme/gone: ")),
        "{unread:?}"
    );
    assert!(
        unread.iter().any(|one| one.starts_with("srv-gone: ")),
        "{unread:?}"
    );
    assert!(
        found["report"]
            .as_str()
            .unwrap()
            .contains("Not judged, because it could not be read"),
        "{found}"
    );
}

#[tokio::test]
async fn the_week_is_told_and_drawn() {
    let stage = stage_of(seed()).await;
    let asked = json!({ "repos": ["acme/api"], "services": ["srv-a"] });
    let told = stage.call("weekly_report", asked.clone()).await.unwrap();
    assert_eq!((told.get("files"), &told["gaps"]), (None, &json!([])));
    let report = told["report"].as_str().unwrap();
    for begins in [
        "Ecosystem health on 2027-01-15",
        "Activity of acme/api, 2027-01-08 to 2027-01-15:",
        "Flaky workflows of acme/api since 2027-01-08",
        "Delivery of `api-prod` (srv-a), 2027-01-08 to 2027-01-15:",
    ] {
        assert!(report.contains(begins), "{begins}: {report}");
    }

    let mut asked = asked;
    asked["folder"] = json!("reports/2027-01-15/");
    let told = stage.call("weekly_report", asked).await.unwrap();
    let files = told["files"].as_array().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    // What has nothing to show is not drawn.
    assert_eq!(
        paths,
        [
            "reports/2027-01-15/README.md",
            "reports/2027-01-15/acme--api-issues.svg",
            "reports/2027-01-15/acme--api-commits.svg",
            "reports/2027-01-15/srv-a-deployments.svg",
        ]
    );
    let page = files[0]["text"].as_str().unwrap();
    for chart in &files[1..] {
        let name = chart["path"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(page.contains(&format!("]({name})")), "{name}: {page}");
        let svg = chart["text"].as_str().unwrap();
        let read = roxmltree::Document::parse(svg).unwrap();
        assert_eq!(read.root_element().tag_name().name(), "svg");
        assert!(svg.contains("prefers-color-scheme:dark"));
    }
    assert!(page.starts_with("# The week to 2027-01-15\n\n"), "{page}");
    assert!(page.contains("\n## srv-a\n"), "{page}");
}

#[tokio::test]
async fn a_week_that_cannot_be_read_says_so_and_a_folder_is_one() {
    let stage = stage_of(seed()).await;
    let asked = json!({ "repos": ["acme/gone"], "services": [] });
    let told = stage.call("weekly_report", asked).await.unwrap();
    let report = told["report"].as_str().unwrap();
    assert!(
        report.contains("- Not reported: xmrt.activity_insights of `acme/gone`: `"),
        "{report}"
    );
    for folder in ["../up", "a//b", "/", ".git/hooks", "a/\u{7}"] {
        let asked = json!({ "repos": [], "services": [], "folder": folder });
        let error = stage.call("weekly_report", asked).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{folder}: {error:?}");
        assert!(error.message.contains("folder"), "{error:?}");
    }
}

/// Lets every call to GitHub and Render fail from now on.
fn blind(stage: &Stage, status: u16) {
    let fault = json!({ "match": {}, "kind": "status", "status": status, "times": 1_000 });
    stage.sandbox.add_faults(&fault).unwrap();
}

#[tokio::test]
async fn who_can_read_nothing_gives_no_score_and_forgets_none() {
    let stage = stage_of(seed()).await;
    let before = health(&stage).await;
    blind(&stage, 401);
    let found = health(&stage).await;
    assert_eq!(found["score"], Value::Null, "{found}");
    let report = found["report"].as_str().unwrap();
    assert!(
        report.contains("not known, as nothing outside of this program could be judged"),
        "{report}"
    );
    // What the day was is what could be judged of it.
    stage
        .clock
        .advance_to(stage.clock.now() + SignedDuration::from_hours(7 * 24));
    stage.sandbox.clear_faults();
    let later = health(&stage).await;
    let then = later["score"].as_i64().unwrap() - later["change"].as_i64().unwrap();
    assert_eq!(then, before["score"].as_i64().unwrap(), "{later}");
}

#[tokio::test]
async fn a_part_that_cannot_be_read_makes_nothing_look_better() {
    let stage = stage_of(seed()).await;
    let before = health(&stage).await;
    let refused =
        json!({ "match": { "operation": "list_issues" }, "kind": "status", "status": 403, "times": 10 });
    stage.sandbox.add_faults(&refused).unwrap();
    let found = health(&stage).await;
    assert!(area(&before, "repositories")["score"].is_u64());
    assert_eq!(area(&found, "repositories")["score"], Value::Null, "{found}");
    assert_eq!(
        area(&found, "workflows")["score"],
        area(&before, "workflows")["score"]
    );
}

#[tokio::test]
async fn one_provider_at_its_limit_leaves_the_other() {
    let stage = stage_of(seed()).await;
    let limited =
        json!({ "match": { "operation": "list_services" }, "kind": "status", "status": 429, "times": 5 });
    stage.sandbox.add_faults(&limited).unwrap();
    let found = health(&stage).await;
    assert!(area(&found, "workflows")["score"].is_u64(), "{found}");
    assert!(
        found["unread"][0].as_str().unwrap().starts_with("services: "),
        "{found}"
    );
}
