//! In: calls about files in a repository. Out: their text, or their names. Never: binary content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{FileKind, FolderEntry, Repo};
use crate::tools::toolbox::Ctx;

/// The longest file that is given, in bytes. GitHub's contents API gives no more either.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How many entries of a folder GitHub lists.
const ENTRIES_MAX: usize = 1_000;

/// Which file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Repository, as owner/name.
    repo: Repo,
    /// Path in the repository, like docs/guide.md.
    #[schemars(length(min = 1, max = 4_096))]
    path: String,
    /// Branch, tag or commit; by default the head of the default branch.
    #[serde(default, rename = "ref")]
    #[schemars(length(min = 1))]
    reference: Option<String>,
}

/// A file.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    /// Its path.
    path: String,
    /// Git's hash of its content.
    sha: String,
    /// Bytes.
    size: u64,
    /// Where people see it.
    html_url: String,
    /// Its content is not text.
    binary: bool,
    /// It is longer than 1 MiB.
    too_large: bool,
    /// Its content, if it is text of at most 1 MiB.
    text: Option<String>,
}

pub(super) async fn get_file(ctx: Ctx<Parts>, which: Which) -> Result<Found, ToolError> {
    let reference = which.reference.as_deref();
    let file = client(&ctx)?
        .file(&which.repo, &which.path, reference, FILE_BYTES_MAX)
        .await?;
    Ok(Found {
        binary: file.content == FileKind::Binary,
        too_large: file.content == FileKind::TooLarge,
        text: match file.content {
            FileKind::Text(text) => Some(text),
            FileKind::Binary | FileKind::TooLarge => None,
        },
        path: file.path,
        sha: file.sha,
        size: file.size,
        html_url: file.html_url,
    })
}

/// Which folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Folder {
    /// Repository, as owner/name.
    repo: Repo,
    /// Path of the folder, like docs; by default the top of the repository.
    #[serde(default)]
    #[schemars(length(max = 4_096))]
    path: String,
    /// Branch, tag or commit; by default the head of the default branch.
    #[serde(default, rename = "ref")]
    #[schemars(length(min = 1))]
    reference: Option<String>,
}

/// What is in a folder.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listing {
    /// Files and folders, by name.
    files: Vec<FolderEntry>,
    /// There may be more: GitHub lists no more than a thousand.
    truncated: bool,
}

pub(super) async fn list_files(ctx: Ctx<Parts>, folder: Folder) -> Result<Listing, ToolError> {
    let reference = folder.reference.as_deref();
    let files = client(&ctx)?
        .folder(&folder.repo, &folder.path, reference)
        .await?;
    Ok(Listing {
        truncated: files.len() >= ENTRIES_MAX,
        files,
    })
}
