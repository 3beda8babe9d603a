//! In: names of repositories and services. Out: what the tools that judge one of them say of each. Never: a judgement of its own; a
//! call that the caller may not make.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::score::{Area, Judged, Weight};
use crate::agents::Who;
use crate::hub::{ErrorClass, Hub, ToolError};
use crate::integrations::github::Repo;
use crate::tools::toolbox::Ctx;
use crate::tools::unread;
use crate::tools::xmrt::Parts;
use crate::tools::xmrt::asked::{self, Question};

/// How many repositories and services are looked at, where nobody says which.
const LOOKED_AT_MAX: usize = 20;
/// What was not pushed to for so long is not looked at unless it is named, in hours.
const PUSHED_HOURS: i64 = 30 * 24;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How the parts begin that are about alerts.
const ALERTS: [&str; 2] = ["Dependabot alerts", "secret scanning alerts"];
/// The tools that judge.
const OF_REPOSITORY: &str = "github.analyze_repository";
const OF_SERVICE: &str = "render.check_health";

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Scope {
    pub(in super::super) repos: Vec<String>,
    pub(in super::super) services: Vec<String>,
    /// What there is more of than is looked at.
    pub(in super::super) left_out: Vec<String>,
    /// What could not be listed, and why.
    pub(in super::super) unread: Vec<String>,
}

/// What both judging tools answer with.
#[derive(Debug, Deserialize)]
struct Verdict {
    evidence: Vec<Evidence>,
    unread: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    weight: String,
    source: String,
    what: String,
}

#[derive(Deserialize)]
struct Services {
    services: Vec<Service>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    id: String,
    #[serde(default)]
    repo: Option<String>,
}

#[derive(Deserialize)]
struct Repositories {
    repositories: Vec<Repository>,
    next_cursor: Option<u64>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    pushed_at: Option<Timestamp>,
}

/// What is looked at: what is named, or else what there is.
pub(in super::super) async fn scope(
    ctx: &Ctx<Parts>,
    repos: Option<Vec<Repo>>,
    services: Option<Vec<String>>,
) -> Result<Scope, ToolError> {
    let hub = asked::hub(ctx)?;
    let mut scope = Scope::default();
    let mut built_from = BTreeSet::new();
    match services {
        Some(services) => scope.services = services,
        None => {
            let arguments = json!({ "limit": LOOKED_AT_MAX });
            match one::<Services>(ctx, &hub, "render.list_services", arguments).await {
                Ok(found) => {
                    if found.cursor.is_some() {
                        scope.left_out.push(more("services", "services"));
                    }
                    let built = found
                        .services
                        .iter()
                        .filter_map(|one| on_github(one.repo.as_deref()?));
                    built_from.extend(built);
                    scope.services = found.services.into_iter().map(|service| service.id).collect();
                }
                Err(error) => scope.unread.push(unlisted(ctx, "services", "services", error)),
            }
        }
    }
    match repos {
        Some(repos) => scope.repos = repos.iter().map(ToString::to_string).collect(),
        None => discover(ctx, &hub, built_from, &mut scope).await,
    }
    Ok(scope)
}

/// Why something could not be listed. An agent may not list everything, and need not.
fn unlisted(ctx: &Ctx<Parts>, what: &str, argument: &str, error: ToolError) -> String {
    match (&ctx.who, &error.class) {
        (Who::Agent(_), ErrorClass::Forbidden) => {
            format!("{what}: an agent names those that it means, in `{argument}`")
        }
        _ => format!("{what}: {}", unread::why(error)),
    }
}

/// `owner/name` of a repository's address.
fn on_github(address: &str) -> Option<String> {
    let name = address.strip_prefix("https://github.com/")?;
    let name = name.trim_end_matches('/').trim_end_matches(".git");
    name.parse::<Repo>().ok().map(|repo| repo.to_string())
}

/// Repositories that services are built from, and that are worked on.
async fn discover(ctx: &Ctx<Parts>, hub: &Hub, built_from: BTreeSet<String>, scope: &mut Scope) {
    let mut repos: Vec<String> = built_from.into_iter().collect();
    let mut there_are_more = false;
    let since = ctx.clock.now() - SignedDuration::from_hours(PUSHED_HOURS);
    let arguments = json!({ "limit": LOOKED_AT_MAX });
    match one::<Repositories>(ctx, hub, "github.list_repositories", arguments).await {
        Ok(found) => {
            let is_recent = |repo: &Repository| repo.pushed_at.is_some_and(|at| at >= since);
            // They come in the order of their last push.
            there_are_more = found.next_cursor.is_some() && found.repositories.last().is_some_and(is_recent);
            let worked_on = found
                .repositories
                .into_iter()
                .filter(|repo| !repo.archived && is_recent(repo));
            for repo in worked_on {
                let is = |known: &String| known.eq_ignore_ascii_case(&repo.full_name);
                if !repos.iter().any(is) {
                    repos.push(repo.full_name);
                }
            }
        }
        Err(error) => scope.unread.push(unlisted(ctx, "repositories", "repos", error)),
    }
    if there_are_more || repos.len() > LOOKED_AT_MAX {
        scope.left_out.push(more("repositories", "repos"));
        repos.truncate(LOOKED_AT_MAX);
    }
    scope.repos = repos;
}

fn more(what: &str, argument: &str) -> String {
    format!("{what} beyond the first {LOOKED_AT_MAX}; `{argument}` names those that are meant")
}

/// One tool's answer.
async fn one<T: for<'a> Deserialize<'a>>(
    ctx: &Ctx<Parts>,
    hub: &Hub,
    tool: &str,
    arguments: Value,
) -> Result<T, ToolError> {
    let question = question(tool, arguments);
    let mut answers = asked::ask(ctx, hub, vec![question], PATIENCE).await;
    let read = answers.pop().unwrap_or(Ok(Value::Null));
    asked::typed(tool, read?)
}

fn question(tool: &str, arguments: Value) -> Question {
    let arguments = match arguments {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    };
    Question {
        tool: tool.to_owned(),
        arguments,
    }
}

/// Asks about all of them.
pub(super) async fn judge(ctx: &Ctx<Parts>, scope: &Scope, judged: &mut Judged) -> Result<(), ToolError> {
    let hub = asked::hub(ctx)?;
    let repos = scope
        .repos
        .iter()
        .map(|repo| (repo, question(OF_REPOSITORY, json!({ "repo": repo }))));
    let services = scope.services.iter().map(|id| {
        (
            id,
            question(OF_SERVICE, json!({ "service_id": id, "within": "24h" })),
        )
    });
    let (subjects, questions): (Vec<&String>, Vec<Question>) = repos.chain(services).unzip();
    let tools: Vec<String> = questions.iter().map(|question| question.tool.clone()).collect();
    let answers = asked::ask(ctx, &hub, questions, PATIENCE).await;
    for ((subject, tool), read) in subjects.into_iter().zip(tools).zip(answers) {
        match read.and_then(|found| asked::typed::<Verdict>(&tool, found)) {
            Ok(verdict) if tool == OF_REPOSITORY => repository(subject, verdict, judged),
            Ok(verdict) => service(subject, verdict, judged),
            Err(error) => judged.unread.push(format!("{subject}: {}", unread::why(error))),
        }
    }
    Ok(())
}

/// Where a part of an area could not be read, that area is not judged: what speaks against it may be in that part.
fn repository(subject: &str, verdict: Verdict, judged: &mut Judged) {
    let area_of = |part: &str| match part {
        part if part.starts_with("workflow runs") => Area::Workflows,
        part if ALERTS.iter().any(|alerts| part.starts_with(alerts)) => Area::Alerts,
        _ => Area::Repositories,
    };
    let unread: BTreeSet<Area> = verdict.unread.iter().map(|part| area_of(part)).collect();
    for area in [Area::Repositories, Area::Workflows, Area::Alerts] {
        if !unread.contains(&area) {
            judged.looked(area, subject);
        }
    }
    for one in verdict.evidence {
        let area = match one.source.as_str() {
            "ci" => Area::Workflows,
            "security" => Area::Alerts,
            _ => Area::Repositories,
        };
        found(area, subject, one, judged);
    }
    not_read(subject, verdict.unread, judged);
}

fn service(subject: &str, verdict: Verdict, judged: &mut Judged) {
    judged.looked(Area::Deploys, subject);
    // Only metrics may be missing; without service and deploys there would be no verdict.
    if verdict.unread.is_empty() {
        judged.looked(Area::Services, subject);
    }
    for one in verdict.evidence {
        let area = match one.source.as_str() {
            "deploys" => Area::Deploys,
            _ => Area::Services,
        };
        found(area, subject, one, judged);
    }
    not_read(subject, verdict.unread, judged);
}

fn found(area: Area, subject: &str, one: Evidence, judged: &mut Judged) {
    let weight = match one.weight.as_str() {
        "bad" => Weight::Bad,
        "warning" => Weight::Warning,
        _ => return,
    };
    judged.found(area, subject, weight, one.what);
}

fn not_read(subject: &str, unread: Vec<String>, judged: &mut Judged) {
    let of_subject = unread.into_iter().map(|what| format!("{subject}: {what}"));
    judged.unread.extend(of_subject);
}
