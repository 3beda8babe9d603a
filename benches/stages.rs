//! What each stage of a delivery's way costs, from its bytes to what the rules want: verification, the envelope, the match, an
//! `if`, a template. Only ratios within one run mean something. What comes after is in `journal`, `overhead` and `load`.
//!
//! `cargo bench --bench stages` prints a table of medians, all stages taken in turns, as multiples of one HMAC-SHA256 over the
//! body; then what criterion makes of each by itself; `-- --table` leaves it at the table.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on fails, and prints"
)]

#[path = "turns/table.rs"]
mod turns;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde_json::json;
use sha2::Sha256;
use xmrt::clock::Clock;
use xmrt::normalize::{self, Event};
use xmrt::receive::{self, Delivery, GithubSecret};
use xmrt::rules::{RuleBook, SourceFile, load};

use turns::Measured;

const SECRET: &str = "a secret for measuring";

/// An opened issue with as many addresses as GitHub sends: about 12 KB.
fn body() -> Bytes {
    let links = |of: &str, count: usize| -> serde_json::Map<String, serde_json::Value> {
        (0..count)
            .map(|n| {
                let address = format!("https://api.example.test/{of}/acme/svc-78-api/link{n}{{/id}}");
                (format!("{of}_link_{n}_url"), json!(address))
            })
            .collect()
    };
    let mut issue = links("issue", 20);
    issue.insert("number".into(), json!(1347));
    issue.insert("title".into(), json!("The page stays \"empty\" after the update"));
    issue.insert("created_at".into(), json!("2026-01-15T12:00:00Z"));
    issue.insert(
        "body".into(),
        json!("It worked yesterday.\n\nSteps:\n1. open\n2. wait\n".repeat(30)),
    );
    issue.insert(
        "user".into(),
        json!({ "login": "mona", "links": links("user", 12) }),
    );
    issue.insert("labels".into(), json!([{ "name": "bug" }, { "name": "p1" }]));
    let mut repository = links("repository", 70);
    repository.insert("full_name".into(), json!("acme/svc-78-api"));
    json!({ "action": "opened", "issue": issue, "repository": repository, "sender": { "login": "mona" } })
        .to_string()
        .into()
}

/// A book of one rule that holds.
fn book(more: &str) -> RuleBook {
    let file = SourceFile {
        path: "rules/one.toml".into(),
        text: format!(
            "description = \"d\"\non = \"github.issues\"\n{more}\n[[action]]\ntool = \"github.get_issue\"\n"
        ),
        unreadable: None,
    };
    let loaded = load(&[file], &json!({}), None);
    loaded.book.unwrap()
}

struct Bed {
    body: Bytes,
    headers: HeaderMap,
    secrets: Vec<GithubSecret>,
    delivery: Delivery,
    event: Event,
    books: Vec<(&'static str, RuleBook)>,
}

impl Bed {
    fn new() -> Self {
        let body = body();
        let secret = GithubSecret::new(SECRET).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json".to_owned()),
            ("x-github-event", "issues".to_owned()),
            ("x-github-delivery", "d".to_owned()),
            ("x-hub-signature-256", secret.sign(&body)),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let secrets = vec![secret];
        let delivery = receive::github(&secrets, &headers, body.clone(), Clock::system().now()).unwrap();
        let condition = "if = \"event.issue.title.startswith('The') and event.issue.labels | length > 1\"";
        let key = "[limits]\nkey = \"{{ event.repository.full_name }}/{{ event.issue.number }}\"";
        Self {
            event: normalize::event(delivery.clone()).unwrap(),
            delivery,
            body,
            headers,
            secrets,
            books: vec![
                ("match, one rule", book("[when]\naction = \"opened\"")),
                (
                    "and an `if`",
                    book(&format!("{condition}\n[when]\naction = \"opened\"")),
                ),
                (
                    "and a template",
                    book(&format!("[when]\naction = \"opened\"\n{key}")),
                ),
            ],
        }
    }

    fn stages(&self) -> Vec<Measured<'_, &'static str>> {
        let mut stages: Vec<Measured<'_, &'static str>> = vec![
            ("signature", Box::new(|| self.sign())),
            ("verification", Box::new(|| self.verify())),
            (
                "envelope",
                Box::new(|| drop(black_box(normalize::event(self.delivery.clone())))),
            ),
            (
                "parse the whole",
                Box::new(|| drop(black_box(normalize::parse(&self.body)))),
            ),
        ];
        for (name, book) in &self.books {
            // A copy has no value yet, as an event that has just come has none.
            let fresh = normalize::event(self.delivery.clone()).unwrap();
            stages.push((
                *name,
                Box::new(move || drop(black_box(book.candidates(&fresh.clone())))),
            ));
        }
        let book = &self.books[1].1;
        stages.push((
            "all of it, once parsed",
            Box::new(move || drop(black_box(book.candidates(&self.event)))),
        ));
        stages
    }

    fn sign(&self) {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(black_box(&self.body));
        black_box(mac.finalize());
    }

    fn verify(&self) {
        let now = Clock::system().now();
        let verified = receive::github(&self.secrets, &self.headers, self.body.clone(), now);
        drop(black_box(verified.unwrap()));
    }
}

fn main() {
    let bed = Bed::new();
    turns::print(bed.body.len(), &bed.stages());
    if std::env::args().any(|argument| argument == "--table") {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("stages");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for (name, call) in bed.stages() {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(&*call));
    }
    group.finish();
    criterion.final_summary();
}
