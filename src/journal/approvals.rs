//! In: a person's word on the call a run asks about. Out: it is on record, or why it is not. Never: who somebody is, or which
//! roles they have; whoever asks here has found that out.

use jiff::Timestamp;

use super::{Answer, Approval, Approver, RunHistory, RunId, StepRecord, StepState, Store, StoreError};

/// What somebody says about a call.
#[derive(Clone, Debug)]
pub struct Word {
    /// Who.
    pub who: Approver,
    /// The call may be made.
    pub approved: bool,
    /// Why, in their words.
    pub why: Option<String>,
    /// Which call they saw; `None`: whichever is asked about now.
    pub hash: Option<String>,
}

/// Why a word is not taken.
#[derive(Debug, thiserror::Error)]
pub enum WordError {
    /// Somebody else has to say it.
    #[error("{who} cannot say this about step `{step}`: {} can", .by.join(" or "))]
    NotEntitled {
        /// Who said it.
        who: String,
        /// The step.
        step: String,
        /// Who could.
        by: Vec<String>,
    },
    /// It is too late.
    #[error("the question about step `{step}` expired at {at}: the run is about to fail")]
    Expired {
        /// The step.
        step: String,
        /// When.
        at: Timestamp,
    },
    /// The journal refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RunHistory {
    /// What the run asks about, if it asks.
    pub fn question(&self) -> Option<(&StepRecord, &Approval)> {
        let open = |step: &&StepRecord| step.state == StepState::Asked && !self.run.state.is_terminal();
        let step = self.steps.iter().find(open)?;
        let approval = step
            .approval
            .as_ref()
            .filter(|approval| approval.answer.is_none())?;
        Some((step, approval))
    }
}

/// Puts a person's word on record, if they may say it and it is not too late.
pub async fn say(store: &dyn Store, run: &RunId, word: Word, now: Timestamp) -> Result<(), WordError> {
    let history = store.run(run).await?.ok_or_else(|| StoreError::NotFound {
        what: "run",
        id: run.0.clone(),
    })?;
    let mut hash = word.hash;
    if let Some((step, approval)) = history.question() {
        let step = step.step.clone();
        if !approval.admits(&word.who) {
            let by = approval.by.clone();
            let who = word.who.name;
            return Err(WordError::NotEntitled { who, step, by });
        }
        if now >= approval.expires_at {
            let at = approval.expires_at;
            return Err(WordError::Expired { step, at });
        }
        hash.get_or_insert_with(|| approval.hash.clone());
    }
    let answer = Answer {
        approved: word.approved,
        who: word.who.on_record(),
        why: word.why,
        at: now,
    };
    // Nothing is asked: the journal knows best why not.
    store.answer(run, &hash.unwrap_or_default(), answer, now).await?;
    Ok(())
}
