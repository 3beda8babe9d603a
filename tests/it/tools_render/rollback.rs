//! Rolling back: which target, what is frozen, what is refused, and what a lost answer leaves.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, stage};

/// dep-1 was live for two days without a failure; dep-2 for an hour, and failed in it; dep-3 for three minutes; dep-4 is
/// live and failing.
pub(super) fn history() -> Value {
    let deploy = |id: &str, status: &str, finished: &str| {
        json!({"id": id, "service_id": "srv-a", "status": status, "finished": finished, "commit": format!("c0ffee{id}"),
               "commit_message": format!("Change of {id}")})
    };
    let mut failed_before = deploy("dep-2", "deactivated", "-70m");
    failed_before["known_good"] = json!(false);
    json!({
        "services": [{"id": "srv-a", "name": "api-prod"}],
        "deploys": [
            deploy("dep-4", "live", "-7m"), deploy("dep-3", "deactivated", "-10m"), failed_before,
            deploy("dep-build", "build_failed", "-80m"), deploy("dep-1", "deactivated", "-2d"),
        ],
    })
}

/// Only the start: what comes of it is looked at in `watch`.
fn to(target: &str) -> Value {
    json!({"service_id": "srv-a", "to": target, "healthy_for": "0s"})
}

#[tokio::test]
async fn previous_is_not_last_known_good() {
    let there = stage(history()).await;
    let previous = there.call("rollback_deploy", to("previous")).await.unwrap();
    assert_eq!(
        (&previous["from"]["id"], &previous["to"]["id"]),
        (&json!("dep-4"), &json!("dep-3"))
    );

    let here = stage(history()).await;
    let good = here.call("rollback_deploy", to("last_known_good")).await.unwrap();
    assert_eq!(
        (&good["from"]["id"], &good["to"]["id"]),
        (&json!("dep-4"), &json!("dep-1"))
    );
}

/// No server failed under dep-2, and yet it answered hardly anything: dep-1 is the way back.
#[tokio::test]
async fn a_deploy_that_failed_what_it_was_asked_is_not_known_good() {
    let mut state = history();
    state["deploys"][2]["known_good"] = json!(true);
    let answered = |code: u16, at: &str, count: u32| {
        json!({"service_id": "srv-a", "metric": "http-requests", "unit": "requests", "labels": {"statusCode": code}, "at": at,
               "values": [count]})
    };
    state["metrics"] = json!([
        answered(502, "-30m", 900),
        answered(200, "-30m", 100),
        answered(200, "-3h", 1_000)
    ]);
    let stage = stage(state).await;
    let good = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap();
    assert_eq!(good["to"]["id"], "dep-1");
    let report = good["report"].as_str().unwrap();
    assert!(
        report.contains("without a failed server, and 0.0 % of its requests failed"),
        "{report}"
    );
}

#[tokio::test]
async fn a_deploy_that_was_live_long_enough_but_failed_is_not_known_good_and_one_that_did_not_is() {
    let mut state = history();
    state["deploys"][2]["known_good"] = json!(true);
    let stage = stage(state).await;
    let good = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap();
    assert_eq!(good["to"]["id"], "dep-2");
}

#[tokio::test]
async fn a_shorter_proof_can_be_asked_for() {
    let stage = stage(history()).await;
    let arguments =
        json!({"service_id": "srv-a", "to": "last_known_good", "known_good_minutes": 2, "healthy_for": "0s"});
    let good = stage.call("rollback_deploy", arguments).await.unwrap();
    assert_eq!(good["to"]["id"], "dep-3");
}

#[tokio::test]
async fn auto_deploy_is_frozen_first_and_the_rollback_comes_last() {
    let stage = stage(history()).await;
    let result = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap();
    assert_eq!(stage.effects(), ["update_service", "rollback_deploy"]);
    assert_eq!(result["frozen"], true);
    assert_eq!(result["deploy"]["trigger"], "rollback");
    let service = stage
        .call("get_service", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    assert_eq!(service["auto_deploy"], "no");
    let report = result["report"].as_str().unwrap();
    let report = report.replace(result["deploy"]["id"].as_str().unwrap(), "dep-NEW");
    insta::assert_snapshot!(report, @r"
    Rollback of `api-prod` (srv-a) from dep-4 to dep-1 started: new deploy dep-NEW, created.

    - From dep-4, commit `c0ffeedep-4` `Change of dep-4`, live since 2027-01-15 07:53 UTC.
    - To dep-1, commit `c0ffeedep-1` `Change of dep-1`: it was live from 2027-01-13 08:00 UTC to 2027-01-15 06:50 UTC without a failed server; how it answered is not on record.
    - Auto-deploy was turned off (it deployed each push), so that the next push does not ship the bad code again. Turn it on when the fix is in: `render.unfreeze_deploys` with service_id = srv-a.
    ");
}

#[tokio::test]
async fn a_rollback_can_leave_auto_deploy_on_and_says_what_that_means() {
    let stage = stage(history()).await;
    let arguments =
        json!({"service_id": "srv-a", "to": "previous", "freeze_auto_deploy": false, "healthy_for": "0s"});
    let result = stage.call("rollback_deploy", arguments).await.unwrap();
    assert_eq!(stage.effects(), ["rollback_deploy"]);
    assert_eq!(result["frozen"], false);
    assert!(
        result["report"]
            .as_str()
            .unwrap()
            .contains("the next push will be deployed over this")
    );
}

#[tokio::test]
async fn a_service_whose_auto_deploy_is_off_is_not_frozen_again() {
    let mut state = history();
    state["services"][0]["auto_deploy"] = json!("no");
    let stage = stage(state).await;
    let result = stage.call("rollback_deploy", to("previous")).await.unwrap();
    assert_eq!(stage.effects(), ["rollback_deploy"]);
    assert_eq!(result["frozen"], true);
}

#[tokio::test]
async fn a_dry_run_names_both_requests_and_sends_none() {
    let stage = stage(history()).await;
    let arguments = json!({"service_id": "srv-a", "to": "last_known_good", "dry_run": true});
    let result = stage.call("rollback_deploy", arguments).await.unwrap();
    assert_eq!(
        result["dry_run"],
        json!([
            {"method": "PATCH", "path": "services/srv-a", "body": {"autoDeploy": "no"}},
            {"method": "POST", "path": "services/srv-a/rollback", "body": {"deployId": "dep-1"}},
        ])
    );
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_rolled_back_to_is_refused_and_nothing_is_frozen() {
    let stage = stage(history()).await;
    for (target, class, says) in [
        ("dep-4", ErrorClass::Conflict, "live already"),
        ("dep-build", ErrorClass::Conflict, "build_failed"),
        ("dep-none", ErrorClass::NotFound, "dep-none"),
        ("yesterday", ErrorClass::Invalid, "last_known_good"),
    ] {
        let error = stage.call("rollback_deploy", to(target)).await.unwrap_err();
        assert_eq!(error.class, class, "{target}: {error}");
        assert!(error.to_string().contains(says), "{target}: {error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn without_a_proven_good_deploy_the_rollback_is_refused_with_the_remedy() {
    let deploys = json!([
        {"id": "dep-2", "service_id": "srv-a", "status": "live", "finished": "-7m"},
        {"id": "dep-1", "service_id": "srv-a", "status": "deactivated", "finished": "-9m"},
    ]);
    let stage = stage(json!({"deploys": deploys})).await;
    let error = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    insta::assert_snapshot!(error, @"there is nothing to roll dep-2 back to: no earlier deploy was well for 10 minutes: live, no server failed, fewer than 5 % of its requests failed (name a deploy by its id (render.list_deploys), or deploy a fix (render.trigger_deploy))");
}

#[tokio::test]
async fn a_rollback_is_not_rolled_back_within_half_an_hour() {
    let stage = stage(history()).await;
    stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap();
    let under_way = stage.call("rollback_deploy", to("previous")).await.unwrap_err();
    assert!(under_way.to_string().contains("under way"), "{under_way}");
    stage.pass(5);
    let too_soon = stage.call("rollback_deploy", to("previous")).await.unwrap_err();
    assert_eq!(too_soon.class, ErrorClass::Conflict);
    assert!(too_soon.to_string().contains("itself a rollback"), "{too_soon}");
    // Later it may, and not to the deploy that was rolled back from: that one had failed.
    stage.pass(30);
    let later = stage.call("rollback_deploy", to("previous")).await.unwrap();
    assert_eq!(later["to"]["id"], "dep-3");
}

#[tokio::test]
async fn what_was_rolled_back_from_or_runs_again_already_is_no_way_back_however_late() {
    let stage = stage(history()).await;
    let first = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap();
    stage.pass(40);
    let new = first["deploy"]["id"].as_str().unwrap();
    for (target, says) in [
        (
            "dep-4",
            "dep-4 is no way back: dep-4 was rolled back from before".to_owned(),
        ),
        (
            "dep-1",
            format!("dep-1 is no way back: the live rollback {new} runs the same commit"),
        ),
        // dep-3 was too short, dep-2 failed, and dep-1 is what runs.
        ("last_known_good", format!("nothing to roll {new} back to")),
    ] {
        let error = stage.call("rollback_deploy", to(target)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Conflict, "{error}");
        assert!(error.to_string().contains(&says), "{error}");
    }
    assert_eq!(stage.effects(), ["update_service", "rollback_deploy"]);

    // The rollback itself is rolled back from: so its commit failed, under whichever deploy.
    let second = stage.call("rollback_deploy", to("dep-3")).await.unwrap();
    assert_eq!(second["to"]["id"], "dep-3");
    stage.pass(40);
    let error = stage.call("rollback_deploy", to("dep-1")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("{new} was rolled back from before")),
        "{error}"
    );
}

#[tokio::test]
async fn a_rollback_whose_answer_was_lost_is_in_doubt_and_found_again() {
    let stage = stage(history()).await;
    stage.fault("rollback_deploy", json!({"kind": "reply_lost"}));
    let error = stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::UnknownEffect);

    let Reply::Done(found) = stage.look("rollback_deploy", to("last_known_good"), NOW).await else {
        unreachable!("not found");
    };
    assert_eq!(
        (&found["from"]["id"], &found["to"]["id"], &found["frozen"]),
        (&json!("dep-4"), &json!("dep-1"), &json!(true))
    );
    assert_eq!(found["deploy"]["trigger"], "rollback");
    assert!(found["report"].as_str().unwrap().contains("from dep-4 to dep-1"));
}

#[tokio::test]
async fn a_rollback_that_was_never_made_is_absent() {
    let stage = stage(history()).await;
    let reply = stage.look("rollback_deploy", to("previous"), NOW).await;
    assert_eq!(reply, Reply::Absent);
}

#[tokio::test]
async fn a_rollback_that_somebody_else_also_made_is_ambiguous() {
    let stage = stage(history()).await;
    stage.fault("rollback_deploy", json!({"kind": "reply_lost"}));
    stage.fault("rollback_deploy", json!({"kind": "foreign_writer"}));
    stage
        .call("rollback_deploy", to("last_known_good"))
        .await
        .unwrap_err();
    let reply = stage.look("rollback_deploy", to("last_known_good"), NOW).await;
    assert!(matches!(reply, Reply::Ambiguous(_)), "{reply:?}");
}

#[tokio::test]
async fn a_freeze_that_fails_leaves_no_doubt_about_the_rollback() {
    let stage = stage(history()).await;
    stage.fault("update_service", json!({"kind": "reply_lost"}));
    let error = stage.call("rollback_deploy", to("previous")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
    assert_eq!(stage.effects(), ["update_service"]);
}

#[tokio::test]
async fn a_refused_rollback_says_that_auto_deploy_is_off_by_now() {
    let stage = stage(history()).await;
    let refusal = json!({"kind": "status", "status": 400, "message": "artifact is gone"});
    stage.fault("rollback_deploy", refusal);
    let error = stage.call("rollback_deploy", to("previous")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.to_string().contains("artifact is gone"), "{error}");
    assert!(error.to_string().contains("set_auto_deploy"), "{error}");
}
