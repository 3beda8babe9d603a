//! In: a call that is not over, and a caller who waits. Out: its end, and progress on the way. Never: waiting for a caller
//! who said that they ask again.

use rmcp::model::{ProgressNotificationParam, RequestMetaObject};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;

use super::declare::{Answer, Answering};
use super::{Effect, Pending, Tool};
use crate::clock::{self, Clock};
use crate::hub::{ErrorClass, META_PENDING, Patience, ToolError};

/// How long a caller is kept waiting, in milliseconds; shorter than any call to a tool may take.
const WAIT_MS_MAX: i64 = 540_000;
/// The shortest pause between two questions, in milliseconds, whatever a tool says.
const PAUSE_MS_MIN: i64 = 100;

/// What the caller does when the call is not over.
pub(super) fn patience(meta: &RequestMetaObject) -> Result<Patience, ToolError> {
    match meta.get(META_PENDING) {
        None => Ok(Patience::Waits),
        Some(Value::Object(said)) => Ok(said
            .get("cursor")
            .map_or(Patience::AsksAgain, |cursor| Patience::Asks(cursor.clone()))),
        // A question misunderstood as a call would do the thing twice, so what cannot be read is refused.
        Some(_) => Err(ToolError::new(
            ErrorClass::Invalid,
            format!("_meta `{META_PENDING}` must be an object, with a `cursor` to ask about an earlier call"),
        )),
    }
}

/// Asks until the call is over, and tells the caller how far it is. A question that fails and may succeed later is asked
/// again.
pub(super) async fn wait<P>(
    clock: &Clock,
    context: &RequestContext<RoleServer>,
    tool: &Tool<P>,
    mut pending: Pending,
    poll: impl Fn(Value) -> Result<Answering, ToolError>,
) -> Result<Answer, ToolError> {
    let give_up = clock::after(clock.now(), WAIT_MS_MAX);
    let mut asked = 0.0;
    loop {
        report(context, asked, &pending.note).await;
        let again = clock::after(clock.now(), pending.poll_after_ms.max(PAUSE_MS_MIN));
        if again > give_up {
            return Err(too_long(tool, &pending.note));
        }
        clock.sleep_until(again).await;
        asked += 1.0;
        match poll(pending.cursor.clone())?.await {
            Ok(Answer::Effect(Effect::Pending(next))) => pending = next,
            Ok(over) => return Ok(over),
            Err(error) if error.class.is_retryable() => pending.note = format!("asking failed: {error}"),
            Err(error) => return Err(error),
        }
    }
}

/// A caller that is gone is noticed by its transport.
async fn report(context: &RequestContext<RoleServer>, asked: f64, note: &str) {
    if let Some(token) = context.meta.get_progress_token() {
        let report = ProgressNotificationParam::new(token, asked).with_message(note.to_owned());
        let _ = context.peer.notify_progress(report).await;
    }
}

fn too_long<P>(tool: &Tool<P>, note: &str) -> ToolError {
    let minutes = WAIT_MS_MAX / 60_000;
    if tool.writes {
        let message = format!("the call was made, and is not over after {minutes} minutes: {note}");
        ToolError::new(ErrorClass::Conflict, message)
            .with_remedy("look at it later; do not make the call again")
    } else {
        let message = format!("not over after {minutes} minutes: {note}");
        ToolError::new(ErrorClass::Unavailable, message).with_remedy("call again to go on waiting")
    }
}
