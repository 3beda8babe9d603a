//! A collector: takes OTLP over HTTP, as the real ones do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

/// A span as it was received; ids in hexadecimal, a root's parent empty.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
}

pub struct Collector {
    pub url: String,
    received: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    /// Listens until the test's runtime ends.
    pub async fn start() -> Self {
        let received: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = Arc::clone(&received);
        let take = async move |body: Bytes| match ExportTraceServiceRequest::decode(body) {
            Ok(request) => {
                kept.lock().unwrap().extend(spans(request));
                StatusCode::OK
            }
            Err(_) => StatusCode::BAD_REQUEST,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    pub fn spans(&self) -> Vec<Seen> {
        self.received.lock().unwrap().clone()
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Seen> {
    let scopes = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    spans
        .map(|span| Seen {
            name: span.name,
            trace: hex::encode(span.trace_id),
            id: hex::encode(span.span_id),
            parent: hex::encode(span.parent_span_id),
            attributes: span
                .attributes
                .into_iter()
                .map(|attribute| {
                    let value = attribute.value.and_then(|value| value.value);
                    let shown = match value {
                        Some(Value::StringValue(text)) => text,
                        Some(Value::IntValue(number)) => number.to_string(),
                        other => format!("{other:?}"),
                    };
                    (attribute.key, shown)
                })
                .collect(),
        })
        .collect()
}
