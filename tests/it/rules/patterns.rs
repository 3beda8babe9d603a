//! `[when]`: one row per claim of the language.

use serde_json::{Value, json};
use xmrt::rules::Verdict;

use crate::rules::{book, event, load_one, verdict, when};

mod properties;

fn holds(conditions: &str, payload: Value) -> bool {
    match verdict(&book(&when(conditions)), &event("github.issues.opened", payload)) {
        Verdict::Fired { .. } => true,
        Verdict::Missed => false,
        other => panic!("{other:?}"),
    }
}

/// Every row: conditions, payload, whether they hold.
fn check(rows: &[(&str, Value, bool)]) {
    for (conditions, payload, expected) in rows {
        assert_eq!(
            holds(conditions, payload.clone()),
            *expected,
            "{conditions}\nfor {payload}"
        );
    }
}

#[test]
fn a_scalar_means_equals_and_is_strict_about_types() {
    check(&[
        (r#"a = "x""#, json!({"a": "x"}), true),
        (r#"a = "x""#, json!({"a": "X"}), false),
        (r#"a = "5""#, json!({"a": 5}), false),
        ("a = 5", json!({"a": "5"}), false),
        ("a = 5", json!({"a": 5.0}), true),
        ("a = 5.0", json!({"a": 5}), true),
        ("a = 9007199254740993", json!({"a": 9007199254740993_u64}), true),
        ("a = 9007199254740993", json!({"a": 9007199254740992_u64}), false),
        ("a = true", json!({"a": true}), true),
        ("a = true", json!({"a": "true"}), false),
        ("a = 1", json!({"a": true}), false),
        ("a = 1", json!({"b": 1}), false),
        ("a = 1", json!({"a": null}), false),
        (r#"a = { equals = "x" }"#, json!({"a": "x"}), true),
        (r#"a = { equals = ["x", "y"] }"#, json!({"a": "y"}), true),
    ]);
}

#[test]
fn a_path_is_the_set_of_values_it_reaches_with_arrays_flattened() {
    let labels = json!({"issue": {"labels": [{"name": "bug"}, {"name": "ui"}]}});
    check(&[
        (r#"issue.labels.name = "ui""#, labels.clone(), true),
        (r#""issue.labels.name" = "ui""#, labels.clone(), true),
        (r#"issue."labels.name" = "ui""#, labels.clone(), true),
        (r#"issue = { labels = { name = "ui" } }"#, labels.clone(), true),
        (r#"issue.labels.name = "docs""#, labels, false),
        (r#"a.b = 3"#, json!({"a": [[{"b": 1}], {"b": [2, [3]]}]}), true),
        (r#"a = 2"#, json!({"a": [1, [2]]}), true),
        (r#"a.b = 1"#, json!({"a": "text"}), false),
        (r#"action = "opened""#, json!({"action": "opened"}), true),
    ]);
}

#[test]
fn a_list_holds_when_some_element_holds() {
    check(&[
        (r#"a = ["x", "y"]"#, json!({"a": "y"}), true),
        (r#"a = ["x", "y"]"#, json!({"a": ["z", "x"]}), true),
        (r#"a = ["x", "y"]"#, json!({"a": "z"}), false),
        (r#"a = ["x", 5, true]"#, json!({"a": 5}), true),
        (r#"a = [{ prefix = "re" }, "x"]"#, json!({"a": "release"}), true),
        (r#"a = [{ prefix = "re" }, "x"]"#, json!({"a": "x"}), true),
        (r#"a = [{ prefix = "re" }, "x"]"#, json!({"a": "y"}), false),
    ]);
}

#[test]
fn not_holds_when_no_value_matches_also_when_the_path_is_absent() {
    let labels = |names: &[&str]| json!({ "labels": names });
    check(&[
        (r#"labels = { not = "bug" }"#, labels(&["ui"]), true),
        (r#"labels = { not = "bug" }"#, labels(&["ui", "bug"]), false),
        (r#"labels = { not = "bug" }"#, labels(&[]), true),
        (r#"labels = { not = "bug" }"#, json!({}), true),
        (
            r#"labels = { not = ["bug", "ui"] }"#,
            labels(&["docs", "ui"]),
            false,
        ),
        (r#"labels = { not = { prefix = "b" } }"#, labels(&["ui"]), true),
        (
            r#"labels = { not = { prefix = "b" } }"#,
            labels(&["ui", "bug"]),
            false,
        ),
        // Both operators are asked of one value: neither of these starts with b *and* ends with x.
        (
            r#"labels = { not = { prefix = "b", suffix = "x" } }"#,
            labels(&["bug", "box-", "ux"]),
            true,
        ),
        (
            r#"labels = { not = { prefix = "b", suffix = "x" } }"#,
            labels(&["ui", "box"]),
            false,
        ),
        (r#"labels = { not = { not = "bug" } }"#, labels(&["bug"]), true),
        (
            r#"labels = { not = { not = "bug" } }"#,
            labels(&["bug", "ui"]),
            false,
        ),
    ]);
}

#[test]
fn all_wants_a_value_and_every_value_to_match() {
    check(&[
        (r#"a = { all = "x" }"#, json!({"a": ["x", "x"]}), true),
        (r#"a = { all = "x" }"#, json!({"a": ["x", "y"]}), false),
        (r#"a = { all = "x" }"#, json!({"a": []}), false),
        (r#"a = { all = "x" }"#, json!({}), false),
        (r#"a = { all = ["x", "y"] }"#, json!({"a": ["x", "y"]}), true),
        (
            r#"a = { all = { prefix = "docs/" } }"#,
            json!({"a": ["docs/a", "docs/b"]}),
            true,
        ),
        (
            r#"a = { all = { prefix = "docs/", not = "docs/b" } }"#,
            json!({"a": ["docs/a", "docs/b"]}),
            false,
        ),
    ]);
}

#[test]
fn several_operators_hold_each_for_some_value() {
    check(&[
        ("a = { gt = 5, lt = 3 }", json!({"a": [1, 9]}), true),
        ("a = { gt = 5, lt = 3 }", json!({"a": [4, 9]}), false),
        ("a = { all = { gt = 3, lt = 5 } }", json!({"a": [4]}), true),
        (r#"a = { prefix = "x", not = "xy" }"#, json!({"a": "xz"}), true),
        (r#"a = { prefix = "x", not = "xy" }"#, json!({"a": "xy"}), false),
    ]);
}

#[test]
fn null_is_absent_for_exists() {
    check(&[
        ("a = { exists = true }", json!({"a": 0}), true),
        ("a = { exists = true }", json!({"a": false}), true),
        ("a = { exists = true }", json!({"a": null}), false),
        ("a = { exists = true }", json!({}), false),
        ("a = { exists = true }", json!({"a": []}), true),
        ("a = { exists = true }", json!({"a": {}}), true),
        (
            "a.b = { exists = true }",
            json!({"a": [{"b": null}, {"b": 1}]}),
            true,
        ),
        ("a.b = { exists = true }", json!({"a": [{"b": null}, {}]}), false),
        ("a.b = { exists = true }", json!({"a": []}), false),
        ("a = { exists = false }", json!({"a": null}), true),
        ("a = { exists = false }", json!({}), true),
        ("a = { exists = false }", json!({"a": ""}), false),
    ]);
}

#[test]
fn text_operators_match_text_only() {
    check(&[
        (r#"a = { prefix = "re" }"#, json!({"a": "release"}), true),
        (r#"a = { prefix = "re" }"#, json!({"a": "pre"}), false),
        (r#"a = { suffix = "se" }"#, json!({"a": "release"}), true),
        (r#"a = { suffix = "se" }"#, json!({"a": "sea"}), false),
        (
            r#"a = { contains = "lea" }"#,
            json!({"a": ["x", "release"]}),
            true,
        ),
        (r#"a = { contains = "1" }"#, json!({"a": 11}), false),
        (r#"a = { prefix = ["x", "re"] }"#, json!({"a": "release"}), true),
        (r#"a = { regex = "l.a" }"#, json!({"a": "release"}), true),
        (r#"a = { regex = "^l.a" }"#, json!({"a": "release"}), false),
        (r#"a = { regex = "5" }"#, json!({"a": 5}), false),
        (r#"a = { glob = "*" }"#, json!({"a": 5}), false),
    ]);
}

#[test]
fn ignore_case_modifies_every_operator_beside_it() {
    check(&[
        (
            r#"a = { equals = "BUG", ignore_case = true }"#,
            json!({"a": "bug"}),
            true,
        ),
        (
            r#"a = { equals = ["x", "BUG"], ignore_case = true }"#,
            json!({"a": "Bug"}),
            true,
        ),
        (
            r#"a = { equals = "BUG", ignore_case = false }"#,
            json!({"a": "bug"}),
            false,
        ),
        (
            r#"a = { equals = "ÄRGER", ignore_case = true }"#,
            json!({"a": "ärger"}),
            true,
        ),
        (
            r#"a = { not = "BUG", ignore_case = true }"#,
            json!({"a": "bug"}),
            false,
        ),
        (
            r#"a = { not = ["BUG"], ignore_case = true }"#,
            json!({"a": ["ui", "bug"]}),
            false,
        ),
        (
            r#"a = { not = { prefix = "B" }, ignore_case = true }"#,
            json!({"a": "bug"}),
            false,
        ),
        (
            r#"a = { prefix = "RE", ignore_case = true }"#,
            json!({"a": "release"}),
            true,
        ),
        (
            r#"a = { suffix = "SE", ignore_case = true }"#,
            json!({"a": "release"}),
            true,
        ),
        (
            r#"a = { contains = "LEA", ignore_case = true }"#,
            json!({"a": "release"}),
            true,
        ),
        (
            r#"a = { glob = "RE*", ignore_case = true }"#,
            json!({"a": "release"}),
            true,
        ),
        (
            r#"a = { regex = "^RE", ignore_case = true }"#,
            json!({"a": "release"}),
            true,
        ),
        (r#"a = { equals = 5, ignore_case = true }"#, json!({"a": 5}), true),
    ]);
}

#[test]
fn a_glob_is_anchored_and_its_star_stops_at_a_slash() {
    let rows = [
        ("*-prod", "api-prod", true),
        ("*-prod", "api-prod-2", false),
        ("release/*", "release/1", true),
        ("release/*", "release/1/2", false),
        ("release/**", "release/1/2", true),
        ("**/main", "main", true),
        ("**/main", "a/b/main", true),
        ("**/main", "a/bmain", false),
        ("docs/**/*.md", "docs/README.md", true),
        ("docs/**/*.md", "docs/a/b/file.md", true),
        ("docs/**/*.md", "docsfile.md", false),
        ("**/docs/**", "docs/hello.md", true),
        ("a**/b", "ab", false),
        ("**main", "a/b/main", true),
        ("v?.0", "v1.0", true),
        ("v?.0", "v10.0", false),
        ("a?c", "a/c", false),
        ("v[0-9]", "v7", true),
        ("v[0-9]", "vx", false),
        ("v[!0-9]", "vx", true),
        ("v[!0-9]", "v7", false),
        ("a[!x]c", "a/c", false),
        (r"a\\*", "a*", true),
        (r"a\\*", "ab", false),
        (r"a\\[b", "a[b", true),
        ("a.c", "abc", false),
        ("ü*", "über", true),
        ("*", "", true),
        ("*", "two\nlines", true),
    ];
    for (glob, text, expected) in rows {
        let conditions = format!("a = {{ glob = \"{glob}\" }}");
        assert_eq!(
            holds(&conditions, json!({ "a": text })),
            expected,
            "{glob} on {text:?}"
        );
    }
}

#[test]
fn numbers_compare_by_value_and_times_as_times() {
    check(&[
        ("a = { gt = 5 }", json!({"a": 5.5}), true),
        ("a = { gt = 5 }", json!({"a": 5}), false),
        ("a = { gte = 5 }", json!({"a": 5.0}), true),
        ("a = { lt = 5 }", json!({"a": [9, 4]}), true),
        ("a = { lte = 5 }", json!({"a": 6}), false),
        ("a = { gt = 5 }", json!({"a": "6"}), false),
        (
            r#"a = { gt = "2026-01-01T00:00:00Z" }"#,
            json!({"a": "2026-01-01T01:30:00+01:00"}),
            true,
        ),
        (
            r#"a = { gt = "2026-01-01T00:00:00Z" }"#,
            json!({"a": "2026-01-01T00:30:00+01:00"}),
            false,
        ),
        (
            "a = { lt = 2026-01-01T00:00:00Z }",
            json!({"a": "2025-12-31T23:59:59.999999999Z"}),
            true,
        ),
        (
            r#"a = { gt = "2026-01-01T00:00:00Z" }"#,
            json!({"a": "soon"}),
            false,
        ),
    ]);
}

#[test]
fn addresses_counts_and_versions_have_their_operators() {
    check(&[
        (r#"a = { cidr = "10.0.0.0/8" }"#, json!({"a": "10.1.2.3"}), true),
        (r#"a = { cidr = "10.0.0.0/8" }"#, json!({"a": "11.1.2.3"}), false),
        (
            r#"a = { cidr = "10.0.0.0/8" }"#,
            json!({"a": "::ffff:10.1.2.3"}),
            true,
        ),
        (
            r#"a = { cidr = "2001:db8::/32" }"#,
            json!({"a": "2001:db8::1"}),
            true,
        ),
        (
            r#"a = { cidr = ["192.168.0.0/16", "10.0.0.1"] }"#,
            json!({"a": "10.0.0.1"}),
            true,
        ),
        (r#"a = { cidr = "10.0.0.0/8" }"#, json!({"a": "here"}), false),
        ("a = { count = 2 }", json!({"a": ["x", "y"]}), true),
        ("a = { count = 0 }", json!({"a": []}), true),
        ("a = { count = 0 }", json!({}), true),
        (
            "a = { count = { gte = 2, lt = 4 } }",
            json!({"a": [1, 2, 3]}),
            true,
        ),
        ("a = { count = { gte = 2, lt = 4 } }", json!({"a": [1]}), false),
        (
            "\"issue.labels\" = { count = 1 }\nissue.labels.name = \"bug\"",
            json!({"issue": {"labels": [{"name": "bug"}]}}),
            true,
        ),
        (r#"a = { semver = ">=2, <3" }"#, json!({"a": "2.4.1"}), true),
        (r#"a = { semver = ">=2, <3" }"#, json!({"a": "v2.4.1"}), true),
        (r#"a = { semver = ">=2, <3" }"#, json!({"a": "3.0.0"}), false),
        (r#"a = { semver = ">=2, <3" }"#, json!({"a": "latest"}), false),
    ]);
}

#[test]
fn groups_join_conditions() {
    let any = r#"any = [{ a = 1 }, { b = 2, c = 3 }]"#;
    let all = r#"all = [{ a = [1, 2] }, { a = { not = 2 } }]"#;
    let not = r#"not = { a = 1, b = 2 }"#;
    let nested = r#"not = { any = [{ a = 1 }, { not = { b = 2 } }] }"#;
    check(&[
        (any, json!({"a": 1}), true),
        (any, json!({"b": 2, "c": 3}), true),
        (any, json!({"b": 2}), false),
        (all, json!({"a": 1}), true),
        (all, json!({"a": 2}), false),
        (not, json!({"a": 1}), true),
        (not, json!({"a": 1, "b": 2}), false),
        (nested, json!({"b": 2}), true),
        (nested, json!({"a": 1, "b": 2}), false),
        (nested, json!({}), false),
    ]);
}

#[test]
fn a_field_with_an_operators_name_is_reached_by_a_leading_dot() {
    check(&[
        (r#"".count" = 5"#, json!({"count": 5}), true),
        (r#"".any" = 5"#, json!({"any": 5}), true),
        (r#"".on" = "x""#, json!({"on": "x"}), true),
        (r#"a.".not" = 5"#, json!({"a": {"not": 5}}), true),
        (
            r#"a = { ".count" = 5, b = 1 }"#,
            json!({"a": {"count": 5, "b": 1}}),
            true,
        ),
        (r#"".a.not" = 5"#, json!({"a": {"not": 5}}), true),
    ]);
}

#[test]
fn all_conditions_of_when_must_hold() {
    check(&[
        ("a = 1\nb = 2", json!({"a": 1, "b": 2}), true),
        ("a = 1\nb = 2", json!({"a": 1, "b": 3}), false),
        ("", json!({}), true),
    ]);
}

#[test]
fn an_evil_regular_expression_is_no_danger() {
    let text = "a".repeat(50_000) + "!";
    assert!(!holds(r#"a = { regex = "^(a+)+$" }"#, json!({ "a": text })));
    let loaded = load_one(&when(r#"a = { regex = "(((a{100}){100}){100}){100}" }"#));
    assert_eq!(loaded.diagnostics[0].code, "pattern");
    assert!(
        loaded.diagnostics[0].message.contains("too large"),
        "{:?}",
        loaded.diagnostics
    );
}
