//! In: browsers, devices and Apps at GitHub's sign-in pages. Out: codes, tokens, what they are worth; and their end. Never: a code
//! that is taken twice, a challenge that was not kept, a way back that is not the App's.
//!
//! Whoever posts the form of a page is the person: as whom they are signed in, which of the scopes they grant, or that they
//! do not agree. The pages can be used by hand.

mod device;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::shape::Shape;
use super::{error, not_found};
use crate::clock::after;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::{Provider, World};
use device::{Device, device_token};
pub(super) use device::{device_code, device_decide, device_page};

/// How long a code of a browser is good for, in milliseconds.
const CODE_MS: i64 = 10 * 60_000;
/// How long a refresh token lives, in seconds.
const REFRESH_S: i64 = 15_897_600;

/// The sign-in side's memory.
#[derive(Clone, Debug, Default)]
pub(in crate::sandbox) struct Oauth {
    /// Client id and secret of the App; without one nobody signs in.
    client: Option<(String, String)>,
    /// Where the App's browsers may be sent back to; loopback addresses at any port.
    callback: Option<Url>,
    /// How long tokens live, in seconds; `None`: for ever.
    expires_in: Option<i64>,
    scopes: Scopes,
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    tokens: BTreeMap<String, Token>,
    /// How many refreshes there were.
    refreshed: u64,
    /// A number that makes every secret another one.
    made: u64,
}

/// What the account's own token may do; `None`: it is of a kind of which that is not told.
#[derive(Clone, Debug)]
struct Scopes(Option<Vec<String>>);

impl Default for Scopes {
    fn default() -> Self {
        Self(Some(vec!["repo".to_owned(), "workflow".to_owned()]))
    }
}

#[derive(Clone, Debug)]
struct Code {
    login: String,
    scopes: Vec<String>,
    redirect_uri: String,
    challenge: Option<String>,
    ends: Timestamp,
}

/// A token of an account.
#[derive(Clone, Debug)]
struct Token {
    login: String,
    scopes: Vec<String>,
    refresh: Option<String>,
    ends: Option<Timestamp>,
}

impl Oauth {
    /// An App that people can sign in with.
    pub(in crate::sandbox) fn register(&mut self, client_id: &str, client_secret: &str) {
        self.client = Some((client_id.to_owned(), client_secret.to_owned()));
    }

    /// The token that a call bears, if it is one of ours and good now.
    fn held(&self, call: &Call) -> Option<&Token> {
        let token = self.tokens.get(call.token()?)?;
        token.ends.is_none_or(|ends| ends > call.now).then_some(token)
    }

    /// As whom a call is made.
    pub(in crate::sandbox) fn actor(&self, call: &Call) -> Option<&str> {
        self.held(call).map(|token| token.login.as_str())
    }

    fn secret(&mut self, prefix: &str) -> String {
        self.made += 1;
        let digest = Sha256::digest(format!("{prefix}{}", self.made));
        format!("{prefix}{}", &hex::encode(digest)[..36])
    }

    /// A fresh token, and what GitHub answers with it.
    fn grant(&mut self, login: &str, scopes: &[String], now: Timestamp) -> Value {
        let access = self.secret("gho_");
        let refresh = self.expires_in.map(|_| self.secret("ghr_"));
        let mut answer = json!({ "access_token": access, "scope": scopes.join(","), "token_type": "bearer" });
        if let (Some(seconds), Some(refresh)) = (self.expires_in, &refresh) {
            answer["expires_in"] = seconds.into();
            answer["refresh_token"] = refresh.as_str().into();
            answer["refresh_token_expires_in"] = REFRESH_S.into();
        }
        let token = Token {
            login: login.to_owned(),
            scopes: scopes.to_vec(),
            refresh,
            ends: self.expires_in.map(|seconds| after(now, seconds * 1_000)),
        };
        self.tokens.insert(access, token);
        answer
    }

    /// What the control door wants: how long tokens live from now on, where browsers may be sent back to.
    pub(in crate::sandbox) fn set(&mut self, wanted: &Value) -> Result<Value, String> {
        if let Some(seconds) = wanted.get("expires_in") {
            self.expires_in = seconds.as_i64();
        }
        if let Some(scopes) = wanted.get("scopes") {
            let scopes = serde_json::from_value(scopes.clone());
            self.scopes = Scopes(scopes.map_err(|_| "scopes are a list of texts, or null".to_owned())?);
        }
        if let Some(callback) = wanted["callback"].as_str() {
            let callback = callback.parse().map_err(|error| format!("callback: {error}"))?;
            self.callback = Some(callback);
        }
        Ok(json!({ "tokens": self.tokens.len(), "refreshed": self.refreshed }))
    }

    /// Ends all tokens of an account. Gives how many.
    fn revoke_all(&mut self, login: &str) -> usize {
        let before = self.tokens.len();
        self.tokens
            .retain(|_, token| !token.login.eq_ignore_ascii_case(login));
        before - self.tokens.len()
    }

    /// The App's callback, or one below it; on this machine at any port.
    fn may_return_to(&self, redirect_uri: &str) -> bool {
        let Ok(asked) = Url::parse(redirect_uri) else {
            return false;
        };
        if asked.fragment().is_some() || !asked.username().is_empty() || asked.password().is_some() {
            return false;
        }
        match &self.callback {
            Some(known) => {
                let below = format!("{}/", known.path().trim_end_matches('/'));
                let path = asked.path() == known.path() || asked.path().starts_with(&below);
                (asked.scheme(), asked.host_str(), asked.port_or_known_default())
                    == (known.scheme(), known.host_str(), known.port_or_known_default())
                    && path
            }
            None => asked.scheme() == "http" && asked.host_str() == Some("127.0.0.1"),
        }
    }
}

/// Whether a call may be made with a token of an account. `None`: it is no such token.
pub(super) fn gate(world: &World, call: &Call) -> Option<Result<(), Answer>> {
    let oauth = &world.github.oauth;
    let token = call.token()?;
    oauth.tokens.get(token)?;
    let Some(held) = oauth.held(call) else {
        return Some(Err(error(401, "Bad credentials")));
    };
    let private = held.scopes.iter().any(|scope| scope == "repo");
    let public = private || held.scopes.iter().any(|scope| scope == "public_repo");
    let reads = call.method == http::Method::GET || call.method == http::Method::HEAD;
    let about_a_repository = call.path.starts_with("/repos/");
    let sees_teams = held
        .scopes
        .iter()
        .any(|scope| matches!(scope.as_str(), "read:org" | "write:org" | "admin:org"));
    let about_a_team = call.path.starts_with("/orgs/") && call.path.contains("/teams/");
    // GitHub hides what a token's scopes do not reach.
    let fits = (!about_a_repository || public || (reads && !is_private(world, call)))
        && (!about_a_team || sees_teams);
    Some(if fits { Ok(()) } else { Err(not_found()) })
}

fn is_private(world: &World, call: &Call) -> bool {
    let mut parts = call.path.trim_start_matches("/repos/").split('/');
    let name = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let repo = world.github.repo(&format!("{}/{}", name.0, name.1));
    repo.is_some_and(|repo| repo.private)
}

/// The scopes a call's token has, as GitHub tells them with every answer.
pub(super) fn scopes(world: &World, call: &Call) -> Option<String> {
    let oauth = &world.github.oauth;
    let of_account = || oauth.scopes.0.as_ref();
    let scopes = oauth.held(call).map(|token| &token.scopes).or_else(of_account)?;
    Some(scopes.join(", "))
}

/// Whether a path is one of these pages, where no bearer token is asked for.
pub(super) fn is_page(path: &str) -> bool {
    path.starts_with("/login/") || path.starts_with("/applications/")
}

fn form(call: &Call) -> BTreeMap<String, String> {
    if call.header("content-type").starts_with("application/json") {
        let object = call.object().unwrap_or_default();
        let text = |value: Value| value.as_str().map(str::to_owned);
        return object
            .into_iter()
            .filter_map(|(name, value)| Some((name, text(value)?)))
            .collect();
    }
    url::form_urlencoded::parse(&call.body).into_owned().collect()
}

fn refusal(code: &str, words: &str) -> Outcome {
    Ok(Answer::ok(json!({
        "error": code, "error_description": words, "error_uri": "https://docs.github.com/apps/oauth-apps"
    })))
}

fn page(status: u16, text: &str) -> Answer {
    Answer {
        body: Some(Value::String(format!(
            "<!doctype html><title>Stand-in for GitHub</title>{text}"
        ))),
        ..Answer::empty(status)
    }
    .with("content-type", "text/html; charset=utf-8")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn spaced(scopes: &str) -> Vec<String> {
    scopes
        .split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What was asked for at the first page; checked the same when it is shown and when it is agreed to.
fn asked(world: &World, asked: &BTreeMap<String, String>) -> Result<Url, Answer> {
    let oauth = &world.github.oauth;
    let text = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let known = oauth
        .client
        .as_ref()
        .is_some_and(|(id, _)| id == text("client_id"));
    if !known {
        return Err(page(404, "<h1>404</h1><p>There is no such App."));
    }
    // Nobody is sent to an address that the App did not name, not even with an error.
    if !oauth.may_return_to(text("redirect_uri")) {
        return Err(page(
            400,
            "<h1>Be careful!</h1><p>The redirect_uri is not associated with this application.",
        ));
    }
    let mut back = Url::parse(text("redirect_uri")).map_err(|_| not_found())?;
    let challenge = asked.get("code_challenge");
    let fits = |challenge: &String| challenge.len() == 43 && text("code_challenge_method") == "S256";
    if challenge.is_some_and(|challenge| !fits(challenge)) {
        back.query_pairs_mut()
            .append_pair("error", "invalid_request")
            .append_pair("error_description", "The code_challenge_method must be S256.")
            .append_pair("state", text("state"));
        return Err(Answer::empty(302).with("location", back.as_str()));
    }
    Ok(back)
}

/// The first page: what is asked for, and a form to agree to it.
pub(super) fn authorize(world: &mut World, call: &Call) -> Outcome {
    let wanted: BTreeMap<String, String> = call.query.iter().cloned().collect();
    asked(world, &wanted)?;
    let fields = wanted
        .iter()
        .filter(|(name, _)| *name != "login")
        .map(|(name, value)| {
            let (name, value) = (escaped(name), escaped(value));
            format!("<input type=hidden name=\"{name}\" value=\"{value}\">")
        });
    let login = wanted
        .get("login")
        .map(|login| escaped(login))
        .unwrap_or_default();
    let scope = wanted
        .get("scope")
        .map(|scope| escaped(scope))
        .unwrap_or_default();
    Ok(page(
        200,
        &format!(
            "<h1>Authorize</h1><form method=post>{}<p>signed in as <input name=login value=\"{login}\"><p>granting <input \
             name=granted value=\"{scope}\"><p><button name=decision value=agree>Authorize</button> <button name=decision \
             value=deny>Cancel</button></form>",
            fields.collect::<String>()
        ),
    ))
}

/// The form of the first page.
pub(super) fn decide(world: &mut World, call: &Call) -> Outcome {
    let said = form(call);
    let mut back = asked(world, &said)?;
    let text = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
    if text("decision") == "deny" {
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair(
                "error_description",
                "The user has denied your application access.",
            )
            .append_pair("state", text("state"));
        return Ok(Answer::empty(302).with("location", back.as_str()));
    }
    remember(world, &said);
    let oauth = &mut world.github.oauth;
    let code = oauth.secret("code_").replace("code_", "");
    oauth.codes.insert(
        code.clone(),
        Code {
            login: text("login").to_owned(),
            scopes: spaced(said.get("granted").map_or(text("scope"), String::as_str)),
            redirect_uri: text("redirect_uri").to_owned(),
            challenge: said.get("code_challenge").cloned(),
            ends: after(call.now, CODE_MS),
        },
    );
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", text("state"));
    Ok(Answer::empty(302).with("location", back.as_str()))
}

/// An account's number, where the form says it: as if the login had become somebody else's.
fn remember(world: &mut World, said: &BTreeMap<String, String>) {
    let id = said.get("id").and_then(|id| id.parse().ok());
    if let (Some(id), Some(login)) = (id, said.get("login")) {
        world.github.user_ids.insert(login.to_ascii_lowercase(), id);
    }
}

/// Codes and refresh tokens for tokens.
pub(super) fn token(world: &mut World, call: &Call) -> Outcome {
    let said = form(call);
    let text = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
    let oauth = &mut world.github.oauth;
    let Some((id, secret)) = oauth.client.clone() else {
        return Ok(Answer::empty(404));
    };
    if text("client_id") != id {
        return refusal("incorrect_client_credentials", "The client_id is not valid.");
    }
    if text("grant_type").ends_with(":device_code") {
        return device_token(oauth, text("device_code"), call.now);
    }
    if text("client_secret") != secret {
        return refusal("incorrect_client_credentials", "The client_secret is not valid.");
    }
    if text("grant_type") == "refresh_token" {
        let given = text("refresh_token");
        let found = oauth
            .tokens
            .iter()
            .find(|(_, token)| token.refresh.as_deref() == Some(given));
        let Some((access, token)) = found.map(|(access, token)| (access.clone(), token.clone())) else {
            return refusal(
                "bad_refresh_token",
                "The refresh token passed is incorrect or expired.",
            );
        };
        oauth.tokens.remove(&access);
        oauth.refreshed += 1;
        return Ok(Answer::ok(oauth.grant(&token.login, &token.scopes, call.now)));
    }
    // A code is good for one try.
    let Some(code) = oauth
        .codes
        .remove(text("code"))
        .filter(|code| code.ends > call.now)
    else {
        return refusal(
            "bad_verification_code",
            "The code passed is incorrect or expired.",
        );
    };
    if text("redirect_uri") != code.redirect_uri {
        return refusal(
            "redirect_uri_mismatch",
            "The redirect_uri is not the one of the code.",
        );
    }
    let verifier = said.get("code_verifier");
    let made = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    // Also a verifier without a challenge: somebody took it out on the way.
    if made != code.challenge {
        return refusal(
            "bad_verification_code",
            "The code_verifier does not fit the code_challenge.",
        );
    }
    Ok(Answer::ok(oauth.grant(&code.login, &code.scopes, call.now)))
}

/// That a call bears the App's own name and secret.
fn of_the_app(world: &World, call: &Call) -> Result<(), Answer> {
    let given = call.header("authorization").strip_prefix("Basic ");
    let given = given.and_then(|given| STANDARD.decode(given).ok());
    let known = world.github.oauth.client.as_ref();
    let known = known.map(|(id, secret)| format!("{id}:{secret}").into_bytes());
    let id = world.github.oauth.client.as_ref().map(|(id, _)| id.as_str());
    match given.is_some() && given == known && id == Some(call.param("client")) {
        true => Ok(()),
        false => Err(error(404, "Not Found")),
    }
}

/// Whether a token is still taken.
pub(super) fn check(world: &mut World, call: &Call) -> Outcome {
    of_the_app(world, call)?;
    let token = form(call).remove("access_token").unwrap_or_default();
    let oauth = &world.github.oauth;
    let held = oauth
        .tokens
        .get(&token)
        .filter(|token| token.ends.is_none_or(|ends| ends > call.now));
    let held = held.ok_or_else(not_found)?;
    let shape = Shape {
        base: &call.base,
        state: &world.github,
    };
    Ok(Answer::ok(
        json!({ "scopes": held.scopes, "user": shape.user(&held.login) }),
    ))
}

/// Ends a token.
pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    of_the_app(world, call)?;
    let token = form(call).remove("access_token").unwrap_or_default();
    match world.github.oauth.tokens.remove(&token) {
        Some(_) => Ok(Answer::empty(204)),
        None => Err(not_found()),
    }
}

/// A person takes back, on their settings page, what they agreed to: their tokens end, and the App's webhook tells.
pub(in crate::sandbox) fn revoke(world: &mut World, login: &str) -> Value {
    let ended = world.github.oauth.revoke_all(login);
    let base = world.github_base();
    let shape = Shape {
        base: &base,
        state: &world.github,
    };
    let payload = json!({ "action": "revoked", "sender": shape.user(login) });
    let (id, now) = (world.ids.guid(), world.now());
    let event = "github_app_authorization";
    world
        .outbox
        .post(Provider::Github, &id, event, payload.to_string(), now);
    json!({ "revoked": ended, "delivery": id })
}
