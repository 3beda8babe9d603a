//! In: a browser on its way to GitHub, and back. Out: an agent or a person who is signed in, or why not. Never: an address to send
//! anybody to that a request named, unless it is a page of this server.

use axum::extract::{Extension, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::super::Problem;
use super::super::listen::Peer;
use super::super::routes::{App, Shared};
use super::session::{self, Signed, is_local};
use super::{Failed, Fields, to, view};
use crate::accounts::{Accounts, Arrived, Callback, Started, TurnedAway};
use crate::clock::Clock;

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

/// `GET /oauth/github/start?agent=`: for an admin of the dashboard.
pub(super) async fn start(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let asked = Query::<Start>::try_from_uri(request.uri());
    let Query(Start { agent }) = asked.map_err(|error| {
        Problem::bad_request(format!(
            "{}; it is `?agent=<id>` and nothing else",
            error.body_text()
        ))
    })?;
    let started = accounts(&app)?.start(&agent).await?;
    // Who comes back is known by the agent's account; who wanted it, from here alone.
    app.reactor.said(&signed.who, "agent.login_begun", &agent).await;
    Ok(sent(&started, request.headers()))
}

/// On the way to GitHub, with what tells the browser when it comes back.
fn sent(started: &Started, headers: &HeaderMap) -> Response {
    let mut response = to(started.url.as_str());
    set_cookie(
        &mut response,
        headers,
        started.browser.expose_secret(),
        started.seconds,
    );
    response
}

/// `GET /sign-in/github?next=`: for everybody. What somebody can bring about by this is a record that is gone within the hour, and
/// few of them. It is no form: browsers hold what a form leads to against the page's policy, and GitHub is not in that.
pub(super) async fn start_person(State(app): Shared, request: Request) -> Response {
    let headers = request.headers();
    match session::of(&app, headers).await {
        Ok(Some(_)) => return to("/"),
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    let next = Fields::of(request.uri()).get("next").to_owned();
    let place = session::place(headers, request.extensions().get::<Peer>());
    let (now, desk) = (Clock::monotonic(), &app.desk);
    let wait = desk
        .turned_away
        .wait(&place, now)
        .max(desk.begun.wait(&place, now));
    if let Some(wait) = wait {
        return session::too_many(&app, headers, &next, wait);
    }
    desk.begun.count(&place, now);
    let started = match accounts(&app) {
        Ok(accounts) => accounts
            .start_person(session::ours(&next))
            .await
            .map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match started {
        Ok(started) => sent(&started, headers),
        Err(problem) => session::shown(&app, headers, &next, Some(problem.detail()), problem.status()),
    }
}

/// `GET /oauth/github/callback`: where GitHub sends the browser back to. Whose it is says its cookie, and what for, the state.
pub(super) async fn callback(State(app): Shared, request: Request) -> Response {
    let headers = request.headers();
    let place = session::place(headers, request.extensions().get::<Peer>());
    let came = came_back(&app, request.uri(), headers, &place).await;
    let mut response = came.unwrap_or_else(|problem| {
        app.counters.refusal("dashboard", &problem);
        let about = json!({ "title": problem.title(), "detail": problem.detail() });
        view::html(problem.status(), "problem.html", about)
    });
    // It is good for one way back.
    set_cookie(&mut response, headers, "", 0);
    response
}

async fn came_back(app: &App, uri: &Uri, headers: &HeaderMap, place: &str) -> Result<Response, Problem> {
    let asked = Query::<Callback>::try_from_uri(uri);
    let Query(callback) = asked.map_err(|error| Problem::bad_request(error.body_text()))?;
    let browser = cookie(headers);
    match accounts(app)?.callback(&callback, browser.as_deref()).await {
        Ok(Arrived::Agent(signed_in)) => {
            let context = json!({ "title": "Signed in", "signed": signed_in });
            Ok(view::html(StatusCode::OK, "signed-in.html", context))
        }
        Ok(Arrived::Person { visitor, next }) => session::opened(app, headers, &next, Some(visitor)).await,
        Err(TurnedAway {
            error,
            person: Some(next),
        }) => {
            let problem = Problem::from(error);
            if problem.status() == StatusCode::FORBIDDEN {
                app.desk.turned_away.count(place, Clock::monotonic());
            }
            // Who is signed in stays so, and has a session to lose.
            if session::of(app, headers).await?.is_some() {
                return Err(problem);
            }
            let error = Some(problem.detail());
            Ok(session::shown(app, headers, &next, error, problem.status()))
        }
        Err(TurnedAway { error, person: None }) => Err(error.into()),
    }
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
