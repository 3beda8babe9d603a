//! In: calls to make sense of a log. Out: its templates with counts, what is new since the deploy, the share of errors.
//! Never: the finding of templates, see `templates`.

mod told;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use super::line::Gravity;
use super::templates::{Group, Miner, Tally};
use crate::clock;
use crate::hub::ToolError;
use crate::integrations::render::{Client, Deploy, DeployQuery, LogLine, LogQuery, Service};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};

/// How far back is looked unless the call says so, in milliseconds.
const WINDOW_MS: i64 = 60 * 60_000;
/// How many lines are read unless the call says so; a hundred are one request.
const LINES: u32 = 2_000;
/// How many templates are given unless the call says so.
const TOP: u32 = 20;

/// Which lines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeArgs {
    /// srv-… or crn-….
    service_id: String,
    /// app, request or build; default: all.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What a line must hold; Render's wildcards and regular expressions work.
    text: Option<String>,
    /// A time (2026-01-31T12:00:00Z), or how long ago (30m).
    since: Option<String>,
    /// Likewise.
    until: Option<String>,
    /// In place of since: how long back, as in 6h; default: an hour, or the time of deploy_id.
    within: Option<String>,
    /// The deploy (dep-…) before which a template counts as old; default: the newest one.
    deploy_id: Option<String>,
    /// At most so many lines (2000), the newest ones, and as many of the time before.
    #[schemars(range(min = 100, max = 5000))]
    lines_max: Option<u32>,
    /// At most so many templates (20).
    #[schemars(range(min = 1, max = 100))]
    top: Option<u32>,
}

/// What a log comes to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Analysis {
    service_id: String,
    since: String,
    until: String,
    /// Whether there were more lines than were read; then the oldest are missing.
    truncated: bool,
    /// The same of the time before the deploy. Then `new` means: not among the lines that were read.
    truncated_before: bool,
    /// Since the deploy went live (of one that never did: since it began), or in the whole window when that was earlier.
    now: Rate,
    /// The time before the deploy went live, in which it was built as well; absent when there is no deploy or no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Rate>,
    /// The deploy that tells old from new, and since when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy: Option<Pivot>,
    /// What is over last; errors first, then what is new, then the most frequent.
    templates: Vec<Template>,
    /// How many templates there are in all.
    templates_total: u32,
    /// The templates as lines: `12× error, new: connection to <ip> refused`.
    digest: Vec<String>,
    /// Markdown, to be pasted as it is; strangers' words quoted.
    report: String,
}

/// How many lines, and how many of them are errors.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rate {
    /// Records; the lines of a stack trace are one.
    records: u32,
    errors: u32,
    error_percent: f64,
}

/// What old and new are told apart by.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pivot {
    deploy_id: String,
    status: String,
    /// When it went live; of one that never did, when it began.
    at: String,
}

/// Lines that are one but for what varies.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Template {
    /// The line; `<num>`, `<id>`, `<ip>`, `<time>`, `<*>` and the like stand for what varies.
    template: String,
    gravity: Gravity,
    /// How often since the deploy (or in the window).
    count: u32,
    /// How often before it.
    count_before: u32,
    /// Not among the lines before the deploy; absent when none was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    #[schemars(with = "String")]
    first_at: Timestamp,
    #[schemars(with = "String")]
    last_at: Timestamp,
    /// The first such line, with the lines that belong to it; what looks like a secret is hidden.
    sample: String,
    /// What the stack trace ends in as the cause of it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: Timestamp,
    until: Timestamp,
}

pub(super) async fn analyze(ctx: Ctx<Parts>, args: AnalyzeArgs) -> Result<Analysis, ToolError> {
    let client = ctx.parts.client()?;
    let now = ctx.clock.now();
    if let Some(kind) = args
        .kind
        .as_deref()
        .filter(|kind| !["app", "request", "build"].contains(kind))
    {
        return Err(invalid("type", format!("knows no \"{kind}\"")).with_remedy("types: app, request, build"));
    }
    let window = span::window(&args.since, &args.until, &args.within, now)?;
    let service = client.service(&args.service_id).await?;
    let deploy = deploy(client, &args).await?;
    let began = deploy.as_ref().and_then(took_over);
    let until = window.until.unwrap_or(now);
    let asked = args.deploy_id.is_some().then_some(began).flatten();
    let since = window
        .since
        .or(asked)
        .unwrap_or_else(|| clock::after(until, -WINDOW_MS));
    let stretch = Stretch { since, until };

    let reader = Reader {
        client,
        service: &service,
        args: &args,
        lines_max: args.lines_max.unwrap_or(LINES) as usize,
    };
    let (lines, truncated) = reader.read(stretch).await?;
    let mut read = Extent {
        stretch,
        truncated,
        before: None,
        truncated_before: false,
    };
    let mut miner = Miner::default();
    // A window that ends before the deploy has nothing of it to be told apart.
    let pivot = began.filter(|began| *began <= until);
    if let Some(began) = pivot {
        let before = stretch.before(began);
        read.before = Some(before);
        read.truncated_before = truncated;
        let reaches_back = lines
            .first()
            .is_some_and(|line| time_of(line).is_some_and(|at| at < began));
        // What lies before the deploy is read apart when the window holds none of it, or holds more than was read.
        if !reaches_back && (truncated || since >= began) {
            let (earlier, truncated) = reader.read(before).await?;
            feed(&mut miner, &earlier, pivot);
            read.truncated_before = truncated;
        }
    }
    feed(&mut miner, &lines, pivot);
    Ok(analysis(&args, &service, read, deploy.zip(began), &mut miner))
}

/// What was read of a log.
#[derive(Clone, Copy, Debug)]
struct Extent {
    stretch: Stretch,
    /// It had more lines.
    truncated: bool,
    /// The time before the deploy; none when there is no deploy, or it all lies before one.
    before: Option<Stretch>,
    /// It had more lines.
    truncated_before: bool,
}

impl Stretch {
    /// The part of it before `began`; or where it holds none, as long a time before that.
    fn before(self, began: Timestamp) -> Self {
        let length = self
            .until
            .duration_since(self.since.max(began))
            .max(SignedDuration::from_mins(10));
        let apart = clock::after(began, -i64::try_from(length.as_millis()).unwrap_or(WINDOW_MS));
        Self {
            since: if self.since < began { self.since } else { apart },
            until: clock::after(began, -1),
        }
    }
}

/// When a deploy tells old from new. While it is built, what is logged is the version before it: so when it went live, and
/// only of one that never did, when it began.
fn took_over(deploy: &Deploy) -> Option<Timestamp> {
    if deploy.went_live() {
        return deploy.live_since();
    }
    deploy.started_at.or(deploy.created_at)
}

/// The deploy that tells old from new: the one asked for, or the newest.
async fn deploy(client: &Client, args: &AnalyzeArgs) -> Result<Option<Deploy>, ToolError> {
    if let Some(id) = &args.deploy_id {
        return Ok(Some(client.deploy(&args.service_id, id).await?));
    }
    let page = client
        .list_deploys(&args.service_id, &DeployQuery::default(), 1, None)
        .await?;
    Ok(page.items.into_iter().next())
}

/// Reads a log page by page, newest first.
struct Reader<'a> {
    client: &'a Client,
    service: &'a Service,
    args: &'a AnalyzeArgs,
    lines_max: usize,
}

impl Reader<'_> {
    /// The lines of a stretch, oldest first, and whether there were more.
    async fn read(&self, stretch: Stretch) -> Result<(Vec<LogLine>, bool), ToolError> {
        let mut query = LogQuery {
            owner_id: self.service.owner_id.clone(),
            resources: vec![self.service.id.clone()],
            kind: self.args.kind.clone(),
            level: None,
            text: self.args.text.clone(),
            since: Some(stretch.since),
            until: Some(stretch.until),
            limit: 100,
        };
        let mut lines: Vec<LogLine> = Vec::new();
        loop {
            let page = self.client.logs(&query).await?;
            let got = page.lines.len();
            lines.extend(page.lines.into_iter().rev());
            let next = page
                .next_until
                .as_deref()
                .and_then(|at| at.parse::<Timestamp>().ok());
            let full = lines.len() >= self.lines_max;
            // A page that does not move on would be read for ever.
            let moves = next.is_some_and(|next| query.until.is_none_or(|until| next < until));
            if !page.has_more || full || got == 0 || !moves {
                let more = page.has_more || lines.len() > self.lines_max;
                lines.truncate(self.lines_max);
                lines.reverse();
                return Ok((lines, more));
            }
            query.until = next;
        }
    }
}

fn time_of(line: &LogLine) -> Option<Timestamp> {
    line.timestamp.parse().ok()
}

fn feed(miner: &mut Miner, lines: &[LogLine], began: Option<Timestamp>) {
    let mut last = Timestamp::UNIX_EPOCH;
    for line in lines {
        // A line without a time stands where it was sent.
        last = time_of(line).unwrap_or(last);
        let before = began.is_some_and(|began| last < began);
        miner.take(last, &line.level, &line.message, before);
    }
}

fn analysis(
    args: &AnalyzeArgs,
    service: &Service,
    read: Extent,
    deploy: Option<(Deploy, Timestamp)>,
    miner: &mut Miner,
) -> Analysis {
    let Extent {
        stretch, truncated, ..
    } = read;
    let groups = miner.groups();
    let [now, before] = miner.tally;
    let known = before.lines > 0;
    let templates: Vec<Template> = groups.iter().map(|group| Template::of(group, known)).collect();
    let shown = args.top.unwrap_or(TOP) as usize;
    let mut analysis = Analysis {
        service_id: args.service_id.clone(),
        since: stretch.since.to_string(),
        until: stretch.until.to_string(),
        truncated,
        truncated_before: read.truncated_before,
        now: Rate::of(now),
        before: known.then(|| Rate::of(before)),
        deploy: deploy.as_ref().map(|(deploy, at)| Pivot {
            deploy_id: deploy.id.clone(),
            status: deploy.status.clone(),
            at: at.to_string(),
        }),
        templates_total: u32::try_from(templates.len()).unwrap_or(u32::MAX),
        digest: templates.iter().take(shown).map(Template::line).collect(),
        templates: templates.into_iter().take(shown).collect(),
        report: String::new(),
    };
    analysis.report = analysis.told(service, read, deploy);
    analysis
}

impl Rate {
    fn of(tally: Tally) -> Self {
        let percent = f64::from(tally.errors) * 100.0 / f64::from(tally.lines.max(1));
        Self {
            records: tally.lines,
            errors: tally.errors,
            error_percent: (percent * 10.0).round() / 10.0,
        }
    }
}

impl Template {
    fn of(group: &Group, known: bool) -> Self {
        Self {
            template: group.template(),
            gravity: group.gravity,
            count: group.count,
            count_before: group.count_before,
            new: known.then_some(group.count_before == 0),
            first_at: group.first_at,
            last_at: group.last_at,
            sample: group.sample.clone(),
            cause: group.cause.clone(),
        }
    }
}
