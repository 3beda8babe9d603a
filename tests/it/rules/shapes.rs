//! No payload can change the shape of a call, and no expression can run for ever.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use xmrt::rules::{RuleBook, Scope, Verdict};

use crate::rules::{STOPPED_WITHIN, book, event, least_work};

const RULE: &str = r###"
description = "Every way in which a stranger's text gets into a call"
on = "github.issues.opened"

[[action]]
tool = "github.create_issue"

[action.arguments]
repo = "acme/ops"
whole = "{{ event.issue.title }}"
within = "before {{ event.issue.title }} after"
twice = "{{ event.issue.title }}{{ event.issue.body }}"
multi = """
- {{ event.issue.title }}
- {{ event.issue.body | fence }}"""
fenced = "{{ event.issue.body | fence }}"
escaped = "{{ event.issue.title | markdown_escape }}"
slug = "branch-{{ event.issue.title | slug }}"
cut = "{{ event.issue.body | truncate_bytes(40) }}"
chosen = "{{ event.issue.title if event.issue.comments > 5 else event.issue.body }}"
each = "{% for label in event.issue.labels %}{{ label.name }},{% endfor %}"
number = "{{ event.issue.comments }}"
flag = "{{ event.issue.comments > 5 }}"
labels = "{{ event.issue.labels | map(attribute='name') | list }}"
list = ["fixed", "{{ event.issue.title }}", { deep = ["{{ event.issue.body }}"] }]
table = { key = "{{ event.issue.title }}", other = 5 }
"###;

/// What tends to mean something to somebody: to templates, TOML, JSON, Markdown, shells, terminals.
const BARBS: &[&str] = &[
    "{{ vars }}",
    "{{",
    "}}",
    "{% raw %}",
    "{% endraw %}",
    "{% for x in range(100000) %}",
    "{#",
    "#}",
    "\"",
    "'",
    "\\",
    "\\\"",
    "\"]",
    "\", \"extra\": \"",
    "\n",
    "\r\n",
    "\u{0}",
    "\u{1b}[31m",
    "\u{2028}",
    "\u{202e}",
    "```",
    "~~~",
    "`",
    "$(id)",
    "<!--",
    "-->",
    "[[action]]",
    "= ",
    "@everyone",
    "true",
    "null",
    "5",
    "[1]",
    "{\"a\": 1}",
    "",
    " ",
    "\u{1f600}",
    "é",
    "{{ steps }}",
    "{{ 7 * 7 }}",
];

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![3 => prop::sample::select(BARBS).prop_map(str::to_owned), 1 => any::<String>()],
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

fn payload(title: &str, body: &str, comments: u64) -> Value {
    json!({ "issue": { "title": title, "body": body, "comments": comments, "labels": [{ "name": title }, { "name": body }] } })
}

fn arguments(book: &RuleBook, event: Value) -> Value {
    let scope = Scope {
        event,
        meta: json!({}),
        vars: json!({ "secret": "not for strangers" }),
        steps: json!({}),
        run: json!({}),
        now: jiff::Timestamp::UNIX_EPOCH,
        result: None,
        item: None,
    };
    book.rules()[0].actions[0].arguments(&scope).expect("it renders")
}

/// A value with every text, number and flag replaced by what it is.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let fields: Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect();
            Value::Object(fields)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_of_a_stranger_changes_the_shape_of_a_call(title in hostile(), body in hostile(), comments in 0_u64..10) {
        let book = book(RULE);
        let harmless = arguments(&book, payload("title", "body", comments));
        let made = arguments(&book, payload(&title, &body, comments));
        prop_assert_eq!(shape(&made), shape(&harmless));
        // And it arrives as it was written: not evaluated, not unescaped, not parsed.
        prop_assert_eq!(&made["whole"], &json!(title));
        prop_assert_eq!(&made["within"], &json!(format!("before {title} after")));
        prop_assert_eq!(&made["twice"], &json!(format!("{title}{body}")));
        prop_assert_eq!(&made["labels"], &json!([title, body]));
        prop_assert_eq!(&made["list"][2]["deep"][0], &json!(body));
        prop_assert_eq!(&made["repo"], &json!("acme/ops"));
        prop_assert!(title.contains("secret") || body.contains("secret") || !made.to_string().contains("not for strangers"));
    }
}

/// What takes long in some engine: loops, nesting, growth, backtracking, recursion.
const RUNAWAYS: &[&str] = &[
    "range(100000) | map('string') | join | length > 0",
    "range(10000) | list | batch(1) | map('list') | list | sort | length > 0",
    "(range(3000) | list | string) * 3000 | length > 0",
    "range(3000) | map('string') | sort | unique | list | tojson | length > 0",
    "event.text | replace('a', 'aaaaaaaaaa') | replace('a', 'aaaaaaaaaa') | replace('a', 'aaaaaaaaaa') | length > 0",
    "event.text | list | sort | reverse | join('x') | length > 0",
];

const TEMPLATES: &[&str] = &[
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% set ns = namespace(t='x') %}{% for a in range(100000) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    "{% for a in range(100000) %}{{ event.text | upper | lower }}{% endfor %}",
];

#[test]
fn an_expression_that_would_run_for_ever_is_stopped_and_the_decision_says_so() {
    let text = "a".repeat(100_000);
    let mut stopped = 0;
    for condition in RUNAWAYS {
        let book = book(&format!(
            "description = \"d\"\non = \"github.issues\"\nif = {}\n\n[[action]]\ntool = \"xmrt.notify\"\n",
            Value::from(*condition)
        ));
        let event = event("github.issues", json!({ "text": text }));
        let mut found = Vec::new();
        let took = least_work(|| found = book.evaluate(&event));
        assert!(took < STOPPED_WITHIN, "{condition}: {took:?}");
        if let Verdict::Error(error) = &found[0].verdict {
            let bounds = ["took too many steps", "larger than 1 MiB"];
            stopped += usize::from(bounds.iter().any(|words| error.contains(words)));
        }
    }
    assert!(stopped >= 1, "none was stopped at a bound");
}

#[test]
fn a_template_that_would_run_for_ever_is_stopped_and_the_error_says_so() {
    let text = "a".repeat(100_000);
    for template in TEMPLATES {
        let book = book(&format!(
            "description = \"d\"\non = \"github.issues\"\n\n[[action]]\ntool = \"xmrt.notify\"\narguments = {{ text = {} }}\n",
            Value::from(*template)
        ));
        let scope = Scope {
            event: json!({ "text": text }),
            meta: json!({}),
            vars: json!({}),
            steps: json!({}),
            run: json!({}),
            now: jiff::Timestamp::UNIX_EPOCH,
            result: None,
            item: None,
        };
        let mut made = None;
        let took = least_work(|| made = Some(book.rules()[0].actions[0].arguments(&scope)));
        assert!(took < STOPPED_WITHIN, "{template}: {took:?}");
        let error = made.expect("it ran").expect_err(template).to_string();
        let says = ["took too many steps", "larger than 1 MiB", "recursion", "limit"];
        assert!(
            says.iter().any(|words| error.contains(words)),
            "{template}: {error}"
        );
    }
}
