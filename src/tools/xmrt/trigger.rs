//! In: a rule's name and a payload. Out: the runs that the rule began. Never: a rule that does not say `on = "manual"`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Parts;
use crate::hub::{ErrorClass, ToolError};
use crate::integrations::Request;
use crate::reactor::Reactor;
use crate::tools::toolbox::{Ctx, Effect};

/// Which rule to start, and with what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerArgs {
    /// Id of the rule; it listens to manual.
    #[schemars(length(min = 1))]
    rule: String,
    /// What the rule sees as its event.
    #[serde(default)]
    payload: Map<String, Value>,
}

/// A wish that a rule runs.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The rule's id.
    pub rule: String,
    /// The payload, a JSON object as text.
    pub payload: String,
    /// The same key is the same wish.
    pub key: String,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Triggered {
    /// Id of the event it was made into.
    pub event: String,
    /// This wish was sent before; nothing new was started.
    pub duplicate: bool,
    /// Ids of the runs that began.
    pub runs: Vec<String>,
    /// Why there is no run, where there is none: the rule's conditions, a limit.
    pub reason: Option<String>,
}

/// How a wish is granted.
pub type Start =
    Box<dyn Fn(Wanted) -> Pin<Box<dyn Future<Output = Result<Triggered, ToolError>> + Send>> + Send + Sync>;

/// The way to the reactor, which is put together after its tools. Cheap to clone; it leads nowhere until it is opened.
#[derive(Clone, Default)]
pub struct Starter(Arc<Ways>);

#[derive(Default)]
struct Ways {
    start: OnceLock<Start>,
    reactor: OnceLock<Weak<Reactor>>,
}

impl std::fmt::Debug for Starter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Starter(open: {})", self.0.start.get().is_some())
    }
}

impl Starter {
    /// Opens the way. Only the first one counts.
    pub fn open(&self, start: Start) {
        let _ = self.0.start.set(start);
    }

    /// Leads to this reactor for everything else that is asked of it, for as long as it lives. Only the first one counts.
    pub fn lead_to(&self, reactor: &Arc<Reactor>) {
        let _ = self.0.reactor.set(Arc::downgrade(reactor));
    }

    /// The reactor at work here, if there is one.
    pub(super) fn reactor(&self) -> Option<Arc<Reactor>> {
        self.0.reactor.get()?.upgrade()
    }
}

pub(super) async fn trigger(ctx: Ctx<Parts>, args: TriggerArgs) -> Result<Effect<Triggered>, ToolError> {
    if ctx.dry_run {
        return Ok(Effect::WouldSend(vec![Request {
            method: "POST",
            path: format!("/api/v1/rules/{}/trigger", args.rule),
            body: Some(Value::Object(args.payload)),
        }]));
    }
    let Some(start) = ctx.parts.starter.0.start.get() else {
        return Err(nobody());
    };
    let wanted = Wanted {
        rule: args.rule,
        payload: Value::Object(args.payload).to_string(),
        key: ctx
            .key
            .clone()
            .unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
    };
    start(wanted).await.map(Effect::Done)
}

/// What is asked of the reactor where there is none.
pub(super) fn nobody() -> ToolError {
    ToolError::new(
        ErrorClass::Unavailable,
        "no reactor is running here that could do this",
    )
    .with_remedy("call this tool of a running server: `xmrt serve`")
}
