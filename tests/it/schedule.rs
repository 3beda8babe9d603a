//! Schedules: when a rule ticks, and that every tick is one event, whatever was down and however many look after it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use xmrt::clock::{Clock, after};
use xmrt::hub::Hub;
use xmrt::journal::{
    Decision, EventKey, EventQuery, EventRecord, Kv as _, KvKey, MemoryStore, Store, Verdict,
};
use xmrt::reactor::{Parts, Reactor, Timer, book_record};
use xmrt::rules::{RuleBook, Schedule, SourceFile, load, render_diagnostics};

const HOUR_MS: i64 = 60 * 60 * 1_000;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A rule with a schedule.
pub(crate) fn file(id: &str, lines: &str) -> SourceFile {
    SourceFile {
        path: format!("rules/{id}.toml"),
        text: format!(
            "description = \"d\"\non = \"schedule\"\n{lines}\n[[action]]\ntool = \"xmrt.notify\"\n\
             arguments = {{ to = \"log\", text = \"x\" }}\n"
        ),
        unreadable: None,
    }
}

pub(crate) fn book(files: &[SourceFile]) -> RuleBook {
    let loaded = load(files, &json!({}), None);
    let told = render_diagnostics(files, &loaded.diagnostics, false);
    loaded.book.unwrap_or_else(|| panic!("{told}"))
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    let lines = format!("cron = \"{cron}\"\ntimezone = \"{zone}\"");
    book(&[file("a", &lines)]).rules()[0].schedule.clone().unwrap()
}

fn ticks(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    schedule(cron, zone).upcoming(time(from), count)
}

#[test]
fn a_fixed_time_that_daylight_saving_skips_comes_when_the_gap_is_over_and_one_that_comes_twice_comes_once() {
    assert_eq!(
        ticks("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 3),
        [
            "2026-03-08T03:00:00-04:00",
            "2026-03-09T02:30:00-04:00",
            "2026-03-10T02:30:00-04:00"
        ]
    );
    assert_eq!(
        ticks("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]
    );
    // The whole hour of the day is skipped in Santiago, at midnight.
    assert_eq!(
        ticks("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2),
        ["2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"]
    );
}

#[test]
fn what_goes_by_every_hour_or_quarter_follows_the_clock_on_the_wall() {
    assert_eq!(
        ticks("30 * * * *", "America/New_York", "2026-11-01T04:00:00Z", 4),
        [
            "2026-11-01T00:30:00-04:00",
            "2026-11-01T01:30:00-04:00",
            "2026-11-01T01:30:00-05:00",
            "2026-11-01T02:30:00-05:00"
        ]
    );
    assert_eq!(
        ticks("*/30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", 1),
        ["2026-03-09T02:00:00-04:00"]
    );
}

#[test]
fn the_ticks_of_a_long_time_are_counted_and_the_newest_are_named() {
    let quarterly = schedule("*/15 * * * *", "UTC");
    let (from, until) = (time("2026-01-01T00:00:00Z"), time("2026-01-02T00:07:00Z"));
    let found = quarterly.between(from, until).unwrap();
    assert_eq!(found.newest, time("2026-01-02T00:00:00Z"));
    assert_eq!((found.earlier.len(), found.earlier_total), (20, 95));
    assert_eq!(found.earlier[0], time("2026-01-01T23:45:00Z"), "the newest first");
    assert_eq!(
        quarterly.between(until, after(until, 1_000)),
        None,
        "nothing ticked meanwhile"
    );
    assert!(quarterly.ticks_at(time("2026-01-01T00:15:00Z")));
    assert!(!quarterly.ticks_at(time("2026-01-01T00:15:01Z")));
    // More than are looked at one by one: the newest is right all the same.
    let minutely = schedule("* * * * *", "Europe/Berlin");
    let until = time("2027-01-01T00:00:30Z");
    assert_eq!(
        minutely.between(from, until).unwrap().newest,
        time("2027-01-01T00:00:00Z")
    );
}

#[test]
fn a_schedule_that_cannot_be_kept_says_what_is_wrong_with_it() {
    let complaints = |lines: &str| {
        let text = format!(
            "description = \"d\"\n{lines}\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"x\" }}\n"
        );
        let files = [SourceFile {
            path: "rules/a.toml".into(),
            text,
            unreadable: None,
        }];
        render_diagnostics(&files, &load(&files, &json!({}), None).diagnostics, false)
    };
    for (lines, said) in [
        ("on = \"schedule\"", "`cron` is missing"),
        (
            "on = \"github.push\"\ncron = \"0 9 * * *\"",
            "`cron` belongs to a rule with `on = \"schedule\"`",
        ),
        (
            "on = \"schedule\"\ncron = \"0 0 9 * * *\"",
            "it has 6 field(s), not five; seconds cannot be said",
        ),
        (
            "on = \"schedule\"\ncron = \"61 * * * *\"",
            "is not a schedule: number out of bounds",
        ),
        ("on = \"schedule\"\ncron = \"@reboot\"", "there are `@hourly`"),
        (
            "on = \"schedule\"\ncron = \"0 9 30 2 *\"",
            "`0 9 30 2 *` never comes",
        ),
        (
            "on = \"schedule\"\ncron = \"0 9 * * *\"\ntimezone = \"Europe/Berln\"",
            "did you mean `Europe/Berlin`?",
        ),
        ("on = \"schedule.daily\"", "a rule has one schedule and one name"),
        ("on = \"xmrt.run_died\"", "did you mean `xmrt.run_dead`?"),
    ] {
        let found = complaints(lines);
        assert!(found.contains(said), "{lines}: {found}");
    }
    let fine = "on = [\"schedule\", \"manual\"]\ncron = \"0 9 29 2 MON#1\"\ntimezone = \"America/New_York\"";
    assert_eq!(complaints(fine), "");
}

/// A journal, and reactors on it as so many replicas would be.
struct Desk {
    store: Arc<MemoryStore>,
    clock: Clock,
}

impl Desk {
    fn at(now: &str) -> Self {
        let clock = Clock::virtual_at(time(now));
        Self {
            store: Arc::new(MemoryStore::new(clock.now())),
            clock,
        }
    }

    async fn timer(&self, files: &[SourceFile]) -> Timer {
        let book = book(files);
        self.store
            .keep_book(book_record(&book), self.clock.now())
            .await
            .unwrap();
        let reactor = Reactor::new(Parts {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            hub: Hub::builder().start().await.unwrap(),
            clock: self.clock.clone(),
            book,
            source: Box::new(|| Err("no files".into())),
            settle_ms: None,
        });
        Timer::new(reactor)
    }

    async fn events(&self) -> Vec<EventRecord> {
        let query = EventQuery {
            kind: Some("schedule".into()),
            limit: 100,
            ..EventQuery::default()
        };
        let mut events = self.store.events(&query).await.unwrap();
        events.reverse();
        events
    }

    async fn verdicts(&self, id: &str) -> Vec<Verdict> {
        let key = EventKey {
            source: "schedule".into(),
            id: id.into(),
        };
        self.store.verdicts(&key).await.unwrap()
    }
}

fn payload(event: &EventRecord) -> Value {
    serde_json::from_slice(&event.body).unwrap()
}

#[tokio::test]
async fn a_tick_is_one_event_however_many_replicas_look_after_it() {
    let desk = Desk::at("2026-01-15T08:59:00Z");
    let files = [file("a", "cron = \"0 9 * * *\"\ntimezone = \"Europe/Berlin\"")];
    let (mut one, mut two) = (desk.timer(&files).await, desk.timer(&files).await);
    for timer in [&mut one, &mut two] {
        let next = timer.look().await.unwrap();
        assert_eq!(
            next,
            Some(time("2026-01-16T08:00:00Z")),
            "nine o'clock in Berlin is over"
        );
    }
    assert!(
        desk.events().await.is_empty(),
        "a new schedule has missed nothing"
    );
    desk.clock.advance_to(time("2026-01-16T08:00:00.020Z"));
    for timer in [&mut one, &mut two, &mut desk.timer(&files).await] {
        assert_eq!(timer.look().await.unwrap(), Some(time("2026-01-17T08:00:00Z")));
    }
    let events = desk.events().await;
    let [event] = events.as_slice() else {
        panic!("one event: {events:?}")
    };
    assert_eq!(event.kind, "schedule.a");
    assert_eq!(event.subject, "a");
    assert_eq!(
        event.time,
        time("2026-01-16T08:00:00Z"),
        "the tick, not when it was seen"
    );
    assert_eq!(event.duplicates_total, 0);
    assert_eq!(event.meta["origin"], "schedule");
    assert_eq!(
        payload(event),
        json!({
            "rule": "a", "cron": "0 9 * * *", "timezone": "Europe/Berlin", "tick": "2026-01-16T08:00:00Z",
            "local": "2026-01-16T09:00:00+01:00", "missed": [], "missed_total": 0,
        })
    );
    let verdicts = desk.verdicts(&event.key.id).await;
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].decision, Decision::Fired);
}

#[tokio::test]
async fn after_a_downtime_the_newest_missed_tick_fires_once_and_the_others_are_on_record() {
    let desk = Desk::at("2026-01-15T08:30:00Z");
    let files = [file("a", "cron = \"0 * * * *\"")];
    desk.timer(&files).await.look().await.unwrap();
    desk.clock.advance_to(time("2026-01-15T12:20:00Z"));
    // Another process, which knows of the first only through the journal.
    let mut timer = desk.timer(&files).await;
    timer.look().await.unwrap();
    timer.look().await.unwrap();
    let events = desk.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].time, time("2026-01-15T12:00:00Z"));
    assert_eq!(
        payload(&events[0])["missed"],
        json!([
            "2026-01-15T11:00:00Z",
            "2026-01-15T10:00:00Z",
            "2026-01-15T09:00:00Z"
        ])
    );
    assert_eq!(payload(&events[0])["missed_total"], 3);
    assert_eq!(
        desk.verdicts(&events[0].key.id).await[0].decision,
        Decision::Fired
    );
}

#[tokio::test]
async fn a_tick_that_was_missed_too_long_ago_is_on_record_as_stale() {
    for (limits, expected) in [
        ("", Decision::Stale),
        ("\n[limits]\nmax_age = \"1d\"\n", Decision::Fired),
    ] {
        let desk = Desk::at("2026-01-15T08:30:00Z");
        let files = [file("a", &format!("cron = \"0 9 * * *\"{limits}"))];
        desk.timer(&files).await.look().await.unwrap();
        desk.clock
            .advance_to(after(time("2026-01-15T09:00:00Z"), 7 * HOUR_MS));
        desk.timer(&files).await.look().await.unwrap();
        let events = desk.events().await;
        let verdicts = desk.verdicts(&events[0].key.id).await;
        assert_eq!(verdicts[0].decision, expected, "{verdicts:?}");
    }
}

#[tokio::test]
async fn a_crash_between_a_tick_and_its_mark_neither_doubles_nor_disowns_it() {
    let desk = Desk::at("2026-01-15T08:30:00Z");
    let files = [file("a", "cron = \"0 * * * *\"")];
    desk.timer(&files).await.look().await.unwrap();
    let mark = KvKey::new("schedule", "a").unwrap();
    let before = desk.store.kv_get(&mark, desk.clock.now()).await.unwrap().unwrap();
    desk.clock.advance_to(time("2026-01-15T10:00:01Z"));
    desk.timer(&files).await.look().await.unwrap();
    // As if the process had died before it said how far it got.
    desk.store
        .kv_put(&mark, before, None, desk.clock.now())
        .await
        .unwrap();
    desk.timer(&files).await.look().await.unwrap();
    assert_eq!(desk.events().await.len(), 1);
    desk.clock.advance_to(time("2026-01-15T11:00:01Z"));
    let before = json!({ "cron": "0 * * * *", "timezone": "UTC", "until": "2026-01-15T09:30:00Z" });
    desk.store
        .kv_put(&mark, before.to_string().into(), None, desk.clock.now())
        .await
        .unwrap();
    desk.timer(&files).await.look().await.unwrap();
    let events = desk.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(payload(&events[1])["missed_total"], 0, "ten o'clock was told");
}

#[tokio::test]
async fn a_rule_that_was_off_or_had_another_schedule_has_missed_nothing() {
    let desk = Desk::at("2026-01-15T08:30:00Z");
    let on = [file("a", "cron = \"0 9 * * *\"")];
    let off = [file(
        "a",
        "cron = \"0 9 * * *\"\nmode = \"off\"\noff_reason = \"holidays\"",
    )];
    desk.timer(&on).await.look().await.unwrap();
    assert_eq!(
        desk.timer(&off).await.look().await.unwrap(),
        None,
        "nothing to wait for"
    );
    desk.clock.advance_to(time("2026-01-15T10:00:00Z"));
    desk.timer(&on).await.look().await.unwrap();
    assert!(desk.events().await.is_empty());
    // Another hour that has just passed was no tick of the schedule there was.
    desk.timer(&[file("a", "cron = \"45 9 * * *\"")])
        .await
        .look()
        .await
        .unwrap();
    assert!(desk.events().await.is_empty());
}
