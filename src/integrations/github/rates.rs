//! In: a request. Out: what it uses of the limits of who sends it. Never: how much is left.
//!
//! Of GitHub's documentation, "Rate limits for the REST API" and "… for the GraphQL API". The primary limits are told with
//! each answer. The secondary ones are told nobody: they are counted here. A server of an enterprise has none of them unless
//! its settings say so.

use http::Method;
use serde_json::Value;

use crate::budget::{Charge, Limit};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// What a write costs, in points; anything else costs one.
const WRITE_POINTS: u32 = 5;

/// GitHub's limits that no answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Points a minute of the REST API: a read is one, a write five.
    pub points_per_minute: Option<u32>,
    /// Points a minute of the GraphQL API: a query is one, a mutation five.
    pub graphql_points_per_minute: Option<u32>,
    /// Requests a minute that make something people are told of.
    pub content_per_minute: Option<u32>,
    /// The same, an hour.
    pub content_per_hour: Option<u32>,
    /// Requests under way in this process.
    pub at_once: Option<u32>,
}

impl Rates {
    /// Those of the API at this address.
    pub fn of(base_url: &str) -> Self {
        let host = url::Url::parse(base_url).ok();
        let host = host.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        if host == "api.github.com" || host.ends_with(".ghe.com") {
            Self::public()
        } else {
            Self::default()
        }
    }

    /// Those that GitHub documents. A hundred requests may be under way: a second replica gets its part of them.
    pub fn public() -> Self {
        Self {
            points_per_minute: Some(900),
            graphql_points_per_minute: Some(2_000),
            content_per_minute: Some(80),
            content_per_hour: Some(500),
            at_once: Some(48),
        }
    }

    /// What a request uses.
    pub(super) fn charges(&self, method: &Method, path: &str, body: Option<&Value>) -> Vec<Charge> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        if path == "/rate_limit" {
            return Vec::new();
        }
        let graphql = path == "/graphql";
        let writes = match body
            .and_then(|body| body.get("query")?.as_str())
            .filter(|_| graphql)
        {
            Some(document) => document.trim_start().starts_with("mutation"),
            None => !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        };
        let counted = |name: &'static str, max: Option<u32>, window_ms, cost| {
            max.map(|max| Charge {
                limit: Limit {
                    name: name.into(),
                    max: Some(max),
                    window_ms,
                    kept: true,
                },
                cost,
            })
        };
        let primary = Charge {
            limit: told(primary(path)),
            cost: 1,
        };
        let points = match graphql {
            true => ("graphql_points_per_minute", self.graphql_points_per_minute),
            false => ("points_per_minute", self.points_per_minute),
        };
        let cost = if writes { WRITE_POINTS } else { 1 };
        let mut charges = vec![primary];
        charges.extend(counted(points.0, points.1, MINUTE_MS, cost));
        if writes && (graphql || makes_content(method, path)) {
            charges.extend(counted(
                "content_per_minute",
                self.content_per_minute,
                MINUTE_MS,
                1,
            ));
            charges.extend(counted("content_per_hour", self.content_per_hour, HOUR_MS, 1));
        }
        charges
    }
}

/// A limit of which answers tell, by GitHub's name for it.
fn told(name: &'static str) -> Limit {
    Limit {
        name: name.into(),
        max: None,
        window_ms: HOUR_MS,
        // A search is never urgent.
        kept: matches!(name, "core" | "graphql"),
    }
}

fn primary(path: &str) -> &'static str {
    match path {
        "/graphql" => "graphql",
        "/search/code" => "code_search",
        path if path.starts_with("/search/") => "search",
        _ => "core",
    }
}

/// Whether people are told of what the request makes. Which these are is documented by examples only: an issue, a comment, a
/// pull request.
fn makes_content(method: &Method, path: &str) -> bool {
    const MADE: [&str; 10] = [
        "issues",
        "comments",
        "replies",
        "pulls",
        "reviews",
        "releases",
        "requested_reviewers",
        "assignees",
        "invitations",
        "merge",
    ];
    let last = path.rsplit('/').next().unwrap_or_default();
    matches!(*method, Method::POST | Method::PUT) && MADE.contains(&last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used(method: Method, path: &str, body: Option<&Value>) -> Vec<(String, u32)> {
        let charges = Rates::public().charges(&method, path, body);
        charges
            .into_iter()
            .map(|charge| (charge.limit.name.into_owned(), charge.cost))
            .collect()
    }

    #[test]
    fn a_request_uses_what_github_documents() {
        let named = |charges: &[(&str, u32)]| -> Vec<(String, u32)> {
            charges
                .iter()
                .map(|(name, cost)| ((*name).to_owned(), *cost))
                .collect()
        };
        let query = json!({ "query": "query Discussion { viewer { login } }" });
        let mutation = json!({ "query": "mutation CloseDiscussion { x }" });
        for (method, path, body, uses) in [
            (Method::GET, "/rate_limit", None, vec![]),
            (
                Method::GET,
                "/repos/a/b/issues?page=2",
                None,
                vec![("core", 1), ("points_per_minute", 1)],
            ),
            (
                Method::GET,
                "/search/issues?q=x",
                None,
                vec![("search", 1), ("points_per_minute", 1)],
            ),
            (
                Method::GET,
                "/search/code?q=x",
                None,
                vec![("code_search", 1), ("points_per_minute", 1)],
            ),
            (
                Method::POST,
                "/repos/a/b/issues/1/labels",
                None,
                vec![("core", 1), ("points_per_minute", 5)],
            ),
            (
                Method::POST,
                "/repos/a/b/issues/1/comments",
                None,
                vec![
                    ("core", 1),
                    ("points_per_minute", 5),
                    ("content_per_minute", 1),
                    ("content_per_hour", 1),
                ],
            ),
            (
                Method::POST,
                "/graphql",
                Some(&query),
                vec![("graphql", 1), ("graphql_points_per_minute", 1)],
            ),
            (
                Method::POST,
                "/graphql",
                Some(&mutation),
                vec![
                    ("graphql", 1),
                    ("graphql_points_per_minute", 5),
                    ("content_per_minute", 1),
                    ("content_per_hour", 1),
                ],
            ),
        ] {
            assert_eq!(used(method.clone(), path, body), named(&uses), "{method} {path}");
        }
    }

    #[test]
    fn only_githubs_own_address_has_limits_that_nobody_told() {
        assert_eq!(Rates::of("https://api.github.com"), Rates::public());
        assert_eq!(Rates::of("https://api.acme.ghe.com"), Rates::public());
        assert_eq!(Rates::of("https://github.acme.example/api/v3"), Rates::default());
        let charges = Rates::default().charges(&Method::POST, "/repos/a/b/issues", None);
        assert!(
            charges.iter().all(|charge| charge.limit.max.is_none()),
            "{charges:?}"
        );
    }
}
