//! The board against a small obvious one: the same random conversation, the same answers, over every store.
//!
//! The obvious one is a list of tasks and a list of agents; it knows no indexes, no leases that are values of their own, no
//! expectations.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use xmrt::clock::{Clock, after};
use xmrt::coordination::*;

use crate::journal::desk::{at, desks};

const AGENTS: [&str; 3] = ["a", "b", "c"];
const SILENT_MS: i64 = 8_000;

#[derive(Clone, Debug)]
enum Said {
    Register(usize, bool),
    Post {
        priority: u8,
        needs: bool,
        to: Option<usize>,
        attempts: u32,
    },
    Claim {
        agent: usize,
        lease_ms: i64,
    },
    Update {
        agent: usize,
        task: Index,
        stale: bool,
    },
    Complete {
        agent: usize,
        task: Index,
        stale: bool,
    },
    Fail {
        agent: usize,
        task: Index,
        again_ms: Option<i64>,
    },
    HandOff {
        agent: usize,
        task: Index,
        to: Option<usize>,
    },
    Cancel(Index),
    Beat(usize),
    Sweep,
}

fn conversations() -> impl Strategy<Value = Vec<(i64, Said)>> {
    let agent = || 0..AGENTS.len();
    let task = any::<Index>;
    let stale = || prop::bool::weighted(0.15);
    let said = prop_oneof![
        2 => (agent(), any::<bool>()).prop_map(|(agent, able)| Said::Register(agent, able)),
        5 => (3..6u8, prop::bool::weighted(0.3), prop::option::weighted(0.2, agent()), 1..4u32)
            .prop_map(|(priority, needs, to, attempts)| Said::Post { priority, needs, to, attempts }),
        8 => (agent(), prop::sample::select(vec![1_000i64, 4_000, 20_000]))
            .prop_map(|(agent, lease_ms)| Said::Claim { agent, lease_ms }),
        3 => (agent(), task(), stale()).prop_map(|(agent, task, stale)| Said::Update { agent, task, stale }),
        5 => (agent(), task(), stale()).prop_map(|(agent, task, stale)| Said::Complete { agent, task, stale }),
        3 => (agent(), task(), prop::option::weighted(0.8, 0..3_000i64))
            .prop_map(|(agent, task, again_ms)| Said::Fail { agent, task, again_ms }),
        2 => (agent(), task(), prop::option::of(agent()))
            .prop_map(|(agent, task, to)| Said::HandOff { agent, task, to }),
        1 => task().prop_map(Said::Cancel),
        3 => agent().prop_map(Said::Beat),
        2 => Just(Said::Sweep),
    ];
    let passes = prop_oneof![3 => 1..200i64, 2 => 500..3_000i64, 1 => 6_000..12_000i64];
    prop::collection::vec((passes, said), 10..80)
}

#[derive(Clone, Debug)]
struct Job {
    id: String,
    priority: u8,
    needs: bool,
    to: Option<usize>,
    state: TaskState,
    holder: Option<(usize, u64, i64, i64)>,
    fence: u64,
    attempts: u32,
    attempts_max: u32,
    hand_offs: u32,
    not_before: i64,
    /// What each fence's holder said last.
    last: Option<(usize, u64, &'static str)>,
}

#[derive(Clone, Copy, Debug)]
struct Guest {
    able: bool,
    until: i64,
}

/// The obvious board.
#[derive(Debug, Default)]
struct Obvious {
    jobs: Vec<Job>,
    guests: [Option<Guest>; 3],
}

impl Obvious {
    fn here(&self, agent: usize, now: i64) -> bool {
        self.guests[agent].is_some_and(|guest| guest.until > now)
    }

    fn seen(&mut self, agent: usize, now: i64) -> bool {
        match &mut self.guests[agent] {
            Some(guest) => {
                guest.until = now + SILENT_MS;
                true
            }
            None => false,
        }
    }

    fn sweep(&mut self, now: i64) {
        let here: Vec<bool> = (0..AGENTS.len()).map(|agent| self.here(agent, now)).collect();
        for job in &mut self.jobs {
            if let Some((agent, fence, _, until)) = job.holder
                && (until <= now || !here[agent])
            {
                job.holder = None;
                job.last = Some((agent, fence, "lapsed"));
                job.state = match job.attempts < job.attempts_max {
                    true => TaskState::Open,
                    false => TaskState::Failed,
                };
            }
        }
    }

    fn claim(&mut self, agent: usize, lease_ms: i64, now: i64) -> String {
        if !self.seen(agent, now) {
            return "unregistered".into();
        }
        self.sweep(now);
        let able = self.guests[agent].unwrap().able;
        let here: Vec<bool> = (0..AGENTS.len()).map(|agent| self.here(agent, now)).collect();
        let best = self
            .jobs
            .iter_mut()
            .filter(|job| job.state == TaskState::Open && job.not_before <= now && (able || !job.needs))
            .filter(|job| job.to.is_none_or(|to| to == agent || !here[to]))
            .min_by_key(|job| 9 - job.priority);
        let Some(job) = best else { return "none".into() };
        job.state = TaskState::Claimed;
        job.fence += 1;
        job.attempts += 1;
        job.not_before = 0;
        job.holder = Some((agent, job.fence, lease_ms, now + lease_ms));
        job.last = Some((agent, job.fence, "claimed"));
        format!("{} {}", job.id, job.fence)
    }

    /// Something that only a holder may say. `again` is what it is that may be said twice.
    fn hold(
        &mut self,
        job: usize,
        agent: usize,
        fence: u64,
        again: &'static str,
        act: impl FnOnce(&mut Job),
    ) -> String {
        let job = &mut self.jobs[job];
        if job.last == Some((agent, fence, again)) {
            return format!("{:?}", job.state);
        }
        match job.holder {
            Some((holder, held, ..)) if holder == agent && held == fence => {
                act(job);
                if !again.is_empty() {
                    job.last = Some((agent, fence, again));
                }
                format!("{:?}", job.state)
            }
            _ => "lost".into(),
        }
    }
}

fn answer(said: Result<Task, BoardError>) -> String {
    match said {
        Ok(task) => format!("{:?}", task.state),
        Err(BoardError::Lost { .. }) => "lost".into(),
        Err(BoardError::Conflict(_)) => "conflict".into(),
        Err(error) => panic!("{error}"),
    }
}

fn able(agent: &str, able: bool) -> Registration {
    Registration {
        capabilities: if able { vec!["rust".into()] } else { vec![] },
        note: Some(agent.into()),
        silent_ms: Some(SILENT_MS),
    }
}

/// The fence that is meant: that of the holder, or one that is none.
fn meant(job: &Job, stale: bool) -> u64 {
    if stale {
        job.fence.saturating_sub(1)
    } else {
        job.fence
    }
}

/// One thing is said to both; gives both answers.
#[expect(clippy::too_many_lines, reason = "an arm for each thing that can be said")]
async fn say(board: &Board, obvious: &mut Obvious, said: &Said, n: usize, now: i64) -> (String, String) {
    let count = obvious.jobs.len();
    let pick = |index: &Index| index.index(count);
    let needs_job = matches!(
        said,
        Said::Update { .. }
            | Said::Complete { .. }
            | Said::Fail { .. }
            | Said::HandOff { .. }
            | Said::Cancel(_)
    );
    if needs_job && count == 0 {
        return Default::default();
    }
    match said {
        Said::Register(agent, can) => {
            let present = board
                .register(AGENTS[*agent], able(AGENTS[*agent], *can))
                .await
                .unwrap();
            obvious.guests[*agent] = Some(Guest {
                able: *can,
                until: now + SILENT_MS,
            });
            (format!("{}", !present.capabilities.is_empty()), format!("{can}"))
        }
        Said::Post {
            priority,
            needs,
            to,
            attempts,
        } => {
            let wish = NewTask {
                title: format!("task {n}"),
                priority: Some(*priority),
                needs: if *needs { vec!["rust".into()] } else { vec![] },
                to: to.map(|to| AGENTS[to].into()),
                attempts_max: Some(*attempts),
                key: Some(format!("key-{n}")),
                ..NewTask::default()
            };
            let (task, _) = board.post("reactor", wish).await.unwrap();
            obvious.jobs.push(Job {
                id: task.id,
                priority: *priority,
                needs: *needs,
                to: *to,
                state: TaskState::Open,
                holder: None,
                fence: 0,
                attempts: 0,
                attempts_max: *attempts,
                hand_offs: 0,
                not_before: 0,
                last: None,
            });
            Default::default()
        }
        Said::Claim { agent, lease_ms } => {
            let claimed = match board.claim(AGENTS[*agent], None, Some(*lease_ms), None).await {
                Ok(Some(claimed)) => format!("{} {}", claimed.task.id, claimed.task.holder.unwrap().fence),
                Ok(None) => "none".into(),
                Err(BoardError::Conflict(_)) => "unregistered".into(),
                Err(error) => panic!("{error}"),
            };
            (claimed, obvious.claim(*agent, *lease_ms, now))
        }
        Said::Update { agent, task, stale } => {
            let at = pick(task);
            let (id, fence) = (obvious.jobs[at].id.clone(), meant(&obvious.jobs[at], *stale));
            let held = Holding { task: id, fence };
            let said = board.update(AGENTS[*agent], &held, None, None).await;
            let expected = obvious.hold(at, *agent, fence, "", |job| {
                if let Some((_, _, lease_ms, until)) = &mut job.holder {
                    *until = now + *lease_ms;
                }
            });
            (answer(said.map(|claimed| claimed.task)), expected)
        }
        Said::Complete { agent, task, stale } => {
            let at = pick(task);
            let (id, fence) = (obvious.jobs[at].id.clone(), meant(&obvious.jobs[at], *stale));
            let said = board.complete(AGENTS[*agent], &id, fence, Value::Null).await;
            let expected = obvious.hold(at, *agent, fence, "done", |job| {
                job.holder = None;
                job.state = TaskState::Done;
            });
            (answer(said), expected)
        }
        Said::Fail {
            agent,
            task,
            again_ms,
        } => {
            let at = pick(task);
            let (id, fence) = (obvious.jobs[at].id.clone(), obvious.jobs[at].fence);
            let said = board.fail(AGENTS[*agent], &id, fence, "broken", *again_ms).await;
            let expected = obvious.hold(at, *agent, fence, "failed", |job| {
                job.holder = None;
                let again = again_ms.filter(|_| job.attempts < job.attempts_max);
                job.state = if again.is_some() {
                    TaskState::Open
                } else {
                    TaskState::Failed
                };
                job.not_before = again.map_or(0, |ms| now + ms);
            });
            (answer(said), expected)
        }
        Said::HandOff { agent, task, to } => {
            let at = pick(task);
            let (id, fence) = (obvious.jobs[at].id.clone(), obvious.jobs[at].fence);
            let name = to.map(|to| AGENTS[to].to_owned());
            let said = board
                .hand_off(AGENTS[*agent], &id, fence, (name, None), None)
                .await;
            let full = obvious.jobs[at].hand_offs == HAND_OFFS_MAX
                && obvious.jobs[at]
                    .holder
                    .is_some_and(|(holder, held, ..)| holder == *agent && held == fence);
            if full {
                return (answer(said), "conflict".into());
            }
            let expected = obvious.hold(at, *agent, fence, "handed_off", |job| {
                job.holder = None;
                job.state = TaskState::Open;
                job.attempts -= 1;
                job.hand_offs += 1;
                job.to = *to;
            });
            (answer(said), expected)
        }
        Said::Cancel(task) => {
            let at = pick(task);
            let id = obvious.jobs[at].id.clone();
            let said = board.cancel("api", false, &id, None).await;
            let job = &mut obvious.jobs[at];
            let expected = match job.state {
                TaskState::Done | TaskState::Failed => "conflict".into(),
                _ => {
                    job.state = TaskState::Cancelled;
                    job.holder = None;
                    "Cancelled".into()
                }
            };
            (answer(said), expected)
        }
        Said::Beat(agent) => {
            let beat = board.heartbeat(AGENTS[*agent], &[], None).await;
            (
                format!("{}", beat.is_ok()),
                format!("{}", obvious.seen(*agent, now)),
            )
        }
        Said::Sweep => {
            board.sweep().await.unwrap();
            obvious.sweep(now);
            Default::default()
        }
    }
}

/// Everything there is to see of both.
async fn seen(board: &Board, obvious: &Obvious) -> (Vec<String>, Vec<String>) {
    let query = TaskQuery {
        all: true,
        limit: 500,
        ..TaskQuery::default()
    };
    let mut real: Vec<String> = board
        .tasks(&query)
        .await
        .unwrap()
        .tasks
        .iter()
        .map(|task| {
            let holder = task
                .holder
                .as_ref()
                .map(|holder| (holder.agent.clone(), holder.fence));
            format!(
                "{} {:?} {holder:?} {} {}",
                task.id, task.state, task.fence, task.attempts
            )
        })
        .collect();
    let mut expected: Vec<String> = obvious
        .jobs
        .iter()
        .map(|job| {
            let holder = job
                .holder
                .map(|(agent, fence, ..)| (AGENTS[agent].to_owned(), fence));
            format!(
                "{} {:?} {holder:?} {} {}",
                job.id, job.state, job.fence, job.attempts
            )
        })
        .collect();
    real.sort();
    expected.sort();
    (real, expected)
}

#[test]
fn the_board_answers_as_the_obvious_one_over_every_store() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = ProptestConfig {
        cases: 12,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(cases);
    let held = runner.run(&conversations(), |conversation| {
        runtime.block_on(async {
            for desk in desks().await {
                let clock = Clock::virtual_at(at(0));
                let board = Board::new(desk.store.clone(), clock.clone());
                let (mut obvious, mut now) = (Obvious::default(), 0);
                for (n, (passes, said)) in conversation.iter().enumerate() {
                    now += passes;
                    clock.advance_to(after(at(0), now));
                    let (real, expected) = say(&board, &mut obvious, said, n, now).await;
                    prop_assert_eq!(real, expected, "{}: {} {:?}", desk.name, n, said);
                }
                let (real, expected) = seen(&board, &obvious).await;
                prop_assert_eq!(real, expected, "{}", desk.name);
            }
            Ok(())
        })
    });
    held.unwrap();
}
