//! In: calls about comments on issues and pull requests. Out: answers from state, `issue_comment.*` deliveries.
//! Never: review comments; they are another thing on GitHub.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape::{Shape, whole_seconds};
use super::{Comment, Repo, body, comment_event, error, full_name, not_found, page, repo, repo_mut, text};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let number = call
        .number("n")
        .filter(|n| repo.issues.contains_key(n))
        .ok_or_else(not_found)?;
    let mut found: Vec<&Comment> = repo.comments_of(number).collect();
    found.sort_by_key(|comment| (comment.created_at, comment.id));
    show_page(world, repo, call, found)
}

pub(super) fn list_all(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let mut found: Vec<&Comment> = repo.comments.values().collect();
    if call.query("sort") == Some("updated") {
        found.sort_by_key(|comment| (comment.updated_at, comment.id));
    }
    if call.query("direction") == Some("desc") {
        found.reverse();
    }
    show_page(world, repo, call, found)
}

fn show_page(world: &World, repo: &Repo, call: &Call, found: Vec<&Comment>) -> Outcome {
    let since = call
        .query("since")
        .and_then(|since| since.parse::<Timestamp>().ok());
    let recent = |comment: &&Comment| since.is_none_or(|since| whole_seconds(comment.updated_at) >= since);
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        found
            .into_iter()
            .filter(recent)
            .map(|comment| shape.comment(repo, comment))
            .collect(),
        None,
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    shown(world, call, call.number("id").ok_or_else(not_found)?, 200)
}

fn shown(world: &World, call: &Call, id: u64, status: u16) -> Outcome {
    let repo = repo(world, call)?;
    let comment = repo.comments.get(&id).ok_or_else(not_found)?;
    Ok(Answer::json(
        status,
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .comment(repo, comment),
    ))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    let issue = repo(world, call)?.issues.get(&number).ok_or_else(not_found)?;
    if issue.locked && call.actor != repo(world, call)?.owner() {
        return Err(error(403, "Unable to create comment because issue is locked."));
    }
    let text = words(&given)?;
    let id = world.ids.number();
    let comment = Comment {
        id,
        issue: number,
        user: call.actor.clone(),
        body: text,
        association: None,
        created_at: call.now,
        updated_at: call.now,
    };
    let repo = repo_mut(world, call)?;
    repo.comments.insert(id, comment);
    if let Some(issue) = repo.issues.get_mut(&number) {
        issue.updated_at = call.now;
    }
    comment_event(world, &full_name(call), id, "created", &call.actor, Value::Null);
    let answer = shown(world, call, id, 201)?;
    let url = answer
        .body
        .as_ref()
        .and_then(|body| body["url"].as_str())
        .unwrap_or_default()
        .to_owned();
    Ok(answer.with("location", url))
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let id = call.number("id").ok_or_else(not_found)?;
    let text = words(&given)?;
    let now = call.now;
    let comment = repo_mut(world, call)?
        .comments
        .get_mut(&id)
        .ok_or_else(not_found)?;
    let before = std::mem::replace(&mut comment.body, text);
    comment.updated_at = now;
    let changes = json!({"changes": {"body": {"from": before}}});
    comment_event(world, &full_name(call), id, "edited", &call.actor, changes);
    shown(world, call, id, 200)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = call.number("id").ok_or_else(not_found)?;
    if !repo(world, call)?.comments.contains_key(&id) {
        return Err(not_found());
    }
    comment_event(world, &full_name(call), id, "deleted", &call.actor, Value::Null);
    repo_mut(world, call)?.comments.remove(&id);
    Ok(Answer::empty(204))
}

fn words(given: &serde_json::Map<String, Value>) -> Result<String, Answer> {
    let text = text(given, "IssueComment", "body")?;
    if text.trim().is_empty() {
        return Err(error(422, "Validation Failed: body can't be blank"));
    }
    if text.len() > super::issues::BODY_BYTES_MAX {
        return Err(error(
            422,
            "Validation Failed: body is too long (maximum is 65536 characters)",
        ));
    }
    Ok(text)
}
