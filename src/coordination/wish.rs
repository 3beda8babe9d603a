//! In: what somebody wants done. Out: an open task, or what is wrong with the wish. Never: an id that is made up where a
//! key says which wish it is.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::board::BoardError;
use super::task::{Task, TaskState};
use super::{ATTEMPTS, ATTEMPTS_MAX};
use crate::clock::after;

/// How long a title and what a task is about may be.
pub const TITLE_CHARS_MAX: usize = 200;
/// How long a body may be.
pub const BODY_CHARS_MAX: usize = 32_768;
pub(super) const DATA_BYTES_MAX: usize = 65_536;
/// How long a note and a reason may be.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// How many abilities a task may need, and an agent may have.
pub const NEEDS_MAX: usize = 16;
const WORD_CHARS_MAX: usize = 64;
/// The priority that comes first.
pub const PRIORITY_MAX: u8 = 9;
/// What a task is worth unless it says so.
pub(super) const PRIORITY: u8 = 5;
const DAY_MS: i64 = 24 * 3_600_000;
const EXPIRES_MS_MAX: i64 = 30 * DAY_MS;

/// What somebody wants done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewTask {
    /// See [`Task`].
    pub title: String,
    /// See [`Task`].
    pub body: String,
    /// See [`Task`].
    pub about: Option<String>,
    /// See [`Task`].
    pub data: Value,
    /// See [`Task`].
    pub needs: Vec<String>,
    /// See [`Task`]; 5 unless it says so.
    pub priority: Option<u8>,
    /// See [`Task`].
    pub to: Option<String>,
    /// How often it may be begun; 3 unless it says so.
    pub attempts_max: Option<u32>,
    /// Given up when nobody has done it within so many milliseconds.
    pub expires_ms: Option<i64>,
    /// The same wish with the same key is one task.
    pub key: Option<String>,
}

impl NewTask {
    /// The task that `who` wants.
    pub(super) fn open(self, who: &str, now: Timestamp) -> Result<Task, BoardError> {
        if self.title.trim().is_empty() || self.title.chars().count() > TITLE_CHARS_MAX {
            return Err(BoardError::invalid("title", "has 1 to 200 characters"));
        }
        if self.body.chars().count() > BODY_CHARS_MAX {
            return Err(BoardError::invalid("body", "has at most 32,768 characters"));
        }
        short("about", self.about.as_deref(), TITLE_CHARS_MAX)?;
        small("data", &self.data)?;
        let needs = abilities("needs", self.needs)?;
        let priority = self.priority.unwrap_or(PRIORITY);
        if priority > PRIORITY_MAX {
            return Err(BoardError::invalid("priority", "is 0 to 9; 9 comes first"));
        }
        let attempts_max = self.attempts_max.unwrap_or(ATTEMPTS);
        if !(1..=ATTEMPTS_MAX).contains(&attempts_max) {
            return Err(BoardError::invalid("attempts", "is 1 to 20"));
        }
        if self
            .expires_ms
            .is_some_and(|ms| !(1..=EXPIRES_MS_MAX).contains(&ms))
        {
            return Err(BoardError::invalid("expires_in_s", "is at most 30 days"));
        }
        let mut task = Task {
            id: id(self.key.as_deref()),
            title: self.title,
            body: self.body,
            about: self.about,
            data: self.data,
            needs,
            priority,
            state: TaskState::Open,
            posted_by: who.into(),
            posted_at: now,
            to: self.to,
            holder: None,
            fence: 0,
            attempts: 0,
            attempts_max,
            hand_offs: 0,
            not_before: None,
            expires_at: self.expires_ms.map(|ms| after(now, ms)),
            note: None,
            result: Value::Null,
            reason: None,
            key: self.key,
            history: Vec::new(),
        };
        task.happened(who, "posted", None, now);
        Ok(task)
    }
}

/// The same key leads to the same task; without one it is a new one.
pub(super) fn id(key: Option<&str>) -> String {
    match key {
        Some(key) => hex::encode(&Sha256::digest(json!(["task", key]).to_string())[..8]),
        None => uuid::Uuid::new_v4().simple().to_string()[..16].to_owned(),
    }
}

/// Words for what somebody can do, sorted, each once.
pub(super) fn abilities(name: &'static str, mut words: Vec<String>) -> Result<Vec<String>, BoardError> {
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-_.:/".contains(sign);
    let fits = |word: &String| (1..=WORD_CHARS_MAX).contains(&word.len()) && word.chars().all(plain);
    if words.len() > NEEDS_MAX || !words.iter().all(fits) {
        return Err(BoardError::invalid(
            name,
            "is at most 16 words of 1 to 64 of a-z, 0-9, `-`, `_`, `.`, `:` and `/`",
        ));
    }
    words.sort();
    words.dedup();
    Ok(words)
}

pub(super) fn short(name: &'static str, text: Option<&str>, chars_max: usize) -> Result<(), BoardError> {
    match text {
        Some(text) if text.chars().count() > chars_max => Err(BoardError::Invalid(
            name,
            format!("has at most {chars_max} characters"),
        )),
        _ => Ok(()),
    }
}

pub(super) fn small(name: &'static str, value: &Value) -> Result<(), BoardError> {
    match value.to_string().len() > DATA_BYTES_MAX {
        true => Err(BoardError::invalid(name, "has at most 65,536 bytes as JSON")),
        false => Ok(()),
    }
}
