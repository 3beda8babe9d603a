//! In: a text, the name of a configured place. Out: it was posted there. Never: an address.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Parts;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::tools::toolbox::{Ctx, Effect};

/// The place that always exists: the text is logged, and kept with the run.
pub const LOG: &str = "log";

/// What to say, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyArgs {
    /// A name from XMRT_NOTIFY_URLS, or log.
    to: String,
    /// The text.
    #[schemars(length(min = 1))]
    text: String,
}

/// A notification.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Notified {
    to: String,
    delivered: bool,
}

pub(super) async fn notify(ctx: Ctx<Parts>, args: NotifyArgs) -> Result<Effect<Notified>, ToolError> {
    let parts = &ctx.parts;
    let address = parts.notify.get(&args.to);
    if address.is_none() && args.to != LOG && !parts.rehearsal {
        let names: Vec<&str> = parts.notify.keys().map(String::as_str).chain([LOG]).collect();
        return Err(ToolError::new(
            ErrorClass::NotFound,
            format!("no place called \"{}\" is configured for notifications", args.to),
        )
        .with_remedy(format!(
            "set XMRT_NOTIFY_URLS={}=https://…; configured are: {}",
            args.to,
            names.join(", ")
        )));
    }
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![Request {
            method: "POST",
            path: format!("<{}>", args.to),
            body: Some(json!({ "text": args.text, "content": args.text })),
        }]));
    }
    match address {
        Some(address) => parts.notifier()?.post(address, &args.text).await?,
        None => tracing::info!(notification.text = %args.text, "notification"),
    }
    Ok(Effect::Done(Notified {
        to: args.to,
        delivered: true,
    }))
}
