//! In: the hash of an event, and what is left of one. Out: records, and back. Never: a decision.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Reader, keep_verdict};
use crate::clock::from_millis;
use crate::journal::archive::Known;
use crate::journal::{Digest, Duplicate, DuplicateBy, EventKey, EventRecord, RunId, Verdict};
use crate::store::packing;
use crate::store::redis::link::Fault;
use crate::store::redis::reply::{Fields, odd};

/// An event from its hash.
pub(in crate::store::redis) fn event(fields: &Fields) -> Result<EventRecord, Fault> {
    let read = Reader { fields };
    let body = packing::unpack(read.bytes("body")?).map_err(odd)?;
    let caused_by = read.owned("caused_by")?;
    let mut duplicates = Vec::new();
    for place in 0..read.number::<usize>("kept")? {
        let (id, by, at): (String, String, String) =
            serde_json::from_str(read.text(&format!("k{place}"))?).map_err(odd)?;
        duplicates.push(Duplicate {
            id,
            by: DuplicateBy::parse(&by).ok_or_else(|| odd(by))?,
            at: from_millis(at.parse().map_err(odd)?),
        });
    }
    Ok(EventRecord {
        key: EventKey {
            source: read.owned("source")?,
            id: read.owned("id")?,
        },
        seq: read.number("seq")?,
        kind: read.owned("kind")?,
        subject: read.owned("subject")?,
        time: read.time("time")?,
        received_at: read.time("received")?,
        meta: read.json("meta")?,
        body: Bytes::from(body),
        book: read.owned("book")?,
        depth: read.number("depth")?,
        caused_by: (!caused_by.is_empty()).then_some(RunId(caused_by)),
        duplicates,
        duplicates_total: read.number("arrivals")?,
    })
}

/// The digest of an event from its hash.
pub(in crate::store::redis) fn digest(fields: &Fields) -> Result<Option<Digest>, Fault> {
    parse_digest(Reader { fields }.text("digest")?)
}

fn parse_digest(text: &str) -> Result<Option<Digest>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2).ok_or_else(|| odd(text))?;
        *byte = u8::from_str_radix(digits, 16).map_err(odd)?;
    }
    Ok(Some(digest))
}

/// The books an event was evaluated with before its present one, from its hash.
pub(in crate::store::redis) fn former_books(fields: &Fields) -> Result<BTreeSet<String>, Fault> {
    match fields.get("former") {
        None => Ok(BTreeSet::new()),
        Some(former) => serde_json::from_slice(former).map_err(odd),
    }
}

type KeptKnown = (String, String, String, String, Vec<String>);

/// What a deleted event is known by, from its key and what is kept there.
pub(in crate::store::redis) fn known(key: &str, kept: &[u8]) -> Result<Known, Fault> {
    let (source, id, until, digest, mut ids): KeptKnown = serde_json::from_slice(kept).map_err(odd)?;
    ids.sort();
    ids.dedup();
    Ok(Known {
        key: EventKey { source, id },
        seq: key.trim_start_matches("gone:").parse().map_err(odd)?,
        ids,
        digest: parse_digest(&digest)?,
        until: from_millis(until.parse().map_err(odd)?),
    })
}

/// What a deleted event is known by, as it is kept.
pub(in crate::store::redis) fn keep_known(known: &Known) -> String {
    let kept: KeptKnown = (
        known.key.source.clone(),
        known.key.id.clone(),
        known.until.as_millisecond().to_string(),
        digest_text(known.digest),
        known.ids.clone(),
    );
    serde_json::to_string(&kept).unwrap_or_default()
}

/// A digest as it is kept: hexadecimal, or nothing.
pub(in crate::store::redis) fn digest_text(digest: Option<Digest>) -> String {
    digest.map(hex::encode).unwrap_or_default()
}

/// The fields of the hash of an event that is on record.
pub(in crate::store::redis) fn event_fields(
    event: &EventRecord,
    body: Vec<u8>,
    digest: Option<Digest>,
    former_books: &BTreeSet<String>,
    verdicts: &[Verdict],
) -> Vec<(String, Vec<u8>)> {
    let caused_by = event.caused_by.as_ref().map_or("", |run| run.0.as_str());
    let mut fields: Vec<(String, Vec<u8>)> = [
        ("seq", event.seq.to_string()),
        ("source", event.key.source.clone()),
        ("id", event.key.id.clone()),
        ("kind", event.kind.clone()),
        ("subject", event.subject.clone()),
        ("time", event.time.as_millisecond().to_string()),
        ("received", event.received_at.as_millisecond().to_string()),
        ("book", event.book.clone()),
        ("depth", event.depth.to_string()),
        ("caused_by", caused_by.to_owned()),
        ("digest", digest_text(digest)),
        ("arrivals", event.duplicates_total.to_string()),
        ("kept", event.duplicates.len().to_string()),
        ("verdicts", verdicts.len().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into_bytes()))
    .collect();
    fields.push(("meta".into(), packing::pack_json(&event.meta)));
    fields.push(("body".into(), body));
    if !former_books.is_empty() {
        let former = serde_json::to_vec(former_books).unwrap_or_default();
        fields.push(("former".into(), former));
    }
    for (place, duplicate) in event.duplicates.iter().enumerate() {
        let at = duplicate.at.as_millisecond().to_string();
        let kept = serde_json::json!([duplicate.id, duplicate.by.as_str(), at]);
        fields.push((format!("k{place}"), kept.to_string().into_bytes()));
    }
    for (place, verdict) in verdicts.iter().enumerate() {
        fields.push((format!("v{place}"), keep_verdict(verdict).into_bytes()));
    }
    fields
}
