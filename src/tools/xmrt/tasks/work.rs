//! In: work, and words about it. Out: what the board says. Never: a task under a fence that is not the caller's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::Parts;
use super::shown::{Standing, TaskOutline, TaskWhole};
use super::{board, check_agent, holding, me, ms, of_board, would};
use crate::agents::Who;
use crate::coordination::{NewTask, TaskQuery};
use crate::hub::ToolError;
use crate::tools::toolbox::{Ctx, Effect};

const LIMIT: usize = 50;

/// Work that somebody wants done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostArgs {
    /// What is wanted, in a line.
    #[schemars(length(min = 1, max = 200))]
    title: String,
    /// All that there is to say.
    #[serde(default)]
    body: String,
    /// What it is about, as acme/api#42.
    about: Option<String>,
    /// What goes along, as JSON.
    data: Option<Map<String, Value>>,
    /// What an agent must be able to do.
    #[serde(default)]
    needs: Vec<String>,
    /// 0 to 9; 9 comes first, 5 unless it says so.
    #[schemars(range(max = 9))]
    priority: Option<u8>,
    /// For this agent, as long as it is there.
    to: Option<String>,
    /// How often it may be begun; 3 unless it says so.
    #[schemars(range(min = 1, max = 20))]
    attempts: Option<u32>,
    /// Given up when nobody has done it within so many seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    expires_in_s: Option<u32>,
}

/// A task that was posted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Posted {
    id: String,
    /// open, or how it stands where it was posted before.
    state: &'static str,
    /// It was posted before, under the same key.
    duplicate: bool,
}

/// Which tasks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTasksArgs {
    /// Only those that stand so; open and claimed ones unless it says so.
    state: Option<Standing>,
    /// Only those that this agent has, or that are for it.
    agent: Option<String>,
    /// At most so many; 50 unless it says so.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The cursor of the page before.
    cursor: Option<String>,
}

/// Tasks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaskList {
    tasks: Vec<TaskOutline>,
    /// The cursor of the next page, if there is more.
    cursor: Option<String>,
}

/// Which task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetTaskArgs {
    /// Its id.
    task: String,
}

/// Which task, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelArgs {
    /// Its id.
    task: String,
    /// Why it is wanted no more.
    reason: Option<String>,
}

/// Which task to claim.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimArgs {
    /// This one; the most urgent that you can do unless you say so.
    task: Option<String>,
    /// For how many seconds it is yours without a word; 300 unless you say so.
    #[schemars(range(min = 1, max = 86_400))]
    lease_s: Option<u32>,
}

/// A task that is yours, or none.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ClaimShown {
    /// There was one.
    claimed: bool,
    task: Option<TaskWhole>,
    /// Show it with whatever you say about the task.
    fence: Option<u64>,
    /// Yours for so many seconds without a word.
    lease_s: Option<i64>,
}

/// How far a task is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateArgs {
    /// Its id.
    task: String,
    /// The fence that claim_task gave.
    fence: u64,
    /// How far it is, in words.
    note: Option<String>,
    /// For how many seconds it is yours without a word, from now on.
    #[schemars(range(min = 1, max = 86_400))]
    lease_s: Option<u32>,
}

/// A task that is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteArgs {
    /// Its id.
    task: String,
    /// The fence that claim_task gave.
    fence: u64,
    /// What came of it.
    result: Option<Map<String, Value>>,
}

/// A task that could not be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailArgs {
    /// Its id.
    task: String,
    /// The fence that claim_task gave.
    fence: u64,
    /// Why.
    #[schemars(length(min = 1))]
    reason: String,
    /// Whether others are to try it again; true unless you say so.
    retry: Option<bool>,
    /// Not before so many seconds are over.
    #[schemars(range(max = 2_592_000))]
    retry_in_s: Option<u32>,
}

/// To whom a task goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandOffArgs {
    /// Its id.
    task: String,
    /// The fence that claim_task gave.
    fence: u64,
    /// To this agent; to whoever can do it unless you say so.
    to: Option<String>,
    /// What an agent must be able to do from now on.
    needs: Option<Vec<String>>,
    /// What the next one should know.
    note: Option<String>,
}

pub(super) async fn post(ctx: Ctx<Parts>, args: PostArgs) -> Result<Effect<Posted>, ToolError> {
    let board = board(&ctx);
    check_agent(&ctx, &board, args.to.as_deref()).await?;
    if ctx.dry_run {
        let sent = json!({ "title": args.title, "body": args.body, "needs": args.needs });
        return Ok(would("post_task", sent));
    }
    let wish = NewTask {
        title: args.title,
        body: args.body,
        about: args.about,
        data: args.data.map_or(Value::Null, Value::Object),
        needs: args.needs,
        priority: args.priority,
        to: args.to,
        attempts_max: args.attempts,
        expires_ms: ms(args.expires_in_s),
        key: ctx.key.clone(),
    };
    let (task, duplicate) = board.post(&ctx.who.to_string(), wish).await.map_err(of_board)?;
    Ok(Effect::Done(Posted {
        id: task.id,
        state: task.state.as_str(),
        duplicate,
    }))
}

pub(super) async fn list(ctx: Ctx<Parts>, args: ListTasksArgs) -> Result<TaskList, ToolError> {
    let query = TaskQuery {
        state: args.state.map(Into::into),
        all: false,
        agent: args.agent,
        cursor: args.cursor,
        limit: args.limit.unwrap_or(LIMIT),
    };
    let found = board(&ctx).tasks(&query).await.map_err(of_board)?;
    Ok(TaskList {
        tasks: found.tasks.into_iter().map(TaskOutline::from).collect(),
        cursor: found.next,
    })
}

pub(super) async fn get(ctx: Ctx<Parts>, args: GetTaskArgs) -> Result<TaskWhole, ToolError> {
    Ok(board(&ctx).task(&args.task).await.map_err(of_board)?.into())
}

pub(super) async fn cancel(ctx: Ctx<Parts>, args: CancelArgs) -> Result<Effect<TaskOutline>, ToolError> {
    if ctx.dry_run {
        return Ok(would("cancel_task", json!({ "task": args.task })));
    }
    let own = matches!(ctx.who, Who::Agent(_));
    let (who, why) = (ctx.who.to_string(), args.reason.as_deref());
    let task = board(&ctx).cancel(&who, own, &args.task, why).await;
    Ok(Effect::Done(task.map_err(of_board)?.into()))
}

pub(super) async fn claim(ctx: Ctx<Parts>, args: ClaimArgs) -> Result<Effect<ClaimShown>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would("claim_task", json!({ "agent": me, "task": args.task })));
    }
    let claimed = board(&ctx)
        .claim(&me, args.task.as_deref(), ms(args.lease_s), ctx.key.clone())
        .await
        .map_err(of_board)?;
    Ok(Effect::Done(match claimed {
        Some(claimed) => ClaimShown {
            claimed: true,
            fence: claimed.task.holder.as_ref().map(|holder| holder.fence),
            lease_s: Some(claimed.lease_ms / 1_000),
            task: Some(claimed.task.into()),
        },
        None => ClaimShown {
            claimed: false,
            task: None,
            fence: None,
            lease_s: None,
        },
    }))
}

pub(super) async fn update(ctx: Ctx<Parts>, args: UpdateArgs) -> Result<Effect<TaskOutline>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would(
            "update_task",
            json!({ "task": args.task, "note": args.note }),
        ));
    }
    let held = holding(args.task, args.fence);
    let updated = board(&ctx)
        .update(&me, &held, args.note.as_deref(), ms(args.lease_s))
        .await
        .map_err(of_board)?;
    Ok(Effect::Done(updated.task.into()))
}

pub(super) async fn complete(ctx: Ctx<Parts>, args: CompleteArgs) -> Result<Effect<TaskOutline>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would(
            "complete_task",
            json!({ "task": args.task, "result": args.result }),
        ));
    }
    let result = args.result.map_or(Value::Null, Value::Object);
    let task = board(&ctx).complete(&me, &args.task, args.fence, result).await;
    Ok(Effect::Done(task.map_err(of_board)?.into()))
}

pub(super) async fn fail(ctx: Ctx<Parts>, args: FailArgs) -> Result<Effect<TaskOutline>, ToolError> {
    let me = me(&ctx)?;
    if ctx.dry_run {
        return Ok(would(
            "fail_task",
            json!({ "task": args.task, "reason": args.reason }),
        ));
    }
    let again_ms = args
        .retry
        .unwrap_or(true)
        .then(|| ms(args.retry_in_s).unwrap_or(0));
    let task = board(&ctx)
        .fail(&me, &args.task, args.fence, &args.reason, again_ms)
        .await;
    Ok(Effect::Done(task.map_err(of_board)?.into()))
}

pub(super) async fn hand_off(ctx: Ctx<Parts>, args: HandOffArgs) -> Result<Effect<TaskOutline>, ToolError> {
    let me = me(&ctx)?;
    let board = board(&ctx);
    check_agent(&ctx, &board, args.to.as_deref()).await?;
    if ctx.dry_run {
        return Ok(would(
            "hand_off_task",
            json!({ "task": args.task, "to": args.to }),
        ));
    }
    let task = board
        .hand_off(
            &me,
            &args.task,
            args.fence,
            (args.to, args.needs),
            args.note.as_deref(),
        )
        .await;
    Ok(Effect::Done(task.map_err(of_board)?.into()))
}
