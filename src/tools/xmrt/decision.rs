//! In: an event, perhaps a rule. Out: why the rule did or did not act on it. Never: deciding anything; the reactor's own
//! explanation is handed on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Parts;
use super::records::of_lookup;
use crate::hub::ToolError;
use crate::reactor::{self, Ranked};
use crate::tools::toolbox::Ctx;

/// What to explain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainDecisionArgs {
    /// The event's delivery id, as find_events gives it.
    event: String,
    /// The rule's id. Without it all rules that have to do with such events are ranked.
    rule: Option<String>,
}

/// Why.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DecisionExplained {
    /// The event's delivery id.
    event: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    /// All of it, for a person.
    text: String,
    /// The rule's decision in full: conditions, limits, plan, what would have to differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Value>,
    /// The rules in order of nearness, each with what it lacked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ranking: Vec<Ranked>,
    /// How many more have to do with such events, and came less near.
    #[serde(skip_serializing_if = "is_none")]
    left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

pub(super) async fn explain_decision(
    ctx: Ctx<Parts>,
    args: ExplainDecisionArgs,
) -> Result<DecisionExplained, ToolError> {
    let explained = reactor::explain(&*ctx.parts.store, &args.event, args.rule.as_deref())
        .await
        .map_err(of_lookup)?;
    Ok(DecisionExplained {
        event: explained.event,
        kind: explained.kind,
        subject: explained.subject,
        text: explained.text,
        explanation: explained.explanation.map(|found| json!(found)),
        ranking: explained.ranking,
        left_out: explained.left_out,
    })
}
