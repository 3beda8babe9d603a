//! In: deliveries posted to the outbox, in order. Out: signed HTTP requests to the receiver, and a log of its answers.
//! Never: waiting inside a provider's call; one courier per provider carries them, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::watch;

use super::hooks::{Hook, Sent};
use super::state::{Provider, World, push_bounded};
use super::{Options, Sandbox};
use crate::clock::Clock;

/// How many deliveries are remembered, waiting ones included.
const LOG_MAX: usize = 2_000;
/// What is kept of a receiver's answer.
const RESPONSE_CHARS_MAX: usize = 64 * 1024;
/// GitHub cuts the connection after this time.
const GITHUB_WITHIN: Duration = Duration::from_secs(10);
/// Render does after this.
const RENDER_WITHIN: Duration = Duration::from_secs(15);
/// Render tries again; its 33 hours are shortened to what a person watching can wait for.
const RENDER_PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// How long anybody waits for the outbox to be settled.
const SETTLE_WITHIN: Duration = Duration::from_secs(20);

/// Deliveries on their way and those that have arrived, oldest first.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) target: Option<String>,
    /// The number of the App whose webhook the target is, if it is one's.
    pub(super) app: Option<u64>,
    /// Hooks made through the API, besides the one that the target is.
    pub(super) hooks: Vec<Hook>,
    deliveries: VecDeque<Delivery>,
    posted: u64,
}

#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) serial: u64,
    pub(super) provider: Provider,
    pub(super) id: String,
    pub(super) event: String,
    pub(super) body: String,
    pub(super) at: Timestamp,
    target: Option<String>,
    /// Which hook it was for, and where that sends.
    pub(super) sent: Sent,
    attempts: u32,
    pub(super) status: Option<u16>,
    pub(super) response: String,
    pub(super) error: Option<String>,
    pub(super) settled: bool,
}

impl Outbox {
    /// Posts a delivery to the target and to every hook that wants it; without a target it is only remembered.
    pub(super) fn post(&mut self, provider: Provider, id: &str, event: &str, body: String, at: Timestamp) {
        let others = match provider {
            Provider::Github => self.wanted(event, &body),
            Provider::Render => Vec::new(),
        };
        let own = Sent::to_target(provider, &body, (self.target.as_deref(), self.app));
        for (n, hook) in others.into_iter().enumerate() {
            // Each hook's delivery has an id of its own.
            let id = super::hooks::guid_beside(id, n);
            let (body, at) = (body.clone(), at);
            self.put(provider, &id, event, body, at, Sent::to(&hook));
        }
        self.put(provider, id, event, body, at, own);
    }

    /// Posts a delivery to one hook.
    pub(super) fn post_to(&mut self, id: &str, event: &str, body: String, at: Timestamp, sent: Sent) {
        self.put(Provider::Github, id, event, body, at, sent);
    }

    /// Posts an event of Render's to one of its webhooks: every one of them gets it under the event's own id.
    pub(super) fn post_beside(&mut self, id: &str, event: &str, body: String, at: Timestamp, sent: Sent) {
        self.put(Provider::Render, id, event, body, at, sent);
    }

    /// Remembers a delivery as if it had been sent then, with that answer.
    pub(super) fn remember(
        &mut self,
        (provider, id, event): (Provider, &str, &str),
        body: String,
        at: Timestamp,
        status: Option<u16>,
    ) {
        let sent = Sent::to_target(provider, &body, (self.target.as_deref(), self.app));
        self.put(provider, id, event, body, at, sent);
        if let Some(delivery) = self.deliveries.back_mut() {
            delivery.settled = true;
            delivery.attempts = 1;
            delivery.status = status;
            delivery.error = status.is_none().then(|| "failed to connect to host".to_owned());
        }
    }

    fn put(&mut self, provider: Provider, id: &str, event: &str, body: String, at: Timestamp, sent: Sent) {
        self.posted += 1;
        let delivery = Delivery {
            serial: self.posted,
            provider,
            id: id.to_owned(),
            event: event.to_owned(),
            body,
            at,
            target: self.target.clone(),
            attempts: 0,
            status: None,
            response: String::new(),
            error: None,
            settled: sent.url.is_none(),
            sent,
        };
        push_bounded(&mut self.deliveries, delivery, LOG_MAX);
    }

    /// Every delivery that is remembered, oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.deliveries.iter()
    }

    /// How many were ever posted.
    pub(super) fn posted(&self) -> u64 {
        self.posted
    }

    /// The ids posted after the first `count`, oldest first.
    pub(super) fn ids_since(&self, count: u64) -> Vec<String> {
        self.deliveries
            .iter()
            .filter(|one| one.serial > count)
            .map(|one| one.id.clone())
            .collect()
    }

    /// Deliveries as `GET /_sandbox/deliveries` shows them.
    pub(super) fn log(&self) -> Vec<Value> {
        self.deliveries.iter().map(shown).collect()
    }

    /// The latest delivery of that id.
    pub(super) fn find(&self, id: &str) -> Option<Value> {
        self.deliveries.iter().rev().find(|one| one.id == id).map(shown)
    }

    fn all_settled(&self) -> bool {
        self.deliveries.iter().all(|one| one.settled)
    }

    fn next(&self, provider: Provider) -> Option<Delivery> {
        self.deliveries
            .iter()
            .find(|one| one.provider == provider && !one.settled)
            .cloned()
    }

    fn settle(&mut self, delivery: Delivery) {
        if let Some(kept) = self
            .deliveries
            .iter_mut()
            .find(|one| one.serial == delivery.serial)
        {
            *kept = delivery;
        }
    }
}

fn shown(delivery: &Delivery) -> Value {
    let payload: Value = serde_json::from_str(&delivery.body).unwrap_or(Value::Null);
    let response: Value =
        serde_json::from_str(&delivery.response).unwrap_or_else(|_| delivery.response.clone().into());
    json!({
        "id": delivery.id, "source": delivery.provider.name(), "event": delivery.event, "action": payload["action"],
        "at": delivery.at.to_string(), "target": delivery.target, "attempts": delivery.attempts,
        "status": delivery.status, "response": response, "error": delivery.error, "settled": delivery.settled,
        "payload": payload,
    })
}

/// Waits until nothing is on its way any more; gives up after twenty seconds.
pub(super) async fn settled(sandbox: &Sandbox) {
    let mut seen = sandbox.0.settled.subscribe();
    let all = async {
        while !sandbox.world().outbox.all_settled() {
            if seen.changed().await.is_err() {
                return;
            }
        }
    };
    // Whoever waits looks at the log anyhow, and sees there what has not settled.
    let _ = tokio::time::timeout(SETTLE_WITHIN, all).await;
}

/// Carries one provider's deliveries until the sandbox stops.
pub(super) async fn deliver(sandbox: Sandbox, provider: Provider, mut stopped: watch::Receiver<bool>) {
    let client = match reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
    {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "the sandbox cannot send webhooks");
            return;
        }
    };
    let mut posted = sandbox.0.posted.subscribe();
    let work = async {
        loop {
            posted.mark_unchanged();
            let next = sandbox.world().outbox.next(provider);
            match next {
                Some(delivery) => carry(&sandbox, &client, delivery).await,
                None if posted.changed().await.is_err() => return,
                None => {}
            }
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = work => {}
    }
}

async fn carry(sandbox: &Sandbox, client: &reqwest::Client, mut delivery: Delivery) {
    let options = sandbox.world().options.clone();
    let pauses: &[Duration] = match delivery.provider {
        // GitHub never tries again.
        Provider::Github => &[],
        Provider::Render => &RENDER_PAUSES,
    };
    for attempt in 0..=pauses.len() {
        delivery.attempts += 1;
        attempt_once(client, &options, &mut delivery).await;
        let delivered = delivery.status.is_some_and(|status| (200..300).contains(&status));
        match pauses.get(attempt) {
            Some(pause) if !delivered => tokio::time::sleep(*pause).await,
            _ => break,
        }
    }
    delivery.settled = true;
    let delivered = delivery.status.is_some_and(|status| (200..300).contains(&status));
    let mut world = sandbox.world();
    if delivery.provider == Provider::Render && !delivered {
        world.render.give_up(delivery.sent.hook);
    }
    world.outbox.settle(delivery);
    drop(world);
    sandbox.0.settled.send_modify(|count| *count += 1);
}

async fn attempt_once(client: &reqwest::Client, options: &Options, delivery: &mut Delivery) {
    let Some(url) = delivery.sent.url.clone() else {
        return;
    };
    let request = client.post(url);
    let request = match delivery.provider {
        Provider::Github => github_headers(
            request.timeout(GITHUB_WITHIN),
            options.github_secret.as_deref(),
            delivery,
        ),
        Provider::Render => {
            let second = seconds_now(&options.clock);
            render_headers(
                request.timeout(RENDER_WITHIN),
                delivery
                    .sent
                    .secret
                    .as_deref()
                    .or(options.render_secret.as_deref()),
                second,
                delivery,
            )
        }
    };
    let sent = request
        .header("content-type", delivery.sent.media())
        .body(delivery.sent.written(&delivery.body))
        .send()
        .await;
    match sent {
        Ok(response) => {
            delivery.status = Some(response.status().as_u16());
            delivery.error = None;
            let text = response.text().await.unwrap_or_default();
            delivery.response = text.chars().take(RESPONSE_CHARS_MAX).collect();
        }
        Err(error) => {
            delivery.status = None;
            delivery.error = Some(error.to_string());
        }
    }
}

fn seconds_now(clock: &Clock) -> i64 {
    clock.now().as_second()
}

fn github_headers(request: RequestBuilder, secret: Option<&str>, delivery: &Delivery) -> RequestBuilder {
    let payload: Value = serde_json::from_str(&delivery.body).unwrap_or(Value::Null);
    let request = request
        .header("user-agent", "GitHub-Hookshot/sandbox")
        .header("accept", "*/*")
        .header("x-github-event", &delivery.event)
        .header("x-github-delivery", &delivery.id)
        .header("x-github-hook-id", delivery.sent.hook.to_string())
        .header("x-github-hook-installation-target-type", delivery.sent.kind())
        .header(
            "x-github-hook-installation-target-id",
            match delivery.sent.kind() {
                "integration" => delivery.sent.hook,
                _ => payload["repository"]["id"].as_u64().unwrap_or(0),
            },
        );
    match secret.filter(|_| delivery.sent.signed) {
        None => request,
        Some(secret) => request.header(
            "x-hub-signature-256",
            github_signature(secret, delivery.sent.written(&delivery.body).as_bytes()),
        ),
    }
}

fn render_headers(
    request: RequestBuilder,
    secret: Option<&str>,
    second: i64,
    delivery: &Delivery,
) -> RequestBuilder {
    let request = request
        .header("user-agent", "Render-Webhooks/sandbox")
        .header("webhook-id", &delivery.id)
        .header("webhook-timestamp", second.to_string());
    match secret {
        None => request,
        Some(secret) => {
            let signature = render_signature(secret, &delivery.id, second, delivery.body.as_bytes());
            request.header("webhook-signature", signature)
        }
    }
}

/// `sha256=` and the HMAC of the body in hex; the key is the secret's bytes as they are.
fn github_signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(mac(secret.as_bytes(), &[body])))
}

/// `v1,` and the HMAC of `id.second.body` in base64; the key is the decoded secret.
fn render_signature(secret: &str, id: &str, second: i64, body: &[u8]) -> String {
    let bare = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD
        .decode(bare)
        .unwrap_or_else(|_| secret.as_bytes().to_vec());
    let signed = mac(&key, &[format!("{id}.{second}.").as_bytes(), body]);
    format!("v1,{}", STANDARD.encode(signed))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length, so there is no error to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Posts a delivery just as it was given: nothing is checked, nothing changes in the state. Gives its id. With `lost` it
/// is not sent but remembered as having failed, or as having been acknowledged, at the time `at`.
pub(super) fn emit(world: &mut World, given: &Value) -> Result<String, String> {
    let provider = match given["source"].as_str() {
        Some("github") => Provider::Github,
        Some("render") => Provider::Render,
        _ => return Err("emit: source must be \"github\" or \"render\"".to_owned()),
    };
    let payload = &given["payload"];
    if !payload.is_object() {
        return Err("emit: payload must be an object".to_owned());
    }
    let told = payload["type"].as_str().filter(|_| provider == Provider::Render);
    let event = given["event"]
        .as_str()
        .or(told)
        .ok_or("emit: event is missing, as in \"issues\" or \"deploy_ended\"")?;
    let own = payload["data"]["id"]
        .as_str()
        .filter(|_| provider == Provider::Render)
        .map(str::to_owned);
    let id = match given["id"].as_str().map(str::to_owned).or(own) {
        Some(id) => id,
        None if provider == Provider::Github => world.ids.guid(),
        None => world.ids.render("evt"),
    };
    let now = world.now();
    let at = match given["at"].as_str() {
        None => now,
        Some(text) => {
            super::seed::moment(text, now).ok_or("emit: at is a time such as \"-10m\" or RFC 3339")?
        }
    };
    let lost = match given["lost"].as_str() {
        None => {
            world.outbox.post(provider, &id, event, payload.to_string(), at);
            return Ok(id);
        }
        Some("failed") => None,
        Some("acknowledged") => Some(202),
        Some(other) => return Err(format!("emit: lost is `failed` or `acknowledged`, not `{other}`")),
    };
    world
        .outbox
        .remember((provider, &id, event), payload.to_string(), at, lost);
    Ok(id)
}
