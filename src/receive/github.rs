//! In: a request at GitHub's door. Out: a [`Delivery`], or a [`Rejection`]. Never: a body looked into before its
//! signature fits.

use bytes::Bytes;
use hmac::Mac;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::body::{self, Media};
use super::{BODY_BYTES_MAX, Delivery, GithubSecret, NAME_CHARS_MAX, Origin, Rejection, Source};

const SIGNATURE: &str = "X-Hub-Signature-256";
const EVENT: &str = "X-GitHub-Event";
const DELIVERY: &str = "X-GitHub-Delivery";

/// Verifies a GitHub delivery: `X-Hub-Signature-256` is `sha256=` and the lowercase hex HMAC-SHA256 of the raw body
/// (of the whole form, where it is one) under any of `secrets`. `X-Hub-Signature` (SHA-1) is ignored.
///
/// GitHub signs neither the delivery id nor the event's name, so the body's SHA-256 goes along as a second dedupe
/// key; a `ping` has none, because two hooks' pings may be alike. Source: GitHub, "Validating webhook deliveries".
pub fn github(
    secrets: &[GithubSecret],
    headers: &HeaderMap,
    body: Bytes,
    now: Timestamp,
) -> Result<Delivery, Rejection> {
    if secrets.is_empty() {
        return Err(Rejection::NotConfigured {
            source_name: "github",
            variable: "GITHUB_WEBHOOK_SECRET",
        });
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    let media = body::media(headers);
    if !matches!(media, Media::Json | Media::Form) {
        return Err(Rejection::UnsupportedMediaType {
            expected: "application/json or application/x-www-form-urlencoded",
        });
    }
    verify(secrets, headers, &body)?;
    let kind = name(headers, EVENT)?;
    let id = name(headers, DELIVERY)?;
    let digest = (kind != "ping").then(|| Sha256::digest(&body).into());
    let payload = match media {
        Media::Form => body::payload_field(&body)?,
        _ => body,
    };
    Ok(Delivery {
        source: Source::github(),
        id,
        kind,
        received_at: now,
        body: payload,
        digest,
        origin: Origin::Webhook,
        actor: None,
        after: None,
        detail: None,
    })
}

fn verify(secrets: &[GithubSecret], headers: &HeaderMap, body: &[u8]) -> Result<(), Rejection> {
    let value = headers
        .get(SIGNATURE)
        .ok_or(Rejection::MissingSignature(SIGNATURE))?;
    let claimed = tag(value).ok_or(Rejection::MalformedSignature {
        header: SIGNATURE,
        expected: "it must be `sha256=` and 64 lowercase hexadecimal digits",
    })?;
    // Every secret is tried, and every comparison takes the same time whatever it finds.
    let fits = secrets
        .iter()
        .filter_map(GithubSecret::mac)
        .map(|mac| mac.chain_update(body).verify_slice(&claimed).is_ok())
        .fold(false, |any, one| any | one);
    match fits {
        true => Ok(()),
        false => Err(Rejection::SignatureMismatch(SIGNATURE)),
    }
}

fn tag(value: &HeaderValue) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = value.as_bytes().strip_prefix(b"sha256=")?.try_into().ok()?;
    let mut tag = [0; 32];
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        if pair.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        *byte = body::hex(pair[0])? * 16 + body::hex(pair[1])?;
    }
    Some(tag)
}

/// A header that becomes an identifier of ours: bounded, and nothing that could garble a log line or a key.
pub(super) fn name(headers: &HeaderMap, header: &'static str) -> Result<String, Rejection> {
    let value = headers.get(header).ok_or(Rejection::MissingHeader(header))?;
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(text) if visible && (1..=NAME_CHARS_MAX).contains(&text.len()) => Ok(text.into()),
        _ => Err(Rejection::MalformedHeader(header)),
    }
}
