//! In: the passing of time. Out: tasks that nobody has any more are open again; what became of tasks and agents is events of
//! our own. Never: an event that was told before.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::Reactor;
use crate::coordination::{Board, BoardError, Telling};
use crate::normalize;
use crate::receive::{Delivery, Internal, Maker, Source};
use crate::telemetry::numbers;

/// How often it is looked. Nothing waits for it: whoever claims a task looks, too.
const LOOK: Duration = Duration::from_secs(2);
/// How much is told at a stretch.
const BATCH: usize = 100;

impl Reactor {
    /// The tasks, agents and letters in this journal.
    pub fn board(&self) -> Board {
        Board::new(Arc::clone(&self.store), self.clock.clone())
    }

    /// Looks after tasks and agents until `stop` turns true.
    pub async fn keep_coordinating(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.coordinate().await {
                tracing::warn!("tasks and agents are looked after later: {error}");
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Looks once, and tells what is to be told. Gives how many events were made.
    pub async fn coordinate(&self) -> Result<usize, BoardError> {
        let board = self.board();
        let swept = board.sweep().await?;
        numbers::TASKS.set_count(["open"], swept.open);
        numbers::TASKS.set_count(["claimed"], swept.claimed);
        numbers::AGENTS.set_count(["here"], swept.here);
        numbers::AGENTS.set_count(["silent"], swept.silent);
        let mut told = 0;
        loop {
            let tellings = board.tellings(BATCH).await?;
            if tellings.is_empty() {
                return Ok(told);
            }
            for telling in tellings {
                // The event's id follows from what it is about: told again after a crash, it is the same one.
                if self
                    .book()
                    .hears(&format!("{}.{}", Source::own().as_str(), telling.kind))
                {
                    told += usize::from(self.tell_coordination(&telling).await?);
                }
                board.told(&telling).await?;
            }
        }
    }

    async fn tell_coordination(&self, telling: &Telling) -> Result<bool, BoardError> {
        let said = Internal {
            by: Maker::Derived,
            source: Source::own(),
            id: telling.id.clone(),
            kind: telling.kind.clone(),
            body: Bytes::from(telling.payload.to_string()),
            actor: None,
            after: None,
            detail: telling.key.as_ref().map(|key| format!("key={key}")),
        };
        let event = match normalize::event(Delivery::internal(said, self.clock.now())) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(telling.id = telling.id, "what became of it is no event: {error}");
                return Ok(false);
            }
        };
        Ok(self.admit_own(&event).await?.duplicate.is_none())
    }
}
