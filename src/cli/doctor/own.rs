//! In: the settings. Out: what is wrong with them, the rules, the store, the coverage, the agents. Never: a provider.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::report::{Finding, Level};
use crate::assemble;
use crate::cli::api::{Api, Target};
use crate::clock::{Clock, in_words};
use crate::config::Settings;
use crate::rules::RuleBook;
use crate::{reactor, rules};

/// A secret that is shorter can be guessed.
const SECRET_CHARS_MIN: usize = 16;
/// A store that takes longer for one question makes every delivery wait.
const SLOW: Duration = Duration::from_millis(50);
/// From how far on a journal's time is too far ahead of the clock, in milliseconds.
const AHEAD_MS: i64 = 5_000;
/// How often the store is asked for that.
const ASKED: usize = 5;

/// The settings themselves, which were read without a contradiction.
pub(super) fn configuration(settings: &Settings) -> Vec<Finding> {
    const AREA: &str = "configuration";
    let set = settings
        .origins
        .iter()
        .filter(|row| row.origin != "default")
        .count();
    let agree = match set {
        0 => "nothing is set, so the defaults hold; `xmrt config` lists them".to_owned(),
        set => format!("{set} setting(s) are set and agree with each other; `xmrt config` lists them"),
    };
    let mut found = vec![Finding::ok(AREA, agree)];
    let secrets = [
        ("XMRT_ADMIN_TOKEN", settings.admin_token.as_ref()),
        ("GITHUB_WEBHOOK_SECRET", settings.github_webhook_secrets.first()),
    ];
    for (name, secret) in secrets {
        let is_short = |secret: &SecretString| secret.expose_secret().chars().count() < SECRET_CHARS_MIN;
        if secret.is_some_and(is_short) {
            found.push(Finding::new(
                AREA,
                Level::Warning,
                format!("{name} has fewer than {SECRET_CHARS_MIN} characters"),
                "who guesses it is let in",
                format!("{name}=$(openssl rand -hex 32), and the same at whoever uses it"),
            ));
        }
    }
    for (name, door, is_set) in [
        (
            "GITHUB_WEBHOOK_SECRET",
            "github",
            !settings.github_webhook_secrets.is_empty(),
        ),
        (
            "RENDER_WEBHOOK_SECRET",
            "render",
            !settings.render_webhook_secrets.is_empty(),
        ),
    ] {
        if !is_set {
            found.push(Finding::new(
                AREA,
                Level::Note,
                format!("{name} is not set"),
                format!("/webhooks/{door} answers 503: nothing of {door} is taken"),
                format!("set {name} if {door} is to send webhooks"),
            ));
        }
    }
    found
}

/// The rules, and the book they make.
pub(super) async fn rules(settings: &Settings) -> (Vec<Finding>, Option<RuleBook>) {
    const AREA: &str = "rules";
    let folder = settings.rules.display();
    let failed = |what: String| {
        let why = "a server keeps to the last good rules, and without any does nothing";
        vec![Finding::new(AREA, Level::Problem, what, why, "xmrt check")]
    };
    if !settings.rules.exists() {
        let begin = Finding::new(
            AREA,
            Level::Problem,
            format!("there is no folder {folder}"),
            "a server does not start without its rules folder",
            "xmrt rules new <id> --from triage-new-issue makes it with a first rule",
        );
        return (vec![begin], None);
    }
    let files = match assemble::read_rules(std::slice::from_ref(&settings.rules)) {
        Ok(files) => files,
        Err(why) => return (failed(why), None),
    };
    let known = match (
        assemble::known_tools(settings).await,
        assemble::directory(settings),
    ) {
        (Ok(known), Ok(directory)) => reactor::catalog(&known.tools, &directory).opened(known.open),
        (Err(why), _) => return (failed(why.to_string()), None),
        (_, Err(why)) => return (failed(why), None),
    };
    let loaded = rules::load(&files, settings.vars(), Some(&known));
    let errors = loaded.diagnostics.iter().filter(|one| one.is_error()).count();
    let warnings = loaded.diagnostics.len() - errors;
    if errors > 0 {
        return (
            failed(format!("{errors} error(s) in the rules in {folder}")),
            None,
        );
    }
    let mut found = Vec::new();
    if warnings > 0 {
        found.push(Finding::new(
            AREA,
            Level::Warning,
            format!("{warnings} warning(s) about the rules in {folder}"),
            "",
            "xmrt check",
        ));
    }
    match files.len() {
        0 => found.push(Finding::new(
            AREA,
            Level::Note,
            format!("there are no rules in {folder}"),
            "deliveries are kept, and nothing is done",
            "xmrt rules new <id> --from triage-new-issue",
        )),
        rules => found.push(Finding::ok(
            AREA,
            format!("{rules} rule(s) in {folder}, no error; `xmrt test` runs their tests"),
        )),
    }
    (found, loaded.book)
}

/// The store: what the running server says of it, and what it says itself. SQLite is the running server's alone.
pub(super) async fn store(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(what) = assemble::damage(settings).await {
        found.push(Finding::new(
            STORE,
            Level::Problem,
            format!("{} is damaged: {what}", place(settings)),
            "what is in the damaged part is lost, and what is written next may be, too",
            "stop the server, keep a copy of the data directory, and put the last backup back (docs/state.md); then look at the disk",
        ));
        return found;
    }
    if let Some(url) = assemble::running_server(settings) {
        found.push(served(settings, &url).await);
        if settings.redis.is_none() {
            return found;
        }
    }
    found.extend(opened(settings).await);
    found
}

const STORE: &str = "store";

fn place(settings: &Settings) -> String {
    match &settings.redis {
        Some(redis) => format!("Redis, keys beginning with {}", redis.prefix),
        None => format!("SQLite in {}", settings.data_dir.display()),
    }
}

/// What the running server says.
async fn served(settings: &Settings, url: &str) -> Finding {
    match ready(url).await {
        Ok(degraded) if degraded.is_empty() => Finding::ok(
            STORE,
            format!("{}; the server at {url} can accept deliveries", place(settings)),
        ),
        Ok(degraded) => Finding::new(
            STORE,
            Level::Warning,
            format!("the server at {url} works with less: {degraded}"),
            "deliveries are accepted; what needs that part waits or fails meanwhile",
            format!("GET {url}/readyz says more"),
        ),
        Err(why) => Finding::new(
            STORE,
            Level::Problem,
            format!("the server at {url} cannot accept deliveries: {why}"),
            "providers are answered 503; GitHub does not send again by itself",
            "see its log",
        ),
    }
}

/// What the store itself says: how safe what it acknowledges is, how much room it has, how fast it answers.
async fn opened(settings: &Settings) -> Vec<Finding> {
    let place = place(settings);
    let broken = |why: String| {
        vec![Finding::new(
            STORE,
            Level::Problem,
            format!("{place}: {why}"),
            "no delivery can be made durable: all are answered 503",
            "see what it says, then try again",
        )]
    };
    let journal = match assemble::Bare::existing(settings).await {
        Ok(Some(journal)) => journal,
        Ok(None) => {
            return vec![Finding::new(
                STORE,
                Level::Note,
                format!("{place}: there is no journal yet"),
                "",
                "the first `xmrt serve` makes it",
            )];
        }
        Err(why) => return broken(why.to_string()),
    };
    let (mut found, mut times) = (Vec::new(), Vec::new());
    for _ in 0..ASKED {
        let begun = Clock::monotonic();
        if let Err(why) = journal.store().stats().await {
            return broken(why.to_string());
        }
        times.push(begun.elapsed());
    }
    if let Some(ahead) = ahead(&journal).await {
        found.push(ahead);
    }
    times.sort();
    let median = times[ASKED / 2];
    let shown = format!("{:.1} ms", median.as_secs_f64() * 1_000.0);
    let safety = journal.safety();
    found.extend(journal.warnings().into_iter().map(|warning| {
        Finding::new(
            STORE,
            Level::Warning,
            format!("{place}: {warning}"),
            "",
            "docs/state.md says what the server must be",
        )
    }));
    found.push(match median > SLOW {
        true => Finding::new(
            STORE,
            Level::Warning,
            format!("{place} answers in {shown} (median of {ASKED}); {safety}"),
            "every delivery waits for the store before it is answered",
            "keep it near: the same region, the same private network",
        ),
        false => Finding::ok(
            STORE,
            format!("{place}: {safety}; answers in {shown} (median of {ASKED})"),
        ),
    });
    found
}

/// How far the journal's time is ahead of this machine's clock, where that is far.
async fn ahead(journal: &assemble::Bare) -> Option<Finding> {
    let export = journal.store().export().await.ok()?;
    let (last, now) = (export.head.last, Clock::system().now());
    let ms = last.as_millisecond() - now.as_millisecond();
    (ms > AHEAD_MS).then(|| {
        Finding::new(
            STORE,
            Level::Problem,
            format!(
                "the journal's time is {last}, which is {} ahead of this machine's clock",
                in_words(ms)
            ),
            "leases, waits and cooldowns stand still until the clock has caught up",
            "if the clock is right now: stop the servers, `xmrt export --to FILE`, `xmrt import --replace --turn-clock-back FILE`",
        )
    })
}

async fn ready(url: &str) -> Result<String, String> {
    let answer = reqwest::get(format!("{url}/readyz"))
        .await
        .map_err(|error| error.to_string())?;
    let is_ready = answer.status().is_success();
    let body: serde_json::Value = answer.json().await.map_err(|error| error.to_string())?;
    let parts = body["degraded"].as_array().into_iter().flatten();
    let parts: Vec<String> = parts
        .map(|one| {
            let said = |name: &str| one[name].as_str().unwrap_or_default();
            format!("{}: {}", said("part"), said("why"))
        })
        .collect();
    match is_ready {
        true => Ok(parts.join("; ")),
        false => Err(parts.join("; ")),
    }
}

/// What the running server knows of gaps.
pub(super) async fn coverage(settings: &Settings) -> Vec<Finding> {
    const AREA: &str = "coverage";
    if assemble::running_server(settings).is_none() {
        let what = "no server is running, so nothing is compared with what the providers delivered";
        return vec![Finding::new(
            AREA,
            Level::Note,
            what,
            "",
            "start `xmrt serve`, then `xmrt coverage`",
        )];
    }
    let asked = async {
        let api = Api::connect(&Target { url: None }, settings).await?;
        api.get("/api/v1/coverage").await
    };
    let Ok(told) = asked.await else {
        return vec![Finding::new(
            AREA,
            Level::Warning,
            "the server does not say what it compared",
            "",
            "xmrt coverage",
        )];
    };
    let sources = told["sources"].as_array().map_or(0, Vec::len);
    let missing: u64 = told["sources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|source| source["found"]["unreachable"].as_u64().unwrap_or(0))
        .sum();
    vec![match (sources, missing) {
        (0, _) => Finding::new(
            AREA,
            Level::Note,
            "no webhook that leads here is known to the server",
            "what does not arrive is not noticed",
            "xmrt coverage",
        ),
        (_, 0) => Finding::ok(
            AREA,
            format!("{sources} webhook(s) compared with the journal, nothing is missing"),
        ),
        _ => Finding::new(
            AREA,
            Level::Problem,
            format!("{missing} deliveries are missing and cannot be had any more"),
            "what they would have started was not started",
            "xmrt coverage lists them",
        ),
    }]
}

/// Who may act.
pub(super) fn agents(settings: &Settings) -> Vec<Finding> {
    const AREA: &str = "agents";
    match (settings.file.agent.len(), assemble::directory(settings)) {
        (_, Err(why)) => vec![Finding::new(
            AREA,
            Level::Problem,
            why,
            "a server does not start with it",
            "mend xmrt.toml",
        )],
        (0, Ok(_)) => vec![Finding::new(
            AREA,
            Level::Note,
            "no agents are named in xmrt.toml",
            "rules act as the reactor; programs reach /mcp with the admin token only",
            "docs/agents.md",
        )],
        (agents, Ok(_)) => vec![
            Finding::ok(
                AREA,
                format!("{agents} agent(s), each with a role; `xmrt agents list` shows them"),
            ),
            on_github(AREA, settings),
        ],
    }
}

/// As whom agents act on GitHub.
fn on_github(area: &'static str, settings: &Settings) -> Finding {
    let own = settings
        .file
        .agent
        .iter()
        .filter(|agent| agent.github_login.is_some());
    let own: Vec<&str> = own.map(|agent| agent.id.as_str()).collect();
    match (own.is_empty(), &settings.github_oauth) {
        (true, _) => Finding::new(
            area,
            Level::Note,
            "agents act on GitHub with the server's credentials",
            "what they write is told apart by the audit, not by the account",
            "`github_login` gives an agent an account of its own: docs/agents.md",
        ),
        (false, None) => Finding::new(
            area,
            Level::Warning,
            format!(
                "{} cannot be signed in to GitHub: GITHUB_CLIENT_ID is not set",
                own.join(", ")
            ),
            "with `github_login` an agent acts as that account only, so its calls to GitHub fail",
            "set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET: docs/agents.md",
        ),
        (false, Some(_)) => Finding::ok(
            area,
            format!(
                "on GitHub {} has an account of its own; `xmrt agents account <id>` says whether it is signed in",
                own.join(", ")
            ),
        ),
    }
}
