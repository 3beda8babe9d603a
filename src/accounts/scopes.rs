//! In: the tools a role may use. Out: the scopes a token needs for them, and which are missing. Never: a scope no tool needs.

use std::collections::BTreeMap;

use serde::Serialize;

/// What an agent's role needs of GitHub: each scope, with the tools that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(BTreeMap<&'static str, Vec<String>>);

/// A scope that was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The scope.
    pub scope: String,
    /// The tools that will be refused without it.
    pub tools: Vec<String>,
}

/// Which scopes come with another one: GitHub leaves those out of its answer.
const IMPLIES: &[(&str, &[&str])] = &[
    (
        "repo",
        &[
            "public_repo",
            "repo:status",
            "repo_deployment",
            "repo:invite",
            "security_events",
            "admin:repo_hook",
            "write:repo_hook",
            "read:repo_hook",
        ],
    ),
    ("admin:org", &["write:org", "read:org"]),
    ("write:org", &["read:org"]),
    ("admin:repo_hook", &["write:repo_hook", "read:repo_hook"]),
    ("write:repo_hook", &["read:repo_hook"]),
    ("user", &["read:user", "user:email", "user:follow"]),
];

/// Tools that every token may use.
const FREE: &[&str] = &["github.get_me", "github.get_rate_limit", "github.get_user"];

/// What a tool of ours needs. Private repositories are not told apart from public ones: GitHub has no scope that only reads.
fn scopes_of(tool: &str) -> Vec<&'static str> {
    let Some(name) = tool.strip_prefix("github.").filter(|_| !FREE.contains(&tool)) else {
        return Vec::new();
    };
    match name {
        "get_membership" | "list_members" => vec!["read:org"],
        "invite_member" | "remove_member" => vec!["admin:org"],
        // The organization's hooks; a repository's come with `repo`.
        "list_webhooks" | "create_webhook" | "update_webhook" | "delete_webhook" | "ping_webhook"
        | "list_deliveries" | "redeliver" => vec!["repo", "admin:org_hook"],
        // Files of workflows are files, too.
        "commit_files" => vec!["repo", "workflow"],
        _ => vec!["repo"],
    }
}

/// What the tools of a role need.
pub fn needed<'a>(tools: impl IntoIterator<Item = &'a str>) -> Asked {
    let mut asked: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for tool in tools {
        for scope in scopes_of(tool) {
            asked.entry(scope).or_default().push(tool.to_owned());
        }
    }
    Asked(asked)
}

impl Asked {
    /// The scopes, as GitHub is asked for them.
    pub fn scopes(&self) -> Vec<String> {
        self.0.keys().map(|scope| (*scope).to_owned()).collect()
    }

    /// What of it was not granted.
    pub fn missing(&self, granted: &[String]) -> Vec<Missing> {
        let has = |scope: &str| {
            granted.iter().any(|granted| {
                let implied = IMPLIES.iter().find(|(by, _)| by == granted);
                granted == scope || implied.is_some_and(|(_, scopes)| scopes.contains(&scope))
            })
        };
        let missing = self.0.iter().filter(|(scope, _)| !has(scope));
        missing
            .map(|(scope, tools)| Missing {
                scope: (*scope).to_owned(),
                tools: tools.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|&scope| scope.to_owned()).collect()
    }

    #[test]
    fn a_role_asks_for_what_its_tools_need_and_no_more() {
        let nothing = needed(["github.get_me", "render.list_services", "xmrt.list_runs"]);
        assert!(nothing.scopes().is_empty());
        let reader = needed(["github.get_issue", "github.list_issues"]);
        assert_eq!(reader.scopes(), ["repo"]);
        let owner = needed([
            "github.commit_files",
            "github.invite_member",
            "github.get_membership",
        ]);
        assert_eq!(owner.scopes(), ["admin:org", "read:org", "repo", "workflow"]);
    }

    #[test]
    fn what_was_not_granted_is_named_with_the_tools_that_need_it() {
        let asked = needed(["github.commit_files", "github.get_issue", "github.get_membership"]);
        assert_eq!(asked.missing(&granted(&["repo", "workflow", "admin:org"])), []);
        let missing = asked.missing(&granted(&["public_repo", "read:org"]));
        let told: Vec<String> = missing
            .iter()
            .map(|missing| format!("{}: {}", missing.scope, missing.tools.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                "repo: github.commit_files github.get_issue",
                "workflow: github.commit_files"
            ]
        );
        assert_eq!(asked.missing(&[]).len(), 3);
    }
}
