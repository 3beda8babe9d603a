//! In: webhooks as they were made, and payloads. Out: which hook a delivery is for, and how it is written. Never: sending.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::state::Provider;
use super::webhooks::Outbox;

/// The hook that stands for the target of `deliver_to`: every repository has it while there is a target.
pub(super) const TARGET_HOOK: u64 = 1;

/// Where the App's own webhook is.
pub(super) const APP: &str = "app";

/// A GitHub webhook made through the API.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: u64,
    /// `repos/acme/api` or `orgs/acme`.
    pub(super) place: String,
    pub(super) url: String,
    pub(super) content_type: String,
    pub(super) events: Vec<String>,
    pub(super) active: bool,
    pub(super) signed: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Hook {
    /// What it belongs to, as GitHub's API says it.
    pub(super) fn kind(&self) -> &'static str {
        if self.place.starts_with("orgs/") {
            "Organization"
        } else {
            "Repository"
        }
    }
}

/// Which hook a delivery is for, and how it goes there.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) hook: u64,
    pub(super) place: String,
    /// Nowhere: it is only remembered.
    pub(super) url: Option<String>,
    pub(super) form: bool,
    pub(super) signed: bool,
    /// Signed with this instead of the secret that the target knows.
    pub(super) secret: Option<String>,
    /// Somebody asked for it again.
    pub(super) again: bool,
}

impl Sent {
    /// To the target, as the hook that every repository has, or as that of the App with that number.
    pub(super) fn to_target(
        provider: Provider,
        body: &str,
        (target, app): (Option<&str>, Option<u64>),
    ) -> Self {
        let (hook, place) = match (provider, app) {
            (Provider::Github, Some(app)) => (app, APP.to_owned()),
            (Provider::Github, None) => (
                TARGET_HOOK,
                places_of(body).into_iter().next().unwrap_or_default(),
            ),
            (Provider::Render, _) => (TARGET_HOOK, String::new()),
        };
        Self {
            hook,
            place,
            url: target.map(|target| format!("{target}/webhooks/{}", provider.name())),
            form: false,
            signed: true,
            secret: None,
            again: false,
        }
    }

    pub(super) fn to(hook: &Hook) -> Self {
        Self {
            hook: hook.id,
            place: hook.place.clone(),
            url: Some(hook.url.clone()),
            form: hook.content_type == "form",
            signed: hook.signed,
            secret: None,
            again: false,
        }
    }

    pub(super) fn media(&self) -> &'static str {
        if self.form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        }
    }

    /// The body as it goes over the wire.
    pub(super) fn written(&self, body: &str) -> String {
        if !self.form {
            return body.to_owned();
        }
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", body)
            .finish()
    }

    /// What kind of thing the hook belongs to, as GitHub's header says it.
    pub(super) fn kind(&self) -> &'static str {
        if self.place == APP {
            "integration"
        } else if self.place.starts_with("orgs/") {
            "organization"
        } else {
            "repository"
        }
    }
}

impl Outbox {
    /// The hooks that want an event, besides the target.
    pub(super) fn wanted(&self, event: &str, body: &str) -> Vec<Hook> {
        if self.hooks.is_empty() {
            return Vec::new();
        }
        let places = places_of(body);
        let wants = |hook: &&Hook| {
            hook.active
                && places.contains(&hook.place)
                && hook.events.iter().any(|wanted| wanted == "*" || wanted == event)
        };
        self.hooks.iter().filter(wants).cloned().collect()
    }
}

/// The hooks' homes that a payload is told to: its repository, and the organization that has it.
fn places_of(body: &str) -> Vec<String> {
    let payload: Value = serde_json::from_str(body).unwrap_or_default();
    let mut places = Vec::new();
    if let Some(name) = payload["repository"]["full_name"].as_str() {
        places.push(format!("repos/{name}"));
        places.extend(name.split_once('/').map(|(owner, _)| format!("orgs/{owner}")));
    }
    if let Some(login) = payload["organization"]["login"].as_str() {
        places.push(format!("orgs/{login}"));
    }
    places
}

/// The id of the same event's delivery to another hook.
pub(super) fn guid_beside(id: &str, n: usize) -> String {
    let text = hex::encode(Sha256::digest(format!("{id}:{n}")));
    format!(
        "{}-{}-4{}-a{}-{}",
        &text[..8],
        &text[8..12],
        &text[13..16],
        &text[17..20],
        &text[20..32]
    )
}
