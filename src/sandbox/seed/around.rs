//! In: `state.github` lists of what stands around code and conversation: releases, visits, alerts, people, discussions.
//! Out: the same in the world.
//! Never: an event; what is seeded has always been there.

use super::github::of;
use super::{Entry, Takes};
use crate::clock;
use crate::sandbox::SOMEBODY;
use crate::sandbox::github::{
    Alert, Category, Discussion, Invitation, Member, Release, Repo, Said, Visit, stable_id,
};
use crate::sandbox::state::World;
use serde_json::Value;

/// A day, in milliseconds: how old things are that do not say.
const DAY_MS: i64 = 86_400_000;

pub(super) fn release(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.number();
    let at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(clock::after(entry.now(), -DAY_MS));
    let repo = of(world, entry)?;
    let tag = entry.need(&["tag", "tag_name"])?;
    let target = entry.text(&["target", "target_commitish"])?;
    let target = target.unwrap_or_else(|| repo.default_branch.clone());
    let draft = entry.flag(&["draft"])?.unwrap_or(false);
    if !draft {
        let sha = repo.head_of(&target);
        repo.tags.insert(tag.clone(), sha);
    }
    repo.releases.push(Release {
        id: entry.number(&["id"])?.unwrap_or(fresh),
        target,
        name: entry.text(&["name"])?,
        body: entry.text(&["body"])?,
        draft,
        prerelease: entry.flag(&["prerelease"])?.unwrap_or(false),
        author: entry
            .login(&["author", "user"])?
            .unwrap_or_else(|| SOMEBODY.to_owned()),
        created_at: at,
        published_at: (!draft).then_some(entry.time(&["published", "published_at"])?.unwrap_or(at)),
        tag,
    });
    // The order of the list is that of their making, whatever order they were written in.
    repo.releases
        .sort_by_key(|release| (release.created_at, release.id));
    Ok(())
}

/// `kind` is views or clones, with a `day`, or path or referrer, with a `name`.
pub(super) fn visit(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let day = entry.time(&["day", "timestamp"])?.unwrap_or(entry.now());
    let kind = entry.need_one_of(&["kind"], &["views", "clones", "path", "referrer"])?;
    let visit = Visit {
        kind,
        name: entry.text(&["name"])?.unwrap_or_default(),
        day,
        count: entry.number(&["count"])?.unwrap_or(1),
        uniques: entry.number(&["uniques"])?.unwrap_or(1),
    };
    of(world, entry)?.visits.push(visit);
    Ok(())
}

pub(super) fn alert(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(clock::after(entry.now(), -DAY_MS));
    let kind = entry.need_one_of(&["kind"], &["dependabot", "code", "secret"])?;
    let repo = of(world, entry)?;
    let next = repo.alerts.iter().map(|alert| alert.number).max().unwrap_or(0) + 1;
    let alert = Alert {
        kind,
        number: entry.number(&["number"])?.unwrap_or(next),
        state: entry.text(&["state"])?.unwrap_or_else(|| "open".to_owned()),
        severity: entry.text(&["severity"])?.unwrap_or_else(|| "high".to_owned()),
        name: entry.need(&["name", "package", "rule", "secret_type"])?,
        path: entry
            .text(&["path", "manifest_path"])?
            .unwrap_or_else(|| "package.json".to_owned()),
        summary: entry
            .text(&["summary"])?
            .unwrap_or_else(|| "It is weak".to_owned()),
        created_at: at,
    };
    repo.alerts.push(alert);
    Ok(())
}

pub(super) fn invitation(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.number();
    let me = world.options.bot_login.clone();
    let repo = of(world, entry)?;
    let (name, owner) = (repo.full_name.clone(), repo.owner().to_owned());
    let invitation = Invitation {
        id: entry.number(&["id"])?.unwrap_or(fresh),
        repo: name,
        invitee: entry.login(&["invitee", "login"])?.unwrap_or(me),
        inviter: entry.login(&["inviter"])?.unwrap_or(owner),
        role: entry
            .text(&["role", "permissions"])?
            .unwrap_or_else(|| "write".to_owned()),
        created_at: entry
            .time(&["created", "created_at"])?
            .unwrap_or(clock::after(entry.now(), -DAY_MS)),
    };
    world.github.invitations.push(invitation);
    Ok(())
}

pub(super) fn member(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let org = entry.need(&["org", "organization"])?;
    let login = entry.need_login(&["login", "user"])?;
    let member = Member {
        role: entry.text(&["role"])?.unwrap_or_else(|| "member".to_owned()),
        state: entry.text(&["state"])?.unwrap_or_else(|| "active".to_owned()),
    };
    world.github.set_member(&org, &login, Some(member));
    Ok(())
}

pub(super) fn team_member(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let org = entry.need(&["org", "organization"])?;
    let team = entry.need(&["team"])?;
    let login = entry.need_login(&["login", "user"])?;
    let state = entry.text(&["state"])?.unwrap_or_else(|| "active".to_owned());
    let member = Member {
        role: entry.text(&["role"])?.unwrap_or_else(|| "member".to_owned()),
        state,
    };
    let member = Some(member).filter(|member| member.state != "none");
    world.github.set_team_member(&org, &team, &login, member);
    Ok(())
}

/// The categories that GitHub gives a repository which begins to have discussions.
pub(super) fn give_categories(repo: &mut Repo) {
    if !repo.categories.is_empty() {
        return;
    }
    for (name, slug, answerable) in [
        ("Announcements", "announcements", false),
        ("General", "general", false),
        ("Ideas", "ideas", false),
        ("Q&A", "q-a", true),
    ] {
        repo.categories.push(Category {
            id: stable_id(&format!("{}:{slug}", repo.full_name)),
            name: name.to_owned(),
            slug: slug.to_owned(),
            answerable,
        });
    }
}

/// With `comments`, each a table of `id`, `body`, `author` and perhaps `reply_to`; `answer` is the id of one.
pub(super) fn discussion(world: &mut World, entry: &mut Entry<'_>) -> Result<(), String> {
    let fresh = world.ids.number();
    let at = entry
        .time(&["created", "created_at"])?
        .unwrap_or(clock::after(entry.now(), -DAY_MS));
    let comments = entry
        .value(&["comments"], Takes::List)
        .and_then(Value::as_array)
        .cloned();
    let slug = entry.text(&["category"])?.unwrap_or_else(|| "general".to_owned());
    let repo = of(world, entry)?;
    give_categories(repo);
    let category = repo.categories.iter().find(|category| category.slug == slug);
    let category = category
        .ok_or_else(|| entry.error(&format!("category must be a slug such as q-a, not \"{slug}\"")))?;
    let number = entry.number(&["number"])?.unwrap_or_else(|| repo.next_number());
    let said = |comment: Value| {
        let text = |name: &str| comment.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| comment.get(name).and_then(Value::as_u64);
        Some(Said {
            id: number("id")?,
            body: text("body")?,
            author: text("author").unwrap_or_else(|| SOMEBODY.to_owned()),
            reply_to: number("reply_to"),
            at,
        })
    };
    let comments: Option<Vec<Said>> = comments.unwrap_or_default().into_iter().map(said).collect();
    let discussion = Discussion {
        id: entry.number(&["id"])?.unwrap_or(fresh),
        number,
        title: entry.need(&["title"])?,
        body: entry.text(&["body"])?.unwrap_or_default(),
        author: entry
            .login(&["author", "user"])?
            .unwrap_or_else(|| SOMEBODY.to_owned()),
        category: category.id,
        closed: entry.flag(&["closed"])?.unwrap_or(false),
        locked: entry.flag(&["locked"])?.unwrap_or(false),
        answer: entry.number(&["answer"])?,
        comments: comments.ok_or_else(|| entry.error("each of comments needs id and body"))?,
        created_at: at,
        updated_at: entry.time(&["updated", "updated_at"])?.unwrap_or(at),
    };
    repo.discussions.insert(number, discussion);
    Ok(())
}
