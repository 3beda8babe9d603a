//! Calls that are not over when they are answered: a deploy that is waited for, a rollback that is watched. A rule asks
//! again; an agent is kept waiting.

use serde_json::{Value, json};
use xmrt::hub::{CallMeta, ErrorClass, Patience, Pending, Reply, ToolError};

use super::rollback::history;
use super::stage::{NOW, Stage, stage};

fn good() -> Value {
    json!({"service_id": "srv-a", "to": "last_known_good"})
}

fn asks_again() -> CallMeta {
    CallMeta {
        patience: Patience::AsksAgain,
        ..CallMeta::default()
    }
}

/// Asks what became of a call.
async fn ask(stage: &Stage, tool: &str, arguments: Value, cursor: &Value) -> Result<Reply, ToolError> {
    let meta = CallMeta {
        patience: Patience::Asks(cursor.clone()),
        ..CallMeta::default()
    };
    stage.reply(tool, arguments, meta).await
}

fn pending(reply: Reply) -> Pending {
    match reply {
        Reply::Pending(pending) => pending,
        other => unreachable!("{other:?}"),
    }
}

/// Asks until it is over, as long as it takes.
async fn follow(stage: &Stage, tool: &str, arguments: Value, first: Pending) -> Result<Value, ToolError> {
    let mut now = first;
    for _ in 0..500 {
        let later = xmrt::clock::after(stage.clock.now(), now.poll_after_ms);
        stage.clock.advance_to(later);
        match ask(stage, tool, arguments.clone(), &now.cursor).await? {
            Reply::Done(result) => return Ok(result),
            reply => now = pending(reply),
        }
    }
    unreachable!("it never ends: {now:?}")
}

#[tokio::test]
async fn a_rule_is_told_at_once_that_a_deploy_is_under_way_and_later_how_it_ended() {
    let stage = stage(json!({"services": [{"id": "srv-a", "name": "api"}]})).await;
    let deploy = stage
        .call("trigger_deploy", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    let which = json!({"service_id": "srv-a", "deploy_id": deploy["id"]});
    let first = stage
        .reply("wait_for_deploy", which.clone(), asks_again())
        .await
        .unwrap();
    let first = pending(first);
    assert!(first.note.contains("is under way"), "{first:?}");
    let over = follow(&stage, "wait_for_deploy", which, first).await.unwrap();
    assert_eq!(over["status"], "live");
}

#[tokio::test]
async fn an_agent_that_waits_for_a_deploy_gets_it_when_it_is_over() {
    let stage = stage(json!({"services": [{"id": "srv-a", "name": "api"}]})).await;
    let deploy = stage
        .call("trigger_deploy", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    let which = json!({"service_id": "srv-a", "deploy_id": deploy["id"]});
    let over = stage.call("wait_for_deploy", which).await.unwrap();
    assert_eq!(over["status"], "live");
}

#[tokio::test]
async fn a_rollback_is_done_when_the_old_artifact_was_live_and_healthy_for_a_while() {
    let stage = stage(history()).await;
    let first = stage
        .reply("rollback_deploy", good(), asks_again())
        .await
        .unwrap();
    let first = pending(first);
    assert_eq!(stage.effects(), ["update_service", "rollback_deploy"]);
    let done = follow(&stage, "rollback_deploy", good(), first).await.unwrap();
    assert_eq!(
        stage.effects(),
        ["update_service", "rollback_deploy"],
        "asking changes nothing"
    );
    assert_eq!(done["verdict"], "healthy");
    assert_eq!(
        (&done["from"]["id"], &done["to"]["id"], &done["deploy"]["status"]),
        (&json!("dep-4"), &json!("dep-1"), &json!("live"))
    );
    let report = done["report"].as_str().unwrap();
    let report = report.replace(done["deploy"]["id"].as_str().unwrap(), "dep-NEW");
    assert!(
        report.starts_with(
            "Rollback of `api-prod` (srv-a) from dep-4 to dep-1 is done: dep-NEW is live since "
        ),
        "{report}"
    );
    assert!(
        report.contains("- Since then nothing speaks against the service"),
        "{report}"
    );
    assert!(report.contains("render.unfreeze_deploys"), "{report}");
}

#[tokio::test]
async fn a_service_that_fails_all_the_same_makes_the_rollback_a_failure_that_says_so() {
    let stage = stage(history()).await;
    let first = stage
        .reply("rollback_deploy", good(), asks_again())
        .await
        .unwrap();
    let mut now = pending(first);
    while !now.note.contains("is watched until") {
        let later = xmrt::clock::after(stage.clock.now(), now.poll_after_ms);
        stage.clock.advance_to(later);
        now = pending(ask(&stage, "rollback_deploy", good(), &now.cursor).await.unwrap());
    }
    let failing = json!({"do": "server_failed", "service_id": "srv-a", "logs": ["panicked"]});
    stage.sandbox.act(&failing).await.unwrap();
    let error = follow(&stage, "rollback_deploy", good(), now).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("fails all the same"), "{error}");
}

#[tokio::test]
async fn a_rollback_whose_deploy_is_canceled_did_not_come_through() {
    let stage = stage(history()).await;
    let first = stage
        .reply("rollback_deploy", good(), asks_again())
        .await
        .unwrap();
    let first = pending(first);
    let which = json!({"service_id": "srv-a", "deploy_id": first.cursor["deploy_id"]});
    stage.call("cancel_deploy", which).await.unwrap();
    let error = follow(&stage, "rollback_deploy", good(), first)
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("did not come through"), "{error}");
    assert!(error.message.contains("canceled"), "{error}");
}

#[tokio::test]
async fn a_rollback_whose_answer_was_lost_is_found_and_watched_as_if_it_had_come() {
    let stage = stage(history()).await;
    stage.fault("rollback_deploy", json!({"kind": "reply_lost"}));
    let error = stage
        .reply("rollback_deploy", good(), asks_again())
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::UnknownEffect);
    let found = pending(stage.look("rollback_deploy", good(), NOW).await);
    let done = follow(&stage, "rollback_deploy", good(), found).await.unwrap();
    assert_eq!(
        (&done["verdict"], &done["frozen"]),
        (&json!("healthy"), &json!(true))
    );
    assert_eq!(stage.effects(), ["update_service", "rollback_deploy"]);
}

#[tokio::test]
async fn what_a_rollback_or_a_deploy_would_come_to_is_said_beforehand_and_nothing_is_sent() {
    let stage = stage(history()).await;
    let meta = || CallMeta {
        resolve: true,
        ..CallMeta::default()
    };
    let Reply::Resolved(rollback) = stage.reply("rollback_deploy", good(), meta()).await.unwrap() else {
        unreachable!("not resolved");
    };
    assert_eq!(rollback.arguments["to"], "dep-1", "what is symbolic is an id");
    assert_eq!(rollback.pinned, json!({"live": "dep-4"}));
    assert!(
        rollback
            .shows
            .starts_with("Rolls `api-prod` (srv-a) back from dep-4"),
        "{}",
        rollback.shows
    );
    let commit = json!({"service_id": "srv-a", "commit_id": "c0ffee0"});
    let Reply::Resolved(deploy) = stage.reply("trigger_deploy", commit, meta()).await.unwrap() else {
        unreachable!("not resolved");
    };
    assert_eq!(deploy.arguments["commit_id"], "c0ffee0");
    assert!(
        deploy.shows.contains("commit `c0ffee0`; live is dep-4"),
        "{}",
        deploy.shows
    );
    assert_eq!(stage.effects(), [""; 0]);
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_refused_and_not_taken_for_a_call() {
    let stage = stage(history()).await;
    let error = ask(&stage, "rollback_deploy", good(), &json!({"some": "thing"}))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    let error = ask(
        &stage,
        "restart_service",
        json!({"service_id": "srv-a"}),
        &json!({}),
    )
    .await
    .unwrap_err();
    assert!(error.message.contains("cannot be asked"), "{error}");
    assert_eq!(stage.effects(), [""; 0]);
}
