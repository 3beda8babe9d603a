//! In: a journal in Redis. Out: its records, each event in one piece with its decisions and runs. Never: a change.

mod filling;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use redis::Value;

use super::Redis;
use super::audit;
use super::fields;
use super::link::{Fault, Link};
use super::names::Names;
use super::outbox::read_notice;
use super::pauses;
use super::reply::{self, Reply, odd};
use super::scripts::{Args, Scripts};
use crate::clock::from_millis;
use crate::journal::archive::{
    ArchivedBook, ArchivedEvent, Burst, Cause, Export, GateCharge, Head, NamedValue, Outlet, Record,
};
use crate::journal::{RuleText, RunHistory, RunId, StoreError};

/// How many events are read in one piece at most, and after how many bytes of bodies no further one is.
const EVENTS: usize = 16;
const EVENT_BYTES: usize = 4 * 1024 * 1024;
/// How many keys are read or deleted at once.
const KEYS: usize = 512;

/// What reading a journal out needs, for as long as that takes.
struct Reading {
    link: Link,
    scripts: Arc<Scripts>,
    prefix: String,
    identity: String,
    outlet: Outlet,
    /// The count of changes when it began.
    changes: i64,
}

/// Why reading ends early.
enum Stop {
    /// Nobody takes what is read.
    Unheard,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A piece of the journal: the count of changes to it until then, its events, and from where to go on.
struct Piece {
    at: Timestamp,
    changes: i64,
    seq: u64,
    last: String,
    events: Vec<Value>,
}

async fn piece(
    link: &Link,
    scripts: &Scripts,
    prefix: &str,
    identity: &str,
    from: &str,
    max: usize,
) -> Result<Piece, Fault> {
    let mut args = Args::new();
    args.put(identity).int(0).int(0);
    args.put(from).count(max).count(EVENT_BYTES);
    let mut reply: Reply = reply::read(scripts.export.call(link, prefix, &[&args]).await?)?;
    Ok(Piece {
        at: reply.at,
        changes: reply.number()?,
        seq: reply.number()?.unsigned_abs(),
        last: reply.text()?,
        events: reply.list()?,
    })
}

impl Redis {
    pub(super) async fn export(&self) -> Result<Export, StoreError> {
        // What an index does not lead to would be missing in it.
        self.reindex().await?;
        let identity = self.identity();
        let begin = piece(&self.link, &self.scripts, &self.prefix, &identity, "", 0).await?;
        let mut command = redis::cmd("HGET");
        command.arg(self.key("meta")).arg("last_good");
        let last_good = match self.link.call(&command).await? {
            Value::Nil => None,
            answer => Some(reply::text(answer)?),
        };
        let head = Head::new((**self.epoch.load()).clone(), begin.at, begin.seq, last_good);
        let (export, outlet) = Export::new(head);
        let reading = Reading {
            link: self.link.clone(),
            scripts: Arc::clone(&self.scripts),
            prefix: self.prefix.clone(),
            identity,
            outlet,
            changes: begin.changes,
        };
        tokio::spawn(async move {
            if let Err(Stop::Fault(fault)) = reading.read_out(begin.at).await {
                let _ = reading.outlet.records.send(Err(fault.into())).await;
            }
        });
        Ok(export)
    }
}

impl Reading {
    async fn read_out(&self, at: Timestamp) -> Result<(), Stop> {
        let keys = self.keys(&["t:", "book:"]).await?;
        let (texts, books): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.starts_with("t:"));
        self.texts(&texts).await?;
        self.books(&books).await?;
        let gone: Vec<_> = self.keys(&["gone:"]).await?.into_iter().collect();
        self.known_still(&gone, at).await?;
        self.events().await?;
        self.cooldowns(at).await?;
        self.rates(at).await?;
        self.bursts().await?;
        let causes: Vec<_> = self.keys(&["c:"]).await?.into_iter().collect();
        self.causes(&causes, at).await?;
        self.notices().await?;
        let values: Vec<_> = self.keys(&["kv:"]).await?.into_iter().collect();
        self.values(&values, at).await?;
        self.pauses().await?;
        self.trail().await?;
        let end = piece(&self.link, &self.scripts, &self.prefix, &self.identity, "", 0).await?;
        if end.changes != self.changes {
            self.outlet.has_moved();
        }
        Ok(())
    }

    async fn put(&self, record: Record) -> Result<(), Stop> {
        self.outlet
            .records
            .send(Ok(record))
            .await
            .map_err(|_| Stop::Unheard)
    }

    /// The names, behind the prefix, of all keys that begin so. The whole server is looked through, step by step: gates
    /// and books are in no index.
    async fn keys(&self, begins: &[&str]) -> Result<BTreeSet<String>, Fault> {
        let mut found = BTreeSet::new();
        for begin in begins {
            found.extend(Names::of(&self.link, &self.prefix, begin).all().await?);
        }
        Ok(found)
    }

    async fn texts(&self, keys: &[String]) -> Result<(), Stop> {
        for keys in keys.chunks(KEYS) {
            for (key, answer) in keys.iter().zip(self.all("HGETALL", keys, &[]).await?) {
                for (rule, text) in reply::fields(answer)? {
                    self.put(Record::RuleText(RuleText {
                        rule,
                        version: key["t:".len()..].to_owned(),
                        text: String::from_utf8(text).map_err(odd)?,
                    }))
                    .await?;
                }
            }
        }
        Ok(())
    }

    async fn books(&self, keys: &[String]) -> Result<(), Stop> {
        for keys in keys.chunks(KEYS) {
            for (key, answer) in keys.iter().zip(self.all("HGETALL", keys, &[]).await?) {
                let kept = reply::fields(answer)?;
                let (Some(settings), Some(rules), Some(at)) =
                    (kept.get("settings"), kept.get("rules"), kept.get("kept"))
                else {
                    continue;
                };
                self.put(Record::Book(ArchivedBook {
                    hash: key["book:".len()..].to_owned(),
                    settings: serde_json::from_slice(settings).map_err(odd)?,
                    rules: serde_json::from_slice(rules).map_err(odd)?,
                    kept_at: from_millis(serde_json::from_slice(at).map_err(odd)?),
                }))
                .await?;
            }
        }
        Ok(())
    }

    async fn known_still(&self, keys: &[String], at: Timestamp) -> Result<(), Stop> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS) {
            for (key, answer) in keys.iter().zip(self.all("GET", keys, &[]).await?) {
                if let Value::BulkString(kept) = answer {
                    found.push(fields::known(key, &kept)?);
                }
            }
        }
        found.sort_by_key(|known| known.seq);
        for known in found {
            if known.until > at {
                self.put(Record::Known(known)).await?;
            }
        }
        Ok(())
    }

    /// All events, each with its runs.
    async fn events(&self) -> Result<(), Stop> {
        let mut from = String::new();
        loop {
            let piece = piece(
                &self.link,
                &self.scripts,
                &self.prefix,
                &self.identity,
                &from,
                EVENTS,
            )
            .await?;
            if piece.last.is_empty() {
                return Ok(());
            }
            from = piece.last;
            for told in piece.events {
                let (event, runs) = read_event(told)?;
                self.put(Record::Event(Box::new(event))).await?;
                for run in runs {
                    self.put(Record::Run(Box::new(run))).await?;
                }
            }
        }
    }

    /// What has run out is not told: it is never looked at.
    async fn cooldowns(&self, at: Timestamp) -> Result<(), Stop> {
        let mut found = Vec::new();
        for (key, run, until) in self.runs_named_by("g:").await? {
            found.push(charge("g:", &key, run, until).ok_or_else(|| odd(&key))?);
        }
        found.sort();
        for charge in found.into_iter().filter(|charge| charge.until > at) {
            self.put(Record::Cooldown(charge)).await?;
        }
        Ok(())
    }

    async fn rates(&self, at: Timestamp) -> Result<(), Stop> {
        let mut found = Vec::new();
        let keys: Vec<_> = self.keys(&["rate:"]).await?.into_iter().collect();
        for (key, run, until) in self.scored(&keys).await? {
            found.push(charge("rate:", &key, run, until).ok_or_else(|| odd(&key))?);
        }
        found.sort();
        for charge in found.into_iter().filter(|charge| charge.until > at) {
            self.put(Record::Rate(charge)).await?;
        }
        Ok(())
    }

    async fn bursts(&self) -> Result<(), Stop> {
        let mut found = Vec::new();
        for (key, run, first) in self.runs_named_by("pend:").await? {
            let GateCharge {
                rule,
                shadow,
                key,
                run,
                until: first,
            } = charge("pend:", &key, run, first).ok_or_else(|| odd(&key))?;
            found.push(Burst {
                rule,
                shadow,
                key,
                run,
                first,
            });
        }
        found.sort();
        for burst in found {
            self.put(Record::Burst(burst)).await?;
        }
        Ok(())
    }

    /// The keys that begin so, each with the `<run>:<time>` it holds.
    async fn runs_named_by(&self, begin: &str) -> Result<Vec<(String, String, Timestamp)>, Fault> {
        let keys: Vec<_> = self.keys(&[begin]).await?.into_iter().collect();
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS) {
            for (key, answer) in keys.iter().zip(self.all("GET", keys, &[]).await?) {
                if let Value::BulkString(kept) = answer {
                    let kept = String::from_utf8(kept).map_err(odd)?;
                    let (run, time) = kept.split_once(':').ok_or_else(|| odd(&kept))?;
                    let time = from_millis(time.parse().map_err(odd)?);
                    found.push((key.clone(), run.to_owned(), time));
                }
            }
        }
        Ok(found)
    }

    /// All members of sorted sets, each with the time it is scored by.
    async fn scored(&self, keys: &[String]) -> Result<Vec<(String, String, Timestamp)>, Fault> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS) {
            let range = ["0", "-1", "WITHSCORES"];
            for (key, answer) in keys.iter().zip(self.all("ZRANGE", keys, &range).await?) {
                let mut parts = reply::list(answer)?.into_iter();
                while let (Some(member), Some(score)) = (parts.next(), parts.next()) {
                    let score: f64 = reply::text(score)?.parse().map_err(odd)?;
                    #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds fits")]
                    let time = from_millis(score as i64);
                    found.push((key.clone(), reply::text(member)?, time));
                }
            }
        }
        Ok(found)
    }

    async fn causes(&self, keys: &[String], at: Timestamp) -> Result<(), Stop> {
        let mut found = Vec::new();
        for (key, member, until) in self.scored(keys).await? {
            found.push(cause(&key, &member, until).ok_or_else(|| odd((&key, &member)))?);
        }
        found.sort();
        for cause in found.into_iter().filter(|cause| cause.until > at) {
            self.put(Record::Cause(cause)).await?;
        }
        Ok(())
    }

    async fn notices(&self) -> Result<(), Stop> {
        let (outbox, why) = (["outbox".to_owned()], ["outbox:why".to_owned()]);
        let told = self.scored(&outbox).await?;
        let why = self.all("HGETALL", &why, &[]).await?.pop();
        let why = reply::fields(why.unwrap_or_default())?;
        for (_, member, at) in told {
            let why = why.get(&member).map(|why| String::from_utf8_lossy(why));
            let notice = read_notice(at, &member, why.as_deref().unwrap_or_default());
            self.put(Record::Notice(notice.ok_or_else(|| odd(&member))?))
                .await?;
        }
        Ok(())
    }

    async fn values(&self, keys: &[String], at: Timestamp) -> Result<(), Stop> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS) {
            for (key, answer) in keys.iter().zip(self.all("HGETALL", keys, &[]).await?) {
                let kept = reply::fields(answer)?;
                let name = key["kv:".len()..].split_once(':');
                let (Some((space, name)), Some(value)) = (name, kept.get("v")) else {
                    continue;
                };
                let until = kept.get("u").filter(|until| !until.is_empty());
                let until = until.map(|until| serde_json::from_slice(until).map(from_millis));
                found.push(NamedValue {
                    space: space.to_owned(),
                    name: name.to_owned(),
                    value: value.clone().into(),
                    until: until.transpose().map_err(odd)?,
                });
            }
        }
        found.sort();
        for value in found {
            if value.until.is_none_or(|until| until > at) {
                self.put(Record::Value(value)).await?;
            }
        }
        Ok(())
    }

    async fn pauses(&self) -> Result<(), Stop> {
        let mut command = redis::cmd("HGETALL");
        command.arg(format!("{}pauses", self.prefix));
        for pause in pauses::read(self.link.call(&command).await?)? {
            self.put(Record::Pause(pause)).await?;
        }
        Ok(())
    }

    async fn trail(&self) -> Result<(), Stop> {
        let key = format!("{}audit", self.prefix);
        let mut from = "-".to_owned();
        loop {
            let page = audit::page(&self.link, &key, "XRANGE", [&from, "+"]).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            from = format!("({}", last.place());
            for record in page {
                self.put(Record::Audit(Box::new(record))).await?;
            }
        }
    }

    /// The same reading command on several keys, in one round trip.
    async fn all(&self, command: &str, keys: &[String], more: &[&str]) -> Result<Vec<Value>, Fault> {
        let mut commands = redis::pipe();
        for key in keys {
            commands
                .cmd(command)
                .arg(format!("{}{key}", self.prefix))
                .arg(more);
        }
        self.link.call_all(&commands, keys.len()).await
    }
}

/// One event as the script tells it, with its runs in the order of all stores.
fn read_event(told: Value) -> Result<(ArchivedEvent, Vec<RunHistory>), Fault> {
    let mut parts = reply::list(told)?.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    let event = reply::fields(next())?;
    let verdicts: Vec<String> = reply::list(next())?
        .into_iter()
        .map(reply::text)
        .collect::<Result<_, _>>()?;
    let mut runs = Vec::new();
    let mut named = reply::list(next())?.into_iter();
    while let (Some(id), Some(run)) = (named.next(), named.next()) {
        let run = reply::fields(run)?;
        if !run.is_empty() {
            runs.push(fields::run(&RunId(reply::text(id)?), &run)?.history);
        }
    }
    runs.sort_by(|a, b| (a.run.seq, &a.run.id).cmp(&(b.run.seq, &b.run.id)));
    let archived = ArchivedEvent {
        record: fields::event(&event)?,
        digest: fields::digest(&event)?,
        former_books: fields::former_books(&event)?,
        verdicts: fields::verdicts(&verdicts)?,
    };
    Ok((archived, runs))
}

/// `<begin><shadow>:<length>:<rule>:<key>` → what it is about.
fn charge(begin: &str, name: &str, run: String, until: Timestamp) -> Option<GateCharge> {
    let (shadow, rest) = name.strip_prefix(begin)?.split_once(':')?;
    let (length, rest) = rest.split_once(':')?;
    let length: usize = length.parse().ok()?;
    Some(GateCharge {
        rule: rest.get(..length)?.to_owned(),
        shadow: !shadow.is_empty(),
        key: rest.get(length + 1..)?.to_owned(),
        run: RunId(run),
        until,
    })
}

/// `c:<key>` with a member `<depth>:<run>`.
fn cause(name: &str, member: &str, until: Timestamp) -> Option<Cause> {
    let (depth, run) = member.split_once(':')?;
    Some(Cause {
        key: name.strip_prefix("c:")?.to_owned(),
        run: RunId(run.to_owned()),
        depth: depth.parse().ok()?,
        until,
    })
}
