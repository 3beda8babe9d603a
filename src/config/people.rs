//! In: `[[person]]` and `[[team]]` of `xmrt.toml`. Out: who may see the dashboard, and as what, or what is wrong with that. Never: a
//! secret, or a question to GitHub.

use std::collections::BTreeSet;

use serde::Deserialize;

/// How many teams there may be: GitHub is asked about each when somebody signs in.
const TEAMS_MAX: usize = 20;
/// The longest login of an account.
const LOGIN_CHARS_MAX: usize = 39;

/// What somebody may do on the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not be let in, whatever teams they belong to.
    None,
    /// See everything.
    Viewer,
    /// Also retry, cancel, resolve and replay, approve and reject, pause and resume.
    Operator,
    /// Also make and take back agents' tokens, and sign agents in and out.
    Admin,
}

/// Somebody who may sign in to the dashboard with their account on GitHub.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The login on GitHub. The number that its account has at the first sign-in is remembered: a login that becomes somebody else's
    /// opens nothing.
    pub github_login: String,
    /// The account's number (`id` at `https://api.github.com/users/<login>`). Needed only where a login is to mean another
    /// account than before.
    #[serde(default)]
    pub github_id: Option<u64>,
    /// What they may do: `viewer` sees everything; `operator` also acts on runs, events, rules and approvals; `admin` also decides who
    /// agents are. `none`: they are not let in, whatever teams they belong to.
    pub level: Level,
    /// The roles they have for approvals, without `role:`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The name that approvals know them by. `github:<login>` is one in any case.
    #[serde(default)]
    pub name: Option<String>,
}

/// A team on GitHub whose members may sign in to the dashboard. Who is a `[[person]]` has what stands there instead.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// The organization and the team, as they stand in the team's address: `acme/release`.
    pub github_team: String,
    /// What its members may do, as for a `[[person]]`. Of several teams the highest counts.
    pub level: Level,
    /// The roles its members have for approvals, without `role:`.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Team {
    /// Organization and team.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let (org, team) = self.github_team.split_once('/')?;
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
        let fits = is_login(org) && !team.is_empty() && team.chars().all(plain);
        (fits && !matches!(team, "." | "..")).then_some((org, team))
    }
}

/// Letters, digits and hyphens; managed accounts have an underscore and a short code behind.
fn is_login(text: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
    (1..=LOGIN_CHARS_MAX).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('-')
}

/// Everything that is wrong with them.
pub(super) fn check(persons: &[Person], teams: &[Team]) -> Result<(), String> {
    let mut problems = Vec::new();
    let (mut logins, mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for person in persons {
        let place = format!("`[[person]]` `{}`", person.github_login);
        if !is_login(&person.github_login) {
            problems.push(format!(
                "{place}: this is no login of GitHub's: letters, digits and `-`, at most {LOGIN_CHARS_MAX}"
            ));
        }
        if !logins.insert(person.github_login.to_ascii_lowercase()) {
            problems.push(format!(
                "{place} is there twice (GitHub's logins ignore case): keep one"
            ));
        }
        if let Some(number) = person.github_id
            && !numbers.insert(number)
        {
            problems.push(format!(
                "{place}: another `[[person]]` has the same `github_id` {number}: an account is one person"
            ));
        }
        if let Some(name) = &person.name {
            if name.trim() != name || name.is_empty() || name.contains(':') {
                problems.push(format!(
                    "{place}: `name` is \"{name}\"; write it as approvals do, as in \"alice\", without `:` or spaces around it"
                ));
            }
            if !names.insert(name) {
                problems.push(format!(
                    "{place}: another `[[person]]` has the `name` \"{name}\", too: approvals could not tell them apart"
                ));
            }
        }
        roles(&place, &person.roles, &mut problems);
    }
    let mut known = BTreeSet::new();
    for team in teams {
        let place = format!("`[[team]]` `{}`", team.github_team);
        if team.parts().is_none() {
            problems.push(format!(
                "{place}: write organization and team as in the team's address, `github_team = \"acme/release\"`"
            ));
        }
        if !known.insert(team.github_team.to_ascii_lowercase()) {
            problems.push(format!(
                "{place} is there twice (GitHub's names ignore case): keep one"
            ));
        }
        if team.level == Level::None {
            problems.push(format!(
                "{place}: a team without a level is not let in anyway: leave it out; `none` shuts out a `[[person]]`"
            ));
        }
        roles(&place, &team.roles, &mut problems);
    }
    if teams.len() > TEAMS_MAX {
        problems.push(format!(
            "there are {} `[[team]]`s; there can be {TEAMS_MAX}, since GitHub is asked about each when somebody signs in",
            teams.len()
        ));
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n  ")),
    }
}

fn roles(place: &str, roles: &[String], problems: &mut Vec<String>) {
    for role in roles {
        let plain = |sign: char| !sign.is_whitespace() && !sign.is_control() && sign != ',' && sign != ':';
        if role.is_empty() || !role.chars().all(plain) {
            problems.push(format!(
                "{place}: `roles` holds \"{role}\"; write it as in \"maintainer\", without `role:`, spaces or commas"
            ));
        }
    }
}
