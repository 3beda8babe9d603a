//! In: calls about visits, and for words in files. Out: answers from state. Never: a visitor.

use serde_json::{Value, json};

use super::shape::{Shape, time};
use super::state::stable_sha;
use super::{error, invalid, page, repo, search};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Visits by day, or what was visited; only for those who may push.
fn of(world: &World, call: &Call, kind: &str) -> Result<Vec<Value>, Answer> {
    let repo = repo(world, call)?;
    if !repo.may(&call.actor, "write") {
        return Err(error(403, "Must have push access to repository"));
    }
    let visits = repo.visits.iter().filter(|visit| visit.kind == kind);
    Ok(visits
        .map(|visit| {
            let name = &visit.name;
            match kind {
                "path" => {
                    json!({"path": name, "title": name, "count": visit.count, "uniques": visit.uniques})
                }
                "referrer" => json!({"referrer": name, "count": visit.count, "uniques": visit.uniques}),
                _ => json!({"timestamp": time(visit.day), "count": visit.count, "uniques": visit.uniques}),
            }
        })
        .collect())
}

fn by_day(world: &World, call: &Call, kind: &str) -> Outcome {
    let days = of(world, call, kind)?;
    let sum = |name: &str| days.iter().filter_map(|day| day[name].as_u64()).sum::<u64>();
    Ok(Answer::ok(
        json!({"count": sum("count"), "uniques": sum("uniques"), kind: days}),
    ))
}

pub(super) fn views(world: &mut World, call: &Call) -> Outcome {
    by_day(world, call, "views")
}

pub(super) fn clones(world: &mut World, call: &Call) -> Outcome {
    by_day(world, call, "clones")
}

pub(super) fn paths(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(of(world, call, "path")?.into()))
}

pub(super) fn referrers(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(of(world, call, "referrer")?.into()))
}

/// `GET /search/code`: words in the default branch's files, and a few qualifiers.
pub(super) fn code(world: &mut World, call: &Call) -> Outcome {
    let query = call.query("q").ok_or_else(|| invalid("Search", "q", "missing"))?;
    let terms = search::terms(query);
    let (qualifiers, words): (Vec<&String>, Vec<&String>) = terms.iter().partition(|term| term.contains(':'));
    if words.is_empty() {
        return Err(invalid("Search", "q", "invalid"));
    }
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let mut found = Vec::new();
    for repo in world.github.repos() {
        for (path, text) in repo.tree(&repo.default_branch) {
            let fits = |term: &&String| {
                let (name, value) = term.split_once(':').unwrap_or(("", term));
                match name {
                    "repo" => repo.full_name.eq_ignore_ascii_case(value),
                    "org" | "user" => repo.owner().eq_ignore_ascii_case(value),
                    "path" => path.contains(value),
                    "filename" => path.rsplit('/').next() == Some(value),
                    "extension" => path.rsplit('.').next() == Some(value),
                    _ => true,
                }
            };
            let lower = text.to_lowercase();
            if qualifiers.iter().all(fits) && words.iter().all(|word| lower.contains(&word.to_lowercase())) {
                let sha = stable_sha(&format!("{path}:{text}"));
                let url = shape.repo_url(repo);
                found.push(json!({
                    "name": path.rsplit('/').next(), "path": path, "sha": sha, "url": format!("{url}/contents/{path}"),
                    "git_url": format!("{url}/git/blobs/{sha}"), "score": 1.0, "repository": shape.repo(repo),
                    "html_url": shape.page(repo, &format!("/blob/{}/{path}", repo.default_branch)),
                }));
            }
        }
    }
    page(call, found, Some("items"))
}
