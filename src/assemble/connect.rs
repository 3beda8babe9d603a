//! What a provider's webhook must be for the rules, beside what it is; and making it so.

mod github;
mod render;

use std::collections::BTreeSet;

use url::Url;

pub use render::Signing;

use super::read_rules;
use crate::config::Settings;
use crate::integrations::ApiError;
use crate::integrations::github::HookPlace;
use crate::rules;

/// What a rule listens to that listens to everything.
const EVERYTHING: &str = "*";

/// Where a webhook is to be.
#[derive(Clone, Copy, Debug)]
pub enum Target<'t> {
    /// On GitHub: `owner/name`, or an organization.
    Github(&'t str),
    /// In a workspace on Render (`tea-…`); without one, in the only one that the key sees.
    Render(Option<&'t str>),
}

/// What is to become of a webhook.
#[derive(Clone, Debug)]
pub struct Subscription {
    place: Place,
    /// Where it is, in words.
    pub target: String,
    /// Where it delivers to.
    pub url: String,
    /// The events it tells once this is done; `*` is every one.
    pub events: Vec<String>,
    /// What there is to do.
    pub change: Change,
}

/// Where a webhook is, in the provider's terms.
#[derive(Clone, Debug)]
enum Place {
    Github(HookPlace),
    /// A workspace's id.
    Render(String),
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
        id: String,
        /// What it does not tell yet.
        add: Vec<String>,
        /// It is switched off.
        switch_on: bool,
    },
    /// It is as the rules need it.
    Nothing {
        /// Its id.
        id: String,
    },
}

/// A webhook as it is.
struct Found {
    id: String,
    /// The events it tells; `*` is every one.
    told: BTreeSet<String>,
    on: bool,
}

/// Compares the webhook of a place with what the rules listen to. `address` is where the server is reached:
/// `https://xmrt.example.com`.
///
/// # Errors
/// What is missing or wrong, and what to do.
pub async fn subscription(
    settings: &Settings,
    target: Target<'_>,
    address: &str,
) -> Result<Subscription, String> {
    match target {
        Target::Github(target) => github::subscription(settings, target, address).await,
        Target::Render(workspace) => render::subscription(settings, workspace, address).await,
    }
}

/// Makes it so. Gives the webhook's id.
///
/// # Errors
/// Why it is not so, or not known to be.
pub async fn subscribe(settings: &Settings, wanted: &Subscription) -> Result<String, String> {
    match &wanted.place {
        Place::Github(place) => github::subscribe(settings, place, wanted).await,
        Place::Render(workspace) => render::subscribe(settings, workspace, wanted).await,
    }
}

/// Whether the server knows what the webhook signs with. GitHub does not tell.
///
/// # Errors
/// Why Render does not.
pub async fn signing(
    settings: &Settings,
    wanted: &Subscription,
    id: &str,
) -> Result<Option<Signing>, String> {
    match &wanted.place {
        Place::Github(_) => Ok(None),
        Place::Render(_) => render::signing(settings, id).await.map(Some),
    }
}

/// The address of a door of the server.
fn door(address: &str, door: &str) -> Result<String, String> {
    let trimmed = address.trim_end_matches('/');
    let base = trimmed.strip_suffix(door).unwrap_or(trimmed);
    let fits = Url::parse(base).ok().is_some_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
    });
    match fits {
        true => Ok(format!("{base}{door}")),
        false => Err(format!(
            "`{address}` is not the address of a server; write it like https://xmrt.example.com"
        )),
    }
}

/// The host of an address, as the list of ours.
fn host_of(url: &str) -> Vec<String> {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.into_iter().collect()
}

/// The events of a source that the rules listen to, as the source calls them.
fn wanted(settings: &Settings, source: &str, name: &str) -> Result<BTreeSet<String>, String> {
    let files = read_rules(std::slice::from_ref(&settings.rules))?;
    let book = rules::load(&files, settings.vars(), None)
        .book
        .ok_or("the rules hold errors; `xmrt check` shows them")?;
    match subscribed(book.events_of(source)) {
        wanted if wanted.is_empty() => Err(format!(
            "no rule listens to {name}, so there is nothing to subscribe to"
        )),
        wanted => Ok(wanted),
    }
}

/// What there is to subscribe to for these events: everything is one word, and GitHub's `ping` comes by itself.
fn subscribed(mut events: BTreeSet<String>) -> BTreeSet<String> {
    events.remove("ping");
    match events.contains(EVERYTHING) {
        true => BTreeSet::from([EVERYTHING.to_owned()]),
        false => events,
    }
}

/// What there is to do, and the events there are then. What it tells beyond the rules stays: somebody may want it.
fn compared(hook: Option<Found>, wanted: BTreeSet<String>) -> (Change, Vec<String>) {
    let Some(hook) = hook else {
        return (Change::Make, wanted.into_iter().collect());
    };
    let all = hook.told.contains(EVERYTHING);
    let add: Vec<String> = wanted.difference(&hook.told).filter(|_| !all).cloned().collect();
    let events = match add.iter().any(|event| event == EVERYTHING) {
        true => vec![EVERYTHING.to_owned()],
        false => hook.told.into_iter().chain(add.iter().cloned()).collect(),
    };
    let change = match add.is_empty() && hook.on {
        true => Change::Nothing { id: hook.id },
        false => Change::Mend {
            id: hook.id,
            add,
            switch_on: !hook.on,
        },
    };
    (change, events)
}

/// A refusal with its remedy.
fn said(error: ApiError) -> String {
    match error.remedy {
        Some(remedy) => format!("{}; {remedy}", error.message),
        None => error.message,
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
        let door = |address| door(address, "/webhooks/github").ok();
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

    #[test]
    fn what_is_told_beyond_the_rules_stays_and_everything_covers_all() {
        let set = |events: &[&str]| events.iter().map(|event| (*event).to_owned()).collect();
        let hook = |told, on| {
            Some(Found {
                id: "1".into(),
                told: set(told),
                on,
            })
        };
        let (change, events) = compared(hook(&["push"], true), set(&["issues"]));
        assert_eq!(events, ["push", "issues"]);
        assert!(matches!(change, Change::Mend { add, switch_on: false, .. } if add == ["issues"]));
        let (change, events) = compared(hook(&["*"], true), set(&["issues"]));
        assert_eq!((change, events.len()), (Change::Nothing { id: "1".into() }, 1));
        let (change, events) = compared(hook(&["push"], false), set(&["*"]));
        assert_eq!(events, ["*"]);
        assert!(matches!(change, Change::Mend { add, switch_on: true, .. } if add == ["*"]));
    }
}
