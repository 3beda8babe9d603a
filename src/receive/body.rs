//! In: bytes that a verified sender sent. Out: whether they are one JSON object we can hold. Never: recursion; a
//! body of 200,000 brackets costs one pass over it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde::de::IgnoredAny;

use super::Rejection;

/// How deep a body may be nested; the object itself is the first level.
pub const DEPTH_MAX: usize = 128;

/// What the content type says a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Form,
    Other,
    Absent,
}

/// The content type without its parameters.
pub(super) fn media(headers: &HeaderMap) -> Media {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Media::Absent;
    };
    let essence = value
        .as_bytes()
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") {
        Media::Json
    } else if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Media::Form
    } else {
        Media::Other
    }
}

/// Whether these bytes are one JSON object in valid UTF-8, nested at most [`DEPTH_MAX`] deep.
pub fn check_object(body: &[u8]) -> Result<(), Rejection> {
    let text = std::str::from_utf8(body).map_err(|error| Rejection::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    // The parser keeps nothing here and skips without recursion, but whoever parses for good does recurse.
    if depth(body) > DEPTH_MAX {
        return Err(Rejection::TooDeep);
    }
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Rejection::NotJson(format!("line {}, column {}", error.line(), error.column())))?;
    match text.trim_ascii_start().starts_with('{') {
        true => Ok(()),
        false => Err(Rejection::NotObject),
    }
}

/// The deepest nesting of brackets outside strings.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_string(body, at),
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Where a string ends that begins before `at`. Most of a payload is in strings, so they are not looked at byte by byte.
fn after_string(body: &[u8], mut at: usize) -> usize {
    while let Some(rest) = body.get(at..)
        && let Some(found) = memchr::memchr2(b'"', b'\\', rest)
    {
        at += found + 1;
        if rest[found] == b'"' {
            return at;
        }
        // Whatever is escaped, it ends nothing.
        at += 1;
    }
    body.len()
}

/// The decoded field `payload` of a form. It must be there exactly once: two would let two readers disagree.
pub(super) fn payload_field(form: &[u8]) -> Result<Bytes, Rejection> {
    let mut found = form.split(|&byte| byte == b'&').filter_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        (decoded(name).as_ref() == b"payload").then(|| value.get(1..).unwrap_or_default())
    });
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(Bytes::from(decoded(value).into_owned())),
        _ => Err(Rejection::NoPayloadField),
    }
}

/// Form decoding on bytes. The libraries' decoders replace what is not UTF-8, which would hide it from the check.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|&byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        out.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high * 16 + low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    Cow::Owned(out)
}

/// The value of one hexadecimal digit of either case.
pub(super) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
