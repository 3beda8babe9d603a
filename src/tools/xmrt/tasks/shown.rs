//! In: a task, an agent, a letter as they are kept. Out: the same as a tool shows it. Never: more than was asked for.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::coordination::{Letter, Present, Task, TaskState};

/// A task in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaskOutline {
    pub(super) id: String,
    pub(super) title: String,
    /// open, claimed, done, failed or cancelled.
    pub(super) state: &'static str,
    /// 9 comes first.
    pub(super) priority: u8,
    /// What it is about.
    pub(super) about: Option<String>,
    /// What an agent must be able to do.
    pub(super) needs: Vec<String>,
    /// For whom alone, as long as that agent is there.
    pub(super) to: Option<String>,
    /// Who has it.
    pub(super) agent: Option<String>,
    /// The number of the present holding: its holder shows it with whatever it says.
    pub(super) fence: Option<u64>,
    pub(super) attempts: u32,
    pub(super) attempts_max: u32,
    pub(super) posted_by: String,
    pub(super) posted_at: String,
    /// How far it is.
    pub(super) note: Option<String>,
    /// Why it failed, the last time or for good.
    pub(super) reason: Option<String>,
}

/// A whole task.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaskWhole {
    #[serde(flatten)]
    pub(super) outline: TaskOutline,
    pub(super) body: String,
    /// What goes along.
    pub(super) data: Value,
    /// What came of it.
    pub(super) result: Value,
    pub(super) not_before: Option<String>,
    pub(super) expires_at: Option<String>,
    /// What happened to it, oldest first.
    pub(super) history: Vec<Happened>,
}

/// One thing that happened to a task.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Happened {
    at: String,
    who: String,
    what: String,
    note: Option<String>,
}

/// An agent that registered.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AgentShown {
    pub(super) agent: String,
    pub(super) capabilities: Vec<String>,
    /// Who it is, in its own words.
    pub(super) note: Option<String>,
    pub(super) registered_at: String,
    pub(super) last_seen_at: String,
    /// After how many seconds without a word it counts as silent.
    pub(super) silent_after_s: i64,
    /// It was not heard of for longer than that.
    pub(super) silent: bool,
}

/// A message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LetterShown {
    /// Its place among the messages to you.
    seq: u64,
    from: String,
    at: String,
    text: String,
    /// The task it is about.
    task: Option<String>,
}

impl From<Task> for TaskOutline {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            title: task.title,
            state: task.state.as_str(),
            priority: task.priority,
            about: task.about,
            needs: task.needs,
            to: task.to,
            fence: task.holder.as_ref().map(|holder| holder.fence),
            agent: task.holder.map(|holder| holder.agent),
            attempts: task.attempts,
            attempts_max: task.attempts_max,
            posted_by: task.posted_by,
            posted_at: task.posted_at.to_string(),
            note: task.note,
            reason: task.reason,
        }
    }
}

impl From<Task> for TaskWhole {
    fn from(task: Task) -> Self {
        let happened = |seen: &crate::coordination::Happening| Happened {
            at: seen.at.to_string(),
            who: seen.who.clone(),
            what: seen.what.clone(),
            note: seen.note.clone(),
        };
        Self {
            body: task.body.clone(),
            data: task.data.clone(),
            result: task.result.clone(),
            not_before: task.not_before.map(|at| at.to_string()),
            expires_at: task.expires_at.map(|at| at.to_string()),
            history: task.history.iter().map(happened).collect(),
            outline: task.into(),
        }
    }
}

impl From<Present> for AgentShown {
    fn from(present: Present) -> Self {
        Self {
            agent: present.agent,
            capabilities: present.capabilities,
            note: present.note,
            registered_at: present.registered_at.to_string(),
            last_seen_at: present.last_seen_at.to_string(),
            silent_after_s: present.silent_ms / 1_000,
            silent: present.silent,
        }
    }
}

impl From<Letter> for LetterShown {
    fn from(letter: Letter) -> Self {
        Self {
            seq: letter.seq,
            from: letter.from,
            at: letter.at.to_string(),
            text: letter.text,
            task: letter.task,
        }
    }
}

/// Where a task stands, as an argument.
#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Nobody has it.
    Open,
    /// Somebody works on it.
    Claimed,
    /// It was done.
    Done,
    /// It was given up.
    Failed,
    /// It is wanted no more.
    Cancelled,
}

impl From<Standing> for TaskState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Open => Self::Open,
            Standing::Claimed => Self::Claimed,
            Standing::Done => Self::Done,
            Standing::Failed => Self::Failed,
            Standing::Cancelled => Self::Cancelled,
        }
    }
}
