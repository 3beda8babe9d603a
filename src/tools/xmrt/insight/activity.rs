//! In: a repository and a time. Out: what people did there, against as long a time before, and a report. Never: a write; the counting,
//! see `flow`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delivery::window;
use super::flow::{Activity, Deed, Flow, Item, Person, Word};
use super::stretch::{Spread, Window};
use super::told::{columns, keep, report, row, spread};
use super::week::{Drawing, Week, measured, since, weeks_of};
use crate::chart::Chart;
use crate::hub::ToolError;
use crate::insights::{Insight, Kind, Row};
use crate::integrations::ApiError;
use crate::integrations::github::{Client, Commit, CommitFilter, Listed, Repo, Spoken, Worked};
use crate::tools::quote::quote;
use crate::tools::toolbox::Ctx;
use crate::tools::unread::part;
use crate::tools::when::day;
use crate::tools::xmrt::Parts;

/// How many of each are read: ten pages.
const READ_MAX: usize = 1_000;
/// How many people are named.
const PEOPLE_MAX: usize = 20;
/// How many of them in the report, and how much of a name, in bytes.
const PEOPLE_TOLD_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 40;
/// How much of why something could not be read is quoted, in bytes.
const WHY_BYTES_MAX: usize = 200;

/// Which repository, and how far back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivityArgs {
    /// owner/name.
    repo: Repo,
    /// How long back, from a day to 180; 30d.
    within: Option<String>,
    /// Also by week, so many of them up to now, as numbers and as charts.
    #[schemars(range(min = 1, max = 26))]
    weeks: Option<u32>,
}

/// What people did in a repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActivitySeen {
    repo: String,
    #[schemars(with = "String")]
    since: Timestamp,
    #[schemars(with = "String")]
    until: Timestamp,
    /// What this time came to.
    now: Activity,
    /// What as long a time before it came to.
    before: Activity,
    /// Who did what in this time, who did most first, at most twenty.
    people: Vec<Person>,
    /// Week by week, where that was asked for, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weeks: Vec<Week<Activity>>,
    /// The weeks as charts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    charts: Vec<Chart>,
    /// What could not be read, and so is not counted.
    gaps: Vec<String>,
    /// Markdown, to be pasted as it is.
    report: String,
}

pub(super) async fn activity_insights(
    ctx: Ctx<Parts>,
    args: ActivityArgs,
) -> Result<ActivitySeen, ToolError> {
    let window = window(args.within.as_deref(), ctx.clock.now())?;
    let weeks = weeks_of(args.weeks, window);
    let client = ctx.parts.github(&ctx.who)?;
    let mut gaps = Vec::new();
    let flow = read(client, &args.repo, since(window, &weeks), &mut gaps).await?;
    let weeks = measured(weeks, |week| flow.measured(week));
    let mut people = flow.people(window);
    people.truncate(PEOPLE_MAX);
    let mut seen = ActivitySeen {
        repo: args.repo.to_string(),
        since: window.since,
        until: window.until,
        now: flow.measured(window),
        before: flow.measured(window.before()),
        people,
        charts: charts(&weeks),
        weeks,
        gaps,
        report: String::new(),
    };
    let insight = seen.insight();
    let (since, until) = (day(seen.since), day(seen.until));
    seen.report = report(
        &format!("Activity of {}, {since} to {until}:", seen.repo),
        &insight,
    );
    // Another stretch of time is another measure.
    if args.weeks.is_some() && args.within.is_none() {
        keep(&ctx, &insight).await?;
    }
    Ok(seen)
}

/// What happened in a repository since then.
async fn read(
    client: &Client,
    repo: &Repo,
    since: Timestamp,
    gaps: &mut Vec<String>,
) -> Result<Flow, ToolError> {
    let commits_of = CommitFilter {
        since: Some(since),
        ..CommitFilter::default()
    };
    let (worked, spoken, commits) = tokio::join!(
        client.worked_on(repo, since, READ_MAX),
        client.spoken(repo, since, READ_MAX),
        client.commits(repo, &commits_of, READ_MAX, 1),
    );
    // Without these there is nothing to say; without the rest there is.
    let worked = worked?;
    if worked.more {
        gaps.push(older("issues and pull requests"));
    }
    let words = or_gap("comments", spoken, gaps)?;
    let commits = or_gap("commits", commits, gaps)?;
    Ok(Flow {
        items: worked.items.into_iter().map(item).collect(),
        commits: commits.into_iter().filter_map(written).collect(),
        words: words.into_iter().filter_map(said).collect(),
    })
}

/// What was read, or a gap.
fn or_gap<T>(
    what: &str,
    read: Result<Listed<T>, ApiError>,
    gaps: &mut Vec<String>,
) -> Result<Vec<T>, ToolError> {
    match part(read)? {
        Ok(listed) => {
            if listed.more {
                gaps.push(older(what));
            }
            Ok(listed.items)
        }
        Err(why) => {
            gaps.push(format!("{what}: {}", quote(&why, WHY_BYTES_MAX)));
            Ok(Vec::new())
        }
    }
}

fn older(what: &str) -> String {
    format!("older {what} than the newest {READ_MAX} were not read")
}

fn item(worked: Worked) -> Item {
    Item {
        number: worked.number,
        author: worked.user.map(|user| user.login),
        is_pull: worked.pull_request.is_some(),
        opened: worked.created_at,
        closed: worked.closed_at,
        merged: worked.pull_request.and_then(|merge| merge.merged_at),
    }
}

fn written(commit: Commit) -> Option<Deed> {
    Some(Deed {
        who: commit.author.map_or(commit.author_name, |author| author.login),
        at: commit.date?,
    })
}

fn said(spoken: Spoken) -> Option<Word> {
    let number = spoken.number()?;
    let who = spoken.user?.login;
    Some(Word {
        deed: Deed {
            who,
            at: spoken.created_at,
        },
        number,
    })
}

/// What the weeks came to, as pictures.
fn charts(weeks: &[Week<Activity>]) -> Vec<Chart> {
    if weeks.is_empty() {
        return Vec::new();
    }
    let drawing = Drawing(weeks);
    let pulls = vec![
        drawing.count("opened", |week| week.pulls_opened),
        drawing.count("merged", |week| week.pulls_merged),
    ];
    let issues = vec![
        drawing.count("opened", |week| week.issues_opened),
        drawing.count("closed", |week| week.issues_closed),
    ];
    let people = vec![
        drawing.count("commits", |week| week.commits),
        drawing.count("people", |week| week.people),
    ];
    let waiting = vec![
        drawing.hours("pull request to merge, median", |week| week.to_merge),
        drawing.hours("issue to first answer, median", |week| week.first_answer),
    ];
    vec![
        drawing.bars("pull-requests", "Pull requests in a week", "", pulls),
        drawing.bars("issues", "Issues in a week", "", issues),
        drawing.bars("commits", "Commits and people in a week", "", people),
        drawing.lines("waiting", "How long people wait", waiting),
    ]
}

impl ActivitySeen {
    /// What a person sees of it.
    fn insight(&self) -> Insight {
        Insight {
            kind: Kind::Repository,
            of: self.repo.clone(),
            title: self.repo.clone(),
            measured_at: self.until,
            score: None,
            change: None,
            columns: columns(Window {
                since: self.since,
                until: self.until,
            }),
            table: self.rows(),
            notes: self.notes(),
            charts: self.charts.clone(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let counted = |name: &str, read: fn(&Activity) -> u32| {
            row(
                name,
                [read(&self.now), read(&self.before)].map(|count| count.to_string()),
            )
        };
        let took = |name: &str, read: fn(&Activity) -> Option<Spread>, of: &str| {
            row(
                name,
                [read(&self.now), read(&self.before)].map(|time| spread(time, of)),
            )
        };
        vec![
            counted("Commits", |of| of.commits),
            counted("People", |of| of.people),
            counted("Pull requests opened", |of| of.pulls_opened),
            counted("· merged", |of| of.pulls_merged),
            counted("· closed without a merge", |of| of.pulls_declined),
            took("· until they were merged", |of| of.to_merge, "pull request"),
            counted("Issues opened", |of| of.issues_opened),
            counted("· closed", |of| of.issues_closed),
            took("· until they were closed", |of| of.to_close, "issue"),
            took("· until the first answer", |of| of.first_answer, "issue"),
            counted("· open and without an answer", |of| of.unanswered),
            counted("Comments", |of| of.comments),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let new: Vec<&Person> = self.people.iter().filter(|person| person.is_new).collect();
        let groups = [("Most active", self.people.iter().collect()), ("New here", new)];
        let told = groups.into_iter().filter(|(_, people)| !people.is_empty());
        let mut notes: Vec<String> = told
            .map(|(what, people)| format!("{what}: {}.", names(&people)))
            .collect();
        notes.extend(self.gaps.iter().map(|gap| format!("Not counted: {gap}.")));
        notes
    }
}

/// Some of them, by name.
fn names(people: &[&Person]) -> String {
    let told: Vec<String> = people
        .iter()
        .take(PEOPLE_TOLD_MAX)
        .map(|person| quote(&person.who, NAME_BYTES_MAX))
        .collect();
    let more = people.len().saturating_sub(PEOPLE_TOLD_MAX);
    let rest = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{rest}", told.join(", "))
}
