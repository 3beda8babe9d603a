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

/// `create`: a branch or a tag is there.
pub(in crate::sandbox) fn create_event(
    world: &mut World,
    repo: &str,
    name: &str,
    kind: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "create", "", actor, |_, repo| {
        Some(json!({
            "ref": name, "ref_type": kind, "master_branch": repo.default_branch, "description": repo.description,
            "pusher_type": "user",
        }))
    })
}

/// `release.<action>`.
pub(in crate::sandbox) fn release_event(
    world: &mut World,
    repo: &str,
    release: u64,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "release", action, actor, |shape, repo| {
        let release = repo.releases.iter().find(|known| known.id == release)?;
        Some(json!({"release": shape.release(repo, release)}))
    })
}

/// `check_run.<action>`.
pub(in crate::sandbox) fn check_event(
    world: &mut World,
    repo: &str,
    check: u64,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "check_run", action, actor, |shape, repo| {
        let check = repo.checks.iter().find(|known| known.id == check)?;
        Some(json!({"check_run": shape.check(repo, check)}))
    })
}

/// `deployment.created`, or `deployment_status.created` with the id of what was said of it.
pub(in crate::sandbox) fn deployment_event(
    world: &mut World,
    repo: &str,
    deployment: u64,
    status: Option<u64>,
    actor: &str,
) -> Option<String> {
    let event = if status.is_some() {
        "deployment_status"
    } else {
        "deployment"
    };
    emit(world, repo, event, "created", actor, |shape, repo| {
        let made = repo.deployments.iter().find(|known| known.id == deployment)?;
        let mut told = json!({"deployment": shape.deployment(repo, made)});
        if let Some(id) = status {
            let said = made.statuses.iter().find(|said| said.id == id)?;
            told["deployment_status"] = shape.deployment_status(repo, made, said);
        }
        Some(told)
    })
}

/// `discussion.<action>`, or with the id of a comment `discussion_comment.<action>`.
pub(in crate::sandbox) fn discussion_event(
    world: &mut World,
    repo: &str,
    number: u64,
    comment: Option<u64>,
    action: &str,
    actor: &str,
) -> Option<String> {
    let event = if comment.is_some() {
        "discussion_comment"
    } else {
        "discussion"
    };
    emit(world, repo, event, action, actor, |shape, repo| {
        let one = repo.discussions.get(&number)?;
        let page = shape.page(repo, &format!("/discussions/{number}"));
        let category = repo
            .categories
            .iter()
            .find(|category| category.id == one.category)?;
        let mut told = json!({"discussion": {
            "id": one.id, "number": number, "title": one.title, "body": one.body, "user": shape.user(&one.author),
            "html_url": page, "state": if one.closed { "closed" } else { "open" }, "locked": one.locked,
            "comments": one.comments.len(), "created_at": time(one.created_at), "updated_at": time(one.updated_at),
            "answer_html_url": one.answer.map(|id| format!("{page}#discussioncomment-{id}")),
            "category": {
                "id": category.id, "name": category.name, "slug": category.slug, "is_answerable": category.answerable,
            },
            "author_association": shape.association(repo, &one.author, None),
        }});
        if let Some(id) = comment {
            let said = one.comments.iter().find(|said| said.id == id)?;
            told["comment"] = json!({
                "id": id, "body": said.body, "user": shape.user(&said.author), "parent_id": said.reply_to,
                "html_url": format!("{page}#discussioncomment-{id}"), "created_at": time(said.at),
                "author_association": shape.association(repo, &said.author, None),
            });
        }
        Some(told)
    })
}

/// `member.<action>`: somebody's access to a repository.
pub(in crate::sandbox) fn member_event(
    world: &mut World,
    repo: &str,
    login: &str,
    action: &str,
    actor: &str,
) -> Option<String> {
    emit(world, repo, "member", action, actor, |shape, _| {
        Some(json!({"member": shape.user(login)}))
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
