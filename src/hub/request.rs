//! In: why a call is made, and what goes along with it. Out: the request's arguments and `_meta`. Never: who may make it.

use std::sync::{Arc, OnceLock};

use rmcp::model::{ClientCapabilities, ErrorData, InputResponses, JsonObject, MetaObject, RequestMetaObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::telemetry::Span;

use super::switchboard::Listener;
use super::{
    CallMeta, ErrorClass, META_IDEMPOTENCY_KEY, META_LOOK_FOR, META_PENDING, META_RESOLVE, Patience,
    ToolError,
};

/// `_meta` key of a call: W3C trace context.
pub(super) const TRACEPARENT: &str = "traceparent";

pub(super) fn object(arguments: Value) -> Result<JsonObject, ToolError> {
    match arguments {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(JsonObject::new()),
        other => Err(ToolError::new(
            ErrorClass::Invalid,
            format!("arguments must be an object, not {other}"),
        )),
    }
}

/// What goes along with a call besides its purpose.
#[derive(Default)]
pub(super) struct Passed {
    /// Keys of the caller's `_meta` that travel on.
    pub(super) meta: JsonObject,
    /// Who wants to hear of progress.
    pub(super) listener: Option<Listener>,
    /// What a caller adds that was asked for something: its answers, and the state it was given.
    pub(super) input: (Option<InputResponses>, Option<String>),
    /// What the caller's client can do, for a server of somebody else: it may want to have it asked something.
    pub(super) capabilities: Option<ClientCapabilities>,
    /// Where it is noted if such a server answers with an error of the protocol.
    pub(super) fault: Arc<OnceLock<ErrorData>>,
}

pub(super) fn request_meta(meta: &CallMeta, mut object: JsonObject) -> RequestMetaObject {
    if let Some(key) = &meta.idempotency_key {
        object.insert(META_IDEMPOTENCY_KEY.to_owned(), json!(key));
    }
    if let Some(since) = &meta.look_for_since {
        object.insert(
            META_LOOK_FOR.to_owned(),
            json!({ "since": since, "taken": meta.taken }),
        );
    }
    match &meta.patience {
        Patience::Waits => {}
        Patience::AsksAgain => {
            object.insert(META_PENDING.to_owned(), json!({}));
        }
        Patience::Asks(cursor) => {
            object.insert(META_PENDING.to_owned(), json!({ "cursor": cursor }));
        }
    }
    if meta.resolve {
        object.insert(META_RESOLVE.to_owned(), json!(true));
    }
    if let Some(trace) = Span::current_traceparent() {
        object.insert(TRACEPARENT.to_owned(), json!(trace));
    } else if !object.contains_key(TRACEPARENT)
        && let Some(trace) = meta.idempotency_key.as_deref().and_then(made_of)
    {
        object.insert(TRACEPARENT.to_owned(), json!(trace));
    }
    RequestMetaObject(MetaObject(object))
}

/// The trace of a call: the one that is under way here, where spans are sent. Otherwise its key is the trace, so what a server logs under it
/// is found by the step.
pub fn traceparent(key: &str) -> Option<String> {
    Span::current_traceparent().or_else(|| made_of(key))
}

fn made_of(key: &str) -> Option<String> {
    let fits = key.len() == 32 && key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let span = hex::encode(&Sha256::digest(key)[..8]);
    (fits && key.bytes().any(|byte| byte != b'0')).then(|| format!("00-{key}-{span}-01"))
}
