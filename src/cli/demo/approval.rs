//! A chapter of the story: a production deploy waits for somebody.

use serde_json::{Value, json};

use super::stage::Stage;
use super::story::{
    Told, act_once, chapter, ensure, expect_effects, expect_runs, fact, last_effect, live_deploy, show_steps,
};
use crate::cli::print::text;

/// Who approves.
const WHO: &str = "alice";
const COMMIT: &str = "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1";

pub(super) async fn approved(stage: &Stage) -> Told {
    chapter(
        8,
        "The fix is released, and waits for somebody to approve of its deploy.",
    );
    let since = last_effect(stage).await?;
    let act = json!({
        "do": "complete_workflow_run", "repo": "acme/api", "name": "Release", "event": "push", "branch": "main",
        "sha": COMMIT, "conclusion": "success", "by": WHO,
    });
    let (event, _) = act_once(stage, &act).await?;
    let question: Value = stage
        .until("the question", async || {
            let page = stage.api("approvals").await?;
            Ok(page.pointer("/approvals/0").cloned())
        })
        .await?;
    let run = text(&question, "/run");
    ensure(question["event"] == event.as_str(), || {
        format!("the question is about another event: {question}")
    })?;
    println!("   asked: {}", text(&question, "/shows"));
    expect_effects(stage, since, &[]).await?;
    fact("nothing was sent to Render");

    let (status, answer) = say(stage, &run, &json!({ "as": "mallory" })).await?;
    ensure(status == 403, || {
        format!("mallory was answered {status}: {answer}")
    })?;
    fact("mallory, who has not the role `release`, was refused: 403");
    let word =
        json!({ "as": WHO, "roles": ["release"], "why": "the fix is tested", "hash": question["hash"] });
    let (status, answer) = say(stage, &run, &word).await?;
    ensure(status == 200, || format!("{WHO} was answered {status}: {answer}"))?;
    let runs = expect_runs(stage, &event, &[("approve-production-deploy", "succeeded")]).await?;
    show_steps(stage, &runs).await?;
    expect_effects(stage, since, &[("trigger_deploy", "srv-api", 1)]).await?;
    let run = stage.api(&format!("runs/{run}")).await?;
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    let sent = steps.iter().find(|step| step["step"] == "deploy").cloned();
    let sent = sent.unwrap_or_default();
    ensure(sent["call"]["arguments"] == question["arguments"], || {
        format!(
            "another call was made than the one that was shown: {}",
            sent["call"]
        )
    })?;
    ensure(sent["approval"]["answer"]["who"] == WHO, || {
        format!("who approved is not on record: {}", sent["approval"])
    })?;
    let deploy = live_deploy(stage, "api").await?;
    let commit = text(&deploy, "/commit/id");
    ensure(commit == COMMIT, || format!("the live commit is {commit}"))?;
    fact(&format!(
        "exactly what was shown was sent, {WHO}'s word is on record, and Render shows commit {} live",
        &commit[..7]
    ));
    Ok(())
}

/// What somebody says about a call, to the API.
async fn say(stage: &Stage, run: &str, word: &Value) -> Result<(u16, Value), String> {
    let bearer = format!("Bearer {}", stage.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    stage
        .post(
            &format!("/api/v1/runs/{run}/approve"),
            &headers,
            &word.to_string(),
        )
        .await
}
