//! In: an event, perhaps a rule. Out: why the rule did or did not act on it. Never: deciding anything; the reactor's own
//! explanation is handed on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Parts;
use super::records::of_lookup;
use crate::hub::ToolError;
use crate::reactor;
use crate::tools::toolbox::Ctx;

/// The answer is the reactor's own, also in its form.
pub use crate::reactor::Explained as DecisionExplained;

/// What to explain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainDecisionArgs {
    /// The event's delivery id, as find_events gives it.
    event: String,
    /// The rule's id. Without it all rules that have to do with such events are ranked.
    rule: Option<String>,
}

pub(super) async fn explain_decision(
    ctx: Ctx<Parts>,
    args: ExplainDecisionArgs,
) -> Result<DecisionExplained, ToolError> {
    reactor::explain(&*ctx.parts.store, &args.event, args.rule.as_deref())
        .await
        .map_err(of_lookup)
}
