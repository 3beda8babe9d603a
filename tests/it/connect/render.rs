//! The webhook of a workspace on Render: one that tells what the rules listen to, and whose secret the server is told.

use serde_json::{Value, json};

use super::ADDRESS;
use crate::harness::World;

const RULE: (&str, &str) = (
    "on-deploys",
    "description = \"Deploys\"\non = [\"render.deploy_ended\", \"render.server_failed\"]\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"x\" }\n",
);
const ASK: [&str; 4] = ["connect", "render", "--address", ADDRESS];

async fn world(render: Value) -> World {
    let world = World::start(&[RULE], "").await;
    world.sandbox_post("seed", json!({ "render": render })).await;
    world
}

/// The webhooks that lead to [`ADDRESS`], as Render shows them.
async fn hooks(world: &World) -> Vec<Value> {
    let url = format!("{}/render/v1/webhooks?limit=100", world.sandbox.url);
    let answer = world
        .client
        .get(url)
        .bearer_auth("the render key of the tests")
        .send()
        .await
        .unwrap();
    let listed: Vec<Value> = answer.json().await.unwrap();
    listed
        .into_iter()
        .map(|entry| entry["webhook"].clone())
        .filter(|hook| hook["url"] == "https://xmrt.example.com/webhooks/render")
        .collect()
}

#[tokio::test]
async fn a_webhook_is_made_only_after_a_yes_and_its_secret_is_then_to_be_had() {
    let world = world(json!({})).await;
    let (told, errors, code) = world.xmrt(&ASK);
    assert_eq!(code, 1, "nobody said yes: {errors}");
    for line in [
        "+ webhook https://xmrt.example.com/webhooks/render",
        "+ event deploy_ended",
        "+ event server_failed",
        "say --yes",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(hooks(&world).await.is_empty(), "nothing was done");
    let (_, errors, code) = world.xmrt(&[&ASK[..], &["--secret"]].concat());
    assert_eq!(code, 2);
    assert!(errors.contains("has no webhook that leads to"), "{errors}");

    let (told, errors, code) = world.xmrt(&[&ASK[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{errors}");
    let made = hooks(&world).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(
        (&made[0]["eventFilter"], &made[0]["enabled"], &made[0]["name"]),
        (
            &json!(["deploy_ended", "server_failed"]),
            &json!(true),
            &json!("xmrt")
        )
    );
    let secret = made[0]["secret"].as_str().unwrap();
    assert!(!told.contains(secret), "it was not asked for: {told}");
    assert!(
        told.contains("`xmrt connect render --secret --address https://"),
        "{told}"
    );

    let (told, errors, code) = world.xmrt(&[&ASK[..], &["--secret"]].concat());
    assert_eq!((told.trim_end(), errors.as_str(), code), (secret, "", 0));
    for given in [secret, secret.trim_start_matches("whsec_")] {
        let (told, errors, code) = world.xmrt_with(&ASK, &[("RENDER_WEBHOOK_SECRET", given)]);
        assert_eq!(code, 0, "{errors}");
        assert!(
            told.ends_with("tells all that the rules listen to\n"),
            "the secret is known here: {told}"
        );
    }
}

#[tokio::test]
async fn a_webhook_that_lacks_an_event_or_is_off_is_mended_and_one_without_a_filter_tells_everything() {
    let hook = |more: Value| {
        let mut hook = json!({ "id": "whk-a", "name": "old", "url": format!("{ADDRESS}/webhooks/render"),
            "enabled": false, "events": ["plan_changed"] });
        hook.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "webhooks": [hook] })
    };
    let lacking = world(hook(json!({}))).await;
    let (told, errors, code) = lacking.xmrt(&[&ASK[..], &["--yes", "--json"]].concat());
    assert_eq!(code, 0, "{errors}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told["plan"],
        json!({ "change": "mend", "id": "whk-a", "add": ["deploy_ended", "server_failed"], "switch_on": true })
    );
    assert_eq!(
        (&told["done"], &told["secret_known"]),
        (&json!(true), &json!(false))
    );
    let mended = hooks(&lacking).await.remove(0);
    assert_eq!(
        (&mended["eventFilter"], &mended["enabled"], &mended["name"]),
        (
            &json!(["plan_changed", "deploy_ended", "server_failed"]),
            &json!(true),
            &json!("old")
        )
    );

    let whole = world(hook(json!({ "events": [], "enabled": true }))).await;
    let (told, errors, code) = whole.xmrt(&ASK);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("tells all that the rules listen to"), "{told}");
}

#[tokio::test]
async fn several_workspaces_are_told_apart_and_a_refusal_says_what_it_takes() {
    let world = world(json!({ "workspaces": [
        { "id": "tea-pro", "plan": "professional" }, { "id": "tea-free", "plan": "hobby" }, { "id": "tea-guest", "admin": false } ],
        "services": [
            { "id": "srv-1", "name": "one", "owner_id": "tea-pro" }, { "id": "srv-2", "name": "two", "owner_id": "tea-free" },
            { "id": "srv-3", "name": "three", "owner_id": "tea-guest" } ] }))
    .await;
    let connect = |more: &[&'static str]| {
        let (told, errors, code) = world.xmrt(&[&ASK[..], more].concat());
        (told + &errors, code)
    };
    let (told, code) = connect(&[]);
    assert_eq!(code, 2);
    assert!(
        told.contains("name one: xmrt connect render <workspace>") && told.contains("tea-pro"),
        "{told}"
    );
    let (told, code) = connect(&["tea-nothing"]);
    assert_eq!(code, 2);
    assert!(told.contains("sees no workspace `tea-nothing`"), "{told}");
    for (workspace, hint) in [
        ("tea-free", "Professional plan"),
        ("tea-guest", "admin of the workspace"),
    ] {
        let (told, code) = connect(&[workspace, "--yes"]);
        assert_eq!(code, 2, "{told}");
        assert!(told.contains(hint), "{workspace}: {told}");
    }
    assert!(hooks(&world).await.is_empty());
    let (told, code) = connect(&["tea-pro", "--yes"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(hooks(&world).await.len(), 1);
}

#[tokio::test]
async fn without_a_key_or_a_rule_it_says_what_is_missing() {
    let world = world(json!({})).await;
    let (_, errors, code) = world.xmrt_with(&ASK, &[("RENDER_API_KEY", "")]);
    assert_eq!(code, 2);
    assert!(errors.contains("RENDER_API_KEY is not set"), "{errors}");
    let file = world.folder.path().join("rules/on-deploys.toml");
    let other = RULE.1.replace(
        "[\"render.deploy_ended\", \"render.server_failed\"]",
        "\"github.push\"",
    );
    std::fs::write(file, other).unwrap();
    let (_, errors, code) = world.xmrt(&ASK);
    assert_eq!(code, 2);
    assert!(errors.contains("no rule listens to Render"), "{errors}");
}
