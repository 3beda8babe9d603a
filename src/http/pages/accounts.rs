//! In: a signed-in person's browser on its way to GitHub, and back. Out: an agent that is signed in, or why not. Never: an address
//! to send anybody to that a request named.

use axum::extract::{Query, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::super::Problem;
use super::super::routes::{App, Shared};
use super::session::is_local;
use super::{Failed, to, view};
use crate::accounts::{Accounts, Callback};

/// The cookie that ties the way back to the way there. With its prefix browsers take it from this very host only, over TLS.
const COOKIE: &str = "__Host-xmrt_oauth";
/// The same where there is no TLS: on this machine.
const COOKIE_LOCAL: &str = "xmrt_oauth";

/// What `GET /oauth/github/start` takes; anything else is refused, an address to come back to above all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    agent: String,
}

fn accounts(app: &App) -> Result<&Accounts, Problem> {
    app.doors.accounts.as_ref().ok_or_else(|| {
        Problem::not_found("signing agents in to GitHub is not set up here; see docs/agents.md")
    })
}

/// `GET /oauth/github/start?agent=`: for who is signed in to the dashboard.
pub(super) async fn start(State(app): Shared, request: Request) -> Result<Response, Failed> {
    let asked = Query::<Start>::try_from_uri(request.uri());
    let Query(Start { agent }) = asked.map_err(|error| {
        Problem::bad_request(format!(
            "{}; it is `?agent=<id>` and nothing else",
            error.body_text()
        ))
    })?;
    let started = accounts(&app)?.start(&agent).await?;
    let mut response = to(started.url.as_str());
    let browser = started.browser.expose_secret();
    set_cookie(&mut response, request.headers(), browser, started.seconds);
    Ok(response)
}

/// `GET /oauth/github/callback`: where GitHub sends the browser back to. Whose it is says its cookie, and the state.
pub(super) async fn callback(State(app): Shared, uri: Uri, headers: HeaderMap) -> Response {
    let mut response = match came_back(&app, &uri, &headers).await {
        Ok(response) => response,
        Err(problem) => {
            let about = json!({ "title": problem.title(), "detail": problem.detail() });
            view::html(problem.status(), "problem.html", about)
        }
    };
    // It is good for one way back.
    set_cookie(&mut response, &headers, "", 0);
    response
}

async fn came_back(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let asked = Query::<Callback>::try_from_uri(uri);
    let Query(callback) = asked.map_err(|error| Problem::bad_request(error.body_text()))?;
    let browser = cookie(headers);
    let signed_in = accounts(app)?.callback(&callback, browser.as_deref()).await?;
    let context = json!({ "title": "Signed in", "signed": signed_in });
    Ok(view::html(StatusCode::OK, "signed-in.html", context))
}

fn name(headers: &HeaderMap) -> &'static str {
    match is_local(headers) {
        true => COOKIE_LOCAL,
        false => COOKIE,
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let wanted = name(headers);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// `Lax`: GitHub's page leads back here by a link, with which a stricter cookie would not come along.
fn set_cookie(response: &mut Response, headers: &HeaderMap, value: &str, seconds: i64) {
    let secure = if is_local(headers) { "" } else { "; Secure" };
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}",
        name(headers)
    );
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
