//! In: who asks for whom in a group's queue. Out: them. Never: what follows from it, which is the journal's `groups`.

use rusqlite::{OptionalExtension, Params};

use super::work::{gates_after, put_notice, update_run};
use super::writer::{Fault, Tx};
use crate::journal::groups::Desk;
use crate::journal::{RunHistory, RunId, RunRecord, outbox};

impl Tx<'_> {
    fn one(&self, sql: &str, params: impl Params) -> Result<Option<RunId>, Fault> {
        let found = self
            .conn
            .prepare_cached(sql)?
            .query_row(params, |row| Ok(RunId(row.get(0)?)))
            .optional()?;
        Ok(found)
    }
}

impl Desk for Tx<'_> {
    type Fault = Fault;

    fn load(&mut self, run: &RunId) -> Result<RunHistory, Fault> {
        Tx::load(self, run)
    }

    fn keep(&mut self, history: &RunHistory) -> Result<(), Fault> {
        let before = Tx::load(self, &history.run.id)?;
        update_run(self.conn, &history.run)?;
        gates_after(self.conn, history)?;
        if let Some(notice) = outbox::notice(&before.run, &history.run) {
            put_notice(self.conn, &notice)?;
        }
        Ok(())
    }

    fn holder(&mut self, group: &str) -> Result<Option<RunId>, Fault> {
        let sql = "SELECT id FROM runs WHERE groupname = ?1 AND stand = 'holds' LIMIT 1";
        self.one(sql, [group])
    }

    fn before(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, Fault> {
        let sql = "SELECT id FROM runs WHERE groupname = ?1 AND stand IS NOT NULL AND (seq, id) < (?2, ?3)
                   ORDER BY seq DESC, id DESC LIMIT 1";
        self.one(sql, (group, run.seq as i64, &run.id.0))
    }

    fn behind(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, Fault> {
        let sql = "SELECT id FROM runs WHERE groupname = ?1 AND stand IS NOT NULL AND (seq, id) > (?2, ?3)
                   ORDER BY seq, id LIMIT 1";
        self.one(sql, (group, run.seq as i64, &run.id.0))
    }

    fn first(&mut self, group: &str) -> Result<Option<RunId>, Fault> {
        let sql = "SELECT id FROM runs WHERE groupname = ?1 AND stand IS NOT NULL ORDER BY seq, id LIMIT 1";
        self.one(sql, [group])
    }

    fn replaceable(&mut self, group: &str) -> Result<Option<RunId>, Fault> {
        let sql = "SELECT id FROM runs WHERE groupname = ?1 AND stand = 'queued' AND latest = 1
                   AND NOT EXISTS (SELECT 1 FROM steps WHERE steps.run = runs.id AND attempts > 0)
                   ORDER BY seq DESC, id DESC LIMIT 1";
        self.one(sql, [group])
    }
}
