//! In: what people and agents did that no write of the journal tells of, and what they were refused. Out: that, in the audit trail. Never:
//! an operation that fails because its entry could not be written; that is said in the log.

use std::sync::Arc;

use async_trait::async_trait;

use super::Reactor;
use crate::agents::{Trail, scrubbed};
use crate::clock::Clock;
use crate::journal::{AuditEntry, Store};

/// The trail in a journal.
#[derive(Debug)]
pub struct JournalTrail {
    store: Arc<dyn Store>,
    clock: Clock,
}

impl JournalTrail {
    /// The trail in this journal.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, clock })
    }
}

#[async_trait]
impl Trail for JournalTrail {
    async fn note(&self, entry: AuditEntry) {
        let (who, what, outcome) = (entry.who.clone(), entry.what.clone(), entry.outcome.clone());
        if let Err(error) = self.store.audit(vec![entry], self.clock.now()).await {
            tracing::error!(
                target: "audit",
                who,
                what,
                outcome,
                "this is not in the audit trail, which cannot be written: {error}"
            );
        }
    }
}

impl Reactor {
    /// Puts on record what somebody did.
    pub async fn on_record(&self, entry: AuditEntry) {
        let trail = JournalTrail {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
        };
        trail.note(entry).await;
    }

    /// Puts on record that somebody said `what` about `target`, and that it was done.
    pub async fn said(&self, who: &str, what: &str, target: &str) {
        self.on_record(word(who, what, target, "done")).await;
    }

    /// Puts on record that somebody was refused something, and why.
    pub async fn refused(&self, who: &str, what: &str, target: &str, why: &str) {
        let mut entry = word(who, what, target, "refused");
        entry.note = Some(scrubbed(why));
        self.on_record(entry).await;
    }

    /// Passes an answer on, and puts on record if it is a refusal.
    pub(super) async fn unless_refused<T, E: std::fmt::Display>(
        &self,
        (who, what, target): (&str, &str, &str),
        answer: Result<T, E>,
    ) -> Result<T, E> {
        if let Err(error) = &answer {
            self.refused(who, what, target, &error.to_string()).await;
        }
        answer
    }
}

fn word(who: &str, what: &str, target: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        who: who.into(),
        what: what.into(),
        outcome: outcome.into(),
        target: Some(target.into()),
        ..AuditEntry::default()
    }
}
