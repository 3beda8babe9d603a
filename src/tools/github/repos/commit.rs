//! In: files, and the head a branch is expected to have. Out: one commit of all of them. Never: a commit onto another head.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Parts, client, marker};
use crate::hub::ToolError;
use crate::integrations::Request;
use crate::integrations::github::{self, Committed, NewCommit, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// The most that is sent at once, in bytes of all files together. GitHub takes 45 MB, which as JSON is more than a call of ours.
const BYTES_MAX: usize = 10 << 20;

/// A commit to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// The branch it goes onto, without refs/heads/.
    #[schemars(length(min = 1))]
    branch: String,
    /// The branch's head commit as it was when the files were read, 40 hexadecimal digits. If there is another by now,
    /// nothing is done.
    #[schemars(length(min = 40, max = 64))]
    expected_head: String,
    /// What is done: the first line of the commit's message.
    #[schemars(length(min = 1, max = 250))]
    title: String,
    /// Why: the rest of the message.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: String,
    /// The files as they shall be.
    #[schemars(length(min = 1, max = 300))]
    files: Vec<File>,
}

/// A file as it shall be: with a text, with bytes, or gone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Its path, like docs/guide.md.
    #[schemars(length(min = 1, max = 4_096))]
    path: String,
    /// Its whole content, if it is text.
    #[serde(default)]
    text: Option<String>,
    /// Its whole content in base64, if it is not.
    #[serde(default)]
    base64: Option<String>,
    /// true to delete it.
    #[serde(default)]
    delete: bool,
}

/// A commit that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// Its id, which is the branch's head now.
    sha: String,
    /// Where people see it.
    html_url: String,
}

impl From<Committed> for Created {
    fn from(made: Committed) -> Self {
        Self {
            sha: made.sha,
            html_url: made.html_url,
        }
    }
}

fn request(create: &Create, key: Option<&str>) -> Result<Request, ToolError> {
    let (mut additions, mut deletions) = (Vec::new(), Vec::new());
    let (mut bytes, mut seen) = (0, std::collections::BTreeSet::new());
    for (index, file) in create.files.iter().enumerate() {
        let wrong =
            |problem: &str| invalid("files", format!("item {} (`{}`) {problem}", index + 1, file.path));
        let odd = |part: &str| matches!(part, "" | "." | ".." | ".git");
        if file.path.split('/').any(odd) {
            return Err(wrong(
                "must have a path inside the repository, like docs/guide.md",
            ));
        }
        if !seen.insert(file.path.as_str()) {
            return Err(wrong("is there twice"));
        }
        let contents = match (&file.text, &file.base64, file.delete) {
            (None, None, true) => {
                deletions.push(file.path.as_str());
                continue;
            }
            (Some(text), None, false) => STANDARD.encode(text),
            (None, Some(encoded), false) => {
                let packed: String = encoded.split_ascii_whitespace().collect();
                STANDARD
                    .decode(&packed)
                    .map_err(|error| wrong(&format!("is not base64: {error}")))?;
                packed
            }
            _ => return Err(wrong("needs one of `text`, `base64` and `delete: true`")),
        };
        bytes += contents.len() / 4 * 3;
        additions.push((file.path.as_str(), contents));
    }
    if bytes > BYTES_MAX {
        let problem = format!("hold {bytes} bytes, which is more than {BYTES_MAX}: make several commits");
        return Err(invalid("files", problem));
    }
    let body = marker::with_trailer(&create.body, key);
    Ok(github::commit_files(
        &create.repo,
        &NewCommit {
            branch: &create.branch,
            expected_head: &create.expected_head,
            headline: &create.title,
            body: &body,
            additions,
            deletions,
        },
    ))
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<Created>, ToolError> {
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request(&create, ctx.key.as_deref())?]));
    }
    // Whether GitHub is configured is said first: it is the same for every call.
    let client = client(&ctx)?;
    if create.title.trim().is_empty() || create.title.contains('\n') {
        return Err(invalid("title", "must be one line that is not blank"));
    }
    let request = request(&create, ctx.key.as_deref())?;
    let made: Committed = client.mutate(&create.repo, &request).await?;
    Ok(Effect::Done(made.into()))
}

/// Ours is the commit on top of the expected head whose message ends in the call's key. If the branch has none, a repeated
/// call does nothing unless the branch still has that head.
pub(super) async fn look_for(ctx: Ctx<Parts>, create: Create) -> Result<Look<Created>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let since = client
        .compare(&create.repo, &create.expected_head, &create.branch)
        .await
        .map_err(marker::unseen)?;
    let seen = since.commits.len();
    let more = u64::try_from(seen).unwrap_or(u64::MAX) < since.ahead_by;
    Ok(
        match since
            .commits
            .into_iter()
            .find(|commit| marker::has_trailer(&commit.message, key))
        {
            Some(commit) => Look::Found(Created {
                sha: commit.sha,
                html_url: commit.html_url,
            }),
            None if more => Look::Ambiguous(marker::too_many(seen)),
            None => Look::Absent,
        },
    )
}
