//! In: the journal, the board of tasks, the servers behind the hub. Out: what speaks against the agents and the reactor. Never: a
//! judgement of a rule's purpose.

use jiff::{SignedDuration, Timestamp};

use super::score::{Area, Judged, Weight};
use crate::coordination::{Board, Task, TaskQuery, TaskState};
use crate::hub::{Condition, ToolError};
use crate::journal::{CoverageState, PAGE_MAX, RunQuery, RunRecord, RunState, WaitsFor, all_coverage};
use crate::tools::counted::counted;
use crate::tools::quote::quote;
use crate::tools::toolbox::Ctx;
use crate::tools::when::minute;
use crate::tools::xmrt::Parts;
use crate::tools::xmrt::records::of_store;
use crate::tools::xmrt::tasks::of_board;

/// What the reactor is called among repositories and services.
const REACTOR: &str = "the reactor";
const TASKS: &str = "tasks";
/// What whoever asks about the reactor, and about agents, must be allowed to ask for.
const OF_REACTOR: &str = "xmrt.list_runs";
const OF_AGENTS: &str = "xmrt.list_agents";
/// How many dead runs are looked through, the newest, and how many tasks are read at once.
const LOOKED_AT_MAX: usize = 200;
/// What ended before is last week's matter, in hours.
const RECENT_HOURS: i64 = 7 * 24;
/// A person, or an agent, is late after so many hours.
const LATE_HOURS: i64 = 24;
/// Work that is due for longer is a backlog, in minutes.
const BACKLOG_MINUTES: i64 = 5;
/// How much of a reason is quoted, in bytes.
const WHY_BYTES_MAX: usize = 160;

pub(super) async fn judge(ctx: &Ctx<Parts>, judged: &mut Judged) -> Result<(), ToolError> {
    let now = ctx.clock.now();
    // What an agent may not ask for itself it is not told here either.
    let may = |tool: &str| {
        let hub = ctx.parts.hub.hub();
        hub.is_none_or(|hub| hub.directory().may_use(&ctx.who, tool))
    };
    if may(OF_REACTOR) {
        judged.looked(Area::Reactor, REACTOR);
        runs(ctx, now, judged).await?;
        standing(ctx, now, judged).await?;
        coverage(ctx, now, judged).await?;
        servers(ctx, judged);
    } else {
        judged
            .unread
            .push(format!("the reactor: {OF_REACTOR} is not granted"));
    }
    if may(OF_AGENTS) {
        agents(ctx, now, judged).await?;
    } else {
        judged.unread.push(format!("agents: {OF_AGENTS} is not granted"));
    }
    Ok(())
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

async fn runs(ctx: &Ctx<Parts>, now: Timestamp, judged: &mut Judged) -> Result<(), ToolError> {
    let store = ctx.parts.store.as_ref();
    let stats = store.stats().await.map_err(of_store)?;
    if stats.unknown > 0 {
        let what = format!(
            "{} in doubt: a person has to say what became of the call.",
            counted(stats.unknown, "run")
        );
        judged.found(Area::Reactor, REACTOR, Weight::Bad, what);
    }
    let dead = RunQuery {
        state: Some(RunState::Dead),
        limit: LOOKED_AT_MAX,
        ..RunQuery::default()
    };
    let dead = store.runs(&dead).await.map_err(of_store)?;
    let recent = dead
        .iter()
        .filter(|run| run.updated_at >= now - hours(RECENT_HOURS))
        .count();
    if recent > 0 {
        let or_more = if recent == LOOKED_AT_MAX { " or more" } else { "" };
        let what = format!(
            "{}{or_more} dead in the last 7 days.",
            counted(recent as u64, "run")
        );
        judged.found(Area::Reactor, REACTOR, Weight::Warning, what);
    }
    let late = late_approvals(ctx, now).await?;
    if late > 0 {
        let what = format!(
            "{} for more than a day for a person's approval.",
            match late {
                1 => "1 run waits".to_owned(),
                late => format!("{late} runs wait"),
            }
        );
        judged.found(Area::Reactor, REACTOR, Weight::Warning, what);
    }
    if let Some(due) = store.next_due().await.map_err(of_store)?
        && due < now - SignedDuration::from_mins(BACKLOG_MINUTES)
    {
        let what = format!("Work has been due since {} and is not done.", minute(due));
        judged.found(Area::Reactor, REACTOR, Weight::Bad, what);
    }
    Ok(())
}

/// How many runs wait for a person for more than a day. The late ones come last.
async fn late_approvals(ctx: &Ctx<Parts>, now: Timestamp) -> Result<usize, ToolError> {
    let (mut late, mut before) = (0, None);
    loop {
        let query = RunQuery {
            waits_for: Some(WaitsFor::Approval),
            before: before.take(),
            limit: PAGE_MAX,
            ..RunQuery::default()
        };
        let waiting = ctx.parts.store.runs(&query).await.map_err(of_store)?;
        let is_late = |run: &&RunRecord| run.updated_at < now - hours(LATE_HOURS);
        late += waiting.iter().filter(is_late).count();
        match waiting.last() {
            Some(last) if waiting.len() == PAGE_MAX => before = Some((last.seq, last.id.clone())),
            _ => return Ok(late),
        }
    }
}

async fn standing(ctx: &Ctx<Parts>, now: Timestamp, judged: &mut Judged) -> Result<(), ToolError> {
    for pause in ctx.parts.store.pauses().await.map_err(of_store)? {
        if pause.since < now - hours(LATE_HOURS) {
            let what = format!(
                "{} stands still since {}.",
                quote(&pause.what, WHY_BYTES_MAX),
                minute(pause.since)
            );
            judged.found(Area::Reactor, REACTOR, Weight::Warning, what);
        }
    }
    Ok(())
}

async fn coverage(ctx: &Ctx<Parts>, now: Timestamp, judged: &mut Judged) -> Result<(), ToolError> {
    let sources = all_coverage(ctx.parts.store.as_ref(), now)
        .await
        .map_err(of_store)?;
    for source in sources {
        let name = quote(&source.source, WHY_BYTES_MAX);
        let missing = source
            .unreachable
            .iter()
            .filter(|one| one.at >= now - hours(RECENT_HOURS))
            .count();
        if missing > 0 {
            let what = format!(
                "{} of {name} missing, and cannot be had any more.",
                match missing {
                    1 => "1 delivery is".to_owned(),
                    missing => format!("{missing} deliveries are"),
                }
            );
            judged.found(Area::Reactor, REACTOR, Weight::Bad, what);
        }
        if let CoverageState::NoPermission { why } | CoverageState::Failing { why } = &source.state {
            let what = format!(
                "Whether all of {name} came in cannot be looked up: {}.",
                quote(why, WHY_BYTES_MAX)
            );
            judged.found(Area::Reactor, REACTOR, Weight::Warning, what);
        }
    }
    Ok(())
}

fn servers(ctx: &Ctx<Parts>, judged: &mut Judged) {
    let status = ctx.parts.hub.hub().map(|hub| hub.status());
    for server in status.unwrap_or_default() {
        if server.condition == Condition::Down {
            let why = server
                .why
                .map_or(String::new(), |why| format!(": {}", quote(&why, WHY_BYTES_MAX)));
            let what = format!(
                "The MCP server {} is down{why}.",
                quote(&server.name, WHY_BYTES_MAX)
            );
            judged.found(Area::Reactor, REACTOR, Weight::Bad, what);
        }
    }
}

async fn agents(ctx: &Ctx<Parts>, now: Timestamp, judged: &mut Judged) -> Result<(), ToolError> {
    let board = Board::new(ctx.parts.store.clone(), ctx.clock.clone());
    for agent in board.agents().await.map_err(of_board)? {
        let name = quote(&agent.agent, WHY_BYTES_MAX);
        judged.looked(Area::Agents, &name);
        if agent.silent {
            let what = format!("It was not heard of since {}.", minute(agent.last_seen_at));
            judged.found(Area::Agents, &name, Weight::Warning, what);
        }
    }
    let open = tasks(&board, TaskState::Open).await?;
    let failed = tasks(&board, TaskState::Failed).await?;
    if open.is_empty() && failed.is_empty() {
        return Ok(());
    }
    judged.looked(Area::Agents, TASKS);
    let late = open
        .iter()
        .filter(|task| task.posted_at < now - hours(LATE_HOURS))
        .count();
    if late > 0 {
        let what = format!(
            "{} open for more than a day, and nobody has begun.",
            counted(late as u64, "task")
        );
        judged.found(Area::Agents, TASKS, Weight::Warning, what);
    }
    let recent = failed.iter().filter(|task| {
        let last = task.history.last().map(|last| last.at);
        last.is_some_and(|at| at >= now - hours(RECENT_HOURS))
    });
    let recent = recent.count();
    if recent > 0 {
        let what = format!("{} failed in the last 7 days.", counted(recent as u64, "task"));
        judged.found(Area::Agents, TASKS, Weight::Warning, what);
    }
    Ok(())
}

/// All tasks that stand so.
async fn tasks(board: &Board, state: TaskState) -> Result<Vec<Task>, ToolError> {
    let mut found = Vec::new();
    let mut query = TaskQuery {
        state: Some(state),
        all: true,
        limit: LOOKED_AT_MAX,
        ..TaskQuery::default()
    };
    loop {
        let mut page = board.tasks(&query).await.map_err(of_board)?;
        found.append(&mut page.tasks);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(found),
        }
    }
}
