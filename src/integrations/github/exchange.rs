//! In: a request, and what it is about. Out: its answer, within the budget of who sends it, or an [`ApiError`]. Never: a second
//! request, unless the first was refused for its token alone.

use std::sync::Arc;

use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::app::{self, Reach};
use super::refusal::refused;
use super::remembered::Key;
use super::{Client, Inner, Login, wire};
use crate::budget::Identity;
use crate::integrations::within::Within;
use crate::integrations::{Access, ApiError, Failure};

/// How much of a token's digest its name has, in bytes.
const NAME_BYTES: usize = 4;

impl Client {
    pub(super) async fn exchange(
        &self,
        reach: &Reach,
        (access, media): (Access, wire::Media),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<wire::Answer, ApiError> {
        let charges = self.0.rates.charges(&method, path, body);
        let primary = charges.first().map(|charge| charge.limit.name.to_string());
        let within = Within::begin("github", "GitHub", self.identity(reach), charges).await?;
        let answer = self.sent(reach, (access, media), method, path, body).await?;
        let now = self.0.clock.now();
        if let Some(primary) = &primary {
            within.told(primary, &answer.headers, now);
        }
        let redirects = access == Access::Read && answer.redirect().is_some();
        if answer.status.is_success() || redirects {
            within.accepted();
            return Ok(answer);
        }
        let mut refusal = refused(access, answer.status, &answer.headers, &answer.body, now);
        match &mut refusal.failure {
            // The primary limit was told in the headers. Anything else is GitHub's wish that everything waits.
            Failure::RateLimited { retry_at } if !answer.is_used_up() => {
                let said = retry_at.filter(|_| answer.headers.contains_key("retry-after"));
                *retry_at = Some(within.refused(None, said).await);
            }
            Failure::RateLimited { .. } => {}
            _ => within.accepted(),
        }
        Err(match &*self.0.login {
            Login::Token(_) | Login::Lent(_) => refusal,
            Login::App(_) => app::Tokens::explained(refusal),
        })
    }

    async fn sent(
        &self,
        reach: &Reach,
        form: (Access, wire::Media),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<wire::Answer, ApiError> {
        let Inner { octocrab, clock, .. } = &*self.0;
        match &*self.0.login {
            Login::Token(token) => self.carried(token, form, method, path, body).await,
            Login::Lent(lender) => {
                let token = lender.token().await?;
                let answer = self.carried(&token, form, method, path, body).await?;
                if answer.status == StatusCode::UNAUTHORIZED {
                    lender.refused().await;
                }
                Ok(answer)
            }
            Login::App(tokens) => {
                let token = tokens.bearer(octocrab, clock, reach).await?;
                let answer = self.carried(&token, form, method.clone(), path, body).await?;
                // Such a token can be revoked before its end. Nothing was done with it, so a new one may be tried.
                if answer.status == StatusCode::UNAUTHORIZED && *reach != Reach::App {
                    tokens.forget(reach);
                    let token = tokens.bearer(octocrab, clock, reach).await?;
                    return self.carried(&token, form, method, path, body).await;
                }
                Ok(answer)
            }
        }
    }

    /// Sends it, a read under the condition that something changed since it was answered last.
    async fn carried(
        &self,
        token: &SecretString,
        (access, media): (Access, wire::Media),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<wire::Answer, ApiError> {
        let Inner {
            octocrab, remembered, ..
        } = &*self.0;
        if (access, &method) != (Access::Read, &Method::GET) {
            return wire::exchange(octocrab, token, (access, media), method, (path, body), None).await;
        }
        let key = Key::of(token, media, path);
        let known = remembered.get(&key);
        let unless = known.as_ref().map(|known| known.tag());
        let answer = wire::exchange(octocrab, token, (access, media), method, (path, body), unless).await?;
        Ok(remembered.complete(key, known, answer))
    }

    /// The budget of who sends a request about `reach`.
    fn identity(&self, reach: &Reach) -> Arc<Identity> {
        let name = match &*self.0.login {
            Login::Token(token) => format!("github token {}", short(token)),
            Login::Lent(lender) => format!("github {}", lender.name()),
            // Each installation has limits of its own, and an account has one installation.
            Login::App(tokens) => match reach.owner() {
                Some(owner) => format!("github app {} on {owner}", tokens.app()),
                None => format!("github app {}", tokens.app()),
            },
        };
        self.0.budgets.identity(&name, self.0.rates.at_once)
    }
}

/// A token's name: the same everywhere, and nothing follows from it.
fn short(token: &SecretString) -> String {
    hex::encode(&Sha256::digest(token.expose_secret())[..NAME_BYTES])
}
