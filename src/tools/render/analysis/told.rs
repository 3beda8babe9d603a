//! In: what a log comes to. Out: the same in words. Never: a stranger's words in the report unquoted.

use jiff::Timestamp;

use super::super::line::Gravity;
use super::{Analysis, Extent, Rate, Stretch, Template};
use crate::integrations::render::{Deploy, Service};
use crate::tools::quote::quote;
use crate::tools::when::{day, minute};

/// How much of a template, and of a cause, the digest and the report show, in bytes.
const SHOWN_BYTES_MAX: usize = 300;
/// How much of a service's name a report quotes, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// How many templates the report shows.
const REPORTED_MAX: usize = 8;

impl Rate {
    /// `4 of 9 records are errors (44.4 %)`.
    fn told(&self, verb: &str) -> String {
        match (self.records, self.errors) {
            (0, _) => "nothing was logged".to_owned(),
            (1, errors) => format!(
                "the one record {} {} error",
                if verb == "are" { "is" } else { "was" },
                if errors == 0 { "no" } else { "an" }
            ),
            (records, errors) => format!(
                "{errors} of {records} records {verb} errors ({} %)",
                self.error_percent
            ),
        }
    }
}

impl Template {
    /// `12× error, new: connection to <ip> refused`.
    pub(super) fn line(&self) -> String {
        let kept: String = self.template.chars().take(SHOWN_BYTES_MAX).collect();
        let cause = self.cause.as_ref();
        let cause = cause.map_or(String::new(), |cause| format!(", caused by {cause}"));
        format!("{}: {kept}{cause}", self.head())
    }

    /// The same for the report, with the times: ``12× error, new, 05:55 to 05:56: `connection to <ip> refused` ``.
    fn told(&self, until: Timestamp) -> String {
        let cause = self.cause.as_ref();
        let cause = cause.map_or(String::new(), |cause| {
            format!(", caused by {}", quote(cause, SHOWN_BYTES_MAX))
        });
        format!(
            "- {}, {}: {}{cause}",
            self.head(),
            times(self.first_at, self.last_at, until),
            quote(&self.template, SHOWN_BYTES_MAX)
        )
    }

    fn head(&self) -> String {
        let gravity = match self.gravity {
            Gravity::Error => " error",
            Gravity::Warning => " warning",
            Gravity::Info => "",
        };
        match (self.new, self.count) {
            (_, 0) => format!("0×{gravity} ({}× before)", self.count_before),
            (Some(true), count) => format!("{count}×{gravity}, new"),
            (Some(false), count) => format!("{count}×{gravity} ({}× before)", self.count_before),
            (None, count) => format!("{count}×{gravity}"),
        }
    }
}

/// `at 05:55`, `05:55 to 05:56`; with the day, where it is another than that of `until`, which the report names above.
fn times(first: Timestamp, last: Timestamp, until: Timestamp) -> String {
    let form = if day(first) == day(until) && day(last) == day(until) {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    let (first, last) = (first.strftime(form).to_string(), last.strftime(form).to_string());
    if first == last {
        return format!("at {first}");
    }
    format!("{first} to {last}")
}

impl Analysis {
    pub(super) fn told(
        &self,
        service: &Service,
        read: Extent,
        deploy: Option<(Deploy, Timestamp)>,
    ) -> String {
        let Stretch { since, until } = read.stretch;
        let older = |more: bool| if more { "; older lines were not read" } else { "" };
        let mut lines = vec![
            format!(
                "Log of {} ({}), {} to {}{}:",
                quote(&service.name, NAME_BYTES_MAX),
                self.service_id,
                minute(since),
                minute(until),
                older(self.truncated)
            ),
            String::new(),
        ];
        let now = self.now.told("are");
        let divides = |at: Timestamp| read.before.is_some() && at > since;
        match &deploy {
            Some((deploy, at)) if divides(*at) => {
                lines.push(format!("- Since {}: {now}.", turn(deploy, *at)));
            }
            _ => lines.push(format!("- {}.", capital(&now))),
        }
        if let Some((deploy, at)) = &deploy {
            let turn = turn(deploy, *at);
            lines.push(match (&self.before, read.before) {
                (Some(before), stretch) => {
                    let from = stretch.map(|stretch| format!(", from {}", minute(stretch.since)));
                    format!(
                        "- Before {}{}: {}{}.",
                        if divides(*at) { "that".to_owned() } else { turn },
                        from.unwrap_or_default(),
                        before.told("were"),
                        older(self.truncated_before)
                    )
                }
                (None, Some(before)) => format!(
                    "- Nothing was logged before {turn}, back to {}, so what is new cannot be told.",
                    minute(before.since)
                ),
                (None, None) => {
                    format!("- All of it is from before {turn}, so what is new since cannot be told.")
                }
            });
        }
        if self.templates.is_empty() {
            return lines.join("\n");
        }
        lines.push(String::new());
        let shown = self.templates.iter().take(REPORTED_MAX);
        lines.extend(shown.map(|template| template.told(until)));
        let shown = self.templates.len().min(REPORTED_MAX);
        let left = self.templates_total as usize - shown;
        if left > 0 {
            lines.push(format!(
                "- and {left} more of {} kinds of lines",
                self.templates_total
            ));
        }
        lines.join("\n")
    }
}

/// What tells old from new, as `check_health` says since when a deploy is live.
fn turn(deploy: &Deploy, at: Timestamp) -> String {
    let at = minute(at);
    if deploy.went_live() {
        return format!("{} went live at {at}", deploy.id);
    }
    format!("{} ({}) began at {at}", deploy.id, deploy.status)
}

/// The first letter as a sentence begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
