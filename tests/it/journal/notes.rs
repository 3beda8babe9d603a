//! The small values by name in the random walks: what is asked of them, and what there is to see.

use bytes::Bytes;
use proptest::prelude::*;
use xmrt::journal::*;

use super::desk::at;

/// What a key holds, if anything: a value, and for how long.
type Held = Option<(u8, Option<i64>)>;

/// What is asked of the small values by name.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Get,
    Put(u8, Option<i64>),
    PutIfAbsent(u8, Option<i64>),
    Cas(u8, u8, Option<i64>),
    Incr(i64, Option<i64>),
    Delete,
    /// Expectations (a key, what it must hold), changes (a key, what it holds then), and how many entries of the trail.
    Batch(Vec<(u8, Option<u8>)>, Vec<(u8, Held)>, u8),
}

pub(crate) fn notes() -> impl Strategy<Value = Note> {
    let ttl = || {
        prop_oneof![
            2 => Just(None),
            4 => (1..30_000i64).prop_map(Some),
            1 => (-5..1i64).prop_map(Some),
            1 => Just(Some(i64::MAX)),
        ]
    };
    let by = prop_oneof![8 => -3..10i64, 1 => any::<i64>()];
    prop_oneof![
        2 => Just(Note::Get),
        3 => (0..5u8, ttl()).prop_map(|(value, ttl)| Note::Put(value, ttl)),
        3 => (0..5u8, ttl()).prop_map(|(value, ttl)| Note::PutIfAbsent(value, ttl)),
        3 => (0..5u8, 0..5u8, ttl()).prop_map(|(old, new, ttl)| Note::Cas(old, new, ttl)),
        4 => (by, ttl()).prop_map(|(by, ttl)| Note::Incr(by, ttl)),
        1 => Just(Note::Delete),
        6 => (
            prop::collection::vec((0..8u8, prop::option::weighted(0.4, 0..4u8)), 0..3),
            prop::collection::vec((0..8u8, prop::option::weighted(0.8, (0..4u8, ttl()))), 0..4),
            0..3u8,
        )
            .prop_map(|(expects, changes, audit)| Note::Batch(expects, changes, audit)),
    ]
}

/// Few keys in two spaces, one name the beginning of another, and one with what separates names elsewhere.
pub(crate) fn note_key(n: u8) -> KvKey {
    let space = ["leases", "hooks.github"][usize::from(n % 2)];
    let name = ["a", "a:b", "ä/\u{10ffff}", "*"][usize::from(n / 2 % 4)];
    KvKey::new(space, name).unwrap()
}

/// Numbers, other text, no text at all, and a value that is too long.
fn note_value(n: u8) -> Bytes {
    match n {
        0 => Bytes::from_static(b"7"),
        1 => Bytes::from_static(b"007"),
        2 => Bytes::from_static(b"\x00\xff"),
        3 => Bytes::from_static(b"-9223372036854775808"),
        _ => Bytes::from(vec![b'x'; KV_VALUE_BYTES_MAX + usize::from(n % 2)]),
    }
}

pub(crate) async fn note(store: &dyn Store, key: &KvKey, note: Note, now: jiff::Timestamp) -> String {
    match note {
        Note::Get => format!("{:?}", store.kv_get(key, now).await),
        Note::Put(value, ttl) => {
            format!("{:?}", store.kv_put(key, note_value(value), ttl, now).await)
        }
        Note::PutIfAbsent(value, ttl) => {
            let answer = store.kv_put_if_absent(key, note_value(value), ttl, now).await;
            format!("{answer:?}")
        }
        Note::Cas(old, new, ttl) => {
            let answer = store
                .kv_cas(key, note_value(old), note_value(new), ttl, now)
                .await;
            format!("{answer:?}")
        }
        Note::Incr(by, ttl) => format!("{:?}", store.kv_incr(key, by, ttl, now).await),
        Note::Delete => format!("{:?}", store.kv_delete(key, now).await),
        Note::Batch(expects, changes, audit) => {
            let batch = KvBatch {
                expects: expects
                    .into_iter()
                    .map(|(key, value)| (note_key(key), value.map(note_value)))
                    .collect(),
                changes: changes
                    .into_iter()
                    .map(|(key, change)| match change {
                        Some((value, ttl)) => (note_key(key), KvChange::Put(note_value(value), ttl)),
                        None => (note_key(key), KvChange::Delete),
                    })
                    .collect(),
                audit: (0..audit).flat_map(super::walk::entries).collect(),
            };
            format!("{:?}", store.kv_batch(batch, now).await)
        }
    }
}

/// All notes that are there, page by page.
pub(crate) async fn notes_of(store: &dyn Store) -> Vec<KvPage> {
    let mut pages = Vec::new();
    for (space, prefix, limit) in [("leases", "", 1), ("hooks.github", "", 500), ("leases", "a", 3)] {
        let mut after = None;
        loop {
            let query = KvQuery {
                space: space.into(),
                prefix: prefix.into(),
                after: after.take(),
                limit,
            };
            let page = store.kv_list(&query, at(0)).await.unwrap();
            after = page.next.clone();
            pages.push(page);
            if after.is_none() {
                break;
            }
        }
    }
    pages
}
