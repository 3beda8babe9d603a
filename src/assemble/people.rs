//! Who may see the dashboard: from `xmrt.toml` to the door, also when the file changes. Nobody who is taken out of it waits for a
//! restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::files;
use crate::accounts::{self, Accounts, People};
use crate::config::{FileSettings, Level, Settings};
use crate::reactor::Reactor;

/// How often it is looked whether the file is another.
const LOOK: Duration = Duration::from_secs(1);
/// The part that works with less.
const PART: &str = "people";

fn level(level: Level) -> Option<accounts::Level> {
    match level {
        Level::None => None,
        Level::Viewer => Some(accounts::Level::Viewer),
        Level::Operator => Some(accounts::Level::Operator),
        Level::Admin => Some(accounts::Level::Admin),
    }
}

/// Who is let in, as the file says.
pub(super) fn people(file: &FileSettings) -> People {
    let persons = file.person.iter().map(|person| accounts::Person {
        github_login: person.github_login.clone(),
        github_id: person.github_id,
        level: level(person.level),
        roles: person.roles.clone(),
        name: person.name.clone(),
    });
    // A team that cannot be read was refused where the file was.
    let teams = file.team.iter().filter_map(|team| {
        let (org, slug) = team.parts()?;
        Some(accounts::Team {
            org: org.to_owned(),
            slug: slug.to_owned(),
            level: level(team.level)?,
            roles: team.roles.clone(),
        })
    });
    People {
        persons: persons.collect(),
        teams: teams.collect(),
    }
}

/// Says where people are named who cannot come in.
pub(super) fn tell_of_the_door(accounts: &Accounts, reactor: &Reactor) {
    let lacks = accounts.door().and_then(Result::err);
    let lacks = lacks.map(|why| format!("the people of xmrt.toml cannot sign in with GitHub: {why}"));
    reactor.set_degraded(PART, lacks);
}

/// Lets in whom the file names by now. While it cannot be read, those stay who were in it last.
pub(super) fn watch(
    settings: &Settings,
    accounts: &Accounts,
    reactor: &Arc<Reactor>,
    mut stopped: watch::Receiver<bool>,
) {
    let (settings, accounts, reactor) = (settings.clone(), accounts.clone(), Arc::clone(reactor));
    let path = settings.config_file();
    tokio::spawn(async move {
        // What it was when it was read first is not known exactly: it is read once more.
        let mut seen = None;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let there = files::state(&path);
            if there == seen {
                continue;
            }
            seen = there;
            match settings.file_as_it_is() {
                Ok(file) => {
                    let people = people(&file);
                    if people != *accounts.people() {
                        let (persons, teams) = (people.persons.len(), people.teams.len());
                        tracing::info!(
                            "{persons} person(s) and {teams} team(s) are let in to the dashboard from now on"
                        );
                        accounts.let_in(people);
                    }
                    tell_of_the_door(&accounts, &reactor);
                }
                // Without a file nobody is let in, and nothing is wrong with that.
                Err(_) if there.is_none() && accounts.people().is_empty() => {
                    tell_of_the_door(&accounts, &reactor)
                }
                Err(why) => {
                    let why = format!("{why}\nthose who were let in to the dashboard before still are");
                    reactor.set_degraded(PART, Some(why));
                }
            }
        }
    });
}
