//! What a sender or an author could do to make matching slow, deep or wrong.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::json;
use xmrt::receive::DEPTH_MAX;
use xmrt::rules::{Verdict, load};

use super::{agreed, raw};
use crate::rules::{book, event, files, when};

fn fires(conditions: &str, body: &str) -> bool {
    let verdicts = agreed(&book(&when(conditions)), &raw("github.issues.opened", body));
    matches!(verdicts[0].1, Verdict::Fired { .. })
}

#[test]
fn a_payload_as_deep_as_the_door_lets_through_is_read() {
    // The object itself is the first level.
    let lists = DEPTH_MAX - 1;
    let body = format!("{{\"a\":{}5{}}}", "[".repeat(lists), "]".repeat(lists));
    assert!(fires("a = 5", &body));
}

#[test]
fn a_payload_that_is_too_deep_or_no_json_is_an_error_and_not_a_miss() {
    let rule = book(&when("a = 5"));
    let lists = 200_000;
    for (body, reason) in [
        (
            format!("{{\"a\":{}5{}}}", "[".repeat(lists), "]".repeat(lists)),
            "nested deeper than 128",
        ),
        ("{\"a\":5".to_owned(), "not JSON"),
        ("{\"a\":5} x".to_owned(), "not JSON"),
        ("{\"b\":[1,],\"a\":5}".to_owned(), "not JSON"),
    ] {
        let mut event = event("github.issues.opened", json!({}));
        event.body = Bytes::from(body);
        for evaluations in [
            rule.evaluate(&event),
            rule.candidates(&event)
                .into_iter()
                .map(|found| found.evaluation)
                .collect(),
        ] {
            match &evaluations[0].verdict {
                Verdict::Error(told) => assert!(told.contains(reason), "{told}"),
                other => panic!("{other:?} instead of {reason}"),
            }
        }
    }
    let mut event = event("github.issues.opened", json!({}));
    event.body = Bytes::from_static(b"{\"b\":\"\xff\"}");
    assert!(matches!(rule.evaluate(&event)[0].verdict, Verdict::Error(_)));
}

#[test]
fn what_is_skipped_may_be_as_deep_as_it_likes_and_costs_no_stack() {
    let lists = 200_000;
    let mut event = event("github.issues.opened", json!({ "a": 5 }));
    event.body = Bytes::from(format!(
        "{{\"b\":{}{},\"a\":5}}",
        "[".repeat(lists),
        "]".repeat(lists)
    ));
    let verdict = book(&when("a = 5")).evaluate(&event).remove(0).verdict;
    assert!(matches!(verdict, Verdict::Fired { .. }), "{verdict:?}");
}

/// A hundred thousand repetitions: each is replaced by the next in constant time, also when other values lie between.
#[test]
fn repeated_keys_do_not_cost_the_square_of_their_number() {
    let mut body = String::from("{\"a\":[");
    body.push_str(&"1,".repeat(100_000));
    body.push_str("1]");
    for n in 0..100_000 {
        let _ = write!(body, ",\"a\":{n},\"b\":{n}");
    }
    body.push('}');
    assert!(fires("a = 99999\nb = 99999", &body));
    assert!(!fires("a = 1", &body));
}

/// Ten thousand texts to look for, in a text that holds each of them a hundred thousand times.
#[test]
fn a_text_that_holds_every_part_everywhere_is_not_looked_at_for_every_place() {
    let texts: Vec<(String, String)> = (1..300)
        .map(|n| {
            (
                format!("rules/r{n}.toml"),
                when(&format!("a = {{ contains = \"{}\" }}", "a".repeat(n))),
            )
        })
        .collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let book = load(&files(&texts), &json!({}), None).book.unwrap();
    let event = event("github.issues.opened", json!({ "a": "a".repeat(1_000_000) }));
    assert_eq!(book.candidates(&event).len(), 299);
    let short = crate::rules::event("github.issues.opened", json!({ "a": "aaa" }));
    assert_eq!(book.candidates(&short).len(), 3);
}

#[test]
fn nested_ranges_are_all_found() {
    let texts: Vec<(String, String)> = (0..200)
        .map(|n| {
            let (from, to) = (n, 400 - n * (n % 3));
            (
                format!("rules/r{n}.toml"),
                when(&format!("a = {{ all = {{ gte = {from}, lte = {to} }} }}")),
            )
        })
        .collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let book = load(&files(&texts), &json!({}), None).book.unwrap();
    for value in (-1..402).step_by(7) {
        let verdicts = agreed(&book, &event("github.issues.opened", json!({ "a": value })));
        let fired = verdicts
            .iter()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Fired { .. }))
            .count();
        let expected = (0..200)
            .filter(|n| *n <= value && value <= 400 - n * (n % 3))
            .count();
        assert_eq!(fired, expected, "{value}");
        let candidates = book.candidates(&event("github.issues.opened", json!({ "a": value })));
        assert_eq!(
            candidates.len(),
            fired,
            "a range brings up what it holds and nothing else"
        );
    }
}

#[test]
fn an_expression_sees_what_it_would_see_of_the_whole_payload() {
    let body = r#"{"a":{"b":"x","items":5,"l":[1,{"c":"y"}]},"n":null}"#;
    for expression in [
        "event.a.b == 'x'",
        "event.a.l[1].c == 'y'",
        "event.a.b[:1] == 'x'",
        "event.a.l|length == 2",
        "event.a.missing.deeper",
        "event.missing is undefined",
        "event.n is none",
        "event.n.x",
        "event.a.b.c is undefined",
        "event.a.items == 5",
        "event.a.keys()",
        "event.a|length == 3 and event.a.b",
        "event.a.b|length == 1 and event.a|tojson == '{\"b\":\"x\",\"items\":5,\"l\":[1,{\"c\":\"y\"}]}'",
        "event|length == 2",
        "(event if true else meta).a.b == 'x'",
        "event['a'].b == 'x'",
    ] {
        let text = when("").replace(
            "\n\n[when]",
            &format!("\nif = \"{}\"\n\n[when]", expression.replace('"', "\\\"")),
        );
        agreed(&book(&text), &raw("github.issues.opened", body));
    }
}
