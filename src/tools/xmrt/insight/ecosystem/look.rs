//! In: names of repositories and services. Out: what the tools that judge one of them say of each. Never: a judgement of its own; a
//! call that the caller may not make.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::score::{Area, Judged, Weight};
use crate::hub::{Hub, ToolError};
use crate::integrations::github::Repo;
use crate::tools::toolbox::Ctx;
use crate::tools::unread::answer;
use crate::tools::xmrt::Parts;
use crate::tools::xmrt::asked::{self, Question};

/// How many repositories and services are looked at, where nobody says which.
const LOOKED_AT_MAX: usize = 20;
/// What was not pushed to for so long is not looked at unless it is named, in hours.
const PUSHED_HOURS: i64 = 30 * 24;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The tools that judge.
const OF_REPOSITORY: &str = "github.analyze_repository";
const OF_SERVICE: &str = "render.check_health";

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Scope {
    pub(in super::super) repos: Vec<String>,
    pub(in super::super) services: Vec<String>,
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
pub(super) async fn scope(
    ctx: &Ctx<Parts>,
    repos: Option<Vec<Repo>>,
    services: Option<Vec<String>>,
    left_out: &mut Vec<String>,
) -> Result<Scope, ToolError> {
    let hub = asked::hub(ctx)?;
    let mut built_from = BTreeSet::new();
    let services = match services {
        Some(services) => services,
        None => {
            let arguments = json!({ "limit": LOOKED_AT_MAX });
            match one::<Services>(ctx, &hub, "render.list_services", arguments).await? {
                Ok(found) => {
                    if found.cursor.is_some() {
                        left_out.push(more("services", "services"));
                    }
                    built_from.extend(
                        found
                            .services
                            .iter()
                            .filter_map(|one| on_github(one.repo.as_deref()?)),
                    );
                    found.services.into_iter().map(|service| service.id).collect()
                }
                Err(why) => {
                    left_out.push(format!("services: {why}"));
                    Vec::new()
                }
            }
        }
    };
    let repos = match repos {
        Some(repos) => repos.iter().map(ToString::to_string).collect(),
        None => discovered(ctx, &hub, built_from, left_out).await?,
    };
    Ok(Scope { repos, services })
}

/// `owner/name` of a repository's address.
fn on_github(address: &str) -> Option<String> {
    let name = address.strip_prefix("https://github.com/")?;
    let name = name.trim_end_matches('/').trim_end_matches(".git");
    name.parse::<Repo>().ok().map(|repo| repo.to_string())
}

/// Repositories that services are built from, and that are worked on.
async fn discovered(
    ctx: &Ctx<Parts>,
    hub: &Hub,
    built_from: BTreeSet<String>,
    left_out: &mut Vec<String>,
) -> Result<Vec<String>, ToolError> {
    let mut repos: Vec<String> = built_from.into_iter().collect();
    let since = ctx.clock.now() - SignedDuration::from_hours(PUSHED_HOURS);
    let arguments = json!({ "limit": LOOKED_AT_MAX });
    match one::<Repositories>(ctx, hub, "github.list_repositories", arguments).await? {
        Ok(found) => {
            let is_recent = |repo: &Repository| repo.pushed_at.is_some_and(|at| at >= since);
            // They come in the order of their last push.
            if found.next_cursor.is_some() && found.repositories.last().is_some_and(is_recent) {
                left_out.push(more("repositories", "repos"));
            }
            let worked_on = found
                .repositories
                .into_iter()
                .filter(|repo| !repo.archived && is_recent(repo));
            for repo in worked_on {
                if !repos
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&repo.full_name))
                {
                    repos.push(repo.full_name);
                }
            }
        }
        Err(why) => left_out.push(format!("repositories: {why}")),
    }
    if repos.len() > LOOKED_AT_MAX {
        left_out.push(more("repositories", "repos"));
        repos.truncate(LOOKED_AT_MAX);
    }
    Ok(repos)
}

fn more(what: &str, argument: &str) -> String {
    format!("{what}: more than the first {LOOKED_AT_MAX} (name those that are meant in `{argument}`)")
}

/// One tool's answer, or why there is none.
async fn one<T: for<'a> Deserialize<'a>>(
    ctx: &Ctx<Parts>,
    hub: &Hub,
    tool: &str,
    arguments: Value,
) -> Result<Result<T, String>, ToolError> {
    let question = question(tool, arguments);
    let mut answers = asked::ask(ctx, hub, vec![question], PATIENCE).await;
    let read = answers.pop().unwrap_or(Ok(Value::Null));
    answer(read.and_then(|found| asked::typed(tool, found)))
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
        match answer(read.and_then(|found| asked::typed::<Verdict>(&tool, found)))? {
            Ok(verdict) if tool == OF_REPOSITORY => repository(subject, verdict, judged),
            Ok(verdict) => service(subject, verdict, judged),
            Err(why) => judged.unread.push(format!("{subject}: {why}")),
        }
    }
    Ok(())
}

/// What it is said not to have read is not judged.
fn repository(subject: &str, verdict: Verdict, judged: &mut Judged) {
    let unread = |what: &[&str]| {
        let mut all = verdict.unread.iter();
        all.any(|one| what.iter().any(|what| one.starts_with(what)))
    };
    judged.looked(Area::Repositories, subject);
    if !unread(&["workflow runs"]) {
        judged.looked(Area::Workflows, subject);
    }
    if !unread(&["Dependabot alerts", "secret scanning alerts"]) {
        judged.looked(Area::Alerts, subject);
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
    judged.looked(Area::Services, subject);
    judged.looked(Area::Deploys, subject);
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
