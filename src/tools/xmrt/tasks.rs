//! In: an agent's words about itself and its work. Out: what the board says. Never: a word in somebody else's name.

mod letters;
mod presence;
mod shown;
mod work;

use crate::agents::{REACTOR, Who};
use crate::coordination::{Board, BoardError, Holding};
use crate::hub::{Doubt, ErrorClass, ToolError};
use crate::integrations::Request;
use crate::tools::toolbox::{Ctx, Effect, reads, writes};

use super::records::of_store;
use super::{Parts, Server};

/// How long the end of a task may take to come about, in milliseconds: as long as one is kept.
const ENDS_MS: i64 = crate::coordination::KEPT_MS;
/// What the end of a task comes back as.
const TOLD_AS: &[&str] = &[
    "xmrt.task_done:{about}~key={$key}",
    "xmrt.task_failed:{about}~key={$key}",
    "xmrt.task_done:task~key={$key}",
    "xmrt.task_failed:task~key={$key}",
];

impl Server {
    /// Work that agents share.
    pub(super) fn with_tasks(self) -> Self {
        self.agents().tasks().holders().letters()
    }

    fn agents(self) -> Self {
        self.with(
            writes(
                "register_agent",
                "Say that you are there",
                "Says that you are there and what you can do, which decides which tasks you are offered (not what you may do). \
                 Call heartbeat before silent_after_s is over, or your tasks go to others.",
                Doubt::Idempotent,
            )
            .closed_world()
            .acts(presence::register),
        )
        .with(
            writes(
                "heartbeat",
                "Say that you are still there",
                "Says that you are still there, still at these tasks (each is held for longer), and up to which message you \
                 have read. The answer names tasks that are yours no more: leave those alone.",
                Doubt::Idempotent,
            )
            .closed_world()
            .acts(presence::heartbeat),
        )
        .with(
            reads(
                "list_agents",
                "List agents",
                "The agents that registered: what each can do, when it was heard of last, whether it went silent.",
            )
            .closed_world()
            .untrusted(&["note"])
            .answers(presence::list),
        )
    }

    fn tasks(self) -> Self {
        self.with(
            writes(
                "post_task",
                "Post a task",
                "Posts work for an agent that can do what it needs. With the same idempotency_key it is one task. Its end is an \
                 event: xmrt.task_done or xmrt.task_failed.",
                Doubt::Idempotent,
            )
            .closed_world()
            .announced_as(TOLD_AS)
            .announced_within_ms(ENDS_MS)
            .acts(work::post),
        )
        .with(
            reads(
                "list_tasks",
                "List tasks",
                "Tasks that are open or that somebody works on, without their texts; settled ones by state. get_task has all of one.",
            )
            .closed_world()
            .untrusted(&["title", "note", "reason"])
            .answers(work::list),
        )
        .with(
            reads(
                "get_task",
                "Get a task",
                "One task: what is wanted, who has it, what came of it, and everything that happened to it.",
            )
            .closed_world()
            .untrusted(&["title", "body", "data", "note", "reason", "result"])
            .answers(work::get),
        )
        .with(
            writes(
                "cancel_task",
                "Cancel a task",
                "Ends a task that is wanted no more. An agent cancels only what it posted itself; whoever works on it is told \
                 with its next call.",
                Doubt::Idempotent,
            )
            .closed_world()
            .acts(work::cancel),
        )
    }

    /// What the agent that has a task does with it.
    fn holders(self) -> Self {
        self.with(
            writes(
                "claim_task",
                "Claim a task",
                "Gives you the most urgent task that you can do, or this one, and nobody else while you hold it: for lease_s without \
                 a word. Show its fence with whatever you say about it. With the same idempotency_key it is the same claim.",
                Doubt::Idempotent,
            )
            .closed_world()
            .untrusted(&["title", "body", "data", "note", "reason", "result"])
            .acts(work::claim),
        )
        .with(
            writes(
                "update_task",
                "Say how far a task is",
                "Says how far a task that you have is, and holds it for longer.",
                Doubt::Idempotent,
            )
            .closed_world()
            .untrusted(&["title", "note", "reason"])
            .acts(work::update),
        )
        .with(
            writes(
                "complete_task",
                "Complete a task",
                "Says that a task that you have is done, and what came of it. Only under the fence you were given: if it went \
                 to somebody else meanwhile, this is refused.",
                Doubt::Idempotent,
            )
            .closed_world()
            .untrusted(&["title", "note", "reason"])
            .acts(work::complete),
        )
        .with(
            writes(
                "fail_task",
                "Fail a task",
                "Says that you could not do a task that you have. Others try it again until its attempts are used up; with \
                 retry = false nobody does.",
                Doubt::Idempotent,
            )
            .closed_world()
            .untrusted(&["title", "note", "reason"])
            .acts(work::fail),
        )
        .with(
            writes(
                "hand_off_task",
                "Hand a task on",
                "Gives a task that you have to another agent, or back to whoever can do it. That is no failed attempt.",
                Doubt::Idempotent,
            )
            .closed_world()
            .untrusted(&["title", "note", "reason"])
            .acts(work::hand_off),
        )
    }

    fn letters(self) -> Self {
        self.with(
            writes(
                "send_message",
                "Write to an agent",
                "Writes a message to another agent. With the same idempotency_key it is one message.",
                Doubt::Idempotent,
            )
            .closed_world()
            .acts(letters::send),
        )
        .with(
            reads(
                "read_messages",
                "Read your messages",
                "The messages to you, oldest first, behind those that you said (heartbeat, read_up_to) you have read.",
            )
            .closed_world()
            .untrusted(&["text"])
            .answers(letters::read),
        )
    }
}

fn board(ctx: &Ctx<Parts>) -> Board {
    Board::new(ctx.parts.store.clone(), ctx.clock.clone())
}

/// In whose name an agent's words are said.
fn me(ctx: &Ctx<Parts>) -> Result<String, ToolError> {
    match &ctx.who {
        Who::Reactor => Err(ToolError::new(
            ErrorClass::Forbidden,
            "the reactor works on no tasks and has no messages",
        )
        .with_remedy("let the rule act as an agent: `agent = \"…\"`")),
        who => Ok(who.to_string()),
    }
}

/// That there is, or may be, an agent of this name.
async fn check_agent(ctx: &Ctx<Parts>, board: &Board, agent: Option<&str>) -> Result<(), ToolError> {
    let Some(agent) = agent else { return Ok(()) };
    let hub = ctx.parts.hub.hub();
    let configured = hub.is_some_and(|hub| hub.directory().agent(agent).is_some());
    if configured || board.is_known(agent).await.map_err(of_board)? {
        return Ok(());
    }
    let message =
        format!("there is no agent {agent:?}: none of this name registered, and xmrt.toml has none");
    Err(ToolError::new(ErrorClass::NotFound, message)
        .with_remedy("xmrt.list_agents names those that registered"))
}

pub(super) fn of_board(error: BoardError) -> ToolError {
    let message = error.to_string();
    match error {
        BoardError::Store(error) => of_store(error),
        BoardError::NotFound(_) => ToolError::new(ErrorClass::NotFound, message),
        BoardError::Invalid(..) => ToolError::new(ErrorClass::Invalid, message),
        BoardError::Conflict(_) => ToolError::new(ErrorClass::Conflict, message),
        BoardError::Forbidden(_) => ToolError::new(ErrorClass::Forbidden, message),
        BoardError::Lost { .. } => ToolError::new(ErrorClass::Conflict, message).with_remedy(
            "leave the task alone: what you did for it may be done again by whoever has it; claim another",
        ),
    }
}

/// What a dry run says.
fn would<T>(tool: &str, arguments: serde_json::Value) -> Effect<T> {
    Effect::WouldSend(vec![Request {
        method: "POST",
        path: format!("<{}>/{tool}", REACTOR),
        body: Some(arguments),
    }])
}

fn holding(task: String, fence: u64) -> Holding {
    Holding { task, fence }
}

/// Seconds, as the board counts.
fn ms(seconds: Option<u32>) -> Option<i64> {
    seconds.map(|seconds| i64::from(seconds) * 1_000)
}
