//! In: a call with a key. Out: what an earlier call with the same key came to, if its effect is there. Never: the call.

use rmcp::model::{CallToolResponse, JsonObject};

use super::offered::Offered;
use super::{Gateway, LOOK_BACK_MS, LOOK_TIMEOUT};
use crate::clock::{self, Clock};
use crate::hub::answer::{self, Word};
use crate::hub::{CallMeta, ErrorClass, Passed, Reply, ToolError};

impl Gateway {
    /// What an earlier call with the same key came to, if its effect is there.
    pub(super) async fn earlier(
        &self,
        offered: &Offered,
        arguments: JsonObject,
        meta: &CallMeta,
    ) -> Result<Option<CallToolResponse>, ToolError> {
        let look = CallMeta {
            look_for_since: Some(clock::after(Clock::system().now(), -LOOK_BACK_MS)),
            ..meta.clone()
        };
        let (hub, tool) = (&self.0.hub, &offered.tool);
        let found = hub
            .forward(tool, arguments, &look, Passed::default(), LOOK_TIMEOUT)
            .await?;
        match answer::of_response(tool, found.clone(), false, Word::Own)? {
            Reply::Done(_) => Ok(Some(found)),
            // It is there, and not over: the call itself, made again, would be another one.
            Reply::Pending(pending) => Err(ToolError::new(
                ErrorClass::Conflict,
                format!(
                    "this was done before under this key, and is not over: {}",
                    pending.note
                ),
            )),
            Reply::Absent | Reply::Resolved(_) => Ok(None),
            Reply::Ambiguous(why) => Err(ToolError::new(
                ErrorClass::Conflict,
                format!("it cannot be told whether this was done before under this key: {why}"),
            )
            .with_remedy("look at the thing, and use another key if it is to be done again")),
        }
    }
}
