//! In: a rule's `cron` and `timezone`. Out: its ticks, and what is wrong with it. Never: the present time; whoever asks says
//! after which moment.
//!
//! Where clocks are put forward, a fixed time that is skipped ticks at the first moment after the gap; where they are put back, a
//! fixed time that comes twice ticks once, the first time. Steps, lists and `*` go by the clock on the wall: what is
//! skipped is left out, and what comes twice ticks twice.

use std::ops::Range;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::rules::diagnostic::{Findings, did_you_mean};
use crate::rules::fields::Fields;

/// Where no `timezone` is said.
const ZONE_DEFAULT: &str = "UTC";
/// From here on a tick must come within the years that are searched; the year after next is a leap year.
const PROBE_MS: i64 = 1_767_225_600_000;
/// How many ticks are looked at when some may have been missed; one a minute makes so many in a week.
const MISSED_LOOKED_AT: usize = 10_000;
/// How many missed ticks are named; beyond that they are only counted.
pub const MISSED_NAMED: usize = 20;

/// When a rule ticks.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    text: String,
    zone_name: String,
}

/// The ticks of a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// The newest one.
    pub newest: Timestamp,
    /// Those before it, newest first; at most [`MISSED_NAMED`].
    pub earlier: Vec<Timestamp>,
    /// How many came before it.
    pub earlier_total: usize,
}

impl Schedule {
    /// The first tick after a moment; `None` when there is none for years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let from = after.to_zoned(self.zone.clone());
        let found = self.cron.find_next_occurrence(&from, false).ok()?;
        Some(found.timestamp())
    }

    /// The next few ticks after a moment, as the clock on the wall shows them there.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<String> {
        let ticks = std::iter::successors(self.next(after), |at| self.next(*at));
        ticks.take(count).map(|at| self.local(at)).collect()
    }

    /// Whether this is the moment of a tick.
    pub fn ticks_at(&self, at: Timestamp) -> bool {
        self.next(just_before(at)) == Some(at)
    }

    /// The ticks after one moment up to another, that included; `None` if there are none. Of very many the oldest are left
    /// out.
    pub fn between(&self, after: Timestamp, until: Timestamp) -> Option<Ticks> {
        let mut at = after;
        let mut last: Vec<Timestamp> = Vec::new();
        let mut total = 0;
        while let Some(next) = self.next(at).filter(|next| *next <= until) {
            if last.len() > MISSED_NAMED {
                last.remove(0);
            }
            last.push(next);
            total += 1;
            at = next;
            if total == MISSED_LOOKED_AT {
                // The newest must be found all the same: what is left is walked through from nearer by.
                let half = until.duration_since(at) / 2;
                at = at.saturating_add(half).unwrap_or(until);
                total -= 1;
            }
        }
        let newest = last.pop()?;
        last.reverse();
        last.truncate(MISSED_NAMED);
        Some(Ticks {
            newest,
            earlier: last,
            earlier_total: total.saturating_sub(1),
        })
    }

    /// A moment as the clock on the wall shows it there: `2026-03-08T09:00:00-04:00`.
    pub fn local(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        at.display_with_offset(zoned.offset()).to_string()
    }

    /// The `cron` as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the time zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }
}

/// The moment before, in the journal's resolution.
fn just_before(at: Timestamp) -> Timestamp {
    at.saturating_sub(jiff::SignedDuration::from_millis(1))
        .unwrap_or(at)
}

/// Reads `cron` and `timezone` of a rule that listens to `on`.
pub(crate) fn read(fields: &Fields<'_>, on: &[String], findings: &mut Findings<'_>) -> Option<Schedule> {
    let listens = on.iter().any(|kind| kind == "schedule");
    let (cron, zone) = (fields.get("cron"), fields.get("timezone"));
    if !listens {
        for entry in [cron, zone].into_iter().flatten() {
            findings
                .error(
                    "schedule",
                    &entry.key_span,
                    format!("`{}` belongs to a rule with `on = \"schedule\"`", entry.key),
                )
                .hint("add \"schedule\" to `on`, or take it out");
        }
        return None;
    }
    let Some(cron) = cron else {
        if let Some(on) = fields.get("on") {
            let named = on.node.array().unwrap_or(std::slice::from_ref(&on.node));
            let named = named.iter().find(|node| node.text() == Some("schedule"));
            findings
                .error(
                    "schedule",
                    &named.unwrap_or(&on.node).span,
                    "a rule on a schedule says when: `cron` is missing",
                )
                .hint("`cron = \"0 9 * * 1-5\"` is nine o'clock from Monday to Friday, in `timezone` (UTC)");
        }
        return None;
    };
    let text = fields.text("cron", findings);
    let zone_name = match zone {
        None => ZONE_DEFAULT.to_owned(),
        Some(_) => fields.text("timezone", findings)?,
    };
    let zone = match TimeZone::get(&zone_name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let span = zone.map_or(cron.node.span.clone(), |entry| entry.node.span.clone());
            unknown_zone(&zone_name, &span, findings);
            None
        }
    };
    let text = text?;
    let parsed = match parse(&text) {
        Ok(parsed) => parsed,
        Err(trouble) => {
            findings
                .error("schedule", &cron.node.span, format!("`{text}` is not a schedule: {trouble}"))
                .hint("five fields: minute, hour, day of month, month, day of week; `0 9 * * 1-5`, `*/15 * * * *`, `@daily`");
            return None;
        }
    };
    let schedule = Schedule {
        cron: parsed,
        zone: zone?,
        text,
        zone_name,
    };
    if schedule.next(probe()).is_none() {
        findings
            .error(
                "schedule",
                &cron.node.span,
                format!("`{}` never comes", schedule.text),
            )
            .hint("there is no such day in any year: look at day of month and month");
        return None;
    }
    Some(schedule)
}

fn probe() -> Timestamp {
    Timestamp::from_millisecond(PROBE_MS).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn parse(text: &str) -> Result<Cron, String> {
    let fields = text.split_whitespace().count();
    if !text.trim_start().starts_with('@') && fields != 5 {
        let seconds = if fields == 6 {
            "; seconds cannot be said"
        } else {
            ""
        };
        return Err(format!("it has {fields} field(s), not five{seconds}"));
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    parser.parse(text).map_err(|error| {
        if text.trim_start().starts_with('@') {
            return "there are `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`".to_owned();
        }
        let error = error.to_string();
        let error = error.strip_prefix("Component error: ").unwrap_or(&error);
        let mut letters = error.trim_end_matches('.').chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
    })
}

fn unknown_zone(name: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    let near = did_you_mean(name, known.iter().map(String::as_str));
    findings
        .error("time-zone", span, format!("there is no time zone `{name}`"))
        .hint(near.unwrap_or_else(|| {
            "write a name of the IANA database, such as `Europe/Berlin` or `America/New_York`".to_owned()
        }));
}
