//! In: a tag and what is said of it. Out: its release, or the one an earlier call made. Never: a release's files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::thirty;
use super::super::{Parts, client, marker, send};
use crate::hub::ToolError;
use crate::integrations::github::{self, Latest, NewRelease, Release, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Most releases looked through for a mark.
const LOOK_MAX: usize = 300;

/// Which releases.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Many {
    /// Repository, as owner/name.
    repo: Repo,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
    /// Give what is said of them, too.
    #[serde(default)]
    bodies: bool,
}

/// A page of releases.
#[derive(Serialize, JsonSchema)]
pub(super) struct Releases {
    /// Newest first.
    releases: Vec<Release>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn list(ctx: Ctx<Parts>, many: Many) -> Result<Releases, ToolError> {
    let page = many.cursor.unwrap_or(1);
    let mut listed = client(&ctx)?.releases(&many.repo, many.limit, page).await?;
    if !many.bodies {
        listed.items.iter_mut().for_each(|release| release.body = None);
    }
    Ok(Releases {
        releases: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}

/// A release to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    repo: Repo,
    /// Its tag, like v1.2.0. It is made if there is none of that name.
    #[schemars(length(min = 1, max = 250))]
    tag: String,
    /// The branch or commit a new tag is made from; by default the default branch.
    #[serde(default)]
    #[schemars(length(min = 1))]
    target: Option<String>,
    /// Its title; by default the tag.
    #[serde(default)]
    #[schemars(length(min = 1, max = 250))]
    name: Option<String>,
    /// What is said of it, in Markdown.
    #[serde(default)]
    #[schemars(length(max = marker::BODY_CHARS_MAX))]
    body: String,
    /// Let GitHub write what changed since the last release, below the body.
    #[serde(default)]
    generate_notes: bool,
    /// Show it only to those who may push; no tag is made yet.
    #[serde(default)]
    draft: bool,
    /// Not for everybody yet.
    #[serde(default)]
    prerelease: bool,
    /// Whether it is the latest release.
    #[serde(default)]
    latest: Latest,
}

pub(super) async fn create(ctx: Ctx<Parts>, new: Create) -> Result<Effect<Release>, ToolError> {
    let body = marker::marked(&new.body, ctx.key.as_deref());
    let request = github::create_release(
        &new.repo,
        &NewRelease {
            tag: &new.tag,
            target: new.target.as_deref(),
            name: new.name.as_deref(),
            body: &body,
            draft: new.draft,
            prerelease: new.prerelease,
            generate_notes: new.generate_notes,
            latest: new.latest,
        },
    );
    send(&ctx, request, |release: Release| release).await
}

pub(super) async fn look_for(ctx: Ctx<Parts>, new: Create) -> Result<Look<Release>, ToolError> {
    let Some(key) = ctx.key.as_deref() else {
        return Ok(Look::Ambiguous(marker::NO_KEY.to_owned()));
    };
    let client = client(&ctx)?;
    let me = client.me().await?;
    let listed = client
        .releases(&new.repo, LOOK_MAX, 1)
        .await
        .map_err(marker::unseen)?;
    // GitHub's own notes stand below our body, and so below its mark.
    let ours = |release: &Release| {
        release.tag_name == new.tag
            && release.author.as_ref().is_some_and(|author| author.id == me.id)
            && marker::holds(release.body.as_deref(), key)
    };
    Ok(marker::among(listed, ours))
}
