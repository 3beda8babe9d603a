//! In: calls about labels, of a repository and of an issue. Out: answers from state, `labeled`/`unlabeled` deliveries.
//! Never: anything else about the issue.

use serde_json::{Value, json};

use super::shape::Shape;
use super::state::{Issue, Label, stable_id};
use super::{
    Repo, body, full_name, invalid, issue_event, label_event, names, not_found, optional_text, page, repo,
    repo_mut, text, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn of_repo(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        repo.labels.iter().map(|label| shape.label(repo, label)).collect(),
        None,
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let label = repo
        .labels
        .iter()
        .find(|label| label.name.eq_ignore_ascii_case(call.param("label")))
        .ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::ok(shape.label(repo, label)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let name = text(&given, "Label", "name")?;
    let color = optional_text(&given, "color")?
        .flatten()
        .unwrap_or_else(|| "ededed".to_owned());
    if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("Label", "color", "invalid"));
    }
    let description = optional_text(&given, "description")?.flatten();
    let repo_name = full_name(call);
    let repo = repo_mut(world, call)?;
    if repo
        .labels
        .iter()
        .any(|label| label.name.eq_ignore_ascii_case(&name))
    {
        return Err(invalid("Label", "name", "already_exists"));
    }
    let label = Label {
        id: stable_id(&format!("{}:{name}", repo.full_name)),
        name,
        color,
        description,
    };
    repo.labels.push(label.clone());
    label_event(world, &repo_name, &label.name, "created", &call.actor);
    let repo = world.github.repo(&repo_name).ok_or_else(not_found)?;
    Ok(Answer::json(
        201,
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .label(repo, &label),
    ))
}

pub(super) fn of_issue(world: &mut World, call: &Call) -> Outcome {
    let (repo, issue) = issue(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(call, shape.labels(repo, &issue.labels), None)
}

pub(super) fn add(world: &mut World, call: &Call) -> Outcome {
    let added = wanted(call)?;
    if added.is_empty() {
        return Err(unfit("At least one label is required."));
    }
    change(world, call, |repo, labels| {
        for name in &added {
            let name = repo.ensure_label(name);
            if !labels.contains(&name) {
                labels.push(name);
            }
        }
        true
    })
}

pub(super) fn set(world: &mut World, call: &Call) -> Outcome {
    let wanted = wanted(call)?;
    change(world, call, |repo, labels| {
        *labels = wanted.iter().map(|name| repo.ensure_label(name)).collect();
        true
    })
}

pub(super) fn clear(world: &mut World, call: &Call) -> Outcome {
    change(world, call, |_, labels| {
        labels.clear();
        true
    })?;
    Ok(Answer::empty(204))
}

pub(super) fn remove(world: &mut World, call: &Call) -> Outcome {
    let name = call.param("label").to_owned();
    change(world, call, |_, labels| {
        let before = labels.len();
        labels.retain(|label| !label.eq_ignore_ascii_case(&name));
        labels.len() < before
    })
}

/// Lets `edit` change an issue's labels, sends what changed and shows the labels; `edit` saying no is a 404.
fn change(world: &mut World, call: &Call, edit: impl FnOnce(&mut Repo, &mut Vec<String>) -> bool) -> Outcome {
    let (_, before) = issue(world, call)?;
    let (before, now, name) = (before.clone(), call.now, full_name(call));
    let repo = repo_mut(world, call)?;
    let mut labels = before.labels.clone();
    if !edit(repo, &mut labels) {
        return Err(super::error(404, "Label does not exist"));
    }
    let issue = repo.issues.get_mut(&before.number).ok_or_else(not_found)?;
    if issue.labels != labels {
        issue.updated_at = now;
    }
    issue.labels = labels;
    let after = issue.clone();
    announce_difference(world, &name, &before, &after, &call.actor);
    let repo = world.github.repo(&name).ok_or_else(not_found)?;
    let shown = Shape {
        base: &call.base,
        state: &world.github,
    }
    .labels(repo, &after.labels);
    Ok(Answer::ok(Value::Array(shown)))
}

/// One `unlabeled` for each label that went and one `labeled` for each that came.
pub(super) fn announce_difference(world: &mut World, repo: &str, before: &Issue, after: &Issue, actor: &str) {
    for label in before.labels.iter().filter(|label| !after.labels.contains(label)) {
        announce(world, repo, after.number, "unlabeled", label, actor);
    }
    for label in after.labels.iter().filter(|label| !before.labels.contains(label)) {
        announce(world, repo, after.number, "labeled", label, actor);
    }
}

pub(super) fn announce(world: &mut World, repo: &str, number: u64, action: &str, label: &str, actor: &str) {
    let base = world.github_base();
    let shown = world.github.repo(repo).and_then(|repo| {
        let label = repo
            .labels
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(label))?;
        Some(
            Shape {
                base: &base,
                state: &world.github,
            }
            .label(repo, label),
        )
    });
    issue_event(world, repo, number, action, actor, json!({"label": shown}));
}

/// The labels of a body: `{"labels": […]}`, or the bare list that the API takes too.
fn wanted(call: &Call) -> Result<Vec<String>, Answer> {
    if let Ok(list @ Value::Array(_)) = serde_json::from_slice::<Value>(&call.body) {
        let wrapped = serde_json::Map::from_iter([("labels".to_owned(), list)]);
        return Ok(names(&wrapped, "labels")?.unwrap_or_default());
    }
    names(&body(call)?, "labels")?.ok_or_else(|| unfit("\"labels\" wasn't supplied."))
}

fn issue<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Issue), Answer> {
    let repo = repo(world, call)?;
    let issue = call
        .number("n")
        .and_then(|n| repo.issues.get(&n))
        .ok_or_else(not_found)?;
    Ok((repo, issue))
}
