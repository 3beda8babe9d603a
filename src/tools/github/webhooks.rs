//! In: calls about webhooks and what they delivered. Out: hooks and deliveries; a delivery made again. Never: a secret.

mod create;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::thirty;
use super::{Parts, Server, client, configured, send};
use crate::hub::{Doubt, ErrorClass, ToolError};
use crate::integrations::Failure;
use crate::integrations::github::{self, Client, Hook, HookDelivery, HookPlace, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid, reads, writes};

/// How many repositories are looked through for their webhooks.
const REPOSITORIES_MAX: usize = 100;
/// How many of them are asked for their webhooks.
const ASKED_MAX: usize = 50;

/// Adds the toolset to the server.
pub(super) fn add(server: Server) -> Server {
    server
        .with(
            reads(
                "list_webhooks",
                "List webhooks",
                "The webhooks of a repository, an organization or the GitHub App: where they deliver, and which events. Without \
                 any of them, those of the repositories that the account administers, at most 50, the last pushed first, or \
                 the App's.",
            )
            .answers(list),
        )
        .with(
            reads(
                "list_deliveries",
                "List deliveries",
                "What a webhook delivered in the last three days, newest first: each attempt with the receiver's answer.",
            )
            .answers(deliveries),
        )
        .with(
            reads(
                "get_delivery",
                "Get a delivery",
                "One attempt of a webhook to deliver an event, with the event's payload.",
            )
            .untrusted(&["payload"])
            .answers(get_delivery),
        )
        .with(
            writes(
                "create_webhook",
                "Create a webhook",
                "Makes a webhook of a repository or an organization, which delivers events to an address. It signs with this \
                 program's GITHUB_WEBHOOK_SECRET; the secret is never shown.",
                // GitHub keeps no second one for the same events and address.
                Doubt::GoalState,
            )
            .acts(create::create)
            .looks(create::look_for),
        )
        .with(
            writes(
                "redeliver",
                "Deliver again",
                "Makes a webhook deliver an event again, under the same delivery id; a receiver that has it already \
                 recognizes it.",
                Doubt::Idempotent,
            )
            .repeats_its_effect()
            .acts(redeliver),
        )
        .with(
            writes(
                "ping_webhook",
                "Ping a webhook",
                "Makes a webhook deliver a `ping`, to see whether its receiver answers.",
                Doubt::Idempotent,
            )
            .repeats_its_effect()
            .acts(ping),
        )
        .with(
            writes(
                "update_webhook",
                "Change a webhook",
                "Sets which events a webhook delivers, or switches it on or off. Address and secret stay as they are.",
                Doubt::Idempotent,
            )
            .acts(update),
        )
        .with(
            writes(
                "delete_webhook",
                "Delete a webhook",
                "Takes a webhook away: its receiver hears nothing more.",
                Doubt::GoalState,
            )
            .destructive()
            .acts(delete)
            .looks(look_whether_gone),
        )
}

/// Whose webhooks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true for the GitHub App's own webhook, instead of repo.
    #[serde(default)]
    app: bool,
}

/// The one place that is meant, or none.
fn place(repo: Option<Repo>, org: Option<String>, app: bool) -> Result<Option<HookPlace>, ToolError> {
    match (repo, org, app) {
        (Some(_), Some(_), _) => Err(invalid("org", "cannot stand beside `repo`: give one of them")),
        (Some(_), _, true) | (_, Some(_), true) => Err(invalid(
            "app",
            "cannot stand beside `repo` or `org`: give one of them",
        )),
        (Some(repo), None, false) => Ok(Some(HookPlace::Repository(repo))),
        (None, Some(org), false)
            if org
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') =>
        {
            Ok(Some(HookPlace::Organization(org)))
        }
        (None, Some(org), false) => Err(invalid("org", format!("must be a login, not `{org}`"))),
        (None, None, true) => Ok(Some(HookPlace::App)),
        (None, None, false) => Ok(None),
    }
}

/// The one place that is meant. Whoever has no credentials hears of that first.
fn one_place(
    ctx: &Ctx<Parts>,
    (repo, org, app): (Option<Repo>, Option<String>, bool),
) -> Result<HookPlace, ToolError> {
    configured(ctx)?;
    let place = place(repo, org, app)?;
    let place = place.ok_or_else(|| invalid("repo", "is missing: give `repo`, `org` or `app`"))?;
    let is_token = client(ctx).is_ok_and(|client| !client.is_app());
    if place == HookPlace::App && is_token {
        let problem = "GitHub is asked with a token, and an App's webhook shows itself only to the App";
        return Err(ToolError::new(ErrorClass::Forbidden, problem)
            .with_remedy("set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY instead of GITHUB_TOKEN"));
    }
    Ok(place)
}

/// A place whose webhooks can be changed with the API.
fn changeable(place: HookPlace) -> Result<HookPlace, ToolError> {
    match place {
        HookPlace::App => Err(invalid(
            "app",
            "is only looked at: which events an App's webhook delivers is said on the App's settings page",
        )),
        place => Ok(place),
    }
}

/// A webhook, without its secret.
#[derive(Serialize, JsonSchema)]
struct Webhook {
    /// Its id.
    hook_id: u64,
    /// The repository whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    /// The organization whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    /// Whether it is the GitHub App's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    app: bool,
    /// Where it delivers.
    url: String,
    /// json or form.
    content_type: String,
    /// The events it delivers; * is all.
    events: Vec<String>,
    /// Whether it delivers.
    active: bool,
}

impl Webhook {
    fn new(place: &HookPlace, hook: Hook) -> Self {
        let (repo, org) = match place {
            HookPlace::Repository(repo) => (Some(repo.to_string()), None),
            HookPlace::Organization(login) => (None, Some(login.clone())),
            HookPlace::App => (None, None),
        };
        Self {
            hook_id: hook.id,
            repo,
            org,
            app: *place == HookPlace::App,
            url: hook.config.url,
            content_type: hook.config.content_type,
            events: hook.events,
            active: hook.active,
        }
    }
}

/// Webhooks.
#[derive(Serialize, JsonSchema)]
struct Webhooks {
    /// Each with whose it is.
    webhooks: Vec<Webhook>,
    /// There are more repositories than were looked through.
    more: bool,
}

async fn list(ctx: Ctx<Parts>, whose: Whose) -> Result<Webhooks, ToolError> {
    let client = client(&ctx)?;
    if let Some(place) = place(whose.repo, whose.org, whose.app)? {
        let place = match place {
            HookPlace::App => one_place(&ctx, (None, None, true))?,
            place => place,
        };
        let hooks = client.hooks(&place).await?.items;
        return Ok(Webhooks {
            webhooks: hooks.into_iter().map(|hook| Webhook::new(&place, hook)).collect(),
            more: false,
        });
    }
    of_all(client).await
}

async fn of_all(client: &Client) -> Result<Webhooks, ToolError> {
    if client.is_app() {
        let place = HookPlace::App;
        let hooks = client.hooks(&place).await?.items;
        return Ok(Webhooks {
            webhooks: hooks.into_iter().map(|hook| Webhook::new(&place, hook)).collect(),
            more: false,
        });
    }
    let seen = client.seen_repositories(REPOSITORIES_MAX).await?;
    let mut ours = seen.items.into_iter().filter(|repo| repo.permissions.admin);
    let mut webhooks = Vec::new();
    for repo in ours.by_ref().take(ASKED_MAX) {
        let place = HookPlace::Repository(repo.full_name);
        match client.hooks(&place).await {
            Ok(hooks) => webhooks.extend(hooks.items.into_iter().map(|hook| Webhook::new(&place, hook))),
            // A token can be kept from a repository's webhooks; that is no reason to hide the others'.
            Err(error) if matches!(error.failure, Failure::Forbidden | Failure::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Webhooks {
        webhooks,
        more: seen.more || ours.next().is_some(),
    })
}

/// Which deliveries.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Many {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true for the GitHub App's own webhook, instead of repo.
    #[serde(default)]
    app: bool,
    /// Id of the webhook.
    #[schemars(range(min = 1))]
    hook_id: u64,
    /// Only those that were delivered, or that were not.
    #[serde(default)]
    status: Option<Status>,
    /// How many at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    limit: usize,
    /// The next_cursor of the previous page.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Success,
    Failure,
}

/// A page of deliveries.
#[derive(Serialize, JsonSchema)]
struct Page {
    /// Newest first.
    deliveries: Vec<HookDelivery>,
    /// The cursor of the next page, if there is one.
    next_cursor: Option<String>,
}

async fn deliveries(ctx: Ctx<Parts>, many: Many) -> Result<Page, ToolError> {
    let place = one_place(&ctx, (many.repo, many.org, many.app))?;
    let status = many.status.map(|status| match status {
        Status::Success => "success",
        Status::Failure => "failure",
    });
    let page = client(&ctx)?
        .hook_deliveries(&place, many.hook_id, status, many.limit, many.cursor.as_deref())
        .await?;
    Ok(Page {
        deliveries: page.items,
        next_cursor: page.next,
    })
}

/// Which attempt.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true for the GitHub App's own webhook, instead of repo.
    #[serde(default)]
    app: bool,
    /// Id of the webhook.
    #[schemars(range(min = 1))]
    hook_id: u64,
    /// Id of the attempt, as in list_deliveries.
    #[schemars(range(min = 1))]
    delivery_id: u64,
}

/// One attempt, with what was sent.
#[derive(Serialize, JsonSchema)]
struct Delivered {
    /// The attempt.
    delivery: HookDelivery,
    /// The event's payload, as others caused it.
    payload: Value,
}

async fn get_delivery(ctx: Ctx<Parts>, which: Which) -> Result<Delivered, ToolError> {
    let place = one_place(&ctx, (which.repo, which.org, which.app))?;
    let found = client(&ctx)?
        .hook_delivery(&place, which.hook_id, which.delivery_id)
        .await?;
    Ok(Delivered {
        delivery: found.delivery,
        payload: found.request.payload,
    })
}

/// What was asked for.
#[derive(Serialize, JsonSchema)]
struct Asked {
    /// Id of the webhook.
    hook_id: u64,
}

async fn redeliver(ctx: Ctx<Parts>, which: Which) -> Result<Effect<Asked>, ToolError> {
    let place = one_place(&ctx, (which.repo, which.org, which.app))?;
    let hook_id = which.hook_id;
    let request = github::redeliver(&place, hook_id, which.delivery_id);
    send(&ctx, request, |_: Value| Asked { hook_id }).await
}

/// Which webhook.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true for the GitHub App's own webhook, instead of repo.
    #[serde(default)]
    app: bool,
    /// Id of the webhook.
    #[schemars(range(min = 1))]
    hook_id: u64,
}

async fn ping(ctx: Ctx<Parts>, one: One) -> Result<Effect<Asked>, ToolError> {
    let place = changeable(one_place(&ctx, (one.repo, one.org, one.app))?)?;
    let hook_id = one.hook_id;
    send(&ctx, github::ping_hook(&place, hook_id), |_: Value| Asked {
        hook_id,
    })
    .await
}

/// What to change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true for the GitHub App's own webhook, instead of repo.
    #[serde(default)]
    app: bool,
    /// Id of the webhook.
    #[schemars(range(min = 1))]
    hook_id: u64,
    /// All events it shall deliver; ["*"] for every event there is.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1)))]
    events: Option<Vec<String>>,
    /// Whether it shall deliver.
    #[serde(default)]
    active: Option<bool>,
}

async fn update(ctx: Ctx<Parts>, change: Change) -> Result<Effect<Webhook>, ToolError> {
    let place = changeable(one_place(&ctx, (change.repo, change.org, change.app))?)?;
    if change.events.is_none() && change.active.is_none() {
        return Err(invalid("events", "is missing: give `events` or `active`"));
    }
    let request = github::update_hook(&place, change.hook_id, change.events.as_deref(), change.active);
    send(&ctx, request, |hook: Hook| Webhook::new(&place, hook)).await
}

async fn delete(ctx: Ctx<Parts>, one: One) -> Result<Effect<Asked>, ToolError> {
    let place = changeable(one_place(&ctx, (one.repo, one.org, one.app))?)?;
    let hook_id = one.hook_id;
    send(&ctx, github::delete_hook(&place, hook_id), |_: Value| Asked {
        hook_id,
    })
    .await
}

/// Gone is done; a place that cannot be seen proves nothing.
async fn look_whether_gone(ctx: Ctx<Parts>, one: One) -> Result<Look<Asked>, ToolError> {
    let place = one_place(&ctx, (one.repo, one.org, one.app))?;
    let hook_id = one.hook_id;
    let hooks = client(&ctx)?.hooks(&place).await?.items;
    Ok(if hooks.iter().any(|hook| hook.id == hook_id) {
        Look::Absent
    } else {
        Look::Found(Asked { hook_id })
    })
}
