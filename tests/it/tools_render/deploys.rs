//! Canceling a deploy, and ending a freeze.

use serde_json::{Value, json};
use xmrt::hub::{ErrorClass, Reply};

use super::stage::{NOW, stage};

fn under_way() -> Value {
    json!({
        "services": [{"id": "srv-a", "name": "api-prod"}, {"id": "crn-b", "name": "nightly"}],
        "deploys": [
            {"id": "dep-2", "service_id": "srv-a", "status": "build_in_progress", "created": "-1m"},
            {"id": "dep-1", "service_id": "srv-a", "status": "live", "finished": "-2d", "commit": "aaaa"},
            {"id": "dep-c", "service_id": "crn-b", "status": "build_in_progress", "created": "-1m"},
        ],
    })
}

fn of(service: &str, deploy: &str) -> Value {
    json!({"service_id": service, "deploy_id": deploy})
}

#[tokio::test]
async fn a_deploy_under_way_is_canceled_and_the_live_one_stays() {
    let stage = stage(under_way()).await;
    let mut dry = of("srv-a", "dep-2");
    dry["dry_run"] = json!(true);
    assert_eq!(
        stage.call("cancel_deploy", dry).await.unwrap()["dry_run"],
        json!([{"method": "POST", "path": "services/srv-a/deploys/dep-2/cancel"}])
    );
    let canceled = stage.call("cancel_deploy", of("srv-a", "dep-2")).await.unwrap();
    assert_eq!(
        (&canceled["id"], &canceled["status"]),
        (&json!("dep-2"), &json!("canceled"))
    );
    let live = stage.call("get_deploy", of("srv-a", "dep-1")).await.unwrap();
    assert_eq!(live["status"], "live");
}

#[tokio::test]
async fn what_cannot_be_canceled_is_refused_with_what_to_do_instead() {
    let stage = stage(under_way()).await;
    for (arguments, class, says) in [
        (of("srv-a", "dep-1"), ErrorClass::Conflict, "rollback_deploy"),
        (of("srv-a", "dep-9"), ErrorClass::NotFound, "dep-9"),
        (of("crn-b", "dep-c"), ErrorClass::Invalid, "cron jobs"),
    ] {
        let error = stage.call("cancel_deploy", arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_cancel_whose_answer_was_lost_is_found_and_one_that_never_was_is_absent() {
    for (fault, found) in [
        (json!({"kind": "reply_lost"}), true),
        (json!({"kind": "empty_202"}), true),
        (json!({"kind": "status", "status": 503}), false),
    ] {
        let stage = stage(under_way()).await;
        stage.fault("cancel_deploy", fault.clone());
        let error = stage
            .call("cancel_deploy", of("srv-a", "dep-2"))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::UnknownEffect, "{fault}");
        let reply = stage.look("cancel_deploy", of("srv-a", "dep-2"), NOW).await;
        match reply {
            Reply::Done(deploy) => assert!(found && deploy["status"] == "canceled", "{fault}"),
            reply => assert!(!found && reply == Reply::Absent, "{fault}: {reply:?}"),
        }
    }
}

#[tokio::test]
async fn a_freeze_ends_with_the_trigger_there_was_before_it() {
    for before in ["commit", "checksPass"] {
        let mut state = under_way();
        state["services"][0]["auto_deploy_trigger"] = json!(before);
        let stage = stage(state).await;
        let off = json!({"service_id": "srv-a", "enabled": false});
        stage.call("set_auto_deploy", off).await.unwrap();
        stage.pass(5);
        let a = json!({"service_id": "srv-a"});
        let thawed = stage.call("unfreeze_deploys", a.clone()).await.unwrap();
        assert_eq!(
            (&thawed["was_frozen"], &thawed["auto_deploy_trigger"]),
            (&json!(true), &json!(before))
        );
        let service = stage.call("get_service", a.clone()).await.unwrap();
        assert_eq!(service["auto_deploy_trigger"], before);
        let again = stage.call("unfreeze_deploys", a).await.unwrap();
        assert_eq!((&again["was_frozen"], stage.effects().len()), (&json!(false), 2));
    }
}

#[tokio::test]
async fn the_report_of_a_thaw_says_what_is_live_and_what_the_next_push_does() {
    let mut state = under_way();
    state["services"][0]["auto_deploy"] = json!(false);
    state["deploys"][0]["status"] = json!("build_failed");
    state["deploys"][1]["trigger"] = json!("rollback");
    state["events"] = json!([{"service_id": "srv-a", "type": "auto_deploy_disabled", "at": "-30m", "details": {"reason": "user"}}]);
    let stage = stage(state).await;
    let thawed = stage
        .call("unfreeze_deploys", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    insta::assert_snapshot!(thawed["report"].as_str().unwrap(), @"
    Auto-deploy of `api-prod` (srv-a) is on again (commit); it was off since 2027-01-15 07:30 UTC.

    - Live is the rollback dep-1, commit `aaaa` `Update`.
    - What was pushed meanwhile is not deployed by this, but with the next push; `render.trigger_deploy` with service_id = srv-a deploys the newest commit now.
    ");
}

#[tokio::test]
async fn a_thaw_in_doubt_may_be_repeated_and_a_refused_one_has_its_class() {
    let mut state = under_way();
    state["services"][0]["auto_deploy"] = json!(false);
    let stage = stage(state).await;
    let a = || json!({"service_id": "srv-a"});
    let mut dry = a();
    dry["dry_run"] = json!(true);
    let dry = stage.call("unfreeze_deploys", dry).await.unwrap();
    assert_eq!(dry["dry_run"][0]["body"], json!({"autoDeploy": "yes"}));
    stage.fault("update_service", json!({"kind": "status", "status": 403}));
    let refused = stage.call("unfreeze_deploys", a()).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Forbidden);
    stage.fault("update_service", json!({"kind": "reply_lost"}));
    let doubt = stage.call("unfreeze_deploys", a()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let repeated = stage.call("unfreeze_deploys", a()).await.unwrap();
    assert_eq!(
        (&repeated["was_frozen"], stage.effects().len()),
        (&json!(false), 1)
    );
}
