//! In: what a server wants to know before it goes on, and a client of a revision in which servers ask by requests of their own.
//! Out: the client's answers. Never: an answer of ours.

use rmcp::model::{ErrorCode, ErrorData, InputRequest, InputRequiredResult, InputResponses, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer, ServiceError};
use serde_json::Value;

use crate::hub::{ErrorClass, ToolError};

/// Whether the client speaks a revision in which an answer cannot be a question.
pub(super) fn is_to_be_asked(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_none_or(|version| version.as_str() < ProtocolVersion::V_2026_07_28.as_str())
}

/// Asks the client everything that is wanted, one after the other, and gives its answers with the state that goes with them.
pub(super) async fn answers(
    tool: &str,
    wanted: InputRequiredResult,
    context: &RequestContext<RoleServer>,
) -> Result<(Option<InputResponses>, Option<String>), ToolError> {
    let mut answers = InputResponses::new();
    for (key, question) in wanted.input_requests.unwrap_or_default() {
        let answer = ask(question, context).await.map_err(|error| {
            let message = format!("`{tool}` wants to ask something, and the client did not answer: {error}");
            ToolError::new(ErrorClass::Conflict, message)
        })?;
        answers.insert(key, answer);
    }
    Ok((Some(answers), wanted.request_state))
}

#[expect(deprecated, reason = "clients of older revisions know nothing else")]
async fn ask(question: InputRequest, context: &RequestContext<RoleServer>) -> Result<Value, ServiceError> {
    let peer = &context.peer;
    let answer = match question {
        InputRequest::Elicitation(form) => serde_json::to_value(peer.create_elicitation(form.params).await?),
        InputRequest::CreateMessage(prompt) => {
            serde_json::to_value(peer.create_message(prompt.params).await?)
        }
        InputRequest::ListRoots(_) => serde_json::to_value(peer.list_roots().await?),
        _ => return Err(ServiceError::UnexpectedResponse),
    };
    answer.map_err(|_| ServiceError::UnexpectedResponse)
}

/// Whether an error of the protocol is about the client and not about what it called: something it cannot do, or, where it
/// hands a state back, that this is not the one it was given.
pub(super) fn is_for_the_client(error: &ErrorData, hands_back: bool) -> bool {
    error.code == ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
        || hands_back && error.code == ErrorCode::INVALID_PARAMS
}
