//! In: a journal of which somebody may have deleted a key. Out: its indexes, whole again, from what they lead to. Never: what
//! has no second copy; an entry for something that is not there.

use std::collections::BTreeMap;

use super::Redis;
use super::find::PAGE;
use super::names::Names;
use super::reply;
use super::scripts::Args;
use crate::journal::StoreError;

/// What indexes lead to, by how its names begin.
const THINGS: [&str; 3] = ["e:", "r:", "kv:"];

/// Indexes by how their names begin, each with that of which it has at least one entry each. Of an index that fits none of
/// them, what is lost is seen elsewhere: what is due by every claim, who is next in a group by whoever wants to be.
const INDEXES: [(&str, &str); 9] = [
    ("events", "e:"),
    ("k:", "e:"),
    ("b:", "e:"),
    ("s:", "r:"),
    ("x:", "r:"),
    ("w:", WAITING),
    ("kvs:", "kv:"),
    ("kinds", KINDS),
    ("sources", SOURCES),
];
/// Runs that wait, as the index of their state has them.
const WAITING: &str = "s:waiting";
/// Types of which there are events.
const KINDS: &str = "types";
/// Sources of which there are events: not counted, but where there is an event there is one.
const SOURCES: &str = "a source";
/// Runs in doubt that others wait for. They are not in the state of waiting.
const IN_DOUBT: &str = "w:person";

/// How many there are, of things and of entries.
#[derive(Debug, Default)]
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn add(&mut self, what: &'static str, more: u64) {
        *self.0.entry(what).or_default() += more;
    }

    fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

impl Redis {
    /// Makes indexes again that are incomplete; gives how many entries were missing.
    pub(super) async fn reindex(&self) -> Result<u64, StoreError> {
        let torn = self.torn().await?;
        if torn.is_empty() {
            return Ok(0);
        }
        // What was written meanwhile may have been counted on one side only: what is really missing is seen by relisting.
        tracing::debug!(
            indexes = torn.join(" "),
            "indexes in Redis seem incomplete: looking at what they lead to"
        );
        let mut missing = 0;
        let mut names = Names::of(&self.link, &self.prefix, "");
        while let Some(page) = names.page().await? {
            let is_thing = |name: &&String| THINGS.iter().any(|begin| name.starts_with(begin));
            let things: Vec<&String> = page.iter().filter(is_thing).collect();
            for some in things.chunks(PAGE) {
                let mut args = Args::new();
                args.count(some.len());
                for name in some {
                    args.put(name.as_str());
                }
                let mut reply = self.run_script(&self.scripts.relist, None, &args).await?;
                missing += reply.number()?.unsigned_abs();
            }
        }
        if missing > 0 {
            tracing::error!(
                missing,
                indexes = torn.join(" "),
                "indexes in Redis were incomplete and have been made again: somebody has deleted a key; keep others away from \
                 the keys that begin with {}",
                self.prefix
            );
        }
        Ok(missing)
    }

    /// The indexes with fewer entries than there must be. What changes while they are counted may be missed, or counted twice: so
    /// much is let pass, and found the next time.
    async fn torn(&self) -> Result<Vec<&'static str>, StoreError> {
        let before = self.changes().await?;
        let mut counts = Counts::default();
        let mut names = Names::of(&self.link, &self.prefix, "");
        while let Some(page) = names.page().await? {
            let mut lists = Vec::new();
            for name in &page {
                for begin in THINGS {
                    counts.add(begin, u64::from(name.starts_with(begin)));
                }
                counts.add(KINDS, u64::from(name.starts_with("k:")));
                let index = INDEXES.iter().find(|(begin, _)| is_of(name, begin));
                lists.extend(index.map(|(begin, _)| (name, *begin)));
            }
            for some in lists.chunks(PAGE) {
                let mut commands = redis::pipe();
                for (name, begin) in some {
                    let is_set = matches!(*begin, "kinds" | "sources");
                    commands.cmd(if is_set { "SCARD" } else { "ZCARD" });
                    commands.arg(self.key(name));
                }
                let sizes = self.link.call_all(&commands, some.len()).await?;
                for ((name, begin), size) in some.iter().zip(sizes) {
                    let size = reply::number(size)?.unsigned_abs();
                    match name.as_str() {
                        IN_DOUBT => continue,
                        WAITING => counts.add(WAITING, size),
                        _ => {}
                    }
                    counts.add(begin, size);
                }
            }
        }
        counts.add(SOURCES, u64::from(counts.of("e:") > 0));
        let drift = self.changes().await?.saturating_sub(before);
        let is_torn = |(index, of): &(&str, &str)| counts.of(of) > counts.of(index) + drift;
        let torn = INDEXES.into_iter().filter(is_torn);
        Ok(torn.map(|(index, _)| index).collect())
    }
}

/// A kind that ends in a colon is a beginning, any other a whole name.
pub(super) fn is_of(name: &str, begin: &str) -> bool {
    if begin.ends_with(':') {
        name.starts_with(begin)
    } else {
        name == begin
    }
}
