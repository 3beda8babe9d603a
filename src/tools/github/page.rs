//! In: arguments that many tools take. Out: the same as values, or what is wrong with them. Never: a list.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hub::ToolError;
use crate::integrations::github::Repo;
use crate::tools::toolbox::invalid;

/// How many items a list gives unless asked otherwise.
pub(super) fn thirty() -> usize {
    30
}

/// A time in RFC 3339.
pub(super) fn time(argument: &str, text: Option<&str>) -> Result<Option<Timestamp>, ToolError> {
    text.map(|text| {
        text.parse().map_err(|_| {
            invalid(
                argument,
                format!("must be a time like 2026-11-23T08:00:00Z, not `{text}`"),
            )
        })
    })
    .transpose()
}

/// Which issues or pull requests, by state.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    #[default]
    Open,
    Closed,
    All,
}

impl Standing {
    /// As GitHub writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}

/// A login, safe in a path.
pub(super) fn login(argument: &str, login: String) -> Result<String, ToolError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // An App's account ends in `[bot]`.
    let bare = login.strip_suffix("[bot]").unwrap_or(&login);
    if !bare.is_empty() && bare.chars().all(fits) {
        return Ok(login);
    }
    Err(invalid(argument, format!("must be a login, not `{login}`")))
}

/// Whether it is a commit's full SHA.
pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address on the web, if there is one.
pub(super) fn web(argument: &str, address: Option<&str>) -> Result<(), ToolError> {
    let is_address =
        |address: &str| url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    match address {
        Some(address) if !is_address(address) => Err(invalid(
            argument,
            format!("must be an http or https address, not `{address}`"),
        )),
        _ => Ok(()),
    }
}

/// A search that is to stay in one repository: a second qualifier of this kind would widen it.
pub(super) fn within(repo: Option<&Repo>, query: &str) -> Result<String, ToolError> {
    let Some(repo) = repo else {
        return Ok(query.trim().to_owned());
    };
    let widens = |word: &str| {
        let word = word.trim_start_matches(['-', '(', '"', '\'']).to_lowercase();
        ["repo:", "org:", "user:", "enterprise:"]
            .iter()
            .any(|qualifier| word.contains(qualifier))
            || word == "or"
    };
    if let Some(word) = query.split_whitespace().find(|word| widens(word)) {
        let problem = format!("holds `{word}` beside the argument `repo`: leave one of them out");
        return Err(invalid("query", problem));
    }
    Ok(format!("{} repo:{repo}", query.trim()))
}
