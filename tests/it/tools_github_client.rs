//! What the GitHub client makes of refusals, and of connections that break: whether a write may have happened.

use http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use xmrt::integrations::github::{self, Client, FileKind, Repo, refused};
use xmrt::integrations::{Access, ApiError, Failure};

fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

fn refuse(access: Access, status: u16, headers: &[(&'static str, &str)], body: Value) -> ApiError {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    refused(access, status, &headers, body.to_string().as_bytes(), now())
}

fn limited(at: &str) -> Failure {
    Failure::RateLimited {
        retry_at: Some(at.parse().unwrap()),
    }
}

#[test]
fn every_status_of_a_refusal_has_its_class() {
    use Failure::{Conflict, Forbidden, Invalid, NotFound, Unavailable, UnknownEffect};
    let cases = [
        (400, Invalid, Invalid),
        (401, Forbidden, Forbidden),
        (403, Forbidden, Forbidden),
        (404, NotFound, NotFound),
        (405, Conflict, Conflict),
        (409, Conflict, Conflict),
        (410, NotFound, NotFound),
        (422, Invalid, Invalid),
        (423, Conflict, Conflict),
        (451, Forbidden, Forbidden),
        (408, Unavailable, UnknownEffect),
        (500, Unavailable, UnknownEffect),
        (502, Unavailable, UnknownEffect),
        (503, Unavailable, UnknownEffect),
        (504, Unavailable, UnknownEffect),
        (301, Conflict, Conflict),
    ];
    for (status, reading, writing) in cases {
        let error = refuse(Access::Read, status, &[], json!({ "message": "No." }));
        assert_eq!((error.failure, error.status), (reading, Some(status)));
        assert_eq!(error.message, format!("GitHub answered {status}: No."));
        let error = refuse(Access::Write, status, &[], json!({ "message": "No." }));
        assert_eq!(error.failure, writing, "{status}");
    }
}

#[test]
fn a_limit_is_told_from_a_lack_of_permission_and_says_when_to_come_back() {
    let primary = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1795395661"),
    ];
    let error = refuse(
        Access::Write,
        403,
        &primary,
        json!({ "message": "API rate limit exceeded" }),
    );
    assert_eq!(error.failure, limited("2026-11-23T01:01:01Z"));
    let error = refuse(Access::Write, 429, &[("retry-after", "7")], json!({}));
    assert_eq!(error.failure, limited("2026-11-23T00:00:07Z"));
    let error = refuse(
        Access::Read,
        403,
        &[("retry-after", "30"), primary[0], primary[1]],
        json!({}),
    );
    assert_eq!(
        error.failure,
        limited("2026-11-23T00:00:30Z"),
        "retry-after goes first"
    );
    let secondary = json!({ "message": "You have exceeded a secondary rate limit." });
    let reset_of_the_primary = [("x-ratelimit-remaining", "4000"), primary[1]];
    let error = refuse(Access::Write, 403, &reset_of_the_primary, secondary);
    assert_eq!(
        error.failure,
        limited("2026-11-23T00:01:00Z"),
        "a minute when nothing is said"
    );
    let error = refuse(
        Access::Write,
        403,
        &reset_of_the_primary,
        json!({ "message": "Must have admin rights" }),
    );
    assert_eq!(error.failure, Failure::Forbidden);
}

#[test]
fn a_refusal_names_the_fields_and_the_remedy() {
    let errors = json!([
        { "resource": "Issue", "field": "title", "code": "missing_field" },
        { "resource": "Issue", "code": "custom", "field": "assignees", "message": "could not be resolved" },
        "No commits between main and main",
    ]);
    let error = refuse(
        Access::Write,
        422,
        &[],
        json!({ "message": "Validation Failed", "errors": errors }),
    );
    assert_eq!(
        error.message,
        "GitHub answered 422: Validation Failed: title missing_field; assignees could not be resolved; \
         No commits between main and main"
    );
    let remedy = |status, headers: &[_]| refuse(Access::Write, status, headers, json!({})).remedy.unwrap();
    assert!(remedy(401, &[]).contains("GITHUB_TOKEN"));
    assert_eq!(
        remedy(403, &[("x-accepted-oauth-scopes", "repo")]),
        "the token needs: repo"
    );
    assert_eq!(
        remedy(403, &[("x-accepted-github-permissions", "issues=write")]),
        "the token needs: issues=write"
    );
    assert!(remedy(404, &[]).contains("may not see it"));
    assert!(remedy(301, &[]).contains("new name"));
}

#[test]
fn a_refusal_in_another_language_than_json_is_still_a_refusal() {
    let page = "<html>Bad Gateway</html>";
    let error = refused(
        Access::Write,
        StatusCode::BAD_GATEWAY,
        &HeaderMap::new(),
        page.as_bytes(),
        now(),
    );
    assert_eq!(error.failure, Failure::UnknownEffect);
    assert_eq!(error.message, "GitHub answered 502: Bad Gateway");
}

/// Answers one connection with `answer`, byte for byte, and hangs up; gives back what was sent.
async fn speak(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 65_536];
        let length = stream.read(&mut heard).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(heard[..length].to_vec()).unwrap()
    });
    (url, heard)
}

fn client(url: &str) -> Client {
    Client::new(url, "a-token".to_owned()).unwrap()
}

fn repo() -> Repo {
    "acme/api".parse().unwrap()
}

async fn comment(client: &Client) -> Result<github::Comment, ApiError> {
    client.send(&github::create_comment(&repo(), 1, "hi")).await
}

#[tokio::test]
async fn a_request_carries_one_agent_one_version_and_the_token() {
    let (url, heard) =
        speak("HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n{\"login\":\"eliza\",\"id\": 7}").await;
    let me = client(&format!("{url}/api/v3")).me().await.unwrap();
    assert_eq!((me.login.as_str(), me.id), ("eliza", 7));
    let heard = heard.await.unwrap().to_ascii_lowercase();
    assert!(heard.starts_with("get /api/v3/user http/1.1\r\n"), "{heard}");
    for header in [
        "x-github-api-version: 2026-03-10",
        "authorization: bearer a-token",
        "user-agent: xmrt/0.1.0",
    ] {
        assert_eq!(heard.matches(header).count(), 1, "{heard}");
    }
    for name in ["x-github-api-version:", "authorization:", "user-agent:"] {
        assert_eq!(heard.matches(name).count(), 1, "{heard}");
    }
}

#[tokio::test]
async fn a_connection_that_never_came_about_leaves_no_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = comment(&client(&url)).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable);
    assert!(error.message.starts_with("GitHub cannot be reached: "), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_a_write_in_doubt_and_a_read_undone() {
    let broken = [
        "",
        "HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":",
        "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n[}",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    ];
    for answer in broken {
        let (url, _) = speak(answer).await;
        let error = comment(&client(&url)).await.unwrap_err();
        assert_eq!(error.failure, Failure::UnknownEffect, "{answer:?}: {error}");
        let (url, _) = speak(answer).await;
        let error = client(&url).issue(&repo(), 1).await.unwrap_err();
        assert_eq!(error.failure, Failure::Unavailable, "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_write_that_is_redirected_is_not_sent_again() {
    let moved =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n";
    let (url, _) = speak(moved).await;
    let error = comment(&client(&url)).await.unwrap_err();
    assert_eq!((error.failure, error.status), (Failure::Conflict, Some(307)));
    let (url, _) = speak(moved).await;
    let error = client(&url).issue(&repo(), 1).await.unwrap_err();
    assert!(error.message.contains("outside its API"), "{error}");
}

#[tokio::test]
async fn a_reading_follows_a_redirect_within_the_api() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    let moved = format!(
        "HTTP/1.1 301 Moved Permanently\r\nlocation: {url}/repositories/5/issues/1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let answers = [
        moved,
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"number\":1,\"id\":12}".to_owned(),
    ];
    let heard = tokio::spawn(async move {
        let mut lines = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = vec![0; 65_536];
            let length = stream.read(&mut heard).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            lines.push(
                String::from_utf8_lossy(&heard[..length])
                    .lines()
                    .next()
                    .unwrap()
                    .to_owned(),
            );
        }
        lines
    });
    let issue = client(&url).issue(&repo(), 1).await.unwrap();
    assert_eq!(
        (issue.number, issue.id),
        (1, 12),
        "and what GitHub left out is empty"
    );
    let expected = [
        "GET /api/repos/acme/api/issues/1 HTTP/1.1",
        "GET /api/repositories/5/issues/1 HTTP/1.1",
    ];
    assert_eq!(heard.await.unwrap(), expected);
}

#[tokio::test]
async fn a_file_that_is_no_text_is_said_to_be_binary() {
    for (content, expected) in [
        ("AAEC", FileKind::Binary),
        ("/w==", FileKind::Binary),
        ("aGk=\\n", FileKind::Text("hi".into())),
        ("", FileKind::Text(String::new())),
    ] {
        let body = format!(r#"{{"type":"file","encoding":"base64","size":3,"content":"{content}"}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (url, _) = speak(answer.leak()).await;
        let file = client(&url).file(&repo(), "x", None, 1 << 20).await.unwrap();
        assert_eq!(file.content, expected);
    }
}

#[test]
fn a_repository_is_an_owner_and_a_name_and_nothing_that_leads_elsewhere() {
    for fine in ["acme/api", "a/b", "acme-x/my.repo_1", "emu_user/.github"] {
        assert_eq!(fine.parse::<Repo>().unwrap().as_str(), fine);
    }
    for bad in [
        "",
        "acme",
        "acme/",
        "/api",
        "acme/api/x",
        "acme/..",
        "../api",
        "acme/a b",
        "acme/a?x",
        "ac.me/api",
    ] {
        let error = bad.parse::<Repo>().unwrap_err();
        assert_eq!(
            error,
            format!("repo must be owner/name, like acme/api, not `{bad}`")
        );
    }
}

#[tokio::test]
async fn neither_client_nor_error_shows_the_token() {
    let client = Client::new("http://127.0.0.1:1", "a-token".to_owned()).unwrap();
    let error = client.me().await.unwrap_err();
    let shown = format!("{client:?} {error:?} {error}");
    assert!(
        shown.contains("127.0.0.1:1") && !shown.contains("a-token"),
        "{shown}"
    );
    let error = Client::new("http://127.0.0.1:1", "line\nbreak".to_owned()).unwrap_err();
    assert!(!format!("{error:?}").contains("break"));
    assert_eq!(
        Client::new("api.github.com", "a-token".to_owned())
            .unwrap_err()
            .failure,
        Failure::Invalid
    );
}
