//! The reference library decides about random messages, and so do we: the verdicts must agree.
//!
//! Known differences, kept out of the random messages or translated: the library prints the timestamp anew and takes
//! `+5` (we sign the text as sent and want digits only), takes ids with dots, and takes secrets without padding not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;
use xmrt::clock::Clock;
use xmrt::receive::{self, Rejection, StandardSecret};

use super::{headers, value};

/// What happens to a message on its way.
#[derive(Clone, Debug)]
enum Tampering {
    None,
    Body,
    Id,
    Timestamp(i64),
    Signature(proptest::sample::Index),
    Truncated(proptest::sample::Index),
    OtherVersion,
    DropHeader(&'static str),
    Unsigned(String),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        3 => Just(Tampering::None),
        1 => Just(Tampering::Body),
        1 => Just(Tampering::Id),
        1 => (-5_i64..5).prop_map(Tampering::Timestamp),
        2 => any::<proptest::sample::Index>().prop_map(Tampering::Signature),
        1 => any::<proptest::sample::Index>().prop_map(Tampering::Truncated),
        1 => Just(Tampering::OtherVersion),
        1 => prop::sample::select(vec!["webhook-id", "webhook-timestamp", "webhook-signature"])
            .prop_map(Tampering::DropHeader),
        1 => "[ -~]{0,60}".prop_map(Tampering::Unsigned),
    ]
}

/// Offsets from now, in seconds; the seconds at the very edge are left to the tests that pass their own clock.
fn skew() -> impl Strategy<Value = i64> {
    prop_oneof![3 => -290_i64..290, 1 => -5_000_i64..-310, 1 => 310_i64..5_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn we_and_the_reference_library_take_and_refuse_the_same_messages(
        key in prop::collection::vec(any::<u8>(), 1..65),
        id in "[A-Za-z0-9_-]{1,40}",
        text in any::<String>(),
        skew in skew(),
        tampering in tampering(),
        decoy in prop::option::of("v1,[A-Za-z0-9+/]{43}="),
    ) {
        let secret = format!("whsec_{}", STANDARD.encode(&key));
        let oracle = standardwebhooks::Webhook::new(&secret).unwrap();
        let now = Clock::system().now();
        let sent_at = now.as_second() + skew;
        let mut body = serde_json::json!({ "type": "deploy_ended", "text": text }).to_string().into_bytes();
        let mut signature = oracle.sign(&id, sent_at, &body).unwrap();
        prop_assert_eq!(&StandardSecret::new(&secret).unwrap().sign(&id, sent_at, &body), &signature);
        if let Some(decoy) = decoy {
            signature = format!("{decoy} {signature}");
        }
        let mut headers = headers(&[
            ("webhook-id", &id),
            ("webhook-timestamp", &sent_at.to_string()),
            ("webhook-signature", &signature),
        ]);
        tamper(&tampering, &mut headers, &mut body, sent_at);

        let theirs = oracle.verify(&body, &headers).is_ok();
        let secrets = [StandardSecret::new(&secret).unwrap()];
        let ours = receive::render(&secrets, &headers, Bytes::from(body), now);
        match ours {
            // The library does not look at the body; whatever we say about it comes after a verified signature.
            Ok(_) => prop_assert!(theirs),
            Err(refused) if refused.status() == 400 => prop_assert!(theirs, "{refused}"),
            Err(Rejection::NotConfigured { .. }) => prop_assert!(false),
            Err(_) => prop_assert!(!theirs),
        }
    }
}

fn tamper(tampering: &Tampering, headers: &mut HeaderMap, body: &mut [u8], sent_at: i64) {
    let signature = headers["webhook-signature"].as_bytes().to_vec();
    let mut sign = |bytes: &[u8]| headers.insert("webhook-signature", value(bytes));
    match tampering {
        Tampering::None => {}
        Tampering::Body => body[9] ^= 1,
        Tampering::Id => drop(headers.insert("webhook-id", value(b"evt-other"))),
        Tampering::Timestamp(by) => {
            headers.insert("webhook-timestamp", value((sent_at + by).to_string().as_bytes()));
        }
        Tampering::Signature(place) => {
            let mut bytes = signature;
            let place = place.index(bytes.len());
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            sign(&bytes);
        }
        Tampering::Truncated(length) => drop(sign(&signature[..length.index(signature.len())])),
        Tampering::OtherVersion => {
            let text = String::from_utf8(signature).unwrap().replace("v1,", "v1a,");
            sign(text.as_bytes());
        }
        Tampering::DropHeader(name) => drop(headers.remove(*name)),
        Tampering::Unsigned(text) => drop(sign(text.as_bytes())),
    }
}
