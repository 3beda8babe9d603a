//! In: what happened in a repository. Out: a webhook delivery in the outbox, its payload drawn from the state.
//! Never: sending; the courier does that.

use serde_json::{Map, Value, json};

use super::shape::{Shape, time};
use crate::sandbox::state::{Provider, World};

/// `issues.<action>`; `extra` are further top-level fields (`label`, `changes`). Gives the delivery's id.
pub(in crate::sandbox) fn issue_event(
    world: &mut World,
    repo: &str,
    number: u64,
    action: &str,
    actor: &str,
    extra: Value,
) -> Option<String> {
    let is_pull = world.github.repo(repo)?.issues.get(&number)?.is_pull;
    if is_pull {
        return pull_event(world, repo, number, action, actor, extra);
    }
    emit(world, repo, "issues", action, actor, |shape, repo| {
        let issue = repo.issues.get(&number)?;
        Some(with(json!({"issue": shape.issue(repo, issue)}), extra))
    })
}

/// `pull_request.<action>`.
pub(in crate::sandbox) fn pull_event(
    world: &mut World,
    repo: &str,
    number: u64,
    action: &str,
    actor: &str,
    extra: Value,
) -> Option<String> {
    emit(world, repo, "pull_request", action, actor, |shape, repo| {
        let (issue, pull) = (repo.issues.get(&number)?, repo.pulls.get(&number)?);
        let shown = json!({"number": number, "pull_request": shape.pull(repo, issue, pull, true)});
        Some(with(shown, extra))
    })
}

/// `issue_comment.<action>`, for comments on pull requests too.
pub(in crate::sandbox) fn comment_event(
    world: &mut World,
    repo: &str,
    comment: u64,
    action: &str,
    actor: &str,
    extra: Value,
) -> Option<String> {
    emit(world, repo, "issue_comment", action, actor, |shape, repo| {
        let comment = repo.comments.get(&comment)?;
        let issue = repo.issues.get(&comment.issue)?;
        let shown = json!({"issue": shape.issue(repo, issue), "comment": shape.comment(repo, comment)});
        Some(with(shown, extra))
    })
}

/// `pull_request_review.<action>`. Its state is written in lower case, unlike the API's.
pub(in crate::sandbox) fn review_event(
    world: &mut World,
    repo: &str,
    number: u64,
    review: u64,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(
        world,
        repo,
        "pull_request_review",
        action,
        actor,
        |shape, repo| {
            let (issue, pull) = (repo.issues.get(&number)?, repo.pulls.get(&number)?);
            let review = pull.reviews.iter().find(|known| known.id == review)?;
            let mut shown = shape.review(repo, pull, review);
            shown["state"] = review.state.to_lowercase().into();
            Some(json!({"review": shown, "pull_request": shape.pull(repo, issue, pull, false)}))
        },
    )
}

/// `sub_issues.<action>`, told in the parent's repository.
pub(in crate::sandbox) fn sub_issue_event(
    world: &mut World,
    repo: &str,
    parent: u64,
    part: u64,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "sub_issues", action, actor, |shape, repo| {
        let parent = repo.issues.get(&parent)?;
        let (home, part) = shape.state.issue_by_id(part)?;
        Some(json!({
            "parent_issue": shape.issue(repo, parent), "parent_issue_id": parent.id,
            "sub_issue": shape.issue(home, part), "sub_issue_id": part.id, "sub_issue_repo": shape.repo(home),
        }))
    })
}

/// `label.<action>`: of the repository, not of an issue.
pub(in crate::sandbox) fn label_event(
    world: &mut World,
    repo: &str,
    label: &str,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "label", action, actor, |shape, repo| {
        let label = repo.labels.iter().find(|known| known.name == label)?;
        Some(json!({"label": shape.label(repo, label)}))
    })
}

/// `workflow_run.<action>`: requested, in_progress or completed.
pub(in crate::sandbox) fn run_event(
    world: &mut World,
    repo: &str,
    run: u64,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "workflow_run", action, actor, |shape, repo| {
        let run = repo.runs.get(&run)?;
        Some(json!({"workflow_run": shape.run(repo, run), "workflow": shape.workflow(repo, run)}))
    })
}

/// `push` of one commit to a branch.
pub(in crate::sandbox) fn push_event(
    world: &mut World,
    repo: &str,
    branch: &str,
    before: &str,
    commit: &Value,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "push", "", actor, |shape, repo| {
        let after = commit["id"].as_str()?;
        Some(json!({
            "ref": format!("refs/heads/{branch}"), "before": before, "after": after, "base_ref": null,
            "created": false, "deleted": false, "forced": false,
            "compare": shape.page(repo, &format!("/compare/{before}...{after}")),
            "commits": [commit], "head_commit": commit,
            "pusher": {"name": actor, "email": format!("{actor}@users.noreply.github.com")},
        }))
    })
}

/// `ping`, as GitHub sends it when a hook is made.
pub(in crate::sandbox) fn ping(world: &mut World, repo: &str, actor: &str) -> Option<String> {
    let now = time(world.now());
    emit(world, repo, "ping", "", actor, |shape, repo| {
        let hook = json!({
            "type": "Repository", "id": 1, "name": "web", "active": true, "events": ["*"],
            "config": {"content_type": "json", "insecure_ssl": "0", "url": "http://127.0.0.1/webhooks/github"},
            "created_at": now, "updated_at": now, "url": format!("{}/hooks/1", shape.repo_url(repo)),
        });
        Some(json!({"zen": "State is told, not guessed.", "hook_id": 1, "hook": hook}))
    })
}

/// Adds what every payload carries (action, repository, sender) and puts the delivery into the outbox.
fn emit(
    world: &mut World,
    repo: &str,
    event: &str,
    action: &str,
    actor: &str,
    draw: impl FnOnce(&Shape<'_>, &super::Repo) -> Option<Value>,
) -> Option<String> {
    let base = world.github_base();
    let shape = Shape {
        base: &base,
        state: &world.github,
    };
    let repo = world.github.repo(repo)?;
    let mut payload = draw(&shape, repo)?;
    payload["repository"] = shape.repo(repo);
    payload["sender"] = shape.user(actor);
    if !action.is_empty() {
        payload["action"] = action.into();
    }
    let (id, now) = (world.ids.guid(), world.now());
    world
        .outbox
        .post(Provider::Github, &id, event, payload.to_string(), now);
    Some(id)
}

fn with(mut shown: Value, extra: Value) -> Value {
    let extra = if let Value::Object(extra) = extra {
        extra
    } else {
        Map::new()
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(extra);
    }
    shown
}
