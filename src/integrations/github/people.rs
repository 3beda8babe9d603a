//! In: questions and requests about people and what they may do. Out: GitHub's answers, compact. Never: a token.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::repo::path;
use super::{Account, ApiError, Client, Listed, Repo, Request};
use crate::integrations::Failure;

/// An account, as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Its name, which may change.
    pub login: String,
    /// Its number, which does not.
    pub id: u64,
    /// User, Organization or Bot.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What it calls itself.
    #[serde(default)]
    pub name: Option<String>,
    /// Whom it says it works for.
    #[serde(default)]
    pub company: Option<String>,
    /// What it says of itself.
    #[serde(default)]
    pub bio: Option<String>,
    /// How many public repositories it has.
    #[serde(default)]
    pub public_repos: u64,
    /// How many follow it.
    #[serde(default)]
    pub followers: u64,
    /// Since when it is there: a young account is a reason to look twice.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
}

/// Somebody with access to a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Collaborator {
    /// Its name, which may change.
    pub login: String,
    /// Its number, which does not.
    pub id: u64,
    /// read, triage, write, maintain, admin, or a role of the organization's.
    #[serde(default)]
    pub role_name: String,
}

/// What an account may do in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Permission {
    /// none, read, write or admin.
    pub permission: String,
    /// The same in finer steps: triage and maintain too, or a role of the organization's.
    #[serde(default)]
    pub role_name: String,
}

/// An invitation to a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "RawInvitation")]
#[schemars(!from)]
pub struct Invitation {
    /// Its id.
    pub id: u64,
    /// Repository, as owner/name.
    pub repo: String,
    /// Who is invited; nobody if it went to an address.
    pub invitee: Option<Account>,
    /// Who invites.
    pub inviter: Option<Account>,
    /// read, triage, write, maintain or admin.
    pub permissions: String,
    /// It is too old to be accepted.
    pub expired: bool,
    /// Where it is accepted.
    pub html_url: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct RawInvitation {
    id: u64,
    repository: Named,
    #[serde(default)]
    invitee: Option<Account>,
    #[serde(default)]
    inviter: Option<Account>,
    #[serde(default)]
    permissions: String,
    #[serde(default)]
    expired: bool,
    #[serde(default)]
    html_url: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

impl From<RawInvitation> for Invitation {
    fn from(raw: RawInvitation) -> Self {
        Self {
            id: raw.id,
            repo: raw.repository.full_name,
            invitee: raw.invitee,
            inviter: raw.inviter,
            permissions: raw.permissions,
            expired: raw.expired,
            html_url: raw.html_url,
            created_at: raw.created_at,
        }
    }
}

/// What an account is to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// active, or pending as long as the invitation is not accepted.
    pub state: String,
    /// admin, member or billing_manager.
    pub role: String,
}

impl Client {
    /// An account, as everybody sees it.
    pub async fn profile(&self, login: &str) -> Result<Profile, ApiError> {
        self.get(&path("/users", &[login], &[])).await
    }

    /// Those with access to a repository, at most `limit` from the `page`th page on (from 1).
    pub async fn collaborators(
        &self,
        repo: &Repo,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Collaborator>, ApiError> {
        self.list(&repo.path(&["collaborators"], &[]), limit, page).await
    }

    /// Whether somebody has access to a repository. The repository itself must be seen.
    pub async fn is_collaborator(&self, repo: &Repo, login: &str) -> Result<bool, ApiError> {
        match self.get::<()>(&repo.path(&["collaborators", login], &[])).await {
            Ok(()) => Ok(true),
            // GitHub says the same of a repository that it hides.
            Err(error) if error.failure == Failure::NotFound => {
                self.repository(repo).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What an account may do in a repository.
    pub async fn permission(&self, repo: &Repo, login: &str) -> Result<Permission, ApiError> {
        self.get(&repo.path(&["collaborators", login, "permission"], &[]))
            .await
    }

    /// Invitations to a repository that are open, or without one those that the account got; at most `limit` from the
    /// `page`th page on (from 1).
    pub async fn invitations(
        &self,
        repo: Option<&Repo>,
        limit: usize,
        page: usize,
    ) -> Result<Listed<Invitation>, ApiError> {
        let address = match repo {
            Some(repo) => repo.path(&["invitations"], &[]),
            None => "/user/repository_invitations".to_owned(),
        };
        self.list(&address, limit, page).await
    }

    /// What an account is to an organization; `None` is nothing. The organization itself must be seen.
    pub async fn membership(&self, org: &str, login: &str) -> Result<Option<Membership>, ApiError> {
        match self.get(&path("/orgs", &[org, "memberships", login], &[])).await {
            Ok(membership) => Ok(Some(membership)),
            Err(error) if error.failure == Failure::NotFound => {
                // GitHub says the same of an organization that there is not.
                let _: BTreeMap<String, Value> = self.get(&path("/orgs", &[org], &[])).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the account itself is to an organization; `None` is nothing.
    pub async fn own_membership(&self, org: &str) -> Result<Option<Membership>, ApiError> {
        match self.get(&path("/user", &["memberships", "orgs", org], &[])).await {
            Ok(membership) => Ok(Some(membership)),
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Gives somebody access, or invites them to it. Again it changes what they may do. Answers an [`Invitation`], or nothing
/// if they have access already.
pub fn add_collaborator(repo: &Repo, login: &str, permission: &str) -> Request {
    Request {
        method: "PUT",
        path: repo.path(&["collaborators", login], &[]),
        body: Some(json!({ "permission": permission })),
    }
}

/// Takes access from somebody, and takes invitations back.
pub fn remove_collaborator(repo: &Repo, login: &str) -> Request {
    Request {
        method: "DELETE",
        path: repo.path(&["collaborators", login], &[]),
        body: None,
    }
}

/// Accepts an invitation that the account got, or declines it. `id` is the invitation's, or in a dry run words for it.
pub fn answer_invitation(id: &str, accept: bool) -> Request {
    Request {
        method: if accept { "PATCH" } else { "DELETE" },
        path: path("/user", &["repository_invitations", id], &[]),
        body: None,
    }
}

/// Accepts an invitation to an organization. Answers a [`Membership`].
pub fn accept_membership(org: &str) -> Request {
    Request {
        method: "PATCH",
        path: path("/user", &["memberships", "orgs", org], &[]),
        body: Some(json!({ "state": "active" })),
    }
}

/// Invites somebody to an organization, or changes what they are there. Answers a [`Membership`].
pub fn set_membership(org: &str, login: &str, role: &str) -> Request {
    Request {
        method: "PUT",
        path: path("/orgs", &[org, "memberships", login], &[]),
        body: Some(json!({ "role": role })),
    }
}

/// Takes somebody out of an organization, or takes the invitation back.
pub fn remove_membership(org: &str, login: &str) -> Request {
    Request {
        method: "DELETE",
        path: path("/orgs", &[org, "memberships", login], &[]),
        body: None,
    }
}
