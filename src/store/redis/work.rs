//! In: what workers and people do with runs. Out: the runs as they are then. Never: a transition of its own (claiming
//! apart); each loads a run, asks the journal's machine, and writes what came of it if nobody was quicker.

use std::collections::HashMap;

use jiff::Timestamp;

use super::admission::{TRIES, crowded};
use super::audit::put_audits;
use super::fields::{self, Changes, Kept};
use super::link::Fault;
use super::outbox::put_notice;
use super::reply;
use super::scripts::Args;
use super::{Redis, lock};
use crate::clock::after;
use crate::journal::machine::{self, whole};
use crate::journal::{
    Answer, AuditEntry, Claim, Fence, Resolution, RunHistory, RunId, RunRecord, RunState, StepWrite,
    StoreError, Then,
};

/// How many runs one claim takes at most.
const CLAIM_MAX: usize = 512;
/// How many runs are kept at hand; beyond that all are forgotten and read again.
const HELD_MAX: usize = 4_096;
/// How many lost answers are remembered; the oldest leases are long over by then.
const LOST_MAX: usize = 4_096;

/// Operations that were sent and whose answers did not come: asked for again, each is told by its name from a new one.
#[derive(Debug, Default)]
pub(super) struct Lost {
    advances: HashMap<RunId, LostAdvance>,
    /// By worker.
    pub(super) claims: HashMap<String, Vec<String>>,
}

#[derive(Debug)]
struct LostAdvance {
    /// All that was asked for, as text.
    asked: String,
    op: String,
}

/// What a change brings with it besides the run.
#[derive(Debug)]
pub(super) struct Extra {
    /// What it is known by, should its answer be lost.
    op: String,
    /// Until when the run waits, on the caller's clock.
    until: Option<Timestamp>,
    /// Cause keys, each with how long it is expected.
    causes: Vec<(String, i64)>,
    /// What goes into the audit trail.
    said: Said,
    /// Whether the run may be due now or soon.
    rings: bool,
    /// Under which fence, if it is for whoever holds the run's lease. Then the run may be taken as it was last seen here.
    fence: Option<Fence>,
}

impl Extra {
    pub(super) fn new(rings: bool) -> Self {
        Self {
            op: new_op(),
            until: None,
            causes: Vec::new(),
            said: Said::Nothing,
            rings,
            fence: None,
        }
    }

    /// With a person's word on the run.
    fn saying(rings: bool, word: impl Fn(&RunRecord) -> AuditEntry + Send + Sync + 'static) -> Self {
        Self {
            said: Said::Word(Box::new(word)),
            ..Self::new(rings)
        }
    }
}

/// What a change puts into the audit trail.
enum Said {
    Nothing,
    /// What calls came to.
    Calls(Vec<AuditEntry>),
    /// A person's word on the run.
    Word(Box<dyn Fn(&RunRecord) -> AuditEntry + Send + Sync>),
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Calls(_) => "Calls",
            Self::Word(_) => "Word",
        })
    }
}

fn new_op() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Redis {
    pub(super) async fn claim(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        self.give_back_lost_claims(worker, now).await?;
        let (claims, whole) = self.claim_once(worker, max, lease_ms, now).await?;
        if whole {
            return Ok(claims);
        }
        self.mend(now).await?;
        if claims.is_empty() {
            return Ok(self.claim_once(worker, max, lease_ms, now).await?.0);
        }
        Ok(claims)
    }

    /// Takes what is due, and says whether all that is to be done some time is in the index of what is due.
    async fn claim_once(
        &self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<(Vec<Claim>, bool), StoreError> {
        let op = new_op();
        let mut args = Args::new();
        args.put(worker)
            .count(max.min(CLAIM_MAX))
            .int(lease_ms)
            .put(op.as_str());
        let mut reply = match self.try_script(&self.scripts.claim, Some(now), &args).await {
            Ok(reply) => reply,
            Err(Fault::Lost(why)) => {
                let mut lost = lock(&self.lost);
                if lost.claims.len() < LOST_MAX {
                    lost.claims.entry(worker.into()).or_default().push(op);
                }
                return Err(Fault::Lost(why).into());
            }
            Err(fault) => return Err(fault.into()),
        };
        let whole = reply.text()? == "whole";
        let mut parts = reply.list()?.into_iter();
        let mut claims = Vec::new();
        while let (Some(id), Some(run), Some(event)) = (parts.next(), parts.next(), parts.next()) {
            let kept = fields::run(&RunId(reply::text(id)?), &reply::fields(run)?)?;
            claims.push(Claim {
                event: fields::event(&reply::fields(event)?)?,
                run: kept.history.run.clone(),
                steps: kept.history.steps.clone(),
                lease_until: after(reply.at, lease_ms),
            });
            self.hold(kept);
        }
        let (broken, unresolved) = (reply.texts()?, reply.texts()?);
        for run in broken {
            tracing::error!(
                run.id = run,
                "a run or its event was deleted from Redis by somebody else"
            );
        }
        for run in unresolved {
            self.expire(&RunId(run), now).await?;
        }
        Ok((claims, whole))
    }

    pub(super) async fn renew(
        &self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let mut extra = Extra::new(false);
        extra.fence = Some(fence);
        let kept = self
            .change(run, now, &extra, |history| {
                history.held(fence)?;
                history.run.due_at = Some(after(fields::now(), lease_ms));
                Ok(())
            })
            .await?;
        Ok(kept.history.run.due_at.unwrap_or(now))
    }

    pub(super) async fn advance(
        &self,
        run: &RunId,
        fence: Fence,
        writes: Vec<StepWrite>,
        then: Then,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut extra = Extra::new(matches!(then, Then::Wait { .. }));
        extra.fence = Some(fence);
        if let Then::Wait { until, .. } = &then {
            extra.until = Some(whole(*until));
        }
        let calls = writes.iter().filter_map(|write| match write {
            StepWrite::Audited(entry) => Some((**entry).clone()),
            _ => None,
        });
        extra.said = Said::Calls(calls.collect());
        for write in &writes {
            if let StepWrite::Intent { causes, .. } | StepWrite::Done { causes, .. } = write {
                extra.causes.extend(causes.iter().cloned());
            }
        }
        let asked = || format!("{fence} {writes:?} {then:?}");
        let lost = lock(&self.lost).advances.remove(run);
        let mut maybe_done = false;
        if let Some(lost) = lost.filter(|lost| lost.asked == asked()) {
            extra.op = lost.op;
            maybe_done = true;
        }
        let change = |history: &mut RunHistory| history.advance(fence, &writes, then.clone(), fields::now());
        let error = match self.try_change(run, now, &extra, change).await {
            Ok(_) => return Ok(()),
            Err(Failure::Lost(why)) => {
                maybe_done = true;
                StoreError::Unavailable(why)
            }
            Err(Failure::Store(error)) => error,
        };
        // What was not even sent this time may still have been done the time before.
        if maybe_done && matches!(error, StoreError::Unavailable(_)) {
            let (asked, op) = (asked(), extra.op);
            let mut lost = lock(&self.lost);
            if lost.advances.len() >= LOST_MAX {
                lost.advances.clear();
            }
            lost.advances.insert(run.clone(), LostAdvance { asked, op });
        }
        Err(error)
    }

    pub(super) async fn release(
        &self,
        worker: &str,
        others: bool,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let held = self.running(|kept| (kept.history.run.worker.as_deref() == Some(worker)) != others);
        self.give_back(held.await?, now).await
    }

    pub(super) async fn resolve(
        &self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (name, word) = (who.to_owned(), resolution.clone());
        let said = move |run: &RunRecord| AuditEntry::resolved(&name, &word, run);
        let extra = Extra::saying(true, said);
        self.change(run, now, &extra, |history| {
            history.resolve(who, resolution.clone(), fields::now())
        })
        .await?;
        Ok(())
    }

    pub(super) async fn answer(
        &self,
        run: &RunId,
        hash: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let word = answer.clone();
        let extra = Extra::saying(true, move |run| AuditEntry::answered(&word, run));
        self.change(run, now, &extra, |history| {
            history.answer(hash, answer, fields::now())
        })
        .await?;
        Ok(())
    }

    pub(super) async fn cancel(&self, run: &RunId, who: &str, now: Timestamp) -> Result<(), StoreError> {
        let name = who.to_owned();
        let extra = Extra::saying(false, move |run| AuditEntry::cancelled(&name, run));
        self.change(run, now, &extra, |history| history.cancel(who, fields::now()))
            .await?;
        Ok(())
    }

    pub(super) async fn retry(&self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, StoreError> {
        for _ in 0..TRIES {
            let old = self.load(run).await?.ok_or_else(|| not_found(run))?;
            let found = self.find_verdicts(&old.history.run.event).await?;
            let verdicts = found.map(|found| found.verdicts).unwrap_or_default();
            let new = old.history.next_generation(&verdicts, 0, fields::now())?;
            let verdict = machine::retried(&new.run, run, who);
            let mut args = Args::new();
            args.put(old.event.to_string()).count(verdicts.len());
            args.put(new.run.id.0.as_str()).put(new.run.rule.as_str());
            args.put(fields::keep_verdict(&verdict));
            let group = new.run.group.as_ref();
            args.put(group.map_or("", |place| place.group.key.as_str()));
            Changes::whole(&new).onto(&mut args);
            let said = AuditEntry::retried(who, &old.history.run, &new.run.id);
            put_audits(&mut args, [&said]);
            let reply = self.run_script(&self.scripts.retry, Some(now), &args).await?;
            if reply.word == "done" {
                self.bell.rang();
                return Ok(new.run.id);
            }
        }
        Err(crowded())
    }

    /// A run as it is kept.
    pub(super) async fn load(&self, run: &RunId) -> Result<Option<Kept>, StoreError> {
        let answer = self
            .link
            .call(redis::cmd("HGETALL").arg(self.key(&format!("r:{run}"))))
            .await?;
        let found = reply::fields(answer)?;
        if found.is_empty() {
            return Ok(None);
        }
        Ok(Some(fields::run(run, &found)?))
    }

    /// Keeps a run at hand whose lease is ours.
    fn hold(&self, kept: Kept) {
        let mut held = lock(&self.held);
        if held.len() >= HELD_MAX {
            held.clear();
        }
        held.insert(kept.history.run.id.clone(), kept);
    }

    /// One change to one run, whole or not at all.
    pub(super) async fn change(
        &self,
        run: &RunId,
        now: Timestamp,
        extra: &Extra,
        change: impl Fn(&mut RunHistory) -> Result<(), StoreError>,
    ) -> Result<Kept, StoreError> {
        self.try_change(run, now, extra, change)
            .await
            .map_err(|failure| match failure {
                Failure::Lost(why) => StoreError::Unavailable(why),
                Failure::Store(error) => error,
            })
    }

    async fn try_change(
        &self,
        run: &RunId,
        now: Timestamp,
        extra: &Extra,
        change: impl Fn(&mut RunHistory) -> Result<(), StoreError>,
    ) -> Result<Kept, Failure> {
        let mut at_hand = lock(&self.held).remove(run).filter(|_| extra.fence.is_some());
        let holder = at_hand.as_ref().map(|kept| kept.history.run.worker.clone());
        for _ in 0..TRIES {
            let from_hand = at_hand.is_some();
            let before = match at_hand.take() {
                Some(kept) => kept,
                None => self.load(run).await?.ok_or_else(|| not_found(run))?,
            };
            if let (Some(holder), Some(fence)) = (&holder, extra.fence)
                && *holder != before.history.run.worker
                && before.op != extra.op
            {
                // After a failover that lost our claim, another's has the same number.
                let run = run.clone();
                return Err(StoreError::Fenced { run, fence }.into());
            }
            if before.op == extra.op {
                return Ok(before);
            }
            let mut history = before.history.clone();
            if let Err(refusal) = change(&mut history) {
                if from_hand {
                    // What is at hand may be out of date: only the run itself can refuse.
                    continue;
                }
                return Err(refusal.into());
            }
            let args = change_args(&before, &history, extra);
            let mut reply = self.try_script(&self.scripts.change, Some(now), &args).await?;
            match reply.word.as_str() {
                "done" => {
                    let version = reply.number()?.unsigned_abs();
                    if let Some(until) = extra.until
                        && history.run.state == RunState::Waiting
                    {
                        let ahead = reply.clock.as_millisecond() - now.as_millisecond();
                        history.run.due_at = Some(after(until, ahead));
                    }
                    fields::set_now(&mut history, reply.at);
                    let kept = Kept {
                        history,
                        version,
                        event: before.event,
                        op: extra.op.clone(),
                    };
                    if kept.history.run.state == RunState::Running {
                        self.hold(kept.clone());
                    }
                    if extra.rings {
                        self.bell.rang();
                    }
                    return Ok(kept);
                }
                "gone" => return Err(not_found(run).into()),
                _ => {}
            }
        }
        Err(crowded().into())
    }
}

/// Why a change was not made, or may have been.
#[derive(Debug)]
enum Failure {
    /// It may have been made.
    Lost(String),
    /// It was not.
    Store(StoreError),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost(why) => Self::Lost(why),
            fault => Self::Store(fault.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn not_found(run: &RunId) -> StoreError {
    StoreError::NotFound {
        what: "run",
        id: run.0.clone(),
    }
}

fn change_args(before: &Kept, after: &RunHistory, extra: &Extra) -> Args {
    let run = &after.run;
    let mut args = Args::new();
    args.put(run.id.0.as_str()).put(before.version.to_string());
    args.put(before.op.as_str()).put(extra.op.as_str());
    args.flag(after.refunds())
        .flag(extra.rings)
        .put(run.state.as_str())
        .put(fields::waits_for(run));
    match extra.until.filter(|_| run.state == RunState::Waiting) {
        Some(until) => args.put(format!("~{}", until.as_millisecond())),
        None => args.put(fields::token_maybe(run.due_at)),
    };
    put_notice(&mut args, &before.history.run, run);
    Changes::between(&before.history, after).onto(&mut args);
    args.count(extra.causes.len());
    for (key, within_ms) in &extra.causes {
        args.put(key.as_str()).int(*within_ms);
    }
    match &extra.said {
        Said::Nothing => put_audits(&mut args, []),
        Said::Calls(entries) => put_audits(&mut args, entries),
        Said::Word(word) => put_audits(&mut args, [&word(run)]),
    }
    args
}
