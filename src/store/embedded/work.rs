//! In: what workers and people do with runs. Out: the runs as they are then. Never: a transition of its own; each loads
//! a run, asks the journal's machine, and keeps what came of it.

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::rows;
use super::writer::{Fault, Tx};
use crate::clock::after;
use crate::journal::groups::{self, Turn};
use crate::journal::{
    Answer, AuditEntry, Claim, Fence, Notice, Resolution, RunHistory, RunId, RunRecord, RunState, Stand,
    StepRecord, StepWrite, StoreError, Then, machine, outbox,
};
use crate::store::packing::pack_json;

/// How long a run that cannot be read is left alone, in milliseconds.
const SET_ASIDE_MS: i64 = 60_000;

impl Tx<'_> {
    pub(super) fn claim(
        &mut self,
        worker: &str,
        max: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Claim>, Fault> {
        let now = self.at(now);
        let due: Vec<RunId> = self
            .conn
            .prepare_cached("SELECT id FROM runs WHERE due <= ?1 ORDER BY due, seq, id LIMIT ?2")?
            .query_map((now.as_millisecond(), max as i64), |row| Ok(RunId(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if !due.is_empty() {
            self.changes(now)?;
        }
        let until = after(now, lease_ms);
        let mut claims = Vec::with_capacity(due.len());
        let mut unresolved = Vec::new();
        for id in due {
            match self.take(&id, worker, until, now) {
                Ok(Taken::Claimed(claim)) => claims.push(*claim),
                Ok(Taken::Unresolved) => unresolved.push(id),
                Ok(Taken::NotDue) => {}
                Err(fault) => self.set_aside(&id, fault, now)?,
            }
        }
        for id in unresolved {
            let expired = self.change(&id, now, |history| {
                history.expire(now);
                Ok(())
            });
            if let Err(fault) = expired {
                self.set_aside(&id, fault, now)?;
            }
        }
        Ok(claims)
    }

    fn take(&mut self, id: &RunId, worker: &str, until: Timestamp, now: Timestamp) -> Result<Taken, Fault> {
        // Read before anything is written, so that a run that is set aside is left as it was.
        let before = self.load(id)?;
        let seq = rows::seq_of(self.conn, &before.run.event)?.unwrap_or_default();
        let event = rows::event_by_seq(self.conn, seq)?;
        if before.run.state == RunState::Unknown {
            return Ok(Taken::Unresolved);
        }
        // It may have ended meanwhile, by what another one brought about.
        let mut history = before.clone();
        if before.run.due_at.is_none_or(|due_at| due_at > now)
            || groups::turn(self, &mut history, now)? == Turn::Stays
        {
            return Ok(Taken::NotDue);
        }
        history.claim(worker, until, now);
        self.keep_changed(&before, &history)?;
        Ok(Taken::Claimed(Box::new(Claim {
            event,
            run: history.run,
            steps: history.steps,
            lease_until: until,
        })))
    }

    /// A run that cannot be read must not stop the others: it is due again later, for a release that can read it, or
    /// for a person. Any other fault is given back.
    fn set_aside(&self, id: &RunId, fault: Fault, now: Timestamp) -> Result<(), Fault> {
        let what = match fault {
            Fault::Sql(error) if rows::is_unreadable(&error) => error.to_string(),
            Fault::Store(StoreError::NotFound { what, .. }) => format!("a part of it is missing: {what}"),
            fault => return Err(fault),
        };
        tracing::error!(
            run.id = id.0,
            "a run cannot be read and is set aside for a while: {what}"
        );
        self.conn
            .prepare_cached("UPDATE runs SET due = ?2 WHERE id = ?1")?
            .execute((&id.0, after(now, SET_ASIDE_MS).as_millisecond()))?;
        Ok(())
    }

    pub(super) fn renew(
        &mut self,
        run: &RunId,
        fence: Fence,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Timestamp, Fault> {
        let now = self.at(now);
        let until = after(now, lease_ms);
        self.change(run, now, |history| {
            history.held(fence)?;
            history.run.due_at = Some(until);
            Ok(())
        })?;
        Ok(until)
    }

    pub(super) fn advance(
        &mut self,
        run: &RunId,
        fence: Fence,
        writes: &[StepWrite],
        then: Then,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let now = self.at(now);
        let history = self.change(run, now, |history| history.advance(fence, writes, then, now))?;
        for write in writes {
            if let StepWrite::Audited(entry) = write {
                self.add((**entry).clone(), now)?;
            }
            let (StepWrite::Intent { causes, .. } | StepWrite::Done { causes, .. }) = write else {
                continue;
            };
            for (key, within_ms) in causes {
                self.conn
                    .prepare_cached(
                        "INSERT INTO causes VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
                    )?
                    .execute((
                        key,
                        &run.0,
                        history.run.depth,
                        after(now, *within_ms).as_millisecond(),
                    ))?;
            }
        }
        Ok(())
    }

    pub(super) fn release(&mut self, worker: &str, others: bool, now: Timestamp) -> Result<u64, Fault> {
        let now = self.at(now);
        let held: Vec<RunId> = self
            .conn
            .prepare_cached("SELECT id FROM runs WHERE state = 'running' AND (worker = ?1) <> ?2")?
            .query_map((worker, others), |row| Ok(RunId(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for run in &held {
            let released = self.change(run, now, |history| {
                history.release(now);
                Ok(())
            });
            if let Err(fault) = released {
                self.set_aside(run, fault, now)?;
            }
        }
        Ok(held.len() as u64)
    }

    /// Holds every run that is not at its end, for a person; see the journal's machine.
    pub(super) fn hold_all(&mut self, reason: &str, now: Timestamp) -> Result<u64, Fault> {
        let now = self.at(now);
        let open: Vec<RunId> = self
            .conn
            .prepare_cached(
                "SELECT id FROM runs WHERE state IN ('delayed', 'queued', 'running', 'waiting') ORDER BY seq, id",
            )?
            .query_map([], |row| Ok(RunId(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for run in &open {
            self.change(run, now, |history| {
                history.hold(reason, now);
                Ok(())
            })?;
        }
        Ok(open.len() as u64)
    }

    pub(super) fn resolve(
        &mut self,
        run: &RunId,
        who: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let now = self.at(now);
        let said = resolution.clone();
        let history = self.change(run, now, |history| history.resolve(who, resolution, now))?;
        Ok(self.add(AuditEntry::resolved(who, &said, &history.run), now)?)
    }

    pub(super) fn answer(
        &mut self,
        run: &RunId,
        hash: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let now = self.at(now);
        let history = self.change(run, now, |history| history.answer(hash, answer, now))?;
        Ok(self.add(AuditEntry::answered(answer, &history.run), now)?)
    }

    pub(super) fn cancel(&mut self, run: &RunId, who: &str, now: Timestamp) -> Result<(), Fault> {
        let now = self.at(now);
        let history = self.change(run, now, |history| history.cancel(who, now))?;
        Ok(self.add(AuditEntry::cancelled(who, &history.run), now)?)
    }

    pub(super) fn retry(&mut self, run: &RunId, who: &str, now: Timestamp) -> Result<RunId, Fault> {
        let now = self.at(now);
        let old = self.load(run)?;
        let event = rows::seq_of(self.conn, &old.run.event)?.unwrap_or_default();
        let verdicts = rows::verdicts(self.conn, event)?;
        let seq = self.next_seq();
        let new = old.next_generation(&verdicts, seq, now)?;
        self.changes(now)?;
        self.keep_verdict(event, verdicts.len(), &machine::retried(&new.run, run, who))?;
        let id = new.run.id.clone();
        self.make(event, new, now)?;
        self.add(AuditEntry::retried(who, &old.run, &id), now)?;
        Ok(id)
    }

    pub(super) fn told(&self, notices: &[Notice]) -> Result<(), Fault> {
        let mut forget = self
            .conn
            .prepare_cached("DELETE FROM outbox WHERE at = ?1 AND run = ?2 AND fence = ?3 AND what = ?4")?;
        for notice in notices {
            let at = notice.at.as_millisecond();
            forget.execute((at, &notice.run.0, notice.fence as i64, &notice.what))?;
        }
        Ok(())
    }

    pub(super) fn load(&self, run: &RunId) -> Result<RunHistory, Fault> {
        rows::history(self.conn, run)?.ok_or_else(|| {
            let id = run.0.clone();
            StoreError::NotFound { what: "run", id }.into()
        })
    }

    /// One change to one run, whole or not at all.
    pub(super) fn change(
        &mut self,
        run: &RunId,
        now: Timestamp,
        change: impl FnOnce(&mut RunHistory) -> Result<(), StoreError>,
    ) -> Result<RunHistory, Fault> {
        let before = self.load(run)?;
        let mut history = before.clone();
        change(&mut history)?;
        self.changes(now)?;
        self.keep_changed(&before, &history)?;
        groups::parted(self, &before.run, &history.run, now)?;
        Ok(history)
    }

    fn keep_changed(&self, before: &RunHistory, history: &RunHistory) -> Result<(), Fault> {
        update_run(self.conn, &history.run)?;
        for step in history.steps.iter().filter(|step| !before.steps.contains(step)) {
            put_step(self.conn, history, step)?;
        }
        gates_after(self.conn, history)?;
        if let Some(notice) = outbox::notice(&before.run, &history.run) {
            put_notice(self.conn, &notice)?;
        }
        Ok(())
    }

    /// Keeps a new run, in its place in the queue of its group if it is ready.
    pub(super) fn make(&mut self, event: u64, mut history: RunHistory, now: Timestamp) -> Result<(), Fault> {
        if history.run.state == RunState::Queued {
            groups::join(self, &mut history, now)?;
        }
        insert_run(self.conn, event, &history)?;
        gates_after(self.conn, &history)?;
        Ok(())
    }
}

/// What came of taking a run that was due.
enum Taken {
    Claimed(Box<Claim>),
    /// In doubt for too long.
    Unresolved,
    /// Not any more, or it waits for its group.
    NotDue,
}

/// What a changed run charged is given back if it refunds; a burst is over whose run has stopped waiting for quiet.
pub(super) fn gates_after(conn: &Connection, history: &RunHistory) -> rusqlite::Result<()> {
    let id = &history.run.id.0;
    if history.refunds() {
        for refund in [
            "DELETE FROM cooldowns WHERE run = ?1",
            "DELETE FROM rates WHERE run = ?1",
        ] {
            conn.prepare_cached(refund)?.execute([id])?;
        }
    }
    if history.run.state != RunState::Delayed {
        conn.prepare_cached("DELETE FROM pending WHERE run = ?1")?
            .execute([id])?;
    }
    Ok(())
}

pub(super) fn put_notice(conn: &Connection, notice: &Notice) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO outbox VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            notice.at.as_millisecond(),
            &notice.run.0,
            notice.fence as i64,
            &notice.what,
            &notice.reason,
        ))?;
    Ok(())
}

/// A new run of the event at place `event`, with the steps it starts from.
pub(super) fn insert_run(conn: &Connection, event: u64, history: &RunHistory) -> rusqlite::Result<()> {
    let run = &history.run;
    let row: [Sql; 24] = [
        run.id.0.clone().into(),
        (run.seq as i64).into(),
        (event as i64).into(),
        run.rule.clone().into(),
        run.version.clone().into(),
        i64::from(run.generation).into(),
        run.state.as_str().to_owned().into(),
        waits_for(run).into(),
        run.reason.clone().into(),
        run.shadow.into(),
        i64::from(run.depth).into(),
        (run.fence as i64).into(),
        i64::from(run.stalls).into(),
        run.worker.clone().into(),
        run.due_at.map(Timestamp::as_millisecond).into(),
        run.created_at.as_millisecond().into(),
        run.updated_at.as_millisecond().into(),
        run.group.as_ref().map(|place| place.group.key.clone()).into(),
        run.group.as_ref().is_some_and(|place| place.group.latest).into(),
        run.group
            .as_ref()
            .is_some_and(|place| place.group.cancel_in_progress)
            .into(),
        stand(run).map(str::to_owned).into(),
        behind(run).cloned().into(),
        makes_way(run).cloned().into(),
        pack_json(&run.pinned).into(),
    ];
    conn.prepare_cached(
        "INSERT INTO runs VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)",
    )?
    .execute(row)?;
    for step in &history.steps {
        put_step(conn, history, step)?;
    }
    Ok(())
}

/// What can change about a run.
pub(super) fn update_run(conn: &Connection, run: &RunRecord) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE runs SET state = ?2, waits_for = ?3, reason = ?4, fence = ?5, worker = ?6, due = ?7, updated = ?8,
         stalls = ?9, stand = ?10, behind = ?11, makes_way = ?12 WHERE id = ?1",
    )?
    .execute((
        &run.id.0,
        run.state.as_str(),
        waits_for(run),
        &run.reason,
        run.fence as i64,
        &run.worker,
        run.due_at.map(Timestamp::as_millisecond),
        run.updated_at.as_millisecond(),
        run.stalls,
        stand(run),
        behind(run),
        makes_way(run),
    ))?;
    Ok(())
}

/// How it stands to its group, as it is kept: nothing for one that stands apart.
fn stand(run: &RunRecord) -> Option<&'static str> {
    let stand = run.group.as_ref()?.stand;
    (stand != Stand::Apart).then(|| stand.as_str())
}

fn behind(run: &RunRecord) -> Option<&String> {
    Some(&run.group.as_ref()?.behind.as_ref()?.0)
}

fn makes_way(run: &RunRecord) -> Option<&String> {
    Some(&run.group.as_ref()?.makes_way.as_ref()?.0)
}

fn waits_for(run: &RunRecord) -> Option<String> {
    run.waits_for.map(|what| what.as_str().to_owned())
}

fn put_step(conn: &Connection, history: &RunHistory, step: &StepRecord) -> rusqlite::Result<()> {
    let approval = step.approval.as_ref();
    let row: [Sql; 17] = [
        history.run.id.0.clone().into(),
        step.step.clone().into(),
        i64::from(step.index).into(),
        i64::from(history.rank(step)).into(),
        step.key.0.clone().into(),
        step.state.as_str().to_owned().into(),
        step.writes.into(),
        step.error.clone().into(),
        i64::from(step.attempts).into(),
        i64::from(step.looks).into(),
        step.first_intent_at.as_millisecond().into(),
        step.intent_at.as_millisecond().into(),
        step.finished_at.map(Timestamp::as_millisecond).into(),
        pack_json(&step.call).into(),
        pack_json(&step.result).into(),
        pack_json(&step.cursor).into(),
        approval
            .and_then(|approval| serde_json::to_string(approval).ok())
            .into(),
    ];
    conn.prepare_cached(
        "INSERT OR REPLACE INTO steps VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    )?
    .execute(row)?;
    Ok(())
}
