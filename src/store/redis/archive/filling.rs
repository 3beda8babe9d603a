//! In: records. Out: the keys of a journal. Never: a half-filled journal that passes for a whole one.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use redis::Pipeline;

use super::KEYS;
use crate::journal::archive::{
    ArchivedBook, ArchivedEvent, Burst, GateCharge, Head, Import, Known, NamedValue, Record,
    follows_its_event, only_into_empty,
};
use crate::journal::{EventKey, GroupPlace, RuleText, RunHistory, RunId, RunState, Stand, StoreError};
use crate::store::packing;
use crate::store::redis::fields::{self, Changes};
use crate::store::redis::find::member;
use crate::store::redis::founding::{self, LAYOUT, UNFINISHED};
use crate::store::redis::link::Fault;
use crate::store::redis::names::Names;
use crate::store::redis::{Redis, audit, outbox, pauses, reply};

/// How many commands an import sends at once, and after how many bytes it does.
const COMMANDS: usize = 512;
const COMMAND_BYTES: usize = 4 * 1024 * 1024;
/// The longest life a key is given, as scripts do it.
const EXPIRES_MS_MAX: i64 = 300_000_000_000;

/// Commands on their way into a journal that is being filled.
struct Filling<'a> {
    store: &'a Redis,
    commands: Pipeline,
    count: usize,
    bytes: usize,
    /// The event that was told last: its name and its place.
    event: Option<(EventKey, u64)>,
    duplicates: u64,
    /// The key with several records that was told last, and how long it lives.
    shared: Option<(String, Timestamp)>,
    /// The runs that may still have something to give back.
    runs: BTreeSet<RunId>,
    /// The place of the newest run of each group that may be superseded.
    newest: HashMap<String, String>,
    /// The time of the journal that is read: what runs out is told as a distance from it.
    last: Timestamp,
}

impl Redis {
    pub(in crate::store::redis) async fn import(&self, mut import: Import) -> Result<(), StoreError> {
        let _one_at_a_time = self.founding.lock().await;
        if !import.replace {
            let events = self
                .link
                .call(redis::cmd("ZCARD").arg(self.key("events")))
                .await?;
            only_into_empty(reply::number(events)?.unsigned_abs())?;
        }
        // From here on until its end it is no journal that anybody could open.
        let mut begin = redis::cmd("HSET");
        begin.arg(self.key("meta")).arg("layout").arg(UNFINISHED);
        begin.arg("identity").arg("");
        self.link.call(&begin).await?;
        self.empty().await?;
        let mut filling = Filling {
            store: self,
            commands: redis::pipe(),
            count: 0,
            bytes: 0,
            event: None,
            duplicates: 0,
            shared: None,
            runs: BTreeSet::new(),
            newest: HashMap::new(),
            last: import.head.last,
        };
        let mut came = 0;
        while let Some(record) = import.records.recv().await {
            filling.take(record)?;
            if filling.count >= COMMANDS || filling.bytes >= COMMAND_BYTES {
                filling.send().await?;
            }
            came += 1;
        }
        import.came(came)?;
        filling.send().await?;
        self.begin_as(&import.head, filling.duplicates).await
    }

    /// Deletes everything but what says that this is no journal.
    async fn empty(&self) -> Result<(), Fault> {
        let keys: Vec<String> = Names::of(&self.link, &self.prefix, "")
            .all()
            .await?
            .into_iter()
            .collect();
        for keys in keys.chunks(KEYS) {
            let mut command = redis::cmd("UNLINK");
            command.arg(self.key("nothing"));
            for key in keys.iter().filter(|key| *key != "meta") {
                command.arg(self.key(key));
            }
            self.link.call(&command).await?;
        }
        Ok(())
    }

    /// The journal is whole: from here on it can be opened.
    async fn begin_as(&self, head: &Head, duplicates: u64) -> Result<(), StoreError> {
        let mut command = redis::cmd("HDEL");
        command.arg(self.key("meta")).arg("last_good");
        self.link.call(&command).await?;
        // One command, so that it is all there when the layout is.
        let mut meta = redis::cmd("HSET");
        meta.arg(self.key("meta")).arg("layout").arg(LAYOUT);
        meta.arg("epoch").arg(&head.epoch.id);
        meta.arg("created").arg(head.epoch.created_at.as_millisecond());
        meta.arg("identity").arg(founding::identity(&head.epoch));
        meta.arg("last").arg(head.last.as_millisecond());
        meta.arg("seq").arg(head.seq);
        meta.arg("changes").arg(0).arg("duplicates").arg(duplicates);
        if let Some(hash) = &head.last_good {
            meta.arg("last_good").arg(hash);
        }
        self.link.call(&meta).await?;
        founding::follow(self, head.epoch.clone());
        Ok(())
    }
}

/// The key of a gate: `begin` says of which kind.
fn name_of(begin: &str, rule: &str, shadow: bool, key: &str) -> String {
    format!(
        "{begin}{}:{}:{rule}:{key}",
        if shadow { "1" } else { "" },
        rule.len()
    )
}

impl Filling<'_> {
    fn key(&self, rest: &str) -> String {
        self.store.key(rest)
    }

    /// The next command, on one key.
    fn cmd(&mut self, command: &str, rest: &str) -> &mut Pipeline {
        let key = self.key(rest);
        self.count += 1;
        self.commands.cmd(command).arg(key)
    }

    /// The key is of no use after that, and a minute.
    fn expires(&mut self, rest: &str, until: Timestamp) {
        let ms = until.as_millisecond() - self.last.as_millisecond() + 60_000;
        self.cmd("PEXPIRE", rest).arg(ms.clamp(1, EXPIRES_MS_MAX));
    }

    /// The same for a key that is told in several records, one behind the other: the longest of its lives counts.
    fn expires_last(&mut self, rest: String, until: Timestamp) {
        let longest = self.shared.take().filter(|(key, _)| *key == rest);
        let until = longest.map_or(until, |(_, longest)| longest.max(until));
        self.expires(&rest, until);
        self.shared = Some((rest, until));
    }

    /// Where a run that charged something finds it, to give it back. A run that is gone has nothing to give back.
    fn charged(&mut self, run: &RunId, field: &str, name: &str) {
        if self.runs.contains(run) {
            let key = self.key(name);
            self.cmd("HSET", &format!("r:{run}")).arg(field).arg(key);
        }
    }

    async fn send(&mut self) -> Result<(), Fault> {
        let (commands, count) = (std::mem::replace(&mut self.commands, redis::pipe()), self.count);
        (self.count, self.bytes) = (0, 0);
        if count > 0 {
            self.store.link.call_all(&commands, count).await?;
        }
        Ok(())
    }

    fn take(&mut self, record: Record) -> Result<(), StoreError> {
        match record {
            Record::RuleText(RuleText { rule, version, text }) => {
                self.bytes += text.len();
                self.cmd("HSET", &format!("t:{version}")).arg(rule).arg(text);
            }
            Record::Book(ArchivedBook {
                hash,
                settings,
                rules,
                kept_at,
            }) => {
                let rules = serde_json::to_string(&rules).unwrap_or_default();
                self.cmd("HSET", &format!("book:{hash}"))
                    .arg("settings")
                    .arg(settings.to_string())
                    .arg("rules")
                    .arg(rules)
                    .arg("kept")
                    .arg(kept_at.as_millisecond());
            }
            Record::Known(known) => self.take_known(&known),
            Record::Event(archived) => self.take_event(*archived),
            Record::Run(history) => self.take_run(&history)?,
            Record::Cooldown(GateCharge {
                rule,
                shadow,
                key,
                run,
                until,
            }) => {
                let name = name_of("g:", &rule, shadow, &key);
                let charge = format!("{run}:{}", until.as_millisecond());
                self.cmd("SET", &name).arg(charge);
                self.expires(&name, until);
                self.charged(&run, "charge", &name);
            }
            Record::Rate(GateCharge {
                rule,
                shadow,
                key,
                run,
                until,
            }) => {
                let name = name_of("rate:", &rule, shadow, &key);
                self.cmd("ZADD", &name).arg(until.as_millisecond()).arg(&run.0);
                self.expires_last(name.clone(), until);
                self.charged(&run, "rated", &name);
            }
            Record::Burst(Burst {
                rule,
                shadow,
                key,
                run,
                first,
            }) => {
                let name = name_of("pend:", &rule, shadow, &key);
                self.cmd("SET", &name)
                    .arg(format!("{run}:{}", first.as_millisecond()));
                self.charged(&run, "pending", &name);
            }
            Record::Cause(cause) => {
                let member = format!("{:010}:{}", cause.depth, cause.run);
                let name = format!("c:{}", cause.key);
                self.cmd("ZADD", &name)
                    .arg(cause.until.as_millisecond())
                    .arg(member);
                self.expires_last(name, cause.until);
            }
            Record::Notice(notice) => {
                let name = outbox::member(&notice);
                let at = notice.at.as_millisecond();
                self.cmd("ZADD", "outbox").arg(at).arg(&name);
                let why = fields::marked(notice.reason.as_deref());
                self.cmd("HSET", "outbox:why").arg(name).arg(why);
            }
            Record::Value(value) => self.take_value(&value),
            Record::Pause(pause) => {
                self.cmd("HSET", "pauses")
                    .arg(&pause.what)
                    .arg(pauses::kept(&pause));
            }
            Record::Audit(record) => {
                let entry = audit::kept(&record.entry);
                self.bytes += entry.len();
                let id = record.place().to_string();
                self.cmd("XADD", "audit").arg(id).arg("entry").arg(entry);
            }
        }
        Ok(())
    }

    fn take_value(&mut self, named: &NamedValue) {
        let NamedValue {
            space,
            name,
            value,
            until,
        } = named;
        self.bytes += value.len();
        let ends = until.map(|until| until.as_millisecond().to_string());
        self.cmd("HSET", &format!("kv:{space}:{name}"))
            .arg("v")
            .arg(&value[..])
            .arg("u")
            .arg(ends.as_deref().unwrap_or_default());
        self.cmd("ZADD", &format!("kvs:{space}")).arg(0).arg(name);
        if let Some(ends) = ends {
            self.cmd("ZADD", "kvx").arg(ends).arg(format!("{space}:{name}"));
        }
    }

    fn take_event(&mut self, archived: ArchivedEvent) {
        let ArchivedEvent {
            record,
            digest,
            former_books,
            verdicts,
        } = archived;
        let body = packing::pack(&record.body);
        self.bytes += body.len();
        let hash = fields::event_fields(&record, body, digest, &former_books, &verdicts);
        let (seq, source) = (record.seq.to_string(), record.key.source.as_str());
        let name = |id: &str| format!("n:{}:{source}:{id}", source.len());
        let place = member(record.seq);
        self.cmd("HSET", &format!("e:{seq}")).arg(hash);
        self.cmd("SET", &name(&record.key.id)).arg(&seq);
        for duplicate in &record.duplicates {
            let alias = format!("{seq}:alias");
            self.cmd("SET", &name(&duplicate.id)).arg(alias).arg("NX");
        }
        if digest.is_some() {
            let digest = fields::digest_text(digest);
            self.cmd("SET", &format!("d:{source}:{digest}")).arg(&seq);
        }
        self.cmd("SADD", "sources").arg(source);
        self.cmd("SADD", "kinds").arg(&record.kind);
        for index in [
            "events",
            &format!("k:{}", record.kind),
            &format!("b:{}", record.subject),
        ] {
            self.cmd("ZADD", index).arg(0).arg(&place);
        }
        self.duplicates += record.duplicates_total;
        self.event = Some((record.key, record.seq));
    }

    fn take_known(&mut self, known: &Known) {
        let Known {
            key,
            seq,
            ids,
            digest,
            until,
        } = known;
        let (source, ends) = (&key.source, until.as_millisecond());
        let gone = format!("{seq}:gone:{ends}:{}", key.id);
        for id in ids {
            let name = format!("n:{}:{source}:{id}", source.len());
            self.cmd("SET", &name).arg(&gone);
            self.expires(&name, *until);
        }
        if digest.is_some() {
            let digest = fields::digest_text(*digest);
            let name = format!("d:{source}:{digest}");
            self.cmd("SET", &name).arg(&gone);
            self.expires(&name, *until);
        }
        let name = format!("gone:{seq}");
        self.cmd("SET", &name).arg(fields::keep_known(known));
        self.expires(&name, *until);
    }

    fn take_run(&mut self, history: &RunHistory) -> Result<(), StoreError> {
        follows_its_event(history, self.event.as_ref().map(|(key, _)| key))?;
        let event = self.event.as_ref().map_or(0, |(_, seq)| *seq);
        let run = &history.run;
        if !run.state.is_terminal() {
            self.runs.insert(run.id.clone());
        }
        let place = format!("{}:{}", member(run.seq), run.id);
        let due = run.due_at.map(Timestamp::as_millisecond);
        let mut hash = Changes::whole(history).all();
        self.bytes += hash.iter().map(|(_, value)| value.len()).sum::<usize>();
        for (name, value) in [
            ("seq", run.seq.to_string()),
            ("event", event.to_string()),
            ("state", run.state.as_str().to_owned()),
            ("waits_for", fields::waits_for(run).to_owned()),
            ("due", due.map(|due| due.to_string()).unwrap_or_default()),
            ("version", "1".into()),
            ("op", String::new()),
            ("charge", String::new()),
            ("rated", String::new()),
            ("pending", String::new()),
        ] {
            hash.push((name.into(), value.into_bytes()));
        }
        self.cmd("HSET", &format!("r:{}", run.id)).arg(hash);
        self.cmd("ZADD", &format!("s:{}", run.state)).arg(0).arg(&place);
        self.cmd("ZADD", &format!("x:{}:{}", run.state, run.rule))
            .arg(0)
            .arg(&place);
        if let Some(what) = run.waits_for {
            self.cmd("ZADD", &format!("w:{what}")).arg(0).arg(&place);
        }
        if let Some(due) = due {
            self.cmd("ZADD", "due").arg(due).arg(&place);
            if run.state == RunState::Unknown {
                self.cmd("ZADD", "w:person").arg(0).arg(&place);
            }
        }
        self.take_place(history, place);
        Ok(())
    }

    /// Its place in the queue of its group.
    fn take_place(&mut self, history: &RunHistory, place: String) {
        let run = &history.run;
        let Some(GroupPlace { group, stand, .. }) = &run.group else {
            return;
        };
        if *stand == Stand::Apart {
            return;
        }
        let seat = format!("u:{}", group.key);
        self.cmd("ZADD", &format!("q:{}", group.key)).arg(0).arg(&place);
        if *stand == Stand::Holds {
            self.cmd("HSET", &seat).arg("holder").arg(&run.id.0);
        }
        let newest = self.newest.get(&group.key);
        if group.latest && !history.has_begun() && newest.is_none_or(|newest| *newest < place) {
            self.newest.insert(group.key.clone(), place);
            self.cmd("HSET", &seat).arg("newest").arg(&run.id.0);
        }
    }
}
