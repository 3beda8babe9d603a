//! In: `state.github` lists. Out: repositories and what hangs on them.
//! Never: half an entry; whatever is not said gets a plausible value.

use serde_json::Value;

use super::{Entry, List, Takes};
use crate::clock;
use crate::sandbox::github::{
    Comment, Commit, Content, FileDiff, Issue, Label, Pull, Repo, stable_id, stable_sha,
};
use crate::sandbox::state::World;

/// The lists, in the order in which they build on each other.
pub(super) const LISTS: &[List] = &[
    List {
        name: "repos",
        about: "A repository. One that anything else mentions is there without being listed.",
        example: r#"[{ full_name = "acme/api", private = true, default_branch = "main", topics = ["api"] }]"#,
        notes: &[
            ("full_name", "`owner/name`."),
            ("head_sha", "The commit that the default branch leads to."),
            (
                "has_discussions",
                "Gives it the categories that GitHub begins with.",
            ),
            ("topics", "Those it has; none by default."),
        ],
        seeder: repo,
    },
    List {
        name: "branches",
        about: "A branch. With `files` or a `message`, what it leads to is a commit of its own.",
        example: r#"[{ repo = "acme/api", name = "fix/crash", message = "fix: no crash", files = ["src/lib.rs"] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("sha", "What it leads to."),
            (
                "parent",
                "The commit before its own; the head of the default branch unless said.",
            ),
            ("files", "Paths that its commit changes."),
            ("at", "When its commit was made."),
        ],
        seeder: branch,
    },
    List {
        name: "labels",
        about: "A label that a repository has. Labels of issues are there without being listed.",
        example: r#"[{ repo = "acme/api", name = "bug", color = "d73a4a", description = "It is broken" }]"#,
        notes: &[(
            "repo",
            "`owner/name`; where it is left out, the only repository there is.",
        )],
        seeder: label,
    },
    List {
        name: "collaborators",
        about: "A person with rights in a repository.",
        example: r#"[{ repo = "acme/api", login = "mona", permission = "admin" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "permission",
                "`read`, `triage`, `write`, `maintain` or `admin`; `write` unless said.",
            ),
        ],
        seeder: collaborator,
    },
    List {
        name: "contents",
        about: "A file of a repository.",
        example: r#"[{ repo = "acme/api", path = "CODEOWNERS", content = "* @acme/core" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("ref", "On which branch or commit; on all unless said."),
            ("content", "Its text."),
        ],
        seeder: content,
    },
    List {
        name: "issues",
        about: "An issue.",
        example: r#"[{ repo = "acme/api", number = 7, title = "It crashes", author = "mona", labels = ["bug"], updated = "-40d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The next one unless said."),
            ("labels", "Names; they become labels of the repository, too."),
            ("assignees", "Logins."),
            (
                "pull_request",
                "It is a pull request; `pulls` is the way to say more of it.",
            ),
            (
                "author_association",
                "`OWNER`, `MEMBER`, `CONTRIBUTOR`, `NONE`, …",
            ),
        ],
        seeder: issue,
    },
    List {
        name: "pulls",
        about: "A pull request, which is an issue, too.",
        example: r#"[{ repo = "acme/api", number = 12, title = "Fix it", head = "fix/crash", base = "main", files = ["src/lib.rs"] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The next one unless said."),
            ("labels", "Names; they become labels of the repository, too."),
            ("assignees", "Logins."),
            ("head", "The branch it comes from."),
            ("head_repo", "The fork it comes from, `owner/name`."),
            (
                "files",
                "Paths, or tables as the API shows them: `filename`, `status`, `additions`, `deletions`, `patch`.",
            ),
            ("conflicts", "It cannot be merged."),
            ("merged", "It is; `merged_at` says when."),
            ("pull_request", "A pull request is one without saying it."),
            (
                "author_association",
                "`OWNER`, `MEMBER`, `CONTRIBUTOR`, `NONE`, …",
            ),
        ],
        seeder: pull,
    },
    List {
        name: "files",
        about: "A file that a pull request changes.",
        example: r#"[{ repo = "acme/api", number = 12, filename = "src/lib.rs", additions = 40 }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The pull request; where it is left out, the only one."),
            (
                "status",
                "`added`, `modified`, `removed`, `renamed`; `modified` unless said.",
            ),
        ],
        seeder: file,
    },
    List {
        name: "comments",
        about: "A comment on an issue or a pull request.",
        example: r#"[{ repo = "acme/api", number = 7, author = "hubot", body = "Seen it", created = "-2d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("number", "The issue it is on."),
        ],
        seeder: comment,
    },
    List {
        name: "runs",
        about: "A workflow run.",
        example: r#"[{ repo = "acme/api", id = 9001, name = "CI", status = "completed", conclusion = "failure", jobs = ["build"], log = "error: it broke" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "status",
                "`queued`, `in_progress`, `completed`; `completed` unless said.",
            ),
            (
                "conclusion",
                "`success`, `failure`, …; only of what is completed.",
            ),
            ("jobs", "Their names; one called `build` unless said."),
            ("log", "What each of its jobs printed."),
            ("attempt", "1 unless said."),
        ],
        seeder: super::runs::run,
    },
    List {
        name: "releases",
        about: "A release; its tag is there, too, unless it is a draft.",
        example: r#"[{ repo = "acme/api", tag = "v1.2.0", name = "1.2", created = "-3d" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("target", "The branch or commit it is of."),
        ],
        seeder: super::around::release,
    },
    List {
        name: "visits",
        about: "What traffic a repository had: a day's `views` or `clones`, or a popular `path` or `referrer`.",
        example: r#"[{ repo = "acme/api", kind = "views", day = "-1d", count = 42, uniques = 17 }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("name", "The path or the referrer."),
        ],
        seeder: super::around::visit,
    },
    List {
        name: "alerts",
        about: "A security alert.",
        example: r#"[{ repo = "acme/api", kind = "dependabot", name = "lodash", severity = "critical" }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            ("name", "The package, the rule or the secret's type."),
            ("severity", "`high` unless said."),
            ("state", "`open` unless said."),
        ],
        seeder: super::around::alert,
    },
    List {
        name: "discussions",
        about: "A discussion.",
        example: r#"[{ repo = "acme/api", number = 3, title = "How?", category = "q-a", comments = [{ id = 1, body = "Like this", author = "mona" }] }]"#,
        notes: &[
            (
                "repo",
                "`owner/name`; where it is left out, the only repository there is.",
            ),
            (
                "category",
                "Its slug: `announcements`, `general`, `ideas`, `q-a`; `general` unless said.",
            ),
            (
                "comments",
                "Tables of `id`, `body`, and perhaps `author` and `reply_to`.",
            ),
            ("answer", "The `id` of the comment that answers it."),
        ],
        seeder: super::around::discussion,
    },
    List {
        name: "invitations",
        about: "An invitation to a repository, to ourselves unless `invitee` says otherwise.",
        example: r#"[{ repo = "acme/api", inviter = "mona", role = "write" }]"#,
        notes: &[(
            "repo",
            "`owner/name`; where it is left out, the only repository there is.",
        )],
        seeder: super::around::invitation,
    },
    List {
        name: "members",
        about: "A member of an organization.",
        example: r#"[{ org = "acme", login = "mona", role = "admin" }]"#,
        notes: &[
            ("role", "`member` or `admin`; `member` unless said."),
            ("state", "`active` or `pending`; `active` unless said."),
        ],
        seeder: super::around::member,
    },
];

/// An hour, in milliseconds: how old things are that do not say.
const HOUR_MS: i64 = 3_600_000;

fn repo(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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
fn branch(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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
            author: author.unwrap_or_else(|| "octo-user".to_owned()),
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

fn label(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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

fn collaborator(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let repo = of(world, entry)?;
    let login = entry.need_login(&["login", "user"])?;
    let role = entry
        .text(&["permission", "role"])?
        .unwrap_or_else(|| "write".to_owned());
    repo.collaborators.insert(login, role);
    Ok(())
}

fn content(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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

fn issue(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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
        user: "octo-user".to_owned(),
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

fn pull(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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

fn file(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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

fn comment(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
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
            .unwrap_or_else(|| "octo-user".to_owned()),
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
