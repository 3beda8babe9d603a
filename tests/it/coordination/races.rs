//! Many agents at several boards over one journal, at once: each task is completed once, and no fence is given out twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::task::JoinSet;
use xmrt::clock::Clock;
use xmrt::coordination::*;
use xmrt::journal::Store;
use xmrt::store::Embedded;

use crate::redis_server::RedisServer;

const AGENTS: usize = 8;
const TASKS: usize = 40;

/// What all agents together saw.
#[derive(Debug, Default)]
struct Seen {
    /// (task, fence) of each claim: each is one agent's.
    fences: BTreeSet<(String, u64)>,
    twice: Vec<(String, u64)>,
    completed: Vec<String>,
}

/// Works until nothing is left; lets every third task lapse, as if it had been killed.
async fn work(board: Board, agent: String, seen: Arc<Mutex<Seen>>) {
    board.register(&agent, Registration::default()).await.unwrap();
    let mut n = 0;
    loop {
        let claimed = match board.claim(&agent, None, Some(1_000), None).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => {
                let left = board
                    .tasks(&TaskQuery {
                        limit: 1,
                        ..TaskQuery::default()
                    })
                    .await
                    .unwrap();
                if left.tasks.is_empty() {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
            Err(BoardError::Store(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        let fence = claimed.task.holder.as_ref().unwrap().fence;
        {
            let mut seen = seen.lock().unwrap();
            let of = (claimed.task.id.clone(), fence);
            if !seen.fences.insert(of.clone()) {
                seen.twice.push(of);
            }
        }
        n += 1;
        if n % 3 == 0 && claimed.task.attempts < 3 {
            continue;
        }
        match board
            .complete(&agent, &claimed.task.id, fence, json!({ "by": agent }))
            .await
        {
            Ok(_) => seen.lock().unwrap().completed.push(claimed.task.id),
            Err(BoardError::Lost { .. } | BoardError::Store(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn race(stores: Vec<Arc<dyn Store>>, name: &str) {
    let board = |n: usize| Board::new(Arc::clone(&stores[n % stores.len()]), Clock::system());
    for n in 0..TASKS {
        let task = NewTask {
            title: format!("task {n}"),
            attempts_max: Some(20),
            ..NewTask::default()
        };
        board(n).post("reactor", task).await.unwrap();
    }
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut agents = JoinSet::new();
    for n in 0..AGENTS {
        agents.spawn(work(board(n), format!("agent-{n}"), Arc::clone(&seen)));
    }
    agents.join_all().await;
    let seen = Arc::into_inner(seen)
        .expect("all agents are done")
        .into_inner()
        .unwrap();
    assert_eq!(seen.twice, [], "{name}: two holders of one fence");
    let each: BTreeSet<&String> = seen.completed.iter().collect();
    assert_eq!(
        (each.len(), seen.completed.len()),
        (TASKS, TASKS),
        "{name}: each is completed once"
    );
    let all = TaskQuery {
        state: Some(TaskState::Done),
        limit: 500,
        ..TaskQuery::default()
    };
    assert_eq!(board(0).tasks(&all).await.unwrap().tasks.len(), TASKS, "{name}");
    assert!(seen.fences.len() > TASKS, "{name}: some lapsed");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_race_for_tasks_complete_each_once_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Embedded::open(dir.path(), Clock::system().now()).unwrap());
    race(vec![store], "embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_three_replicas_that_race_for_tasks_complete_each_once_on_redis() {
    let server = RedisServer::start("everysec");
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(server.open(Clock::system().now()).await.unwrap()));
    }
    race(stores, "redis").await;
}
