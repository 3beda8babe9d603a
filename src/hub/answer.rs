//! In: what came back over MCP. Out: a [`Reply`] or a [`ToolError`], and a tool's [`ToolFacts`]. Never: the call itself.

use rmcp::model::{CallToolResponse, CallToolResult, ErrorCode, Tool};
use rmcp::service::ServiceError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ErrorClass, META_FACTS, Pending, Promises, Reply, Resolved, ToolError, ToolFacts};

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
pub(super) fn of_response(tool: &str, response: CallToolResponse, writes: bool) -> Result<Reply, ToolError> {
    match response {
        CallToolResponse::Complete(result) => of_result(tool, result, writes),
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

fn of_result(tool: &str, result: CallToolResult, writes: bool) -> Result<Reply, ToolError> {
    let text = text_of(&result);
    let structured = result.structured_content;
    if result.is_error == Some(true) {
        return Err(structured
            .as_ref()
            .and_then(|content| content.get("error"))
            .and_then(|error| ToolError::deserialize(error).ok())
            .unwrap_or_else(|| foreign_error(tool, text, writes)));
    }
    let Some(content) = structured else {
        return Ok(Reply::Done(json!({ "text": text })));
    };
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
        other => lost(writes, format!("`{tool}`: {other}")),
    }
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

/// What a server says of its tool, where it says nothing the worst case.
pub(super) fn facts(server: &str, tool: Tool) -> ToolFacts {
    let annotations = tool.annotations.unwrap_or_default();
    let read_only = annotations.read_only_hint.unwrap_or(false);
    let promises = tool
        .meta
        .as_ref()
        .and_then(|meta| meta.get(META_FACTS))
        .and_then(|facts| Promises::deserialize(facts).ok())
        .unwrap_or_default();
    ToolFacts {
        name: format!("{server}.{}", tool.name),
        title: tool
            .title
            .or(annotations.title.clone())
            .unwrap_or_else(|| tool.name.to_string()),
        description: tool.description.unwrap_or_default().into_owned(),
        input_schema: Value::Object(tool.input_schema.as_ref().clone()),
        output_schema: tool
            .output_schema
            .map(|schema| Value::Object(schema.as_ref().clone())),
        read_only,
        destructive: !read_only && annotations.is_destructive(),
        promises,
    }
}
