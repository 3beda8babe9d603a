//! In: the App's id and private key, and what a request is about. Out: the bearer token the request goes out with: the
//! App's own, or an installation's, narrowed to the repositories that are meant. Never: a token that reaches further than the request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::repo::path;
use super::{Inner, Me, Repo, wire};
use crate::clock::after;
use crate::integrations::{Access, ApiError, Failure};

/// How far back an App's own token is dated, in seconds: GitHub refuses one from the future, and clocks differ.
const ISSUED_BEFORE_S: i64 = 60;
/// How long an App's own token lasts, in seconds. GitHub allows ten minutes.
const LASTS_S: i64 = 9 * 60;
/// An installation's token is not used any more when it ends within so many milliseconds: the request has to arrive.
const SPARE_MS: i64 = 5 * 60_000;
/// How many installation tokens are kept; beyond that all are forgotten, and asked for again when they are needed.
const KEPT_MAX: usize = 1_024;
/// Most installations that are looked through.
const INSTALLATIONS_MAX: usize = 100;

/// A GitHub App: who it is, and the key that proves it.
#[derive(Clone)]
pub struct AppKey {
    id: String,
    key: EncodingKey,
}

impl AppKey {
    /// The App with this App id or client id, and its private key in PEM, with real line ends or with `\n` for them, as an
    /// environment variable may hold it. The error does not quote the key.
    pub fn new(id: &str, pem: &SecretString) -> Result<Self, String> {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
            return Err(format!(
                "`{id}` is not an App id: it is a number, or a client id as `Iv23li…`"
            ));
        }
        let pem = pem.expose_secret().replace("\\n", "\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| {
            "the private key is not an RSA key in PEM: it begins with -----BEGIN RSA PRIVATE KEY----- and is \
             made on the App's settings page"
                .to_owned()
        })?;
        let app = Self {
            id: id.to_owned(),
            key,
        };
        app.signed(Timestamp::UNIX_EPOCH)
            .map_err(|_| "the private key cannot sign: it is damaged".to_owned())?;
        Ok(app)
    }

    /// The App's own token, for the next minutes.
    fn signed(&self, now: Timestamp) -> Result<SecretString, ApiError> {
        let now = now.as_second();
        let claims = json!({ "iss": self.id, "iat": now - ISSUED_BEFORE_S, "exp": now + LASTS_S });
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|error| ApiError::new(Failure::Forbidden, format!("the App's key cannot sign: {error}")))
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a request is about, and so whose token it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The App itself.
    App,
    /// One repository, as the request spells it.
    Repository(String),
    /// Two repositories of one owner.
    Both(Repo, Repo),
    /// An account's, an organization or a user, with the first part of its path.
    Account(&'static str, String),
    /// No place that could be read from the request.
    Anywhere,
    /// An installation as a whole, by its id.
    Installation(u64),
}

impl Reach {
    /// What a request to `path` with `body` is about. A GraphQL request says it in its variables `owner` and `name`.
    pub(super) fn of(path: &str, body: Option<&Value>) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut parts = path.trim_start_matches('/').split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("app"), ..) => Self::App,
            (Some("repos"), Some(owner), Some(name)) => Self::repository(owner, name),
            (Some("orgs"), Some(login), _) => Self::Account("orgs", login.to_owned()),
            (Some("users"), Some(login), Some(_)) => Self::Account("users", login.to_owned()),
            (Some("graphql"), ..) => {
                let named = |name: &str| body?.get("variables")?.get(name)?.as_str();
                match (named("owner"), named("name")) {
                    (Some(owner), Some(name)) => Self::repository(owner, name),
                    _ => Self::Anywhere,
                }
            }
            _ => Self::Anywhere,
        }
    }

    /// Whose account it is, in lower case.
    pub(super) fn owner(&self) -> Option<String> {
        let owner = |repo: &str| Some(repo.split('/').next()?.to_lowercase());
        match self {
            Self::Repository(repo) => owner(repo),
            Self::Both(one, _) => owner(one.as_str()),
            Self::Account(_, login) => Some(login.to_lowercase()),
            Self::Installation(id) => Some(format!("installation {id}")),
            Self::Anywhere | Self::App => None,
        }
    }

    /// What its token is kept under. GitHub tells names apart without regard to case.
    fn name(&self) -> String {
        match self {
            Self::Repository(repo) => format!("repos/{repo}").to_lowercase(),
            Self::Both(one, other) => format!("repos/{one}+{other}").to_lowercase(),
            Self::Account(kind, login) => format!("{kind}/{login}").to_lowercase(),
            Self::Installation(id) => format!("installations/{id}"),
            Self::Anywhere => "anywhere".to_owned(),
            Self::App => "app".to_owned(),
        }
    }

    fn repository(owner: &str, name: &str) -> Self {
        Self::Repository(format!("{owner}/{name}"))
    }
}

/// Where an App is installed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Installation {
    pub(super) id: u64,
    #[serde(default)]
    suspended_at: Option<String>,
}

/// An installation's token.
#[derive(Clone)]
struct Kept {
    token: SecretString,
    ends: Timestamp,
}

/// One token; whoever asks for it while it is fetched waits for the same.
type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The tokens of an App.
pub(super) struct Tokens {
    key: AppKey,
    kept: Mutex<HashMap<String, Slot>>,
}

#[derive(Deserialize)]
struct Minted {
    token: SecretString,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Profile {
    slug: String,
}

impl Tokens {
    pub(super) fn new(key: AppKey) -> Self {
        Self {
            key,
            kept: Mutex::default(),
        }
    }

    /// Whose budget the App's own requests are within.
    pub(super) fn identity(&self) -> String {
        format!("github app {}", self.key.id)
    }

    /// The token for a request that is about `reach`.
    pub(super) async fn bearer(&self, home: &Inner, reach: &Reach) -> Result<SecretString, ApiError> {
        if *reach == Reach::App {
            return self.key.signed(home.clock.now());
        }
        let slot = self.slot(reach);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept
            .as_ref()
            .filter(|kept| kept.ends > after(home.clock.now(), SPARE_MS))
        {
            return Ok(kept.token.clone());
        }
        let fresh = self.mint(home, reach).await?;
        let token = fresh.token.clone();
        *kept = Some(fresh);
        Ok(token)
    }

    /// What GitHub's refusal of an installation's token means here: it speaks of tokens, and people set an App up.
    pub(super) fn explained(refusal: ApiError) -> ApiError {
        match refusal.status {
            Some(401) => refusal.with_remedy("the App's installation was suspended or taken away: see its settings page"),
            Some(403) if refusal.failure == Failure::Forbidden => {
                refusal.with_remedy("the App lacks the permission: add it on its settings page, and its installations must accept it")
            }
            _ => refusal,
        }
    }

    /// Forgets a token that GitHub does not take any more.
    pub(super) fn forget(&self, reach: &Reach) {
        self.lock().remove(&reach.name());
    }

    fn slot(&self, reach: &Reach) -> Slot {
        let (mut kept, name) = (self.lock(), reach.name());
        if kept.len() >= KEPT_MAX && !kept.contains_key(&name) {
            kept.clear();
        }
        Arc::clone(kept.entry(name).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slot>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn mint(&self, home: &Inner, reach: &Reach) -> Result<Kept, ApiError> {
        let (installation, narrowed) = match reach {
            Reach::Repository(repo) => {
                let name = repo.split_once('/').map(|(_, name)| name);
                let found = self.installed(home, &format!("/repos/{repo}"), repo).await?;
                (found, json!({ "repositories": [name] }))
            }
            Reach::Both(one, other) => {
                let found = self.installed(home, &one.path(&[], &[]), one.as_str()).await?;
                (found, json!({ "repositories": [one.name(), other.name()] }))
            }
            Reach::Account(kind, login) => {
                let place = path(&format!("/{kind}"), &[login], &[]);
                (self.installed(home, &place, login).await?, json!({}))
            }
            Reach::Installation(id) => (*id, json!({})),
            Reach::Anywhere | Reach::App => (self.only(home).await?, json!({})),
        };
        let path = format!("/app/installations/{installation}/access_tokens");
        let minted: Minted = self.ask(home, Method::POST, &path, Some(&narrowed)).await?;
        Ok(Kept {
            token: minted.token,
            ends: minted.expires_at,
        })
    }

    /// The installation that `place` belongs to.
    async fn installed(&self, home: &Inner, place: &str, name: &str) -> Result<u64, ApiError> {
        let path = format!("{place}/installation");
        match self.ask::<Installation>(home, Method::GET, &path, None).await {
            Ok(found) if found.suspended_at.is_some() => {
                let problem = format!("the GitHub App's installation on {name} is suspended");
                Err(ApiError::new(Failure::Forbidden, problem)
                    .with_remedy("its owner ends that on the installation's settings page"))
            }
            Ok(found) => Ok(found.id),
            Err(error) if error.failure == Failure::NotFound => {
                let problem = format!("the GitHub App is not installed on {name}");
                Err(ApiError::new(Failure::Forbidden, problem).with_remedy(
                    "install it there, from the App's public page: https://github.com/apps/<its name>",
                ))
            }
            Err(error) => Err(error),
        }
    }

    /// The one installation there is.
    async fn only(&self, home: &Inner) -> Result<u64, ApiError> {
        let installations = self.installations(home).await?;
        match installations.as_slice() {
            [one] => Ok(one.id),
            several => Err(ApiError::new(
                Failure::Forbidden,
                format!(
                    "the GitHub App has {} installations, and this call names no repository or organization to choose one by",
                    several.len()
                ),
            )
            .with_remedy(if several.is_empty() {
                "install the App on an account"
            } else {
                "name a repository"
            })),
        }
    }

    /// Where the App is installed and not suspended, a hundred of them at most.
    pub(super) async fn installations(&self, home: &Inner) -> Result<Vec<Installation>, ApiError> {
        let path = format!("/app/installations?per_page={INSTALLATIONS_MAX}");
        let mut found: Vec<Installation> = self.ask(home, Method::GET, &path, None).await?;
        found.retain(|installation| installation.suspended_at.is_none());
        Ok(found)
    }

    /// Who the App is: the account its writes are made by.
    pub(super) async fn me(&self, home: &Inner) -> Result<Me, ApiError> {
        let app: Profile = self.ask(home, Method::GET, "/app", None).await?;
        let path = path("/users", &[&format!("{}[bot]", app.slug)], &[]);
        self.ask(home, Method::GET, &path, None).await
    }

    /// A request of the App itself. None of them changes anything but which tokens there are.
    async fn ask<T: DeserializeOwned>(
        &self,
        home: &Inner,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ApiError> {
        let token = self.key.signed(home.clock.now())?;
        let access = Access::Read;
        let charges = home.rates.charges(&method, path, body);
        let form = (access, wire::Media::Json);
        let sent = wire::exchange(&home.octocrab, &token, form, method, (path, body), None);
        let answer = home.within(&self.identity(), charges, access, sent).await;
        let answer = answer.map_err(|refusal| match refusal.status {
            Some(401) => refusal.with_remedy(
                "GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY must be of the same App, and the clock right",
            ),
            _ => refusal,
        })?;
        answer.read(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_about_what_its_path_or_its_variables_name() {
        let repo = |name: &str| Reach::Repository(name.to_owned());
        let named = json!({ "query": "…", "variables": { "owner": "Acme", "name": "API" } });
        let unnamed = json!({ "query": "…", "variables": { "id": "D_1" } });
        for (path, body, reach) in [
            ("/repos/Acme/API", None, repo("Acme/API")),
            ("/repos/acme/api/issues?page=2", None, repo("acme/api")),
            ("/orgs/Acme/hooks", None, Reach::Account("orgs", "Acme".into())),
            ("/users/mona/repos", None, Reach::Account("users", "mona".into())),
            ("/users/mona", None, Reach::Anywhere),
            ("/app", None, Reach::App),
            ("/app/hook/deliveries?per_page=1", None, Reach::App),
            ("/graphql", Some(&named), repo("Acme/API")),
            ("/graphql", Some(&unnamed), Reach::Anywhere),
            ("/rate_limit", None, Reach::Anywhere),
            ("/apps/xmrt", None, Reach::Anywhere),
        ] {
            assert_eq!(Reach::of(path, body), reach, "{path}");
        }
    }
}
