//! A proxy between a client and the sandbox that lets everything through and remembers what breaks the contract.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::spec::{Contract, Exchange};

/// Set by the sandbox on an answer that a fault made up.
const FAULT: &str = "x-sandbox-fault";
/// Has a schema of its own, which `scripts/check-graphql` holds against it what is written down here.
const GRAPHQL: &str = "/graphql";

/// Where exchanges over GraphQL are written down, one a line; a file for each process.
static EXCHANGES: LazyLock<Mutex<File>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("graphql-exchanges");
    std::fs::create_dir_all(&folder).unwrap();
    Mutex::new(File::create(folder.join(format!("{}.jsonl", std::process::id()))).unwrap())
});

/// Ends the test, when it ends, if anything broke the contract.
pub struct Witness {
    pub url: String,
    breaches: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

struct Post {
    /// Scheme and authority of the sandbox.
    upstream: String,
    /// Where the API begins: `/github`, `/render/v1`.
    root: String,
    contract: &'static Contract,
    client: reqwest::Client,
    breaches: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    /// Stands before an API of the sandbox, whose URL is given; `url` is then where clients go.
    pub async fn before(api: &str, contract: &'static Contract) -> Self {
        let api = url::Url::parse(api).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), api.path());
        let breaches = Arc::<Mutex<Vec<String>>>::default();
        let post = Arc::new(Post {
            upstream: api[..url::Position::BeforePath].to_owned(),
            root: api.path().to_owned(),
            contract,
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            breaches: breaches.clone(),
        });
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let post = post.clone();
                let service = service_fn(move |request| {
                    let post = post.clone();
                    async move { post.pass(request).await }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            url,
            breaches,
            serving,
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.serving.abort();
        let mut breaches = std::mem::take(&mut *self.breaches.lock().unwrap());
        breaches.sort();
        breaches.dedup();
        if !std::thread::panicking() {
            assert!(
                breaches.is_empty(),
                "these break the contract:\n{}",
                breaches.join("\n")
            );
        }
    }
}

fn write_down(request: &[u8], answer: &[u8]) {
    let mut line: serde_json::Value = serde_json::from_slice(request).unwrap();
    line["answer"] = serde_json::from_slice(answer).unwrap();
    writeln!(EXCHANGES.lock().unwrap(), "{line}").unwrap();
}

impl Post {
    /// An error where the sandbox gave none: the connection closes, as it did there.
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), |body| body.to_bytes());
        let url = format!("{}{}", self.upstream, parts.uri);
        let asked = self
            .client
            .request(parts.method.clone(), url)
            .headers(parts.headers)
            .body(body.clone());
        let answer = asked.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await?;
        if let Some(path) = parts.uri.path().strip_prefix(&self.root)
            && !headers.contains_key(FAULT)
        {
            match path {
                GRAPHQL if status == StatusCode::OK => write_down(&body, &bytes),
                GRAPHQL => {}
                path => self.judge(
                    &parts.method,
                    (path, parts.uri.query().unwrap_or("")),
                    &body,
                    (status, &headers, &bytes),
                ),
            }
        }
        let mut response = Response::new(Full::new(bytes));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    fn judge(
        &self,
        method: &Method,
        (path, query): (&str, &str),
        body: &[u8],
        (status, headers, answer): (StatusCode, &HeaderMap, &[u8]),
    ) {
        let media = headers
            .get("content-type")
            .map_or(&b""[..], |value| value.as_bytes());
        let found = self.contract.breaches(&Exchange {
            method,
            path,
            query,
            body,
            status: status.as_u16(),
            answer,
            answer_is_json: media.starts_with(b"application/json"),
        });
        self.breaches.lock().unwrap().extend(found);
    }
}
