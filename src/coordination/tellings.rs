//! In: what became of tasks and agents. Out: what is to be made into events of our own, until it was. Never: an event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::board::{Board, BoardError};
use super::presence::Present;
use super::task::{Task, TaskState};
use super::writing::{Writing, parsed};

/// One thing that is to be told. Kept in the same write as what it tells of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// `task_done`, `task_failed`, `agent_silent`.
    pub kind: String,
    /// The id of its event: the same thing has the same one.
    pub id: String,
    /// When it came about.
    pub at: Timestamp,
    /// What the event says.
    pub payload: Value,
    /// The key of the call that posted the task.
    pub key: Option<String>,
}

impl Telling {
    pub(super) fn of_task(task: &Task, at: Timestamp) -> Option<Self> {
        let kind = match task.state {
            TaskState::Done => "task_done",
            TaskState::Failed => "task_failed",
            _ => return None,
        };
        let last = task.history.last().map(|last| last.who.clone());
        let payload = json!({
            "time": at.to_string(),
            "task": {
                "id": task.id,
                "title": task.title,
                "about": task.about,
                "data": task.data,
                "state": task.state.as_str(),
                "posted_by": task.posted_by,
                "agent": last,
                "attempts": task.attempts,
                "result": task.result,
                "reason": task.reason,
            },
        });
        Some(Self {
            kind: kind.into(),
            id: format!("{kind}-{}", task.id),
            at,
            payload,
            key: task.key.clone(),
        })
    }

    pub(super) fn of_silence(agent: &Present, at: Timestamp) -> Self {
        let payload = json!({
            "time": at.to_string(),
            "agent": {
                "id": agent.agent,
                "capabilities": agent.capabilities,
                "last_seen_at": agent.last_seen_at.to_string(),
                "silences": agent.silences,
            },
        });
        Self {
            kind: "agent_silent".into(),
            id: format!(
                "agent_silent-{}-{}-{}",
                agent.agent,
                agent.registered_at.as_millisecond(),
                agent.silences
            ),
            at,
            payload,
            key: None,
        }
    }

    /// Under which name it waits.
    pub(super) fn place(&self) -> String {
        format!("tell/{:015}/{}", self.at.as_millisecond().max(0), self.id)
    }
}

impl Board {
    /// What was not told yet, oldest first.
    pub async fn tellings(&self, max: usize) -> Result<Vec<Telling>, BoardError> {
        let (entries, _) = self.page("tell/", None, max).await?;
        entries.iter().map(parsed).collect()
    }

    /// It was told, or nobody wants to hear of it.
    pub async fn told(&self, telling: &Telling) -> Result<(), BoardError> {
        let mut writing = Writing::default();
        writing.delete(&telling.place())?;
        self.write(writing).await?;
        Ok(())
    }
}
