//! A server that is reached over HTTP.

use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;
use xmrt::hub::{Condition, ErrorClass, ExternalServer, Reach, Reply};

use super::{Desk, TOKEN, notes, script};

/// The same server over HTTP, as a process of the test.
struct Remote {
    child: std::process::Child,
    url: String,
    folder: TempDir,
}

impl Remote {
    fn start() -> Self {
        use std::io::BufRead;
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("python3")
            .args([&script(), "http", folder.path().to_str().unwrap()])
            .env("NOTES_TOKEN", TOKEN)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Self { child, url, folder }
    }

    fn server(&self, url: String, token: &str) -> ExternalServer {
        ExternalServer {
            reach: Reach::Http {
                url,
                headers: vec![(
                    "Authorization".into(),
                    SecretString::from(format!("Bearer {token}")),
                )],
                plain_http: false,
            },
            ..notes(self.folder.path(), "")
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_over_http_is_called_missed_and_found_again() {
    let mut remote = Remote::start();
    let server = remote.server(remote.url.clone(), TOKEN);
    let desk = Desk::with(|_, external| *external = server).await;
    desk.up().await;
    let note = json!({ "text": "hello" });
    let done = desk.call("notes.write_note", note.clone()).await;
    assert_eq!(done, Ok(Reply::Done(json!({ "text": "hello", "count": 1 }))));
    let dead = desk.call("notes.write_and_die", note.clone()).await.unwrap_err();
    assert_eq!(dead.class, ErrorClass::UnknownEffect, "{dead}");
    remote.child.wait().unwrap();
    desk.until("its absence to be noticed", |status| {
        status.condition == Condition::Down
    })
    .await;
    let error = desk.call("notes.write_note", note.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error}");
    let port = remote
        .url
        .rsplit_once(':')
        .unwrap()
        .1
        .strip_suffix("/mcp")
        .unwrap()
        .to_owned();
    remote.child = std::process::Command::new("python3")
        .args([&script(), "http", remote.folder.path().to_str().unwrap()])
        .env("NOTES_TOKEN", TOKEN)
        .env("NOTES_PORT", port)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    desk.up().await;
    let done = desk.call("notes.write_note", note).await;
    assert_eq!(done, Ok(Reply::Done(json!({ "text": "hello", "count": 3 }))));
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_followed_within_its_origin_and_nowhere_else() {
    let remote = Remote::start();
    let moved = remote.server(remote.url.replace("/mcp", "/moved"), TOKEN);
    let desk = Desk::with(|_, external| *external = moved).await;
    desk.up().await;
    desk.hub.stop().await;
    let elsewhere = remote.server(remote.url.replace("/mcp", "/elsewhere"), TOKEN);
    let desk = Desk::with(|_, external| *external = elsewhere).await;
    let status = desk
        .until("the refusal", |status| status.condition == Condition::Down)
        .await;
    let why = status.why.unwrap();
    assert!(why.contains("another origin"), "{why}");
    assert!(!why.contains(TOKEN));
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_said_and_not_shown() {
    let remote = Remote::start();
    let server = remote.server(remote.url.clone(), "a wrong token");
    let desk = Desk::with(|_, external| *external = server).await;
    let status = desk
        .until("the refusal", |status| status.condition == Condition::Down)
        .await;
    let why = status.why.unwrap();
    assert!(why.contains("401") && !why.contains("wrong token"), "{why}");
    desk.hub.stop().await;
}
