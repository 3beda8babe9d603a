//! In: wishes for work, and for knowing about it. Out: tasks in the journal. Never: a change to a task that is not as it was
//! read.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::Held;
use super::task::{Task, TaskState};
use super::tellings::Telling;
use super::wish::{self, NOTE_CHARS_MAX, NewTask};
use super::writing::{Read, Writing, parsed};
use super::{KEPT_MS, OPEN_MAX};
use crate::clock::{Clock, after};
use crate::journal::{PAGE_MAX, Store, StoreError};
use crate::telemetry::numbers;

/// How often a change is tried anew when somebody else was quicker.
pub(super) const ROUNDS_MAX: usize = 32;

/// Why something about tasks, agents or letters was not done.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The journal does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such task or agent.
    #[error("{0}")]
    NotFound(String),
    /// An argument is not as it must be.
    #[error("`{0}` {1}")]
    Invalid(&'static str, String),
    /// It is not in a state for that.
    #[error("{0}")]
    Conflict(String),
    /// Whoever asks is not the one who may.
    #[error("{0}")]
    Forbidden(String),
    /// The caller does not have the task under this fence, or no more.
    #[error(
        "task {task} is not held under fence {fence} by the caller: it is {}{}",
        state.as_str(),
        holder.as_ref().map(|agent| format!(", held by {agent}")).unwrap_or_default()
    )]
    Lost {
        /// The task.
        task: String,
        /// The fence that is too old, or somebody else's.
        fence: u64,
        /// Where the task stands.
        state: TaskState,
        /// Who has it.
        holder: Option<String>,
    },
}

impl BoardError {
    pub(super) fn invalid(name: &'static str, why: &str) -> Self {
        Self::Invalid(name, why.into())
    }

    pub(super) fn conflict(why: String) -> Self {
        Self::Conflict(why)
    }

    pub(super) fn busy() -> Self {
        Self::Store(StoreError::Unavailable(
            "too many others changed the same at once; ask again".into(),
        ))
    }
}

/// Tasks, agents and letters, in a journal. Cheap to make.
#[derive(Clone, Debug)]
pub struct Board {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
}

/// What is kept of an open task where claims look for one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) needs: Vec<String>,
    pub(super) to: Option<String>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
}

/// Which tasks.
#[derive(Clone, Debug, Default)]
pub struct TaskQuery {
    /// Only those that stand so; open and claimed ones unless it says so.
    pub state: Option<TaskState>,
    /// Settled ones, too.
    pub all: bool,
    /// Only those that this agent has, or that are for it.
    pub agent: Option<String>,
    /// Behind this one.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Tasks, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Open ones in the order in which they are given out, then by id.
    pub tasks: Vec<Task>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

pub(super) fn at_task(id: &str) -> String {
    format!("task/{id}")
}

pub(super) fn at_lease(id: &str) -> String {
    format!("lease/{id}")
}

fn at_held(id: &str) -> String {
    format!("held/{id}")
}

/// The order in which open tasks are given out: the most urgent first, then the oldest.
fn at_open(task: &Task) -> String {
    let ms = task.posted_at.as_millisecond().max(0);
    format!("open/{}{ms:015}/{}", 9 - task.priority.min(9), task.id)
}

impl Board {
    /// The board in this journal.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Somebody wants something done. The same key is the same task, however often it is wanted: then it says how it stands
    /// and `true`.
    pub async fn post(&self, who: &str, wish: NewTask) -> Result<(Task, bool), BoardError> {
        let task = wish.open(who, self.clock.now())?;
        let at = at_task(&task.id);
        if let Some(there) = self.read::<Task>(&at).await? {
            return Ok((self.same_wish(there.value, &task)?, true));
        }
        if self.all("open/").await?.len() >= OPEN_MAX {
            return Err(BoardError::conflict(format!(
                "{OPEN_MAX} tasks are open and nobody does them: list_tasks shows them, and no more are taken until some are settled"
            )));
        }
        let mut writing = Writing::default();
        writing.expect_none(&at)?;
        self.keep(&mut writing, None, &task)?;
        writing.say(who, "task.post", &task.id, Some(task.title.clone()));
        if self.write(writing).await? {
            numbers::TASKS_TOTAL.count(["posted"]);
            return Ok((task, false));
        }
        let there = self.task(&task.id).await?;
        Ok((self.same_wish(there, &task)?, true))
    }

    fn same_wish(&self, there: Task, wanted: &Task) -> Result<Task, BoardError> {
        let same =
            there.title == wanted.title && there.data == wanted.data && there.posted_by == wanted.posted_by;
        match same {
            true => Ok(there),
            false => Err(BoardError::conflict(format!(
                "this idempotency key was used for another task, {}; take a new key for a new one",
                there.id
            ))),
        }
    }

    /// One task.
    pub async fn task(&self, id: &str) -> Result<Task, BoardError> {
        Ok(self.read_task(id).await?.value)
    }

    pub(super) async fn read_task(&self, id: &str) -> Result<Read<Task>, BoardError> {
        let plain = !id.is_empty() && id.len() <= 64 && id.chars().all(|sign| sign.is_ascii_alphanumeric());
        let found = match plain {
            true => self.read(&at_task(id)).await?,
            false => None,
        };
        found.ok_or_else(|| {
            BoardError::NotFound(format!(
                "there is no task {id:?}; settled ones are kept for {} days",
                KEPT_MS / (24 * 3_600_000)
            ))
        })
    }

    /// Tasks, page by page.
    pub async fn tasks(&self, query: &TaskQuery) -> Result<Listing, BoardError> {
        let wants = |task: &Task| {
            let state = match query.state {
                Some(state) => task.state == state,
                None => query.all || !task.state.is_settled(),
            };
            let holder = task.holder.as_ref().map(|holder| &holder.agent);
            state && (query.agent.is_none() || holder == query.agent.as_ref() || task.to == query.agent)
        };
        let limit = query.limit.clamp(1, PAGE_MAX);
        let (mut tasks, mut after) = (Vec::new(), query.cursor.as_ref().map(|id| at_task(id)));
        loop {
            let (entries, next) = self.page("task/", after, PAGE_MAX).await?;
            for entry in &entries {
                let task: Task = parsed(entry)?;
                if !wants(&task) {
                    continue;
                }
                if tasks.len() == limit {
                    let next = tasks.last().map(|task: &Task| task.id.clone());
                    return Ok(Listing { tasks, next });
                }
                tasks.push(task);
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(Listing { tasks, next: None }),
            }
        }
    }

    /// Its holder did it. Said again under the same fence, it is done already.
    pub async fn complete(
        &self,
        agent: &str,
        id: &str,
        fence: u64,
        result: Value,
    ) -> Result<Task, BoardError> {
        wish::small("result", &result)?;
        self.change(id, |task, now| {
            if task.said_before(agent, fence, "done") {
                return Ok(None);
            }
            task.done(agent, fence, result.clone(), now).map(Some)
        })
        .await
    }

    /// Its holder could not do it; `again_ms` is when it may be tried again.
    pub async fn fail(
        &self,
        agent: &str,
        id: &str,
        fence: u64,
        why: &str,
        again_ms: Option<i64>,
    ) -> Result<Task, BoardError> {
        wish::short("reason", Some(why), NOTE_CHARS_MAX)?;
        self.change(id, |task, now| {
            if task.said_before(agent, fence, "failed") {
                return Ok(None);
            }
            let again = again_ms.map(|ms| after(now, ms));
            task.failed(agent, fence, why, again, now).map(Some)
        })
        .await
    }

    /// Its holder hands it on.
    pub async fn hand_off(
        &self,
        agent: &str,
        id: &str,
        fence: u64,
        (to, needs): (Option<String>, Option<Vec<String>>),
        note: Option<&str>,
    ) -> Result<Task, BoardError> {
        wish::short("note", note, NOTE_CHARS_MAX)?;
        let needs = needs.map(|needs| wish::abilities("needs", needs)).transpose()?;
        self.change(id, |task, now| {
            if task.said_before(agent, fence, "handed_off") {
                return Ok(None);
            }
            task.handed_off(agent, fence, to.clone(), needs.clone(), note, now)
                .map(Some)
        })
        .await
    }

    /// Nobody wants it any more. `own` is for agents: only what they posted themselves.
    pub async fn cancel(
        &self,
        who: &str,
        own: bool,
        id: &str,
        why: Option<&str>,
    ) -> Result<Task, BoardError> {
        wish::short("reason", why, NOTE_CHARS_MAX)?;
        self.change(id, |task, now| {
            if own && task.posted_by != who {
                return Err(BoardError::Forbidden(format!(
                    "task {} was posted by {}, and an agent cancels only what it posted itself",
                    task.id, task.posted_by
                )));
            }
            if task.state == TaskState::Cancelled {
                return Ok(None);
            }
            task.cancelled(who, why, now).map(Some)
        })
        .await
    }

    /// Changes a task by a function of what it is; `None` leaves it.
    async fn change(
        &self,
        id: &str,
        step: impl Fn(Task, Timestamp) -> Result<Option<Task>, BoardError>,
    ) -> Result<Task, BoardError> {
        for _ in 0..ROUNDS_MAX {
            let read = self.read_task(id).await?;
            let Some(task) = step(read.value.clone(), self.clock.now())? else {
                return Ok(read.value);
            };
            let mut writing = Writing::default();
            writing.expect(&at_task(id), &read)?;
            if self.settle(writing, &read.value, &task).await? {
                return Ok(task);
            }
        }
        Err(BoardError::busy())
    }

    /// Writes what a task became, with what goes on record and what is told. Whoever calls says what must be so.
    pub(super) async fn settle(
        &self,
        mut writing: Writing,
        was: &Task,
        task: &Task,
    ) -> Result<bool, BoardError> {
        self.keep(&mut writing, Some(was), task)?;
        let what = task.history.last();
        let word = what.map_or("changed", |what| what.what.as_str());
        if let Some(what) = what {
            writing.say(
                &what.who,
                &format!("task.{}", what.what),
                &task.id,
                what.note.clone(),
            );
        }
        if let Some(telling) = Telling::of_task(task, self.clock.now()) {
            writing.put(&telling.place(), &telling, None)?;
        }
        let done = self.write(writing).await?;
        if done {
            numbers::TASKS_TOTAL.count([word]);
            if task.state == TaskState::Failed && word != "expired" {
                numbers::TASKS_TOTAL.count(["given_up"]);
            }
        }
        Ok(done)
    }

    /// Puts a task where it is looked for, and takes it from where it is looked for no more.
    pub(super) fn keep(
        &self,
        writing: &mut Writing,
        was: Option<&Task>,
        task: &Task,
    ) -> Result<(), BoardError> {
        let ttl_ms = task.state.is_settled().then_some(KEPT_MS);
        writing.put(&at_task(&task.id), task, ttl_ms)?;
        if let Some(was) = was {
            if was.state == TaskState::Open && at_open(was) != at_open(task) || task.state != TaskState::Open
            {
                writing.delete(&at_open(was))?;
            }
            if was.state == TaskState::Claimed && task.state != TaskState::Claimed {
                writing.delete(&at_held(&task.id))?.delete(&at_lease(&task.id))?;
            }
        }
        match (&task.state, &task.holder) {
            (TaskState::Open, _) => {
                let open = Open {
                    needs: task.needs.clone(),
                    to: task.to.clone(),
                    not_before: task.not_before,
                    expires_at: task.expires_at,
                };
                writing.put(&at_open(task), &open, None)?;
            }
            (TaskState::Claimed, Some(holder)) => {
                let held = Held {
                    agent: holder.agent.clone(),
                    claim: holder.claim.clone(),
                };
                writing.put(&at_held(&task.id), &held, None)?.put(
                    &at_lease(&task.id),
                    &holder.agent,
                    Some(holder.lease_ms),
                )?;
            }
            _ => {}
        }
        Ok(())
    }
}
