//! Deliveries that the provider's own API gave: what they must be like, and what is known of them.

use bytes::Bytes;
use xmrt::receive::{Delivery, Fetch, Origin, Source};

use super::at;

fn fetched(source: Source, id: &str, kind: &str, body: &'static str) -> Result<Delivery, String> {
    let fetch = Fetch {
        from: "github:acme/api:1".into(),
        delivered_at: at(100),
        doubtful: true,
    };
    let names = (id.to_owned(), kind.to_owned());
    let body = Bytes::from_static(body.as_bytes());
    Delivery::fetched(source, names, body, at(200), fetch).map_err(|rejection| rejection.to_string())
}

#[test]
fn a_fetched_delivery_says_so_and_when_it_was_first_sent() {
    let delivery = fetched(Source::github(), "id-1", "issues", r#"{"action":"opened"}"#).unwrap();
    let Origin::Fetched(fetch) = delivery.origin() else {
        panic!("{:?}", delivery.origin());
    };
    assert!(fetch.doubtful);
    assert_eq!((delivery.received_at(), delivery.kind()), (at(200), "issues"));
    let event = xmrt::normalize::event(delivery).unwrap();
    assert_eq!(event.time, at(100), "its payload names no time");
    assert_eq!(event.received_at, at(200));
}

#[test]
fn what_was_fetched_alike_has_one_digest_and_a_ping_or_a_signed_id_needs_none() {
    let digest = |source, kind| fetched(source, "id", kind, "{}").unwrap().digest().copied();
    assert!(digest(Source::github(), "issues").is_some());
    assert_eq!(
        digest(Source::github(), "issues"),
        digest(Source::github(), "push")
    );
    assert_eq!(digest(Source::github(), "ping"), None);
    assert_eq!(digest(Source::render(), "deploy_ended"), None);
}

#[test]
fn a_name_that_no_webhook_could_have_is_refused() {
    let long = "n".repeat(201);
    for (id, kind) in [
        ("", "issues"),
        ("id", ""),
        ("an id", "issues"),
        ("id", "is\nsues"),
        (&long, "issues"),
    ] {
        assert!(
            fetched(Source::github(), id, kind, "{}").is_err(),
            "{id:?} {kind:?}"
        );
    }
}
