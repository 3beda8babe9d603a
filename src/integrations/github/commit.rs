//! In: files as they shall be. Out: one commit on a branch that had the expected head. Never: half of them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::graphql::{Document, document};
use super::{Repo, Request};

document!(COMMIT_FILES, "CommitFiles", "commit_files");

/// A commit to be made.
#[derive(Clone, Debug)]
pub struct NewCommit<'a> {
    /// The branch it goes onto.
    pub branch: &'a str,
    /// The branch's head; with another one nothing is done.
    pub expected_head: &'a str,
    /// The first line of its message.
    pub headline: &'a str,
    /// The rest of its message.
    pub body: &'a str,
    /// Paths of the files it writes, each with its whole content in base64.
    pub additions: Vec<(&'a str, String)>,
    /// Paths of the files it deletes.
    pub deletions: Vec<&'a str>,
}

/// A commit that was made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Payload")]
pub struct Committed {
    /// Its id.
    pub sha: String,
    /// Where people see it.
    pub html_url: String,
}

#[derive(Deserialize)]
struct Payload {
    commit: Made,
}

#[derive(Deserialize)]
struct Made {
    oid: String,
    url: String,
}

impl From<Payload> for Committed {
    fn from(payload: Payload) -> Self {
        Self {
            sha: payload.commit.oid,
            html_url: payload.commit.url,
        }
    }
}

/// Makes one commit of all these files, signed by GitHub. A branch with another head is
/// [`crate::integrations::Failure::Conflict`]. Answers a [`Committed`], to [`super::Client::mutate`].
pub fn commit_files(repo: &Repo, new: &NewCommit<'_>) -> Request {
    let additions: Vec<Value> = new
        .additions
        .iter()
        .map(|(path, contents)| json!({ "path": path, "contents": contents }))
        .collect();
    let deletions: Vec<Value> = new.deletions.iter().map(|path| json!({ "path": path })).collect();
    let mut message = json!({ "headline": new.headline });
    if !new.body.is_empty() {
        message["body"] = new.body.into();
    }
    COMMIT_FILES.with(&json!({ "input": {
        "branch": { "repositoryNameWithOwner": repo.as_str(), "branchName": new.branch },
        "expectedHeadOid": new.expected_head,
        "message": message,
        "fileChanges": { "additions": additions, "deletions": deletions },
    }}))
}
