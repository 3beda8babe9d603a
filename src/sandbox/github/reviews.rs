//! In: calls about reviews and those who are asked for one. Out: answers from state, deliveries of what changed.
//! Never: remarks at lines as things of their own; they are checked and then forgotten.

use serde_json::{Value, json};

use super::shape::{Shape, node, time};
use super::state::Review;
use super::{
    Pull, Repo, body, error, full_name, names, not_found, optional_text, page, pull_event, repo, repo_mut,
    review_event, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (repo, pull) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let shown = pull.reviews.iter().map(|review| shape.review(repo, pull, review));
    page(call, shown.collect(), None)
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let event = optional_text(&given, "event")?.flatten();
    let (repo, pull) = one(world, call)?;
    let own = repo
        .issues
        .get(&pull.number)
        .is_some_and(|issue| issue.user.eq_ignore_ascii_case(&call.actor));
    let state = match event.as_deref() {
        Some("APPROVE") if own => return Err(review_refused("Review Can not approve your own pull request")),
        Some("REQUEST_CHANGES") if own => {
            return Err(review_refused(
                "Review Can not request changes on your own pull request",
            ));
        }
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        Some("COMMENT") => "COMMENTED",
        None => "PENDING",
        Some(other) => {
            return Err(unfit(&format!(
                "For 'properties/event', {other} is not a member of the list."
            )));
        }
    };
    let text = optional_text(&given, "body")?.flatten().unwrap_or_default();
    if text.trim().is_empty() && matches!(state, "CHANGES_REQUESTED" | "COMMENTED") {
        return Err(review_refused("Body can't be blank"));
    }
    let remarks = given.get("comments").and_then(Value::as_array);
    for remark in remarks.into_iter().flatten() {
        let path = remark["path"].as_str().unwrap_or_default();
        if !pull.files.iter().any(|file| file.filename == path) {
            return Err(review_refused("Path could not be resolved"));
        }
    }
    let commit = optional_text(&given, "commit_id")?
        .flatten()
        .unwrap_or_else(|| pull.head_sha.clone());
    let (number, id, now, by) = (pull.number, world.ids.number(), call.now, call.actor.clone());
    let review = Review {
        id,
        user: by.clone(),
        body: text,
        state: state.to_owned(),
        commit,
        submitted_at: now,
    };
    let changed = repo_mut(world, call)?
        .pulls
        .get_mut(&number)
        .ok_or_else(not_found)?;
    changed.reviews.push(review.clone());
    changed.reviewers.retain(|login| !login.eq_ignore_ascii_case(&by));
    if state != "PENDING" {
        review_event(world, &full_name(call), number, id, "submitted", &by);
    }
    let (repo, pull) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::ok(shape.review(repo, pull, &review)))
}

/// The one refusal whose `errors` are bare sentences.
fn review_refused(why: &str) -> Answer {
    let mut answer = error(422, "Unprocessable Entity");
    if let Some(body) = &mut answer.body {
        body["errors"] = json!([why]);
    }
    answer
}

pub(super) fn request(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let people = names(&given, "reviewers")?.unwrap_or_default();
    let teams = names(&given, "team_reviewers")?.unwrap_or_default();
    let (repo, pull) = one(world, call)?;
    let author = repo
        .issues
        .get(&pull.number)
        .map(|issue| issue.user.clone())
        .unwrap_or_default();
    if people.iter().any(|login| login.eq_ignore_ascii_case(&author)) {
        return Err(error(422, "Review cannot be requested from pull request author."));
    }
    if !people.iter().all(|login| repo.may_be_assigned(login)) {
        let name = &repo.full_name;
        return Err(error(
            422,
            &format!(
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a \
             collaborator of the {name} repository."
            ),
        ));
    }
    let (number, name) = (pull.number, full_name(call));
    let changed = repo_mut(world, call)?
        .pulls
        .get_mut(&number)
        .ok_or_else(not_found)?;
    let fresh: Vec<String> = people
        .into_iter()
        .filter(|login| !changed.reviewers.contains(login))
        .collect();
    changed.reviewers.extend(fresh.clone());
    let fresh_teams: Vec<String> = teams
        .into_iter()
        .filter(|team| !changed.teams.contains(team))
        .collect();
    changed.teams.extend(fresh_teams);
    let base = world.github_base();
    for login in fresh {
        let shown = Shape {
            base: &base,
            state: &world.github,
        }
        .user(&login);
        pull_event(
            world,
            &name,
            number,
            "review_requested",
            &call.actor,
            json!({"requested_reviewer": shown}),
        );
    }
    let (repo, pull) = one(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let issue = repo.issues.get(&number).ok_or_else(not_found)?;
    Ok(Answer::json(201, shape.pull(repo, issue, pull, false)))
}

impl Shape<'_> {
    pub(super) fn review(&self, repo: &Repo, pull: &Pull, review: &Review) -> Value {
        let (url, n, id) = (self.repo_url(repo), pull.number, review.id);
        let html = self.page(repo, &format!("/pull/{n}#pullrequestreview-{id}"));
        json!({
            "id": id, "node_id": node("PRR", id), "user": self.user(&review.user), "body": review.body,
            "state": review.state, "html_url": html, "pull_request_url": format!("{url}/pulls/{n}"),
            "author_association": self.association(repo, &review.user, None), "commit_id": review.commit,
            "submitted_at": time(review.submitted_at),
            "_links": {"html": {"href": html}, "pull_request": {"href": format!("{url}/pulls/{n}")}},
        })
    }

    pub(super) fn team(&self, repo: &Repo, name: &str) -> Value {
        let (id, owner) = (
            super::stable_id(&format!("{}/{name}", repo.owner())),
            repo.owner(),
        );
        let url = format!("{}/orgs/{owner}/teams/{name}", self.base);
        json!({
            "id": id, "node_id": node("T", id), "name": name, "slug": name, "description": null, "privacy": "closed",
            "notification_setting": "notifications_enabled", "permission": "push", "type": "organization", "url": url, "parent": null,
            "html_url": format!("https://github.com/orgs/{owner}/teams/{name}"),
            "members_url": format!("{url}/members{{/member}}"), "repositories_url": format!("{url}/repos"),
        })
    }
}

fn one<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Pull), Answer> {
    let repo = repo(world, call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    Ok((repo, repo.pulls.get(&number).ok_or_else(not_found)?))
}
