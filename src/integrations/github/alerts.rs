//! In: questions about what GitHub warns of. Out: its alerts, compact. Never: a secret that was found.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Listed, Repo};
use crate::integrations::Access;

/// A dependency with a known weakness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawDependabot")]
#[schemars(!from)]
pub struct DependabotAlert {
    /// Its number in the repository.
    pub number: u64,
    /// auto_dismissed, dismissed, fixed or open.
    pub state: String,
    /// low, medium, high or critical.
    pub severity: String,
    /// The package.
    pub package: String,
    /// Where it comes from: npm, pip, cargo, …
    pub ecosystem: String,
    /// The file that names it.
    pub manifest_path: String,
    /// What is weak, in a line.
    pub summary: String,
    /// GitHub's number of the weakness.
    pub ghsa_id: String,
    /// Everybody's number of it.
    pub cve_id: Option<String>,
    /// The versions that have it.
    pub vulnerable_version_range: String,
    /// The first version that does not, if there is one.
    pub first_patched_version: Option<String>,
    /// Where people see it.
    pub html_url: String,
    /// Since when GitHub warns of it.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct RawDependabot {
    number: u64,
    state: String,
    dependency: Dependency,
    security_advisory: Advisory,
    security_vulnerability: Vulnerability,
    #[serde(default)]
    html_url: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(default)]
    package: Package,
    #[serde(default)]
    manifest_path: String,
}

#[derive(Default, Deserialize)]
struct Package {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Advisory {
    ghsa_id: String,
    #[serde(default)]
    cve_id: Option<String>,
    #[serde(default)]
    summary: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    vulnerable_version_range: String,
    #[serde(default)]
    first_patched_version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    identifier: String,
}

impl From<RawDependabot> for DependabotAlert {
    fn from(raw: RawDependabot) -> Self {
        Self {
            number: raw.number,
            state: raw.state,
            severity: raw.security_vulnerability.severity,
            package: raw.dependency.package.name,
            ecosystem: raw.dependency.package.ecosystem,
            manifest_path: raw.dependency.manifest_path,
            summary: raw.security_advisory.summary,
            ghsa_id: raw.security_advisory.ghsa_id,
            cve_id: raw.security_advisory.cve_id,
            vulnerable_version_range: raw.security_vulnerability.vulnerable_version_range,
            first_patched_version: raw
                .security_vulnerability
                .first_patched_version
                .map(|version| version.identifier),
            html_url: raw.html_url,
            created_at: raw.created_at,
        }
    }
}

/// Something wrong in the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawScanning")]
#[schemars(!from)]
pub struct CodeScanningAlert {
    /// Its number in the repository.
    pub number: u64,
    /// open, dismissed or fixed.
    pub state: String,
    /// The rule that it breaks.
    pub rule: String,
    /// What the rule says.
    pub description: String,
    /// low, medium, high or critical where it is about security; otherwise note, warning or error.
    pub severity: Option<String>,
    /// What found it.
    pub tool: String,
    /// The file.
    pub path: Option<String>,
    /// The line, from 1.
    pub line: Option<u64>,
    /// What is wrong there.
    pub message: Option<String>,
    /// Where people see it.
    pub html_url: String,
    /// Since when it is known.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct RawScanning {
    number: u64,
    #[serde(default)]
    state: Option<String>,
    rule: Rule,
    tool: Tool,
    #[serde(default)]
    most_recent_instance: Instance,
    #[serde(default)]
    html_url: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    security_severity_level: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Instance {
    #[serde(default)]
    location: Option<Location>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    start_line: Option<u64>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    text: Option<String>,
}

impl From<RawScanning> for CodeScanningAlert {
    fn from(raw: RawScanning) -> Self {
        let location = raw.most_recent_instance.location;
        let (path, line) = location.map_or((None, None), |place| (place.path, place.start_line));
        Self {
            number: raw.number,
            state: raw.state.unwrap_or_default(),
            rule: raw.rule.id.unwrap_or_default(),
            description: raw.rule.description,
            severity: raw.rule.security_severity_level.or(raw.rule.severity),
            tool: raw.tool.name,
            path,
            line,
            message: raw.most_recent_instance.message.and_then(|message| message.text),
            html_url: raw.html_url,
            created_at: raw.created_at,
        }
    }
}

/// A secret that stands in the repository, without itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretScanningAlert {
    /// Its number in the repository.
    pub number: u64,
    /// open or resolved.
    #[serde(default)]
    pub state: String,
    /// false_positive, wont_fix, revoked, pattern_edited, pattern_deleted or used_in_tests, once it is resolved.
    #[serde(default)]
    pub resolution: Option<String>,
    /// What kind of secret it is.
    #[serde(default)]
    pub secret_type: String,
    /// The same for people.
    #[serde(default)]
    pub secret_type_display_name: String,
    /// active, inactive or unknown: whether it opens something still.
    #[serde(default)]
    pub validity: Option<String>,
    /// It was seen in public, too.
    #[serde(default)]
    pub publicly_leaked: Option<bool>,
    /// Where people see it, with the places it stands in.
    #[serde(default)]
    pub html_url: String,
    /// Since when it is known.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

impl Client {
    /// Dependencies with known weaknesses, newest first, a page of at most `limit`, with the cursor of the next one.
    pub async fn dependabot_alerts(
        &self,
        repo: &Repo,
        filter: &[(&str, &str)],
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<DependabotAlert>, Option<String>), ApiError> {
        let limit = limit.clamp(1, super::PER_PAGE).to_string();
        let mut query = vec![("per_page", limit.as_str())];
        query.extend(filter);
        query.extend(cursor.map(|cursor| ("after", cursor)));
        let answer = self.read(&repo.path(&["dependabot", "alerts"], &query)).await?;
        Ok((answer.read(Access::Read)?, answer.next("after")))
    }

    /// What analysis found in the code, newest first, at most `limit` from the `page`th page on (from 1).
    pub async fn code_scanning_alerts(
        &self,
        repo: &Repo,
        filter: &[(&str, &str)],
        limit: usize,
        page: usize,
    ) -> Result<Listed<CodeScanningAlert>, ApiError> {
        self.alerts(repo, "code-scanning", filter, (limit, page)).await
    }

    /// Secrets that stand in the repository, newest first, at most `limit` from the `page`th page on (from 1). GitHub is
    /// asked to leave the secrets themselves out.
    pub async fn secret_scanning_alerts(
        &self,
        repo: &Repo,
        filter: &[(&str, &str)],
        limit: usize,
        page: usize,
    ) -> Result<Listed<SecretScanningAlert>, ApiError> {
        let mut query = vec![("hide_secret", "true")];
        query.extend(filter);
        self.alerts(repo, "secret-scanning", &query, (limit, page)).await
    }

    async fn alerts<T: DeserializeOwned>(
        &self,
        repo: &Repo,
        kind: &str,
        query: &[(&str, &str)],
        (limit, page): (usize, usize),
    ) -> Result<Listed<T>, ApiError> {
        self.list(&repo.path(&[kind, "alerts"], query), limit, page).await
    }
}
