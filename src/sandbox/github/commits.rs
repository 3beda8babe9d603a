//! In: calls that list commits, make one, or let a branch lead to one. Out: answers from state, deliveries of a push.
//! Never: a merge.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::graphql::{input, missing, no_repository, refusal, repo_of, selected, variables};
use super::shape::{Shape, node, time};
use super::{
    Commit, FileDiff, Repo, body, create_event, error, full_name, merge, not_found, page, pull_event, repo,
    repo_mut, stable_id, text,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Newest first, from a branch or a commit backwards.
pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let from = call.query("sha").unwrap_or(&repo.default_branch);
    let head = repo.resolve(from).ok_or_else(not_found)?;
    let moment = |name: &str| match call.query(name) {
        None => Ok(None),
        Some(text) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|_| error(422, &format!("{name} is not a time"))),
    };
    let (since, until) = (moment("since")?, moment("until")?);
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let at = |sha: &str| repo.written_at(sha);
    let author = |sha: &str| {
        repo.commits
            .get(sha)
            .map_or(repo.owner(), |commit| commit.author.as_str())
    };
    let changes = |sha: &str, path: &str| {
        let folder = format!("{path}/");
        let known = repo.commits.get(sha);
        known.is_some_and(|commit| {
            let files = commit.files.iter();
            files
                .map(|file| &file.filename)
                .any(|name| name == path || name.starts_with(&folder))
        })
    };
    let found: Vec<String> = repo
        .log(&head)
        .into_iter()
        .filter(|sha| {
            since.is_none_or(|since| at(sha) >= since) && until.is_none_or(|until| at(sha) <= until)
        })
        .filter(|sha| {
            call.query("author")
                .is_none_or(|login| login.eq_ignore_ascii_case(author(sha)))
        })
        .filter(|sha| call.query("path").is_none_or(|path| changes(sha, path)))
        .collect();
    page(
        call,
        found.iter().map(|sha| shape.commit(repo, sha)).collect(),
        None,
    )
}

/// `GET …/git/ref/heads/main`.
pub(super) fn reference(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let name = call.param("ref");
    let sha = match name.split_once('/') {
        Some(("heads", branch)) => repo.branch(branch),
        Some(("tags", tag)) => repo.tags.get(tag).cloned(),
        _ => None,
    };
    Ok(Answer::ok(shown_reference(
        call,
        repo,
        name,
        &sha.ok_or_else(not_found)?,
    )))
}

/// A repository's branches, with the age of their heads, and whether it has a security policy.
pub(super) fn overview(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let repo = repo_of(world, call, &given)?;
    let first = given.get("first").and_then(Value::as_u64).unwrap_or(100);
    let mut names: Vec<&str> = repo.branches.keys().map(String::as_str).collect();
    if !names.contains(&repo.default_branch.as_str()) {
        names.push(&repo.default_branch);
    }
    let is_open = |pull: &&super::Pull| {
        repo.issues
            .get(&pull.number)
            .is_some_and(|issue| issue.state == "open")
    };
    let shown = |name: &&str| {
        let at = repo
            .commits
            .get(&repo.head_of(name))
            .map_or(repo.pushed_at, |commit| commit.at);
        let pulls = repo.pulls.values().filter(|pull| pull.head_ref == *name);
        json!({
            "name": name, "target": {"committedDate": time(at)},
            "associatedPullRequests": {"totalCount": pulls.filter(is_open).count()},
        })
    };
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let nodes: Vec<Value> = names.iter().take(first).map(shown).collect();
    let policy = |path: &String| path.to_ascii_lowercase().ends_with("security.md");
    let has_policy = repo.tree(&repo.default_branch).keys().any(policy);
    selected(
        call,
        json!({"repository": {
            "isSecurityPolicyEnabled": has_policy, "refs": {"totalCount": names.len(), "nodes": nodes},
        }}),
    )
}

fn shown_reference(call: &Call, repo: &Repo, name: &str, sha: &str) -> Value {
    let url = format!("{}/repos/{}/git", call.base, repo.full_name);
    json!({
        "ref": format!("refs/{name}"), "node_id": node("REF", stable_id(name)), "url": format!("{url}/refs/{name}"),
        "object": {"type": "commit", "sha": sha, "url": format!("{url}/commits/{sha}")},
    })
}

pub(super) fn create_reference(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let (whole, sha) = (
        text(&given, "Reference", "ref")?,
        text(&given, "Reference", "sha")?,
    );
    let name = whole.strip_prefix("refs/").filter(|name| name.contains('/'));
    let Some(name) = name else {
        return Err(error(
            422,
            "Reference name must start with 'refs/' and have at least two slashes",
        ));
    };
    let known = repo(world, call)?;
    if known.resolve(&sha).is_none() {
        return Err(error(422, "Object does not exist"));
    }
    let (kind, short) = name.split_once('/').unwrap_or(("", name));
    let taken = match kind {
        "heads" => known.branch(short).is_some(),
        _ => known.tags.contains_key(short),
    };
    if taken {
        return Err(error(422, "Reference already exists"));
    }
    let answer = shown_reference(call, known, name, &sha);
    let (short, full_name, by) = (short.to_owned(), full_name(call), call.actor.clone());
    let is_branch = kind == "heads";
    let repo = repo_mut(world, call)?;
    if is_branch {
        // What was committed to the branch it comes from is there, too.
        let from = repo
            .branches
            .iter()
            .find(|(_, head)| **head == sha)
            .map(|(name, _)| name.clone());
        if let Some(tree) = from.and_then(|from| repo.trees.get(&from).cloned()) {
            repo.trees.insert(short.clone(), tree);
        }
        repo.branches.insert(short.clone(), sha);
    } else {
        repo.tags.insert(short.clone(), sha);
    }
    create_event(
        world,
        &full_name,
        &short,
        if is_branch { "branch" } else { "tag" },
        &by,
    );
    Ok(Answer::json(201, answer))
}

/// `createCommitOnBranch`.
pub(super) fn create_on_branch(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "createCommitOnBranch";
    let input = Value::Object(input(call)?);
    let name = input["branch"]["repositoryNameWithOwner"]
        .as_str()
        .unwrap_or_default();
    let branch = input["branch"]["branchName"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let expected = input["expectedHeadOid"].as_str().unwrap_or_default();
    let repo = world.github.repo(name);
    let repo = repo.filter(|_| super::app::reaches(world, call, name));
    let repo = repo.ok_or_else(|| no_repository(FIELD, name))?;
    let head = repo
        .branch(&branch)
        .ok_or_else(|| missing(FIELD, &format!("Branch \"{branch}\" was not found.")))?;
    if head != expected {
        let message =
            format!("Expected branch to point to \"{expected}\" but it did not. Pull and try again.");
        return Err(refusal(Some("STALE_DATA"), FIELD, &message));
    }
    let mut tree = repo.tree(&branch);
    let files = changed(&mut tree, &input["fileChanges"])
        .map_err(|message| refusal(Some("UNPROCESSABLE"), FIELD, &message))?;
    let headline = input["message"]["headline"].as_str().unwrap_or_default();
    let message = match input["message"]["body"].as_str() {
        Some(body) if !body.is_empty() => format!("{headline}\n\n{body}"),
        _ => headline.to_owned(),
    };
    let (full_name, by, sha) = (repo.full_name.clone(), call.actor.clone(), world.ids.sha());
    let commit = Commit {
        parents: vec![head.clone()],
        message,
        author: by.clone(),
        at: call.now,
        files,
    };
    let repo = world.github.repo_mut(&full_name).ok_or_else(not_found)?;
    repo.trees.insert(branch.clone(), tree);
    repo.commit(&branch, &sha, commit);
    let of_branch = |(number, pull): (&u64, &mut super::Pull)| {
        let is_its = pull.head_ref == branch && pull.head_repo == full_name && pull.merged_at.is_none();
        is_its.then(|| {
            pull.head_sha.clone_from(&sha);
            *number
        })
    };
    let pulls: Vec<u64> = repo.pulls.iter_mut().filter_map(of_branch).collect();
    merge::tell_push(world, &full_name, &branch, &head, &sha, &by);
    for number in pulls {
        let ends = json!({"before": head, "after": sha});
        pull_event(world, &full_name, number, "synchronize", &by, ends);
    }
    let url = format!("https://github.com/{full_name}/commit/{sha}");
    selected(call, json!({FIELD: {"commit": {"oid": sha, "url": url}}}))
}

/// Applies changes to a branch's files, and tells which there were.
fn changed(tree: &mut BTreeMap<String, String>, changes: &Value) -> Result<Vec<FileDiff>, String> {
    let list = |name: &str| changes[name].as_array().cloned().unwrap_or_default();
    let (additions, deletions) = (list("additions"), list("deletions"));
    if additions.is_empty() && deletions.is_empty() {
        return Err("A commit needs at least one file change.".to_owned());
    }
    let mut files = Vec::new();
    for addition in additions {
        let path = addition["path"].as_str().unwrap_or_default().to_owned();
        let contents = addition["contents"].as_str().unwrap_or_default();
        let bytes = STANDARD
            .decode(contents)
            .map_err(|_| "contents is not valid Base64.".to_owned())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
        let before = tree.insert(path.clone(), text);
        files.push(diff(
            path,
            if before.is_some() { "modified" } else { "added" },
            lines,
            before.as_deref(),
        ));
    }
    for deletion in deletions {
        let path = deletion["path"].as_str().unwrap_or_default().to_owned();
        let Some(before) = tree.remove(&path) else {
            return Err(format!("The path requested for deletion does not exist: {path}"));
        };
        files.push(diff(path, "removed", 0, Some(&before)));
    }
    Ok(files)
}

fn diff(filename: String, status: &str, additions: u64, before: Option<&str>) -> FileDiff {
    FileDiff {
        filename,
        status: status.to_owned(),
        additions,
        deletions: before.map_or(0, |text| u64::try_from(text.lines().count()).unwrap_or(u64::MAX)),
        patch: None,
        previous: None,
    }
}
