//! In: cookies, the token, a form, somebody whom GitHub vouched for. Out: who is signed in, as what, for how long. Never: a session
//! kept in clear, or one that outlives the token it was opened with, or what lets its person in.
//!
//! A browser has one cookie, a random name. The journal keeps its HMAC under the admin token as long as it is signed in: so
//! replicas and restarts share sessions, who reads the journal cannot use them, and another token ends them all. The token of
//! the forms is another HMAC of the same name, so that nothing needs to be kept for it. What a person may do is not kept with the
//! session: it is asked of `xmrt.toml` with every request.

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::Problem;
use super::super::listen::Peer;
use super::super::routes::{App, Shared};
use super::{Failed, Fields, WHO, form as read_form, to, view};
use crate::accounts::{Level, Standing, Visitor};
use crate::clock::Clock;
use crate::journal::{AuditEntry, KvKey};

const COOKIE: &str = "xmrt_session";
/// Where sessions are kept.
const SPACE: &str = "sessions";
/// How long one lasts that was opened with the token, in milliseconds.
const SESSION_MS: i64 = 7 * 24 * 3_600_000;
/// How long a person's lasts: whether they still belong to a team is asked when they sign in again.
const PERSON_MS: i64 = 12 * 3_600_000;
/// The field of a form that holds its token.
const CSRF: &str = "csrf";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    /// Who, as the records call them.
    pub(super) who: String,
    /// What they may do now.
    pub(super) level: Level,
    /// What `xmrt.toml` says of a person; `None`: whoever has the admin token.
    pub(super) standing: Option<Standing>,
    /// What every form must send back.
    pub(super) csrf: String,
    /// What came of the form that led here.
    pub(super) said: Option<&'static str>,
    name: String,
}

impl Signed {
    /// A page is told what to say by a word of this list only: whoever makes a link cannot put words in our mouth.
    pub(super) fn told(mut self, query: &Fields) -> Self {
        self.said = match query.get("said") {
            "retried" => Some("A new run goes on where the old one stopped."),
            "cancelled" => Some("The run is cancelled."),
            "approved" => Some("Approved: the call is made, if it still comes to the same."),
            "rejected" => Some("Rejected: the run is declined, and the call not made."),
            "resolved" => Some("Your word is on record."),
            "replayed" => Some("The event was evaluated again with the rules in force."),
            "paused" => Some("It stands still: no run of it makes another call until it is resumed."),
            "resumed" => Some("It goes on."),
            "revoked" => Some("The token is taken back: nobody connects with it any more."),
            "taken" => Some("GitHub takes its token."),
            "measured" => Some("It was measured just now."),
            "signed-out" => Some("It is not signed in to GitHub."),
            _ => None,
        };
        self
    }
}

/// What is kept of a session.
#[derive(Serialize, Deserialize)]
struct Kept {
    who: String,
    since: Timestamp,
    /// The person; absent: the bearer of the admin token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<Visitor>,
}

/// Who has the cookie of a session.
pub(super) async fn of(app: &App, headers: &HeaderMap) -> Result<Option<Signed>, Problem> {
    let Some(name) = cookie(headers) else {
        return Ok(None);
    };
    let kept = app
        .reactor
        .store()
        .kv_get(&key(app, &name)?, app.reactor.clock().now())
        .await?;
    let Some(kept) = kept.and_then(|kept| serde_json::from_slice::<Kept>(&kept).ok()) else {
        return Ok(None);
    };
    let mut signed = Signed {
        who: kept.who,
        level: Level::Admin,
        standing: None,
        csrf: keyed(app, "form", &name),
        said: None,
        name,
    };
    let Some(visitor) = kept.person else {
        return Ok(Some(signed));
    };
    let people = app.doors.accounts.as_ref().map(|accounts| accounts.people());
    let Some(standing) = people.and_then(|people| people.standing(&visitor)) else {
        return shut_out(app, &signed).await.map(|()| None);
    };
    signed.level = standing.level;
    signed.standing = Some(standing);
    Ok(Some(signed))
}

/// Ends the session of somebody whom `xmrt.toml` does not let in any more, or otherwise than when they came.
async fn shut_out(app: &App, signed: &Signed) -> Result<(), Problem> {
    let (store, now) = (app.reactor.store(), app.reactor.clock().now());
    // Several requests find this out at once; one of them says it.
    if store.kv_delete(&key(app, &signed.name)?, now).await? {
        let note = "xmrt.toml does not let them in any more, or otherwise than when they came";
        on_record(app, &signed.who, "dashboard.logout", "done", note).await;
    }
    Ok(())
}

/// Puts on record that somebody came, went, or was not let in.
async fn on_record(app: &App, who: &str, what: &str, outcome: &str, note: &str) {
    let entry = AuditEntry {
        who: who.into(),
        what: what.into(),
        outcome: outcome.into(),
        note: Some(note.into()),
        ..AuditEntry::default()
    };
    tracing::info!(target: "audit", who, what, outcome, "{note}");
    app.reactor.on_record(entry).await;
}

/// `GET /sign-in`
pub(super) async fn form(State(app): Shared, request: Request) -> Response {
    match of(&app, request.headers()).await {
        Ok(Some(_)) => return to("/"),
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    let asked = Fields::of(request.uri());
    // Whoever makes a link chooses among our words only.
    let notice = (asked.get("said") == "not-done").then_some(
        "Nothing was done: you were not signed in any more when it was sent. Sign in; you are led back to the page and can do it there.",
    );
    shown(&app, request.headers(), asked.get("next"), notice, StatusCode::OK)
}

pub(super) fn shown(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    error: Option<&str>,
    status: StatusCode,
) -> Response {
    let name = cookie(headers).unwrap_or_else(fresh);
    let door = app.doors.accounts.as_ref().and_then(|accounts| accounts.door());
    let context = json!({
        "title": "Sign in", "csrf": keyed(app, "form", &name), "next": ours(next), "error": error,
        "github": door.is_some_and(|door| door.is_ok()),
    });
    let mut response = view::html(status, "sign-in.html", context);
    let minutes = 60;
    set_cookie(&mut response, headers, &name, minutes * 60);
    response
}

/// `POST /sign-in`
pub(super) async fn sign_in(State(app): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let form = match read_form(&parts, body).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let next = form.get("next").to_owned();
    let again = |error: &str, status| shown(&app, headers, &next, Some(error), status);
    let Some(name) = cookie(headers) else {
        let error = "This page was older than an hour, or your browser sends no cookies here. Try it again now. If this comes back, allow \
                     cookies; over plain HTTP signing in works at localhost only.";
        return again(error, StatusCode::FORBIDDEN);
    };
    if let Err(problem) = from_our_form(headers, &keyed(&app, "form", &name), &form) {
        return again(problem.detail(), problem.status());
    }
    let place = place(headers, parts.extensions.get::<Peer>());
    let now = Clock::monotonic();
    if let Some(wait) = app.desk.attempts.wait(&place, now) {
        return too_many(&app, headers, &next, wait);
    }
    let token = app.doors.admin_token.expose_secret();
    let fits = Sha256::digest(form.get("token")).ct_eq(&Sha256::digest(token.trim()));
    if token.is_empty() || !bool::from(fits) {
        app.desk.attempts.count(&place, now);
        tracing::warn!(target: "audit", peer = place, "somebody could not sign in to the dashboard");
        if app.desk.strangers.one_more() {
            let note = format!("this is not the admin token; from {place}");
            on_record(&app, "a browser", "dashboard.login", "refused", &note).await;
        }
        let error = "This is not the token. It is the value of XMRT_ADMIN_TOKEN, or in the file that `xmrt serve` named when it made one.";
        return again(error, StatusCode::UNAUTHORIZED);
    }
    match opened(&app, headers, &next, None).await {
        Ok(response) => {
            let note = format!("with the admin token, from {place}");
            on_record(&app, WHO, "dashboard.login", "done", &note).await;
            response
        }
        Err(problem) => again(problem.detail(), problem.status()),
    }
}

/// Nothing more is heard from there for a while.
pub(super) fn too_many(app: &App, headers: &HeaderMap, next: &str, wait: std::time::Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    if app.desk.strangers.one_more() {
        tracing::warn!(target: "audit", "too many attempts to sign in to the dashboard from one place, or from all: not heard for {seconds} s");
    }
    let error = format!("Too many attempts to sign in. Try again in {seconds} s.");
    let mut response = shown(app, headers, next, Some(&error), StatusCode::TOO_MANY_REQUESTS);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Opens a session under a name that nobody can have known before, in the place of the one the browser had, and leads to the page
/// that was wanted. Without a person it is one of the admin token's bearer.
pub(super) async fn opened(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    person: Option<Visitor>,
) -> Result<Response, Problem> {
    let (name, now, store) = (fresh(), app.reactor.clock().now(), app.reactor.store());
    let lasts_ms = if person.is_some() { PERSON_MS } else { SESSION_MS };
    let kept = Kept {
        who: person.as_ref().map_or_else(|| WHO.to_owned(), Visitor::who),
        since: now,
        person,
    };
    let kept = Bytes::from(serde_json::to_vec(&kept).unwrap_or_default());
    store.kv_put(&key(app, &name)?, kept, Some(lasts_ms), now).await?;
    if let Some(before) = cookie(headers) {
        store.kv_delete(&key(app, &before)?, now).await?;
    }
    let mut response = to(ours(next));
    set_cookie(&mut response, headers, &name, lasts_ms / 1000);
    Ok(response)
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let (store, now) = (app.reactor.store(), app.reactor.clock().now());
    store.kv_delete(&key(&app, &signed.name)?, now).await?;
    on_record(&app, &signed.who, "dashboard.logout", "done", "they signed out").await;
    let mut response = to("/sign-in");
    set_cookie(&mut response, &headers, "", 0);
    Ok(response)
}

/// That a request comes from a form of ours: it has the token that only our pages show, and the browser does not say
/// that another site sent it.
pub(super) fn from_our_form(headers: &HeaderMap, csrf: &str, form: &Fields) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let own_site = matches!(site, None | Some(b"same-origin" | b"none"));
    let token = Sha256::digest(form.get(CSRF)).ct_eq(&Sha256::digest(csrf));
    if own_site && !csrf.is_empty() && bool::from(token) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign-form",
        "The form is not one of this session",
        "It was made before you signed in, or by another site. Nothing was done: go back, load the page again and repeat it.",
    ))
}

/// Where a request comes from: what the nearest proxy says, or the socket.
pub(super) fn place(headers: &HeaderMap, peer: Option<&Peer>) -> String {
    let forwarded = headers
        .get("x-forwarded-for")
        .and_then(|value| value.to_str().ok());
    let forwarded = forwarded.and_then(|list| list.rsplit(',').next()).map(str::trim);
    match forwarded.and_then(|place| place.parse::<std::net::IpAddr>().ok()) {
        Some(address) => address.to_string(),
        None => peer.map_or_else(String::new, |peer| peer.0.ip().to_string()),
    }
}

/// The longest path that is gone to after signing in, in bytes: it is kept meanwhile, whoever made it up.
const NEXT_BYTES_MAX: usize = 1024;

/// A path of this site; anything else is the first page.
pub(super) fn ours(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let fits = next.len() <= NEXT_BYTES_MAX;
    match next.starts_with('/') && !next.starts_with("//") && plain && fits {
        true => next,
        false => "/",
    }
}

fn fresh() -> String {
    let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    random.iter().map(|part| part.simple().to_string()).collect()
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let is_name = |value: &str| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && is_name(value))
        .map(|(_, value)| value.to_owned())
}

/// `Lax` and not `Strict`: a link to a run, in an issue or a chat, is to open it. Nothing is changed by a GET.
fn set_cookie(response: &mut Response, headers: &HeaderMap, name: &str, seconds: i64) {
    let secure = if is_local(headers) { "" } else { "; Secure" };
    let cookie = format!("{COOKIE}={name}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Whether the browser and this server are on one machine: there is no TLS between them.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn key(app: &App, name: &str) -> Result<KvKey, Problem> {
    Ok(KvKey::new(SPACE, &keyed(app, "session", name))?)
}

fn keyed(app: &App, purpose: &str, name: &str) -> String {
    let token = app.doors.admin_token.expose_secret();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else {
        // Any length is a key; and an empty token is none.
        return String::new();
    };
    mac.update(format!("{purpose}:{name}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
