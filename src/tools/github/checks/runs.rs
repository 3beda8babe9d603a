//! In: a commit, and what a check found out about it. Out: its check runs. Never: a check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{thirty, web};
use super::super::{Parts, client, marker, send};
use super::full_sha;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, Annotation, CheckRun, Conclusion, NewCheckRun, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most check runs looked through for ours.
const LOOK_MAX: usize = 300;

/// Which check runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// Branch, tag or commit.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1))]
    reference: String,
    /// Only those of this name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of check runs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Runs {
    /// How many there are in all.
    total: u64,
    /// The newest of every name.
    check_runs: Vec<CheckRun>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Runs, ToolError> {
    let page = many.cursor.unwrap_or(1);
    let filter: Vec<(&str, &str)> = many
        .name
        .iter()
        .map(|name| ("check_name", name.as_str()))
        .collect();
    let listed = client(&ctx)?
        .check_runs(&many.repo, &many.reference, &filter, (many.limit, page))
        .await?;
    Ok(Runs {
        total: listed.total.unwrap_or_default(),
        check_runs: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// What was found out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// The commit's full SHA.
    #[schemars(length(min = 40, max = 64))]
    sha: String,
    /// What was checked, as in license headers. It can be required before merging.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// How it came out; without it the check is in progress.
    #[serde(default)]
    conclusion: Option<Conclusion>,
    /// What came out, in a line.
    #[schemars(length(min = 1, max = 255))]
    title: String,
    /// What came out, in Markdown.
    #[schemars(length(min = 1, max = 65_535))]
    summary: String,
    /// More of it, in Markdown.
    #[serde(default)]
    #[schemars(length(max = 65_535))]
    text: Option<String>,
    /// Where more is said.
    #[serde(default)]
    details_url: Option<String>,
    /// Places in files, at most fifty.
    #[serde(default)]
    #[schemars(length(max = 50))]
    annotations: Vec<Annotation>,
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<CheckRun>, ToolError> {
    if !ctx.dry_run && !client(&ctx)?.is_app() {
        let problem = "GitHub is asked with a token, and only an App makes check runs";
        return Err(ToolError::new(ErrorClass::Forbidden, problem).with_remedy(
            "set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY instead of GITHUB_TOKEN, or use create_commit_status",
        ));
    }
    web("details_url", create.details_url.as_deref())?;
    let backwards = |place: &&Annotation| place.end_line < place.start_line;
    if let Some(place) = create.annotations.iter().find(backwards) {
        let problem = format!("hold `{}` with a last line before its first", place.path);
        return Err(invalid("annotations", problem));
    }
    let request = github::create_check_run(
        &create.repo,
        &NewCheckRun {
            name: &create.name,
            sha: full_sha(&create.sha)?,
            conclusion: create.conclusion,
            output: (&create.title, &create.summary),
            text: create.text.as_deref(),
            details_url: create.details_url.as_deref(),
            external_id: ctx.key.as_deref(),
            annotations: &create.annotations,
        },
    );
    send(&ctx, request, |made: CheckRun| made).await
}

/// Ours carries the call's key as the id that its App knows it by.
pub(super) async fn look_for(ctx: Ctx<Parts>, create: Create) -> Result<Look<CheckRun>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    // Not the newest alone: a later call of ours may have said something else since.
    let filter = [("check_name", create.name.as_str()), ("filter", "all")];
    let listed = client(&ctx)?
        .check_runs(&create.repo, full_sha(&create.sha)?, &filter, (LOOK_MAX, 1))
        .await
        .map_err(marker::unseen)?;
    let ours = |run: &CheckRun| run.external_id.as_deref() == Some(key);
    Ok(marker::among(listed, ours))
}
