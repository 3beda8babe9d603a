//! In: a journal's archive, and the time it is now. Out: the same journal, whose time is now. Never: an end, an id, a place in
//! the order that changes; a wait that becomes longer or shorter.
//!
//! A clock that was once wrong leaves a journal whose time is ahead. It stands still until the clock has caught up, and
//! with it every lease, wait and cooldown, which may take years. So it can be turned back, while nobody works in it.

use jiff::{SignedDuration, Timestamp};

use super::{Head, Record};
use crate::journal::{RunHistory, StepState};

/// By how much an archive's times are turned back, and to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnBack {
    last: Timestamp,
    now: Timestamp,
}

impl TurnBack {
    /// For the archive with this head; nothing where its time is not ahead of `now`.
    pub fn of(head: &Head, now: Timestamp) -> Option<Self> {
        let now = crate::journal::machine::whole(now);
        (head.last > now).then_some(Self { last: head.last, now })
    }

    /// How far its time was ahead.
    pub fn ahead(&self) -> SignedDuration {
        self.last.duration_since(self.now)
    }

    /// The first line, turned back.
    pub fn head(&self, head: Head) -> Head {
        let mut epoch = head.epoch;
        epoch.created_at = self.past(epoch.created_at);
        let last = self.past(head.last);
        Head { epoch, last, ..head }
    }

    /// A record, turned back.
    pub fn record(&self, record: &mut Record) {
        match record {
            Record::RuleText(_) => {}
            Record::Book(book) => book.kept_at = self.past(book.kept_at),
            Record::Known(known) => known.until = self.end(known.until),
            Record::Event(event) => {
                let event = &mut event.record;
                event.time = self.past(event.time);
                event.received_at = self.past(event.received_at);
                for again in &mut event.duplicates {
                    again.at = self.past(again.at);
                }
            }
            Record::Run(history) => self.run(history),
            Record::Cooldown(charge) | Record::Rate(charge) => charge.until = self.end(charge.until),
            Record::Burst(burst) => burst.first = self.past(burst.first),
            Record::Cause(cause) => cause.until = self.end(cause.until),
            Record::Notice(notice) => notice.at = self.past(notice.at),
            Record::Value(value) => value.until = value.until.map(|until| self.end(until)),
            Record::Pause(pause) => pause.since = self.past(pause.since),
            Record::Audit(entry) => entry.at = self.past(entry.at),
        }
    }

    fn run(&self, history: &mut RunHistory) {
        // When its call was made is not known, so its effect could not be found among those of that time.
        let in_doubt = history
            .steps
            .iter()
            .any(|step| step.writes && step.state == StepState::Intent && step.intent_at > self.now);
        let run = &mut history.run;
        run.due_at = run.due_at.map(|due_at| self.end(due_at));
        run.created_at = self.past(run.created_at);
        run.updated_at = self.past(run.updated_at);
        for step in &mut history.steps {
            step.first_intent_at = self.past(step.first_intent_at);
            step.intent_at = self.past(step.intent_at);
            step.finished_at = step.finished_at.map(|at| self.past(at));
            if let Some(approval) = &mut step.approval {
                approval.asked_at = self.past(approval.asked_at);
                approval.expires_at = self.end(approval.expires_at);
                if let Some(answer) = &mut approval.answer {
                    answer.at = self.past(answer.at);
                }
            }
        }
        if in_doubt {
            let reason = format!(
                "a call was under way when the clock was ahead, at {}: look at the provider whether it was made",
                self.last
            );
            history.hold(&reason, self.now);
        }
    }

    /// When something was: it cannot have been later than now.
    fn past(&self, at: Timestamp) -> Timestamp {
        at.min(self.now)
    }

    /// When something is to be or to end: as far from now as it was from the journal's time. What was over stays over.
    fn end(&self, at: Timestamp) -> Timestamp {
        match at > self.last {
            true => at.saturating_sub(self.ahead()).unwrap_or(self.now),
            false => self.past(at),
        }
    }
}
