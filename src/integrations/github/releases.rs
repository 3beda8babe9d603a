//! In: questions and requests about releases. Out: GitHub's answers, compact. Never: their files.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Account, ApiError, Client, Listed, Repo, Request};

/// A release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// Its id.
    pub id: u64,
    /// Its tag.
    pub tag_name: String,
    /// Its title.
    #[serde(default)]
    pub name: Option<String>,
    /// What is said of it.
    #[serde(default)]
    pub body: Option<String>,
    /// Only those who may push see it.
    #[serde(default)]
    pub draft: bool,
    /// It is not for everybody yet.
    #[serde(default)]
    pub prerelease: bool,
    /// The branch or commit its tag was to be made from.
    #[serde(default)]
    pub target_commitish: String,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// Who made it.
    #[serde(default)]
    pub author: Option<Account>,
    /// When its commit was made.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When it was published, unless it is a draft.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub published_at: Option<Timestamp>,
}

/// Whether a release is the latest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Latest {
    #[default]
    #[expect(
        missing_docs,
        reason = "a comment here would turn the plain enum of the schema into alternatives"
    )]
    Yes,
    #[expect(missing_docs, reason = "as above")]
    No,
    #[expect(missing_docs, reason = "as above")]
    ByVersion,
}

/// A release to be made.
#[derive(Clone, Debug)]
pub struct NewRelease<'a> {
    /// Its tag; it is made if there is none of that name.
    pub tag: &'a str,
    /// The branch or commit a new tag is made from; by default the default branch.
    pub target: Option<&'a str>,
    /// Its title.
    pub name: Option<&'a str>,
    /// What is said of it.
    pub body: &'a str,
    /// Only for those who may push.
    pub draft: bool,
    /// Not for everybody yet.
    pub prerelease: bool,
    /// Let GitHub write what changed, below `body`.
    pub generate_notes: bool,
    /// Whether it is the latest one.
    pub latest: Latest,
}

impl Client {
    /// Releases, newest first, at most `limit` from the `page`th page on (from 1). Drafts are among them for those who may
    /// push.
    pub async fn releases(
        &self,
        repo: &Repo,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Release>, ApiError> {
        self.list(&repo.path(&["releases"], &[]), limit, page).await
    }
}

/// Makes a release. GitHub refuses one for a tag that has one. Answers a [`Release`].
pub fn create_release(repo: &Repo, new: &NewRelease<'_>) -> Request {
    let latest = match new.latest {
        Latest::Yes => "true",
        Latest::No => "false",
        Latest::ByVersion => "legacy",
    };
    let mut body = json!({
        "tag_name": new.tag, "body": new.body, "draft": new.draft, "prerelease": new.prerelease,
        "generate_release_notes": new.generate_notes,
    });
    // What is not published cannot be the latest; GitHub refuses to be told so.
    if !new.draft && !new.prerelease {
        body["make_latest"] = latest.into();
    }
    for (name, value) in [("target_commitish", new.target), ("name", new.name)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    Request {
        method: "POST",
        path: repo.path(&["releases"], &[]),
        body: Some(body),
    }
}
