//! In: a request to a provider, and what came of it. Out: a span, and that it is counted.
//! Never: an address that is a secret, a header's or a body's content.

use std::time::Instant;

use http::StatusCode;

use crate::clock::Clock;
use crate::telemetry::{Span, numbers};

/// A request under way.
pub(super) struct Exchange {
    provider: &'static str,
    method: String,
    began: Instant,
    span: Span,
}

impl Exchange {
    /// Begins one. `path` is shown in traces: none where the address is a secret.
    pub(super) fn begun(provider: &'static str, method: &http::Method, path: Option<&str>) -> Self {
        let span = Span::request(|| format!("{method} {provider}").into());
        span.set("http.request.method", method.to_string());
        span.set("peer.service", provider);
        if let Some(path) = path {
            span.set("url.path", path.to_owned());
        }
        Self {
            provider,
            method: method.to_string(),
            began: Clock::monotonic(),
            span,
        }
    }

    /// What is begun while this is awaited is a part of it.
    pub(super) fn within<F: Future>(&self, what: F) -> impl Future<Output = F::Output> + use<F> {
        self.span.within(what)
    }

    /// It was answered to the end, or not.
    pub(super) fn ended(self, answer: Option<StatusCode>) {
        let class = answer.map_or("none", |status| match status.as_u16() {
            // Not changed since it was read last.
            304 => "304",
            429 => "429",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        });
        numbers::REQUESTS.count([self.provider, &self.method, class]);
        let took = Clock::monotonic().duration_since(self.began);
        numbers::REQUEST_SECONDS.took([self.provider], took);
        match answer {
            Some(status) => {
                self.span
                    .set("http.response.status_code", i64::from(status.as_u16()));
                if status.is_client_error() || status.is_server_error() {
                    self.span.failed(|| status.as_u16().to_string());
                }
            }
            None => self.span.failed(|| "no answer".to_owned()),
        }
    }
}
