//! In: roles and agents as `xmrt.toml` writes them. Out: a [`Directory`], or everything that is wrong with them. Never: a
//! role that is half understood.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// The role of the program itself, and what it is called in the records.
pub const REACTOR: &str = "reactor";
/// Names that the records use for others than agents.
const TAKEN: &[&str] = &[REACTOR, "admin", "api", "local", "mcp", "stdio", "system"];

/// Who there is, and what each may do. Immutable; made once from the settings.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    roles: BTreeMap<String, Role>,
    agents: BTreeMap<String, Agent>,
}

/// What a role may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name, as in `[role.<name>]`.
    pub name: String,
    /// Patterns of tools: `server.tool`, `*` for any signs.
    pub allow: Vec<String>,
    /// Patterns of tools that are allowed, but a person confirms each call.
    pub approval: Vec<String>,
    /// Patterns of the repositories it may reach: `owner/name`; none by default.
    pub repos: Vec<String>,
    /// Patterns of the ids of the services it may reach; none by default.
    pub services: Vec<String>,
}

/// Somebody who is not a person and acts under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Its id, in kebab-case.
    pub id: String,
    /// Its role's name.
    pub role: String,
    /// The login of the account on GitHub that it acts as; without one it acts as the program does.
    pub github_login: Option<String>,
}

/// A role as it is written.
#[derive(Clone, Debug, Default)]
pub struct RoleText {
    /// See [`Role::allow`].
    pub allow: Vec<String>,
    /// See [`Role::approval`].
    pub approval: Vec<String>,
    /// See [`Role::repos`].
    pub repos: Vec<String>,
    /// See [`Role::services`].
    pub services: Vec<String>,
}

impl Directory {
    /// Reads roles by name, and agents. Every problem is reported at once, each with its place in `xmrt.toml`.
    pub fn new(
        roles: impl IntoIterator<Item = (String, RoleText)>,
        agents: Vec<Agent>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let roles: BTreeMap<String, Role> = roles
            .into_iter()
            .map(|(name, text)| {
                let role = Role {
                    allow: text.allow,
                    approval: text.approval,
                    repos: text.repos,
                    services: text.services,
                    name: name.clone(),
                };
                role.problems(&mut problems);
                (name, role)
            })
            .collect();
        let mut seen = BTreeSet::new();
        for agent in &agents {
            agent.problems(&roles, &mut problems);
            if !seen.insert(agent.id.as_str()) {
                problems.push(format!("`[[agent]]` `{}` is there twice", agent.id));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let agents = agents
            .into_iter()
            .map(|agent| (agent.id.clone(), agent))
            .collect();
        Ok(Self { roles, agents })
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// The agent of this id.
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// All agents, by id.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }
}

impl Role {
    fn problems(&self, problems: &mut Vec<String>) {
        let place = format!("`[role.{}]`", self.name);
        if !is_name(&self.name) {
            problems.push(format!("{place}: a role's name is made of a-z, 0-9 and `-`"));
        }
        if self.allow.is_empty() && self.approval.is_empty() {
            problems.push(format!(
                "{place} allows nothing: list tools in `allow`, as in `allow = [\"github.get_*\"]`"
            ));
        }
        for (list, pattern) in listed(&[("allow", &self.allow), ("approval", &self.approval)]) {
            if !is_tool_pattern(pattern) {
                problems.push(format!(
                    "{place}: `{list}` holds \"{pattern}\"; write `server.tool`, with `*` for any signs, as in \"github.get_*\""
                ));
            }
        }
        for pattern in &self.repos {
            let parts = pattern.split('/').count();
            if pattern != "*" && (parts != 2 || pattern.split('/').any(str::is_empty)) {
                problems.push(format!(
                    "{place}: `repos` holds \"{pattern}\"; write `owner/name`, with `*` for any signs, as in \"acme/*\""
                ));
            }
        }
        for pattern in &self.services {
            let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_*".contains(sign);
            if pattern.is_empty() || !pattern.chars().all(plain) {
                problems.push(format!(
                    "{place}: `services` holds \"{pattern}\"; write a service's id, as in \"srv-…\", or \"*\" for all"
                ));
            }
        }
        let patterns = || self.allow.iter().chain(&self.approval);
        for (server, list, bounds) in [
            ("github", "repos", &self.repos),
            ("render", "services", &self.services),
        ] {
            let uses = patterns().any(|pattern| pattern.split('.').next() == Some(server));
            if uses && bounds.is_empty() {
                problems.push(format!(
                    "{place} allows tools of `{server}` and no {list} to use them on: add `{list} = […]` (\"*\" for all), or take them out"
                ));
            }
        }
    }
}

impl Agent {
    fn problems(&self, roles: &BTreeMap<String, Role>, problems: &mut Vec<String>) {
        let place = format!("`[[agent]]` `{}`", self.id);
        if !is_name(&self.id) {
            problems.push(format!("{place}: an agent's id is made of a-z, 0-9 and `-`"));
        }
        if TAKEN.contains(&self.id.as_str()) {
            problems.push(format!(
                "{place}: this name is taken: the records use {} for others than agents, and it would count as a person; \
                 choose another",
                TAKEN.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(login) = &self.github_login
            && !is_login(login)
        {
            problems.push(format!(
                "{place}: `github_login` is \"{login}\", which is no login of GitHub's: letters, digits and single `-`, at most 39"
            ));
        }
        if !roles.contains_key(&self.role) {
            let known: Vec<&str> = roles.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "there is none yet".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            problems.push(format!(
                "{place}: there is no role `{}`; {known}: add `[role.{}]`",
                self.role, self.role
            ));
        }
    }
}

fn listed<'a>(lists: &[(&'a str, &'a Vec<String>)]) -> Vec<(&'a str, &'a String)> {
    let entries =
        |&(name, patterns): &(&'a str, &'a Vec<String>)| patterns.iter().map(move |pattern| (name, pattern));
    lists.iter().flat_map(entries).collect()
}

fn is_name(text: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
    text.starts_with(|sign: char| sign.is_ascii_lowercase()) && text.chars().all(plain)
}

/// Letters, digits and hyphens; managed accounts have an underscore and a short code behind.
fn is_login(text: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
    (1..=39).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with('-')
        && !text.contains("--")
}

/// `*`, or `server.tool` where both halves may hold `*`.
fn is_tool_pattern(text: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-_*".contains(sign);
    let half = |half: &str| !half.is_empty() && half.chars().all(plain);
    text == "*"
        || text
            .split_once('.')
            .is_some_and(|(server, tool)| half(server) && half(tool))
}
