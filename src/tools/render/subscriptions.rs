//! In: calls that make, change or delete a webhook. Out: the webhook as it is then. Never: its secret, a second webhook for
//! an address that has one.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::Parts;
use super::create::owner;
use super::events::check_type;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::render::{self, Client, Webhook};
use crate::integrations::{ApiError, Failure};
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// A workspace has at most a hundred webhooks, which are one page; more pages are not read on.
const PAGES_MAX: usize = 3;
/// How much of a name is quoted, in bytes.
const NAME_BYTES_MAX: usize = 80;
/// What there is to do once a webhook is made.
const SECRET: &str = "Render made a signing secret for it, which is not shown here: copy it from the webhook's page in the \
                      dashboard (Integrations, Webhooks) into RENDER_WEBHOOK_SECRET of the receiver.";

/// What to subscribe to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhookArgs {
    /// Workspace (tea-…); default: the one the key sees, if it sees only one.
    owner_id: Option<String>,
    /// Where Render shall send: the public https address of a receiver, as of `/webhooks/render` of this program.
    #[schemars(length(min = 1))]
    url: String,
    /// Its name on the dashboard.
    #[schemars(length(min = 1))]
    name: String,
    /// The event types to send, as in deploy_ended; default: all.
    #[serde(default)]
    events: BTreeSet<String>,
    /// Whether it sends from now on (true).
    enabled: Option<bool>,
}

/// What to change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWebhookArgs {
    /// whk-….
    webhook_id: String,
    /// Where Render shall send from now on.
    url: Option<String>,
    /// Its new name.
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// All event types it shall send; [] for every type there is.
    events: Option<BTreeSet<String>>,
    /// Whether it sends.
    enabled: Option<bool>,
}

/// Which one to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteWebhookArgs {
    /// whk-….
    webhook_id: String,
}

/// What became of a webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Subscription {
    webhook_id: String,
    /// As it is now, unless it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Webhook>,
    /// It is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    /// What there is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Subscription {
    fn of(webhook: Webhook, note: Option<&str>) -> Self {
        Self {
            webhook_id: webhook.id.clone(),
            webhook: Some(webhook),
            deleted: false,
            note: note.map(str::to_owned),
        }
    }

    fn gone(webhook_id: String) -> Self {
        Self {
            webhook_id,
            webhook: None,
            deleted: true,
            note: None,
        }
    }
}

/// An address that Render can send to.
fn check_url(url: &str) -> Result<(), ToolError> {
    let parsed = Url::parse(url).ok();
    let fits = parsed.as_ref().is_some_and(|url| {
        matches!(url.scheme(), "https" | "http") && url.has_host() && url.username().is_empty()
    });
    if fits {
        return Ok(());
    }
    // What stands in it may be a password.
    Err(invalid("url", "is no http(s) address without a user name")
        .with_remedy("as in https://reactor.example.com/webhooks/render"))
}

fn check_events(events: &BTreeSet<String>) -> Result<(), ToolError> {
    events.iter().try_for_each(|kind| check_type("events", kind))
}

/// Every webhook of a workspace that sends there.
async fn sending_to(client: &Client, owner_id: &str, url: &str) -> Result<Vec<Webhook>, ApiError> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = client.webhooks(Some(owner_id), 100, cursor.as_deref()).await?;
        found.extend(page.items.into_iter().filter(|one| one.url == url));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Render's refusals say which plan there is; what to do about it is the same for all.
fn refused(error: ApiError) -> ToolError {
    let remedy = match error.status {
        Some(402) => Some(
            "webhooks are part of Professional workspaces (one of them) and of Organization and Enterprise ones (100): \
             upgrade the plan, or change the webhook there is with render.update_webhook",
        ),
        Some(403) => Some("only admins of a workspace change its webhooks: use the API key of one"),
        _ => None,
    };
    let error = ToolError::from(error);
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}

pub(super) async fn create(
    ctx: Ctx<Parts>,
    args: CreateWebhookArgs,
) -> Result<Effect<Subscription>, ToolError> {
    let client = ctx.parts.client()?;
    check_url(&args.url)?;
    check_events(&args.events)?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    if let Some(there) = sending_to(client, &owner_id, &args.url).await?.first() {
        let message = format!(
            "the webhook {} ({}) sends to that address already",
            there.id,
            quote(&there.name, NAME_BYTES_MAX)
        );
        return Err(ToolError::new(ErrorClass::Conflict, message).with_remedy(
            "change that one with render.update_webhook: a second one would send every event twice, signed with another \
             secret",
        ));
    }
    let request = render::create_webhook(json!({
        "ownerId": owner_id, "url": args.url, "name": args.name, "enabled": args.enabled.unwrap_or(true),
        "eventFilter": args.events,
    }));
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let made: Webhook = client.answer(&request).await.map_err(refused)?;
    Ok(Effect::Done(Subscription::of(made, Some(SECRET))))
}

/// No webhook sent there when the call was made, or it would have sent nothing.
pub(super) async fn look_created(
    ctx: Ctx<Parts>,
    args: CreateWebhookArgs,
) -> Result<Look<Subscription>, ToolError> {
    let client = ctx.parts.client()?;
    let owner_id = owner(client, args.owner_id.as_deref()).await?;
    let mut there = sending_to(client, &owner_id, &args.url).await?;
    let Some(webhook) = there.pop() else {
        return Ok(Look::Absent);
    };
    let sends: BTreeSet<String> = webhook.event_filter.iter().cloned().collect();
    if !there.is_empty() || webhook.name != args.name || sends != args.events {
        return Ok(Look::Ambiguous(format!(
            "{} sends to that address since, under another name or other types of event",
            webhook.id
        )));
    }
    Ok(Look::Found(Subscription::of(webhook, Some(SECRET))))
}

pub(super) async fn update(
    ctx: Ctx<Parts>,
    args: UpdateWebhookArgs,
) -> Result<Effect<Subscription>, ToolError> {
    let client = ctx.parts.client()?;
    args.url.iter().try_for_each(|url| check_url(url))?;
    args.events.iter().try_for_each(check_events)?;
    let mut body = Map::new();
    for (name, value) in [
        ("url", args.url.map(Value::from)),
        ("name", args.name.map(Value::from)),
        ("enabled", args.enabled.map(Value::from)),
        ("eventFilter", args.events.map(|events| json!(events))),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
    if body.is_empty() {
        return Err(invalid(
            "webhook_id",
            "is all that is given: say what shall change",
        ));
    }
    let request = render::update_webhook(&args.webhook_id, Value::Object(body))?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    let changed: Webhook = client.answer(&request).await.map_err(refused)?;
    Ok(Effect::Done(Subscription::of(changed, None)))
}

pub(super) async fn delete(
    ctx: Ctx<Parts>,
    args: DeleteWebhookArgs,
) -> Result<Effect<Subscription>, ToolError> {
    let client = ctx.parts.client()?;
    let request = render::delete_webhook(&args.webhook_id)?;
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![request]));
    }
    client.apply(&request).await.map_err(refused)?;
    Ok(Effect::Done(Subscription::gone(args.webhook_id)))
}

pub(super) async fn look_deleted(
    ctx: Ctx<Parts>,
    args: DeleteWebhookArgs,
) -> Result<Look<Subscription>, ToolError> {
    match ctx.parts.client()?.webhook(&args.webhook_id).await {
        Ok(_) => Ok(Look::Absent),
        Err(error) if error.failure == Failure::NotFound => {
            Ok(Look::Found(Subscription::gone(args.webhook_id)))
        }
        Err(error) => Err(error.into()),
    }
}
