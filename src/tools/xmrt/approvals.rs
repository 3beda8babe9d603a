//! In: a person's word on the call a run asks about, brought by an agent. Out: the run as it is then. Never: the call itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Parts;
use super::records::{RunShown, history, of_store, run_shown};
use crate::agents::Who;
use crate::hub::{ErrorClass, ToolError};
use crate::journal::{self, Approver, RunId, Word, WordError};
use crate::tools::toolbox::{Ctx, Effect, Look};

/// Which run, and who says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordArgs {
    /// The run that asks: 32 hexadecimal digits.
    id: String,
    /// Who says it: a name that the rule's approval lists, or somebody with a role it lists.
    #[serde(rename = "as")]
    who: String,
    /// The roles they have, as the approval lists them without role:.
    #[serde(default)]
    roles: Vec<String>,
    /// Why, in their words.
    why: Option<String>,
    /// The hash of the call they saw (get_run shows it); refused if it is another by now.
    hash: Option<String>,
}

pub(super) async fn approve(ctx: Ctx<Parts>, args: WordArgs) -> Result<Effect<RunShown>, ToolError> {
    say(ctx, args, true).await
}

pub(super) async fn reject(ctx: Ctx<Parts>, args: WordArgs) -> Result<Effect<RunShown>, ToolError> {
    say(ctx, args, false).await
}

async fn say(ctx: Ctx<Parts>, args: WordArgs, approved: bool) -> Result<Effect<RunShown>, ToolError> {
    let run = RunId(args.id.clone());
    let store = &ctx.parts.store;
    if ctx.dry_run {
        // Nothing is sent to anybody: the answer is only noted here.
        return Ok(Effect::WouldSend(Vec::new()));
    }
    // Whoever runs the program vouches for whom it names. An agent, or a rule, speaks for nobody but itself.
    let roles = match &ctx.who {
        Who::Operator(_) => args.roles,
        _ => Vec::new(),
    };
    let who = Approver {
        name: speaker(&ctx.who, args.who),
        roles,
        known_as: None,
        vouched_by: matches!(ctx.who, Who::Operator(_)).then(|| ctx.who.to_string()),
    };
    let word = Word {
        who,
        approved,
        why: args.why,
        hash: args.hash,
    };
    match ctx.parts.starter.reactor() {
        Some(reactor) => reactor.say(&run, word).await,
        // Whoever runs next takes it up.
        None => journal::say(store.as_ref(), &run, word, ctx.clock.now()).await,
    }
    .map_err(refused)?;
    Ok(Effect::Done(run_shown(history(&ctx, &run).await?)))
}

/// Whose word it is, in the journal.
fn speaker(caller: &Who, named: String) -> String {
    match caller {
        Who::Operator(_) => named,
        own => own.to_string(),
    }
}

fn refused(error: WordError) -> ToolError {
    let message = error.to_string();
    match error {
        WordError::NotEntitled { .. } => ToolError::new(ErrorClass::Forbidden, message),
        WordError::Expired { .. } => ToolError::new(ErrorClass::Conflict, message),
        WordError::Store(error) => of_store(error),
    }
}

pub(super) async fn look_approved(ctx: Ctx<Parts>, args: WordArgs) -> Result<Look<RunShown>, ToolError> {
    look(ctx, args, true).await
}

pub(super) async fn look_rejected(ctx: Ctx<Parts>, args: WordArgs) -> Result<Look<RunShown>, ToolError> {
    look(ctx, args, false).await
}

/// The word is on record, whoever put it there.
async fn look(ctx: Ctx<Parts>, args: WordArgs, approved: bool) -> Result<Look<RunShown>, ToolError> {
    let history = history(&ctx, &RunId(args.id)).await?;
    let who = speaker(&ctx.who, args.who);
    let said = history.steps.iter().any(|step| {
        let approval = step.approval.as_ref();
        let answer = approval.and_then(|approval| approval.answer.as_ref());
        answer.is_some_and(|answer| answer.approved == approved && answer.who == who)
    });
    Ok(if said {
        Look::Found(run_shown(history))
    } else {
        Look::Absent
    })
}
