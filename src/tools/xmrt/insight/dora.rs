//! In: what went live on a service and when, and when it was down. Out: the four measures of delivery, with the evidence for each.
//! Never: a look anywhere.
//!
//! The measures are those of DORA: how often something goes live, how long a commit takes to get there, how many of the changes fail,
//! how long it takes until the service works again. What counts as which is said at each field, and in `docs/insight.md`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::stretch::{Spread, Window, count, seconds, tenth};

/// A deploy that went live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// It brought an earlier one back.
    pub(super) is_rollback: bool,
    /// When the commits were written that went live with it for the first time; none where that is not known.
    pub(super) written: Option<Vec<Timestamp>>,
}

/// A time in which the service did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) from: Timestamp,
    /// Until it worked again; none while it does not.
    pub(super) until: Option<Timestamp>,
}

/// What is known of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The oldest first.
    pub(super) live: Vec<Live>,
    /// The oldest first.
    pub(super) outages: Vec<Outage>,
    /// When deploys ended that never went live.
    pub(super) never_live: Vec<Timestamp>,
}

/// The measures of a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(super) struct Measures {
    /// Deploys that went live, roll-backs not counted.
    pub(super) deployments: u32,
    /// The same in seven days.
    pub(super) deployments_per_week: f64,
    /// Deploys that brought an earlier one back.
    pub(super) rollbacks: u32,
    /// Deploys that failed or were canceled before they went live. They change nothing for users, and are no failed changes.
    pub(super) never_live: u32,
    /// From when a commit was written until it was live, over the commits that went live for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lead_time: Option<Spread>,
    /// Deployments whose commits are not known, and so not part of `lead_time`.
    pub(super) of_unknown_commits: u32,
    /// Deployments after which, and before the next, the service failed or was rolled back.
    pub(super) failed_changes: u32,
    /// The same, of a hundred deployments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change_failure_percent: Option<f64>,
    /// From when a change failed until the service worked again; of those that still do not, nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_to_restore: Option<Spread>,
}

/// A deployment that failed once it was live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct FailedChange {
    pub(super) deploy_id: String,
    #[schemars(with = "String")]
    pub(super) live_at: Timestamp,
    /// `server_failed` or `rolled_back`: by what it is known to have failed.
    pub(super) known_by: &'static str,
    /// When the service failed; where it was only rolled back, when the change went live.
    #[schemars(with = "String")]
    pub(super) failed_at: Timestamp,
    /// When it worked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(super) restored_at: Option<Timestamp>,
    /// `itself`, or the deploy that followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restored_by: Option<String>,
}

impl History {
    /// The measures of a window, and the changes in it that failed.
    pub(super) fn measured(&self, window: Window) -> (Measures, Vec<FailedChange>) {
        let mut measures = Measures {
            never_live: count(self.never_live.iter().filter(|at| window.holds(**at))),
            ..Measures::default()
        };
        let (mut lead, mut failed) = (Vec::new(), Vec::new());
        for (place, live) in self.live.iter().enumerate() {
            if !window.holds(live.at) {
                continue;
            }
            if live.is_rollback {
                measures.rollbacks += 1;
                continue;
            }
            measures.deployments += 1;
            match &live.written {
                Some(written) => lead.extend(written.iter().map(|at| seconds(*at, live.at))),
                None => measures.of_unknown_commits += 1,
            }
            failed.extend(self.failure(live, self.live.get(place + 1)));
        }
        let days = window.until.duration_since(window.since).as_secs_f64() / 86_400.0;
        measures.deployments_per_week = tenth(f64::from(measures.deployments) * 7.0 / days);
        measures.lead_time = Spread::of(lead);
        measures.failed_changes = count(failed.iter());
        measures.change_failure_percent = (measures.deployments > 0)
            .then(|| tenth(f64::from(measures.failed_changes) * 100.0 / f64::from(measures.deployments)));
        let restored = failed
            .iter()
            .filter_map(|failed| Some(seconds(failed.failed_at, failed.restored_at?)));
        measures.time_to_restore = Spread::of(restored.collect());
        (measures, failed)
    }

    /// Whether a deployment failed before the next deploy went live.
    fn failure(&self, live: &Live, next: Option<&Live>) -> Option<FailedChange> {
        let until = next.map(|next| next.at);
        let during =
            |outage: &&Outage| live.at <= outage.from && until.is_none_or(|until| outage.from < until);
        let mut outages = self.outages.iter().filter(during);
        let rolled_back = next.filter(|next| next.is_rollback);
        let first = outages.next();
        let failed_at = match (first, rolled_back) {
            (Some(outage), _) => outage.from,
            (None, Some(_)) => live.at,
            (None, None) => return None,
        };
        // One that came and went several times is one failure, and over with the last.
        let last = outages.next_back().or(first);
        let by_next = next.map(|next| (next.at, next.id.clone()));
        let restored = match last.and_then(|outage| outage.until) {
            Some(at) if until.is_none_or(|until| at <= until) => Some((at, "itself".to_owned())),
            _ => by_next,
        };
        let (restored_at, restored_by) = restored.unzip();
        Some(FailedChange {
            deploy_id: live.id.clone(),
            live_at: live.at,
            known_by: if first.is_some() {
                "server_failed"
            } else {
                "rolled_back"
            },
            failed_at,
            restored_at,
            restored_by,
        })
    }
}

/// The times between a failure and the next time the service was there, from what was told of both, in any order.
pub(super) fn outages(mut told: Vec<(Timestamp, bool)>) -> Vec<Outage> {
    told.sort_unstable();
    let mut outages: Vec<Outage> = Vec::new();
    for (at, works) in told {
        match outages.last_mut().filter(|outage| outage.until.is_none()) {
            Some(open) if works => open.until = Some(at),
            // It failed again before anybody said that it worked: still the same.
            Some(_) => {}
            None if works => {}
            None => outages.push(Outage {
                from: at,
                until: None,
            }),
        }
    }
    outages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    fn live(id: &str, when: &str, written: &[&str]) -> Live {
        Live {
            id: id.to_owned(),
            at: at(when),
            is_rollback: false,
            written: Some(written.iter().map(|text| at(text)).collect()),
        }
    }

    fn rollback(id: &str, when: &str) -> Live {
        Live {
            is_rollback: true,
            written: Some(Vec::new()),
            ..live(id, when, &[])
        }
    }

    fn outage(from: &str, until: Option<&str>) -> Outage {
        Outage {
            from: at(from),
            until: until.map(at),
        }
    }

    /// Two weeks, written down and counted by hand.
    ///
    /// | deploy | live | commits written | then |
    /// |---|---|---|---|
    /// | a | 1st, 12:00 | 1st 10:00 (2 h) | |
    /// | b | 3rd, 12:00 | 2nd 12:00 (24 h), 3rd 11:00 (1 h) | fails 12:10, works 12:30: 20 min |
    /// | c | 5th, 12:00 | 5th 08:00 (4 h) | rolled back by r at 12:45: 45 min |
    /// | r | 5th, 12:45 | roll-back | |
    /// | d | 8th, 12:00 | not known | fails 13:00, e brings it back at 16:00: 3 h |
    /// | e | 8th, 16:00 | 8th 15:00 (1 h) | |
    #[test]
    fn a_history_counted_by_hand() {
        let mut history = History {
            live: vec![
                live("a", "01T12:00:00", &["01T10:00:00"]),
                live("b", "03T12:00:00", &["02T12:00:00", "03T11:00:00"]),
                live("c", "05T12:00:00", &["05T08:00:00"]),
                rollback("r", "05T12:45:00"),
                live("d", "08T12:00:00", &[]),
                live("e", "08T16:00:00", &["08T15:00:00"]),
            ],
            outages: vec![
                outage("03T12:10:00", Some("03T12:30:00")),
                outage("08T13:00:00", None),
            ],
            never_live: vec![at("04T10:00:00"), at("20T10:00:00")],
        };
        history.live[4].written = None;
        let window = Window {
            since: at("01T00:00:00"),
            until: at("15T00:00:00"),
        };
        let (measures, failed) = history.measured(window);
        assert_eq!(
            (measures.deployments, measures.rollbacks, measures.never_live),
            (5, 1, 1)
        );
        assert_eq!(measures.deployments_per_week, 2.5);
        // 1 h, 1 h, 2 h, 4 h, 24 h.
        let hours = |hours: u64| hours * 3_600;
        let lead = Spread {
            count: 5,
            median_seconds: hours(2),
            p90_seconds: hours(24),
            longest_seconds: hours(24),
        };
        assert_eq!(measures.lead_time, Some(lead));
        assert_eq!(measures.of_unknown_commits, 1);
        assert_eq!(
            (measures.failed_changes, measures.change_failure_percent),
            (3, Some(60.0))
        );
        // 20 min, 45 min, 3 h.
        let restore = Spread {
            count: 3,
            median_seconds: 45 * 60,
            p90_seconds: hours(3),
            longest_seconds: hours(3),
        };
        assert_eq!(measures.time_to_restore, Some(restore));
        let told: Vec<_> = failed
            .iter()
            .map(|failed| {
                let by = failed.restored_by.as_deref().unwrap_or("nothing");
                format!("{} {} by {by}", failed.deploy_id, failed.known_by)
            })
            .collect();
        assert_eq!(
            told,
            [
                "b server_failed by itself",
                "c rolled_back by r",
                "d server_failed by e"
            ]
        );
    }

    #[test]
    fn what_lies_outside_the_window_is_not_counted_but_tells_how_it_went_on() {
        let history = History {
            live: vec![live("a", "01T12:00:00", &[]), rollback("r", "02T00:30:00")],
            ..History::default()
        };
        let day = Window {
            since: at("01T00:00:00"),
            until: at("02T00:00:00"),
        };
        let (measures, failed) = history.measured(day);
        assert_eq!(
            (measures.deployments, measures.rollbacks, measures.failed_changes),
            (1, 0, 1)
        );
        assert_eq!(failed[0].restored_at, Some(at("02T00:30:00")));
        let next = Window {
            since: day.until,
            until: at("03T00:00:00"),
        };
        assert_eq!(next.before(), day);
        let (measures, _) = history.measured(next);
        assert_eq!((measures.deployments, measures.rollbacks), (0, 1));
        assert_eq!(
            measures.change_failure_percent, None,
            "of nothing there is no share"
        );
        assert_eq!((measures.lead_time, measures.time_to_restore), (None, None));
    }

    #[test]
    fn a_failure_that_is_not_over_counts_and_has_no_length() {
        let history = History {
            live: vec![live("a", "01T12:00:00", &[])],
            outages: vec![outage("01T13:00:00", None)],
            ..History::default()
        };
        let window = Window {
            since: at("01T00:00:00"),
            until: at("02T00:00:00"),
        };
        let (measures, failed) = history.measured(window);
        assert_eq!((measures.failed_changes, measures.time_to_restore), (1, None));
        assert_eq!((failed[0].restored_at, &failed[0].restored_by), (None, &None));
    }

    #[test]
    fn failures_are_over_with_the_next_word_that_it_works() {
        let told = vec![
            (at("01T10:00:00"), true),
            (at("01T12:00:00"), false),
            (at("01T11:00:00"), false),
            (at("01T13:00:00"), true),
            (at("01T14:00:00"), false),
        ];
        assert_eq!(
            outages(told),
            [
                outage("01T11:00:00", Some("01T13:00:00")),
                outage("01T14:00:00", None)
            ]
        );
    }

    /// The measures again, in the most obvious way, for any history.
    #[test]
    fn any_history_is_measured_as_the_obvious_way_does() {
        use proptest::prelude::*;
        let begin = at("01T00:00:00").as_second();
        let minute = |minutes: i64| Timestamp::from_second(begin + minutes * 60).unwrap();
        let deploys = prop::collection::btree_map(
            0..2_000i64,
            (any::<bool>(), prop::collection::vec(0..3_000i64, 0..4)),
            0..12,
        );
        let failures = prop::collection::vec((0..2_000i64, any::<bool>()), 0..12);
        let mut runner = proptest::test_runner::TestRunner::default();
        runner
            .run(
                &(deploys, failures, 0..1_500i64, 1..1_500i64),
                |(deploys, failures, since, length)| {
                    let live: Vec<Live> = deploys
                        .iter()
                        .map(|(when, (is_rollback, ages))| Live {
                            id: when.to_string(),
                            at: minute(*when),
                            is_rollback: *is_rollback,
                            written: Some(ages.iter().map(|age| minute(when - age)).collect()),
                        })
                        .collect();
                    let told = failures
                        .iter()
                        .map(|(when, works)| (minute(*when), *works))
                        .collect();
                    let history = History {
                        live,
                        outages: outages(told),
                        never_live: Vec::new(),
                    };
                    let window = Window {
                        since: minute(since),
                        until: minute(since + length),
                    };
                    let (measures, failed) = history.measured(window);

                    let within: Vec<(i64, &Vec<i64>)> = deploys
                        .iter()
                        .filter(|(when, (is_rollback, _))| {
                            !is_rollback && since <= **when && **when < since + length
                        })
                        .map(|(when, (_, ages))| (*when, ages))
                        .collect();
                    prop_assert_eq!(measures.deployments as usize, within.len());
                    let mut ages: Vec<i64> =
                        within.iter().flat_map(|(_, ages)| ages.iter().copied()).collect();
                    ages.sort_unstable();
                    if let Some(lead) = measures.lead_time {
                        prop_assert_eq!(lead.longest_seconds as i64, ages[ages.len() - 1] * 60);
                        let at_most = ages
                            .iter()
                            .filter(|age| **age * 60 <= lead.p90_seconds as i64)
                            .count();
                        prop_assert!(at_most * 10 >= ages.len() * 9);
                    } else {
                        prop_assert!(ages.is_empty());
                    }
                    for (when, _) in within {
                        let next = deploys.range(when + 1..).next();
                        let end = next.map_or(i64::MAX, |(next, _)| *next);
                        let fell = history.outages.iter().any(|outage| {
                            let from = (outage.from.as_second() - begin) / 60;
                            when <= from && from < end
                        });
                        let back = next.is_some_and(|(_, (is_rollback, _))| *is_rollback);
                        let is_failed = failed.iter().any(|failed| failed.deploy_id == when.to_string());
                        prop_assert_eq!(is_failed, fell || back, "{}", when);
                    }
                    Ok(())
                },
            )
            .unwrap();
    }
}
