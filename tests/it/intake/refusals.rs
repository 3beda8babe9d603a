use http::HeaderMap;
use xmrt::http::Limits;
use xmrt::receive::GithubSecret;

use super::{House, Peer, Setup, github_headers, headers, issue, render_headers, soon};

/// A bad request: what is wrong, the door, headers, body; what it gets.
struct Case {
    what: &'static str,
    door: &'static str,
    headers: HeaderMap,
    body: Vec<u8>,
    status: u16,
    problem: &'static str,
}

/// A good GitHub delivery, made bad.
fn github(
    what: &'static str,
    status: u16,
    problem: &'static str,
    body: Vec<u8>,
    spoil: fn(&mut HeaderMap),
) -> Case {
    let mut headers = github_headers("issues", "bad-1", &body);
    spoil(&mut headers);
    Case {
        what,
        door: "/webhooks/github",
        headers,
        body,
        status,
        problem,
    }
}

/// A good Render delivery, made bad.
fn render(
    what: &'static str,
    skew: i64,
    status: u16,
    problem: &'static str,
    spoil: fn(&mut HeaderMap),
) -> Case {
    let body = br#"{"type":"deploy_ended","data":{"serviceId":"srv-a"}}"#.to_vec();
    let mut headers = render_headers("evt-bad", skew, &body);
    spoil(&mut headers);
    Case {
        what,
        door: "/webhooks/render",
        headers,
        body,
        status,
        problem,
    }
}

const SIGNATURE: &str = "x-hub-signature-256";

fn nothing(_: &mut HeaderMap) {}

fn change(headers: &mut HeaderMap, name: &'static str, change: impl Fn(&str) -> String) {
    let changed = change(headers[name].to_str().unwrap());
    headers.insert(name, changed.parse().unwrap());
}

fn cases() -> Vec<Case> {
    let body = || issue(1).to_string().into_bytes();
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    vec![
        github("no signature", 401, "missing-signature", body(), |headers| {
            drop(headers.remove(SIGNATURE))
        }),
        github(
            "truncated signature",
            401,
            "malformed-signature",
            body(),
            |headers| {
                change(headers, SIGNATURE, |signature| signature[..40].into());
            },
        ),
        github("wrong signature", 401, "signature-mismatch", body(), |headers| {
            change(headers, SIGNATURE, |_| format!("sha256={}", "0".repeat(64)));
        }),
        github("wrong prefix", 401, "malformed-signature", body(), |headers| {
            change(headers, SIGNATURE, |signature| {
                signature.replace("sha256", "sha1")
            });
        }),
        github("wrong secret", 401, "signature-mismatch", body(), |headers| {
            let other = GithubSecret::new("another")
                .unwrap()
                .sign(issue(1).to_string().as_bytes());
            change(headers, SIGNATURE, |_| other.clone());
        }),
        render("stale", -301, 401, "timestamp-too-old", nothing),
        render("from the future", 305, 401, "timestamp-too-new", nothing),
        render("bad base64", 0, 401, "malformed-signature", |headers| {
            change(headers, "webhook-signature", |_| "v1,@@not base64@@".into());
        }),
        render("no id", 0, 401, "missing-signature", |headers| {
            drop(headers.remove("webhook-id"))
        }),
        github("not JSON", 400, "not-json", b"{\"a\":NaN}".to_vec(), nothing),
        github("not an object", 400, "not-an-object", b"[1]".to_vec(), nothing),
        github(
            "invalid UTF-8",
            400,
            "not-utf8",
            b"{\"a\":\"\xff\"}".to_vec(),
            nothing,
        ),
        github("200,000 deep", 400, "too-deep", deep, nothing),
        github(
            "26 MiB",
            413,
            "payload-too-large",
            vec![b' '; 26 * 1024 * 1024],
            nothing,
        ),
        github(
            "wrong content type",
            415,
            "unsupported-media-type",
            body(),
            |headers| {
                change(headers, "content-type", |_| "text/plain".into());
            },
        ),
        github("no event", 400, "missing-header", body(), |headers| {
            drop(headers.remove("x-github-event"))
        }),
        github("no delivery id", 400, "missing-header", body(), |headers| {
            drop(headers.remove("x-github-delivery"));
        }),
    ]
}

#[tokio::test]
async fn every_bad_request_gets_its_status_and_is_never_an_event() {
    let house = House::open().await;
    for case in cases() {
        let answer = soon(house.post(case.door, case.headers, case.body)).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (case.status, case.problem),
            "{}",
            case.what
        );
        assert!(!answer.header("x-request-id").is_empty(), "{}", case.what);
    }
    assert_eq!(house.events().await, 0);
    house.close().await;
}

#[tokio::test]
async fn another_method_is_405_and_says_which_one_would_do() {
    let house = House::open().await;
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let request = house
            .client
            .request(method.parse().unwrap(), format!("{}/webhooks/github", house.url));
        let answer = super::Answer::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (405, "method-not-allowed"),
            "{method}"
        );
        assert_eq!(answer.header("allow"), "POST");
    }
    house.close().await;
}

#[tokio::test]
async fn an_unknown_source_is_404_whatever_else_is_wrong_with_the_request() {
    let house = House::open().await;
    let answer = house
        .post("/webhooks/gitlab", headers(&[]), b"nonsense".to_vec())
        .await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    assert_eq!(house.get("/webhooks/gitlab").await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn a_chunked_body_is_413_as_soon_as_it_is_too_long() {
    let limits = Limits {
        body_bytes_max: 1000,
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let mut peer = Peer::connect(&house).await;
    peer.send(b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..11 {
        peer.send(format!("64\r\n{}\r\n", " ".repeat(100)).as_bytes())
            .await;
    }
    let answer = peer.answer().await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("payload-too-large"),
        "{answer}"
    );
    house.close().await;
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_413_before_a_byte_of_the_body_came() {
    let house = House::open().await;
    let mut peer = Peer::connect(&house).await;
    let length = 26 * 1024 * 1024;
    let head = format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    peer.send(head.as_bytes()).await;
    assert!(peer.first_line().await.starts_with("HTTP/1.1 413 "));
    house.close().await;
}

#[tokio::test]
async fn without_a_secret_a_door_is_503_and_names_the_setting() {
    let house = House::build(Setup {
        github: Vec::new(),
        render: Vec::new(),
        ..Setup::default()
    })
    .await;
    let answer = house.github("issues", "d-1", &issue(1)).await;
    assert_eq!((answer.status, answer.problem()), (503, "not-configured"));
    assert!(answer.text.contains("GITHUB_WEBHOOK_SECRET"), "{}", answer.text);
    let answer = house.render("evt-1", &serde_json::json!({ "type": "x" })).await;
    assert!(answer.text.contains("RENDER_WEBHOOK_SECRET"), "{}", answer.text);
    house.close().await;
}

#[tokio::test]
async fn refusals_are_counted_by_source_and_reason() {
    let house = House::open().await;
    house
        .post(
            "/webhooks/render",
            headers(&[("content-type", "application/json")]),
            b"{}".to_vec(),
        )
        .await;
    let metrics = house.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let line = r#"xmrt_refusals_total{source="render",reason="missing-signature"}"#;
    assert!(metrics.text.contains(line), "{}", metrics.text);
    house.close().await;
}
