//! In: calls about releases. Out: answers from state, deliveries of what became public. Never: files of a release.

use serde_json::{Value, json};

use super::shape::{Shape, node, time};
use super::things::Release;
use super::{
    Repo, body, create_event, full_name, invalid, not_found, optional_text, page, release_event, repo,
    repo_mut, text, unfit,
};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let repo = repo(world, call)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let newest_first = repo.releases.iter().rev();
    page(
        call,
        newest_first.map(|release| shape.release(repo, release)).collect(),
        None,
    )
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let given = body(call)?;
    let tag = text(&given, "Release", "tag_name")?;
    let flag = |name: &str| given.get(name).and_then(Value::as_bool).unwrap_or(false);
    let word = |name: &str| Ok::<_, Answer>(optional_text(&given, name)?.flatten());
    let (draft, prerelease) = (flag("draft"), flag("prerelease"));
    match word("make_latest")?.as_deref() {
        None | Some("false" | "legacy") => {}
        Some("true") if draft || prerelease => return Err(invalid("Release", "make_latest", "invalid")),
        Some("true") => {}
        Some(other) => {
            return Err(unfit(&format!(
                "For 'properties/make_latest', {other} is not a member of [\"true\", \"false\", \"legacy\"]."
            )));
        }
    }
    let known = repo(world, call)?;
    if !draft
        && known
            .releases
            .iter()
            .any(|release| !release.draft && release.tag == tag)
    {
        return Err(invalid("Release", "tag_name", "already_exists"));
    }
    let target = word("target_commitish")?.unwrap_or_else(|| known.default_branch.clone());
    let Some(sha) = known.tags.get(&tag).cloned().or_else(|| known.resolve(&target)) else {
        return Err(invalid("Release", "target_commitish", "invalid"));
    };
    let mut words = word("body")?.unwrap_or_default();
    if flag("generate_release_notes") {
        let changelog = format!("https://github.com/{}/commits/{tag}", known.full_name);
        words = format!("{words}\n\n## What's Changed\n\n**Full Changelog**: {changelog}")
            .trim_start()
            .to_owned();
    }
    let release = Release {
        id: world.ids.number(),
        name: word("name")?,
        body: Some(words),
        target,
        draft,
        prerelease,
        author: call.actor.clone(),
        created_at: call.now,
        published_at: (!draft).then_some(call.now),
        tag,
    };
    let (name, by) = (full_name(call), call.actor.clone());
    let repo = repo_mut(world, call)?;
    let is_new = !draft && repo.tags.insert(release.tag.clone(), sha).is_none();
    repo.releases.push(release.clone());
    if is_new {
        create_event(world, &name, &release.tag, "tag", &by);
    }
    let told: &[&str] = match (draft, prerelease) {
        (true, _) => &["created"],
        (_, true) => &["created", "published", "prereleased"],
        _ => &["created", "published", "released"],
    };
    for action in told {
        release_event(world, &name, release.id, action, &by);
    }
    let repo = world.github.repo(&name).ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::json(201, shape.release(repo, &release)))
}

impl Shape<'_> {
    pub(super) fn release(&self, repo: &Repo, release: &Release) -> Value {
        let (url, id, tag) = (self.repo_url(repo), release.id, &release.tag);
        json!({
            "url": format!("{url}/releases/{id}"), "html_url": self.page(repo, &format!("/releases/tag/{tag}")),
            "assets_url": format!("{url}/releases/{id}/assets"),
            "upload_url": format!("https://uploads.github.com/repos/{}/releases/{id}/assets{{?name,label}}", repo.full_name),
            "tarball_url": format!("{url}/tarball/{tag}"), "zipball_url": format!("{url}/zipball/{tag}"),
            "id": id, "node_id": node("RE", id), "tag_name": tag, "target_commitish": release.target,
            "name": release.name, "body": release.body, "draft": release.draft, "prerelease": release.prerelease,
            "immutable": false, "created_at": time(release.created_at), "updated_at": time(release.created_at),
            "published_at": release.published_at.map(time), "author": self.user(&release.author), "assets": [],
        })
    }
}
