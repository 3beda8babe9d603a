//! In: a person's word on a run. Out: it on record, and the worker and whoever tells of runs told that something changed. Never: a
//! decision whether that person may say so.

use super::{Again, Reactor};
use crate::journal::{self, Resolution, RunId, StoreError, Word, WordError};

impl Reactor {
    /// Runs it again, reusing the results it has. Gives the new run.
    pub async fn retry(&self, run: &RunId, who: &str) -> Result<RunId, StoreError> {
        let mut again = self.store.retry(run, who, self.clock.now()).await;
        if let Err(StoreError::WrongState { .. }) = &again
            && let Some(newer) = self.made_again_of(run).await?
        {
            again = Err(StoreError::Refused(format!(
                "run {run} was made again already, as run {}: look at that one, and retry it if it is dead, too",
                newer.run
            )));
        }
        let again = self.unless_refused((who, "run.retry", &run.0), again).await?;
        self.wake();
        tracing::info!(target: "audit", who, run.id = run.0, again.id = again.0, "a run is made again");
        Ok(again)
    }

    async fn made_again_of(&self, run: &RunId) -> Result<Option<Again>, StoreError> {
        match self.store.run(run).await? {
            Some(history) => self.made_again(&history.run).await,
            None => Ok(None),
        }
    }

    /// Ends a run that waits. Others of its group may have their turn.
    pub async fn cancel(&self, run: &RunId, who: &str) -> Result<(), StoreError> {
        let done = self.store.cancel(run, who, self.clock.now()).await;
        self.unless_refused((who, "run.cancel", &run.0), done).await?;
        self.wake();
        tracing::info!(target: "audit", who, run.id = run.0, "a run is cancelled");
        Ok(())
    }

    /// Says what became of a step whose effect is unknown.
    pub async fn resolve(&self, run: &RunId, who: &str, resolution: Resolution) -> Result<(), StoreError> {
        let done = self.store.resolve(run, who, resolution, self.clock.now()).await;
        self.unless_refused((who, "run.resolve", &run.0), done).await?;
        self.wake();
        tracing::info!(target: "audit", who, run.id = run.0, "a doubt is resolved");
        Ok(())
    }

    /// Approves or rejects the call that a run waits with.
    pub async fn say(&self, run: &RunId, word: Word) -> Result<(), WordError> {
        let what = if word.approved {
            "run.approve"
        } else {
            "run.reject"
        };
        let who = word.who.on_record();
        let done = journal::say(&*self.store, run, word, self.clock.now()).await;
        self.unless_refused((&who, what, &run.0), done).await?;
        self.wake();
        Ok(())
    }
}
