//! In: the settings. Out: whether the people they name can sign in to the dashboard, and whether GitHub knows the App that asks. Never:
//! a person who has to do something for that.

use super::report::{Finding, Level};
use crate::config::{self, Settings};
use crate::integrations::github::OauthApp;

const AREA: &str = "dashboard";

/// What signs people and agents in.
const APP: &str = "OAuth";

/// Whether GitHub knows the App. `sandbox`: GitHub is not asked, because what is looked at is the sandbox.
pub(super) async fn app(settings: &Settings, sandbox: bool) -> Vec<Finding> {
    let Some(oauth) = &settings.github_oauth else {
        return vec![Finding::new(
            APP,
            Level::Note,
            "not configured",
            "neither agents nor people can sign in with GitHub",
            "set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET: docs/agents.md",
        )];
    };
    let not_asked = |what: &str, remedy: &str| {
        let why = "an App that GitHub does not know signs nobody in";
        vec![Finding::new(APP, Level::Note, what, why, remedy)]
    };
    if sandbox {
        return not_asked(
            "GitHub was not asked whether it knows the App: this is about the sandbox",
            "`xmrt doctor` without `--sandbox` asks it",
        );
    }
    if oauth.client_secret.is_none() {
        return not_asked(
            "GitHub cannot be asked whether it knows the App: GITHUB_CLIENT_SECRET is not set",
            "set it; without it only `xmrt agents login` works",
        );
    }
    let (web, api) = (&settings.github_url, &settings.github_api_url);
    let asked = match OauthApp::new(web, api, &oauth.client_id, oauth.client_secret.clone()) {
        Ok(app) => app.is_known().await.map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    vec![match asked {
        Ok(true) => Finding::ok(APP, "GitHub knows the App by its id and secret"),
        Ok(false) => Finding::new(
            APP,
            Level::Problem,
            "GitHub does not know the App: GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET do not belong together, or to no App of it",
            "nobody can sign in, neither agents nor people",
            "copy both from the App's settings page at GitHub; a secret is shown there once, when it is made",
        ),
        Err(why) => Finding::new(
            APP,
            Level::Warning,
            format!("GitHub could not be asked whether it knows the App: {why}"),
            "nobody can sign in while that is so",
            "see that GITHUB_URL is right and can be reached from here",
        ),
    }]
}

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
