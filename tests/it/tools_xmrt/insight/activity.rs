//! What people did in a repository, from its issues, pull requests, comments and commits.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use crate::tools_xmrt::stage::stage_of;

/// A week and the one before it, counted by hand. It is 2027-01-15, 08:00.
fn repository() -> Value {
    let commit = |digit: u64, author: &str, at: &str| {
        json!({
            "repo": "acme/api", "name": "main", "sha": format!("{digit:040x}"), "parent": format!("{:040x}", digit - 1),
            "message": "Work", "author": author, "files": ["src/a.rs"], "at": at,
        })
    };
    let issue = |number: u64, author: &str, created: &str, closed: Option<&str>| {
        let mut issue = json!({
            "repo": "acme/api", "number": number, "title": "It", "author": author, "created": created, "updated": "2027-01-14T12:00:00Z",
        });
        if let Some(closed) = closed {
            issue["state"] = json!("closed");
            issue["closed_at"] = json!(closed);
        }
        issue
    };
    let pull = |number: u64, author: &str, created: &str, merged: &str| {
        json!({
            "repo": "acme/api", "number": number, "title": "It", "author": author, "created": created, "head": format!("b{number}"),
            "state": "closed", "closed_at": merged, "merged_at": merged, "updated": "2027-01-14T12:00:00Z",
        })
    };
    let comment = |number: u64, author: &str, at: &str| json!({ "repo": "acme/api", "number": number, "author": author, "body": "Seen", "created": at });
    json!({ "github": {
        "repos": [{ "full_name": "acme/api", "default_branch": "main" }],
        "branches": [
            commit(1, "ann", "2027-01-04T10:00:00Z"),
            commit(2, "ann", "2027-01-09T10:00:00Z"),
            commit(3, "bob", "2027-01-10T10:00:00Z"),
        ],
        "issues": [
            // Answered by bob after two hours.
            issue(1, "cid", "2027-01-11T10:00:00Z", Some("2027-01-12T10:00:00Z")),
            // Its author spoke, and nobody else.
            issue(2, "dee", "2027-01-13T10:00:00Z", None),
            issue(3, "ann", "2027-01-03T10:00:00Z", Some("2027-01-04T10:00:00Z")),
        ],
        "pulls": [pull(4, "bob", "2027-01-09T10:00:00Z", "2027-01-10T10:00:00Z")],
        "comments": [
            comment(1, "bob", "2027-01-11T12:00:00Z"),
            comment(2, "dee", "2027-01-13T11:00:00Z"),
            comment(2, "stale[bot]", "2027-01-13T12:00:00Z"),
        ],
    } })
}

#[tokio::test]
async fn a_week_counted_by_hand_is_told_with_the_one_before_it() {
    let stage = stage_of(repository()).await;
    let asked = json!({ "repo": "acme/api", "within": "7d", "weeks": 2 });
    let found = stage.call("activity_insights", asked).await.unwrap();
    let day = 86_400;
    let once = |seconds: u64| json!({ "count": 1, "median_seconds": seconds, "p90_seconds": seconds, "longest_seconds": seconds });
    assert_eq!(
        found["now"],
        json!({
            "commits": 2, "people": 4, "pulls_opened": 1, "pulls_merged": 1, "pulls_declined": 0, "to_merge": once(day),
            "issues_opened": 2, "issues_closed": 1, "to_close": once(day), "first_answer": once(7_200), "unanswered": 1,
            "comments": 2,
        })
    );
    assert_eq!(
        found["before"],
        json!({
            "commits": 1, "people": 1, "pulls_opened": 0, "pulls_merged": 0, "pulls_declined": 0, "issues_opened": 1,
            "issues_closed": 1, "to_close": once(day), "unanswered": 0, "comments": 0,
        })
    );
    // The weeks are the same two, the oldest first.
    assert_eq!(found["weeks"][0]["measures"], found["before"]);
    assert_eq!(found["weeks"][1]["measures"], found["now"]);
    let charts: Vec<&str> = found["charts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chart| chart["name"].as_str().unwrap())
        .collect();
    assert_eq!(charts, ["pull-requests", "issues", "commits", "waiting"]);
    assert_eq!(found["charts"][0]["times"], json!(["2027-01-01", "2027-01-08"]));
    assert_eq!(
        found["charts"][0]["series"][1],
        json!({ "name": "merged", "values": [0.0, 1.0] })
    );
    assert_eq!(found["gaps"], json!([]));
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Activity of acme/api, 2027-01-08 to 2027-01-15:

    | | these 7 days | the 7 before |
    |---|---|---|
    | Commits | 2 | 1 |
    | People | 4 | 1 |
    | Pull requests opened | 1 | 0 |
    | · merged | 1 | 0 |
    | · closed without a merge | 0 | 0 |
    | · until they were merged | 1 d (1 pull request) | – |
    | Issues opened | 2 | 1 |
    | · closed | 1 | 1 |
    | · until they were closed | 1 d (1 issue) | 1 d (1 issue) |
    | · until the first answer | 2 h (1 issue) | – |
    | · open and without an answer | 1 | 0 |
    | Comments | 2 | 0 |

    - Most active: `bob`, `dee`, `ann`, `cid`.
    - New here: `bob`, `dee`, `cid`.
    ");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_a_limit_ends_it() {
    let stage = stage_of(repository()).await;
    let refused =
        json!({ "match": { "operation": "list_comments" }, "kind": "status", "status": 403, "times": 1 });
    stage.sandbox.add_faults(&refused).unwrap();
    let asked = json!({ "repo": "acme/api", "within": "7d" });
    let found = stage.call("activity_insights", asked.clone()).await.unwrap();
    assert_eq!(
        (&found["now"]["comments"], &found["now"]["commits"]),
        (&json!(0), &json!(2))
    );
    let gap = found["gaps"][0].as_str().unwrap();
    assert!(gap.starts_with("comments: `"), "{gap}");
    assert!(
        found["report"]
            .as_str()
            .unwrap()
            .contains("- Not counted: comments: `"),
        "{found}"
    );
    assert_eq!((found.get("weeks"), found.get("charts")), (None, None));

    for (arguments, named) in [
        (json!({ "repo": "acme/api", "within": "200d" }), "within"),
        (json!({ "repo": "acme/api", "weeks": 0 }), "weeks"),
        (json!({ "repo": "acme/api", "weeks": 27 }), "weeks"),
        (json!({ "repo": "acme" }), "repo"),
    ] {
        let error = stage.call("activity_insights", arguments).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{error:?}");
        assert!(error.message.contains(named), "{error:?}");
    }
    let error = stage
        .call("activity_insights", json!({ "repo": "acme/gone" }))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound, "{error:?}");
}
