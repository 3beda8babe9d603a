//! In: what begins, under what, and how it ends. Out: spans, sent over OTLP in the background. Never: anything at all
//! unless an endpoint is configured; a caller made to wait.
//!
//! The trace of an event follows from its identity: the run that a later process carries on after a crash belongs to the
//! same trace as the delivery, and nothing has to be kept for that. Whoever knows a delivery's id can compute its trace's.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    FutureExt, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider};
use sha2::{Digest, Sha256};

/// How long what is left may take to be sent when the process ends.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Set once, before anything is served; without it every span is nothing.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Spans are being sent, until [`Exporting::stop`].
#[derive(Debug)]
pub struct Exporting(SdkTracerProvider);

impl Exporting {
    /// Sends what is left, some seconds at most.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_MAX) {
            tracing::warn!("the last spans could not be sent: {error}");
        }
    }
}

/// Starts sending spans to an OTLP/HTTP endpoint (`http://127.0.0.1:4318`; `/v1/traces` is added) from now on; of all traces
/// this `share`, between 0 and 1, chosen by the trace's id, so that every process chooses the same.
///
/// # Errors
/// What is wrong with the endpoint, and what to do.
pub fn export(endpoint: &str, share: f64) -> Result<Exporting, String> {
    let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(address)
        .build()
        .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT is `{endpoint}`: {error}"))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    // OTEL_SERVICE_NAME wins, as everywhere.
    let told = Resource::builder().build().get(&"service.name".into());
    let resource = match told.is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        true => resource.with_service_name("xmrt").build(),
        false => resource.build(),
    };
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(Ids::default())
        .with_sampler(Sampler::TraceIdRatioBased(share))
        .with_resource(resource)
        .build();
    if TRACER.set(provider.tracer("xmrt")).is_err() {
        return Err("spans are sent already".into());
    }
    Ok(Exporting(provider))
}

/// Something that takes time, from its making to its dropping; nothing while no endpoint is configured.
#[must_use = "it ends when it is dropped"]
#[derive(Debug, Default)]
pub struct Span(Option<Context>);

impl Span {
    /// The whole of an event's admission, the root of its trace.
    pub fn of_event(source: &str, id: &str, began: impl FnOnce() -> SystemTime) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        let (trace, root) = ids_of(source, id);
        NEXT.set(Some((trace, root)));
        let builder = SpanBuilder::from_name(format!("event {source}"))
            .with_kind(SpanKind::Consumer)
            .with_start_time(began());
        let span = Self::begun(tracer, builder, &Context::new());
        NEXT.set(None);
        span
    }

    /// Something that an event on record led to, whenever and wherever that is.
    pub fn after_event(source: &str, id: &str, name: impl FnOnce() -> String) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        let (trace, root) = ids_of(source, id);
        Self::begun(tracer, SpanBuilder::from_name(name()), &remote(trace, root))
    }

    /// A part of what is under way here.
    pub fn part(name: impl FnOnce() -> Cow<'static, str>) -> Self {
        Self::inner(name, SpanKind::Internal)
    }

    /// A request to somebody else, as a part of what is under way here.
    pub fn request(name: impl FnOnce() -> Cow<'static, str>) -> Self {
        Self::inner(name, SpanKind::Client)
    }

    /// A request to somebody else, as a part of what `traceparent` names; where it names nothing, of what is under way here.
    pub fn under(traceparent: Option<&str>, name: impl FnOnce() -> Cow<'static, str>) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        let parent = traceparent.and_then(read).unwrap_or_else(Context::current);
        let builder = SpanBuilder::from_name(name()).with_kind(SpanKind::Client);
        Self::begun(tracer, builder, &parent)
    }

    /// What `traceparent` names itself, to begin parts of it here; it is not ours to end.
    pub fn joined(traceparent: Option<&str>) -> Self {
        Self(TRACER.get().and_then(|_| read(traceparent?)))
    }

    fn inner(name: impl FnOnce() -> Cow<'static, str>, kind: SpanKind) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        Self::begun(
            tracer,
            SpanBuilder::from_name(name()).with_kind(kind),
            &Context::current(),
        )
    }

    fn begun(tracer: &SdkTracer, builder: SpanBuilder, parent: &Context) -> Self {
        let span = tracer.build_with_context(builder, parent);
        Self(Some(parent.with_span(span)))
    }

    /// Says something about it. Values are for searching: ids, names, states; never what a stranger wrote.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// It did not come out as it should.
    pub fn failed(&self, why: impl FnOnce() -> String) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(why()));
        }
    }

    /// How others are told what their work is a part of: of what is under way here.
    pub fn current_traceparent() -> Option<String> {
        TRACER.get()?;
        let context = Context::current();
        let span = context.span();
        let span = span.span_context();
        let flags = span.trace_flags().to_u8();
        span.is_valid()
            .then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
    }

    /// What is begun while this is awaited is a part of it. On the heap, for the sake of those who await it.
    pub fn within<F: Future>(&self, what: F) -> impl Future<Output = F::Output> + use<F> {
        let (context, what) = (self.0.clone(), Box::pin(what));
        async move {
            match context {
                Some(context) => what.with_context(context).await,
                None => what.await,
            }
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

thread_local! {
    /// The ids of the span that is begun next on this thread.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Random ids, except where an event's are begun.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get()
            .map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

/// `SHA-256(source, 0, id)`: its first 16 bytes are the trace, the next 8 its root.
fn ids_of(source: &str, id: &str) -> (TraceId, SpanId) {
    let hash = Sha256::new()
        .chain_update(source)
        .chain_update([0])
        .chain_update(id)
        .finalize();
    let (mut trace, mut root) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    root.copy_from_slice(&hash[16..24]);
    (TraceId::from_bytes(trace), SpanId::from_bytes(root))
}

fn remote(trace: TraceId, span: SpanId) -> Context {
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    Context::new().with_remote_span_context(context)
}

/// A W3C `traceparent` of version 00.
fn read(traceparent: &str) -> Option<Context> {
    let mut parts = traceparent.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = version == "00" && trace.len() == 32 && span.len() == 16;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    (fits && trace != TraceId::INVALID && span != SpanId::INVALID).then(|| remote(trace, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_an_event_follows_from_its_identity() {
        assert_eq!(ids_of("github", "1"), ids_of("github", "1"));
        assert_ne!(ids_of("github", "1"), ids_of("render", "1"));
        assert_ne!(ids_of("ab", "c"), ids_of("a", "bc"));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert!(read(&format!("00-{trace}-00f067aa0ba902b7-01")).is_some());
        for wrong in [
            "",
            "00-trace",
            &format!("01-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{trace}-00f067aa-01"),
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
