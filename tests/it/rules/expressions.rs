//! `if` and `{{ }}`: one language, strict about names, bounded, and nothing rendered is evaluated again.

use proptest::prelude::*;
use serde_json::{Value, json};
use xmrt::rules::{Scope, Verdict};

use crate::rules::{STOPPED_WITHIN, arguments, book, book_with, event, least_work, scope, verdict};

fn issue() -> Value {
    json!({
        "action": "opened",
        "issue": {
            "number": 7, "title": "It `breaks` {{ vars.secret }}", "body": null, "comments": 6, "locked": false,
            "ratio": 0.5, "labels": [{ "name": "bug" }, { "name": "ui" }],
        },
        "sender": { "login": "mona" },
    })
}

fn rendered(toml: &str) -> Result<Value, String> {
    rendered_in(toml, &scope(&event("github.issues.opened", issue())))
}

fn rendered_in(toml: &str, scope: &Scope) -> Result<Value, String> {
    let book = book(&arguments(&format!("{{ it = {toml} }}")));
    let action = &book.rules()[0].actions[0];
    match action.arguments(scope) {
        Ok(arguments) => Ok(arguments["it"].clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// A rule with this `if`.
fn decided(condition: &str) -> Verdict {
    let text = format!(
        "description = \"d\"\non = \"github.issues\"\nif = {}\n[[action]]\ntool = \"github.get_issue\"\n",
        toml_edit::Value::from(condition)
    );
    verdict(&book(&text), &event("github.issues.opened", issue()))
}

fn holds(condition: &str) -> bool {
    match decided(condition) {
        Verdict::Fired { .. } => true,
        Verdict::Missed => false,
        other => panic!("{condition}: {other:?}"),
    }
}

fn error(condition: &str) -> String {
    match decided(condition) {
        Verdict::Error(message) => message,
        other => panic!("{condition}: {other:?}"),
    }
}

#[test]
fn a_string_that_is_one_expression_keeps_its_type() {
    let rows = [
        (r#""{{ event.issue.number }}""#, json!(7)),
        (r#""  {{ event.issue.number }} ""#, json!(7)),
        (r#""{{- event.issue.number -}}""#, json!(7)),
        (r#""{{ event.issue.locked }}""#, json!(false)),
        (r#""{{ event.issue.ratio }}""#, json!(0.5)),
        (r#""{{ event.issue.body }}""#, json!(null)),
        (
            r#""{{ event.issue.labels }}""#,
            json!([{ "name": "bug" }, { "name": "ui" }]),
        ),
        (
            r#""{{ event.issue.labels | map(attribute='name') | list }}""#,
            json!(["bug", "ui"]),
        ),
        (r#""{{ {'a': 1} }}""#, json!({ "a": 1 })),
        (r#""{{ '}} {{' }}""#, json!("}} {{")),
        (r##""#{{ event.issue.number }}""##, json!("#7")),
        (
            r#""{{ event.issue.number }}{{ event.issue.number }}""#,
            json!("77"),
        ),
        (
            r#""{{ event.issue.number }} and {{ event.sender.login }}""#,
            json!("7 and mona"),
        ),
        (
            r#""{% if event.issue.locked %}a{% else %}b{% endif %}""#,
            json!("b"),
        ),
        (r#""[{{ event.issue.body }}]""#, json!("[]")),
        (r#""no template""#, json!("no template")),
        (
            r#"{ a = ["{{ event.issue.number }}", 1, true], b = { c = "{{ meta.actor }}" } }"#,
            json!({ "a": [7, 1, true], "b": { "c": "mona" } }),
        ),
    ];
    for (toml, expected) in rows {
        assert_eq!(rendered(toml), Ok(expected), "{toml}");
    }
}

#[test]
fn rendered_text_is_never_evaluated_again() {
    assert_eq!(
        rendered(r#""{{ event.issue.title }}""#),
        Ok(json!("It `breaks` {{ vars.secret }}"))
    );
    assert_eq!(
        rendered(r#""<{{ event.issue.title }}>""#),
        Ok(json!("<It `breaks` {{ vars.secret }}>"))
    );
}

#[test]
fn an_undefined_name_is_an_error_that_says_which() {
    assert_eq!(
        rendered(r#""{{ event.issue.titel }}""#),
        Err("arguments.it: `event.issue.titel` is undefined".to_owned())
    );
    let nested = rendered(r#"{ a = ["x {{ event.nobody.login }}"] }"#).unwrap_err();
    assert!(
        nested.starts_with("arguments.it.a[0]: ") && nested.contains("event.nobody"),
        "{nested}"
    );
    for (condition, name) in [
        ("event.issue.nope", "event.issue.nope"),
        ("event.issue.nope == 5", "event.issue.nope"),
        ("event.issue.nope > 5", "event.issue.nope"),
        ("not event.issue.nope", "event.issue.nope"),
        ("'x' in event.issue.nope", "event.issue.nope"),
        ("event.nope.title == 'x'", "event.nope"),
        ("event.issue.nope | length > 0", "event.issue.nope"),
    ] {
        let message = error(condition);
        assert!(
            message.starts_with("if: ") && message.contains(name),
            "{condition}: {message}"
        );
    }
}

#[test]
fn what_may_be_missing_is_asked_with_defined_and_default() {
    assert!(!holds("event.issue.nope is defined"));
    assert!(holds("event.issue.nope is undefined"));
    assert!(holds("event.issue.nope | default('x') == 'x'"));
    assert!(holds("event.issue.body is none"));
    assert!(
        holds("event.action == 'opened' or event.issue.nope == 5"),
        "short-circuits"
    );
    assert_eq!(
        rendered(r#""{{ event.issue.nope | default('none') }}""#),
        Ok(json!("none"))
    );
}

#[test]
fn an_if_sees_the_event_its_envelope_the_variables_and_the_time_of_receipt() {
    assert!(holds("event.issue.comments > 5 and not event.issue.locked"));
    assert!(!holds("event.issue.comments > 6"));
    assert!(holds(
        "meta.type == 'github.issues.opened' and meta.source == 'github' and meta.action == 'opened'"
    ));
    assert!(holds(
        "meta.subject == 'acme/api#42' and meta.actor == 'mona' and meta.id == 'delivery-1'"
    ));
    assert!(holds("not meta.replayed and meta.time == now"));
    assert!(holds("now == '2026-11-20T12:00:00Z'"));
    assert!(holds(
        "(now | timestamp) - ('2026-11-20T10:30:00Z' | timestamp) == '90m' | seconds"
    ));
    assert!(holds(
        "event.issue.labels | selectattr('name', 'eq', 'bug') | list | length == 1"
    ));
    let text = "description = \"d\"\non = \"github\"\nif = \"vars.a == 1 and vars.b == 3\"\n[vars]\nb = 3\n[[action]]\ntool = \"a.b\"\n";
    let book = book_with(text, &json!({ "a": 1, "b": 2 }));
    assert_eq!(
        verdict(&book, &event("github.push", json!({}))),
        Verdict::Fired {
            key: "acme/api#42".into(),
            group: None,
        }
    );
    assert_eq!(book.rules()[0].vars, json!({ "a": 1, "b": 3 }));
}

#[test]
fn an_expression_that_takes_too_long_is_an_error_and_never_false() {
    let endless = "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}x";
    let message = rendered(&toml_edit::Value::from(endless).to_string()).unwrap_err();
    assert!(message.contains("too many steps"), "{message}");
    let text = format!(
        "description = \"d\"\non = \"github\"\n[limits]\ncooldown = \"1m\"\nkey = {}\n[[action]]\ntool = \"a.b\"\n",
        toml_edit::Value::from(endless)
    );
    match verdict(&book(&text), &event("github.push", json!({}))) {
        Verdict::Error(message) => assert!(message.starts_with("limits.key: "), "{message}"),
        other => panic!("{other:?}"),
    }
}

/// What costs most for its steps: loops in loops, long chains, large texts made again and again.
#[test]
fn whatever_would_run_for_ever_is_stopped_within_fifty_milliseconds() {
    let long = "x".repeat(400);
    let endless = [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}".to_owned(),
        "{% for a in range(10000) %}{% for b in range(10000) %}{% set c = a * b + a // 3 %}{% endfor %}{% endfor %}"
            .to_owned(),
        "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}".to_owned(),
        format!(
            "{{% for a in range(10000) %}}{{% for b in range(10000) %}}{{% set c = '{long}' | replace('x', '{long}') | upper | reverse %}}{{% endfor %}}{{% endfor %}}"
        ),
        "{% for a in range(10000) %}{% for b in range(10000) %}{% set c = range(10000) | sort | list | length %}{% endfor %}{% endfor %}"
            .to_owned(),
        "{% for a in range(10000) %}{% for b in range(10000) %}{% set c = range(10000) | map('string') | join(',') | length %}{% endfor %}{% endfor %}"
            .to_owned(),
        format!(
            "{{% for a in range(10000) %}}{{% for b in range(10000) %}}{{% set c = event.issue | tojson ~ '{long}' %}}{{% endfor %}}{{% endfor %}}"
        ),
        "{% set s = '*' * 100000 %}{% for a in range(10000) %}{% set c = s | markdown_escape %}{% endfor %}".to_owned(),
        "{% set s = 'é' * 100000 %}{% for a in range(10000) %}{% set c = s | slug %}{% endfor %}".to_owned(),
        "{% set s = 'ab\n' * 100000 %}{% for a in range(10000) %}{% set c = s | title | indent(4) | lines %}{% endfor %}"
            .to_owned(),
    ];
    let mut slow = Vec::new();
    for source in endless {
        let text = toml_edit::Value::from(source.as_str()).to_string();
        let took = least_work(|| {
            let outcome = rendered(&text);
            assert!(outcome.is_err(), "{source}: {outcome:?}");
        });
        slow.push((took, source));
    }
    slow.sort();
    let told: Vec<String> = slow
        .iter()
        .map(|(took, source)| format!("{took:?} {:.100}", source))
        .collect();
    assert!(slow.iter().all(|(took, _)| *took < STOPPED_WITHIN), "{told:#?}");
}

/// The engine goes through what it has read by calling itself. Whatever the source, that must not use up the stack of one of
/// the server's threads, which has twice as much as here.
#[test]
fn a_chain_that_would_use_up_the_stack_is_refused_before_it_is_read() {
    let chains: [(&str, &str, &str); 16] = [
        ("event", ".a", ""),
        ("event", "[0]", ""),
        ("event", "[:]", ""),
        ("event", "()", ""),
        ("1", "|abs", ""),
        ("1", " is odd", ""),
        ("1", "+1", ""),
        ("1", "~1", ""),
        ("1", "**1", ""),
        ("1", " and 1", ""),
        ("1", " in event", ""),
        ("1", " if 1 else 1", ""),
        ("", "-", "1"),
        ("", "not ", "1"),
        ("", "(", "1"),
        ("", "[", "1"),
    ];
    let told = |source: &str| {
        let text = format!(
            "description = \"d\"\non = \"github\"\n[[action]]\ntool = \"a.b\"\narguments = {{ it = {} }}\n",
            toml_edit::Value::from(source)
        );
        let loaded = xmrt::rules::load(
            &crate::rules::files(&[("rules/it.toml", &text)]),
            &json!({}),
            None,
        );
        loaded
            .diagnostics
            .into_iter()
            .map(|found| found.message)
            .collect::<Vec<_>>()
    };
    let all = move || {
        for (start, link, end) in chains {
            for links in [100, 450, 5_000, 60_000 / link.len()] {
                let chain = format!("{start}{}{end}", link.repeat(links));
                for source in [
                    format!("{{{{ {chain} }}}}"),
                    format!("a {{{{ '}}}}' ~ {chain} }}}} b"),
                    format!("{{% set a = {chain} %}}"),
                ] {
                    let told = told(&source);
                    assert!(
                        links < 500 || !told.is_empty(),
                        "{links} of {link:?} in {source:.60}"
                    );
                }
            }
        }
        for (start, link, end) in [
            ("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
            ("{% set ", "(", "a = 1 %}"),
            ("{% filter upper", "|upper", " %}{% endfilter %}"),
            ("", "{% if 1 %}", ""),
        ] {
            assert_ne!(
                told(&format!("{start}{}{end}", link.repeat(60_000 / link.len()))),
                Vec::<String>::new(),
                "{link}"
            );
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(all);
    thread
        .expect("a thread")
        .join()
        .expect("all of them were read or refused");
}

#[test]
fn a_long_list_is_no_chain() {
    let names: Vec<String> = (0..2_000).map(|number| format!("'user-{number}'")).collect();
    assert!(holds(&format!("'user-1999' in [{}]", names.join(", "))));
    assert!(holds(&format!("{}true{}", "(".repeat(50), ")".repeat(50))));
    let told = rendered(&toml_edit::Value::from("{{ event.issue.number }} - ".repeat(1_000)).to_string());
    assert!(told.is_ok(), "{told:?}");
}

#[test]
fn a_list_that_is_made_as_it_is_read_is_measured_before_it_takes_memory() {
    let scope = scope(&event("github.issues.opened", issue()));
    let book = book(
        "description = \"d\"\non = \"github\"\n[[action]]\ntool = \"a.b\"\narguments = { it = \"{{ [1] * 30000000 }}\" }\n",
    );
    let begun = crate::rules::worked();
    let message = book.rules()[0].actions[0]
        .arguments(&scope)
        .unwrap_err()
        .to_string();
    assert!(message.contains("1 MiB"), "{message}");
    let took = crate::rules::worked() - begun;
    assert!(took < std::time::Duration::from_secs(1), "it took {took:?}");
}

#[test]
fn an_output_beyond_one_mebibyte_is_an_error() {
    let mut scope = scope(&event("github.issues.opened", issue()));
    scope.steps = json!({ "logs": { "text": "x".repeat(600_000) } });
    // Only the output is bounded: the same text once is fine.
    let book = book(
        "description = \"d\"\non = \"github\"\n[[action]]\ntool = \"a.logs\"\n[[action]]\ntool = \"a.b\"\narguments = { it = \"{{ steps.logs.text }}\" }\n[[action]]\ntool = \"a.c\"\narguments = { it = \"{{ steps.logs.text }} {{ steps.logs.text }}\" }\n",
    );
    let actions = &book.rules()[0].actions;
    assert!(actions[1].arguments(&scope).is_ok());
    let message = actions[2].arguments(&scope).unwrap_err().to_string();
    assert!(message.contains("1 MiB"), "{message}");
}

#[test]
fn filters_make_text_fit_for_where_it_goes() {
    let rows = [
        ("5400 | duration", json!("1h 30m")),
        ("0.2 | duration", json!("0s")),
        ("'2d12h' | seconds | duration", json!("2d 12h")),
        ("'  Ünï Cøde & Co. ' | slug", json!("ünï-cøde-co")),
        ("'äöü' | truncate_bytes(6)", json!("äöü")),
        ("'äöüß' | truncate_bytes(6)", json!("ä…")),
        ("'äöüß' | truncate_bytes(1)", json!("")),
        (
            "'*a* <b> @mona #1' | markdown_escape",
            json!("\\*a\\* &lt;b&gt; @\u{200b}mona \\#\u{200b}1"),
        ),
        ("'x' | fence", json!("```text\nx\n```")),
        ("'a\n```\nb' | fence('log')", json!("````log\na\n```\nb\n````")),
        ("'`````' | fence", json!("``````text\n`````\n``````")),
    ];
    for (expression, expected) in rows {
        let toml = toml_edit::Value::from(format!("{{{{ {expression} }}}}")).to_string();
        assert_eq!(rendered(&toml), Ok(expected), "{expression}");
    }
    for wrong in [
        "'soon' | seconds",
        "'yesterday' | timestamp",
        "'x' | fence('a b')",
    ] {
        let toml = toml_edit::Value::from(format!("{{{{ {wrong} }}}}")).to_string();
        assert!(rendered(&toml).is_err(), "{wrong}");
    }
}

#[test]
fn a_key_is_text_and_never_empty() {
    let key = |key: &str, payload: Value| {
        let text = format!(
            "description = \"d\"\non = \"github\"\n[limits]\ncooldown = \"1m\"\nkey = \"{key}\"\n[[action]]\ntool = \"a.b\"\n"
        );
        verdict(&book(&text), &event("github.push", payload))
    };
    let fired = |key: &str| Verdict::Fired {
        key: key.into(),
        group: None,
    };
    assert_eq!(key("{{ event.n }}", json!({ "n": 5 })), fired("5"));
    assert_eq!(
        key("{{ event.a }}/{{ event.n }}", json!({ "a": "x", "n": 5 })),
        fired("x/5")
    );
    assert_eq!(key("all", json!({})), fired("all"));
    assert!(matches!(
        key("{{ event.n }}", json!({ "n": null })),
        Verdict::Error(_)
    ));
    assert!(matches!(
        key("{{ event.n }}", json!({ "n": "" })),
        Verdict::Error(_)
    ));
    assert!(matches!(key("{{ event.n }}", json!({})), Verdict::Error(_)));
}

#[test]
fn an_action_has_conditions_of_its_own() {
    let book = book(
        "description = \"d\"\non = \"github\"\n[[action]]\ntool = \"a.first\"\n[[action]]\ntool = \"a.b\"\nif = \"steps.first.ok\"\nrequire = \"result.n > 1\"\n",
    );
    let [first, second] = &book.rules()[0].actions[..] else {
        panic!("two actions")
    };
    let mut scope = scope(&event("github.push", json!({})));
    scope.steps = json!({ "first": { "ok": false } });
    assert_eq!(first.condition(&scope), Ok(true));
    assert_eq!(first.requirement(&scope), Ok(None));
    assert_eq!(second.condition(&scope), Ok(false));
    assert_eq!(second.condition_text(), Some("steps.first.ok"));
    let message = second.requirement(&scope).unwrap_err().to_string();
    assert!(
        message.starts_with("require: ") && message.contains("result"),
        "{message}"
    );
    scope.result = Some(json!({ "n": 2 }));
    assert_eq!(second.requirement(&scope), Ok(Some(true)));
}

#[test]
fn the_same_scope_renders_the_same_call() {
    let toml = r#""{{ event.issue.labels | tojson }} {{ now }} {{ run.id }}""#;
    assert_eq!(rendered(toml), rendered(toml));
    assert_eq!(
        rendered(toml),
        Ok(json!(
            r#"[{"name": "bug"}, {"name": "ui"}] 2026-11-20T12:00:00Z run-1"#
        ))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_text_can_close_its_fence(text in "[`a\n~ ]{0,40}") {
        let mut scope = scope(&event("github.push", json!({ "text": text })));
        scope.event = json!({ "text": text });
        let fenced = rendered_in(r#""{{ event.text | fence }}""#, &scope).unwrap();
        let lines: Vec<&str> = fenced.as_str().unwrap().split('\n').collect();
        let fence = lines[0].strip_suffix("text").unwrap();
        let closing = |line: &&str| line.trim_start().starts_with(fence);
        prop_assert_eq!(lines.iter().skip(1).position(closing), Some(lines.len() - 2));
        prop_assert_eq!(*lines.last().unwrap(), fence);
    }

    #[test]
    fn a_cut_text_fits_and_is_a_beginning(text in "[aä☃𝄞]{0,20}", limit in 0..40_usize) {
        let toml = format!("\"{{{{ '{text}' | truncate_bytes({limit}) }}}}\"");
        let cut = rendered(&toml).unwrap();
        let cut = cut.as_str().unwrap();
        prop_assert!(cut.len() <= limit);
        prop_assert!(text.starts_with(cut.trim_end_matches('…')));
    }
}
