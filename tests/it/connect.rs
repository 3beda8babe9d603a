//! `xmrt connect`: the webhook that the rules need, made or mended after a look at the difference.

mod render;

use http::Method;
use serde_json::{Value, json};

use crate::harness::World;

const RULES: [(&str, &str); 2] = [
    (
        "on-issues",
        "description = \"Issues\"\non = [\"github.issues.opened\", \"github.push\"]\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"x\" }\n",
    ),
    (
        "switched-off",
        "description = \"Off\"\nmode = \"off\"\noff_reason = \"later\"\non = \"github.release\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = { to = \"log\", text = \"x\" }\n",
    ),
];
const ADDRESS: &str = "https://xmrt.example.com";

async fn world() -> World {
    let world = World::start(&RULES, "").await;
    world
        .sandbox_post(
            "seed",
            json!({ "github": { "repos": [{ "full_name": "acme/api" }] } }),
        )
        .await;
    world
}

/// The webhooks of a place, as GitHub shows them.
async fn hooks(world: &World, place: &str) -> Vec<Value> {
    let path = format!("{place}/hooks");
    let (_, found) = world.at_github(Method::GET, &path, None).await;
    found.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_webhook_is_made_only_after_a_yes_and_is_then_what_the_rules_need() {
    let world = world().await;
    let ask = ["connect", "github", "acme/api", "--address", ADDRESS];
    let (told, errors, code) = world.xmrt(&ask);
    assert_eq!(code, 1, "nobody said yes: {errors}");
    for line in [
        "+ webhook https://xmrt.example.com/webhooks/github",
        "+ event issues",
        "+ event push",
        "say --yes",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(
        !told.contains("release"),
        "a rule that is off needs nothing: {told}"
    );
    assert!(
        hooks(&world, "repos/acme/api").await.is_empty(),
        "nothing was done"
    );

    let (told, errors, code) = world.xmrt(&[&ask[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("done: webhook "), "{told}");
    let made = hooks(&world, "repos/acme/api").await;
    assert_eq!(made.len(), 1, "{made:?}");
    let config = &made[0]["config"];
    assert_eq!(config["url"], "https://xmrt.example.com/webhooks/github");
    assert_eq!(
        (&config["content_type"], &config["secret"]),
        (&json!("json"), &json!("********"))
    );
    assert_eq!(
        (&made[0]["events"], &made[0]["active"]),
        (&json!(["issues", "push"]), &json!(true))
    );

    let (told, errors, code) = world.xmrt(&ask);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("tells all that the rules listen to"), "{told}");
}

#[tokio::test]
async fn a_webhook_that_lacks_an_event_or_is_off_is_mended_and_keeps_the_rest() {
    let world = world().await;
    let old = json!({ "name": "web", "active": false, "events": ["star", "push"],
        "config": { "url": "https://xmrt.example.com/webhooks/github", "content_type": "form", "secret": "s" } });
    let (status, _) = world.at_github(Method::POST, "orgs/acme/hooks", Some(old)).await;
    assert_eq!(status, 201);
    let (told, errors, code) = world.xmrt(&[
        "connect",
        "github",
        "acme",
        "--address",
        ADDRESS,
        "--yes",
        "--json",
    ]);
    assert_eq!(code, 0, "{errors}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["plan"]["change"], &told["plan"]["add"], &told["done"]),
        (&json!("mend"), &json!(["issues"]), &json!(true))
    );
    let mended = &hooks(&world, "orgs/acme").await[0];
    assert_eq!(
        (&mended["events"], &mended["active"]),
        (&json!(["push", "star", "issues"]), &json!(true))
    );
    assert_eq!(
        mended["config"]["secret"], "********",
        "its secret is still there"
    );
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_done() {
    let world = world().await;
    let connect = |more: &[&'static str], environment: &[(&str, &str)]| {
        let words = [&["connect", "github"], more].concat();
        let (_, errors, code) = world.xmrt_with(&words, environment);
        assert_eq!(code, 2, "{errors}");
        errors
    };
    assert!(connect(&["acme/api"], &[]).contains("--address https://"));
    assert!(
        connect(&["acme/api", "--address", "xmrt.example.com"], &[])
            .contains("is not the address of a server")
    );
    let errors = connect(
        &["acme/api", "--address", ADDRESS, "--yes"],
        &[("GITHUB_WEBHOOK_SECRET", "")],
    );
    assert!(errors.contains("GITHUB_WEBHOOK_SECRET is not set"), "{errors}");
    let errors = connect(&["acme/nothing", "--address", ADDRESS], &[]);
    assert!(
        errors.contains("404") && errors.contains("administer"),
        "{errors}"
    );
    assert!(hooks(&world, "repos/acme/api").await.is_empty());
}
