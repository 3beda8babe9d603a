//! Signing in where no browser is: a code that a person types in somewhere else.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Browser, account, last, world};
use crate::harness::World;

/// A person types a code in at GitHub, and says this.
async fn types_in(world: &World, user_code: &str, more: &[(&str, &str)]) {
    let mut form = vec![
        ("user_code".to_owned(), user_code.to_owned()),
        ("login".to_owned(), "acme-eliza".to_owned()),
    ];
    form.extend(
        more.iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned())),
    );
    let url = format!("{}/github/login/device", world.sandbox.url);
    let page = Browser::new().post(&url, &form).await;
    assert_eq!(page.status, 200, "{}", page.text);
}

/// Asks until something else than "pending" is answered.
async fn over(world: &World, flow: &str) -> (u16, serde_json::Value) {
    world
        .until("the sign-in to be over", async || {
            let answer = world
                .api_post(&format!("agents/eliza/login/{flow}"), json!({}))
                .await;
            (answer.1["state"] != "pending").then_some(answer)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_a_code_and_waits_until_a_person_has_agreed() {
    let world = world().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_xmrt"))
        .args(["agents", "login", "eliza"])
        .env_clear()
        .envs(world.environment().iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    errors.read_line(&mut told).unwrap();
    assert!(
        told.contains("signed in to GitHub as acme-eliza, open "),
        "{told}"
    );
    let code = told.trim().rsplit(' ').next().unwrap().to_owned();
    errors.read_line(&mut told).unwrap();
    assert!(told.contains("admin:org_hook, repo"), "{told}");
    types_in(&world, &code, &[]).await;
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(
        said.starts_with("eliza is signed in to GitHub as acme-eliza (number "),
        "{said}"
    );
    assert_eq!(account(&world).await["account"]["by"], "device");
    assert_eq!(last(&world, "agent.login").await.0, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_does_not_agree_or_is_a_stranger_signs_nobody_in_and_a_flow_is_good_for_once() {
    let world = world().await;
    let begin = async || {
        let (status, begun) = world.api_post("agents/eliza/login", json!({})).await;
        assert_eq!(status, 201, "{begun}");
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        (text("flow"), text("user_code"))
    };
    let (flow, code) = begin().await;
    // Asking more often than GitHub allows asks nobody: it would be told to slow down.
    for _ in 0..5 {
        let (_, state) = world
            .api_post(&format!("agents/eliza/login/{flow}"), json!({}))
            .await;
        assert_eq!(state["state"], "pending", "{state}");
    }
    assert_eq!(world.count("oauth_token").await, 0);
    types_in(&world, &code, &[("decision", "deny")]).await;
    let (status, problem) = over(&world, &flow).await;
    assert_eq!(status, 403, "{problem}");
    assert_eq!(last(&world, "agent.login").await.0, "denied");
    let (status, _) = world
        .api_post(&format!("agents/eliza/login/{flow}"), json!({}))
        .await;
    assert_eq!(status, 400, "it is over");
    let (status, _) = world.api_post("agents/eliza/login/nothing", json!({})).await;
    assert_eq!(status, 400);

    let (flow, code) = begin().await;
    types_in(&world, &code, &[("login", "mallory")]).await;
    let (status, problem) = over(&world, &flow).await;
    assert_eq!(status, 403, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("mallory"),
        "{problem}"
    );
    assert!(account(&world).await["account"].is_null());
    assert_eq!(
        world.sandbox_post("oauth", json!({})).await["tokens"],
        0,
        "the stranger's token is revoked"
    );
    // Another agent's flow is none of this one's.
    let (flow, _) = begin().await;
    let (status, _) = world
        .api_post(&format!("agents/plain/login/{flow}"), json!({}))
        .await;
    assert_eq!(status, 400);
}
