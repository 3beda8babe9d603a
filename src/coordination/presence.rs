//! In: what agents say of themselves, and that they are still there. Out: who is there and what each can do. Never: a grant:
//! what an agent says that it can do decides which work it is offered, not what it may do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::board::{Board, BoardError, ROUNDS_MAX};
use super::claims::Holding;
use super::wish::{NOTE_CHARS_MAX, abilities, short};
use super::writing::{Read, Writing, parsed};
use super::{KEPT_MS, SILENT_MS, SILENT_MS_RANGE};

/// What an agent says of itself.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Who it is, in words.
    pub note: Option<String>,
    /// How long it may stay without a word, in milliseconds.
    pub silent_ms: Option<i64>,
}

/// An agent that registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// Its id.
    pub agent: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Who it is, in words.
    pub note: Option<String>,
    /// When it registered last.
    pub registered_at: Timestamp,
    /// When it was heard of last.
    pub last_seen_at: Timestamp,
    /// How long it may stay without a word, in milliseconds.
    pub silent_ms: i64,
    /// It was not heard of for longer than that.
    pub silent: bool,
    /// How often it went silent.
    pub silences: u64,
    /// Up to which letter it has read.
    pub read: u64,
}

/// What a heartbeat comes to.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The agent as it is known.
    pub agent: Present,
    /// The tasks that it holds for longer now.
    pub held: Vec<Holding>,
    /// Those that are not its own any more: to be left alone.
    pub lost: Vec<Holding>,
    /// How many letters wait.
    pub letters: u64,
}

pub(super) fn at_agent(id: &str) -> String {
    format!("agent/{id}")
}

pub(super) fn at_here(id: &str) -> String {
    format!("here/{id}")
}

impl Board {
    /// An agent says that it is there, and what it can do. Said again, it is as it says then.
    pub async fn register(&self, agent: &str, said: Registration) -> Result<Present, BoardError> {
        let capabilities = abilities("capabilities", said.capabilities)?;
        short("note", said.note.as_deref(), NOTE_CHARS_MAX)?;
        let silent_ms = said.silent_ms.unwrap_or(SILENT_MS);
        if !SILENT_MS_RANGE.contains(&silent_ms) {
            return Err(BoardError::invalid("silent_after_s", "is 1 to 86,400 seconds"));
        }
        for _ in 0..ROUNDS_MAX {
            let now = self.clock.now();
            let before: Option<Read<Present>> = self.read(&at_agent(agent)).await?;
            let present = Present {
                agent: agent.into(),
                capabilities: capabilities.clone(),
                note: said.note.clone(),
                registered_at: now,
                last_seen_at: now,
                silent_ms,
                silent: false,
                silences: before.as_ref().map_or(0, |before| before.value.silences),
                read: before.as_ref().map_or(0, |before| before.value.read),
            };
            let mut writing = Writing::default();
            match &before {
                Some(before) => writing.expect(&at_agent(agent), before)?,
                None => writing.expect_none(&at_agent(agent))?,
            };
            seen(&mut writing, &present)?;
            writing.say(
                agent,
                "agent.register",
                agent,
                Some(present.capabilities.join(", ")),
            );
            if self.write(writing).await? {
                return Ok(present);
            }
        }
        Err(BoardError::busy())
    }

    /// An agent that registered is still there.
    pub(super) async fn touch(&self, agent: &str) -> Result<Present, BoardError> {
        self.seen(agent, None).await
    }

    async fn seen(&self, agent: &str, read_up_to: Option<u64>) -> Result<Present, BoardError> {
        for _ in 0..ROUNDS_MAX {
            let before = self.registered(agent).await?;
            let mut present = before.value.clone();
            present.last_seen_at = self.clock.now();
            present.silent = false;
            present.read = present.read.max(read_up_to.unwrap_or(0));
            let mut writing = Writing::default();
            writing.expect(&at_agent(agent), &before)?;
            seen(&mut writing, &present)?;
            if self.write(writing).await? {
                return Ok(present);
            }
        }
        Err(BoardError::busy())
    }

    /// An agent is still there, still at these tasks, and has read its letters up to this one.
    pub async fn heartbeat(
        &self,
        agent: &str,
        holdings: &[Holding],
        read_up_to: Option<u64>,
    ) -> Result<Beat, BoardError> {
        let newest = self.newest_letter(agent).await?;
        if read_up_to.is_some_and(|read| read > newest) {
            return Err(BoardError::Invalid(
                "read_up_to",
                format!("is beyond the newest letter, {newest}"),
            ));
        }
        let present = self.seen(agent, read_up_to).await?;
        let (mut held, mut lost) = (Vec::new(), Vec::new());
        for holding in holdings {
            match self.update(agent, holding, None, None).await {
                Ok(_) => held.push(holding.clone()),
                Err(BoardError::Lost { .. } | BoardError::NotFound(_)) => lost.push(holding.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(Beat {
            letters: newest.saturating_sub(present.read),
            agent: present,
            held,
            lost,
        })
    }

    pub(super) async fn registered(&self, agent: &str) -> Result<Read<Present>, BoardError> {
        self.read(&at_agent(agent)).await?.ok_or_else(|| {
            BoardError::conflict(format!(
                "{agent} is not registered: call register_agent first, with what it can do"
            ))
        })
    }

    /// Whether somebody of this name registered, and was heard of in the last thirty days.
    pub async fn is_known(&self, agent: &str) -> Result<bool, BoardError> {
        let plain = !agent.is_empty()
            && agent.len() <= 100
            && !agent.contains('/')
            && !agent.contains(char::is_control);
        Ok(plain && self.read::<Present>(&at_agent(agent)).await?.is_some())
    }

    /// Everybody who registered, by id.
    pub async fn agents(&self) -> Result<Vec<Present>, BoardError> {
        let here = self.here().await?;
        self.all("agent/")
            .await?
            .iter()
            .map(|entry| {
                let mut present: Present = parsed(entry)?;
                // Also before anybody has noticed.
                present.silent = !here.contains(&present.agent);
                Ok(present)
            })
            .collect()
    }

    /// Who was heard of lately.
    pub(super) async fn here(&self) -> Result<BTreeSet<String>, BoardError> {
        let here = self.all("here/").await?;
        Ok(here.into_iter().map(|entry| entry.name).collect())
    }
}

fn seen(writing: &mut Writing, present: &Present) -> Result<(), BoardError> {
    writing
        .put(&at_agent(&present.agent), present, Some(KEPT_MS))?
        .put(&at_here(&present.agent), &true, Some(present.silent_ms))?;
    Ok(())
}
