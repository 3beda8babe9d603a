//! Each way in which a rule is filed: it comes up when it must, and `coverage` says how.

use serde_json::{Value, json};
use xmrt::rules::{Coverage, RuleBook, Verdict, load};

use super::{agreed, raw};
use crate::rules::{book, event, files, when};

fn filed(conditions: &str) -> Coverage {
    book(&when(conditions)).coverage()
}

const INDEXED: Coverage = Coverage {
    indexed: 1,
    named: 0,
    scanned: 0,
    off: 0,
};
const SCANNED: Coverage = Coverage {
    indexed: 0,
    named: 0,
    scanned: 1,
    off: 0,
};

/// Whether the rule is a candidate of this payload, and whether it fires.
fn comes_up(book: &RuleBook, payload: Value) -> (bool, bool) {
    let event = event("github.issues.opened", payload);
    let fires = matches!(agreed(book, &event)[0].1, Verdict::Fired { .. });
    (!book.candidates(&event).is_empty(), fires)
}

/// Conditions, and two values of `a`: one that brings the rule up and one that does not.
fn check(rows: &[(&str, Value, Value)]) {
    for (conditions, hit, miss) in rows {
        let book = book(&when(conditions));
        assert_eq!(book.coverage(), INDEXED, "{conditions}");
        assert_eq!(
            comes_up(&book, json!({ "a": hit })),
            (true, true),
            "{conditions} on {hit}"
        );
        assert_eq!(
            comes_up(&book, json!({ "a": miss })),
            (false, false),
            "{conditions} on {miss}"
        );
        assert_eq!(
            comes_up(&book, json!({ "b": hit })),
            (false, false),
            "{conditions} elsewhere"
        );
    }
}

#[test]
fn a_rule_comes_up_by_an_equal_text_number_or_boolean() {
    check(&[
        (r#"a = "x""#, json!(["w", "x"]), json!("X")),
        ("a = 5", json!(5.0), json!(6)),
        (
            "a = 9007199254740993",
            json!(9_007_199_254_740_993_u64),
            json!("9007199254740993"),
        ),
        ("a = -0.0", json!(0), json!(1)),
        ("a = true", json!(true), json!(false)),
        (r#"a = ["x", 5, true]"#, json!(true), json!("true")),
        (
            r#"a = { equals = "STRASSE", ignore_case = true }"#,
            json!("Strasse"),
            json!("Straße"),
        ),
        (
            r#"a = { equals = "ÄRGER", ignore_case = true }"#,
            json!("ärger"),
            json!("arger"),
        ),
    ]);
}

#[test]
fn a_rule_comes_up_by_the_beginning_the_end_or_a_part_of_a_text() {
    check(&[
        (r#"a = { prefix = "re" }"#, json!("release"), json!("pre")),
        (
            r#"a = { prefix = ["release/", "re", "ä"] }"#,
            json!("ärger"),
            json!("r"),
        ),
        (r#"a = { suffix = "-prod" }"#, json!("api-prod"), json!("prod")),
        (r#"a = { suffix = "é" }"#, json!("café"), json!("caf\u{a9}")),
        (r#"a = { contains = "lea" }"#, json!("release"), json!("le a")),
        (
            r#"a = { contains = ["aba", "bab"] }"#,
            json!("xabab"),
            json!("abba"),
        ),
        (
            r#"a = { prefix = "RE", ignore_case = true }"#,
            json!("Release"),
            json!("elease"),
        ),
        (
            r#"a = { suffix = "SE", ignore_case = true }"#,
            json!("Release"),
            json!("s"),
        ),
        (
            r#"a = { contains = "LEA", ignore_case = true }"#,
            json!("RELEASE"),
            json!("lae"),
        ),
    ]);
}

#[test]
fn a_glob_or_a_regular_expression_comes_up_by_a_text_it_demands() {
    check(&[
        (r#"a = { glob = "api" }"#, json!("api"), json!("api-prod")),
        (
            r#"a = { glob = "*-prod" }"#,
            json!("api-prod"),
            json!("api-prod-2"),
        ),
        (
            r#"a = { glob = "release/**" }"#,
            json!("release/1"),
            json!("a/release/1"),
        ),
        (
            r#"a = { glob = "**/src/*.rs" }"#,
            json!("x/src/a.rs"),
            json!("x/lib/a.rs"),
        ),
        (r#"a = { glob = "v[0-9].0" }"#, json!("v1.0"), json!("1.0")),
        (
            r#"a = { regex = "^(fix|feat)(\\(.*\\))?: " }"#,
            json!("fix: x"),
            json!("docs x"),
        ),
        (
            r#"a = { regex = "(deploy|roll ?back) now" }"#,
            json!("rollback now"),
            json!("rollback later"),
        ),
        (r#"a = { regex = "(ab)+c?" }"#, json!("xabab"), json!("ac")),
        (
            r#"a = { regex = "URGENT", ignore_case = true }"#,
            json!("so urgent!"),
            json!("so urge"),
        ),
        // The sign for Kelvin is a `k` to a regular expression that ignores case, but not to lower case.
        (
            r#"a = { regex = "ticket", ignore_case = true }"#,
            json!("TIC\u{212a}ET"),
            json!("t"),
        ),
    ]);
}

#[test]
fn a_rule_comes_up_by_an_address_a_number_or_a_time_in_range() {
    check(&[
        (
            r#"a = { cidr = "10.0.0.0/8" }"#,
            json!("10.9.9.9"),
            json!("11.0.0.1"),
        ),
        (
            r#"a = { cidr = "10.9.9.9/8" }"#,
            json!("::ffff:10.0.0.1"),
            json!("::10.0.0.1"),
        ),
        (
            r#"a = { cidr = ["2001:db8::/32", "::1"] }"#,
            json!("::1"),
            json!("::2"),
        ),
        ("a = { gt = 5 }", json!([1, 5.5]), json!(4)),
        (
            "a = { gte = 9007199254740993 }",
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_000_u64),
        ),
        ("a = { lt = -1.5 }", json!(-2), json!(-1)),
        ("a = { all = { gt = 3, lt = 5 } }", json!(4), json!(6)),
        (
            r#"a = { gt = "2026-01-01T00:00:00Z" }"#,
            json!("2026-01-01T01:30:00+01:00"),
            json!("2025-01-01T00:00:00Z"),
        ),
        (
            r#"a = { all = { gte = "2026-01-01T00:00:00Z", lt = "2026-02-01T00:00:00Z" } }"#,
            json!("2026-01-15T00:00:00Z"),
            json!("2026-03-01T00:00:00Z"),
        ),
    ]);
}

#[test]
fn a_rule_of_several_branches_comes_up_by_each() {
    let conditions = "any = [{ a = \"x\", b = { not = 1 } }, { all = [{ a = { prefix = \"yy\" } }] }, { any = [{ a = 5 }, { c = true }] }]";
    let book = book(&when(conditions));
    assert_eq!(book.coverage(), INDEXED);
    for (payload, expected) in [
        (json!({ "a": "x" }), (true, true)),
        (json!({ "a": "x", "b": 1 }), (true, false)),
        (json!({ "a": "yyy" }), (true, true)),
        (json!({ "a": 5 }), (true, true)),
        (json!({ "c": true }), (true, true)),
        (json!({ "c": false, "a": "z" }), (false, false)),
    ] {
        assert_eq!(comes_up(&book, payload.clone()), expected, "{payload}");
    }
}

#[test]
fn what_holds_for_something_absent_is_scanned() {
    for conditions in [
        "",
        r#"a = { not = "x" }"#,
        r#"not = { a = "x" }"#,
        "a = { exists = false }",
        "a = { exists = true }",
        "a = { count = 0 }",
        r#"a = { prefix = "" }"#,
        r#"a = { glob = "*" }"#,
        r#"a = { regex = "x*" }"#,
        r#"a = { regex = "x|" }"#,
        r#"a = { semver = ">=1" }"#,
        r#"any = [{ a = "x" }, { b = { not = "y" } }]"#,
        r#"a = ["x", { not = "y" }]"#,
    ] {
        assert_eq!(filed(conditions), SCANNED, "{conditions}");
    }
    for conditions in [
        "a = \"x\"\nb = { not = 1 }",
        r#"a = { all = { not = "y", prefix = "x" } }"#,
        r#"a = { prefix = "x", not = "xy" }"#,
    ] {
        assert_eq!(filed(conditions), INDEXED, "{conditions}");
    }
}

#[test]
fn a_rule_is_filed_under_what_the_fewest_rules_mention() {
    let mut texts: Vec<(String, String)> = (0..50)
        .map(|n| {
            let conditions =
                format!("action = \"opened\"\nrepository.full_name = \"acme/r{n}\"\nissue.locked = false");
            (format!("rules/r{n}.toml"), when(&conditions))
        })
        .collect();
    texts.push((
        "rules/off.toml".into(),
        when("").replace("[when]", "mode = \"off\"\noff_reason = \"r\"\n[when]"),
    ));
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let book = load(&files(&texts), &json!({}), None).book.unwrap();
    let payload =
        json!({ "action": "opened", "repository": { "full_name": "acme/r7" }, "issue": { "locked": false } });
    let candidates = book.candidates(&event("github.issues.opened", payload));
    let ids: Vec<&str> = candidates
        .iter()
        .map(|found| found.evaluation.rule.id.as_str())
        .collect();
    assert_eq!(ids, ["r7"], "the action and the lock are the same for all");
    assert_eq!(book.coverage().off, 1);
    let by_file = book.coverage_by_file();
    assert_eq!((by_file.len(), by_file["rules/r7.toml"]), (51, INDEXED));
}

#[test]
fn a_candidate_that_misses_says_where() {
    let book = book(&when("a = \"x\"\nb = { not = 1 }\nc = 5"));
    for (payload, failed) in [
        (json!({ "a": "x", "b": 1, "c": 6 }), Some(1)),
        (json!({ "a": "x", "c": 6 }), Some(2)),
        (json!({ "a": "x", "c": 5 }), None),
    ] {
        let candidates = book.candidates(&event("github.issues.opened", payload.clone()));
        let [found] = candidates.as_slice() else {
            panic!("{payload}: {candidates:?}");
        };
        assert_eq!(found.failed, failed, "{payload}");
        assert_eq!(failed.is_some(), found.evaluation.verdict == Verdict::Missed);
    }
    // Filed under `a`: without it the rule is not even looked at.
    let none = book.candidates(&event("github.issues.opened", json!({ "c": 5 })));
    assert!(none.is_empty(), "{none:?}");
}

#[test]
fn the_last_of_two_equal_keys_wins_as_in_every_parser_here() {
    let rule = book(&when("any = [{ a.b = 1 }, { a.c = 1 }, { l.a = 1 }]"));
    for (body, fires) in [
        (r#"{"a":{"b":1},"a":{"c":2}}"#, false),
        (r#"{"a":{"b":2},"a":{"c":1}}"#, true),
        (r#"{"a":{"b":1},"x":0,"a":5}"#, false),
        (r#"{"a":{"b":1,"c":3,"b":2}}"#, false),
        (r#"{"a":{"b":2,"c":3,"\u0062":1}}"#, true),
        (
            r#"{"a":{"b":1},"l":{"a":1},"a":{},"l":[{"a":2,"a":3},{"a":1}]}"#,
            true,
        ),
        (
            r#"{"a":{"b":1},"l":{"a":1},"a":{},"l":[{"a":1,"a":3},{"a":2}]}"#,
            false,
        ),
        // A repeated key that led to nothing, behind one that was replaced.
        (r#"{"a":{"b":1},"l":{},"a":5,"l":{},"l":{"a":1}}"#, true),
        (r#"{"a":[{"b":1}],"l":"","a":"","l":""}"#, false),
        // Each element is an object of its own: these are not repetitions.
        (r#"{"l":[{"a":1},{"a":2}]}"#, true),
    ] {
        let fired = matches!(
            agreed(&rule, &raw("github.issues.opened", body))[0].1,
            Verdict::Fired { .. }
        );
        assert_eq!(fired, fires, "{body}");
    }
}

#[test]
fn kinds_of_events_cover_what_is_below_them() {
    for on in [
        "*",
        "github.*",
        "github.issues",
        "github.issues.*",
        "github.issues.opened",
        "render.*",
    ] {
        let rule = book(&when("a = 1").replace("\"github.issues\"", &format!("\"{on}\"")));
        for kind in [
            "github.issues.opened",
            "github.issues",
            "github.issues_x.opened",
            "github.push",
            "render.a.b.c",
            "github..a",
            ".",
        ] {
            agreed(&rule, &event(kind, json!({ "a": 1 })));
        }
    }
}

/// The parser's library has private markers of that name; to us it is a key like any other.
#[test]
fn no_key_of_a_payload_turns_an_object_into_something_else() {
    let rule = book(&when("any = [{ a.b = 1 }, { a = 1 }]"));
    for marker in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        for hidden in [r#"{\"b\":1}"#, "1", "no JSON"] {
            let body = format!(r#"{{"a":{{"{marker}":"{hidden}"}}}}"#);
            let event = raw("github.issues.opened", &body);
            assert!(event.payload["a"][marker].is_string(), "{body}");
            assert_eq!(agreed(&rule, &event)[0].1, Verdict::Missed, "{body}");
        }
    }
}

#[test]
fn what_only_its_own_name_can_start_is_no_scan_for_anybody() {
    let of = |on: &str| {
        let rest = "\n\n[[action]]\ntool = \"xmrt.notify\"\n";
        book(&format!("description = \"d\"\non = {on}{rest}")).coverage()
    };
    let named = Coverage {
        named: 1,
        ..Coverage::default()
    };
    assert_eq!(of("\"schedule\"\ncron = \"0 9 * * 1\""), named);
    assert_eq!(of("\"manual\""), named);
    // Of these others come, too.
    assert_eq!(of("[\"manual\", \"github.issues\"]"), SCANNED);
    assert_eq!(of("\"xmrt.run_dead\""), SCANNED);
}
