//! In: an invitation that this account got, by what it is to. Out: the answer given. Never: an invitation to something else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::page::login;
use super::super::{Parts, client, configured, marker, send};
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::github::{self, Client, Invitation, Membership, Repo};
use crate::tools::toolbox::{Ctx, Effect, Look, invalid};

/// Most invitations looked through.
const INVITATIONS_MAX: usize = 300;

/// Which invitation, and what to say to it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Respond {
    /// The repository it is to, as owner/name.
    #[serde(default)]
    repo: Option<Repo>,
    /// The organization it is to, by its login, instead of repo.
    #[serde(default)]
    #[schemars(length(min = 1, max = 39))]
    org: Option<String>,
    /// true to accept, false to decline. An organization's can only be accepted here.
    accept: bool,
}

/// What was said.
#[derive(Serialize, JsonSchema)]
pub(super) struct Responded {
    /// Whether it was accepted.
    accepted: bool,
}

enum To {
    Repository(Repo),
    Organization(String),
}

fn to(repo: Option<Repo>, org: Option<String>, accept: bool) -> Result<To, ToolError> {
    match (repo, org) {
        (Some(repo), None) => Ok(To::Repository(repo)),
        (None, Some(_)) if !accept => Err(invalid(
            "accept",
            "must be true for an organization's: it is declined on GitHub's pages",
        )),
        (None, Some(org)) => Ok(To::Organization(login("org", org)?)),
        (Some(_), Some(_)) => Err(invalid("org", "cannot stand beside `repo`: give one of them")),
        (None, None) => Err(invalid("repo", "is missing: give `repo` or `org`")),
    }
}

pub(super) async fn respond(ctx: Ctx<Parts>, respond: Respond) -> Result<Effect<Responded>, ToolError> {
    configured(&ctx)?;
    let accepted = respond.accept;
    match to(respond.repo, respond.org, accepted)? {
        To::Organization(org) => {
            send(&ctx, github::accept_membership(&org), |_: Membership| Responded {
                accepted,
            })
            .await
        }
        To::Repository(repo) => {
            if ctx.dry_run {
                let id = format!("the id of the invitation to {repo}");
                let request = github::answer_invitation(&id, accepted);
                return Ok(Effect::WouldSend(vec![request]));
            }
            let Look::Found(invitation) = pending(client(&ctx)?, &repo).await? else {
                let problem =
                    format!("this account has no invitation to {repo} among its first {INVITATIONS_MAX}");
                return Err(ToolError::new(ErrorClass::NotFound, problem).with_remedy(
                    "list_invitations says which there are; one that is older than seven days has expired",
                ));
            };
            let request = github::answer_invitation(&invitation.id.to_string(), accepted);
            send(&ctx, request, |_: Value| Responded { accepted }).await
        }
    }
}

async fn pending(client: &Client, repo: &Repo) -> Result<Look<Invitation>, ToolError> {
    let listed = client.invitations(None, INVITATIONS_MAX, 1).await?;
    let to_it = |invitation: &Invitation| invitation.repo.eq_ignore_ascii_case(repo.as_str());
    Ok(marker::among(listed, to_it))
}

/// Accepted is done where the account belongs now, declined where there is no invitation any more.
pub(super) async fn look_for_response(
    ctx: Ctx<Parts>,
    respond: Respond,
) -> Result<Look<Responded>, ToolError> {
    let client = client(&ctx)?;
    let accepted = respond.accept;
    let found = Look::Found(Responded { accepted });
    let repo = match to(respond.repo, respond.org, accepted)? {
        To::Organization(org) => {
            let membership = client.own_membership(&org).await?;
            return Ok(match membership {
                Some(membership) if membership.state == "active" => found,
                Some(_) => Look::Absent,
                None => Look::Ambiguous(format!(
                    "this account has no invitation to {org} any more, and is no member"
                )),
            });
        }
        To::Repository(repo) => repo,
    };
    match pending(client, &repo).await? {
        Look::Absent if accepted => {}
        Look::Absent => return Ok(found),
        Look::Ambiguous(why) => return Ok(Look::Ambiguous(why)),
        Look::Found(_) | Look::Pending(_) => return Ok(Look::Absent),
    }
    let me = client.me().await?;
    let belongs = client.is_collaborator(&repo, &me.login).await;
    Ok(match belongs.map_err(marker::unseen)? {
        true => found,
        false => Look::Ambiguous(format!(
            "there is no invitation to {repo} any more, and no access either"
        )),
    })
}
