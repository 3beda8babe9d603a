//! In: questions. Out: what is on record, read in pages of bounded length. Never: a change, except to the shelf of rule
//! books.

use std::sync::Arc;

use jiff::Timestamp;
use redis::{Pipeline, Value};

use super::fields::{self, Kept};
use super::link::Fault;
use super::reply::{self, odd};
use super::scripts::Args;
use super::{Redis, lock};
use crate::clock::from_millis;
use crate::journal::{
    BookRecord, EventKey, EventQuery, EventRecord, PAGE_MAX, RuleText, RunId, RunQuery, RunRecord, RunState,
    Stats, StoreError, Verdict,
};

/// How many entries of an index are read at once.
pub(super) const PAGE: usize = 256;
/// How many events, with their bodies, are read at once.
const BODIES: usize = 16;

/// An event that was found, with its verdicts.
pub(super) struct FoundVerdicts {
    pub(super) seq: u64,
    /// The key of its first arrival.
    pub(super) key: EventKey,
    pub(super) verdicts: Vec<Verdict>,
}

/// The place in the order, and the run's id if it is a run's, that a member of an index names.
fn named(member: &str) -> (&str, &str) {
    member.split_once(':').unwrap_or((member, ""))
}

/// The name of a place in an index, which sorts as text as the place does as a number.
pub(super) fn member(seq: u64) -> String {
    format!("{:016}", seq.min(9_999_999_999_999_999))
}

/// Whether a dotted type is another one, or below it.
fn below(kind: &str, ancestor: &str) -> bool {
    kind.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Redis {
    pub(super) async fn find_event(&self, key: &EventKey) -> Result<Option<EventRecord>, StoreError> {
        self.event_from(&key.id, std::slice::from_ref(&key.source)).await
    }

    pub(super) async fn event_by_id(&self, id: &str) -> Result<Option<EventRecord>, StoreError> {
        let answer = self
            .link
            .call(redis::cmd("SMEMBERS").arg(self.key("sources")))
            .await?;
        let sources = texts(answer)?;
        self.event_from(id, &sources).await
    }

    async fn event_from(&self, id: &str, sources: &[String]) -> Result<Option<EventRecord>, StoreError> {
        let mut args = Args::new();
        args.put(id).count(sources.len());
        for source in sources {
            args.put(source.as_str());
        }
        let mut reply = self.run_script(&self.scripts.event, None, &args).await?;
        if reply.word == "none" {
            return Ok(None);
        }
        Ok(Some(fields::event(&reply.fields()?)?))
    }

    pub(super) async fn find_verdicts(&self, key: &EventKey) -> Result<Option<FoundVerdicts>, StoreError> {
        let mut args = Args::new();
        args.put(key.source.as_str()).put(key.id.as_str());
        let mut reply = self.run_script(&self.scripts.verdicts, None, &args).await?;
        if reply.word == "none" {
            return Ok(None);
        }
        Ok(Some(FoundVerdicts {
            seq: reply.number()?.unsigned_abs(),
            key: EventKey {
                source: reply.text()?,
                id: reply.text()?,
            },
            verdicts: fields::verdicts(&reply.texts()?)?,
        }))
    }

    pub(super) async fn events(&self, query: &EventQuery) -> Result<Vec<EventRecord>, StoreError> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let indexes = self.indexes_of_events(query).await?;
        let mut found = Vec::new();
        let mut before = query.before.map(member);
        loop {
            let page = self.newest(&indexes, before.take(), PAGE.min(limit)).await?;
            let full = page.len() == PAGE.min(limit);
            before = page.last().cloned();
            let (fit, older) = self.fitting(query, &page).await?;
            for members in fit.chunks(BODIES) {
                if found.len() < limit {
                    found.extend(self.events_at(members).await?);
                }
            }
            if !full || older || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    /// The index, or the several, that hold what is asked for and as little else as possible.
    async fn indexes_of_events(&self, query: &EventQuery) -> Result<Vec<String>, StoreError> {
        if let Some(subject) = &query.subject {
            return Ok(vec![self.key(&format!("b:{subject}"))]);
        }
        let Some(wanted) = &query.kind else {
            return Ok(vec![self.key("events")]);
        };
        let kinds = self
            .link
            .call(redis::cmd("SMEMBERS").arg(self.key("kinds")))
            .await?;
        let kinds = texts(kinds)?.into_iter().filter(|kind| below(kind, wanted));
        Ok(kinds.map(|kind| self.key(&format!("k:{kind}"))).collect())
    }

    /// Those of a page that fit, and whether it reaches back behind what is asked for.
    async fn fitting(&self, query: &EventQuery, page: &[String]) -> Result<(Vec<String>, bool), StoreError> {
        let mut commands = redis::pipe();
        for member in page {
            commands
                .cmd("HMGET")
                .arg(self.key(&format!("e:{}", place(member))))
                .arg(&["kind", "received"]);
        }
        let mut fit = Vec::new();
        let mut older = false;
        for (member, answer) in page.iter().zip(self.all(&commands, page.len()).await?) {
            let mut parts = reply::list(answer)?.into_iter();
            let (Some(kind @ Value::BulkString(_)), Some(received)) = (parts.next(), parts.next()) else {
                // Somebody deleted the event: its entries in the indexes lead nowhere.
                continue;
            };
            let (kind, received) = (reply::text(kind)?, from_millis(reply::number(received)?));
            older |= query.since.is_some_and(|since| received < since);
            if !older && query.kind.as_deref().is_none_or(|wanted| below(&kind, wanted)) {
                fit.push(member.clone());
            }
        }
        Ok((fit, older))
    }

    async fn events_at(&self, members: &[String]) -> Result<Vec<EventRecord>, StoreError> {
        let mut commands = redis::pipe();
        for member in members {
            commands
                .cmd("HGETALL")
                .arg(self.key(&format!("e:{}", place(member))));
        }
        let mut events = Vec::new();
        for answer in self.all(&commands, members.len()).await? {
            let found = reply::fields(answer)?;
            if !found.is_empty() {
                events.push(fields::event(&found)?);
            }
        }
        Ok(events)
    }

    pub(super) async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let before = query
            .before
            .as_ref()
            .map(|(seq, id)| format!("{}:{id}", member(*seq)));
        let fits = |run: &RunRecord| {
            query.rule.as_ref().is_none_or(|rule| run.rule == *rule)
                && query.state.is_none_or(|state| run.state == state)
                && query.waits_for.is_none_or(|what| run.waits_for == Some(what))
                && before
                    .as_ref()
                    .is_none_or(|before| format!("{}:{}", member(run.seq), run.id) < *before)
        };
        let mut runs: Vec<RunRecord> = Vec::new();
        let mut take = |found: Vec<Kept>| {
            runs.extend(found.into_iter().map(|kept| kept.history.run).filter(fits));
            runs.len()
        };
        if let Some(key) = &query.event {
            take(self.runs_of_event(key).await?);
        } else {
            let indexes = self.indexes_of(query);
            let mut from = before.clone();
            loop {
                let page = self.newest(&indexes, from, limit).await?;
                from = page.last().cloned();
                let full = page.len() == limit;
                if take(self.runs_of(&page).await?) >= limit || !full {
                    break;
                }
            }
        }
        runs.sort_by(|a, b| (b.seq, &b.id).cmp(&(a.seq, &a.id)));
        runs.truncate(limit);
        Ok(runs)
    }

    /// The indexes that together hold every run a query may mean.
    fn indexes_of(&self, query: &RunQuery) -> Vec<String> {
        if let Some(what) = query.waits_for {
            return vec![self.key(&format!("w:{what}"))];
        }
        let states = query.state.map_or(RunState::ALL.to_vec(), |state| vec![state]);
        states
            .into_iter()
            .map(|state| match &query.rule {
                Some(rule) => self.key(&format!("x:{state}:{rule}")),
                None => self.key(&format!("s:{state}")),
            })
            .collect()
    }

    /// All runs of an event: each has a verdict there.
    async fn runs_of_event(&self, key: &EventKey) -> Result<Vec<Kept>, StoreError> {
        let Some(found) = self.find_verdicts(key).await? else {
            return Ok(Vec::new());
        };
        let runs = found.verdicts.into_iter().filter_map(|verdict| verdict.run);
        let members: Vec<String> = runs.map(|run| format!("{}:{run}", member(0))).collect();
        self.runs_of(&members).await
    }

    /// The runs that members of an index name.
    pub(super) async fn runs_of(&self, members: &[String]) -> Result<Vec<Kept>, StoreError> {
        let mut runs = Vec::new();
        for members in members.chunks(PAGE) {
            let mut commands = redis::pipe();
            for member in members {
                let (_, id) = named(member);
                commands.cmd("HGETALL").arg(self.key(&format!("r:{id}")));
            }
            for (member, answer) in members.iter().zip(self.all(&commands, members.len()).await?) {
                let found = reply::fields(answer)?;
                if !found.is_empty() {
                    runs.push(fields::run(&RunId(named(member).1.into()), &found)?);
                }
            }
        }
        Ok(runs)
    }

    /// The newest members of several indexes together, newest first: those before a place, at most so many.
    pub(super) async fn newest(
        &self,
        indexes: &[String],
        before: Option<String>,
        count: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = before.map_or("+".to_owned(), |before| format!("({before}"));
        let mut commands = redis::pipe();
        for index in indexes {
            commands.cmd("ZREVRANGEBYLEX").arg(index).arg(&from).arg("-");
            commands.arg("LIMIT").arg(0).arg(count);
        }
        let mut found = Vec::new();
        for answer in self.all(&commands, indexes.len()).await? {
            found.extend(texts(answer)?);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found.truncate(count);
        Ok(found)
    }

    /// Several reading commands in one round trip.
    async fn all(&self, commands: &Pipeline, count: usize) -> Result<Vec<Value>, Fault> {
        if count == 0 {
            return Ok(Vec::new());
        }
        self.link.call_all(commands, count).await
    }

    pub(super) async fn changes(&self) -> Result<u64, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.key("meta")).arg("changes");
        match self.link.call(&command).await? {
            Value::Nil => Ok(0),
            count => Ok(reply::number(count)?.unsigned_abs()),
        }
    }

    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("ZCARD").arg(self.key("events"));
        commands.cmd("HGET").arg(self.key("meta")).arg("duplicates");
        for state in RunState::ALL {
            commands.cmd("ZCARD").arg(self.key(&format!("s:{state}")));
        }
        let answers = self.all(&commands, 2 + RunState::ALL.len()).await?;
        let mut counts = answers.into_iter().map(|answer| match answer {
            Value::Nil => Ok(0),
            // Where a count was lost, events that are deleted later may take it below nothing.
            answer => reply::number(answer).map(|count| count.max(0).unsigned_abs()),
        });
        let mut next = || counts.next().unwrap_or(Ok(0));
        let mut stats = Stats {
            events: next()?,
            duplicates: next()?,
            ..Stats::default()
        };
        for state in RunState::ALL {
            *stats.of(*state) = next()?;
        }
        Ok(stats)
    }

    pub(super) async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.key("due")).arg(0).arg(0).arg("WITHSCORES");
        let answer = self.link.call(&command).await?;
        let Some(score) = texts(answer)?.pop() else {
            return Ok(None);
        };
        // Scores are doubles, and one of this size is a whole number of milliseconds written as such.
        let ms: f64 = score.parse().map_err(|_| odd(&score))?;
        #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds fits")]
        let at = from_millis(ms as i64);
        Ok(Some(self.skew.ours(at)))
    }

    pub(super) async fn keep_book(&self, book: BookRecord, now: Timestamp) -> Result<(), StoreError> {
        let list: Vec<_> = book
            .rules
            .iter()
            .map(|rule| (&rule.version, &rule.rule))
            .collect();
        let list = serde_json::to_string(&list).unwrap_or_default();
        let mut args = Args::new();
        args.put(book.hash.as_str())
            .put(book.settings.to_string())
            .put(list)
            .count(book.rules.len());
        for rule in &book.rules {
            args.put(rule.version.as_str())
                .put(rule.rule.as_str())
                .put(rule.text.as_str());
        }
        self.run_script(&self.scripts.book, Some(now), &args).await?;
        *lock(&self.shelf) = Some(Arc::new(args));
        Ok(())
    }

    pub(super) async fn book(&self, hash: Option<&str>) -> Result<Option<BookRecord>, StoreError> {
        let hash = match hash {
            Some(hash) => hash.to_owned(),
            None => {
                let mut command = redis::cmd("HGET");
                command.arg(self.key("meta")).arg("last_good");
                match self.link.call(&command).await? {
                    Value::Nil => return Ok(None),
                    answer => reply::text(answer)?,
                }
            }
        };
        let mut command = redis::cmd("HGETALL");
        command.arg(self.key(&format!("book:{hash}")));
        let kept = reply::fields(self.link.call(&command).await?)?;
        let (Some(settings), Some(list)) = (kept.get("settings"), kept.get("rules")) else {
            return Ok(None);
        };
        let list: Vec<(String, String)> = serde_json::from_slice(list).map_err(odd)?;
        let mut commands = redis::pipe();
        for (version, rule) in &list {
            commands
                .cmd("HGET")
                .arg(self.key(&format!("t:{version}")))
                .arg(rule);
        }
        let texts = self.all(&commands, list.len()).await?;
        let mut rules = Vec::new();
        for ((version, rule), text) in list.into_iter().zip(texts) {
            let text = reply::text(text)?;
            rules.push(RuleText { rule, version, text });
        }
        let settings = serde_json::from_slice(settings).map_err(odd)?;
        Ok(Some(BookRecord {
            hash,
            settings,
            rules,
        }))
    }

    pub(super) async fn rule_text(&self, version: &str) -> Result<Option<RuleText>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.key(&format!("t:{version}")));
        let texts = reply::fields(self.link.call(&command).await?)?;
        let Some((rule, text)) = texts.into_iter().next() else {
            return Ok(None);
        };
        let text = String::from_utf8(text).map_err(odd)?;
        Ok(Some(RuleText {
            rule,
            version: version.into(),
            text,
        }))
    }
}

/// The key part of an event that a member of an index names.
pub(super) fn place(member: &str) -> &str {
    let place = named(member).0.trim_start_matches('0');
    if place.is_empty() { "0" } else { place }
}

fn texts(answer: Value) -> Result<Vec<String>, Fault> {
    reply::list(answer)?.into_iter().map(reply::text).collect()
}
