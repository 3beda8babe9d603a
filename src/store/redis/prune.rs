//! In: how long things are wanted. Out: a smaller journal, in steps of bounded length. Never: a run that is not at its
//! end, or what it or a gate needs; a book that an event refers to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Redis;
use super::admission::{TRIES, crowded};
use super::find::{PAGE, member, place};
use super::names::Names;
use super::reindex::is_of;
use super::reply::{self, odd};
use super::scripts::Args;
use crate::journal::{PRUNE_MAX, Pruned, Retention, Share, Size, StoreError};

type Rule = (String, String);

/// How many keys of each kind are weighed; the others are taken to be alike.
const WEIGHED: usize = 200;

/// The kind of the audit trail, whose one key holds all entries.
const AUDIT: &str = "audit";
/// What the keys belong to, by how they begin behind the prefix. What fits none is `other`.
const KINDS: &[(&str, &[&str])] = &[
    ("events", &["e:"]),
    ("runs", &["r:", "outbox"]),
    ("dedupe", &["n:", "d:", "gone:"]),
    ("gates", &["g:", "rate:", "pend:", "c:", "pauses"]),
    ("books", &["book:", "t:"]),
    ("values", &["kv:"]),
    (AUDIT, &["audit"]),
    (
        "indexes",
        &[
            "due", "events", "k:", "b:", "s:", "x:", "w:", "q:", "u:", "kinds", "sources", "kvs:", "kvx",
        ],
    ),
];

impl Redis {
    pub(super) async fn prune(
        &self,
        retention: &Retention,
        from: u64,
        max: usize,
        now: Timestamp,
    ) -> Result<Pruned, StoreError> {
        let mut args = Args::new();
        args.put(if from == 0 { String::new() } else { member(from) });
        args.count(max.clamp(1, PRUNE_MAX));
        args.int(retention.events_ms).int(retention.runs_ms);
        args.int(retention.known_ms);
        let mut reply = self.run_script(&self.scripts.prune, Some(now), &args).await?;
        Ok(Pruned {
            events: reply.number()?.unsigned_abs(),
            runs: reply.number()?.unsigned_abs(),
            next: match reply.text()?.as_str() {
                "" => None,
                last => Some(place(last).parse().map_err(odd)?),
            },
        })
    }

    pub(super) async fn prune_books(&self, kept_ms: i64, now: Timestamp) -> Result<u64, StoreError> {
        for _ in 0..TRIES {
            let books = self.books_and_rules().await?;
            let all: Vec<String> = books.iter().map(|(hash, _)| hash.clone()).collect();
            let mut reply = self.books_script("", "", kept_ms, &all, &[], now).await?;
            let (shelf, mut due) = (reply.text()?, reply.texts()?);
            if due.is_empty() {
                return Ok(0);
            }
            let upto = self.without_needed(&mut due).await?;
            if due.is_empty() {
                return Ok(0);
            }
            let (go, stay): (Vec<_>, Vec<_>) = books.into_iter().partition(|(hash, _)| due.contains(hash));
            let listed: BTreeSet<Rule> = stay.into_iter().flat_map(|(_, rules)| rules).collect();
            let texts: BTreeSet<Rule> = go.into_iter().flat_map(|(_, rules)| rules).collect();
            let texts: Vec<Rule> = texts.difference(&listed).cloned().collect();
            let done = self.books_script(&shelf, &upto, kept_ms, &due, &texts, now);
            if done.await?.word == "done" {
                return Ok(due.len() as u64);
            }
        }
        Err(crowded())
    }

    async fn books_script(
        &self,
        seen: &str,
        upto: &str,
        kept_ms: i64,
        books: &[String],
        texts: &[Rule],
        now: Timestamp,
    ) -> Result<reply::Reply, StoreError> {
        let mut args = Args::new();
        args.put(seen).put(upto).int(kept_ms).count(books.len());
        for hash in books {
            args.put(hash.as_str());
        }
        args.count(texts.len());
        for (version, rule) in texts {
            args.put(version.as_str()).put(rule.as_str());
        }
        self.run_script(&self.scripts.books, Some(now), &args).await
    }

    async fn books_and_rules(&self) -> Result<Vec<(String, Vec<Rule>)>, StoreError> {
        let mut found = Vec::new();
        for key in Names::of(&self.link, &self.prefix, "book:").all().await? {
            let mut command = redis::cmd("HGET");
            command.arg(self.key(&key)).arg("rules");
            let rules = reply::text(self.link.call(&command).await?)?;
            let rules = serde_json::from_str(&rules).map_err(odd)?;
            found.push((key["book:".len()..].to_owned(), rules));
        }
        Ok(found)
    }

    /// Takes the books out that some event refers to, page by page; gives the last event that was looked at.
    async fn without_needed(&self, due: &mut Vec<String>) -> Result<String, StoreError> {
        let mut last = String::new();
        loop {
            let mut command = redis::cmd("ZRANGEBYLEX");
            let from = if last.is_empty() {
                "-".to_owned()
            } else {
                format!("({last}")
            };
            command.arg(self.key("events")).arg(from).arg("+");
            command.arg("LIMIT").arg(0).arg(PAGE);
            let page: Vec<String> = reply::list(self.link.call(&command).await?)?
                .into_iter()
                .map(reply::text)
                .collect::<Result<_, _>>()?;
            let Some(end) = page.last() else {
                return Ok(last);
            };
            let mut commands = redis::pipe();
            for at in &page {
                commands
                    .cmd("HMGET")
                    .arg(self.key(&format!("e:{}", place(at))))
                    .arg(&["book", "former"]);
            }
            for answer in self.link.call_all(&commands, page.len()).await? {
                let mut parts = reply::list(answer)?.into_iter();
                let mut needed = Vec::new();
                if let Some(redis::Value::BulkString(book)) = parts.next() {
                    needed.push(String::from_utf8(book).map_err(odd)?);
                }
                if let Some(redis::Value::BulkString(former)) = parts.next() {
                    needed.extend(serde_json::from_slice::<Vec<String>>(&former).map_err(odd)?);
                }
                due.retain(|hash| !needed.contains(hash));
            }
            last.clone_from(end);
        }
    }

    pub(super) async fn size(&self) -> Result<Size, StoreError> {
        let info = reply::text(self.link.call(redis::cmd("INFO").arg("memory")).await?)?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(Size {
            bytes: used.and_then(|used| used.trim().parse().ok()).unwrap_or_default(),
            free_bytes: 0,
        })
    }

    /// Counts all keys and weighs some of each kind.
    pub(super) async fn shares(&self) -> Result<Vec<Share>, StoreError> {
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in Names::of(&self.link, &self.prefix, "").all().await? {
            let fits = |(_, begins): &&(&str, &[&str])| begins.iter().any(|begin| is_of(&key, begin));
            let kind = KINDS.iter().find(fits).map_or("other", |(kind, _)| *kind);
            kinds.entry(kind).or_default().push(key);
        }
        let mut shares = Vec::new();
        for (kind, keys) in kinds {
            // Spread over all of them, for the old may differ from the new.
            let step = keys.len().div_ceil(WEIGHED).max(1);
            let some: Vec<&String> = keys.iter().step_by(step).collect();
            let mut commands = redis::pipe();
            for key in &some {
                commands.cmd("MEMORY").arg("USAGE").arg(self.key(key));
                // Few fields, and one of them holds the body, which a sample would miss. An index is too long for that.
                if matches!(kind, "events" | "runs") {
                    commands.arg("SAMPLES").arg(0);
                }
            }
            let mut bytes = 0;
            for answer in self.link.call_all(&commands, some.len()).await? {
                if answer != redis::Value::Nil {
                    bytes += reply::number(answer)?.unsigned_abs();
                }
            }
            let mut count = keys.len() as u64;
            bytes = bytes * count / (some.len() as u64).max(1);
            if kind == AUDIT {
                let entries = self.link.call(redis::cmd("XLEN").arg(self.key(AUDIT))).await?;
                count = reply::number(entries)?.unsigned_abs();
            }
            shares.push(Share {
                kind: kind.to_owned(),
                count,
                bytes,
            });
        }
        Ok(shares)
    }
}
