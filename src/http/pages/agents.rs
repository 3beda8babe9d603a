//! In: questions about agents, and a person's wishes for one. Out: who it is, what it may do and did; its token, once. Never: a
//! token that was made before.

use std::collections::BTreeMap;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use http::{HeaderValue, header};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, audit, to, view};
use crate::accounts::Accounts;
use crate::agents::{self, Agent, Asked, Directory, Grant, TOKEN_DAYS_MAX, TokenRecord, Who};
use crate::journal::AuditQuery;

/// How many of its doings an agent's page shows.
const TRAIL_SHOWN: usize = 15;
/// How much of a page their arguments may take, in bytes.
const JSON_BYTES_MAX: usize = 16 * 1024;
/// How long a token lives unless asked, in days.
const TOKEN_DAYS: i64 = 90;

/// `GET /agents`
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
) -> Result<Response, Failed> {
    let directory = app.reactor.directory();
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    let mut tokens: BTreeMap<String, Vec<TokenRecord>> = BTreeMap::new();
    for token in agents::list(store, None, now).await? {
        tokens.entry(token.agent.clone()).or_default().push(token);
    }
    let pauses = app.reactor.pauses().await?;
    let mut shown = Vec::new();
    for agent in directory.agents() {
        let own = tokens.remove(&agent.id).unwrap_or_default();
        let what = format!("agent:{}", agent.id);
        let login = match &app.doors.accounts {
            Some(accounts) => accounts.account(&agent.id).await?.map(|account| account.login),
            None => None,
        };
        shown.push(json!({
            "id": agent.id, "role": agent.role, "tokens": own.len(), "login": login, "expected": agent.github_login,
            "last_used_at": own.iter().filter_map(|token| token.last_used_at).max(),
            "paused": pauses.iter().any(|pause| pause.what == what),
        }));
    }
    // Tokens outlive the agent they were made for until somebody takes them back.
    let orphans: Vec<&String> = tokens.keys().collect();
    let about = json!({ "title": "Agents", "page": "agents", "agents": shown, "orphans": orphans });
    Ok(view::page(&app, &signed, "agents.html", about).await?)
}

/// `GET /agents/{id}`
pub(super) async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let about = about(&app, &id).await?;
    Ok(view::page(&app, &signed, "agent.html", about).await?)
}

async fn about(app: &App, id: &str) -> Result<Value, Failed> {
    let directory = app.reactor.directory();
    let agent = known(directory, id)?;
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    let query = AuditQuery {
        who: Some(id.to_owned()),
        limit: TRAIL_SHOWN,
        ..AuditQuery::default()
    };
    let trail = store.audited(&query).await?;
    let what = format!("agent:{id}");
    let pause = app
        .reactor
        .pauses()
        .await?
        .into_iter()
        .find(|pause| pause.what == what);
    Ok(json!({
        "title": id, "page": "agents", "agent": agent.id, "role": directory.role(&agent.role), "expected": agent.github_login,
        "tokens": agents::list(store, Some(id), now).await?, "account": account(app, id).await?, "pause": pause,
        "trail": audit::rows(&trail, &mut Budget::new(JSON_BYTES_MAX)), "more": trail.len() == TRAIL_SHOWN,
        "days": TOKEN_DAYS, "days_max": TOKEN_DAYS_MAX,
    }))
}

fn known<'d>(directory: &'d Directory, id: &str) -> Result<&'d Agent, Problem> {
    directory.agent(id).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no agent {id:?}; agents are `[[agent]]` in xmrt.toml"
        ))
    })
}

/// The account it acts as on GitHub.
async fn account(app: &App, id: &str) -> Result<Value, Problem> {
    let Some(accounts) = &app.doors.accounts else {
        return Ok(Value::Null);
    };
    let account = accounts.account(id).await?;
    let asked = accounts.asked(id);
    Ok(json!({
        "set_up": accounts.is_set_up().is_ok(), "lacks": accounts.is_set_up().err(), "needs": asked.scopes(),
        "missing": account.as_ref().map(|account| asked.missing(&account.scopes)),
        "is": account.as_ref().map(crate::accounts::Account::shown),
    }))
}

/// `POST /agents/{id}/tokens` with `days`: the only page that ever shows the token.
pub(super) async fn issue(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    known(app.reactor.directory(), &id)?;
    let days = match form.some("days") {
        None => TOKEN_DAYS,
        Some(days) => days
            .parse()
            .ok()
            .filter(|days| (1..=TOKEN_DAYS_MAX).contains(days))
            .ok_or_else(|| {
                Problem::bad_request(format!("{days:?} days; a token lives for 1 to {TOKEN_DAYS_MAX}"))
            })?,
    };
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    let lifetime = SignedDuration::from_hours(24 * days);
    let (token, record) = agents::issue(store, &id, lifetime, now).await?;
    tracing::info!(target: "audit", agent = id, token.id = record.id, "a token was made for an agent");
    app.reactor.said(&signed.who, "agent.token", &id).await;
    let mut about = about(&app, &id).await?;
    about["token"] = token.expose_secret().into();
    let mut page = view::page(&app, &signed, "agent.html", about).await?;
    page.headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(page)
}

/// `POST /agents/{id}/tokens/{token}`: takes it back; also one of an agent that is not in `xmrt.toml` any more.
pub(super) async fn revoke(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path((id, token)): Path<(String, String)>,
) -> Result<Response, Failed> {
    let (store, now) = (app.reactor.store().as_ref(), app.reactor.clock().now());
    if !agents::revoke(store, &id, &token, now).await? {
        return Err(
            Problem::not_found(format!("agent {id:?} has no token {token:?}; it may have ended")).into(),
        );
    }
    tracing::info!(target: "audit", agent = id, token.id = token, "a token of an agent was taken back");
    app.reactor.said(&signed.who, "agent.revoke", &id).await;
    Ok(back(&id, "revoked"))
}

/// `POST /agents/{id}/account` with `do`: `check` asks GitHub whether the token is still taken, `sign_out` gives it up.
pub(super) async fn sign(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let accounts: &Accounts = app.doors.accounts.as_ref().ok_or_else(|| {
        Problem::not_found("signing agents in to GitHub is not set up here; see docs/agents.md")
    })?;
    let said = match form.get("do") {
        "check" => match accounts.check(&id).await? {
            Some(_) => "taken",
            None => "signed-out",
        },
        "sign_out" => {
            accounts.sign_out(&id, &signed.who).await?;
            "signed-out"
        }
        other => {
            let detail = format!("`do` is {other:?}; it can be `check` or `sign_out`");
            return Err(Problem::bad_request(detail).into());
        }
    };
    Ok(back(&id, said))
}

/// `POST /agents/{id}/pause`, with `resume` if it is to go on.
pub(super) async fn pause(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let what = format!("agent:{id}");
    let said = match form.get("resume").is_empty() {
        true => {
            known(app.reactor.directory(), &id)?;
            app.reactor.pause(&what, &signed.who).await?;
            "paused"
        }
        false => {
            app.reactor.resume(&what, &signed.who).await?;
            "resumed"
        }
    };
    Ok(back(&id, said))
}

/// `POST /agents/{id}/may` with `tool` and `arguments`: whether it may make a call, and what that hangs on. No call is made.
pub(super) async fn may(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let mut about = about(&app, &id).await?;
    let (tool, text) = (form.get("tool"), form.get("arguments"));
    let arguments = match text {
        "" => Ok(json!({})),
        text => serde_json::from_str::<Value>(text),
    };
    about["asked"] = json!({ "tool": tool, "arguments": text });
    match arguments {
        Ok(arguments) if arguments.is_object() => {
            let asked = Asked {
                tool,
                arguments: &arguments,
                partly: false,
            };
            let (grant, reasons) = app.reactor.directory().explain(&Who::Agent(id), &asked);
            let (verdict, remedy) = match grant {
                Grant::Granted => ("It may.", None),
                Grant::Approval => ("It may, once a person has approved the call.", None),
                Grant::Refused { remedy, .. } => ("It may not.", Some(remedy)),
            };
            about["asked"]["verdict"] = verdict.into();
            about["asked"]["reasons"] = json!(reasons);
            about["asked"]["remedy"] = json!(remedy);
        }
        Ok(_) => {
            about["asked"]["wrong"] =
                "The arguments are one JSON object, as in {\"repo\": \"acme/api\"}.".into()
        }
        Err(error) => about["asked"]["wrong"] = format!("The arguments are no JSON: {error}.").into(),
    }
    Ok(view::page(&app, &signed, "agent.html", about).await?)
}

fn back(id: &str, said: &str) -> Response {
    to(&format!("/agents/{}?said={said}", view::segment(id)))
}
