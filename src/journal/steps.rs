//! In: nothing; the nouns of a run's steps: what is on record of one, what may be written, what a run waits for. Out:
//! the same. Never: what a call or a result is; they are opaque.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuditEntry, RunState, StepKey};

/// A step on record. A run's steps are in the order of their `index`, those of one index in the order they were begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// The step's name within the run: the action's id, with `[<item key>]` for one item of a list.
    pub step: String,
    /// The action's place within the rule, from 0.
    pub index: u32,
    /// The idempotency key: of the first intent, kept over retries and generations until the step is settled.
    pub key: StepKey,
    /// Its state.
    pub state: StepState,
    /// Whether the tool writes.
    pub writes: bool,
    /// The resolved call, opaque. `Null` for a skipped step.
    pub call: Value,
    /// The result once done, the items of a list; opaque. `Null` before.
    pub result: Value,
    /// The last error or skip reason, for a person.
    pub error: Option<String>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// How often a doubt was looked into without finding the effect.
    pub looks: u32,
    /// By what a pending call goes on; opaque. `Null` for any other.
    pub cursor: Value,
    /// A person's leave to make the call, where it needs one.
    pub approval: Option<Approval>,
    /// When the first attempt's intent was journaled: no effect of this step is older.
    pub first_intent_at: Timestamp,
    /// When the present attempt's intent was journaled; in a run made to go on with a pending call, when it was made.
    pub intent_at: Timestamp,
    /// When it was settled.
    pub finished_at: Option<Timestamp>,
}

/// A step's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its call is journaled and waits for a person's leave. It was never sent.
    Asked,
    /// Its call is journaled and may have been sent: unless a result follows, this is a doubt.
    Intent,
    /// Its call had its effect, and what follows from that is asked for from time to time.
    Pending,
    /// The last attempt failed and certainly had no effect.
    Failed,
    /// Its result is journaled.
    Done,
    /// Its `if` did not hold.
    Skipped,
    /// A shadow run would have made this call.
    Planned,
    /// Its items are journaled; each is a step of its own.
    Listed,
    /// It failed for good, and its rule says to go on.
    Tolerated,
}

impl StepState {
    /// Whether nothing more is done about the step in this run.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Skipped | Self::Planned | Self::Listed | Self::Tolerated
        )
    }
}

/// A person's leave to make one call: who may give it, until when, and what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The digest of the call: the answer is to exactly this one.
    pub hash: String,
    /// Who may give it: names, and roles as `role:<name>`. Empty: whoever may act on runs at all.
    pub by: Vec<String>,
    /// Why it is asked for, for a person.
    pub reason: Option<String>,
    /// What the call was made from and comes to; opaque.
    pub basis: Value,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Until when it can be given.
    pub expires_at: Timestamp,
    /// What was said.
    pub answer: Option<Answer>,
}

impl Approval {
    /// Whether the call may be made.
    pub fn is_given(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.approved)
    }

    /// Whether this person may answer. One who is named may, and one who has a role that is named. What roles somebody
    /// has is for the caller to know.
    pub fn admits(&self, who: &Approver) -> bool {
        self.by.is_empty()
            || self.by.iter().any(|by| match by.strip_prefix("role:") {
                Some(role) => who.roles.iter().any(|own| own == role),
                None => who.is_called(by),
            })
    }

    /// What the run waits for, for a person.
    pub fn waits(&self, step: &str) -> String {
        let by = if self.by.is_empty() {
            "somebody".to_owned()
        } else {
            self.by.join(" or ")
        };
        format!(
            "step `{step}` waits until {} for {by} to approve",
            self.expires_at
        )
    }
}

/// Somebody who may be entitled to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Their name.
    pub name: String,
    /// The roles they have, without `role:`.
    pub roles: Vec<String>,
    /// Another name that an approval may list them by. What they say is on record under the first.
    pub known_as: Option<String>,
    /// Who says that it is them; nobody where they signed in themselves.
    pub vouched_by: Option<String>,
}

impl Approver {
    /// How their word is put on record. Who signed in at GitHub is `github:<login>` there; where somebody only says so of them, that
    /// stands beside it.
    pub fn on_record(&self) -> String {
        match &self.vouched_by {
            Some(by) if self.name.to_ascii_lowercase().starts_with("github:") => {
                format!("{}, says {by}", self.name)
            }
            _ => self.name.clone(),
        }
    }

    /// Whether this is a name of theirs. Logins of GitHub's ignore case.
    fn is_called(&self, name: &str) -> bool {
        self.name == name
            || self.known_as.as_deref() == Some(name)
            || (name.starts_with("github:") && self.name.eq_ignore_ascii_case(name))
    }
}

/// A person's word on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The call may be made.
    pub approved: bool,
    /// Who says so.
    pub who: String,
    /// Why, in their words.
    pub why: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One change to a step, under a fence.
#[derive(Clone, Debug)]
pub enum StepWrite {
    /// The step is a list: these are its items. Each becomes a step of its own.
    Listed {
        /// The action's id.
        step: String,
        /// The action's place.
        index: u32,
        /// The idempotency key.
        key: StepKey,
        /// The items with their keys, opaque.
        items: Value,
    },
    /// The call is resolved, and a person is asked whether it may be made. The run is to wait for
    /// [`WaitsFor::Approval`] until it expires.
    Asked {
        /// The action's id.
        step: String,
        /// The action's place.
        index: u32,
        /// The idempotency key.
        key: StepKey,
        /// The resolved call, opaque.
        call: Value,
        /// Whether the tool writes.
        writes: bool,
        /// Who is asked, and for what.
        approval: Box<Approval>,
    },
    /// The call is resolved and about to be sent. Counts an attempt. On a step already known, the key of the first
    /// intent stays.
    Intent {
        /// The action's id.
        step: String,
        /// The action's place.
        index: u32,
        /// The idempotency key.
        key: StepKey,
        /// The resolved call, opaque.
        call: Value,
        /// Whether the tool writes.
        writes: bool,
        /// Keys under which the provider would announce the effect, each with how long it is expected, in milliseconds.
        causes: Vec<(String, i64)>,
    },
    /// The doubt was looked into and no effect was found.
    Looked {
        /// The action's id.
        step: String,
    },
    /// The call had its effect, and is not over: it is asked for again later.
    Pending {
        /// The action's id.
        step: String,
        /// By what to ask, opaque.
        cursor: Value,
        /// Why asking failed, for a person.
        error: Option<String>,
    },
    /// The call is known to have had its effect (or, for a read, its answer).
    Done {
        /// The action's id.
        step: String,
        /// The result, opaque.
        result: Value,
        /// Keys of announcements that only the result tells (an id the provider gave), as with the intent.
        causes: Vec<(String, i64)>,
    },
    /// The call was not sent, or not taken, for want of room: it was no attempt after all.
    NotTried {
        /// The action's id.
        step: String,
        /// What held it back.
        error: String,
    },
    /// The attempt failed and certainly had no effect.
    Failed {
        /// The action's id.
        step: String,
        /// Why, for a person.
        error: String,
    },
    /// It failed for good, and the run goes on without it.
    Tolerated {
        /// The action's id.
        step: String,
        /// Why, for a person.
        error: String,
    },
    /// The step is not to be done.
    Skipped {
        /// The action's id.
        step: String,
        /// The action's place.
        index: u32,
        /// The idempotency key.
        key: StepKey,
        /// Why, for a person.
        reason: String,
    },
    /// A shadow run would have made this call.
    Planned {
        /// The action's id.
        step: String,
        /// The action's place.
        index: u32,
        /// The idempotency key.
        key: StepKey,
        /// The resolved call, opaque.
        call: Value,
        /// Whether the tool writes.
        writes: bool,
    },
    /// Nothing about a step: what a call came to, for the audit trail, written with whatever follows from it.
    Audited(Box<AuditEntry>),
}

/// What a waiting run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// The next attempt at a call that failed without effect.
    Retry,
    /// The next look for the effect of a call whose answer was lost.
    Look,
    /// The next question after a call that had its effect and is not over.
    PendingCall,
    /// A person's leave to make a call.
    Approval,
    /// Its turn in its concurrency group.
    Group,
    /// Somebody to let it go on.
    Pause,
    /// A worker that takes it up.
    Worker,
}

/// What follows a batch of step writes.
#[derive(Clone, Debug)]
pub enum Then {
    /// Keep the lease and go on.
    Keep,
    /// Release the lease; due again at a time (retry, poll, settle).
    Wait {
        /// When.
        until: Timestamp,
        /// For what.
        waits_for: WaitsFor,
        /// Why, for a person.
        reason: String,
    },
    /// End it. The state must be terminal, or [`RunState::Unknown`].
    End {
        /// The state.
        state: RunState,
        /// Why, for a person.
        reason: Option<String>,
    },
}

/// A person's word on a run that is [`RunState::Unknown`].
#[derive(Clone, Debug)]
pub enum Resolution {
    /// The effect is there; the run goes on with this result.
    Done {
        /// The step's result, opaque.
        result: Value,
    },
    /// The effect is not there: make the call again, under the same key.
    Repeat,
    /// End the run as dead.
    GiveUp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_admitted_by_a_name_a_role_or_the_login_in_any_case_and_by_nothing_like_it() {
        let approval = |by: &[&str]| Approval {
            hash: String::new(),
            by: by.iter().map(|&by| by.to_owned()).collect(),
            reason: None,
            basis: Value::Null,
            asked_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            answer: None,
        };
        let mona = Approver {
            name: "github:Mona".into(),
            roles: vec!["release".into()],
            known_as: Some("alice".into()),
            vouched_by: None,
        };
        for by in [
            &[][..],
            &["github:mona"],
            &["alice"],
            &["role:release"],
            &["bob", "alice"],
        ] {
            assert!(approval(by).admits(&mona), "{by:?}");
        }
        for by in [
            "mona",
            "Mona",
            "Alice",
            "release",
            "role:Release",
            "role:alice",
            "github:",
            "github:monalisa",
        ] {
            assert!(!approval(&[by]).admits(&mona), "{by}");
        }
        // A name without the provider's ignores no case.
        let typed = Approver {
            name: "bob".into(),
            roles: Vec::new(),
            known_as: None,
            vouched_by: None,
        };
        assert!(approval(&["bob"]).admits(&typed) && !approval(&["Bob"]).admits(&typed));
    }
}
