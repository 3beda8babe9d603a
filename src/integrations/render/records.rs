//! In: Render's JSON. Out: the parts of it our tools give on. Never: a required field beyond an id.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A deploy. Source: `GET /services/{id}/deploys/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deploy {
    /// `dep-…`.
    pub id: String,
    /// `created`, `queued`, `build_in_progress`, `update_in_progress`, `pre_deploy_in_progress`, `live`, `deactivated`
    /// (was live, and was followed by another), `build_failed`, `update_failed`, `pre_deploy_failed` or `canceled`.
    #[serde(default)]
    pub status: String,
    /// What started it: `api`, `manual`, `new_commit`, `rollback`, `deploy_hook`, …
    #[serde(default)]
    pub trigger: String,
    /// What was deployed, for a service built from a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// What was deployed, for a service that runs an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// When it was asked for.
    #[serde(default, alias = "createdAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When it was begun.
    #[serde(default, alias = "startedAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it went live, or failed.
    #[serde(default, alias = "finishedAt", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
}

impl Deploy {
    /// One that was just started, of which no more is known.
    pub fn started(id: String, trigger: &str) -> Self {
        Self {
            id,
            status: "created".to_owned(),
            trigger: trigger.to_owned(),
            commit: None,
            image: None,
            created_at: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// Whether it is live.
    pub fn is_live(&self) -> bool {
        self.status == "live"
    }

    /// Whether it was live, and was followed by another.
    pub fn is_deactivated(&self) -> bool {
        self.status == "deactivated"
    }

    /// Whether it is or was live.
    pub fn went_live(&self) -> bool {
        self.is_live() || self.is_deactivated()
    }

    /// Whether it is still under way.
    pub fn is_under_way(&self) -> bool {
        matches!(self.status.as_str(), "created" | "queued") || self.status.ends_with("_in_progress")
    }

    /// Whether it reuses an earlier deploy's artifact because somebody rolled back.
    pub fn is_rollback(&self) -> bool {
        self.trigger == "rollback"
    }

    /// When it went live, as nearly as the record says.
    pub fn live_since(&self) -> Option<Timestamp> {
        self.finished_at.or(self.started_at).or(self.created_at)
    }
}

/// What of a repository was deployed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// The commit's SHA.
    #[serde(default)]
    pub id: String,
    /// Its message: a stranger's text.
    #[serde(default)]
    pub message: String,
}

/// What image was deployed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// As it was asked for.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// What that was then.
    #[serde(default)]
    pub sha: String,
}

/// Something that happened to a service. Source: `GET /events/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceEvent {
    /// `evt-…`.
    pub id: String,
    /// `deploy_ended`, `server_failed`, …
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The service it happened to.
    #[serde(default, alias = "serviceId")]
    pub service_id: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timestamp: Option<Timestamp>,
    /// What more there is to say, by type, in Render's own names (`deployId`, `deployStatus`, `reason`, …).
    #[serde(default)]
    pub details: Value,
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    /// When it was written, as Render says.
    pub timestamp: String,
    /// `app`, `request` or `build`.
    pub kind: String,
    /// `info`, `error`, …
    pub level: String,
    /// The line: a stranger's text.
    pub message: String,
}

/// Lines of a log, oldest first, and where the rest is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Whether there are more.
    pub has_more: bool,
    /// The next page's window: since.
    pub next_since: Option<String>,
    /// The next page's window: until.
    pub next_until: Option<String>,
}

impl LogPage {
    /// From Render's JSON; its lines come newest first.
    pub(super) fn of(value: &Value) -> Self {
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let label = |log: &Value, name: &str| {
            let labels = log.get("labels").and_then(Value::as_array);
            labels
                .into_iter()
                .flatten()
                .find(|label| label.get("name").and_then(Value::as_str) == Some(name))
                .and_then(|label| text(label, "value"))
                .unwrap_or_default()
        };
        let mut lines: Vec<LogLine> = value
            .get("logs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|log| LogLine {
                timestamp: text(log, "timestamp").unwrap_or_default(),
                kind: label(log, "type"),
                level: label(log, "level"),
                message: text(log, "message").unwrap_or_default(),
            })
            .collect();
        lines.sort_by(|a, b| a.timestamp.cmp(&b.timestamp));
        Self {
            lines,
            has_more: value.get("hasMore").and_then(Value::as_bool).unwrap_or(false),
            next_since: text(value, "nextStartTime"),
            next_until: text(value, "nextEndTime"),
        }
    }
}
