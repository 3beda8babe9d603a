//! In: a person's browser. Out: pages about events, runs, rules and agents, and what that person wants done. Never: a page without a
//! session, a change without the form's token, a script or a style inside of a page.
//!
//! Who may see a page or send a form is in one table, [`PAGES`], from which the routes are made. A page is made here as a whole and works without scripts; the one script there is asks for it again when something has
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
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::json;

use super::body::Intake;
use super::routes::App;
use super::{Problem, health};
use crate::accounts::Level;
use crate::agents::Refusals;
use session::Signed;

/// The largest form, in bytes: the result of a step that a person writes down fits.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// How many rows a list shows.
const ROWS: usize = 50;

/// Who did it, in the journal, where somebody signed in with the admin token: with that persons cannot be told apart.
const WHO: &str = "admin";

/// What the dashboard keeps in memory.
#[derive(Default)]
pub(super) struct Desk {
    attempts: attempts::Attempts,
    /// Of people whom GitHub vouched for and nobody lets in: their failures keep nobody from signing in with the token.
    turned_away: attempts::Attempts,
    /// Sign-ins that were begun at GitHub; each leaves a record for a while.
    begun: attempts::Begun,
    /// Of what somebody who is signed in may not do.
    refusals: Refusals,
    /// Of sign-ins, which anybody can bring about: they must not push the others out of the record.
    strangers: Refusals,
    watch: live::Watch,
    /// How many deliveries came in, minute by minute.
    pub(super) throughput: now::Throughput,
}

/// A page or a form, and what somebody must be to see or to send it.
struct Page {
    method: &'static str,
    path: &'static str,
    least: Level,
    route: fn() -> MethodRouter<Arc<App>>,
}

const fn page(path: &'static str, least: Level, route: fn() -> MethodRouter<Arc<App>>) -> Page {
    Page {
        method: "GET",
        path,
        least,
        route,
    }
}

const fn form_to(path: &'static str, least: Level, route: fn() -> MethodRouter<Arc<App>>) -> Page {
    Page {
        method: "POST",
        path,
        least,
        route,
    }
}

/// All that only those may see who are signed in. A viewer sees everything; what computes without changing anything or costing
/// much is seeing, too.
const PAGES: &[Page] = {
    use Level::{Admin, Operator, Viewer};
    &[
        page("/", Viewer, || get(now::show)),
        page("/events", Viewer, || get(events::list)),
        page("/events/{id}", Viewer, || get(events::show)),
        form_to("/events/{id}/replay", Operator, || post(events::replay)),
        page("/runs", Viewer, || get(runs::list)),
        page("/runs/{id}", Viewer, || get(runs::show)),
        form_to("/runs/{id}/retry", Operator, || post(runs::retry)),
        form_to("/runs/{id}/cancel", Operator, || post(runs::cancel)),
        form_to("/runs/{id}/resolve", Operator, || post(runs::resolve)),
        page("/rules", Viewer, || get(rules::list)),
        page("/rules/{id}", Viewer, || get(rules::show)),
        form_to("/rules/{id}/explain", Viewer, || post(rules::explained)),
        form_to("/rules/{id}/pause", Operator, || post(rules::pause)),
        form_to("/rules/{id}/try", Operator, || post(rules::attempt)),
        page("/approvals", Viewer, || get(approvals::list)),
        form_to("/approvals/{run}", Operator, || post(approvals::answer)),
        page("/agents", Viewer, || get(agents::list)),
        page("/agents/{id}", Viewer, || get(agents::show)),
        form_to("/agents/{id}/tokens", Admin, || post(agents::issue)),
        form_to("/agents/{id}/tokens/{token}", Admin, || post(agents::revoke)),
        form_to("/agents/{id}/account", Admin, || post(agents::sign)),
        form_to("/agents/{id}/pause", Operator, || post(agents::pause)),
        form_to("/agents/{id}/may", Viewer, || post(agents::may)),
        page("/insights", Viewer, || get(insights::show)),
        form_to("/insights", Operator, || post(insights::measure)),
        page("/audit", Viewer, || get(audit::list)),
        form_to("/pauses", Operator, || post(now::pause)),
        form_to("/sign-out", Viewer, || post(session::sign_out)),
        page("/oauth/github/start", Admin, || get(accounts::start)),
        page("/live", Viewer, || get(live::stream)),
    ]
};

/// Every page and form of the dashboard as method, path and the least level that opens it.
pub fn dashboard_levels() -> impl Iterator<Item = (&'static str, &'static str, Level)> {
    PAGES.iter().map(|page| (page.method, page.path, page.least))
}

pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = PAGES.iter().fold(Router::new(), |router, page| {
        let guard = from_fn_with_state((Arc::clone(app), page.least), guarded);
        router.route(page.path, (page.route)().route_layer(guard))
    });
    Router::new()
        .merge(guarded)
        .route("/oauth/github/callback", get(accounts::callback))
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/sign-in/github", get(accounts::start_person))
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

/// Lies around all pages but the ones to sign in at: who is not signed in is sent there; who may not, or a form without its token,
/// ends here.
async fn guarded(State((app, least)): State<(Arc<App>, Level)>, request: Request, next: Next) -> Response {
    let (path, asks) = (request.uri().path().to_owned(), request.headers().clone());
    if path == "/" && !wants_html(&asks) {
        return health::index().await.into_response();
    }
    match admitted(&app, least, request, next).await {
        Ok(response) => response,
        Err(Failed(problem)) => problem.into_response(),
    }
}

async fn admitted(app: &App, least: Level, mut request: Request, next: Next) -> Result<Response, Failed> {
    let Some(signed) = session::of(app, request.headers()).await? else {
        let (from, said) = match request.method() {
            &Method::GET => (
                request.uri().path_and_query().map_or("/", |path| path.as_str()),
                "",
            ),
            // What was sent is not kept: it would be done by whoever signs in next.
            _ => (page_of(request.uri().path()), "&said=not-done"),
        };
        return Ok(to(&format!("/sign-in?next={}{said}", view::segment(from))));
    };
    let signed = signed.told(&Fields::of(request.uri()));
    if signed.level < least {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let problem = beneath(app, &signed, least, &asked).await;
        return Ok(view::problem(app, &signed, &problem).await);
    }
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

/// The page that a form is on.
fn page_of(form: &str) -> &str {
    let mut ends = form.match_indices('/').map(|(at, _)| at).skip(1);
    let first = ends.next();
    match form.get(..first.unwrap_or(form.len())) {
        Some("/events" | "/runs" | "/rules" | "/agents") => ends.next().map_or(form, |end| &form[..end]),
        Some(page @ ("/approvals" | "/insights")) => page,
        _ => "/",
    }
}

/// What a browser gets for an address at which nothing is; a program gets its problem.
pub(super) fn nothing_at(uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let of_programs = [
        "/api",
        "/webhooks",
        "/mcp",
        "/metrics",
        "/healthz",
        "/readyz",
        "/assets",
        "/.well-known",
    ];
    let path = uri.path();
    let theirs = of_programs.iter().any(|begin| {
        path.strip_prefix(begin)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    (wants_html(headers) && !theirs).then(|| {
        let detail = format!("There is nothing at {}.", view::cut(path, 200));
        let about = json!({ "title": "No such page", "detail": detail });
        view::html(StatusCode::NOT_FOUND, "problem.html", about)
    })
}

/// Somebody may not do this. It is on record, and says who can let them.
async fn beneath(app: &App, signed: &Signed, least: Level, asked: &str) -> Problem {
    let (who, has) = (&signed.who, signed.level);
    if app.desk.refusals.one_more() {
        let why = format!("it needs the level {least}, and {who} has {has}");
        app.reactor.refused(who, "dashboard.act", asked, &why).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "level",
        "Your level does not allow this",
        format!(
            "It needs the level {least}, and {who} has {has}. Nothing was done. Whoever keeps xmrt.toml can give it: level = \"{least}\" in \
             the [[person]] or [[team]] that lets you in. Until then, ask somebody who has it, or the admin token, to do it."
        ),
    )
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
