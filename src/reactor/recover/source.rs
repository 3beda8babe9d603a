//! In: the webhooks a provider shows us. Out: those that lead here, and what each delivered, page by page. Never: the
//! journal.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{RecoverySettings, state_after};
use crate::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use crate::journal::CoverageState;
use crate::reactor::Reactor;
use crate::receive;

/// How long the providers show a delivery, in milliseconds. Source: GitHub's documentation; Render's list is held to it, too.
pub(super) const KEPT_MS: i64 = 3 * 86_400_000;
/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many deliveries a page has.
const PAGE: usize = 100;
/// A provider's requests are left to the rules when fewer than one in so many are left: as many as reads leave to what weighs
/// more, so that a comparison ends with its reason before its reads are held back.
const BUDGET_PART: u64 = 5;

/// A webhook that leads here.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Of a repository, an organization or an App on GitHub.
    Github {
        /// `{repo, hook_id}`, `{org, hook_id}` or `{app, hook_id}`, as the tools want it.
        hook: Value,
        /// `acme/api:1`.
        name: String,
    },
    /// Of a workspace on Render: `whk-…`.
    Render(String),
    /// No webhook, but what a service on Render tells of itself: `srv-…`.
    Service(String),
}

/// One attempt at a delivery, in any provider's list.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// The delivery's id: the event's.
    pub(super) id: String,
    /// When it was made.
    pub(super) at: Timestamp,
    /// Whether it was answered with success.
    pub(super) acknowledged: bool,
    /// Whether it is not the first one.
    pub(super) again: bool,
    /// What the provider calls this attempt.
    pub(super) handle: String,
    /// The event's raw name.
    pub(super) kind: String,
}

/// Part of a list, newest first.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) attempts: Vec<Attempt>,
    pub(super) next: Option<String>,
}

/// What there is to compare with.
#[derive(Clone, Debug, Default)]
pub(super) struct Discovered {
    pub(super) sources: Vec<Source>,
    /// Places that were named and cannot be compared, and why.
    pub(super) refused: Vec<(String, CoverageState)>,
    /// Providers that cannot be compared at all, and why.
    pub(super) unwatched: BTreeMap<String, String>,
}

/// A webhook, as the tools show it.
#[derive(Deserialize)]
struct Webhook {
    hook_id: u64,
    repo: Option<String>,
    org: Option<String>,
    #[serde(default)]
    app: bool,
    url: String,
    active: bool,
}

#[derive(Deserialize)]
struct Webhooks {
    webhooks: Vec<Webhook>,
}

/// An attempt, as the tools show it.
#[derive(Deserialize)]
struct HookDelivery {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    redelivery: bool,
    status_code: u16,
    event: String,
}

#[derive(Deserialize)]
struct Deliveries {
    deliveries: Vec<HookDelivery>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Delivered {
    payload: Value,
}

#[derive(Deserialize)]
struct Budget {
    limit: u64,
    remaining: u64,
    reset_at: Timestamp,
}

impl Source {
    pub(super) fn provider(&self) -> &'static str {
        match self {
            Self::Github { .. } => "github",
            Self::Render(_) | Self::Service(_) => "render",
        }
    }

    /// What it is called in the ledger.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Github { name, .. } => format!("github:{name}"),
            Self::Render(id) | Self::Service(id) => format!("render:{id}"),
        }
    }

    /// Where its events come from.
    pub(super) fn origin(&self) -> receive::Source {
        match self {
            Self::Github { .. } => receive::Source::github(),
            Self::Render(_) | Self::Service(_) => receive::Source::render(),
        }
    }

    /// A page of its list between two times; there may be more in it.
    pub(super) async fn page(
        &self,
        hub: &Hub,
        (from, until): (Timestamp, Timestamp),
        cursor: Option<&str>,
    ) -> Result<Page, ToolError> {
        let mut arguments = match self {
            Self::Github { hook, .. } => hook.clone(),
            Self::Render(id) => json!({ "webhook_id": id, "since": from, "until": until }),
            Self::Service(id) => json!({ "service_id": id, "since": from, "until": until }),
        };
        arguments["limit"] = PAGE.into();
        if let Some(cursor) = cursor {
            arguments["cursor"] = cursor.into();
        }
        match self {
            Self::Github { .. } => {
                let page: Deliveries = ask(hub, "github.list_deliveries", arguments).await?;
                let attempts = page.deliveries.into_iter().map(|one| Attempt {
                    id: one.guid,
                    at: one.delivered_at,
                    acknowledged: (200..300).contains(&one.status_code),
                    again: one.redelivery,
                    handle: one.id.to_string(),
                    kind: one.event,
                });
                Ok(Page {
                    attempts: attempts.collect(),
                    next: page.next_cursor,
                })
            }
            Self::Render(_) => {
                let page: WebhookEvents = ask(hub, "render.list_webhook_events", arguments).await?;
                let attempts = page.events.into_iter().map(|one| Attempt {
                    at: one.sent_at,
                    acknowledged: one.status_code.is_some_and(|code| (200..300).contains(&code)),
                    again: false,
                    handle: one.event_id.clone(),
                    id: one.event_id,
                    kind: one.event_type,
                });
                Ok(Page {
                    attempts: attempts.collect(),
                    next: page.cursor,
                })
            }
            // Nothing was sent, so nothing was acknowledged.
            Self::Service(_) => {
                let page: ServiceEvents = ask(hub, "render.list_events", arguments).await?;
                let attempts = page.events.into_iter().map(|one| Attempt {
                    at: one.timestamp.unwrap_or(until),
                    acknowledged: false,
                    again: false,
                    handle: one.id.clone(),
                    id: one.id,
                    kind: one.kind,
                });
                Ok(Page {
                    attempts: attempts.collect(),
                    next: page.cursor,
                })
            }
        }
    }

    /// What was sent in an attempt.
    pub(super) async fn payload(&self, hub: &Hub, attempt: &Attempt) -> Result<Value, ToolError> {
        match self {
            Self::Github { hook, .. } => {
                let mut arguments = hook.clone();
                arguments["delivery_id"] = attempt.handle.parse::<u64>().unwrap_or_default().into();
                let delivered: Delivered = ask(hub, "github.get_delivery", arguments).await?;
                Ok(delivered.payload)
            }
            Self::Render(_) | Self::Service(_) => {
                let event: RenderEvent =
                    ask(hub, "render.get_event", json!({ "event_id": attempt.handle })).await?;
                let service = json!({ "service_id": event.service_id });
                // A database's or a deleted service's name is not to be had so; nothing else depends on it.
                let name = ask::<Named>(hub, "render.get_service", service).await.ok();
                Ok(event.as_sent(name.map(|named| named.name)))
            }
        }
    }
}

/// What a webhook of Render sent, as the tools show it.
#[derive(Deserialize)]
struct WebhookEvents {
    events: Vec<WebhookEvent>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct WebhookEvent {
    event_id: String,
    event_type: String,
    sent_at: Timestamp,
    status_code: Option<u16>,
}

/// What a service tells of itself.
#[derive(Deserialize)]
struct ServiceEvents {
    events: Vec<RenderEvent>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct RenderWebhooks {
    webhooks: Vec<RenderWebhook>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct RenderWebhook {
    id: String,
    url: String,
    enabled: bool,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// An event of Render's, as the tools show it.
#[derive(Deserialize)]
struct RenderEvent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    service_id: String,
    timestamp: Option<Timestamp>,
    #[serde(default)]
    details: Value,
}

impl RenderEvent {
    /// The payload a webhook has for it: Render keeps the event, not the request.
    fn as_sent(&self, service_name: Option<String>) -> Value {
        let mut data = json!({ "id": self.id, "serviceId": self.service_id });
        if let Some(name) = service_name {
            data["serviceName"] = name.into();
        }
        let status = ["deployStatus", "buildStatus", "status"]
            .iter()
            .find_map(|name| self.details.get(name)?.as_str());
        // Where a webhook tells how something ended, it says it in these words.
        if let Some(status) = status.filter(|_| self.kind.ends_with("_ended")) {
            data["status"] = match status {
                "successful" => "succeeded",
                "unsuccessful" => "failed",
                status => status,
            }
            .into();
        }
        json!({ "type": self.kind, "timestamp": self.timestamp, "data": data })
    }
}

/// Calls a reading tool.
async fn ask<T: DeserializeOwned>(hub: &Hub, tool: &str, arguments: Value) -> Result<T, ToolError> {
    let odd = |what: String| ToolError::new(ErrorClass::Unavailable, format!("`{tool}`: {what}"));
    // Nobody asked for it: the program reads what it may have missed, all the time. That is no deed of anybody's.
    let meta = CallMeta {
        on_record: true,
        ..CallMeta::default()
    };
    match hub.call(tool, arguments, meta, TIMEOUT).await? {
        Reply::Done(result) => serde_json::from_value(result).map_err(|error| odd(error.to_string())),
        _ => Err(odd(
            "answered as if it had been asked to do something else than read".into(),
        )),
    }
}

/// Finds the webhooks that lead here; GitHub's only if it may be asked.
pub(super) async fn discover(reactor: &Reactor, settings: &RecoverySettings, ask_github: bool) -> Discovered {
    let mut found = Discovered::default();
    if ask_github && let Err(why) = github(&reactor.hub, settings, &mut found).await {
        found.unwatched.insert("github".into(), why);
    }
    if settings.render {
        let services = settings.services.iter().cloned().map(Source::Service);
        found.sources.extend(services);
    }
    if settings.render
        && let Err(why) = render(&reactor.hub, settings, &mut found).await
    {
        found.unwatched.insert("render".into(), why);
    }
    found
}

/// Why GitHub is better not asked now, if it is: asking that costs no request.
pub(super) async fn low_budget(hub: &Hub) -> Option<String> {
    match ask::<Budget>(hub, "github.get_rate_limit", json!({})).await {
        Ok(budget) if budget.remaining < budget.limit / BUDGET_PART => Some(format!(
            "{} of {} requests are left until {}; they are left to the rules",
            budget.remaining, budget.limit, budget.reset_at
        )),
        Ok(_) => None,
        // A server of an enterprise can have no limits, and then says that there is no such page.
        Err(error) if error.class == ErrorClass::NotFound => None,
        Err(error) => Some(error.to_string()),
    }
}

/// Render's: of every workspace the key can see.
async fn render(hub: &Hub, settings: &RecoverySettings, found: &mut Discovered) -> Result<(), String> {
    let mut arguments = json!({ "limit": PAGE });
    loop {
        let page: RenderWebhooks = ask(hub, "render.list_webhooks", arguments.clone())
            .await
            .map_err(|error| error.to_string())?;
        let ours = page
            .webhooks
            .into_iter()
            .filter(|hook| hook.enabled && leads_here(&hook.url, "/webhooks/render", &settings.hosts));
        found.sources.extend(ours.map(|hook| Source::Render(hook.id)));
        match page.cursor {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => return Ok(()),
        }
    }
}

/// GitHub's: of the places that are named or, where none is, of all the account administers.
async fn github(hub: &Hub, settings: &RecoverySettings, found: &mut Discovered) -> Result<(), String> {
    let said = |error: ToolError| error.to_string();
    let repositories = settings.repositories.iter().map(|name| ("repo", name));
    let organizations = settings.organizations.iter().map(|name| ("org", name));
    let places: Vec<_> = repositories.chain(organizations).collect();
    if places.is_empty() {
        let all: Webhooks = ask(hub, "github.list_webhooks", json!({})).await.map_err(said)?;
        found
            .sources
            .extend(all.webhooks.into_iter().filter_map(|hook| ours(hook, settings)));
        return Ok(());
    }
    for (kind, place) in places {
        let name = format!("github:{place}");
        match ask::<Webhooks>(hub, "github.list_webhooks", json!({ kind: place })).await {
            Ok(hooks) => {
                let hooks = hooks.webhooks.into_iter();
                let ours: Vec<Source> = hooks.filter_map(|hook| ours(hook, settings)).collect();
                if ours.is_empty() {
                    let why = format!("no active webhook of {place} leads to this server's /webhooks/github");
                    found.refused.push((name, CoverageState::Failing { why }));
                }
                found.sources.extend(ours);
            }
            Err(error) => {
                let (state, all) = state_after(&error);
                found.refused.push((name, state));
                if all {
                    return Err(error.to_string());
                }
            }
        }
    }
    Ok(())
}

/// A webhook, if it leads here.
fn ours(hook: Webhook, settings: &RecoverySettings) -> Option<Source> {
    let here = hook.active && leads_here(&hook.url, "/webhooks/github", &settings.hosts);
    let (kind, place) = match (hook.repo, hook.org) {
        (Some(repo), _) => ("repo", repo),
        (None, Some(org)) => ("org", org),
        (None, None) if hook.app => {
            return here.then(|| Source::Github {
                hook: json!({ "app": true, "hook_id": hook.hook_id }),
                name: format!("app:{}", hook.hook_id),
            });
        }
        (None, None) => return None,
    };
    here.then(|| Source::Github {
        hook: json!({ kind: place, "hook_id": hook.hook_id }),
        name: format!("{place}:{}", hook.hook_id),
    })
}

/// Whether a webhook's address is our door: its path ends so, and its host is one of ours where we know which they are.
pub fn leads_here(url: &str, door: &str, hosts: &[String]) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let known = |ours: &String| ours.eq_ignore_ascii_case(host) || ours.eq_ignore_ascii_case(bare);
    path.trim_end_matches('/').ends_with(door) && (hosts.is_empty() || hosts.iter().any(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_ours_by_its_path_and_by_its_host_where_hosts_are_known() {
        let hosts = ["xmrt.example.com".to_owned()];
        let leads = |url: &str, hosts: &[String]| leads_here(url, "/webhooks/github", hosts);
        assert!(leads("https://xmrt.example.com/webhooks/github", &hosts));
        assert!(leads("https://XMRT.example.com:443/webhooks/github/?a=b", &hosts));
        assert!(!leads("https://ci.example.com/webhooks/github", &hosts));
        assert!(leads("http://10.0.0.1:8080/webhooks/github", &[]));
        assert!(!leads("https://xmrt.example.com/webhooks/render", &hosts));
        assert!(!leads("https://xmrt.example.com", &hosts));
        assert!(!leads("nonsense", &[]));
    }
}
