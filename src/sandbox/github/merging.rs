//! In: GraphQL operations about pull requests that merge by themselves, drafts, and issues that move. Out: answers from
//! state, deliveries of what changed. Never: the merge that follows.

use serde_json::{Value, json};

use super::graphql::{input, missing, no_node, refusal, repo_of, selected, variables};
use super::shape::node;
use super::{Pull, Repo, app, issue_event, pull_event};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

fn shown(pull: &Pull) -> Value {
    let method = pull
        .auto_merge
        .as_ref()
        .map(|method| json!({"mergeMethod": method}));
    json!({
        "id": node("PR", pull.id), "isDraft": pull.draft, "merged": pull.merged_at.is_some(),
        "headRefOid": pull.head_sha, "autoMergeRequest": method,
    })
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let number = given.get("number").and_then(Value::as_u64).unwrap_or_default();
    let repo = repo_of(world, call, &given)?;
    let pull = repo.pulls.get(&number).ok_or_else(|| {
        missing(
            "repository",
            &format!("Could not resolve to a PullRequest with the number of {number}."),
        )
    })?;
    selected(call, json!({"repository": {"pullRequest": shown(pull)}}))
}

/// Where the pull request of that id is.
fn place(world: &World, call: &Call, field: &str, id: &str) -> Result<(String, u64), Answer> {
    let all = world.github.repos();
    let all = all.filter(|repo| app::reaches(world, call, &repo.full_name));
    let mut all = all.flat_map(|repo| repo.pulls.values().map(move |pull| (repo, pull)));
    all.find(|(_, pull)| node("PR", pull.id) == id)
        .map(|(repo, pull)| (repo.full_name.clone(), pull.number))
        .ok_or_else(|| no_node(field, id))
}

/// Whether something is still missing before it can be merged: a status that is not good.
fn is_blocked(repo: &Repo, pull: &Pull) -> bool {
    let mut newest = std::collections::BTreeMap::new();
    for status in repo.statuses.iter().filter(|status| status.sha == pull.head_sha) {
        newest.insert(&status.context, &status.state);
    }
    pull.draft || newest.values().any(|state| *state != "success")
}

pub(super) fn enable(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "enablePullRequestAutoMerge";
    let given = input(call)?;
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let (name, number) = place(world, call, FIELD, text("pullRequestId").unwrap_or_default())?;
    let refused = |message: &str| Err(refusal(Some("UNPROCESSABLE"), FIELD, message));
    let method = text("mergeMethod").unwrap_or("MERGE").to_owned();
    let Some(repo) = world.github.repo_mut(&name) else {
        return Err(missing(FIELD, "Could not resolve to a Repository."));
    };
    let open = repo
        .issues
        .get(&number)
        .is_some_and(|issue| issue.state == "open");
    let Some(pull) = repo.pulls.get(&number) else {
        return Err(missing(FIELD, "Could not resolve to a PullRequest."));
    };
    if !repo.allow_auto_merge {
        return refused("Auto merge is not allowed for this repository");
    }
    if !open {
        return refused("Pull request is closed");
    }
    if text("expectedHeadOid").is_some_and(|head| head != pull.head_sha) {
        let message = format!("Head branch was modified: it points to {}.", pull.head_sha);
        return Err(refusal(Some("STALE_DATA"), FIELD, &message));
    }
    if !is_blocked(repo, pull) {
        return refused("Pull request Pull request is in clean status");
    }
    let changed = repo.pulls.get_mut(&number).map(|pull| {
        pull.auto_merge = Some(method);
        shown(pull)
    });
    pull_event(
        world,
        &name,
        number,
        "auto_merge_enabled",
        &call.actor,
        Value::Null,
    );
    selected(call, json!({FIELD: {"pullRequest": changed}}))
}

pub(super) fn to_draft(world: &mut World, call: &Call) -> Outcome {
    set_draft(world, call, "convertPullRequestToDraft", true)
}

pub(super) fn to_ready(world: &mut World, call: &Call) -> Outcome {
    set_draft(world, call, "markPullRequestReadyForReview", false)
}

fn set_draft(world: &mut World, call: &Call, field: &str, draft: bool) -> Outcome {
    let given = input(call)?;
    let id = given
        .get("pullRequestId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (name, number) = place(world, call, field, id)?;
    let repo = world.github.repo_mut(&name);
    let open = |repo: &Repo| {
        repo.issues
            .get(&number)
            .is_some_and(|issue| issue.state == "open")
    };
    let Some(repo) = repo.filter(|repo| open(repo)) else {
        return Err(refusal(Some("UNPROCESSABLE"), field, "Pull request is closed"));
    };
    let changed = repo.pulls.get_mut(&number).map(|pull| {
        pull.draft = draft;
        shown(pull)
    });
    let action = if draft {
        "converted_to_draft"
    } else {
        "ready_for_review"
    };
    pull_event(world, &name, number, action, &call.actor, Value::Null);
    selected(call, json!({field: {"pullRequest": changed}}))
}

/// The issue gets another number, and its old address leads to the new one.
pub(super) fn transfer(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "transferIssue";
    let given = input(call)?;
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    let unknown = |id: &str| no_node(FIELD, id);
    let of_id = |repo: &Repo| {
        let mut issues = repo.issues.values();
        let found = issues.find(|issue| node("I", issue.id) == text("issueId") && !issue.is_pull)?;
        Some((repo.full_name.clone(), found.number))
    };
    let (from, number) = world
        .github
        .repos()
        .find_map(of_id)
        .ok_or_else(|| unknown(text("issueId")))?;
    let to = world
        .github
        .repos()
        .find(|repo| node("R", repo.id) == text("repositoryId"))
        .ok_or_else(|| unknown(text("repositoryId")))?;
    let (to, owner, there) = (to.full_name.clone(), to.owner().to_owned(), to.next_number());
    // GitHub hides what a token is not for.
    for (repo, id) in [(&from, "issueId"), (&to, "repositoryId")] {
        if !app::reaches(world, call, repo) {
            return Err(unknown(text(id)));
        }
    }
    if !from
        .to_lowercase()
        .starts_with(&format!("{}/", owner.to_lowercase()))
    {
        return Err(refusal(
            Some("UNPROCESSABLE"),
            FIELD,
            "Issues can only be transferred within an owner",
        ));
    }
    issue_event(world, &from, number, "transferred", &call.actor, Value::Null);
    let (fresh, by) = (world.ids.number(), call.actor.clone());
    let Some(old) = world.github.repo_mut(&from) else {
        return Err(unknown(text("issueId")));
    };
    let Some(mut issue) = old.issues.remove(&number) else {
        return Err(unknown(text("issueId")));
    };
    old.moved.insert(number, (to.clone(), there));
    let comments: Vec<_> = old.comments_of(number).cloned().collect();
    old.comments.retain(|_, comment| comment.issue != number);
    let create = given
        .get("createLabelsIfMissing")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if let Some(new) = world.github.repo_mut(&to) {
        issue.id = fresh;
        issue.number = there;
        issue.updated_at = call.now;
        let known = |name: &String| {
            new.labels
                .iter()
                .any(|label| label.name.eq_ignore_ascii_case(name))
        };
        let kept: Vec<String> = issue
            .labels
            .iter()
            .filter(|name| create || known(name))
            .cloned()
            .collect();
        issue.labels = kept.iter().map(|name| new.ensure_label(name)).collect();
        new.issues.insert(there, issue);
        for mut comment in comments {
            comment.issue = there;
            new.comments.insert(comment.id, comment);
        }
    }
    issue_event(world, &to, there, "opened", &by, Value::Null);
    let url = format!("https://github.com/{to}/issues/{there}");
    selected(call, json!({FIELD: {"issue": {"number": there, "url": url}}}))
}
