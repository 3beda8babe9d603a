//! In: what agents write to each other. Out: the same, in the order in which it was written, until it is read. Never: a letter
//! twice for one key; a gap that a reader could not see.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::board::{Board, BoardError, ROUNDS_MAX};
use super::presence::{Present, at_agent};
use super::writing::{Read, Writing, parsed};
use super::{KEPT_MS, LETTERS_MAX};

const TEXT_CHARS_MAX: usize = 32_768;

/// A message from one agent to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its place among the letters to this agent, from 1.
    pub seq: u64,
    /// Who wrote it.
    pub from: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
    /// The task it is about.
    pub task: Option<String>,
}

/// What to write, and to whom.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// To whom.
    pub to: String,
    /// What.
    pub text: String,
    /// The task it is about.
    pub task: Option<String>,
    /// The same key is the same letter.
    pub key: Option<String>,
}

/// Where a letter went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its place.
    pub seq: u64,
    /// It was there already.
    pub duplicate: bool,
}

fn at_letter(to: &str, seq: u64) -> String {
    format!("letter/{to}/{seq:012}")
}

fn at_count(to: &str) -> String {
    format!("count/{to}")
}

impl Board {
    /// Writes to an agent, which need not be there yet.
    pub async fn send(&self, from: &str, letter: NewLetter) -> Result<Sent, BoardError> {
        if letter.text.is_empty() || letter.text.chars().count() > TEXT_CHARS_MAX {
            return Err(BoardError::invalid("text", "has 1 to 32,768 characters"));
        }
        if let Some(task) = &letter.task {
            self.read_task(task).await?;
        }
        let sent_at = letter.key.as_ref().map(|key| {
            let digest = Sha256::digest(serde_json::json!([from, key]).to_string());
            format!("sent/{}/{}", letter.to, hex::encode(&digest[..16]))
        });
        for _ in 0..ROUNDS_MAX {
            if let Some(sent_at) = &sent_at
                && let Some(seq) = self.read::<u64>(sent_at).await?
            {
                return Ok(Sent {
                    seq: seq.value,
                    duplicate: true,
                });
            }
            let count: Option<Read<u64>> = self.read(&at_count(&letter.to)).await?;
            let seq = count.as_ref().map_or(0, |count| count.value) + 1;
            let reader: Option<Read<Present>> = self.read(&at_agent(&letter.to)).await?;
            let read = reader.map_or(0, |reader| reader.value.read);
            if seq > read + LETTERS_MAX {
                return Err(BoardError::conflict(format!(
                    "{} has {LETTERS_MAX} letters that it did not read",
                    letter.to
                )));
            }
            let mut writing = Writing::default();
            match &count {
                Some(count) => writing.expect(&at_count(&letter.to), count)?,
                None => writing.expect_none(&at_count(&letter.to))?,
            };
            let written = Letter {
                seq,
                from: from.into(),
                at: self.clock.now(),
                text: letter.text.clone(),
                task: letter.task.clone(),
            };
            writing.put(&at_count(&letter.to), &seq, None)?.put(
                &at_letter(&letter.to, seq),
                &written,
                Some(KEPT_MS),
            )?;
            if let Some(sent_at) = &sent_at {
                writing.expect_none(sent_at)?.put(sent_at, &seq, Some(KEPT_MS))?;
            }
            if self.write(writing).await? {
                return Ok(Sent {
                    seq,
                    duplicate: false,
                });
            }
        }
        Err(BoardError::busy())
    }

    /// The letters to `agent` behind `after`, or behind what it said it has read.
    pub async fn letters(
        &self,
        agent: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Letter>, bool), BoardError> {
        let after = match after {
            Some(after) => after,
            None => self.registered(agent).await?.value.read,
        };
        let prefix = format!("letter/{agent}/");
        let (entries, next) = self.page(&prefix, Some(at_letter(agent, after)), limit).await?;
        let letters = entries.iter().map(parsed).collect::<Result<Vec<Letter>, _>>()?;
        Ok((letters, next.is_some()))
    }

    /// The place of the newest letter to an agent.
    pub(super) async fn newest_letter(&self, agent: &str) -> Result<u64, BoardError> {
        let count: Option<Read<u64>> = self.read(&at_count(agent)).await?;
        Ok(count.map_or(0, |count| count.value))
    }
}
