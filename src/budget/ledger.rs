//! In: limits, what was used of them, what a provider says is left, `now`. Out: whether a request may go, or when. Never:
//! a clock, a store.
//!
//! Two kinds of limits. Of a *counted* one nobody is told how much is left, so each use is counted, in slots of a sixth
//! of its window. A slot counts until its end is a whole window ago: a use counts at least as long as the provider can
//! count it, so within no window more is used than the limit allows. Of a *told* one the provider says with each answer
//! how much is left, and until when. A limit can be both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Priority;
use crate::clock::from_millis;

/// Parts of a window in which uses are counted together.
const SLOTS: i64 = 6;
/// Two ends of a window that are so near to each other are the same: providers round.
const SAME_END_MS: i64 = 2_000;
/// What is left for calls of more weight: of so many parts one, from those that only read.
const KEPT_FROM_READS: u32 = 5;
/// The same, from ordinary writes.
const KEPT_FROM_WRITES: u32 = 20;

/// What a provider allows one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// As it is shown: `core`, `content_per_minute`.
    pub name: Cow<'static, str>,
    /// How much of it a window has, where that is counted here; otherwise only what answers say holds.
    pub max: Option<u32>,
    /// How long a window is, in milliseconds.
    pub window_ms: i64,
    /// Whether a part is kept for calls of more weight. Not where all calls weigh the same.
    pub kept: bool,
}

/// What one request uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Of what.
    pub limit: Limit,
    /// How much.
    pub cost: u32,
}

/// What a provider said with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How much a window has.
    #[serde(rename = "max")]
    pub limit: u32,
    /// How much of it is left.
    #[serde(rename = "left")]
    pub remaining: u32,
    /// When there is all of it again, in milliseconds since the epoch.
    #[serde(rename = "until")]
    pub until_ms: i64,
}

/// Whether a request may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Go,
    /// Not now.
    Wait {
        /// When it may, as far as is known now.
        until: Timestamp,
        /// Which limit holds it back; `None`: the provider wants no request at all until then.
        limit: Option<String>,
    },
}

/// What is known of one limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Uses by the time at which they no longer count, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<i64, u32>,
    /// How much a window has, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the provider said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// The provider refused for this limit's sake; nothing is sent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<i64>,
}

/// What is known of one identity's limits. Ledgers add up: what each of several replicas did since they last met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Limit by limit.
    #[serde(default)]
    pub accounts: BTreeMap<String, Account>,
    /// The provider wants no request at all until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<i64>,
}

impl Limit {
    /// How much of `max` a call of this weight leaves alone. Never so much that it could not be made at all.
    pub fn kept_from(&self, priority: Priority, max: u32, cost: u32) -> u32 {
        let kept = match priority {
            _ if !self.kept => 0,
            Priority::Urgent => 0,
            Priority::Normal => max / KEPT_FROM_WRITES,
            Priority::Background => max / KEPT_FROM_READS,
        };
        kept.min(max.saturating_sub(cost))
    }

    /// Until when a use at `now_ms` counts.
    fn counts_until(&self, now_ms: i64) -> i64 {
        let slot = (self.window_ms / SLOTS).max(1);
        (now_ms.div_euclid(slot) + 1) * slot + self.window_ms
    }
}

impl Account {
    /// How much counts at `now_ms`.
    pub fn in_use(&self, now_ms: i64) -> u32 {
        let counting = self.used.range(now_ms + 1..);
        counting.fold(0, |sum, (_, uses)| sum.saturating_add(*uses))
    }

    /// What the provider said, unless that time is over.
    pub fn still_told(&self, now_ms: i64) -> Option<Told> {
        self.told.filter(|told| told.until_ms > now_ms)
    }

    /// When so much of `allowed` is free, in milliseconds since the epoch; `None`: now.
    fn free_at(&self, cost: u32, allowed: u32, now_ms: i64) -> Option<i64> {
        let mut in_use = self.in_use(now_ms);
        if in_use.saturating_add(cost) <= allowed {
            return None;
        }
        self.used.range(now_ms + 1..).find_map(|(until, uses)| {
            in_use = in_use.saturating_sub(*uses);
            (in_use.saturating_add(cost) <= allowed).then_some(*until)
        })
    }

    fn add(&mut self, other: &Self) {
        for (until, uses) in &other.used {
            let sum = self.used.entry(*until).or_default();
            *sum = sum.saturating_add(*uses);
        }
        self.max = other.max.or(self.max);
        if let Some(told) = other.told {
            self.learn(told);
        }
        self.closed_ms = self.closed_ms.max(other.closed_ms);
    }

    /// Of the same window the smaller rest is the newer one; otherwise the later window is.
    fn learn(&mut self, told: Told) {
        self.told = Some(match self.told {
            Some(known) if (known.until_ms - told.until_ms).abs() <= SAME_END_MS => Told {
                limit: told.limit,
                remaining: told.remaining.min(known.remaining),
                until_ms: told.until_ms.max(known.until_ms),
            },
            Some(known) if known.until_ms > told.until_ms => known,
            _ => told,
        });
    }
}

impl Ledger {
    /// Whether a request that uses `charges` may go. `under_way` says how much of a told limit requests use that have no
    /// answer yet.
    pub fn verdict(
        &self,
        charges: &[Charge],
        priority: Priority,
        under_way: impl Fn(&str) -> u32,
        now: Timestamp,
    ) -> Verdict {
        let now_ms = now.as_millisecond();
        let mut verdict = Verdict::Go;
        let mut hold = |until_ms: i64, limit: Option<&str>| {
            let until = from_millis(until_ms);
            if !matches!(&verdict, Verdict::Wait { until: known, .. } if *known >= until) {
                let limit = limit.map(str::to_owned);
                verdict = Verdict::Wait { until, limit };
            }
        };
        if let Some(closed) = self.closed_ms.filter(|closed| *closed > now_ms) {
            hold(closed, None);
        }
        for Charge { limit, cost } in charges {
            let nothing = Account::default();
            let account = self.accounts.get(limit.name.as_ref()).unwrap_or(&nothing);
            if let Some(closed) = account.closed_ms.filter(|closed| *closed > now_ms) {
                hold(closed, Some(&limit.name));
            }
            if let Some(max) = limit.max {
                let allowed = max - limit.kept_from(priority, max, *cost);
                if let Some(free_at) = account.free_at(*cost, allowed, now_ms) {
                    hold(free_at, Some(&limit.name));
                }
            }
            if let Some(told) = account.still_told(now_ms) {
                let kept = limit.kept_from(priority, told.limit, *cost);
                let left = told.remaining.saturating_sub(under_way(&limit.name));
                if left < kept.saturating_add(*cost) {
                    hold(told.until_ms, Some(&limit.name));
                }
            }
        }
        verdict
    }

    /// Whether so much is free that nobody else has to be asked: half of every counted limit.
    pub fn is_far(&self, charges: &[Charge], now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        charges.iter().all(|Charge { limit, cost }| match limit.max {
            Some(max) => self.in_use(&limit.name, now_ms).saturating_add(*cost) <= max / 2,
            None => true,
        })
    }

    /// How much of a limit counts.
    pub fn in_use(&self, limit: &str, now_ms: i64) -> u32 {
        self.accounts
            .get(limit)
            .map_or(0, |account| account.in_use(now_ms))
    }

    /// Counts a request.
    pub fn charge(&mut self, charges: &[Charge], now: Timestamp) {
        let now_ms = now.as_millisecond();
        for Charge { limit, cost } in charges {
            let Some(max) = limit.max else { continue };
            let account = self.account(&limit.name);
            let uses = account.used.entry(limit.counts_until(now_ms)).or_default();
            *uses = uses.saturating_add(*cost);
            account.max = Some(max);
        }
    }

    /// Notes what an answer said.
    pub fn learn(&mut self, limit: &str, told: Told) {
        self.account(limit).learn(told);
    }

    /// Notes that the provider refused: for one limit's sake, or every request.
    pub fn close(&mut self, limit: Option<&str>, until: Timestamp) {
        let until = Some(until.as_millisecond());
        match limit {
            Some(limit) => {
                let account = self.account(limit);
                account.closed_ms = account.closed_ms.max(until);
            }
            None => self.closed_ms = self.closed_ms.max(until),
        }
    }

    /// Adds what somebody else did.
    pub fn add(&mut self, other: &Self) {
        for (name, account) in &other.accounts {
            self.account(name).add(account);
        }
        self.closed_ms = self.closed_ms.max(other.closed_ms);
    }

    /// Forgets what does not count any more.
    pub fn forget(&mut self, now: Timestamp) {
        let now_ms = now.as_millisecond();
        self.closed_ms = self.closed_ms.filter(|closed| *closed > now_ms);
        self.accounts.retain(|_, account| {
            account.used = account.used.split_off(&(now_ms + 1));
            account.told = account.still_told(now_ms);
            account.closed_ms = account.closed_ms.filter(|closed| *closed > now_ms);
            !account.used.is_empty() || account.told.is_some() || account.closed_ms.is_some()
        });
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.closed_ms.is_none()
    }

    fn account(&mut self, limit: &str) -> &mut Account {
        self.accounts.entry(limit.to_owned()).or_default()
    }
}
