//! In: repositories and services. Out: the report of a week about them all, and as files with charts where that is asked for. Never: a
//! measure of its own; a call that the caller may not make.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ecosystem;
use crate::chart::{Chart, Colors};
use crate::hub::ToolError;
use crate::integrations::github::Repo;
use crate::tools::quote::quote;
use crate::tools::toolbox::{Ctx, invalid};
use crate::tools::unread::why;
use crate::tools::when::day;
use crate::tools::xmrt::Parts;
use crate::tools::xmrt::asked::{self, Question};

/// What is reported.
const WITHIN: &str = "7d";
/// How many weeks the charts show unless a call says otherwise.
const WEEKS: u32 = 8;
/// How many repositories, and how many services, are reported.
const SUBJECTS_MAX: usize = 10;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of a name, and of why something could not be read, is quoted, in bytes.
const NAME_BYTES_MAX: usize = 80;
const WHY_BYTES_MAX: usize = 200;

/// What to report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeeklyArgs {
    /// Repositories, as owner/name. Unless said: those that the services are built from, and those that were pushed to in the last 30
    /// days, ten at most.
    #[schemars(length(max = 10))]
    repos: Option<Vec<Repo>>,
    /// Services on Render, srv-…. Unless said: all, ten at most.
    #[schemars(length(max = 10))]
    services: Option<Vec<String>>,
    /// Also as files below this folder, like reports/2026-11-23: a README.md and its charts, for github.commit_files.
    #[schemars(length(min = 1, max = 200))]
    folder: Option<String>,
    /// How many weeks the charts of these files show (8).
    #[schemars(range(min = 2, max = 26))]
    weeks: Option<u32>,
}

/// The report of a week.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Weekly {
    #[schemars(with = "String")]
    until: Timestamp,
    repos: Vec<String>,
    services: Vec<String>,
    /// What could not be reported, and why.
    gaps: Vec<String>,
    /// The report as files, where a folder was named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<File>,
    /// Markdown, to be pasted as it is.
    report: String,
}

/// A file, as github.commit_files takes it.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct File {
    path: String,
    text: String,
}

/// What one tool said of one repository or service.
#[derive(Debug, Deserialize)]
struct Told {
    report: String,
    #[serde(default)]
    charts: Vec<Chart>,
}

/// A part of the report.
#[derive(Debug)]
struct Part {
    /// A repository, or a service.
    of: String,
    told: Vec<Told>,
}

pub(super) async fn weekly_report(ctx: Ctx<Parts>, args: WeeklyArgs) -> Result<Weekly, ToolError> {
    let folder = args.folder.as_deref().map(folder).transpose()?;
    let until = ctx.clock.now();
    // Health is compared with last week's answer to the same question, so it is asked as this was.
    let health = json!({ "repos": args.repos, "services": args.services });
    let mut scope = ecosystem::scope(&ctx, args.repos, args.services).await?;
    // What a provider answered is not our word.
    let mut gaps: Vec<String> = scope.unread.iter().map(|why| quote(why, WHY_BYTES_MAX)).collect();
    for (what, all) in [
        ("repositories", &mut scope.repos),
        ("services", &mut scope.services),
    ] {
        if all.len() > SUBJECTS_MAX || scope.left_out.iter().any(|left| left.starts_with(what)) {
            gaps.push(format!("{what} beyond the first {SUBJECTS_MAX}"));
            all.truncate(SUBJECTS_MAX);
        }
    }
    // Charts are for files; a text has no use for their numbers.
    let weeks = folder.as_ref().map(|_| args.weeks.unwrap_or(WEEKS));
    let asked = questions(health, &scope, weeks);
    let hub = asked::hub(&ctx)?;
    let questions = asked.iter().map(|(_, question)| question.clone()).collect();
    let answers = asked::ask(&ctx, &hub, questions, PATIENCE).await;
    let mut parts: Vec<Part> = Vec::new();
    for ((of, question), read) in asked.into_iter().zip(answers) {
        let tool = &question.tool;
        match read
            .and_then(|found| asked::typed::<Told>(tool, found))
            .map_err(why)
        {
            Ok(told) => match parts.last_mut().filter(|part| part.of == of) {
                Some(part) => part.told.push(told),
                None => parts.push(Part { of, told: vec![told] }),
            },
            Err(why) => {
                let of = if of.is_empty() {
                    String::new()
                } else {
                    format!(" of {}", quote(&of, NAME_BYTES_MAX))
                };
                gaps.push(format!("{tool}{of}: {}", quote(&why, WHY_BYTES_MAX)));
            }
        }
    }
    let report = text(&parts, &gaps);
    let files = folder
        .map(|folder| files(&folder, until, &parts, &gaps))
        .unwrap_or_default();
    Ok(Weekly {
        until,
        repos: scope.repos,
        services: scope.services,
        gaps,
        files,
        report,
    })
}

/// A folder below a repository's root.
fn folder(said: &str) -> Result<String, ToolError> {
    let said = said.trim_end_matches('/');
    let odd = |part: &str| matches!(part, "" | "." | ".." | ".git") || part.chars().any(char::is_control);
    match said.split('/').any(odd) {
        true => Err(invalid(
            "folder",
            "must be a folder of a repository, like reports/2026-11-23",
        )),
        false => Ok(said.to_owned()),
    }
}

/// What is asked, about what, in the order of the report.
fn questions(health: Value, scope: &ecosystem::Scope, weeks: Option<u32>) -> Vec<(String, Question)> {
    let mut asked = Vec::new();
    let mut ask = |of: &str, tool: &str, arguments: Value| {
        let Value::Object(mut arguments) = arguments else {
            return;
        };
        arguments.retain(|_, value| !value.is_null());
        let tool = tool.to_owned();
        asked.push((of.to_owned(), Question { tool, arguments }));
    };
    ask("", "xmrt.ecosystem_health", health);
    for repo in &scope.repos {
        let activity = json!({ "repo": repo, "within": WITHIN, "weeks": weeks });
        ask(repo, "xmrt.activity_insights", activity);
        ask(
            repo,
            "xmrt.flaky_workflows",
            json!({ "repo": repo, "within": WITHIN }),
        );
    }
    for service in &scope.services {
        let delivery = json!({ "service_id": service, "within": WITHIN, "weeks": weeks });
        ask(service, "xmrt.dora_metrics", delivery);
    }
    asked
}

/// The report as one text, without headings and pictures: it is pasted below somebody else's.
fn text(parts: &[Part], gaps: &[String]) -> String {
    let reports = parts
        .iter()
        .flat_map(|part| &part.told)
        .map(|told| told.report.clone());
    let mut all: Vec<String> = reports.collect();
    all.extend(missing(gaps));
    all.join("\n\n")
}

fn missing(gaps: &[String]) -> Option<String> {
    (!gaps.is_empty()).then(|| {
        let lines: Vec<String> = gaps.iter().map(|gap| format!("- Not reported: {gap}.")).collect();
        lines.join("\n")
    })
}

/// The report as a page with its charts.
fn files(folder: &str, until: Timestamp, parts: &[Part], gaps: &[String]) -> Vec<File> {
    let mut page = vec![format!("# The week to {}", day(until))];
    let mut charts = Vec::new();
    for part in parts {
        if !part.of.is_empty() {
            page.push(format!("## {}", part.of));
        }
        for told in &part.told {
            page.push(told.report.clone());
            let seen = told.charts.iter().filter(|chart| !chart.is_empty());
            for chart in seen {
                let of: Vec<&str> = [part.of.as_str(), chart.name.as_str()]
                    .into_iter()
                    .filter(|of| !of.is_empty())
                    .collect();
                let name = format!("{}.svg", slug(&of.join("-")));
                page.push(format!("![{}]({name})", chart.title));
                charts.push(File {
                    path: format!("{folder}/{name}"),
                    text: chart.svg(Colors::Own),
                });
            }
        }
    }
    page.extend(missing(gaps));
    let page = File {
        path: format!("{folder}/README.md"),
        text: format!("{}\n", page.join("\n\n")),
    };
    std::iter::once(page).chain(charts).collect()
}

/// A file's name; what is between owner and name stays apart, as no owner's name has two of these.
fn slug(of: &str) -> String {
    let of = of.to_lowercase().replace('/', "--");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    of.chars().map(|c| if plain(c) { c } else { '-' }).collect()
}
