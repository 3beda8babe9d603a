//! The webhook of a workspace on Render.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Change, EVERYTHING, Found, Place, Subscription, compared, door, host_of, said, wanted};
use crate::assemble::providers::Providers;
use crate::config::Settings;
use crate::integrations::render::{self, Client, Webhook, Workspace};
use crate::integrations::{ApiError, Failure};
use crate::reactor::leads_here;

/// Where Render delivers to, below the server's address.
const DOOR: &str = "/webhooks/render";
/// What a webhook made here is called on Render's pages.
const NAME: &str = "xmrt";
/// A workspace has at most a hundred webhooks, which are one page.
const WEBHOOKS_MAX: usize = 100;
/// The workspaces that a choice is offered among.
const WORKSPACES_MAX: usize = 20;

/// What a webhook signs its deliveries with, beside what the server verifies with.
pub struct Signing {
    /// What it signs with: the value of `RENDER_WEBHOOK_SECRET`.
    pub secret: SecretString,
    /// The settings here hold it.
    pub known: bool,
}

pub(super) async fn subscription(
    settings: &Settings,
    workspace: Option<&str>,
    address: &str,
) -> Result<Subscription, String> {
    let url = door(address, DOOR)?;
    let wanted = wanted(settings, "render", "Render")?;
    let client = client(settings)?;
    let workspace = chosen(&client, workspace).await?;
    let webhooks = client.webhooks(Some(&workspace.id), WEBHOOKS_MAX, None).await;
    let webhooks = webhooks.map_err(|error| refused(error, "the webhooks cannot be read"))?;
    let hosts = host_of(&url);
    let ours = webhooks
        .items
        .into_iter()
        .find(|webhook| leads_here(&webhook.url, DOOR, &hosts))
        .map(found);
    let (change, events) = compared(ours, wanted);
    Ok(Subscription {
        place: Place::Render(workspace.id.clone()),
        target: match workspace.name.is_empty() {
            true => workspace.id,
            false => format!("{} ({})", workspace.name, workspace.id),
        },
        url,
        events,
        change,
    })
}

pub(super) async fn subscribe(
    settings: &Settings,
    workspace: &str,
    wanted: &Subscription,
) -> Result<String, String> {
    let client = client(settings)?;
    let filter = filter(&wanted.events);
    let request = match &wanted.change {
        Change::Nothing { id } => return Ok(id.clone()),
        Change::Make => render::create_webhook(json!({
            "ownerId": workspace, "url": wanted.url, "name": NAME, "enabled": true, "eventFilter": filter,
        })),
        Change::Mend { id, .. } => {
            let body = json!({ "enabled": true, "eventFilter": filter });
            render::update_webhook(id, body).map_err(said)?
        }
    };
    let webhook: Webhook = client
        .answer(&request)
        .await
        .map_err(|error| refused(error, "Render does not say that it is done"))?;
    Ok(webhook.id)
}

pub(super) async fn signing(settings: &Settings, id: &str) -> Result<Signing, String> {
    let secret = client(settings)?
        .webhook_secret(id)
        .await
        .map_err(|error| refused(error, "its signing secret cannot be read"))?;
    let known = settings
        .render_webhook_secrets
        .iter()
        .any(|known| bare(known) == bare(&secret));
    Ok(Signing { secret, known })
}

/// A signing secret is the same with and without its prefix.
fn bare(secret: &SecretString) -> &str {
    let secret = secret.expose_secret().trim();
    secret.strip_prefix("whsec_").unwrap_or(secret)
}

/// Render tells every event when none is chosen.
fn found(webhook: Webhook) -> Found {
    let told = match webhook.event_filter.is_empty() {
        true => [EVERYTHING.to_owned()].into(),
        false => webhook.event_filter.into_iter().collect(),
    };
    Found {
        id: webhook.id,
        told,
        on: webhook.enabled,
    }
}

/// The other way around.
fn filter(events: &[String]) -> &[String] {
    match events.iter().any(|event| event == EVERYTHING) {
        true => &[],
        false => events,
    }
}

/// The workspace that is named, or the only one there is.
async fn chosen(client: &Client, named: Option<&str>) -> Result<Workspace, String> {
    let page = client
        .list_workspaces(&[], WORKSPACES_MAX, None)
        .await
        .map_err(|error| refused(error, "the workspaces cannot be read"))?;
    let list = |workspaces: &[Workspace]| {
        let lines = workspaces
            .iter()
            .map(|one| format!("\n  {}  {}", one.id, one.name));
        lines.collect::<String>()
    };
    let mut seen = page.items;
    match named {
        Some(id) => match seen.iter().position(|one| one.id == id) {
            Some(place) => Ok(seen.swap_remove(place)),
            // There may be more than one page of them.
            None if seen.len() == WORKSPACES_MAX => Ok(Workspace {
                id: id.to_owned(),
                name: String::new(),
                kind: String::new(),
            }),
            None => Err(format!(
                "the key sees no workspace `{id}`; it sees:{}",
                list(&seen)
            )),
        },
        None => match (seen.pop(), seen.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => {
                Err("the key sees no workspace; RENDER_API_KEY must be of somebody who is in one".into())
            }
            (Some(last), _) => {
                seen.push(last);
                Err(format!(
                    "the key sees several workspaces; name one: xmrt connect render <workspace>{}",
                    list(&seen)
                ))
            }
        },
    }
}

fn client(settings: &Settings) -> Result<Client, String> {
    Ok(Providers::configured(settings)?.render.ok_or(
        "RENDER_API_KEY is not set; the key must be of an admin of the workspace (Render: Account settings, API keys)",
    )?)
}

/// What the plan and the role have to do with it, which Render's answer does not always say.
fn refused(error: ApiError, what: &str) -> String {
    let hint = match (&error.failure, error.status) {
        (_, Some(402)) => {
            ". Webhooks need a Professional plan or higher; without one name the services in xmrt.toml, `[coverage]` with \
             `services = [\"srv-…\"]`: then what happens to them is read"
        }
        (_, Some(403)) => {
            ". Only an admin of the workspace changes its webhooks: RENDER_API_KEY must be of one"
        }
        (Failure::UnknownEffect, _) => {
            ". It may have been done: ask again, which looks before it does anything"
        }
        _ => "",
    };
    format!("{what}: {}{hint}", said(error))
}
