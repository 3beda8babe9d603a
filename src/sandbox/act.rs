//! In: what a person or a machine outside our API does. Out: changed state and its webhooks, as the providers send them.
//! Never: effects; these are not our writes.

mod on_github;
mod on_render;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::github::{Issue, ping};
use super::render::{happen, serve_ill, tick};
use super::state::World;
use super::{Sandbox, webhooks};

/// What can be done.
const ACTS: &str = "open_issue, close_issue, reopen_issue, edit_issue, label_issue, comment, open_pull_request, \
    merge_pull_request, push, complete_workflow_run, rerun, ping, deploy, fail_next_deploy, server_failed, \
    server_available, event";
/// Who does what nobody is said to do.
pub const SOMEBODY: &str = "octo-user";
/// Every parameter that any act has; `by` is who does it, always.
const PARAMETERS: &[&str] = &[
    // which act, and whose
    "do",
    "act",
    "by",
    "actor",
    // GitHub: where, which, what
    "repo",
    "number",
    "title",
    "body",
    "labels",
    "label",
    "author_association",
    "files",
    "draft",
    "head",
    "base",
    "branch",
    "sha",
    "message",
    "added",
    "removed",
    "modified",
    "id",
    "run_id",
    "name",
    "event",
    "conclusion",
    // Render
    "service_id",
    "service_name",
    "commit",
    "trigger",
    "fails",
    "after",
    "logs",
    "type",
    "status",
    "details",
];

/// Does one act, and waits until what it set off was delivered. Gives `{result, deliveries}`.
pub(super) async fn perform(sandbox: &Sandbox, given: &Value) -> Result<Value, String> {
    let (before, result) = {
        let mut world = sandbox.world();
        tick(&mut world);
        let before = world.outbox.posted();
        (before, act(&mut world, given)?)
    };
    sandbox.announce();
    webhooks::settled(sandbox).await;
    let world = sandbox.world();
    let deliveries: Vec<Value> = world
        .outbox
        .ids_since(before)
        .iter()
        .filter_map(|id| world.outbox.find(id))
        .collect();
    Ok(json!({"result": result, "deliveries": deliveries}))
}

fn act(world: &mut World, given: &Value) -> Result<Value, String> {
    let fields = given
        .as_object()
        .ok_or("act: must be an object, as in {\"do\": \"open_issue\", \"repo\": \"acme/api\"}")?;
    let name = fields
        .get("do")
        .or_else(|| fields.get("act"))
        .and_then(Value::as_str)
        .ok_or(format!("act: \"do\" is missing; known are {ACTS}"))?;
    if let Some(unknown) = fields.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
        let known = PARAMETERS.join(", ");
        return Err(format!(
            "act {name}: unknown parameter \"{unknown}\"; known are {known}"
        ));
    }
    let act = Act {
        name,
        fields,
        now: world.now(),
    };
    match name {
        "open_issue" => act.open_issue(world),
        "close_issue" => act.turn_issue(world, "closed"),
        "reopen_issue" => act.turn_issue(world, "open"),
        "edit_issue" => act.edit_issue(world),
        "label_issue" => act.label_issue(world),
        "comment" => act.comment(world),
        "open_pull_request" => act.open_pull_request(world),
        "merge_pull_request" => act.merge_pull_request(world),
        "push" => act.push(world),
        "complete_workflow_run" => act.complete_workflow_run(world),
        "rerun" => act.rerun(world),
        "ping" => {
            let repo = act.repo(world)?;
            Ok(json!({"delivery": ping(world, &repo, &act.by())}))
        }
        "deploy" => act.deploy(world),
        "fail_next_deploy" => act.fail_next_deploy(world),
        "server_failed" => {
            let service = act.service(world)?;
            let logs = act.lines("Error: connection refused");
            Ok(json!({"event": serve_ill(world, &service, &logs, act.now)}))
        }
        "server_available" => {
            let service = act.service(world)?;
            Ok(json!({"event": happen(world, &service, "server_available", None, json!({}), act.now)}))
        }
        "event" => act.event(world),
        other => Err(format!("act: unknown \"{other}\"; known are {ACTS}")),
    }
}

/// One act, with its parameters at hand.
struct Act<'a> {
    name: &'a str,
    fields: &'a Map<String, Value>,
    now: Timestamp,
}

impl Act<'_> {
    fn text(&self, field: &str) -> Option<String> {
        self.fields.get(field).and_then(Value::as_str).map(str::to_owned)
    }

    fn need(&self, field: &str) -> Result<String, String> {
        self.text(field)
            .ok_or_else(|| format!("act {}: {field} is missing (a string)", self.name))
    }

    fn number(&self, field: &str) -> Result<u64, String> {
        let number = self.fields.get(field).and_then(Value::as_u64);
        number.ok_or_else(|| format!("act {}: {field} is missing (a number)", self.name))
    }

    fn names(&self, field: &str) -> Vec<String> {
        let list = self.fields.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// Who does it.
    fn by(&self) -> String {
        let told = self.text("by").or_else(|| self.text("actor"));
        told.unwrap_or_else(|| SOMEBODY.to_owned())
    }

    /// The lines of `logs`, or one that says at least something.
    fn lines(&self, otherwise: &str) -> Vec<String> {
        let lines = self.names("logs");
        if lines.is_empty() {
            vec![otherwise.to_owned()]
        } else {
            lines
        }
    }

    /// The repository, made when it is new: people work in repositories that the sandbox has not heard of.
    fn repo(&self, world: &mut World) -> Result<String, String> {
        let name = self.need("repo")?;
        if name.split('/').count() != 2 {
            return Err(format!(
                "act {}: repo must be owner/name, not \"{name}\"",
                self.name
            ));
        }
        Ok(world.github.ensure_repo(&name, self.now).full_name.clone())
    }

    fn service(&self, world: &mut World) -> Result<String, String> {
        let id = self.need("service_id")?;
        let name = self.text("service_name");
        Ok(world
            .render
            .ensure_service(&id, name.as_deref(), self.now)
            .id
            .clone())
    }

    fn issue<'w>(&self, world: &'w mut World, repo: &str) -> Result<&'w mut Issue, String> {
        let number = self.number("number")?;
        let issue = world
            .github
            .repo_mut(repo)
            .and_then(|repo| repo.issues.get_mut(&number));
        issue.ok_or_else(|| format!("act {}: {repo} has no number {number}", self.name))
    }
}
