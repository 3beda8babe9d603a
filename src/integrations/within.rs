//! In: a request that is to go, its identity's budget, and the headers of its answer. Out: that it may go, or an
//! [`ApiError`] that says when. Never: the request itself.

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;

use super::{ApiError, Failure};
use crate::budget::{Charge, Identity, Pass, Priority, Told, Verdict};
use crate::telemetry::numbers;

/// A `ratelimit-reset` below this is a number of seconds left, above it a time: Render's text says the one, its sample
/// shows the other.
const SECONDS_LEFT_MAX: i64 = 1_000_000;

/// A request within its identity's budget.
#[derive(Debug)]
pub(super) struct Within {
    provider: &'static str,
    identity: Arc<Identity>,
    pass: Pass,
}

impl Within {
    /// Lets a request of this weight go, or says when it may.
    pub(super) async fn begin(
        provider: &'static str,
        shown: &str,
        identity: Arc<Identity>,
        charges: Vec<Charge>,
    ) -> Result<Self, ApiError> {
        let priority = Priority::present();
        match identity.pass(charges, priority).await {
            Ok(pass) => Ok(Self {
                provider,
                identity,
                pass,
            }),
            Err(Verdict::Wait { until, limit }) => Err(held_back(shown, priority, until, limit.as_deref())),
            Err(Verdict::Go) => Err(ApiError::new(
                Failure::Unavailable,
                "the budget refused and gave no reason",
            )),
        }
    }

    /// Notes what the answer says of the limit that is called so, unless it says another name.
    pub(super) fn told(&self, limit: &str, headers: &HeaderMap, now: Timestamp) {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let number = |name: &str| text(name)?.trim().parse::<i64>().ok();
        let either = |name: &str| number(&format!("x-{name}")).or_else(|| number(name));
        let limit = text("x-ratelimit-resource").unwrap_or(limit);
        let (Some(max), Some(left), Some(reset)) = (
            either("ratelimit-limit"),
            either("ratelimit-remaining"),
            either("ratelimit-reset"),
        ) else {
            return;
        };
        let until_ms = match reset > SECONDS_LEFT_MAX {
            true => reset.saturating_mul(1_000),
            false => now
                .as_millisecond()
                .saturating_add(reset.max(0).saturating_mul(1_000)),
        };
        let whole = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
        let (max, left) = (whole(max), whole(left));
        let told = Told {
            limit: max,
            remaining: left,
            until_ms,
        };
        self.pass.told(limit, told);
        let class = limit.split(' ').next().unwrap_or_default();
        let labels = [self.provider, self.identity.name(), class];
        numbers::BUDGET_LEFT.set_count(labels, left.into());
        numbers::BUDGET_LIMIT.set_count(labels, max.into());
    }

    /// The answer was no refusal for the sake of a limit.
    pub(super) fn accepted(&self) {
        self.pass.accepted();
    }

    /// It was one: what uses `limit`, or every request, waits. Gives until when.
    pub(super) async fn refused(&self, limit: Option<&str>, retry_at: Option<Timestamp>) -> Timestamp {
        self.pass.refused(limit, retry_at).await
    }
}

fn held_back(shown: &str, priority: Priority, until: Timestamp, limit: Option<&str>) -> ApiError {
    let message = match (limit, priority) {
        (None, _) => format!("{shown} asked for a pause until {until}; nothing was sent"),
        (Some(limit), Priority::Urgent) => {
            format!("{shown}'s limit `{limit}` is used up until {until}; nothing was sent")
        }
        (Some(limit), Priority::Normal) => format!(
            "what is left of {shown}'s limit `{limit}` is kept for urgent calls until {until}; nothing was sent"
        ),
        (Some(limit), Priority::Background) => format!(
            "what is left of {shown}'s limit `{limit}` is kept for calls that write until {until}; nothing was sent"
        ),
    };
    ApiError::new(
        Failure::RateLimited {
            retry_at: Some(until),
        },
        message,
    )
    .with_remedy("`xmrt budgets` shows what is left of each limit")
}
