//! In: the state. Out: JSON objects as GitHub's REST API and its webhooks show them, every URL field filled in.
//! Never: changes to anything.

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use super::state::{Comment, FileDiff, Issue, Label, Pull, Repo, State, Status, stable_sha};

/// Where pages for people live; nothing is served there.
const PAGES: &str = "https://github.com";

/// Draws things of one state, with API URLs below one base.
pub(in crate::sandbox) struct Shape<'a> {
    pub(in crate::sandbox) base: &'a str,
    pub(in crate::sandbox) state: &'a State,
}

/// GitHub tells whole seconds.
pub(in crate::sandbox) fn time(at: Timestamp) -> Value {
    Value::String(whole_seconds(at).to_string())
}

/// A time as GitHub remembers it, for comparisons with what callers ask.
pub(in crate::sandbox) fn whole_seconds(at: Timestamp) -> Timestamp {
    at.round(
        jiff::TimestampRound::new()
            .smallest(Unit::Second)
            .mode(jiff::RoundMode::Trunc),
    )
    .unwrap_or(at)
}

pub(super) fn node(kind: &str, id: u64) -> String {
    format!("{kind}_kwDO{id:x}")
}

impl Shape<'_> {
    pub(in crate::sandbox) fn user(&self, login: &str) -> Value {
        let (id, base) = (self.state.user_id(login), self.base);
        let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
        json!({
            "login": login, "id": id, "node_id": node("U", id), "type": kind, "site_admin": false,
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"), "gravatar_id": "",
            "url": format!("{base}/users/{login}"), "html_url": format!("{PAGES}/{login}"),
            "followers_url": format!("{base}/users/{login}/followers"),
            "following_url": format!("{base}/users/{login}/following{{/other_user}}"),
            "gists_url": format!("{base}/users/{login}/gists{{/gist_id}}"),
            "starred_url": format!("{base}/users/{login}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{base}/users/{login}/subscriptions"),
            "organizations_url": format!("{base}/users/{login}/orgs"),
            "repos_url": format!("{base}/users/{login}/repos"),
            "events_url": format!("{base}/users/{login}/events{{/privacy}}"),
            "received_events_url": format!("{base}/users/{login}/received_events"),
            "user_view_type": "public",
        })
    }

    /// A user with the fields that only `GET /user` and `GET /users/{u}` show.
    pub(super) fn profile(&self, login: &str) -> Value {
        let mut user = self.user(login);
        let more = json!({
            "name": login, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
            "twitter_username": null, "public_repos": 2, "public_gists": 0, "followers": 0, "following": 0,
            "created_at": "2020-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        merge(&mut user, more);
        user
    }

    pub(in crate::sandbox) fn repo(&self, repo: &Repo) -> Value {
        let url = self.repo_url(repo);
        let open = repo.issues.values().filter(|issue| issue.state == "open").count();
        let mut shown = json!({
            "id": repo.id, "node_id": node("R", repo.id), "name": repo.name(), "full_name": repo.full_name,
            "owner": self.user(repo.owner()), "private": repo.private, "fork": repo.fork, "url": url,
            "html_url": self.page(repo, ""), "description": repo.description, "homepage": null,
            "language": repo.language, "topics": repo.topics, "archived": repo.archived, "disabled": false,
            "visibility": if repo.private { "private" } else { "public" }, "default_branch": repo.default_branch,
        });
        let more = json!({
            "has_issues": repo.has_issues, "has_projects": true, "has_wiki": true, "has_pages": false,
            "has_discussions": !repo.categories.is_empty(), "is_template": false, "allow_forking": true, "web_commit_signoff_required": false,
            "stargazers_count": repo.stars, "watchers_count": repo.stars, "watchers": repo.stars,
            "forks_count": 0, "forks": 0, "open_issues_count": open, "open_issues": open, "size": 128, "license": null,
            "mirror_url": null,
            "created_at": time(repo.created_at), "updated_at": time(repo.pushed_at), "pushed_at": time(repo.pushed_at),
            "permissions": {"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
            "git_url": format!("git://github.com/{}.git", repo.full_name),
            "ssh_url": format!("git@github.com:{}.git", repo.full_name),
            "clone_url": self.page(repo, ".git"), "svn_url": self.page(repo, ""),
        });
        merge(&mut shown, more);
        for (name, rest) in REPO_URLS {
            shown[*name] = Value::String(format!("{url}/{rest}"));
        }
        shown
    }

    pub(in crate::sandbox) fn issue(&self, repo: &Repo, issue: &Issue) -> Value {
        let (url, n) = (self.repo_url(repo), issue.number);
        let kind = if issue.is_pull { "pull" } else { "issues" };
        let mut shown = json!({
            "id": issue.id, "node_id": node("I", issue.id), "number": n,
            "url": format!("{url}/issues/{n}"), "repository_url": url,
            "labels_url": format!("{url}/issues/{n}/labels{{/name}}"), "comments_url": format!("{url}/issues/{n}/comments"),
            "events_url": format!("{url}/issues/{n}/events"), "timeline_url": format!("{url}/issues/{n}/timeline"),
            "html_url": self.page(repo, &format!("/{kind}/{n}")),
            "state": issue.state, "state_reason": issue.state_reason, "title": issue.title, "body": issue.body,
            "user": self.user(&issue.user), "labels": self.labels(repo, &issue.labels),
            "assignees": issue.assignees.iter().map(|login| self.user(login)).collect::<Vec<_>>(),
            "milestone": null, "type": null, "locked": issue.locked, "active_lock_reason": issue.lock_reason,
            "comments": repo.comments_of(n).count(),
            "author_association": self.association(repo, &issue.user, issue.association.as_deref()),
            "created_at": time(issue.created_at), "updated_at": time(issue.updated_at),
            "closed_at": issue.closed_at.map(time), "closed_by": null, "performed_via_github_app": null,
            "sub_issues_summary": self.parts(issue),
            "reactions": reactions(&format!("{url}/issues/{n}/reactions")),
        });
        if issue.is_pull {
            let page = self.page(repo, &format!("/pull/{n}"));
            let merged = repo.pulls.get(&n).and_then(|pull| pull.merged_at).map(time);
            shown["draft"] = repo.pulls.get(&n).is_some_and(|pull| pull.draft).into();
            shown["pull_request"] = json!({
                "url": format!("{url}/pulls/{n}"), "html_url": page, "diff_url": format!("{page}.diff"),
                "patch_url": format!("{page}.patch"), "merged_at": merged,
            });
        }
        shown
    }

    /// How many parts an issue has, and how many of them are done.
    fn parts(&self, issue: &Issue) -> Value {
        let closed = |id: &&u64| {
            self.state
                .issue_by_id(**id)
                .is_some_and(|(_, part)| part.state == "closed")
        };
        let (total, completed) = (
            issue.sub_issues.len(),
            issue.sub_issues.iter().filter(closed).count(),
        );
        json!({"total": total, "completed": completed, "percent_completed": (completed * 100).checked_div(total).unwrap_or(0)})
    }

    pub(in crate::sandbox) fn labels(&self, repo: &Repo, names: &[String]) -> Vec<Value> {
        let known = |name: &String| {
            repo.labels
                .iter()
                .find(|label| label.name.eq_ignore_ascii_case(name))
        };
        names
            .iter()
            .filter_map(known)
            .map(|label| self.label(repo, label))
            .collect()
    }

    pub(in crate::sandbox) fn label(&self, repo: &Repo, label: &Label) -> Value {
        let escaped: String = url::form_urlencoded::byte_serialize(label.name.as_bytes()).collect();
        json!({
            "id": label.id, "node_id": node("LA", label.id), "name": label.name, "color": label.color,
            "description": label.description, "default": false,
            "url": format!("{}/labels/{}", self.repo_url(repo), escaped.replace('+', "%20")),
        })
    }

    pub(in crate::sandbox) fn comment(&self, repo: &Repo, comment: &Comment) -> Value {
        let (url, id, n) = (self.repo_url(repo), comment.id, comment.issue);
        let kind = if repo.pulls.contains_key(&n) {
            "pull"
        } else {
            "issues"
        };
        json!({
            "id": id, "node_id": node("IC", id), "url": format!("{url}/issues/comments/{id}"),
            "html_url": self.page(repo, &format!("/{kind}/{n}#issuecomment-{id}")),
            "issue_url": format!("{url}/issues/{n}"), "body": comment.body, "user": self.user(&comment.user),
            "author_association": self.association(repo, &comment.user, comment.association.as_deref()),
            "created_at": time(comment.created_at), "updated_at": time(comment.updated_at),
            "performed_via_github_app": null, "reactions": reactions(&format!("{url}/issues/comments/{id}/reactions")),
        })
    }

    /// A pull request, whole (`GET …/pulls/{n}`, webhooks) or as lists show it (without counts and merge state).
    pub(in crate::sandbox) fn pull(&self, repo: &Repo, issue: &Issue, pull: &Pull, whole: bool) -> Value {
        let (url, n) = (self.repo_url(repo), pull.number);
        let page = self.page(repo, &format!("/pull/{n}"));
        let mut shown = self.issue(repo, issue);
        if let Some(fields) = shown.as_object_mut() {
            let of_issues_only = [
                "pull_request",
                "repository_url",
                "labels_url",
                "events_url",
                "timeline_url",
                "state_reason",
                "type",
                "comments",
                "closed_by",
                "performed_via_github_app",
                "sub_issues_summary",
                "reactions",
            ];
            of_issues_only.iter().for_each(|name| drop(fields.remove(*name)));
        }
        let more = json!({
            "id": pull.id, "node_id": node("PR", pull.id), "url": format!("{url}/pulls/{n}"), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "issue_url": format!("{url}/issues/{n}"), "commits_url": format!("{url}/pulls/{n}/commits"),
            "review_comments_url": format!("{url}/pulls/{n}/comments"),
            "review_comment_url": format!("{url}/pulls/comments{{/number}}"),
            "statuses_url": format!("{url}/statuses/{}", pull.head_sha), "draft": pull.draft,
            "merged_at": pull.merged_at.map(time), "auto_merge": pull.auto_merge.as_ref().map(|method| json!({"merge_method": method.to_lowercase(), "enabled_by": self.user(repo.owner()), "commit_title": null, "commit_message": null})),
            "requested_reviewers": pull.reviewers.iter().map(|login| self.user(login)).collect::<Vec<_>>(),
            "requested_teams": pull.teams.iter().map(|name| self.team(repo, name)).collect::<Vec<_>>(),
            "head": self.end(repo, &pull.head_repo, &pull.head_ref, &pull.head_sha),
            "base": self.end(repo, &repo.full_name, &pull.base_ref, &pull.base_sha),
            "_links": {
                "self": {"href": format!("{url}/pulls/{n}")}, "html": {"href": page},
                "issue": {"href": format!("{url}/issues/{n}")}, "comments": {"href": format!("{url}/issues/{n}/comments")},
                "review_comments": {"href": format!("{url}/pulls/{n}/comments")},
                "review_comment": {"href": format!("{url}/pulls/comments{{/number}}")},
                "commits": {"href": format!("{url}/pulls/{n}/commits")},
                "statuses": {"href": format!("{url}/statuses/{}", pull.head_sha)},
            },
        });
        merge(&mut shown, more);
        if whole {
            let sum = |count: fn(&FileDiff) -> u64| pull.files.iter().map(count).sum::<u64>();
            let open = issue.state == "open";
            let state = match (open, pull.draft, pull.conflicts) {
                (false, ..) => "unknown",
                (_, true, _) => "draft",
                (.., true) => "dirty",
                _ => "clean",
            };
            merge(
                &mut shown,
                json!({
                    "merged": pull.merged_at.is_some(), "merged_by": pull.merged_by.as_deref().map(|login| self.user(login)),
                    "mergeable": open.then_some(!pull.conflicts), "rebaseable": open.then_some(!pull.conflicts),
                    "mergeable_state": state, "maintainer_can_modify": false,
                    "comments": repo.comments_of(n).count(), "review_comments": 0, "commits": 1,
                    "additions": sum(|file| file.additions), "deletions": sum(|file| file.deletions),
                    "changed_files": pull.files.len(),
                }),
            );
        }
        shown
    }

    fn end(&self, repo: &Repo, full_name: &str, reference: &str, sha: &str) -> Value {
        let owner = full_name.split('/').next().unwrap_or_default();
        let of = self.state.repo(full_name).unwrap_or(repo);
        json!({
            "label": format!("{owner}:{reference}"), "ref": reference, "sha": sha,
            "user": self.user(owner), "repo": self.repo(of),
        })
    }

    /// A changed file as it is in the commit `sha`.
    pub(super) fn file_at(&self, repo: &Repo, sha: &str, file: &FileDiff) -> Value {
        let name = &file.filename;
        let mut shown = json!({
            "sha": stable_sha(&format!("{sha}:{name}")), "filename": name, "status": file.status,
            "additions": file.additions, "deletions": file.deletions, "changes": file.additions + file.deletions,
            "blob_url": self.page(repo, &format!("/blob/{sha}/{name}")),
            "raw_url": self.page(repo, &format!("/raw/{sha}/{name}")),
            "contents_url": format!("{}/contents/{name}?ref={sha}", self.repo_url(repo)),
        });
        if let Some(patch) = &file.patch {
            shown["patch"] = patch.clone().into();
        }
        if let Some(previous) = &file.previous {
            shown["previous_filename"] = previous.clone().into();
        }
        shown
    }

    pub(super) fn status(&self, repo: &Repo, status: &Status) -> Value {
        json!({
            "id": status.id, "node_id": node("SC", status.id), "state": status.state, "context": status.context,
            "description": status.description, "target_url": status.target_url,
            "url": format!("{}/statuses/{}", self.repo_url(repo), status.sha), "creator": self.user(&status.creator),
            "avatar_url": null, "created_at": time(status.created_at), "updated_at": time(status.created_at),
        })
    }

    pub(in crate::sandbox) fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.base, repo.full_name)
    }

    pub(in crate::sandbox) fn page(&self, repo: &Repo, rest: &str) -> String {
        format!("{PAGES}/{}{rest}", repo.full_name)
    }

    pub(super) fn association(&self, repo: &Repo, login: &str, told: Option<&str>) -> String {
        let known = || match repo
            .collaborators
            .keys()
            .any(|known| known.eq_ignore_ascii_case(login))
        {
            _ if repo.owner().eq_ignore_ascii_case(login) => "OWNER",
            true => "COLLABORATOR",
            false => "NONE",
        };
        told.unwrap_or_else(known).to_owned()
    }
}

fn reactions(url: &str) -> Value {
    json!({"url": url, "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0, "confused": 0, "heart": 0,
           "rocket": 0, "eyes": 0})
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// A repository's URL fields and what follows its own URL in each.
const REPO_URLS: &[(&str, &str)] = &[
    ("archive_url", "{archive_format}{/ref}"),
    ("assignees_url", "assignees{/user}"),
    ("blobs_url", "git/blobs{/sha}"),
    ("branches_url", "branches{/branch}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("comments_url", "comments{/number}"),
    ("commits_url", "commits{/sha}"),
    ("compare_url", "compare/{base}...{head}"),
    ("contents_url", "contents/{+path}"),
    ("contributors_url", "contributors"),
    ("deployments_url", "deployments"),
    ("downloads_url", "downloads"),
    ("events_url", "events"),
    ("forks_url", "forks"),
    ("hooks_url", "hooks"),
    ("git_commits_url", "git/commits{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("issue_events_url", "issues/events{/number}"),
    ("issues_url", "issues{/number}"),
    ("keys_url", "keys{/key_id}"),
    ("labels_url", "labels{/name}"),
    ("languages_url", "languages"),
    ("merges_url", "merges"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("pulls_url", "pulls{/number}"),
    ("releases_url", "releases{/id}"),
    ("stargazers_url", "stargazers"),
    ("statuses_url", "statuses/{sha}"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("tags_url", "tags"),
    ("teams_url", "teams"),
    ("trees_url", "git/trees{/sha}"),
];
