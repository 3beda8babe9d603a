//! In: what somebody does on GitHub. Out: changed repositories and their deliveries.
//! Never: our own writes; those come in through the API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Act;
use crate::sandbox::github::{
    Comment, Commit, Pull, comment_event, issue_event, pull_event, push_event, run_event,
};
use crate::sandbox::render::{Service, begin, happen, plan};
use crate::sandbox::seed::{blank_issue, blank_pull, blank_run, diff_of, with_job};
use crate::sandbox::state::World;

/// What in a commit's message keeps Render from deploying it.
const SKIPS: [&str; 6] = [
    "[skip render]",
    "[render skip]",
    "[skip deploy]",
    "[deploy skip]",
    "[skip cd]",
    "[cd skip]",
];

impl Act<'_> {
    fn run_id(&self) -> Option<u64> {
        self.number("id").or_else(|_| self.number("run_id")).ok()
    }

    pub(super) fn open_issue(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let id = world.ids.number();
        let labels = self.names("labels");
        let known = world.github.ensure_repo(&repo, self.now);
        let number = known.next_number();
        let mut issue = blank_issue(known, number, self.now);
        issue.id = id;
        issue.title = self.need("title")?;
        issue.body = self.text("body");
        issue.user = self.by();
        issue.association = self.text("author_association");
        issue.labels = labels.iter().map(|name| known.ensure_label(name)).collect();
        known.issues.insert(number, issue);
        let delivery = issue_event(world, &repo, number, "opened", &self.by(), Value::Null);
        Ok(json!({"number": number, "delivery": delivery}))
    }

    pub(super) fn turn_issue(&self, world: &mut World, state: &str) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let (now, closes) = (self.now, state == "closed");
        let issue = self.issue(world, &repo)?;
        state.clone_into(&mut issue.state);
        issue.state_reason = Some(if closes { "completed" } else { "reopened" }.to_owned());
        issue.closed_at = closes.then_some(now);
        issue.updated_at = now;
        let number = issue.number;
        let action = if closes { "closed" } else { "reopened" };
        Ok(
            json!({"number": number, "delivery": issue_event(world, &repo, number, action, &self.by(), Value::Null)}),
        )
    }

    pub(super) fn edit_issue(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let (title, body, now) = (self.text("title"), self.text("body"), self.now);
        let issue = self.issue(world, &repo)?;
        let mut changes = json!({});
        if let Some(title) = title {
            changes["title"] = json!({"from": std::mem::replace(&mut issue.title, title)});
        }
        if let Some(body) = body {
            changes["body"] = json!({"from": issue.body.replace(body)});
        }
        issue.updated_at = now;
        let number = issue.number;
        let delivery = issue_event(
            world,
            &repo,
            number,
            "edited",
            &self.by(),
            json!({"changes": changes}),
        );
        Ok(json!({"number": number, "delivery": delivery}))
    }

    pub(super) fn label_issue(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let label = self.need("label")?;
        let label = world.github.ensure_repo(&repo, self.now).ensure_label(&label);
        let now = self.now;
        let issue = self.issue(world, &repo)?;
        issue.updated_at = now;
        if !issue.labels.contains(&label) {
            issue.labels.push(label.clone());
        }
        let number = issue.number;
        let delivery = issue_event(
            world,
            &repo,
            number,
            "labeled",
            &self.by(),
            json!({"label": {"name": label}}),
        );
        Ok(json!({"number": number, "delivery": delivery}))
    }

    pub(super) fn comment(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let id = world.ids.number();
        let (body, now) = (self.need("body")?, self.now);
        let issue = self.issue(world, &repo)?;
        issue.updated_at = now;
        let comment = Comment {
            id,
            issue: issue.number,
            user: self.by(),
            body,
            association: self.text("author_association"),
            created_at: now,
            updated_at: now,
        };
        world.github.ensure_repo(&repo, now).comments.insert(id, comment);
        Ok(json!({"id": id, "delivery": comment_event(world, &repo, id, "created", &self.by(), Value::Null)}))
    }

    pub(super) fn open_pull_request(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let id = world.ids.number();
        let known = world.github.ensure_repo(&repo, self.now);
        let number = known.next_number();
        let mut issue = blank_issue(known, number, self.now);
        issue.title = self.need("title")?;
        issue.body = self.text("body");
        issue.user = self.by();
        issue.association = self.text("author_association");
        issue.is_pull = true;
        let files = self.fields.get("files").and_then(Value::as_array);
        let mut pull: Pull = blank_pull(known, number);
        pull.id = id;
        pull.draft = self.fields.get("draft").and_then(Value::as_bool).unwrap_or(false);
        pull.head_ref = self.text("head").unwrap_or(pull.head_ref);
        pull.base_ref = self.text("base").unwrap_or(pull.base_ref);
        pull.files = files.into_iter().flatten().filter_map(diff_of).collect();
        known.issues.insert(number, issue);
        known.pulls.insert(number, pull);
        Ok(
            json!({"number": number, "delivery": pull_event(world, &repo, number, "opened", &self.by(), Value::Null)}),
        )
    }

    pub(super) fn merge_pull_request(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let (by, now) = (self.by(), self.now);
        let issue = self.issue(world, &repo)?;
        "closed".clone_into(&mut issue.state);
        issue.closed_at = Some(now);
        issue.updated_at = now;
        let number = issue.number;
        let pull = world.github.ensure_repo(&repo, now).pulls.get_mut(&number);
        let pull = pull.ok_or_else(|| format!("act {}: number {number} is not a pull request", self.name))?;
        pull.merged_at = Some(now);
        pull.merged_by = Some(by.clone());
        Ok(
            json!({"number": number, "delivery": pull_event(world, &repo, number, "closed", &by, Value::Null)}),
        )
    }

    pub(super) fn push(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let sha = self.text("sha").unwrap_or_else(|| world.ids.sha());
        let by = self.by();
        let known = world.github.ensure_repo(&repo, self.now);
        let branch = self
            .text("branch")
            .unwrap_or_else(|| known.default_branch.clone());
        let before = known.head_of(&branch);
        let recorded = Commit {
            parents: vec![before.clone()],
            message: self.text("message").unwrap_or_else(|| "Update".to_owned()),
            author: by.clone(),
            at: self.now,
            files: Vec::new(),
        };
        known.commit(&branch, &sha, recorded);
        let author = json!({"name": by, "username": by, "email": format!("{by}@users.noreply.github.com")});
        let commit = json!({
            "id": sha, "tree_id": sha, "distinct": true, "message": self.text("message").unwrap_or_else(|| "Update".to_owned()),
            "timestamp": self.now.to_string(), "url": format!("https://github.com/{repo}/commit/{sha}"),
            "author": author, "committer": author,
            "added": self.names("added"), "removed": self.names("removed"), "modified": self.names("modified"),
        });
        let delivery = push_event(world, &repo, &branch, &before, &commit, &by);
        auto_deploy(world, &repo, &branch, &commit, &["commit"], self.now);
        Ok(json!({"sha": sha, "branch": branch, "delivery": delivery}))
    }

    pub(super) fn complete_workflow_run(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let fresh = world.ids.number();
        let (now, by) = (self.now, self.by());
        let known = world.github.ensure_repo(&repo, now);
        let id = self.run_id().unwrap_or(fresh);
        let mut run = known.runs.get(&id).cloned().unwrap_or_else(|| {
            let mut run = blank_run(known, id, now);
            run.branch = self.text("branch").unwrap_or(run.branch);
            run.sha = self.text("sha").unwrap_or_else(|| known.head_of(&run.branch));
            run.actor.clone_from(&by);
            run.triggering_actor.clone_from(&by);
            run
        });
        run.name = self.text("name").unwrap_or(run.name);
        run.event = self.text("event").unwrap_or(run.event);
        "completed".clone_into(&mut run.status);
        run.conclusion = Some(self.text("conclusion").unwrap_or_else(|| "success".to_owned()));
        run.updated_at = now;
        let mut run = with_job(run);
        for job in &mut run.jobs {
            "completed".clone_into(&mut job.status);
            job.conclusion.clone_from(&run.conclusion);
            job.log = self.lines("Run finished").join("\n");
        }
        let passed = run.conclusion.as_deref() == Some("success");
        let (branch, sha, title) = (run.branch.clone(), run.sha.clone(), run.title.clone());
        let known_head = known.head_of(&branch) == sha;
        known.runs.insert(id, run);
        let delivery = run_event(world, &repo, id, "completed", &by);
        if passed && known_head {
            let commit = json!({"id": sha, "message": title});
            auto_deploy(world, &repo, &branch, &commit, &["checksPass"], now);
        }
        Ok(json!({"id": id, "delivery": delivery}))
    }

    /// Somebody else presses "Re-run": the run's next attempt is queued.
    pub(super) fn rerun(&self, world: &mut World) -> Result<Value, String> {
        let repo = self.repo(world)?;
        let id = self
            .run_id()
            .ok_or("act rerun: id is missing (the number of the run)")?;
        let (by, now) = (self.by(), self.now);
        let run = world
            .github
            .repo_mut(&repo)
            .and_then(|repo| repo.runs.get_mut(&id));
        let run = run.ok_or_else(|| format!("act rerun: {repo} has no run {id}"))?;
        run.attempt += 1;
        "queued".clone_into(&mut run.status);
        run.conclusion = None;
        run.triggering_actor.clone_from(&by);
        run.started_at = now;
        run.updated_at = now;
        let attempt = run.attempt;
        let delivery = run_event(world, &repo, id, "requested", &by);
        Ok(json!({"id": id, "attempt": attempt, "delivery": delivery}))
    }
}

/// Render's side of a push: services of that branch are deployed, unless their trigger or the message says otherwise.
fn auto_deploy(
    world: &mut World,
    repo: &str,
    branch: &str,
    commit: &Value,
    triggers: &[&str],
    now: Timestamp,
) {
    let (sha, message) = (
        commit["id"].as_str().unwrap_or_default(),
        commit["message"].as_str().unwrap_or_default(),
    );
    let skips = SKIPS.iter().any(|skip| message.to_lowercase().contains(skip));
    let follows = |service: &&Service| {
        let of = service
            .repo
            .as_deref()
            .map(|url| url.trim_start_matches("https://github.com/"));
        of.is_some_and(|of| of.eq_ignore_ascii_case(repo))
            && service.branch == branch
            && !service.suspended
            && triggers.contains(&service.auto_deploy_trigger.as_str())
    };
    let services: Vec<String> = world
        .render
        .services
        .values()
        .filter(follows)
        .map(|service| service.id.clone())
        .collect();
    for service in services {
        if skips {
            let details = json!({"id": sha, "url": format!("https://github.com/{repo}/commit/{sha}")});
            happen(world, &service, "commit_ignored", None, details, now);
            continue;
        }
        let mut deploy = plan(world, &service, "new_commit", Some(sha), now);
        if let Some(commit) = &mut deploy.commit {
            message.clone_into(&mut commit.message);
        }
        begin(world, deploy);
    }
}
