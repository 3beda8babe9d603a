//! In: the persons and teams that `xmrt.toml` lets in, and somebody whom GitHub vouched for. Out: what they may do, or that they are
//! not let in. Never: a question to GitHub, or to the journal.
//!
//! What somebody may do is asked anew with every request: a session remembers who they are and how they came in, not what that is
//! worth.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody may do on the dashboard. Each may what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// See everything.
    Viewer,
    /// Also act on runs, events, rules and approvals.
    Operator,
    /// Also decide who agents are: their tokens, and their accounts on GitHub.
    Admin,
}

impl Level {
    /// Its name in `xmrt.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody who is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The login on GitHub.
    pub github_login: String,
    /// The account's number, where it is said; else the one that the login had when it was first let in.
    pub github_id: Option<u64>,
    /// `None`: not let in, whatever teams they belong to.
    pub level: Option<Level>,
    /// The roles that approvals may ask for, without `role:`.
    pub roles: Vec<String>,
    /// The name that approvals know them by, besides `github:<login>`.
    pub name: Option<String>,
}

/// A team of an organization on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The organization's login.
    pub org: String,
    /// The team's name as it stands in addresses.
    pub slug: String,
    /// What its members may do.
    pub level: Level,
    /// The roles that they have for approvals.
    pub roles: Vec<String>,
}

impl Team {
    /// `org/team`, in small letters: GitHub's names ignore case.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.org, self.slug).to_ascii_lowercase()
    }
}

impl Person {
    /// Its name here: the login in small letters.
    pub(super) fn key(&self) -> String {
        self.github_login.to_ascii_lowercase()
    }
}

/// Who is let in to the dashboard besides the bearer of the admin token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Those who are named.
    pub persons: Vec<Person>,
    /// Whole teams.
    pub teams: Vec<Team>,
}

/// Somebody whom GitHub vouched for, and by what they came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The account's number, which does not change.
    pub user_id: u64,
    /// Its login at that time.
    pub login: String,
    /// The `[[person]]` they are, by its login in small letters.
    pub person: Option<String>,
    /// The teams of `xmrt.toml` they were a member of, where no `[[person]]` was theirs.
    pub teams: Vec<String>,
}

impl Visitor {
    /// What they are called in the records.
    pub fn who(&self) -> String {
        name_of(&self.login)
    }
}

/// What an account on GitHub is called in the records. No agent can be called so.
pub(super) fn name_of(login: &str) -> String {
    format!("github:{login}")
}

/// What somebody may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much.
    pub level: Level,
    /// The roles they have for approvals.
    pub roles: Vec<String>,
    /// The name that approvals know them by, besides their name in the records.
    pub known_as: Option<String>,
}

impl People {
    /// Nobody at all.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty() && self.teams.is_empty()
    }

    /// What those are called in the records who are named.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.persons.iter().map(|person| name_of(&person.github_login))
    }

    /// What somebody may do who came in like this; `None`: they are not let in any more.
    pub fn standing(&self, visitor: &Visitor) -> Option<Standing> {
        if let Some(key) = &visitor.person {
            let person = self.persons.iter().find(|person| person.key() == *key)?;
            let is_other = person.github_id.is_some_and(|id| id != visitor.user_id);
            return Some(Standing {
                level: person.level.filter(|_| !is_other)?,
                roles: person.roles.clone(),
                known_as: person.name.clone(),
            });
        }
        // Who is named by now comes in by that, with the number of the account looked at.
        let is_named = |person: &Person| {
            person.github_id == Some(visitor.user_id)
                || person.github_login.eq_ignore_ascii_case(&visitor.login)
        };
        if self.persons.iter().any(is_named) {
            return None;
        }
        let theirs = self
            .teams
            .iter()
            .filter(|team| visitor.teams.contains(&team.full_name()));
        let theirs: Vec<&Team> = theirs.collect();
        let roles: BTreeSet<&String> = theirs.iter().flat_map(|team| &team.roles).collect();
        Some(Standing {
            level: theirs.iter().map(|team| team.level).max()?,
            roles: roles.into_iter().cloned().collect(),
            known_as: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        let person = |login: &str, level| Person {
            github_login: login.into(),
            github_id: None,
            level,
            roles: vec!["maintainer".into()],
            name: Some("alice".into()),
        };
        let team = |slug: &str, level, role: &str| Team {
            org: "Acme".into(),
            slug: slug.into(),
            level,
            roles: vec![role.into()],
        };
        People {
            persons: vec![person("Octocat", Some(Level::Operator)), person("mallory", None)],
            teams: vec![
                team("everybody", Level::Viewer, "staff"),
                team("release", Level::Admin, "release"),
            ],
        }
    }

    fn by_team(login: &str, teams: &[&str]) -> Visitor {
        Visitor {
            user_id: 7,
            login: login.into(),
            person: None,
            teams: teams.iter().map(|&team| team.to_owned()).collect(),
        }
    }

    fn named(key: &str) -> Visitor {
        Visitor {
            person: Some(key.into()),
            ..by_team(key, &[])
        }
    }

    #[test]
    fn an_entry_of_ones_own_counts_and_of_teams_the_highest() {
        let people = people();
        let own = people.standing(&named("octocat")).unwrap();
        assert_eq!(
            (own.level, own.known_as.as_deref()),
            (Level::Operator, Some("alice"))
        );
        let both = people
            .standing(&by_team("mona", &["acme/release", "acme/everybody"]))
            .unwrap();
        assert_eq!(both.level, Level::Admin);
        assert_eq!(both.roles, ["release", "staff"]);
        let one = people.standing(&by_team("mona", &["acme/everybody"])).unwrap();
        assert_eq!(one.level, Level::Viewer);
        assert_eq!(people.standing(&by_team("mona", &["acme/gone"])), None);
        assert_eq!(people.standing(&by_team("mona", &[])), None);
    }

    #[test]
    fn who_is_named_has_nothing_by_a_team_and_who_is_shut_out_nothing_at_all() {
        let mut people = people();
        assert_eq!(people.standing(&by_team("OCTOCAT", &["acme/release"])), None);
        assert_eq!(people.standing(&named("mallory")), None);
        assert_eq!(people.standing(&by_team("mallory", &["acme/release"])), None);
        people.persons[0].github_id = Some(8);
        assert_eq!(
            people.standing(&named("octocat")),
            None,
            "the number is another's"
        );
        people.persons[0].github_id = Some(7);
        assert!(people.standing(&named("octocat")).is_some());
        assert_eq!(
            people.standing(&by_team("renamed", &["acme/release"])),
            None,
            "named by number"
        );
    }
}
