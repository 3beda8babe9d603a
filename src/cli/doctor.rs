//! `xmrt doctor`: the validation suite. Looks at every part as it is configured here, and lets a delivery come through.

mod door;
mod fix;
mod means;
mod own;
mod people;
mod report;
mod servers;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Ending, Failure, print};
use crate::assemble::{self, Running};
use crate::clock::Clock;
use crate::config::Settings;
use report::{Finding, Level, Report};

/// Options of `xmrt doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Look at the built-in stand-ins for GitHub and Render instead of the real ones
    #[arg(long)]
    sandbox: bool,
    /// Mend what is safe first: files that others can read, and rules where it is certain
    #[arg(long, conflicts_with = "sandbox")]
    fix: bool,
    /// Also write what was found as a Markdown document
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// `settings` are what there is to look at, or why they cannot be used.
pub(super) async fn run(options: Options, settings: Result<Settings, String>) -> Ending {
    let findings = match settings {
        Ok(settings) => Box::pin(look(&options, settings)).await,
        Err(why) => vec![Finding::new(
            "configuration",
            Level::Problem,
            why,
            "nothing starts with it",
            "mend it; `xmrt config` shows the settings once they agree",
        )],
    };
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        at: Clock::system().now().to_string(),
        providers: if options.sandbox {
            "the sandbox"
        } else {
            "the providers as configured"
        },
        findings,
    };
    if let Some(path) = &options.report {
        write(path, &report.markdown())?;
    }
    match options.json {
        true => print::json(&report.json()),
        false => print::colored(&report.text(print::color(&std::io::stdout()))),
    }
    match report.count(Level::Problem) {
        0 => Ok(()),
        _ => Err(Failure::Found),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a report is written where it is asked for"
)]
fn write(path: &Path, text: &str) -> Ending {
    std::fs::write(path, text).map_err(|error| Failure::CouldNot(format!("{}: {error}", path.display())))
}

/// A folder that goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("xmrt-doctor-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn look(options: &Options, mut settings: Settings) -> Vec<Finding> {
    let mut findings = own::configuration(&settings);
    findings.extend(fix::permissions(&settings, options.fix));
    if options.fix {
        findings.extend(fix::rules(&settings).await);
    }
    let (of_rules, book) = own::rules(&settings).await;
    findings.extend(of_rules);
    findings.extend(own::store(&settings).await);
    let made_up = || uuid::Uuid::new_v4().simple().to_string();
    if options.sandbox {
        // The sandbox takes these, and nothing else is asked with them.
        settings.github_token = Some(made_up().into());
        settings.github_app = None;
        settings.render_api_key = Some(made_up().into());
        settings.file.github.account = crate::config::AccountUse::Own;
    }
    let own_instance = async {
        let folder = Folder::new()?;
        let apart = door::apart(&settings, &folder.0)?;
        let running = assemble::start(&apart, options.sandbox).await;
        running
            .map(|running| (folder, apart, running))
            .map_err(|error| error.to_string())
    };
    let instance = own_instance.await;
    let mut variables = Vec::new();
    if let Ok((_, _, running)) = &instance {
        variables = sandboxed(&settings, running);
    }
    // Side by side: one that hangs holds up no other.
    let look = |name| servers::look(name, &settings, &variables, book.as_ref());
    let tested = async {
        match &instance {
            Ok((_, apart, running)) => {
                let mut found = door::test(running, apart).await;
                found.push(door::agents(running).await);
                found
            }
            Err(why) => vec![Finding::new(
                "end to end",
                Level::Problem,
                format!("an instance of its own does not start: {why}"),
                "neither would a server",
                "see what it says",
            )],
        }
    };
    let (github, render, own, app, coverage, tested) = tokio::join!(
        look("github"),
        look("render"),
        look("xmrt"),
        people::app(&settings, options.sandbox),
        own::coverage(&settings),
        tested
    );
    findings.extend(
        [
            github,
            render,
            own,
            own::agents(&settings),
            app,
            people::people(&settings),
            coverage,
            tested,
        ]
        .into_iter()
        .flatten(),
    );
    if let Ok((folder, _, running)) = instance {
        running.stop().await;
        drop(folder);
    }
    findings
}

/// What a process must be told to look at the instance's sandbox, if it has one.
fn sandboxed(settings: &Settings, running: &Running) -> Vec<(String, String)> {
    use secrecy::ExposeSecret;
    let (Some(address), Some(sandbox)) = (running.instance.sandbox_address(), running.instance.sandbox())
    else {
        return Vec::new();
    };
    // A repository, whose webhook leads to the instance, and a service: there must be something to see.
    let state = json!({
        "github": { "repos": [{ "full_name": "acme/api" }] },
        "render": { "services": [{ "id": "srv-sandbox", "name": "api" }] },
    });
    if let Err(why) = sandbox.seed(&state) {
        tracing::error!("the sandbox does not take its own state: {why}");
    }
    let secret = |secret: &Option<secrecy::SecretString>| {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned())
            .unwrap_or_default()
    };
    [
        ("GITHUB_API_URL", format!("http://{address}/github")),
        ("GITHUB_TOKEN", secret(&settings.github_token)),
        ("GITHUB_APP_ID", String::new()),
        ("GITHUB_APP_PRIVATE_KEY", String::new()),
        ("RENDER_API_URL", format!("http://{address}/render/v1")),
        ("RENDER_API_KEY", secret(&settings.render_api_key)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
