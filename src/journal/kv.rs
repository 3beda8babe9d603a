//! In: names and bytes. Out: the same bytes, until they run out. Never: a value whose meaning is known here.
//!
//! The small notebook beside the events: leases between replicas, counters, pins, ledgers. Each user has a *space* of
//! its own. A value lives until it is deleted or its time is over; what is over is as if it had never been.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{AuditEntry, PAGE_MAX, StoreError};

/// The longest value, in bytes.
pub const KV_VALUE_BYTES_MAX: usize = 262_144;
/// A page of a list ends early before its values exceed so many bytes.
pub const KV_PAGE_BYTES_MAX: usize = 1_048_576;
/// How many expectations and changes one [`KvBatch`] has at most, together.
pub const KV_BATCH_MAX: usize = 64;
const SPACE_BYTES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 512;

/// What a value is kept under: a space, which belongs to one part of the program, and a name in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KvKey {
    space: String,
    name: String,
}

impl KvKey {
    /// A key. The space is 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`; the name is 1 to 512 bytes without control
    /// characters. Anything else is [`StoreError::Unfit`].
    pub fn new(space: &str, name: &str) -> Result<Self, StoreError> {
        let unfit = |hint| StoreError::Unfit {
            key: format!("{space}/{name}"),
            hint,
        };
        if !space_fits(space) {
            return Err(unfit("a space is 1 to 64 of a-z, 0-9, `-`, `_` and `.`"));
        }
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(unfit("a name is 1 to 512 bytes without control characters"));
        }
        Ok(Self {
            space: space.into(),
            name: name.into(),
        })
    }

    /// Whose it is.
    pub fn space(&self) -> &str {
        &self.space
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// That `value` may be kept under it.
    pub(crate) fn holds(&self, value: &[u8]) -> Result<(), StoreError> {
        if value.len() > KV_VALUE_BYTES_MAX {
            return Err(self.unfit("a value has at most 262,144 bytes"));
        }
        Ok(())
    }

    /// The counter that `value` is, moved by `by`.
    pub(crate) fn counted(&self, value: &[u8], by: i64) -> Result<i64, StoreError> {
        std::str::from_utf8(value)
            .ok()
            .and_then(|text| {
                text.parse::<i64>()
                    .ok()
                    .filter(|number| number.to_string() == text)
            })
            .ok_or_else(|| self.no_counter())?
            .checked_add(by)
            .ok_or_else(|| self.counter_full())
    }

    pub(crate) fn no_counter(&self) -> StoreError {
        self.unfit("its value is not a whole number, so it cannot be counted up")
    }

    pub(crate) fn counter_full(&self) -> StoreError {
        self.unfit("it cannot be counted that far: a counter has 64 bits")
    }

    fn unfit(&self, hint: &'static str) -> StoreError {
        StoreError::Unfit {
            key: self.to_string(),
            hint,
        }
    }
}

fn space_fits(space: &str) -> bool {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=SPACE_BYTES_MAX).contains(&space.len()) && space.bytes().all(fits)
}

impl std::fmt::Display for KvKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.space, self.name)
    }
}

/// One value in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub value: Bytes,
    /// When its time is over, if it ever is.
    pub until: Option<Timestamp>,
}

/// What to find in a space, by name.
#[derive(Clone, Debug, Default)]
pub struct KvQuery {
    /// Whose values.
    pub space: String,
    /// How the names begin; empty for all.
    pub prefix: String,
    /// Only names behind this one: the cursor of the page before.
    pub after: Option<String>,
    /// At most so many (1–500).
    pub limit: usize,
}

/// Part of a list, in the order of the names' bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvPage {
    /// The values.
    pub entries: Vec<KvEntry>,
    /// The cursor of the next page, if there is more.
    pub next: Option<String>,
}

impl KvQuery {
    /// That its space is one.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if space_fits(&self.space) {
            return Ok(());
        }
        Err(StoreError::Unfit {
            key: format!("{}/", self.space),
            hint: "a space is 1 to 64 of a-z, 0-9, `-`, `_` and `.`",
        })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, PAGE_MAX)
    }

    /// A page of what was found, in order: as much as a page takes, and whether there was more. Reading may stop at the
    /// first entry that no longer fits.
    pub(crate) fn page(&self, found: impl IntoIterator<Item = KvEntry>) -> KvPage {
        let mut entries: Vec<KvEntry> = Vec::new();
        let mut bytes = 0;
        for entry in found {
            bytes += entry.value.len();
            if entries.len() == self.limit() || bytes > KV_PAGE_BYTES_MAX {
                let next = entries.last().map(|last| last.name.clone());
                return KvPage { entries, next };
            }
            entries.push(entry);
        }
        KvPage { entries, next: None }
    }
}

/// Several changes that are one: what must be there, what then is, and what the audit trail says of it.
#[derive(Clone, Debug, Default)]
pub struct KvBatch {
    /// What each of these names must hold; `None` is nothing.
    pub expects: Vec<(KvKey, Option<Bytes>)>,
    /// What becomes of these names, each at most once.
    pub changes: Vec<(KvKey, KvChange)>,
    /// Goes into the audit trail in the same write.
    pub audit: Vec<AuditEntry>,
}

/// What becomes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvChange {
    /// It holds this, for so long.
    Put(Bytes, Option<i64>),
    /// It holds nothing.
    Delete,
}

impl KvBatch {
    /// That it can be done at all: not too much at once, no name changed twice, no value too long.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut names = std::collections::BTreeSet::new();
        for (key, change) in &self.changes {
            if !names.insert(key) {
                return Err(key.unfit("one batch changes it twice"));
            }
            if let KvChange::Put(value, _) = change {
                key.holds(value)?;
            }
        }
        let mut keys = self
            .changes
            .iter()
            .map(|(key, _)| key)
            .chain(self.expects.iter().map(|(key, _)| key));
        keys.nth(KV_BATCH_MAX).map_or(Ok(()), |key| {
            Err(key.unfit("a batch has at most 64 expectations and changes"))
        })
    }
}

/// Small values by name, beside the events and as durable. Part of [`Store`](super::Store).
///
/// A `ttl_ms` counts from when the operation happens; without one a value stays until it is deleted. Where the answer is
/// [`StoreError::Unavailable`] the operation may have been done when the store is behind a network: read before you
/// count again.
#[async_trait]
pub trait Kv {
    /// The value, unless there is none or its time is over.
    async fn kv_get(&self, key: &KvKey, now: Timestamp) -> Result<Option<Bytes>, StoreError>;

    /// Keeps a value, and with it how long; whatever was there before is gone.
    async fn kv_put(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Keeps a value if there is none. Otherwise changes nothing, and gives the one that is there.
    async fn kv_put_if_absent(
        &self,
        key: &KvKey,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<Bytes>, StoreError>;

    /// Replaces exactly `expected` by a value and how long it lives. Gives whether it did.
    async fn kv_cas(
        &self,
        key: &KvKey,
        expected: Bytes,
        value: Bytes,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Moves a counter, which begins at 0, and gives where it is. `ttl_ms` is for a counter that begins here; one that
    /// is there keeps its end. A value that is no decimal number, or would leave 64 bits, is [`StoreError::Unfit`].
    async fn kv_incr(
        &self,
        key: &KvKey,
        by: i64,
        ttl_ms: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError>;

    /// Forgets a value, and gives whether there was one.
    async fn kv_delete(&self, key: &KvKey, now: Timestamp) -> Result<bool, StoreError>;

    /// If every expectation holds, makes all changes and writes the audit entries, in one atomic write. Otherwise changes
    /// nothing. Gives whether it did.
    async fn kv_batch(&self, batch: KvBatch, now: Timestamp) -> Result<bool, StoreError>;

    /// The values of a space whose names begin so, page by page.
    async fn kv_list(&self, query: &KvQuery, now: Timestamp) -> Result<KvPage, StoreError>;
}

/// Everything of a space whose names begin so, however many pages that is.
///
/// # Errors
/// As [`Kv::kv_list`].
pub async fn kv_all<K: Kv + ?Sized>(
    store: &K,
    space: &str,
    prefix: &str,
    now: Timestamp,
) -> Result<Vec<KvEntry>, StoreError> {
    let mut query = KvQuery {
        space: space.to_owned(),
        prefix: prefix.to_owned(),
        after: None,
        limit: PAGE_MAX,
    };
    let mut found = Vec::new();
    loop {
        let page = store.kv_list(&query, now).await?;
        found.extend(page.entries);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
}
