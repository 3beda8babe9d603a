//! The ticks of rules' schedules, each made into an event once, whichever replica gets there first.
//!
//! How far a schedule was looked after is kept in the journal. After a downtime the newest tick that was missed is told late,
//! with the names of those before it; how late a rule still acts on it is the rule's `max_age`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::{Reactor, own};
use crate::journal::{KvKey, StoreError};
use crate::normalize;
use crate::rules::{Mode, Rule, Schedule, Ticks};

/// Where the journal keeps how far schedules were looked after.
const SPACE: &str = "schedule";
/// How long that is kept without being looked at again, in milliseconds: longer than a year between two ticks.
const KEPT_MS: i64 = 800 * 24 * 60 * 60 * 1_000;
/// The longest sleep, in milliseconds: a timer does not see that the clock was set, or that the machine slept.
const SLEEP_MS_MAX: i64 = 60_000;
/// How long after a refusal of the journal it is asked again, in milliseconds.
const AGAIN_MS: i64 = 1_000;
/// From how many seconds on a tick that is told late is worth a warning.
const LATE_S: i64 = 60;
/// The name of schedules among the degraded parts.
const PART: &str = "schedule";

/// How far a schedule was looked after. Another `cron` or time zone begins anew.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    cron: String,
    timezone: String,
    until: Timestamp,
}

/// Looks after the schedules of the rules in force.
#[derive(Debug)]
pub struct Timer {
    reactor: Arc<Reactor>,
    /// By rule: its schedule as it was seen last, and its next tick.
    waiting: BTreeMap<String, (String, Option<Timestamp>)>,
    /// When it looked last.
    looked: Option<Timestamp>,
}

impl Timer {
    /// A timer that has seen nothing yet.
    pub fn new(reactor: Arc<Reactor>) -> Self {
        let waiting = BTreeMap::new();
        Self {
            reactor,
            waiting,
            looked: None,
        }
    }

    /// Looks after schedules until `stop` turns true. With none there is nothing to wait for but new rules.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let looked = self.look().await;
            let now = self.reactor.clock().now();
            let part = looked
                .as_ref()
                .err()
                .map(|error| format!("schedules are not looked after: {error}"));
            self.reactor.set_degraded(PART, part);
            let wait_ms = match looked {
                Ok(None) => None,
                Ok(Some(next)) => Some((next.as_millisecond() - now.as_millisecond()).clamp(1, SLEEP_MS_MAX)),
                Err(_) => Some(AGAIN_MS),
            };
            let sleep = async {
                match wait_ms {
                    Some(ms) => tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = stop.changed() => {}
                () = self.reactor.rules_changed.notified() => {}
                () = sleep => {}
            }
        }
    }

    /// Makes the events of all ticks that are due, and says when the next one is.
    pub async fn look(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let (book, now) = (self.reactor.book(), self.reactor.clock().now());
        self.waiting.retain(|id, _| book.rule(id).is_some());
        if self.looked.replace(now).is_some_and(|looked| now < looked) {
            // The clock was set back: what was the next tick then may be far away.
            self.waiting.clear();
        }
        let mut next: Option<Timestamp> = None;
        for rule in book.rules() {
            let Some(schedule) = &rule.schedule else { continue };
            let due = self.look_at(rule, schedule, now).await?;
            next = next.into_iter().chain(due).min();
        }
        Ok(next)
    }

    async fn look_at(
        &mut self,
        rule: &Rule,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let seen = if rule.mode == Mode::Off {
            "off".to_owned()
        } else {
            format!("{} {}", schedule.text(), schedule.zone())
        };
        if let Some((before, next)) = self.waiting.get(&rule.id)
            && *before == seen
            && next.is_none_or(|next| next > now)
        {
            return Ok(*next);
        }
        let key = KvKey::new(SPACE, &rule.id)?;
        let mut next = None;
        if rule.mode == Mode::Off {
            // What would have ticked meanwhile was not missed.
            self.reactor.store().kv_delete(&key, now).await?;
        } else {
            let from = self.looked_after(&key, schedule, now).await?;
            if let Some(ticks) = schedule.between(from, now) {
                self.tell(rule, schedule, ticks, now).await?;
            }
            self.keep(&key, schedule, now).await?;
            next = schedule.next(now);
        }
        self.waiting.insert(rule.id.clone(), (seen, next));
        Ok(next)
    }

    /// Until when the schedule was looked after, by whichever replica; a new one from now on.
    async fn looked_after(
        &self,
        key: &KvKey,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let kept = self.reactor.store().kv_get(key, now).await?;
        let mark: Option<Mark> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(mark
            .filter(|mark| mark.cron == schedule.text() && mark.timezone == schedule.zone())
            .map_or(now, |mark| mark.until))
    }

    async fn keep(&self, key: &KvKey, schedule: &Schedule, until: Timestamp) -> Result<(), StoreError> {
        let mark = Mark {
            cron: schedule.text().into(),
            timezone: schedule.zone().into(),
            until,
        };
        let value = Bytes::from(serde_json::to_vec(&mark).unwrap_or_default());
        self.reactor
            .store()
            .kv_put(key, value, Some(KEPT_MS), until)
            .await
    }

    /// Admits the newest tick, unless somebody has. Its id follows from rule and time, so it is one event in any case.
    async fn tell(
        &self,
        rule: &Rule,
        schedule: &Schedule,
        mut ticks: Ticks,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let store = self.reactor.store();
        if store
            .event(&own::tick_key(&rule.id, ticks.newest))
            .await?
            .is_some()
        {
            return Ok(());
        }
        let mut missed = Vec::new();
        for tick in ticks.earlier {
            if store.event(&own::tick_key(&rule.id, tick)).await?.is_none() {
                missed.push(tick);
            } else {
                // It was told, and whoever told it did not get to say how far it had looked.
                ticks.earlier_total = missed.len();
                break;
            }
        }
        ticks.earlier = missed;
        if ticks.earlier_total > 0 {
            tracing::warn!(
                rule.id = rule.id,
                missed = ticks.earlier_total,
                "ticks of a schedule were missed; the newest one is told now"
            );
        }
        let late_s = (now.as_millisecond() - ticks.newest.as_millisecond()) / 1_000;
        if late_s >= LATE_S {
            tracing::warn!(rule.id = rule.id, tick = %ticks.newest, late_s, "a tick is late");
        }
        let delivery = own::ticked(&rule.id, schedule, &ticks, &Value::Null, now);
        let event = match normalize::event(delivery) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(rule.id = rule.id, "a tick is no event: {error}");
                return Ok(());
            }
        };
        self.reactor.admit_own(&event).await?;
        Ok(())
    }
}
