//! In: what is changed, and why. Out: branch, commit and pull request, in this order. Never: a branch that holds something else.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::latest;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{
    self, Client, Committed, NewCommit, NewPullRequest, PullRequest, Reference, Repo,
};
use crate::integrations::{Failure, Request};
use crate::tools::github::{marked, with_trailer};
use crate::tools::xmrt::improvement::checks::Finding;
use crate::tools::xmrt::improvement::facts::Facts;
use crate::tools::xmrt::improvement::kinds::Kind;
use crate::tools::xmrt::improvement::made::Change;

/// How many pieces of what was seen are quoted.
const QUOTED_MAX: usize = 10;

/// What is said of the change, and by what it is known.
pub(super) fn body(
    facts: &Facts,
    finding: &Finding,
    kind: Kind,
    change: &Change,
    key: Option<&str>,
) -> String {
    let mut text = format!("{}\n", change.why);
    let shown = finding.evidence.iter().take(QUOTED_MAX);
    let evidence: Vec<String> = shown.map(|seen| format!("{}\n", seen.told())).collect();
    if !evidence.is_empty() {
        let at = facts.head.as_deref().unwrap_or(&facts.branch);
        text.push_str(&format!("\nWhat was seen at {at}:\n\n{}", evidence.concat()));
    }
    if !change.notes.is_empty() {
        text.push_str("\nPlease look at this:\n\n");
        text.extend(change.notes.iter().map(|note| format!("- {note}\n")));
    }
    text.push_str(
        "\nNothing is merged by itself. If this is not wanted, close it: it will not be proposed again. Reopening it says otherwise.\n",
    );
    text.push_str(&format!("\n<!-- xmrt-improvement: {} -->", kind.name()));
    marked(&text, key)
}

/// A pull request that is not there yet.
pub(super) struct Draft<'a> {
    pub(super) repo: &'a Repo,
    pub(super) facts: &'a Facts,
    pub(super) kind: Kind,
    pub(super) change: Change,
    pub(super) body: String,
}

impl Draft<'_> {
    fn head(&self) -> Result<&str, ToolError> {
        let head = self.facts.head.as_deref();
        head.map_err(|why| {
            ToolError::new(
                ErrorClass::Conflict,
                format!("there is no commit to begin with: {why}"),
            )
        })
    }

    fn pull(&self) -> Request {
        github::create_pull_request(
            self.repo,
            &NewPullRequest {
                title: self.change.title.clone(),
                body: self.body.clone(),
                head: self.kind.branch(),
                base: self.facts.branch.clone(),
                draft: false,
            },
        )
    }

    /// By what our commit is known again.
    fn trailer(&self) -> String {
        format!("Xmrt-Improvement: {}", self.kind.name())
    }

    fn commit(&self, head: &str, key: Option<&str>) -> Request {
        let branch = self.kind.branch();
        let message = with_trailer(&format!("{}\n\n{}", self.change.why, self.trailer()), key);
        let files = self.change.files.iter();
        github::commit_files(
            self.repo,
            &NewCommit {
                branch: &branch,
                expected_head: head,
                headline: &self.change.title,
                body: &message,
                additions: files
                    .map(|(path, text)| (path.as_str(), STANDARD.encode(text)))
                    .collect(),
                deletions: Vec::new(),
            },
        )
    }

    /// What would be sent; the files as text, which a person can read.
    pub(super) fn shown(&self) -> Result<Vec<Request>, ToolError> {
        let head = self.head()?;
        let mut commit = self.commit(head, None);
        let additions = commit
            .body
            .as_mut()
            .and_then(|body| body.pointer_mut("/variables/input/fileChanges/additions"));
        if let Some(Value::Array(additions)) = additions {
            let files = self.change.files.iter();
            *additions = files
                .map(|(path, text)| json!({ "path": path, "text": text }))
                .collect();
        }
        Ok(vec![
            github::create_branch(self.repo, &self.kind.branch(), head),
            commit,
            self.pull(),
        ])
    }

    /// Opens it: branch, commit, pull request. Each step finds what an earlier try has done.
    pub(super) async fn open(&self, client: &Client, key: Option<&str>) -> Result<PullRequest, ToolError> {
        let head = self.head()?;
        let branch = self.kind.branch();
        let made: Result<Reference, _> = client
            .send(&github::create_branch(self.repo, &branch, head))
            .await;
        let at = match made {
            Ok(_) => head.to_owned(),
            Err(error) if error.failure == Failure::Invalid && error.message.contains("already exists") => {
                client.branch_head(self.repo, &branch).await?.sha
            }
            Err(error) => return Err(error.into()),
        };
        if at == head || !self.holds_ours(client, head, &branch).await? {
            let _: Committed = client.mutate(self.repo, &self.commit(&at, key)).await?;
        }
        match client.send::<PullRequest>(&self.pull()).await {
            Ok(pull) => Ok(pull),
            // Another call was faster, or an earlier one's answer was lost.
            Err(error) if error.failure == Failure::Invalid && error.message.contains("already exists") => {
                let there = latest(client, self.repo, self.kind).await?;
                there
                    .filter(|pull| pull.state == "open")
                    .ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a branch which is there already holds our files and nothing else. One without a commit of its own holds nothing:
    /// an earlier try ended before its commit, and the default branch went on since.
    async fn holds_ours(&self, client: &Client, head: &str, branch: &str) -> Result<bool, ToolError> {
        let since = client.compare(self.repo, head, branch).await?;
        if since.ahead_by == 0 {
            return Ok(false);
        }
        let trailer = self.trailer();
        let ours = |commit: &github::Commit| commit.message.lines().any(|line| line.trim() == trailer);
        let written: BTreeSet<&str> = since.files.iter().map(|file| file.filename.as_str()).collect();
        let meant: BTreeSet<&str> = self.change.files.keys().map(String::as_str).collect();
        if !since.commits.is_empty() && since.commits.iter().all(ours) && written == meant {
            return Ok(true);
        }
        Err(ToolError::new(
            ErrorClass::Conflict,
            format!(
                "there is a branch `{branch}` in {} already, and it holds something else",
                self.repo
            ),
        )
        .with_remedy("look at it; delete it if nobody needs it, then propose again"))
    }
}
