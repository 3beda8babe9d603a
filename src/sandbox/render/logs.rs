//! In: `GET /logs`. Out: log lines, newest first unless asked forward, with the window of the next page.
//! Never: more than one workspace's lines in one answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Log, error, limit, shape, time};
use crate::clock;
use crate::sandbox::call::{Answer, Call, Outcome};
use crate::sandbox::state::World;

/// Without a start the window is the hour before its end.
const WINDOW_MS: i64 = 3_600_000;

pub(super) fn query(world: &mut World, call: &Call) -> Outcome {
    let owner = call
        .query("ownerId")
        .ok_or_else(|| error(400, "ownerId is required"))?;
    let resources = call.queries("resource");
    if resources.is_empty() {
        return Err(error(400, "resource is required"));
    }
    for id in &resources {
        let service = world
            .render
            .services
            .get(*id)
            .ok_or_else(|| error(404, &format!("not found: {id}")))?;
        if service.owner != owner {
            return Err(error(400, "all resources must belong to the owner"));
        }
    }
    let forward = match call.query("direction") {
        None | Some("backward") => false,
        Some("forward") => true,
        Some(_) => return Err(error(400, "direction must be one of forward, backward")),
    };
    let limit = limit(call)?;
    let end = time(call, "endTime")?.unwrap_or(clock::after(call.now, 1));
    let start = time(call, "startTime")?.unwrap_or(clock::after(end, -WINDOW_MS));
    let mut found: Vec<&Log> = world
        .render
        .logs
        .iter()
        .filter(|line| (start..=end).contains(&line.at) && resources.contains(&line.service.as_str()))
        .filter(|line| {
            any(call, "type", &line.kind) && any(call, "level", &line.level) && says(call, &line.message)
        })
        .collect();
    found.sort_by_key(|line| (line.at, line.id.as_str()));
    if !forward {
        found.reverse();
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let (next_start, next_end) = next_window(&found, more, forward, (start, end));
    Ok(Answer::ok(json!({
        "hasMore": more, "nextStartTime": next_start.to_string(), "nextEndTime": next_end.to_string(),
        "logs": found.into_iter().map(shape::log).collect::<Vec<Value>>(),
    })))
}

/// Where the next page is: just beyond the last line shown.
fn next_window(
    shown: &[&Log],
    more: bool,
    forward: bool,
    window: (Timestamp, Timestamp),
) -> (Timestamp, Timestamp) {
    let Some(last) = shown.last().filter(|_| more) else {
        return window;
    };
    let step = SignedDuration::from_micros(if forward { 1 } else { -1 });
    let edge = last.at.checked_add(step).unwrap_or(last.at);
    if forward {
        (edge, window.1)
    } else {
        (window.0, edge)
    }
}

fn any(call: &Call, name: &str, value: &str) -> bool {
    let wanted = call.queries(name);
    wanted.is_empty() || wanted.iter().any(|wanted| like(wanted, value))
}

fn says(call: &Call, message: &str) -> bool {
    let mut texts = call
        .query
        .iter()
        .filter(|(name, text)| name == "text" && !text.is_empty())
        .peekable();
    texts.peek().is_none() || texts.any(|(_, text)| like(&format!("*{text}*"), message))
}

/// Whether a value fits a pattern with `*`; case does not count.
fn like(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.to_lowercase(), value.to_lowercase());
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return pattern == value;
    };
    let Some(mut rest) = value.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
