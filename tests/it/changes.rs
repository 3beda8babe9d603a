//! A change of rules that somebody would make, asked about at a running server.

use serde_json::{Value, json};

use crate::harness::{World, issue_opened};

const GREET: &str = r#"
description = "Greets"
on = "github.issues.opened"

[[action]]
tool = "github.create_comment"
arguments = { repo = "acme/api", number = "{{ event.issue.number }}", body = "Hello." }
"#;

fn changed(text: &str) -> Value {
    json!({ "files": [{ "path": "greet.toml", "text": text }] })
}

async fn world() -> World {
    let world = World::start(&[("greet", GREET)], "").await;
    let issues: Vec<Value> = (1..3)
        .map(|number| json!({ "repo": "acme/api", "number": number, "title": "x" }))
        .collect();
    let seed = json!({ "github": { "repos": [{ "full_name": "acme/api" }], "issues": issues } });
    world.sandbox_post("seed", seed).await;
    for number in 1..3 {
        let id = format!("d-{number}");
        world.github("issues", &id, &issue_opened(number)).await.unwrap();
        world.settled(&id).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_mistake_is_told_of_it_at_its_place() {
    let world = world().await;
    let broken = changed(&GREET.replace("description", "descripton"));
    let (status, answer) = world.api_post("rules/check", broken.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["errors"].as_u64().unwrap() > 0, "{answer}");
    let text = answer["text"].as_str().unwrap();
    assert!(
        text.contains("greet.toml") && text.contains("description"),
        "{text}"
    );
    let (status, refused) = world.api_post("rules/backtest", broken).await;
    assert_eq!(status, 422, "{refused}");
    assert_eq!(refused["type"], "urn:xmrt:problem:broken-rules");
    let (status, answer) = world.api_post("rules/check", changed(GREET)).await;
    assert_eq!((status, &answer["errors"]), (200, &json!(0)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_played_on_what_came_in_and_not_made() {
    let world = world().await;
    let first = GREET.replace("[[action]]", "[when]\nissue.title = \"Issue 1\"\n\n[[action]]");
    let (status, answer) = world.api_post("rules/backtest", changed(&first)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["events"]["count"], &answer["events"]["more"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(
        (&answer["gained"], &answer["lost"]),
        (&json!(0), &json!(1)),
        "{answer}"
    );
    let [rule] = answer["rules"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(
        (&rule["before"], &rule["after"], &rule["lost"][0]["id"]),
        (&json!(2), &json!(1), &json!("d-2"))
    );

    // A rule that is not there yet.
    let new = json!({ "files": [{ "path": "also.toml", "text": GREET }] });
    let (_, answer) = world.api_post("rules/backtest", new).await;
    assert_eq!(
        (&answer["gained"], &answer["lost"]),
        (&json!(2), &json!(0)),
        "{answer}"
    );

    let mut past = changed(&first);
    past["since"] = json!("a while");
    assert_eq!(world.api_post("rules/backtest", past).await.0, 400);
    let (_, rule) = world.api("rules/greet").await;
    assert_eq!(rule["text"], GREET, "nothing was changed");
    assert_eq!(world.count("create_comment").await, 2);
}
