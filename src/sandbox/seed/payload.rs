//! In: a webhook payload, whole or as short as a test writes it. Out: a world in which what it mentions exists.
//! Never: an error; what is not understood is not needed.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::github::{blank_issue, blank_pull};
use super::runs::{blank_run, with_job};
use crate::sandbox::SOMEBODY;
use crate::sandbox::github::{Comment, Issue, Label, Repo, stable_id};
use crate::sandbox::render::Event;
use crate::sandbox::state::World;

/// See [`crate::sandbox::Sandbox::seed_from_payload`].
pub(in crate::sandbox) fn from_payload(world: &mut World, source: &str, payload: &Value) {
    match source {
        "github" => github(world, payload),
        "render" => render(world, payload),
        _ => {}
    }
}

fn github(world: &mut World, payload: &Value) {
    let now = world.now();
    remember_people(world, payload);
    let told = &payload["repository"];
    let composed = || {
        Some(format!(
            "{}/{}",
            text(&told["owner"], "login")?,
            text(told, "name")?
        ))
    };
    let Some(name) = text(told, "full_name")
        .or_else(composed)
        .filter(|name| name.split('/').count() == 2)
    else {
        return;
    };
    let repo = world.github.ensure_repo(&name, now);
    repo.id = told["id"].as_u64().unwrap_or(repo.id);
    repo.private = told["private"].as_bool().unwrap_or(repo.private);
    repo.archived = told["archived"].as_bool().unwrap_or(repo.archived);
    repo.default_branch = text(told, "default_branch").unwrap_or(std::mem::take(&mut repo.default_branch));
    repo.description = text(told, "description").or(repo.description.take());
    repo.language = text(told, "language").or(repo.language.take());
    if let (Some(reference), Some(after)) = (text(payload, "ref"), text(payload, "after")) {
        let branch = reference.trim_start_matches("refs/heads/").to_owned();
        repo.branches.insert(branch, after);
    }
    if let Some(label) = payload.get("label") {
        learn_label(repo, label);
    }
    if payload["issue"].is_object() {
        issue(repo, &payload["issue"], false, now);
    }
    if payload["pull_request"].is_object() {
        pull(repo, payload, now);
    }
    if payload["comment"].is_object() && payload["issue"].is_object() {
        comment(repo, payload, now);
    }
    if payload["workflow_run"].is_object() {
        run(repo, &payload["workflow_run"], now);
    }
}

/// Accounts that a payload tells with their numeric ids keep these.
fn remember_people(world: &mut World, payload: &Value) {
    let people = [
        &payload["sender"],
        &payload["repository"]["owner"],
        &payload["issue"]["user"],
        &payload["comment"]["user"],
        &payload["pull_request"]["user"],
    ];
    for person in people {
        if let (Some(login), Some(id)) = (text(person, "login"), person["id"].as_u64()) {
            world.github.user_ids.insert(login.to_ascii_lowercase(), id);
        }
    }
}

fn learn_label(repo: &mut Repo, told: &Value) {
    let Some(name) = text(told, "name") else { return };
    if repo
        .labels
        .iter()
        .any(|known| known.name.eq_ignore_ascii_case(&name))
    {
        return;
    }
    repo.labels.push(Label {
        id: told["id"]
            .as_u64()
            .unwrap_or_else(|| stable_id(&format!("{}:{name}", repo.full_name))),
        color: text(told, "color").unwrap_or_else(|| "ededed".to_owned()),
        description: text(told, "description"),
        name,
    });
}

fn issue(repo: &mut Repo, told: &Value, is_pull: bool, now: Timestamp) -> Option<u64> {
    let number = told["number"].as_u64()?;
    let mut issue = repo
        .issues
        .get(&number)
        .cloned()
        .unwrap_or_else(|| blank_issue(repo, number, now));
    // The `id` of a pull request is not the one of its issue.
    issue.id = told["id"].as_u64().filter(|_| !is_pull).unwrap_or(issue.id);
    let is_pull = is_pull || told["pull_request"].is_object();
    issue.is_pull |= is_pull;
    fill(repo, &mut issue, told);
    repo.issues.insert(number, issue);
    if is_pull && !repo.pulls.contains_key(&number) {
        let pull = blank_pull(repo, number);
        repo.pulls.insert(number, pull);
    }
    Some(number)
}

fn fill(repo: &mut Repo, issue: &mut Issue, told: &Value) {
    issue.title = text(told, "title").unwrap_or(std::mem::take(&mut issue.title));
    issue.body = text(told, "body").or(issue.body.take());
    issue.user = login(told, "user").unwrap_or(std::mem::take(&mut issue.user));
    issue.state = text(told, "state").unwrap_or(std::mem::take(&mut issue.state));
    issue.state_reason = text(told, "state_reason").or(issue.state_reason.take());
    issue.locked = told["locked"].as_bool().unwrap_or(issue.locked);
    issue.association = text(told, "author_association").or(issue.association.take());
    issue.created_at = time(told, "created_at").unwrap_or(issue.created_at);
    issue.updated_at = time(told, "updated_at").unwrap_or(issue.updated_at);
    issue.closed_at = time(told, "closed_at").or(issue.closed_at);
    if let Some(assignees) = told["assignees"].as_array() {
        issue.assignees = assignees.iter().filter_map(|user| text(user, "login")).collect();
    }
    if let Some(labels) = told["labels"].as_array() {
        labels.iter().for_each(|label| learn_label(repo, label));
        issue.labels = labels.iter().filter_map(|label| text(label, "name")).collect();
    }
}

fn pull(repo: &mut Repo, payload: &Value, now: Timestamp) {
    let mut told = payload["pull_request"].clone();
    if told["number"].is_null() {
        told["number"] = payload["number"].clone();
    }
    let Some(number) = issue(repo, &told, true, now) else {
        return;
    };
    let Some(pull) = repo.pulls.get_mut(&number) else {
        return;
    };
    pull.id = told["id"].as_u64().unwrap_or(pull.id);
    pull.draft = told["draft"].as_bool().unwrap_or(pull.draft);
    pull.merged_at = time(&told, "merged_at")
        .or(told["merged"].as_bool().filter(|merged| *merged).map(|_| now))
        .or(pull.merged_at);
    pull.merged_by = login(&told, "merged_by").or(pull.merged_by.take());
    pull.head_ref = text(&told["head"], "ref").unwrap_or(std::mem::take(&mut pull.head_ref));
    pull.head_sha = text(&told["head"], "sha").unwrap_or(std::mem::take(&mut pull.head_sha));
    pull.head_repo = text(&told["head"]["repo"], "full_name").unwrap_or(std::mem::take(&mut pull.head_repo));
    pull.base_ref = text(&told["base"], "ref").unwrap_or(std::mem::take(&mut pull.base_ref));
    pull.base_sha = text(&told["base"], "sha").unwrap_or(std::mem::take(&mut pull.base_sha));
}

fn comment(repo: &mut Repo, payload: &Value, now: Timestamp) {
    let told = &payload["comment"];
    let (Some(id), Some(number)) = (told["id"].as_u64(), payload["issue"]["number"].as_u64()) else {
        return;
    };
    let at = time(told, "created_at").unwrap_or(now);
    let comment = Comment {
        id,
        issue: number,
        user: login(told, "user").unwrap_or_else(|| SOMEBODY.to_owned()),
        body: text(told, "body").unwrap_or_default(),
        association: text(told, "author_association"),
        created_at: at,
        updated_at: time(told, "updated_at").unwrap_or(at),
    };
    repo.comments.insert(id, comment);
}

fn run(repo: &mut Repo, told: &Value, now: Timestamp) {
    let Some(id) = told["id"].as_u64() else { return };
    let mut run = repo
        .runs
        .get(&id)
        .cloned()
        .unwrap_or_else(|| blank_run(repo, id, now));
    run.name = text(told, "name").unwrap_or(run.name);
    run.path = text(told, "path").unwrap_or(run.path);
    run.event = text(told, "event").unwrap_or(run.event);
    run.status = text(told, "status").unwrap_or(run.status);
    run.conclusion = text(told, "conclusion")
        .or(run.conclusion)
        .filter(|_| run.status == "completed");
    run.branch = text(told, "head_branch").unwrap_or(run.branch);
    run.sha = text(told, "head_sha").unwrap_or(run.sha);
    run.title = text(told, "display_title").unwrap_or(run.title);
    run.number = told["run_number"].as_u64().unwrap_or(run.number);
    run.attempt = told["run_attempt"].as_u64().unwrap_or(run.attempt);
    run.actor = login(told, "actor").unwrap_or(run.actor);
    run.triggering_actor = login(told, "triggering_actor").unwrap_or(run.triggering_actor);
    run.created_at = time(told, "created_at").unwrap_or(run.created_at);
    run.started_at = time(told, "run_started_at").unwrap_or(run.created_at);
    run.updated_at = time(told, "updated_at").unwrap_or(run.updated_at);
    repo.runs.insert(id, with_job(run));
}

fn render(world: &mut World, payload: &Value) {
    let now = world.now();
    let data = &payload["data"];
    let Some(service) = text(data, "serviceId") else {
        return;
    };
    world
        .render
        .ensure_service(&service, text(data, "serviceName").as_deref(), now);
    let (Some(id), Some(kind)) = (text(data, "id"), text(payload, "type")) else {
        return;
    };
    if world.render.events.iter().any(|event| event.id == id) {
        return;
    }
    // Which deploy it was about is filled in when somebody asks: the state may tell it later.
    let details = match text(data, "status") {
        Some(status) if kind == "build_ended" => json!({"buildStatus": status}),
        Some(status) if kind == "deploy_ended" => json!({"deployStatus": status}),
        Some(status) => json!({"status": status}),
        None => json!({}),
    };
    let at = time(payload, "timestamp").unwrap_or(now);
    world.render.note(Event {
        id,
        at,
        service,
        kind,
        details,
    });
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn login(value: &Value, name: &str) -> Option<String> {
    text(value.get(name)?, "login")
}

fn time(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}
