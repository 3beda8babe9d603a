//! In: a request signed after the Standard Webhooks scheme. Out: a [`Delivery`], or a [`Rejection`]. Never: a body
//! looked into before its signature fits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::Mac;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;

use super::body::{self, Media};
use super::{BODY_BYTES_MAX, Delivery, Origin, Rejection, Source, StandardSecret, github};

/// How far `webhook-timestamp` may lie from our clock, in seconds, inclusive. Source: the reference libraries.
pub const TOLERANCE_SECONDS: i64 = 300;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Verifies a Render delivery (Standard Webhooks, scheme `v1`): the base64 HMAC-SHA256 of `id.timestamp.body` under
/// any of `secrets` must be among the signatures. Items of other versions and undecodable ones are skipped.
///
/// The identity is `webhook-id`, which stays the same over all retries; it is signed, so the body needs no digest.
/// The type is the body's `type`. Sources: the Standard Webhooks specification; Render's documentation, "Webhooks".
pub fn render(
    secrets: &[StandardSecret],
    headers: &HeaderMap,
    body: Bytes,
    now: Timestamp,
) -> Result<Delivery, Rejection> {
    if secrets.is_empty() {
        return Err(Rejection::NotConfigured {
            source_name: "render",
            variable: "RENDER_WEBHOOK_SECRET",
        });
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    // The scheme does not ask for a content type, so a missing one is no reason to lose a delivery.
    if !matches!(body::media(headers), Media::Json | Media::Absent) {
        return Err(Rejection::UnsupportedMediaType {
            expected: "application/json",
        });
    }
    verify(secrets, headers, &body, now)?;
    let id = github::name(headers, ID)?;
    body::check_object(&body)?;
    Ok(Delivery {
        source: Source::render(),
        id,
        kind: kind(&body)?,
        received_at: now,
        body,
        digest: None,
        origin: Origin::Webhook,
        actor: None,
        after: None,
        detail: None,
    })
}

fn verify(
    secrets: &[StandardSecret],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Rejection> {
    let get = |name| headers.get(name).ok_or(Rejection::MissingSignature(name));
    let (id, timestamp, signatures) = (get(ID)?, get(TIMESTAMP)?, get(SIGNATURE)?);
    // A dot in the id would let one signed text be read as another split of id, timestamp and body.
    if id.is_empty() || id.as_bytes().contains(&b'.') {
        return Err(Rejection::MalformedSignature {
            header: ID,
            expected: "it must not be empty and must not contain a dot",
        });
    }
    in_time(seconds(timestamp)?, now.as_second())?;
    // The timestamp is signed as it was sent: re-printing the number could change the text.
    let signed: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let claimed: Vec<Vec<u8>> = tags(signatures).collect();
    if claimed.is_empty() {
        return Err(Rejection::MalformedSignature {
            header: SIGNATURE,
            expected: "it must hold at least one `v1,` followed by base64",
        });
    }
    let mut fits = false;
    for secret in secrets {
        let Some(mut mac) = secret.mac() else { continue };
        signed.iter().for_each(|part| mac.update(part));
        // Every signature is compared, each in constant time.
        for tag in &claimed {
            fits |= mac.clone().verify_slice(tag).is_ok();
        }
    }
    match fits {
        true => Ok(()),
        false => Err(Rejection::SignatureMismatch(SIGNATURE)),
    }
}

fn seconds(value: &HeaderValue) -> Result<i64, Rejection> {
    let malformed = Rejection::MalformedSignature {
        header: TIMESTAMP,
        expected: "it must be whole Unix seconds",
    };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| malformed)
        }
        _ => Err(malformed),
    }
}

fn in_time(signed_at: i64, now: i64) -> Result<(), Rejection> {
    let age = now.saturating_sub(signed_at);
    if age > TOLERANCE_SECONDS {
        Err(Rejection::TooOld { seconds: age })
    } else if age < -TOLERANCE_SECONDS {
        Err(Rejection::TooNew {
            seconds: age.saturating_neg(),
        })
    } else {
        Ok(())
    }
}

/// The decodable `v1` items of a signature header.
fn tags(value: &HeaderValue) -> impl Iterator<Item = Vec<u8>> {
    value
        .as_bytes()
        .split(|&byte| byte == b' ')
        .filter_map(|item| item.strip_prefix(b"v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
}

/// The body's `type`, bounded like every name of ours.
fn kind(body: &[u8]) -> Result<String, Rejection> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let typed: Typed = serde_json::from_slice(body).map_err(|_| Rejection::NoType)?;
    typed
        .kind
        .filter(|kind| (1..=super::NAME_CHARS_MAX).contains(&kind.len()))
        .filter(|kind| kind.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or(Rejection::NoType)
}
