//! In: what waits for a person, and that person's word. Out: the exact call that would be made, and the word on record. Never:
//! the call.

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::api::{cursor, question};
use super::super::routes::Shared;
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, WHO, to, view};
use crate::journal::{Approver, RunHistory, RunId, RunQuery, WaitsFor, Word, WordError};

/// How many questions a page shows.
const SHOWN: usize = 20;
/// How much of a page calls may take, in bytes.
const JSON_BYTES_MAX: usize = 40 * 1024;
/// How much one of them may.
const ONE_BYTES_MAX: usize = 8 * 1024;
/// How much the description of what one comes to may.
const SHOWS_BYTES_MAX: usize = 4 * 1024;
/// The longest reason to ask, and the longest list of who may answer, in characters.
const REASON_CHARS_MAX: usize = 240;

/// `GET /approvals`: the newest first.
pub(super) async fn list(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    request: Request,
) -> Result<Response, Failed> {
    let before = Fields::of(request.uri()).some("before");
    let query = RunQuery {
        waits_for: Some(WaitsFor::Approval),
        before: before.as_deref().map(cursor).transpose()?,
        limit: SHOWN,
        ..RunQuery::default()
    };
    let store = app.reactor.store();
    let runs = store.runs(&query).await?;
    let next = runs
        .last()
        .filter(|_| runs.len() == SHOWN)
        .map(|run| format!("{}.{}", run.seq, run.id));
    let mut budget = Budget::new(JSON_BYTES_MAX);
    let mut asked = Vec::new();
    for run in &runs {
        // It may have been answered since.
        let history = store.run(&run.id).await?;
        let admits = history
            .as_ref()
            .is_some_and(|history| may_answer(&signed, history));
        asked.extend(history.as_ref().and_then(question).map(|mut question| {
            question["admits"] = admits.into();
            for (name, bytes_max) in [
                ("shows", SHOWS_BYTES_MAX),
                ("arguments", ONE_BYTES_MAX),
                ("pinned", ONE_BYTES_MAX),
            ] {
                if !question[name].is_null() {
                    question[name] = budget.pretty(&question[name], bytes_max).into();
                }
            }
            if let Value::String(reason) = &question["reason"] {
                question["reason"] = view::cut(reason, REASON_CHARS_MAX).into();
            }
            let by = question["by"].as_array().into_iter().flatten();
            let by: Vec<&str> = by.filter_map(Value::as_str).collect();
            question["by"] = view::cut(&by.join(" or "), REASON_CHARS_MAX).into();
            question
        }));
    }
    let about = json!({
        "title": "Approvals", "page": "approvals", "asked": asked, "next": next, "first_page": before.is_none(), "me": signed.who,
        "person": signed.standing.as_ref().map(|standing| json!({ "roles": standing.roles, "known_as": standing.known_as })),
    });
    Ok(view::page(&app, &signed, "approvals.html", about).await?)
}

/// `POST /approvals/{run}` with `answer`: `approve` or `reject`; `why`, and the `hash` of the call that was shown. Who signed in with
/// the admin token says in `as` and `roles` (with commas between) who speaks; who signed in as a person is that person.
pub(super) async fn answer(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    Path(run): Path<String>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Failed> {
    let approved = match form.get("answer") {
        "approve" => true,
        "reject" => false,
        other => {
            let detail = format!("`answer` is {other:?}; it can be `approve` or `reject`");
            return Err(Problem::bad_request(detail).into());
        }
    };
    let word = Word {
        who: speaker(&signed, &form),
        approved,
        why: form.some("why"),
        // What they saw: without it the word would be on whatever is asked about by now.
        hash: Some(form.some("hash").ok_or_else(|| {
            Problem::bad_request(
                "the form does not say which call it is about; open the page again and answer there",
            )
        })?),
    };
    let said = app.reactor.say(&RunId(run.clone()), word).await;
    said.map_err(|error| refused(&signed, error))?;
    let said = if approved { "approved" } else { "rejected" };
    Ok(to(&format!("/runs/{}?said={said}", view::segment(&run))))
}

/// Whether a word of theirs would count. Who has the admin token can say that they are somebody else.
fn may_answer(signed: &Signed, history: &RunHistory) -> bool {
    let asked = history.question();
    signed.standing.is_none()
        || asked.is_some_and(|(_, approval)| approval.admits(&speaker(signed, &Fields::default())))
}

/// Whose word a form brings.
fn speaker(signed: &Signed, form: &Fields) -> Approver {
    match &signed.standing {
        Some(standing) => Approver {
            name: signed.who.clone(),
            roles: standing.roles.clone(),
            known_as: standing.known_as.clone(),
            vouched_by: None,
        },
        None => {
            let roles = form.get("roles").split(',').map(str::trim);
            Approver {
                name: form.some("as").unwrap_or_else(|| WHO.to_owned()),
                roles: roles.filter(|role| !role.is_empty()).map(str::to_owned).collect(),
                known_as: None,
                vouched_by: Some(WHO.to_owned()),
            }
        }
    }
}

/// A person cannot say that they are somebody else: what they lack is in `xmrt.toml`.
fn refused(signed: &Signed, error: WordError) -> Problem {
    match error {
        WordError::NotEntitled { .. } if signed.standing.is_some() => Problem::new(
            StatusCode::FORBIDDEN,
            "not-entitled",
            "Somebody else has to say this",
            format!(
                "{error}. Whoever keeps xmrt.toml can give you a role or a name that the rule lists: `roles` and `name` of your [[person]]."
            ),
        ),
        error => error.into(),
    }
}
