//! In: commits by their ids. Out: which of them lead to which, and commits as the API shows them.
//! Never: their content; a commit knows the files it changed.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape::{Shape, node, time};
use super::state::stable_sha;
use super::{Commit, Repo, not_found, repo};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

impl Repo {
    /// The commit that a branch or an id stands for. Any 40 hexadecimal digits are taken for a commit of before.
    pub(in crate::sandbox) fn resolve(&self, reference: &str) -> Option<String> {
        let name = reference.rsplit(':').next().unwrap_or(reference);
        let name = name.strip_prefix("refs/heads/").unwrap_or(name);
        if let Some(sha) = self.branches.get(name) {
            return Some(sha.clone());
        }
        if let Some(sha) = self.tags.get(name.strip_prefix("refs/tags/").unwrap_or(name)) {
            return Some(sha.clone());
        }
        if let Some(pull) = self.pulls.values().find(|pull| pull.head_ref == name) {
            return Some(pull.head_sha.clone());
        }
        let is_sha = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let known = is_sha || self.pulls.values().any(|pull| pull.head_sha == name);
        match name {
            _ if name == self.default_branch || name == "HEAD" => Some(self.head_of(&self.default_branch)),
            _ => known.then(|| name.to_owned()),
        }
    }

    /// A commit and all that lead to it.
    pub(super) fn ancestors(&self, sha: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut left = vec![sha.to_owned()];
        while let Some(sha) = left.pop() {
            if seen.insert(sha.clone()) {
                left.extend(self.parents(&sha));
            }
        }
        seen
    }

    /// A commit and all that lead to it, in git's order: the newest of those that a shown one leads to is next. So the commit itself
    /// is first, whatever its time says.
    pub(super) fn log(&self, sha: &str) -> Vec<String> {
        let (mut seen, mut shown) = (BTreeSet::from([sha.to_owned()]), Vec::new());
        let mut left = vec![sha.to_owned()];
        while let Some(next) =
            (0..left.len()).max_by_key(|place| (self.written_at(&left[*place]), Reverse(*place)))
        {
            let sha = left.remove(next);
            left.extend(
                self.parents(&sha)
                    .into_iter()
                    .filter(|parent| seen.insert(parent.clone())),
            );
            shown.push(sha);
        }
        shown
    }

    /// When a commit was written; one of before, when the repository was made.
    pub(super) fn written_at(&self, sha: &str) -> Timestamp {
        self.commits.get(sha).map_or(self.created_at, |commit| commit.at)
    }

    fn parents(&self, sha: &str) -> Vec<String> {
        if let Some(commit) = self.commits.get(sha) {
            return commit.parents.clone();
        }
        // The head of a pull request that was always there is one commit on top of its base.
        let pull = self.pulls.values().find(|pull| pull.head_sha == sha);
        pull.map(|pull| vec![pull.base_sha.clone()]).unwrap_or_default()
    }

    /// Adds a commit and lets a branch lead to it.
    pub(in crate::sandbox) fn commit(&mut self, branch: &str, sha: &str, commit: Commit) {
        self.pushed_at = commit.at;
        self.commits.insert(sha.to_owned(), commit);
        self.branches.insert(branch.to_owned(), sha.to_owned());
    }
}

pub(super) fn compare(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let (base, head) = call.param("ends").split_once("...").ok_or_else(not_found)?;
    let base = repo.resolve(base).ok_or_else(not_found)?;
    let head = repo.resolve(head).ok_or_else(not_found)?;
    let (of_base, of_head) = (repo.ancestors(&base), repo.ancestors(&head));
    let ahead: Vec<&String> = of_head.difference(&of_base).collect();
    let behind = of_base.difference(&of_head).count();
    let shared = of_base.intersection(&of_head).next().unwrap_or(&base);
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let mut commits: Vec<&String> = ahead.clone();
    commits.sort_by_key(|sha| repo.commits.get(*sha).map(|commit| commit.at));
    let files = commits
        .iter()
        .filter_map(|sha| Some((*sha, repo.commits.get(*sha)?)));
    let files: Vec<Value> = files
        .flat_map(|(sha, commit)| commit.files.iter().map(move |file| (sha, file)))
        .map(|(sha, file)| shape.file_at(repo, sha, file))
        .collect();
    let (url, page) = (
        format!("{}/compare/{}", shape.repo_url(repo), call.param("ends")),
        shape.page(repo, &format!("/compare/{base}...{head}")),
    );
    Ok(Answer::ok(json!({
        "url": url, "html_url": page, "permalink_url": page, "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"), "base_commit": shape.commit(repo, &base),
        "merge_base_commit": shape.commit(repo, shared), "status": status, "ahead_by": ahead.len(),
        "behind_by": behind, "total_commits": ahead.len(),
        "commits": commits.into_iter().map(|sha| shape.commit(repo, sha)).collect::<Vec<_>>(), "files": files,
    })))
}

impl Shape<'_> {
    /// A commit; one of before the sandbox has a plain message and the repository's age.
    pub(super) fn commit(&self, repo: &Repo, sha: &str) -> Value {
        let known = repo.commits.get(sha);
        let author = known.map_or(repo.owner(), |commit| commit.author.as_str());
        let at = known.map_or(repo.created_at, |commit| commit.at);
        let person = json!({
            "name": author, "email": format!("{author}@users.noreply.github.com"), "date": time(at),
        });
        let (url, tree) = (self.repo_url(repo), stable_sha(&format!("tree:{sha}")));
        let parents = repo.parents(sha);
        let parent = |sha: &String| json!({"sha": sha, "url": format!("{url}/commits/{sha}"), "html_url": self.page(repo, &format!("/commit/{sha}"))});
        json!({
            "sha": sha, "node_id": node("C", super::stable_id(sha)), "url": format!("{url}/commits/{sha}"),
            "html_url": self.page(repo, &format!("/commit/{sha}")), "comments_url": format!("{url}/commits/{sha}/comments"),
            "commit": {
                "author": person, "committer": person, "message": known.map_or("Update", |commit| commit.message.as_str()),
                "tree": {"sha": tree, "url": format!("{url}/git/trees/{tree}")},
                "url": format!("{url}/git/commits/{sha}"), "comment_count": 0,
                "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null},
            },
            "author": self.user(author), "committer": self.user(author),
            "parents": parents.iter().map(parent).collect::<Vec<_>>(),
        })
    }
}
