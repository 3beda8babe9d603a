//! In: questions and requests about webhooks and what they delivered. Out: GitHub's answers, compact. Never: a secret.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::repo::path;
use super::{Access, ApiError, Client, Listed, Repo, Request};

/// Most webhooks that are listed; a repository or an organization can have twenty per event.
pub const HOOKS_MAX: usize = 100;

/// Whose webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookPlace {
    /// A repository's.
    Repository(Repo),
    /// An organization's, by its login.
    Organization(String),
    /// The one that the GitHub App has itself.
    App,
}

impl HookPlace {
    fn path(&self, rest: &[&str], query: &[(&str, &str)]) -> String {
        match self {
            Self::Repository(repo) => {
                let mut segments = vec!["hooks"];
                segments.extend(rest);
                repo.path(&segments, query)
            }
            Self::Organization(login) => {
                let mut segments = vec![login.as_str(), "hooks"];
                segments.extend(rest);
                path("/orgs", &segments, query)
            }
            // The App has one, so its id is in no path.
            Self::App => path("/app/hook", rest.get(1..).unwrap_or_default(), query),
        }
    }
}

impl fmt::Display for HookPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repo) => repo.fmt(f),
            Self::Organization(login) => f.write_str(login),
            Self::App => f.write_str("the App"),
        }
    }
}

/// A webhook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// Its id.
    pub id: u64,
    /// Whether it delivers.
    pub active: bool,
    /// The events it delivers; `*` is all.
    pub events: Vec<String>,
    /// Where to, and how.
    pub config: HookConfig,
}

/// Where a webhook delivers, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    /// Where to.
    #[serde(default)]
    pub url: String,
    /// `json` or `form`.
    #[serde(default)]
    pub content_type: String,
    /// Whether it signs what it delivers. GitHub shows stars in place of the secret.
    #[serde(default, rename = "secret", deserialize_with = "is_there")]
    pub signed: bool,
}

fn is_there<'de, D: serde::Deserializer<'de>>(secret: D) -> Result<bool, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(secret)?.is_some())
}

/// One attempt at delivering an event, as GitHub shows it for three days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HookDelivery {
    /// The attempt's id.
    pub id: u64,
    /// The delivery's id, as `X-GitHub-Delivery` says it: the same for every attempt.
    pub guid: String,
    /// When it was attempted.
    #[schemars(with = "String")]
    pub delivered_at: Timestamp,
    /// Whether somebody asked for it again.
    pub redelivery: bool,
    /// `OK`, or what went wrong.
    pub status: String,
    /// The receiver's HTTP status.
    pub status_code: u16,
    /// The event's name.
    pub event: String,
    /// Its action.
    #[serde(default)]
    pub action: Option<String>,
    /// Since when the receiver is being spared, if it is.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub throttled_at: Option<Timestamp>,
}

/// One attempt, with what was sent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DeliveredRequest {
    /// The attempt.
    #[serde(flatten)]
    pub delivery: HookDelivery,
    /// What was sent.
    pub request: SentRequest,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SentRequest {
    /// The event's payload.
    pub payload: Value,
}

/// A page of deliveries.
#[derive(Clone, Debug, PartialEq)]
pub struct Deliveries {
    /// Newest first.
    pub items: Vec<HookDelivery>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// A repository, as far as its webhooks matter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SeenRepository {
    /// Its name.
    pub full_name: Repo,
    /// What the account may do there.
    #[serde(default)]
    pub permissions: Permissions,
}

/// What an account may do in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Permissions {
    /// Everything, webhooks included.
    #[serde(default)]
    pub admin: bool,
}

/// How many requests are left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Budget {
    /// In an hour.
    pub limit: u64,
    /// Now.
    pub remaining: u64,
    /// When there are all again, in seconds since 1970.
    pub reset: i64,
}

impl Client {
    /// The webhooks of a repository, an organization or the App.
    pub async fn hooks(&self, place: &HookPlace) -> Result<Listed<Hook>, ApiError> {
        if *place == HookPlace::App {
            return self.hook_of_app().await;
        }
        self.list(&place.path(&[], &[]), HOOKS_MAX, 1).await
    }

    /// The App's own webhook; its id is the App's. An App that wants no events has no address.
    async fn hook_of_app(&self) -> Result<Listed<Hook>, ApiError> {
        #[derive(Deserialize)]
        struct App {
            id: u64,
            #[serde(default)]
            events: Vec<String>,
        }
        let app: App = self.get("/app").await?;
        let config: HookConfig = self.get("/app/hook/config").await?;
        let hook = Hook {
            id: app.id,
            active: true,
            events: app.events,
            config,
        };
        let items: Vec<Hook> = Some(hook)
            .filter(|hook| !hook.config.url.is_empty())
            .into_iter()
            .collect();
        Ok(Listed {
            total: Some(items.len() as u64),
            items,
            more: false,
        })
    }

    /// A page of what a webhook delivered, newest first; `status` is `success` or `failure`.
    pub async fn hook_deliveries(
        &self,
        place: &HookPlace,
        hook: u64,
        status: Option<&str>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Deliveries, ApiError> {
        let limit = limit.clamp(1, super::PER_PAGE).to_string();
        let mut query = vec![("per_page", limit.as_str())];
        // An App's list knows no such question.
        let of_app = *place == HookPlace::App;
        query.extend(status.filter(|_| !of_app).map(|status| ("status", status)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let path = place.path(&[hook.to_string().as_str(), "deliveries"], &query);
        let answer = self.read(&path).await?;
        let mut items: Vec<HookDelivery> = answer.read(Access::Read)?;
        if let Some(status) = status.filter(|_| of_app) {
            items.retain(|delivery| (delivery.status_code / 100 == 2) == (status == "success"));
        }
        Ok(Deliveries {
            next: answer.next_cursor(),
            items,
        })
    }

    /// One attempt, with its payload.
    pub async fn hook_delivery(
        &self,
        place: &HookPlace,
        hook: u64,
        delivery: u64,
    ) -> Result<DeliveredRequest, ApiError> {
        let (hook, delivery) = (hook.to_string(), delivery.to_string());
        let path = place.path(&[hook.as_str(), "deliveries", &delivery], &[]);
        self.get(&path).await
    }

    /// The repositories the account can see, the last pushed first; of an App, those it is installed on.
    pub async fn seen_repositories(&self, limit: usize) -> Result<Listed<SeenRepository>, ApiError> {
        if self.is_app() {
            return self.installed_on(limit).await;
        }
        self.list("/user/repos?sort=pushed&direction=desc", limit, 1)
            .await
    }

    /// How many requests of the REST API are left; asking costs none.
    pub async fn budget(&self) -> Result<Budget, ApiError> {
        #[derive(Deserialize)]
        struct Limits {
            resources: Resources,
        }
        #[derive(Deserialize)]
        struct Resources {
            core: Budget,
        }
        let limits: Limits = self.get("/rate_limit").await?;
        Ok(limits.resources.core)
    }
}

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewHook<'a> {
    /// Where it delivers.
    pub url: &'a str,
    /// `json` or `form`.
    pub content_type: &'a str,
    /// The events it delivers; `*` is all.
    pub events: &'a [String],
    /// Whether it delivers.
    pub active: bool,
    /// What it signs with; without one its deliveries are not signed.
    pub secret: Option<&'a str>,
}

/// Makes a webhook. GitHub refuses one that delivers the same events to the same address. Answers a [`Hook`].
pub fn create_hook(place: &HookPlace, new: &NewHook<'_>) -> Request {
    let mut config = json!({ "url": new.url, "content_type": new.content_type, "insecure_ssl": "0" });
    if let Some(secret) = new.secret {
        config["secret"] = secret.into();
    }
    Request {
        method: "POST",
        path: place.path(&[], &[]),
        body: Some(json!({ "name": "web", "active": new.active, "events": new.events, "config": config })),
    }
}

/// Delivers again, with the same delivery id. Answers an empty object.
pub fn redeliver(place: &HookPlace, hook: u64, delivery: u64) -> Request {
    let (hook, delivery) = (hook.to_string(), delivery.to_string());
    Request {
        method: "POST",
        path: place.path(&[hook.as_str(), "deliveries", &delivery, "attempts"], &[]),
        body: None,
    }
}

/// Sends a `ping` to the receiver.
pub fn ping_hook(place: &HookPlace, hook: u64) -> Request {
    Request {
        method: "POST",
        path: place.path(&[hook.to_string().as_str(), "pings"], &[]),
        body: None,
    }
}

/// Changes which events a webhook delivers, and whether it does. Its address and secret stay.
pub fn update_hook(place: &HookPlace, hook: u64, events: Option<&[String]>, active: Option<bool>) -> Request {
    let mut body = json!({});
    if let Some(events) = events {
        body["events"] = json!(events);
    }
    if let Some(active) = active {
        body["active"] = active.into();
    }
    Request {
        method: "PATCH",
        path: place.path(&[hook.to_string().as_str()], &[]),
        body: Some(body),
    }
}

/// Takes a webhook away.
pub fn delete_hook(place: &HookPlace, hook: u64) -> Request {
    Request {
        method: "DELETE",
        path: place.path(&[hook.to_string().as_str()], &[]),
        body: None,
    }
}
