//! In: what is asked of Render about its webhooks. Out: webhooks, what each sent, newest first, and unsent writes. Never: a
//! secret, unless it is asked for by itself.

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Client;
use super::calls::{Page, parse_page, read, segment};
use crate::integrations::{ApiError, Request};

/// A webhook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// `whk-…`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it sends.
    #[serde(default)]
    pub url: String,
    /// Whether it does.
    #[serde(default)]
    pub enabled: bool,
    /// The event types it sends; none: all.
    #[serde(default, rename(deserialize = "eventFilter"))]
    pub event_filter: Vec<String>,
}

/// One attempt of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookEvent {
    /// The event, `evt-…`: the same for every attempt, and `webhook-id` in the request.
    #[serde(rename(deserialize = "eventId"))]
    pub event_id: String,
    /// Its type.
    #[serde(default, rename(deserialize = "eventType"))]
    pub event_type: String,
    /// When it was sent.
    #[serde(rename(deserialize = "sentAt"))]
    #[schemars(with = "String")]
    pub sent_at: Timestamp,
    /// The receiver's HTTP status, if it answered.
    #[serde(
        default,
        rename(deserialize = "statusCode"),
        skip_serializing_if = "Option::is_none"
    )]
    pub status_code: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Client {
    /// One page of the webhooks of a workspace, or of all that the key sees. Source: `GET /webhooks`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn webhooks(
        &self,
        owner_id: Option<&str>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Webhook>, ApiError> {
        let filters = owner_id.map(|id| ("ownerId", id.to_owned()));
        let page = self
            .page("webhooks", filters.into_iter().collect(), limit, cursor)
            .await?;
        parse_page(page, "webhook", serde_json::from_value)
    }

    /// One webhook. Source: `GET /webhooks/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn webhook(&self, webhook_id: &str) -> Result<Webhook, ApiError> {
        read(self.get(&path(webhook_id)?, &[]).await?)
    }

    /// What a webhook signs with: the value of `RENDER_WEBHOOK_SECRET`. Source: `GET /webhooks/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn webhook_secret(&self, webhook_id: &str) -> Result<SecretString, ApiError> {
        #[derive(Deserialize)]
        struct Signed {
            secret: SecretString,
        }
        let signed: Signed = read(self.get(&path(webhook_id)?, &[]).await?)?;
        Ok(signed.secret)
    }

    /// One page of what a webhook sent, newest first. Source: `GET /webhooks/{id}/events`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn webhook_events(
        &self,
        webhook_id: &str,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<WebhookEvent>, ApiError> {
        let path = format!("{}/events", path(webhook_id)?);
        let mut filters = Vec::new();
        filters.extend(since.map(|at| ("sentAfter", at.to_string())));
        filters.extend(until.map(|at| ("sentBefore", at.to_string())));
        let page = self.page(&path, filters, limit, cursor).await?;
        parse_page(page, "webhookEvent", serde_json::from_value)
    }
}

fn path(webhook_id: &str) -> Result<String, ApiError> {
    Ok(format!("webhooks/{}", segment("webhook_id", webhook_id)?))
}

/// `POST /webhooks`, unsent.
pub fn create_webhook(body: Value) -> Request {
    Request {
        method: "POST",
        path: "webhooks".to_owned(),
        body: Some(body),
    }
}

/// `PATCH /webhooks/{id}`, unsent: only the fields of `body` change.
///
/// # Errors
/// [`Failure::Invalid`](crate::integrations::Failure) for an id that is none, here and below.
pub fn update_webhook(webhook_id: &str, body: Value) -> Result<Request, ApiError> {
    Ok(Request {
        method: "PATCH",
        path: path(webhook_id)?,
        body: Some(body),
    })
}

/// `DELETE /webhooks/{id}`, unsent.
///
/// # Errors
/// For an id that is none.
pub fn delete_webhook(webhook_id: &str) -> Result<Request, ApiError> {
    Ok(Request {
        method: "DELETE",
        path: path(webhook_id)?,
        body: None,
    })
}
