//! In: the token of somebody who wants to see the dashboard. Out: who they are, if `xmrt.toml` lets them in. Never: that token kept;
//! it is given back as soon as it has said who they are and which teams they belong to.
//!
//! A person is told by the account's number. The one that a login of `xmrt.toml` had when it was first let in is remembered: an
//! account that was renamed stays itself, and a login that became somebody else's opens nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::people::{People, Person, Visitor};
use super::trip::{Errand, Started};
use super::{AccountError, Accounts};
use crate::integrations::github::{Granted, InTeam, Me};
use crate::journal::{AuditEntry, KvKey, kv_all};

/// Where the number is kept that each login of `xmrt.toml` had first, by login.
const NUMBERS: &str = "github-people";
/// What lets an App see who belongs to a team.
const SEES_TEAMS: &str = "read:org";

/// How somebody was recognized.
struct Recognized {
    person: Option<String>,
    note: Option<String>,
}

impl Accounts {
    /// Who is let in to the dashboard.
    pub fn people(&self) -> Arc<People> {
        self.0.people.load_full()
    }

    /// Says who is let in from now on.
    pub fn let_in(&self, people: People) {
        self.0.people.store(Arc::new(people));
    }

    /// Whether people can sign in with GitHub here; otherwise what is missing. `None`: nobody is to.
    pub fn door(&self) -> Option<Result<(), String>> {
        if self.people().is_empty() {
            return None;
        }
        Some(match &self.0.sign_in {
            Err(why) => Err(why.clone()),
            Ok(sign_in) if !sign_in.app.has_secret() => Err("set GITHUB_CLIENT_SECRET".to_owned()),
            Ok(_) => match self.0.base.get() {
                Some(Err(why)) => Err(why.clone()),
                _ => Ok(()),
            },
        })
    }

    /// Begins to find out who somebody is. GitHub is asked for nothing beyond that, unless teams are to be looked at.
    pub async fn start_person(&self, next: &str) -> Result<Started, AccountError> {
        match self.door() {
            None => {
                let why = "xmrt.toml names no `[[person]]` and no `[[team]]`";
                return Err(AccountError::NotSetUp(why.into()));
            }
            Some(Err(why)) => return Err(AccountError::NotSetUp(why)),
            Some(Ok(())) => {}
        }
        let scopes: &[String] = match self.people().teams.is_empty() {
            true => &[],
            false => &[SEES_TEAMS.to_owned()],
        };
        let errand = Errand::Person {
            next: next.to_owned(),
        };
        self.set_out(errand, scopes, None).await
    }

    /// Finds out whose token it is, and whether they are let in. The token is revoked, whatever came of it.
    pub(super) async fn admit(&self, granted: Granted) -> Result<Visitor, AccountError> {
        let admitted = self.vouched(&granted).await;
        if let Ok(sign_in) = self.sign_in()
            && let Err(why) = sign_in.app.revoke(&granted.access_token).await
        {
            let whose = admitted
                .as_ref()
                .map_or("somebody", |(visitor, _)| visitor.login.as_str());
            tracing::warn!(
                "the token of {whose}, who signed in to the dashboard, could not be revoked: {why}; its owner can, at GitHub under Settings, \
                 Applications"
            );
        }
        let (visitor, note) = admitted?;
        let standing = self.people().standing(&visitor);
        let Some(standing) = standing else {
            return Err(AccountError::NotLetIn {
                login: visitor.login,
                why: "you are not let in here".into(),
            });
        };
        let by = match &visitor.person {
            Some(_) => "by name".to_owned(),
            None => format!("by {}", visitor.teams.join(", ")),
        };
        let mut told = format!("number {}, {}, {by}", visitor.user_id, standing.level);
        if let Some(note) = note {
            told = format!("{told}; {note}");
        }
        self.of_person(&visitor.who(), "dashboard.login", "done", &told)
            .await;
        Ok(visitor)
    }

    /// Whom GitHub says that it is, and what that is to us; and what is to be said about it.
    async fn vouched(&self, granted: &Granted) -> Result<(Visitor, Option<String>), AccountError> {
        let app = &self.sign_in()?.app;
        let (me, people) = (app.user(&granted.access_token).await?, self.people());
        let known = self.recognize_person(&people, &me).await?;
        let mut visitor = Visitor {
            user_id: me.id,
            login: me.login,
            person: known.person,
            teams: Vec::new(),
        };
        if visitor.person.is_some() {
            return Ok((visitor, known.note));
        }
        let mut pending = Vec::new();
        let mut hidden = false;
        for team in &people.teams {
            let token = &granted.access_token;
            match app.in_team(token, &team.org, &team.slug, &visitor.login).await? {
                InTeam::Active => visitor.teams.push(team.full_name()),
                InTeam::Pending => pending.push(team.full_name()),
                InTeam::Hidden => hidden = true,
                InTeam::No => {}
            }
        }
        if !visitor.teams.is_empty() {
            return Ok((visitor, None));
        }
        let why = if !pending.is_empty() {
            format!(
                "the invitation to {} is not accepted yet: accept it at GitHub, and sign in again",
                pending.join(", ")
            )
        } else if hidden || lacks_scope(granted) && !people.teams.is_empty() {
            format!(
                "GitHub does not let this App see which teams you belong to: agree to `{SEES_TEAMS}`, and if the organization \
                 restricts Apps, have an owner of it approve this one"
            )
        } else {
            "neither this login nor a team of it is let in here; whoever keeps xmrt.toml can add a `[[person]]`"
                .to_owned()
        };
        let login = visitor.login;
        Err(AccountError::NotLetIn { login, why })
    }

    /// The `[[person]]` that an account is.
    async fn recognize_person(&self, people: &People, me: &Me) -> Result<Recognized, AccountError> {
        let found = |person: &Person, note| {
            Ok(Recognized {
                person: Some(person.key()),
                note,
            })
        };
        let persons = &people.persons;
        if let Some(person) = persons.iter().find(|person| person.github_id == Some(me.id)) {
            return found(person, renamed(person, me));
        }
        let numbers = self.numbers().await?;
        let number = |person: &Person| match person.github_id {
            Some(id) => Some(id),
            None => numbers.get(&person.key()).copied(),
        };
        if let Some(person) = persons.iter().find(|person| number(person) == Some(me.id)) {
            return found(person, renamed(person, me));
        }
        let by_login = |person: &&Person| person.github_login.eq_ignore_ascii_case(&me.login);
        let Some(person) = persons.iter().find(by_login) else {
            return Ok(Recognized {
                person: None,
                note: None,
            });
        };
        if let Some(number) = number(person) {
            return Err(AccountError::NotLetIn {
                login: me.login.clone(),
                why: format!(
                    "the login belongs to another account now (number {}; it was number {number}): if that is meant, `github_id = {}` \
                     says so in xmrt.toml",
                    me.id, me.id
                ),
            });
        }
        match self.remember_number(person, me).await? {
            true => found(person, None),
            false => Err(AccountError::State(
                "somebody signed in with this login for the first time at the same moment; begin again"
                    .into(),
            )),
        }
    }

    /// Every number that is remembered, by login.
    async fn numbers(&self) -> Result<BTreeMap<String, u64>, AccountError> {
        let kept = kv_all(self.store(), NUMBERS, "", self.now()).await?;
        let numbers = kept.into_iter().filter_map(|entry| {
            let number = serde_json::from_slice(&entry.value).ok()?;
            Some((entry.name, number))
        });
        Ok(numbers.collect())
    }

    /// Remembers the number of a login that is let in for the first time, unless somebody else just did.
    async fn remember_number(&self, person: &Person, me: &Me) -> Result<bool, AccountError> {
        let key = KvKey::new(NUMBERS, &person.key())?;
        let number = serde_json::to_vec(&me.id).unwrap_or_default().into();
        let there = self
            .store()
            .kv_put_if_absent(&key, number, None, self.now())
            .await?;
        Ok(there.is_none())
    }

    /// Puts on record what became of a person's sign-in.
    pub(super) async fn of_person(&self, who: &str, what: &str, outcome: &str, note: &str) {
        let entry = AuditEntry {
            who: who.into(),
            what: what.into(),
            outcome: outcome.into(),
            note: Some(crate::agents::scrubbed(note)),
            ..AuditEntry::default()
        };
        self.kept_on_record(entry).await;
    }
}

/// What the tokens of GitHub Apps begin with that act for a person. They have permissions, and name no scopes.
const OF_GITHUB_APP: &str = "ghu_";

/// Whether the person did not agree to have their teams looked at.
fn lacks_scope(granted: &Granted) -> bool {
    let sees = |scope: &String| matches!(scope.as_str(), "read:org" | "write:org" | "admin:org");
    let has_scopes = !granted.access_token.expose_secret().starts_with(OF_GITHUB_APP);
    has_scopes && !granted.scopes.iter().any(sees)
}

fn renamed(person: &Person, me: &Me) -> Option<String> {
    let same = person.github_login.eq_ignore_ascii_case(&me.login);
    (!same).then(|| {
        format!(
            "known as {} in xmrt.toml: set `github_login = \"{}\"` there",
            person.github_login, me.login
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_agreed_to_less_than_their_teams_is_told_from_an_app_that_has_no_scopes() {
        let granted = |begin: &str, scopes: &[&str]| Granted {
            access_token: format!("{begin}x").into(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires_in: None,
            refresh_token: None,
            refresh_token_expires_in: None,
        };
        for lacking in [&[][..], &["user:email"]] {
            assert!(lacks_scope(&granted("gho_", lacking)), "{lacking:?}");
        }
        for enough in ["read:org", "write:org", "admin:org"] {
            assert!(
                !lacks_scope(&granted("gho_", &["user:email", enough])),
                "{enough}"
            );
        }
        assert!(!lacks_scope(&granted(OF_GITHUB_APP, &[])));
    }
}
