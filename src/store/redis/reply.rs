//! In: a script's answer. Out: its word, its times and its parts. Never: a guess at what cannot be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Value;

use super::link::Fault;
use crate::clock::from_millis;

/// What a script answered.
#[derive(Debug)]
pub(super) struct Reply {
    /// How it went.
    pub(super) word: String,
    /// When the operation happened.
    pub(super) at: jiff::Timestamp,
    /// What the server's clock showed.
    pub(super) clock: jiff::Timestamp,
    parts: std::vec::IntoIter<Value>,
}

/// A hash: its fields by name.
pub(super) type Fields = BTreeMap<String, Vec<u8>>;

/// A script's answer, which begins with a word and two times.
pub(super) fn read(answer: Value) -> Result<Reply, Fault> {
    let mut parts = list(answer)?.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    let word = text(next())?;
    let at = from_millis(number(next())?);
    let clock = from_millis(number(next())?);
    Ok(Reply {
        word,
        at,
        clock,
        parts,
    })
}

impl Reply {
    pub(super) fn text(&mut self) -> Result<String, Fault> {
        text(self.parts.next().unwrap_or_default())
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Fault> {
        bytes(self.parts.next().unwrap_or_default())
    }

    pub(super) fn number(&mut self) -> Result<i64, Fault> {
        number(self.parts.next().unwrap_or_default())
    }

    pub(super) fn list(&mut self) -> Result<Vec<Value>, Fault> {
        list(self.parts.next().unwrap_or_default())
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, Fault> {
        self.list()?.into_iter().map(text).collect()
    }

    /// An answer that is several, each a list that begins with its word.
    pub(super) fn each(self) -> Result<Vec<Self>, Fault> {
        let (at, clock) = (self.at, self.clock);
        self.parts
            .map(|one| {
                let mut parts = list(one)?.into_iter();
                let word = text(parts.next().unwrap_or_default())?;
                Ok(Self {
                    word,
                    at,
                    clock,
                    parts,
                })
            })
            .collect()
    }

    pub(super) fn fields(&mut self) -> Result<Fields, Fault> {
        fields(self.parts.next().unwrap_or_default())
    }
}

/// An answer that is not what the script gives: the work may have been done.
pub(super) fn odd(what: impl std::fmt::Debug) -> Fault {
    Fault::Lost(format!("Redis gave an answer that cannot be read: {what:?}"))
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(list) => Ok(list),
        Value::Nil => Ok(Vec::new()),
        other => Err(odd(other)),
    }
}

pub(super) fn text(value: Value) -> Result<String, Fault> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(odd),
        Value::SimpleString(text) => Ok(text),
        Value::Int(number) => Ok(number.to_string()),
        Value::Okay => Ok("OK".into()),
        other => Err(odd(other)),
    }
}

pub(super) fn bytes(value: Value) -> Result<Bytes, Fault> {
    match value {
        Value::BulkString(bytes) => Ok(bytes.into()),
        other => Err(odd(other)),
    }
}

pub(super) fn number(value: Value) -> Result<i64, Fault> {
    let text = text(value)?;
    text.parse().map_err(|_| odd(text))
}

/// A hash as a list of names and values, one after the other.
pub(super) fn fields(value: Value) -> Result<Fields, Fault> {
    let mut parts = list(value)?.into_iter();
    let mut fields = Fields::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let value = match value {
            Value::BulkString(bytes) => bytes,
            other => text(other)?.into_bytes(),
        };
        fields.insert(text(name)?, value);
    }
    Ok(fields)
}
