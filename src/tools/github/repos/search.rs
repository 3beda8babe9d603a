//! In: words. Out: the files in which they stand. Never: what stands there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::page::{thirty, within};
use super::super::{Parts, client};
use crate::hub::ToolError;
use crate::integrations::github::{CodeMatch, Repo};
use crate::tools::toolbox::{Ctx, invalid};

/// What to search for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Words and qualifiers in GitHub's search syntax, like `unwrap language:rust path:src`.
    #[schemars(length(min = 1, max = 256))]
    query: String,
    /// Only in this repository, as owner/name. Without it, in all that the token sees.
    #[serde(default)]
    repo: Option<Repo>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page, with the same limit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    cursor: Option<usize>,
}

/// A page of files.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    /// How many there are in all.
    total: u64,
    /// The best match first.
    files: Vec<CodeMatch>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<usize>,
}

pub(super) async fn code(ctx: Ctx<Parts>, search: Search) -> Result<Found, ToolError> {
    let client = client(&ctx)?;
    if search.query.trim().is_empty() {
        return Err(invalid("query", "must not be blank"));
    }
    let query = within(search.repo.as_ref(), &search.query)?;
    let page = search.cursor.unwrap_or(1);
    let listed = client.search_code(&query, search.limit, page).await?;
    Ok(Found {
        total: listed.total.unwrap_or_default(),
        files: listed.items,
        next_cursor: listed.more.then_some(page + 1),
    })
}
