//! In: questions about the account and its means. Out: the answers. Never: a repository.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Parts, Server, client};
use crate::hub::ToolError;
use crate::integrations::github::Me;
use crate::tools::toolbox::{Ctx, reads};

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "get_me",
                "Who am I",
                "The GitHub account these tools act as: its login, its id, its type, and what its token may do.",
            )
            .answers(get_me),
        )
        .with(
            reads(
                "get_rate_limit",
                "How many requests are left",
                "How many requests of GitHub's REST API the account has in an hour, has left, and when it has all again.",
            )
            .answers(get_rate_limit),
        )
}

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Who these tools act as.
#[derive(Serialize, JsonSchema)]
struct Myself {
    #[serde(flatten)]
    me: Me,
    /// What the token may do; missing where GitHub does not tell, as of fine-grained tokens and of Apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
}

async fn get_me(ctx: Ctx<Parts>, _: Nothing) -> Result<Myself, ToolError> {
    let client = client(&ctx)?;
    let me = client.me().await?;
    let scopes = client.scopes().await?;
    Ok(Myself { me, scopes })
}

/// What is left of an hour's requests.
#[derive(Serialize, JsonSchema)]
struct Left {
    /// In an hour.
    limit: u64,
    /// Now.
    remaining: u64,
    /// When there are all again.
    reset_at: String,
}

async fn get_rate_limit(ctx: Ctx<Parts>, _: Nothing) -> Result<Left, ToolError> {
    let budget = client(&ctx)?.budget().await?;
    Ok(Left {
        limit: budget.limit,
        remaining: budget.remaining,
        reset_at: Timestamp::from_second(budget.reset)
            .unwrap_or_default()
            .to_string(),
    })
}
