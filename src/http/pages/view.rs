//! In: a template's name and what it shows. Out: HTML with the headers of a page. Never: a text that is not escaped.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use minijinja::value::{Serde, Value as Shown};
use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::App;
use super::assets;
use super::session::Signed;
use crate::accounts::Level;

/// What a page may do: nothing but what comes from here, and no script or style inside of it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

const TEMPLATES: &[(&str, &str)] = &[
    ("frame.html", include_str!("frame.html")),
    ("sign-in.html", include_str!("sign-in.html")),
    ("problem.html", include_str!("problem.html")),
    ("signed-in.html", include_str!("signed-in.html")),
    ("parts.html", include_str!("parts.html")),
    ("now.html", include_str!("now.html")),
    ("events.html", include_str!("events.html")),
    ("event.html", include_str!("event.html")),
    ("runs.html", include_str!("runs.html")),
    ("run.html", include_str!("run.html")),
    ("rules.html", include_str!("rules.html")),
    ("rule.html", include_str!("rule.html")),
    ("approvals.html", include_str!("approvals.html")),
    ("agents.html", include_str!("agents.html")),
    ("agent.html", include_str!("agent.html")),
    ("insights.html", include_str!("insights.html")),
    ("audit.html", include_str!("audit.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // What a record does not have is shown as nothing, not as "none".
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Ok(()),
        false => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("when", |at: Shown, now: Shown| {
        Shown::from_safe_string(when(&at, &now))
    });
    environment.add_filter("segment", |text: String| Shown::from_safe_string(segment(&text)));
    environment.add_filter("cut", |text: String, chars: usize| cut(&text, chars));
    environment.add_filter("number", number);
    environment.add_filter("bytes", bytes);
    environment.add_filter("words", |text: String| text.replace('_', " "));
    environment.add_filter("took", |from: Shown, until: Shown| took(&from, &until));
    environment.add_global("style", assets::place("style.css"));
    environment.add_global("script", assets::place("live.js"));
    environment.add_global("icon", assets::place("icon.svg"));
    environment.add_global("version", env!("CARGO_PKG_VERSION"));
    for (name, text) in TEMPLATES {
        if let Err(error) = environment.add_template(name, text) {
            // A test renders every one of them.
            tracing::error!("the template {name} is broken: {error:#}");
        }
    }
    environment
});

/// A page with the frame around it. `about` holds what the template shows; `title` and `page` (which link of the navigation it
/// belongs to) among it.
pub(super) async fn page(
    app: &App,
    signed: &Signed,
    template: &str,
    about: Value,
) -> Result<Response, Problem> {
    Ok(html(StatusCode::OK, template, framed(app, signed, about).await?))
}

/// A problem as a page. Without the journal it has no numbers in its frame.
pub(super) async fn problem(app: &App, signed: &Signed, problem: &Problem) -> Response {
    let about =
        json!({ "title": problem.title(), "detail": problem.detail(), "status": problem.status().as_u16() });
    let context = framed(app, signed, about.clone()).await;
    let mut response = html(problem.status(), "problem.html", context.unwrap_or(about));
    response.headers_mut().extend(problem.headers());
    response
}

async fn framed(app: &App, signed: &Signed, mut about: Value) -> Result<Value, Problem> {
    let store = app.reactor.store();
    about["pauses"] = json!(store.pauses().await?);
    about["csrf"] = signed.csrf.clone().into();
    about["who"] = signed.who.as_str().into();
    about["level"] = json!(signed.level);
    about["may"] = json!({
        "operate": signed.level >= Level::Operator, "admin": signed.level >= Level::Admin,
    });
    about["said"] = signed.said.into();
    about["now"] = json!(app.reactor.clock().now());
    Ok(about)
}

/// A template as an answer.
pub(super) fn html(status: StatusCode, template: &str, context: Value) -> Response {
    let rendered = ENVIRONMENT
        .get_template(template)
        .and_then(|template| template.render(Shown::from(Serde(context))));
    match rendered {
        Ok(text) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/html; charset=utf-8"),
                ),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
                (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            ];
            (status, headers, text).into_response()
        }
        Err(error) => {
            tracing::error!("the page {template} cannot be made: {error:#}");
            let title = "The page cannot be made";
            let detail = "this is an error of the program, and the log says more; the API shows the same";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken-page", title, detail).into_response()
        }
    }
}

/// A text as one segment of a path, or a value of a query.
pub(super) fn segment(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                safe.push(char::from(byte))
            }
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

/// The beginning of a text.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn timestamp(value: &Shown) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// How far a time is from now, with the time itself behind it.
fn when(at: &Shown, now: &Shown) -> String {
    let (Some(at), Some(now)) = (timestamp(at), timestamp(now)) else {
        return String::new();
    };
    let away = at.as_millisecond() - now.as_millisecond();
    let far = span(away.saturating_abs());
    let words = match away {
        -999..=999 => "now".to_owned(),
        1000.. => format!("in {far}"),
        _ => format!("{far} ago"),
    };
    let exact = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("<time datetime=\"{exact}\" title=\"{exact}\">{words}</time>")
}

fn took(from: &Shown, until: &Shown) -> Option<String> {
    let ms = timestamp(until)?.as_millisecond() - timestamp(from)?.as_millisecond();
    Some(span(ms.max(0)))
}

fn span(ms: i64) -> String {
    match ms {
        ..=999 => format!("{ms} ms"),
        1000..=59_999 => format!("{} s", ms / 1000),
        60_000..=3_599_999 => format!("{} min", ms / 60_000),
        3_600_000..=172_799_999 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// A number whose digits stand in threes.
fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: i64) -> String {
    match bytes {
        ..=10_239 => format!("{bytes} B"),
        10_240..=10_485_759 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
