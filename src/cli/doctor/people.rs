//! In: the settings. Out: whether the people they name can sign in to the dashboard. Never: a question to GitHub.

use super::report::{Finding, Level};
use crate::config::{self, Settings};

const AREA: &str = "dashboard";

/// Who opens the dashboard.
pub(super) fn people(settings: &Settings) -> Vec<Finding> {
    let (persons, teams) = (&settings.file.person, &settings.file.team);
    if persons.is_empty() && teams.is_empty() {
        return vec![Finding::new(
            AREA,
            Level::Note,
            "whoever opens the dashboard has the admin token",
            "what people do there is on record as admin's, and each of them may do everything",
            "`[[person]]` and `[[team]]` let people in with GitHub, each with a level: docs/how-to/let-your-team-in.md",
        )];
    }
    let lacks = match &settings.github_oauth {
        None => Some("GITHUB_CLIENT_ID is not set"),
        Some(oauth) if oauth.client_secret.is_none() => Some("GITHUB_CLIENT_SECRET is not set"),
        Some(_) => None,
    };
    let unreached = settings.hosts().is_empty() && !settings.listen.ip().is_loopback();
    let warning = |what: String, remedy: &str| {
        let why = "the dashboard opens with the admin token only";
        vec![Finding::new(AREA, Level::Warning, what, why, remedy)]
    };
    if let Some(lacks) = lacks {
        return warning(
            format!("the people of xmrt.toml cannot sign in with GitHub: {lacks}"),
            "set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET: docs/how-to/let-your-team-in.md",
        );
    }
    if unreached {
        return warning(
            "the people of xmrt.toml cannot sign in with GitHub: under which name browsers reach this server is not known".to_owned(),
            "put it into `[http] hosts` of xmrt.toml",
        );
    }
    let in_it = |level: &config::Level| *level != config::Level::None;
    let persons = persons.iter().filter(|person| in_it(&person.level)).count();
    vec![Finding::ok(
        AREA,
        format!(
            "{persons} person(s) and {} team(s) may sign in with GitHub, each with a level",
            teams.len()
        ),
    )]
}
