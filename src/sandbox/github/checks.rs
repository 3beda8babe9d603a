//! In: calls about check runs and deployments. Out: answers from state, deliveries of what was said.
//! Never: a check, or a deploy.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::shape::{Shape, node, time};
use super::things::{Check, Deployment, DeploymentStatus};
use super::{
    Repo, body, check_event, deployment_event, error, full_name, invalid, not_found, optional_text, page,
    repo, repo_mut, text, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

const CONCLUSIONS: [&str; 8] = [
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "stale",
    "timed_out",
];
const STATES: [&str; 7] = [
    "error",
    "failure",
    "inactive",
    "in_progress",
    "queued",
    "pending",
    "success",
];
/// GitHub's longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 140;

fn word(given: &Map<String, Value>, name: &str) -> Result<Option<String>, Answer> {
    Ok(optional_text(given, name)?.flatten())
}

/// The newest of every name, as GitHub lists them unless asked for all.
pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let sha = repo.resolve(call.param("sha")).ok_or_else(not_found)?;
    let mut seen = std::collections::BTreeSet::new();
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let wanted = |check: &&Check| {
        check.sha == sha
            && call.query("check_name").is_none_or(|name| name == check.name)
            && call.query("status").is_none_or(|status| status == check.status)
    };
    let all = call.query("filter") == Some("all");
    let found = repo.checks.iter().rev().filter(wanted);
    let found = found.filter(|check| all || seen.insert((check.app.clone(), check.name.clone())));
    page(
        call,
        found.map(|check| shape.check(repo, check)).collect(),
        Some("check_runs"),
    )
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    if !call.actor.ends_with("[bot]") {
        return Err(error(403, "You must authenticate via a GitHub App."));
    }
    let given = body(call)?;
    let (name, sha) = (
        text(&given, "CheckRun", "name")?,
        text(&given, "CheckRun", "head_sha")?,
    );
    if repo(world, call)?.resolve(&sha).is_none() {
        return Err(error(422, &format!("No commit found for SHA: {sha}")));
    }
    let conclusion = word(&given, "conclusion")?;
    if conclusion
        .as_deref()
        .is_some_and(|word| !CONCLUSIONS.contains(&word))
    {
        return Err(invalid("CheckRun", "conclusion", "invalid"));
    }
    let status = word(&given, "status")?.unwrap_or_else(|| "queued".to_owned());
    if status == "completed" && conclusion.is_none() {
        return Err(unfit("\"conclusion\" wasn't supplied."));
    }
    let output = given
        .get("output")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if !output.is_empty() && (!output.contains_key("title") || !output.contains_key("summary")) {
        return Err(unfit(
            "For 'properties/output', \"summary\" and \"title\" weren't supplied.",
        ));
    }
    let remarks = output
        .get("annotations")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if remarks > 50 {
        return Err(unfit("For 'properties/annotations', more than 50 items."));
    }
    let status = if conclusion.is_some() {
        "completed".to_owned()
    } else {
        status
    };
    let check = Check {
        id: world.ids.number(),
        name,
        sha,
        started_at: call.now,
        completed_at: (status == "completed").then_some(call.now),
        status,
        conclusion,
        title: word(&output, "title")?,
        summary: word(&output, "summary")?,
        annotations: u64::try_from(remarks).unwrap_or(u64::MAX),
        external_id: word(&given, "external_id")?,
        details_url: word(&given, "details_url")?,
        app: call.actor.trim_end_matches("[bot]").to_owned(),
    };
    repo_mut(world, call)?.checks.push(check.clone());
    let (name, by) = (full_name(call), call.actor.clone());
    check_event(world, &name, check.id, "created", &by);
    if check.completed_at.is_some() {
        check_event(world, &name, check.id, "completed", &by);
    }
    let repo = world.github.repo(&name).ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(201, shape.check(repo, &check)))
}

pub(super) fn deployments(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let wanted = |made: &&Deployment| {
        call.query("ref").is_none_or(|name| name == made.reference)
            && call
                .query("environment")
                .is_none_or(|name| name == made.environment)
            && call.query("task").is_none_or(|name| name == made.task)
            && call.query("sha").is_none_or(|sha| sha == made.sha)
    };
    let found = repo.deployments.iter().rev().filter(wanted);
    page(
        call,
        found.map(|made| shape.deployment(repo, made)).collect(),
        None,
    )
}

pub(super) fn create_deployment(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let reference = text(&given, "Deployment", "ref")?;
    let description = word(&given, "description")?.unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(invalid("Deployment", "description", "custom"));
    }
    let known = repo(world, call)?;
    let sha = known
        .resolve(&reference)
        .ok_or_else(|| error(422, &format!("No ref found for: {reference}")))?;
    // Without a list all contexts that there are must be good.
    let required = super::names(&given, "required_contexts")?;
    let mut newest: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    for status in known.statuses.iter().filter(|status| status.sha == sha) {
        newest.insert(&status.context, &status.state);
    }
    let good = match &required {
        None => newest.values().all(|state| *state == "success"),
        Some(names) => names
            .iter()
            .all(|name| newest.get(name.as_str()) == Some(&"success")),
    };
    if !good {
        return Err(error(
            409,
            &format!("Conflict: Commit status checks failed for {reference}."),
        ));
    }
    let environment = word(&given, "environment")?.unwrap_or_else(|| "production".to_owned());
    let flag = |name: &str| given.get(name).and_then(Value::as_bool);
    let made = Deployment {
        id: world.ids.number(),
        sha,
        reference,
        task: word(&given, "task")?.unwrap_or_else(|| "deploy".to_owned()),
        production: flag("production_environment").unwrap_or(environment == "production"),
        transient: flag("transient_environment").unwrap_or(false),
        environment,
        description,
        payload: given.get("payload").cloned().unwrap_or_else(|| json!({})),
        creator: call.actor.clone(),
        created_at: call.now,
        statuses: Vec::new(),
    };
    repo_mut(world, call)?.deployments.push(made.clone());
    let (name, by) = (full_name(call), call.actor.clone());
    deployment_event(world, &name, made.id, None, &by);
    let repo = world.github.repo(&name).ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(201, shape.deployment(repo, &made)))
}

pub(super) fn create_deployment_status(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let state = text(&given, "DeploymentStatus", "state")?;
    if !STATES.contains(&state.as_str()) {
        return Err(invalid("DeploymentStatus", "state", "custom"));
    }
    let (id, number) = (world.ids.number(), call.number("id").ok_or_else(not_found)?);
    let said = DeploymentStatus {
        id,
        state,
        description: word(&given, "description")?.unwrap_or_default(),
        environment_url: word(&given, "environment_url")?.unwrap_or_default(),
        log_url: word(&given, "log_url")?.unwrap_or_default(),
        creator: call.actor.clone(),
        created_at: call.now,
    };
    let repo = repo_mut(world, call)?;
    let made = repo
        .deployments
        .iter_mut()
        .find(|made| made.id == number)
        .ok_or_else(not_found)?;
    made.statuses.push(said.clone());
    let (name, by) = (full_name(call), call.actor.clone());
    deployment_event(world, &name, number, Some(id), &by);
    let repo = world.github.repo(&name).ok_or_else(not_found)?;
    let made = repo
        .deployments
        .iter()
        .find(|made| made.id == number)
        .ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(201, shape.deployment_status(repo, made, &said)))
}

impl Shape<'_> {
    pub(super) fn check(&self, repo: &Repo, check: &Check) -> Value {
        let (url, id) = (self.repo_url(repo), check.id);
        json!({
            "id": id, "node_id": node("CR", id), "head_sha": check.sha, "external_id": check.external_id,
            "url": format!("{url}/check-runs/{id}"), "html_url": self.page(repo, &format!("/runs/{id}")),
            "details_url": check.details_url, "status": check.status, "conclusion": check.conclusion,
            "started_at": time(check.started_at), "completed_at": check.completed_at.map(time), "name": check.name,
            "output": {
                "title": check.title, "summary": check.summary, "text": null, "annotations_count": check.annotations,
                "annotations_url": format!("{url}/check-runs/{id}/annotations"),
            },
            "check_suite": {"id": 1}, "pull_requests": [],
            "app": {
                "id": 1, "slug": check.app, "node_id": node("A", 1), "client_id": "Iv1.check", "owner": self.user(repo.owner()),
                "name": check.app, "description": null, "external_url": "https://example.com",
                "html_url": format!("https://github.com/apps/{}", check.app), "created_at": time(Timestamp::UNIX_EPOCH),
                "updated_at": time(Timestamp::UNIX_EPOCH), "permissions": {"checks": "write"}, "events": [],
            },
        })
    }

    pub(super) fn deployment(&self, repo: &Repo, made: &Deployment) -> Value {
        let (url, id) = (self.repo_url(repo), made.id);
        json!({
            "url": format!("{url}/deployments/{id}"), "id": id, "node_id": node("DE", id), "sha": made.sha,
            "ref": made.reference, "task": made.task, "payload": made.payload,
            "original_environment": made.environment, "environment": made.environment,
            "description": made.description, "creator": self.user(&made.creator), "created_at": time(made.created_at),
            "updated_at": time(made.created_at), "statuses_url": format!("{url}/deployments/{id}/statuses"),
            "repository_url": url, "transient_environment": made.transient, "production_environment": made.production,
        })
    }

    pub(super) fn deployment_status(&self, repo: &Repo, made: &Deployment, said: &DeploymentStatus) -> Value {
        let (url, id) = (
            format!("{}/deployments/{}", self.repo_url(repo), made.id),
            said.id,
        );
        json!({
            "url": format!("{url}/statuses/{id}"), "id": id, "node_id": node("DES", id), "state": said.state,
            "creator": self.user(&said.creator), "description": said.description, "environment": made.environment,
            "target_url": said.log_url, "created_at": time(said.created_at), "updated_at": time(said.created_at),
            "deployment_url": url, "repository_url": self.repo_url(repo), "environment_url": said.environment_url,
            "log_url": said.log_url,
        })
    }
}
