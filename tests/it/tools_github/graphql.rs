//! What GraphQL's answers mean: it refuses in a 200, and its API stands beside that of an Enterprise Server.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use xmrt::integrations::github::{Client, PullPayload, set_draft};
use xmrt::integrations::{ApiError, Failure};

/// Sends a mutation to a server whose API is below `below` and which answers `answer` with these headers; gives what was
/// asked for and what came of it.
async fn sent(below: &str, headers: &str, answer: Value) -> (String, Result<PullPayload, ApiError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}{below}", listener.local_addr().unwrap());
    let body = answer.to_string();
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}connection: close\r\n\r\n{body}",
        body.len()
    );
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        // The whole request, or what follows would be cut off by a reset.
        while !String::from_utf8_lossy(&asked).contains("pullRequestId") {
            let mut part = [0; 4_096];
            let read = stream.read(&mut part).await.unwrap();
            assert!(read > 0, "the request ended early");
            asked.extend_from_slice(&part[..read]);
        }
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let asked = String::from_utf8_lossy(&asked).into_owned();
        asked.lines().next().unwrap_or_default().to_owned()
    });
    let client = Client::new(&address, "a-token".to_owned()).unwrap();
    let repo = "acme/api".parse().unwrap();
    let result = client.mutate(&repo, &set_draft("PR_1", true)).await;
    (server.await.unwrap(), result)
}

fn refusal(kind: Option<&str>, message: &str) -> Value {
    let mut problem = json!({ "message": message });
    if let Some(kind) = kind {
        problem["type"] = kind.into();
    }
    json!({ "data": { "convertPullRequestToDraft": null }, "errors": [problem] })
}

#[tokio::test]
async fn an_enterprise_server_is_asked_beside_its_rest_api() {
    let done = json!({ "data": { "convertPullRequestToDraft": { "pullRequest": {
        "id": "PR_1", "isDraft": true, "merged": false, "headRefOid": "a", "autoMergeRequest": null,
    }}}});
    for (below, line) in [
        ("/api/v3", "POST /api/graphql HTTP/1.1"),
        ("", "POST /graphql HTTP/1.1"),
    ] {
        let (asked, result) = sent(below, "", done.clone()).await;
        assert_eq!(asked, line);
        assert!(result.unwrap().pull_request.is_draft);
    }
}

#[tokio::test]
async fn a_refusal_in_a_200_has_the_class_of_its_kind() {
    for (kind, message, failure) in [
        (
            Some("NOT_FOUND"),
            "Could not resolve to a node.",
            Failure::NotFound,
        ),
        (
            Some("FORBIDDEN"),
            "Resource not accessible by integration",
            Failure::Forbidden,
        ),
        (
            Some("INSUFFICIENT_SCOPES"),
            "Your token has not been granted",
            Failure::Forbidden,
        ),
        (
            Some("STALE_DATA"),
            "Expected branch to point to",
            Failure::Conflict,
        ),
        (Some("UNPROCESSABLE"), "Pull request is closed", Failure::Invalid),
        (None, "Field 'x' doesn't exist", Failure::Invalid),
        (
            None,
            "Something went wrong while executing your query.",
            Failure::UnknownEffect,
        ),
    ] {
        let (_, result) = sent("", "", refusal(kind, message)).await;
        let error = result.unwrap_err();
        assert_eq!(
            (&error.failure, error.message.contains(message)),
            (&failure, true),
            "{error}"
        );
    }
    let (_, result) = sent("", "", json!({ "data": { "convertPullRequestToDraft": {} } })).await;
    assert_eq!(
        result.unwrap_err().failure,
        Failure::UnknownEffect,
        "an answer without what it must hold"
    );
}

#[tokio::test]
async fn points_that_are_used_up_come_back_when_the_headers_say() {
    let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4102444800\r\n";
    let (_, result) = sent(
        "",
        headers,
        refusal(Some("RATE_LIMITED"), "API rate limit exceeded"),
    )
    .await;
    let at = "2100-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        result.unwrap_err().failure,
        Failure::RateLimited { retry_at: Some(at) }
    );
}
