//! What a run's calls came to, for the audit trail. Out: entries that ride with what follows from the call. Never: a write of their
//! own, except where the run is not ours any more.

use super::job::Job;
use crate::act::{Finding, Outcome};
use crate::agents::{Deed, REACTOR, trace_of};
use crate::hub::{ToolError, traceparent};
use crate::journal::{Answer, AuditEntry, StepWrite, StoreError};
use crate::plan::Step;

impl Job<'_> {
    /// The call of a step begins.
    pub(super) fn deed(&self, step: &Step) -> Deed {
        let call = &step.call;
        let who = call.agent.as_deref().unwrap_or(REACTOR);
        let mut deed = Deed::begin(who, &call.tool, &call.arguments);
        let run = self.run();
        let entry = deed.entry_mut();
        entry.event = Some(run.event.clone());
        entry.run = Some(run.id.clone());
        entry.rule = Some(run.rule.clone());
        entry.step = Some(step.id.clone());
        entry.trace = traceparent(&step.key.0).as_deref().and_then(trace_of);
        let answer = self
            .step(&step.id)
            .and_then(|known| known.approval.as_ref()?.answer.as_ref());
        entry.approved_by = answer
            .filter(|answer| answer.approved)
            .map(|Answer { who, .. }| who.clone());
        deed
    }

    /// Puts it on record with the next flush: it goes with what follows from the call.
    pub(super) fn audit(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        self.note(StepWrite::Audited(Box::new(entry)))
    }

    /// The run is somebody else's now. What was done for it was done all the same.
    pub(super) async fn audit_alone(&self) {
        let calls = self.writes.iter().filter_map(|write| match write {
            StepWrite::Audited(entry) => Some((**entry).clone()),
            _ => None,
        });
        let calls: Vec<AuditEntry> = calls.collect();
        if calls.is_empty() {
            return;
        }
        if let Err(error) = self.worker.reactor.store.audit(calls, self.now()).await {
            tracing::error!(
                run.id = self.run().id.0,
                "a call is not in the audit trail: {error}"
            );
        }
    }
}

/// What an attempt came to.
pub(super) fn ended(deed: Deed, outcome: &Outcome) -> AuditEntry {
    match outcome {
        Outcome::Done(_) => deed.end("done", None),
        Outcome::Pending(pending) => deed.end("pending", Some(&pending.note)),
        Outcome::InDoubt(error) => deed.end("unknown_effect", Some(&error.to_string())),
        Outcome::Failed(error) => failed(deed, error),
    }
}

/// What a look for the effect of an earlier attempt came to.
pub(super) fn looked(deed: Deed, finding: &Finding) -> AuditEntry {
    match finding {
        Finding::Found(_) | Finding::Pending(_) => deed.end("found", Some("an earlier attempt had done it")),
        Finding::Absent => deed.end("absent", Some("no effect of an earlier attempt was found")),
        Finding::Ambiguous(why) => deed.end("ambiguous", Some(why)),
        Finding::Failed(error) => failed(deed, error),
    }
}

/// A call that certainly had no effect.
pub(super) fn failed(deed: Deed, error: &ToolError) -> AuditEntry {
    deed.end(error.class.as_str(), Some(&error.to_string()))
}
