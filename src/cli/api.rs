//! The API as the commands see it: of a running server, or, with none running, of the store itself. Either way the same
//! routes answer with the same JSON.

use http_body_util::BodyExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tower::ServiceExt;

use super::Failure;
use crate::assemble;
use crate::config::Settings;

/// Names a wish, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Where the answers come from.
pub(super) enum Api {
    /// A server.
    Remote {
        client: reqwest::Client,
        base: String,
        token: SecretString,
    },
    /// The store in the data directory, opened by this process.
    Local {
        router: crate::http::Router,
        token: SecretString,
    },
}

/// Which server to talk to.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Target {
    /// A server to ask, with XMRT_ADMIN_TOKEN [default: the one running on the data directory, else the store itself]
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
}

impl Api {
    /// Finds the server the command is about.
    pub(super) async fn connect(target: &Target, settings: &Settings) -> Result<Self, Failure> {
        if let Some(server) = Self::server(target, settings)? {
            return Ok(server);
        }
        a_journal_is_there(settings)?;
        let (router, token) = assemble::offline(settings).await?;
        Ok(Self::Local { router, token })
    }

    /// The server that is named, or the one that runs on the data directory, if any does.
    pub(super) fn server(target: &Target, settings: &Settings) -> Result<Option<Self>, Failure> {
        if let Some(url) = &target.url {
            let token = settings
                .admin_token
                .clone()
                .ok_or_else(|| format!("{url} needs XMRT_ADMIN_TOKEN, that server's bearer token"))?;
            return Ok(Some(Self::remote(url, token)));
        }
        let Some(address) = assemble::running_server(settings) else {
            return Ok(None);
        };
        let token = assemble::admin_token(settings)?.ok_or_else(|| {
            format!("a server runs at {address}, but its token is not known here; set XMRT_ADMIN_TOKEN")
        })?;
        Ok(Some(Self::remote(&address, token)))
    }

    /// The same for a command that needs the server after it has done something: a refusal says that it is not done.
    pub(super) fn server_before(
        undone: &str,
        target: &Target,
        settings: &Settings,
    ) -> Result<Option<Self>, Failure> {
        Self::server(target, settings).map_err(|failure| match failure {
            Failure::CouldNot(why) => Failure::CouldNot(format!("{undone}: {why}")),
            other => other,
        })
    }

    /// Where the running server is reached.
    pub(super) fn base(&self) -> Result<&str, Failure> {
        match self {
            Self::Remote { base, .. } => Ok(base),
            Self::Local { .. } => Err(Failure::CouldNot(
                "a browser needs a running server: start `xmrt serve`, or leave `--web` out".into(),
            )),
        }
    }

    /// A server at a known place.
    pub(super) fn remote(url: &str, token: SecretString) -> Self {
        Self::Remote {
            client: reqwest::Client::new(),
            base: url.trim_end_matches('/').into(),
            token,
        }
    }

    /// `GET`.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call("GET", path, None, None).await
    }

    /// `POST`.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call("POST", path, Some(body), None).await
    }

    /// `DELETE`.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call("DELETE", path, None, None).await
    }

    /// `POST` that does its work once for each key.
    pub(super) async fn post_once(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        self.call("POST", path, Some(body), key).await
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let (status, text) = match self {
            Self::Remote { client, base, token } => {
                let method = method.parse::<reqwest::Method>()?;
                let mut request = client
                    .request(method, format!("{base}{path}"))
                    .bearer_auth(token.expose_secret());
                if let Some(body) = body {
                    request = request.json(body);
                }
                if let Some(key) = key {
                    request = request.header(IDEMPOTENCY_KEY, key);
                }
                let answer = request.send().await.map_err(|error| no_answer(base, &error))?;
                (answer.status().as_u16(), answer.text().await?)
            }
            Self::Local { router, token } => {
                let mut request = http::Request::builder()
                    .method(method)
                    .uri(path)
                    .header("authorization", format!("Bearer {}", token.expose_secret()))
                    .header("content-type", "application/json");
                if let Some(key) = key {
                    request = request.header(IDEMPOTENCY_KEY, key);
                }
                let request = request.body(crate::http::Body::from(
                    body.map(Value::to_string).unwrap_or_default(),
                ))?;
                let answer = router.clone().oneshot(request).await?;
                let status = answer.status().as_u16();
                let bytes = answer.into_body().collect().await?.to_bytes();
                (status, String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        if (200..300).contains(&status) {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        Err(refused(status, &text))
    }

    /// `GET` of something long from a server: each part goes to `part` as it comes.
    pub(super) async fn stream(
        &self,
        path: &str,
        mut part: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Self::Remote { client, base, token } = self else {
            return Err(Failure::CouldNot("only a server streams".into()));
        };
        let request = client
            .get(format!("{base}{path}"))
            .bearer_auth(token.expose_secret());
        let mut answer = request.send().await.map_err(|error| no_answer(base, &error))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(refused(status, &answer.text().await?));
        }
        while let Some(bytes) = answer.chunk().await? {
            part(&bytes)?;
        }
        Ok(())
    }
}

/// Whether there is a journal to open where no server runs.
pub(super) fn a_journal_is_there(settings: &Settings) -> Result<(), Failure> {
    if settings.redis.is_some() || settings.data_dir.join("journal.db").exists() {
        return Ok(());
    }
    Err(Failure::CouldNot(format!(
        "no server is running and there is no journal in {}; start one with `xmrt serve`, or name one with --url",
        settings.data_dir.display()
    )))
}

/// What a server refused, in words.
fn refused(status: u16, text: &str) -> Failure {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let title = value
        .get("title")
        .and_then(Value::as_str)
        .unwrap_or("the server refused");
    let detail = value.get("detail").and_then(Value::as_str).unwrap_or(text);
    Failure::CouldNot(format!("{title} ({status}): {detail}"))
}

/// Why a server did not answer, and what to do about it.
pub(super) fn no_answer(base: &str, error: &reqwest::Error) -> String {
    if error.is_builder() {
        format!("`{base}` is not the URL of a server; write it like http://127.0.0.1:8080")
    } else {
        format!("{base} does not answer: {error}; is `xmrt serve` running?")
    }
}

/// A query string of those parameters that are set, values escaped.
pub(super) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            serializer.append_pair(name, value);
        }
    }
    let text = serializer.finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

/// A text as one path segment.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
