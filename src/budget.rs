//! In: what a request to a provider uses of the limits of its identity, and how much it weighs. Out: whether it goes now, or
//! when it may; what answers say of the limits, shared with the other replicas. Never: a request; a wait for room that
//! somebody else has.
//!
//! An identity (a token, an installation of an App, an agent's account, a key) has one [`Ledger`]. While a limit is far away
//! a request is counted in memory alone, and what was counted is shared a second later, away from the call. Once half of a
//! counted limit is in use, each request is booked in the store before it goes, by comparing and swapping: then no two
//! replicas take the same room, and an eighth is left for what has not been shared. What is little is kept for what weighs more: reads leave a fifth of a limit alone, ordinary
//! writes a twentieth.

mod gate;
mod identity;
mod ledger;

pub use gate::Seat;
pub use identity::{Identity, Pass};
pub use ledger::{Account, Charge, Ledger, Limit, Told, Verdict};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::{Clock, from_millis};
use crate::journal::{Store, StoreError, kv_all};

/// Of the values of the journal.
const SPACE: &str = "budget";
/// So many identities are kept in memory; beyond that those are forgotten that nobody uses.
const IDENTITIES_MAX: usize = 1_024;

/// How much a call weighs where not all can be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// It only reads: what is left for others is not for it.
    Background,
    /// It writes.
    #[default]
    Normal,
    /// It brings something back that is down: a roll-back, a restart.
    Urgent,
}

tokio::task_local! {
    static PRESENT: Priority;
}

impl Priority {
    /// All of them, the heaviest first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Background];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Normal => "normal",
            Self::Urgent => "urgent",
        }
    }

    /// Every request that `what` makes in this task weighs so much.
    pub fn over<F: Future>(self, what: F) -> impl Future<Output = F::Output> {
        PRESENT.scope(self, what)
    }

    /// How much what is done here weighs.
    pub fn present() -> Self {
        PRESENT.try_with(|priority| *priority).unwrap_or_default()
    }
}

/// The budgets of all identities. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Budgets(Arc<Inner>);

struct Inner {
    /// Where replicas meet; without one this process is alone.
    store: Option<Arc<dyn Store>>,
    clock: Clock,
    identities: Mutex<BTreeMap<String, Arc<Identity>>>,
}

/// What there is to see of an identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Who: `github token 1f0c2a9b`, `render key …`.
    pub identity: String,
    /// The provider wants no request until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_until: Option<Timestamp>,
    /// Limit by limit.
    pub limits: Vec<ShownLimit>,
    /// Requests this process did not send since it began, by what they weighed.
    pub held_back: BTreeMap<&'static str, u64>,
}

/// What there is to see of a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownLimit {
    /// Its name.
    pub limit: String,
    /// How much a window has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// How much of it is left: as the provider said last, or as it was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// `told` by the provider, or `counted` here.
    pub by: &'static str,
    /// When all of it is there again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_at: Option<Timestamp>,
    /// The provider refused for its sake; nothing is sent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_until: Option<Timestamp>,
}

impl Budgets {
    /// Shared through `store` by all who have it.
    pub fn shared(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self::of(Some(store), clock)
    }

    /// Of this process alone.
    pub fn alone(clock: Clock) -> Self {
        Self::of(None, clock)
    }

    fn of(store: Option<Arc<dyn Store>>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            identities: Mutex::default(),
        }))
    }

    /// The budget of an identity. `name` is shown, and the same in every replica; `at_once` is how many of its requests may
    /// be under way in this process.
    pub fn identity(&self, name: &str, at_once: Option<u32>) -> Arc<Identity> {
        let mut identities = self.0.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if identities.len() >= IDENTITIES_MAX && !identities.contains_key(name) {
            identities.retain(|_, identity| Arc::strong_count(identity) > 1);
        }
        let fresh = || {
            Arc::new(Identity::new(
                name,
                at_once,
                self.0.store.clone(),
                self.0.clock.clone(),
            ))
        };
        Arc::clone(identities.entry(name.to_owned()).or_insert_with(fresh))
    }

    /// Every identity that is on record, or that this process acted as.
    pub async fn shown(&self) -> Result<Vec<Shown>, StoreError> {
        let now = self.0.clock.now();
        let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
        if let Some(store) = &self.0.store {
            for entry in kv_all(store.as_ref(), SPACE, "", now).await? {
                // What a newer version wrote is not ours to show.
                if let Ok(ledger) = serde_json::from_slice(&entry.value) {
                    ledgers.insert(entry.name, ledger);
                }
            }
        }
        let mut held_back = BTreeMap::new();
        let identities = self.0.identities.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, identity) in identities.iter() {
            let ledger = ledgers.entry(name.clone()).or_default();
            ledger.add(&identity.unshared());
            held_back.insert(name.clone(), identity.held_back());
        }
        drop(identities);
        Ok(ledgers
            .into_iter()
            .map(|(name, mut ledger)| {
                ledger.forget(now);
                let held_back = held_back.remove(&name).unwrap_or_default();
                shown(name, &ledger, held_back, now)
            })
            .collect())
    }
}

fn shown(identity: String, ledger: &Ledger, held_back: BTreeMap<&'static str, u64>, now: Timestamp) -> Shown {
    let now_ms = now.as_millisecond();
    let limit = |(name, account): (&String, &Account)| {
        let told = account.still_told(now_ms);
        let counted = account
            .max
            .map(|max| (max, max.saturating_sub(account.in_use(now_ms))));
        let told = told.map(|told| (told.limit, told.remaining, told.until_ms));
        let last = account.used.last_key_value().map(|(until, _)| *until);
        // The tighter of the two is the one that matters.
        let (max, left, by, whole_ms) = match (told, counted) {
            (Some((limit, left, until)), Some((max, free))) if left <= free || limit < max => {
                (Some(limit), Some(left), "told", Some(until))
            }
            (_, Some((max, free))) => (Some(max), Some(free), "counted", last),
            (Some((limit, left, until)), None) => (Some(limit), Some(left), "told", Some(until)),
            (None, None) => (None, None, "told", None),
        };
        ShownLimit {
            limit: name.clone(),
            max,
            left,
            by,
            whole_at: whole_ms.map(from_millis),
            closed_until: account.closed_ms.map(from_millis),
        }
    };
    Shown {
        identity,
        closed_until: ledger.closed_ms.map(from_millis),
        limits: ledger.accounts.iter().map(limit).collect(),
        held_back,
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("shared", &self.0.store.is_some())
            .finish_non_exhaustive()
    }
}
