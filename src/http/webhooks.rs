//! In: a provider's request. Out: 202 once the event is durable, with what the rules decided; or why not. Never: 429,
//! nor anything stored of a request that was refused.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::body::Intake;
use super::listen::Peer;
use super::routes::{App, Shared};
use super::{Problem, answer};
use crate::clock::Clock;
use crate::journal::{Admission, Verdict};
use crate::reactor::IntakeError;
use crate::receive::{self, BODY_BYTES_MAX, Delivery};
use crate::telemetry::numbers;

/// A door that exists.
#[derive(Clone, Copy)]
enum Door {
    Github,
    Render,
}

impl Door {
    fn named(source: &str) -> Option<Self> {
        match source {
            "github" => Some(Self::Github),
            "render" => Some(Self::Render),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Render => "render",
        }
    }
}

/// `ANY /webhooks/{source}`: an unknown source is answered before anything else is looked at.
pub(super) async fn receive(State(app): Shared, Path(source): Path<String>, request: Request) -> Response {
    let Some(door) = Door::named(&source) else {
        let problem = Problem::not_found("there is no such source; there are `github` and `render`");
        app.counters.refusal("unknown", &problem);
        return problem.into_response();
    };
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or_else(String::new, |peer| peer.0.to_string());
    let request_id = answer::request_id(request.headers()).to_owned();
    let began = Clock::monotonic();
    let answered = admitted(&app, door, request).await;
    let outcome = answered.as_ref().map_or("refused", |(outcome, _)| *outcome);
    let took = Clock::monotonic().duration_since(began);
    numbers::DELIVERY_SECONDS.took([door.name(), outcome], took);
    match answered {
        Ok((_, answer)) => answer,
        Err(problem) => {
            app.counters.refusal(door.name(), &problem);
            app.refusals.note(door.name(), &peer, &request_id, &problem);
            problem.into_response()
        }
    }
}

/// What became of it, in a word, and the answer.
async fn admitted(app: &App, door: Door, request: Request) -> Result<(&'static str, Response), Problem> {
    if request.method() != Method::POST {
        let problem = answer::wrong_method(request.method(), request.uri().path());
        return Err(problem.with_header(header::ALLOW, HeaderValue::from_static("POST")));
    }
    let (parts, body) = request.into_parts();
    let held = Intake::of(&parts.extensions)
        .take(&parts.headers, body, BODY_BYTES_MAX)
        .await?;
    let now = app.reactor.clock().now();
    let delivery = match door {
        Door::Github => receive::github(&app.doors.github, &parts.headers, held.bytes.clone(), now)?,
        Door::Render => receive::render(&app.doors.render, &parts.headers, held.bytes.clone(), now)?,
    };
    let id = delivery.id().to_owned();
    let revoking = revoked(&delivery, &held.bytes);
    // A ping is an event like any other, but GitHub's settings page shows its answer: all is well.
    let status = if is_ping(&delivery) {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let admission = app.reactor.accept(delivery).await.map_err(|error| match error {
        IntakeError::Rejected(rejection) => rejection.into(),
        IntakeError::Unavailable(error) => Problem::unavailable(format!(
            "the event cannot be made durable, so it is not taken: {error}"
        )),
    })?;
    let outcome = if admission.duplicate.is_some() {
        "duplicate"
    } else {
        "accepted"
    };
    app.counters.delivery(door.name(), outcome);
    if let (Some(accounts), Some(user_id)) = (&app.doors.accounts, revoking) {
        accounts.revoked_by(user_id).await;
    }
    app.desk.throughput.note(now);
    Ok((outcome, (status, Json(told(&id, &admission))).into_response()))
}

/// The number of the account whose owner took back what they had agreed to, if the delivery tells that.
fn revoked(delivery: &Delivery, body: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Told {
        action: String,
        sender: Sender,
    }
    #[derive(serde::Deserialize)]
    struct Sender {
        id: u64,
    }
    let tells =
        delivery.source().as_str() == "github" && delivery.kind().starts_with("github_app_authorization");
    let told: Told = tells.then(|| serde_json::from_slice(body).ok())??;
    (told.action == "revoked").then_some(told.sender.id)
}

fn is_ping(delivery: &Delivery) -> bool {
    delivery.source().as_str() == "github" && delivery.kind() == "ping"
}

/// What became of a delivery: `id` as it was sent, `event` the id on record (another one for a body that came before).
pub(super) fn told(id: &str, admission: &Admission) -> Value {
    let mut told = decided(&admission.verdicts);
    told["id"] = id.into();
    told["event"] = admission.key.id.clone().into();
    told["duplicate"] = admission.duplicate.is_some().into();
    if let Some(by) = admission.duplicate {
        told["duplicate_by"] = json!(by);
        told["hint"] = format!("`xmrt events replay {}` evaluates it again", admission.key.id).into();
    }
    told
}

/// Verdicts as every answer about an event shows them: `runs` is everything that became a run, shadow runs too;
/// `decisions` is everything that did not.
pub(super) fn decided(verdicts: &[Verdict]) -> Value {
    let runs: Vec<Value> = verdicts
        .iter()
        .filter_map(|verdict| {
            let run = verdict.run.as_ref()?;
            Some(json!({
                "id": run, "rule": verdict.rule, "status": verdict.state, "generation": verdict.generation,
            }))
        })
        .collect();
    let decisions: Vec<Value> = verdicts
        .iter()
        .filter(|verdict| verdict.run.is_none())
        .map(
            |verdict| json!({ "rule": verdict.rule, "decision": verdict.decision, "reason": verdict.reason }),
        )
        .collect();
    json!({ "runs": runs, "decisions": decisions })
}
