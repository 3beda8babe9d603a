//! The story, chapter by chapter. A chapter does something at the providers, waits for what the rules make of it, and
//! compares what the journal and the sandbox say with what was promised.

use serde_json::{Value, json};

use super::approval::approved;
use super::stage::{Stage, before};
use crate::cli::print::text;

pub(super) type Told = Result<(), String>;

/// Tells the whole story; the first thing that does not come out as told ends it.
pub(super) async fn tell(stage: &mut Stage) -> Told {
    stage.sandbox_post("seed", &before()).await?;
    stage
        .sandbox_post(
            "pace",
            &json!({ "queue_ms": 50, "build_ms": 250, "update_ms": 250 }),
        )
        .await?;
    forged(stage).await?;
    let issue = triaged(stage).await?;
    duplicate(stage, &issue).await?;
    pull_request(stage).await?;
    redeployed(stage).await?;
    rolled_back(stage).await?;
    diagnosed(stage).await?;
    approved(stage).await?;
    killed(stage).await?;
    summary(stage).await
}

pub(super) fn chapter(number: u32, title: &str) {
    println!("\n{number}. {title}");
}

pub(super) fn fact(line: &str) {
    println!("   ✓ {line}");
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Told {
    if holds { Ok(()) } else { Err(otherwise()) }
}

async fn forged(stage: &Stage) -> Told {
    chapter(1, "Somebody forges a delivery.");
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", "issues"),
        ("x-github-delivery", "forged-delivery"),
        (
            "x-hub-signature-256",
            "sha256=0000000000000000000000000000000000000000000000000000000000000000",
        ),
    ];
    let (status, answer) = stage
        .post("/webhooks/github", &headers, r#"{"action":"opened"}"#)
        .await?;
    ensure(status == 401, || format!("it was answered {status}: {answer}"))?;
    let events = stage.api("events").await?;
    let stored = events["events"].as_array().map_or(0, Vec::len);
    ensure(stored == 0, || format!("{stored} event(s) were stored"))?;
    fact(&format!(
        "refused: {status} {}; the journal holds no event",
        text(&answer, "/title")
    ));
    Ok(())
}

async fn triaged(stage: &Stage) -> Result<String, String> {
    chapter(2, "Alice reports a bug that carol reported before.");
    let since = last_effect(stage).await?;
    let act = json!({
        "do": "open_issue", "repo": "acme/api", "by": "alice",
        "title": "Checkout page crashes with a timeout error when I pay by card",
        "body": "As soon as I pay by card the checkout page crashes with a timeout error. See src/payments/card.rs.",
    });
    let (event, result) = act_once(stage, &act).await?;
    let target = format!("acme/api#{}", result["number"]);
    let runs = expect_runs(stage, &event, &[("triage-new-issue", "succeeded")]).await?;
    show_steps(stage, &runs).await?;
    expect_effects(
        stage,
        since,
        &[("add_labels", &target, 1), ("create_comment", &target, 1)],
    )
    .await?;
    let issue = github(stage, &format!("repos/acme/api/issues/{}", result["number"])).await?;
    let labels: Vec<&str> = issue["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|label| label["name"].as_str())
        .collect();
    ensure(labels.contains(&"bug"), || {
        format!("GitHub shows the labels {labels:?}, not `bug`")
    })?;
    fact(&format!(
        "GitHub shows {target} labeled {}, with one comment",
        labels.join(", ")
    ));
    Ok(event)
}

async fn duplicate(stage: &Stage, event: &str) -> Told {
    chapter(3, "GitHub sends the same delivery again.");
    let since = last_effect(stage).await?;
    let stored = stage.api(&format!("events/{event}")).await?;
    let again = json!({ "source": "github", "event": "issues", "id": event, "payload": stored["payload"] });
    let sent = stage.sandbox_post("emit", &again).await?;
    let answer = sent.pointer("/delivery/response").cloned().unwrap_or_default();
    ensure(answer["duplicate"] == true, || format!("the answer is {sent}"))?;
    let runs = stage.api(&format!("runs?event={event}")).await?;
    let count = runs["runs"].as_array().map_or(0, Vec::len);
    ensure(count == 1, || format!("there are {count} runs for it"))?;
    expect_effects(stage, since, &[]).await?;
    fact("answered 202 with `duplicate: true` and the earlier run; nothing was done twice");
    Ok(())
}

async fn pull_request(stage: &Stage) -> Told {
    chapter(4, "Robin opens a first pull request.");
    let since = last_effect(stage).await?;
    let act = json!({
        "do": "open_pull_request", "repo": "acme/api", "by": "robin", "author_association": "FIRST_TIME_CONTRIBUTOR",
        "title": "Retry card payments", "body": "A payment that failed is tried once more.",
        "files": [{ "filename": "docs/payments.md" }, { "filename": "src/payments/card.rs" }],
    });
    let (event, result) = act_once(stage, &act).await?;
    let target = format!("acme/api#{}", result["number"]);
    let expected = [
        ("label-pull-request-by-paths", "succeeded"),
        // It has what a reviewer needs, so nothing is said.
        ("triage-new-pull-request", "succeeded"),
        ("welcome-first-contributor", "succeeded"),
    ];
    let runs = expect_runs(stage, &event, &expected).await?;
    show_steps(stage, &runs).await?;
    expect_effects(
        stage,
        since,
        &[("add_labels", &target, 1), ("create_comment", &target, 1)],
    )
    .await?;
    fact(&format!(
        "GitHub shows {target} labeled by its paths, and a welcome"
    ));
    Ok(())
}

async fn redeployed(stage: &Stage) -> Told {
    chapter(5, "CI on main turns green.");
    let since = last_effect(stage).await?;
    let act = json!({
        "do": "complete_workflow_run", "repo": "acme/api", "name": "CI", "event": "push", "branch": "main",
        "sha": "badc0debadc0debadc0debadc0debadc0debadc0", "conclusion": "success", "by": "alice",
    });
    let (event, _) = act_once(stage, &act).await?;
    let runs = expect_runs(stage, &event, &[("redeploy-on-green-main", "succeeded")]).await?;
    show_steps(stage, &runs).await?;
    expect_effects(stage, since, &[("trigger_deploy", "srv-api", 1)]).await?;
    let deploy = live_deploy(stage, "api").await?;
    let commit = text(&deploy, "/commit/id");
    ensure(commit.starts_with("badc0de"), || {
        format!("the live commit is {commit}")
    })?;
    fact(&format!(
        "Render shows {} live, commit {}",
        text(&deploy, "/id"),
        &commit[..7]
    ));
    let told = async || {
        let effects = stage.effects_since(since).await?;
        let of_it = |effect: &&Value| {
            text(effect, "/operation") == BESIDE
                && text(effect, "/target").ends_with(&commit)
                && text(effect, "/detail/state") == "success"
        };
        let told = effects.iter().find(of_it);
        Ok(told.map(|effect| text(effect, "/detail/context")))
    };
    let context = stage.until("the commit's status", told).await?;
    fact(&format!("GitHub shows {context} success on {}", &commit[..7]));
    Ok(())
}

async fn rolled_back(stage: &Stage) -> Told {
    chapter(6, "The new deploy starts failing.");
    let since = last_effect(stage).await?;
    let act = json!({ "do": "server_failed", "service_id": "srv-api", "logs": ["panicked at src/payments/card.rs:41: card is None"] });
    let (event, _) = act_once(stage, &act).await?;
    let expected = [
        ("restart-unhealthy-service", "declined"),
        ("rollback-unhealthy-deploy", "succeeded"),
    ];
    let runs = expect_runs(stage, &event, &expected).await?;
    show_steps(stage, &runs).await?;
    expect_effects(stage, since, &[("rollback_deploy", "srv-api", 1)]).await?;
    let deploy = live_deploy(stage, "rollback").await?;
    let commit = text(&deploy, "/commit/id");
    ensure(commit.starts_with("600d"), || {
        format!("the live commit is {commit}")
    })?;
    fact(&format!(
        "Render shows {} live on commit {} again",
        text(&deploy, "/id"),
        &commit[..7]
    ));
    let rollback = runs
        .iter()
        .find(|run| text(run, "/rule") == "rollback-unhealthy-deploy")
        .cloned()
        .unwrap_or_default();
    let run = stage.api(&format!("runs/{}", text(&rollback, "/id"))).await?;
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    let watched = steps.iter().any(|step| step["result"]["verdict"] == "healthy");
    ensure(watched, || {
        format!("the service was not watched after it: {steps:?}")
    })?;
    fact("it was watched for two seconds (two minutes outside of this story), and was healthy");
    Ok(())
}

async fn diagnosed(stage: &Stage) -> Told {
    chapter(7, "Somebody deploys a commit that does not build.");
    let since = last_effect(stage).await?;
    let act = json!({
        "do": "deploy", "service_id": "srv-api", "commit": "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "trigger": "manual",
        "fails": "build", "logs": ["error[E0425]: cannot find value `card` in this scope", "error: could not compile `api`"],
    });
    stage.sandbox_post("act", &act).await?;
    let event = stage
        .until("Render to report the failed deploy", async || {
            let page = stage.api("events?type=render.deploy_ended&limit=1").await?;
            let newest = page
                .pointer("/events/0/id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let event = stage.api(&format!("events/{newest}")).await?;
            Ok((event.pointer("/payload/data/status") == Some(&json!("failed"))).then_some(newest))
        })
        .await?;
    let wanted = [
        ("deploy-status-to-commit", "succeeded"),
        ("diagnose-failed-deploy", "succeeded"),
    ];
    let runs = expect_runs(stage, &event, &wanted).await?;
    show_steps(stage, &runs).await?;
    expect_effects(stage, since, &[]).await?;
    let diagnosis = runs
        .iter()
        .find(|run| text(run, "/rule") == "diagnose-failed-deploy")
        .ok_or("no run of diagnose-failed-deploy")?;
    let run = stage.api(&format!("runs/{}", text(diagnosis, "/id"))).await?;
    let told = run["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|step| step["step"] == "tell")
        .cloned()
        .unwrap_or_default();
    let message = text(&told, "/call/arguments/text");
    ensure(message.contains("cannot find value `card`"), || {
        format!("the diagnosis lacks the error: {message}")
    })?;
    fact("the message names the deploy, the commit and the compiler's error");
    Ok(())
}

async fn killed(stage: &mut Stage) -> Told {
    chapter(
        9,
        "The server is killed (kill -9) after GitHub took a comment, before it was told so.",
    );
    let since = last_effect(stage).await?;
    let hang =
        json!({ "match": { "operation": "create_comment" }, "times": 1, "kind": "hang", "effect": true });
    stage.sandbox_post("faults", &hang).await?;
    let act = json!({
        "do": "open_issue", "repo": "acme/api", "by": "dave", "title": "App crashes on start",
        "body": "It crashes with an error on start.",
    });
    let (event, result) = act_once(stage, &act).await?;
    let target = format!("acme/api#{}", result["number"]);
    stage
        .until("the comment to reach GitHub", async || {
            let effects = stage.effects_since(since).await?;
            Ok(effects
                .iter()
                .any(|effect| effect["operation"] == "create_comment")
                .then_some(()))
        })
        .await?;
    stage.kill_and_restart().await?;
    stage.clear_faults().await?;
    fact("killed and started again on the same journal");
    let runs = expect_runs(stage, &event, &[("triage-new-issue", "succeeded")]).await?;
    expect_effects(
        stage,
        since,
        &[("add_labels", &target, 1), ("create_comment", &target, 1)],
    )
    .await?;
    let run = stage.api(&format!("runs/{}", text(&runs[0], "/id"))).await?;
    fact(&format!(
        "the run was taken over (claim {}), found its comment at GitHub by its marker, and did not write another",
        text(&run, "/fence")
    ));
    Ok(())
}

async fn summary(stage: &Stage) -> Told {
    let events = stage.api("events?limit=500").await?;
    let runs = stage.api("runs?limit=500").await?;
    let runs = runs["runs"].as_array().cloned().unwrap_or_default();
    let unfinished: Vec<String> = runs
        .iter()
        .filter(|run| !matches!(run["state"].as_str(), Some("succeeded" | "declined")))
        .map(|run| format!("{} is {}", text(run, "/rule"), text(run, "/state")))
        .collect();
    ensure(unfinished.is_empty(), || {
        format!("at the end {}", unfinished.join(", "))
    })?;
    let effects = stage.effects_since(0).await?.len();
    let events = events["events"].as_array().map_or(0, Vec::len);
    println!(
        "\nAll as told: {events} events and {} runs on record, {effects} writes at the providers, none twice.",
        runs.len()
    );
    Ok(())
}

/// Does something at a provider, and gives the first delivery it set off, which must have been accepted.
pub(super) async fn act_once(stage: &Stage, act: &Value) -> Result<(String, Value), String> {
    let done = stage.sandbox_post("act", act).await?;
    let delivery = done
        .pointer("/deliveries/0")
        .ok_or_else(|| format!("nothing was delivered: {done}"))?;
    ensure(delivery["status"] == 202, || {
        format!(
            "the delivery was answered {}: {}",
            delivery["status"], delivery["response"]
        )
    })?;
    println!(
        "   delivery {} · {} · accepted",
        text(delivery, "/id"),
        text(delivery, "/event")
    );
    Ok((text(delivery, "/id"), done["result"].clone()))
}

/// Waits until the runs of an event have ended, and compares rules and states: exactly these.
pub(super) async fn expect_runs(
    stage: &Stage,
    event: &str,
    expected: &[(&str, &str)],
) -> Result<Vec<Value>, String> {
    let ends = [
        "succeeded",
        "dead",
        "declined",
        "cancelled",
        "superseded",
        "shadowed",
        "unknown",
    ];
    let mut runs = stage
        .until("the runs to end", async || {
            let page = stage.api(&format!("runs?event={event}")).await?;
            let runs = page["runs"].as_array().cloned().unwrap_or_default();
            let ended = runs
                .iter()
                .all(|run| ends.contains(&run["state"].as_str().unwrap_or_default()));
            Ok((runs.len() >= expected.len() && ended).then_some(runs))
        })
        .await?;
    runs.sort_by_key(|run| text(run, "/rule"));
    let found: Vec<(String, String)> = runs
        .iter()
        .map(|run| (text(run, "/rule"), text(run, "/state")))
        .collect();
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|((rule, state), expected)| (rule.as_str(), state.as_str()) == *expected);
    let reasons: Vec<String> = runs.iter().map(|run| text(run, "/reason")).collect();
    ensure(same, || {
        format!("the runs are {found:?}, not {expected:?}; reasons: {reasons:?}")
    })?;
    for run in &runs {
        let reason = text(run, "/reason");
        let because = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        fact(&format!(
            "{} {}{because}",
            text(run, "/rule"),
            text(run, "/state")
        ));
    }
    Ok(runs)
}

/// Prints the steps of runs as the journal has them.
pub(super) async fn show_steps(stage: &Stage, runs: &[Value]) -> Told {
    for run in runs {
        let run = stage.api(&format!("runs/{}", text(run, "/id"))).await?;
        for step in run["steps"].as_array().into_iter().flatten() {
            let at = |pointer: &str| text(step, pointer);
            let on = [
                "/call/arguments/number",
                "/call/arguments/service_id",
                "/call/arguments/deploy_id",
                "/call/arguments/to",
            ];
            let on = on
                .iter()
                .map(|pointer| at(pointer))
                .find(|found| !found.is_empty())
                .unwrap_or_default();
            println!(
                "       {:<14} {:<31} {:<8} {on}",
                at("/step"),
                at("/call/tool"),
                at("/state")
            );
        }
    }
    Ok(())
}

/// What `deploy-status-to-commit` does of every deploy, beside the story and at its own pace.
const BESIDE: &str = "create_commit_status";

/// The writes at the providers since `since` are exactly these, each so many times.
pub(super) async fn expect_effects(stage: &Stage, since: u64, expected: &[(&str, &str, usize)]) -> Told {
    let effects = stage.effects_since(since).await?;
    let found: Vec<(String, String)> = effects
        .iter()
        .map(|effect| (text(effect, "/operation"), text(effect, "/target")))
        .filter(|(operation, _)| operation != BESIDE)
        .collect();
    let total: usize = expected.iter().map(|(_, _, times)| times).sum();
    let same = found.len() == total
        && expected.iter().all(|(operation, target, times)| {
            found
                .iter()
                .filter(|(op, on)| op == operation && on == target)
                .count()
                == *times
        });
    ensure(same, || {
        format!("the writes at the providers are {found:?}, not {expected:?}")
    })
}

pub(super) async fn last_effect(stage: &Stage) -> Result<u64, String> {
    Ok(stage
        .effects_since(0)
        .await?
        .iter()
        .filter_map(|effect| effect["n"].as_u64())
        .max()
        .unwrap_or(0))
}

/// Asks the sandbox's GitHub as anybody with the token would.
async fn github(stage: &Stage, path: &str) -> Result<Value, String> {
    stage.provider_get("GITHUB", path).await
}

/// Waits until the newest deploy of the service is live, and was asked for in this way.
pub(super) async fn live_deploy(stage: &Stage, trigger: &str) -> Result<Value, String> {
    stage
        .until("the deploy to go live", async || {
            let deploys = stage
                .provider_get("RENDER", "services/srv-api/deploys?limit=1")
                .await?;
            let newest = deploys.pointer("/0/deploy").cloned().unwrap_or_default();
            Ok((newest["status"] == "live" && newest["trigger"] == trigger).then_some(newest))
        })
        .await
}
