//! In: events. Out: verdicts. Never: anything after admission. What is decided is decided in `lua/decide.lua`.

use jiff::Timestamp;

use super::Redis;
use super::batch::Told;
use super::fields;
use super::link::Fault;
use super::reply::{Reply, odd};
use super::scripts::Args;
use crate::journal::machine::{self, whole};
use crate::journal::{
    Admission, DuplicateBy, EventKey, NewEvent, NewFiring, RunId, StoreError, Verdict, Wish, gates,
};
use crate::store::packing;

/// How often a lost race is run again.
pub(super) const TRIES: usize = 16;

/// After so many lost races: nothing was stored, and it may go better later.
pub(super) fn crowded() -> StoreError {
    StoreError::Unavailable("others change the same thing all the time".into())
}

/// A rule that erred at an event's first arrival and is decided again: where, and as which run.
struct Again {
    rule: String,
    place: String,
    generation: String,
    run: RunId,
}

impl Redis {
    pub(super) async fn admit(&self, event: NewEvent, now: Timestamp) -> Result<Admission, StoreError> {
        let firings = gates::one_per_rule(event.firings);
        let rings = !firings.is_empty();
        let (body, meta) = (packing::pack(&event.body), packing::pack_json(&event.meta));
        let digest = fields::digest_text(event.digest);
        let mut again = Vec::new();
        for _ in 0..TRIES {
            let mut args = Args::new();
            args.put(event.key.source.as_str()).put(event.key.id.as_str());
            args.put(digest.as_str()).put(event.kind.as_str());
            args.put(event.subject.as_str())
                .int(whole(event.time).as_millisecond());
            args.put(meta.clone()).put(body.clone()).put(event.book.as_str());
            args.count(event.causes.len());
            for cause in &event.causes {
                args.put(cause.as_str());
            }
            args.put(event.after.as_ref().map_or("", |run| run.0.as_str()));
            put_firings(&mut args, &firings, |firing| {
                (0, RunId::of(&event.key, &firing.rule, 0))
            });
            args.count(again.len());
            for Again {
                rule,
                place,
                generation,
                run,
            } in &again
            {
                args.put(rule.as_str()).put(place.as_str());
                args.put(generation.as_str()).put(run.0.as_str());
            }
            let mut reply = self.admit_among_others(args, now).await?;
            let key = EventKey {
                source: reply.text()?,
                id: reply.text()?,
            };
            let seq = reply.number()?.unsigned_abs();
            if reply.word == "prepare" {
                again = prepared(&key, &reply.texts()?)?;
                continue;
            }
            if rings {
                self.bell.rang();
            }
            return Ok(Admission {
                key,
                seq,
                duplicate: DuplicateBy::parse(&reply.word),
                verdicts: fields::verdicts(&reply.texts()?)?,
            });
        }
        Err(crowded())
    }

    async fn admit_among_others(&self, event: Args, now: Timestamp) -> Result<Reply, StoreError> {
        let head = self.head(&self.identity(), Some(now));
        let event = match self.batches.admit(head, event).await {
            Told::Done(reply) => {
                self.skew.observe(now, &reply);
                return Ok(reply);
            }
            Told::Failed(fault) => return Err(fault.into()),
            Told::Alone(event) => event,
        };
        let mut alone = Args::new();
        alone.count(1).append(event);
        let reply = self.run_script(&self.scripts.admit, Some(now), &alone).await?;
        let reply = reply.each()?.into_iter().next();
        Ok(reply.ok_or_else(|| odd("no answer"))?)
    }

    pub(super) async fn replay(
        &self,
        key: &EventKey,
        book: &str,
        firings: Vec<NewFiring>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let firings = gates::one_per_rule(firings);
        for _ in 0..TRIES {
            let found = self.find_verdicts(key).await?;
            let found = found.ok_or_else(|| StoreError::NotFound {
                what: "event",
                id: key.to_string(),
            })?;
            let mut args = Args::new();
            args.put(found.seq.to_string())
                .count(found.verdicts.len())
                .put(book);
            put_firings(&mut args, &firings, |firing| {
                next(&found.key, &found.verdicts, firing)
            });
            let mut reply = self.run_script(&self.scripts.replay, Some(now), &args).await?;
            if reply.word == "lost" {
                continue;
            }
            self.bell.rang();
            return Ok(Admission {
                key: found.key,
                seq: found.seq,
                duplicate: None,
                verdicts: fields::verdicts(&reply.texts()?)?,
            });
        }
        Err(crowded())
    }
}

/// The generation of an event × rule that comes next, and its run.
fn next(key: &EventKey, verdicts: &[Verdict], firing: &NewFiring) -> (u32, RunId) {
    let generation = machine::next_generation(verdicts, &firing.rule);
    (generation, RunId::of(key, &firing.rule, generation))
}

/// What an admission asked to be told before it decides again: rule, place, generation; and so on.
fn prepared(key: &EventKey, asked: &[String]) -> Result<Vec<Again>, Fault> {
    let mut again = Vec::new();
    for asked in asked.chunks_exact(3) {
        let [rule, place, generation] = [&asked[0], &asked[1], &asked[2]].map(String::clone);
        let run = RunId::of(key, &rule, generation.parse().map_err(odd)?);
        again.push(Again {
            rule,
            place,
            generation,
            run,
        });
    }
    Ok(again)
}

fn put_firings(args: &mut Args, firings: &[NewFiring], named: impl Fn(&NewFiring) -> (u32, RunId)) {
    args.count(firings.len());
    for firing in firings {
        args.put(firing.rule.as_str()).put(firing.version.as_str());
        match &firing.wish {
            Wish::Error { reason } => {
                let (generation, _) = named(firing);
                args.put("error").put(generation.to_string()).put(reason.as_str());
            }
            Wish::Run {
                shadow,
                gates,
                pinned,
            } => {
                let (generation, run) = named(firing);
                args.put("run").put(generation.to_string()).put(run.0);
                args.flag(*shadow).put(gates.key.as_str());
                args.maybe(gates.max_age_ms).int(gates.depth_max.into());
                args.maybe(gates.cooldown_ms);
                args.maybe(gates.rate.map(|rate| rate.max.into()));
                args.maybe(gates.rate.map(|rate| rate.window_ms));
                args.maybe(gates.debounce.map(|debounce| debounce.quiet_ms));
                args.maybe(gates.debounce.map(|debounce| debounce.max_wait_ms));
                args.maybe(gates.delay_ms);
                args.put(gates::held_back(gates).unwrap_or_default());
                let group = gates.group.as_ref().filter(|_| !shadow);
                args.put(group.map_or("", |group| group.key.as_str()));
                args.flag(group.is_some_and(|group| group.latest));
                args.flag(group.is_some_and(|group| group.cancel_in_progress));
                args.put(packing::pack_json(pinned));
            }
        }
    }
}
