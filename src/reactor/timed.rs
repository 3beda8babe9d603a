//! How long the journal takes, and how often it does not do what it was asked.

use crate::clock::Clock;
use crate::journal::StoreError;
use crate::telemetry::numbers;

/// Waits for an operation of the journal. A run that is somebody else's by now is an answer, not a failure.
pub(super) async fn durably<T>(
    operation: &'static str,
    done: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let began = Clock::monotonic();
    let outcome = done.await;
    numbers::JOURNAL_SECONDS.took([operation], Clock::monotonic().duration_since(began));
    if let Err(StoreError::Unavailable(_)) = &outcome {
        numbers::JOURNAL_FAILURES.count([operation]);
    }
    outcome
}
