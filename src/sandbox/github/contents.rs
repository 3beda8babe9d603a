//! In: calls for files and folders. Out: a file in base64, what a folder or a whole commit holds, many files at once.
//! Never: history; each reference has one tree.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::graphql::{repo_of, selected, variables};
use super::state::stable_sha;
use super::{Repo, error, not_found, repo};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let path = call.param("path").trim_matches('/');
    let reference = call.query("ref").unwrap_or(&repo.default_branch);
    let tree = repo.tree(reference);
    if let Some(text) = tree.get(path) {
        if call.header("accept").contains("raw") {
            return Ok(Answer::ok(Value::String(text.clone())));
        }
        return Ok(Answer::ok(shown(call, repo, reference, path, Some(text))));
    }
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let mut folders = BTreeSet::new();
    let mut entries = Vec::new();
    for (path, text) in &tree {
        let Some(rest) = path.strip_prefix(&prefix) else {
            continue;
        };
        match rest.split_once('/') {
            Some((folder, _)) if folders.insert(folder.to_owned()) => {
                entries.push(shown(call, repo, reference, &format!("{prefix}{folder}"), None));
            }
            Some(_) => {}
            None => entries.push(entry(shown(call, repo, reference, path, Some(text)))),
        }
    }
    if entries.is_empty() {
        let empty = "This repository is empty.";
        return Err(if path.is_empty() && tree.is_empty() {
            error(404, empty)
        } else {
            not_found()
        });
    }
    entries.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    Ok(Answer::ok(Value::Array(entries)))
}

/// A file without its content, as folders list it.
fn entry(mut file: Value) -> Value {
    if let Some(fields) = file.as_object_mut() {
        fields.remove("content");
        fields.remove("encoding");
    }
    file
}

/// One entry; `None` for a folder.
fn shown(call: &Call, repo: &Repo, reference: &str, path: &str, file: Option<&String>) -> Value {
    let base = format!("{}/repos/{}", call.base, repo.full_name);
    let page = format!("https://github.com/{}", repo.full_name);
    let text = file.map_or("", String::as_str);
    let sha = stable_sha(&format!("{path}:{text}"));
    let url = format!("{base}/contents/{path}?ref={reference}");
    let (kind, place) = if file.is_some() {
        ("file", "blob")
    } else {
        ("dir", "tree")
    };
    let git = format!("{base}/git/{place}s/{sha}");
    let html = format!("{page}/{place}/{reference}/{path}");
    let mut shown = json!({
        "type": kind, "name": path.rsplit('/').next(), "path": path, "sha": sha, "size": text.len(),
        "url": url, "git_url": git, "html_url": html,
        "download_url": file.map(|_| format!("https://raw.githubusercontent.com/{}/{reference}/{path}", repo.full_name)),
        "_links": {"self": url, "git": git, "html": html},
    });
    if file.is_some() {
        shown["encoding"] = "base64".into();
        shown["content"] = wrapped(&STANDARD.encode(text)).into();
    }
    shown
}

/// GitHub breaks base64 after 60 characters and ends it with a line break.
fn wrapped(encoded: &str) -> String {
    let lines = encoded.as_bytes().chunks(60).map(String::from_utf8_lossy);
    lines.map(|line| format!("{line}\n")).collect()
}

/// `GET …/git/trees/{sha}`: every path of a commit, with `recursive`; else those at the top.
pub(super) fn tree(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let reference = call.param("sha");
    let files = repo.tree(reference);
    if files.is_empty() {
        return Err(error(409, "Git Repository is empty."));
    }
    let deep = call.query("recursive").is_some();
    let base = format!("{}/repos/{}/git", call.base, repo.full_name);
    let mut entries = std::collections::BTreeMap::new();
    for (path, text) in &files {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            let sha = stable_sha(&format!("{folder}/"));
            let entry = json!({
                "path": folder, "mode": "040000", "type": "tree", "sha": sha, "url": format!("{base}/trees/{sha}"),
            });
            entries.entry(folder.to_owned()).or_insert(entry);
        }
        let sha = stable_sha(&format!("{path}:{text}"));
        let entry = json!({
            "path": path, "mode": "100644", "type": "blob", "sha": sha, "size": text.len(),
            "url": format!("{base}/blobs/{sha}"),
        });
        entries.insert(path.clone(), entry);
    }
    entries.retain(|path, _| deep || !path.contains('/'));
    let sha = stable_sha(&format!("tree of {reference}"));
    Ok(Answer::ok(json!({
        "sha": sha, "url": format!("{base}/trees/{sha}"), "tree": entries.into_values().collect::<Vec<_>>(),
        "truncated": repo.truncated,
    })))
}

/// `object(expression:)` of several files, each under an alias that is its variable's name.
pub(super) fn files(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let repo = repo_of(world, call, &given)?;
    let mut found = serde_json::Map::new();
    for (name, expression) in given.iter().filter(|(name, _)| name.starts_with("file")) {
        let (reference, path) = expression
            .as_str()
            .and_then(|text| text.split_once(':'))
            .unwrap_or_default();
        let blob = repo.tree(reference).get(path).map(|text| {
            let binary = text.contains('\0');
            json!({"byteSize": text.len(), "isTruncated": false, "text": (!binary).then_some(text)})
        });
        found.insert(name.clone(), blob.unwrap_or_default());
    }
    selected(call, json!({"repository": found}))
}
