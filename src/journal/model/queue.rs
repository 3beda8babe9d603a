//! In: who asks for whom in a group's queue. Out: them. Never: what follows from it, which is the journal's `groups`.

use super::Model;
use crate::journal::groups::Desk;
use crate::journal::{RunHistory, RunId, RunRecord, Stand, StoreError};

impl Model {
    /// Those in the queue of a group.
    fn queue(&self, group: &str) -> impl Iterator<Item = &RunHistory> {
        self.runs.values().filter(move |history| {
            let place = history.run.group.as_ref();
            place.is_some_and(|place| place.group.key == group && place.stand != Stand::Apart)
        })
    }
}

fn order(history: &RunHistory) -> (u64, &RunId) {
    (history.run.seq, &history.run.id)
}

fn id(history: &RunHistory) -> RunId {
    history.run.id.clone()
}

impl Desk for Model {
    type Fault = StoreError;

    fn load(&mut self, run: &RunId) -> Result<RunHistory, StoreError> {
        self.history(run).cloned()
    }

    fn keep(&mut self, history: &RunHistory) -> Result<(), StoreError> {
        Self::keep(self, history.clone());
        Ok(())
    }

    fn holder(&mut self, group: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.queue(group).find(|history| history.holds()).map(id))
    }

    fn before(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, StoreError> {
        let before = self
            .queue(group)
            .filter(|history| order(history) < (run.seq, &run.id));
        Ok(before.max_by_key(|history| order(history)).map(id))
    }

    fn behind(&mut self, run: &RunRecord, group: &str) -> Result<Option<RunId>, StoreError> {
        let behind = self
            .queue(group)
            .filter(|history| order(history) > (run.seq, &run.id));
        Ok(behind.min_by_key(|history| order(history)).map(id))
    }

    fn first(&mut self, group: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.queue(group).min_by_key(|history| order(history)).map(id))
    }

    fn replaceable(&mut self, group: &str) -> Result<Option<RunId>, StoreError> {
        let replaceable = |history: &&RunHistory| {
            let place = history.run.group.as_ref();
            place.is_some_and(|place| place.group.latest) && !history.holds() && !history.has_begun()
        };
        let found = self.queue(group).filter(replaceable);
        Ok(found.max_by_key(|history| order(history)).map(id))
    }
}
