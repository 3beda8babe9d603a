//! In: what GitHub says a token may do; the rules and the agents. Out: whether that is enough for what they call. Never: a
//! question to anybody.

use std::collections::BTreeSet;

use serde_json::Value;

use super::report::{Finding, Level};
use crate::accounts;
use crate::agents::{Directory, Who};
use crate::rules::{Mode, RuleBook};

const AREA: &str = "GitHub";

/// The token's scopes against the tools that are called with it. `tools` are all there are, as `server.tool`.
pub(super) fn enough(
    me: &Value,
    book: Option<&RuleBook>,
    directory: Option<&Directory>,
    tools: &[String],
) -> Vec<Finding> {
    let Some(told) = me["scopes"].as_array() else {
        return vec![Finding::new(
            AREA,
            Level::Note,
            "what the token may do is not told: it is fine-grained, or an App's",
            "a call that lacks a permission fails, and says which",
            "docs/github-app.md lists the permissions; those of a token are at https://github.com/settings/personal-access-tokens",
        )];
    };
    let told: Vec<String> = told.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let of_rules = called(book, directory);
    let of_roles: BTreeSet<&str> = borrowers(directory)
        .flat_map(|who| {
            let tools = tools.iter().map(String::as_str);
            tools.filter(move |tool| directory.is_some_and(|directory| directory.may_use(&who, tool)))
        })
        .filter(|tool| !of_rules.contains(tool))
        .collect();
    let mut found = Vec::new();
    for (who, tools, level) in [
        ("rules", &of_rules, Level::Problem),
        ("agents' roles", &of_roles, Level::Warning),
    ] {
        for missing in accounts::needed(tools.iter().copied()).missing(&told) {
            found.push(Finding::new(
                AREA,
                level,
                format!(
                    "the token lacks the scope `{}`, which {who} need for {}",
                    missing.scope,
                    missing.tools.join(", ")
                ),
                "GitHub refuses these calls",
                format!(
                    "give the token the scope `{}`: https://github.com/settings/tokens",
                    missing.scope
                ),
            ));
        }
    }
    if found.is_empty() {
        let has = match told.is_empty() {
            true => "none".to_owned(),
            false => told.join(", "),
        };
        found.push(Finding::ok(
            AREA,
            format!("the token's scopes ({has}) are enough for what rules and roles call"),
        ));
    }
    found
}

/// The tools of GitHub that rules at work call with the server's own token.
fn called<'b>(book: Option<&'b RuleBook>, directory: Option<&Directory>) -> BTreeSet<&'b str> {
    let has_own = |agent: &str| {
        let known = directory.and_then(|directory| directory.agent(agent));
        known.is_some_and(|agent| agent.github_login.is_some())
    };
    let at_work = book
        .into_iter()
        .flat_map(RuleBook::rules)
        .filter(|rule| rule.mode != Mode::Off);
    at_work
        .flat_map(|rule| rule.actions.iter().chain(&rule.on_failure))
        .filter(|action| action.tool.starts_with("github."))
        .filter(|action| !action.agent.as_deref().is_some_and(has_own))
        .map(|action| action.tool.as_str())
        .collect()
}

/// Agents that act on GitHub with the server's own token.
fn borrowers(directory: Option<&Directory>) -> impl Iterator<Item = Who> + '_ {
    let agents = directory.into_iter().flat_map(Directory::agents);
    agents
        .filter(|agent| agent.github_login.is_none())
        .map(|agent| Who::Agent(agent.id.clone()))
}
