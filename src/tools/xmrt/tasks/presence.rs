//! In: an agent that is there. Out: that, on record. Never: another one's name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Parts;
use super::shown::AgentShown;
use super::{board, holding, me, ms, of_board, would};
use crate::coordination::Registration;
use crate::hub::ToolError;
use crate::tools::toolbox::{Ctx, Effect};

/// What an agent says of itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterArgs {
    /// What you can do, in words such as rust, review, lang:de; at most 16.
    #[serde(default)]
    capabilities: Vec<String>,
    /// Who you are, in a sentence.
    note: Option<String>,
    /// After how many seconds without a word you count as silent; 120 unless you say so.
    #[schemars(range(min = 1, max = 86_400))]
    silent_after_s: Option<u32>,
}

/// A task that you have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldingArgs {
    /// Its id.
    task: String,
    /// The fence that claim_task gave.
    fence: u64,
}

/// What an agent says while it is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatArgs {
    /// The tasks that you are at.
    #[serde(default)]
    #[schemars(length(max = 50))]
    tasks: Vec<HoldingArgs>,
    /// You have dealt with your messages up to this seq.
    read_up_to: Option<u64>,
}

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Heard {
    /// Ids of the tasks that you hold for longer now.
    held: Vec<String>,
    /// Ids of those that are yours no more.
    lost: Vec<String>,
    /// How many messages wait for you.
    messages: u64,
    /// Say something again before so many seconds are over.
    silent_after_s: i64,
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAgentsArgs {}

/// The agents.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AgentList {
    agents: Vec<AgentShown>,
}

pub(super) async fn register(ctx: Ctx<Parts>, args: RegisterArgs) -> Result<Effect<AgentShown>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would(
            "register_agent",
            json!({ "agent": me, "capabilities": args.capabilities }),
        ));
    }
    let said = Registration {
        capabilities: args.capabilities,
        note: args.note,
        silent_ms: ms(args.silent_after_s),
    };
    let present = board(&ctx).register(&me, said).await.map_err(of_board)?;
    Ok(Effect::Done(present.into()))
}

pub(super) async fn heartbeat(ctx: Ctx<Parts>, args: HeartbeatArgs) -> Result<Effect<Heard>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would("heartbeat", json!({ "agent": me })));
    }
    let holdings: Vec<_> = args
        .tasks
        .into_iter()
        .map(|held| holding(held.task, held.fence))
        .collect();
    let beat = board(&ctx)
        .heartbeat(&me, &holdings, args.read_up_to)
        .await
        .map_err(of_board)?;
    let ids =
        |holdings: Vec<crate::coordination::Holding>| holdings.into_iter().map(|held| held.task).collect();
    Ok(Effect::Done(Heard {
        held: ids(beat.held),
        lost: ids(beat.lost),
        messages: beat.letters,
        silent_after_s: beat.agent.silent_ms / 1_000,
    }))
}

pub(super) async fn list(ctx: Ctx<Parts>, _: ListAgentsArgs) -> Result<AgentList, ToolError> {
    let agents = board(&ctx).agents().await.map_err(of_board)?;
    Ok(AgentList {
        agents: agents.into_iter().map(AgentShown::from).collect(),
    })
}
