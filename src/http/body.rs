//! In: a body as it arrives. Out: its bytes, within every limit, or why not. Never: more memory than the budget of
//! bytes in flight.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, HeaderMap, header};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::listen::Limits;

/// What is still read, and thrown away, of a body that was refused, so that its sender gets to see the answer: a
/// socket closed with unread bytes is reset, and the answer with it.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long that is done.
const LINGER: Duration = Duration::from_secs(5);

/// How much of an announced length is believed before it came.
const FIRST_BYTES_MAX: usize = 64 * 1024;

/// Why a body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is, or says it will be, over the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It took too long, or stopped coming.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// Other bodies take all the memory there is for them.
    #[error("too many bytes are being received at the moment")]
    Busy,
    /// The peer went away or sent nonsense.
    #[error("the body broke off")]
    Broken,
}

/// What all connections of one listener share.
#[derive(Debug)]
pub(super) struct Intake {
    limits: Limits,
    budget: Arc<Semaphore>,
}

/// A body's bytes. The budget they took is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    /// The bytes.
    pub(super) bytes: Bytes,
    _budget: Option<OwnedSemaphorePermit>,
}

impl Intake {
    pub(super) fn new(limits: Limits) -> Self {
        let bytes = limits.bytes_in_flight_max.min(Semaphore::MAX_PERMITS);
        Self {
            limits,
            budget: Arc::new(Semaphore::new(bytes)),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The intake a request came in by. A router called without a listener has limits, but nothing to share.
    pub(super) fn of(extensions: &Extensions) -> Arc<Self> {
        extensions
            .get::<Arc<Self>>()
            .cloned()
            .unwrap_or_else(|| Arc::new(Self::new(Limits::default())))
    }

    /// Takes a body in, of at most `bytes_max`.
    pub(super) async fn take(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<Held, BodyError> {
        let bytes_max = bytes_max.min(self.limits.body_bytes_max);
        if announced(headers).is_some_and(|bytes| bytes > bytes_max) {
            linger(headers, body);
            return Err(BodyError::TooLarge(bytes_max));
        }
        let mut body = body;
        let deadline = self.limits.body_deadline;
        let taken = tokio::time::timeout(
            deadline,
            self.collect(&mut body, announced(headers).unwrap_or(0), bytes_max),
        )
        .await;
        let taken = taken.unwrap_or(Err(BodyError::TooSlow));
        if matches!(taken, Err(BodyError::TooLarge(_) | BodyError::Busy)) {
            linger(headers, body);
        }
        taken
    }

    async fn collect(
        &self,
        body: &mut Body,
        bytes_expected: usize,
        bytes_max: usize,
    ) -> Result<Held, BodyError> {
        let mut whole = Vec::with_capacity(bytes_expected.min(FIRST_BYTES_MAX));
        let mut budget: Option<OwnedSemaphorePermit> = None;
        loop {
            let frame = tokio::time::timeout(self.limits.progress_deadline, body.frame()).await;
            let chunk = match frame {
                Err(_) => return Err(BodyError::TooSlow),
                Ok(None) => {
                    return Ok(Held {
                        bytes: whole.into(),
                        _budget: budget,
                    });
                }
                Ok(Some(Err(_))) => return Err(BodyError::Broken),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            if chunk.len() > bytes_max - whole.len() {
                return Err(BodyError::TooLarge(bytes_max));
            }
            // Bytes are charged as they come, not as they are announced: an announcement costs a peer nothing.
            let bytes = u32::try_from(chunk.len()).map_err(|_| BodyError::TooLarge(bytes_max))?;
            let more = Arc::clone(&self.budget)
                .try_acquire_many_owned(bytes)
                .map_err(|_| BodyError::Busy)?;
            match &mut budget {
                Some(budget) => budget.merge(more),
                none => *none = Some(more),
            }
            grow(&mut whole, chunk.len(), bytes_expected);
            whole.extend_from_slice(&chunk);
        }
    }
}

/// Makes room for so many bytes more: twice what there is, so that little is copied, but no more than was announced. What a body
/// takes beyond its own bytes is in no budget.
fn grow(whole: &mut Vec<u8>, more: usize, bytes_expected: usize) {
    let needed = whole.len() + more;
    if needed > whole.capacity() {
        let twice = match whole.capacity() * 2 {
            twice if needed <= bytes_expected => twice.min(bytes_expected),
            twice => twice,
        };
        whole.reserve_exact(needed.max(twice) - whole.len());
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads on for a while beside the answer. Who asked first (`Expect: 100-continue`) sends nothing, so needs nothing.
fn linger(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    tokio::spawn(tokio::time::timeout(LINGER, async move {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > LINGER_BYTES_MAX {
                break;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much room a body of these chunks takes in the end, and how often that was changed.
    fn room(chunks: impl Iterator<Item = usize>, announced: usize) -> (usize, usize) {
        let mut whole = Vec::with_capacity(announced.min(FIRST_BYTES_MAX));
        let mut changes = 0;
        for chunk in chunks {
            let before = whole.capacity();
            grow(&mut whole, chunk, announced);
            changes += usize::from(whole.capacity() != before);
            whole.resize(whole.len() + chunk, 0);
        }
        (whole.capacity(), changes)
    }

    #[test]
    fn a_body_takes_the_room_it_announced_and_is_seldom_copied() {
        let announced = 25 * 1024 * 1024 + 7;
        let chunks = (0..announced).step_by(16 * 1024);
        let (room, changes) = room(chunks.map(|at| (announced - at).min(16 * 1024)), announced);
        assert_eq!(room, announced);
        assert!(changes < 12, "{changes}");
    }

    #[test]
    fn one_that_announced_nothing_is_seldom_copied_either() {
        let (room, changes) = room((0..1600).map(|_| 16 * 1024), 0);
        assert!(room < 2 * 1600 * 16 * 1024, "{room}");
        assert!(changes < 16, "{changes}");
    }
}
