//! In: leases that are to end, indexes that were lost. Out: runs that are free again and found again. Never: a transition of
//! its own; that is the journal's `machine`'s.

use jiff::Timestamp;

use super::fields::{self, Kept};
use super::scripts::Args;
use super::work::Extra;
use super::{Redis, lock};
use crate::journal::{RunId, RunState, StoreError};

impl Redis {
    /// Ends a run in doubt that nobody resolved in time, unless somebody has done so by now.
    pub(super) async fn expire(&self, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        let expired = self
            .change(run, now, &Extra::new(false), |history| {
                let (run, state) = (history.run.id.clone(), history.run.state);
                if state != RunState::Unknown {
                    let hint = "it is not in doubt any more";
                    return Err(StoreError::WrongState { run, state, hint });
                }
                history.expire(fields::now());
                Ok(())
            })
            .await;
        match expired {
            Ok(_) | Err(StoreError::WrongState { .. } | StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A claim whose answer was lost may have been done: what it took is given back, for nobody works on it.
    pub(super) async fn give_back_lost_claims(&self, worker: &str, now: Timestamp) -> Result<(), StoreError> {
        let Some(ops) = lock(&self.lost).claims.remove(worker) else {
            return Ok(());
        };
        let given_back = match self.running(|kept| ops.contains(&kept.op)).await {
            Ok(runs) => self.give_back(runs, now).await.map(drop),
            Err(error) => Err(error),
        };
        if given_back.is_err() {
            lock(&self.lost).claims.insert(worker.into(), ops);
        }
        given_back
    }

    pub(super) async fn give_back(&self, runs: Vec<Kept>, now: Timestamp) -> Result<u64, StoreError> {
        let mut count = 0;
        for kept in runs {
            let fence = kept.history.run.fence;
            let released = self
                .change(&kept.history.run.id, now, &Extra::new(true), |history| {
                    history.held(fence)?;
                    history.release(fields::now());
                    Ok(())
                })
                .await;
            match released {
                Ok(_) => count += 1,
                // It was let go, or taken over, meanwhile.
                Err(StoreError::Fenced { .. } | StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// The running runs that fit.
    pub(super) async fn running(&self, fits: impl Fn(&Kept) -> bool) -> Result<Vec<Kept>, StoreError> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let index = vec![self.key(&format!("s:{}", RunState::Running))];
            let page = self.newest(&index, before.take(), super::find::PAGE).await?;
            let full = page.len() == super::find::PAGE;
            before = page.last().cloned();
            let runs = self.runs_of(&page).await?;
            found.extend(
                runs.into_iter()
                    .filter(|kept| kept.history.run.state == RunState::Running && fits(kept)),
            );
            if !full {
                return Ok(found);
            }
        }
    }

    /// Puts lost index entries of runs back, page by page.
    pub(super) async fn mend(&self, now: Timestamp) -> Result<(), StoreError> {
        tracing::error!(
            "an index of runs in Redis is incomplete, somebody may have deleted a key: putting it right"
        );
        for index in ["due", "delayed", "queued", "running", "waiting", "unknown"] {
            let mut from = if index == "due" {
                "0".to_owned()
            } else {
                String::new()
            };
            loop {
                let mut args = Args::new();
                args.put(index).put(from).count(super::find::PAGE);
                let mut reply = self.run_script(&self.scripts.mend, Some(now), &args).await?;
                from = reply.text()?;
                if from.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }
}
