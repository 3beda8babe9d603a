//! In: a task and what is wanted of it. Out: the task as it is then, or why that cannot be. Never: a store, a clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HAND_OFFS_MAX;
use super::board::BoardError;

/// How much of its history a task keeps.
const HISTORY_MAX: usize = 40;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nobody has it.
    Open,
    /// An agent works on it.
    Claimed,
    /// It was done.
    Done,
    /// It was given up: its attempts are used up, its time is over, or whoever had it said so.
    Failed,
    /// Whoever wanted it wants it no more.
    Cancelled,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Claimed,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more becomes of it.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Open | Self::Claimed)
    }
}

/// Who has a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The agent.
    pub agent: String,
    /// The number of this holding: it rises with every claim, and is never given out twice.
    pub fence: u64,
    /// Since when.
    pub since: Timestamp,
    /// How long without a word, in milliseconds.
    pub lease_ms: i64,
    /// The key of the claim: the same key from the same agent is the same claim.
    pub claim: Option<String>,
}

/// One thing that happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Whose doing.
    pub who: String,
    /// `posted`, `claimed`, `done`, `failed`, `handed_off`, `lapsed`, `expired`, `cancelled`.
    pub what: String,
    /// The fence it was about.
    pub fence: u64,
    /// What was said.
    pub note: Option<String>,
}

/// Work that somebody wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What is wanted, in a line.
    pub title: String,
    /// All that there is to say.
    pub body: String,
    /// What it is about: `acme/api#42`.
    pub about: Option<String>,
    /// What goes along, as JSON.
    pub data: Value,
    /// What an agent must be able to do.
    pub needs: Vec<String>,
    /// 0 to 9; 9 comes first.
    pub priority: u8,
    /// Where it stands.
    pub state: TaskState,
    /// Who wants it.
    pub posted_by: String,
    /// Since when.
    pub posted_at: Timestamp,
    /// For whom alone, as long as that agent is there.
    pub to: Option<String>,
    /// Who has it.
    pub holder: Option<Holder>,
    /// The newest fence.
    pub fence: u64,
    /// How often it was begun and not handed on.
    pub attempts: u32,
    /// How often it may be begun.
    pub attempts_max: u32,
    /// How often it was handed on.
    pub hand_offs: u32,
    /// Nobody is to begin it before.
    pub not_before: Option<Timestamp>,
    /// When nobody has done it by then, it is given up.
    pub expires_at: Option<Timestamp>,
    /// How far it is, in words.
    pub note: Option<String>,
    /// What came of it.
    pub result: Value,
    /// Why it failed, the last time or for good.
    pub reason: Option<String>,
    /// The key it was posted with, by which its end is known to be the effect of that call.
    pub key: Option<String>,
    /// What happened to it, oldest first; the newest 40.
    pub history: Vec<Happening>,
}

impl Task {
    /// `agent` begins it.
    pub(super) fn claimed(
        mut self,
        agent: &str,
        claim: Option<String>,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Self, BoardError> {
        if self.state != TaskState::Open {
            return Err(BoardError::conflict(format!(
                "task {} is {}",
                self.id,
                self.state.as_str()
            )));
        }
        self.state = TaskState::Claimed;
        self.fence += 1;
        self.attempts += 1;
        self.not_before = None;
        self.holder = Some(Holder {
            agent: agent.into(),
            fence: self.fence,
            since: now,
            lease_ms,
            claim,
        });
        self.happened(agent, "claimed", None, now);
        Ok(self)
    }

    /// Its holder did it.
    pub(super) fn done(
        mut self,
        agent: &str,
        fence: u64,
        result: Value,
        now: Timestamp,
    ) -> Result<Self, BoardError> {
        self.held_by(agent, fence)?;
        self.settle(TaskState::Done);
        self.result = result;
        self.reason = None;
        self.happened(agent, "done", None, now);
        Ok(self)
    }

    /// Its holder could not do it. It is tried again, not before `after`, unless that makes no sense or its attempts are
    /// used up.
    pub(super) fn failed(
        mut self,
        agent: &str,
        fence: u64,
        why: &str,
        again: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, BoardError> {
        self.held_by(agent, fence)?;
        self.reason = Some(why.into());
        self.happened(agent, "failed", Some(why), now);
        match again {
            Some(after) if self.attempts < self.attempts_max => {
                self.reopen();
                self.not_before = (after > now).then_some(after);
            }
            _ => self.settle(TaskState::Failed),
        }
        Ok(self)
    }

    /// Its holder hands it on: to `to`, or to whoever can.
    pub(super) fn handed_off(
        mut self,
        agent: &str,
        fence: u64,
        to: Option<String>,
        needs: Option<Vec<String>>,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, BoardError> {
        self.held_by(agent, fence)?;
        if self.hand_offs == HAND_OFFS_MAX {
            return Err(BoardError::conflict(format!(
                "task {} was handed on {HAND_OFFS_MAX} times, and nobody did it: do it, or fail it",
                self.id
            )));
        }
        self.hand_offs += 1;
        // Nobody tried and failed.
        self.attempts = self.attempts.saturating_sub(1);
        self.to = to;
        if let Some(needs) = needs {
            self.needs = needs;
        }
        self.happened(agent, "handed_off", note, now);
        self.reopen();
        Ok(self)
    }

    /// Its holder is not heard of any more.
    pub(super) fn lapsed(mut self, why: &str, now: Timestamp) -> Self {
        let Some(holder) = self.holder.clone() else {
            return self;
        };
        self.reason = Some(format!("{}: {why}", holder.agent));
        self.happened(&holder.agent, "lapsed", Some(why), now);
        match self.attempts < self.attempts_max {
            true => self.reopen(),
            false => self.settle(TaskState::Failed),
        }
        self
    }

    /// Nobody did it in time.
    pub(super) fn expired(mut self, now: Timestamp) -> Self {
        self.reason = Some("nobody did it in time".into());
        let who = self.posted_by.clone();
        self.happened(&who, "expired", None, now);
        self.settle(TaskState::Failed);
        self
    }

    /// Nobody wants it any more.
    pub(super) fn cancelled(
        mut self,
        who: &str,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, BoardError> {
        if self.state.is_settled() {
            return Err(BoardError::conflict(format!(
                "task {} is {}",
                self.id,
                self.state.as_str()
            )));
        }
        self.reason = why.map(Into::into);
        self.happened(who, "cancelled", why, now);
        self.settle(TaskState::Cancelled);
        Ok(self)
    }

    /// That `agent` has it under this fence.
    pub(super) fn held_by(&self, agent: &str, fence: u64) -> Result<&Holder, BoardError> {
        match &self.holder {
            Some(holder) if holder.agent == agent && holder.fence == fence => Ok(holder),
            _ => Err(BoardError::Lost {
                task: self.id.clone(),
                fence,
                state: self.state,
                holder: self.holder.as_ref().map(|holder| holder.agent.clone()),
            }),
        }
    }

    /// Whether the same agent said the same of the same holding before: an answer was lost, and it asks again.
    pub(super) fn said_before(&self, agent: &str, fence: u64, what: &str) -> bool {
        let same = |seen: &&Happening| seen.fence == fence && seen.who == agent;
        let newest = self.history.iter().rev().find(same);
        newest.is_some_and(|newest| newest.what == what)
    }

    /// Whether an agent that can do `abilities` may begin it.
    pub(super) fn fits(needs: &[String], abilities: &[String]) -> bool {
        needs.iter().all(|need| abilities.contains(need))
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    fn reopen(&mut self) {
        self.state = TaskState::Open;
        self.holder = None;
        self.note = None;
    }

    fn settle(&mut self, state: TaskState) {
        self.state = state;
        self.holder = None;
        self.not_before = None;
    }

    pub(super) fn happened(&mut self, who: &str, what: &str, note: Option<&str>, at: Timestamp) {
        if self.history.len() == HISTORY_MAX {
            // How it began stays.
            self.history.remove(1);
        }
        self.history.push(Happening {
            at,
            who: who.into(),
            what: what.into(),
            fence: self.fence,
            note: note.map(Into::into),
        });
    }
}
