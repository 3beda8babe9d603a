//! In: calls below `/github`. Out: answers in the shapes of GitHub's REST API, version 2026-03-10.
//! Never: webhooks by itself; a write says what happened and `notify` builds the delivery.

mod routes;
mod state;
mod things;
mod app;
mod shape;
mod shape_runs;
mod repos;
mod issues;
mod sub_issues;
mod comments;
mod labels;
mod pulls;
mod merge;
mod reviews;
mod history;
mod commits;
mod releases;
mod traffic;
mod checks;
mod alerts;
mod people;
mod discussions;
mod merging;
mod insight;
mod graphql;
mod actions;
mod contents;
mod search;
mod notify;
mod hooks;
mod oauth;

use http::Method;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::call::{Answer, Call, Outcome};
use super::state::World;
pub(super) use actions::stored_log;
pub(super) use app::App;
pub(super) use graphql::{GRAPHQL, operation};
pub(super) use notify::{
    check_event, comment_event, create_event, deployment_event, discussion_event, issue_event, label_event,
    member_event, ping, pull_event, push_event, release_event, review_event, run_event, sub_issue_event,
};
pub(super) use oauth::revoke;
pub(super) use routes::ROUTES;
pub(super) use state::{
    Comment, Commit, Content, FileDiff, Issue, Job, Label, Pull, Repo, Run, State, stable_id, stable_sha,
};
pub(super) use things::{Alert, Category, Discussion, Invitation, Member, Release, Said, Visit};

/// Where refusals send the reader.
const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// What every call must bring before its path is looked at: a `User-Agent`, and the token.
pub(super) fn gate(world: &World, call: &Call) -> Result<(), Answer> {
    if call.header("user-agent").is_empty() {
        let message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Err(Answer {
            body: Some(Value::String(message.to_owned())),
            ..Answer::empty(403)
        });
    }
    if oauth::is_page(&call.path) {
        return Ok(());
    }
    if let Some(gate) = oauth::gate(world, call) {
        return gate;
    }
    match call.token() {
        None => return Err(error(401, "Requires authentication")),
        Some(token) if token == world.options.github_token => {}
        Some(token) => app::gate(world, call, token)?,
    }
    if call.path != "/rate_limit" && world.github.rate.refuses(call.now.as_second()) {
        return Err(error(403, "API rate limit exceeded for user ID 1."));
    }
    Ok(())
}

/// As whom a call is made that does not bear the account's own token.
pub(super) fn actor(world: &World, call: &Call) -> Option<String> {
    let of_app = app::actor(world, call).map(str::to_owned);
    of_app.or_else(|| world.github.oauth.actor(call).map(str::to_owned))
}

/// The answer for a path that is not there; GitHub answers 404 for a wrong verb too.
pub(super) fn refuse(call: &Call, _status: u16) -> Answer {
    // PUT and PATCH on a known collection are 404 as well; only the merge route has a 405, with another meaning.
    let _ = call;
    not_found()
}

/// Adds the headers that every answer of GitHub carries and counts the call.
pub(super) fn dress(world: &mut World, call: &Call, answer: Answer) -> Answer {
    let answer = conditional(call, answer);
    let rate = &mut world.github.rate;
    let refused = rate.refuses(call.now.as_second());
    let free = call.path == "/rate_limit" || answer.status == 304;
    rate.count(call.now.as_second(), !free && !refused);
    let rate = *rate;
    let told = answer
        .headers
        .iter()
        .any(|(name, _)| name.starts_with("x-ratelimit"));
    let id = world.ids.guid();
    let mut answer = answer
        .with("x-github-media-type", "github.v3; format=json")
        .with("x-github-api-version-selected", "2026-03-10")
        .with("x-github-request-id", id);
    if let Some(scopes) = oauth::scopes(world, call) {
        answer = answer.with("x-oauth-scopes", scopes);
    }
    if !told {
        answer = answer
            .with("x-ratelimit-limit", rate.limit.to_string())
            .with("x-ratelimit-remaining", rate.remaining().to_string())
            .with("x-ratelimit-used", rate.used.to_string())
            .with("x-ratelimit-reset", rate.reset.to_string())
            .with(
                "x-ratelimit-resource",
                match call.path.split('/').nth(1) {
                    Some("search") => "search",
                    Some("graphql") => "graphql",
                    _ => "core",
                },
            );
    }
    if call.method == Method::HEAD {
        answer.body = None;
    }
    answer
}

/// Gives what is read a tag, and says no more than that nothing changed to who has it already.
fn conditional(call: &Call, answer: Answer) -> Answer {
    let body = answer.body.as_ref().filter(|_| answer.status == 200);
    let Some(body) = body.filter(|_| call.method == Method::GET) else {
        return answer;
    };
    let tag = format!("W/\"{}\"", hex::encode(Sha256::digest(body.to_string())));
    if call.header("if-none-match") != tag {
        return answer.with("etag", tag);
    }
    Answer {
        status: 304,
        body: None,
        ..answer
    }
    .with("etag", tag)
}

/// An error as GitHub words it.
pub(super) fn error(status: u16, message: &str) -> Answer {
    let body = json!({"message": message, "documentation_url": DOCUMENTATION, "status": status.to_string()});
    Answer::json(status, body)
}

fn not_found() -> Answer {
    error(404, "Not Found")
}

/// 422 for one field; `code` is `missing_field`, `missing` or `invalid`.
fn invalid(resource: &str, field: &str, code: &str) -> Answer {
    let body = json!({
        "message": "Validation Failed",
        "errors": [{"resource": resource, "field": field, "code": code}],
        "documentation_url": DOCUMENTATION,
        "status": "422",
    });
    Answer::json(422, body)
}

/// 422 for a body that does not fit the schema, with GitHub's sentence.
fn unfit(sentence: &str) -> Answer {
    error(422, &format!("Invalid request.\n\n{sentence}"))
}

/// The body of a write: 400 when it is not JSON, 422 when it is not an object.
fn body(call: &Call) -> Result<Map<String, Value>, Answer> {
    if let Some(object) = call.object() {
        return Ok(object);
    }
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(_) => Err(unfit("For 'links/0/schema', the body is not an object.")),
        Err(_) => Err(error(400, "Problems parsing JSON")),
    }
}

/// A required text: missing, or of another type, is 422.
fn text(body: &Map<String, Value>, resource: &str, field: &str) -> Result<String, Answer> {
    match body.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => Err(invalid(resource, field, "missing_field")),
        None | Some(Value::Null) => Err(unfit(&format!("\"{field}\" wasn't supplied."))),
        Some(other) => Err(unfit(&format!(
            "For 'properties/{field}', {other} is not a string."
        ))),
    }
}

/// An optional text; `Some(None)` is an explicit null.
fn optional_text(body: &Map<String, Value>, field: &str) -> Result<Option<Option<String>>, Answer> {
    match body.get(field) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(other) => Err(unfit(&format!(
            "For 'properties/{field}', {other} is not a string."
        ))),
    }
}

/// An optional list of names; labels may also come as objects with a `name`.
fn names(body: &Map<String, Value>, field: &str) -> Result<Option<Vec<String>>, Answer> {
    let list = match body.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(other) => {
            return Err(unfit(&format!(
                "For 'properties/{field}', {other} is not an array."
            )));
        }
    };
    let name_of = |item: &Value| {
        item.as_str()
            .or_else(|| item.get("name")?.as_str())
            .map(str::to_owned)
    };
    let found: Option<Vec<String>> = list.iter().map(name_of).collect();
    found.map(Some).ok_or_else(|| {
        unfit(&format!(
            "For 'properties/{field}/items', an item is not a string."
        ))
    })
}

/// One page of a list, with the `Link` header that leads to the others.
fn page(call: &Call, items: Vec<Value>, wrap: Option<&str>) -> Outcome {
    let per_page = call
        .query("per_page")
        .and_then(|n| n.parse::<usize>().ok())
        .unwrap_or(30)
        .clamp(1, 100);
    let page = call
        .query("page")
        .and_then(|n| n.parse::<usize>().ok())
        .unwrap_or(1)
        .max(1);
    let (total, last) = (items.len(), items.len().div_ceil(per_page).max(1));
    let start = (page - 1).saturating_mul(per_page);
    let shown: Vec<Value> = items.into_iter().skip(start).take(per_page).collect();
    let body = match wrap {
        None => Value::Array(shown),
        Some("items") => {
            json!({"total_count": total, "incomplete_results": false, "items": shown})
        }
        Some(name) => json!({"total_count": total, name: shown}),
    };
    let mut links = Vec::new();
    let mut link = |to: usize, rel: &str| links.push(format!("<{}>; rel=\"{rel}\"", page_url(call, to)));
    if page > 1 {
        link((page - 1).min(last), "prev");
    }
    if page < last {
        link(page + 1, "next");
        link(last, "last");
    }
    if page > 1 {
        link(1, "first");
    }
    let answer = Answer::ok(body);
    Ok(if links.is_empty() {
        answer
    } else {
        answer.with("link", links.join(", "))
    })
}

/// The same call's URL with another page.
fn page_url(call: &Call, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in call.query.iter().filter(|(key, _)| key != "page") {
        query.append_pair(key, value);
    }
    query.append_pair("page", &page.to_string());
    format!("{}{}?{}", call.base, call.path, query.finish())
}

/// The repository a call names, or 404.
fn repo<'a>(world: &'a World, call: &Call) -> Result<&'a Repo, Answer> {
    world.github.repo(&full_name(call)).ok_or_else(not_found)
}

fn repo_mut<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Repo, Answer> {
    world.github.repo_mut(&full_name(call)).ok_or_else(not_found)
}

fn full_name(call: &Call) -> String {
    format!("{}/{}", call.param("o"), call.param("r"))
}
