//! In: a token, a team, a login. Out: whether they belong together, as far as the token lets see. Never: a guess.

use http::StatusCode;
use secrecy::SecretString;
use serde_json::Value;

use super::{OauthApp, OauthError};
use crate::integrations::github::repo::path;

/// What somebody is to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTeam {
    /// A member, of it or of a team below it.
    Active,
    /// Invited; they have not accepted.
    Pending,
    /// No member, as far as the token lets see. GitHub says the same of a team that there is not.
    No,
    /// The organization does not let this App see, or single sign-on is asked for.
    Hidden,
}

impl OauthApp {
    /// What the owner of a token, who is `login`, is to a team.
    pub async fn in_team(
        &self,
        token: &SecretString,
        org: &str,
        team: &str,
        login: &str,
    ) -> Result<InTeam, OauthError> {
        let address = path("/orgs", &[org, "teams", team, "memberships", login], &[]);
        let (status, answer) = self.read(address.trim_start_matches('/'), token).await?;
        match status {
            StatusCode::OK if answer["state"] == "active" => Ok(InTeam::Active),
            StatusCode::OK if answer["state"] == "pending" => Ok(InTeam::Pending),
            StatusCode::NOT_FOUND => Ok(InTeam::No),
            StatusCode::FORBIDDEN if !is_rate_limit(&answer) => Ok(InTeam::Hidden),
            StatusCode::UNAUTHORIZED => Err(OauthError::Gone),
            status => Err(OauthError::Unavailable(format!(
                "asked about a team, it answered {status}"
            ))),
        }
    }
}

/// GitHub refuses with the same status who asks too often, and says so in words.
fn is_rate_limit(answer: &Value) -> bool {
    let message = answer["message"].as_str().unwrap_or_default();
    message.to_ascii_lowercase().contains("rate limit")
}
