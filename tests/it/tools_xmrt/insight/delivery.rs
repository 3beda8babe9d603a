//! The four measures, joined over deploys and events of Render and commits of GitHub.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use crate::tools_xmrt::stage::{Stage, stage_of};

fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// A commit, on a branch of its own so that it is there.
fn commit(digit: char, parent: Option<char>, at: &str) -> Value {
    let mut commit = json!({
        "repo": "acme/api", "name": format!("at-{digit}"), "sha": sha(digit), "message": "Work", "at": at,
    });
    if let Some(parent) = parent {
        commit["parent"] = json!(sha(parent));
    }
    commit
}

fn deploy(id: &str, digit: char, status: &str, finished: &str) -> Value {
    json!({
        "id": id, "service_id": "srv-a", "status": status, "commit": sha(digit), "created": finished, "finished": finished,
    })
}

/// A week, counted by hand. It is 2027-01-15, 08:00.
///
/// | deploy | live | commits (lead time) | then |
/// |---|---|---|---|
/// | dep-0 | 5th | not known: there is none before it | |
/// | dep-1 | 9th, 12:00 | a (24 h), b (2 h) | |
/// | dep-x | 12th | never live | |
/// | dep-2 | 11th, 12:00 | c (4 h) | fails 12:10, works 12:30: 20 min |
/// | dep-3 | 13th, 12:00 | d (1 h) | rolled back by dep-4 at 12:45: 45 min |
fn history() -> Value {
    let mut back = deploy("dep-4", 'c', "live", "2027-01-13T12:45:00Z");
    back["trigger"] = json!("rollback");
    json!({
        "github": { "branches": [
            commit('0', None, "2027-01-04T12:00:00Z"),
            commit('a', Some('0'), "2027-01-08T12:00:00Z"),
            commit('b', Some('a'), "2027-01-09T10:00:00Z"),
            commit('c', Some('b'), "2027-01-11T08:00:00Z"),
            commit('d', Some('c'), "2027-01-13T11:00:00Z"),
        ], "repos": [{ "full_name": "acme/api" }] },
        "render": {
            "services": [{ "id": "srv-a", "name": "api-prod", "repo": "acme/api" }],
            "deploys": [
                back,
                deploy("dep-3", 'd', "deactivated", "2027-01-13T12:00:00Z"),
                deploy("dep-x", 'd', "build_failed", "2027-01-12T10:00:00Z"),
                deploy("dep-2", 'c', "deactivated", "2027-01-11T12:00:00Z"),
                deploy("dep-1", 'b', "deactivated", "2027-01-09T12:00:00Z"),
                deploy("dep-0", '0', "deactivated", "2027-01-05T12:00:00Z"),
            ],
            "events": [
                { "service_id": "srv-a", "type": "server_available", "at": "2027-01-11T12:30:00Z" },
                { "service_id": "srv-a", "type": "server_failed", "at": "2027-01-11T12:10:00Z" },
            ],
        },
    })
}

async fn measured(stage: &Stage) -> Value {
    let arguments = json!({ "service_id": "srv-a", "within": "7d" });
    stage.call("dora_metrics", arguments).await.unwrap()
}

#[tokio::test]
async fn a_week_counted_by_hand_is_measured_over_both_providers() {
    let stage = stage_of(history()).await;
    let found = measured(&stage).await;
    let hour = 3_600;
    assert_eq!(
        found["now"],
        json!({
            "deployments": 3, "deployments_per_week": 3.0, "rollbacks": 1, "never_live": 1,
            "lead_time": { "count": 4, "median_seconds": 3 * hour, "p90_seconds": 24 * hour, "longest_seconds": 24 * hour },
            "of_unknown_commits": 0, "failed_changes": 2, "change_failure_percent": 66.7,
            "time_to_restore": { "count": 2, "median_seconds": 1_950, "p90_seconds": 2_700, "longest_seconds": 2_700 },
        })
    );
    assert_eq!(
        found["before"],
        json!({
            "deployments": 1, "deployments_per_week": 1.0, "rollbacks": 0, "never_live": 0, "of_unknown_commits": 1,
            "failed_changes": 0, "change_failure_percent": 0.0,
        })
    );
    assert_eq!(found["gaps"], json!([]));
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Delivery of `api-prod` (srv-a), 2027-01-08 to 2027-01-15:

    | | these 7 days | the 7 before |
    |---|---|---|
    | Deployments | 3 (3 a week), 1 roll-back, 1 failed or canceled before it was live | 1 (1 a week) |
    | Lead time of a commit | median 3 h, longest 1 d (4 commits) | not known of 1 deployment |
    | Changes that failed | 2 of 3 (66.7 %) | 0 of 1 (0 %) |
    | Time to restore | median 32 min, longest 45 min (2 failures) | – |

    - dep-3, live 2027-01-13 12:00 UTC: it was rolled back; it worked again after 45 min, by dep-4.
    - dep-2, live 2027-01-11 12:00 UTC: the server failed at 2027-01-11 12:10 UTC; it worked again after 20 min.
    ");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_left_out() {
    let stage = stage_of(history()).await;
    // Of two of the commits GitHub knows nothing any more: somebody has rewritten the branch.
    let gone =
        json!({ "match": { "operation": "compare_commits" }, "kind": "status", "status": 404, "times": 2 });
    stage.sandbox.add_faults(&gone).unwrap();
    let found = measured(&stage).await;
    assert_eq!(found["now"]["lead_time"]["count"], 2);
    assert_eq!(found["now"]["of_unknown_commits"], 2);
    assert_eq!(
        found["gaps"],
        json!([
            "dep-2: GitHub does not know both of its commits and those of the deploy before",
            "dep-3: GitHub does not know both of its commits and those of the deploy before",
        ])
    );
    let report = found["report"].as_str().unwrap();
    assert!(
        report.contains("- Not measured: dep-2: GitHub does not know"),
        "{report}"
    );

    let mut elsewhere = history();
    elsewhere["render"]["services"][0]["repo"] = json!("https://gitlab.com/acme/api");
    let stage = stage_of(elsewhere).await;
    let found = measured(&stage).await;
    assert_eq!(
        found["gaps"],
        json!(["how long commits took is not known: the service's repository is not on GitHub"])
    );
    assert_eq!(
        (
            &found["now"]["of_unknown_commits"],
            &found["now"]["failed_changes"]
        ),
        (&json!(3), &json!(2))
    );
}

#[tokio::test]
async fn where_nothing_happened_the_report_says_so() {
    let stage = stage_of(json!({
        "render": { "services": [{ "id": "srv-a", "name": "api-prod", "repo": "acme/api" }] },
    }))
    .await;
    let found = measured(&stage).await;
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Delivery of `api-prod` (srv-a), 2027-01-08 to 2027-01-15:

    | | these 7 days | the 7 before |
    |---|---|---|
    | Deployments | none | none |
    | Lead time of a commit | – | – |
    | Changes that failed | – | – |
    | Time to restore | – | – |
    ");
}

#[tokio::test]
async fn what_is_asked_wrongly_and_what_the_providers_refuse_is_an_error() {
    let stage = stage_of(history()).await;
    for (within, told) in [
        ("12h", "is not from 1 to 180 days"),
        ("200d", "is not from 1 to 180 days"),
        ("soon", "within"),
    ] {
        let asked = json!({ "service_id": "srv-a", "within": within });
        let error = stage.call("dora_metrics", asked).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = stage.call("dora_metrics", json!({ "service_id": "srv-z" })).await;
    assert_eq!(error.unwrap_err().class, ErrorClass::NotFound);
    for operation in ["list_deploys", "list_events"] {
        let stage = stage_of(history()).await;
        let broken = json!({ "match": { "operation": operation }, "kind": "status", "status": 500 });
        stage.sandbox.add_faults(&broken).unwrap();
        let error = stage
            .call("dora_metrics", json!({ "service_id": "srv-a" }))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable, "{operation}: {error}");
    }
}

#[tokio::test]
async fn what_render_knows_is_told_when_github_does_not_answer() {
    let stage = stage_of(history()).await;
    let broken = json!({ "match": { "operation": "compare_commits" }, "kind": "status", "status": 500 });
    stage.sandbox.add_faults(&broken).unwrap();
    let found = measured(&stage).await;
    assert_eq!(
        (&found["now"]["deployments"], &found["now"]["of_unknown_commits"]),
        (&json!(3), &json!(3))
    );
    let gap = found["gaps"][0].as_str().unwrap();
    assert!(
        gap.starts_with("of dep-3 and older deploys the commits: `"),
        "{gap}"
    );
    let report = found["report"].as_str().unwrap();
    assert!(report.contains("not known of 3 deployments"), "{report}");
}

#[tokio::test]
async fn what_was_live_before_a_roll_back_is_not_new_when_it_comes_again() {
    // c2 goes live after a day, is rolled back, and comes again below c3, which took a day as well.
    let mut back = deploy("dep-3", '1', "deactivated", "2027-01-11T13:00:00Z");
    back["trigger"] = json!("rollback");
    let stage = stage_of(json!({
        "github": { "branches": [
            commit('1', None, "2027-01-08T12:00:00Z"),
            commit('2', Some('1'), "2027-01-10T12:00:00Z"),
            commit('3', Some('2'), "2027-01-13T12:00:00Z"),
        ], "repos": [{ "full_name": "acme/api" }] },
        "render": {
            "services": [{ "id": "srv-a", "name": "api-prod", "repo": "acme/api" }],
            "deploys": [
                deploy("dep-4", '3', "live", "2027-01-14T12:00:00Z"),
                back,
                deploy("dep-2", '2', "deactivated", "2027-01-11T12:00:00Z"),
                deploy("dep-1", '1', "deactivated", "2027-01-09T12:00:00Z"),
            ],
        },
    }))
    .await;
    let found = measured(&stage).await;
    let day = 86_400;
    assert_eq!(
        found["now"]["lead_time"],
        json!({ "count": 2, "median_seconds": day, "p90_seconds": day, "longest_seconds": day }),
        "{found}"
    );
}
