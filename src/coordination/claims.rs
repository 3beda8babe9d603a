//! In: an agent that wants work, or has some. Out: a task that is its own for a while. Never: a task whose needs it does not
//! meet; a second task for a claim whose answer was lost.

use serde::{Deserialize, Serialize};

use super::board::{Board, BoardError, Open, ROUNDS_MAX, at_lease, at_task};
use super::task::{Task, TaskState};
use super::wish::{NOTE_CHARS_MAX, short};
use super::writing::{Writing, parsed};
use super::{LEASE_MS, LEASE_MS_RANGE};
use crate::journal::PAGE_MAX;

/// What is kept of a task that somebody has.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) agent: String,
    pub(super) claim: Option<String>,
}

/// A task, and for how long it is the caller's without a word, in milliseconds.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The task; its holder's fence is what the agent shows from now on.
    pub task: Task,
    /// See there.
    pub lease_ms: i64,
}

/// A task that an agent says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The task.
    pub task: String,
    /// The fence it was given with.
    pub fence: u64,
}

fn checked(lease_ms: Option<i64>) -> Result<i64, BoardError> {
    let lease_ms = lease_ms.unwrap_or(LEASE_MS);
    match LEASE_MS_RANGE.contains(&lease_ms) {
        true => Ok(lease_ms),
        false => Err(BoardError::invalid("lease_s", "is 1 to 86,400 seconds")),
    }
}

impl Board {
    /// Gives `agent` the most urgent task that it can do, if there is one; only `only`, if it says so. With a key, the same
    /// claim gives the same task as long as the agent has it.
    pub async fn claim(
        &self,
        agent: &str,
        only: Option<&str>,
        lease_ms: Option<i64>,
        key: Option<String>,
    ) -> Result<Option<Claimed>, BoardError> {
        let lease_ms = checked(lease_ms)?;
        let present = self.touch(agent).await?;
        // What others lost is there for this claim: nothing waits for a timer.
        self.sweep_tasks().await?;
        if let Some(key) = &key
            && let Some(task) = self.claimed_before(agent, key).await?
        {
            return Ok(Some(Claimed { task, lease_ms }));
        }
        for _ in 0..ROUNDS_MAX {
            let (candidates, somebody_was_quicker) = match only {
                Some(id) => (vec![id.to_owned()], false),
                None => (self.candidates(agent, &present.capabilities).await?, false),
            };
            let mut lost = somebody_was_quicker;
            for id in candidates {
                let read = self.read_task(&id).await;
                let read = match read {
                    Err(BoardError::NotFound(_)) if only.is_none() => continue,
                    read => read?,
                };
                let now = self.clock.now();
                if only.is_none() && read.value.state != TaskState::Open {
                    continue;
                }
                if only.is_some() {
                    self.may_begin(&read.value, agent, &present.capabilities).await?;
                }
                let task = read.value.clone().claimed(agent, key.clone(), lease_ms, now)?;
                let mut writing = Writing::default();
                writing.expect(&at_task(&id), &read)?;
                if self.settle(writing, &read.value, &task).await? {
                    return Ok(Some(Claimed { task, lease_ms }));
                }
                lost = true;
            }
            if !lost {
                return Ok(None);
            }
        }
        Err(BoardError::busy())
    }

    /// Open tasks that `agent` can do now, the most urgent first.
    async fn candidates(&self, agent: &str, abilities: &[String]) -> Result<Vec<String>, BoardError> {
        let now = self.clock.now();
        let here = self.here().await?;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (entries, next) = self.page("open/", after, PAGE_MAX).await?;
            for entry in &entries {
                let open: Open = parsed(entry)?;
                // What is for an agent that is not there is for everybody.
                let for_other = open
                    .to
                    .as_ref()
                    .is_some_and(|to| to != agent && here.contains(to));
                let early = open.not_before.is_some_and(|begin| begin > now);
                let late = open.expires_at.is_some_and(|end| end <= now);
                if for_other || early || late || !Task::fits(&open.needs, abilities) {
                    continue;
                }
                found.extend(entry.name.rsplit('/').next().map(str::to_owned));
            }
            match next {
                Some(next) if found.is_empty() => after = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// That `agent` may begin this very task.
    async fn may_begin(&self, task: &Task, agent: &str, abilities: &[String]) -> Result<(), BoardError> {
        let lacks: Vec<&str> = task
            .needs
            .iter()
            .filter(|need| !abilities.contains(need))
            .map(String::as_str)
            .collect();
        if !lacks.is_empty() {
            return Err(BoardError::conflict(format!(
                "task {} needs {}, and {agent} registered without",
                task.id,
                lacks.join(", ")
            )));
        }
        let now = self.clock.now();
        if task.not_before.is_some_and(|begin| begin > now) {
            return Err(BoardError::conflict(format!(
                "task {} is not to be begun yet",
                task.id
            )));
        }
        if let Some(to) = &task.to
            && to != agent
            && self.here().await?.contains(to)
        {
            return Err(BoardError::conflict(format!("task {} is for {to}", task.id)));
        }
        Ok(())
    }

    async fn claimed_before(&self, agent: &str, key: &str) -> Result<Option<Task>, BoardError> {
        for entry in self.all("held/").await? {
            let held: Held = parsed(&entry)?;
            if held.agent != agent || held.claim.as_deref() != Some(key) {
                continue;
            }
            let task = self.task(&entry.name).await?;
            let same = |holder: &super::Holder| holder.agent == agent && holder.claim.as_deref() == Some(key);
            if task.holder.as_ref().is_some_and(same) {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Holds a task for longer, with a word on how far it is.
    pub async fn update(
        &self,
        agent: &str,
        holding: &Holding,
        note: Option<&str>,
        lease_ms: Option<i64>,
    ) -> Result<Claimed, BoardError> {
        short("note", note, NOTE_CHARS_MAX)?;
        let lease_ms = lease_ms.map(|ms| checked(Some(ms))).transpose()?;
        for _ in 0..ROUNDS_MAX {
            let read = self.read_task(&holding.task).await?;
            let mut task = read.value.clone();
            let mut holder = task.held_by(agent, holding.fence)?.clone();
            holder.lease_ms = lease_ms.unwrap_or(holder.lease_ms);
            let lease_ms = holder.lease_ms;
            let mut writing = Writing::default();
            writing.expect(&at_task(&task.id), &read)?;
            if note.is_none() && task.holder.as_ref() == Some(&holder) {
                writing.put(&at_lease(&task.id), &agent, Some(lease_ms))?;
            } else {
                task.holder = Some(holder);
                task.note = note.map(Into::into).or(task.note);
                self.keep(&mut writing, Some(&read.value), &task)?;
            }
            if self.write(writing).await? {
                return Ok(Claimed { task, lease_ms });
            }
        }
        Err(BoardError::busy())
    }
}
