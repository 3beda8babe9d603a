//! In: a commit, paths, a repository. Out: every path of its tree, the texts of many files at once, what GitHub says of code
//! owners, the words of a license. Never: a judgement.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::app::Reach;
use super::graphql::{Document, document};
use super::repo::path;
use super::wire::Media;
use super::{Access, ApiError, Client, Repo};

document!(READ_FILES, "ReadFiles", "read_files");
document!(OVERVIEW, "Overview", "overview");

/// Files that one request reads.
const FILES_OF_REQUEST: usize = 40;
/// Branches that one request gives.
pub const HEADS_MAX: usize = 100;

/// All that a commit holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Tree {
    /// Files, folders and links, by path.
    #[serde(rename = "tree")]
    pub entries: Vec<TreeEntry>,
    /// There is more than GitHub lists at once.
    pub truncated: bool,
}

/// One path of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TreeEntry {
    /// From the top of the repository.
    pub path: String,
    /// blob, tree (a folder) or commit (another repository).
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes of a blob.
    #[serde(default)]
    pub size: Option<u64>,
}

/// A file as GraphQL gives it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    /// Bytes.
    pub byte_size: u64,
    /// Only the beginning is here.
    #[serde(default)]
    pub is_truncated: bool,
    /// Nothing where it is binary.
    #[serde(default)]
    pub text: Option<String>,
}

/// A branch, and when it was last committed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchHead {
    /// The branch.
    pub name: String,
    /// When its head was committed.
    pub committed_at: Option<Timestamp>,
    /// How many open pull requests it has.
    pub open_pulls: u64,
}

/// What GitHub finds wrong with a line of CODEOWNERS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OwnersError {
    /// Its line, from 1.
    pub line: u64,
    /// What sort of mistake it is.
    pub kind: String,
    /// The file.
    pub path: String,
    /// How to mend it.
    #[serde(default)]
    pub suggestion: Option<String>,
}

/// A license, whole.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LicenseText {
    /// Its name.
    pub name: String,
    /// Its SPDX identifier.
    #[serde(default)]
    pub spdx_id: Option<String>,
    /// Its words, with `[year]` and `[fullname]` where they are to be filled in.
    pub body: String,
}

/// What only GraphQL tells of a repository with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The first hundred branches.
    pub heads: Vec<BranchHead>,
    /// There are more.
    pub more: bool,
    /// It has a security policy, or its owner has one for all repositories.
    pub security_policy: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    is_security_policy_enabled: bool,
    refs: Heads,
}

#[derive(Deserialize)]
struct Heads {
    #[serde(rename = "totalCount")]
    total: usize,
    nodes: Vec<Head>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    name: String,
    target: Target,
    associated_pull_requests: Counted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    #[serde(default)]
    committed_date: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    total_count: u64,
}

impl Client {
    /// Every path that a commit holds.
    pub async fn tree(&self, repo: &Repo, commit: &str) -> Result<Tree, ApiError> {
        self.get(&repo.path(&["git", "trees", commit], &[("recursive", "1")]))
            .await
    }

    /// The files at these paths of a commit, forty with one request; what is not there, or is no file, is missing.
    pub async fn files(
        &self,
        repo: &Repo,
        commit: &str,
        paths: &[String],
    ) -> Result<BTreeMap<String, Blob>, ApiError> {
        let mut found = BTreeMap::new();
        for some in paths.chunks(FILES_OF_REQUEST) {
            let mut variables = Map::new();
            variables.insert("owner".to_owned(), repo.owner().into());
            variables.insert("name".to_owned(), repo.name().into());
            for (index, path) in some.iter().enumerate() {
                variables.insert(format!("file{index}"), format!("{commit}:{path}").into());
            }
            let request = READ_FILES.repeated(some.len()).with(&Value::Object(variables));
            let blobs: BTreeMap<String, Option<Value>> = self.ask(repo, &request, "repository").await?;
            for (index, path) in some.iter().enumerate() {
                let blob = blobs.get(&format!("file{index}")).cloned().flatten();
                // A folder has none of a blob's fields.
                if let Some(blob) = blob.and_then(|blob| Blob::deserialize(blob).ok()) {
                    found.insert(path.clone(), blob);
                }
            }
        }
        Ok(found)
    }

    /// The branches with the age of their heads, and whether there is a security policy.
    pub async fn overview(&self, repo: &Repo) -> Result<Overview, ApiError> {
        let variables = serde_json::json!({ "owner": repo.owner(), "name": repo.name(), "first": HEADS_MAX });
        let request = OVERVIEW.with(&variables);
        let seen: Seen = self.ask(repo, &request, "repository").await?;
        let heads = seen.refs;
        let read = |head: Head| BranchHead {
            name: head.name,
            committed_at: head.target.committed_date,
            open_pulls: head.associated_pull_requests.total_count,
        };
        Ok(Overview {
            more: heads.total > heads.nodes.len(),
            heads: heads.nodes.into_iter().map(read).collect(),
            security_policy: seen.is_security_policy_enabled,
        })
    }

    /// What GitHub finds wrong with the CODEOWNERS of a branch; `NotFound` where there is none.
    pub async fn owners_errors(&self, repo: &Repo, branch: &str) -> Result<Vec<OwnersError>, ApiError> {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<OwnersError>,
        }
        let path = repo.path(&["codeowners", "errors"], &[("ref", branch)]);
        Ok(self.get::<Errors>(&path).await?.errors)
    }

    /// A license by its key, which is its SPDX identifier in small letters. Asked for with the token for `via`.
    pub async fn license_text(&self, via: &Repo, key: &str) -> Result<LicenseText, ApiError> {
        self.with_token_of(via, &path("/licenses", &[key], &[])).await
    }

    /// Whether everybody sees a repository. Asked for with the token for `via`.
    pub async fn is_public(&self, via: &Repo, repo: &Repo) -> Result<bool, ApiError> {
        #[derive(Deserialize)]
        struct Seen {
            private: bool,
        }
        Ok(!self
            .with_token_of::<Seen>(via, &repo.path(&[], &[]))
            .await?
            .private)
    }

    /// The commit that a tag or a branch of any repository leads to. Asked for with the token for `via`.
    pub async fn commit_of(
        &self,
        via: &Repo,
        repo: &Repo,
        reference: &str,
    ) -> Result<Option<String>, ApiError> {
        #[derive(Deserialize)]
        struct Seen {
            sha: String,
        }
        let newest = repo.path(&["commits"], &[("sha", reference), ("per_page", "1")]);
        let listed: Vec<Seen> = self.with_token_of(via, &newest).await?;
        Ok(listed.into_iter().next().map(|commit| commit.sha))
    }

    /// Reads what is not `via`'s with the token for it: an App is installed there, and sees what is public everywhere.
    async fn with_token_of<T: DeserializeOwned>(&self, via: &Repo, path: &str) -> Result<T, ApiError> {
        let reach = Reach::Repository(via.to_string());
        self.read_within(&reach, Media::Json, path)
            .await?
            .read(Access::Read)
    }
}
