//! In: a call, and what came of it. Out: an entry of the audit trail. Never: a secret; what may be one is taken out here,
//! before anything is kept.

use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::reach::{NAMES_ORG, NAMES_REPO, NAMES_SERVICE};
use super::secrets::{HIDDEN, masked};
use crate::clock::Clock;
use crate::journal::AuditEntry;

/// How much of a text is kept, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// How much of a text is looked at for that, in bytes.
const TEXT_BYTES_READ: usize = 8 * 1024;
/// How many items of a list, or fields of an object, are kept.
const ITEMS_MAX: usize = 20;
/// How deep arguments are kept.
const DEPTH_MAX: usize = 6;
/// How much of a tool's name is kept, in characters; what there is, is shorter.
const NAME_CHARS_MAX: usize = 80;

/// Parts of the names of arguments whose values are nobody's business.
const SECRET_NAMES: &[&str] = &[
    "secret",
    "token",
    "password",
    "passwd",
    "credential",
    "private",
    "authorization",
    "cookie",
    "api_key",
    "apikey",
    "env",
    "value",
    "vars",
];
/// Where entries of calls go that nobody else puts on record.
#[async_trait]
pub trait Trail: Send + Sync + std::fmt::Debug {
    /// Returns when the entry is on record, or that has failed and was said.
    async fn note(&self, entry: AuditEntry);
}

/// A call under way.
#[derive(Clone, Debug)]
pub struct Deed {
    entry: AuditEntry,
    begun: Instant,
}

impl Deed {
    /// `who` begins to call `tool`.
    pub fn begin(who: &str, tool: &str, arguments: &Value) -> Self {
        let entry = AuditEntry {
            who: who.to_owned(),
            what: tool.chars().take(NAME_CHARS_MAX).collect(),
            target: target(arguments),
            arguments_sha256: Some(hash(arguments)),
            arguments: redacted(arguments, DEPTH_MAX),
            ..AuditEntry::default()
        };
        Self {
            entry,
            begun: Clock::monotonic(),
        }
    }

    /// What else is known of it.
    pub fn entry_mut(&mut self) -> &mut AuditEntry {
        &mut self.entry
    }

    /// It is over, and this came of it, in one word; `note` is why, for a person.
    pub fn end(mut self, outcome: &str, note: Option<&str>) -> AuditEntry {
        outcome.clone_into(&mut self.entry.outcome);
        self.entry.note = note.map(scrubbed);
        self.entry.latency_ms = Some(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.entry
    }
}

/// The trace of a W3C `traceparent`.
pub fn trace_of(traceparent: &str) -> Option<String> {
    let trace = traceparent.split('-').nth(1)?;
    let fits = trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| trace.to_ascii_lowercase())
}

/// SHA-256 of the arguments with sorted keys: equal arguments have equal hashes.
fn hash(arguments: &Value) -> String {
    hex::encode(Sha256::digest(arguments.to_string()))
}

/// What a call is about, for a person: `acme/api#42`, a service's id, an organization.
fn target(arguments: &Value) -> Option<String> {
    let named = |name: &&str| arguments.get(*name).and_then(Value::as_str).map(scrubbed);
    if let Some(repo) = NAMES_REPO.iter().find_map(named) {
        let number = arguments.get("number").and_then(Value::as_u64);
        return Some(number.map_or(repo.clone(), |number| format!("{repo}#{number}")));
    }
    let others = NAMES_SERVICE.iter().chain(NAMES_ORG);
    others.chain(&["deploy_id", "id", "uri"]).find_map(named)
}

fn redacted(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) => Value::String(scrubbed(text)),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::String("…".into()),
        Value::Array(items) => {
            let kept = items.iter().take(ITEMS_MAX).map(|item| redacted(item, depth - 1));
            kept.chain((items.len() > ITEMS_MAX).then(|| Value::String("…".into())))
                .collect()
        }
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (name, value) in fields.iter().take(ITEMS_MAX) {
                kept.insert(scrubbed(name), field(name, value, depth));
            }
            if fields.len() > ITEMS_MAX {
                kept.insert("…".into(), Value::Null);
            }
            Value::Object(kept)
        }
        plain => plain.clone(),
    }
}

fn field(name: &str, value: &Value, depth: usize) -> Value {
    let name = name.to_ascii_lowercase();
    if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
        return hidden(value);
    }
    redacted(value, depth - 1)
}

/// The names that are there stay: what was set is worth knowing, to what it was set is not.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .keys()
            .take(ITEMS_MAX)
            .map(|name| (scrubbed(name), Value::String(HIDDEN.into())))
            .collect(),
        Value::Null | Value::Bool(_) => value.clone(),
        _ => Value::String(HIDDEN.into()),
    }
}

/// A text without what looks like a secret, cut short.
pub fn scrubbed(text: &str) -> String {
    // What is cut off anyway need not be looked at; half a secret would not be known for one.
    let mut end = text.len().min(TEXT_BYTES_READ);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        end = text[..end].rfind(char::is_whitespace).unwrap_or(end);
    }
    let mut clean = masked(&text[..end]);
    if end < text.len() || clean.chars().count() > TEXT_CHARS_MAX {
        clean = clean.chars().take(TEXT_CHARS_MAX).collect();
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Assembled here, so that no scanner takes them for real ones.
    fn token(begin: &str) -> String {
        format!("{begin}{}", "A1b2".repeat(9))
    }

    #[test]
    fn what_may_be_secret_is_not_in_an_entry_and_its_name_is() {
        let gh = token("ghp_");
        let arguments = json!({
            "service_id": "srv-api",
            "env_vars": { "STRIPE_KEY": "s3cret-1" },
            "secret": "s3cret-2",
            "client_token": ["s3cret-3"],
            "body": format!("use {gh}, or https://octocat:s3cret-4@example.com/a?key=s3cret-5"),
            "nested": { "webhook_secret": "s3cret-6", "title": "kept" },
            "title": "Crash on start",
        });
        let entry = Deed::begin("eliza", "render.set_env_vars", &arguments).end(
            "failed",
            Some(&format!("401 for Bearer {gh} and {}", token("Basic."))),
        );
        let text = serde_json::to_string(&entry).unwrap();
        assert!(!text.contains("s3cret") && !text.contains(&gh), "{text}");
        for kept in [
            "STRIPE_KEY",
            "webhook_secret",
            "Crash on start",
            "kept",
            "use (hidden), or",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert_eq!(entry.target.as_deref(), Some("srv-api"));
    }

    #[test]
    fn long_and_deep_arguments_are_cut_and_equal_ones_have_one_hash() {
        let mut deep = json!("x");
        for _ in 0..200 {
            deep = json!({ "a": deep });
        }
        let arguments = json!({ "repo": "acme/api", "number": 7, "body": "ä".repeat(5_000), "deep": deep });
        let entry = Deed::begin("eliza", &"t".repeat(500), &arguments).end("done", None);
        assert!(serde_json::to_string(&entry).unwrap().len() < 2_000);
        assert_eq!(entry.target.as_deref(), Some("acme/api#7"));
        let again = Deed::begin("other", "github.get_issue", &arguments).end("done", None);
        assert_eq!(entry.arguments_sha256, again.arguments_sha256);
    }

    #[test]
    fn a_trace_is_read_only_from_what_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            trace_of(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(),
            Some(trace)
        );
        assert_eq!(trace_of("00-nothing-00f067aa0ba902b7-01"), None);
        assert_eq!(trace_of(""), None);
    }
}
