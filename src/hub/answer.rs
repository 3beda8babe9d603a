//! In: what came back over MCP. Out: a [`Reply`] or a [`ToolError`], and a tool's [`ToolFacts`]. Never: the call itself.

use std::time::Duration;

use rmcp::model::{CallToolResponse, CallToolResult, ErrorCode, Tool};
use rmcp::service::ServiceError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::external::Trouble;
use super::{ErrorClass, META_FACTS, Pending, Promises, Reply, Resolved, ToolError, ToolFacts};

/// What a server's word is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It is ours: what it says of an error, and of an effect that it looked for, is so.
    Own,
    /// It is somebody else's: it says that it failed, and may have done something before.
    Foreign,
    /// It is somebody else's, and the operator knows: when it says that it failed, nothing happened.
    FailureIsClean,
}

/// The product's own answers, under the key `xmrt` of the structured content.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Special {
    Absent(bool),
    Ambiguous(String),
    Pending(Pending),
    Resolved(Resolved),
}

/// What an answered call means.
pub(super) fn of_response(
    tool: &str,
    response: CallToolResponse,
    writes: bool,
    word: Word,
) -> Result<Reply, ToolError> {
    match response {
        CallToolResponse::Complete(result) => of_result(tool, result, writes, word),
        CallToolResponse::InputRequired(_) => Err(ToolError::new(
            ErrorClass::Conflict,
            format!("`{tool}` wants to ask a person, and a rule's call has nobody to ask"),
        )),
        _ => Err(lost(
            writes,
            format!("`{tool}` answered with something other than a result"),
        )),
    }
}

fn of_result(tool: &str, result: CallToolResult, writes: bool, word: Word) -> Result<Reply, ToolError> {
    let text = text_of(&result);
    let structured = result.structured_content;
    if result.is_error == Some(true) {
        let own = structured
            .as_ref()
            .filter(|_| word == Word::Own)
            .and_then(|content| content.get("error"))
            .and_then(|error| ToolError::deserialize(error).ok());
        let may_have_happened = writes && word != Word::FailureIsClean;
        return Err(own.unwrap_or_else(|| foreign_error(tool, text, may_have_happened)));
    }
    let Some(content) = structured else {
        return Ok(Reply::Done(json!({ "text": text })));
    };
    if word != Word::Own {
        return Ok(Reply::Done(content));
    }
    let special = content
        .get("xmrt")
        .and_then(|special| Special::deserialize(special).ok());
    Ok(match special {
        None | Some(Special::Absent(false)) => Reply::Done(content),
        Some(Special::Absent(true)) => Reply::Absent,
        Some(Special::Ambiguous(why)) => Reply::Ambiguous(why),
        Some(Special::Pending(pending)) => Reply::Pending(pending),
        Some(Special::Resolved(resolved)) => Reply::Resolved(resolved),
    })
}

/// A server of somebody else says only that it failed, not whether something happened before it did.
fn foreign_error(tool: &str, text: String, writes: bool) -> ToolError {
    let message = if text.is_empty() {
        format!("`{tool}` failed and did not say why")
    } else {
        text
    };
    let class = if writes {
        ErrorClass::UnknownEffect
    } else {
        ErrorClass::Conflict
    };
    ToolError::new(class, message)
}

/// What a call that failed in the protocol means.
pub(super) fn of_failure(tool: &str, error: &ServiceError, writes: bool) -> ToolError {
    match error {
        ServiceError::McpError(error) if error.code == ErrorCode::INVALID_PARAMS => {
            ToolError::new(ErrorClass::Invalid, error.message.to_string())
        }
        ServiceError::McpError(error) if error.code == ErrorCode::METHOD_NOT_FOUND => {
            ToolError::new(ErrorClass::NotFound, error.message.to_string())
        }
        ServiceError::TransportClosed | ServiceError::TransportSend(_) => gone(tool, writes),
        other => lost(writes, format!("`{tool}`: {other}")),
    }
}

/// What a call to an external server that got no answer means.
pub(super) fn of_trouble(tool: &str, trouble: Trouble, writes: bool) -> ToolError {
    match trouble {
        Trouble::Refused(error) => error,
        Trouble::Failed(error) => of_failure(tool, &error, writes),
        Trouble::TimedOut(after) => late(tool, after, writes),
    }
}

/// Its server was there when the call was sent, and is not any more.
fn gone(tool: &str, writes: bool) -> ToolError {
    let error = lost(
        writes,
        format!(
            "the server of `{tool}` ended, or the connection to it was lost, while it worked on the call"
        ),
    );
    error.with_remedy(if writes {
        "look whether it happened before you call again"
    } else {
        "call again: it changes nothing"
    })
}

/// The answer did not come in time.
pub(super) fn late(tool: &str, timeout: Duration, writes: bool) -> ToolError {
    lost(writes, format!("`{tool}` did not answer within {timeout:?}"))
}

/// The answer is lost; a write may have happened.
pub(super) fn lost(writes: bool, message: String) -> ToolError {
    let class = if writes {
        ErrorClass::UnknownEffect
    } else {
        ErrorClass::Unavailable
    };
    ToolError::new(class, message)
}

fn text_of(result: &CallToolResult) -> String {
    let lines: Vec<&str> = result
        .content
        .iter()
        .filter_map(|block| block.as_text().map(|text| text.text.as_str()))
        .collect();
    lines.join("\n")
}

/// What one of our own servers says of its tool, where it says nothing the worst case.
pub(super) fn own_facts(server: &str, tool: Tool) -> ToolFacts {
    let promises = tool
        .meta
        .as_ref()
        .and_then(|meta| meta.get(META_FACTS))
        .and_then(|facts| Promises::deserialize(facts).ok())
        .unwrap_or_default();
    ToolFacts {
        promises,
        ..facts(server, tool, true)
    }
}

/// What any server says of its tool, where it says nothing or is not believed the worst case.
pub(super) fn facts(server: &str, tool: Tool, believed: bool) -> ToolFacts {
    let said = tool.annotations.unwrap_or_default();
    let annotations = if believed {
        said.clone()
    } else {
        Default::default()
    };
    let read_only = annotations.read_only_hint.unwrap_or(false);
    ToolFacts {
        name: format!("{server}.{}", tool.name),
        title: tool.title.or(said.title).unwrap_or_else(|| tool.name.to_string()),
        description: tool.description.unwrap_or_default().into_owned(),
        input_schema: Value::Object(tool.input_schema.as_ref().clone()),
        output_schema: tool
            .output_schema
            .map(|schema| Value::Object(schema.as_ref().clone())),
        read_only,
        destructive: !read_only && annotations.is_destructive(),
        promises: Promises::default(),
    }
}
