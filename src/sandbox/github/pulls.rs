//! In: calls about pull requests. Out: answers from state.
//! Never: their conversation; that is the issue's.

use serde_json::{Value, json};

use super::shape::Shape;
use super::{
    Issue, Pull, Repo, body, full_name, invalid, not_found, optional_text, page, pull_event, repo, repo_mut,
    text,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::seed::{blank_issue, blank_pull};
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

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let title = text(&given, "PullRequest", "title")?;
    let (head, base) = (
        text(&given, "PullRequest", "head")?,
        text(&given, "PullRequest", "base")?,
    );
    let words = optional_text(&given, "body")?.flatten();
    let draft = given.get("draft").and_then(Value::as_bool).unwrap_or(false);
    let (id, pull_id, now, by, name) = (
        world.ids.number(),
        world.ids.number(),
        call.now,
        call.actor.clone(),
        full_name(call),
    );
    let known = repo(world, call)?;
    let (owner, branch) = head.split_once(':').unwrap_or((known.owner(), &head));
    let home = format!("{owner}/{}", known.name());
    let head_sha = world
        .github
        .repo(&home)
        .and_then(|home| home.branches.get(branch))
        .cloned();
    let head_sha = head_sha.ok_or_else(|| invalid("PullRequest", "head", "invalid"))?;
    let has_base = base == known.default_branch || known.branches.contains_key(&base);
    let base_sha = known.head_of(&base);
    if !has_base {
        return Err(invalid("PullRequest", "base", "invalid"));
    }
    if known.ancestors(&base_sha).contains(&head_sha) {
        return Err(custom(&format!("No commits between {base} and {branch}")));
    }
    let same = |pull: &&Pull| pull.head_ref == branch && pull.head_repo == home && pull.base_ref == base;
    let open = |pull: &Pull| {
        known
            .issues
            .get(&pull.number)
            .is_some_and(|issue| issue.state == "open")
    };
    if known.pulls.values().filter(same).any(open) {
        return Err(custom(&format!(
            "A pull request already exists for {owner}:{branch}."
        )));
    }
    let fresh = known.ancestors(&head_sha);
    let old = known.ancestors(&base_sha);
    let files = fresh.difference(&old).filter_map(|sha| known.commits.get(sha));
    let files = files.flat_map(|commit| commit.files.clone()).collect();
    let number = known.next_number();
    let mut pull = blank_pull(known, number);
    (pull.id, pull.draft, pull.files) = (pull_id, draft, files);
    (pull.head_ref, pull.head_sha, pull.head_repo) = (branch.to_owned(), head_sha, home);
    (pull.base_ref, pull.base_sha) = (base, base_sha);
    let mut issue = blank_issue(known, number, now);
    (issue.id, issue.title, issue.body, issue.user, issue.is_pull) = (id, title, words, by.clone(), true);
    let repo = repo_mut(world, call)?;
    repo.issues.insert(number, issue);
    repo.pulls.insert(number, pull);
    pull_event(world, &name, number, "opened", &by, Value::Null);
    shown(world, call, number, 201)
}

/// 422 in a sentence of the provider's.
fn custom(sentence: &str) -> Answer {
    let body = json!({
        "message": "Validation Failed",
        "errors": [{"resource": "PullRequest", "code": "custom", "message": sentence}],
        "documentation_url": super::DOCUMENTATION,
        "status": "422",
    });
    Answer::json(422, body)
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let (repo, issue, pull) = one(world, call)?;
    let (before, base_before) = (issue.clone(), pull.base_ref.clone());
    let title = optional_text(&given, "title")?.flatten();
    let words = optional_text(&given, "body")?;
    let base = optional_text(&given, "base")?.flatten();
    if title.as_deref() == Some("") {
        return Err(invalid("PullRequest", "title", "missing_field"));
    }
    if base
        .as_ref()
        .is_some_and(|base| *base != repo.default_branch && !repo.branches.contains_key(base))
    {
        return Err(invalid("PullRequest", "base", "invalid"));
    }
    let (number, now, name) = (before.number, call.now, full_name(call));
    let repo = repo_mut(world, call)?;
    let mut changes = json!({});
    if let Some(issue) = repo.issues.get_mut(&number) {
        issue.updated_at = now;
        if let Some(title) = title.filter(|title| *title != before.title) {
            changes["title"] = json!({"from": before.title});
            issue.title = title;
        }
        if let Some(words) = words.filter(|words| *words != before.body) {
            changes["body"] = json!({"from": before.body});
            issue.body = words;
        }
    }
    if let Some(base) = base.filter(|base| *base != base_before) {
        changes["base"] = json!({"ref": {"from": base_before}});
        let sha = repo.head_of(&base);
        if let Some(pull) = repo.pulls.get_mut(&number) {
            (pull.base_ref, pull.base_sha) = (base, sha);
        }
    }
    if changes != json!({}) {
        pull_event(
            world,
            &name,
            number,
            "edited",
            &call.actor,
            json!({"changes": changes}),
        );
    }
    shown(world, call, number, 200)
}

fn shown(world: &World, call: &Call, number: u64, status: u16) -> Outcome {
    let repo = repo(world, call)?;
    let (issue, pull) = (repo.issues.get(&number), repo.pulls.get(&number));
    let (issue, pull) = (issue.ok_or_else(not_found)?, pull.ok_or_else(not_found)?);
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(status, shape.pull(repo, issue, pull, true)))
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
            .map(|file| shape.file_at(repo, &pull.head_sha, file))
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
