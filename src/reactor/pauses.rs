//! In: what people paused, a run and its rule, or an agent. Out: whether it stands still, and why. Never: a run that is stopped in the
//! middle of a call.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Reactor;
use crate::agents::REACTOR;
use crate::clock::Clock;
use crate::journal::{Pause, RunRecord, StoreError};

/// How long a look at the pauses is good for: others may pause and resume, too.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What was paused when it was looked at last.
pub(super) type Seen = Option<(Instant, Arc<[Pause]>)>;

/// Why something cannot be paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The name means nothing here.
    #[error("{0}")]
    Unknown(String),
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reactor {
    /// Everything that is paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.store.pauses().await
    }

    /// Lets a rule, an agent, a group, or all stand still: no run of it makes another call, and an agent none of its own.
    /// Gives what was paused.
    pub async fn pause(&self, name: &str, who: &str) -> Result<String, PauseError> {
        let what = self
            .unless_refused((who, "pause", name), self.pausable(name))
            .await?;
        self.store.pause(&what, who, self.clock.now()).await?;
        self.forget_pauses();
        tracing::warn!(target: "audit", who, "paused: {what}");
        Ok(what)
    }

    /// Lets it go on; false if it was not paused.
    pub async fn resume(&self, name: &str, who: &str) -> Result<(String, bool), PauseError> {
        let pauses = self.store.pauses().await?;
        // What is paused can be resumed, even if its rule is gone by now.
        let known = |what: &String| pauses.iter().any(|pause| pause.what == *what);
        let what = candidates(name).into_iter().find(known);
        let what = match what {
            Some(what) => what,
            None => {
                self.unless_refused((who, "resume", name), self.pausable(name))
                    .await?
            }
        };
        let ended = self.store.resume(&what, who, self.clock.now()).await?;
        self.forget_pauses();
        if ended {
            tracing::info!(target: "audit", who, "resumed: {what}");
        }
        self.wake();
        Ok((what, ended))
    }

    /// What a name means: `all`, something with its kind, or a rule.
    fn pausable(&self, name: &str) -> Result<String, PauseError> {
        if name == "all" {
            return Ok(name.into());
        }
        let rule = name.strip_prefix("rule:").unwrap_or(name);
        if self.book().rule(rule).is_some() {
            return Ok(format!("rule:{rule}"));
        }
        match name.split_once(':') {
            Some(("group", id)) if !id.is_empty() => Ok(name.into()),
            Some(("agent", id)) if id == REACTOR || self.directory().agent(id).is_some() => Ok(name.into()),
            Some(("agent", id)) if !id.is_empty() => {
                let ids: Vec<&str> = self.directory().agents().map(|agent| agent.id.as_str()).collect();
                let near = crate::hub::nearest(id, ids.iter().copied());
                let hint = match near {
                    Some(near) => format!("; did you mean `agent:{near}`?"),
                    None if ids.is_empty() => "; xmrt.toml names none".into(),
                    None => format!("; there are {}", ids.join(", ")),
                };
                Err(PauseError::Unknown(format!("there is no agent `{id}`{hint}")))
            }
            _ => Err(PauseError::Unknown(format!(
                "there is no rule `{rule}` in force; say `all`, a rule, `group:<name>` or `agent:<id>`"
            ))),
        }
    }

    /// The pause that keeps a run from making a call as `agent`, if there is one.
    pub(super) async fn paused(&self, run: &RunRecord, agent: &str) -> Result<Option<Pause>, StoreError> {
        let pauses = self.seen_pauses().await?;
        let group = run.group.as_ref().map(|place| place.group.key.as_str());
        let stands_still = |pause: &&Pause| match pause.what.split_once(':') {
            None => pause.what == "all",
            Some(("rule", id)) => run.rule == id,
            Some(("group", name)) => group == Some(name),
            Some(("agent", id)) => agent == id,
            Some(_) => false,
        };
        Ok(pauses.iter().find(stands_still).cloned())
    }

    /// The pause that keeps an agent from making calls of its own, if there is one.
    pub async fn agent_paused(&self, agent: &str) -> Result<Option<Pause>, StoreError> {
        let pauses = self.seen_pauses().await?;
        let stands_still =
            |pause: &&Pause| pause.what == "all" || pause.what.strip_prefix("agent:") == Some(agent);
        Ok(pauses.iter().find(stands_still).cloned())
    }

    /// The pauses, as they were a moment ago.
    async fn seen_pauses(&self) -> Result<Arc<[Pause]>, StoreError> {
        let now = Clock::monotonic();
        let seen = self.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, pauses)) = seen
            && now.saturating_duration_since(at) < GOOD_FOR
        {
            return Ok(pauses);
        }
        let pauses: Arc<[Pause]> = self.store.pauses().await?.into();
        *self.pauses.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&pauses)));
        Ok(pauses)
    }

    fn forget_pauses(&self) {
        *self.pauses.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Under which words a name may be paused.
fn candidates(name: &str) -> Vec<String> {
    let mut candidates = vec![name.to_owned()];
    candidates.extend(["rule", "group", "agent"].map(|kind| format!("{kind}:{name}")));
    candidates
}
