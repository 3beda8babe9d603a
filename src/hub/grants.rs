//! In: a call and its caller. Out: a refusal, where the caller may not make it. Never: a call.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::{ErrorClass, Hub, ToolError};
use crate::agents::{Asked, Directory, Grant, Who};

impl Hub {
    /// Who there is, and what each may do.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.0.directory
    }

    /// Refuses a call that its caller may not make.
    pub(super) fn check_grant(
        &self,
        tool: &str,
        arguments: &JsonObject,
        who: &Who,
        approved: bool,
    ) -> Result<(), ToolError> {
        let arguments = Value::Object(arguments.clone());
        let asked = Asked {
            tool,
            arguments: &arguments,
            partly: false,
        };
        match self.0.directory.decide(who, &asked) {
            Grant::Granted => Ok(()),
            Grant::Approval if approved => Ok(()),
            Grant::Approval => Err(ToolError::new(
                ErrorClass::Forbidden,
                format!("`{tool}` needs a person's approval when `{who}` calls it"),
            )
            .with_remedy("give the rule's action an `approval`, or have a person make the call")),
            Grant::Refused { why, remedy } => {
                Err(ToolError::new(ErrorClass::Forbidden, why).with_remedy(remedy))
            }
        }
    }
}
