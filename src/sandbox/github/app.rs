//! In: calls of a GitHub App, and tokens. Out: its installations, their tokens, its webhook; which token may do what.
//! Never: what the call itself does.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shape::Shape;
use super::state::stable_id;
use super::{body, error, not_found, page, shape};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// The App's name in addresses.
const SLUG: &str = "xmrt-app";
/// As whom it acts.
pub(super) const LOGIN: &str = "xmrt-app[bot]";
/// How long an installation's token lasts.
const LASTS_MS: i64 = 3_600_000;
/// The longest an App's own token may last, in seconds.
const SIGNED_S_MAX: i64 = 600;

/// A GitHub App.
#[derive(Clone)]
pub(in crate::sandbox) struct App {
    id: String,
    key: Option<EncodingKey>,
    tokens: BTreeMap<String, Token>,
}

/// An installation's token.
#[derive(Clone, Debug)]
struct Token {
    owner: String,
    /// Full names in small letters; `None`: all of the owner's.
    repos: Option<Vec<String>>,
    ends: Timestamp,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl App {
    pub(in crate::sandbox) fn new(id: &str, private_key: &str) -> Self {
        Self {
            id: id.to_owned(),
            key: EncodingKey::from_rsa_pem(private_key.replace("\\n", "\n").as_bytes()).ok(),
            tokens: BTreeMap::new(),
        }
    }

    /// The number in its answers and in its webhook's deliveries.
    pub(in crate::sandbox) fn number(&self) -> u64 {
        self.id.parse().unwrap_or_else(|_| stable_id(&self.id))
    }

    /// Whether the App signed `token` and it holds now. The same text signed with the same key gives the same signature, so
    /// the private key does for this.
    fn has_signed(&self, token: &str, now: Timestamp) -> bool {
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
            iat: i64,
            exp: i64,
        }
        let (Some(key), Some((said, signature))) = (&self.key, token.rsplit_once('.')) else {
            return false;
        };
        let ours = jsonwebtoken::crypto::sign(said.as_bytes(), key, Algorithm::RS256);
        let claims = said.split_once('.').map(|(_, claims)| claims);
        let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
        let now = now.as_second();
        ours.is_ok_and(|ours| ours == signature)
            && claims.is_some_and(|claims| {
                let lasts = claims.exp - now;
                claims.iss == self.id && claims.iat <= now && (1..=SIGNED_S_MAX).contains(&lasts)
            })
    }
}

/// Whether a call may be made with a token that is not the account's, and as whom.
pub(super) fn gate(world: &World, call: &Call, token: &str) -> Result<(), Answer> {
    let bad = || error(401, "Bad credentials");
    let app = world.github.app.as_ref().ok_or_else(bad)?;
    let of_app =
        call.path.starts_with("/app/") || call.path == "/app" || call.path.ends_with("/installation");
    if app.has_signed(token, call.now) {
        // GitHub takes such a token for public profiles as well.
        return if of_app || call.path.starts_with("/users/") {
            Ok(())
        } else {
            Err(error(403, "Resource not accessible by integration"))
        };
    }
    let known = app.tokens.get(token).filter(|token| token.ends > call.now);
    let Some(token) = known else { return Err(bad()) };
    if of_app {
        return Err(error(401, "A JSON web token could not be decoded"));
    }
    let path = call.path.to_lowercase();
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("user"), ..) => Err(error(403, "Resource not accessible by integration")),
        (Some("repos"), Some(owner), Some(name)) => {
            let repo = format!("{owner}/{name}");
            let fits = owner == token.owner && token.repos.as_ref().is_none_or(|repos| repos.contains(&repo));
            if fits { Ok(()) } else { Err(not_found()) }
        }
        (Some("orgs"), Some(owner), _) if owner != token.owner => Err(not_found()),
        _ => Ok(()),
    }
}

/// Whether a repository is among those that a call's token is for; a token that is no installation's is for all.
pub(super) fn reaches(world: &World, call: &Call, repo: &str) -> bool {
    let app = world.github.app.as_ref();
    let token = app.and_then(|app| app.tokens.get(call.token()?));
    token.is_none_or(|token| {
        let repo = repo.to_lowercase();
        let owner = repo.split('/').next().unwrap_or_default();
        owner == token.owner && token.repos.as_ref().is_none_or(|repos| repos.contains(&repo))
    })
}

/// As whom a token acts, if it is an installation's.
pub(super) fn actor(world: &World, call: &Call) -> Option<&'static str> {
    let app = world.github.app.as_ref()?;
    app.tokens.contains_key(call.token()?).then_some(LOGIN)
}

fn app(world: &World) -> Result<&App, Answer> {
    world.github.app.as_ref().ok_or_else(not_found)
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let app = app(world)?;
    let owner = Shape {
        base: &call.base,
        state: &world.github,
    }
    .user("acme");
    Ok(Answer::ok(json!({
        "id": app.number(), "slug": SLUG, "client_id": app.id, "node_id": "A_", "owner": owner, "name": SLUG,
        "description": null, "external_url": "https://example.com", "html_url": "https://github.com/apps/xmrt-app",
        "created_at": shape::time(Timestamp::UNIX_EPOCH), "updated_at": shape::time(Timestamp::UNIX_EPOCH),
        "permissions": {"metadata": "read", "issues": "write"}, "events": ["*"],
        "installations_count": owners(world).len(),
    })))
}

/// Who has repositories: the App is installed on each.
fn owners(world: &World) -> Vec<String> {
    let mut owners: Vec<String> = world
        .github
        .repos()
        .map(|repo| repo.owner().to_lowercase())
        .collect();
    owners.sort();
    owners.dedup();
    owners
}

fn installation(world: &World, call: &Call, owner: &str) -> Value {
    let account = Shape {
        base: &call.base,
        state: &world.github,
    }
    .user(owner);
    let app_id = world.github.app.as_ref().map(App::number);
    let id = stable_id(owner);
    json!({
        "id": id, "account": account, "repository_selection": "all", "app_id": app_id, "app_slug": SLUG,
        "target_id": id, "target_type": "Organization", "permissions": {"metadata": "read", "issues": "write"},
        "events": ["*"], "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", call.base),
        "repositories_url": format!("{}/installation/repositories", call.base),
        "html_url": format!("https://github.com/organizations/{owner}/settings/installations/{id}"),
        "created_at": shape::time(Timestamp::UNIX_EPOCH), "updated_at": shape::time(Timestamp::UNIX_EPOCH),
        "single_file_name": null, "suspended_at": null, "suspended_by": null,
    })
}

pub(super) fn installations(world: &mut World, call: &Call) -> Outcome {
    app(world)?;
    let items = owners(world)
        .iter()
        .map(|owner| installation(world, call, owner))
        .collect();
    page(call, items, None)
}

pub(super) fn of_repo(world: &mut World, call: &Call) -> Outcome {
    app(world)?;
    let owner = super::repo(world, call)?.owner().to_lowercase();
    Ok(Answer::ok(installation(world, call, &owner)))
}

pub(super) fn of_account(world: &mut World, call: &Call) -> Outcome {
    app(world)?;
    let wanted = call.param("u").to_lowercase();
    if !owners(world).contains(&wanted) {
        return Err(not_found());
    }
    Ok(Answer::ok(installation(world, call, &wanted)))
}

pub(super) fn create_token(world: &mut World, call: &Call) -> Outcome {
    app(world)?;
    let owner = owners(world)
        .into_iter()
        .find(|owner| Some(stable_id(owner)) == call.number("id"))
        .ok_or_else(not_found)?;
    let given = if call.body.is_empty() {
        serde_json::Map::new()
    } else {
        body(call)?
    };
    let mut repos = None;
    if let Some(names) = super::names(&given, "repositories")? {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("{owner}/{name}").to_lowercase())
            .collect();
        if names.iter().any(|name| world.github.repo(name).is_none()) {
            return Err(error(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            ));
        }
        repos = Some(names);
    }
    let token = format!("ghs_{}{}", world.ids.guid().replace('-', ""), "0".repeat(4));
    let ends = clock::after(call.now, LASTS_MS);
    let selection = if repos.is_some() { "selected" } else { "all" };
    if let Some(app) = &mut world.github.app {
        app.tokens.retain(|_, token| token.ends > call.now);
        app.tokens.insert(token.clone(), Token { owner, repos, ends });
    }
    Ok(Answer::json(
        201,
        json!({
            "token": token, "expires_at": shape::time(ends), "permissions": {"metadata": "read", "issues": "write"},
            "repository_selection": selection,
        }),
    ))
}

/// Ends the token it is called with.
pub(super) fn revoke(world: &mut World, call: &Call) -> Outcome {
    let token = call.token().unwrap_or_default().to_owned();
    if let Some(app) = &mut world.github.app {
        app.tokens.remove(&token);
    }
    Ok(Answer::empty(204))
}

pub(super) fn repositories(world: &mut World, call: &Call) -> Outcome {
    let app = app(world)?;
    let token = call
        .token()
        .and_then(|token| app.tokens.get(token))
        .ok_or_else(not_found)?;
    let seen = |name: &str| {
        token
            .repos
            .as_ref()
            .is_none_or(|repos| repos.iter().any(|repo| repo == name))
    };
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    let items = world
        .github
        .repos()
        .filter(|repo| {
            repo.owner().eq_ignore_ascii_case(&token.owner) && seen(&repo.full_name.to_lowercase())
        })
        .map(|repo| shape.repo(repo))
        .collect();
    page(call, items, Some("repositories"))
}

pub(super) fn hook_config(world: &mut World, _: &Call) -> Outcome {
    app(world)?;
    let target = world.outbox.target.as_ref();
    Ok(Answer::ok(json!({
        "url": target.map_or_else(String::new, |target| format!("{target}/webhooks/github")),
        "content_type": "json", "insecure_ssl": "0", "secret": "********",
    })))
}
