//! Gaps found and closed by the real program: what GitHub could not deliver, what a lost journal forgot, by one instance
//! or several. The sandbox keeps what was delivered, as GitHub does.

mod comparing;
mod render;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{World, issue_opened};
use crate::redis_server::RedisServer;

const CONFIG: &str =
    "[limits]\nsettle_ms = 150\nlease_ms = 5000\n[coverage]\nevery_ms = 1000\ngrace_ms = 0\n";

pub(crate) const COMMENTS: &str = r#"
description = "Comments on every new issue"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { repo = "{{ event.repository.full_name }}", number = "{{ event.issue.number }}", body = "Seen." }
timeout = "1s"
"#;

const SUSPENDS: &str = r#"
description = "Suspends a service on every new issue"
on = "github.issues.opened"

[[action]]
tool = "render.suspend_service"
arguments = { service_id = "srv-a" }
"#;

const LISTENS: &str = r#"
description = "Wants nothing of an issue"
on = "github.ping"

[[action]]
tool = "github.get_me"
"#;

pub(crate) const GAPS: &str = r#"
description = "Tells of recovered gaps"
on = "xmrt.gap_recovered"

[[action]]
tool = "xmrt.notify"
arguments = { to = "log", text = "{{ event.gap.recovered }} of {{ event.gap.source }}" }

[[test]]
name = "tells how many there were"
event = { on = "xmrt.gap_recovered" }
expect = [{ tool = "xmrt.notify", arguments.text = "1 of github:acme/api:1" }]

[[test]]
name = "tells what the payload says"
event = { on = "xmrt.gap_recovered", payload = { gap = { source = "render:whk-a", provider = "render", recovered = 3 } } }
expect = [{ tool = "xmrt.notify", arguments.text = "3 of render:whk-a" }]
"#;

fn source_of_hook(coverage: &Value) -> Value {
    coverage["sources"][0]["source"].clone()
}

async fn world(rules: &[(&str, &str)], config: &str, variables: &[(&str, &str)]) -> World {
    let world = World::start_with(rules, config, variables).await;
    let issues: Vec<Value> = (1..=9)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": format!("Issue {number}") }))
        .collect();
    world
        .sandbox_post(
            "seed",
            json!({
                "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues },
                "render": { "services": [{ "id": "srv-a", "name": "api-prod" }] },
            }),
        )
        .await;
    hooked(&world).await;
    world
}

/// From here on the repository's webhook leads to the server.
async fn hooked(world: &World) {
    world.close_the_loop().await;
}

/// GitHub delivers a new issue; gives the delivery's id. `more` is how it goes wrong.
async fn emitted(world: &World, number: u64, more: Value) -> String {
    let mut delivery = json!({ "source": "github", "event": "issues", "payload": issue_opened(number) });
    let more = more.as_object().cloned().unwrap_or_default();
    delivery.as_object_mut().unwrap().extend(more);
    let answer = world.sandbox_post("emit", delivery).await;
    answer["id"].as_str().unwrap().to_owned()
}

/// Waits until the ledger shows what was found, over all sources.
async fn ledger(world: &World, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    world
        .until(what, async || {
            let (status, coverage) = world.api("coverage").await;
            assert_eq!(status, 200, "{coverage}");
            let sources = coverage["sources"].as_array().unwrap();
            sources.iter().any(&fits).then_some(coverage)
        })
        .await
}

fn found(source: &Value, name: &str) -> u64 {
    source["found"][name].as_u64().unwrap()
}

async fn comments(world: &World) -> usize {
    let effects = world.effects().await;
    effects
        .iter()
        .filter(|(done, _)| done == "create_comment")
        .count()
}

async fn succeeded(world: &World, id: &str) {
    // The event is here only once it was recovered.
    world
        .until(&format!("event {id}"), async || {
            (world.api(&format!("events/{id}")).await.0 == 200).then_some(())
        })
        .await;
    for run in world.settled(id).await {
        assert_eq!(run["status"], "succeeded", "{run:#}\n{}", world.server_log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_server_was_down_is_recovered_at_its_start_and_done_once() {
    let mut world = world(&[("comments", COMMENTS)], CONFIG, &[]).await;
    let heard = emitted(&world, 1, json!({})).await;
    succeeded(&world, &heard).await;
    world.server.terminate();
    let mut missed = Vec::new();
    for number in 2..=4 {
        missed.push(emitted(&world, number, json!({})).await);
    }
    world.restart();
    hooked(&world).await;
    for id in &missed {
        succeeded(&world, id).await;
        let (_, event) = world.api(&format!("events/{id}")).await;
        assert_eq!(event["origin"], "fetched", "{event:#}");
    }
    let (_, event) = world.api(&format!("events/{heard}")).await;
    assert_eq!(event["origin"], "webhook");
    let coverage = ledger(&world, "the gap in the ledger", |source| {
        found(source, "recovered") == 3
    })
    .await;
    let source = &coverage["sources"][0];
    assert_eq!(source["source"], "github:acme/api:1");
    assert_eq!(source["state"], "watched");
    assert_eq!(
        (found(source, "failed"), found(source, "missing")),
        (3, 0),
        "{source:#}"
    );
    assert!(found(source, "ok") >= 1, "{source:#}");
    assert_eq!(comments(&world).await, 4);
    // Compared again and again, nothing is done again.
    let before = coverage["compared_at"].clone();
    let again = world
        .until("another comparison", async || {
            let (_, coverage) = world.api("coverage").await;
            (coverage["compared_at"] != before).then_some(coverage)
        })
        .await;
    assert_eq!(found(&again["sources"][0], "recovered"), 3, "{again:#}");
    assert_eq!(comments(&world).await, 4);
    let (shown, errors, code) = world.xmrt(&["coverage"]);
    assert_eq!(code, 0, "{shown}{errors}");
    assert!(
        shown.contains("github:acme/api:1") && shown.contains("watched"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_an_app_is_compared_as_well() {
    let app = [
        ("GITHUB_TOKEN", ""),
        ("GITHUB_APP_ID", "314159"),
        ("GITHUB_APP_PRIVATE_KEY", &crate::github_app::KEY),
    ];
    let mut world = world(&[("comments", COMMENTS)], CONFIG, &app).await;
    let heard = emitted(&world, 1, json!({})).await;
    succeeded(&world, &heard).await;
    world.server.terminate();
    let missed = emitted(&world, 2, json!({})).await;
    world.restart();
    hooked(&world).await;
    succeeded(&world, &missed).await;
    let coverage = ledger(&world, "the gap in the ledger", |source| {
        found(source, "recovered") == 1
    })
    .await;
    assert_eq!(
        coverage["sources"][0]["source"], "github:app:314159",
        "{coverage:#}"
    );
    assert_eq!(comments(&world).await, 2);
    // What the App's bot writes is known as our own.
    let (_, page) = world.api("events?type=github.issue_comment").await;
    for event in page["events"].as_array().unwrap() {
        assert_eq!(event["actor"], "xmrt-app[bot]", "{event:#}");
        assert!(event["caused_by"].is_string(), "{event:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_webhook_is_compared_too_and_lacks_nothing_that_a_repositorys_brought() {
    let config = format!("{CONFIG}repositories = [\"acme/api\"]\norganizations = [\"acme\"]\n");
    let world = world(&[("comments", COMMENTS)], &config, &[]).await;
    // Nobody answers where the organization's leads; the repository's leads to the server.
    let hook = json!({ "name": "web", "active": true, "events": ["issues"],
        "config": { "url": "http://127.0.0.1:9/webhooks/github", "content_type": "json", "secret": "any" } });
    let (status, hook) = world.at_github(Method::POST, "orgs/acme/hooks", Some(hook)).await;
    assert_eq!(status, 201);
    let source = format!("github:acme:{}", hook["id"]);
    let both = emitted(&world, 1, json!({})).await;
    succeeded(&world, &both).await;
    let found_at = async |what: &str, fits: fn(&Value) -> bool| {
        let is_it = |one: &Value| one["source"] == source.as_str() && fits(one);
        ledger(&world, what, is_it).await
    };
    found_at("what the other webhook brought", |one| found(one, "ok") >= 1).await;
    assert_eq!(comments(&world).await, 1, "known by what it says");

    // From here on the organization's is the only one.
    world.sandbox_post("deliver_to", json!({ "url": null })).await;
    emitted(&world, 2, json!({})).await;
    world
        .until("what nobody brought", async || {
            (comments(&world).await == 2).then_some(())
        })
        .await;
    let coverage = found_at("it in the ledger", |one| found(one, "recovered") >= 1).await;
    let (_, page) = world.api("events?type=github.issues&limit=50").await;
    let fetched = page["events"].as_array().unwrap().iter();
    let fetched = fetched.filter(|event| event["origin"] == "fetched");
    assert_eq!(fetched.count(), 1, "{page:#}\n{coverage:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_journal_only_a_person_brings_back_what_is_older_and_no_effect_doubles() {
    let mut world = world(&[("comments", COMMENTS)], CONFIG, &[]).await;
    let done = emitted(&world, 1, json!({})).await;
    succeeded(&world, &done).await;
    assert_eq!(comments(&world).await, 1);
    // Acknowledged, and lost before anything was done about it.
    let undone = emitted(&world, 2, json!({ "lost": "acknowledged" })).await;
    world.server.terminate();
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(world.folder.path().join("data").join(file));
    }
    world.restart();
    hooked(&world).await;
    let log = world.server_log();
    assert!(
        log.contains("another than before: what that one knew is lost"),
        "{log}"
    );

    let coverage = ledger(&world, "what is older than the journal", |source| {
        found(source, "before_epoch") == 3
    })
    .await;
    let source = &coverage["sources"][0];
    // The two issues, and the comment of ours.
    assert_eq!(found(source, "acknowledged_before_epoch"), 3, "{source:#}");
    assert_eq!(found(source, "recovered"), 0, "{source:#}");
    for id in [&done, &undone] {
        assert_eq!(
            world.api(&format!("events/{id}")).await.0,
            404,
            "nothing by itself"
        );
    }
    world
        .until("it is said in the open", async || {
            let ready = world.client.get(format!("{}/readyz", world.server.url));
            let ready: Value = ready.send().await.unwrap().json().await.unwrap();
            ready.to_string().contains("xmrt coverage recover").then_some(())
        })
        .await;
    let (shown, errors, code) = world.xmrt(&["coverage"]);
    assert_eq!(code, 1, "{shown}{errors}");

    let recovered = world
        .until("nobody else compares", async || {
            let (shown, _, code) = world.xmrt(&["coverage", "recover", "--since", "1h", "--json"]);
            (code == 0).then_some(shown)
        })
        .await;
    let recovered: Value = serde_json::from_str(&recovered).unwrap();
    assert_eq!(recovered["found"]["recovered"], 3, "{recovered:#}");
    succeeded(&world, &done).await;
    succeeded(&world, &undone).await;
    assert_eq!(comments(&world).await, 2, "one was found, one was made");
    let (shown, errors, code) = world.xmrt(&["coverage"]);
    assert_eq!(code, 0, "{shown}{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_recover_what_was_missed_once_and_tell_of_it_once() {
    let server = RedisServer::start("everysec");
    let rules = [("comments", COMMENTS), ("gaps", GAPS)];
    let world = world(&rules, CONFIG, &[("REDIS_URL", &server.url())]).await;
    let replica = world.replica();
    let mut missed = Vec::new();
    for number in 1..=5 {
        missed.push(emitted(&world, number, json!({ "lost": "failed" })).await);
    }
    for id in &missed {
        succeeded(&world, id).await;
    }
    let coverage = ledger(&world, "the gap in the ledger", |source| {
        found(source, "recovered") == 5
    })
    .await;
    let of_github = coverage["sources"].as_array().unwrap().iter();
    let of_github = of_github.filter(|source| source["source"].as_str().unwrap().starts_with("github:"));
    assert_eq!(of_github.count(), 1, "{coverage:#}");
    assert_eq!(comments(&world).await, 5);
    let requests = world.sandbox_get("requests").await;
    let fetched = requests["requests"].as_array().unwrap().iter();
    let fetched = fetched
        .filter(|request| request["operation"] == "get_delivery")
        .count();
    assert_eq!(fetched, 5, "each was fetched once");
    // Told in one event or in several, by whoever compared: each delivery in one of them.
    let told = world
        .until("all to be told", async || {
            let (_, events) = world.api("events?type=xmrt.gap_recovered&limit=50").await;
            let events = events["events"].as_array()?.clone();
            let mut deliveries = Vec::new();
            for event in &events {
                let (_, event) = world.api(&format!("events/{}", event["id"].as_str()?)).await;
                assert_eq!(event["subject"], source_of_hook(&coverage), "{event:#}");
                let told = event["payload"]["gap"]["deliveries"].as_array()?.clone();
                assert_eq!(event["payload"]["gap"]["recovered"], told.len());
                deliveries.extend(told.iter().map(|id| id.as_str().unwrap().to_owned()));
            }
            (deliveries.len() >= 5).then_some(deliveries)
        })
        .await;
    let rules = world.folder.path().join("rules/gaps.toml");
    let (tested, why, code) = world.xmrt(&["test", rules.to_str().unwrap()]);
    assert_eq!(code, 0, "{tested}{why}");
    let (mut told, mut missed) = (told, missed);
    told.sort();
    missed.sort();
    assert_eq!(told, missed);
    drop(replica);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_when_it_is_recovered_is_recorded_as_stale_and_not_done() {
    let rules = [("comments", COMMENTS), ("suspends", SUSPENDS)];
    let world = world(&rules, &CONFIG.replace("every_ms = 1000", "every_ms = 0"), &[]).await;
    let old = emitted(&world, 1, json!({ "lost": "failed", "at": "-8h" })).await;
    let younger = emitted(&world, 2, json!({ "lost": "failed", "at": "-20m" })).await;
    let (status, recovered) = world.api_post("coverage/recover", json!({})).await;
    assert_eq!(status, 200, "{recovered}");
    assert_eq!(recovered["found"]["before_epoch"], 2, "{recovered:#}");
    assert_eq!(recovered["found"]["recovered"], 0, "{recovered:#}");
    let (shown, errors, code) = world.xmrt(&["coverage", "recover", "--since", "1d"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        shown.contains("2 recovered (2 of them too old for a rule)"),
        "{shown}"
    );

    let decided = async |id: &str| {
        world.settled(id).await;
        let (_, event) = world.api(&format!("events/{id}")).await;
        let decisions = event["decisions"].as_array().unwrap().iter();
        let stale = decisions.filter(|one| one["decision"] == "stale");
        let stale: Vec<String> = stale
            .map(|one| one["rule"].as_str().unwrap().to_owned())
            .collect();
        (stale, event["runs"].as_array().unwrap().len())
    };
    let both = vec!["comments".to_owned(), "suspends".to_owned()];
    assert_eq!(decided(&old).await, (both, 0));
    assert_eq!(decided(&younger).await, (vec!["suspends".to_owned()], 1));
    assert_eq!(comments(&world).await, 1);
    let effects = world.effects().await;
    assert!(
        !effects.iter().any(|(done, _)| done == "suspend_service"),
        "{effects:?}"
    );
}
