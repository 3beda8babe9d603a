//! In: a call's arguments. Out: the repositories and services it is about. Never: a name that could mean two things:
//! what is not written plainly is refused, because GitHub would accept spellings that a pattern does not cover.

use std::fmt;

use serde_json::Value;

use super::grant::Asked;
use super::wildcard::covers;

/// Arguments that name a repository, or several, as `owner/name`.
pub const NAMES_REPO: &[&str] = &["repo", "repos", "sub_issue_repo", "to_repo"];
/// Arguments that name an organization, and so all of its repositories.
pub const NAMES_ORG: &[&str] = &["org"];
/// Arguments that name a service (or another resource of Render), or several, by id.
pub const NAMES_SERVICE: &[&str] = &[
    "service_id",
    "services",
    "resources",
    "env_group_id",
    "postgres_id",
    "key_value_id",
];

/// Tools of the providers that are about no repository and no service in particular, and tell nothing of any.
const ABOUT_NOTHING: &[&str] = &["github.get_me", "github.get_rate_limit", "github.get_user"];

/// Something a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    /// A repository, `owner/name` in lower case.
    Repo(String),
    /// All repositories of an owner, in lower case.
    Org(String),
    /// A service, by id.
    Service(String),
    /// It may be any repository the token can see.
    AnyRepo,
    /// It may be any service the key can see.
    AnyService,
}

/// What a call is about. An error says which argument cannot be read plainly.
pub(super) fn of(asked: &Asked<'_>) -> Result<Vec<Thing>, String> {
    let server = asked.tool.split('.').next().unwrap_or_default();
    let mut things = Vec::new();
    for name in NAMES_REPO {
        for text in texts(asked, name)? {
            things.push(Thing::Repo(repo(name, text, server == "render")?));
        }
    }
    for name in NAMES_ORG {
        for text in texts(asked, name)? {
            things.push(Thing::Org(login(name, text)?));
        }
    }
    for name in NAMES_SERVICE {
        for text in texts(asked, name)? {
            things.push(Thing::Service(service(name, text)?));
        }
    }
    if asked.partly || ABOUT_NOTHING.contains(&asked.tool) {
        return Ok(things);
    }
    // What names nothing may reach everything. Tools of other servers say by their pattern alone what is granted.
    match server {
        "github"
            if !things
                .iter()
                .any(|thing| matches!(thing, Thing::Repo(_) | Thing::Org(_))) =>
        {
            things.push(Thing::AnyRepo)
        }
        "render" if !things.iter().any(|thing| matches!(thing, Thing::Service(_))) => {
            things.push(Thing::AnyService);
        }
        _ => {}
    }
    Ok(things)
}

/// The texts under an argument: one, or a list of them.
fn texts<'a>(asked: &Asked<'a>, name: &str) -> Result<Vec<&'a str>, String> {
    let text = |value: &'a Value| {
        value
            .as_str()
            .ok_or_else(|| format!("argument `{name}` holds {value}, which names nothing"))
    };
    match asked.arguments.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
    }
}

fn repo(argument: &str, text: &str, may_be_address: bool) -> Result<String, String> {
    let bare = match may_be_address {
        true => text.strip_prefix("https://github.com/").unwrap_or(text),
        false => text,
    };
    let part = |part: &str| {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
        !part.is_empty() && part != "." && part != ".." && part.chars().all(plain)
    };
    let lower = bare.to_ascii_lowercase();
    match lower.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) && !name.ends_with(".git") => Ok(lower),
        _ => Err(format!(
            "argument `{argument}` is {text:?}, which is not plainly `owner/name`"
        )),
    }
}

fn login(argument: &str, text: &str) -> Result<String, String> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_".contains(sign);
    if text.is_empty() || !text.chars().all(plain) {
        return Err(format!(
            "argument `{argument}` is {text:?}, which is not plainly a login"
        ));
    }
    Ok(text.to_ascii_lowercase())
}

fn service(argument: &str, text: &str) -> Result<String, String> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_".contains(sign);
    if text.is_empty() || !text.chars().all(plain) {
        return Err(format!(
            "argument `{argument}` is {text:?}, which is not plainly an id"
        ));
    }
    Ok(text.to_owned())
}

/// Whether one of a role's patterns covers a repository, `owner/name`.
pub fn covers_repository(patterns: &[String], name: &str) -> bool {
    let thing = Thing::Repo(name.to_ascii_lowercase());
    patterns.iter().any(|pattern| thing.lies_within(pattern))
}

impl Thing {
    /// Whether a pattern of the role covers it.
    pub(super) fn lies_within(&self, pattern: &str) -> bool {
        match self {
            Self::Repo(name) => pattern == "*" || covers_repo(&pattern.to_ascii_lowercase(), name),
            // Nothing less than all of the owner's repositories covers the owner.
            Self::Org(login) => {
                let lower = pattern.to_ascii_lowercase();
                pattern == "*"
                    || lower
                        .split_once('/')
                        .is_some_and(|(owners, names)| covers(owners, login) && names == "*")
            }
            Self::Service(id) => covers(pattern, id),
            Self::AnyRepo => pattern == "*" || pattern == "*/*",
            Self::AnyService => pattern == "*",
        }
    }

    /// The pattern that covers everything of its kind.
    pub(super) fn pattern_of_all(&self) -> &'static str {
        match self {
            Self::Repo(_) | Self::Org(_) | Self::AnyRepo => "*/*",
            Self::Service(_) | Self::AnyService => "*",
        }
    }
}

/// `*` in a pattern stops at the slash: `acme*/api` does not cover `acme/other/api`, and no owner but the written ones.
fn covers_repo(pattern: &str, name: &str) -> bool {
    match (pattern.split_once('/'), name.split_once('/')) {
        (Some((owners, names)), Some((owner, name))) => covers(owners, owner) && covers(names, name),
        _ => false,
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repo(name) => write!(f, "repository `{name}`"),
            Self::Org(login) => write!(f, "organization `{login}`"),
            Self::Service(id) => write!(f, "service `{id}`"),
            Self::AnyRepo => f.write_str("no argument names a repository, so it may be any"),
            Self::AnyService => f.write_str("no argument names a service, so it may be any"),
        }
    }
}
