//! In: a run on record. Out: the run that was made in its place, and what people said of it. Never: a change.

use jiff::Timestamp;
use serde::Serialize;

use super::Reactor;
use crate::clock::after;
use crate::journal::{AuditPlace, AuditQuery, RunId, RunRecord, RunState, StoreError};

/// How many words on a run are looked for.
const SAID_MAX: usize = 20;

/// The newest run of the same rule and event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Again {
    /// Its id.
    pub run: RunId,
    /// How often the rule was made to act on the event before it.
    pub generation: u32,
    /// Its present state.
    pub state: Option<RunState>,
}

/// A person's word on a run that is neither an approval, which is its step's, nor a retry, which is the next run's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// `run.resolve`, `run.cancel`.
    pub what: String,
    /// What they said: `done`, `repeat`, `give_up`.
    pub outcome: String,
}

impl Reactor {
    /// The run that was made in place of one that ended without success; `None` while there is none: then it can be retried.
    pub async fn made_again(&self, run: &RunRecord) -> Result<Option<Again>, StoreError> {
        if !matches!(
            run.state,
            RunState::Dead | RunState::Declined | RunState::Cancelled
        ) {
            return Ok(None);
        }
        let verdicts = self.store.verdicts(&run.event).await?;
        let newer = verdicts
            .into_iter()
            .filter(|verdict| verdict.rule == run.rule && verdict.generation > run.generation);
        let again = newer.filter_map(|verdict| {
            Some(Again {
                run: verdict.run?,
                generation: verdict.generation,
                state: verdict.state,
            })
        });
        Ok(again.max_by_key(|again| again.generation))
    }

    /// What people said of a run, the oldest word first.
    pub async fn said_of(&self, run: &RunRecord) -> Result<Vec<Said>, StoreError> {
        // A word changes the run, so it lies between its making and its last change: nothing else of the trail is read.
        let query = AuditQuery {
            what: Some("run.*".into()),
            run: Some(run.id.clone()),
            since: Some(run.created_at),
            before: Some(AuditPlace {
                at: after(run.updated_at, 1),
                seq: u64::MAX,
            }),
            limit: SAID_MAX,
            ..AuditQuery::default()
        };
        let found = self.store.audited(&query).await?;
        let words = found
            .into_iter()
            .rev()
            .filter(|record| matches!(record.entry.what.as_str(), "run.resolve" | "run.cancel"));
        Ok(words
            .map(|record| Said {
                at: record.at,
                who: record.entry.who,
                what: record.entry.what,
                outcome: record.entry.outcome,
            })
            .collect())
    }
}
