//! In: a path in a repository. Out: the file there. Never: a directory's files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, Client, Repo};
use crate::integrations::Failure;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Git's hash of its content.
    pub sha: String,
    /// Bytes.
    pub size: u64,
    /// Where people see it.
    pub html_url: String,
    /// What is in it.
    pub content: FileKind,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// UTF-8 without NUL.
    Text(String),
    /// Anything else.
    Binary,
    /// More than was asked for, or than GitHub gives this way (1 MiB).
    TooLarge,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    sha: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    content: Option<String>,
}

impl Client {
    /// A file at a branch, tag or commit (by default at the head of the default branch), with its content if that is
    /// text of at most `bytes_max`.
    pub async fn file(
        &self,
        repo: &Repo,
        path: &str,
        reference: Option<&str>,
        bytes_max: u64,
    ) -> Result<File, ApiError> {
        let mut segments = vec!["contents"];
        segments.extend(path.split('/').filter(|segment| !segment.is_empty()));
        let query: Vec<(&str, &str)> = reference.iter().map(|name| ("ref", *name)).collect();
        let found: Value = self.get(&repo.path(&segments, &query)).await?;
        let content = match found {
            Value::Array(_) => return Err(not_a_file(path, "directory")),
            other => Content::deserialize(other).map_err(|error| {
                let problem = format!("GitHub described `{path}` in an unknown form: {error}");
                ApiError::new(Failure::Unavailable, problem)
            })?,
        };
        if content.kind != "file" {
            return Err(not_a_file(path, &content.kind));
        }
        Ok(File {
            content: kind(&content, bytes_max),
            path: content.path,
            sha: content.sha,
            size: content.size,
            html_url: content.html_url.unwrap_or_default(),
        })
    }
}

fn not_a_file(path: &str, kind: &str) -> ApiError {
    ApiError::new(Failure::Invalid, format!("`{path}` is a {kind}, not a file"))
}

fn kind(content: &Content, bytes_max: u64) -> FileKind {
    let encoded = content.encoding.as_deref() == Some("base64");
    if content.size > bytes_max || !encoded {
        return FileKind::TooLarge;
    }
    let text = content.content.as_deref().unwrap_or_default();
    let packed: String = text.split_ascii_whitespace().collect();
    STANDARD
        .decode(packed)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| !text.contains('\0'))
        .map_or(FileKind::Binary, FileKind::Text)
}
