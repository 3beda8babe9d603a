//! In: a person's browser. Out: pages about events, runs, rules and agents, and what that person wants done. Never: a page without a
//! session, a change without the form's token, a script or a style inside of a page.
//!
//! A page is made here as a whole and works without scripts; the one script there is asks for it again when something has
//! changed. What a form wants is done by the same functions as in the API.

mod accounts;
mod attempts;
mod session;
mod view;
mod tree;
mod conditions;
mod assets;
mod live;
mod now;
mod events;
mod runs;
mod rules;
mod approvals;
mod agents;
mod audit;
mod insights;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::body::Intake;
use super::routes::{App, Shared};
use super::{Problem, health};

/// The largest form, in bytes: the result of a step that a person writes down fits.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// How many rows a list shows.
const ROWS: usize = 50;

/// Who did it, in the journal: there is one token to sign in with, so persons cannot be told apart.
const WHO: &str = "admin";

/// What the dashboard keeps in memory.
#[derive(Default)]
pub(super) struct Desk {
    attempts: attempts::Attempts,
    watch: live::Watch,
    /// How many deliveries came in, minute by minute.
    pub(super) throughput: now::Throughput,
}

pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = Router::new()
        .route("/", get(now::show))
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::show))
        .route("/events/{id}/replay", post(events::replay))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::show))
        .route("/runs/{id}/retry", post(runs::retry))
        .route("/runs/{id}/cancel", post(runs::cancel))
        .route("/runs/{id}/resolve", post(runs::resolve))
        .route("/rules", get(rules::list))
        .route("/rules/{id}", get(rules::show))
        .route("/rules/{id}/explain", post(rules::explained))
        .route("/rules/{id}/pause", post(rules::pause))
        .route("/rules/{id}/try", post(rules::attempt))
        .route("/approvals", get(approvals::list))
        .route("/approvals/{run}", post(approvals::answer))
        .route("/agents", get(agents::list))
        .route("/agents/{id}", get(agents::show))
        .route("/agents/{id}/tokens", post(agents::issue))
        .route("/agents/{id}/tokens/{token}", post(agents::revoke))
        .route("/agents/{id}/account", post(agents::sign))
        .route("/agents/{id}/pause", post(agents::pause))
        .route("/agents/{id}/may", post(agents::may))
        .route("/insights", get(insights::show).post(insights::measure))
        .route("/audit", get(audit::list))
        .route("/pauses", post(now::pause))
        .route("/sign-out", post(session::sign_out))
        .route("/oauth/github/start", get(accounts::start))
        .route("/live", get(live::stream))
        .route_layer(from_fn_with_state(Arc::clone(app), guarded));
    Router::new()
        .merge(guarded)
        .route("/oauth/github/callback", get(accounts::callback))
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/assets/{name}", get(assets::show))
}

/// A page's query or form. What the form did not name is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    fn of(uri: &Uri) -> Self {
        Self::read(uri.query().unwrap_or_default().as_bytes())
    }

    /// A field without the spaces around it.
    fn get(&self, name: &str) -> &str {
        self.whole(name).trim()
    }

    /// A field as it was sent.
    fn whole(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(key, _)| key == name);
        field.map_or("", |(_, value)| value)
    }

    fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }
}

/// Why a page could not be shown: it is made a page itself on its way out.
struct Failed(Problem);

impl<E> From<E> for Failed
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Lies around all pages but the one to sign in at: who is not signed in is sent there; a form without its token ends here.
async fn guarded(State(app): Shared, request: Request, next: Next) -> Response {
    let (path, asks) = (request.uri().path().to_owned(), request.headers().clone());
    if path == "/" && !wants_html(&asks) {
        return health::index().await.into_response();
    }
    match admitted(&app, request, next).await {
        Ok(response) => response,
        Err(Failed(problem)) => problem.into_response(),
    }
}

async fn admitted(app: &App, mut request: Request, next: Next) -> Result<Response, Failed> {
    let Some(signed) = session::of(app, request.headers()).await? else {
        let from = match request.method() {
            &Method::GET => request.uri().path_and_query().map_or("/", |path| path.as_str()),
            _ => "/",
        };
        return Ok(to(&format!("/sign-in?next={}", view::segment(from))));
    };
    let signed = signed.told(&Fields::of(request.uri()));
    if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        let form = form(&parts, body).await;
        let form =
            form.and_then(|form| session::from_our_form(&parts.headers, &signed.csrf, &form).map(|()| form));
        request = Request::from_parts(parts, axum::body::Body::empty());
        match form {
            Ok(form) => drop(request.extensions_mut().insert(form)),
            Err(problem) => return Ok(view::problem(app, &signed, &problem).await),
        }
    }
    request.extensions_mut().insert(signed.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Ok(view::problem(app, &signed, &problem).await);
    }
    Ok(response)
}

async fn form(parts: &http::request::Parts, body: axum::body::Body) -> Result<Fields, Problem> {
    let held = Intake::of(&parts.extensions)
        .take(&parts.headers, body, FORM_BYTES_MAX)
        .await?;
    Ok(Fields::read(&held.bytes))
}

/// Whether a browser asks. What asks for anything is a program.
fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Sends the browser on with a GET.
fn to(path: &str) -> Response {
    match HeaderValue::try_from(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
