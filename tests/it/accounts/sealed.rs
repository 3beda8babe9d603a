//! Tokens at rest: sealed wherever they are, made anew in time and once, sealed anew with another key.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CLIENT, CONFIG, LABEL, account, label, last, record, seed, signed_in, world};
use crate::harness::{ADMIN_TOKEN, World};
use crate::redis_server::RedisServer;

/// Everything below a folder, as one heap of bytes.
fn heap(folder: &Path) -> Vec<u8> {
    let mut heap = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => heap.extend(self::heap(&path)),
            false => heap.extend(std::fs::read(&path).unwrap_or_default()),
        }
    }
    heap
}

/// Whether anything in it looks as the stand-in's tokens do.
fn holds_a_token(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let pattern = regex::Regex::new("gh[or]_[0-9a-f]{36}").unwrap();
    pattern.is_match(&text)
}

async fn call(world: &World, url: &str, bearer: &str, number: u64) -> Value {
    let params = json!({
        "name": "github_get_issue", "arguments": { "repo": "acme/api", "number": number },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let request = world
        .client
        .post(format!("{url}/mcp?toolsets=all"))
        .bearer_auth(bearer)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "github_get_issue")
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }));
    request.send().await.unwrap().json().await.unwrap()
}

async fn agent_token(world: &World) -> String {
    let (_, made) = world.api_post("agents/eliza/tokens", json!({})).await;
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log_an_answer_a_metric_an_export_or_on_the_disk() {
    let world = world().await;
    // Short-lived, so that all there is to see of a refresh is there, too.
    world.sandbox_post("oauth", json!({ "expires_in": 60 })).await;
    signed_in(&world).await;
    world.sandbox_post("oauth", json!({ "expires_in": 28_800 })).await;
    assert_eq!(label(&world, "one", 1).await["state"], "succeeded");
    assert!(account(&world).await["account"]["refreshed_at"].is_string());
    let bearer = agent_token(&world).await;
    assert_eq!(
        call(&world, &world.server.url, &bearer, 1).await["result"]["structuredContent"]["title"],
        "a"
    );

    let (exported, errors, code) = world.xmrt(&["export"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        exported.contains("github-accounts"),
        "the account moves along, sealed"
    );
    let (trail, _, _) = world.xmrt(&["audit", "--export"]);
    let (shown, _, _) = world.xmrt(&["agents", "account", "eliza", "--json"]);
    let (settings, _, _) = world.xmrt(&["config"]);
    let metrics = world.client.get(format!("{}/metrics", world.server.url));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let data = heap(&world.folder.path().join("data"));
    let log = world.server_log();
    // The values of an export are bytes in base64 or text; both are looked through.
    let values: Vec<u8> = exported
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            STANDARD
                .decode(line.pointer("/value/value/base64")?.as_str()?)
                .ok()
        })
        .flatten()
        .collect();
    let key = std::fs::read_to_string(world.folder.path().join("data/secret-key")).unwrap();
    for (name, bytes) in [
        ("the export", exported.as_bytes()),
        ("its values", &values),
        ("the trail", trail.as_bytes()),
        ("the account", shown.as_bytes()),
        ("the settings", settings.as_bytes()),
        ("the metrics", metrics.as_bytes()),
        ("the data directory", &data),
        ("the log", log.as_bytes()),
    ] {
        assert!(!holds_a_token(bytes), "a token stands in {name}");
        let text = String::from_utf8_lossy(bytes);
        for (what, secret) in [
            ("the client's secret", CLIENT[1].1),
            ("the agent's token", bearer.as_str()),
            ("the admin token", ADMIN_TOKEN),
            ("the key", key.trim()),
        ] {
            let at_home = what == "the key" && name == "the data directory";
            assert!(at_home || !text.contains(secret), "{what} stands in {name}");
        }
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(world.folder.path().join("data/secret-key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// What a panic prints of a value is its `Debug`: of everything that holds a secret for long, here as a panic has it.
#[tokio::test]
async fn no_secret_is_in_what_a_panic_prints() {
    use std::sync::Arc;

    use secrecy::SecretString;
    use xmrt::agents::Vault;
    use xmrt::clock::Clock;
    use xmrt::integrations::github::{Client, OauthApp, Pkce};
    use xmrt::integrations::render;
    use xmrt::journal::MemoryStore;
    use xmrt::tools::xmrt::{Server, Starter, XmrtParts};

    let secret = "a-rather-long-secret-value";
    let hidden = || SecretString::from(secret);
    let key = STANDARD.encode([7; 32]);
    let clock = Clock::system();
    let parts = || XmrtParts {
        store: Arc::new(MemoryStore::new(clock.now())),
        github: Client::new("https://api.example", secret).ok(),
        render: render::Client::new("https://api.example", secret).ok(),
        agents: [(
            "eliza".to_owned(),
            Client::new("https://api.example", secret).unwrap(),
        )]
        .into(),
        notify: [("oncall".to_owned(), hidden())].into(),
        starter: Starter::default(),
        clock: clock.clone(),
        hub: Default::default(),
    };
    let app = OauthApp::new(
        "https://web.example",
        "https://api.example",
        "the-app",
        Some(hidden()),
    )
    .unwrap();
    let pkce = Pkce::new(&[9; 32]);
    let verifier = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([9; 32]);
    let held: [&dyn std::fmt::Debug; 5] = [
        &parts(),
        &Server::new(parts()),
        &app,
        &Vault::new(&[SecretString::from(key.as_str())]).unwrap(),
        &pkce,
    ];
    for value in held {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::panic::resume_unwind(Box::new(format!("{value:?} {value:#?}")))
        }));
        let printed = payload.unwrap_err().downcast::<String>().unwrap();
        assert!(!printed.contains(secret), "{printed}");
        assert!(!printed.contains(&key), "{printed}");
        // The verifier is these bytes in base64.
        assert!(!printed.contains(&verifier), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_is_made_anew_once_however_many_ask_on_however_many_instances() {
    let server = RedisServer::start("everysec");
    let key = STANDARD.encode([7; 32]);
    let url = server.url();
    let mut variables = CLIENT.to_vec();
    variables.extend([("REDIS_URL", url.as_str()), ("XMRT_SECRET_KEY", key.as_str())]);
    let world = World::start_with(&[("label", LABEL)], CONFIG, &variables).await;
    seed(&world).await;
    let replica = world.replica();
    world.sandbox_post("oauth", json!({ "expires_in": 60 })).await;
    signed_in(&world).await;
    world.sandbox_post("oauth", json!({ "expires_in": 28_800 })).await;
    let bearer = agent_token(&world).await;
    let calls = (0..12).map(|n| {
        let url = if n % 2 == 0 {
            &world.server.url
        } else {
            &replica.url
        };
        call(&world, url, &bearer, 1 + n % 2)
    });
    let mut answers = Vec::new();
    // All at once: each is begun before any is awaited to its end.
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        match calls.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    for answer in &answers {
        assert!(
            answer["result"]["structuredContent"]["title"].is_string(),
            "{answer}"
        );
    }
    let state = world.sandbox_post("oauth", json!({})).await;
    assert_eq!((&state["refreshed"], &state["tokens"]), (&json!(1), &json!(1)));
    assert_eq!(record(&world, "agent.refresh").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_made_anew_signs_the_agent_out_and_says_so() {
    let world = world().await;
    world.sandbox_post("oauth", json!({ "expires_in": 60 })).await;
    signed_in(&world).await;
    // Both tokens end, and nobody tells.
    world
        .sandbox_post("oauth", json!({ "revoke": "acme-eliza" }))
        .await;
    let refused = label(&world, "one", 1).await;
    assert_eq!(refused["state"], "dead", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("bad_refresh_token"),
        "{refused}"
    );
    let (outcome, note) = last(&world, "agent.refresh").await;
    assert_eq!(outcome, "refused");
    assert!(note.contains("bad_refresh_token"), "{note}");
    assert!(account(&world).await["account"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_sealed_anew_with_another_key_and_the_old_one_opens_nothing_any_more() {
    let mut world = world().await;
    signed_in(&world).await;
    let file = world.folder.path().join("data/secret-key");
    let old = std::fs::read_to_string(&file).unwrap();
    let sealed_with = account(&world).await["account"]["sealed_with"].clone();
    let (said, errors, code) = world.xmrt(&["agents", "rekey"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.starts_with("1 tokens are sealed with key "), "{said}");
    let new = std::fs::read_to_string(&file).unwrap();
    assert_eq!(new.lines().count(), 1);
    assert_ne!(new, old);
    assert_ne!(account(&world).await["account"]["sealed_with"], sealed_with);
    assert_eq!(label(&world, "one", 1).await["state"], "succeeded");
    world.server.kill();
    world.restart();
    assert_eq!(label(&world, "two", 2).await["state"], "succeeded");
    assert_eq!(last(&world, "vault.rekey").await.0, "done");
    // The former key was put back from somewhere: what it says is where the key it needs can be given.
    world.server.kill();
    std::fs::write(&file, &old).unwrap();
    world.restart();
    let refused = label(&world, "three", 3).await;
    assert_eq!(refused["state"], "dead", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("XMRT_SECRET_KEY_2"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_configured_is_changed_with_the_old_one_beside_it() {
    let keys = [STANDARD.encode([1; 32]), STANDARD.encode([2; 32])];
    let mut variables = CLIENT.to_vec();
    variables.push(("XMRT_SECRET_KEY", keys[0].as_str()));
    let mut world = World::start_with(&[("label", LABEL)], CONFIG, &variables).await;
    seed(&world).await;
    signed_in(&world).await;
    assert!(!world.folder.path().join("data/secret-key").exists());
    world.server.kill();
    world.set("XMRT_SECRET_KEY", &keys[1]);
    world.set("XMRT_SECRET_KEY_2", &keys[0]);
    world.restart();
    let (said, errors, code) = world.xmrt(&["agents", "rekey"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("XMRT_SECRET_KEY_2 is needed no longer"), "{said}");
    world.server.kill();
    world.set("XMRT_SECRET_KEY_2", "");
    world.restart();
    assert_eq!(label(&world, "one", 1).await["state"], "succeeded");
}
