//! `xmrt export` and `xmrt import`, as somebody uses them who moves.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use xmrt::journal::Store;
use xmrt::store::Embedded;

use crate::harness::{World, issue_opened};
use crate::redis_server::RedisServer;

const NOTIFY: &str = "description = \"d\"\non = \"github.issues.opened\"\n\n[[action]]\ntool = \"xmrt.notify\"\n\
                      arguments = { to = \"log\", text = \"x\" }\n";

/// The lines of a file, but the last, which holds the hash of the others.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_journal_is_exported_while_serving_and_imported_elsewhere() {
    let mut world = World::start(&[("tell", NOTIFY)], "").await;
    for number in 0..3 {
        let id = format!("delivery-{number}");
        world.github("issues", &id, &issue_opened(number)).await.unwrap();
        world.settled(&id).await;
    }
    let file = world.folder.path().join("journal.jsonl");
    let file = file.to_str().unwrap();

    let (out, told, code) = world.xmrt(&["export", "--to", file]);
    assert_eq!((out.as_str(), code), ("", 0), "{told}");
    assert!(told.contains("records in"), "{told}");
    let text = std::fs::read_to_string(file).unwrap();
    let told = lines(&text);
    assert_eq!(told[0]["journal"]["format"], 1);
    let bodies: Vec<&Value> = told
        .iter()
        .filter_map(|line| line.pointer("/event/record/body"))
        .collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[2]["text"], issue_opened(2).to_string());
    assert_eq!(told.last().unwrap()["end"]["kinds"]["run"], 3);
    assert_eq!(told.last().unwrap()["end"]["one_moment"], true);
    // To standard output, from the server: the same.
    assert_eq!(world.xmrt(&["export"]).0, text);

    let (_, told, code) = world.xmrt(&["import", file]);
    assert_eq!(code, 2);
    assert!(told.contains("a server runs on this data directory"), "{told}");

    let status = world.server.terminate().0;
    assert!(status.success());
    // From the store itself: the same again.
    assert_eq!(world.xmrt(&["export"]).0, text);
    let (_, told, code) = world.xmrt(&["import", file]);
    assert_eq!(code, 2);
    assert!(told.contains("holds 3 events already"), "{told}");

    let elsewhere = world.folder.path().join("elsewhere");
    let there = [("XMRT_DATA_DIR", elsewhere.to_str().unwrap())];
    let (out, told, code) = world.xmrt_with(&["import", file], &there);
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("records imported"), "{out}");
    assert_eq!(world.xmrt_with(&["export"], &there).0, text);
    let cut = world.folder.path().join("cut.jsonl");
    std::fs::write(&cut, &text[..text.len() / 2]).unwrap();
    let (_, told, code) = world.xmrt_with(&["import", "--replace", cut.to_str().unwrap()], &there);
    assert_eq!(code, 2);
    assert!(told.contains("cut off"), "{told}");
    assert_eq!(
        world.xmrt_with(&["export"], &there).0,
        text,
        "nothing was touched"
    );
}

/// What the server says at its next start that is not said before.
fn restarted(world: &mut World) -> String {
    assert!(world.server.terminate().0.success());
    let before = world.server_log().len();
    world.restart();
    world.server_log().split_off(before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_stays_behind_when_redis_is_set_or_unset_is_named_and_a_moved_one_is_not() {
    const LEFT_IN_SQLITE: &str = "holds another journal";
    const LEFT_IN_REDIS: &str = "was used with a journal in Redis";
    let redis = RedisServer::start("everysec");
    let mut world = World::start(&[("tell", NOTIFY)], "").await;
    let log = restarted(&mut world);
    assert!(!log.contains(LEFT_IN_REDIS), "{log}");

    world.set("REDIS_URL", &redis.url());
    let log = restarted(&mut world);
    assert!(
        log.contains(LEFT_IN_SQLITE) && log.contains("xmrt import"),
        "{log}"
    );
    world.set("REDIS_URL", "");
    let log = restarted(&mut world);
    assert!(
        log.contains(LEFT_IN_REDIS) && log.contains("epoch-redis"),
        "{log}"
    );

    // Moved as the words say, it is the same journal.
    world.server.terminate();
    let file = world.folder.path().join("journal.jsonl");
    let file = file.to_str().unwrap();
    assert_eq!(world.xmrt(&["export", "--to", file]).2, 0);
    world.set("REDIS_URL", &redis.url());
    let (_, told, code) = world.xmrt(&["import", "--replace", file]);
    assert_eq!(code, 0, "{told}");
    world.restart();
    let log = restarted(&mut world);
    assert!(!log.contains(LEFT_IN_SQLITE), "{log}");
    // There it went on: the copy in the folder is an old one, until it is moved back.
    world.set("REDIS_URL", "");
    let log = restarted(&mut world);
    assert!(log.contains(LEFT_IN_REDIS), "{log}");
    world.server.terminate();
    world.set("REDIS_URL", &redis.url());
    assert_eq!(world.xmrt(&["export", "--to", file]).2, 0);
    world.set("REDIS_URL", "");
    let (_, told, code) = world.xmrt(&["import", "--replace", file]);
    assert_eq!(code, 0, "{told}");
    world.restart();
    let log = restarted(&mut world);
    assert!(!log.contains(LEFT_IN_REDIS), "{log}");
}

/// What the server says of its health.
async fn health(world: &World) -> String {
    let answer = world
        .client
        .get(format!("{}/readyz", world.server.url))
        .send()
        .await;
    answer.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_clock_was_ten_years_ahead_is_found_and_turned_back() {
    let mut world = World::start(&[("tell", NOTIFY)], "").await;
    world.github("issues", "d1", &issue_opened(1)).await.unwrap();
    world.settled("d1").await;
    assert!(world.server.terminate().0.success());
    let data = world.folder.path().join("data");
    let ahead = Timestamp::now() + SignedDuration::from_hours(10 * 365 * 24);
    {
        let journal = Embedded::open(&data, ahead).unwrap();
        journal.pause("rule:tell", "octocat", ahead).await.unwrap();
    }
    let (out, ..) = world.xmrt(&["doctor"]);
    assert!(
        out.contains("ahead of this machine's clock") && out.contains("--turn-clock-back"),
        "{out}"
    );
    world.restart();
    // The first change shows it.
    world.github("issues", "d2", &issue_opened(2)).await.unwrap();
    let ready = health(&world).await;
    assert!(ready.contains("--turn-clock-back"), "{ready}");
    assert!(world.server_log().contains("the clock jumped back by"));
    assert!(world.server.terminate().0.success());

    let file = world.folder.path().join("journal.jsonl");
    let file = file.to_str().unwrap();
    assert_eq!(world.xmrt(&["export", "--to", file]).2, 0);
    let (out, told, code) = world.xmrt(&["import", "--replace", "--turn-clock-back", file]);
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("its time was turned back by"), "{out}");
    let (out, ..) = world.xmrt(&["doctor"]);
    assert!(!out.contains("ahead of this machine's clock"), "{out}");
    world.restart();
    let ready = health(&world).await;
    assert!(!ready.contains("clock"), "{ready}");
    // What was paused is paused, what waits goes on when it is resumed, and what is known is known.
    assert_eq!(world.xmrt(&["resume", "tell"]).2, 0);
    for run in world.settled("d2").await {
        assert_eq!(run["status"], "succeeded", "{run:#}");
    }
    let (_, again) = world.github("issues", "d1", &issue_opened(1)).await.unwrap();
    assert_eq!(again["duplicate"], true, "{again}");

    // One that is not ahead is not turned.
    world.server.terminate();
    assert_eq!(world.xmrt(&["export", "--to", file]).2, 0);
    let (_, told, code) = world.xmrt(&["import", "--replace", "--turn-clock-back", file]);
    assert_eq!(code, 2);
    assert!(told.contains("is not ahead"), "{told}");
}

/// Two commands at once are no accident: the second waits for the first, but not for long, and not for a server.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_waits_a_moment_for_another_one_that_has_the_journal() {
    let mut world = World::start(&[], "").await;
    world.server.terminate();
    let data = world.folder.path().join("data");
    let held = || Embedded::open(&data, xmrt::clock::Clock::system().now()).unwrap();
    let journal = held();
    let freed = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(journal);
    });
    let (out, errors, code) = world.xmrt(&["export"]);
    assert_eq!(code, 0, "{out}{errors}");
    freed.join().unwrap();
    let _journal = held();
    let (_, errors, code) = world.xmrt(&["export"]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("is in use by process"), "{errors}");
}
