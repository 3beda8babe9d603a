//! In: `state.github` lists. Out: repositories and what hangs on them.
//! Never: half an entry; whatever is not said gets a plausible value.

use serde_json::Value;

use super::{Entry, Takes};
use crate::clock;
use crate::sandbox::SOMEBODY;
use crate::sandbox::github::{
    Comment, Commit, Content, FileDiff, Issue, Label, Pull, Repo, stable_id, stable_sha,
};
use crate::sandbox::state::World;

/// An hour, in milliseconds: how old things are that do not say.
const HOUR_MS: i64 = 3_600_000;

pub(super) fn repo(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let name = entry.need(&["full_name", "repo", "name"])?;
    if name.split('/').count() != 2 {
        return Err(entry.error(&format!("full_name must be owner/name, not \"{name}\"")));
    }
    let repo = world.github.ensure_repo(&name, entry.now());
    if let Some(id) = entry.number(&["id"])? {
        repo.id = id;
    }
    repo.private = entry.flag(&["private"])?.unwrap_or(repo.private);
    repo.archived = entry.flag(&["archived"])?.unwrap_or(repo.archived);
    repo.fork = entry.flag(&["fork"])?.unwrap_or(repo.fork);
    repo.has_issues = entry.flag(&["has_issues"])?.unwrap_or(repo.has_issues);
    repo.protected = entry.flag(&["protected"])?.unwrap_or(repo.protected);
    repo.truncated = entry.flag(&["truncated"])?.unwrap_or(repo.truncated);
    repo.stars = entry
        .number(&["stars", "stargazers_count"])?
        .unwrap_or(repo.stars);
    repo.topics = entry.texts(&["topics"])?.unwrap_or_default();
    repo.description = entry.text(&["description"])?.or(repo.description.take());
    repo.language = entry.text(&["language"])?.or(repo.language.take());
    repo.created_at = entry.time(&["created", "created_at"])?.unwrap_or(repo.created_at);
    repo.pushed_at = entry.time(&["pushed", "pushed_at"])?.unwrap_or(repo.pushed_at);
    repo.allow_auto_merge = entry
        .flag(&["allow_auto_merge"])?
        .unwrap_or(repo.allow_auto_merge);
    if entry.flag(&["has_discussions"])?.unwrap_or(false) {
        super::around::give_categories(repo);
    }
    if let Some(branch) = entry.text(&["default_branch"])? {
        repo.default_branch = branch;
    }
    if let Some(sha) = entry.text(&["head_sha", "sha"])? {
        let branch = repo.default_branch.clone();
        repo.branches.insert(branch, sha);
    }
    Ok(())
}

/// The repository an entry is about; without a `repo` it is the only one there is.
pub(super) fn of<'w>(world: &'w mut World, entry: &mut Entry<'_>) -> Result<&'w mut Repo, String> {
    let name = match entry.text(&["repo", "full_name", "repository"])? {
        Some(name) if name.split('/').count() == 2 => name,
        Some(name) => return Err(entry.error(&format!("repo must be owner/name, not \"{name}\""))),
        None => {
            let mut repos = world.github.repos();
            match (repos.next(), repos.next()) {
                (Some(only), None) => only.full_name.clone(),
                _ => return Err(entry.error("repo is missing, and there is not exactly one repository")),
            }
        }
    };
    Ok(world.github.ensure_repo(&name, entry.now()))
}

/// A branch; with `files` (or a `message`) its head is a commit on top of the default branch, or of `parent`.
pub(super) fn branch(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let now = entry.now();
    let repo = of(world, entry)?;
    let name = entry.need(&["name", "branch"])?;
    let parent = entry.text(&["parent"])?;
    let message = entry.text(&["message"])?;
    let author = entry.login(&["author", "user"])?;
    let at = entry.time(&["at", "created"])?;
    let files = entry.texts(&["files"])?;
    let made_up = stable_sha(&format!("{}:{name}", repo.full_name));
    let sha = entry.text(&["sha", "head_sha"])?.unwrap_or(made_up);
    if files.is_some() || message.is_some() {
        let commit = Commit {
            parents: vec![parent.unwrap_or_else(|| repo.head_of(&repo.default_branch))],
            message: message.unwrap_or_else(|| "Update".to_owned()),
            author: author.unwrap_or_else(|| SOMEBODY.to_owned()),
            at: at.unwrap_or(clock::after(now, -HOUR_MS)),
            files: files
                .into_iter()
                .flatten()
                .filter_map(|file| diff_of(&file.into()))
                .collect(),
        };
        repo.commits.insert(sha.clone(), commit);
    }
    repo.branches.insert(name, sha);
    Ok(())
}

pub(super) fn label(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let name = entry.need(&["name"])?;
    repo.labels
        .retain(|known| !known.name.eq_ignore_ascii_case(&name));
    repo.labels.push(Label {
        id: stable_id(&format!("{}:{name}", repo.full_name)),
        color: entry.text(&["color"])?.unwrap_or_else(|| "ededed".to_owned()),
        description: entry.text(&["description"])?,
        name,
    });
    Ok(())
}

pub(super) fn collaborator(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let login = entry.need_login(&["login", "user"])?;
    let role = entry
        .text(&["permission", "role"])?
        .unwrap_or_else(|| "write".to_owned());
    repo.collaborators.insert(login, role);
    Ok(())
}

pub(super) fn content(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let path = entry.need(&["path"])?.trim_matches('/').to_owned();
    let reference = entry.text(&["ref", "branch"])?;
    let text = entry.text(&["content", "text"])?.unwrap_or_default();
    repo.contents
        .retain(|file| file.path != path || file.reference != reference);
    repo.contents.push(Content {
        path,
        reference,
        text,
    });
    Ok(())
}

pub(super) fn issue(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let is_pull = entry.flag(&["pull_request", "is_pull"])?.unwrap_or(false);
    let repo = of(world, entry)?;
    let issue = fill_issue(repo, entry, is_pull)?;
    repo.issues.insert(issue.number, issue);
    Ok(())
}

/// The issue an entry speaks of: what it says, else what is known, else something plausible.
fn fill_issue(repo: &mut Repo, entry: &mut Entry<'_>, is_pull: bool) -> Result<Issue, String> {
    let number = entry
        .number(&["number", "issue"])?
        .unwrap_or_else(|| repo.next_number());
    let known = repo.issues.get(&number).cloned();
    let mut issue = known.unwrap_or_else(|| blank_issue(repo, number, clock::after(entry.now(), -HOUR_MS)));
    issue.is_pull |= is_pull;
    issue.id = entry.number(&["id"])?.unwrap_or(issue.id);
    issue.title = entry.text(&["title"])?.unwrap_or(issue.title);
    issue.body = entry.text(&["body"])?.or(issue.body);
    issue.user = entry.login(&["user", "author"])?.unwrap_or(issue.user);
    issue.state_reason = entry.text(&["state_reason"])?.or(issue.state_reason);
    issue.locked = entry.flag(&["locked"])?.unwrap_or(issue.locked);
    issue.association = entry
        .text(&["author_association", "association"])?
        .or(issue.association);
    issue.assignees = entry.texts(&["assignees"])?.unwrap_or(issue.assignees);
    if let Some(labels) = entry.texts(&["labels"])? {
        issue.labels = labels.iter().map(|name| repo.ensure_label(name)).collect();
    }
    let created = entry.time(&["created", "created_at"])?;
    let updated = entry.time(&["updated", "updated_at"])?.or(created);
    issue.created_at = created.or(updated).unwrap_or(issue.created_at);
    issue.updated_at = updated.unwrap_or(issue.updated_at);
    issue.closed_at = entry.time(&["closed", "closed_at"])?.or(issue.closed_at);
    issue.state = entry
        .one_of(&["state"], &["open", "closed"])?
        .unwrap_or(issue.state);
    if issue.state == "closed" && issue.closed_at.is_none() {
        issue.closed_at = Some(issue.updated_at);
        issue.state_reason.get_or_insert_with(|| "completed".to_owned());
    }
    Ok(issue)
}

/// An open issue about which nothing is known but its number.
pub(in crate::sandbox) fn blank_issue(repo: &Repo, number: u64, at: jiff::Timestamp) -> Issue {
    Issue {
        id: stable_id(&format!("{}#{number}", repo.full_name)),
        number,
        title: format!("Number {number}"),
        body: None,
        user: SOMEBODY.to_owned(),
        state: "open".to_owned(),
        state_reason: None,
        labels: Vec::new(),
        assignees: Vec::new(),
        locked: false,
        lock_reason: None,
        sub_issues: Vec::new(),
        association: None,
        created_at: at,
        updated_at: at,
        closed_at: None,
        is_pull: false,
    }
}

pub(super) fn pull(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let issue = fill_issue(repo, entry, true)?;
    let number = issue.number;
    let mut pull = repo
        .pulls
        .get(&number)
        .cloned()
        .unwrap_or_else(|| blank_pull(repo, number));
    pull.draft = entry.flag(&["draft"])?.unwrap_or(pull.draft);
    pull.head_ref = entry
        .text(&["head", "head_ref", "branch"])?
        .unwrap_or(pull.head_ref);
    pull.head_sha = entry.text(&["head_sha", "sha"])?.unwrap_or(pull.head_sha);
    pull.head_repo = entry.text(&["head_repo"])?.unwrap_or(pull.head_repo);
    pull.base_ref = entry.text(&["base", "base_ref"])?.unwrap_or(pull.base_ref);
    pull.base_sha = entry.text(&["base_sha"])?.unwrap_or(pull.base_sha);
    pull.conflicts = entry.flag(&["conflicts"])?.unwrap_or(pull.conflicts);
    pull.merged_by = entry.login(&["merged_by"])?.or(pull.merged_by);
    let merged_at = entry.time(&["merged_at"])?;
    if entry.flag(&["merged"])?.unwrap_or(false) || merged_at.is_some() {
        pull.merged_at = merged_at.or(issue.closed_at).or(Some(issue.updated_at));
    }
    if let Some(files) = entry.value(&["files"], Takes::List) {
        let list = files
            .as_array()
            .ok_or_else(|| entry.error("files must be a list"))?;
        pull.files = list
            .iter()
            .map(|file| diff_of(file).ok_or_else(|| entry.error("a file needs a filename")))
            .collect::<Result<_, _>>()?;
    }
    repo.pulls.insert(number, pull);
    repo.issues.insert(number, issue);
    Ok(())
}

/// A pull request about which nothing is known but its number.
pub(in crate::sandbox) fn blank_pull(repo: &Repo, number: u64) -> Pull {
    Pull {
        id: stable_id(&format!("{}!{number}", repo.full_name)),
        number,
        draft: false,
        merged_at: None,
        merged_by: None,
        head_ref: format!("change-{number}"),
        head_sha: stable_sha(&format!("{}!{number}", repo.full_name)),
        head_repo: repo.full_name.clone(),
        base_ref: repo.default_branch.clone(),
        base_sha: repo.head_of(&repo.default_branch),
        files: Vec::new(),
        conflicts: false,
        reviewers: Vec::new(),
        teams: Vec::new(),
        reviews: Vec::new(),
        auto_merge: None,
    }
}

/// A changed file: its name alone, or a table as the API shows it.
pub(in crate::sandbox) fn diff_of(file: &Value) -> Option<FileDiff> {
    let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| file.get(name).and_then(Value::as_u64);
    Some(FileDiff {
        filename: file
            .as_str()
            .map(str::to_owned)
            .or_else(|| text("filename"))
            .or_else(|| text("path"))?,
        status: text("status").unwrap_or_else(|| "modified".to_owned()),
        additions: number("additions").unwrap_or(1),
        deletions: number("deletions").unwrap_or(0),
        patch: text("patch"),
        previous: text("previous_filename"),
    })
}

pub(super) fn file(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let number = entry.number(&["number", "pull", "pull_request"])?;
    let only = (repo.pulls.len() == 1)
        .then(|| repo.pulls.keys().next().copied())
        .flatten();
    let number = number
        .or(only)
        .ok_or_else(|| entry.error("number of the pull request is missing"))?;
    let file = FileDiff {
        filename: entry.need(&["filename", "path"])?,
        status: entry.text(&["status"])?.unwrap_or_else(|| "modified".to_owned()),
        additions: entry.number(&["additions"])?.unwrap_or(1),
        deletions: entry.number(&["deletions"])?.unwrap_or(0),
        patch: entry.text(&["patch"])?,
        previous: entry.text(&["previous_filename"])?,
    };
    if !repo.pulls.contains_key(&number) {
        let mut issue = blank_issue(repo, number, clock::after(entry.now(), -HOUR_MS));
        issue.is_pull = true;
        let pull = blank_pull(repo, number);
        repo.issues.entry(number).or_insert(issue).is_pull = true;
        repo.pulls.insert(number, pull);
    }
    if let Some(pull) = repo.pulls.get_mut(&number) {
        pull.files.retain(|known| known.filename != file.filename);
        pull.files.push(file);
    }
    Ok(())
}

pub(super) fn comment(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.number();
    let repo = of(world, entry)?;
    let number = entry.need_number(&["number", "issue"])?;
    let at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(clock::after(entry.now(), -HOUR_MS));
    let comment = Comment {
        id: entry.number(&["id"])?.unwrap_or(fresh),
        issue: number,
        user: entry
            .login(&["user", "author"])?
            .unwrap_or_else(|| SOMEBODY.to_owned()),
        body: entry.need(&["body"])?,
        association: entry.text(&["author_association", "association"])?,
        created_at: at,
        updated_at: entry.time(&["updated", "updated_at"])?.unwrap_or(at),
    };
    if !repo.issues.contains_key(&number) {
        let issue = blank_issue(repo, number, at);
        repo.issues.insert(number, issue);
    }
    repo.comments.insert(comment.id, comment);
    Ok(())
}
