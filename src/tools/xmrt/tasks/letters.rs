//! In: a message. Out: it, to whom it is for. Never: somebody else's messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Parts;
use super::shown::LetterShown;
use super::{board, check_agent, me, of_board, would};
use crate::coordination::NewLetter;
use crate::hub::ToolError;
use crate::tools::toolbox::{Ctx, Effect};

const LIMIT: usize = 50;

/// What to write, and to whom.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendArgs {
    /// The agent's id.
    to: String,
    /// The text, at most 32,768 characters.
    #[schemars(length(min = 1))]
    text: String,
    /// Id of the task it is about.
    task: Option<String>,
}

/// A message that was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SentShown {
    to: String,
    /// Its place among the messages to that agent.
    seq: u64,
    /// It was sent before, under the same key.
    duplicate: bool,
}

/// Which messages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadArgs {
    /// Only those behind this seq; behind what you said you have read unless you say so.
    after: Option<u64>,
    /// At most so many; 50 unless you say so.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// Messages to you.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Letters {
    messages: Vec<LetterShown>,
    /// There are more behind these.
    more: bool,
}

pub(super) async fn send(ctx: Ctx<Parts>, args: SendArgs) -> Result<Effect<SentShown>, ToolError> {
    let board = board(&ctx);
    check_agent(&ctx, &board, Some(&args.to)).await?;
    if ctx.dry_run {
        return Ok(would("send_message", json!({ "to": args.to, "text": args.text })));
    }
    let letter = NewLetter {
        to: args.to.clone(),
        text: args.text,
        task: args.task,
        key: ctx.key.clone(),
    };
    let sent = board.send(&ctx.who.to_string(), letter).await.map_err(of_board)?;
    Ok(Effect::Done(SentShown {
        to: args.to,
        seq: sent.seq,
        duplicate: sent.duplicate,
    }))
}

pub(super) async fn read(ctx: Ctx<Parts>, args: ReadArgs) -> Result<Letters, ToolError> {
    let me = me(&ctx)?;
    let limit = args.limit.unwrap_or(LIMIT);
    let (letters, more) = board(&ctx)
        .letters(&me, args.after, limit)
        .await
        .map_err(of_board)?;
    Ok(Letters {
        messages: letters.into_iter().map(LetterShown::from).collect(),
        more,
    })
}
