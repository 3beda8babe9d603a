//! In: records. Out: lines; and back, checked on the way. Never: a file; half of an archive taken for a whole one.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{End, Export, FORMAT, Head, Record};
use crate::journal::StoreError;

/// The longest line that is read, in bytes: the largest body, escaped, with room.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Writes an export down, line by line.
#[derive(Debug)]
pub struct Lines {
    export: Export,
    begun: bool,
    ended: bool,
    end: End,
    sha: Sha256,
}

impl Lines {
    /// The lines of an export.
    pub fn of(export: Export) -> Self {
        Self {
            export,
            begun: false,
            ended: false,
            end: End {
                records: 0,
                kinds: BTreeMap::new(),
                one_moment: false,
                sha256: String::new(),
            },
            sha: Sha256::new(),
        }
    }

    /// The next line with its line feed, if there is one; ready when there is.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, StoreError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if !self.begun {
            self.begun = true;
            let head = BTreeMap::from([("journal", self.export.head.clone())]);
            return Poll::Ready(Some(self.line(&head)));
        }
        self.export.records.poll_recv(context).map(|record| {
            Some(match record {
                Some(Ok(record)) => {
                    self.end.records += 1;
                    *self.end.kinds.entry(record.kind().into()).or_default() += 1;
                    self.line(&record)
                }
                Some(Err(error)) => {
                    self.ended = true;
                    Err(error)
                }
                None => {
                    self.ended = true;
                    self.end.one_moment = !self.export.moved.load(Ordering::Acquire);
                    self.end.sha256 = hex::encode(std::mem::take(&mut self.sha).finalize());
                    let end = BTreeMap::from([("end", self.end.clone())]);
                    self.line(&end)
                }
            })
        })
    }

    /// The next line, awaited.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, StoreError>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn line(&mut self, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let mut line = serde_json::to_vec(value)
            .map_err(|error| StoreError::Refused(format!("a record cannot be written as JSON: {error}")))?;
        line.push(b'\n');
        self.sha.update(&line);
        Ok(line)
    }
}

/// Why an archive is not read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong, and what to do.
        what: String,
    },
    /// It has no last line.
    #[error("it was cut off after line {0}: its last line is missing; take the whole file")]
    CutOff(u64),
}

/// Reads an archive, line by line, and checks it on the way.
#[derive(Debug)]
pub struct Reader<R> {
    lines: R,
    line: u64,
    sha: Sha256,
    records: u64,
    end: Option<End>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub fn open(lines: R) -> Result<(Head, Self), ArchiveError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct First {
            journal: Head,
        }
        #[derive(Deserialize)]
        struct Anything {
            journal: Format,
        }
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let sha = Sha256::new();
        let mut reader = Self {
            lines,
            line: 0,
            sha,
            records: 0,
            end: None,
        };
        let text = reader.next_line()?.ok_or(ArchiveError::CutOff(0))?;
        reader.sha.update(&text);
        let found: Anything = reader.parse(&text, "it does not begin as an export of xmrt does")?;
        if found.journal.format != FORMAT {
            let format = found.journal.format;
            return Err(reader.wrong(format!(
                "it has format {format} and this program reads {FORMAT}: use the release of xmrt that wrote it"
            )));
        }
        let first: First = reader.parse(&text, "the first line cannot be read")?;
        Ok((first.journal, reader))
    }

    /// The next record; `None` after the last one, when the last line has been found to agree with all before it.
    pub fn next_record(&mut self) -> Result<Option<Record>, ArchiveError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let text = self.next_line()?.ok_or(ArchiveError::CutOff(self.line))?;
        if text.starts_with(br#"{"end":"#) {
            self.close(&text)?;
            return Ok(None);
        }
        self.sha.update(&text);
        self.records += 1;
        self.parse(&text, "it cannot be read").map(Some)
    }

    /// The last line, once it was read.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn close(&mut self, text: &[u8]) -> Result<(), ArchiveError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Last {
            end: End,
        }
        let last: Last = self.parse(text, "the last line cannot be read")?;
        if last.end.records != self.records {
            return Err(self.wrong(format!(
                "it tells of {} records and there were {}: lines are missing",
                last.end.records, self.records
            )));
        }
        if last.end.sha256 != hex::encode(std::mem::take(&mut self.sha).finalize()) {
            return Err(self.wrong("the lines before it were changed: their SHA-256 is another"));
        }
        if !self.next_line()?.unwrap_or_default().is_empty() {
            return Err(self.wrong("something follows the last line"));
        }
        self.end = Some(last.end);
        Ok(())
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        let mut text = Vec::new();
        self.line += 1;
        let read = (&mut self.lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut text)
            .map_err(|error| self.wrong(error))?;
        match text.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(text)),
            Some(_) if read as u64 == LINE_BYTES_MAX => Err(self.wrong("it is too long")),
            Some(_) => Err(ArchiveError::CutOff(self.line - 1)),
        }
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, text: &[u8], otherwise: &str) -> Result<T, ArchiveError> {
        let mut parser = serde_json::Deserializer::from_slice(text);
        // What is deeply nested was so when the journal took it.
        parser.disable_recursion_limit();
        T::deserialize(&mut parser).map_err(|error| self.wrong(format!("{otherwise}: {error}")))
    }

    fn wrong(&self, what: impl std::fmt::Display) -> ArchiveError {
        ArchiveError::Line {
            line: self.line,
            what: what.to_string(),
        }
    }
}
