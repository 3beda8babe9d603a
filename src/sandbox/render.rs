//! In: calls below `/render/v1`. Out: answers in the shapes of Render's public API.
//! Never: waiting; a deploy's state is worked out from the clock whenever somebody looks.

mod state;
mod shape;
mod services;
mod settings;
mod scaling;
mod blueprints;
mod config;
mod data;
mod domains;
mod env_groups;
mod deploys;
mod progress;
mod events;
mod logs;
mod metrics;
mod jobs;
mod webhooks;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Outcome, Route};
use super::state::World;
pub(super) use data::Database;
pub(super) use deploys::plan;
pub(super) use domains::Domain;
pub(super) use env_groups::EnvGroup;
pub(super) use metrics::{METRICS, Measured};
pub(super) use progress::{begin, happen, serve_ill, tick};
pub use state::Pace;
pub(super) use state::{Commit, Deploy, Event, Log, Script, Service, State, Workspace};
pub(super) use webhooks::seeded as seeded_webhook;

/// Every call that the Render side knows.
pub(super) const ROUTES: &[Route] = &[
    Route::new("GET", "/users", "get_user", services::user),
    Route::new("GET", "/owners", "list_workspaces", services::owners),
    Route::new("GET", "/services", "list_services", services::list),
    Route::new("GET", "/services/{service}", "get_service", services::get),
    Route::new("POST", "/services", "create_service", settings::create),
    Route::new("PATCH", "/services/{service}", "update_service", settings::update),
    Route::new(
        "DELETE",
        "/services/{service}",
        "delete_service",
        settings::delete,
    ),
    Route::new(
        "POST",
        "/services/{service}/scale",
        "scale_service",
        scaling::scale,
    ),
    Route::new(
        "PUT",
        "/services/{service}/autoscaling",
        "set_autoscaling",
        scaling::set_autoscaling,
    ),
    Route::new(
        "DELETE",
        "/services/{service}/autoscaling",
        "set_autoscaling",
        scaling::delete_autoscaling,
    ),
    Route::new(
        "GET",
        "/services/{service}/instances",
        "list_instances",
        scaling::instances,
    ),
    Route::new(
        "POST",
        "/services/{service}/restart",
        "restart_service",
        services::restart,
    ),
    Route::new(
        "POST",
        "/services/{service}/suspend",
        "suspend_service",
        services::suspend,
    ),
    Route::new(
        "POST",
        "/services/{service}/resume",
        "resume_service",
        services::resume,
    ),
    Route::new(
        "GET",
        "/services/{service}/deploys",
        "list_deploys",
        deploys::list,
    ),
    Route::new(
        "POST",
        "/services/{service}/deploys",
        "trigger_deploy",
        deploys::trigger,
    ),
    Route::new("POST", "/deploy/{service}", "deploy_hook", deploys::by_hook),
    Route::new(
        "GET",
        "/services/{service}/deploys/{deploy}",
        "get_deploy",
        deploys::get,
    ),
    Route::new(
        "POST",
        "/services/{service}/deploys/{deploy}/cancel",
        "cancel_deploy",
        deploys::cancel,
    ),
    Route::new(
        "POST",
        "/services/{service}/rollback",
        "rollback_deploy",
        deploys::rollback,
    ),
    Route::new(
        "GET",
        "/services/{service}/env-vars",
        "list_env_vars",
        config::list,
    ),
    Route::new(
        "PUT",
        "/services/{service}/env-vars",
        "set_env_vars",
        config::replace,
    ),
    Route::new(
        "GET",
        "/services/{service}/env-vars/{key}",
        "get_env_var",
        config::get,
    ),
    Route::new(
        "PUT",
        "/services/{service}/env-vars/{key}",
        "set_env_vars",
        config::put,
    ),
    Route::new(
        "DELETE",
        "/services/{service}/env-vars/{key}",
        "delete_env_var",
        config::delete,
    ),
    Route::new("GET", "/env-groups", "list_env_groups", env_groups::list),
    Route::new("POST", "/env-groups", "create_env_group", env_groups::create),
    Route::new("GET", "/env-groups/{group}", "get_env_group", env_groups::get),
    Route::new(
        "DELETE",
        "/env-groups/{group}",
        "delete_env_group",
        env_groups::delete,
    ),
    Route::new(
        "PUT",
        "/env-groups/{group}/env-vars/{key}",
        "set_env_group_vars",
        env_groups::put_var,
    ),
    Route::new(
        "DELETE",
        "/env-groups/{group}/env-vars/{key}",
        "set_env_group_vars",
        env_groups::delete_var,
    ),
    Route::new(
        "POST",
        "/env-groups/{group}/services/{service}",
        "link_env_group",
        env_groups::link,
    ),
    Route::new(
        "DELETE",
        "/env-groups/{group}/services/{service}",
        "unlink_env_group",
        env_groups::unlink,
    ),
    Route::new(
        "GET",
        "/services/{service}/custom-domains",
        "list_custom_domains",
        domains::list,
    ),
    Route::new(
        "POST",
        "/services/{service}/custom-domains",
        "add_custom_domain",
        domains::add,
    ),
    Route::new(
        "GET",
        "/services/{service}/custom-domains/{domain}",
        "get_custom_domain",
        domains::get,
    ),
    Route::new(
        "DELETE",
        "/services/{service}/custom-domains/{domain}",
        "delete_custom_domain",
        domains::delete,
    ),
    Route::new(
        "POST",
        "/services/{service}/custom-domains/{domain}/verify",
        "verify_custom_domain",
        domains::verify,
    ),
    Route::new(
        "POST",
        "/blueprints/validate",
        "validate_blueprint",
        blueprints::validate,
    ),
    Route::new("GET", "/postgres", "list_postgres", data::list),
    Route::new("POST", "/postgres", "create_postgres", data::create_postgres),
    Route::new("GET", "/postgres/{database}", "get_postgres", data::get),
    Route::new("GET", "/key-value", "list_key_value", data::list),
    Route::new("POST", "/key-value", "create_key_value", data::create_key_value),
    Route::new("GET", "/key-value/{database}", "get_key_value", data::get),
    Route::new("GET", "/services/{service}/events", "list_events", events::list),
    Route::new("GET", "/events/{event}", "get_event", events::get),
    Route::new("GET", "/webhooks", "list_webhooks", webhooks::list),
    Route::new("POST", "/webhooks", "create_webhook", webhooks::create),
    Route::new("GET", "/webhooks/{webhook}", "get_webhook", webhooks::get),
    Route::new("PATCH", "/webhooks/{webhook}", "update_webhook", webhooks::update),
    Route::new(
        "DELETE",
        "/webhooks/{webhook}",
        "delete_webhook",
        webhooks::delete,
    ),
    Route::new(
        "GET",
        "/webhooks/{webhook}/events",
        "list_webhook_events",
        webhooks::events,
    ),
    Route::new("GET", "/logs", "query_logs", logs::query),
    Route::new("GET", "/services/{service}/jobs", "list_jobs", jobs::list),
    Route::new("POST", "/services/{service}/jobs", "run_job", jobs::run),
    Route::new(
        "POST",
        "/cron-jobs/{service}/runs",
        "run_cron_job",
        jobs::run_cron,
    ),
    Route::new("GET", "/metrics/{metric}", "get_metrics", metrics::query),
];

/// What every call must bring: the API key; a deploy hook brings a key of its own.
pub(super) fn gate(world: &World, call: &Call) -> Result<(), Answer> {
    let is_hook = call.path.starts_with("/deploy/");
    if is_hook != call.base.ends_with("/render") {
        return Err(error(404, "not found"));
    }
    if is_hook {
        return Ok(());
    }
    if call.token() != Some(world.options.render_key.as_str()) {
        return Err(error(401, "Unauthorized"));
    }
    let (reads, writes) = &world.render.rates;
    let rate = if call.method == http::Method::GET {
        reads
    } else {
        writes
    };
    if rate.refuses(call.now.as_second()) {
        return Err(error(429, "Too many requests"));
    }
    Ok(())
}

/// The answer for a path or a verb that is not there.
pub(super) fn refuse(_: &Call, status: u16) -> Answer {
    error(
        status,
        if status == 405 {
            "Method Not Allowed"
        } else {
            "not found"
        },
    )
}

/// Adds the rate-limit headers and counts the call.
pub(super) fn dress(world: &mut World, call: &Call, answer: Answer) -> Answer {
    let second = call.now.as_second();
    let read = call.method == http::Method::GET;
    let rates = &mut world.render.rates;
    let rate = if read { &mut rates.0 } else { &mut rates.1 };
    // What is refused for the limit's sake does not count.
    rate.count(second, answer.status != 429);
    let (limit, remaining, left) = (rate.limit, rate.remaining(), rate.reset - second);
    if answer
        .headers
        .iter()
        .any(|(name, _)| name.starts_with("ratelimit"))
    {
        return answer;
    }
    answer
        .with("ratelimit-limit", limit.to_string())
        .with("ratelimit-remaining", remaining.to_string())
        .with("ratelimit-reset", left.to_string())
}

/// An error as Render words it.
pub(super) fn error(status: u16, message: &str) -> Answer {
    let code = match status {
        400 => "bad_request",
        401 => "unauthorized",
        402 => "payment_required",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        410 => "gone",
        429 => "rate_limited",
        _ => "internal_server_error",
    };
    Answer::json(
        status,
        json!({"id": format!("err-{status}"), "message": message, "code": code}),
    )
}

/// The body of a write; an empty one counts as `{}`.
fn body(call: &Call) -> Result<Map<String, Value>, Answer> {
    call.object().ok_or_else(|| error(400, "invalid JSON"))
}

fn optional_text(body: &Map<String, Value>, field: &str) -> Result<Option<String>, Answer> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(error(400, &format!("invalid JSON: {field} must be a string"))),
    }
}

/// A time in a query; 400 when it is not RFC 3339.
fn time(call: &Call, name: &str) -> Result<Option<Timestamp>, Answer> {
    call.query(name)
        .map(|text| {
            text.parse()
                .map_err(|_| error(400, &format!("{name} must be an RFC 3339 time")))
        })
        .transpose()
}

/// One page of `(id, shown)`, newest first, as `[{<name>: …, cursor}]`.
fn page(call: &Call, name: &str, items: Vec<(String, Value)>) -> Outcome {
    let limit = limit(call)?;
    let start = match call.query("cursor") {
        None => 0,
        Some(cursor) => {
            let at = items.iter().position(|(id, _)| id == cursor);
            at.ok_or_else(|| error(400, "invalid cursor"))? + 1
        }
    };
    let shown = items.into_iter().skip(start).take(limit);
    Ok(Answer::ok(
        shown
            .map(|(id, item)| json!({name: item, "cursor": id}))
            .collect(),
    ))
}

fn limit(call: &Call) -> Result<usize, Answer> {
    let Some(limit) = call.query("limit") else {
        return Ok(20);
    };
    let known = limit
        .parse::<usize>()
        .ok()
        .filter(|limit| (1..=100).contains(limit));
    known.ok_or_else(|| error(400, "limit must be between 1 and 100"))
}

/// A workspace that the key sees: the default one, one that was told of, or one that owns a service.
fn workspace(world: &World, id: &str) -> Result<Workspace, Answer> {
    let state = &world.render;
    let known = state.workspaces.get(id).cloned();
    let owns = || id == state::OWNER || state.services.values().any(|service| service.owner == id);
    known
        .or_else(|| owns().then(Workspace::default))
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

fn service<'a>(world: &'a World, call: &Call) -> Result<&'a Service, Answer> {
    let id = call.param("service");
    world
        .render
        .services
        .get(id)
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}

fn service_mut<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Service, Answer> {
    let id = call.param("service");
    world
        .render
        .services
        .get_mut(id)
        .ok_or_else(|| error(404, &format!("not found: {id}")))
}
