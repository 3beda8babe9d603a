//! The engine against the obvious evaluator on random rules and payloads, then what could make it slow or wrong.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use serde_json::json;
use xmrt::normalize::{self, Event};
use xmrt::rules::{Coverage, RuleBook, Verdict, load};

use crate::rules::{event, files, when};

mod filings;
mod limits;

/// How many random books are tried: more in `scripts/fuzz-matching`.
const CASES: u32 = 600;
const CASES_VARIABLE: &str = "XMRT_MATCHING_CASES";

/// An event with exactly these bytes.
pub(super) fn raw(kind: &str, body: &str) -> Event {
    let mut event = event(kind, normalize::parse(body.as_bytes()).unwrap());
    event.body = Bytes::copy_from_slice(body.as_bytes());
    event
}

/// What each rule says, in both ways; and the candidates leave nothing out.
pub(super) fn agreed(book: &RuleBook, event: &Event) -> Vec<(String, Verdict)> {
    let told = |evaluations: Vec<xmrt::rules::Evaluation>| -> Vec<(String, Verdict)> {
        evaluations
            .into_iter()
            .map(|evaluation| (evaluation.rule.id.clone(), evaluation.verdict))
            .collect()
    };
    let fast = told(book.evaluate(event));
    assert_eq!(
        fast,
        told(book.evaluate_naively(event)),
        "{} {}",
        event.kind.0,
        String::from_utf8_lossy(&event.body)
    );
    let acting = |verdict: &Verdict| matches!(verdict, Verdict::Fired { .. } | Verdict::Error(_));
    let expected: Vec<_> = fast
        .iter()
        .filter(|(_, verdict)| acting(verdict))
        .cloned()
        .collect();
    let candidates = told(
        book.candidates(event)
            .into_iter()
            .map(|found| found.evaluation)
            .collect(),
    );
    let found: Vec<_> = candidates
        .into_iter()
        .filter(|(_, verdict)| acting(verdict))
        .collect();
    assert_eq!(found, expected);
    fast
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    "ba",
    "abb",
    "aB",
    "AB",
    "k",
    "K",
    "s",
    "S",
    "ks",
    "\u{212a}",
    "\u{17f}",
    "\u{130}",
    "ä",
    "Ä",
    "a/b",
    "a/k",
    "/",
    ".",
    "a.b",
    "a-k",
    "10.0.0.1",
    "10.1.2.3",
    "11.0.0.1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "v1.2.3",
    "2.0.0",
    "1.0.0-a",
    "2026-01-01T00:00:00Z",
    "2026-01-01T01:30:00+01:00",
    "2026-01-01",
    "true",
    "5",
    "two\nlines",
    "\"",
    "\\",
    "Σ",
    "ς",
    "ΑΣ",
];
const TOML_NUMBERS: &[&str] = &[
    "0",
    "1",
    "5",
    "5.0",
    "5.5",
    "-1",
    "-0.0",
    "9007199254740993",
    "9007199254740992",
    "9007199254740992.0",
    "9223372036854775807",
    "-9223372036854775808",
    "1e300",
    "1e-7",
    "9223372036854775808.0",
    "nan",
    "inf",
];
const JSON_NUMBERS: &[&str] = &[
    "0",
    "1",
    "5",
    "5.0",
    "5.5",
    "-1",
    "-0.0",
    "-0",
    "5e0",
    "50e-1",
    "9007199254740993",
    "9007199254740992",
    "9007199254740992.0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "1e-7",
    "1e-400",
    "123456789012345678901234567890",
];
const TIMES: &[&str] = &[
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:30:00Z",
    "2025-12-31T23:59:59.5Z",
];
const NETS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.0.0.1",
    "0.0.0.0/0",
    "2001:db8::/32",
    "::/0",
    "10.9.9.9/8",
    "::ffff:10.0.0.0/104",
];
const PATHS: &[&str] = &["a", "b", "c", "a.b", "a.c", "b.c", "a.b.c", "c.c.c", "d"];
const REGEX: &[&str] = &[
    "a", "b", "k", "A", "^", "$", ".", "|", "(a|b)", "(ab|k)", "a*", "b+", "[ab]", "\\b", "(?:ab)", "ä",
    "(?i)", "a{2}", "(?m)$", "(?s).*", "S",
];
const GLOB: &[&str] = &["*", "**", "?", "a", "b", "/", "[ab]", "[!a]", "-k", "K", "s", "."];

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn text() -> impl Strategy<Value = String> {
    select(TEXTS).prop_map(quoted)
}

fn toml_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        2 => select(TOML_NUMBERS).prop_map(str::to_owned),
        1 => any::<bool>().prop_map(|flag| flag.to_string()),
    ]
}

fn pieces(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(select(from), 0..5).prop_map(|pieces| quoted(&pieces.concat()))
}

/// A string, or a list of which one must match.
fn one_or_some(one: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let one = one.boxed();
    prop_oneof![
        3 => one.clone(),
        1 => prop::collection::vec(one, 1..4).prop_map(|some| format!("[{}]", some.join(", "))),
    ]
}

fn count() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4_u32).prop_map(|n| n.to_string()),
        (0..4_u32, 0..4_u32).prop_map(|(from, to)| format!("{{ gte = {from}, lt = {to} }}")),
        Just("{ equals = 1.0 }".to_owned()),
    ]
}

/// `operator = operand` for one operator.
fn operator(set: bool, inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let named = |name: &'static str, operand: BoxedStrategy<String>| {
        operand
            .prop_map(move |operand| format!("{name} = {operand}"))
            .boxed()
    };
    let order = prop_oneof![
        3 => select(TOML_NUMBERS).prop_filter("a bound is a number", |text| *text != "nan" && *text != "inf").prop_map(str::to_owned),
        1 => select(TIMES).prop_map(quoted),
    ]
    .boxed();
    let semver = select(&[">=1, <2", "=2.0.0", "*", ">=1.0.0-a"][..]).prop_map(quoted);
    let mut all = vec![
        named("equals", toml_scalar().boxed()),
        named("not", inner.clone()),
        named("all", inner),
        named("exists", any::<bool>().prop_map(|flag| flag.to_string()).boxed()),
        named("prefix", one_or_some(text()).boxed()),
        named("suffix", one_or_some(text()).boxed()),
        named("contains", one_or_some(text()).boxed()),
        named("glob", one_or_some(pieces(GLOB)).boxed()),
        named("regex", one_or_some(pieces(REGEX)).boxed()),
        named("lt", order.clone()),
        named("lte", order.clone()),
        named("gt", order.clone()),
        named("gte", order),
        named("cidr", one_or_some(select(NETS).prop_map(quoted)).boxed()),
        named("semver", one_or_some(semver).boxed()),
    ];
    if set {
        all.push(named("count", count().boxed()));
    }
    prop::strategy::Union::new(all).boxed()
}

/// What stands behind a path.
fn operand(set: bool, depth: u32) -> BoxedStrategy<String> {
    if depth == 0 {
        return toml_scalar().boxed();
    }
    let table = (
        prop::collection::vec(operator(set, operand(false, depth - 1)), 1..4),
        prop::option::weighted(0.3, any::<bool>()),
    )
        .prop_map(|(mut operators, fold)| {
            // A table names each operator once.
            operators.sort_unstable();
            operators.dedup_by_key(|text| text.split(' ').next().map(str::to_owned));
            operators.extend(fold.map(|fold| format!("ignore_case = {fold}")));
            format!("{{ {} }}", operators.join(", "))
        });
    prop_oneof![
        2 => toml_scalar(),
        1 => prop::collection::vec(operand(set, depth - 1), 1..4).prop_map(|items| format!("[{}]", items.join(", "))),
        4 => table,
    ]
    .boxed()
}

/// The lines of a `[when]`, or of a branch of a group.
fn conditions(depth: u32) -> BoxedStrategy<Vec<String>> {
    let fields = subsequence(PATHS, 1..4).prop_flat_map(|paths| {
        paths
            .into_iter()
            .map(|path| operand(true, 2).prop_map(move |operand| format!("\"{path}\" = {operand}")))
            .collect::<Vec<_>>()
    });
    if depth == 0 {
        return fields.boxed();
    }
    let branch = || conditions(depth - 1).prop_map(|lines| format!("{{ {} }}", lines.join(", ")));
    let branches = || prop::collection::vec(branch(), 1..4).prop_map(|all| format!("[{}]", all.join(", ")));
    let group = prop_oneof![
        3 => branches().prop_map(|all| format!("any = {all}")),
        1 => branches().prop_map(|all| format!("all = {all}")),
        1 => branch().prop_map(|one| format!("not = {one}")),
    ];
    (fields, prop::option::weighted(0.5, group), any::<bool>())
        .prop_map(|(mut lines, group, alone)| {
            if alone && group.is_some() {
                lines.clear();
            }
            lines.extend(group);
            lines
        })
        .boxed()
}

const ON: &[&str] = &[
    r#""github.issues""#,
    r#""github.issues.opened""#,
    r#""github.issues.*""#,
    r#""github.*""#,
    r#""*""#,
    r#"["github.push", "github.issues", "github.issues.opened"]"#,
];
const KINDS: &[&str] = &[
    "github.issues.opened",
    "github.issues",
    "github.push",
    "render.deploy_ended",
];
const IFS: &[&str] = &[
    "event.a == event.b",
    "event.a is defined and event.a.b",
    "event.b|length > 1",
    "'a' in event.c",
    "event.a[0] == 'a'",
    "event.a[:1] == 'a'",
    "event.a.b.c == 5 or event.d",
    "event|length > 2",
    "event.a|items|length > 0",
    "event.a.items() == 5",
    "event.a|tojson == '5'",
    "(event.a or event).b == 'a'",
    "meta.type == 'github.push' and vars.x",
];
const KEYS: &[&str] = &[
    "{{ event.a }}",
    "{{ event.a.b }}-{{ event.c }}",
    "{% for x in event.a %}{{ x }}{% endfor %}x",
    "{% set event = event.b %}{{ event }}",
    "{{ event }}",
];

fn rule() -> impl Strategy<Value = String> {
    (
        select(ON),
        prop_oneof![Just("live"), Just("live"), Just("shadow"), Just("off")],
        prop::option::weighted(0.2, select(IFS)),
        prop::option::weighted(0.2, select(KEYS)),
        prop::option::weighted(0.95, conditions(2)),
    )
        .prop_map(|(on, mode, condition, key, when)| {
            let mut text = format!("description = \"d\"\non = {on}\nmode = \"{mode}\"\n");
            if mode == "off" {
                text.push_str("off_reason = \"r\"\n");
            }
            if let Some(condition) = condition {
                text.push_str(&format!("if = {}\n", quoted(condition)));
            }
            if let Some(when) = when {
                text.push_str(&format!("[when]\n{}\n", when.join("\n")));
            }
            if let Some(key) = key {
                text.push_str(&format!("[limits]\nkey = {}\n", quoted(key)));
            }
            text.push_str("[[action]]\ntool = \"github.get_issue\"\n");
            text
        })
}

/// A string as JSON, plain or with every character escaped.
fn json_text(text: &str, escaped: bool) -> String {
    if !escaped {
        return json!(text).to_string();
    }
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

fn json_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (select(TEXTS), any::<bool>()).prop_map(|(text, escaped)| json_text(text, escaped)),
        3 => select(JSON_NUMBERS).prop_map(str::to_owned),
        1 => select(&["null", "true", "false"][..]).prop_map(str::to_owned),
    ]
}

/// An object's keys may come twice.
fn json_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = (
        select(&["a", "b", "c", "d", "e", "aa"][..]),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(key, escaped)| json_text(key, escaped));
    prop::collection::vec((key, value), 0..5).prop_map(|fields| {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(key, value)| format!("{key} : {value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    })
}

fn payload() -> impl Strategy<Value = String> {
    let value = json_scalar().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {} ]", items.join(","))),
            json_object(inner),
        ]
    });
    json_object(value)
}

fn named(texts: &[String]) -> Vec<(String, &str)> {
    let paths = (0..texts.len()).map(|at| format!("rules/r{at}.toml"));
    paths.zip(texts.iter().map(String::as_str)).collect()
}

/// A book of those of the rules that load: the generator also writes some that are nonsense.
fn book_of(texts: &[String]) -> RuleBook {
    let sound: Vec<String> = texts
        .iter()
        .filter(|text| {
            load(&files(&[("rules/r.toml", text)]), &json!({}), None)
                .book
                .is_some()
        })
        .cloned()
        .collect();
    let named = named(&sound);
    let named: Vec<(&str, &str)> = named.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    load(&files(&named), &json!({ "x": 1 }), None).book.unwrap()
}

#[test]
fn the_engine_and_the_obvious_evaluator_agree_on_random_rules_and_payloads() {
    let cases = std::env::var(CASES_VARIABLE).map_or(CASES, |text| text.parse().unwrap());
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut seen = Coverage::default();
    let (mut fired, mut missed, mut erred) = (0, 0, 0);
    let strategy = (
        prop::collection::vec(rule(), 1..6),
        prop::collection::vec((select(KINDS), payload()), 1..9),
    );
    let mut runner = TestRunner::new(config);
    let outcome = {
        let tally = std::cell::RefCell::new((&mut seen, &mut fired, &mut missed, &mut erred));
        runner.run(&strategy, |(rules, payloads)| {
            let book = book_of(&rules);
            let mut tally = tally.borrow_mut();
            let coverage = book.coverage();
            tally.0.indexed += coverage.indexed;
            tally.0.scanned += coverage.scanned;
            for (kind, body) in payloads {
                for (_, verdict) in agreed(&book, &raw(kind, &body)) {
                    match verdict {
                        Verdict::Fired { .. } => *tally.1 += 1,
                        Verdict::Missed => *tally.2 += 1,
                        Verdict::Error(_) => *tally.3 += 1,
                        Verdict::Off => {}
                    }
                }
            }
            Ok(())
        })
    };
    outcome.unwrap();
    // A generator that never hits anything would agree on nothing but silence.
    let enough = cases / 20;
    assert!(
        seen.indexed as u32 > enough && seen.scanned as u32 > enough,
        "{seen:?}"
    );
    assert!(
        fired > enough && missed > enough && erred > cases / 200,
        "{fired} {missed} {erred}"
    );
}

/// Every text filed in every way at once: what one table misses, another must not hide.
#[test]
fn many_rules_on_one_path_are_all_found() {
    let mut rules = Vec::new();
    for operator in ["equals", "prefix", "suffix", "contains"] {
        for text in TEXTS {
            for fold in [false, true] {
                rules.push(when(&format!(
                    "a = {{ {operator} = {}, ignore_case = {fold} }}",
                    quoted(text)
                )));
            }
        }
    }
    let book = book_of(&rules);
    let mut fired = 0;
    for text in TEXTS {
        let event = event("github.issues.opened", json!({ "a": [text, "x"] }));
        fired += agreed(&book, &event)
            .iter()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Fired { .. }))
            .count();
    }
    assert!(fired > TEXTS.len() * 8, "{fired}");
}
