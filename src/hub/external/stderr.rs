//! In: what a child writes to its standard error. Out: lines in our log, and the last of them for people, without the
//! secrets the child was given. Never: more of it than bounds allow, however much the child writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::clock::Clock;

/// How much of a line is kept, in bytes.
const LINE_BYTES_MAX: usize = 2_048;
/// How many lines are kept.
const LINES_MAX: usize = 40;
/// How many lines are logged in one window; the others are counted.
const LOGGED_MAX: u32 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(10);
/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 8 * 1024;
/// Secrets shorter than this are not looked for: hiding every `1` would hide everything.
const SECRET_CHARS_MIN: usize = 4;

/// The end of what a server said to nobody in particular.
#[derive(Debug)]
pub(super) struct Tail {
    server: String,
    secrets: Vec<SecretString>,
    lines: Mutex<VecDeque<String>>,
}

impl Tail {
    pub(super) fn new(server: &str, secrets: Vec<SecretString>) -> Arc<Self> {
        Arc::new(Self {
            server: server.to_owned(),
            secrets,
            lines: Mutex::default(),
        })
    }

    /// The last lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// A text without our secrets.
    pub(super) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let secret = secret.expose_secret();
            if secret.chars().count() >= SECRET_CHARS_MIN && text.contains(secret) {
                text = text.replace(secret, "*****");
            }
        }
        text
    }

    /// Reads until the end. Always reads on: a child whose pipe is full would stand still.
    pub(super) async fn read(self: Arc<Self>, mut from: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut line: Vec<u8> = Vec::new();
        let mut budget = Budget::default();
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            for byte in chunk.get(..length).unwrap_or_default() {
                match byte {
                    b'\n' => self.take(&mut line, &mut budget),
                    _ if line.len() < LINE_BYTES_MAX => line.push(*byte),
                    _ => {}
                }
            }
        }
        self.take(&mut line, &mut budget);
        budget.close(&self.server);
    }

    fn take(&self, line: &mut Vec<u8>, budget: &mut Budget) {
        let text = String::from_utf8_lossy(line);
        let text: String = text
            .trim_end()
            .chars()
            .filter(|sign| !sign.is_control())
            .collect();
        line.clear();
        if text.is_empty() {
            return;
        }
        let text = self.redacted(&text);
        if budget.has_room(&self.server, Clock::monotonic()) {
            tracing::info!(mcp.server = self.server, "stderr: {text}");
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}

/// How many lines may still be logged.
#[derive(Default)]
struct Budget {
    since: Option<Instant>,
    logged: u32,
    dropped: u64,
}

impl Budget {
    fn has_room(&mut self, server: &str, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            self.close(server);
            (self.since, self.logged) = (Some(now), 0);
        }
        if self.logged == LOGGED_MAX {
            self.dropped += 1;
            return false;
        }
        self.logged += 1;
        true
    }

    fn close(&mut self, server: &str) {
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            tracing::warn!(
                mcp.server = server,
                "{dropped} more lines on stderr were not logged"
            );
        }
    }
}
