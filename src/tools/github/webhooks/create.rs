//! In: where events shall go, and which. Out: the webhook that takes them there. Never: its secret.

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::super::page::web;
use super::super::{Parts, client, marker, send};
use super::{Webhook, changeable, one_place};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, Hook, NewHook, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// What a dry run shows in place of the secret.
const UNSAID: &str = "(GITHUB_WEBHOOK_SECRET)";

/// A new webhook.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// Repository, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// Organization, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// Where it shall deliver: an http or https address, like `https://xmrt.example/webhooks/github`.
    #[schemars(length(min = 1, max = 2_048))]
    url: String,
    /// The events it shall deliver; ["*"] for every event there is.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1)))]
    events: Vec<String>,
    /// How it writes them.
    #[serde(default)]
    content_type: Form,
    /// Whether it signs what it delivers, with GITHUB_WEBHOOK_SECRET.
    #[serde(default = "yes")]
    signed: bool,
    /// Whether it delivers from now on.
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Json,
    Form,
}

impl Form {
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Form => "form",
        }
    }
}

pub(super) async fn create(ctx: Ctx<Parts>, create: Create) -> Result<Effect<Webhook>, ToolError> {
    let place = changeable(one_place(&ctx, (create.repo, create.org, false))?)?;
    web("url", Some(&create.url))?;
    let secret = match (&ctx.parts.webhook_secret, create.signed, ctx.dry_run) {
        (_, false, _) => None,
        (_, true, true) => Some(UNSAID),
        (Some(secret), true, false) => Some(secret.expose_secret()),
        (None, true, false) => return Err(no_secret()),
    };
    let request = github::create_hook(
        &place,
        &NewHook {
            url: &create.url,
            content_type: create.content_type.as_str(),
            events: &create.events,
            active: create.active,
            secret,
        },
    );
    send(&ctx, request, |hook: Hook| Webhook::new(&place, hook)).await
}

fn no_secret() -> ToolError {
    let problem = "there is no GITHUB_WEBHOOK_SECRET, so the webhook could not sign what it delivers";
    ToolError::new(ErrorClass::Forbidden, problem).with_remedy(
        "set GITHUB_WEBHOOK_SECRET and start again, or say `signed: false` if the receiver checks nothing",
    )
}

/// One that delivers these events to this address, in this form and signed or not as wanted, is what was wanted, whoever made it.
pub(super) async fn look_for(ctx: Ctx<Parts>, create: Create) -> Result<Look<Webhook>, ToolError> {
    let place = changeable(one_place(&ctx, (create.repo, create.org, false))?)?;
    let hooks = client(&ctx)?.hooks(&place).await.map_err(marker::unseen)?;
    let same_events = |hook: &Hook| {
        hook.events.len() == create.events.len()
            && create.events.iter().all(|event| hook.events.contains(event))
    };
    // What delivers unsigned is refused by a receiver that checks, and what delivers nothing is none.
    let same_form = |hook: &Hook| {
        hook.config.signed == create.signed
            && hook.config.content_type == create.content_type.as_str()
            && hook.active == create.active
    };
    let wanted = |hook: &Hook| hook.config.url == create.url && same_events(hook) && same_form(hook);
    Ok(match hooks.items.into_iter().find(wanted) {
        Some(hook) => Look::Found(Webhook::new(&place, hook)),
        None if hooks.more => Look::Ambiguous(marker::too_many(github::HOOKS_MAX)),
        None => Look::Absent,
    })
}
