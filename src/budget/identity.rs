//! In: the requests of one identity, and what their answers say. Out: a pass, or when there will be room. Never: a trip to the
//! store for a request that is far from every limit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::gate::{Gate, Seat};
use super::{Charge, Ledger, Priority, SPACE, Told, Verdict};
use crate::clock::{Clock, after};
use crate::journal::{KvKey, Store, StoreError};
use crate::telemetry::numbers;

/// How long after a request what was counted is shared.
const SHARED_AFTER: Duration = Duration::from_secs(1);
/// How long a ledger is kept that nobody writes, in milliseconds: longer than any window.
const KEPT_MS: i64 = 3 * 3_600_000;
/// Of a counted limit so many parts one may be used before the others hear of it.
const UNHEARD: u32 = 16;
/// How often two replicas may get in each other's way before one goes by what it knows.
const SWAPS_MAX: usize = 16;
/// How long every request waits after a refusal that does not say how long, in milliseconds; twice as long after the next.
const CLOSED_MS: i64 = 60_000;
/// The longest of these waits, in milliseconds.
const CLOSED_MS_MAX: i64 = 15 * 60_000;

/// The budget of one identity.
#[derive(Debug)]
pub struct Identity {
    name: String,
    store: Option<Arc<dyn Store>>,
    clock: Clock,
    gate: Option<Gate>,
    state: Mutex<State>,
    /// One at a time talks to the store.
    sharing: tokio::sync::Mutex<()>,
    /// Somebody will.
    planned: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// All that is known: what the store had when it was read last, and what was done here since.
    known: Ledger,
    /// What was done here and is not in the store yet.
    unshared: Ledger,
    /// Of told limits, what requests use that have no answer yet.
    under_way: BTreeMap<String, u32>,
    /// Refusals in a row that did not say for how long.
    strikes: u32,
    held_back: BTreeMap<&'static str, u64>,
}

/// A request that may go. Dropping it says that it is over.
#[derive(Debug)]
pub struct Pass {
    identity: Arc<Identity>,
    charges: Vec<Charge>,
    _seat: Option<Seat>,
}

impl Identity {
    pub(super) fn new(name: &str, at_once: Option<u32>, store: Option<Arc<dyn Store>>, clock: Clock) -> Self {
        Self {
            name: name.to_owned(),
            store,
            clock,
            gate: at_once.map(Gate::new),
            state: Mutex::default(),
            sharing: tokio::sync::Mutex::default(),
            planned: AtomicBool::default(),
        }
    }

    /// Who.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pass for a request that uses `charges`; or when there will be room, and for want of what. Waits for nothing but a
    /// seat among the requests under way.
    pub async fn pass(self: &Arc<Self>, charges: Vec<Charge>, priority: Priority) -> Result<Pass, Verdict> {
        let verdict = match self.take_unheard(&charges, priority) {
            Some(verdict) => verdict,
            None => self.book(&charges, priority).await,
        };
        if let Verdict::Wait { limit, .. } = &verdict {
            let mut state = self.state();
            *state.held_back.entry(priority.as_str()).or_default() += 1;
            drop(state);
            let limit = limit.as_deref().unwrap_or("all");
            numbers::HELD_BACK.count([self.provider(), limit_class(limit), priority.as_str()]);
            return Err(verdict);
        }
        // From here on it counts as under way, also while it waits for its seat.
        let mut pass = Pass {
            identity: Arc::clone(self),
            charges,
            _seat: None,
        };
        if let Some(gate) = &self.gate {
            pass._seat = Some(gate.seat(priority).await);
        }
        Ok(pass)
    }

    /// Decides by what is known here, where that is enough. Otherwise the store has to be asked.
    fn take_unheard(self: &Arc<Self>, charges: &[Charge], priority: Priority) -> Option<Verdict> {
        let now = self.clock.now();
        let mut state = self.state();
        let alone = self.store.is_none();
        if !(alone || state.known.is_far(charges, now) && state.is_little_unheard(charges, now)) {
            return None;
        }
        let verdict = state.verdict(charges, priority, now);
        if verdict == Verdict::Go {
            state.take(charges, !alone, now);
            drop(state);
            self.share_soon();
        }
        Some(verdict)
    }

    /// Decides by what the store has, and books the request there before it goes.
    async fn book(self: &Arc<Self>, charges: &[Charge], priority: Priority) -> Verdict {
        let _sharing = self.sharing.lock().await;
        let within = with_room_for_others(charges);
        let shared = self
            .share(|state, now| {
                let verdict = state.verdict(&within, priority, now);
                if verdict == Verdict::Go {
                    state.unshared.charge(charges, now);
                    state.known.charge(charges, now);
                }
                verdict
            })
            .await;
        let (verdict, counted) = match shared {
            Ok(verdict) => (verdict, true),
            // Without the store each goes by what it knows: the provider has the last word anyway.
            Err(error) => {
                tracing::warn!(%error, identity = self.name, "the budget cannot be shared; this replica counts alone");
                let now = self.clock.now();
                (self.state().verdict(charges, priority, now), false)
            }
        };
        if verdict == Verdict::Go {
            let mut state = self.state();
            if counted {
                state.begin(charges);
            } else {
                state.take(charges, true, self.clock.now());
            }
        }
        verdict
    }

    /// Plans that what was done here gets to the others, unless that is planned.
    fn share_soon(self: &Arc<Self>) {
        if self.store.is_none() || self.planned.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(SHARED_AFTER).await;
            this.planned.store(false, Ordering::Release);
            this.share_now().await;
        });
    }

    /// Brings what was done here to the others, and what they did here.
    pub async fn share_now(self: &Arc<Self>) {
        let _sharing = self.sharing.lock().await;
        if let Err(error) = self.share(|_, _| Verdict::Go).await {
            tracing::debug!(%error, identity = self.name, "the budget could not be shared; it is tried again with the next request");
        }
    }

    /// Reads what the store has, lets `decide` judge and charge, and puts both together back; again when somebody else did so
    /// meanwhile. What cannot be put back stays to be shared.
    async fn share(&self, decide: impl Fn(&mut State, Timestamp) -> Verdict) -> Result<Verdict, StoreError> {
        let Some(store) = &self.store else {
            return Ok(decide(&mut self.state(), self.clock.now()));
        };
        let key = KvKey::new(SPACE, &self.name)?;
        for _ in 0..SWAPS_MAX {
            let now = self.clock.now();
            let there = store.kv_get(&key, now).await?;
            let mut board: Ledger = there
                .as_deref()
                .and_then(|bytes| serde_json::from_slice(bytes).ok())
                .unwrap_or_default();
            board.forget(now);
            let (verdict, before, sent) = {
                let mut state = self.state();
                let before = (state.known.clone(), state.unshared.clone());
                state.known = board.clone();
                let unshared = state.unshared.clone();
                state.known.add(&unshared);
                let verdict = decide(&mut state, now);
                let sent = std::mem::take(&mut state.unshared);
                (verdict, before, sent)
            };
            if sent.is_empty() {
                return Ok(verdict);
            }
            board.add(&sent);
            let bytes = Bytes::from(serde_json::to_vec(&board).unwrap_or_default());
            let put = match there {
                Some(there) => store.kv_cas(&key, there, bytes, Some(KEPT_MS), now).await,
                None => store
                    .kv_put_if_absent(&key, bytes, Some(KEPT_MS), now)
                    .await
                    .map(|there| there.is_none()),
            };
            match put {
                Ok(true) => return Ok(verdict),
                // What `decide` charged goes with the attempt; what was there before, and what came meanwhile, stays.
                Ok(false) => self.state().put_back(before),
                Err(error) => {
                    self.state().put_back(before);
                    return Err(error);
                }
            }
        }
        Err(StoreError::Unavailable(
            "too many replicas write the same budget at once".into(),
        ))
    }

    /// What was done here and is not in the store yet.
    pub(super) fn unshared(&self) -> Ledger {
        let state = self.state();
        match self.store {
            Some(_) => state.unshared.clone(),
            None => state.known.clone(),
        }
    }

    pub(super) fn held_back(&self) -> BTreeMap<&'static str, u64> {
        self.state().held_back.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn provider(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }
}

/// The same charges, of limits that are smaller by what two other replicas may have used and not told yet.
fn with_room_for_others(charges: &[Charge]) -> Vec<Charge> {
    let smaller = |charge: &Charge| {
        let mut charge = charge.clone();
        charge.limit.max = charge.limit.max.map(|max| max - 2 * (max / UNHEARD));
        charge
    };
    charges.iter().map(smaller).collect()
}

/// Limits that each service has for itself are one in metrics.
fn limit_class(limit: &str) -> &str {
    limit.split(' ').next().unwrap_or_default()
}

impl State {
    fn verdict(&self, charges: &[Charge], priority: Priority, now: Timestamp) -> Verdict {
        let under_way = |limit: &str| self.under_way.get(limit).copied().unwrap_or_default();
        self.known.verdict(charges, priority, under_way, now)
    }

    /// Whether what the others have not heard of is a small part of every limit.
    fn is_little_unheard(&self, charges: &[Charge], now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        charges.iter().all(|Charge { limit, cost }| match limit.max {
            Some(max) => self.unshared.in_use(&limit.name, now_ms).saturating_add(*cost) <= max / UNHEARD,
            None => true,
        })
    }

    fn take(&mut self, charges: &[Charge], shares: bool, now: Timestamp) {
        self.known.forget(now);
        self.known.charge(charges, now);
        if shares {
            self.unshared.charge(charges, now);
        }
        self.begin(charges);
    }

    fn begin(&mut self, charges: &[Charge]) {
        for Charge { limit, cost } in charges {
            *self.under_way.entry(limit.name.to_string()).or_default() += cost;
        }
    }

    /// After an attempt to share that came to nothing. Only answers come in meanwhile, and those are in `unshared`.
    fn put_back(&mut self, (mut known, mut unshared): (Ledger, Ledger)) {
        let meanwhile = std::mem::take(&mut self.unshared);
        known.add(&meanwhile);
        unshared.add(&meanwhile);
        self.known = known;
        self.unshared = unshared;
    }
}

impl Pass {
    /// What the answer said of a limit.
    pub fn told(&self, limit: &str, told: Told) {
        let shares = self.identity.store.is_some();
        let mut state = self.identity.state();
        state.known.learn(limit, told);
        if shares {
            state.unshared.learn(limit, told);
        }
        drop(state);
        self.identity.share_soon();
    }

    /// The answer was no refusal for the sake of a limit.
    pub fn accepted(&self) {
        self.identity.state().strikes = 0;
    }

    /// It was one: nothing is sent that uses `limit`, or nothing at all, until `retry_at`, or for a time that grows where the
    /// provider did not say. The others hear of it at once. Gives when to try again.
    pub async fn refused(&self, limit: Option<&str>, retry_at: Option<Timestamp>) -> Timestamp {
        let now = self.identity.clock.now();
        let shares = self.identity.store.is_some();
        let until = {
            let mut state = self.identity.state();
            let until = retry_at.unwrap_or_else(|| {
                let wait = CLOSED_MS.saturating_mul(1 << state.strikes.min(10));
                state.strikes += 1;
                after(now, wait.min(CLOSED_MS_MAX))
            });
            state.known.close(limit, until);
            if shares {
                state.unshared.close(limit, until);
            }
            until
        };
        self.identity.share_now().await;
        until
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.identity.state();
        for Charge { limit, cost } in &self.charges {
            if let Some(under_way) = state.under_way.get_mut(limit.name.as_ref()) {
                *under_way = under_way.saturating_sub(*cost);
                if *under_way == 0 {
                    state.under_way.remove(limit.name.as_ref());
                }
            }
        }
    }
}
