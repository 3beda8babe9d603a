//! In: calls about issues (a pull request is one too). Out: answers from state, and `issues.*` deliveries.
//! Never: comments and labels; they have rooms of their own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape::{Shape, whole_seconds};
use super::{
    Issue, Repo, app, body, error, full_name, invalid, issue_event, names, not_found, optional_text, page,
    repo, repo_mut, text, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// GitHub's longest title, in characters.
const TITLE_CHARS_MAX: usize = 256;
/// GitHub's longest body, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 262_144;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    if !repo.has_issues {
        return Err(disabled());
    }
    let mut found: Vec<&Issue> = repo
        .issues
        .values()
        .filter(|issue| matches(issue, call))
        .collect();
    sort(repo, &mut found, call);
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    page(
        call,
        found.into_iter().map(|issue| shape.issue(repo, issue)).collect(),
        None,
    )
}

fn matches(issue: &Issue, call: &Call) -> bool {
    let state = call.query("state").unwrap_or("open");
    let has = |wanted: &str| {
        issue
            .labels
            .iter()
            .any(|label| label.eq_ignore_ascii_case(wanted))
    };
    let since = call
        .query("since")
        .and_then(|since| since.parse::<Timestamp>().ok());
    let by = |name: &str, login: &str| {
        call.query(name)
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(login))
    };
    let assigned = match call.query("assignee") {
        None | Some("*") => true,
        Some("none") => issue.assignees.is_empty(),
        Some(login) => issue
            .assignees
            .iter()
            .any(|assignee| assignee.eq_ignore_ascii_case(login)),
    };
    (state == "all" || issue.state == state)
        && call.queries("labels").into_iter().all(has)
        && since.is_none_or(|since| whole_seconds(issue.updated_at) >= since)
        && by("creator", &issue.user)
        && assigned
}

fn sort(repo: &Repo, found: &mut [&Issue], call: &Call) {
    match call.query("sort").unwrap_or("created") {
        "updated" => found.sort_by_key(|issue| (issue.updated_at, issue.number)),
        "comments" => found.sort_by_key(|issue| (repo.comments_of(issue.number).count(), issue.number)),
        _ => found.sort_by_key(|issue| (issue.created_at, issue.number)),
    }
    if call.query("direction") != Some("asc") {
        found.reverse();
    }
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    shown(world, call, 200)
}

/// `GET /repositories/{id}/issues/{n}`, where the address of a transferred issue leads.
pub(super) fn get_moved(world: &mut World, call: &Call) -> Outcome {
    let id = call.number("id");
    let repo = world
        .github
        .repos()
        .find(|repo| Some(repo.id) == id && app::reaches(world, call, &repo.full_name))
        .ok_or_else(not_found)?;
    let issue = call.number("n").and_then(|number| repo.issues.get(&number));
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::ok(shape.issue(repo, issue.ok_or_else(not_found)?)))
}

/// The issue a call names, as it is now.
fn shown(world: &World, call: &Call, status: u16) -> Outcome {
    let repo = repo(world, call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    if let Some((to, there)) = repo.moved.get(&number) {
        // GitHub names the other repository by its number.
        let to = world.github.repo(to).ok_or_else(not_found)?;
        let place = format!("{}/repositories/{}/issues/{there}", call.base, to.id);
        let body =
            json!({"message": "Moved Permanently", "url": place, "documentation_url": super::DOCUMENTATION});
        return Ok(Answer::json(301, body).with("location", place));
    }
    let issue = repo.issues.get(&number).ok_or_else(not_found)?;
    Ok(Answer::json(
        status,
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .issue(repo, issue),
    ))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let known = repo(world, call)?;
    if !known.has_issues {
        return Err(disabled());
    }
    if known.archived {
        return Err(error(403, "Repository was archived so is read-only."));
    }
    let title = text(&given, "Issue", "title")?;
    let text_body = optional_text(&given, "body")?.flatten();
    check(&title, text_body.as_deref())?;
    let labels = names(&given, "labels")?.unwrap_or_default();
    let assignees = names(&given, "assignees")?.unwrap_or_default();
    let (id, actor, now) = (world.ids.number(), call.actor.clone(), call.now);
    let repo = repo_mut(world, call)?;
    let number = repo.next_number();
    let labels: Vec<String> = labels.iter().map(|name| repo.ensure_label(name)).collect();
    let issue = Issue {
        id,
        number,
        title,
        body: text_body,
        user: actor.clone(),
        state: "open".to_owned(),
        state_reason: None,
        labels: labels.clone(),
        assignees,
        locked: false,
        lock_reason: None,
        sub_issues: Vec::new(),
        association: None,
        created_at: now,
        updated_at: now,
        closed_at: None,
        is_pull: false,
    };
    repo.issues.insert(number, issue);
    announce_new(world, &full_name(call), number, &labels, &actor);
    let repo = world.github.repo(&full_name(call)).ok_or_else(not_found)?;
    let issue = repo.issues.get(&number).ok_or_else(not_found)?;
    let body = Shape {
        base: &call.base,
        state: &world.github,
    }
    .issue(repo, issue);
    let url = body["url"].as_str().unwrap_or_default().to_owned();
    Ok(Answer::json(201, body).with("location", url))
}

/// `issues.opened`, and one `issues.labeled` for each label it was born with, as GitHub sends them.
fn announce_new(world: &mut World, repo: &str, number: u64, labels: &[String], actor: &str) {
    issue_event(world, repo, number, "opened", actor, Value::Null);
    for label in labels {
        super::labels::announce(world, repo, number, "labeled", label, actor);
    }
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    let before = repo(world, call)?
        .issues
        .get(&number)
        .cloned()
        .ok_or_else(not_found)?;
    let title = optional_text(&given, "title")?.flatten();
    if title.as_deref() == Some("") {
        return Err(invalid("Issue", "title", "missing_field"));
    }
    let text_body = optional_text(&given, "body")?;
    check(
        title.as_deref().unwrap_or(""),
        text_body.as_ref().and_then(|body| body.as_deref()),
    )?;
    let state = optional_text(&given, "state")?.flatten();
    if state
        .as_deref()
        .is_some_and(|state| state != "open" && state != "closed")
    {
        return Err(invalid("Issue", "state", "invalid"));
    }
    let reason = optional_text(&given, "state_reason")?.flatten();
    let reasons = ["completed", "not_planned", "duplicate", "reopened"];
    if reason.as_deref().is_some_and(|reason| !reasons.contains(&reason)) {
        return Err(invalid("Issue", "state_reason", "invalid"));
    }
    let merged = |pull: &super::Pull| pull.merged_at.is_some();
    if state.as_deref() == Some("open") && repo(world, call)?.pulls.get(&number).is_some_and(merged) {
        return Err(invalid("Issue", "state", "invalid"));
    }
    let labels = names(&given, "labels")?;
    let assignees = names(&given, "assignees")?;
    let now = call.now;
    let repo = repo_mut(world, call)?;
    let labels = labels.map(|labels| {
        labels
            .iter()
            .map(|name| repo.ensure_label(name))
            .collect::<Vec<_>>()
    });
    let issue = repo.issues.get_mut(&number).ok_or_else(not_found)?;
    if let Some(title) = title {
        issue.title = title;
    }
    if let Some(body) = text_body {
        issue.body = body;
    }
    if let Some(labels) = labels {
        issue.labels = labels;
    }
    if let Some(assignees) = assignees {
        issue.assignees = assignees;
    }
    if let Some(state) = state {
        turn(issue, &state, reason, now);
    }
    issue.updated_at = now;
    announce_changes(world, call, &before);
    shown(world, call, 200)
}

/// Opens or closes, with the reason that GitHub keeps for it.
fn turn(issue: &mut Issue, state: &str, reason: Option<String>, now: Timestamp) {
    let closes = state == "closed";
    if issue.state != state {
        issue.closed_at = closes.then_some(now);
        issue.state_reason = Some(if closes { "completed" } else { "reopened" }.to_owned());
    }
    if closes && reason.is_some() {
        issue.state_reason = reason;
    }
    issue.state = state.to_owned();
}

/// One delivery for each kind of change that a PATCH made.
fn announce_changes(world: &mut World, call: &Call, before: &Issue) {
    let (name, number) = (full_name(call), before.number);
    let Some(after) = world
        .github
        .repo(&name)
        .and_then(|repo| repo.issues.get(&number))
        .cloned()
    else {
        return;
    };
    let actor = &call.actor;
    let mut changes = serde_json::Map::new();
    if after.title != before.title {
        changes.insert("title".to_owned(), json!({"from": before.title}));
    }
    if after.body != before.body {
        changes.insert("body".to_owned(), json!({"from": before.body}));
    }
    if !changes.is_empty() {
        issue_event(world, &name, number, "edited", actor, json!({"changes": changes}));
    }
    super::labels::announce_difference(world, &name, before, &after, actor);
    announce_assignees(world, &name, before, &after, actor);
    if after.state != before.state {
        let action = if after.state == "closed" {
            "closed"
        } else {
            "reopened"
        };
        issue_event(world, &name, number, action, actor, Value::Null);
    }
}

fn announce_assignees(world: &mut World, repo: &str, before: &Issue, after: &Issue, actor: &str) {
    let base = world.github_base();
    for login in after
        .assignees
        .iter()
        .filter(|login| !before.assignees.contains(login))
    {
        let assignee = Shape {
            base: &base,
            state: &world.github,
        }
        .user(login);
        issue_event(
            world,
            repo,
            after.number,
            "assigned",
            actor,
            json!({"assignee": assignee}),
        );
    }
}

pub(super) fn assign(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let added = names(&given, "assignees")?.unwrap_or_default();
    let number = call.number("n").ok_or_else(not_found)?;
    let now = call.now;
    let known = repo(world, call)?;
    // Whom it cannot be assigned to GitHub passes over in silence.
    let added: Vec<String> = added
        .into_iter()
        .filter(|login| known.may_be_assigned(login))
        .collect();
    let issue = repo_mut(world, call)?
        .issues
        .get_mut(&number)
        .ok_or_else(not_found)?;
    let before = issue.clone();
    issue.assignees.extend(
        added
            .into_iter()
            .filter(|login| !before.assignees.contains(login)),
    );
    issue.updated_at = now;
    announce_changes(world, call, &before);
    shown(world, call, 201)
}

pub(super) fn lock(world: &mut World, call: &Call) -> Outcome {
    let reason = optional_text(&body(call)?, "lock_reason")?.flatten();
    let reasons = ["off-topic", "too heated", "resolved", "spam"];
    if let Some(reason) = reason.as_deref().filter(|reason| !reasons.contains(reason)) {
        return Err(unfit(&format!(
            "For 'properties/lock_reason', {reason} is not a member of {reasons:?}."
        )));
    }
    set_locked(world, call, true, reason)
}

pub(super) fn unlock(world: &mut World, call: &Call) -> Outcome {
    set_locked(world, call, false, None)
}

fn set_locked(world: &mut World, call: &Call, locked: bool, reason: Option<String>) -> Outcome {
    let number = call.number("n").ok_or_else(not_found)?;
    let issue = repo_mut(world, call)?
        .issues
        .get_mut(&number)
        .ok_or_else(not_found)?;
    issue.lock_reason = reason;
    if std::mem::replace(&mut issue.locked, locked) != locked {
        let action = if locked { "locked" } else { "unlocked" };
        issue_event(world, &full_name(call), number, action, &call.actor, Value::Null);
    }
    Ok(Answer::empty(204))
}

fn check(title: &str, body: Option<&str>) -> Result<(), Answer> {
    if title.chars().count() > TITLE_CHARS_MAX {
        return Err(error(
            422,
            "Validation Failed: title is too long (maximum is 256 characters)",
        ));
    }
    if body.is_some_and(|body| body.len() > BODY_BYTES_MAX) {
        return Err(error(
            422,
            "Validation Failed: body is too long (maximum is 65536 characters)",
        ));
    }
    Ok(())
}

fn disabled() -> Answer {
    error(410, "Issues has been disabled in this repository.")
}
