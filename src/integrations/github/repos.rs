//! In: questions about repositories, their branches and commits. Out: GitHub's answers, compact. Never: what is in a file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::repo::path;
use super::{Account, ApiError, Client, Listed, PullRequestFile, Repo, Request};

/// A repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repository {
    /// Its name, as owner/name.
    pub full_name: String,
    /// Its number in all of GitHub.
    pub id: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// What it is, in its owner's words.
    #[serde(default)]
    pub description: Option<String>,
    /// The branch that counts.
    #[serde(default)]
    pub default_branch: String,
    /// Not everybody sees it.
    #[serde(default)]
    pub private: bool,
    /// Nothing can be changed in it.
    #[serde(default)]
    pub archived: bool,
    /// It is a copy of another one.
    #[serde(default)]
    pub fork: bool,
    /// The language most of it is written in.
    #[serde(default)]
    pub language: Option<String>,
    /// Its topics.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Its license.
    #[serde(default)]
    pub license: Option<License>,
    /// How many accounts starred it.
    #[serde(default)]
    pub stargazers_count: u64,
    /// How many copies there are.
    #[serde(default)]
    pub forks_count: u64,
    /// How many issues and pull requests are open.
    #[serde(default)]
    pub open_issues_count: u64,
    /// Since when it is there.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When something was last pushed to any branch.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub pushed_at: Option<Timestamp>,
}

/// A license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct License {
    /// What it is called.
    pub name: String,
    /// Its SPDX identifier.
    #[serde(default)]
    pub spdx_id: Option<String>,
}

/// A branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawBranch")]
#[schemars(!from)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its head commit.
    pub sha: String,
    /// Whether it is protected.
    pub protected: bool,
}

#[derive(Deserialize)]
struct RawBranch {
    name: String,
    commit: Sha,
    #[serde(default)]
    protected: bool,
}

#[derive(Deserialize)]
struct Sha {
    sha: String,
}

impl From<RawBranch> for Branch {
    fn from(raw: RawBranch) -> Self {
        Self {
            name: raw.name,
            sha: raw.commit.sha,
            protected: raw.protected,
        }
    }
}

/// What a branch or a tag leads to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawReference")]
pub struct Reference {
    /// Its whole name, like `refs/heads/main`.
    pub name: String,
    /// The commit it leads to.
    pub sha: String,
}

#[derive(Deserialize)]
struct RawReference {
    #[serde(rename = "ref")]
    name: String,
    object: Sha,
}

impl From<RawReference> for Reference {
    fn from(raw: RawReference) -> Self {
        Self {
            name: raw.name,
            sha: raw.object.sha,
        }
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawCommit")]
#[schemars(!from)]
pub struct Commit {
    /// Its id.
    pub sha: String,
    /// Where people see it.
    pub html_url: String,
    /// What its author wrote of it.
    pub message: String,
    /// The account of its author, where GitHub knows one.
    pub author: Option<Account>,
    /// The name its author gave.
    pub author_name: String,
    /// When it was written.
    #[schemars(with = "Option<String>")]
    pub date: Option<Timestamp>,
    /// The commits it follows.
    pub parents: Vec<String>,
}

#[derive(Deserialize)]
struct RawCommit {
    sha: String,
    #[serde(default)]
    html_url: String,
    commit: Said,
    #[serde(default)]
    author: Option<Account>,
    #[serde(default)]
    parents: Vec<Sha>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    author: Option<Person>,
}

#[derive(Default, Deserialize)]
struct Person {
    #[serde(default)]
    name: String,
    #[serde(default)]
    date: Option<Timestamp>,
}

impl From<RawCommit> for Commit {
    fn from(raw: RawCommit) -> Self {
        let person = raw.commit.author.unwrap_or_default();
        Self {
            sha: raw.sha,
            html_url: raw.html_url,
            message: raw.commit.message,
            author: raw.author,
            author_name: person.name,
            date: person.date,
            parents: raw.parents.into_iter().map(|parent| parent.sha).collect(),
        }
    }
}

/// What lies between two commits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// ahead, behind, diverged or identical: where the head is, seen from the base.
    pub status: String,
    /// Commits that only the head has.
    pub ahead_by: u64,
    /// Commits that only the base has.
    pub behind_by: u64,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// The last commit that both have.
    pub merge_base_commit: Commit,
    /// What only the head has, oldest first.
    #[serde(default)]
    pub commits: Vec<Commit>,
    /// The files that differ, at most 300.
    #[serde(default)]
    pub files: Vec<PullRequestFile>,
}

/// Which commits to list.
#[derive(Clone, Debug, Default)]
pub struct CommitFilter {
    /// From this branch, tag or commit backwards.
    pub reference: Option<String>,
    /// Only those that change this path.
    pub path: Option<String>,
    /// Only this account's.
    pub author: Option<String>,
    /// Only those from then on.
    pub since: Option<Timestamp>,
    /// Only those until then.
    pub until: Option<Timestamp>,
}

/// A file or a folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FolderEntry {
    /// Its path in the repository.
    pub path: String,
    /// file, dir, symlink or submodule.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes; 0 for a folder.
    #[serde(default)]
    pub size: u64,
    /// Git's hash of it.
    #[serde(default)]
    pub sha: String,
}

/// A file in which words were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawMatch")]
#[schemars(!from)]
pub struct CodeMatch {
    /// Repository, as owner/name.
    pub repo: String,
    /// Its path.
    pub path: String,
    /// Where people see it.
    pub html_url: String,
}

#[derive(Deserialize)]
struct RawMatch {
    path: String,
    #[serde(default)]
    html_url: String,
    repository: Named,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

impl From<RawMatch> for CodeMatch {
    fn from(raw: RawMatch) -> Self {
        Self {
            repo: raw.repository.full_name,
            path: raw.path,
            html_url: raw.html_url,
        }
    }
}

/// Whose repositories to list.
#[derive(Clone, Debug)]
pub enum RepositoriesOf {
    /// Those the account has, was invited to, or sees through an organization; of an App, those it is installed on.
    Me,
    /// Those of an organization that the account sees.
    Organization(String),
}

impl Listed<Branch> {
    /// Whether a branch is among them; nobody knows where it is not and there are more than were listed.
    pub fn has(&self, name: &str) -> Option<bool> {
        let found = self.items.iter().any(|known| known.name == name);
        (found || !self.more).then_some(found)
    }
}

impl Client {
    /// One repository.
    pub async fn repository(&self, repo: &Repo) -> Result<Repository, ApiError> {
        self.get(&repo.path(&[], &[])).await
    }

    /// Repositories, the last pushed first, at most `limit` from the `page`th page on (from 1).
    pub async fn repositories(
        &self,
        of: &RepositoriesOf,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Repository>, ApiError> {
        let query = [("sort", "pushed"), ("direction", "desc")];
        let address = match of {
            RepositoriesOf::Me if self.is_app() => return self.installed_on(limit).await,
            RepositoriesOf::Me => path("/user", &["repos"], &query),
            RepositoriesOf::Organization(login) => path("/orgs", &[login, "repos"], &query),
        };
        self.list(&address, limit, page).await
    }

    /// Branches by name.
    pub async fn branches(
        &self,
        repo: &Repo,
        protected: Option<bool>,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Branch>, ApiError> {
        let query: Vec<(&str, &str)> = protected
            .iter()
            .map(|only| ("protected", if *only { "true" } else { "false" }))
            .collect();
        self.list(&repo.path(&["branches"], &query), limit, page).await
    }

    /// What a branch leads to.
    pub async fn branch_head(&self, repo: &Repo, branch: &str) -> Result<Reference, ApiError> {
        let mut segments = vec!["git", "ref", "heads"];
        segments.extend(branch.split('/'));
        self.get(&repo.path(&segments, &[])).await
    }

    /// Commits, newest first, at most `limit` from the `page`th page on (from 1).
    pub async fn commits(
        &self,
        repo: &Repo,
        filter: &CommitFilter,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Commit>, ApiError> {
        let (since, until) = (
            filter.since.map(|at| at.to_string()),
            filter.until.map(|at| at.to_string()),
        );
        let query: Vec<(&str, &str)> = [
            ("sha", filter.reference.as_deref()),
            ("path", filter.path.as_deref()),
            ("author", filter.author.as_deref()),
            ("since", since.as_deref()),
            ("until", until.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        self.list(&repo.path(&["commits"], &query), limit, page).await
    }

    /// What lies between two commits, branches or tags: the first hundred commits, oldest first.
    pub async fn compare(&self, repo: &Repo, base: &str, head: &str) -> Result<Comparison, ApiError> {
        let ends = format!("{base}...{head}");
        self.get(&repo.path(&["compare", &ends], &[("per_page", "100")]))
            .await
    }

    /// What is in a folder, by name; GitHub lists at most a thousand entries. The empty path is the top.
    pub async fn folder(
        &self,
        repo: &Repo,
        folder: &str,
        reference: Option<&str>,
    ) -> Result<Vec<FolderEntry>, ApiError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Found {
            Folder(Vec<FolderEntry>),
            File(FolderEntry),
        }
        let mut segments = vec!["contents"];
        segments.extend(folder.split('/').filter(|segment| !segment.is_empty()));
        let query: Vec<(&str, &str)> = reference.iter().map(|name| ("ref", *name)).collect();
        match self.get(&repo.path(&segments, &query)).await? {
            Found::Folder(entries) => Ok(entries),
            Found::File(entry) => Err(ApiError::new(
                crate::integrations::Failure::Invalid,
                format!("`{folder}` is a {}, not a folder", entry.kind),
            )),
        }
    }

    /// Files in which words stand, the best match first; GitHub gives at most a thousand.
    pub async fn search_code(
        &self,
        query: &str,
        limit: usize,
        page: usize,
    ) -> Result<Listed<CodeMatch>, ApiError> {
        let address = path("/search", &["code"], &[("q", query)]);
        self.list_under(&address, "items", limit, page).await
    }

    /// How many bytes are written in which language.
    pub async fn languages(&self, repo: &Repo) -> Result<BTreeMap<String, u64>, ApiError> {
        self.get(&repo.path(&["languages"], &[])).await
    }
}

/// Lets a new branch lead to a commit. GitHub refuses a name that is taken with 422. Answers a [`Reference`].
pub fn create_branch(repo: &Repo, branch: &str, sha: &str) -> Request {
    Request {
        method: "POST",
        path: repo.path(&["git", "refs"], &[]),
        body: Some(json!({ "ref": format!("refs/heads/{branch}"), "sha": sha })),
    }
}
