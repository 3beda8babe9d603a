//! The doors, over real sockets: what is refused and how, what slow peers get, and what a delivery is answered.

mod answers;
mod refusals;
mod slow;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xmrt::clock::Clock;
use xmrt::http::{Doors, Limits, router, serve};
use xmrt::hub::Hub;
use xmrt::journal::{MemoryStore, Store};
use xmrt::reactor::{Parts, Reactor, RuleSource};
use xmrt::receive::{GithubSecret, StandardSecret};
use xmrt::rules::{self, SourceFile};

pub(crate) const ADMIN_TOKEN: &str = "the bearer of the tests";
const GITHUB_SECRET: &str = "the webhook secret of the tests";
const RENDER_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A rule for every new issue, one that cannot be evaluated, and one in shadow.
const RULES: [(&str, &str); 3] = [
    (
        "greet",
        "description = 'Greets.'\non = ['github.issues.opened']\n[limits]\ncooldown = '1h'\n[[action]]\n\
         tool = 'github.create_comment'\narguments = { body = 'hi' }\n",
    ),
    (
        "stumble",
        "description = 'Cannot be evaluated.'\non = ['github.issues.opened']\nif = 'event.nothing.there > 1'\n\
         [[action]]\ntool = 'github.create_comment'\n",
    ),
    (
        "watch",
        "description = 'Watches.'\non = ['render.*']\nmode = 'shadow'\n[[action]]\ntool = 'render.get_service'\n",
    ),
];

/// Doors on a journal in memory; no worker, so runs stay as they were admitted.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) client: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

pub(crate) fn sources() -> Vec<SourceFile> {
    let file = |(id, text): &(&str, &str)| SourceFile {
        path: format!("{id}.toml"),
        text: (*text).into(),
        unreadable: None,
    };
    RULES.iter().map(file).collect()
}

/// What a house is built of.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) github: Vec<SecretString>,
    pub(crate) render: Vec<SecretString>,
    pub(crate) source: RuleSource,
    pub(crate) store: Arc<dyn Store>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            github: vec![GITHUB_SECRET.into()],
            render: vec![RENDER_SECRET.into()],
            source: Box::new(|| Ok(sources())),
            store: Arc::new(MemoryStore::new(Clock::system().now())),
        }
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::build(Setup::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::build(Setup {
            limits,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn build(setup: Setup) -> Self {
        let loaded = rules::load(&sources(), &json!({}), None);
        let book = loaded.book.expect("the rules of the tests are good");
        // As a start does it; a store that is away in a test keeps nothing.
        let record = xmrt::reactor::book_record(&book);
        drop(setup.store.keep_book(record, Clock::system().now()).await);
        let reactor = Reactor::new(Parts {
            store: setup.store,
            hub: Hub::builder().start().await.unwrap(),
            clock: Clock::system(),
            book,
            source: setup.source,
            settle_ms: None,
        });
        let doors = Doors::new(&setup.github, &setup.render, ADMIN_TOKEN.into()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let served = tokio::spawn(serve(
            listener,
            router(Arc::clone(&reactor), doors),
            setup.limits,
            shutdown,
        ));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            url: format!("http://{address}"),
            address,
            reactor,
            client,
            stop,
            served,
        }
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) async fn close(self) {
        let _ = self.stop.send(());
        self.served.await.unwrap();
    }

    /// How many events are on record.
    pub(crate) async fn events(&self) -> u64 {
        self.reactor.store().stats().await.unwrap().events
    }

    pub(crate) async fn post(&self, path: &str, headers: HeaderMap, body: Vec<u8>) -> Answer {
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .headers(headers)
            .body(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// A delivery as GitHub signs it.
    pub(crate) async fn github(&self, event: &str, id: &str, payload: &Value) -> Answer {
        let body = payload.to_string().into_bytes();
        self.post("/webhooks/github", github_headers(event, id, &body), body)
            .await
    }

    /// A delivery as Render signs it.
    pub(crate) async fn render(&self, id: &str, payload: &Value) -> Answer {
        let body = payload.to_string().into_bytes();
        self.post("/webhooks/render", render_headers(id, 0, &body), body)
            .await
    }

    /// A call of the API, with the token.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}/api/v1/{path}", self.url))
            .bearer_auth(ADMIN_TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(
            self.client
                .get(format!("{}{path}", self.url))
                .send()
                .await
                .unwrap(),
        )
        .await
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of a problem; checks that it is one as RFC 9457 has them.
    pub(crate) fn problem(&self) -> &str {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        assert_eq!(self.body["status"], self.status);
        assert!(
            self.body["title"].is_string() && self.body["detail"].is_string(),
            "{self:?}"
        );
        self.body["type"]
            .as_str()
            .unwrap()
            .strip_prefix("urn:xmrt:problem:")
            .unwrap()
    }
}

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}

pub(crate) fn github_headers(event: &str, id: &str, body: &[u8]) -> HeaderMap {
    headers(&[
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", id),
        (
            "x-hub-signature-256",
            &GithubSecret::new(GITHUB_SECRET).unwrap().sign(body),
        ),
    ])
}

/// Signed so many seconds from now.
pub(crate) fn render_headers(id: &str, skew: i64, body: &[u8]) -> HeaderMap {
    let at = Clock::system().now().as_second() + skew;
    headers(&[
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", &at.to_string()),
        (
            "webhook-signature",
            &StandardSecret::new(RENDER_SECRET).unwrap().sign(id, at, body),
        ),
    ])
}

/// An issue that was just opened.
pub(crate) fn issue(number: u64) -> Value {
    json!({
        "action": "opened",
        "issue": { "number": number, "title": "It breaks" },
        "repository": { "full_name": "acme/api" },
        "sender": { "login": "ada" },
    })
}

/// Fails the test instead of hanging it.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .expect("it takes too long")
}

/// A peer that speaks HTTP by hand, byte by byte if it wants to.
pub(crate) struct Peer(pub(crate) BufReader<TcpStream>);

impl Peer {
    pub(crate) async fn connect(house: &House) -> Self {
        let stream = TcpStream::connect(house.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// Fails once the server has gone away.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await
    }

    pub(crate) async fn first_line(&mut self) -> String {
        let mut line = String::new();
        soon(self.0.read_line(&mut line)).await.unwrap();
        line
    }

    /// Everything until the server closes; a reset ends it, too.
    pub(crate) async fn answer(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = soon(self.0.read_to_end(&mut bytes)).await;
        String::from_utf8(bytes).unwrap()
    }
}
