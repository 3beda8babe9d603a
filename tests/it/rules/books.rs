use proptest::prelude::*;
use serde_json::json;
use xmrt::rules::{Mode, Verdict, load, parse_pinned, render_diagnostics, schema};

use crate::rules::{book, book_with, event, files, load_one, scope, verdict};

const ROLLBACK: &str = r#"#:schema ../docs/rule.schema.json
description = "Roll back a production service that fails within 30 minutes of a deploy"
on = "render.server_failed"
if = "event.data.serviceName not in vars.exempt"

[vars]
repo = "acme/ops"
exempt = ["playground-prod"]

[when]
data.serviceName = { glob = "*-prod" }

[limits]
key = "{{ event.data.serviceId }}"
cooldown = "30m"

[[action]]
id = "deploys"
tool = "render.list_deploys"
arguments = { service_id = "{{ event.data.serviceId }}", status = "live", finished_within = "30m", limit = 1 }
require = "result.deploys | length > 0"

[[action]]
id = "back"
tool = "render.rollback_deploy"
arguments = { service_id = "{{ event.data.serviceId }}", to = "last_known_good", freeze_auto_deploy = true }

[[action]]
tool = "github.create_issue"
arguments = { repo = "{{ vars.repo }}", title = "Rolled back {{ event.data.serviceName }}", body = "{{ steps.back.report }}", labels = ["incident"] }

[[test]]
name = "fails ten minutes after going live"
event = { on = "render.server_failed", payload = { data = { serviceId = "srv-a", serviceName = "api-prod" } } }
state.render.deploys = [{ id = "dep-2", service_id = "srv-a", status = "live", finished = "-10m" }, { id = "dep-1", service_id = "srv-a", status = "deactivated", known_good = true, finished = "-2d" }]
expect = [{ tool = "render.list_deploys" }, { tool = "render.rollback_deploy", arguments.service_id = "srv-a" }, { tool = "github.create_issue" }]

[[test]]
name = "an old deploy is not to blame"
event = { on = "render.server_failed", payload = { data = { serviceId = "srv-a", serviceName = "api-prod" } } }
state.render.deploys = [{ id = "dep-2", service_id = "srv-a", status = "live", finished = "-3d" }]
expect = [{ tool = "render.list_deploys" }]
decision = "declined"
"#;

#[test]
fn a_whole_rule_is_read_as_it_is_written() {
    let book = book(ROLLBACK);
    let rule = book.rule("sample").unwrap();
    assert_eq!(rule.mode, Mode::Live);
    assert_eq!(rule.limits.cooldown_ms, Some(30 * 60 * 1000));
    assert_eq!((rule.limits.max_age_ms, rule.limits.depth), (None, 3));
    let ids: Vec<&str> = rule.actions.iter().map(|action| action.id.as_str()).collect();
    assert_eq!(ids, ["deploys", "back", "create_issue"]);
    assert_eq!(
        rule.actions[0].require_text(),
        Some("result.deploys | length > 0")
    );
    assert_eq!(rule.tests.len(), 2);
    assert_eq!(rule.tests[0].state["render"]["deploys"][0]["finished"], "-10m");
    assert_eq!(
        rule.tests[0].expect.as_ref().unwrap()[1].arguments,
        json!({ "service_id": "srv-a" })
    );
    assert_eq!(rule.tests[1].decision.as_deref(), Some("declined"));
    assert_eq!(rule.tests[1].line, 38);
}

#[test]
fn a_whole_rule_fires_and_renders_its_calls() {
    let book = book(ROLLBACK);
    let failed = |name: &str| {
        event(
            "render.server_failed",
            json!({ "data": { "serviceId": "srv-a", "serviceName": name } }),
        )
    };
    let fired = Verdict::Fired {
        key: "srv-a".into(),
        group: None,
    };
    assert_eq!(verdict(&book, &failed("api-prod")), fired);
    assert_eq!(verdict(&book, &failed("playground-prod")), Verdict::Missed);
    assert_eq!(verdict(&book, &failed("api-staging")), Verdict::Missed);

    let rule = book.rule("sample").unwrap();
    let mut scope = scope(&failed("api-prod"));
    scope.vars = rule.vars.clone();
    scope.steps = json!({ "back": { "report": "dep-2 → dep-1" } });
    assert_eq!(
        rule.actions[2].arguments(&scope).unwrap(),
        json!({ "repo": "acme/ops", "title": "Rolled back api-prod", "body": "dep-2 → dep-1", "labels": ["incident"] })
    );
    scope.result = Some(json!({ "deploys": [] }));
    assert_eq!(rule.actions[0].requirement(&scope), Ok(Some(false)));
    scope.result = Some(json!({ "deploys": [1] }));
    assert_eq!(rule.actions[0].requirement(&scope), Ok(Some(true)));
}

fn minimal(on: &str) -> String {
    format!("description = \"d\"\non = {on}\n[[action]]\ntool = \"github.get_issue\"\n")
}

#[test]
fn a_shorter_event_type_covers_everything_below_it() {
    let rows = [
        ("github.issues", "github.issues.opened", true),
        ("github.issues", "github.issues", true),
        ("github.issues", "github.issues_x", false),
        ("github.issues.opened", "github.issues.opened", true),
        ("github.issues.opened", "github.issues", false),
        ("github.issues.*", "github.issues.opened", true),
        ("github.issues.*", "github.issues", false),
        ("github.*", "github.push", true),
        ("github.*", "render.deploy_ended", false),
        ("github", "github.push", true),
        ("render.*", "render.deploy_ended", true),
        ("*", "anything.at.all", true),
    ];
    for (on, kind, expected) in rows {
        let book = book(&minimal(&format!("\"{on}\"")));
        assert_eq!(
            !book.evaluate(&event(kind, json!({}))).is_empty(),
            expected,
            "{on} and {kind}"
        );
    }
    let book = book(&minimal("[\"github.push\", \"render.*\"]"));
    assert_eq!(book.evaluate(&event("render.deploy_ended", json!({}))).len(), 1);
    assert_eq!(book.evaluate(&event("github.issues.opened", json!({}))).len(), 0);
}

#[test]
fn a_rule_that_is_off_says_so_and_decides_nothing() {
    let text = minimal("\"github.push\"").replace(
        "[[action]]",
        "mode = \"off\"\noff_reason = \"not now\"\nif = \"event.nothing\"\n[[action]]",
    );
    let book = book(&text);
    assert_eq!(verdict(&book, &event("github.push", json!({}))), Verdict::Off);
    assert_eq!(book.rules()[0].off_reason.as_deref(), Some("not now"));
}

#[test]
fn a_books_hash_follows_texts_and_variables_and_not_the_order_of_files() {
    let (push, star) = (minimal("\"github.push\""), minimal("\"github.star\""));
    let hash =
        |texts: &[(&str, &str)], vars| load(&files(texts), &vars, None).book.unwrap().hash().to_owned();
    let one = hash(
        &[("rules/a.toml", &push), ("rules/b.toml", &star)],
        json!({ "x": 1 }),
    );
    assert_eq!(
        one,
        hash(
            &[("rules/b.toml", &star), ("rules/a.toml", &push)],
            json!({ "x": 1 })
        )
    );
    assert_eq!(
        one,
        hash(
            &[("other/deep/a.toml", &push), ("b.toml", &star)],
            json!({ "x": 1 })
        )
    );
    let others = [
        hash(
            &[("rules/a.toml", &push), ("rules/b.toml", &star)],
            json!({ "x": 2 }),
        ),
        hash(
            &[("rules/a.toml", &star), ("rules/b.toml", &push)],
            json!({ "x": 1 }),
        ),
        hash(
            &[
                ("rules/a.toml", &format!("{push}# note\n")),
                ("rules/b.toml", &star),
            ],
            json!({ "x": 1 }),
        ),
        hash(&[("rules/a.toml", &push)], json!({ "x": 1 })),
        hash(&[], json!({ "x": 1 })),
    ];
    for other in others {
        assert_ne!(one, other);
    }
    assert_eq!(one.len(), 64);
}

#[test]
fn rules_are_found_by_id_and_evaluated_in_its_order() {
    let text = minimal("\"github.push\"");
    let loaded = load(
        &files(&[
            ("rules/z.toml", &text),
            ("rules/deploys/a.toml", &text),
            ("rules/m.toml", &text),
        ]),
        &json!({}),
        None,
    );
    let book = loaded.book.unwrap();
    let ids: Vec<String> = book
        .evaluate(&event("github.push", json!({})))
        .iter()
        .map(|evaluation| evaluation.rule.id.clone())
        .collect();
    assert_eq!(ids, ["a", "m", "z"]);
    assert_eq!(book.rule("m").unwrap().path, "rules/m.toml");
    assert!(book.rule("n").is_none());
}

#[test]
fn defaults_are_the_documented_ones() {
    let book = book(
        "description = \"d\"\non = \"github.push\"\n[[action]]\ntool = \"github.get_issue\"\n[[action]]\ntool = \"github.get_issue\"\nretry = { attempts = 2, max = \"1h30m\" }\ntimeout = \"250ms\"\n[[action]]\ntool = \"other.get-issue\"\n",
    );
    let actions = &book.rules()[0].actions;
    let ids: Vec<&str> = actions.iter().map(|action| action.id.as_str()).collect();
    assert_eq!(ids, ["get_issue", "get_issue_2", "get_issue_3"]);
    assert_eq!(actions[0].timeout_ms, 60_000);
    assert_eq!(
        (
            actions[0].retry.attempts,
            actions[0].retry.initial_ms,
            actions[0].retry.max_ms
        ),
        (5, 2_000, 300_000)
    );
    assert_eq!(actions[1].timeout_ms, 250);
    assert_eq!(
        (
            actions[1].retry.attempts,
            actions[1].retry.initial_ms,
            actions[1].retry.max_ms
        ),
        (2, 2_000, 5_400_000)
    );
}

#[test]
fn a_pinned_version_compiles_without_its_book() {
    let rule = parse_pinned("sample", ROLLBACK, &json!({ "repo": "acme/other", "more": 1 })).unwrap();
    assert_eq!(rule.version, book(ROLLBACK).rules()[0].version);
    assert_eq!(
        rule.vars,
        json!({ "repo": "acme/ops", "exempt": ["playground-prod"], "more": 1 })
    );
    let message = parse_pinned("sample", "on = 5\n", &json!({})).unwrap_err();
    assert!(message.contains("sample.toml:1:6"), "{message}");
}

#[test]
fn variables_of_the_book_are_overlaid_by_the_rules_own() {
    let text = format!(
        "{}arguments = {{ repo = \"{{{{ vars.repo }}}}\" }}\n[vars]\nrepo = \"mine\"\n",
        minimal("\"github.push\"")
    );
    let book = book_with(&text, &json!({ "repo": "theirs", "team": "core" }));
    assert_eq!(book.rules()[0].vars, json!({ "repo": "mine", "team": "core" }));
    assert_eq!(book.vars(), &json!({ "repo": "theirs", "team": "core" }));
}

#[test]
fn a_test_may_say_everything_the_language_knows() {
    let text = format!(
        "{}[[test]]\nname = \"n\"\nevent = {{ on = \"github.push\", file = \"push.json\", meta = {{ actor = \"mona\" }} }}\ngiven = [{{ on = \"github.push\", payload = {{ a = 1 }} }}]\nexpect = [{{ tool = \"github.get_issue\", if_skipped = true }}]\ndecision = \"suppressed\"\nreason = \"cooldown\"\n",
        minimal("\"github.push\"")
    );
    let book = book(&text);
    let test = &book.rules()[0].tests[0];
    assert_eq!(test.event.file.as_deref(), Some("push.json"));
    assert_eq!(test.event.meta, json!({ "actor": "mona" }));
    assert_eq!(test.given[0].event.payload, json!({ "a": 1 }));
    assert!(test.expect.as_ref().unwrap()[0].if_skipped);
    assert_eq!(
        (test.decision.as_deref(), test.reason.as_deref()),
        (Some("suppressed"), Some("cooldown"))
    );
}

/// Every key of the schema is one the parser takes, and the other way round: an unknown one names its neighbors.
#[test]
fn the_schema_lists_the_keys_the_parser_takes() {
    let schema = schema(xmrt::sandbox::state_schema().unwrap());
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["description", "on", "action"]));
    let keys = |schema: &serde_json::Value| {
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(schema["additionalProperties"], json!(false));
        properties
            .iter()
            .map(|(name, property)| {
                assert!(property["description"].is_string(), "{name} has a description");
                name.clone()
            })
            .collect::<Vec<_>>()
    };
    let wrong = |text: &str, name: &str| {
        load_one(text).diagnostics.iter().any(|found| {
            matches!(found.code, "unknown-key" | "not-yet" | "misplaced-key")
                && found.message.contains(&format!("`{name}`"))
        })
    };
    let action = &schema["properties"]["action"]["items"];
    for name in keys(action) {
        assert!(
            !wrong(&format!("{}{name} = 1\n", minimal("\"github.push\"")), &name),
            "{name}"
        );
    }
    for name in keys(&schema["properties"]["limits"]) {
        assert!(
            !wrong(
                &format!("{}[limits]\n{name} = 1\n", minimal("\"github.push\"")),
                &name
            ),
            "{name}"
        );
    }
    for name in keys(&schema["properties"]["test"]["items"]) {
        assert!(
            !wrong(
                &format!("{}[[test]]\n{name} = 1\n", minimal("\"github.push\"")),
                &name
            ),
            "{name}"
        );
    }
    assert!(wrong(
        &format!("{}leave = 1\n", minimal("\"github.push\"")),
        "leave"
    ));
    let operators = schema["$defs"]["operators"]["properties"].as_object().unwrap();
    assert_eq!(operators.len(), 17);
}

/// A rule file of which a piece is cut out and replaced by another.
fn damaged() -> impl Strategy<Value = String> {
    let everything = ROLLBACK.to_owned()
        + &minimal("[\"github.push\"]").replace(
            "description",
            "[when]\r\n'ü☃' = { not = \"\"\"\\u00e9\n\"\"\" }\n#",
        );
    let length = everything.chars().count();
    let piece =
        r#"[\[\]{}"'=.,#\\ \n\räx0-9☃]{0,4}|\{\{|\}\}|\{%|"""|null|\[\[action\]\]|not = |event\.|\| "#;
    (0..length, 0..12_usize, piece).prop_map(move |(at, cut, piece)| {
        let before: String = everything.chars().take(at).collect();
        let after: String = everything.chars().skip(at + cut).collect();
        before + &piece + &after
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_the_reader_panic_and_every_place_is_in_the_file(text in damaged()) {
        let files = files(&[("rules/sample.toml", &text)]);
        let loaded = load(&files, &json!({}), None);
        prop_assert_eq!(
            loaded.book.is_none(),
            loaded.diagnostics.iter().any(|found| found.severity == xmrt::rules::Severity::Error)
        );
        for found in &loaded.diagnostics {
            prop_assert!(text.get(found.span.clone()).is_some());
            let shown = render_diagnostics(&files, std::slice::from_ref(found), false);
            let place = format!("rules/sample.toml:{}:", found.line);
            prop_assert!(shown.contains(&place), "{place} in\n{shown}");
        }
    }
}

#[test]
fn steps_on_failure_have_ids_that_differ_from_the_actions_and_nothing_to_require() {
    let rule = |extra: &str| {
        format!(
            "{}[[on_failure]]\ntool = \"xmrt.notify\"\narguments = {{ to = \"log\", text = \"{{{{ run.reason }}}}\" }}\n{extra}",
            minimal("\"github.push\"")
        )
    };
    let book = book(&rule(""));
    assert_eq!(book.rules()[0].on_failure[0].id, "notify");
    let complaints = |text: &str| {
        let loaded = load_one(text);
        loaded
            .diagnostics
            .iter()
            .map(|found| found.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(complaints(&rule("require = \"true\"\n")), ["misplaced-key"]);
    let taken = rule("")
        .replace("[[action]]\n", "[[action]]\nid = \"step\"\n")
        .replace("[[on_failure]]\n", "[[on_failure]]\nid = \"step\"\n");
    assert_eq!(complaints(&taken), ["duplicate-step"]);
}
