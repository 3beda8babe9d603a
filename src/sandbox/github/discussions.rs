//! In: GraphQL operations about discussions. Out: answers from state, deliveries of what was said and done.
//! Never: polls, votes and labels of discussions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::app::reaches;
use super::graphql::{input, missing, no_node, refusal, repo_of, selected, variables};
use super::shape::{node, time};
use super::things::{Category, Discussion, Said};
use super::{Repo, discussion_event};
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// The page of a list that `first` and `after`, or `last` and `before`, ask for, as a connection.
fn connection(given: &Map<String, Value>, items: Vec<Value>) -> Value {
    let number = |name: &str| given.get(name).and_then(Value::as_u64);
    let cursor = |name: &str| -> Option<usize> {
        let cursor = given.get(name).and_then(Value::as_str)?;
        cursor.strip_prefix("Y3Vyc29y:")?.parse().ok()
    };
    let size = number("last").or(number("first")).unwrap_or(100);
    let size = usize::try_from(size.clamp(1, 100)).unwrap_or(100);
    let total = items.len();
    let (begin, end) = match number("last") {
        Some(_) => {
            let end = cursor("before").unwrap_or(total).min(total);
            (end.saturating_sub(size), end)
        }
        None => {
            let begin = cursor("after").unwrap_or(0).min(total);
            (begin, (begin + size).min(total))
        }
    };
    let nodes: Vec<Value> = items.into_iter().skip(begin).take(end - begin).collect();
    json!({
        "totalCount": total, "nodes": nodes,
        "pageInfo": {
            "hasNextPage": end < total, "endCursor": format!("Y3Vyc29y:{end}"),
            "hasPreviousPage": begin > 0, "startCursor": format!("Y3Vyc29y:{begin}"),
        },
    })
}

pub(super) fn categories(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let repo = repo_of(world, call, &given)?;
    let items = repo.categories.iter().map(shown_category).collect();
    let shown = json!({
        "id": node("R", repo.id), "hasDiscussionsEnabled": !repo.categories.is_empty(),
        "discussionCategories": connection(&Map::new(), items),
    });
    selected(call, json!({"repository": shown}))
}

fn shown_category(category: &Category) -> Value {
    json!({
        "id": node("DIC", category.id), "name": category.name, "slug": category.slug, "description": null,
        "isAnswerable": category.answerable,
    })
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let repo = repo_of(world, call, &given)?;
    let states: Option<Vec<&str>> = given
        .get("states")
        .and_then(Value::as_array)
        .map(|states| states.iter().filter_map(Value::as_str).collect());
    let wanted = |one: &&Discussion| {
        let state = if one.closed { "CLOSED" } else { "OPEN" };
        let category = given.get("category").and_then(Value::as_str);
        let answered = given.get("answered").and_then(Value::as_bool);
        states.as_ref().is_none_or(|states| states.contains(&state))
            && category.is_none_or(|id| id == node("DIC", one.category))
            && answered.is_none_or(|answered| one.answer.is_some() == answered)
    };
    let mut found: Vec<&Discussion> = repo.discussions.values().filter(wanted).collect();
    let by_creation = given.get("field").and_then(Value::as_str) == Some("CREATED_AT");
    found.sort_by_key(|one| {
        std::cmp::Reverse(if by_creation {
            one.created_at
        } else {
            one.updated_at
        })
    });
    let items = found.into_iter().map(|one| shown(repo, one, call)).collect();
    selected(
        call,
        json!({"repository": {"discussions": connection(&given, items)}}),
    )
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let given = variables(call)?;
    let repo = repo_of(world, call, &given)?;
    let number = given.get("number").and_then(Value::as_u64).unwrap_or_default();
    let one = repo.discussions.get(&number).ok_or_else(|| {
        missing(
            "repository",
            &format!("Could not resolve to a Discussion with the number of {number}."),
        )
    })?;
    let backwards = given.contains_key("last");
    let from_the_end = Map::from_iter([("last".to_owned(), json!(100))]);
    let mut discussion = shown(repo, one, call);
    let top = one.comments.iter().filter(|comment| comment.reply_to.is_none());
    let items = top.map(|comment| {
        let replies = one
            .comments
            .iter()
            .filter(|reply| reply.reply_to == Some(comment.id));
        let mut said = shown_comment(repo, one, comment, call);
        said["replies"] = connection(
            &if backwards {
                from_the_end.clone()
            } else {
                Map::new()
            },
            replies
                .map(|reply| shown_comment(repo, one, reply, call))
                .collect(),
        );
        said
    });
    discussion["comments"] = connection(&given, items.collect());
    selected(call, json!({"repository": {"discussion": discussion}}))
}

fn shown(repo: &Repo, one: &Discussion, call: &Call) -> Value {
    let category = repo
        .categories
        .iter()
        .find(|category| category.id == one.category);
    let answerable = category.is_some_and(|category| category.answerable);
    json!({
        "id": node("D", one.id), "number": one.number, "title": one.title, "body": one.body,
        "url": page(repo, one), "createdAt": time(one.created_at), "updatedAt": time(one.updated_at),
        "closed": one.closed, "locked": one.locked, "isAnswered": answerable.then_some(one.answer.is_some()),
        "upvoteCount": 1, "viewerDidAuthor": one.author.eq_ignore_ascii_case(&call.actor),
        "author": author(&one.author), "category": category.map(shown_category),
        "comments": {"totalCount": one.comments.len()},
    })
}

/// GraphQL shows an App's account without what REST puts behind it.
fn author(login: &str) -> Value {
    json!({"login": login.trim_end_matches("[bot]")})
}

fn page(repo: &Repo, one: &Discussion) -> String {
    format!("https://github.com/{}/discussions/{}", repo.full_name, one.number)
}

fn shown_comment(repo: &Repo, one: &Discussion, comment: &Said, call: &Call) -> Value {
    json!({
        "id": node("DC", comment.id), "databaseId": comment.id,
        "url": format!("{}#discussioncomment-{}", page(repo, one), comment.id), "body": comment.body,
        "createdAt": time(comment.at), "isAnswer": one.answer == Some(comment.id),
        "viewerDidAuthor": comment.author.eq_ignore_ascii_case(&call.actor), "author": author(&comment.author),
    })
}

/// Where the discussion of that id is.
fn place(world: &World, call: &Call, field: &str, id: &str) -> Result<(String, u64), Answer> {
    let all = world
        .github
        .repos()
        .filter(|repo| reaches(world, call, &repo.full_name));
    let mut all = all.flat_map(|repo| repo.discussions.values().map(move |one| (repo, one)));
    all.find(|(_, one)| node("D", one.id) == id)
        .map(|(repo, one)| (repo.full_name.clone(), one.number))
        .ok_or_else(|| no_node(field, id))
}

fn text<'g>(given: &'g Map<String, Value>, name: &str) -> Option<&'g str> {
    given.get(name).and_then(Value::as_str)
}

/// The category of that id, which must be one of the repository's.
fn category(repo: &Repo, field: &str, id: &str) -> Result<u64, Answer> {
    let found = repo
        .categories
        .iter()
        .find(|category| node("DIC", category.id) == id);
    found
        .map(|category| category.id)
        .ok_or_else(|| missing(field, "Could not resolve to a DiscussionCategory."))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "createDiscussion";
    let given = input(call)?;
    let id = text(&given, "repositoryId").unwrap_or_default();
    let repo = world.github.repos().find(|repo| node("R", repo.id) == id);
    let repo = repo.filter(|repo| reaches(world, call, &repo.full_name));
    let repo = repo.ok_or_else(|| no_node(FIELD, id))?;
    let category = category(repo, FIELD, text(&given, "categoryId").unwrap_or_default())?;
    let name = repo.full_name.clone();
    let (fresh, number) = (world.ids.number(), repo_number(world, &name));
    let one = Discussion {
        id: fresh,
        number,
        title: text(&given, "title").unwrap_or_default().to_owned(),
        body: text(&given, "body").unwrap_or_default().to_owned(),
        author: call.actor.clone(),
        category,
        closed: false,
        locked: false,
        answer: None,
        comments: Vec::new(),
        created_at: call.now,
        updated_at: call.now,
    };
    if one.title.trim().is_empty() {
        return Err(refusal(Some("UNPROCESSABLE"), FIELD, "Title can't be blank"));
    }
    if let Some(repo) = world.github.repo_mut(&name) {
        repo.discussions.insert(number, one);
    }
    done(world, call, FIELD, (&name, number), "created")
}

fn repo_number(world: &World, name: &str) -> u64 {
    world.github.repo(name).map_or(1, Repo::next_number)
}

/// Tells what was done to a discussion, and answers with it.
fn done(world: &mut World, call: &Call, field: &str, (name, number): (&str, u64), action: &str) -> Outcome {
    if !action.is_empty() {
        discussion_event(world, name, number, None, action, &call.actor);
    }
    let known = world.github.repo(name);
    let shown = known.and_then(|repo| Some(shown(repo, repo.discussions.get(&number)?, call)));
    selected(call, json!({field: {"discussion": shown}}))
}

fn with<T>(
    world: &mut World,
    (name, number): (&str, u64),
    now: Timestamp,
    change: impl FnOnce(&mut Discussion) -> T,
) -> Result<T, Answer> {
    let known = world
        .github
        .repo_mut(name)
        .and_then(|repo| repo.discussions.get_mut(&number));
    let one = known.ok_or_else(|| missing("discussion", "Could not resolve to a Discussion."))?;
    one.updated_at = now;
    Ok(change(one))
}

pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "updateDiscussion";
    let given = input(call)?;
    let (name, number) = place(
        world,
        call,
        FIELD,
        text(&given, "discussionId").unwrap_or_default(),
    )?;
    let to = match (text(&given, "categoryId"), world.github.repo(&name)) {
        (Some(id), Some(repo)) => Some(category(repo, FIELD, id)?),
        _ => None,
    };
    with(world, (&name, number), call.now, |one| {
        for (field, place) in [("title", &mut one.title), ("body", &mut one.body)] {
            if let Some(value) = text(&given, field) {
                value.clone_into(place);
            }
        }
        one.category = to.unwrap_or(one.category);
    })?;
    if to.is_some() {
        discussion_event(world, &name, number, None, "category_changed", &call.actor);
    }
    let edited = given.contains_key("title") || given.contains_key("body");
    done(
        world,
        call,
        FIELD,
        (&name, number),
        if edited { "edited" } else { "" },
    )
}

pub(super) fn comment(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "addDiscussionComment";
    let given = input(call)?;
    let (name, number) = place(
        world,
        call,
        FIELD,
        text(&given, "discussionId").unwrap_or_default(),
    )?;
    let id = world.ids.number();
    let reply_to = text(&given, "replyToId");
    let made = with(world, (&name, number), call.now, |one| {
        let parent = reply_to.map(|id| one.comments.iter().find(|comment| node("DC", comment.id) == id));
        let parent = match parent {
            None => None,
            // Replies have no replies of their own.
            Some(Some(comment)) if comment.reply_to.is_none() => Some(comment.id),
            Some(_) => return None,
        };
        let said = Said {
            id,
            body: text(&given, "body").unwrap_or_default().to_owned(),
            author: call.actor.clone(),
            reply_to: parent,
            at: call.now,
        };
        one.comments.push(said.clone());
        Some(said)
    })?;
    let Some(said) = made else {
        return Err(refusal(
            Some("UNPROCESSABLE"),
            FIELD,
            "Parent comment is not a top-level comment of this discussion",
        ));
    };
    discussion_event(world, &name, number, Some(id), "created", &call.actor);
    let known = world.github.repo(&name);
    let shown = known.and_then(|repo| Some(shown_comment(repo, repo.discussions.get(&number)?, &said, call)));
    selected(call, json!({FIELD: {"comment": shown}}))
}

pub(super) fn mark_answer(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "markDiscussionCommentAsAnswer";
    let given = input(call)?;
    let wanted = text(&given, "id").unwrap_or_default();
    let of_id = |repo: &Repo| {
        repo.discussions.values().find_map(|one| {
            let mut comments = one.comments.iter();
            let comment = comments.find(|comment| node("DC", comment.id) == wanted)?;
            let mut categories = repo.categories.iter();
            let category = categories.find(|category| category.id == one.category)?;
            let about = (comment.id, comment.reply_to, category.answerable);
            Some((repo.full_name.clone(), one.number, about))
        })
    };
    let found = {
        let mut reached = world
            .github
            .repos()
            .filter(|repo| reaches(world, call, &repo.full_name));
        reached.find_map(of_id)
    };
    let (name, number, (id, reply_to, answerable)) = found.ok_or_else(|| no_node(FIELD, wanted))?;
    if !answerable || reply_to.is_some() {
        return Err(refusal(
            Some("UNPROCESSABLE"),
            FIELD,
            "This comment cannot be marked as an answer",
        ));
    }
    with(world, (&name, number), call.now, |one| one.answer = Some(id))?;
    done(world, call, FIELD, (&name, number), "answered")
}

pub(super) fn close(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "closeDiscussion";
    let given = input(call)?;
    let (name, number) = place(
        world,
        call,
        FIELD,
        text(&given, "discussionId").unwrap_or_default(),
    )?;
    let was = with(world, (&name, number), call.now, |one| {
        std::mem::replace(&mut one.closed, true)
    })?;
    if was {
        return Err(refusal(
            Some("UNPROCESSABLE"),
            FIELD,
            "Discussion is already closed",
        ));
    }
    done(world, call, FIELD, (&name, number), "closed")
}

pub(super) fn lock(world: &mut World, call: &Call) -> Outcome {
    const FIELD: &str = "lockLockable";
    let given = input(call)?;
    let (name, number) = place(world, call, FIELD, text(&given, "lockableId").unwrap_or_default())?;
    with(world, (&name, number), call.now, |one| one.locked = true)?;
    discussion_event(world, &name, number, None, "locked", &call.actor);
    let reason = text(&given, "lockReason");
    selected(
        call,
        json!({FIELD: {"lockedRecord": {"locked": true, "activeLockReason": reason}}}),
    )
}
