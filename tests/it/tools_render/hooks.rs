//! Deploys by deploy hook: without the API key, of the service that is named, the address never shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use xmrt::hub::{CallMeta, ErrorClass, Hub, Reply, ToolError};
use xmrt::integrations::render::Client;
use xmrt::tools::render::Server;

use super::stage::{NOW, Stage, stage};

const KEY: &str = "hush-hush";

fn services() -> Value {
    json!({
        "services": [
            {"id": "srv-a", "name": "api", "deploy_hook": KEY},
            {"id": "srv-i", "name": "image", "image": "docker.io/acme/api:1", "deploy_hook": KEY},
            {"id": "srv-s", "name": "still", "suspended": true, "deploy_hook": KEY},
        ],
        "deploys": [{"id": "dep-1", "service_id": "srv-a", "commit": "aaaa"}],
    })
}

/// The server over the sandbox of `stage`, with hooks, and with an API key only when `known`.
async fn hub(stage: &Stage, known: bool) -> Hub {
    let base = stage.render_url().replace("/v1", "");
    let hook = |service: &str, key: &str| format!("{base}/deploy/{service}?key={key}");
    let hooks = [
        ("prod", hook("srv-a", KEY)),
        ("image", hook("srv-i", KEY)),
        ("still", hook("srv-s", KEY)),
        ("old", hook("srv-a", "another-hush")),
        (
            "closed",
            "http://127.0.0.1:1/deploy/srv-a?key=hush-hush".to_owned(),
        ),
    ];
    let hooks: BTreeMap<_, _> = hooks
        .into_iter()
        .map(|(name, url)| (name.to_owned(), url.into()))
        .collect();
    let client = Client::new(&stage.render_url(), "the-key".to_owned()).unwrap();
    let server = Server::with_hooks(known.then_some(client), hooks).with_clock(stage.clock.clone());
    Hub::builder().serve("render", server).start().await.unwrap()
}

async fn call(hub: &Hub, arguments: Value, meta: CallMeta) -> Result<Reply, ToolError> {
    let soon = std::time::Duration::from_secs(20);
    hub.call("render.trigger_deploy", arguments, meta, soon).await
}

async fn deploy(hub: &Hub, arguments: Value) -> Result<Value, ToolError> {
    match call(hub, arguments, CallMeta::default()).await? {
        Reply::Done(deploy) => Ok(deploy),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hook_deploys_with_and_without_the_api_key() {
    let stage = stage(services()).await;
    let arguments = json!({"service_id": "srv-a", "hook": "prod", "commit_id": "bbbb"});
    let hub = hub(&stage, true).await;
    let mut dry = arguments.clone();
    dry["dry_run"] = json!(true);
    let dry = deploy(&hub, dry).await.unwrap();
    assert_eq!(
        dry["dry_run"],
        json!([{"method": "POST", "path": "<deploy hook prod>", "body": {"ref": "bbbb"}}])
    );
    assert_eq!(stage.effects(), [""; 0]);
    let started = deploy(&hub, arguments.clone()).await.unwrap();
    assert_eq!(
        (&started["trigger"], &started["commit"]["id"]),
        (&json!("deploy_hook"), &json!("bbbb"))
    );
    stage.pass(1);
    let without = self::hub(&stage, false).await;
    let started = deploy(&without, json!({"service_id": "srv-a", "hook": "prod"}))
        .await
        .unwrap();
    assert!(started["id"].as_str().unwrap().starts_with("dep-"), "{started}");
    let image = json!({"service_id": "srv-i", "hook": "image", "image_url": "docker.io/acme/api:2"});
    let image = deploy(&hub, image).await.unwrap();
    assert_eq!(image["image"]["ref"], "docker.io/acme/api:2");
    assert_eq!(stage.effects(), ["deploy_hook"; 3]);
}

#[tokio::test]
async fn a_deploy_by_hook_whose_answer_was_lost_is_found_and_not_made_twice() {
    let stage = stage(services()).await;
    let arguments = json!({"service_id": "srv-a", "hook": "prod"});
    let looking = || CallMeta {
        look_for_since: Some(NOW),
        ..CallMeta::default()
    };
    let hub = hub(&stage, true).await;
    assert_eq!(
        call(&hub, arguments.clone(), looking()).await.unwrap(),
        Reply::Absent
    );
    stage.fault("deploy_hook", json!({"kind": "reply_lost"}));
    let doubt = deploy(&hub, arguments.clone()).await.unwrap_err();
    assert_eq!(doubt.class, ErrorClass::UnknownEffect);
    let found = call(&hub, arguments.clone(), looking()).await.unwrap();
    assert!(
        matches!(&found, Reply::Done(deploy) if deploy["trigger"] == "deploy_hook"),
        "{found:?}"
    );
    assert_eq!(stage.effects(), ["deploy_hook"]);
    // Without an API key nobody can look: a person decides.
    let blind = self::hub(&stage, false).await;
    let reply = call(&blind, arguments, looking()).await.unwrap();
    assert!(
        matches!(&reply, Reply::Ambiguous(why) if why.contains("RENDER_API_KEY")),
        "{reply:?}"
    );
}

#[tokio::test]
async fn what_a_hook_refuses_has_its_class_and_the_address_is_not_shown() {
    let stage = stage(services()).await;
    let hub = hub(&stage, true).await;
    for (arguments, class, says) in [
        (
            json!({"service_id": "srv-a", "hook": "none"}),
            ErrorClass::NotFound,
            "RENDER_DEPLOY_HOOKS=none=https://…; configured are: closed, image, old, prod, still",
        ),
        (
            json!({"service_id": "srv-b", "hook": "prod"}),
            ErrorClass::Conflict,
            "is not one of srv-b",
        ),
        (
            json!({"service_id": "srv-a", "hook": "old"}),
            ErrorClass::Forbidden,
            "copy the deploy hook anew",
        ),
        (
            json!({"service_id": "srv-a", "hook": "closed"}),
            ErrorClass::Unavailable,
            "cannot be reached",
        ),
        (
            json!({"service_id": "srv-s", "hook": "still"}),
            ErrorClass::Invalid,
            "answered 400",
        ),
        (
            json!({"service_id": "srv-i", "hook": "image", "image_url": "docker.io/other/api:2"}),
            ErrorClass::Invalid,
            "answered 400",
        ),
        (
            json!({"service_id": "srv-a", "hook": "prod", "clear_cache": true}),
            ErrorClass::Invalid,
            "`hook` cannot be combined",
        ),
    ] {
        let error = deploy(&hub, arguments.clone()).await.unwrap_err();
        assert_eq!(error.class, class, "{arguments}: {error}");
        assert!(
            error.to_string().contains(says) && !error.to_string().contains("hush"),
            "{arguments}: {error}"
        );
    }
    assert_eq!(stage.effects(), [""; 0]);
}
