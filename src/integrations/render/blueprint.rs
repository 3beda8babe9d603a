//! In: the text of a `render.yaml`. Out: what Render says about it. Never: a resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Client;
use super::calls::{read, segment};
use crate::integrations::ApiError;

/// What Render says about a blueprint. Source: `POST /blueprints/validate`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blueprint {
    /// Render would take it.
    #[serde(default)]
    pub valid: bool,
    /// What is wrong, place by place.
    #[serde(default)]
    pub errors: Vec<BlueprintError>,
    /// What syncing it would make or change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<BlueprintPlan>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlueprintError {
    /// Where: `services[0].plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What.
    #[serde(default)]
    pub error: String,
    /// Line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// What a blueprint would come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlueprintPlan {
    /// Services, by name.
    #[serde(default)]
    pub services: Vec<String>,
    /// Postgres databases.
    #[serde(default)]
    pub databases: Vec<String>,
    /// Key Value stores.
    #[serde(default, rename(deserialize = "keyValue"))]
    pub key_value: Vec<String>,
    /// Groups of environment variables.
    #[serde(default, rename(deserialize = "envGroups"))]
    pub env_groups: Vec<String>,
    /// How many changes in all.
    #[serde(default, rename(deserialize = "totalActions"))]
    pub actions: u32,
}

impl Client {
    /// Asks Render about the text of a `render.yaml`; nothing is made. Source: `POST /blueprints/validate`.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn validate_blueprint(&self, owner_id: &str, text: &str) -> Result<Blueprint, ApiError> {
        let owner_id = segment("owner_id", owner_id)?;
        // Random, so that no text holds it.
        let boundary = format!("xmrt-{}", uuid::Uuid::new_v4().simple());
        let part = |head: &str, content: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        };
        let owner = part("name=\"ownerId\"", owner_id);
        let head = "name=\"file\"; filename=\"render.yaml\"\r\nContent-Type: application/yaml";
        let body = format!("{owner}{}--{boundary}--\r\n", part(head, text));
        let media = format!("multipart/form-data; boundary={boundary}");
        read(self.ask("blueprints/validate", &media, body).await?)
    }
}
