//! Every kind of key there is stands in the table of `docs/state.md`, and every kind in the table is there.
#![expect(clippy::disallowed_methods, reason = "this test looks at the document itself")]

use std::collections::BTreeSet;

use serde_json::json;
use xmrt::journal::*;

use crate::journal::desk::{at, event, fires, gates, intent};
use crate::journal::retention::all;
use crate::redis_server::RedisServer;

/// A row of the table: how a key begins, whether that is all of it, its type, and what carries it in an export.
struct Row {
    begins: String,
    whole: bool,
    kind: String,
    exported: String,
}

fn table() -> Vec<Row> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/state.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, keys) = text.split_once("\n## Keys\n").unwrap();
    let (keys, _) = keys.split_once("\n## ").unwrap();
    keys.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let name = cells[0].trim_matches('`');
            let begins = name.split('<').next().unwrap().to_owned();
            Row {
                whole: begins == name,
                begins,
                kind: cells[1].to_owned(),
                exported: cells.last().unwrap().to_string(),
            }
        })
        .collect()
}

/// Something of everything: whoever adds a kind of key makes one here.
pub(super) async fn everything(store: &dyn Store) {
    let cooling = Gates {
        cooldown_ms: Some(60_000),
        group: Some(Group {
            key: "main".into(),
            cancel_in_progress: false,
            latest: true,
        }),
        ..gates()
    };
    store.pause("all", "octocat", at(0)).await.unwrap();
    for n in 0..2u8 {
        let mut event = event(&format!("e{n}"));
        event.digest = Some([n; 32]);
        event.firings = vec![fires(&format!("rule-{n}"), cooling.clone())];
        store.admit(event, at(0)).await.unwrap();
    }
    let mut burst = event("burst");
    let held = Gates {
        rate: Some(Rate {
            max: 3,
            window_ms: 60_000,
        }),
        debounce: Some(Debounce {
            quiet_ms: 60_000,
            max_wait_ms: 600_000,
        }),
        ..gates()
    };
    burst.firings = vec![fires("burst", held)];
    store.admit(burst, at(0)).await.unwrap();
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let mut write = intent(&claim.run.id, "comment", 0, true);
    if let StepWrite::Intent { causes, .. } = &mut write {
        causes.push(("github/comment/1".into(), 60_000));
    }
    let wait = Then::Wait {
        until: at(60_000),
        waits_for: WaitsFor::Look,
        reason: "its answer was lost".into(),
    };
    store
        .advance(&claim.run.id, claim.run.fence, vec![write], wait, at(0))
        .await
        .unwrap();
    store.admit(event("over"), at(0)).await.unwrap();
    store.prune(&all(), 0, PRUNE_MAX, at(0)).await.unwrap();
    let mut done = event("done");
    done.firings = vec![fires("done", gates())];
    store.admit(done, at(0)).await.unwrap();
    let done = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    let end = Then::End {
        state: RunState::Succeeded,
        reason: None,
    };
    store
        .advance(&done.run.id, done.run.fence, vec![], end, at(0))
        .await
        .unwrap();
    let book = BookRecord {
        hash: "book-1".into(),
        settings: json!({}),
        rules: vec![RuleText {
            rule: "rule-0".into(),
            version: "version-1".into(),
            text: "text".into(),
        }],
    };
    store.keep_book(book, at(0)).await.unwrap();
    store.audit(vec![AuditEntry::default()], at(0)).await.unwrap();
    let name = KvKey::new("some-space", "name").unwrap();
    store
        .kv_put(&name, "value".into(), Some(60_000), at(0))
        .await
        .unwrap();
}

#[tokio::test]
async fn every_kind_of_key_is_documented_and_every_documented_kind_is_there() {
    let server = RedisServer::start("everysec");
    everything(&server.open(at(0)).await.unwrap()).await;
    let keys: Vec<String> = redis::from_redis_value(server.ask(&["KEYS", "*"])).unwrap();
    let table = table();
    let mut seen = BTreeSet::new();
    for key in &keys {
        let name = key.strip_prefix("{test}:").unwrap();
        let fits = |row: &&Row| {
            if row.whole {
                name == row.begins
            } else {
                name.starts_with(&row.begins)
            }
        };
        let row = table.iter().find(fits);
        let row = row.unwrap_or_else(|| panic!("`{name}` is not in the table of docs/state.md"));
        let redis::Value::SimpleString(kind) = server.ask(&["TYPE", key]) else {
            panic!("a type")
        };
        let told = row.kind.replace("sorted set", "zset");
        assert_eq!(kind, told, "{key}");
        seen.insert(row.begins.clone());
    }
    let documented: BTreeSet<String> = table.iter().map(|row| row.begins.clone()).collect();
    assert_eq!(seen, documented, "the story makes one key of each kind");
    assert!(
        table.iter().all(|row| !row.exported.is_empty()),
        "what carries it in an export"
    );
}
