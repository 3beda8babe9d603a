//! In: how many requests of an identity may be under way at once. Out: a seat, as soon as there is one for a call of this
//! weight. Never: a seat of those that are kept for heavier calls.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Priority;

/// Rows of seats, each within the one before: all, those of writes, those of reads.
#[derive(Debug)]
pub(super) struct Gate {
    rows: [Arc<Semaphore>; 3],
}

/// A place among the requests that are under way; free again when it is dropped.
#[derive(Debug)]
pub struct Seat(#[expect(dead_code, reason = "held for what dropping it does")] Vec<OwnedSemaphorePermit>);

impl Gate {
    /// A third is for what is not only reading, a seventh for what is urgent.
    pub(super) fn new(seats: u32) -> Self {
        let seats = usize::try_from(seats.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        let row = |seats: usize| Arc::new(Semaphore::new(seats.max(1)));
        Self {
            rows: [row(seats), row(seats - seats / 7), row(seats - seats / 3)],
        }
    }

    /// Waits for a seat. The narrowest row comes first, so that whoever waits there takes nothing from the others.
    pub(super) async fn seat(&self, priority: Priority) -> Seat {
        let rows = match priority {
            Priority::Urgent => 1,
            Priority::Normal => 2,
            Priority::Background => 3,
        };
        let mut permits = Vec::with_capacity(rows);
        for row in self.rows[..rows].iter().rev() {
            // They are never closed.
            permits.extend(Arc::clone(row).acquire_owned().await);
        }
        Seat(permits)
    }
}
