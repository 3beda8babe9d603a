//! In: the journal's operations. Out: their answers, from one Redis or Valkey that several processes share. Never: an
//! operation in two writes; a transition of a run that is not the journal's `machine`'s (claiming apart).
//!
//! A state change is one script: it looks, checks, then writes. A run is changed by loading it, asking the machine, and
//! writing what came of it on the condition that the run is still as it was; who holds a run's lease has it at hand, so
//! that carrying a run on is one round trip a step. Keys, times and what may be lost: `docs/state.md`.

mod address;
mod link;
mod server;
mod scripts;
mod reply;
mod fields;
mod founding;
mod bell;
mod sync;
mod skew;
mod batch;
mod admission;
mod work;
mod leases;
mod options;
mod outbox;
mod pauses;
mod audit;
mod find;
mod names;
mod reindex;
mod archive;
mod kv;
mod prune;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::journal::archive::{Export, Import};
use crate::journal::{
    Admission, Answer, AuditEntry, AuditQuery, AuditRecord, BookRecord, Claim, Epoch, EventKey, EventQuery,
    EventRecord, Fence, NewEvent, NewFiring, Notice, Pause, Pruned, Resolution, Retention, RuleText,
    RunHistory, RunId, RunQuery, RunRecord, Share, Size, Stats, StepWrite, Store, StoreError, Then, Verdict,
};

pub use options::{OpenError, Opens, Options, Time};
pub use server::Server;

/// How all keys begin where nothing else was said.
pub const PREFIX: &str = "xmrt";

/// The journal in one Redis or Valkey, shared by every process that opens it there.
#[derive(Debug)]
pub struct Redis {
    link: link::Link,
    scripts: Arc<scripts::Scripts>,
    batches: batch::Batches,
    bell: bell::Bell,
    sync: sync::DiskSync,
    /// How all keys begin, hash tag included.
    prefix: String,
    time: Time,
    skew: skew::Skew,
    server: Server,
    note_dir: Option<PathBuf>,
    epoch: ArcSwap<Epoch>,
    former: Mutex<Option<Epoch>>,
    /// Held while the journal's identity is being found out anew.
    founding: tokio::sync::Mutex<()>,
    /// Runs whose lease was given to this process, as they are now unless somebody else has changed them.
    held: Mutex<HashMap<RunId, fields::Kept>>,
    /// The rule book that was kept last, for a journal that has to begin anew.
    shelf: Mutex<Option<Arc<scripts::Args>>>,
    /// Operations whose answers were lost.
    lost: Mutex<work::Lost>,
}

/// A `std` mutex: nobody waits for anything while holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Redis {
    /// Connects, looks whether the server can keep a journal, and opens the one there or makes one at `now`. Other
    /// processes may be at work in it: their leases are left alone.
    pub async fn open(options: &Options, now: Timestamp) -> Result<Self, OpenError> {
        let prefix = format!("{{{}}}:", options.prefix);
        let address = address::Address::parse(options.url.expose_secret(), format!("{prefix}meta"))
            .map_err(|error| OpenError::Url(error.to_string()))?;
        let (name, address) = (address.name(), Arc::new(address));
        let away = |what: String| {
            // Where the server itself was heard, what it said has its own remedy.
            let remedy = match what.contains("; ") {
                true => "",
                false => "; see that it runs and that REDIS_URL leads to it",
            };
            OpenError::Away {
                server: name.clone(),
                what: format!("{what}{remedy}"),
            }
        };
        let refused = |fault: link::Fault| away(StoreError::from(fault).to_string());
        let link = link::Link::open(Arc::clone(&address), name.clone())
            .await
            .map_err(away)?;
        let server = server::ask(&link).await.map_err(refused)?;
        let problems = server.problems(options.allow_volatile);
        if !problems.is_empty() {
            return Err(OpenError::Unfit {
                server: name,
                product: server.product,
                problems,
            });
        }
        tell(&server, &name);
        let scripts = scripts::Scripts::load(&link).await.map_err(refused)?;
        let makes = options.opens != Opens::Existing;
        let found = founding::find(&link, &scripts.found, &prefix, (options.time, now), makes);
        let epoch = match found.await.map_err(refused)? {
            founding::Found::Journal(epoch) => epoch,
            founding::Found::Nothing => return Err(OpenError::NoJournal { server: name }),
            founding::Found::Layout(found) if found == founding::UNFINISHED => {
                if options.opens != Opens::Unfinished {
                    return Err(OpenError::Unfinished { server: name });
                }
                Epoch::new(now)
            }
            founding::Found::Layout(found) => return Err(OpenError::Layout { server: name, found }),
        };
        let scripts = Arc::new(scripts);
        let store = Self {
            batches: batch::Batches::new(link.clone(), Arc::clone(&scripts), prefix.clone()),
            sync: sync::DiskSync::new(&server),
            bell: bell::Bell::new(address, format!("{prefix}bell")),
            link,
            scripts,
            prefix,
            time: options.time,
            skew: skew::Skew::default(),
            server,
            note_dir: options.note_dir.clone(),
            epoch: ArcSwap::from_pointee(epoch.clone()),
            former: Mutex::default(),
            founding: tokio::sync::Mutex::default(),
            held: Mutex::default(),
            shelf: Mutex::default(),
            lost: Mutex::default(),
        };
        store.adopt(epoch);
        Ok(store)
    }

    /// What the server said about itself at the start.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What the server says about itself now: its settings can be changed while it is used, and another can take its place.
    pub async fn ask_server(&self) -> Result<Server, StoreError> {
        Ok(server::ask(&self.link).await?)
    }

    /// The identity of the journal that was there before, when this is another one: what that one knew is lost.
    pub fn former_epoch(&self) -> Option<Epoch> {
        lock(&self.former).clone()
    }

    fn identity(&self) -> String {
        founding::identity(&self.epoch.load())
    }

    fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }
}

/// Says once how safe the journal is.
fn tell(server: &Server, name: &str) {
    tracing::info!(
        "the journal is in {} at {name}: {}",
        server.product,
        server.safety()
    );
    for way in server.forgets() {
        tracing::warn!("{} at {name}: {way}", server.product);
    }
    if let Some(warning) = server.nearly_full() {
        tracing::warn!("{} at {name}: {warning}", server.product);
    }
}

#[async_trait]
impl Store for Redis {
    async fn admit(&self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError> {
        Redis::admit(self, event, now).await
    }

    async fn replay(
        &self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        Redis::replay(self, key, book, firings, now).await
    }

    async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        Redis::claim(self, worker, max, lease_ms, now).await
    }

    async fn renew(
        &self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        Redis::renew(self, run, fence, lease_ms, now).await
    }

    async fn advance(
        &self,
        run: &RunId,
        fence: Fence,
        writes: Vec<StepWrite>,
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        Redis::advance(self, run, fence, writes, then, now).await
    }

    async fn release(&self, worker: &str, others: bool, now: Timestamp) -> Result<u64, StoreError> {
        Redis::release(self, worker, others, now).await
    }

    async fn answer(
        &self,
        run: &RunId,
        hash: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        Redis::answer(self, run, hash, &answer, now).await
    }

    async fn resolve(
        &self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        Redis::resolve(self, run, who, resolution, now).await
    }

    async fn retry(&self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError> {
        Redis::retry(self, run, who, now).await
    }

    async fn pause(&self, what: &str, who: &str, now: Timestamp) -> Result<(), StoreError> {
        Redis::pause(self, what, who, now).await
    }

    async fn resume(&self, what: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        Redis::resume(self, what, who, now).await
    }

    async fn audit(&self, entries: Vec<AuditEntry>, now: Timestamp) -> Result<(), StoreError> {
        Redis::audit(self, &entries, now).await
    }

    async fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        Redis::audited(self, query).await
    }

    async fn prune_audit(&self, kept_ms: i64, max: usize, now: Timestamp) -> Result<u64, StoreError> {
        Redis::prune_audit(self, kept_ms, max, now).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        Redis::pauses(self).await
    }

    async fn cancel(&self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError> {
        Redis::cancel(self, run, who, now).await
    }

    async fn notices(&self, max: usize) -> Result<Vec<Notice>, StoreError> {
        Redis::notices(self, max).await
    }

    async fn told(&self, notices: &[Notice], now: Timestamp) -> Result<(), StoreError> {
        Redis::told(self, notices, now).await
    }

    async fn event(&self, key: &EventKey) -> Result<Option<EventRecord>, StoreError> {
        self.find_event(key).await
    }

    async fn event_by_id(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        Redis::event_by_id(self, id).await
    }

    async fn verdicts(&self, key: &EventKey) -> Result<Vec<Verdict>, StoreError> {
        Ok(self
            .find_verdicts(key)
            .await?
            .map(|found| found.verdicts)
            .unwrap_or_default())
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<EventRecord>, StoreError> {
        Redis::events(self, query).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<RunHistory>, StoreError> {
        Ok(self.load(id).await?.map(|kept| kept.history))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        Redis::runs(self, query).await
    }

    async fn changes(&self) -> Result<u64, StoreError> {
        Redis::changes(self).await
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        Redis::stats(self).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Redis::next_due(self).await
    }

    async fn keep_book(&self, book: BookRecord, now: Timestamp) -> Result<(), StoreError> {
        Redis::keep_book(self, book, now).await
    }

    async fn book(&self, hash: Option<&str>) -> Result<Option<BookRecord>, StoreError> {
        Redis::book(self, hash).await
    }

    async fn rule_text(&self, version: &str) -> Result<Option<RuleText>, StoreError> {
        Redis::rule_text(self, version).await
    }

    async fn epoch(&self) -> Result<Epoch, StoreError> {
        // Known here; but whoever asks wants to know whether the journal is there, too.
        self.link.reachable()?;
        Ok((**self.epoch.load()).clone())
    }

    async fn prune(
        &self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, StoreError> {
        Redis::prune(self, retention, from, max, now).await
    }

    async fn prune_books(&self, kept_ms: i64, now: Timestamp) -> Result<u64, StoreError> {
        Redis::prune_books(self, kept_ms, now).await
    }

    async fn size(&self) -> Result<Size, StoreError> {
        Redis::size(self).await
    }

    async fn shares(&self) -> Result<Vec<Share>, StoreError> {
        Redis::shares(self).await
    }

    async fn reindex(&self) -> Result<u64, StoreError> {
        Redis::reindex(self).await
    }

    async fn outlast_power(&self) -> Result<(), StoreError> {
        self.sync.outlast_power(&self.link, &self.key("meta")).await
    }

    async fn export(&self) -> Result<Export, StoreError> {
        Redis::export(self).await
    }

    async fn import(&self, import: Import) -> Result<(), StoreError> {
        Redis::import(self, import).await
    }

    fn clock_behind(&self) -> Option<Duration> {
        self.skew.behind()
    }

    async fn wait(&self) {
        self.bell.wait().await;
    }
}
