//! In: what is asked of Render about its webhooks. Out: webhooks and what each sent, newest first. Never: a secret.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Client;
use super::calls::{Page, parse_page, segment};
use crate::integrations::ApiError;

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
    /// One page of the account's webhooks. Source: `GET /webhooks`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn webhooks(&self, limit: usize, cursor: Option<&str>) -> Result<Page<Webhook>, ApiError> {
        let page = self.page("webhooks", Vec::new(), limit, cursor).await?;
        parse_page(page, "webhook", serde_json::from_value)
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
        let path = format!("webhooks/{}/events", segment("webhook_id", webhook_id)?);
        let mut filters = Vec::new();
        filters.extend(since.map(|at| ("sentAfter", at.to_string())));
        filters.extend(until.map(|at| ("sentBefore", at.to_string())));
        let page = self.page(&path, filters, limit, cursor).await?;
        parse_page(page, "webhookEvent", serde_json::from_value)
    }
}
