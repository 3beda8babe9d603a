//! In: hashes. Out: records, and back. Never: a decision.

mod event;

use jiff::Timestamp;
use serde_json::Value;

use super::link::Fault;
use super::reply::{Fields, odd};
use super::scripts::Args;
use crate::clock::from_millis;
use crate::journal::gates::{self, Refusal};
use crate::journal::{
    Approval, Decision, EventKey, Gates, Group, GroupPlace, Rate, RunHistory, RunId, RunRecord, RunState,
    Stand, StepKey, StepRecord, StepState, Verdict, WaitsFor,
};
use crate::store::packing;

pub(super) use event::{digest, digest_text, event, event_fields, former_books, keep_known, known};

/// The moment of an operation, before the server has said when that is. The journal's machine only passes times on, so
/// a run it made at this moment is turned into one of any other; nothing real happens that late.
pub(super) const NOW_MS: i64 = 200_000_000_000_000;
/// Times from here on are meant as distances from [`NOW_MS`].
const MEANT_FROM_MS: i64 = 150_000_000_000_000;

/// See [`NOW_MS`].
pub(super) fn now() -> Timestamp {
    from_millis(NOW_MS)
}

/// A time as scripts read it: absolute, or so many milliseconds after the operation.
fn token(at: Timestamp) -> String {
    let ms = at.as_millisecond();
    if ms < MEANT_FROM_MS {
        ms.to_string()
    } else {
        format!("+{}", ms - NOW_MS)
    }
}

/// Puts the time of the operation in the place of [`NOW_MS`].
pub(super) fn set_now(history: &mut RunHistory, now: Timestamp) {
    let fix = |at: &mut Timestamp| {
        if at.as_millisecond() >= MEANT_FROM_MS {
            *at = crate::clock::after(now, at.as_millisecond() - NOW_MS);
        }
    };
    let run = &mut history.run;
    fix(&mut run.created_at);
    fix(&mut run.updated_at);
    run.due_at.iter_mut().for_each(fix);
    for step in &mut history.steps {
        fix(&mut step.first_intent_at);
        fix(&mut step.intent_at);
        step.finished_at.iter_mut().for_each(fix);
    }
}

/// A time or none as scripts read it.
pub(super) fn token_maybe(at: Option<Timestamp>) -> String {
    at.map(token).unwrap_or_default()
}

/// What a run waits for, as it is kept.
pub(super) fn waits_for(run: &RunRecord) -> &'static str {
    run.waits_for.map_or("", WaitsFor::as_str)
}

fn flag(is: bool) -> &'static str {
    if is { "1" } else { "" }
}

/// A text or none, told apart.
pub(super) fn marked(text: Option<&str>) -> String {
    text.map(|text| format!("={text}")).unwrap_or_default()
}

/// The fields of a hash that a change writes: those with plain values, and those with times.
#[derive(Debug, Default)]
pub(super) struct Changes {
    plain: Vec<(String, Vec<u8>)>,
    times: Vec<(String, String)>,
}

impl Changes {
    fn put(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.plain.push((name.into(), value.into()));
    }

    fn time(&mut self, name: impl Into<String>, tokens: String) {
        self.times.push((name.into(), tokens));
    }

    /// What is different about `after`, where that can change. State and due time are for the script.
    pub(super) fn between(before: &RunHistory, after: &RunHistory) -> Self {
        let mut changes = Self::default();
        changes.put_run(after);
        for step in &after.steps {
            let old = before.steps.iter().find(|old| old.step == step.step);
            if old != Some(step) {
                changes.put_step(old, step, after.rank(step));
            }
        }
        changes
    }

    /// All of a new run but what the script knows better: its place in the order, its state, when it is due.
    pub(super) fn whole(history: &RunHistory) -> Self {
        let run = &history.run;
        let mut changes = Self::default();
        changes.put("source", run.event.source.as_str());
        changes.put("id", run.event.id.as_str());
        changes.put("rule", run.rule.as_str());
        changes.put("content", run.version.as_str());
        changes.put("generation", run.generation.to_string());
        changes.put("shadow", flag(run.shadow));
        changes.put("depth", run.depth.to_string());
        changes.put("pinned", packing::pack_json(&run.pinned));
        changes.time("created", token(run.created_at));
        changes.put_run(history);
        let group = run.group.as_ref().map(|place| &place.group);
        changes.put("grp", group.map_or("", |group| group.key.as_str()));
        changes.put("latest", flag(group.is_some_and(|group| group.latest)));
        changes.put(
            "cancels",
            flag(group.is_some_and(|group| group.cancel_in_progress)),
        );
        for step in &history.steps {
            changes.put_step(None, step, history.rank(step));
        }
        changes
    }

    fn put_run(&mut self, history: &RunHistory) {
        let run = &history.run;
        self.put("begun", flag(history.has_begun()));
        self.put("open", flag(history.is_open()));
        self.put("wrote", flag(history.wrote()));
        let id = |run: Option<&RunId>| run.map_or("", |run| run.0.as_str()).to_owned();
        let place = run.group.as_ref();
        let stand = place
            .map(|place| place.stand)
            .filter(|stand| *stand != Stand::Apart);
        self.put("stand", stand.map_or("", Stand::as_str));
        self.put("behind", id(place.and_then(|place| place.behind.as_ref())));
        self.put("makes_way", id(place.and_then(|place| place.makes_way.as_ref())));
        self.put("reason", marked(run.reason.as_deref()));
        self.put("fence", run.fence.to_string());
        self.put("stalls", run.stalls.to_string());
        self.put("worker", marked(run.worker.as_deref()));
        self.time("updated", token(run.updated_at));
    }

    fn put_step(&mut self, old: Option<&StepRecord>, step: &StepRecord, rank: u32) {
        let id = &step.step;
        let attributes = serde_json::json!([
            step.index,
            rank,
            step.key.0,
            step.state.as_str(),
            step.writes,
            step.attempts,
            step.looks,
            step.error,
            step.approval,
        ]);
        self.put(format!("a:{id}"), attributes.to_string());
        let finished = token_maybe(step.finished_at);
        let times = format!(
            "{} {} {finished}",
            token(step.first_intent_at),
            token(step.intent_at)
        );
        self.time(format!("t:{id}"), times);
        for (name, value, was) in [
            ("c", &step.call, old.map(|old| &old.call)),
            ("r", &step.result, old.map(|old| &old.result)),
            ("p", &step.cursor, old.map(|old| &old.cursor)),
        ] {
            if was.unwrap_or(&Value::Null) != value {
                self.put(format!("{name}:{id}"), packing::pack_json(value));
            }
        }
    }

    /// All fields, where no time has yet to be told: those of a run that is on record.
    pub(super) fn all(self) -> Vec<(String, Vec<u8>)> {
        let times = self
            .times
            .into_iter()
            .map(|(name, times)| (name, times.into_bytes()));
        self.plain.into_iter().chain(times).collect()
    }

    pub(super) fn onto(self, args: &mut Args) {
        args.count(self.plain.len());
        for (name, value) in self.plain {
            args.put(name).put(value);
        }
        args.count(self.times.len());
        for (name, tokens) in self.times {
            args.put(name).put(tokens);
        }
    }
}

/// A run as it is kept: its record and steps, and what only the store knows of it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) history: RunHistory,
    /// Counts the changes to it.
    pub(super) version: u64,
    /// The place of its event.
    pub(super) event: u64,
    /// The claim or change that was the last.
    pub(super) op: String,
}

/// Reads the fields of one hash, and says of which one cannot be read.
struct Reader<'a> {
    fields: &'a Fields,
}

impl Reader<'_> {
    fn bytes(&self, name: &str) -> Result<&[u8], Fault> {
        let found = self.fields.get(name).map(Vec::as_slice);
        found.ok_or_else(|| odd(format!("the field `{name}` is missing")))
    }

    fn text(&self, name: &str) -> Result<&str, Fault> {
        std::str::from_utf8(self.bytes(name)?).map_err(|_| odd(format!("the field `{name}` is no text")))
    }

    fn owned(&self, name: &str) -> Result<String, Fault> {
        self.text(name).map(str::to_owned)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| odd(format!("the field `{name}` is `{text}`")))
    }

    fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        self.number(name).map(from_millis)
    }

    fn marked(&self, name: &str) -> Result<Option<String>, Fault> {
        Ok(self.text(name)?.strip_prefix('=').map(str::to_owned))
    }

    fn word<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, Fault> {
        let word = self.text(name)?;
        parse(word).ok_or_else(|| odd(format!("the field `{name}` is `{word}`")))
    }

    fn json(&self, name: &str) -> Result<Value, Fault> {
        packing::unpack_json(self.bytes(name)?).map_err(|error| odd(format!("the field `{name}`: {error}")))
    }

    fn json_maybe(&self, name: &str) -> Result<Value, Fault> {
        if self.fields.contains_key(name) {
            self.json(name)
        } else {
            Ok(Value::Null)
        }
    }
}

/// A run from its hash.
pub(super) fn run(id: &RunId, fields: &Fields) -> Result<Kept, Fault> {
    let read = Reader { fields };
    let due = read.text("due")?;
    let due_at = if due.is_empty() {
        None
    } else {
        Some(read.time("due")?)
    };
    let run = RunRecord {
        id: id.clone(),
        seq: read.number("seq")?,
        event: EventKey {
            source: read.owned("source")?,
            id: read.owned("id")?,
        },
        rule: read.owned("rule")?,
        version: read.owned("content")?,
        generation: read.number("generation")?,
        state: read.word("state", RunState::parse)?,
        waits_for: match read.text("waits_for")? {
            "" => None,
            _ => Some(read.word("waits_for", WaitsFor::parse)?),
        },
        reason: read.marked("reason")?,
        shadow: !read.bytes("shadow")?.is_empty(),
        group: group(&read)?,
        pinned: read.json("pinned")?,
        depth: read.number("depth")?,
        fence: read.number("fence")?,
        stalls: read.number("stalls")?,
        worker: read.marked("worker")?,
        due_at,
        created_at: read.time("created")?,
        updated_at: read.time("updated")?,
    };
    let mut steps = Vec::new();
    for name in fields.keys().filter_map(|name| name.strip_prefix("a:")) {
        steps.push(step(&read, name)?);
    }
    steps.sort_by_key(|(rank, step)| (step.index, *rank));
    let steps = steps.into_iter().map(|(_, step)| step).collect();
    Ok(Kept {
        history: RunHistory { run, steps },
        version: read.number("version")?,
        event: read.number("event")?,
        op: read.owned("op")?,
    })
}

fn group(read: &Reader<'_>) -> Result<Option<GroupPlace>, Fault> {
    let id = |name: &str| Ok::<_, Fault>(Some(read.owned(name)?).filter(|id| !id.is_empty()).map(RunId));
    let key = read.owned("grp")?;
    if key.is_empty() {
        return Ok(None);
    }
    Ok(Some(GroupPlace {
        group: Group {
            key,
            cancel_in_progress: !read.bytes("cancels")?.is_empty(),
            latest: !read.bytes("latest")?.is_empty(),
        },
        stand: match read.text("stand")? {
            "" => Stand::Apart,
            _ => read.word("stand", Stand::parse)?,
        },
        behind: id("behind")?,
        makes_way: id("makes_way")?,
    }))
}

/// A step, and how many of its index were begun before it.
fn step(read: &Reader<'_>, id: &str) -> Result<(u32, StepRecord), Fault> {
    type Attributes = (
        u32,
        u32,
        String,
        String,
        bool,
        u32,
        u32,
        Option<String>,
        Option<Approval>,
    );
    let attributes = read.text(&format!("a:{id}"))?;
    let (index, rank, key, state, writes, attempts, looks, error, approval): Attributes =
        serde_json::from_str(attributes).map_err(odd)?;
    let times = read.text(&format!("t:{id}"))?;
    let mut times = times.split(' ').map(|time| time.parse().ok().map(from_millis));
    let mut next = || times.next().flatten();
    let unreadable = || odd(format!("the times of step `{id}`"));
    let step = StepRecord {
        step: id.into(),
        index,
        key: StepKey(key),
        state: StepState::parse(&state).ok_or_else(|| odd(state))?,
        writes,
        call: read.json_maybe(&format!("c:{id}"))?,
        result: read.json_maybe(&format!("r:{id}"))?,
        error,
        attempts,
        looks,
        cursor: read.json_maybe(&format!("p:{id}"))?,
        approval,
        first_intent_at: next().ok_or_else(unreadable)?,
        intent_at: next().ok_or_else(unreadable)?,
        finished_at: next(),
    };
    Ok((rank, step))
}

/// Verdicts from what scripts give: each as it is kept, followed by the present state of its run.
pub(super) fn verdicts(told: &[String]) -> Result<Vec<Verdict>, Fault> {
    told.chunks(2)
        .map(|pair| {
            let state = pair.get(1).and_then(|state| RunState::parse(state));
            verdict(&pair[0], state)
        })
        .collect()
}

fn verdict(kept: &str, state: Option<RunState>) -> Result<Verdict, Fault> {
    let parts: Vec<String> = serde_json::from_str(kept).map_err(odd)?;
    let [rule, version, generation, decision, run, reason @ ..] = parts.as_slice() else {
        return Err(odd(kept));
    };
    Ok(Verdict {
        rule: rule.clone(),
        version: version.clone(),
        generation: generation.parse().map_err(odd)?,
        decision: Decision::parse(decision).ok_or_else(|| odd(kept))?,
        run: (!run.is_empty()).then(|| RunId(run.clone())),
        state,
        reason: worded(reason).map_err(|()| odd(kept))?,
    })
}

/// A reason in words: it is kept as what it is made of, so that all backends word it alike.
fn worded(reason: &[String]) -> Result<Option<String>, ()> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| ());
    let refusal: Option<Refusal> = match reason {
        [] => None,
        [kind, text] if kind == "text" => return Ok(Some(text.clone())),
        [kind, age, max] if kind == "age" => {
            let gates = Gates {
                max_age_ms: Some(number(max)?),
                ..Gates::default()
            };
            gates::age(&gates, from_millis(0), from_millis(number(age)?))
        }
        [kind, run, until] if kind == "cooling" => {
            Some(gates::cooling(&RunId(run.clone()), from_millis(number(until)?)))
        }
        [kind, max, window, run, until] if kind == "rated" => {
            let rate = Rate {
                max: max.parse().map_err(|_| ())?,
                window_ms: number(window)?,
            };
            Some(gates::rated(
                rate,
                &RunId(run.clone()),
                from_millis(number(until)?),
            ))
        }
        [kind, max, depth, chain @ ..] if kind == "loop" => {
            let chain: Vec<(RunId, String)> = chain
                .chunks_exact(2)
                .map(|link| (RunId(link[0].clone()), link[1].clone()))
                .collect();
            let count = |text: &str| text.parse::<u32>().map_err(|_| ());
            Some(gates::loop_cut(count(max)?, count(depth)?, &chain))
        }
        _ => return Err(()),
    };
    Ok(refusal.map(|refusal| refusal.reason))
}

/// A verdict that is made here and not by a script, as it is kept.
pub(super) fn keep_verdict(verdict: &Verdict) -> String {
    let run = verdict.run.as_ref().map_or("", |run| run.0.as_str());
    let generation = verdict.generation.to_string();
    let decision = verdict.decision.as_str();
    let mut parts = vec![
        verdict.rule.as_str(),
        &verdict.version,
        &generation,
        decision,
        run,
    ];
    if let Some(reason) = &verdict.reason {
        parts.extend(["text", reason]);
    }
    serde_json::json!(parts).to_string()
}
