//! In: questions and requests about check runs. Out: GitHub's answers, compact. Never: which commit.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ApiError, Client, Listed, Repo, Request};

/// What an App found out about a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawRun")]
#[schemars(!from)]
pub struct CheckRun {
    /// Its id.
    pub id: u64,
    /// What was checked.
    pub name: String,
    /// The commit.
    pub head_sha: String,
    /// queued, in_progress, completed, …
    pub status: String,
    /// success, failure, neutral, cancelled, skipped, timed_out, action_required or stale, once it is completed.
    pub conclusion: Option<String>,
    /// What came out, in a line.
    pub title: Option<String>,
    /// What came out, in Markdown.
    pub summary: Option<String>,
    /// The App that says so.
    pub app: Option<String>,
    /// What the App knows it by.
    pub external_id: Option<String>,
    /// Where people see it.
    pub html_url: Option<String>,
    /// Where more is said.
    pub details_url: Option<String>,
    /// When it began.
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[schemars(with = "Option<String>")]
    pub completed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawRun {
    id: u64,
    name: String,
    head_sha: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    app: Option<App>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    details_url: Option<String>,
    #[serde(default)]
    started_at: Option<Timestamp>,
    #[serde(default)]
    completed_at: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
struct Output {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Deserialize)]
struct App {
    #[serde(default)]
    slug: Option<String>,
}

impl From<RawRun> for CheckRun {
    fn from(raw: RawRun) -> Self {
        Self {
            id: raw.id,
            name: raw.name,
            head_sha: raw.head_sha,
            status: raw.status,
            conclusion: raw.conclusion,
            title: raw.output.title,
            summary: raw.output.summary,
            app: raw.app.and_then(|app| app.slug),
            external_id: raw.external_id,
            html_url: raw.html_url,
            details_url: raw.details_url,
            started_at: raw.started_at,
            completed_at: raw.completed_at,
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    #[expect(
        missing_docs,
        reason = "words of GitHub's; described here they would be described to every model, too"
    )]
    Success,
    #[expect(missing_docs, reason = "as above")]
    Failure,
    #[expect(missing_docs, reason = "as above")]
    Neutral,
    #[expect(missing_docs, reason = "as above")]
    Cancelled,
    #[expect(missing_docs, reason = "as above")]
    Skipped,
    #[expect(missing_docs, reason = "as above")]
    TimedOut,
    #[expect(missing_docs, reason = "as above")]
    ActionRequired,
}

/// A place in a file, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// The file's path.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Its first line, from 1.
    #[schemars(range(min = 1))]
    pub start_line: u64,
    /// Its last line.
    #[schemars(range(min = 1))]
    pub end_line: u64,
    /// How bad it is.
    pub annotation_level: AnnotationLevel,
    /// What is said.
    #[schemars(length(min = 1))]
    pub message: String,
    /// The same in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// How bad something in a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnnotationLevel {
    #[expect(missing_docs, reason = "as above")]
    Notice,
    #[expect(missing_docs, reason = "as above")]
    Warning,
    #[expect(missing_docs, reason = "as above")]
    Failure,
}

/// A check run to be made.
#[derive(Clone, Debug)]
pub struct NewCheckRun<'a> {
    /// What was checked.
    pub name: &'a str,
    /// The commit.
    pub sha: &'a str,
    /// How it came out; without one it is in progress.
    pub conclusion: Option<Conclusion>,
    /// What came out, in a line, and in Markdown.
    pub output: (&'a str, &'a str),
    /// More of it, in Markdown.
    pub text: Option<&'a str>,
    /// Where more is said.
    pub details_url: Option<&'a str>,
    /// What we know it by.
    pub external_id: Option<&'a str>,
    /// Places in files, at most fifty.
    pub annotations: &'a [Annotation],
}

impl Client {
    /// The newest check run of every name at a branch, tag or commit, or what the filter says; at most `limit` from the
    /// `page`th page on (from 1).
    pub async fn check_runs(
        &self,
        repo: &Repo,
        reference: &str,
        filter: &[(&str, &str)],
        (limit, page): (usize, usize),
    ) -> Result<Listed<CheckRun>, ApiError> {
        let path = repo.path(&["commits", reference, "check-runs"], filter);
        self.list_under(&path, "check_runs", limit, page).await
    }
}

/// Makes a check run; only an App may. Answers a [`CheckRun`].
pub fn create_check_run(repo: &Repo, new: &NewCheckRun<'_>) -> Request {
    let (title, summary) = new.output;
    let mut output = json!({ "title": title, "summary": summary });
    if let Some(text) = new.text {
        output["text"] = text.into();
    }
    if !new.annotations.is_empty() {
        output["annotations"] = json!(new.annotations);
    }
    let mut body = json!({ "name": new.name, "head_sha": new.sha, "output": output });
    match new.conclusion {
        Some(conclusion) => {
            body["status"] = "completed".into();
            body["conclusion"] = json!(conclusion);
        }
        None => body["status"] = "in_progress".into(),
    }
    for (name, value) in [("details_url", new.details_url), ("external_id", new.external_id)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    Request {
        method: "POST",
        path: repo.path(&["check-runs"], &[]),
        body: Some(body),
    }
}
