//! In: questions about rules. Out: those in force, and what is wrong with a text that is not. Never: a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::hub::{ErrorClass, ToolError};
use crate::reactor::{Checked, RuleShown, RuleWhole};
use crate::tools::toolbox::Ctx;

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRulesArgs {}

/// The rules in force.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuleList {
    /// The hash of all of them together.
    book: String,
    rules: Vec<RuleShown>,
}

/// Which rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetRuleArgs {
    /// Its id: its file's name without .toml.
    rule: String,
}

/// A text, and what it shall be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRuleArgs {
    /// The rule's id, in kebab-case: its file's name without .toml.
    rule: String,
    /// The file, in TOML; at most 1 MiB.
    #[schemars(length(min = 1))]
    text: String,
}

pub(super) async fn list(ctx: Ctx<Parts>, _: ListRulesArgs) -> Result<RuleList, ToolError> {
    let (book, rules) = ctx.parts.reactor()?.rules_shown();
    Ok(RuleList { book, rules })
}

pub(super) async fn get(ctx: Ctx<Parts>, args: GetRuleArgs) -> Result<RuleWhole, ToolError> {
    ctx.parts.reactor()?.rule_shown(&args.rule).ok_or_else(|| {
        ToolError::new(
            ErrorClass::NotFound,
            format!("there is no rule {:?} in force", args.rule),
        )
        .with_remedy("xmrt.list_rules names them")
    })
}

pub(super) async fn check(ctx: Ctx<Parts>, args: CheckRuleArgs) -> Result<Checked, ToolError> {
    let reactor = ctx.parts.reactor()?;
    Ok(reactor.check_rule(&args.rule, &args.text).await)
}
