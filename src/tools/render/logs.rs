//! In: calls about logs. Out: lines. Never: an interpretation of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::ToolError;
use crate::integrations::render::{LogLine, LogQuery};
use crate::tools::span;
use crate::tools::toolbox::{Ctx, invalid};

/// How much of one line is given on, in characters.
const LINE_CHARS_MAX: usize = 1_000;

/// Which lines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogArgs {
    /// srv-… or crn-…; or use resources.
    service_id: Option<String>,
    /// Ids of services, jobs or databases, all of one workspace and region.
    resources: Option<Vec<String>>,
    /// Workspace (tea-…); default: the one of the first service.
    owner_id: Option<String>,
    /// app, request or build.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// error, warning, info, …
    level: Option<String>,
    /// What a line must hold; Render's wildcards and regular expressions work.
    text: Option<String>,
    /// A time (2026-01-31T12:00:00Z), or how long ago (30m).
    since: Option<String>,
    /// Likewise.
    until: Option<String>,
    /// In place of since: how long back, as in 30m.
    within: Option<String>,
    /// At most so many lines (50), the newest ones.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// Lines, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogLines {
    /// Time, type, level, line.
    lines: Vec<String>,
    /// How many there are here.
    count: u32,
    /// Whether there are more; then ask again with next_since and next_until.
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_until: Option<String>,
}

pub(super) async fn query(ctx: Ctx<Parts>, args: LogArgs) -> Result<LogLines, ToolError> {
    let client = ctx.parts.client()?;
    let now = ctx.clock.now();
    let resources: Vec<String> = args
        .service_id
        .into_iter()
        .chain(args.resources.into_iter().flatten())
        .collect();
    let Some(first) = resources.first() else {
        return Err(invalid("service_id", "is missing, and so is `resources`"));
    };
    let window = span::window(&args.since, &args.until, &args.within, now)?;
    let owner_id = match args.owner_id {
        Some(owner_id) => owner_id,
        None => client.service(first).await?.owner_id,
    };
    let page = client
        .logs(&LogQuery {
            owner_id,
            resources,
            kind: args.kind,
            level: args.level,
            text: args.text,
            since: window.since,
            until: window.until,
            limit: args.limit.unwrap_or(50) as usize,
        })
        .await?;
    let lines: Vec<String> = page.lines.iter().map(compact).collect();
    Ok(LogLines {
        count: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        lines,
        has_more: page.has_more,
        next_since: page.next_since.filter(|_| page.has_more),
        next_until: page.next_until.filter(|_| page.has_more),
    })
}

/// One line, without what a terminal would act on.
fn compact(line: &LogLine) -> String {
    let mut text = String::new();
    let mut chars = line.message.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            // A color or a cursor move: up to its final letter.
            while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else if c.is_control() {
            text.push(' ');
        } else {
            text.push(c);
        }
    }
    let mut kept: String = text.trim_end().chars().take(LINE_CHARS_MAX).collect();
    if text.trim_end().chars().count() > LINE_CHARS_MAX {
        kept.push('…');
    }
    let head: Vec<&str> = [line.timestamp.as_str(), line.kind.as_str(), line.level.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    format!("{} {kept}", head.join(" "))
}
