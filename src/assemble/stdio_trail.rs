//! In: what was called over `xmrt mcp`, or by `xmrt call`, in a process that owns no journal. Out: that, in the audit trail: told to the
//! server that runs here, or written into the journal itself. Never: a journal that is made for it, or kept open.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::journal::Bare;
use super::{files, running_server};
use crate::agents::{AuditEntry, Trail};
use crate::clock::Clock;
use crate::config::Settings;

/// How long the running server may take.
const TELL_TIMEOUT: Duration = Duration::from_secs(5);

/// The trail of somebody else's journal.
#[derive(Debug)]
pub(super) struct StdioTrail {
    settings: Settings,
    clock: Clock,
}

impl StdioTrail {
    pub(super) fn new(settings: &Settings, clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            clock: clock.clone(),
        })
    }

    async fn keep(&self, entry: &AuditEntry) -> Result<(), String> {
        if let Some(url) = running_server(&self.settings) {
            return self.tell(&url, entry).await;
        }
        let journal = Bare::existing(&self.settings)
            .await
            .map_err(|error| error.to_string())?;
        match journal {
            Some(journal) => {
                let kept = journal.store().audit(vec![entry.clone()], self.clock.now()).await;
                kept.map_err(|error| error.to_string())
            }
            None => Err("there is no journal yet; start `xmrt serve` once".into()),
        }
    }

    async fn tell(&self, url: &str, entry: &AuditEntry) -> Result<(), String> {
        // The server's own tools are called there, and on record there.
        let reached = entry.outcome != "unavailable" && entry.outcome != "invalid";
        if entry.what.starts_with("xmrt.") && reached {
            return Ok(());
        }
        let token = files::admin_token(&self.settings)?;
        let token = token.unwrap_or_else(|| SecretString::from(String::new()));
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(TELL_TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let answer = client
            .post(format!("{url}/api/v1/audit"))
            .bearer_auth(token.expose_secret())
            .json(&json!(entry))
            .send()
            .await
            .map_err(|error| error.to_string())?;
        match answer.error_for_status() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl Trail for StdioTrail {
    async fn note(&self, entry: AuditEntry) {
        if let Err(why) = self.keep(&entry).await {
            tracing::warn!(
                target: "audit",
                tool = entry.what,
                outcome = entry.outcome,
                "this call is a line in this log, and not in the audit trail: {why}"
            );
        }
    }
}
