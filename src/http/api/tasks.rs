//! In: a person's wishes about tasks. Out: what the board says. Never: a word in an agent's name.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Problem;
use super::super::routes::Shared;
use super::{Params, WHO, page, word};
use crate::coordination::{
    BODY_CHARS_MAX, BoardError, NEEDS_MAX, NOTE_CHARS_MAX, NewTask, PRIORITY_MAX, TITLE_CHARS_MAX, Task,
    TaskQuery, TaskState,
};
use crate::journal::PAGE_MAX;

/// Which tasks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// `open`, `claimed`, `done`, `failed`, `cancelled`, or `all`; open and claimed ones without it.
    #[serde(default)]
    #[schemars(schema_with = "states")]
    state: Option<String>,
    /// Those that this agent has, or that are for it.
    agent: Option<String>,
    cursor: Option<String>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<usize>,
}

/// Work that a person wants done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// What is wanted, in a line.
    #[schemars(length(max = TITLE_CHARS_MAX), regex(pattern = r"\S"))]
    title: String,
    #[serde(default)]
    #[schemars(length(max = BODY_CHARS_MAX))]
    body: String,
    /// What it is about: `acme/api#42`.
    #[serde(default)]
    #[schemars(length(max = TITLE_CHARS_MAX))]
    about: Option<String>,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    /// What an agent must be able to do.
    #[serde(default)]
    #[schemars(length(max = NEEDS_MAX), inner(regex(pattern = r"^[a-z0-9_.:/-]{1,64}$")))]
    needs: Vec<String>,
    /// 0 to 9; 9 comes first.
    #[serde(default, deserialize_with = "super::whole")]
    #[schemars(range(min = 0, max = PRIORITY_MAX))]
    priority: Option<i64>,
    /// For this agent, as long as it is there.
    #[serde(default)]
    to: Option<String>,
}

/// Why a task is wanted no more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Why {
    #[schemars(length(max = NOTE_CHARS_MAX))]
    reason: Option<String>,
}

fn states(_: &mut SchemaGenerator) -> Schema {
    let words = TaskState::ALL.map(TaskState::as_str);
    let words: Vec<&str> = words.into_iter().chain(["all"]).collect();
    json_schema!({ "type": "string", "enum": words })
}

/// `GET /tasks`
pub(super) async fn list(State(app): Shared, Params(filter): Params<Filter>) -> Result<Json<Value>, Problem> {
    let named = filter.state.as_deref().filter(|state| *state != "all");
    let query = TaskQuery {
        state: named.map(|state| word("state", state)).transpose()?,
        all: filter.state.as_deref() == Some("all"),
        agent: filter.agent,
        cursor: filter.cursor,
        limit: page(filter.limit)?,
    };
    let found = app.reactor.board().tasks(&query).await?;
    let tasks: Vec<Value> = found.tasks.iter().map(shown).collect();
    Ok(Json(json!({ "tasks": tasks, "next_cursor": found.next })))
}

/// `GET /tasks/{id}`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&app.reactor.board().task(&id).await?)))
}

/// `POST /tasks`
pub(super) async fn post(State(app): Shared, request: Request) -> Result<(StatusCode, Json<Value>), Problem> {
    let key = super::idempotency_key(request.headers())?;
    let wish: Wish = super::json(request).await?;
    let board = app.reactor.board();
    if let Some(to) = &wish.to
        && app.reactor.directory().agent(to).is_none()
        && !board.is_known(to).await?
    {
        return Err(Problem::not_found(format!(
            "there is no agent {to:?}: none of this name registered, and xmrt.toml has none"
        )));
    }
    let priority = wish.priority.map(u8::try_from).transpose();
    let wish = NewTask {
        title: wish.title,
        body: wish.body,
        about: wish.about,
        data: wish.data.map_or(Value::Null, Value::Object),
        needs: wish.needs,
        priority: priority.map_err(|_| Problem::bad_request("`priority` is 0 to 9; 9 comes first"))?,
        to: wish.to,
        key: key.map(|key| format!("{WHO}/{key}")),
        ..NewTask::default()
    };
    let (task, _) = board.post(WHO, wish).await?;
    Ok((StatusCode::CREATED, Json(shown(&task))))
}

/// `POST /tasks/{id}/cancel`
pub(super) async fn cancel(
    State(app): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let why: Why = super::json(request).await?;
    let task = app
        .reactor
        .board()
        .cancel(WHO, false, &id, why.reason.as_deref())
        .await?;
    Ok(Json(shown(&task)))
}

/// Without what only the agent that has it needs to know.
fn shown(task: &Task) -> Value {
    let mut shown = json!(task);
    if let Value::Object(fields) = &mut shown {
        fields.remove("key");
        fields.remove("holder");
    }
    shown["agent"] = json!(task.holder.as_ref().map(|holder| &holder.agent));
    shown["claimed_at"] = json!(task.holder.as_ref().map(|holder| holder.since));
    shown
}

impl From<BoardError> for Problem {
    fn from(error: BoardError) -> Self {
        let detail = error.to_string();
        match error {
            BoardError::Store(error) => error.into(),
            BoardError::NotFound(_) => Self::not_found(detail),
            BoardError::Invalid(..) => Self::bad_request(detail),
            BoardError::Forbidden(_) => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "That is not allowed", detail)
            }
            BoardError::Conflict(_) | BoardError::Lost { .. } => Self::new(
                StatusCode::CONFLICT,
                "wrong-state",
                "The task is not in a state for this",
                detail,
            ),
        }
    }
}
