//! In: calls about who belongs where. Out: invitations, access and memberships, those of teams as well. Never: what a team may do.

use serde_json::{Value, json};

use super::shape::{Shape, node, time};
use super::things::{Invitation, Member};
use super::{body, error, full_name, member_event, not_found, optional_text, page, repo, repo_mut, unfit};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// As GitHub's API calls roles when it gives them, and as it shows them.
const PERMISSIONS: [(&str, &str); 5] = [
    ("pull", "read"),
    ("triage", "triage"),
    ("push", "write"),
    ("maintain", "maintain"),
    ("admin", "admin"),
];

fn administered(world: &World, call: &Call) -> Result<(), Answer> {
    let repo = repo(world, call)?;
    match repo.may(&call.actor, "admin") {
        true => Ok(()),
        false => Err(error(403, "Must have admin rights to Repository.")),
    }
}

/// `GET …/collaborators/{u}`: whether they have access.
pub(super) fn is_collaborator(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let login = call.param("u");
    let known = |name: &String| name.eq_ignore_ascii_case(login);
    match repo.owner().eq_ignore_ascii_case(login) || repo.collaborators.keys().any(known) {
        true => Ok(Answer::empty(204)),
        false => Err(not_found()),
    }
}

pub(super) fn add_collaborator(world: &mut World, call: &Call) -> Outcome {
    administered(world, call)?;
    let wanted = optional_text(&body(call)?, "permission")?.flatten();
    let wanted = wanted.unwrap_or_else(|| "push".to_owned());
    let Some((_, role)) = PERMISSIONS.iter().find(|(name, _)| *name == wanted) else {
        return Err(unfit(&format!(
            "For 'properties/permission', {wanted} is no role of this repository."
        )));
    };
    let (name, login, by) = (full_name(call), call.param("u").to_owned(), call.actor.clone());
    let repo = repo_mut(world, call)?;
    if repo.owner().eq_ignore_ascii_case(&login) {
        return Err(error(422, "Repository owner cannot be a collaborator"));
    }
    let known = repo
        .collaborators
        .iter_mut()
        .find(|(known, _)| known.eq_ignore_ascii_case(&login));
    if let Some((_, has)) = known {
        if has != role {
            (*role).clone_into(has);
            member_event(world, &name, &login, "edited", &by);
        }
        return Ok(Answer::empty(204));
    }
    let fresh = world.ids.number();
    let to_them = |known: &&mut Invitation| known.repo == name && known.invitee.eq_ignore_ascii_case(&login);
    let invitation = match world.github.invitations.iter_mut().find(to_them) {
        Some(known) => {
            (*role).clone_into(&mut known.role);
            known.clone()
        }
        None => {
            let made = Invitation {
                id: fresh,
                repo: name,
                invitee: login,
                inviter: by,
                role: (*role).to_owned(),
                created_at: call.now,
            };
            world.github.invitations.push(made.clone());
            made
        }
    };
    Ok(Answer::json(201, shown(world, call, &invitation)))
}

pub(super) fn remove_collaborator(world: &mut World, call: &Call) -> Outcome {
    administered(world, call)?;
    let (name, login, by) = (full_name(call), call.param("u").to_owned(), call.actor.clone());
    let repo = repo_mut(world, call)?;
    let before = repo.collaborators.len();
    repo.collaborators
        .retain(|known, _| !known.eq_ignore_ascii_case(&login));
    let removed = repo.collaborators.len() < before;
    let to_them = |known: &Invitation| known.repo == name && known.invitee.eq_ignore_ascii_case(&login);
    world.github.invitations.retain(|known| !to_them(known));
    if removed {
        member_event(world, &name, &login, "removed", &by);
    }
    Ok(Answer::empty(204))
}

fn shown(world: &World, call: &Call, invitation: &Invitation) -> Value {
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let id = invitation.id;
    let repo = world.github.repo(&invitation.repo).map(|repo| shape.repo(repo));
    json!({
        "id": id, "node_id": node("RI", id), "repository": repo, "invitee": shape.user(&invitation.invitee),
        "inviter": shape.user(&invitation.inviter), "permissions": invitation.role,
        "created_at": time(invitation.created_at), "expired": false,
        "url": format!("{}/user/repository_invitations/{id}", call.base),
        "html_url": format!("https://github.com/{}/invitations", invitation.repo),
    })
}

/// A repository's, or those that the account got.
pub(super) fn invitations(world: &mut World, call: &Call) -> Outcome {
    let of_repo = !call.param("o").is_empty();
    if of_repo {
        administered(world, call)?;
    }
    let name = full_name(call);
    let wanted = |known: &&Invitation| match of_repo {
        true => known.repo.eq_ignore_ascii_case(&name),
        false => known.invitee.eq_ignore_ascii_case(&call.actor),
    };
    let found = world.github.invitations.iter().filter(wanted);
    page(call, found.map(|known| shown(world, call, known)).collect(), None)
}

/// Takes the invitation that a call answers.
fn taken(world: &mut World, call: &Call) -> Result<Invitation, Answer> {
    let id = call.number("id");
    let mine = |known: &Invitation| Some(known.id) == id && known.invitee.eq_ignore_ascii_case(&call.actor);
    let at = world
        .github
        .invitations
        .iter()
        .position(mine)
        .ok_or_else(not_found)?;
    Ok(world.github.invitations.remove(at))
}

pub(super) fn accept(world: &mut World, call: &Call) -> Outcome {
    let invitation = taken(world, call)?;
    let repo = world.github.repo_mut(&invitation.repo).ok_or_else(not_found)?;
    repo.collaborators
        .insert(invitation.invitee.clone(), invitation.role);
    member_event(world, &invitation.repo, &invitation.invitee, "added", &call.actor);
    Ok(Answer::empty(204))
}

pub(super) fn decline(world: &mut World, call: &Call) -> Outcome {
    taken(world, call)?;
    Ok(Answer::empty(204))
}

/// An organization is there as long as it has a repository.
fn org(world: &World, call: &Call) -> Result<String, Answer> {
    let wanted = call.param("org");
    let repo = world
        .github
        .repos()
        .find(|repo| repo.owner().eq_ignore_ascii_case(wanted));
    repo.map(|repo| repo.owner().to_owned()).ok_or_else(not_found)
}

pub(super) fn organization(world: &mut World, call: &Call) -> Outcome {
    let login = org(world, call)?;
    let own = |repo: &&super::Repo| repo.owner().eq_ignore_ascii_case(&login) && !repo.private;
    let public = world.github.repos().filter(own).count();
    let mut shown = shown_organization(world, call, &login);
    // What only the organization's own page has.
    let more = json!({
        "html_url": format!("https://github.com/{login}"), "type": "Organization", "public_repos": public,
        "public_gists": 0, "followers": 0, "following": 0, "has_organization_projects": true,
        "has_repository_projects": true, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "archived_at": null,
    });
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    Ok(Answer::ok(shown))
}

fn shown_organization(world: &World, call: &Call, login: &str) -> Value {
    let id = world.github.user_id(login);
    let url = format!("{}/orgs/{login}", call.base);
    json!({
        "login": login, "id": id, "node_id": node("O", id), "url": url, "description": null,
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "repos_url": format!("{url}/repos"), "events_url": format!("{url}/events"), "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"), "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
    })
}

/// The account that a call is about; calls below `/user` are about their own.
fn whom(call: &Call) -> String {
    match call.param("u") {
        "" => call.actor.clone(),
        login => login.to_owned(),
    }
}

fn shown_membership(world: &World, call: &Call, org: &str, login: &str, member: &Member) -> Value {
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let url = format!("{}/orgs/{org}", call.base);
    json!({
        "url": format!("{url}/memberships/{login}"), "state": member.state, "role": member.role,
        "direct_membership": true, "organization_url": url, "user": shape.user(login),
        "organization": shown_organization(world, call, org),
    })
}

pub(super) fn membership(world: &mut World, call: &Call) -> Outcome {
    let (org, login) = (org(world, call)?, whom(call));
    let member = world.github.member(&org, &login).ok_or_else(not_found)?;
    Ok(Answer::ok(shown_membership(world, call, &org, &login, member)))
}

/// What somebody is to a team. GitHub says the same of a team that there is not, and of one that the token does not see.
pub(super) fn team_membership(world: &mut World, call: &Call) -> Outcome {
    let (org, team, login) = (call.param("org"), call.param("team"), call.param("u"));
    let member = world.github.team_member(org, team, login);
    let member = member.ok_or_else(not_found)?;
    Ok(Answer::ok(json!({
        "url": format!("{}/orgs/{org}/teams/{team}/memberships/{login}", call.base),
        "role": member.role, "state": member.state,
    })))
}

pub(super) fn set_membership(world: &mut World, call: &Call) -> Outcome {
    let (org, login) = (org(world, call)?, whom(call));
    let role = optional_text(&body(call)?, "role")?.flatten();
    let role = role.unwrap_or_else(|| "member".to_owned());
    if !["admin", "member"].contains(&role.as_str()) {
        return Err(unfit(&format!(
            "For 'properties/role', {role} is not a member of [\"admin\", \"member\"]."
        )));
    }
    let known = world.github.member(&org, &login);
    if known.is_some_and(|member| member.role == "admin")
        && login.eq_ignore_ascii_case(&call.actor)
        && role != "admin"
    {
        return Err(error(
            403,
            "You cannot demote yourself. Admins must be demoted by another admin.",
        ));
    }
    let state = known.map_or_else(|| "pending".to_owned(), |member| member.state.clone());
    let member = Member { role, state };
    world.github.set_member(&org, &login, Some(member.clone()));
    Ok(Answer::ok(shown_membership(world, call, &org, &login, &member)))
}

pub(super) fn accept_membership(world: &mut World, call: &Call) -> Outcome {
    let (org, login) = (org(world, call)?, whom(call));
    let state = super::text(&body(call)?, "Membership", "state")?;
    if state != "active" {
        return Err(unfit("For 'properties/state', only \"active\" is a member."));
    }
    let mut member = world.github.member(&org, &login).cloned().ok_or_else(not_found)?;
    member.state = state;
    world.github.set_member(&org, &login, Some(member.clone()));
    Ok(Answer::ok(shown_membership(world, call, &org, &login, &member)))
}

pub(super) fn remove_membership(world: &mut World, call: &Call) -> Outcome {
    let (org, login) = (org(world, call)?, whom(call));
    world.github.member(&org, &login).ok_or_else(not_found)?;
    world.github.set_member(&org, &login, None);
    Ok(Answer::empty(204))
}
