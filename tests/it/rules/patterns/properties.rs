//! What holds of conditions whatever they are, and whatever the payload.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::holds;
use crate::rules::{book, event, when};

/// The obvious matcher, by backtracking.
fn glob_matches(glob: &[char], text: &[char]) -> bool {
    glob_matches_from(true, glob, text)
}

/// Likewise; `begin` says whether a segment of the glob begins here.
fn glob_matches_from(begin: bool, glob: &[char], text: &[char]) -> bool {
    match glob {
        [] => text.is_empty(),
        ['*', '*', '*', ..] => glob_matches_from(begin, &glob[1..], text),
        ['*', '*', '/', rest @ ..] if begin => {
            glob_matches_from(true, rest, text)
                || (0..text.len())
                    .filter(|at| text[*at] == '/')
                    .any(|at| glob_matches_from(true, rest, &text[at + 1..]))
        }
        ['*', '*', rest @ ..] => (0..=text.len()).any(|at| glob_matches_from(false, rest, &text[at..])),
        ['*', rest @ ..] => (0..=text.len())
            .take_while(|at| !text[..*at].contains(&'/'))
            .any(|at| glob_matches_from(false, rest, &text[at..])),
        ['?', rest @ ..] => {
            text.first().is_some_and(|c| *c != '/') && glob_matches_from(false, rest, &text[1..])
        }
        ['\\', c, rest @ ..] => text.first() == Some(c) && glob_matches_from(false, rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && glob_matches_from(*c == '/', rest, &text[1..]),
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[a-c/*.0-9]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_glob_means_what_the_obvious_matcher_says(glob in r"([abü/.+]|\*|\*\*|\?|\\[*?a]){0,6}", text in r"[abü/.+*?]{0,6}") {
        let literal = toml_edit::Value::from(glob.as_str()).to_string();
        let expected = glob_matches(&glob.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        prop_assert_eq!(holds(&format!("a = {{ glob = {literal} }}"), json!({ "a": text })), expected);
    }

    #[test]
    fn a_rule_never_panics_whatever_the_payload(payload in prop::collection::btree_map("[a-d]", json_value(), 0..4)) {
        let payload = Value::Object(payload.into_iter().collect());
        let conditions = r#"
any = [
  { a.b = { gt = 3 }, c = { not = { prefix = "a", exists = true } } },
  { a = [1, "b"], "b.c" = { all = { glob = "a*" }, count = { lt = 3 } } },
  { not = { a.b.c.d = { exists = true }, d = { regex = "a+", ignore_case = true } } },
]"#;
        let text = when(conditions).replace("\n\n[when]", "\nif = \"event.a == event.b or event.c | length > 2\"\n\n[when]");
        let book = book(&text);
        let event = event("github.issues.opened", payload);
        prop_assert_eq!(book.evaluate(&event).len(), 1);
        let explanation = xmrt::rules::explain(&book.rules()[0], &event, None);
        prop_assert!(!explanation.to_text().is_empty());
    }

    #[test]
    fn a_group_holds_as_logic_says(a in 0..3, b in 0..3) {
        let payload = json!({ "a": a, "b": b });
        let (one, two) = (a == 1, b == 1);
        prop_assert_eq!(holds("any = [{ a = 1 }, { b = 1 }]", payload.clone()), one || two);
        prop_assert_eq!(holds("not = { a = 1, b = 1 }", payload.clone()), !(one && two));
        prop_assert_eq!(holds("a = { not = 1 }\nb = 1", payload), !one && two);
    }
}
