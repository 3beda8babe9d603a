//! What a provider's webhook must be for the rules, beside what it is; and making it so.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use url::Url;

use super::providers::Providers;
use super::read_rules;
use crate::config::Settings;
use crate::integrations::github::{self, Client, Hook, HookPlace, Repo};
use crate::reactor::leads_here;
use crate::rules;

/// Where GitHub delivers to, below the server's address.
const DOOR: &str = "/webhooks/github";

/// What is to become of a webhook.
#[derive(Clone, Debug)]
pub struct Subscription {
    place: HookPlace,
    /// Where it delivers to.
    pub url: String,
    /// The events it tells once this is done.
    pub events: Vec<String>,
    /// What there is to do.
    pub change: Change,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// There is none that leads here.
    Make,
    /// There is one that lacks something.
    Mend {
        /// Its id.
        id: u64,
        /// What it does not tell yet.
        add: Vec<String>,
        /// It is switched off.
        switch_on: bool,
    },
    /// It is as the rules need it.
    Nothing {
        /// Its id.
        id: u64,
    },
}

/// Compares a repository's or an organization's webhook with what the rules listen to. `address` is where the server is reached:
/// `https://xmrt.example.com`.
///
/// # Errors
/// What is missing or wrong, and what to do.
pub async fn subscription(settings: &Settings, target: &str, address: &str) -> Result<Subscription, String> {
    let url = door(address)?;
    let wanted = wanted(settings)?;
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
        let remedy = error.remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
        format!(
            "the webhooks of {target} cannot be read: {}{remedy}. The token must administer them: classic `admin:repo_hook` or \
             `admin:org_hook`, fine-grained `Webhooks: read and write`",
            error.message
        )
    })?;
    let host = Url::parse(&url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let hosts: Vec<String> = host.into_iter().collect();
    let ours = hooks
        .items
        .into_iter()
        .find(|hook| leads_here(&hook.config.url, DOOR, &hosts));
    let (change, events) = compared(ours, wanted);
    Ok(Subscription {
        place,
        url,
        events,
        change,
    })
}

/// Makes it so. Gives the webhook's id.
///
/// # Errors
/// Why it is not so, or not known to be.
pub async fn subscribe(settings: &Settings, wanted: &Subscription) -> Result<u64, String> {
    let client = client(settings)?;
    let request = match &wanted.change {
        Change::Nothing { id } => return Ok(*id),
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
            github::create_hook(&wanted.place, &new)
        }
        Change::Mend { id, .. } => github::update_hook(&wanted.place, *id, Some(&wanted.events), Some(true)),
    };
    let hook: Hook = client.send(&request).await.map_err(|error| {
        let remedy = error
            .remedy
            .map(|remedy| format!("; {remedy}"))
            .unwrap_or_default();
        format!("{}{remedy}", error.message)
    })?;
    Ok(hook.id)
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

fn door(address: &str) -> Result<String, String> {
    let trimmed = address.trim_end_matches('/');
    let base = trimmed.strip_suffix(DOOR).unwrap_or(trimmed);
    let fits = Url::parse(base).ok().is_some_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
    });
    match fits {
        true => Ok(format!("{base}{DOOR}")),
        false => Err(format!(
            "`{address}` is not the address of a server; write it like https://xmrt.example.com"
        )),
    }
}

/// The events that the rules listen to, as GitHub calls them.
fn wanted(settings: &Settings) -> Result<BTreeSet<String>, String> {
    let files = read_rules(std::slice::from_ref(&settings.rules))?;
    let book = rules::load(&files, settings.vars(), None)
        .book
        .ok_or("the rules hold errors; `xmrt check` shows them")?;
    match subscribed(book.events_of("github")) {
        wanted if wanted.is_empty() => {
            Err("no rule listens to GitHub, so there is nothing to subscribe to".into())
        }
        wanted => Ok(wanted),
    }
}

/// What there is to subscribe to for these events: everything is one word, and a `ping` comes by itself.
fn subscribed(mut events: BTreeSet<String>) -> BTreeSet<String> {
    events.remove("ping");
    match events.contains("*") {
        true => BTreeSet::from(["*".to_owned()]),
        false => events,
    }
}

/// What there is to do, and the events there are then. What it tells beyond the rules stays: somebody may want it.
fn compared(hook: Option<Hook>, wanted: BTreeSet<String>) -> (Change, Vec<String>) {
    let Some(hook) = hook else {
        return (Change::Make, wanted.into_iter().collect());
    };
    let told: BTreeSet<String> = hook.events.into_iter().collect();
    let all = told.contains("*");
    let add: Vec<String> = wanted.difference(&told).filter(|_| !all).cloned().collect();
    let events = match add.contains(&"*".to_owned()) {
        true => vec!["*".to_owned()],
        false => told.into_iter().chain(add.iter().cloned()).collect(),
    };
    match add.is_empty() && hook.active {
        true => (Change::Nothing { id: hook.id }, events),
        false => {
            let change = Change::Mend {
                id: hook.id,
                add,
                switch_on: !hook.active,
            };
            (change, events)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_one_word_and_a_ping_comes_by_itself() {
        let of = |events: &[&str]| subscribed(events.iter().map(|event| (*event).to_owned()).collect());
        assert_eq!(
            Vec::from_iter(of(&["issues", "ping", "push"])),
            ["issues", "push"]
        );
        assert_eq!(Vec::from_iter(of(&["issues", "*"])), ["*"]);
        assert!(of(&["ping"]).is_empty());
    }

    #[test]
    fn an_address_may_end_with_the_door_and_must_be_one() {
        let door = |address| door(address).ok();
        assert_eq!(
            door("https://a.example/").as_deref(),
            Some("https://a.example/webhooks/github")
        );
        assert_eq!(
            door("https://a.example/webhooks/github").as_deref(),
            Some("https://a.example/webhooks/github")
        );
        assert_eq!(door("a.example"), None);
        assert_eq!(door("https://me:secret@a.example"), None);
    }
}
