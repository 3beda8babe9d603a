//! In: questions about who made a repository and what it says of itself. Out: GitHub's answers, compact. Never: a judgement.

use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, Client, Repo};

/// Somebody who contributed; without a login it is an address that GitHub knows no account of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Contributor {
    /// Their login.
    #[serde(default)]
    pub login: Option<String>,
    /// How many commits.
    pub contributions: u64,
}

/// What a repository says of itself to those who come to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct CommunityProfile {
    /// How much of what GitHub recommends there is, in percent.
    pub health_percentage: u64,
    /// The files it recommends; null where there is none.
    pub files: CommunityFiles,
}

/// The files GitHub recommends.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct CommunityFiles {
    #[serde(default)]
    readme: Value,
    #[serde(default)]
    license: Value,
    #[serde(default)]
    contributing: Value,
    #[serde(default)]
    code_of_conduct: Value,
    #[serde(default)]
    issue_template: Value,
    #[serde(default)]
    pull_request_template: Value,
}

impl CommunityFiles {
    /// The names of those that there are not, the most important first.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            ("README", &self.readme),
            ("license", &self.license),
            ("contributing guide", &self.contributing),
            ("pull request template", &self.pull_request_template),
            ("issue template", &self.issue_template),
            ("code of conduct", &self.code_of_conduct),
        ]
        .into_iter()
        .filter(|(_, file)| file.is_null())
        .map(|(name, _)| name)
        .collect()
    }
}

impl Client {
    /// The hundred who contributed most, the most first. GitHub counts anew every few hours.
    pub async fn contributors(&self, repo: &Repo) -> Result<Vec<Contributor>, ApiError> {
        let path = repo.path(&["contributors"], &[("per_page", "100")]);
        // An empty repository is answered with nothing.
        Ok(self
            .get::<Option<Vec<Contributor>>>(&path)
            .await?
            .unwrap_or_default())
    }

    /// What a repository says of itself; GitHub has none of a fork.
    pub async fn community(&self, repo: &Repo) -> Result<CommunityProfile, ApiError> {
        self.get(&repo.path(&["community", "profile"], &[])).await
    }
}
