//! Small values by name, in every store.

use bytes::Bytes;
use xmrt::journal::*;

use super::desk::{at, desks};

fn key(name: &str) -> KvKey {
    KvKey::new("tests", name).unwrap()
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn query(prefix: &str, after: Option<&str>, limit: usize) -> KvQuery {
    KvQuery {
        space: "tests".into(),
        prefix: prefix.into(),
        after: after.map(str::to_owned),
        limit,
    }
}

fn names(page: &KvPage) -> Vec<&str> {
    page.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[tokio::test]
async fn a_value_is_there_until_its_time_is_over_and_then_as_if_it_had_never_been() {
    for desk in desks().await {
        let (store, key) = (&desk.store, key("lease"));
        store.kv_put(&key, text("w1"), Some(1_000), at(0)).await.unwrap();
        assert_eq!(store.kv_get(&key, at(999)).await.unwrap(), Some(text("w1")));
        let refused = store
            .kv_put_if_absent(&key, text("w2"), Some(1_000), at(999))
            .await;
        assert_eq!(refused.unwrap(), Some(text("w1")), "{}", desk.name);
        assert_eq!(
            store.kv_get(&key, at(1_000)).await.unwrap(),
            None,
            "{}",
            desk.name
        );
        let kept = store.kv_put_if_absent(&key, text("w2"), None, at(1_000)).await;
        assert_eq!(kept.unwrap(), None, "{}", desk.name);
        assert!(
            !store
                .kv_cas(&key, text("w1"), text("w3"), None, at(1_000))
                .await
                .unwrap()
        );
        assert!(
            store
                .kv_cas(&key, text("w2"), text("w3"), None, at(1_000))
                .await
                .unwrap()
        );
        assert_eq!(store.kv_get(&key, at(1 << 40)).await.unwrap(), Some(text("w3")));
        assert!(store.kv_delete(&key, at(1_000)).await.unwrap());
        assert!(!store.kv_delete(&key, at(1_000)).await.unwrap());
    }
}

#[tokio::test]
async fn a_counter_keeps_the_end_it_began_with_and_every_bit() {
    for desk in desks().await {
        let (store, key) = (&desk.store, key("sent"));
        assert_eq!(
            store
                .kv_incr(&key, i64::MAX - 1, Some(1_000), at(0))
                .await
                .unwrap(),
            i64::MAX - 1
        );
        assert_eq!(
            store.kv_incr(&key, 1, Some(9_000), at(500)).await.unwrap(),
            i64::MAX
        );
        let full = store.kv_incr(&key, 1, None, at(500)).await;
        assert!(
            matches!(full, Err(StoreError::Unfit { .. })),
            "{}: {full:?}",
            desk.name
        );
        assert_eq!(
            store.kv_incr(&key, -2, None, at(1_000)).await.unwrap(),
            -2,
            "{}",
            desk.name
        );
        store.kv_put(&key, text("two"), None, at(1_000)).await.unwrap();
        let word = store.kv_incr(&key, 1, None, at(1_000)).await;
        assert!(
            matches!(word, Err(StoreError::Unfit { .. })),
            "{}: {word:?}",
            desk.name
        );
    }
}

#[tokio::test]
async fn a_list_goes_by_the_names_bytes_and_takes_neither_more_entries_nor_more_bytes_than_a_page_holds() {
    for desk in desks().await {
        let store = &desk.store;
        let big = Bytes::from(vec![b'v'; KV_VALUE_BYTES_MAX]);
        for name in ["a", "ab", "a\u{10ffff}", "a\u{10ffff}\u{10ffff}z", "b", "*", "ä"] {
            store.kv_put(&key(name), big.clone(), None, at(0)).await.unwrap();
        }
        store.kv_put(&key("aa"), text(""), Some(10), at(0)).await.unwrap();
        let other = KvKey::new("tests-2", "a").unwrap();
        store.kv_put(&other, text("not ours"), None, at(0)).await.unwrap();

        let page = store.kv_list(&query("a", None, 500), at(0)).await.unwrap();
        let below_a = ["a", "aa", "ab", "a\u{10ffff}", "a\u{10ffff}\u{10ffff}z"];
        assert_eq!(names(&page), below_a, "{}", desk.name);
        assert_eq!(page.entries[1].until, Some(at(10)));
        assert_eq!(
            page.next, None,
            "four values of the longest are a page: {}",
            desk.name
        );

        let page = store.kv_list(&query("", None, 500), at(20)).await.unwrap();
        assert_eq!(names(&page), ["*", "a", "ab", "a\u{10ffff}"], "{}", desk.name);
        assert_eq!(page.next.as_deref(), Some("a\u{10ffff}"));
        let rest = store
            .kv_list(&query("", page.next.as_deref(), 2), at(20))
            .await
            .unwrap();
        assert_eq!(names(&rest), ["a\u{10ffff}\u{10ffff}z", "b"], "{}", desk.name);
        let rest = store
            .kv_list(&query("", rest.next.as_deref(), 2), at(20))
            .await
            .unwrap();
        assert_eq!((names(&rest), &rest.next), (vec!["ä"], &None), "{}", desk.name);
        let beyond = store.kv_list(&query("a", Some("b"), 2), at(20)).await.unwrap();
        assert_eq!((names(&beyond), &beyond.next), (vec![], &None), "{}", desk.name);
    }
}

#[tokio::test]
async fn what_a_store_cannot_keep_under_a_name_is_refused_with_the_reason() {
    for (space, name) in [
        ("", "a"),
        ("Tests", "a"),
        ("a b", "a"),
        ("tests", ""),
        ("tests", "a\n"),
    ] {
        let refused = KvKey::new(space, name);
        assert!(
            matches!(refused, Err(StoreError::Unfit { .. })),
            "{space:?} {name:?}"
        );
    }
    assert!(KvKey::new("tests", &"n".repeat(513)).is_err());
    for desk in desks().await {
        let long = Bytes::from(vec![0; KV_VALUE_BYTES_MAX + 1]);
        let refused = desk
            .store
            .kv_put(&key("long"), long, None, at(0))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("262,144"), "{refused}");
        let query = KvQuery {
            space: "a/b".into(),
            ..query("", None, 1)
        };
        assert!(desk.store.kv_list(&query, at(0)).await.is_err(), "{}", desk.name);
    }
}

/// So many that a list has to go through them in several stretches.
#[tokio::test]
async fn thousands_that_are_over_hide_none_that_is_not() {
    for desk in desks().await {
        let store = &desk.store;
        let mut puts = tokio::task::JoinSet::new();
        for n in 0..2_500 {
            let store = std::sync::Arc::clone(store);
            puts.spawn(async move {
                store
                    .kv_put(&key(&format!("m{n:05}")), text("x"), Some(5), at(0))
                    .await
            });
        }
        for result in puts.join_all().await {
            result.unwrap();
        }
        store
            .kv_put(&key("m09999"), text("here"), None, at(0))
            .await
            .unwrap();
        let page = store.kv_list(&query("m", None, 3), at(5)).await.unwrap();
        assert_eq!(names(&page), ["m09999"], "{}", desk.name);
    }
}

#[tokio::test]
async fn a_batch_is_done_whole_or_not_at_all_with_its_entries_of_the_trail() {
    for desk in desks().await {
        let store = &desk.store;
        store.kv_put(&key("a"), text("1"), None, at(0)).await.unwrap();
        store
            .kv_put(&key("over"), text("x"), Some(5), at(0))
            .await
            .unwrap();
        let batch = |a: &'static str, who: &str| KvBatch {
            expects: vec![(key("a"), Some(text(a))), (key("over"), None)],
            changes: vec![
                (key("a"), KvChange::Put(text("2"), None)),
                (key("b"), KvChange::Put(text("new"), Some(10))),
                (key("over"), KvChange::Delete),
            ],
            audit: vec![AuditEntry {
                who: who.into(),
                what: "task.post".into(),
                outcome: "done".into(),
                ..AuditEntry::default()
            }],
        };
        assert!(
            !store.kv_batch(batch("1", "early"), at(4)).await.unwrap(),
            "{}",
            desk.name
        );
        assert!(
            !store.kv_batch(batch("7", "wrong"), at(5)).await.unwrap(),
            "{}",
            desk.name
        );
        assert_eq!(
            store.kv_get(&key("b"), at(5)).await.unwrap(),
            None,
            "{}",
            desk.name
        );
        assert!(
            store.kv_batch(batch("1", "right"), at(5)).await.unwrap(),
            "{}",
            desk.name
        );
        let page = store.kv_list(&query("", None, 500), at(5)).await.unwrap();
        assert_eq!(names(&page), ["a", "b"], "{}", desk.name);
        assert_eq!(page.entries[1].until, Some(at(15)), "{}", desk.name);
        let trail = AuditQuery {
            limit: 10,
            ..AuditQuery::default()
        };
        let who: Vec<String> = store
            .audited(&trail)
            .await
            .unwrap()
            .into_iter()
            .map(|found| found.entry.who)
            .collect();
        assert_eq!(who, ["right"], "{}", desk.name);

        let mut twice = batch("2", "twice");
        twice.changes.push((key("a"), KvChange::Delete));
        let refused = store.kv_batch(twice, at(6)).await.unwrap_err();
        assert!(refused.to_string().contains("twice"), "{refused}");
        let many = KvBatch {
            expects: (0..=KV_BATCH_MAX)
                .map(|n| (key(&format!("n{n}")), None))
                .collect(),
            ..KvBatch::default()
        };
        assert!(store.kv_batch(many, at(6)).await.is_err(), "{}", desk.name);
    }
}
