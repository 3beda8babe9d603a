use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use xmrt::normalize;
use xmrt::receive::{self, Delivery, GithubSecret, Rejection, SecretError};

use super::{at, headers, value};

const SECRET: &str = "It's a Secret to Everybody";
const PUBLISHED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const FORM: &str = "payload=%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D";
const FORM_SIGNATURE: &str = "sha256=1fc8bf6145b8e3b76b01404760bc7e884a641ad0fe4b9b66ced27d4a983cce1c";

fn secret(text: &str) -> GithubSecret {
    GithubSecret::new(text).unwrap()
}

fn issue_headers(content_type: &str, signature: &str) -> HeaderMap {
    headers(&[
        ("content-type", content_type),
        ("x-github-event", "issues"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-hub-signature-256", signature),
    ])
}

fn receive(headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Rejection> {
    receive::github(
        &[secret(SECRET)],
        headers,
        Bytes::copy_from_slice(body),
        at(1_700_000_000),
    )
}

fn signed(body: &[u8]) -> Result<Delivery, Rejection> {
    receive(
        &issue_headers("application/json", &secret(SECRET).sign(body)),
        body,
    )
}

#[test]
fn the_published_signature_is_what_we_would_sign_and_passes_verification() {
    assert_eq!(secret(SECRET).sign(b"Hello, World!"), PUBLISHED);
    let delivery = receive(&issue_headers("application/json", PUBLISHED), b"Hello, World!").unwrap();
    // The published body is no JSON: nothing is made of it.
    assert_eq!(normalize::event(delivery).unwrap_err().slug(), "not-json");
}

#[test]
fn a_form_is_signed_as_sent_and_its_payload_field_becomes_the_body() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let delivery = receive(&issue_headers(form, FORM_SIGNATURE), FORM.as_bytes()).unwrap();
    assert_eq!(
        delivery.body().as_ref(),
        br#"{"zen":"Keep it logically awesome."}"#
    );
    assert_eq!(delivery.digest(), Some(&Sha256::digest(FORM).into()));
}

#[test]
fn a_verified_delivery_carries_id_event_time_body_and_digest() {
    let delivery = signed(br#"{"action":"opened"}"#).unwrap();
    assert_eq!(delivery.source().as_str(), "github");
    assert_eq!(delivery.id(), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert_eq!(delivery.kind(), "issues");
    assert_eq!(delivery.received_at(), at(1_700_000_000));
    assert_eq!(delivery.body().as_ref(), br#"{"action":"opened"}"#);
    assert_eq!(
        delivery.digest(),
        Some(&Sha256::digest(br#"{"action":"opened"}"#).into())
    );
    assert_eq!(delivery.origin(), &receive::Origin::Webhook);
}

#[test]
fn a_ping_has_no_digest_because_two_pings_may_be_alike() {
    let body = br#"{"zen":"Design for failure."}"#;
    let mut headers = issue_headers("application/json", &secret(SECRET).sign(body));
    headers.insert("x-github-event", value(b"ping"));
    assert_eq!(receive(&headers, body).unwrap().digest(), None);
}

#[test]
fn every_malformed_or_foreign_signature_is_refused_by_its_name() {
    let body = br#"{"a":1}"#;
    let good = secret(SECRET).sign(body);
    let hex = good.strip_prefix("sha256=").unwrap();
    let cases: Vec<(String, &str)> = vec![
        (secret("another").sign(body), "signature-mismatch"),
        (secret(SECRET).sign(br#"{"a":2}"#), "signature-mismatch"),
        (format!("sha256={}", "0".repeat(64)), "signature-mismatch"),
        (good[..good.len() - 1].into(), "malformed-signature"),
        (format!("{good}0"), "malformed-signature"),
        (hex.into(), "malformed-signature"),
        (format!("sha1={hex}"), "malformed-signature"),
        (format!("SHA256={hex}"), "malformed-signature"),
        (format!("sha256={}", hex.to_uppercase()), "malformed-signature"),
        (format!("sha256={}g", &hex[..63]), "malformed-signature"),
        ("sha256=".into(), "malformed-signature"),
        (String::new(), "malformed-signature"),
    ];
    for (signature, slug) in cases {
        let refused = receive(&issue_headers("application/json", &signature), body).unwrap_err();
        assert_eq!(
            (refused.slug(), refused.status().as_u16()),
            (slug, 401),
            "{signature}"
        );
        assert!(
            !refused.to_string().contains(hex),
            "{refused} gives the signature away"
        );
    }
}

#[test]
fn a_missing_signature_is_401_and_a_sha1_one_does_not_replace_it() {
    let mut headers = issue_headers("application/json", PUBLISHED);
    headers.remove("x-hub-signature-256");
    headers.insert(
        "x-hub-signature",
        value(b"sha1=0000000000000000000000000000000000000000"),
    );
    let refused = receive(&headers, b"{}").unwrap_err();
    assert_eq!(refused, Rejection::MissingSignature("X-Hub-Signature-256"));
    assert_eq!(refused.status(), 401);
}

#[test]
fn any_of_several_secrets_is_enough() {
    let body = Bytes::from_static(b"{}");
    let secrets = [secret("old"), secret("new"), secret("newest")];
    for one in &secrets {
        let headers = issue_headers("application/json", &one.sign(&body));
        assert!(receive::github(&secrets, &headers, body.clone(), at(0)).is_ok());
    }
    let headers = issue_headers("application/json", &secret("older").sign(&body));
    assert!(receive::github(&secrets, &headers, body, at(0)).is_err());
}

#[test]
fn without_a_secret_nobody_is_believed() {
    let refused = receive::github(
        &[],
        &issue_headers("application/json", PUBLISHED),
        Bytes::new(),
        at(0),
    );
    let refused = refused.unwrap_err();
    assert_eq!(refused.status(), 503);
    assert!(refused.to_string().contains("GITHUB_WEBHOOK_SECRET"), "{refused}");
}

#[test]
fn an_empty_secret_is_a_configuration_error_and_no_secret_shows_in_debug() {
    assert_eq!(GithubSecret::new("").unwrap_err(), SecretError::Empty);
    assert!(!format!("{:?}", secret("hunter2")).contains("hunter2"));
    let bytes = format!("{:?}", "hunter2".as_bytes());
    assert!(!format!("{:?}", secret("hunter2")).contains(&bytes));
}

#[test]
fn a_secret_is_taken_whole_with_its_white_space() {
    let headers = issue_headers("application/json", &secret(" spaced\n").sign(b"{}"));
    assert!(receive::github(&[secret(" spaced\n")], &headers, Bytes::from_static(b"{}"), at(0)).is_ok());
    assert!(receive::github(&[secret("spaced")], &headers, Bytes::from_static(b"{}"), at(0)).is_err());
}

#[test]
fn the_content_type_may_have_parameters_and_any_case_but_must_be_json_or_form() {
    let body = b"{}";
    let signature = secret(SECRET).sign(body);
    for good in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON ;charset=UTF-8",
    ] {
        assert!(receive(&issue_headers(good, &signature), body).is_ok(), "{good}");
    }
    for bad in ["text/plain", "application/jsonp", "multipart/form-data", ""] {
        let refused = receive(&issue_headers(bad, &signature), body).unwrap_err();
        assert_eq!(refused.status(), 415, "{bad}");
    }
    let mut none = issue_headers("application/json", &signature);
    none.remove("content-type");
    assert_eq!(receive(&none, body).unwrap_err().status(), 415);
}

#[test]
fn event_and_delivery_headers_must_be_there_and_sane() {
    let body = b"{}";
    let signature = secret(SECRET).sign(body);
    for header in ["x-github-event", "x-github-delivery"] {
        let mut headers = issue_headers("application/json", &signature);
        headers.remove(header);
        assert_eq!(receive(&headers, body).unwrap_err().slug(), "missing-header");
        for bad in [&b""[..], b"two words", b"caf\xc3\xa9", &[b'x'; 201]] {
            headers.insert(header, value(bad));
            let refused = receive(&headers, body).unwrap_err();
            assert_eq!(
                (refused.slug(), refused.status().as_u16()),
                ("malformed-header", 400)
            );
        }
        headers.insert(header, value(&[b'x'; 200]));
        assert!(receive(&headers, body).is_ok());
    }
}

#[test]
fn a_forger_learns_nothing_about_the_body_or_the_other_headers() {
    let mut headers = issue_headers("application/json", &secret("another").sign(b"not json"));
    headers.remove("x-github-event");
    assert_eq!(receive(&headers, b"not json").unwrap_err().status(), 401);
}

#[test]
fn a_form_without_exactly_one_payload_field_is_refused() {
    for form in [
        "",
        "payload",
        "other=%7B%7D",
        "payload=%7B%7D&payload=%7B%7D",
        "payload=%ff",
        "payload=[]",
    ] {
        let headers = issue_headers(
            "application/x-www-form-urlencoded",
            &secret(SECRET).sign(form.as_bytes()),
        );
        let refused = receive(&headers, form.as_bytes())
            .and_then(normalize::event)
            .unwrap_err();
        assert_eq!(refused.status(), 400, "{form}");
    }
}

#[test]
fn a_body_over_25_mib_is_413() {
    let body = vec![b' '; receive::BODY_BYTES_MAX + 1];
    assert_eq!(signed(&body).unwrap_err().status(), 413);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_we_sign_we_take_and_any_other_signature_key_or_body_we_refuse(
        key in ".{1,80}",
        other in ".{1,80}",
        text in any::<String>(),
        flip in any::<proptest::sample::Index>(),
    ) {
        let body = Bytes::from(serde_json::json!({ "text": text }).to_string());
        let headers = issue_headers("application/json", &secret(&key).sign(&body));
        prop_assert!(receive::github(&[secret(&key)], &headers, body.clone(), at(0)).is_ok());
        // HMAC pads short keys with zeros, so keys that differ in trailing zeros only are the same key.
        if key.trim_end_matches('\0') != other.trim_end_matches('\0') {
            let refused = receive::github(&[secret(&other)], &headers, body.clone(), at(0)).unwrap_err();
            prop_assert_eq!(refused.slug(), "signature-mismatch");
        }
        let mut tampered = body.to_vec();
        let place = flip.index(tampered.len());
        tampered[place] ^= 1;
        let refused = receive::github(&[secret(&key)], &headers, tampered.into(), at(0)).unwrap_err();
        prop_assert_eq!(refused.slug(), "signature-mismatch");
    }

    #[test]
    fn any_json_text_survives_a_form(text in any::<String>()) {
        let json = serde_json::json!({ "text": text }).to_string();
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish();
        let headers = issue_headers("application/x-www-form-urlencoded", &secret(SECRET).sign(form.as_bytes()));
        let delivery = receive(&headers, form.as_bytes()).unwrap();
        prop_assert_eq!(delivery.body().as_ref(), json.as_bytes());
    }
}
