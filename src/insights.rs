//! In: what a tool measured. Out: the newest measure of each thing, kept in the journal, for whoever looks later. Never: a measure; a call
//! to a provider.

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::journal::{KV_VALUE_BYTES_MAX, KvEntry, KvKey, Store, StoreError, kv_all};

/// Where measures are kept.
const SPACE: &str = "insights";
/// For how long, in milliseconds: what nobody measured for so long is no news.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Everything at once: `xmrt.ecosystem_health`.
    Ecosystem,
    /// A service on Render: `xmrt.dora_metrics`.
    Service,
    /// A repository on GitHub: `xmrt.activity_insights`.
    Repository,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecosystem => "ecosystem",
            Self::Service => "service",
            Self::Repository => "repository",
        }
    }
}

/// A measure, as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insight {
    /// What was measured.
    pub kind: Kind,
    /// Which one: owner/name, srv-…; empty for everything.
    pub of: String,
    /// What a person calls it.
    pub title: String,
    /// When.
    #[schemars(with = "String")]
    pub measured_at: Timestamp,
    /// One number from 0 to 100, where there is one.
    pub score: Option<u32>,
    /// How much that is more than about a week before.
    pub change: Option<i64>,
    /// What the columns of the table are, the first one's left out.
    pub columns: Vec<String>,
    /// What it came to.
    pub table: Vec<Row>,
    /// Sentences about it; strangers' words in code spans, as in Markdown.
    pub notes: Vec<String>,
    /// Pictures of it.
    pub charts: Vec<Chart>,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// As many as there are columns.
    pub cells: Vec<String>,
}

/// GitHub's names ignore case.
fn key(kind: Kind, of: &str) -> Result<KvKey, StoreError> {
    KvKey::new(SPACE, &format!("{}/{}", kind.as_str(), of.to_lowercase()))
}

/// Keeps the newest measure of something. One that is too large is kept without its notes, which are the longest part.
///
/// # Errors
/// The journal does not answer.
pub async fn keep(store: &dyn Store, insight: &Insight, now: Timestamp) -> Result<(), StoreError> {
    let packed = |insight: &Insight| serde_json::to_vec(insight).unwrap_or_default();
    let mut value = packed(insight);
    if value.len() > KV_VALUE_BYTES_MAX {
        value = packed(&Insight {
            notes: vec!["The evidence is too long to be kept; measure again to see it.".to_owned()],
            ..insight.clone()
        });
    }
    let key = key(insight.kind, &insight.of)?;
    store.kv_put(&key, Bytes::from(value), Some(KEPT_MS), now).await
}

/// The newest measure of one thing.
///
/// # Errors
/// The journal does not answer.
pub async fn one(
    store: &dyn Store,
    kind: Kind,
    of: &str,
    now: Timestamp,
) -> Result<Option<Insight>, StoreError> {
    let kept = store.kv_get(&key(kind, of)?, now).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

/// The newest measures of everything, by kind and name. What another version wrote and this one cannot read is passed over.
///
/// # Errors
/// The journal does not answer.
pub async fn all(store: &dyn Store, now: Timestamp) -> Result<Vec<Insight>, StoreError> {
    let kept = kv_all(store, SPACE, "", now).await?;
    let read = |entry: &KvEntry| serde_json::from_slice(&entry.value).ok();
    let mut found: Vec<Insight> = kept.iter().filter_map(read).collect();
    found.sort_by_key(|one| (one.kind, one.of.to_lowercase()));
    Ok(found)
}
