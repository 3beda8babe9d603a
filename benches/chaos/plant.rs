//! In: a world in which nothing is wrong. Out: one thing is. Never: the accounting told of it.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

use super::fleet::GITHUB_TOKEN;
use super::sender::Sender;
use super::work::Kind;
use super::world::World;

/// A receiver answers 202 and forgets: one delivery is lost.
pub(super) async fn lost(sender: &Sender, n: u64) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let app = Router::new().route("/webhooks/github", post(async || StatusCode::ACCEPTED));
    let forgetful = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    sender.to(n, &format!("http://{address}")).await;
    forgetful.abort();
    Ok(())
}

/// Somebody with our token writes once more what was written for an event, to the letter.
pub(super) async fn doubled(world: &World) -> Result<(), String> {
    let seen = world.witness.all().await?;
    let ours = |effect: &&super::witness::Effect| {
        let single = effect
            .event
            .is_some_and(|n| Kind::of(world.seed, n) == Kind::Comment);
        effect.ours && single && effect.operation == "create_comment"
    };
    let effect = seen
        .effects
        .iter()
        .find(ours)
        .ok_or("no comment that could be doubled")?;
    let (repo, number) = effect
        .target
        .split_once('#')
        .ok_or("a comment without a target")?;
    let key = effect.key.as_deref().unwrap_or_default();
    let url = format!(
        "{}/github/repos/{repo}/issues/{number}/comments",
        world.sandbox.address
    );
    let answer = world
        .client
        .post(url)
        .header("user-agent", "chaos")
        .bearer_auth(GITHUB_TOKEN)
        .json(&json!({ "body": format!("Seen.\n\n<!-- xmrt:{key} -->") }))
        .send()
        .await
        .map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        201 => Ok(()),
        status => Err(format!("the second comment was answered {status}")),
    }
}
