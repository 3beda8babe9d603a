//! In: calls about what a repository is made of and by whom. Out: counts worked out from state. Never: GitHub's delay.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shape::{Shape, node};
use super::state::stable_id;
use super::{Repo, not_found, page, repo};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Which language a file is written in, by the end of its name; prose and settings are in none.
const LANGUAGES: [(&str, &str); 7] = [
    ("rs", "Rust"),
    ("py", "Python"),
    ("ts", "TypeScript"),
    ("js", "JavaScript"),
    ("go", "Go"),
    ("sh", "Shell"),
    ("rb", "Ruby"),
];

/// Bytes by language.
pub(super) fn languages(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let mut bytes: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, text) in repo.tree(&repo.default_branch) {
        let end = path.rsplit('.').next().unwrap_or_default();
        if let Some((_, language)) = LANGUAGES.iter().find(|(known, _)| *known == end) {
            *bytes.entry(language).or_default() += text.len();
        }
    }
    Ok(Answer::ok(json!(bytes)))
}

/// Who made how many of the commits that lead to the default branch, the most first.
pub(super) fn contributors(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for sha in repo.ancestors(&repo.head_of(&repo.default_branch)) {
        let author = repo
            .commits
            .get(&sha)
            .map_or(repo.owner(), |commit| commit.author.as_str());
        *counts.entry(author).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let shown = counts.into_iter().map(|(login, count)| {
        let mut user = shape.user(login);
        user["contributions"] = count.into();
        user
    });
    page(call, shown.collect(), None)
}

/// What GitHub recommends and finds, or not. It has none of a fork.
pub(super) fn community(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    if repo.fork {
        return Err(not_found());
    }
    let files = json!({
        "readme": found(call, repo, "readme"), "contributing": found(call, repo, "contributing"),
        "code_of_conduct": found(call, repo, "code_of_conduct").is_object().then(|| {
            json!({"key": "other", "name": "Other", "url": format!("{}/codes_of_conduct/other", call.base), "html_url": null})
        }),
        "code_of_conduct_file": found(call, repo, "code_of_conduct"),
        "issue_template": found(call, repo, "issue_template"),
        "pull_request_template": found(call, repo, "pull_request_template"),
        "license": found(call, repo, "license").is_object().then(|| {
            json!({"key": "mit", "name": "MIT License", "spdx_id": "MIT", "url": null, "node_id": "L_mit"})
        }),
    });
    let count = |wanted: bool| {
        files
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, file)| file.is_object() == wanted)
            .count()
    };
    let percent = count(true) * 100 / (count(true) + count(false)).max(1);
    Ok(Answer::ok(json!({
        "health_percentage": percent, "description": repo.description, "documentation": null, "files": files,
        "updated_at": super::shape::time(repo.pushed_at),
    })))
}

/// What is wrong with the first CODEOWNERS there is: a pattern that GitHub does not take, an owner that is none.
pub(super) fn owners_errors(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let tree = repo.tree(call.query("ref").unwrap_or(&repo.default_branch));
    let places = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
    let found = places.into_iter().find_map(|path| Some((path, tree.get(path)?)));
    let (path, text) = found.ok_or_else(not_found)?;
    let unknown = |owner: &str| match owner.strip_prefix('@') {
        Some(login) if !login.contains('/') => {
            !repo.collaborators.is_empty()
                && !repo.owner().eq_ignore_ascii_case(login)
                && !repo
                    .collaborators
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(login))
        }
        _ => false,
    };
    let mut errors = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(pattern) = words.next() else { continue };
        let owners: Vec<&str> = words.collect();
        let wrong = if pattern.starts_with('!') || pattern.contains('[') {
            Some(("Invalid pattern", pattern))
        } else if let Some(owner) = owners.iter().find(|owner| !owner.contains('@')) {
            Some(("Invalid owner", *owner))
        } else {
            owners
                .iter()
                .find(|owner| unknown(owner))
                .map(|owner| ("Unknown owner", *owner))
        };
        if let Some((kind, at)) = wrong {
            errors.push(json!({
                "line": index + 1, "column": line.find(at).unwrap_or(0) + 1, "kind": kind, "source": line,
                "path": path, "suggestion": null, "message": format!("{kind} on line {}: {line}", index + 1),
            }));
        }
    }
    Ok(Answer::ok(json!({ "errors": errors })))
}

/// The MIT license is the only one that is kept here.
pub(super) fn license(_: &mut World, call: &Call) -> Outcome {
    if !call.param("key").eq_ignore_ascii_case("mit") {
        return Err(not_found());
    }
    Ok(Answer::ok(json!({
        "key": "mit", "name": "MIT License", "spdx_id": "MIT", "url": format!("{}/licenses/mit", call.base),
        "node_id": node("LIC", stable_id("mit")), "html_url": "http://choosealicense.com/licenses/mit/",
        "description": "A short license that permits nearly everything.",
        "implementation": "Create a text file LICENSE in the root of your source code.",
        "permissions": ["commercial-use", "modifications", "distribution", "private-use"],
        "conditions": ["include-copyright"], "limitations": ["liability", "warranty"], "featured": true,
        "body": include_str!("mit.txt"),
    })))
}

/// A file whose name begins like that, at the top or where GitHub looks as well.
fn found(call: &Call, repo: &Repo, name: &str) -> Value {
    let is_it = |path: &String| {
        let path = path.to_lowercase();
        let bare = path.trim_start_matches(".github/").trim_start_matches("docs/");
        bare.starts_with(name)
    };
    match repo.tree(&repo.default_branch).into_keys().find(is_it) {
        Some(path) => json!({
            "url": format!("{}/repos/{}/contents/{path}", call.base, repo.full_name),
            "html_url": format!("https://github.com/{}/blob/{}/{path}", repo.full_name, repo.default_branch),
        }),
        None => Value::Null,
    }
}
