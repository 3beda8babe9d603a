//! In: connections. Out: answers, late, wrong or never where a fault says so.
//! Never: what an answer says; that is the providers' rooms.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::call::{Answer, Call, Found, Route};
use super::faults::{Effect, Planned};
use super::state::Provider;
use super::{Sandbox, control, faults, github, render, webhooks};
use crate::clock;

/// Bodies beyond this are refused; the providers' own limits are lower.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an unrouted call is named in the request log.
const NO_OPERATION: &str = "none";
/// Names the fault that made an answer up, so that nobody takes it for what the provider would say.
const FAULT: &str = "x-sandbox-fault";

#[derive(Clone)]
struct Door {
    sandbox: Sandbox,
    stopped: watch::Receiver<bool>,
}

pub(super) async fn serve(sandbox: Sandbox, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let app = Router::new().fallback(enter).with_state(Door {
        sandbox,
        stopped: stopped.clone(),
    });
    let listener = listener.tap_io(|stream| {
        // Without it Nagle delays small answers; where it cannot be set, they are merely slow.
        let _ = stream.set_nodelay(true);
    });
    let until = async move {
        // An error means that the handle is gone, which is also the end.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    // A listener that failed ends the stand-in; its callers see refused connections.
    let _ = axum::serve(listener, app).with_graceful_shutdown(until).await;
}

async fn enter(State(door): State<Door>, request: Request) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Ok(written(Answer::json(
            413,
            json!({"message": "The body is larger than 8 MiB."}),
        )));
    };
    let path = parts.uri.path();
    // Render's deploy hooks lie beside its API, and below its host.
    let hook = path
        .strip_prefix("/render")
        .filter(|rest| rest.starts_with("/deploy/"));
    let (prefix, rest) = ["/github", "/render/v1", "/storage", "/_sandbox"]
        .iter()
        .find_map(|prefix| {
            path.strip_prefix(prefix)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(|rest| (*prefix, rest))
        })
        .or(hook.map(|rest| ("/render", rest)))
        .unwrap_or(("", path));
    let query = parts.uri.query().unwrap_or("");
    let call = Call {
        path: rest.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        base: format!(
            "http://{}{prefix}",
            parts
                .headers
                .get("host")
                .and_then(|host| host.to_str().ok())
                .unwrap_or("127.0.0.1")
        ),
        method: parts.method,
        headers: parts.headers,
        body,
        actor: String::new(),
        now: door.sandbox.0.clock.now(),
        params: Vec::new(),
    };
    Ok(match prefix {
        "/github" => provide(&door, Provider::Github, call).await,
        "/render/v1" | "/render" => provide(&door, Provider::Render, call).await,
        "/storage" => written(github::stored_log(&door.sandbox.world(), &call)),
        "/_sandbox" => written(control::answer(&door.sandbox, &call).await),
        _ => written(Answer::json(
            404,
            json!({"message": "The sandbox lives under /github, /render/v1 and /_sandbox."}),
        )),
    })
}

async fn provide(door: &Door, provider: Provider, mut call: Call) -> Response {
    let sandbox = &door.sandbox;
    call.actor = {
        let world = sandbox.world();
        match provider {
            Provider::Github => github::actor(&world, &call),
            Provider::Render => None,
        }
        .unwrap_or_else(|| world.options.bot_login.clone())
    };
    let tables: &[&'static [Route]] = match provider {
        Provider::Github => github::ROUTES,
        Provider::Render => &[render::ROUTES],
    };
    let refuse: fn(&Call, u16) -> Answer = match provider {
        Provider::Github => github::refuse,
        Provider::Render => render::refuse,
    };
    let found = match (provider, github::operation(&call)) {
        (Provider::Github, Some(route)) => Found::Route(route, Vec::new()),
        _ => super::call::find(tables, &call.method, &call.path),
    };
    let gate = match provider {
        Provider::Github => github::gate(&sandbox.world(), &call),
        Provider::Render => render::gate(&sandbox.world(), &call),
    };
    let (route, params) = match (gate, found) {
        (Err(refusal), _) => return finish(sandbox, provider, NO_OPERATION, &call, refusal),
        (Ok(()), Found::Route(route, params)) => (route, params),
        (Ok(()), Found::WrongVerb) => {
            return finish(sandbox, provider, NO_OPERATION, &call, refuse(&call, 405));
        }
        (Ok(()), Found::Nothing) => {
            return finish(sandbox, provider, NO_OPERATION, &call, refuse(&call, 404));
        }
    };
    call.params = params;
    let planned = sandbox.world().faults.draw(provider, route.operation, &call);
    sandbox.world().note_arrival(route.operation);
    if planned.latency_ms > 0 {
        let clock = &sandbox.0.clock;
        clock
            .sleep_until(clock::after(clock.now(), planned.latency_ms))
            .await;
        call.now = clock.now();
    }
    let answer = take_effect(sandbox, provider, route, &call, &planned);
    sandbox.announce();
    if planned.webhook_before_reply {
        webhooks::settled(sandbox).await;
    }
    if planned.hangs {
        sandbox
            .world()
            .note_request(provider, route.operation, &call, None);
        // A closed channel means that the stand-in is gone, which ends the wait too.
        let _ = door.stopped.clone().wait_for(|stopped| *stopped).await;
        return lost();
    }
    if planned.reply_lost {
        sandbox
            .world()
            .note_request(provider, route.operation, &call, None);
        return lost();
    }
    let answer = if planned.empty_202 && answer.succeeded() {
        Answer::empty(202).with(FAULT, "empty_202")
    } else {
        answer
    };
    finish(sandbox, provider, route.operation, &call, answer)
}

/// Does what the call and its faults say, under one lock, so that nobody sees it half done.
fn take_effect(
    sandbox: &Sandbox,
    provider: Provider,
    route: &'static Route,
    call: &Call,
    planned: &Planned,
) -> Answer {
    let mut world = sandbox.world();
    if let (true, Some(ms)) = (route.writes(), planned.lag_ms) {
        world.lag(provider, clock::after(call.now, ms));
    }
    let answer = match &planned.effect {
        Effect::Real => world.run(provider, route, call),
        Effect::None(answer) => answer.clone().with(FAULT, "status"),
    };
    if planned.foreign_writer && route.writes() {
        let foreign = faults::foreign(call);
        world.run(provider, route, &foreign);
    }
    answer
}

fn finish(sandbox: &Sandbox, provider: Provider, operation: &str, call: &Call, answer: Answer) -> Response {
    let mut world = sandbox.world();
    let answer = match provider {
        Provider::Github => github::dress(&mut world, call, answer),
        Provider::Render => render::dress(&mut world, call, answer),
    };
    world.note_request(provider, operation, call, Some(answer.status));
    drop(world);
    written(answer)
}

fn written(answer: Answer) -> Response {
    let mut builder =
        Response::builder().status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY));
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            builder = builder.header(*name, value);
        }
    }
    let body = match answer.body {
        None => Body::empty(),
        Some(serde_json::Value::String(text)) => Body::from(text),
        Some(value) => {
            builder = builder.header("content-type", "application/json; charset=utf-8");
            Body::from(value.to_string())
        }
    };
    builder.body(body).unwrap_or_default()
}

/// The connection closes without one byte of an answer: the body fails before the head was flushed.
fn lost() -> Response {
    Response::new(Body::new(Lost))
}

/// A body that fails at once.
struct Lost;

impl axum::body::HttpBody for Lost {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}
