//! In: what is asked of Render about databases: Postgres and Key Value. Out: them, and unsent writes. Never: a connection string;
//! the call that gives them is not made.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Client;
use super::calls::{Page, parse_page, segment, unreadable};
use crate::integrations::{ApiError, Request};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Render Postgres, `dpg-…`.
    Postgres,
    /// Render Key Value, `red-…`.
    KeyValue,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::KeyValue => "key-value",
        }
    }

    /// What a list calls each of them.
    fn record(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::KeyValue => "keyValue",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Postgres => "postgres_id",
            Self::KeyValue => "key_value_id",
        }
    }
}

/// A database, as far as both kinds are the same, and what only one of them has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Database {
    /// `dpg-…` or `red-…`.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The workspace.
    #[serde(skip_deserializing)]
    pub owner_id: String,
    /// `creating`, `available`, `unavailable`, `config_restart`, `suspended`, `recovery_in_progress`, …
    #[serde(default)]
    pub status: String,
    /// What it costs: `free`, `basic_256mb`, `starter`, …
    #[serde(default)]
    pub plan: String,
    /// Where it runs: `oregon`, `frankfurt`, …
    #[serde(default)]
    pub region: String,
    /// Which release of Postgres or Valkey.
    #[serde(default)]
    pub version: String,
    /// Who reaches it from outside Render; none: nobody.
    #[serde(default, rename(deserialize = "ipAllowList"))]
    pub ip_allow_list: Vec<Allowed>,
    /// Postgres: the database's name.
    #[serde(
        default,
        rename(deserialize = "databaseName"),
        skip_serializing_if = "Option::is_none"
    )]
    pub database_name: Option<String>,
    /// Postgres: its user.
    #[serde(
        default,
        rename(deserialize = "databaseUser"),
        skip_serializing_if = "Option::is_none"
    )]
    pub database_user: Option<String>,
    /// Postgres: its disk, in GB.
    #[serde(
        default,
        rename(deserialize = "diskSizeGB"),
        skip_serializing_if = "Option::is_none"
    )]
    pub disk_gb: Option<u32>,
    /// Postgres: whether another instance stands by.
    #[serde(
        default,
        rename(deserialize = "highAvailabilityEnabled"),
        skip_serializing_if = "Option::is_none"
    )]
    pub high_availability: Option<bool>,
    /// Postgres on the free plan: when it is taken away.
    #[serde(
        default,
        rename(deserialize = "expiresAt"),
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<String>,
    /// Key Value: what goes when it is full: `noeviction`, `allkeys_lru`, …
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub maxmemory_policy: Option<String>,
    /// When it was made.
    #[serde(
        default,
        rename(deserialize = "createdAt"),
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
}

/// Addresses that reach a database from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// As in 203.0.113.0/24.
    #[serde(alias = "cidrBlock")]
    pub cidr: String,
    /// Whose they are.
    #[serde(default)]
    pub description: String,
}

impl Database {
    /// From Render's JSON, which keeps some of it deeper.
    pub(super) fn of(value: Value) -> serde_json::Result<Self> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let owner_id = text("/owner/id").unwrap_or_default();
        let maxmemory_policy = text("/options/maxmemoryPolicy");
        Ok(Self {
            owner_id,
            maxmemory_policy,
            ..serde_json::from_value(value)?
        })
    }
}

impl Client {
    /// One page of databases of one kind. Source: `GET /postgres`, `GET /key-value`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn databases(
        &self,
        kind: Kind,
        filters: &[(&str, String)],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<Database>, ApiError> {
        let page = self.page(kind.path(), filters.to_vec(), limit, cursor).await?;
        parse_page(page, kind.record(), Database::of)
    }

    /// One database. Source: `GET /postgres/{id}`, `GET /key-value/{id}`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn database(&self, kind: Kind, id: &str) -> Result<Database, ApiError> {
        let path = format!("{}/{}", kind.path(), segment(kind.argument(), id)?);
        Database::of(self.get(&path, &[]).await?).map_err(|error| unreadable(&error))
    }

    /// Sends what [`create_database`] returns.
    ///
    /// # Errors
    /// Any [`ApiError`]; [`Failure::UnknownEffect`](crate::integrations::Failure) when the answer names no database.
    pub async fn create_database(&self, request: &Request) -> Result<Database, ApiError> {
        let answer: Value = self.answer(request).await?;
        Database::of(answer).map_err(|error| {
            ApiError::lost(
                crate::integrations::Access::Write,
                format!("Render accepted the request, and its answer cannot be read: {error}"),
            )
        })
    }
}

/// `POST /postgres` or `POST /key-value`, unsent.
pub fn create_database(kind: Kind, body: Value) -> Request {
    Request {
        method: "POST",
        path: kind.path().to_owned(),
        body: Some(body),
    }
}
