//! In: what waits for a person, and that person's word. Out: the exact call that would be made, and the word on record. Never:
//! the call.

use axum::extract::{Extension, Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::api::{cursor, question};
use super::super::routes::Shared;
use super::session::Signed;
use super::tree::Budget;
use super::{Failed, Fields, WHO, to, view};
use crate::journal::{Approver, RunId, RunQuery, WaitsFor, Word};

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
        asked.extend(history.as_ref().and_then(question).map(|mut question| {
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
        "title": "Approvals", "page": "approvals", "asked": asked, "next": next, "first_page": before.is_none(), "me": WHO,
    });
    Ok(view::page(&app, &signed, "approvals.html", about).await?)
}

/// `POST /approvals/{run}` with `answer`: `approve` or `reject`; `as`, `roles` (with commas between), `why`, and the `hash` of the call
/// that was shown.
pub(super) async fn answer(
    State(app): Shared,
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
    let roles = form.get("roles").split(',').map(str::trim);
    let word = Word {
        who: Approver {
            name: form.some("as").unwrap_or_else(|| WHO.to_owned()),
            roles: roles.filter(|role| !role.is_empty()).map(str::to_owned).collect(),
        },
        approved,
        why: form.some("why"),
        hash: form.some("hash"),
    };
    app.reactor.say(&RunId(run.clone()), word).await?;
    let said = if approved { "approved" } else { "rejected" };
    Ok(to(&format!("/runs/{}?said={said}", view::segment(&run))))
}
