//! In: questions about the account an agent acts as on GitHub, and wishes to sign it in or out. Out: who it is, what was
//! granted and what is missing. Never: a token.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::routes::{App, Shared};
use crate::accounts::{AccountError, Accounts};
use crate::journal::StoreError;

fn accounts(app: &App) -> Result<&Accounts, Problem> {
    app.doors
        .accounts
        .as_ref()
        .ok_or_else(|| Problem::not_found("accounts of agents are not looked after here"))
}

/// `GET /agents/{id}/account`
pub(super) async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&app, &id, false).await
}

/// `POST /agents/{id}/account/check`: asks GitHub whether the token is still taken.
pub(super) async fn check(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    shown(&app, &id, true).await
}

async fn shown(app: &App, id: &str, ask: bool) -> Result<Json<Value>, Problem> {
    let accounts = accounts(app)?;
    let agent = app.reactor.directory().agent(id);
    let agent = agent.ok_or_else(|| AccountError::NoAgent(id.to_owned()))?;
    let account = match ask {
        true => accounts.check(id).await?,
        false => accounts.account(id).await?,
    };
    let asked = accounts.asked(id);
    let missing = account.as_ref().map(|account| asked.missing(&account.scopes));
    Ok(Json(json!({
        "agent": id,
        "github_login": agent.github_login,
        "set_up": accounts.is_set_up().err().unwrap_or("yes"),
        "needs": asked.scopes(),
        "account": account.as_ref().map(crate::accounts::Account::shown),
        "missing": missing.unwrap_or_default(),
    })))
}

/// `DELETE /agents/{id}/account`: also of an agent that is not in `xmrt.toml` any more.
pub(super) async fn sign_out(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let was = accounts(&app)?.sign_out(&id, super::WHO).await?;
    Ok(Json(json!({ "agent": id, "was_signed_in": was })))
}

/// `POST /agents/{id}/login`: begins to sign it in through a browser elsewhere.
pub(super) async fn login(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let flow = accounts(&app)?.device(&id).await?;
    Ok((StatusCode::CREATED, Json(json!(flow))))
}

/// `POST /agents/{id}/login/{flow}`: how far that is.
pub(super) async fn login_state(
    State(app): Shared,
    Path((id, flow)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let state = accounts(&app)?.device_state(&id, &flow).await?;
    Ok(Json(json!(state)))
}

/// `POST /vault/rekey`: seals every token with the key that seals now.
pub(super) async fn rekey(State(app): Shared) -> Result<Json<Value>, Problem> {
    let done = accounts(&app)?.rekey(super::WHO).await?;
    Ok(Json(json!(done)))
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = error.to_string();
        let problem = |status, slug, title| Self::new(status, slug, title, detail.clone());
        match error {
            // No agent can be called what cannot be a name in the journal.
            AccountError::Store(StoreError::Unfit { .. }) => {
                Self::not_found("there is no agent of this name")
            }
            AccountError::Store(error) => error.into(),
            AccountError::NoAgent(_) => Self::not_found(detail),
            AccountError::NoLogin(_) | AccountError::NotSetUp(_) | AccountError::Vault { .. } => {
                problem(StatusCode::CONFLICT, "not-set-up", "Signing in is not set up")
            }
            AccountError::SignedOut { .. } => {
                problem(StatusCode::CONFLICT, "signed-out", "The agent is not signed in")
            }
            AccountError::WrongAccount(_) => problem(
                StatusCode::FORBIDDEN,
                "wrong-account",
                "It is not the account that is expected",
            ),
            AccountError::NotLetIn { .. } => {
                problem(StatusCode::FORBIDDEN, "not-let-in", "You are not let in")
            }
            AccountError::State(_) => problem(
                StatusCode::BAD_REQUEST,
                "wrong-state",
                "It belongs to no sign-in that is under way",
            ),
            AccountError::Denied(_) => problem(StatusCode::FORBIDDEN, "denied", "It was not agreed to"),
            AccountError::Github(error) if error.is_away() => {
                problem(StatusCode::BAD_GATEWAY, "github-away", "GitHub cannot be reached")
            }
            AccountError::Github(_) => {
                problem(StatusCode::FORBIDDEN, "github-refused", "GitHub gave no token")
            }
        }
    }
}
