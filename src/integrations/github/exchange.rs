//! In: a request, and what it is about. Out: its answer, within the budget of who sends it, or an [`ApiError`]. Never: a second
//! request, unless the first was refused for its token alone.

use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::app::{self, Reach};
use super::refusal::refused;
use super::remembered::Key;
use super::{Client, Inner, Login, wire};
use crate::budget::Charge;
use crate::integrations::within::Within;
use crate::integrations::{Access, ApiError, Failure};

/// How much of a token's digest its name has, in bytes.
const NAME_BYTES: usize = 4;

impl Inner {
    /// The answer to a request, which is sent within the budget of `name`.
    pub(super) async fn within(
        &self,
        name: &str,
        charges: Vec<Charge>,
        access: Access,
        sent: impl Future<Output = Result<wire::Answer, ApiError>>,
    ) -> Result<wire::Answer, ApiError> {
        let primary = charges.first().map(|charge| charge.limit.name.to_string());
        let identity = self.budgets.identity(name, self.rates.at_once);
        let within = Within::begin("github", "GitHub", identity, charges).await?;
        let answer = sent.await?;
        let now = self.clock.now();
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
        Err(refusal)
    }
}

impl Client {
    pub(super) async fn exchange(
        &self,
        reach: &Reach,
        form: (Access, wire::Media),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<wire::Answer, ApiError> {
        // The token is there before there is room for the request: what fetches it has to find room, too.
        let token = self.bearer(reach).await?;
        let send = async |token: &SecretString| {
            let charges = self.0.rates.charges(&method, path, body);
            let sent = self.carried(token, form, method.clone(), path, body);
            self.0.within(&self.identity(reach), charges, form.0, sent).await
        };
        let answer = send(&token).await;
        let is_refused = |answer: &Result<wire::Answer, ApiError>| matches!(answer, Err(refusal) if refusal.status == Some(StatusCode::UNAUTHORIZED.as_u16()));
        match &*self.0.login {
            Login::Token(_) => answer,
            Login::Lent(lender) => {
                if is_refused(&answer) {
                    lender.refused().await;
                }
                answer
            }
            // Such a token can be revoked before its end. Nothing was done with it, so a new one may be tried.
            Login::App(tokens) if is_refused(&answer) && *reach != Reach::App => {
                tokens.forget(reach);
                let token = self.bearer(reach).await?;
                send(&token).await.map_err(app::Tokens::explained)
            }
            Login::App(_) => answer.map_err(app::Tokens::explained),
        }
    }

    /// The token a request goes out with.
    async fn bearer(&self, reach: &Reach) -> Result<SecretString, ApiError> {
        match &*self.0.login {
            Login::Token(token) => Ok(token.clone()),
            Login::Lent(lender) => lender.token().await,
            Login::App(tokens) => tokens.bearer(&self.0, reach).await,
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

    /// Whose budget a request about `reach` is within.
    fn identity(&self, reach: &Reach) -> String {
        match &*self.0.login {
            Login::Token(token) => format!("github token {}", short(token)),
            Login::Lent(lender) => format!("github {}", lender.name()),
            // Each installation has limits of its own, and an account has one installation.
            Login::App(tokens) => match reach.owner() {
                Some(owner) => format!("{} on {owner}", tokens.identity()),
                None => tokens.identity(),
            },
        }
    }
}

/// A token's name: the same everywhere, and nothing follows from it.
fn short(token: &SecretString) -> String {
    hex::encode(&Sha256::digest(token.expose_secret())[..NAME_BYTES])
}
