//! In: calls about what happened to a service. Out: events with their details. Never: an interpretation of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{EventQuery, ServiceEvent};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};

/// One event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventArgs {
    /// evt-…: data.id of a Render webhook.
    event_id: String,
}

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEventsArgs {
    /// srv-… or crn-….
    service_id: String,
    /// One type, as in deploy_ended, server_failed, instance_count_changed, plan_changed; default: all.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// A time (2026-01-31T12:00:00Z), or how long ago (30m).
    since: Option<String>,
    /// Likewise.
    until: Option<String>,
    /// In place of since: how long back, as in 7d; default: an hour.
    within: Option<String>,
    /// At most so many (20).
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of events, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventList {
    events: Vec<ServiceEvent>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) async fn get(ctx: Ctx<Parts>, args: EventArgs) -> Result<ServiceEvent, ToolError> {
    Ok(ctx.parts.client()?.event(&args.event_id).await?)
}

/// New types appear, so only what cannot be one is refused.
pub(super) fn check_type(argument: &str, kind: &str) -> Result<(), ToolError> {
    if !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Ok(());
    }
    Err(invalid(argument, format!("holds no type of event: \"{kind}\""))
        .with_remedy("types look like deploy_ended, without `render.` before it"))
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListEventsArgs) -> Result<EventList, ToolError> {
    let client = ctx.parts.client()?;
    args.kind.iter().try_for_each(|kind| check_type("type", kind))?;
    let window = span::window(&args.since, &args.until, &args.within, ctx.clock.now())?;
    let query = EventQuery {
        kind: args.kind,
        since: window.since,
        until: window.until,
    };
    let limit = args.limit.unwrap_or(20) as usize;
    let page = client
        .list_events(&args.service_id, &query, limit, args.cursor.as_deref())
        .await?;
    Ok(EventList {
        events: page.items,
        cursor: page.cursor,
    })
}
