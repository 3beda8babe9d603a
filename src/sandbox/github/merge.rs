//! In: calls that merge a pull request, or its base into it. Out: answers from state, deliveries of what follows.
//! Never: a conflict worked out; a pull request has one or has none.

use serde_json::{Value, json};

use super::{
    Commit, Issue, Pull, Repo, body, error, full_name, not_found, optional_text, pull_event, push_event,
    repo, repo_mut, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn merge(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let method = optional_text(&given, "merge_method")?
        .flatten()
        .unwrap_or_else(|| "merge".to_owned());
    let methods = ["merge", "squash", "rebase"];
    if !methods.contains(&method.as_str()) {
        return Err(unfit(&format!(
            "For 'properties/merge_method', {method} is not a member of {methods:?}."
        )));
    }
    let expected = optional_text(&given, "sha")?.flatten();
    let title = optional_text(&given, "commit_title")?.flatten();
    let (_, issue, pull) = one(world, call)?;
    if pull.draft {
        return Err(error(405, "Pull Request is still a draft"));
    }
    if issue.state != "open" || pull.conflicts {
        return Err(error(405, "Pull Request is not mergeable"));
    }
    if expected.is_some_and(|expected| expected != pull.head_sha) {
        return Err(error(
            409,
            "Head branch was modified. Review and try the merge again.",
        ));
    }
    let (pull, issue_title, sha) = (pull.clone(), issue.title.clone(), world.ids.sha());
    let (now, by, name) = (call.now, call.actor.clone(), full_name(call));
    let repo = repo_mut(world, call)?;
    let before = repo.head_of(&pull.base_ref);
    let mut parents = vec![before.clone()];
    if method == "merge" {
        parents.push(pull.head_sha.clone());
    }
    let commit = Commit {
        parents,
        message: title.unwrap_or_else(|| format!("{issue_title} (#{})", pull.number)),
        author: by.clone(),
        at: now,
        files: pull.files.clone(),
    };
    repo.commit(&pull.base_ref, &sha, commit);
    if let Some(issue) = repo.issues.get_mut(&pull.number) {
        "closed".clone_into(&mut issue.state);
        issue.closed_at = Some(now);
        issue.updated_at = now;
    }
    if let Some(pull) = repo.pulls.get_mut(&pull.number) {
        pull.merged_at = Some(now);
        pull.merged_by = Some(by.clone());
    }
    pull_event(world, &name, pull.number, "closed", &by, Value::Null);
    tell_push(world, &name, &pull.base_ref, &before, &sha, &by);
    Ok(Answer::ok(
        json!({"sha": sha, "merged": true, "message": "Pull Request successfully merged"}),
    ))
}

pub(super) fn update_branch(world: &mut World, call: &Call) -> Outcome {
    let expected = optional_text(&body(call)?, "expected_head_sha")?.flatten();
    let (repo, issue, pull) = one(world, call)?;
    let base = repo.head_of(&pull.base_ref);
    let wrong = |what: &str| Err(error(422, what));
    if issue.state != "open" {
        return wrong("Pull request is closed.");
    }
    if expected.is_some_and(|expected| expected != pull.head_sha) {
        return wrong("expected head sha didn\u{2019}t match current head ref.");
    }
    if repo.ancestors(&pull.head_sha).contains(&base) {
        return wrong("There are no new commits on the base branch.");
    }
    if pull.conflicts {
        return wrong("merge conflict between base and head");
    }
    let (pull, sha) = (pull.clone(), world.ids.sha());
    let (now, by, name) = (call.now, call.actor.clone(), full_name(call));
    let repo = repo_mut(world, call)?;
    let before = pull.head_sha.clone();
    // Until here the head's place in history was told by the pull request; the next head takes that over.
    let older = Commit {
        parents: vec![pull.base_sha.clone()],
        message: "Update".to_owned(),
        author: by.clone(),
        at: repo.created_at,
        files: Vec::new(),
    };
    repo.commits.entry(before.clone()).or_insert(older);
    let commit = Commit {
        parents: vec![before.clone(), base],
        message: format!("Merge branch '{}' into {}", pull.base_ref, pull.head_ref),
        author: by.clone(),
        at: now,
        files: Vec::new(),
    };
    repo.commit(&pull.head_ref, &sha, commit);
    if let Some(pull) = repo.pulls.get_mut(&pull.number) {
        pull.head_sha.clone_from(&sha);
    }
    let ends = json!({"before": before, "after": sha});
    pull_event(world, &name, pull.number, "synchronize", &by, ends);
    tell_push(world, &name, &pull.head_ref, &before, &sha, &by);
    let url = format!("https://github.com/{name}/pull/{}", pull.number);
    Ok(Answer::json(
        202,
        json!({"message": "Updating pull request branch.", "url": url}),
    ))
}

pub(super) fn tell_push(world: &mut World, repo: &str, branch: &str, before: &str, sha: &str, by: &str) {
    let message = world
        .github
        .repo(repo)
        .and_then(|repo| repo.commits.get(sha))
        .map(|commit| commit.message.clone());
    let person = json!({"name": by, "username": by, "email": format!("{by}@users.noreply.github.com")});
    let commit = json!({
        "id": sha, "tree_id": sha, "distinct": true, "message": message, "timestamp": world.now().to_string(),
        "url": format!("https://github.com/{repo}/commit/{sha}"), "author": person, "committer": person,
        "added": [], "removed": [], "modified": [],
    });
    push_event(world, repo, branch, before, &commit, by);
}

fn one<'a>(world: &'a World, call: &Call) -> Result<(&'a Repo, &'a Issue, &'a Pull), Answer> {
    let repo = repo(world, call)?;
    let number = call.number("n").ok_or_else(not_found)?;
    let pull = repo.pulls.get(&number).ok_or_else(not_found)?;
    Ok((repo, repo.issues.get(&number).ok_or_else(not_found)?, pull))
}
