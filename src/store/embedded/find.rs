//! In: questions. Out: what is on record. Never: a change, except to the shelf of rule books.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::rows::{self, EVENT, RUN};
use crate::clock::from_millis;
use crate::journal::{
    BookRecord, EventKey, EventQuery, EventRecord, Notice, PAGE_MAX, RuleText, RunId, RunQuery, RunRecord,
    RunState, Stats, Verdict,
};

pub(super) fn event(conn: &Connection, key: &EventKey) -> rusqlite::Result<Option<EventRecord>> {
    let seq = rows::seq_of(conn, key)?;
    seq.map(|seq| rows::event_by_seq(conn, seq)).transpose()
}

pub(super) fn event_by_id(conn: &Connection, id: &str) -> rusqlite::Result<Option<EventRecord>> {
    let seq: Option<i64> = conn
        .prepare_cached("SELECT seq FROM names WHERE id = ?1 AND until IS NULL ORDER BY alias, seq LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    seq.map(|seq| rows::event_by_seq(conn, seq as u64)).transpose()
}

pub(super) fn verdicts(conn: &Connection, key: &EventKey) -> rusqlite::Result<Vec<Verdict>> {
    match rows::seq_of(conn, key)? {
        Some(seq) => rows::verdicts(conn, seq),
        None => Ok(Vec::new()),
    }
}

pub(super) fn notices(conn: &Connection, max: usize) -> rusqlite::Result<Vec<Notice>> {
    oldest_notices(conn, max.clamp(1, PAGE_MAX) as i64)
}

pub(super) fn all_notices(conn: &Connection) -> rusqlite::Result<Vec<Notice>> {
    oldest_notices(conn, -1)
}

/// With a negative `max` all of them.
fn oldest_notices(conn: &Connection, max: i64) -> rusqlite::Result<Vec<Notice>> {
    conn.prepare_cached(
        "SELECT at, run, fence, what, reason FROM outbox ORDER BY at, run, fence, what LIMIT ?1",
    )?
    .query_map([max], |row| {
        Ok(Notice {
            at: from_millis(row.get(0)?),
            run: RunId(row.get(1)?),
            fence: row.get::<_, i64>(2)? as u64,
            what: row.get(3)?,
            reason: row.get(4)?,
        })
    })?
    .collect()
}

/// Conditions that are joined with AND, with their values.
struct Conditions {
    text: Vec<&'static str>,
    values: Vec<Sql>,
}

impl Conditions {
    fn new() -> Self {
        Self {
            text: vec!["TRUE"],
            values: Vec::new(),
        }
    }

    fn add<const N: usize>(&mut self, text: &'static str, values: [Sql; N]) {
        self.text.push(text);
        self.values.extend(values);
    }

    fn page(mut self, select: &str, order: &str, limit: usize) -> (String, Vec<Sql>) {
        self.values.push((limit.clamp(1, PAGE_MAX) as i64).into());
        let sql = format!(
            "{select} WHERE {} ORDER BY {order} LIMIT ?",
            self.text.join(" AND ")
        );
        (sql, self.values)
    }
}

pub(super) fn events(conn: &Connection, query: &EventQuery) -> rusqlite::Result<Vec<EventRecord>> {
    let mut wanted = Conditions::new();
    if let Some(kind) = &query.kind {
        // Below `a.b` is everything from `a.b.` up to, not including, `a.b/`: the character after the dot.
        wanted.add(
            "(kind = ? OR (kind >= ? AND kind < ?))",
            [
                kind.clone().into(),
                format!("{kind}.").into(),
                format!("{kind}/").into(),
            ],
        );
    }
    if let Some(subject) = &query.subject {
        wanted.add("subject = ?", [subject.clone().into()]);
    }
    if let Some(since) = query.since {
        // Rounded up, for what was received within the millisecond before is older.
        let millis = since.as_nanosecond().div_euclid(1_000_000)
            + i128::from(since.as_nanosecond().rem_euclid(1_000_000) > 0);
        wanted.add("received >= ?", [(millis as i64).into()]);
    }
    if let Some(before) = query.before {
        wanted.add("events.seq < ?", [(before.min(i64::MAX as u64) as i64).into()]);
    }
    // Which they are is found in the indexes, and only those are read: of a type there may be a hundred thousand.
    let (which, values) = wanted.page("SELECT seq FROM events", "seq DESC", query.limit);
    let sql = format!("{EVENT} WHERE events.seq IN ({which}) ORDER BY events.seq DESC");
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), rows::event)?
        .collect()
}

pub(super) fn runs(conn: &Connection, query: &RunQuery) -> rusqlite::Result<Vec<RunRecord>> {
    let mut wanted = Conditions::new();
    if let Some(rule) = &query.rule {
        wanted.add("rule = ?", [rule.clone().into()]);
    }
    if let Some(state) = query.state {
        wanted.add("state = ?", [state.as_str().to_owned().into()]);
    }
    if let Some(what) = query.waits_for {
        wanted.add("waits_for = ?", [what.as_str().to_owned().into()]);
    }
    if let Some(key) = &query.event {
        let Some(seq) = rows::seq_of(conn, key)? else {
            return Ok(Vec::new());
        };
        wanted.add("event = ?", [(seq as i64).into()]);
    }
    if let Some((seq, id)) = &query.before {
        let seq = (*seq).min(i64::MAX as u64) as i64;
        wanted.add("(runs.seq, runs.id) < (?, ?)", [seq.into(), id.0.clone().into()]);
    }
    let (sql, values) = wanted.page(RUN, "runs.seq DESC, runs.id DESC", query.limit);
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), rows::run)?
        .collect()
}

pub(super) fn stats(conn: &Connection) -> rusqlite::Result<Stats> {
    let mut stats = Stats::default();
    let mut counted = conn.prepare_cached("SELECT what, count FROM counts")?;
    let mut counts = counted.query([])?;
    while let Some(row) = counts.next()? {
        let count = row.get::<_, i64>(1)? as u64;
        match row.get_ref(0)?.as_str()? {
            "events" => stats.events = count,
            "duplicates" => stats.duplicates = count,
            of_runs => {
                if let Some(state) = of_runs.strip_prefix("run ").and_then(RunState::parse) {
                    *stats.of(state) = count;
                }
            }
        }
    }
    Ok(stats)
}

pub(super) fn next_due(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = conn
        .prepare_cached("SELECT due FROM runs WHERE due IS NOT NULL ORDER BY due LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(due.map(from_millis))
}

/// `now` is the journal's time.
pub(super) fn keep_book(conn: &Connection, book: &BookRecord, now: Timestamp) -> rusqlite::Result<()> {
    for rule in &book.rules {
        keep_text(conn, rule)?;
    }
    let rules: Vec<_> = book
        .rules
        .iter()
        .map(|rule| (rule.version.clone(), rule.rule.clone()))
        .collect();
    insert_book(conn, &book.hash, &book.settings, &rules, now)?;
    set_last_good(conn, &book.hash)
}

pub(super) fn keep_text(conn: &Connection, rule: &RuleText) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO rule_texts VALUES (?1, ?2, ?3)")?
        .execute((&rule.version, &rule.rule, &rule.text))?;
    Ok(())
}

/// A book without its texts: version and id of each rule.
pub(super) fn insert_book(
    conn: &Connection,
    hash: &str,
    settings: &serde_json::Value,
    rules: &[(String, String)],
    kept_at: Timestamp,
) -> rusqlite::Result<()> {
    let rules = serde_json::to_string(rules).unwrap_or_default();
    conn.prepare_cached(
        "INSERT INTO books VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET kept = excluded.kept",
    )?
    .execute((hash, settings.to_string(), rules, kept_at.as_millisecond()))?;
    Ok(())
}

pub(super) fn last_good(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM facts WHERE name = 'last_good'")?
        .query_row([], |row| row.get(0))
        .optional()
}

pub(super) fn set_last_good(conn: &Connection, hash: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO facts VALUES ('last_good', ?1)")?
        .execute([hash])?;
    Ok(())
}

pub(super) fn book(conn: &Connection, hash: Option<&str>) -> rusqlite::Result<Option<BookRecord>> {
    let found = conn
        .prepare_cached(
            "SELECT hash, settings, rules FROM books
             WHERE hash = coalesce(?1, (SELECT value FROM facts WHERE name = 'last_good'))",
        )?
        .query_row([hash], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((hash, settings, rules)) = found else {
        return Ok(None);
    };
    let rules: Vec<(String, String)> = serde_json::from_str(&rules).unwrap_or_default();
    let rules = rules
        .into_iter()
        .map(|(version, rule)| {
            let text = conn
                .prepare_cached("SELECT text FROM rule_texts WHERE version = ?1 AND rule = ?2")?
                .query_row((&version, &rule), |row| row.get(0))?;
            Ok(RuleText { rule, version, text })
        })
        .collect::<rusqlite::Result<_>>()?;
    let settings = serde_json::from_str(&settings).unwrap_or_default();
    Ok(Some(BookRecord {
        hash,
        settings,
        rules,
    }))
}

/// Version and id of each rule of a book.
pub(super) fn rules_of(conn: &Connection, hash: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let rules: String = conn
        .prepare_cached("SELECT rules FROM books WHERE hash = ?1")?
        .query_row([hash], |row| row.get(0))?;
    Ok(serde_json::from_str(&rules).unwrap_or_default())
}

pub(super) fn rule_text(conn: &Connection, version: &str) -> rusqlite::Result<Option<RuleText>> {
    conn.prepare_cached("SELECT rule, text FROM rule_texts WHERE version = ?1 ORDER BY rule LIMIT 1")?
        .query_row([version], |row| {
            Ok(RuleText {
                rule: row.get(0)?,
                version: version.into(),
                text: row.get(1)?,
            })
        })
        .optional()
}
