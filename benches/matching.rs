//! Matching: what an event costs against 10 to 100,000 rules, beside what must be paid anyway (the signature, checking the
//! JSON) and beside the obvious evaluator. Only ratios within one run mean something.
//!
//! `cargo bench --bench matching` prints a table of medians first, all variants taken in turns, and then what criterion
//! makes of each by itself; `-- --table` leaves it at the table.
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
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sha2::Sha256;
use xmrt::clock::Clock;
use xmrt::normalize::{self, Event};
use xmrt::receive::{Delivery, Internal, Maker, Source};
use xmrt::rules::{RuleBook, SourceFile, load};

use turns::Measured;

const RULES: [usize; 4] = [10, 1_000, 10_000, 100_000];

/// An issue that was opened, with as many fields as GitHub sends: about 12 KB.
fn payload() -> String {
    let links = |of: &str, count: usize| -> serde_json::Map<String, Value> {
        let link = |n| {
            (
                format!("{of}_link_{n}_url"),
                json!(format!(
                    "https://api.example.test/{of}/acme/svc-78-api/link{n}{{/id}}"
                )),
            )
        };
        (0..count).map(link).collect()
    };
    let person = |login: &str| {
        let mut person = links(login, 12);
        person.insert("login".into(), json!(login));
        person.insert("id".into(), json!(1_234_567));
        person
    };
    let mut issue = links("issue", 10);
    issue.extend([
        ("number".into(), json!(1347)),
        (
            "title".into(),
            json!("The page stays empty after the \"update\": word-4244 is missing"),
        ),
        (
            "body".into(),
            json!("It worked yesterday.\n\nSteps:\n1. open\n2. wait\n".repeat(30)),
        ),
        ("user".into(), Value::Object(person("mona"))),
        (
            "labels".into(),
            json!([{ "name": "bug", "color": "ff0000" }, { "name": "label-7", "color": "00ff00" }]),
        ),
        ("locked".into(), json!(false)),
        ("comments".into(), json!(0)),
    ]);
    let mut repository = links("repository", 60);
    repository.extend([
        ("name".into(), json!("svc-78-api")),
        ("full_name".into(), json!("acme/svc-78-api")),
        ("private".into(), json!(true)),
        ("owner".into(), Value::Object(person("acme"))),
    ]);
    json!({ "action": "opened", "issue": issue, "repository": repository, "sender": person("user-10") })
        .to_string()
}

/// One rule in six of each shape. The event is made so that a few hold: one of 10, three of 1,000, four of more.
fn conditions(n: usize) -> String {
    match n % 6 {
        0 => format!("action = \"opened\"\nrepository.full_name = \"acme/svc-{n}-api\""),
        1 => format!("action = \"opened\"\nissue.labels.name = \"label-{n}\"\nissue.locked = false"),
        2 => format!("issue.title = {{ contains = \"word-{n} \" }}\nsender.login = {{ not = \"robot\" }}"),
        3 => format!("repository.name = {{ glob = \"svc-{n}-*\" }}\nissue.comments = {{ lt = 3 }}"),
        4 => format!("sender.login = [\"user-{n}\", \"user-{n}-too\"]\naction = \"opened\""),
        _ => format!(
            "repository.full_name = {{ suffix = \"/{n}-site\", ignore_case = true }}\nissue.number = {{ gt = {n} }}"
        ),
    }
}

fn book(rules: usize) -> RuleBook {
    let files: Vec<SourceFile> = (0..rules)
        .map(|n| SourceFile {
            path: format!("rules/rule-{n}.toml"),
            text: format!(
                "description = \"d\"\non = \"github.issues\"\n[when]\n{}\n[[action]]\ntool = \"github.get_issue\"\n",
                conditions(n)
            ),
            unreadable: None,
        })
        .collect();
    load(&files, &json!({}), None).book.unwrap()
}

fn event(body: &Bytes) -> Event {
    let given = Internal {
        by: Maker::Given,
        source: Source::github(),
        id: "d".into(),
        kind: "issues".into(),
        body: body.clone(),
        actor: None,
        after: None,
        detail: None,
    };
    let delivery = Delivery::internal(given, Clock::system().now());
    normalize::event(delivery).unwrap()
}

struct Bed {
    body: Bytes,
    event: Event,
    books: Vec<(usize, RuleBook)>,
}

impl Bed {
    fn verify(&self) {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"a secret for measuring").unwrap();
        mac.update(black_box(&self.body));
        black_box(mac.finalize());
    }

    fn check(&self) {
        let text = std::str::from_utf8(black_box(&self.body)).unwrap();
        black_box(serde_json::from_str::<IgnoredAny>(text).unwrap());
    }

    fn parse(&self) {
        black_box(serde_json::from_slice::<Value>(black_box(&self.body)).unwrap());
    }

    fn variants(&self) -> Vec<Measured<'_, String>> {
        let mut variants: Vec<Measured<'_, String>> = vec![
            ("signature".into(), Box::new(|| self.verify())),
            ("check the JSON".into(), Box::new(|| self.check())),
            ("parse the JSON".into(), Box::new(|| self.parse())),
        ];
        for (rules, book) in &self.books {
            let event = &self.event;
            variants.push((
                format!("pass and match, {rules}"),
                Box::new(move || {
                    black_box(book.candidates(black_box(event)));
                }),
            ));
            variants.push((
                format!("naive, {rules}"),
                Box::new(move || {
                    black_box(book.evaluate_naively(black_box(event)));
                }),
            ));
        }
        variants
    }
}

fn table(bed: &Bed) {
    turns::print(bed.body.len(), &bed.variants());
    for (rules, book) in &bed.books {
        let coverage = book.coverage();
        let candidates = book.candidates(&bed.event).len();
        println!(
            "{rules} rules: {} indexed, {} scanned, {candidates} candidates",
            coverage.indexed, coverage.scanned
        );
    }
}

fn main() {
    let body = Bytes::from(payload());
    let bed = Bed {
        event: event(&body),
        body,
        books: RULES.iter().map(|rules| (*rules, book(*rules))).collect(),
    };
    table(&bed);
    if std::env::args().any(|argument| argument == "--table") {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("matching");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for (name, call) in bed.variants() {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(&*call));
    }
    group.finish();
    criterion.final_summary();
}
