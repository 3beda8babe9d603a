//! In: calls about pull requests. Out: answers from state.
//! Never: their conversation; that is the issue's.

use serde_json::Value;

use super::shape::Shape;
use super::{Issue, Pull, Repo, not_found, page, repo};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let state = call.query("state").unwrap_or("open");
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let both = repo
        .pulls
        .values()
        .filter_map(|pull| Some((repo.issues.get(&pull.number)?, pull)));
    let found = both.filter(|(issue, pull)| {
        (state == "all" || issue.state == state)
            && call.query("base").is_none_or(|base| pull.base_ref == base)
            && call
                .query("head")
                .is_none_or(|head| head == format!("{}:{}", owner(pull), pull.head_ref))
    });
    let mut found: Vec<(&Issue, &Pull)> = found.collect();
    if call.query("direction") != Some("asc") {
        found.reverse();
    }
    page(
        call,
        found
            .into_iter()
            .map(|(issue, pull)| shape.pull(repo, issue, pull, false))
            .collect(),
        None,
    )
}

fn owner(pull: &Pull) -> &str {
    pull.head_repo.split('/').next().unwrap_or_default()
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let (repo, issue, pull) = one(world, call)?;
    if call.header("accept").contains("diff") {
        return Ok(Answer::ok(Value::String(diff(pull)))
            .with("content-type", "application/vnd.github.v3.diff; charset=utf-8"));
    }
    Ok(Answer::ok(
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .pull(repo, issue, pull, true),
    ))
}

/// The pull request as one unified diff.
fn diff(pull: &Pull) -> String {
    let file = |file: &super::FileDiff| {
        let name = &file.filename;
        let patch = file.patch.as_deref().unwrap_or("");
        format!("diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n{patch}\n")
    };
    pull.files.iter().map(file).collect()
}

pub(super) fn files(world: &mut World, call: &Call) -> Outcome {
    let (repo, _, pull) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        pull.files
            .iter()
            .map(|file| shape.file(repo, pull, file))
            .collect(),
        None,
    )
}

fn one<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Issue, &'a Pull), Answer> {
    let repo = repo(world, call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    let pull = repo.pulls.get(&number).ok_or_else(not_found)?;
    Ok((repo, repo.issues.get(&number).ok_or_else(not_found)?, pull))
}
