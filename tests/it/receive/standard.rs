use bytes::Bytes;
use http::HeaderMap;
use xmrt::receive::{self, Delivery, Rejection, SecretError, StandardSecret};

use super::{at, headers, value};

/// A published message: secret, id, timestamp, body, signature.
struct Vector(&'static str, &'static str, i64, &'static str, &'static str);

const GO: Vector = Vector(
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    r#"{"test": 2432232314}"#,
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
);
const RUST: Vector = Vector(
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    1_649_367_553,
    r#"{"email":"test@example.com","username":"test_user"}"#,
    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
);
const RENDER: Vector = Vector(
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "evt-cuuuses015js70180jk0",
    1_741_212_102,
    r#"{"type":"deploy_ended","timestamp":"2025-02-25T16:22:19.979294509Z","data":{"id":"evt-cuuuses015js70180jk0","serviceId":"srv-cukouhrtq21c73e9scng","serviceName":"my-service","status":"succeeded"}}"#,
    "v1,YHXh4a0vxKLebbUf/OSd8eVKblRa4T2lV5d/cwMaxD8=",
);

impl Vector {
    fn secret(&self) -> StandardSecret {
        StandardSecret::new(self.0).unwrap()
    }

    fn headers(&self, signature: &str) -> HeaderMap {
        headers(&[
            ("content-type", "application/json"),
            ("webhook-id", self.1),
            ("webhook-timestamp", &self.2.to_string()),
            ("webhook-signature", signature),
        ])
    }

    fn with(&self, headers: &HeaderMap) -> Result<Delivery, Rejection> {
        receive::render(
            &[self.secret()],
            headers,
            Bytes::from_static(self.3.as_bytes()),
            at(self.2),
        )
    }

    /// How verification ends for a signature header. `missing-type` means it was verified: the libraries' bodies
    /// are not Render's.
    fn signed(&self, signature: &str) -> &'static str {
        match self.with(&self.headers(signature)) {
            Ok(_) => "verified",
            Err(Rejection::NoType) => "verified",
            Err(refused) => {
                assert_eq!(refused.status(), 401);
                refused.slug()
            }
        }
    }
}

#[test]
fn the_published_signatures_are_what_we_would_sign_and_pass_verification() {
    for vector in [GO, RUST, RENDER] {
        assert_eq!(
            vector.secret().sign(vector.1, vector.2, vector.3.as_bytes()),
            vector.4
        );
        assert_eq!(vector.signed(vector.4), "verified", "{}", vector.1);
    }
}

#[test]
fn a_verified_delivery_is_known_by_the_header_id_and_typed_by_its_body() {
    let delivery = RENDER.with(&RENDER.headers(RENDER.4)).unwrap();
    assert_eq!(delivery.source().as_str(), "render");
    assert_eq!(delivery.id(), "evt-cuuuses015js70180jk0");
    assert_eq!(delivery.kind(), "deploy_ended");
    assert_eq!(delivery.body().as_ref(), RENDER.3.as_bytes());
    assert_eq!(
        delivery.digest(),
        None,
        "the id is signed, the body needs no digest"
    );
}

#[test]
fn the_published_wrong_signatures_are_refused() {
    // Python's negative test: the last character but one differs.
    let python = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=";
    assert_eq!(GO.signed(python), "signature-mismatch");
    // The secret's text as the key instead of the decoded bytes: the mistake everybody makes once.
    let text_as_key = "v1,SxmB3HWLzjpgKBShhjHUUf6nJJdwwjilQoAEKqFe62s=";
    assert_eq!(RENDER.signed(text_as_key), "signature-mismatch");
    // The specification's example of a header with two versions, under a key that was not published.
    let mixed = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= \
                 v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    assert_eq!(RUST.signed(mixed), "signature-mismatch");
}

#[test]
fn during_a_rotation_the_fitting_signature_may_stand_anywhere_in_the_list() {
    let decoys = [
        "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
        "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
        "v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=",
    ];
    assert_eq!(RUST.signed(&decoys.join(" ")), "signature-mismatch");
    for place in 0..=decoys.len() {
        let mut all = decoys.to_vec();
        all.insert(place, RUST.4);
        assert_eq!(RUST.signed(&all.join(" ")), "verified", "at {place}");
    }
}

#[test]
fn foreign_and_undecodable_items_are_skipped_and_never_believed() {
    let (_, tag) = RUST.4.split_once(',').unwrap();
    for junk in ["v1a,AAAA", "nonsense", "v1,%%%", ",", "v1,", "v1"] {
        assert_eq!(RUST.signed(&format!("{junk} {}", RUST.4)), "verified", "{junk}");
    }
    let lone = [
        (format!("v1a,{tag}"), "malformed-signature"),
        (format!("v2,{tag}"), "malformed-signature"),
        (format!("V1,{tag}"), "malformed-signature"),
        (format!("v1:{tag}"), "malformed-signature"),
        (tag.to_owned(), "malformed-signature"),
        (format!("v1,{}", tag.trim_end_matches('=')), "malformed-signature"),
        ("v1,not*base64".into(), "malformed-signature"),
        (String::new(), "malformed-signature"),
        ("v1,".into(), "signature-mismatch"),
        (format!("v1,{}", &tag[..40]), "signature-mismatch"),
    ];
    for (signature, slug) in lone {
        assert_eq!(RUST.signed(&signature), slug, "{signature}");
    }
}

#[test]
fn exactly_300_seconds_pass_and_301_do_not_in_both_directions() {
    let judge = |skew: i64| {
        let body = Bytes::from_static(RENDER.3.as_bytes());
        receive::render(
            &[RENDER.secret()],
            &RENDER.headers(RENDER.4),
            body,
            at(RENDER.2 + skew),
        )
    };
    for skew in [-300, -299, 0, 299, 300] {
        assert!(judge(skew).is_ok(), "{skew}");
    }
    assert_eq!(judge(301).unwrap_err(), Rejection::TooOld { seconds: 301 });
    assert_eq!(judge(-301).unwrap_err(), Rejection::TooNew { seconds: 301 });
}

#[test]
fn each_of_the_three_headers_is_required() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = RENDER.headers(RENDER.4);
        headers.remove(name);
        let refused = RENDER.with(&headers).unwrap_err();
        assert_eq!(refused, Rejection::MissingSignature(name));
        assert_eq!(refused.status(), 401);
    }
}

#[test]
fn a_timestamp_that_is_not_whole_seconds_is_refused() {
    for text in [
        "",
        "now",
        "1741212102.5",
        "+1741212102",
        "-1",
        "0x1",
        "99999999999999999999",
        "1741212102 ",
    ] {
        let mut headers = RENDER.headers(RENDER.4);
        headers.insert("webhook-timestamp", value(text.as_bytes()));
        assert_eq!(
            RENDER.with(&headers).unwrap_err().slug(),
            "malformed-signature",
            "{text}"
        );
    }
}

#[test]
fn an_id_with_a_dot_is_refused_even_when_the_text_is_signed() {
    let secret = RENDER.secret();
    for id in ["evt.1", "", "."] {
        let mut headers = RENDER.headers(&secret.sign(id, RENDER.2, RENDER.3.as_bytes()));
        headers.insert("webhook-id", value(id.as_bytes()));
        assert_eq!(
            RENDER.with(&headers).unwrap_err().slug(),
            "malformed-signature",
            "{id}"
        );
    }
    let long = "e".repeat(201);
    let mut headers = RENDER.headers(&secret.sign(&long, RENDER.2, RENDER.3.as_bytes()));
    headers.insert("webhook-id", value(long.as_bytes()));
    assert_eq!(RENDER.with(&headers).unwrap_err().status(), 400);
}

#[test]
fn a_secret_may_lack_prefix_and_padding_and_any_of_several_is_enough() {
    // 25 bytes: base64 with padding.
    let texts = [
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA",
        " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA\n",
    ];
    let secrets: Vec<_> = texts.map(|text| StandardSecret::new(text).unwrap()).into();
    let signature = secrets[0].sign(RENDER.1, RENDER.2, RENDER.3.as_bytes());
    for secret in secrets {
        let known = [RUST.secret(), secret, RENDER.secret()];
        let body = Bytes::from_static(RENDER.3.as_bytes());
        assert!(receive::render(&known, &RENDER.headers(&signature), body, at(RENDER.2)).is_ok());
    }
}

#[test]
fn an_empty_or_undecodable_secret_is_a_configuration_error() {
    assert_eq!(StandardSecret::new("").unwrap_err(), SecretError::Empty);
    assert_eq!(StandardSecret::new("whsec_").unwrap_err(), SecretError::Empty);
    assert_eq!(
        StandardSecret::new("whsec_not base64!").unwrap_err(),
        SecretError::NotBase64
    );
    let debug = format!("{:?}", RENDER.secret());
    assert!(debug.contains("REDACTED") && !debug.contains("MfKQ"), "{debug}");
}

#[test]
fn without_a_secret_nobody_is_believed() {
    let body = Bytes::from_static(RENDER.3.as_bytes());
    let refused = receive::render(&[], &RENDER.headers(RENDER.4), body, at(RENDER.2)).unwrap_err();
    assert_eq!(refused.status(), 503);
    assert!(refused.to_string().contains("RENDER_WEBHOOK_SECRET"));
}

#[test]
fn another_content_type_is_415_and_none_at_all_is_taken() {
    let mut headers = RENDER.headers(RENDER.4);
    headers.insert("content-type", value(b"text/plain"));
    assert_eq!(RENDER.with(&headers).unwrap_err().status(), 415);
    headers.remove("content-type");
    assert!(RENDER.with(&headers).is_ok());
}

#[test]
fn a_body_without_a_usable_type_is_400() {
    for body in [
        "{}",
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":""}"#,
        r#"{"type":"two words"}"#,
    ] {
        let secret = RENDER.secret();
        let headers = RENDER.headers(&secret.sign(RENDER.1, RENDER.2, body.as_bytes()));
        let refused = receive::render(&[secret], &headers, Bytes::from(body), at(RENDER.2)).unwrap_err();
        assert_eq!(
            (refused.slug(), refused.status().as_u16()),
            ("missing-type", 400),
            "{body}"
        );
    }
}
