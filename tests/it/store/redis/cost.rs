//! The numbers of docs/state.md: how many commands an operation sends, and how many bytes an event takes.

use serde_json::{Map, Value, json};
use xmrt::journal::*;

use crate::journal::desk::{at, done, end, event, fires, gates, intent};
use crate::redis_server::RedisServer;

/// How many events are weighed at once.
const EVENTS: usize = 400;

fn firing(id: &str) -> NewEvent {
    NewEvent {
        firings: vec![fires("triage", gates())],
        ..event(id)
    }
}

#[tokio::test]
async fn an_operation_is_one_round_trip() {
    let server = RedisServer::start("everysec");
    let store = server.open(at(0)).await.unwrap();
    let commands = || {
        let info: String = redis::from_redis_value(server.ask(&["INFO", "commandstats"])).unwrap();
        info.lines()
            .filter(|line| line.starts_with("cmdstat_evalsha:") || line.starts_with("cmdstat_hgetall:"))
            .filter_map(|line| {
                line.split_once("calls=")?
                    .1
                    .split(',')
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .sum::<u64>()
    };
    let before = commands();
    store.admit(event("quiet"), at(0)).await.unwrap();
    assert_eq!(commands() - before, 1, "an event that fires nothing");
    let before = commands();
    store.admit(firing("e1"), at(0)).await.unwrap();
    assert_eq!(commands() - before, 1, "an event with a run");
    let claim = store.claim("w1", 1, 60_000, at(0)).await.unwrap().remove(0);
    // The script reads the run and its event with `HGETALL`.
    assert_eq!(commands() - before, 4, "its claim");
    let before = commands();
    let (run, fence) = (&claim.run.id, claim.run.fence);
    let writes = vec![intent(run, "comment", 0, true)];
    store
        .advance(run, fence, writes, Then::Keep, at(0))
        .await
        .unwrap();
    let writes = vec![done("comment", json!(1))];
    store
        .advance(run, fence, writes, end(RunState::Succeeded), at(0))
        .await
        .unwrap();
    assert_eq!(commands() - before, 2, "its one step, and its end");
}

/// A payload as GitHub sends them: an issue, its repository and its sender, most of it addresses. `n` tells it apart.
fn payload(n: usize) -> Vec<u8> {
    let addresses = |base: &str, names: &str| -> Map<String, Value> {
        let address = |name: &str| (format!("{name}_url"), json!(format!("{base}/{name}{{/sha}}")));
        names.split(' ').map(address).collect()
    };
    let account = |login: &str| {
        let base = format!("https://api.github.com/users/{login}");
        let mut account = addresses(
            &base,
            "avatar followers following gists starred subscriptions organizations repos events received_events html",
        );
        account.extend([
            ("login".to_owned(), json!(login)),
            ("id".to_owned(), json!(n * 7919 + login.len())),
        ]);
        account
    };
    let base = "https://api.github.com/repos/acme/api";
    let mut repository = addresses(
        base,
        "forks keys collaborators teams hooks issue_events events assignees branches tags blobs git_tags git_refs trees statuses \
         languages stargazers contributors subscribers subscription commits git_commits comments issue_comment contents compare merges \
         archive downloads issues pulls milestones notifications labels releases deployments",
    );
    repository.extend([
        ("full_name".to_owned(), json!("acme/api")),
        ("owner".to_owned(), json!(account("acme"))),
    ]);
    let title = format!(
        "Request {n} fails with {:x}",
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    let mut issue = addresses(
        &format!("{base}/issues/{n}"),
        "repository labels comments events html timeline",
    );
    issue.extend([
        ("number".to_owned(), json!(n)),
        ("title".to_owned(), json!(title)),
        (
            "body".to_owned(),
            json!(format!("{title}\n\nIt was seen on {n} machines, and not on others.").repeat(4)),
        ),
        ("user".to_owned(), json!(account(&format!("user-{n}")))),
    ]);
    let payload =
        json!({ "action": "opened", "issue": issue, "repository": repository, "sender": account("mona") });
    payload.to_string().into_bytes()
}

/// A figure of docs/state.md in KB: of the table's row that begins so, in that column.
fn documented(row: &str, column: usize) -> f64 {
    let text = include_str!("../../../../docs/state.md");
    let row = text.lines().find(|line| line.starts_with(&format!("| {row}")));
    let cells: Vec<&str> = row.expect("the row is there").split('|').collect();
    let figure = cells[column].trim().strip_suffix(" KB").expect("a figure in KB");
    figure.parse().unwrap()
}

#[tokio::test]
async fn an_event_takes_as_many_bytes_as_is_documented() {
    let size = payload(EVENTS).len();
    assert!((5_000..8_000).contains(&size), "a typical payload, {size}");
    for (row, runs) in [
        ("an event that fires nothing", false),
        ("an event with a run of one step", true),
    ] {
        let server = RedisServer::start("everysec");
        let store = server.open(at(0)).await.unwrap();
        let figure = |section: &str, name: &str| -> f64 {
            let info: String = redis::from_redis_value(server.ask(&["INFO", section])).unwrap();
            let line = info.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').parse().unwrap()
        };
        let sizes = || {
            (
                figure("memory", "used_memory"),
                figure("persistence", "aof_current_size"),
            )
        };
        let one = async |n: usize| {
            let id = format!("1a2b3c4d-0000-11f0-8000-{n:012}");
            let mut new = if runs { firing(&id) } else { event(&id) };
            new.body = payload(n).into();
            new.digest = Some([(n % 251) as u8; 32]);
            if let Some(digest) = &mut new.digest {
                digest[..8].copy_from_slice(&n.to_le_bytes());
            }
            store.admit(new, at(n as i64)).await.unwrap();
            for claim in store.claim("w1", 1, 60_000, at(n as i64)).await.unwrap() {
                let (run, fence) = (&claim.run.id, claim.run.fence);
                let writes = vec![intent(run, "comment", 0, true)];
                store
                    .advance(run, fence, writes, Then::Keep, at(n as i64))
                    .await
                    .unwrap();
                let writes = vec![done(
                    "comment",
                    json!({ "id": n, "html_url": "https://github.com/acme/api/issues/1#issuecomment-1" }),
                )];
                let end = end(RunState::Succeeded);
                store
                    .advance(run, fence, writes, end, at(n as i64))
                    .await
                    .unwrap();
            }
        };
        // What there is once, indexes and buffers, is there before.
        for n in 0..EVENTS / 4 {
            one(n).await;
        }
        let before = sizes();
        for n in EVENTS..2 * EVENTS {
            one(n).await;
        }
        let after = sizes();
        let each = |before: f64, after: f64| (after - before) / EVENTS as f64 / 1_000.0;
        let (memory, file) = (each(before.0, after.0), each(before.1, after.1));
        for (found, column) in [(memory, 3), (file, 4)] {
            let told = documented(row, column);
            assert!(
                (0.75..1.25).contains(&(found / told)),
                "{row}, {size} bytes: {found:.1} KB, and {told} KB are documented"
            );
        }
    }
}
