//! In: calls about accounts, repositories, their people and commit statuses. Out: answers from state.
//! Never: issues and what hangs on them.

use serde_json::json;

use super::shape::Shape;
use super::state::Status;
use super::{Repo, body, error, full_name, invalid, not_found, optional_text, page, repo, repo_mut, text};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn me(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .profile(&call.actor),
    ))
}

pub(super) fn user(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(
        Shape {
            base: &call.base,
            state: &world.github,
        }
        .profile(call.param("u")),
    ))
}

pub(super) fn rate_limit(world: &mut World, _: &Call) -> Outcome {
    let rate = &world.github.rate;
    let reset = rate.reset;
    let core = json!({"limit": rate.limit, "used": rate.used, "remaining": rate.remaining(), "reset": reset});
    let search = json!({"limit": 30, "used": 0, "remaining": 30, "reset": reset});
    Ok(Answer::ok(
        json!({"resources": {"core": core, "search": search, "graphql": core, "code_search": search}}),
    ))
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let owner = call.param("u");
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let of_owner = world
        .github
        .repos()
        .filter(|repo| owner.is_empty() || repo.owner().eq_ignore_ascii_case(owner));
    let mut found: Vec<&Repo> = of_owner.collect();
    if call.query("sort") == Some("pushed") {
        found.sort_by_key(|repo| repo.pushed_at);
        if call.query("direction") != Some("asc") {
            found.reverse();
        }
    }
    page(
        call,
        found.into_iter().map(|repo| shape.repo(repo)).collect(),
        None,
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let mut shown = Shape {
        base: &call.base,
        state: &world.github,
    }
    .repo(repo);
    // Two counts that lists and payloads do not have.
    shown["network_count"] = 0.into();
    shown["subscribers_count"] = 1.into();
    Ok(Answer::ok(shown))
}

/// `GET /repositories/{id}`, where the address of a repository leads that was renamed or transferred.
pub(super) fn get_by_id(world: &mut World, call: &Call) -> Outcome {
    let id = call.number("id");
    let repo = world
        .github
        .repos()
        .find(|repo| Some(repo.id) == id && super::app::reaches(world, call, &repo.full_name))
        .ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::ok(shape.repo(repo)))
}

pub(super) fn branches(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let mut names: Vec<&str> = repo.branches.keys().map(String::as_str).collect();
    if !names.contains(&repo.default_branch.as_str()) {
        names.push(&repo.default_branch);
    }
    let protected = |name: &str| repo.protected && name == repo.default_branch;
    if let Some(wanted) = call.query("protected") {
        names.retain(|name| protected(name) == (wanted == "true"));
    }
    let shown = |name: &&str| {
        let sha = repo.head_of(name);
        let url = format!("{}/repos/{}/commits/{sha}", call.base, repo.full_name);
        json!({"name": name, "commit": {"sha": sha, "url": url}, "protected": protected(name)})
    };
    page(call, names.iter().map(shown).collect(), None)
}

pub(super) fn collaborators(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let people = people(repo).into_iter().map(|(login, role)| {
        let mut shown = shape.user(&login);
        shown["permissions"] = permissions(&role);
        shown["role_name"] = role.into();
        shown
    });
    page(call, people.collect(), None)
}

pub(super) fn permission(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let login = call.param("u");
    let role = people(repo)
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(login));
    let public = if repo.private { "none" } else { "read" };
    let role = role.map_or_else(|| public.to_owned(), |(_, role)| role);
    let mut user = Shape {
        base: &call.base,
        state: &world.github,
    }
    .user(login);
    user["permissions"] = permissions(&role);
    user["role_name"] = role.clone().into();
    // The old field knows four levels; the finer roles fold into them.
    let permission = match role.as_str() {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    };
    Ok(Answer::ok(
        json!({"permission": permission, "role_name": role, "user": user}),
    ))
}

/// The owner and the collaborators, with their roles.
fn people(repo: &Repo) -> Vec<(String, String)> {
    let owner = (repo.owner().to_owned(), "admin".to_owned());
    let others = repo
        .collaborators
        .iter()
        .map(|(login, role)| (login.clone(), role.clone()));
    std::iter::once(owner)
        .chain(others.filter(|(login, _)| !login.eq_ignore_ascii_case(repo.owner())))
        .collect()
}

fn permissions(role: &str) -> serde_json::Value {
    let level = ["none", "read", "triage", "write", "maintain", "admin"]
        .iter()
        .position(|known| *known == role);
    let at_least = |wanted: usize| level.unwrap_or(1) >= wanted;
    json!({"pull": at_least(1), "triage": at_least(2), "push": at_least(3), "maintain": at_least(4), "admin": at_least(5)})
}

pub(super) fn create_status(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let state = text(&given, "Status", "state")?;
    if !["error", "failure", "pending", "success"].contains(&state.as_str()) {
        return Err(invalid("Status", "state", "custom"));
    }
    let sha = call.param("sha").to_owned();
    if sha.len() != 40 || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error(422, &format!("No commit found for SHA: {sha}")));
    }
    let status = Status {
        id: world.ids.number(),
        sha,
        state,
        context: optional_text(&given, "context")?
            .flatten()
            .unwrap_or_else(|| "default".to_owned()),
        description: optional_text(&given, "description")?.flatten(),
        target_url: optional_text(&given, "target_url")?.flatten(),
        creator: call.actor.clone(),
        created_at: call.now,
    };
    repo_mut(world, call)?.statuses.push(status.clone());
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let repo = world.github.repo(&full_name(call)).ok_or_else(not_found)?;
    Ok(Answer::json(201, shape.status(repo, &status)))
}

pub(super) fn statuses(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let of_commit = repo
        .statuses
        .iter()
        .rev()
        .filter(|status| status.sha == call.param("sha"));
    page(
        call,
        of_commit.map(|status| shape.status(repo, status)).collect(),
        None,
    )
}
