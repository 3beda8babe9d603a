//! In: questions about Render's webhooks. Out: webhooks, and what each sent. Never: a change, a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{Webhook, WebhookEvent};
use crate::tools::span;
use crate::tools::toolbox::Ctx;

/// Which webhooks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListWebhooksArgs {
    /// Only those of this workspace (tea-…).
    owner_id: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of webhooks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookList {
    webhooks: Vec<Webhook>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListWebhooksArgs) -> Result<WebhookList, ToolError> {
    let limit = args.limit.unwrap_or(20) as usize;
    let page = ctx
        .parts
        .client()?
        .webhooks(args.owner_id.as_deref(), limit, args.cursor.as_deref())
        .await?;
    Ok(WebhookList {
        webhooks: page.items,
        cursor: page.cursor,
    })
}

/// Which of a webhook's attempts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEventsArgs {
    /// whk-….
    webhook_id: String,
    /// A time (2026-01-31T12:00:00Z), or how long ago (30m).
    since: Option<String>,
    /// Likewise.
    until: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of attempts, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookEventList {
    events: Vec<WebhookEvent>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) async fn events(ctx: Ctx<Parts>, args: WebhookEventsArgs) -> Result<WebhookEventList, ToolError> {
    let window = span::window(&args.since, &args.until, &None, ctx.clock.now())?;
    let limit = args.limit.unwrap_or(20) as usize;
    let page = ctx
        .parts
        .client()?
        .webhook_events(
            &args.webhook_id,
            (window.since, window.until),
            limit,
            args.cursor.as_deref(),
        )
        .await?;
    Ok(WebhookEventList {
        events: page.items,
        cursor: page.cursor,
    })
}
