//! Two replicas on one store, and a GitHub that refuses what is too much.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use xmrt::budget::{Budgets, Priority};
use xmrt::clock::Clock;
use xmrt::integrations::github::{self, Client, IssueFilter, Rates, Repo};
use xmrt::integrations::{ApiError, Failure};
use xmrt::journal::{MemoryStore, Store};
use xmrt::sandbox::{Options, Running, Sandbox};

use crate::redis_server::RedisServer;

/// Two replicas that act as one account.
struct Stage {
    sandbox: Sandbox,
    running: Running,
    replicas: [Client; 2],
    budgets: [Budgets; 2],
}

fn repo() -> Repo {
    "acme/api".parse().unwrap()
}

impl Stage {
    async fn on(stores: [Arc<dyn Store>; 2], rates: &Rates) -> Self {
        let clock = Clock::system();
        let sandbox = Sandbox::new(Options {
            clock: clock.clone(),
            github_token: "sandbox-token".into(),
            render_key: "sandbox-key".into(),
            github_secret: None,
            render_secret: None,
            bot_login: "xmrt-bot".into(),
        });
        let seed = json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": [{ "number": 7, "title": "t" }] } });
        sandbox.seed(&seed).unwrap();
        let running = sandbox
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let budgets = stores.map(|store| Budgets::shared(store, clock.clone()));
        let replicas = [0, 1].map(|which| {
            Client::new(&running.github_url(), "sandbox-token".to_owned())
                .unwrap()
                .within_budgets(&budgets[which])
                .with_rates(rates.clone())
        });
        Self {
            sandbox,
            running,
            replicas,
            budgets,
        }
    }

    async fn in_memory(rates: &Rates) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Clock::system().now()));
        Self::on([Arc::clone(&store), store], rates).await
    }

    async fn limits(&self, limits: Value) {
        let url = format!("http://{}/_sandbox/limits", self.running.addr());
        let answer = reqwest::Client::new()
            .post(url)
            .json(&limits)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    async fn comments(&self, which: usize, priority: Priority) -> Result<(), ApiError> {
        let request = github::create_comment(&repo(), 7, "Hello.");
        let made = self.replicas[which].send::<Value>(&request);
        priority.over(made).await.map(drop)
    }

    async fn reads(&self, which: usize) -> Result<(), ApiError> {
        // Something else each time: what is read again and did not change costs nothing.
        let page = self.sandbox.requests_after(0).len() + 1;
        let (repo, all) = (repo(), IssueFilter::default());
        let read = self.replicas[which].issues(&repo, &all, 1, page);
        Priority::Background.over(read).await.map(drop)
    }

    /// Both tell each other of what they did.
    async fn meet(&self) {
        let shown = self.budgets[0].shown().await.unwrap();
        let Some(name) = shown.first().map(|shown| &shown.identity) else {
            return;
        };
        for which in [0, 1, 0] {
            self.budgets[which].identity(name, None).share_now().await;
        }
    }

    /// The answers of the sandbox that were refusals.
    fn refused(&self) -> Vec<Value> {
        let requests = self.sandbox.requests_after(0).into_iter();
        let refused = |request: &Value| matches!(request["status"].as_u64(), Some(403 | 429));
        requests.filter(refused).collect()
    }
}

fn held_back(error: &ApiError) -> bool {
    matches!(error.failure, Failure::RateLimited { retry_at: Some(_) }) && error.status.is_none()
}

#[tokio::test]
async fn what_is_left_of_a_told_limit_is_for_writes_and_the_last_of_it_for_what_is_urgent() {
    let stage = Stage::in_memory(&Rates::default()).await;
    stage.limits(json!({ "github": 40, "seconds": 600 })).await;
    let mut read = 0;
    let error = loop {
        stage.meet().await;
        match stage.reads(read % 2).await {
            Ok(()) => read += 1,
            Err(error) => break error,
        }
    };
    // A fifth is left alone, whoever used the rest.
    assert_eq!(read, 32, "{error}");
    assert!(held_back(&error), "{error:?}");
    assert!(error.message.contains("kept for calls that write"), "{error}");
    let mut written = 0;
    let error = loop {
        stage.meet().await;
        match stage.comments(written % 2, Priority::Normal).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(written, 6, "{error}");
    assert!(
        held_back(&error) && error.message.contains("kept for urgent calls"),
        "{error:?}"
    );
    for which in [0, 1] {
        stage.comments(which, Priority::Urgent).await.unwrap();
        stage.meet().await;
    }
    assert_eq!(
        stage.refused(),
        Vec::<Value>::new(),
        "GitHub had to refuse nothing"
    );
    let error = stage.comments(0, Priority::Urgent).await.unwrap_err();
    assert!(
        held_back(&error) && error.message.contains("is used up"),
        "{error:?}"
    );
    let shown = stage.budgets[0].shown().await.unwrap();
    let [shown] = shown.as_slice() else {
        panic!("{shown:?}")
    };
    assert!(shown.identity.starts_with("github token "), "{}", shown.identity);
    assert!(!shown.identity.contains("sandbox-token"));
    let core = shown.limits.iter().find(|limit| limit.limit == "core").unwrap();
    assert_eq!((core.max, core.left, core.by), (Some(40), Some(0), "told"));
    assert_eq!(shown.held_back["urgent"], 1);
    stage.running.stop().await;
}

#[tokio::test]
async fn what_is_read_again_and_did_not_change_comes_whole_and_costs_nothing() {
    let stage = Stage::in_memory(&Rates::default()).await;
    let issues: Vec<Value> = (10..160)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": format!("No. {number}") }))
        .collect();
    stage
        .sandbox
        .seed(&json!({ "github": { "issues": issues } }))
        .unwrap();
    let (client, repo, all) = (&stage.replicas[0], repo(), IssueFilter::default());
    let statuses = |after: u64| -> Vec<u64> {
        let requests = stage.sandbox.requests_after(after).into_iter();
        requests
            .map(|request| request["status"].as_u64().unwrap())
            .collect()
    };
    let left = async || {
        let shown = stage.budgets[0].shown().await.unwrap();
        shown[0]
            .limits
            .iter()
            .find(|limit| limit.limit == "core")
            .unwrap()
            .left
            .unwrap()
    };

    let first = client.issues(&repo, &all, 120, 1).await.unwrap();
    assert_eq!(
        (first.items.len(), first.more, statuses(0)),
        (120, true, vec![200, 200])
    );
    let before = left().await;
    let again = client.issues(&repo, &all, 120, 1).await.unwrap();
    assert_eq!(
        again, first,
        "the second page too, though the first one only said that it did not change"
    );
    assert_eq!((statuses(2), left().await), (vec![304, 304], before));

    // The other replica was not told what this one read.
    stage.replicas[1].issue(&repo, 20).await.unwrap();
    let issue = client.issue(&repo, 20).await.unwrap();
    assert_eq!((statuses(4), issue.title.as_str()), (vec![200, 200], "No. 20"));
    stage
        .sandbox
        .seed(&json!({ "github": { "issues": [{ "repo": "acme/api", "number": 20, "title": "Other" }] } }))
        .unwrap();
    let issue = client.issue(&repo, 20).await.unwrap();
    assert_eq!((statuses(6), issue.title.as_str()), (vec![200], "Other"));
    assert_eq!(left().await, before - 3);
    stage.running.stop().await;
}

/// With Redis between them, at the same time, and limits that no answer tells.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_limit_that_nobody_is_told_and_a_rollback_overtakes_comments() {
    let server = RedisServer::start("everysec");
    let now = Clock::system().now();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(server.open(now).await.unwrap()),
        Arc::new(server.open(now).await.unwrap()),
    ];
    let rates = Rates {
        content_per_hour: Some(64),
        at_once: Some(4),
        ..Rates::default()
    };
    let stage = Arc::new(Stage::on(stores, &rates).await);
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..120 {
        let stage = Arc::clone(&stage);
        writing.spawn(async move { stage.comments(n % 2, Priority::Normal).await });
    }
    let ends = writing.join_all().await;
    let made = ends.iter().filter(|end| end.is_ok()).count();
    // Of 64 an eighth is left for what was not told yet, and of the rest a twentieth for what is urgent.
    assert!((54..=56).contains(&made), "{made} were made");
    assert!(
        ends.iter().filter_map(|end| end.as_ref().err()).all(held_back),
        "{ends:?}"
    );
    for which in [0, 1] {
        stage.comments(which, Priority::Urgent).await.unwrap();
    }
    // A read is no content.
    stage.reads(0).await.unwrap();
    let shown = stage.budgets[1].shown().await.unwrap();
    let limit = shown[0]
        .limits
        .iter()
        .find(|limit| limit.limit == "content_per_hour")
        .unwrap();
    let left = 64 - u32::try_from(made).unwrap() - 2;
    assert_eq!(
        (limit.max, limit.left, limit.by),
        (Some(64), Some(left), "counted")
    );
    let stage = Arc::into_inner(stage).unwrap();
    stage.running.stop().await;
}

#[tokio::test]
async fn a_pause_that_github_asks_for_holds_for_every_request_of_every_replica() {
    let stage = Stage::in_memory(&Rates::default()).await;
    let fault = json!({
        "match": { "provider": "github", "method": "POST" }, "times": 1, "kind": "status", "status": 403,
        "secondary": true, "retry_after": 90,
    });
    stage.sandbox.add_faults(&fault).unwrap();
    let before = Clock::system().now();
    let refusal = stage.comments(0, Priority::Normal).await.unwrap_err();
    assert_eq!(refusal.status, Some(403));
    let error = stage.reads(0).await.unwrap_err();
    assert!(
        held_back(&error) && error.message.contains("asked for a pause"),
        "{error:?}"
    );
    let Failure::RateLimited { retry_at: Some(at) } = error.failure else {
        unreachable!()
    };
    assert!(at >= before + SignedDuration::from_secs(89), "{at}");
    // The other replica hears of it when it next shares what it did.
    stage.meet().await;
    let error = stage.comments(1, Priority::Urgent).await.unwrap_err();
    assert!(
        held_back(&error),
        "also what is urgent: GitHub would refuse it, and mind: {error:?}"
    );
    assert_eq!(stage.refused().len(), 1);
    stage.running.stop().await;
}

#[tokio::test]
async fn a_call_that_is_far_from_every_limit_takes_no_trip_to_the_store() {
    let mut server = RedisServer::start("everysec");
    let now = Clock::system().now();
    let store: Arc<dyn Store> = Arc::new(server.open(now).await.unwrap());
    let rates = Rates {
        points_per_minute: Some(900),
        ..Rates::default()
    };
    let stage = Stage::on([Arc::clone(&store), store], &rates).await;
    server.kill();
    for _ in 0..20 {
        stage.reads(0).await.unwrap();
    }
    stage.running.stop().await;
}
