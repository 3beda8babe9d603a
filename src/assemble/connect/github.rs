//! The webhook of a repository or an organization on GitHub.

use secrecy::ExposeSecret;

use super::{Change, Found, Place, Subscription, compared, door, host_of, said, wanted};
use crate::assemble::providers::Providers;
use crate::config::Settings;
use crate::integrations::github::{self, Client, Hook, HookPlace, Repo};
use crate::reactor::leads_here;

/// Where GitHub delivers to, below the server's address.
const DOOR: &str = "/webhooks/github";

pub(super) async fn subscription(
    settings: &Settings,
    target: &str,
    address: &str,
) -> Result<Subscription, String> {
    let url = door(address, DOOR)?;
    let wanted = wanted(settings, "github", "GitHub")?;
    let client = client(settings)?;
    let place = match target.parse::<Repo>() {
        Ok(repo) => HookPlace::Repository(repo),
        Err(_) if !target.contains('/') && !target.is_empty() => HookPlace::Organization(target.to_owned()),
        Err(error) => {
            return Err(format!(
                "`{target}` is neither `owner/name` nor an organization: {error}"
            ));
        }
    };
    let hooks = client.hooks(&place).await.map_err(|error| {
        format!(
            "the webhooks of {target} cannot be read: {}. The token must administer them: classic `admin:repo_hook` or \
             `admin:org_hook`, fine-grained `Webhooks: read and write`",
            said(error)
        )
    })?;
    let hosts = host_of(&url);
    let ours = hooks
        .items
        .into_iter()
        .find(|hook| leads_here(&hook.config.url, DOOR, &hosts))
        .map(|hook| Found {
            id: hook.id.to_string(),
            told: hook.events.into_iter().collect(),
            on: hook.active,
        });
    let (change, events) = compared(ours, wanted);
    Ok(Subscription {
        place: Place::Github(place),
        target: target.to_owned(),
        url,
        events,
        change,
    })
}

pub(super) async fn subscribe(
    settings: &Settings,
    place: &HookPlace,
    wanted: &Subscription,
) -> Result<String, String> {
    let client = client(settings)?;
    let request = match &wanted.change {
        Change::Nothing { id } => return Ok(id.clone()),
        Change::Make => {
            let secret = settings.github_webhook_secrets.first().ok_or(
                "GITHUB_WEBHOOK_SECRET is not set: nothing that the webhook delivers could be verified; take a long random text, \
                 for example from `openssl rand -hex 32`, and give the server the same",
            )?;
            let new = github::NewHook {
                url: &wanted.url,
                content_type: "json",
                events: &wanted.events,
                active: true,
                secret: Some(secret.expose_secret()),
            };
            github::create_hook(place, &new)
        }
        Change::Mend { id, .. } => {
            let id = id
                .parse()
                .map_err(|_| format!("GitHub gave `{id}` as the id of a webhook"))?;
            github::update_hook(place, id, Some(&wanted.events), Some(true))
        }
    };
    let hook: Hook = client.send(&request).await.map_err(said)?;
    Ok(hook.id.to_string())
}

fn client(settings: &Settings) -> Result<Client, String> {
    let client = Providers::configured(settings)?.github.ok_or(
        "GITHUB_TOKEN is not set; the token must administer the webhooks of the repository or organization",
    )?;
    match client.is_app() {
        true => Err("a GitHub App has one webhook for all its repositories, whose address, secret and events are on the App's settings \
                     page: docs/github-app.md"
            .into()),
        false => Ok(client),
    }
}
