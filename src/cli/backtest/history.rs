//! In: a journal, a server, or a folder of payloads. Out: events in the order they came, and the rules in force. Never:
//! writing to any of them.
#![expect(clippy::disallowed_methods, reason = "folders of payloads are read here")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::super::Failure;
use super::super::api::{Api, Target, query, segment};
use crate::assemble;
use crate::config::Settings;
use crate::journal::{PAGE_MAX, Store};
use crate::normalize::{self, Actor, Event, EventId, EventType, Subject};
use crate::reactor;
use crate::receive::{Maker, Origin, Source};
use crate::rules::{self, Side, SourceFile};

/// The largest payload that is read from a folder: what a webhook may be, in bytes.
const PAYLOAD_BYTES_MAX: u64 = 25 * 1024 * 1024;

/// What happened.
pub(super) struct History {
    /// Oldest first.
    pub(super) events: Vec<Event>,
    /// Where they are from, for people.
    pub(super) place: String,
    /// The rules that are, or were last, in force there.
    pub(super) in_force: Option<Side>,
    /// How many there are that could not be read any more.
    pub(super) unreadable: usize,
}

impl History {
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.events.first().map(|event| event.received_at)
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        self.events.last().map(|event| event.received_at)
    }
}

/// Of a running server, or, with none running, of the journal in the data directory.
pub(super) async fn on_record(
    target: &Target,
    settings: &Settings,
    since: Timestamp,
) -> Result<History, Failure> {
    if target.url.is_some() || assemble::running_server(settings).is_some() {
        let api = Api::connect(target, settings).await?;
        return of_server(&api, since).await;
    }
    let Some(journal) = assemble::Bare::existing(settings).await? else {
        return Err(Failure::CouldNot(format!(
            "no server is running and there is no journal in {}; name a server with --url, or a folder of payloads with --events",
            settings.data_dir.display()
        )));
    };
    of_journal(settings, journal.store(), since).await
}

async fn of_journal(settings: &Settings, store: &dyn Store, since: Timestamp) -> Result<History, Failure> {
    let kept = reactor::events_since(store, since, usize::MAX).await?;
    let in_force = match store.book(None).await? {
        None => None,
        Some(record) => {
            let vars = record.settings.get("vars").cloned().unwrap_or_default();
            let files: Vec<SourceFile> = record
                .rules
                .into_iter()
                .map(|rule| SourceFile {
                    path: format!("{}.toml", rule.rule),
                    text: rule.text,
                    unreadable: None,
                })
                .collect();
            let name = "the rules last in force".to_owned();
            rules::load(&files, &vars, None)
                .book
                .map(|book| Side::new(name, vec![book]))
        }
    };
    Ok(History {
        unreadable: kept.unreadable,
        events: kept.events,
        place: match &settings.redis {
            Some(redis) => format!("on record in Redis (prefix {})", redis.prefix),
            None => format!("on record in {}", settings.data_dir.display()),
        },
        in_force,
    })
}

async fn of_server(api: &Api, since: Timestamp) -> Result<History, Failure> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let parameters = [
            ("since", Some(since.to_string())),
            ("limit", Some(PAGE_MAX.to_string())),
            ("cursor", cursor.take()),
        ];
        let page = api.get(&format!("/api/v1/events{}", query(&parameters))).await?;
        for event in page["events"].as_array().into_iter().flatten() {
            ids.extend(event["id"].as_str().map(str::to_owned));
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let mut events = Vec::new();
    for id in ids.iter().rev() {
        let shown = api.get(&format!("/api/v1/events/{}", segment(id))).await?;
        events.extend(of_shown(&shown));
    }
    Ok(History {
        unreadable: ids.len() - events.len(),
        events,
        place: "on record at the server".into(),
        in_force: Some(in_force(api).await?),
    })
}

/// Every rule with the variables it was loaded with: a book of its own.
async fn in_force(api: &Api) -> Result<Side, Failure> {
    let listed = api.get("/api/v1/rules").await?;
    let mut books = Vec::new();
    for rule in listed["rules"].as_array().into_iter().flatten() {
        let id = rule["id"].as_str().unwrap_or_default();
        let shown = api.get(&format!("/api/v1/rules/{}", segment(id))).await?;
        let file = SourceFile {
            path: format!("{id}.toml"),
            text: shown["text"].as_str().unwrap_or_default().to_owned(),
            unreadable: None,
        };
        let book = rules::load(&[file], &shown["vars"], None).book;
        books
            .push(book.ok_or_else(|| format!("the server's rule `{id}` is not understood by this version"))?);
    }
    Ok(Side::new("the rules in force".into(), books))
}

/// An event as `xmrt events show --json` prints it.
fn of_shown(shown: &Value) -> Option<Event> {
    let text = |name: &str| shown.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = |name: &str| text(name)?.parse::<Timestamp>().ok();
    let received_at = time("received_at").or_else(|| time("time"))?;
    let payload = shown.get("payload").filter(|payload| payload.is_object())?;
    Some(Event {
        id: EventId(text("id")?),
        source: Source::on_record(&text("source")?),
        kind: EventType(text("type")?),
        action: text("action"),
        subject: Subject(text("subject")?),
        actor: text("actor").map(Actor),
        time: time("time").unwrap_or(received_at),
        received_at,
        replayed: false,
        payload: payload.clone().into(),
        body: Bytes::from(payload.to_string()),
        digest: None,
        origin: Origin::Internal(Maker::Given),
        causes: Vec::new(),
        after: None,
    })
}

/// All JSON files of a folder, in the order of their events. A bare payload came when it happened, as far as it says so.
pub(super) fn of_folder(folder: &Path, now: Timestamp) -> Result<History, Failure> {
    let failed = |error: std::io::Error| Failure::CouldNot(format!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Failure::CouldNot(format!(
            "{}: there are no .json files in it",
            folder.display()
        )));
    }
    paths.sort();
    let mut events = paths
        .iter()
        .map(|path| of_file(path, now).map_err(|why| format!("{}: {why}", path.display())))
        .collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.received_at);
    Ok(History {
        events,
        place: format!("in {}", folder.display()),
        in_force: None,
        unreadable: 0,
    })
}

fn of_file(path: &Path, now: Timestamp) -> Result<Event, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > PAYLOAD_BYTES_MAX {
        return Err(format!(
            "is {size} bytes long; a payload has at most {PAYLOAD_BYTES_MAX}"
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let payload = normalize::parse(&bytes).map_err(|error| error.to_string())?;
    if let Some(event) = of_shown(&payload) {
        return Ok(event);
    }
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let kind = stem.split('~').next().unwrap_or_default();
    let delivery = assemble::given_delivery(kind, &stem, &bytes, now)
        .map_err(|why| format!("{why}; the file's name says it: `github.issues.opened~1.json`"))?;
    let mut event = normalize::event(delivery).map_err(|error| error.to_string())?;
    if event.kind.0 != kind {
        return Err(format!(
            "the name says `{kind}`, and the payload is `{}`",
            event.kind.0
        ));
    }
    event.received_at = event.time;
    Ok(event)
}
