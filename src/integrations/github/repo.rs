//! In: `owner/name`. Out: a repository's name that is safe in a path. Never: whether it exists.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use url::Url;

/// GitHub's longest owner name and longest repository name, in characters, with the slash.
const CHARS_MAX: usize = 140;

/// A repository's full name, `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repo(String);

impl Repo {
    /// As text, `owner/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that owns it.
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// Its name below the owner.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// A path below `/repos/owner/name`, each segment encoded, with a query.
    pub(super) fn path(&self, segments: &[&str], query: &[(&str, &str)]) -> String {
        path(&format!("/repos/{}", self.0), segments, query)
    }
}

/// A path below `prefix`, each segment encoded, with a query.
pub(super) fn path(prefix: &str, segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut path = prefix.to_owned();
    // The host is only there because a URL needs one.
    let Ok(mut url) = Url::parse("http://localhost/") else {
        return path;
    };
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.clear().extend(segments);
    }
    if !segments.is_empty() {
        path.push_str(url.path());
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
        path.push('?');
        path.push_str(url.query().unwrap_or_default());
    }
    path
}

impl FromStr for Repo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |part: &str, extra: &[char]| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || extra.contains(&c))
        };
        let fine = text.len() <= CHARS_MAX
            && text
                .split_once('/')
                .is_some_and(|(owner, name)| fits(owner, &['-', '_']) && fits(name, &['-', '_', '.']));
        if fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("repo must be owner/name, like acme/api, not `{text}`"))
        }
    }
}

impl TryFrom<String> for Repo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Repo> for String {
    fn from(repo: Repo) -> Self {
        repo.0
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Repo {
    fn schema_name() -> Cow<'static, str> {
        "Repo".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Repository, as owner/name.",
            "pattern": "^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$"
        })
    }
}
